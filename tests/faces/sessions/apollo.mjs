// Apollo Client with its context and error links, as its documentation has them.
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, ServerError, gql } from '@apollo/client/core';
import { SetContextLink } from '@apollo/client/link/context';
import { ErrorLink } from '@apollo/client/link/error';
import { from, switchMap } from 'rxjs';
import { LOGIN, REFRESH, VIEWER, counts, save, server, signedOut } from './operations.mjs';

const authLink = new SetContextLink(({ headers }) => {
  const token = localStorage.getItem('token');
  return { headers: { ...headers, authorization: token ? `Bearer ${token}` : '' } };
});

// One at a time in this tab; other tabs know nothing of it.
let renewal;
function renew() {
  renewal ??= client
    .mutate({ mutation: gql(REFRESH), variables: { token: localStorage.getItem('refreshToken') } })
    .then(({ data }) => {
      const tokens = data?.refreshToken?.tokens;
      if (!tokens) {
        signedOut();
        throw new Error('signed out');
      }
      save(tokens);
      counts.renewed += 1;
    })
    .finally(() => {
      renewal = undefined;
    });
  return renewal;
}

const errorLink = new ErrorLink(({ error, operation, forward }) => {
  const unauthenticated = CombinedGraphQLErrors.is(error)
    ? error.errors.some((one) => one.extensions?.code === 'UNAUTHENTICATED')
    : ServerError.is(error) && error.statusCode === 401;
  if (!unauthenticated || operation.operationName !== 'Viewer') return undefined;
  return from(renew()).pipe(switchMap(() => forward(operation)));
});

const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.from([errorLink, authLink, new HttpLink({ uri: server })]),
});

globalThis.app = {
  counts,
  async signIn(email, password) {
    const { data } = await client.mutate({ mutation: gql(LOGIN), variables: { email, password } });
    if (!data?.login?.tokens) throw new Error(JSON.stringify(data));
    save(data.login.tokens);
  },
  async viewer() {
    const { data } = await client.query({ query: gql(VIEWER), fetchPolicy: 'network-only' });
    return data.viewer?.displayName;
  },
};

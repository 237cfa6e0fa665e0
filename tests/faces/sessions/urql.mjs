// urql with its authExchange, as its documentation has it: the tokens are read once and kept by the tab.
import { Client, fetchExchange, gql } from '@urql/core';
import { authExchange } from '@urql/exchange-auth';
import { LOGIN, REFRESH, VIEWER, counts, save, server, signedOut } from './operations.mjs';

const isLogin = (operation) =>
  operation.kind === 'mutation' &&
  operation.query.definitions.some(
    (definition) =>
      definition.kind === 'OperationDefinition' &&
      definition.selectionSet.selections.some((node) => node.kind === 'Field' && node.name.value === 'login'),
  );

const newClient = () =>
  new Client({
    url: server,
    requestPolicy: 'network-only',
    preferGetMethod: false,
    exchanges: [
      authExchange(async (utils) => {
        let token = localStorage.getItem('token');
        let refreshToken = localStorage.getItem('refreshToken');
        return {
          addAuthToOperation(operation) {
            if (!token) return operation;
            return utils.appendHeaders(operation, { Authorization: `Bearer ${token}` });
          },
          willAuthError: (operation) => !token && !isLogin(operation),
          didAuthError: (error) => error.graphQLErrors.some((one) => one.extensions?.code === 'UNAUTHENTICATED'),
          async refreshAuth() {
            const result = await utils.mutate(gql(REFRESH), { token: refreshToken });
            const tokens = result.data?.refreshToken?.tokens;
            if (!tokens) {
              token = null;
              signedOut();
              return;
            }
            token = tokens.accessToken;
            refreshToken = tokens.refreshToken;
            save(tokens);
            counts.renewed += 1;
          },
        };
      }),
      fetchExchange,
    ],
  });

let client = newClient();

globalThis.app = {
  counts,
  async signIn(email, password) {
    const { data, error } = await client.mutation(gql(LOGIN), { email, password }).toPromise();
    if (!data?.login?.tokens) throw new Error(error?.message ?? JSON.stringify(data));
    save(data.login.tokens);
    client = newClient();
  },
  async viewer() {
    const { data, error } = await client.query(gql(VIEWER), {}).toPromise();
    if (error) throw new Error(error.message);
    return data.viewer?.displayName;
  },
};

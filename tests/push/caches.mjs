// Reads from a server through the caches that people use: `node caches.mjs URL TOKEN OPERATIONS`, where
// TOKEN is an admin's and OPERATIONS a folder of documents.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { InMemoryCache } from '@apollo/client/cache/index.js';
import { createClient, fetchExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { getIntrospectionQuery, parse } from 'graphql';
import { keys, typePolicies, updates } from '../../frontend-examples/normalised-cache/cache.js';

const [url, token, folder] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node caches.mjs URL TOKEN OPERATIONS');
  process.exit(2);
}
const headers = { authorization: `Bearer ${token}` };

async function ask(query, variables) {
  const body = JSON.stringify({ query, variables });
  const answer = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body,
  });
  const { data, errors } = await answer.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

const schema = await ask(getIntrospectionQuery());
const types = schema.__schema.types.filter(({ kind, name }) => kind === 'OBJECT' && !name.startsWith('__'));

// A client whose cache complains to us, and the last answer before the cache had it.
function cached() {
  const said = [];
  // That something is not in the cache yet is no complaint.
  const logger = (severity, ...text) => severity !== 'debug' && said.push(text.join(' '));
  let raw;
  const client = createClient({
    url,
    preferGetMethod: false,
    exchanges: [cacheExchange({ schema, keys, updates, logger }), fetchExchange],
    fetchOptions: { headers },
    fetch: async (...request) => {
      const answer = await fetch(...request);
      raw = (await answer.clone().json()).data;
      return answer;
    },
  });
  return { client, said, raw: () => raw };
}

const plain = (value) =>
  JSON.parse(JSON.stringify(value, (key, inner) => (key === '__typename' ? undefined : inner)));

// The queries among the operations that need no variables.
function queries() {
  const all = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]);
  return all.filter(([, source]) => {
    const [operation] = parse(source).definitions;
    const required = operation.variableDefinitions.some(
      ({ type, defaultValue }) => type.kind === 'NonNullType' && !defaultValue,
    );
    return operation.operation === 'query' && !required;
  });
}

// What some of them need all the same.
const given = { 'person.graphql': { name: 'Toshiro Mifune' } };

const films = 'query ($first: Int) { contents(first: $first, orderBy: { field: TITLE }) { nodes { id title externalIds { source value } } } }';
const feed = `query ($after: String) { recommendations(first: 3, after: $after) {
  id items { rank content { id title } } pageInfo { endCursor }
} }`;

const tests = {
  async 'every type without a key of its own is among the keys, and nothing else is'() {
    const has = ({ fields }) => fields.some(({ name }) => name === 'id');
    const roots = ['Query', 'Mutation', 'Subscription'];
    const parts = types.filter(
      (type) => !has(type) && !roots.includes(type.name) && !/Connection$|Edge$|Payload$|^PageInfo$/.test(type.name),
    );
    const expected = [...parts.map(({ name }) => name), 'RecommendationList'].sort();
    assert.deepEqual(Object.keys(keys).sort(), expected);
    assert.deepEqual(Object.keys(typePolicies).sort(), expected);
  },
  async 'graphcache keeps apart the names that two films have elsewhere'() {
    const { client, said, raw } = cached();
    const { data } = await client.query(films, { first: 10 }).toPromise();
    const names = data.contents.nodes.map(({ externalIds }) => externalIds.map(({ source }) => source).join());
    assert.deepEqual(names.filter(Boolean).sort(), ['imdb', 'movielens']);
    assert.deepEqual(plain(data), plain(raw()));
    assert.deepEqual(said, []);
  },
  async 'graphcache answers the examples as the server does, and complains of none'() {
    let run = 0;
    for (const [name, source] of queries()) {
      const { client, said, raw } = cached();
      const { data, error } = await client.query(source, given[name] ?? {}).toPromise();
      assert.equal(error, undefined, `${name}: ${error}`);
      assert.deepEqual(plain(data), plain(raw()), name);
      assert.deepEqual(said, [], name);
      run += 1;
    }
    assert.ok(run > 20, `only ${run} were run`);
  },
  async 'graphcache keeps the pages of a list apart'() {
    const { client, said } = cached();
    const first = (await client.query(feed, {}).toPromise()).data.recommendations;
    const after = first.pageInfo.endCursor;
    const second = (await client.query(feed, { after }).toPromise()).data.recommendations;
    assert.equal(second.id, first.id);
    assert.notDeepEqual(plain(second.items), plain(first.items));
    const again = await client.query(feed, {}, { requestPolicy: 'cache-only' }).toPromise();
    assert.deepEqual(plain(again.data.recommendations), plain(first));
    assert.deepEqual(said, []);
  },
  async 'graphcache takes what a mutation answers'() {
    const { client, said } = cached();
    const create = `mutation { createContent(input: { kind: MOVIE, title: "" }) {
      content { id } errors { __typename ... on UserError { message path } } query { viewer { ... on User { id } } }
    } }`;
    const { data, error } = await client.mutation(create, {}).toPromise();
    assert.equal(error, undefined);
    assert.equal(data.createContent.errors[0].__typename, 'InvalidInput');
    assert.deepEqual(said, []);
  },
  async 'graphcache drops the lists of a user who has said something of their taste'() {
    const { client, said } = cached();
    const list = (await client.query(feed, {}).toPromise()).data.recommendations;
    const kept = async () => {
      const answer = await client.query(feed, {}, { requestPolicy: 'cache-only' }).toPromise();
      return answer.data?.recommendations?.id;
    };
    const tell = (kind) => {
      const feedback = [{ attributionToken: `${list.id}.1`, kind }];
      const document = `mutation ($feedback: [RecommendationFeedbackInput!]!) {
        recordRecommendationFeedback(input: { feedback: $feedback }) {
          recorded recommendationsUpdates { reason } errors { ... on UserError { message } }
        }
      }`;
      return client.mutation(document, { feedback }).toPromise();
    };
    const seen = await tell('SERVED');
    assert.deepEqual(plain(seen.data.recordRecommendationFeedback), {
      recorded: 1, recommendationsUpdates: [], errors: [],
    });
    assert.equal(await kept(), list.id);
    const dismissed = await tell('DISMISSED');
    assert.deepEqual(plain(dismissed.data.recordRecommendationFeedback.recommendationsUpdates), [{ reason: 'TASTE' }]);
    assert.equal(await kept(), undefined);
    assert.deepEqual(said, []);
  },
  async "Apollo's cache keeps the same apart"() {
    const cache = new InMemoryCache({ typePolicies });
    const store = async (source, variables) => {
      const query = cache.transformDocument(parse(source));
      const { print } = await import('graphql');
      const data = await ask(print(query), variables);
      cache.writeQuery({ query, variables, data });
      return () => assert.deepEqual(cache.readQuery({ query, variables }), data);
    };
    const first = await ask(feed);
    const checks = [
      await store(films, { first: 10 }),
      await store(feed, {}),
      await store(feed, { after: first.recommendations.pageInfo.endCursor }),
    ];
    for (const check of checks) check();
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}\n${error.stack}`);
  }
}
console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);

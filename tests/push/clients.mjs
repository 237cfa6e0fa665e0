// Talks to a server by the published clients: `node clients.mjs URL TOKEN FILM AFTER`, where TOKEN is
// an admin's, FILM the id of a content item and AFTER a cursor of the interactions.
import assert from 'node:assert/strict';
import { createClient as createEvents } from 'graphql-sse';
import { createClient as createSocket } from 'graphql-ws';
import WebSocket from 'ws';

const [url, token, film, after] = process.argv.slice(2);
if (!after) {
  console.error('usage: node clients.mjs URL TOKEN FILM AFTER');
  process.exit(2);
}
const authorization = `Bearer ${token}`;

const hello = { query: '{ __typename }' };
const bad = { query: '{ nonsense }' };
const like = {
  query: `mutation ($input: RecordInteractionInput!) {
    recordInteraction(input: $input) { interaction { id } errors { __typename } }
  }`,
  variables: { input: { contentId: film, kind: 'LIKE' } },
};
const events = {
  query: 'subscription ($after: String) { interactions(after: $after) { id kind } }',
  variables: { after },
};

const train = {
  query: `mutation { createGenerationJob(input: { parameters: { training: { force: true } } }) {
    job { id } errors { ... on UserError { message } }
  } }`,
};
const follow = (id) => ({
  query: `subscription ($id: ID!) { jobProgress(id: $id) {
    number state progress { fraction step } job { result error }
  } }`,
  variables: { id },
});

// The first result of an operation.
async function one(client, operation) {
  for await (const result of client.iterate(operation)) return result;
  throw new Error('no result');
}

// Subscribes, likes the film, and waits until the subscription tells of it.
async function hears(client) {
  const told = [];
  let liked;
  const hearing = (async () => {
    for await (const { data } of client.iterate(events)) {
      told.push(data.interactions);
      if (liked && data.interactions.id === (await liked)) return;
    }
  })();
  liked = one(client, like).then(({ data }) => data.recordInteraction.interaction.id);
  await hearing;
  assert.equal(told.at(-1).kind, 'LIKE');
}

// Asks for a training and follows it until the server says that there will be no more.
async function follows(client) {
  const { job, errors } = (await one(client, train)).data.createGenerationJob;
  assert.deepEqual(errors, []);
  const told = [];
  for await (const { data } of client.iterate(follow(job.id))) told.push(data.jobProgress);
  assert.deepEqual(told.map(({ number }) => number), told.map((_, place) => place + 1));
  const states = told.map(({ state }) => state);
  assert.deepEqual([...new Set(states)], ['PENDING', 'RUNNING', 'COMPLETED']);
  assert.ok(told.some(({ progress }) => progress.step));
  const fractions = told.map(({ progress }) => progress.fraction ?? 0);
  assert.deepEqual(fractions, fractions.toSorted((a, b) => a - b));
  assert.equal(fractions.at(-1), 1);
  assert.ok(told.at(-1).job.result.model);
}

const tests = {
  async 'graphql-ws runs a query'(socket) {
    assert.deepEqual((await one(socket, hello)).data, { __typename: 'Query' });
  },
  async 'graphql-ws is told what does not validate'(socket) {
    await assert.rejects(one(socket, bad), (errors) => {
      return errors[0].extensions.code === 'GRAPHQL_VALIDATION_FAILED';
    });
  },
  async 'graphql-ws hears of what happens'(socket) {
    await hears(socket);
  },
  async 'graphql-ws follows a training to its end'(socket) {
    await follows(socket);
  },
  async 'graphql-sse runs a query'(_, stream) {
    assert.deepEqual((await one(stream, hello)).data, { __typename: 'Query' });
  },
  async 'graphql-sse is told what does not validate'(_, stream) {
    const { errors } = await one(stream, bad);
    assert.equal(errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
  },
  async 'graphql-sse hears of what happens'(_, stream) {
    await hears(stream);
  },
  async 'graphql-sse follows a training to its end'(_, stream) {
    await follows(stream);
  },
};

const socket = createSocket({
  url: url.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
  retryAttempts: 0,
});
const stream = createEvents({ url, headers: { authorization }, retryAttempts: 0 });

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test(socket, stream);
  } catch (error) {
    failed += 1;
    console.log(`${name}\n  `, error);
  }
}
await socket.dispose();
stream.dispose();
console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

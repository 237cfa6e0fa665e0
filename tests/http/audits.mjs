// Runs the GraphQL-over-HTTP audits against a server: `node audits.mjs http://localhost:8000/graphql`.
// Every audit counts, whether it says MUST, SHOULD or MAY.
import { auditServer } from 'graphql-http';

const url = process.argv[2];
if (!url) {
  console.error('usage: node audits.mjs URL');
  process.exit(2);
}

const results = await auditServer({ url });
const failures = results.filter((result) => result.status !== 'ok');

for (const { id, name, status, reason } of failures) {
  console.log(`${status} ${id} ${name}\n  ${reason}`);
}
console.log(`${results.length - failures.length} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;

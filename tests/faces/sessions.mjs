// Keeps sessions with the clients that people use, each with its own code for signing in and renewing
// tokens, in two tabs of a browser: `node sessions.mjs BROWSER ORIGIN FOLDER SERVER EMAIL PASSWORD NAME`,
// where ORIGIN serves FOLDER, SERVER is the GraphQL address of a server that allows that origin, and
// NAME is what the user with that login is called. The tokens expire when the line "please let the
// tokens expire" is answered.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import puppeteer from 'puppeteer-core';

const [browserPath, origin, folder, server, email, password, name] = process.argv.slice(2);
if (!name) {
  console.error('usage: node sessions.mjs BROWSER ORIGIN FOLDER SERVER EMAIL PASSWORD NAME');
  process.exit(2);
}
const CLIENTS = ['urql', 'apollo'];

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
async function please(what) {
  console.log(`please ${what}`);
  await answers.next();
}

await build({
  entryPoints: CLIENTS.map((client) => `sessions/${client}.mjs`),
  bundle: true,
  format: 'esm',
  outdir: folder,
  define: { 'process.env.NODE_ENV': '"production"' },
  logLevel: 'error',
});
for (const client of CLIENTS) {
  await writeFile(`${folder}/${client}.html`, `<!doctype html><script type="module" src="${client}.js"></script>`);
}

const browser = await puppeteer.launch({
  executablePath: browserPath,
  // Root may not have a sandbox, and small machines have little shared memory.
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});

async function tab(context, client) {
  const page = await context.newPage();
  await page.goto(`${origin}/${client}.html?server=${encodeURIComponent(server)}`);
  await page.waitForFunction(() => globalThis.app);
  return page;
}
const signIn = (page) => page.evaluate((...login) => globalThis.app.signIn(...login), email, password);
const viewer = (page) => page.evaluate(() => globalThis.app.viewer());
const counts = (page) => page.evaluate(() => globalThis.app.counts);

async function staysSignedIn(client) {
  // A context has a storage of its own, which its tabs share.
  const context = await browser.createBrowserContext();
  const first = await tab(context, client);
  await signIn(first);
  assert.equal(await viewer(first), name);
  const second = await tab(context, client);
  const tabs = [first, second];
  const both = () => Promise.all(tabs.map(viewer));
  assert.deepEqual(await both(), [name, name]);
  for (let expiry = 1; expiry <= 3; expiry += 1) {
    await please('let the tokens expire');
    assert.deepEqual(await both(), [name, name], `expiry ${expiry}`);
  }
  for (const page of tabs) assert.equal((await counts(page)).signedOut, 0);
  const renewed = await Promise.all(tabs.map(async (page) => (await counts(page)).renewed));
  assert.ok(renewed[0] + renewed[1] >= 3, `the tokens were renewed: ${renewed}`);
  // The tab has an expired token, and the user types the password again.
  await please('let the tokens expire');
  await signIn(second);
  assert.equal(await viewer(second), name);
  await context.close();
}

let failed = false;
for (const client of CLIENTS) {
  try {
    await staysSignedIn(client);
    console.log(`ok: ${client}`);
  } catch (error) {
    failed = true;
    console.log(`FAILED: ${client}\n  ${error.stack}`);
  }
}
await browser.close();
process.exit(failed ? 1 : 0);

// Uses GraphiQL in a browser: `node graphiql.mjs BROWSER SERVER ADMINS EMPTY FULL EMAIL PASSWORD`, where SERVER is the
// origin of a server whose page lets everybody in, ADMINS that of one for admins, EMPTY and FULL are schemas without
// and with the demo, and the login is that of somebody who is no admin. An access token is good for a minute. What
// should happen on the server is asked for on standard output, by a line that begins with "please"; the answer comes
// on standard input.
//
// With MARQUEE_FACES_PICTURES=FOLDER it leaves pictures of the page there.
import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import puppeteer from 'puppeteer-core';

const [browserPath, server, admins, empty, full, email, password] = process.argv.slice(2);
if (!password) {
  console.error('usage: node graphiql.mjs BROWSER SERVER ADMINS EMPTY FULL EMAIL PASSWORD');
  process.exit(2);
}
const PATIENCE = 60_000;
const TOKEN_LIFE = 60_000;
const pictures = process.env.MARQUEE_FACES_PICTURES;

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
async function please(what) {
  console.log(`please ${what}`);
  return (await answers.next()).value;
}

const browser = await puppeteer.launch({
  executablePath: browserPath,
  // Root may not have a sandbox, and small machines have little shared memory.
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});
const page = await browser.newPage();
page.setDefaultTimeout(PATIENCE);
await page.setViewport({ width: 1280, height: 900 });
const mistakes = [];
const elsewhere = [];
page.on('pageerror', (error) => mistakes.push(String(error)));
page.on('request', (request) => {
  const { protocol, origin } = new URL(request.url());
  if (protocol.startsWith('http') && ![server, admins].includes(origin)) elsewhere.push(request.url());
});

// A page that is left gives up what it is fetching, and says so as if it were a mistake.
const leave = async (to) => {
  await page.waitForNetworkIdle({ idleTime: 100 });
  await to();
};

const click = (selector) => page.locator(selector).click();
const shows = (selector, part) => page.waitForFunction(
  (selector, part) => document.querySelector(selector)?.textContent.includes(part), {}, selector, part);
const text = (selector) => page.$eval(selector, (element) => element.textContent);
const schema = () => page.$eval('#schema', (select) => select.selectedOptions[0]?.text);
const result = () => page.$eval('.result-window .CodeMirror', (element) => element.CodeMirror.getValue());
const resultHas = (part) => page.waitForFunction(
  (part) => document.querySelector('.result-window .CodeMirror')?.CodeMirror.getValue().includes(part), {}, part);
const editor = (selector) => page.$eval(`${selector} .CodeMirror`, (element) => element.CodeMirror.getValue());
const picture = async (name) => { if (pictures) await page.screenshot({ path: `${pictures}/graphiql-${name}.png` }); };

async function open(address) {
  await leave(() => page.goto(address));
  await page.waitForFunction(() => document.querySelector('#schema').value !== '');
}

async function signIn(email, password) {
  await page.$eval('#email', (field, value) => { field.value = value; }, email);
  await page.$eval('#password', (field, value) => { field.value = value; }, password);
  await click('#sign-in button');
}

async function openExample(name) {
  if (await page.$eval('#examples', (drawer) => drawer.hidden)) await click('#show-examples');
  await page.locator('#find-example').fill(name);
  await click(`[data-example=${name}]`);
  await page.waitForFunction(
    (name) => document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.getValue().toLowerCase().includes(` ${name.toLowerCase()}`),
    {}, name);
}

const run = () => click('.graphiql-execute-button');

// Waits for an event of `metrics` that is not the one that is shown.
async function ticks() {
  const before = await result();
  await page.waitForFunction(
    (before) => {
      const now = document.querySelector('.result-window .CodeMirror').CodeMirror.getValue();
      return now !== before && JSON.parse(now).data?.metrics?.residentBytes > 0;
    },
    {}, before);
}

let signedInAt;

const steps = {
  async 'the schema that has data is chosen first'() {
    await open(`${server}/`);
    assert.equal(await schema(), full);
    await picture('start');
  },
  async 'the address chooses another one'() {
    await open(`${server}/?schema=${empty}`);
    assert.equal(await schema(), empty);
    await open(`${server}/?schema=nowhere`);
    await shows('#who', 'There is no schema “nowhere”');
    assert.ok((await text('#who')).includes(full));
  },
  async 'a sign-in that fails says in which schema'() {
    await open(`${server}/?schema=${empty}`);
    await signIn(email, password);
    await shows('#who', `Signing in to the schema “${empty}” failed`);
    assert.equal(await page.$eval('#logins', (logins) => logins.checkVisibility()), false);
  },
  async 'a click signs in as an admin of the demo'() {
    await open(`${server}/`);
    await click('[data-login=ADMIN]');
    await shows('#who', 'ADMIN');
    signedInAt = Date.now();
  },
  async 'a query runs'() {
    await page.waitForSelector('.graphiql-execute-button');
    await run();
    await resultHas('"recommendations"');
    const { data, errors } = JSON.parse(await result());
    assert.equal(errors, undefined);
    assert.equal(data.recommendations.items.length, 10);
    await picture('query');
  },
  async 'the drawer has operations by role, and finds them'() {
    await click('#show-examples');
    const titles = await page.$$eval('#example-list h2', (titles) => titles.map((title) => title.textContent));
    assert.deepEqual(titles, ['For everybody', 'For who is signed in', 'For curators', 'For admins']);
    await page.type('#find-example', 'record inter');
    const found = await page.$$eval('#example-list button', (all) => all.filter((one) => one.checkVisibility()).map((one) => one.dataset.example));
    assert.deepEqual(found.filter((name) => name.startsWith('recordInteraction')), ['recordInteraction', 'recordInteractions']);
    assert.ok(found.length < 10, `${found}`);
    await picture('drawer');
  },
  async 'a mutation from the drawer runs with its sample'() {
    await openExample('recordInteraction');
    await page.waitForFunction(() => document.querySelector('.graphiql-editor-tool .CodeMirror').CodeMirror.getValue().includes('content_'));
    await run();
    await resultHas('"recordInteraction"');
    const { data, errors } = JSON.parse(await result());
    assert.equal(errors, undefined);
    assert.deepEqual(data.recordInteraction.errors, []);
    assert.ok(data.recordInteraction.interaction.id);
  },
  async 'a subscription ticks'() {
    await openExample('metrics');
    assert.equal(JSON.parse(await editor('.graphiql-editor-tool')).intervalSeconds, 2);
    await run();
    await resultHas('"residentBytes"');
    await ticks();
    await ticks();
    await picture('subscription');
  },
  async 'it goes on past the end of the token that it began with'() {
    await page.waitForFunction((end) => Date.now() > end, { timeout: 2 * TOKEN_LIFE, polling: 500 }, signedInAt + TOKEN_LIFE + 5_000);
    await ticks();
    await ticks();
    await shows('#who', 'ADMIN');
    // The button with the square.
    await run();
  },
  async 'a query runs again after the token has expired'() {
    await please('let the tokens expire');
    await openExample('viewer');
    await run();
    await resultHas('"viewer"');
    assert.equal(JSON.parse(await result()).data.viewer.role, 'ADMIN');
  },
  async 'and so does a subscription'() {
    await please('let the tokens expire');
    await openExample('metrics');
    await run();
    await resultHas('"residentBytes"');
    await ticks();
    await run();
  },
  async 'the session is kept for the tab'() {
    await leave(() => page.reload());
    await shows('#who', 'ADMIN');
  },
  async 'on a phone all is within reach'() {
    await page.setViewport({ width: 390, height: 844, isMobile: true, hasTouch: true });
    await leave(() => page.reload());
    await shows('#who', 'ADMIN');
    await page.waitForSelector('.graphiql-execute-button');
    await openExample('schemas');
    assert.equal(await page.$eval('#examples', (drawer) => drawer.hidden), true, 'the drawer is over the editor');
    await run();
    await resultHas('"schemas"');
    await picture('phone');
    const [wide, width] = await page.evaluate(() => [document.scrollingElement.scrollWidth, innerWidth]);
    assert.ok(wide <= width, `${wide} px wide`);
    for (const selector of ['#sign-out', '.graphiql-query-editor', '.graphiql-execute-button', '.result-window']) {
      const { x, y, width, height } = await (await page.$(selector)).boundingBox();
      assert.ok(x >= 0 && y >= 0 && x + width <= 390.5 && y + height <= 844.5, `${selector} is at ${[x, y, width, height]}`);
      assert.ok(width >= 28 && height >= 20, `${selector} is ${width} by ${height}`);
    }
    const { height } = await (await page.$('.result-window')).boundingBox();
    assert.ok(height > 150, `the result is ${height} px high`);
  },
  async 'who signs out is signed out'() {
    await click('#sign-out');
    await shows('#who', 'Not signed in');
    assert.equal(await page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.startsWith('session')).length), 0);
    await page.setViewport({ width: 1280, height: 900 });
  },
  async 'where the page is for admins, nobody else gets it'() {
    await open(`${admins}/`);
    await shows('#who', 'Not signed in');
    assert.equal(await page.$('.graphiql-container'), null);
    assert.ok((await text('#closed')).includes('for admins'));
    await click('[data-login=USER]');
    await shows('#who', 'is for admins here');
    assert.equal(await page.$('.graphiql-container'), null);
    await click('[data-login=ADMIN]');
    await shows('#who', 'ADMIN');
    await page.waitForSelector('.graphiql-container');
  },
  async 'the page made no mistake and asked nobody but the server'() {
    assert.deepEqual(mistakes, []);
    assert.deepEqual(elsewhere, []);
  },
};

let failed = false;
for (const [name, step] of Object.entries(steps)) {
  try {
    await step();
    console.log(`ok: ${name}`);
  } catch (error) {
    failed = true;
    console.log(`FAILED: ${name}\n  ${error.stack}`);
    await picture('failed');
    const shown = await page.$eval('body', (body) => body.innerText).catch(() => 'nothing');
    console.log(`The page shows:\n${shown}\nMistakes: ${mistakes.join('; ')}`);
    break;
  }
}
await browser.close();
process.exit(failed ? 1 : 0);

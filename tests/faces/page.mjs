// Uses the page in a browser: `node page.mjs BROWSER ORIGIN SERVER SCHEMA EMAIL PASSWORD EMAIL PASSWORD`,
// where ORIGIN serves the page, SERVER is the host and port of a server that allows that origin, and
// the logins are a user's and an admin's. What should happen on the server is asked for on standard
// output, by a line that begins with "please"; the answer comes on standard input.
//
// With MARQUEE_FACES_PICTURES=FOLDER it leaves pictures of the page there.
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import puppeteer from 'puppeteer-core';

const [browserPath, origin, server, schema, email, password, adminEmail, adminPassword] = process.argv.slice(2);
if (!adminPassword) {
  console.error('usage: node page.mjs BROWSER ORIGIN SERVER SCHEMA EMAIL PASSWORD EMAIL PASSWORD');
  process.exit(2);
}
const PATIENCE = 60_000;
const pictures = process.env.MARQUEE_FACES_PICTURES;

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
async function please(what) {
  console.log(`please ${what}`);
  return (await answers.next()).value;
}

// The wire between the page and the server, which can be cut.
const [host, port] = [server.slice(0, server.lastIndexOf(':')), server.slice(server.lastIndexOf(':') + 1)];
const sockets = new Set();
let whole = true;
const wire = createServer((near) => {
  if (!whole) {
    near.destroy();
    return;
  }
  const far = connect(port, host);
  for (const [one, other] of [[near, far], [far, near]]) {
    sockets.add(one);
    one.on('error', () => {});
    one.on('close', () => {
      sockets.delete(one);
      other.destroy();
    });
    one.pipe(other);
  }
});
await new Promise((go) => { wire.listen(0, '127.0.0.1', go); });
const address = `http://127.0.0.1:${wire.address().port}`;
function cut() {
  whole = false;
  for (const socket of sockets) socket.destroy();
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
page.on('pageerror', (error) => mistakes.push(String(error)));

const text = (selector) => page.$eval(selector, (element) => element.textContent.trim());
const shows = (selector, part) => page.waitForFunction(
  (selector, part) => document.querySelector(selector)?.textContent.includes(part),
  {}, selector, part);
const visible = (selector) => page.$eval(selector, (element) => element.checkVisibility());
const titles = () => page.$$eval('#feed article', (cards) => cards.map((card) => card.getAttribute('aria-label')));
const picture = async (name) => { if (pictures) await page.screenshot({ path: `${pictures}/${name}.png` }); };

async function signIn(email, password) {
  await page.$eval('#email', (field, value) => { field.value = value; }, email);
  await page.$eval('#password', (field, value) => { field.value = value; }, password);
  await click('#signin button');
}

// Clicks as a person does: on what is there, stands still and is enabled.
const click = (selector) => page.locator(selector).click();

// Likes or dislikes the first of the list, and waits until it is gone and the rest is there.
async function sayOfTheFirst(verb) {
  const [first] = await titles();
  await click(`#feed article[aria-label=${JSON.stringify(first)}] .${verb}`);
  await page.waitForFunction(
    (first) => {
      const cards = [...document.querySelectorAll('#feed article')];
      return cards.length > 0 && cards.every((card) => card.getAttribute('aria-label') !== first);
    },
    {}, first);
}

const steps = {
  async 'without the client the page says how to bring it'() {
    const bare = await browser.newPage();
    await bare.setRequestInterception(true);
    bare.on('request', (request) => (request.url().includes('node_modules') ? request.abort() : request.continue()));
    await bare.goto(`${origin}/index.html`);
    await bare.waitForFunction(() => document.querySelector('#trouble').checkVisibility() && document.querySelector('#trouble').textContent.includes('npm ci'));
    await bare.close();
  },
  async 'a wrong password is refused in words'() {
    await page.goto(`${origin}/index.html?server=${address}&schema=${schema}`);
    await picture('sign-in');
    await signIn(email, 'not the password');
    await page.waitForFunction(() => document.querySelector('#signin-error').textContent.length > 10);
  },
  async 'somebody signs in and sees a list with reasons'() {
    await signIn(email, password);
    await page.waitForSelector('#feed article');
    const cards = await page.$$eval('#feed article', (cards) => cards.map((card) => card.querySelector('.reason')?.textContent));
    assert.equal(cards.length, 10);
    for (const reason of cards) assert.ok(reason?.length > 5, `no reason: ${reason}`);
    assert.equal(await visible('#train'), false);
    await shows('#live', 'live');
    await picture('feed');
  },
  async 'what they like leaves the list'() {
    await sayOfTheFirst('like');
    await shows('#fresh', 'counted in');
  },
  async 'what they dislike leaves the list, and more comes at its end'() {
    await sayOfTheFirst('dislike');
    await click('#more');
    await page.waitForFunction(() => document.querySelectorAll('#feed article').length > 10);
  },
  async 'they sign out'() {
    await click('#signout');
    await page.waitForFunction(() => document.querySelector('#signin').checkVisibility());
    assert.deepEqual(await titles(), []);
  },
  async 'an admin starts a training and follows it'() {
    await signIn(adminEmail, adminPassword);
    await page.waitForSelector('#feed article');
    await shows('#live', 'live');
    await click('#training summary');
    await click('#train');
    await shows('#training-state', 'Running');
    // It has learned, and is held where it stores what it has learned.
    await page.waitForFunction(() => Number(document.querySelector('#training-bar').ariaValueNow) >= 75);
    assert.equal(await text('#training-state'), 'Running');
    await shows('#jobs', 'Training');
    await shows('#metrics', 'Memory');
    await picture('training');
  },
  async 'the connection is lost, the training ends meanwhile, and nothing of it is missed'() {
    cut();
    await shows('#live', 'again');
    const events = Number(await please('end the training'));
    assert.equal(await text('#training-state'), 'Running', 'nothing is heard while the wire is cut');
    await picture('cut');
    whole = true;
    await shows('#training-state', 'Completed');
    const numbers = await page.$$eval('#events li', (lines) => lines.map((line) => line.value));
    assert.deepEqual(numbers.reverse(), Array.from({ length: events }, (_, place) => place + 1));
    await shows('#live', 'live');
    assert.equal(await visible('#trouble'), false);
    await picture('completed');
  },
  async 'the admin cancels the next one'() {
    await click('#train');
    await shows('#training-state', 'Running');
    await click('#cancel');
    await shows('#training-state', 'Cancelled');
    await page.waitForSelector('#train:not(:disabled)');
  },
  async 'a token that has expired is renewed without a word'() {
    await please('let the tokens expire');
    await sayOfTheFirst('like');
    assert.equal(await visible('#signin'), false);
    assert.equal(await text('#feed-error'), '');
  },
  async 'the page made no mistake'() {
    assert.deepEqual(mistakes, []);
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
    const shown = await page.$eval('body', (body) => body.innerText).catch(() => 'nothing');
    console.log(`The page shows:\n${shown}\nMistakes: ${mistakes.join('; ')}`);
    break;
  }
}
await browser.close();
process.exit(failed ? 1 : 0);

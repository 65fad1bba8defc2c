// The story of the README in a browser, before the router of the demo's house: a real daemon, a real kernel, a full line.

import { PHONE, drawn, equal, holds, laneOf, row, shows, until, violations } from './house.mjs';
import { ask } from './real.mjs';
import { LINE, TV, WORKSTATION } from './router.mjs';

const API = '/api/v1/';
/** Times less that the workstation waits in Premium; it is a hundred, and CI machines are slow. */
const FALLS = 5;
/** What it waits in Bulk at least, ms, so that a fall means something. */
const WAITS_MS = 300;

const status = async (page) => JSON.parse((await ask(page, 'GET', `${API}status`)).text);
const number = async (locator) => Number((await locator.textContent()).replace(/[^\d.]/g, ''));
const latency = (page) => number(page.locator('#latency-now'));

async function choosePassword(house, page) {
  await page.goto(house.url);
  await page.getByRole('heading', { name: 'Choose a password' }).waitFor();
  equal(await violations(page), [], 'axe');
  equal((await ask(page, 'GET', `${API}devices`)).status, 401, 'devices without a password');
  await house.login('#/', page);
}

/** All open flows of a host to the server have this mark, and there are some. */
function marked(house, host, mark) {
  const marks = house.router.marks(host);
  return marks.length > 0 && marks.every((found) => found === mark);
}

/** Whatever the cases before have left. */
async function isFirst(page) {
  await row(page, 'workstation').waitFor();
  if ((await laneOf(page, 'workstation').inputValue()) === 'premium') return;
  await laneOf(page, 'workstation').selectOption('premium');
  await page.getByText('workstation: Premium').waitFor();
}

export const NEW = [
  ['a router that nobody has set up finds its line and its home, and three answers put the open flows of the workstation first', { viewport: PHONE }, async (house) => {
    house.expect(/401/);
    const page = await house.tab();
    await choosePassword(house, page);
    await page.getByRole('heading', { name: 'Put your work first' }).waitFor();
    await shows(page.locator('#guide-found'), 'Found by itself: wan0 is the line, br-lan the home.');
    await until('this device', async () => (await page.getByLabel('Goes first').inputValue()) === WORKSTATION.mac);
    equal(await violations(page), [], 'axe');
    equal(await page.evaluate(() => document.documentElement.scrollWidth), PHONE.width, 'width');
    await page.getByRole('textbox', { name: 'Download', exact: true }).fill(LINE.down);
    await page.getByRole('textbox', { name: 'Upload', exact: true }).fill(LINE.up);
    await page.getByRole('button', { name: 'Switch on' }).click();
    await shows(page.locator('#state'), 'On');
    await page.getByLabel(/^Lane of /).first().waitFor();
    await until('mark=10 of the workstation', () => marked(house, WORKSTATION, 10));
    holds(marked(house, TV, 0), `marks of the tv: ${house.router.marks(TV)}`);
    await until('proof by counters', async () => /^Proven/.test(await page.locator('#proof').textContent()));
  }],
];

export const STORY = [
  ['the first visit sets the password, and the page shows the house', {}, async (house) => {
    house.expect(/401/);
    const page = await house.tab();
    await choosePassword(house, page);
    await shows(page.locator('#state'), 'On');
    await row(page, 'tv').waitFor();
    equal(await laneOf(page, 'workstation').inputValue(), 'bulk');
    holds(await row(page, 'workstation').getByText('this device').isVisible(), 'which device this is');
  }],

  ['live values move under real traffic, and the lanes are proven', {}, async (house) => {
    const page = await house.login();
    const [down, up] = [0, 1].map((place) => row(page, 'tv').locator('td.rate').nth(place));
    await until('the downloads of the tv', async () => (await number(down)) > 1000);
    const [was, echo] = [await down.textContent(), await page.locator('[data-tile=Latency] b').textContent()];
    await until('another rate', async () => (await down.textContent()) !== was);
    await until('another latency', async () => (await page.locator('[data-tile=Latency] b').textContent()) !== echo);
    await until('the uploads of the tv', async () => (await number(up)) > 100);
    await shows(page.locator('#proof'), /^Proven by the kernel’s counters: (9\d|100) % of downloads, (9\d|100) % of uploads/);
  }],

  ['the workstation is put first: its open flows have mark=10, nobody else\'s change, and the graph falls', {}, async (house) => {
    const page = await house.login();
    await row(page, 'workstation').waitFor();
    equal(await laneOf(page, 'workstation').inputValue(), 'bulk');
    await until('whose latency it is', async () => (await page.locator('#whose').inputValue()) === WORKSTATION.mac);
    await until('a wait in Bulk', async () => (await latency(page)) >= WAITS_MS);
    await until('some seconds of it', async () => (await drawn(page)).columns >= 12);
    holds(marked(house, WORKSTATION, 40), `marks of the workstation: ${house.router.marks(WORKSTATION)}`);
    const before = await latency(page);
    await laneOf(page, 'workstation').selectOption('premium');
    await page.getByText(/^workstation: Premium, \d+ open flows? too\./).waitFor();
    // It answers when the flows are marked.
    holds(marked(house, WORKSTATION, 10), `marks of the workstation: ${house.router.marks(WORKSTATION)}`);
    holds(marked(house, TV, 0), `marks of the tv: ${house.router.marks(TV)}`);
    await until('a latency that fell', async () => (await latency(page)) * FALLS < before);
    await until('a graph that fell', async () => {
      const { first, last } = await drawn(page);
      return first > 0.3 && last * FALLS < first;
    });
    const was = await number(page.locator('#latency-before'));
    holds(was >= WAITS_MS, `before: ${was} ms`);
    console.log(`     ${was} ms before, ${await latency(page)} ms now`);
  }],

  ['the daemon is killed: the lanes stay, and the page comes back with what was set', {}, async (house) => {
    house.expect(/ERR_|WebSocket|401|4\d\d|Failed to load/);
    const page = await house.login();
    await isFirst(page);
    await until('a configuration on flash', async () => (await status(page)).saved);
    const { pid } = await status(page);
    process.kill(pid, 'SIGKILL');
    // Nobody is logged in at the new one.
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    holds(marked(house, WORKSTATION, 10), `marks of the workstation: ${house.router.marks(WORKSTATION)}`);
    await house.login('#/', page);
    await shows(page.locator('#state'), 'On');
    holds((await status(page)).pid !== pid, 'another process');
    equal(await laneOf(page, 'workstation').inputValue(), 'premium');
    await until('a latency', async () => (await latency(page)) > 0);
    await until('the downloads of the tv', async () => (await number(row(page, 'tv').locator('td.rate').first())) > 1000);
  }],

  ['without scripts the plain page logs in, and sets a lane', { fresh: true, scripts: false, viewport: PHONE }, async (house) => {
    const page = await house.tab();
    await house.router.secure(house.password);
    await page.goto(house.url);
    await page.getByRole('link', { name: 'The plain page' }).click();
    await page.getByLabel('Password').fill(house.password);
    await page.getByRole('button', { name: 'Log in' }).click();
    const lane = page.getByLabel('lane of workstation');
    await lane.waitFor();
    for (const [name, mark] of [['express', 20], ['premium', 10]]) {
      await lane.selectOption(name);
      await page.locator('tr', { has: lane }).getByRole('button', { name: 'Set' }).click();
      await until(`mark=${mark}`, () => marked(house, WORKSTATION, mark));
      await until('the new lane', async () => (await lane.inputValue()) === name);
    }
    holds(marked(house, TV, 0), `marks of the tv: ${house.router.marks(TV)}`);
  }],

  ['axe finds nothing serious on the plain page, and it fits a phone', { viewport: PHONE }, async (house) => {
    const page = await house.login();
    await page.goto(`${house.url}plain`);
    await page.getByLabel('lane of workstation').waitFor();
    equal(await violations(page), [], 'axe');
    equal(await page.evaluate(() => document.documentElement.scrollWidth), PHONE.width, 'width');
  }],
];

// A browser in front of a router: what the cases of page.mjs share. Must not know what a case is about.

import { createRequire } from 'node:module';

import { Fake } from './fake.mjs';

// Where `run` has put the packages.
const packages = createRequire(`${process.env.LANEMARK_BROWSER}/`);
const { chromium } = packages('playwright-core');
export const { parse } = packages('acorn');
const AXE = packages('axe-core').source;

export const PASSWORD = 'correct horse';
/** How long something may take that should come at once, ms: the machine may be busy. Nothing waits this long unless it fails. */
export const PATIENCE = 15000;
export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 360, height: 740 };

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM,
  // Chromium refuses root without it; what it shows comes from this folder and from loopback.
  args: process.getuid() === 0 ? ['--no-sandbox'] : [],
});

/** One router and one browser profile; ends with what the browser complained about. */
export class House {
  /** With a URL, before that router instead; whoever is logged in there already still is, unless the case is to be fresh. */
  static async open(browser, { fake = {}, viewport = DESKTOP, colours = 'light', scripts = true, fresh = false, url, password = PASSWORD, router } = {}) {
    const house = new House();
    if (!url) house.fake = await new Fake({ password: PASSWORD, steady: true, ...fake }).start();
    Object.assign(house, { url: url ?? house.fake.url, password, router, fresh, complaints: [], expected: [] });
    const storageState = fresh ? undefined : router?.state;
    house.context = await browser.newContext({ viewport, colorScheme: colours, javaScriptEnabled: scripts, storageState });
    house.context.setDefaultTimeout(PATIENCE);
    return house;
  }

  /** A tab; each thing that the console, the content security policy or a dialog says is a complaint. */
  async tab() {
    const page = await this.context.newPage();
    const complain = (text) => this.complaints.push(text);
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complain(message.text()));
    page.on('pageerror', (error) => complain(String(error)));
    page.on('dialog', (dialog) => complain(`dialog: ${dialog.message()}`));
    page.on('request', (request) => request.url().startsWith(this.url) || request.url().startsWith('data:') || complain(`asked elsewhere: ${request.url()}`));
    await page.addInitScript(() => addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`)));
    return page;
  }

  async login(where = '#/', page = null) {
    page ??= await this.tab();
    await page.goto(this.url + where);
    await page.locator('#gate, #nav').filter({ visible: true }).waitFor();
    if (await page.locator('#gate').isVisible()) {
      await page.getByLabel('Password', { exact: true }).fill(this.password);
      const again = page.locator('#gate-again input');
      if (await again.isVisible()) await again.fill(this.password);
      await page.locator('#gate button').click();
      await page.locator('#nav').waitFor();
      if (this.router && !this.fresh) this.router.state = await this.context.storageState();
    }
    if (this.fake) await until('the live socket', () => this.fake.live.size > 0);
    return page;
  }

  /** Complaints that a case brings about on purpose: an answer that is no 200 is one, in Chromium. */
  expect(...patterns) {
    this.expected.push(...patterns);
  }

  async close() {
    await this.context.close();
    await this.fake?.stop();
    const unexpected = this.complaints.filter((text) => !this.expected.some((pattern) => pattern.test(text)));
    if (unexpected.length) throw new Error(`the browser complained:\n${unexpected.join('\n')}`);
  }

  /** What was asked to be changed, but for logging in. */
  get changes() {
    return this.fake.changes.filter((change) => change.path !== 'session').map((change) => ({ ...change, body: change.body && JSON.parse(change.body) }));
  }
}

/** Waits for a condition on our side. */
export async function until(what, holds, patience = PATIENCE) {
  const end = Date.now() + patience;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((done) => setTimeout(done, 25));
  }
}

/** Waits for a text to become what it should be. */
export async function shows(locator, expected) {
  let found;
  const fits = (text) => (expected instanceof RegExp ? expected.test(text) : text === expected);
  await until(`${expected}`, async () => fits((found = (await locator.textContent()) ?? ''))).catch(() => {
    throw new Error(`expected ${expected}, found ${JSON.stringify(found)}`);
  });
}

export function equal(found, expected, what = '') {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what} expected ${b}, found ${a}`);
}

export function holds(condition, what) {
  if (!condition) throw new Error(what);
}

/** Serious violations, each in a line. */
export async function violations(page) {
  await page.evaluate(AXE);
  // Transparent parts of a transition are no colours.
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations.filter((v) => ['serious', 'critical'].includes(v.impact)).flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target} ${n.any[0]?.message ?? ''}`));
}

export const row = (page, name) => page.locator('#devices tbody tr', { has: page.getByRole('button', { name, exact: true }) });
export const laneOf = (page, name) => page.getByLabel(`Lane of ${name}`, { exact: true });

/** How high the latency graph's line stands above the floor, as parts of the graph: where it begins, and now. */
export const drawn = (page) => page.evaluate(() => {
  const canvas = document.querySelector('#graph-latency');
  const { width, height } = canvas;
  const copy = Object.assign(document.createElement('canvas'), { width: width + 1, height }).getContext('2d', { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  // What the colour of the line is, in a column of its own.
  copy.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--accent').trim();
  copy.fillRect(width, 0, 1, 1);
  const accent = copy.getImageData(width, 0, 1, 1).data;
  const { data } = copy.getImageData(0, 0, width, height);
  const isLine = (at) => data[at + 3] > 200 && [0, 1, 2].every((part) => Math.abs(data[at + part] - accent[part]) < 40);
  const heights = [];
  for (let x = 0; x < width; x++) {
    let y = 0;
    while (y < height && !isLine((y * width + x) * 4)) y++;
    if (y < height) heights.push((height - 1 - y) / height);
  }
  return { first: heights[0] ?? 0, last: heights.at(-1) ?? 0, columns: heights.length };
});

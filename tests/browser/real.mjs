// What can be tried before any router whose password is known, and leaves it as it was: a line has to be configured, and one device known.

import { gunzipSync } from 'node:zlib';

import { PHONE, equal, holds, shows, until, violations } from './house.mjs';

const PAGES = ['#/', '#/flows', '#/settings', '#/history', '#/doctor'];
const API = '/api/v1/';

/** Asks as the page does, from the page. */
export const ask = (page, method, path, headers = {}, body = undefined) => page.evaluate(async ([method, path, headers, body]) => {
  const answer = await fetch(path, { method, headers, body });
  return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() };
}, [method, path, headers, body]);

export async function visit(house, page, hash) {
  await page.goto(house.url + hash);
  await page.locator('nav [aria-current]').waitFor();
  await page.locator('main > :visible').first().waitFor();
}

export const CASES = [
  ['every asset comes compressed, with the headers that keep a page to itself', {}, async (house) => {
    for (const path of ['', 'page.js', 'page.css', 'icon.svg']) {
      // Without a browser in between, which would take the compression off.
      const { get } = await import('node:http');
      const answer = await new Promise((done, fail) => get(house.url + path, { headers: { 'Accept-Encoding': 'gzip' } }, (reply) => {
        const chunks = [];
        reply.on('data', (chunk) => chunks.push(chunk)).on('end', () => done({ reply, body: Buffer.concat(chunks) }));
      }).on('error', fail));
      const { headers, statusCode } = answer.reply;
      equal([statusCode, headers['content-encoding'], headers['x-content-type-options']], [200, 'gzip', 'nosniff'], path);
      for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]) {
        holds((headers['content-security-policy'] ?? '').includes(part), `${path} has no ${part}`);
      }
      holds(gunzipSync(answer.body).length > 100, `${path} is empty`);
    }
  }],

  ['a wrong password is refused, the right one opens the page, and logging out closes it', { fresh: true }, async (house) => {
    house.expect(/401/);
    const page = await house.tab();
    await page.goto(house.url);
    await page.getByLabel('Password', { exact: true }).fill('certainly not it');
    await page.getByRole('button', { name: 'Log in' }).click();
    await shows(page.locator('#gate .error'), 'Wrong password.');
    equal((await ask(page, 'GET', `${API}devices`)).status, 401, 'devices without a session');
    await house.login('#/', page);
    await page.locator('#devices tbody tr').first().waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    equal((await ask(page, 'GET', `${API}devices`)).status, 401, 'devices after logging out');
  }],

  ['every page shows, says nothing to the console, and axe finds nothing serious', {}, async (house) => {
    const page = await house.login();
    for (const hash of PAGES) {
      await visit(house, page, hash);
      equal(await violations(page), [], hash);
    }
    await visit(house, page, '#/');
    await shows(page.locator('#state'), /^(On|On, but bypassed|Off|Waiting|Not working)$/);
    await until('the lanes', async () => (await page.locator('#lanes tbody tr').count()) === 6);
    await visit(house, page, '#/doctor');
    await page.locator('#doctor li').first().waitFor();
    await visit(house, page, '#/history');
    await page.locator('#history tbody tr', { hasText: 'in force' }).waitFor();
    await visit(house, page, '#/flows');
    await page.getByRole('button', { name: 'Show' }).click();
    await shows(page.locator('#flows [role=status]'), /flows?(\.|, the largest)/);
  }],

  ['no page scrolls sideways on a phone', { viewport: PHONE }, async (house) => {
    const page = await house.login();
    for (const hash of PAGES) {
      await visit(house, page, hash);
      equal(await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]), [360, 360], hash);
    }
  }],

  ['a lane is set in one tab, seen in the other, and undone', {}, async (house) => {
    const one = await house.login();
    const two = await house.tab();
    await two.goto(house.url);
    const select = (page) => page.locator('#devices select').first();
    await select(one).waitFor();
    const name = await select(one).getAttribute('aria-label');
    const lane = (page) => page.getByLabel(name, { exact: true });
    await lane(two).waitFor();
    const before = await lane(one).inputValue();
    const other = before === 'premium' ? 'express' : 'premium';
    await lane(one).selectOption(other);
    await one.locator('.toast').waitFor();
    await until('the other tab', async () => (await lane(two).inputValue()) === other);
    await one.getByRole('button', { name: 'Undo' }).click();
    await until('the other tab, back', async () => (await lane(two).inputValue()) === before);
  }],

  ['the settings are shown so that saving them at once would change nothing', {}, async (house) => {
    const page = await house.login('#/settings');
    await page.locator('#config .field').first().waitFor();
    await page.getByRole('button', { name: 'Save and apply' }).click();
    await page.getByText('Nothing was changed.').waitFor();
    const config = JSON.parse((await ask(page, 'GET', `${API}config`)).text);
    await page.getByRole('button', { name: 'Edit as text' }).click();
    const text = JSON.parse(await page.getByLabel('config.json').inputValue());
    for (const key of Object.keys(config).filter((key) => !['shares', 'ceilings'].includes(key))) equal(text[key], config[key], key);
    await page.getByRole('button', { name: 'Edit as form' }).click();
    await page.getByRole('button', { name: 'Save and apply' }).click();
    await page.getByText('Nothing was changed.').nth(1).waitFor();
  }],

  ['a configuration without its tag, or with an old one, is not taken', {}, async (house) => {
    house.expect(/428|409/);
    const page = await house.login();
    const { token } = JSON.parse((await ask(page, 'GET', `${API}session`)).text);
    const { text, headers } = await ask(page, 'GET', `${API}config`);
    holds(/^"[0-9a-f]{8}"$/.test(headers.etag), `the tag of the configuration: ${headers.etag}`);
    const sent = { 'Content-Type': 'application/json', 'X-Lanemark-Token': token };
    equal((await ask(page, 'PUT', `${API}config`, sent, text)).status, 428);
    equal((await ask(page, 'PUT', `${API}config`, { ...sent, 'If-Match': '"00000000"' }, text)).status, 409);
    equal((await ask(page, 'GET', `${API}config`)).text, text, 'in force');
  }],
];

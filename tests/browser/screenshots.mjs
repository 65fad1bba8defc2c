// The pictures of the README: small, and of a house where something happens.

import { fileURLToPath } from 'node:url';

import { DESKTOP, House, PHONE, laneOf, row } from './house.mjs';

const TO = fileURLToPath(new URL('screenshots/', import.meta.url));
/** Seconds of live values that the graphs have to show, before and after the workstation is put first. */
const SEEN_S = [85, 40];

async function picture(browser, name, needs, work = async () => {}) {
  const house = await House.open(browser, { fake: { steady: false }, ...needs });
  house.fake.queues = { standard: [310, 60], bulk: [940, 120] };
  const page = await house.login(needs.where);
  await work(page);
  await page.mouse.move(0, 0);
  await page.screenshot({ path: `${TO}${name}.png` });
  await house.close();
}

const watched = async (page) => {
  await row(page, 'laptop').waitFor();
  await page.waitForTimeout(SEEN_S[0] * 1000);
  await laneOf(page, 'workstation').selectOption('premium');
  await page.waitForTimeout(SEEN_S[1] * 1000);
};

export async function screenshots(browser) {
  await Promise.all([
    picture(browser, 'desktop', { viewport: DESKTOP }, watched),
    picture(browser, 'dark', { viewport: DESKTOP, colours: 'dark' }, async (page) => {
      await watched(page);
      await laneOf(page, 'tablet').selectOption('express');
      await page.locator('.toast').waitFor();
    }),
    picture(browser, 'phone', { viewport: PHONE }, watched),
  ]);
}

// Runs the cases; see `run` for the words.

import { House, launch } from './house.mjs';
import { CASES as FAKE } from './page.mjs';
import { CASES as REAL } from './real.mjs';
import { Router } from './router.mjs';
import { screenshots } from './screenshots.mjs';
import { NEW, STORY } from './story.mjs';

/** For one case, ms: one that hangs fails, and what it holds is let go. */
const CASE_WITHIN = 180000;
const count = { passed: 0, failed: 0, skipped: 0 };

async function run(browser, cases, router) {
  for (const [name, needs, work] of cases) {
    const began = Date.now();
    let trouble = null;
    const house = await House.open(browser, { ...needs, ...router });
    let late;
    const limit = new Promise((_, fail) => { late = setTimeout(() => fail(new Error(`not done after ${CASE_WITHIN} ms`)), CASE_WITHIN); });
    await Promise.race([work(house), limit]).catch((error) => { trouble = error; });
    clearTimeout(late);
    await house.close().catch((error) => { trouble ??= error; });
    console.log(`${trouble ? 'FAIL' : 'ok  '} ${name} (${Date.now() - began} ms)`);
    if (trouble) console.log(`     ${String(trouble.stack).replaceAll('\n', '\n     ')}`);
    count[trouble ? 'failed' : 'passed']++;
  }
}

/** The cases that need a real router, before one that lives for them. */
async function runReal(browser, cases, lack, options) {
  if (!cases.length) return;
  if (lack) {
    for (const [name] of cases) console.log(`skip ${name}: ${lack}`);
    count.skipped += cases.length;
    return;
  }
  const router = await Router.start(options);
  try {
    await run(browser, cases, { url: router.url, router });
  } finally {
    await router.stop();
  }
}

const words = process.argv.slice(2);
// Asked to end, this process ends in order, and so does what it has started.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130));
const browser = await launch();
try {
  if (words[0] === '--screenshots') {
    await screenshots(browser);
    count.passed++;
  } else if (words[0] === '--url') {
    const url = words.splice(0, 2)[1];
    const wanted = REAL.filter(([name]) => words.every((word) => name.includes(word)));
    await run(browser, wanted, { url: url.endsWith('/') ? url : `${url}/`, password: process.env.LANEMARK_PASSWORD, router: {} });
  } else {
    const wanted = (cases, prefix) => cases.map(([name, ...rest]) => [`${prefix}${name}`, ...rest]).filter(([name]) => words.every((word) => name.includes(word)));
    await run(browser, [...wanted(FAKE, ''), ...wanted(REAL, 'any router: ')]);
    const [fresh, lived] = [wanted(NEW, 'new router: '), [...wanted(STORY, 'real router: '), ...wanted(REAL, 'real router: ')]];
    const lack = fresh.length + lived.length ? await Router.lack() : '';
    await runReal(browser, fresh, lack, { isNew: true });
    await runReal(browser, lived, lack);
  }
  console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  const bad = count.failed > 0 || count.passed + count.skipped === 0 || (process.env.CI === 'true' && count.skipped > 0);
  process.exitCode = bad ? 1 : 0;
} finally {
  await browser.close();
}

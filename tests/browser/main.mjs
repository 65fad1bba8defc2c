// Runs the cases; see `run` for the words.

import { House, launch } from './house.mjs';
import { CASES as FAKE } from './page.mjs';
import { CASES as REAL } from './real.mjs';
import { screenshots } from './screenshots.mjs';

async function run(browser, cases, router) {
  let failed = 0;
  for (const [name, needs, work] of cases) {
    const began = Date.now();
    let trouble = null;
    const house = await House.open(browser, { ...needs, ...router });
    await Promise.resolve(work(house)).catch((error) => { trouble = error; });
    await house.close().catch((error) => { trouble ??= error; });
    console.log(`${trouble ? 'FAIL' : 'ok  '} ${name} (${Date.now() - began} ms)`);
    if (trouble) console.log(`     ${String(trouble.stack).replaceAll('\n', '\n     ')}`);
    failed += trouble ? 1 : 0;
  }
  console.log(`${cases.length - failed} passed, ${failed} failed`);
  return failed === 0 && cases.length > 0;
}

const words = process.argv.slice(2);
const router = {};
if (words[0] === '--url') {
  router.url = words.splice(0, 2)[1];
  if (!router.url.endsWith('/')) router.url += '/';
  router.password = process.env.LANEMARK_PASSWORD;
}
const browser = await launch();
if (words[0] === '--screenshots') {
  await screenshots(browser);
} else {
  const cases = router.url ? REAL : FAKE.concat(REAL.map(([name, needs, work]) => [`any router: ${name}`, needs, work]));
  const good = await run(browser, cases.filter(([name]) => words.every((word) => name.includes(word))), router);
  process.exitCode = good ? 0 : 1;
}
await browser.close();

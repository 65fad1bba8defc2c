// The admin page in a real browser, before a router that is none (fake.mjs). What can be tried before any router is in real.mjs.

import { gzipSync } from 'node:zlib';

import { CONFIG, DEVICES, asset } from './fake.mjs';
import { PHONE, drawn, equal, holds, laneOf, parse, row, shows, until, violations } from './house.mjs';

const ASSETS = ['index.html', 'page.js', 'page.css', 'icon.svg'];
/** Bytes of all assets together, as build.rs packs them: they are in a router's flash. The contract has 40 KiB; this is what they have, and some room. */
const ASSETS_BYTES_MAX = 24 * 1024;
const WORKSTATION = '02:00:00:00:00:0a';
const NEW = { ...CONFIG, enabled: false, wan: { ...CONFIG.wan, up_kbit: null, down_kbit: null, link: 'none' }, devices: [] };
const PAGES = ['#/', '#/flows', '#/settings', '#/history', '#/doctor'];
const EVIL = ['<img src=x onerror=alert(1)>', '</script><script>alert(1)</script>', 'abc\u202Egnp.exe', 'nul\u0000and\u001b[31mred', 'x'.repeat(255), 'two\nlines\r\n', '" onfocus="alert(1)', '{{7*7}}${7*7}'];

/** As build.rs does it: without indents, empty lines, and lines that are a comment. */
const stripped = (text) => text.split('\n').map((line) => line.trimStart()).filter((line) => line && !line.startsWith('//') && !/^\/\*.*\*\/$/.test(line)).map((line) => `${line}\n`).join('');
const fresh = { password: null, config: NEW };
const off = (fake) => Object.assign(fake, { state: 'off', reason: 'set wan.up_kbit, wan.down_kbit and enabled in the configuration' });

/** Name, what it needs, what it does. Each has a router and a browser profile of its own. */
export const CASES = [
  ['the assets fit', {}, () => {
    const sizes = ASSETS.map((name) => [name, gzipSync(stripped(asset(name)), { level: 9 }).length]);
    const sum = sizes.reduce((all, [, size]) => all + size, 0);
    console.log(`     ${sizes.map((s) => s.join(' ')).join(', ')}; together ${sum} of ${ASSETS_BYTES_MAX} bytes`);
    holds(sum <= ASSETS_BYTES_MAX, `${sum} bytes`);
  }],

  ['the assets have no code in the markup, no address elsewhere, and nothing that parses text as HTML', {}, () => {
    for (const word of [/innerHTML/, /outerHTML/, /insertAdjacentHTML/, /document\.write/, /\beval\b/, /new Function/, /setTimeout\(['"`]/, /https?:\/\//]) {
      holds(!word.test(asset('page.js')), `page.js has ${word}`);
    }
    for (const word of [/<script(?! src="page\.js" defer><\/script>)/, /<style/, /\sstyle=/, /\son\w+=/, /https?:\/\//, /javascript:/]) holds(!word.test(asset('index.html')), `index.html has ${word}`);
    holds(!/url\(|@import/.test(asset('page.css')), 'page.css asks for something');
    // Browsers of 2017 read it.
    parse(asset('page.js'), { ecmaVersion: 2017 });
  }],

  ['the first visit: a password, the line, the workstation, and the lanes are on', { fake: fresh }, async (house) => {
    const { fake } = house;
    off(fake);
    const page = await house.tab();
    await page.goto(fake.url);
    await page.getByLabel('Password', { exact: true }).fill('eight or more');
    await page.getByLabel('Once more').first().fill('another one');
    await page.getByRole('button', { name: 'Set password' }).click();
    await shows(page.locator('#gate .error'), 'The two passwords differ.');
    equal(fake.changes.length, 0);
    await page.getByLabel('Once more').first().fill('eight or more');
    await page.getByRole('button', { name: 'Set password' }).click();
    await page.getByRole('heading', { name: 'Put your work first' }).waitFor();
    await shows(page.locator('#guide-found'), 'Found by itself: pppoe-wan is the line, br-lan the home.');
    await page.getByRole('textbox', { name: 'Download', exact: true }).fill('8');
    await page.getByRole('textbox', { name: 'Upload', exact: true }).fill('1,0');
    await shows(page.locator('#guide-rates'), 'lanemark will use 7,600 kbit/s down (95 %) and 970 kbit/s up (97 %).');
    await page.getByRole('combobox', { name: 'Line', exact: true }).selectOption({ label: 'VDSL with PPPoE' });
    equal(await page.getByLabel('Goes first').inputValue(), WORKSTATION, 'this device');
    await page.getByRole('button', { name: 'Switch on' }).click();
    await shows(page.locator('#state'), 'On');
    const [password, config] = house.changes;
    equal([password.method, password.path, password.body], ['PUT', 'password', { new: 'eight or more', current: null }]);
    equal([config.method, config.path, config.body.enabled, config.body.wan.up_kbit, config.body.wan.down_kbit, config.body.wan.link], ['PUT', 'config', true, 970, 7600, 'pppoe-ptm']);
    equal(config.body.devices, [{ mac: WORKSTATION, name: null, class: 'premium' }]);
    equal(await laneOf(page, 'workstation').inputValue(), 'premium');
  }],

  ['whoever says not now finds the guide again', { fake: fresh }, async (house) => {
    off(house.fake);
    const page = await house.login();
    await page.getByRole('button', { name: 'Not now' }).click();
    await shows(page.locator('#state'), 'Off');
    await shows(page.locator('#latency-note'), 'Echo of the line 12 ms');
    await page.getByRole('link', { name: 'Set it up' }).click();
    await page.getByRole('heading', { name: 'Put your work first' }).waitFor();
    equal(house.changes.filter((change) => change.path === 'config').length, 0, 'changes');
  }],

  ['nothing of the home is told before the right password, or after logging out', {}, async (house) => {
    house.expect(/401/);
    const page = await house.tab();
    await page.goto(house.fake.url);
    await page.getByLabel('Password', { exact: true }).fill('wrong');
    await page.getByRole('button', { name: 'Log in' }).click();
    await shows(page.locator('#gate .error'), 'Wrong password.');
    holds(!(await page.content()).includes('workstation'), 'a name before login');
    await house.login('#/', page);
    await row(page, 'workstation').waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    holds(!(await page.content()).includes('workstation'), 'a name after logout');
    await until('the live socket to close', () => house.fake.live.size === 0);
    equal(house.fake.sessions.size, 0, 'sessions');
  }],

  ['a session that ended on the router ends on the page', {}, async (house) => {
    house.expect(/401/, /WebSocket/);
    const page = await house.login();
    house.fake.sessions.clear();
    await laneOf(page, 'workstation').selectOption('premium');
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    holds(!(await page.content()).includes('workstation'), 'a name without a session');
  }],

  ['the password can be changed, with the current one', {}, async (house) => {
    house.expect(/403/);
    const page = await house.login('#/settings');
    const form = page.locator('#password');
    await form.getByLabel('Current').fill('not this');
    await form.getByLabel('New').fill('a longer horse');
    await form.getByLabel('Once more').fill('a longer horse');
    await form.getByRole('button').click();
    await shows(form.locator('.error'), 'wrong password');
    await form.getByLabel('Current').fill('correct horse');
    await form.getByRole('button').click();
    await until('the new password', () => house.fake.password === 'a longer horse');
    await page.getByText('The password is changed.').waitFor();
  }],

  ['the lane that is chosen is set at once, and can be undone', {}, async (house) => {
    const page = await house.login();
    await laneOf(page, 'workstation').selectOption({ label: 'Premium' });
    await page.getByText('workstation: Premium, 9 open flows too.').waitFor();
    const [set] = house.changes;
    equal([set.method, set.path, set.body], ['PUT', `devices/${WORKSTATION}`, { class: 'premium' }]);
    equal([set.headers['content-type'], set.headers['x-lanemark-token']], ['application/json', [...house.fake.sessions.values()][0].token]);
    await page.getByRole('button', { name: 'Undo' }).click();
    await until('the undoing', () => house.changes.length === 2);
    equal(house.changes[1].body, { class: null });
    await until('the old lane', async () => (await laneOf(page, 'workstation').inputValue()) === '');
  }],

  ['the latency graph falls when a device is put first, and says what it was before', {
    fake: { config: { ...CONFIG, devices: [{ mac: WORKSTATION, name: 'workstation', class: 'bulk' }], prioritize: [] } },
  }, async (house) => {
    const { fake } = house;
    fake.queues = { bulk: [4000, 500], premium: [3, 1] };
    const page = await house.login();
    await until('this device', async () => (await page.getByLabel('Latency of').inputValue()) === WORKSTATION);
    await shows(page.locator('#latency-now'), '4,512 ms');
    await shows(page.locator('#latency-note'), 'Echo of the line 12 ms + 4,500 ms in Bulk’s queues.');
    await shows(row(page, 'workstation').locator('td.rate').nth(2), '4,512');
    await until('some seconds', async () => (await drawn(page)).columns >= 6);
    await laneOf(page, 'workstation').selectOption('premium');
    await shows(page.locator('#latency-now'), '12 ms');
    await shows(page.locator('#latency-before'), 'was 4,512 ms');
    await shows(page.locator('#latency-note'), 'Echo of the line 12 ms, through Premium’s queues.');
    await until('a graph that fell', async () => {
      const { first, last } = await drawn(page);
      return first > 0.7 && last < first / 10;
    });
    // Whoever chooses another one sees that one, and no mark that is not his.
    await page.getByLabel('Latency of').selectOption('television');
    await shows(page.locator('#latency-before'), '');
    await shows(page.locator('#latency-note'), /^Echo of the line 12 ms \+ \d+ ms in Standard’s queues\.$/);
    await page.getByLabel('Latency of').selectOption('the line');
    await shows(page.locator('#latency-now'), '12 ms');
  }],

  ['what a device waits is told without an echo too, and not at all when nothing is known', {}, async (house) => {
    const { fake } = house;
    const whole = fake.whole.bind(fake);
    fake.queues = { standard: [30, 10] };
    fake.whole = () => ({ ...whole(), t: [null, null] });
    const page = await house.login();
    await page.getByLabel('Latency of').selectOption('laptop');
    await shows(page.locator('#latency-note'), 'No echo of the line; 40 ms in Standard’s queues. Small packets wait less.');
    await shows(page.locator('#latency-now'), '40 ms');
    fake.whole = () => ({ ...whole(), t: [null, null], l: whole().l.map(([place]) => [place, null, null, null, null]) });
    fake.tell(true);
    await shows(page.locator('#latency-now'), '– ms');
    await shows(page.locator('#latency-note'), '');
  }],

  ['a lane that is refused goes back to what it was', {}, async (house) => {
    house.expect(/404/);
    const page = await house.login();
    const gone = house.fake.devices.shift();
    await laneOf(page, 'workstation').selectOption('premium');
    await page.getByText(`workstation stays as it was. expected a device, found ${gone.mac}`).waitFor();
  }],

  ['what exempt costs the others is said', {}, async (house) => {
    const page = await house.login();
    await laneOf(page, 'laptop').selectOption('exempt');
    await page.getByText('what it takes, the others lack').waitFor();
    await shows(page.locator('#devices-note'), /1 exempt: not shaped/);
  }],

  ['before the first look at the counters nothing is known, and nothing is invented', {}, async (house) => {
    const unknown = { d: undefined, l: [0, 1, 2, 3, 4, 5].map((place) => [place, null, null, null, null]), p: [null, null], n: [null, null], f: [null, null], t: undefined };
    const whole = house.fake.whole.bind(house.fake);
    house.fake.whole = () => ({ ...whole(), ...unknown });
    const page = await house.login();
    await shows(page.locator('[data-tile="Download"] dd'), '0 of –');
    await shows(page.locator('[data-tile="Latency"] b'), '–');
    await shows(page.locator('#lanes tr[data-lane=premium] td').first(), '–');
    house.fake.whole = whole;
    house.fake.tell(true);
    await shows(row(page, 'laptop').locator('td.rate').first(), '1,640');
    await shows(page.locator('[data-tile="Download"] dd'), '7,198 of 7,600');
  }],

  ['live values move', {}, async (house) => {
    const { fake } = house;
    const page = await house.login();
    const cells = row(page, 'laptop').locator('td.rate');
    await shows(cells.nth(0), '1,640');
    await shows(cells.nth(1), '420');
    fake.devices[2].down = 2222;
    fake.latency = [456, 31];
    fake.tell();
    await shows(cells.nth(0), '2,222');
    await shows(page.locator('[data-tile=Latency] b'), '45.6');
    // The lane of the laptop: all that has no class.
    await shows(page.locator('#lanes tr[data-lane=standard] td').first(), '2,558');
    fake.devices[2].down = 0;
    fake.tell();
    await shows(cells.nth(0), '0');
  }],

  ['the health line says what is wrong, and is left alone while only numbers change', {}, async (house) => {
    const { fake } = house;
    const page = await house.login();
    const tone = () => page.locator('#health').getAttribute('data-tone');
    await shows(page.locator('#state'), 'On');
    await page.evaluate(() => {
      globalThis.said = 0;
      const live = document.querySelector('#health [role=status]');
      new MutationObserver(() => globalThis.said++).observe(live, { childList: true, characterData: true, subtree: true });
    });
    fake.proven = [93, 99];
    fake.tell();
    await shows(page.locator('#proof'), /99 % of downloads, 93 % of uploads/);
    equal(await page.evaluate(() => globalThis.said), 0, 'times that it was said again');
    fake.proven = [97, 41];
    fake.reason = 'Qualcomm\'s NSS acceleration carries packets past the lanes';
    fake.tell();
    await shows(page.locator('#state'), 'On, but bypassed');
    await shows(page.locator('#reason'), fake.reason);
    equal(await tone(), 'doubt');
    for (const [state, text, expected] of [['waiting', 'Waiting', 'doubt'], ['failing', 'Not working', 'bad'], ['off', 'Off', 'bad'], ['on', 'On', 'good']]) {
      Object.assign(fake, { state, proven: [null, null], reason: `because of ${state}` });
      fake.tell();
      await shows(page.locator('#state'), text);
      await shows(page.locator('#reason'), `because of ${state}`);
      equal(await tone(), expected);
    }
    await shows(page.locator('#proof'), 'Not proven yet: too little traffic to tell.');
  }],

  ['evil names stay text', {
    fake: { devices: EVIL.map((name, place) => ({ ...DEVICES[0], mac: `02:00:00:00:01:0${place}`, name, addresses: [`192.168.1.${place}`] })) },
  }, async (house) => {
    house.fake.reason = EVIL[0];
    const page = await house.login();
    for (const name of EVIL) {
      // Control characters, and those that turn the direction around, are shown as such.
      const shown = name.replace(/[\u0000-\u001f\u202e]/g, '\ufffd');
      await page.locator('#devices .name', { hasText: shown.slice(0, 60).trim() }).first().waitFor();
    }
    await shows(page.locator('#reason'), EVIL[0]);
    await page.locator('#devices .name').first().click();
    for (const hash of PAGES) {
      await page.goto(house.fake.url + hash);
      await page.locator(`nav [aria-current]`).waitFor();
      if (hash === '#/flows') {
        await page.getByRole('button', { name: 'Show' }).click();
        await page.locator('#flows tbody tr').first().waitFor();
      }
      equal(await page.evaluate(() => document.querySelectorAll('main img, script:not([src])').length), 0, 'elements that a name made');
      holds(!/[\u202e\u0000\u001b]/.test(await page.locator('body').innerText()), `a control character on ${hash}`);
      holds(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${hash} scrolls sideways`);
    }
  }],

  ['two tabs stay in step', {}, async (house) => {
    const one = await house.login();
    const two = await house.tab();
    await two.goto(house.fake.url);
    await row(two, 'laptop').waitFor();
    await until('two live sockets', () => house.fake.live.size === 2);
    await laneOf(one, 'laptop').selectOption('bulk');
    await until('the other tab', async () => (await laneOf(two, 'laptop').inputValue()) === 'bulk');
    house.fake.devices.push({ ...DEVICES[4], mac: '02:00:00:00:00:99', name: 'camera', addresses: ['192.168.1.99'] });
    house.fake.generation++;
    house.fake.tell();
    for (const page of [one, two]) await row(page, 'camera').waitFor();
  }],

  ['a tab whose session another tab has renewed goes on', {}, async (house) => {
    house.expect(/403/);
    const one = await house.login();
    const two = await house.tab();
    // A new password is a new session for this browser: the same cookie's name, another token.
    await two.goto(house.fake.url + '#/settings');
    const form = two.locator('#password');
    await form.getByLabel('Current').fill('correct horse');
    await form.getByLabel('New').fill('a longer horse');
    await form.getByLabel('Once more').fill('a longer horse');
    await form.getByRole('button').click();
    await two.getByText('The password is changed.').waitFor();
    await laneOf(one, 'laptop').selectOption('express');
    await one.getByText('laptop: Express').waitFor();
    equal(house.changes.filter((change) => change.path.startsWith('devices/')).length, 2, 'tries');
  }],

  ['the page comes back when the router does', {}, async (house) => {
    house.expect(/ERR_CONNECTION|WebSocket|401/);
    const { fake } = house;
    const page = await house.login();
    await shows(page.locator('#state'), 'On');
    const { port } = fake;
    await fake.stop({ keep: true });
    await shows(page.locator('#state'), 'No connection');
    await fake.reopen(port);
    await shows(page.locator('#state'), 'On');
    // After an upgrade nobody is logged in any more.
    await fake.stop();
    await shows(page.locator('#state'), 'No connection');
    await fake.reopen(port);
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
  }],

  ['a line on which nothing changes makes no requests', {}, async (house) => {
    const page = await house.login();
    await shows(page.locator('#state'), 'On');
    await page.waitForLoadState('networkidle');
    const { asked, ticks } = house.fake;
    // Longer than the page waits before it asks for counts that nobody pushes.
    await until('seconds that pass', () => house.fake.ticks >= ticks + 17, 25000);
    equal(house.fake.asked - asked, 0, 'requests');
    house.fake.devices[2].down++;
    house.fake.tell();
    await until('a look at the counts', () => house.fake.asked > asked);
  }],

  ['a hidden tab has no live socket, nor a closed one', {}, async (house) => {
    const page = await house.login();
    const hide = (hidden) => page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { configurable: true, value });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
    await hide(true);
    await until('no live socket', () => house.fake.live.size === 0);
    await hide(false);
    await until('a live socket', () => house.fake.live.size === 1);
    await shows(page.locator('#state'), 'On');
    await page.close();
    await until('no live socket', () => house.fake.live.size === 0);
  }],

  ['a stale configuration shows both values, and mine can go on top', {}, async (house) => {
    house.expect(/409/);
    const { fake } = house;
    const page = await house.login('#/settings');
    await page.getByRole('textbox', { name: 'Upload', exact: true }).fill('900');
    fake.config = { ...fake.config, wan: { ...fake.config.wan, up_kbit: 800, down_kbit: 5000 } };
    fake.tell();
    await page.getByText('The configuration was changed elsewhere').waitFor();
    equal(await page.getByRole('textbox', { name: 'Upload', exact: true }).inputValue(), '900', 'what is being typed');
    await page.getByRole('button', { name: 'Save and apply' }).click();
    await page.getByRole('alertdialog').waitFor();
    await shows(page.locator('#conflict tr', { hasText: 'wan.up_kbit' }), 'wan.up_kbit970800900');
    await shows(page.locator('#conflict tr', { hasText: 'wan.down_kbit' }), 'wan.down_kbit760050007600');
    equal(fake.config.wan.up_kbit, 800, 'in force');
    await page.getByRole('button', { name: 'Save mine on top' }).click();
    await until('mine', () => fake.config.wan.up_kbit === 900);
    equal(fake.config.wan.down_kbit, 5000, 'what only the other one changed');
    await until('theirs in the form', async () => (await page.getByRole('textbox', { name: 'Download', exact: true }).inputValue()) === '5000');
  }],

  ['what they saved can be taken instead', {}, async (house) => {
    house.expect(/409/);
    const { fake } = house;
    const page = await house.login('#/settings');
    await page.getByRole('textbox', { name: 'Upload', exact: true }).fill('900');
    fake.config = { ...fake.config, wan: { ...fake.config.wan, up_kbit: 800 } };
    await page.getByRole('button', { name: 'Save and apply' }).click();
    await page.getByRole('button', { name: 'Take theirs' }).click();
    await until('theirs', async () => (await page.getByRole('textbox', { name: 'Upload', exact: true }).inputValue()) === '800');
    equal(fake.config.wan.up_kbit, 800, 'in force');
  }],

  ['settings are checked before they are sent, and what the router refuses stands beside its field', {}, async (house) => {
    house.expect(/400/);
    const page = await house.login('#/settings');
    const save = page.getByRole('button', { name: 'Save and apply' });
    const up = page.getByRole('textbox', { name: 'Upload', exact: true });
    await up.fill('5');
    await save.click();
    await shows(page.locator('.field', { has: up }).locator('.error'), 'expected 64 to 10,000,000 kbit/s, found 5 kbit/s');
    equal(await up.evaluate((input) => input === document.activeElement), true, 'the focus');
    await up.fill('970');
    await page.getByLabel('Bulk download, percent').first().fill('2');
    await save.click();
    await shows(page.locator('.field', { has: page.getByText('Shares, percent') }).locator('.error'), 'expected a sum of at most 100, found 101 for the download');
    equal(house.changes.length, 0, 'requests');
    await page.getByLabel('Bulk download, percent').first().fill('1');
    await page.getByRole('button', { name: 'Add a rule' }).click();
    await save.click();
    await shows(page.locator('.as-list .error').first(), 'rules[2]: expected a condition, found none');
    equal(await page.evaluate(() => document.activeElement.closest('fieldset').firstChild.textContent), 'Rule 3', 'the focus');
    equal(house.fake.config, CONFIG, 'in force');
  }],

  ['saving changes what was changed and nothing else, from the form and from the text', {}, async (house) => {
    const page = await house.login('#/settings');
    const save = page.getByRole('button', { name: 'Save and apply' });
    await save.click();
    await page.getByText('Nothing was changed.').waitFor();
    equal(house.changes.length, 0, 'requests');
    await page.getByRole('textbox', { name: 'Upload', exact: true }).fill('0.95');
    await page.getByLabel('Unit of Upload').selectOption('Mbit/s');
    const ways = (percents) => ({ up: percents, down: percents });
    const wished = { ...CONFIG, wan: { ...CONFIG.wan, up_kbit: 950 }, shares: ways(CONFIG.shares), ceilings: ways(CONFIG.ceilings) };
    await save.click();
    await until('the request', () => house.changes.length === 1);
    const sorted = (value) => JSON.stringify(value, (_, v) => (v && typeof v === 'object' && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).sort()) : v));
    equal(sorted(house.changes[0].body), sorted(wished));
    await page.getByRole('button', { name: 'Edit as text' }).click();
    const area = page.getByLabel('config.json');
    equal(sorted(JSON.parse(await area.inputValue())), sorted(wished));
    await area.fill('{"version": 1,');
    await save.click();
    await shows(page.locator('#config .bar .error'), /JSON/);
    await area.fill(JSON.stringify({ ...wished, enabled: false }));
    await save.click();
    await until('the second request', () => house.changes.length === 2);
    equal(house.changes[1].body.enabled, false);
    equal(house.changes[1].headers['if-match'] !== house.changes[0].headers['if-match'], true, 'a new tag');
  }],

  ['the largest segment of the lower lanes is auto, a number of bytes, or left alone', {}, async (house) => {
    const page = await house.login('#/settings');
    const save = page.getByRole('button', { name: 'Save and apply' });
    const size = page.getByRole('textbox', { name: 'Largest TCP segment in Standard and Bulk' });
    equal(await size.inputValue(), 'auto');
    for (const [typed, sent] of [['1000', 1000], ['', null], ['auto', 'auto']]) {
      await size.fill(typed);
      await save.click();
      await until('the request', () => house.fake.config.wan.lower_mss === sent);
    }
    await size.fill('535');
    await save.click();
    await shows(page.locator('.field', { has: size }).locator('.error'), 'expected a whole number from 536 to 1,460, found 535');
    equal(house.changes.length, 3, 'requests');
  }],

  ['rules and schedules are added, moved and removed', {}, async (house) => {
    const page = await house.login('#/settings');
    await page.getByRole('button', { name: 'Move up' }).nth(1).click();
    await page.getByRole('button', { name: 'Add a schedule' }).click();
    const item = page.getByRole('group', { name: 'Schedule 2' });
    await item.getByLabel('Lane').selectOption('Lanes off');
    await item.getByLabel('From').fill('01:00');
    await item.getByLabel('Until').fill('05:00');
    await page.getByRole('group', { name: 'Schedule 1' }).getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('button', { name: 'Save and apply' }).click();
    await until('the request', () => house.changes.length === 1);
    const [{ body }] = house.changes;
    equal(body.schedules, [{ enabled: false, from: '01:00', until: '05:00' }]);
    equal(body.rules.map((rule) => rule.class), ['bulk', 'express']);
  }],

  ['a device is renamed', {}, async (house) => {
    const page = await house.login();
    await page.getByRole('button', { name: 'laptop', exact: true }).click();
    await page.getByLabel('Name', { exact: true }).fill('Old laptop');
    await page.getByRole('button', { name: 'Rename' }).click();
    await row(page, 'Old laptop').waitFor();
    equal(house.fake.config.devices.at(-1), { mac: '02:00:00:00:00:0c', name: 'Old laptop', class: null });
  }],

  ['an old configuration is compared and brought back', {}, async (house) => {
    const page = await house.login('#/history');
    await page.getByRole('button', { name: 'Compare version 11' }).click();
    await shows(page.locator('#diff tbody'), 'wan.up_kbit900970');
    await page.getByRole('button', { name: 'Go back to version 11' }).click();
    await until('the old one', () => house.fake.config.wan.up_kbit === 900);
    equal([house.changes[0].path, house.changes[0].body], ['config/rollback', { number: 11 }]);
    await page.getByText('Version 11 is in force again.').waitFor();
  }],

  ['a configuration that flash has not yet is in the history as what is in force', {}, async (house) => {
    house.fake.saved = false;
    const page = await house.login('#/history');
    await shows(page.locator('#history tbody tr').first(), '–not on flash yetin force');
    equal(await page.locator('#history tbody tr').count(), 3);
    house.fake.saved = true;
    await shows(page.locator('#history tbody tr').first(), /^12.*in force$/);
    equal(await page.locator('#history tbody tr').count(), 3);
  }],

  ['flows are asked for by device and lane, and sorted out by port', {}, async (house) => {
    const page = await house.login();
    await page.getByRole('button', { name: 'television', exact: true }).click();
    await page.getByRole('button', { name: 'Show its flows' }).click();
    await shows(page.locator('#flows [role=status]'), '14 flows.');
    await page.getByLabel('Port', { exact: true }).fill('53');
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await shows(page.locator('#flows [role=status]'), '4 flows.');
    equal(await page.locator('#flows tbody tr').count(), 4);
  }],

  ['the doctor tells good from bad in words', {}, async (house) => {
    const page = await house.login('#/doctor');
    await shows(page.locator('#doctor li', { hasText: 'guarded rules' }), /^look: guarded rules others can change/);
    await shows(page.locator('#doctor li', { hasText: 'HTB' }), /^good: HTB there/);
  }],

  ['devices are searched and sorted, 512 of them', {
    fake: { devices: Array.from({ length: 512 }, (_, n) => ({ ...DEVICES[0], mac: `02:00:00:00:0${n >> 8}:${(n & 255).toString(16).padStart(2, '0')}`, name: `host-${n}`, addresses: [`10.0.${n >> 8}.${n & 255}`], down: n })) },
  }, async (house) => {
    const page = await house.login();
    const names = () => page.locator('#devices tbody tr:visible .name').allTextContents();
    await until('the busiest first', async () => (await names())[0] === 'host-511');
    await page.getByLabel('Search devices').fill('10.0.1.7');
    await until('those with that address', async () => (await names()).length === 11);
    await page.getByLabel('Search devices').fill('');
    await page.locator('#devices').getByRole('button', { name: 'Device', exact: true }).click();
    await until('by name', async () => (await names())[1] === 'host-1');
    equal(await page.locator('#devices th[data-sort=name]').getAttribute('aria-sort'), 'ascending');
  }],

  ['the keyboard alone sets a lane, and passing lanes by sets none', {}, async (house) => {
    const page = await house.tab();
    await page.goto(house.fake.url);
    await page.locator('#gate').waitFor();
    await page.keyboard.type('correct horse');
    await page.keyboard.press('Enter');
    await row(page, 'workstation').waitFor();
    const at = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'));
    let steps = 0;
    while ((await at()) !== 'Lane of workstation' && steps++ < 60) await page.keyboard.press('Tab');
    equal(await at(), 'Lane of workstation');
    for (let press = 0; press < 4; press++) await page.keyboard.press('ArrowDown');
    for (let press = 0; press < 3; press++) await page.keyboard.press('ArrowUp');
    await until('the request', () => house.changes.length === 1);
    await page.getByText('workstation: Premium').waitFor();
    equal(house.changes.map((change) => change.body), [{ class: 'premium' }]);
    equal(await at(), 'Lane of workstation', 'the focus');
  }],

  ['a phone of 360 pixels never scrolls sideways', { viewport: PHONE, fake: { devices: DEVICES.concat({ ...DEVICES[0], mac: '02:00:00:00:00:77', name: 'w'.repeat(63), addresses: ['2001:db8:1111:2222:3333:4444:5555:6666'] }) } }, async (house) => {
    house.fake.config.rules.push({ class: 'express', remote: '2001:db8:1111:2222:3333:4444:5555:6666/128', name: 'n'.repeat(63) });
    const page = await house.login();
    for (const hash of PAGES) {
      await page.goto(house.fake.url + hash);
      await page.locator('nav [aria-current]').waitFor();
      if (hash === '#/flows') await page.getByRole('button', { name: 'Show' }).click();
      if (hash === '#/history') await page.getByRole('button', { name: 'Compare version 11' }).click();
      if (hash === '#/') await page.getByRole('button', { name: 'laptop', exact: true }).click();
      await page.locator('main section:visible').first().waitFor();
      equal(await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]), [360, 360], hash);
    }
  }],

  ['the first visit fits a phone too', { viewport: PHONE, fake: fresh }, async (house) => {
    off(house.fake);
    const page = await house.tab();
    const fits = async (what) => equal(await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]), [360, 360], what);
    await page.goto(house.fake.url);
    await page.locator('#gate-again').waitFor();
    await fits('password');
    await page.getByLabel('Password', { exact: true }).fill('eight or more');
    await page.getByLabel('Once more').first().fill('eight or more');
    await page.getByRole('button', { name: 'Set password' }).click();
    await page.locator('#guide').waitFor();
    await fits('guide');
    holds(await page.locator('#guide').evaluate((guide) => [...guide.querySelectorAll('*')].every((one) => one.getBoundingClientRect().right <= innerWidth)), 'a field beyond the edge');
  }],

  ...['light', 'dark'].map((colours) => [`axe finds nothing serious in ${colours}`, { colours, fake: fresh }, async (house) => {
    const page = await house.tab();
    const check = async (where) => equal(await violations(page), [], where);
    off(house.fake);
    await page.goto(house.fake.url);
    await page.locator('#gate-again').waitFor();
    await check('first password');
    await page.getByLabel('Password', { exact: true }).fill('eight or more');
    await page.getByLabel('Once more').first().fill('eight or more');
    await page.getByRole('button', { name: 'Set password' }).click();
    await page.locator('#guide').waitFor();
    await check('guide');
    Object.assign(house.fake, { config: structuredClone(CONFIG), state: 'on', reason: 'a reason' });
    for (const hash of PAGES) {
      await page.goto('about:blank');
      await page.goto(house.fake.url + hash);
      await page.locator('nav [aria-current]').waitFor();
      if (hash === '#/') {
        await row(page, 'laptop').waitFor();
        await page.getByRole('button', { name: 'laptop', exact: true }).click();
        await laneOf(page, 'workstation').selectOption('premium');
        await page.locator('.toast').waitFor();
      }
      if (hash === '#/flows') await page.getByRole('button', { name: 'Show' }).click();
      if (hash === '#/history') await page.getByRole('button', { name: 'Compare version 11' }).click();
      await check(hash);
      if (hash === '#/settings') {
        house.expect(/409/);
        await page.getByRole('textbox', { name: 'Upload', exact: true }).fill('5');
        await page.getByRole('button', { name: 'Save and apply' }).click();
        await shows(page.locator('#config .bar .error'), /^wan\.up_kbit: expected/);
        await check('a refused value');
        await page.getByRole('textbox', { name: 'Upload', exact: true }).fill('900');
        house.fake.config.wan.up_kbit = 800;
        await page.getByRole('button', { name: 'Save and apply' }).click();
        await page.getByRole('alertdialog').waitFor();
        await check('two values');
        await page.getByRole('button', { name: 'Take theirs' }).click();
        await page.getByRole('button', { name: 'Edit as text' }).click();
        await page.getByLabel('config.json').waitFor();
        await check('the configuration as text');
      }
    }
    for (const state of ['waiting', 'failing']) {
      Object.assign(house.fake, { state });
      await page.goto('about:blank');
      await page.goto(house.fake.url);
      await until('the state', async () => ['Waiting', 'Not working'].includes(await page.locator('#state').textContent()));
      await check(state);
    }
  }]),

  ['the colours can be chosen against the system, and stay', {}, async (house) => {
    const page = await house.tab();
    await page.goto(house.fake.url);
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    equal(await theme(), 'light');
    await page.getByLabel('Colours').selectOption('dark');
    equal(await theme(), 'dark');
    await page.reload();
    equal(await theme(), 'dark');
  }],
];

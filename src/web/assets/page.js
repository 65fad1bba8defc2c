'use strict';
// The admin page. Whatever comes from the router becomes text nodes or numbers; nothing is ever parsed as HTML.
// Comments have lines of their own, and no line break or indent means anything: both may be dropped.

const LANES = {
  premium: 'Premium', express: 'Express', standard: 'Standard', bulk: 'Bulk', exempt: 'Exempt', small: 'Small packets'
};
const SHAPED = ['premium', 'express', 'standard', 'bulk'];
const LINKS = [
  ['none', 'Not known, or LTE, 5G'], ['ethernet', 'Fibre with an Ethernet port'], ['docsis', 'Cable'],
  ['pppoe-ptm', 'VDSL with PPPoE'], ['ptm', 'VDSL without PPPoE'],
  ['adsl-pppoe-llc', 'ADSL with PPPoE (LLC)'], ['adsl-pppoe-vc', 'ADSL with PPPoE (VC)'],
  ['adsl-pppoa-llc', 'ADSL with PPPoA (LLC)'], ['adsl-pppoa-vc', 'ADSL with PPPoA (VC)'],
  ['adsl-bridged-llc', 'ADSL without PPP (LLC)'], ['adsl-bridged-vc', 'ADSL without PPP (VC)']
];
// A shaper that is as fast as the line never empties the modem's queue.
const SHARE_DOWN = 0.95, SHARE_UP = 0.97;
// Below so many percent something carries packets past the lanes.
const PROVEN_MIN = 90;
// Seconds that the graphs show, and those before a change that tell what it was like.
const SPAN = 120, BEFORE = 15;
// Seconds until rows change places, and until counts that nobody pushes are asked for again while the line is in use.
const SORT_EVERY = 4, ASK_EVERY = 15;
// Arrow keys go through the lanes one by one: so many ms of rest mean that this one is wanted.
const KEY_REST = 800;
const TOAST_MS = 10000;
const FLOWS_SHOWN = 300;
// Flash is written at most every 30 s: until then it is asked whether it was.
const SAVE_ASK_MS = 10000;
const RATE_MIN = 64, RATE_MAX = 10000000;

let session = {}, config = null, etag = '', status = {}, devices = [], live = {}, view = '', skipped = false;
const $ = id => document.getElementById(id);
const find = (node, what) => node.querySelector(what);
const copy = value => JSON.parse(JSON.stringify(value));
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// Where a new page begins, for eyes and screen readers.
function begins() {
  $('main').focus({preventScroll: true});
  scrollTo(0, 0);
}

// Control characters, and those that turn the direction of text around, are shown as what they are: not text.
const clean = text => String(text).replace(
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, '\ufffd');

function el(tag, set, ...kids) {
  const node = document.createElement(tag);
  for (const name of Object.keys(set || {})) {
    if (name in node) node[name] = set[name];
    else node.setAttribute(name, set[name]);
  }
  node.append(...kids);
  return node;
}

function fill(node, ...kids) {
  node.textContent = '';
  node.append(...kids);
}

// Text that did not change is left alone: a screen reader would say it again.
function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function options(select, list, value) {
  fill(select, ...list.map(([key, text]) => el('option', {value: key, textContent: text})));
  select.value = value;
}

const count = number => Number(number).toLocaleString('en');
const bytes = number => number === null ? '–' : number < 1000 ? number + ' B' : number < 1e6 ? (number / 1e3).toFixed(1) + ' kB'
  : number < 1e9 ? (number / 1e6).toFixed(1) + ' MB' : (number / 1e9).toFixed(2) + ' GB';

// One unit on the whole page, so that rates can be compared at a glance.
const inMega = () => Math.max(...(live.n || [0])) >= 20000;
const unit = () => inMega() ? 'Mbit/s' : 'kbit/s';
const rate = kbit => kbit === null || kbit === undefined ? '–'
  : !inMega() ? count(kbit) : (kbit / 1000).toFixed(Math.max(...live.n) < 100000 ? 2 : 1);
const ms = tenths => tenths === null || tenths === undefined ? '–' : (tenths / 10).toFixed(tenths < 1000 ? 1 : 0);

function ago(seconds) {
  if (seconds === null) return 'never';
  for (const [size, name] of [[86400, 'd'], [3600, 'h'], [60, 'min']]) {
    if (seconds >= size) return Math.floor(seconds / size) + ' ' + name + ' ago';
  }
  return 'now';
}

// -- talking

const USUAL = {
  0: 'The router does not answer. It may be restarting.', 401: 'Please log in again.', 404: 'The router does not know that.',
  409: 'The configuration was changed meanwhile.', 429: 'Too many tries. Wait a minute, then try again.'
};

function said(code, error) {
  const {field, expected, found} = error || {};
  const what = (expected ? ['expected ' + expected] : []).concat(found ? (expected ? 'found ' : '') + found : []).join(', ');
  return what ? clean((field ? field + ': ' : '') + what) : USUAL[code] || 'The router refused (' + code + ').';
}

async function ask(method, path, body, more, second) {
  const headers = Object.assign({}, more), sent = {method, headers, credentials: 'same-origin', cache: 'no-cache'};
  if (method !== 'GET') {
    headers['Content-Type'] = 'application/json';
    if (session.token) headers['X-Lanemark-Token'] = session.token;
    if (body !== undefined) sent.body = JSON.stringify(body);
  }
  let answer, data = {};
  try {
    answer = await fetch('/api/v1/' + path, sent);
    if (answer.status !== 204) data = await answer.json();
  } catch (e) {
    // Error bodies may be empty.
    if (!answer || answer.ok) throw {code: 0, text: said(0)};
  }
  if (answer.ok) {
    if (path === 'config') etag = answer.headers.get('ETag') || etag;
    return data;
  }
  const code = answer.status, login = path === 'session';
  if (code === 403 && !second && !login) {
    // Another tab logged in: its session is ours too, but the token is new.
    const now = await ask('GET', 'session');
    if (now.user && now.token !== session.token) {
      session = now;
      return ask(method, path, body, more, true);
    }
  }
  if (code === 401 && !login) leave();
  throw {code, error: data.error, text: login && code === 401 ? 'Wrong password.' : said(code, data.error)};
}

// A call that is under way answers for those that come meanwhile, but for what changed since it began.
function once(work) {
  let running = null, more = false;
  return function again() {
    if (running) {
      more = true;
      return running;
    }
    running = work().catch(() => {}).then(() => {
      running = null;
      if (more) {
        more = false;
        return again();
      }
    });
    return running;
  };
}

let unsaved = 0;

const loadConfig = once(async () => {
  const found = await ask('GET', 'config');
  config = both(found);
  noteLanes();
  if (changed()) notice('The configuration was changed elsewhere. Saving shows both.');
  else if (view === 'settings') showSettings();
  showDevices();
  if (view === 'history') showHistory();
});
const loadDevices = once(async () => {
  devices = (await ask('GET', 'devices')).devices;
  for (const device of devices) device.use = device.up_kbit + device.down_kbit;
  showDevices();
  fillChoices();
});
const loadStatus = once(async () => {
  const before = status.saved;
  status = await ask('GET', 'status');
  if (view === 'history' && status.saved && before === false) showHistory();
  clearTimeout(unsaved);
  if (!status.saved && !document.hidden) unsaved = setTimeout(loadStatus, SAVE_ASK_MS);
  showLanes();
  showHealth();
});

// -- who may see it

function gate() {
  const form = $('gate'), first = session.first;
  put($('gate-title'), first ? 'Choose a password' : 'Log in');
  put(find(form, 'button'), first ? 'Set password' : 'Log in');
  $('gate-text').hidden = $('gate-again').hidden = !first;
  form.again.required = first;
  form.password.autocomplete = first ? 'new-password' : 'current-password';
  form.password.minLength = first ? 8 : 0;
  form.hidden = false;
  form.password.focus();
}

// The session is over: the page begins anew, and nothing of the home stays in it.
function leave() {
  unwatch();
  location.reload();
}

async function enter(found) {
  session = found;
  $('gate').hidden = true;
  $('gate').reset();
  $('nav').hidden = $('logout').hidden = false;
  await Promise.all([loadConfig(), loadStatus(), loadDevices()]);
  if (!session.user) return;
  route();
  watch();
}

let tries = 0, timer = 0;

function later(work) {
  clearTimeout(timer);
  timer = setTimeout(work, Math.min(15000, 500 * Math.pow(2, tries++)) * (0.75 + Math.random() / 2));
}

async function begin() {
  try {
    const found = await ask('GET', 'session');
    tries = 0;
    if (found.user) return enter(found);
    session = found;
    gate();
  } catch (e) {
    if (!$('toasts').firstChild) toast(e.text);
    later(begin);
  }
}

function trouble(form, text) {
  put(find(form, '[role=alert]'), text || '');
}

function onSubmit(form, work) {
  form.onsubmit = async event => {
    event.preventDefault();
    trouble(form);
    const button = find(form, 'button:not([type=button])');
    button.setAttribute('aria-busy', 'true');
    try {
      await work(form);
    } catch (e) {
      trouble(form, e.text || String(e));
    }
    button.removeAttribute('aria-busy');
  };
}

onSubmit($('gate'), async form => {
  const password = form.password.value;
  if (session.first && password !== form.again.value) throw {text: 'The two passwords differ.'};
  const found = session.first ? await ask('PUT', 'password', {new: password, current: null})
    : await ask('POST', 'session', {password});
  await enter(found);
  begins();
});

onSubmit($('password'), async form => {
  if (form.new.value !== form.again.value) throw {text: 'The two passwords differ.'};
  session = await ask('PUT', 'password', {new: form.new.value, current: form.current.value});
  form.reset();
  toast('The password is changed. Other sessions are logged out.');
});

$('logout').onclick = async () => {
  await ask('DELETE', 'session').catch(() => {});
  leave();
};

// -- live values

let socket = null, last = 0;

function watch() {
  if (!session.user || document.hidden || socket) return;
  const own = socket = new WebSocket(location.origin.replace(/^http/, 'ws') + '/api/v1/live');
  own.onmessage = event => {
    tries = 0;
    take(JSON.parse(event.data));
  };
  own.onclose = () => {
    if (socket !== own) return;
    socket = null;
    showHealth();
    later(again);
  };
}

function unwatch() {
  clearTimeout(timer);
  const own = socket;
  socket = null;
  if (own) own.close();
}

// A socket does not tell why it was refused: a session can be over, or the router away.
async function again() {
  try {
    const found = await ask('GET', 'session');
    if (!found.user) return leave();
    session = found;
    watch();
  } catch (e) {
    later(again);
  }
}

function take(news) {
  const first = !live.m;
  if (first && !news.m) return;
  if (news.m) {
    live = {l: [], d: []};
    if (!first) {
      loadDevices();
      loadStatus();
    }
  }
  for (const key of Object.keys(news)) {
    if (key === 'd') live.counts = true;
    if (key === 'l' || key === 'd') for (const item of news[key]) live[key][item[0]] = item;
    else live[key] = news[key];
  }
  if (news.c && '"' + news.c + '"' !== etag) {
    loadConfig();
    loadStatus();
    // Kept answers are up to a second old.
    setTimeout(loadStatus, 1100);
  }
  const now = Date.now();
  if (now - last > ASK_EVERY * 1000) {
    if (last) {
      loadDevices();
      loadStatus();
    }
    last = now;
  }
  showHealth();
  showLanes();
  showRates();
}

// What was, one entry a second: values in the order of live.k, or null where nobody looked.
const past = [];
let ticked = 0, moved = 0;

function tick() {
  const now = Math.floor(Date.now() / 1000);
  if (!session.user || now === ticked) return;
  const on = socket && live.l;
  const sample = on ? {up: live.l.map(l => l[1]), down: live.l.map(l => l[2]), queues: live.l, echo: (live.t || [null])[0], lanes: placed} : null;
  // A hidden page sleeps: the seconds it missed are a gap. A timer that is a little late is none.
  const missed = Math.min(now - ticked - 1, SPAN);
  for (let i = 0; i < missed; i++) past.push(missed > 2 ? null : sample);
  past.push(sample);
  past.splice(0, past.length - SPAN);
  ticked = now;
  if (on) {
    devices.forEach(device => {
      const [up, down] = rates(device);
      device.use = (device.use || 0) * 0.8 + ((up || 0) + (down || 0)) * 0.2;
    });
    if (now % SORT_EVERY === 0 && now - moved > SORT_EVERY && !$('devices').contains(document.activeElement)) sortDevices();
  }
  draw();
}

document.onvisibilitychange = () => {
  if (document.hidden) unwatch();
  else if (session.user) again();
};
addEventListener('pagehide', unwatch);
// A page that the browser kept and shows again.
addEventListener('pageshow', event => {
  if (event.persisted && session.user) again();
});

// -- health

function showHealth() {
  const state = live.s || status.state;
  if (!state) return;
  const side = way => (status[way] || {}).proven_percent;
  const reason = 'r' in live ? live.r : status.reason, [up, down] = live.p || [side('up'), side('down')];
  const known = [up, down].filter(p => p !== null && p !== undefined), on = state === 'on';
  const bypassed = on && known.some(p => p < PROVEN_MIN);
  const away = !socket && view && !document.hidden && live.s;
  $('health').dataset.tone = away || bypassed || state === 'waiting' ? 'doubt' : on ? 'good' : 'bad';
  put($('state'), away ? 'No connection' : bypassed ? 'On, but bypassed'
    : {on: 'On', off: 'Off', waiting: 'Waiting', failing: 'Not working'}[state] || clean(state));
  put($('reason'), away ? 'The router is asked again and again. The lanes do not need this page.' : clean(reason || ''));
  const percent = (p, what) => p === null || p === undefined ? what + ': too little traffic to tell' : p + ' % of ' + what;
  $('setup').hidden = !config || hasLine();
  const note = status.saved === false ? ' Not on flash yet.' : '';
  put($('proof'), (!on || away ? '' : !known.length ? 'Not proven yet: too little traffic to tell.'
    : 'Proven by the kernel’s counters: ' + percent(down, 'downloads') + ', ' + percent(up, 'uploads') + ' went through the lanes.') + note);
  showTiles();
}

function tile(name, value, after, part, tone, unit) {
  let node = find($('tiles'), '[data-tile="' + name + '"]');
  if (!node) {
    node = el('div', {'data-tile': name}, el('dt', {textContent: name}), el('dd', {}, el('b'), ' ', el('span'), el('i')));
    $('tiles').append(node);
  }
  put(node.firstChild, name + (unit ? ', ' + unit : ''));
  put(find(node, 'b'), value);
  put(find(node, 'span'), after);
  find(node, 'i').style.width = Math.min(100, part * 100 || 0) + '%';
  node.dataset.tone = tone || '';
}

function showTiles() {
  const sum = place => (live.l || []).reduce((all, l) => all + l[place], 0);
  const [up, down] = live.n || [0, 0], [now, least] = live.t || [null, null];
  const [flows, room] = live.f || [status.flows, status.flows_max];
  tile('Latency', ms(now), 'ms' + (least === null ? '' : ', best ' + ms(least)), 0);
  tile('Download', rate(sum(2)), 'of ' + rate(down), down && sum(2) / down, '', unit());
  tile('Upload', rate(sum(1)), 'of ' + rate(up), up && sum(1) / up, '', unit());
  tile('Flows', count(flows || 0), room ? 'of ' + count(room) : '', flows / room, flows / room > 0.9 ? 'bad' : '');
}

// -- lanes

function showLanes() {
  const body = find($('lanes'), 'tbody'), names = live.k || [];
  names.forEach((name, place) => {
    let row = body.children[place];
    if (!row || row.dataset.lane !== name) {
      row = el('tr', {'data-lane': name}, el('th', {scope: 'row', textContent: LANES[name] || clean(name)}));
      for (let i = 0; i < 6; i++) row.append(el('td'));
      if (body.children[place]) body.children[place].replaceWith(row);
      else body.append(row);
    }
    const now = live.l[place] || [place, 0, 0, 0, 0], lane = (status.classes || []).find(c => c.class === name) || {};
    const least = side => lane[side] && lane[side].guarantee_kbit ? rate(lane[side].guarantee_kbit) : '–';
    const wait = delay => delay ? count(delay) : '0';
    [rate(now[2]), least('down'), wait(now[4]), rate(now[1]), least('up'), wait(now[3])]
      .forEach((text, i) => put(row.children[i + 1], text));
  });
  put($('lanes-note'), 'Rates in ' + unit() + ', waits in ms. What a lane does not use is lent to the others, from the top.');
}

// -- waits

// Which lane each device is in, by the configuration: an object of its own for each configuration, so that a second keeps the one it was in.
let placed = null, whose = '', byHand = false;
// When a device was put into another lane while somebody looked.
let moves = [];

const laneIn = (lanes, mac) => lanes[mac] || lanes[''];

function noteLanes() {
  const before = placed;
  placed = {'': config.default_class};
  for (const device of config.devices) if (device.class) placed[device.mac] = device.class;
  if (!before) return;
  const now = devices.filter(d => laneIn(before, d.mac) !== laneIn(placed, d.mac))
    .map(({mac}) => ({mac, at: Math.floor(Date.now() / 1000), from: laneIn(before, mac), to: laneIn(placed, mac)}));
  moves = moves.filter(move => ticked - move.at < SPAN).concat(now);
  if (now.length && !byHand) whose = now[0].mac;
}

const isOn = () => (live.s || status.state) === 'on';

// Ms that wait in the queues of a device's lane, there and back. The echo goes through those of Premium: they are in it.
function queued(lanes, queues, mac) {
  const name = laneIn(lanes, mac), row = queues[(live.k || []).indexOf(name)];
  return name === 'premium' || !mac ? 0 : row && row[3] !== null && row[4] !== null ? row[3] + row[4] : null;
}

// What a packet of a device waits until its answer is there: the echo of the line and the queues; of both what is known.
function waited(lanes, queues, echo, mac) {
  const own = queued(lanes, queues, mac), line = echo === null || echo === undefined ? null : echo / 10;
  return own === null || line === null && (!mac || laneIn(lanes, mac) === 'premium') ? line : own + line;
}

const waitNow = mac => placed && live.l ? waited(placed, live.l, (live.t || [])[0], mac) : null;
const inMs = wait => wait === null ? '–' : count(Math.round(wait));

// Until somebody chooses: who was put into another lane, else who looks, else the busiest of those that wait.
function choose() {
  if (!byHand && !devices.some(d => d.mac === whose)) {
    const waiting = devices.filter(d => queued(placed, live.l, d.mac)).sort((a, b) => b.use - a.use);
    whose = (devices.find(isOwn) || waiting[0] || {mac: ''}).mac;
  }
  if ($('whose').value !== whose) $('whose').value = whose;
}

$('whose').onchange = () => {
  whose = $('whose').value;
  byHand = true;
  draw();
};

// -- graphs

// A canvas of the size at which it is shown, wiped, and where a second is on it.
function sheet(id) {
  const canvas = $(id), wide = canvas.clientWidth, high = canvas.clientHeight, ratio = devicePixelRatio || 1;
  if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(high * ratio);
  }
  const to = canvas.getContext('2d');
  to.setTransform(ratio, 0, 0, ratio, 0, 0);
  to.clearRect(0, 0, wide, high);
  to.lineJoin = 'round';
  to.font = '11px system-ui, sans-serif';
  return {to, wide, floor: high - 1, room: high - 15, x: i => wide - (past.length - 1 - i) * wide / (SPAN - 1)};
}

// Each row of seconds of which something is known, as a path. What nobody saw is a gap.
function trace({to, x, floor}, values, y, close) {
  let last = null;
  const end = () => {
    if (last === null) return;
    if (close) to.lineTo(x(last), floor);
    to[close ? 'fill' : 'stroke']();
    last = null;
  };
  values.forEach((value, i) => {
    if (value === null) return end();
    if (last === null) {
      to.beginPath();
      if (close) to.moveTo(x(i), floor);
    }
    to.lineTo(x(i), y(value));
    last = i;
  });
  end();
}

function rule({to, wide, floor}, high, text) {
  to.fillStyle = colour('--soft');
  to.fillRect(0, floor, wide, 1);
  to.globalAlpha = 0.6;
  for (let dash = 0; dash < wide; dash += 6) to.fillRect(dash, Math.round(high), 3, 1);
  to.globalAlpha = 1;
  to.fillText(text, 0, Math.round(high) - 4);
}

const seen = {};
const colour = name => seen[name] || (seen[name] = getComputedStyle(document.documentElement).getPropertyValue(name).trim());

// Bands one above the other, in the order of the lanes.
function bands(key, line) {
  const on = sheet('graph-' + key), sums = past.map(p => {
    let sum = 0;
    return p && p[key].map(value => sum += value);
  });
  const most = Math.max(line, 1, ...sums.map(s => s ? s[s.length - 1] : 0)) * 1.02, y = v => on.floor - v / most * on.room;
  on.to.strokeStyle = colour('--card');
  on.to.lineWidth = 1;
  for (let band = live.k.length - 1; band >= 0; band--) {
    on.to.fillStyle = colour('--' + live.k[band]);
    const edge = sums.map(s => s && s[band]);
    trace(on, edge, y, true);
    trace(on, edge, y);
  }
  rule(on, y(line), line ? rate(line) + ' ' + unit() : '');
}

// What the chosen one waits, with the moment at which it was put into another lane.
function drawLatency() {
  choose();
  const on = sheet('graph-latency'), {to} = on, name = laneIn(placed, whose), move = moves.filter(m => m.mac === whose).pop();
  const values = past.map(p => p && p.lanes && waited(p.lanes, p.queues, p.echo, whose)), echo = past.map(p => p && p.echo !== null ? p.echo / 10 : null);
  const most = Math.max(20, ...values, ...echo), y = v => on.floor - v / most / 1.05 * on.room;
  to.lineWidth = 1;
  to.strokeStyle = colour('--soft');
  if (whose) trace(on, echo, y);
  to.lineWidth = 2;
  to.strokeStyle = colour('--accent');
  trace(on, values, y);
  rule(on, y(most), inMs(most) + ' ms');
  let before = '';
  const place = move ? past.length - 1 - ticked + move.at : -1;
  if (place >= 0) {
    const at = on.x(place), text = LANES[move.from] + ' → ' + LANES[move.to], size = to.measureText(text).width;
    to.fillStyle = colour('--text');
    to.fillRect(Math.round(at), 0, 1, on.floor);
    to.fillText(text, at + 5 + size < on.wide ? at + 5 : at - 5 - size, on.floor / 2);
    const old = values.slice(Math.max(0, place - BEFORE + 1), place + 1).filter(v => v !== null).sort((a, b) => a - b);
    if (old.length) before = 'was ' + inMs(old[old.length >> 1]) + ' ms';
  }
  const now = waitNow(whose), queue = whose && live.l ? queued(placed, live.l, whose) : 0, line = (live.t || [null])[0];
  put($('latency-now'), inMs(now) + ' ms');
  put($('latency-before'), before);
  put($('latency-note'), !whose ? 'An echo through Premium’s queues, to the other end of the line.' : now === null ? ''
    : (line === null ? 'No echo of the line; ' : 'Echo of the line ' + inMs(line / 10) + ' ms' + (name === 'premium' || !isOn() ? '' : ' + '))
    + (!isOn() ? '' : name === 'premium' ? ', through Premium’s queues.' : inMs(queue) + ' ms in ' + LANES[name] + '’s queues.' + (/^[sb]/.test(name) && config.prioritize.length ? ' Small packets wait less.' : '')));
}

// Each lane's wait; every line that crosses is ten times the one below.
function drawQueues() {
  const on = sheet('graph-wait'), values = live.k.map((_, lane) => past.map(p => p && p.queues[lane] ? p.queues[lane][3] + p.queues[lane][4] : null));
  const most = Math.max(100, ...[].concat(...values)), y = v => on.floor - Math.log10(Math.max(1, v)) / Math.log10(most * 1.1) * on.room;
  on.to.lineWidth = 1.75;
  values.forEach((line, lane) => {
    on.to.strokeStyle = colour('--' + live.k[lane]);
    trace(on, line, y);
  });
  for (let step = 10; step <= most; step *= 10) rule(on, y(step), count(step) + ' ms');
}

function draw() {
  if (view !== 'overview' || document.hidden || !live.k || !placed || !$('graph-up').clientWidth) return;
  const [up, down] = live.n || [];
  drawLatency();
  drawQueues();
  bands('down', down);
  bands('up', up);
}

// -- devices

const rows = new Map();
let sorting = {by: 'use', down: true}, shown = false;

const named = device => clean(device.name || device.addresses[0] || device.mac);
const isOwn = device => !!session.address && device.addresses.includes(session.address);
// What the configuration says is newer than the list of devices.
function lane(device) {
  const own = config && config.devices.find(d => d.mac === device.mac);
  return (config ? own && own.class : device.class) || '';
}

// Up and down, kbit/s; null where the kernel does not count.
function rates(device) {
  const place = (live.m || []).indexOf(device.mac), now = (live.d || [])[place];
  if (now) return [now[1], now[2]];
  // If it counts for one, it counts for all.
  return place < 0 || device.up_kbit === null && !live.counts ? [device.up_kbit, device.down_kbit] : [0, 0];
}

const laneOptions = [['', 'Default']].concat(SHAPED.concat('exempt').map(name => [name, LANES[name]]));

function addRow(device) {
  const name = el('button', {type: 'button', className: 'name', 'aria-expanded': 'false'});
  const select = el('select'), cell = () => el('td', {className: 'rate'}, el('span'), el('i'));
  const row = {
    mac: device.mac, device, name, select, down: cell(), up: cell(), wait: el('td', {className: 'rate wide'}),
    address: el('td', {className: 'wide'}), more: null,
    own: el('small', {textContent: 'this device', hidden: true})
  };
  row.tr = el('tr', {}, el('th', {scope: 'row'}, name, row.own), row.address, row.down, row.up, row.wait, el('td', {}, select));
  options(select, laneOptions, lane(device));
  let rest = 0, keyed = false;
  select.onkeydown = () => { keyed = true; };
  select.onpointerdown = () => { keyed = false; };
  const apply = () => {
    clearTimeout(rest);
    rest = 0;
    if (select.value !== lane(row.device)) setLane(row.device, select.value, true);
  };
  select.onchange = () => {
    row.tr.dataset.lane = select.value || config.default_class;
    clearTimeout(rest);
    if (keyed) rest = setTimeout(apply, KEY_REST);
    else apply();
  };
  select.onblur = () => {
    if (rest) apply();
  };
  row.waiting = () => rest !== 0 || row.busy;
  name.onclick = () => {
    const open = !row.more;
    name.setAttribute('aria-expanded', open);
    if (row.more) row.more.remove();
    row.more = open ? details(row) : null;
    if (open) row.tr.after(row.more);
  };
  rows.set(device.mac, row);
  return row;
}

async function setLane(device, name, undo) {
  const before = lane(device), row = rows.get(device.mac);
  row.busy = true;
  whose = device.mac;
  try {
    const done = await ask('PUT', 'devices/' + device.mac, {class: name || null});
    const flows = done.flows_marked;
    row.busy = false;
    await loadConfig();
    const told = (flows ? ', ' + count(flows) + (flows === 1 ? ' open flow' : ' open flows') + ' too' : '') + '. '
      + (name === 'exempt' ? 'It is not shaped: what it takes, the others lack. ' : '') + clean(done.remark || '');
    toast(named(device) + ': ' + (LANES[name] || 'default lane') + told, undo && (() => setLane(device, before, false)));
  } catch (e) {
    row.busy = false;
    toast(named(device) + ' stays as it was. ' + e.text);
  }
  showDevices();
}

function details(row) {
  const device = row.device, facts = el('dl');
  const fact = (name, text) => facts.append(el('div', {}, el('dt', {textContent: name}), el('dd', {textContent: text})));
  fact('MAC', device.mac);
  fact('Addresses', device.addresses.join(' ') || 'none');
  fact('Flows', count(device.flows));
  fact('Seen', ago(device.seen_s));
  const input = el('input', {value: device.name, maxLength: 63, autocomplete: 'off'});
  const form = el('form', {className: 'filter'}, el('label', {}, 'Name ', input), el('button', {textContent: 'Rename'}),
    el('button', {type: 'button', textContent: 'Show its flows', onclick: () => {
      find($('flows'), '[name=device]').value = device.mac;
      location.hash = '#/flows';
    }}), el('p', {className: 'error', role: 'alert'}));
  onSubmit(form, async () => {
    const next = copy(config), own = next.devices.find(d => d.mac === device.mac);
    const text = input.value.trim() || null;
    if (own) own.name = text;
    else next.devices.push({mac: device.mac, name: text, class: null});
    await sendConfig(next);
    await loadDevices();
    setTimeout(loadDevices, 1100);
    row.name.focus();
  });
  return el('tr', {className: 'more'}, el('td', {colSpan: 6}, facts, form));
}

function showDevices() {
  const known = new Set(devices.map(device => device.mac));
  for (const [mac, row] of rows) {
    if (known.has(mac)) continue;
    row.tr.remove();
    if (row.more) row.more.remove();
    rows.delete(mac);
  }
  const fresh = devices.some(device => !rows.has(device.mac));
  let exempt = 0;
  for (const device of devices) {
    const row = rows.get(device.mac) || addRow(device), now = lane(device);
    device.use = row.device.use;
    row.device = device;
    put(row.name, named(device));
    row.name.title = named(device);
    row.own.hidden = !isOwn(device);
    row.address.textContent = clean(device.addresses[0] || '');
    if (!row.waiting()) {
      row.select.value = now;
      row.tr.dataset.lane = now || (config || {}).default_class;
    }
    row.select.setAttribute('aria-label', 'Lane of ' + named(device));
    exempt += now === 'exempt';
  }
  put($('devices-note'), !devices.length ? 'No device was heard since the router started.'
    : 'Premium goes first, Bulk gets what is left. A lane counts at once, in open connections too; Default is '
      + LANES[(config || {default_class: 'standard'}).default_class] + '.' + (exempt
      ? ' ' + count(exempt) + ' exempt: not shaped, and what they take the others lack.' : ''));
  if (fresh || !shown) sortDevices();
  showRates();
}

function sortDevices() {
  shown = true;
  const word = $('search').value.trim().toLowerCase();
  const key = {
    use: d => d.use || 0, wait: d => waitNow(d.mac) || 0, down: d => rates(d)[1] || 0, up: d => rates(d)[0] || 0, name: d => named(d).toLowerCase(),
    address: d => (d.addresses[0] || '').split('.').map(part => part.padStart(3, '0')).join('.'),
    lane: d => (SHAPED.concat('exempt').indexOf(lane(d)) + 9) % 9
  }[sorting.by];
  const order = devices.map(device => [key(device), device]).sort((a, b) => {
    const way = a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
    return (sorting.down ? -way : way) || (named(a[1]) < named(b[1]) ? -1 : 1);
  });
  const body = find($('devices'), 'tbody');
  let place = body.firstChild, visible = 0;
  for (const [, device] of order) {
    const row = rows.get(device.mac);
    const text = [device.name, device.mac, lane(device) || config && config.default_class].concat(device.addresses);
    const hide = !!word && !text.join(' ').toLowerCase().includes(word);
    row.tr.hidden = hide;
    if (row.more) row.more.hidden = hide;
    visible += !hide;
    // What is in its place already stays: moving a row would take the focus out of it.
    for (const tr of [row.tr, row.more]) {
      if (!tr) continue;
      if (tr === place) place = place.nextSibling;
      else body.insertBefore(tr, place);
    }
  }
  if (word) put($('devices-note'), count(visible) + ' of ' + count(devices.length) + ' devices');
  for (const th of $('devices').querySelectorAll('[data-sort]')) {
    const sorted = th.dataset.sort === sorting.by;
    th.setAttribute('aria-sort', sorted ? sorting.down ? 'descending' : 'ascending' : 'none');
  }
}

function showRates() {
  const [line_up, line_down] = live.n || [0, 0];
  for (const row of rows.values()) {
    const [up, down] = rates(row.device);
    for (const [cell, now, line] of [[row.down, down, line_down], [row.up, up, line_up]]) {
      put(cell.firstChild, rate(now));
      cell.classList.toggle('idle', !now);
      cell.lastChild.style.width = Math.min(100, now / line * 100 || 0) + '%';
    }
    put(row.wait, inMs(waitNow(row.mac)));
  }
  for (const node of $('devices').querySelectorAll('.unit')) put(node, unit());
  // The kernel counts the bytes of flows that have begun since it was asked to.
  const sum = list => (list || []).reduce((all, row) => all + row[1] + row[2], 0), all = sum(live.l);
  $('devices-old').hidden = !isOn() || all < (line_up + line_down) / 10 || sum(live.d) > all / 2;
}

for (const th of $('devices').querySelectorAll('[data-sort]')) {
  th.firstChild.onclick = () => {
    const by = th.dataset.sort, rated = /^(down|up|wait)$/.test(by);
    sorting = {by, down: sorting.by === by ? !sorting.down : rated};
    sortDevices();
  };
}
// A row does not move away from under a pointer or a finger.
$('devices').onpointermove = () => { moved = Date.now() / 1000; };
$('search').oninput = () => {
  showDevices();
  sortDevices();
};

let offered = '';

function fillChoices() {
  const list = devices.map(device => [device.mac, named(device), isOwn(device)]);
  list.sort((a, b) => a[1].toLowerCase() < b[1].toLowerCase() ? -1 : 1);
  // A list that is open would close.
  if (offered === (offered = JSON.stringify(list))) return;
  const full = list.map(([mac, name, own]) => [mac, name + (own ? ' (this device)' : '')]);
  const flows = find($('flows'), '[name=device]'), guide = $('guide').device, own = devices.find(isOwn);
  options(flows, [['', 'All']].concat(full), flows.value);
  options($('whose'), [['', 'the line']].concat(list), whose);
  options(guide, [['', 'Decide later']].concat(full), guide.value || (own ? own.mac : ''));
}

// -- toasts

function toast(text, undo) {
  const box = el('div', {className: 'toast'}, el('span', {textContent: text})), gone = () => box.remove();
  let timer = setTimeout(gone, TOAST_MS);
  if (undo) {
    box.append(el('button', {type: 'button', textContent: 'Undo', onclick: () => {
      gone();
      undo();
    }}));
  }
  box.append(el('button', {type: 'button', className: 'close', textContent: '×', 'aria-label': 'Dismiss', onclick: gone}));
  // Who reads or reaches for it has time.
  box.onmouseenter = () => clearTimeout(timer);
  box.addEventListener('focusin', box.onmouseenter);
  box.onmouseleave = () => { timer = setTimeout(gone, TOAST_MS); };
  while ($('toasts').children.length > 2) $('toasts').firstChild.remove();
  $('toasts').append(box);
}

// -- first run

// Kbit/s of what was typed, or none.
function kbits(text, factor) {
  const number = Number(text.trim().replace(',', '.')), kbit = Math.round(number * factor);
  return text.trim() && kbit >= RATE_MIN && kbit <= RATE_MAX ? kbit : null;
}

const wished = form => [['down', SHARE_DOWN], ['up', SHARE_UP]]
  .map(([name, share]) => kbits(form[name].value, form[name + '-unit'].value * share));

$('guide').oninput = () => {
  const [down, up] = wished($('guide'));
  put($('guide-rates'), down && up ? 'lanemark will use ' + count(down) + ' kbit/s down (95 %) and ' + count(up) + ' kbit/s up (97 %).' : '');
};

onSubmit($('guide'), async form => {
  const [down, up] = wished(form);
  if (!down || !up) {
    form[down ? 'up' : 'down'].focus();
    throw {text: 'Expected a speed of 0.07 to 10,000 Mbit/s for the ' + (down ? 'upload.' : 'download.')};
  }
  const next = copy(config), mac = form.device.value;
  Object.assign(next, {enabled: true});
  Object.assign(next.wan, {down_kbit: down, up_kbit: up, link: form.link.value});
  if (mac) {
    const own = next.devices.find(d => d.mac === mac);
    if (own) own.class = 'premium';
    else next.devices.push({mac, name: null, class: 'premium'});
  }
  await sendConfig(next);
  await loadStatus();
  route();
  begins();
});

$('guide-skip').onclick = () => {
  skipped = true;
  route();
};

const hasLine = () => config.wan.up_kbit && config.wan.down_kbit;
const isNew = () => config && !skipped && !config.enabled && !hasLine();

function showGuide() {
  options($('guide').link, LINKS, config.wan.link);
  const side = way => (status[way] || {}).interface;
  put($('guide-found'), side('up') && side('down') ? 'Found by itself: ' + clean(side('up')) + ' is the line, '
    + clean(side('down')) + ' the home.' : clean(status.reason || ''));
}

// -- flows

$('flows').onsubmit = async event => {
  event.preventDefault();
  const form = find($('flows'), 'form'), note = find($('flows'), '[role=status]'), body = find($('flows'), 'tbody');
  const query = ['device', 'class'].filter(name => form[name].value).map(name => name + '=' + encodeURIComponent(form[name].value));
  const port = Number(form.port.value);
  put(note, 'Asking …');
  try {
    let flows = (await ask('GET', 'flows' + (query.length ? '?' + query.join('&') : ''))).flows;
    if (form.port.value.trim()) flows = flows.filter(flow => flow.sport === port || flow.dport === port);
    const size = flow => flow.bytes_out + flow.bytes_back;
    flows.sort((a, b) => size(b) - size(a));
    const end = (address, port) => clean(address.includes(':') && port ? '[' + address + ']' : address) + (port ? ':' + port : '');
    fill(body, ...flows.slice(0, FLOWS_SHOWN).map(flow => el('tr', {'data-lane': flow.class || (config || {}).default_class},
      el('td', {textContent: clean(flow.device)}), el('td', {className: 'wide', textContent: end(flow.src, flow.sport)}),
      el('td', {textContent: end(flow.dst, flow.dport)}), el('td', {className: 'wide', textContent: clean(flow.proto)}),
      el('td', {}, el('span', {className: 'dot', textContent: LANES[flow.class] || 'Default', title: 'mark=' + flow.mark})),
      el('td', {className: 'rate wide', textContent: bytes(flow.bytes_out)}), el('td', {className: 'rate', textContent: bytes(flow.bytes_back)}))));
    put(note, count(flows.length) + (flows.length === 1 ? ' flow' : ' flows')
      + (flows.length > FLOWS_SHOWN ? ', the largest ' + FLOWS_SHOWN + ' shown.' : '.'));
  } catch (e) {
    put(note, e.text || String(e));
  }
};

// -- settings

// Path in the configuration, kind of field, label, hint, what the kind needs.
const FORM = [
  ['The line', [
    ['enabled', 'check', 'Lanes are on', 'Off: nothing of lanemark is in the kernel.'],
    ['wan.down_kbit', 'rate', 'Download', '95 % of what a speed test shows with nobody else on the line.'],
    ['wan.up_kbit', 'rate', 'Upload', '97 % of what a speed test shows.'],
    ['wan.link', 'choice', 'Kind of line', 'Says what the line adds to each packet.', LINKS]
  ]],
  ['Lanes', [
    ['shares', 'percents', 'Shares, percent', 'What each lane gets at least; together at most 100.'],
    ['ceilings', 'percents', 'Ceilings, percent', 'What each lane gets at most, of an empty line too.'],
    ['default_class', 'choice', 'Lane of other devices', '', SHAPED.map(name => [name, LANES[name]])],
    ['prioritize', 'checks', 'Small packets that go ahead in Standard and Bulk', '', {
      ack: 'Acknowledgements, keystrokes', syn: 'TCP opens', fin: 'TCP closes', rst: 'TCP resets', icmp: 'Ping', dns: 'Names (DNS)'
    }]
  ]],
  ['Rules', [['rules', 'list', 'Rule', 'They go before the devices; the first that matches counts. All that is filled in must hold.', [
    ['class', 'Lane', SHAPED.concat('exempt')], ['name', 'Name'], ['mac', 'Device', []], ['cidr', 'Address at home'],
    ['remote', 'Other side'], ['proto', 'Protocol'], ['ports', 'Ports'],
    ['service', 'Service', ['', 'ssh', 'dns', 'ntp', 'voip', 'games', 'video-calls', 'streaming', 'torrents', 'backup']],
    ['interface', 'Interface'], ['dscp', 'DSCP']
  ]]]],
  ['Schedules', [
    ['schedules', 'list', 'Schedule', 'A device in another lane, or lanes off, at some times. The first in force counts.', [
      ['class', 'Lane', SHAPED.concat('exempt', 'off')], ['mac', 'Device', []], ['days', 'Days, as mon-fri'], ['from', 'From'], ['until', 'Until']
    ]],
    ['time_zone', 'text', 'Time zone', 'auto, or a POSIX zone like CET-1CEST,M3.5.0,M10.5.0/3']
  ]],
  ['Details', [
    ['wan.interface', 'text', 'Interface of the line', 'auto is the default route’s.'],
    ['lan', 'text', 'Interfaces of the home', 'auto, or up to 4 with commas between.'],
    ['wan.mss', 'choice', 'TCP segments', '', [['pmtu', 'fit the path'], ['off', 'left alone']]],
    ['wan.lower_mss', 'whole', 'Largest TCP segment in Standard and Bulk', 'Bytes; empty for no limit.', [536, 1460]],
    ['wan.overhead', 'whole', 'Added to each packet', 'Bytes; empty for what the kind of line says.', [0, 128]],
    ['wan.mpu', 'whole', 'Smallest packet', 'Bytes; empty for what the kind of line says.', [0, 128]]
  ]]
];

// What the form shows (base, with its tag), and how to read it again.
let base = null, tag = '', readers = [], asText = false;

const at = (value, path) => path.split('.').reduce((inner, key) => inner && inner[key], value);

function both(config) {
  for (const name of ['shares', 'ceilings']) {
    const value = config[name];
    if (value && !value.up) config[name] = {up: value, down: copy(value)};
  }
  return config;
}

function whole(text, min, max) {
  const number = Number(text);
  if (!text || Math.round(number) !== number || number < min || number > max) {
    throw {text: 'expected a whole number from ' + count(min) + ' to ' + count(max) + ', found ' + (text || 'nothing')};
  }
  return number;
}

let ids = 0;
const label = (text, input) => {
  input.id = 'f' + ids++;
  return el('label', {htmlFor: input.id, textContent: text});
};

const KINDS = {
  check(value, text) {
    const input = el('input', {type: 'checkbox', checked: value});
    return [[el('label', {className: 'check'}, input, ' ' + text)], () => input.checked];
  },
  rate(value, text) {
    const mega = value >= 10000 && value % 10 === 0, input = el('input', {inputMode: 'decimal', autocomplete: 'off'});
    const select = el('select', {'aria-label': 'Unit of ' + text});
    options(select, [[1, 'kbit/s'], [1000, 'Mbit/s']], mega ? 1000 : 1);
    input.value = value ? mega ? value / 1000 : value : '';
    return [[label(text, input), el('span', {className: 'joined'}, input, select)], () => {
      if (!input.value.trim()) return null;
      const kbit = kbits(input.value, select.value);
      if (!kbit) throw {text: 'expected 64 to 10,000,000 kbit/s, found ' + input.value + ' ' + select.selectedOptions[0].text};
      return kbit;
    }];
  },
  whole(value, text, [min, max]) {
    const input = el('input', {inputMode: 'numeric', autocomplete: 'off', value: value === null || value === undefined ? '' : value});
    return [[label(text, input), input], () => input.value.trim() ? whole(input.value.trim(), min, max) : null];
  },
  text(value, text) {
    const list = Array.isArray(value), input = el('input', {autocomplete: 'off', value: list ? value.join(', ') : value || 'auto'});
    return [[label(text, input), input], () => {
      const parts = input.value.split(',').map(part => part.trim()).filter(part => part);
      if (!parts.length) return 'auto';
      return text.startsWith('Interfaces') && parts[0] !== 'auto' ? parts : input.value.trim();
    }];
  },
  choice(value, text, list) {
    const select = el('select');
    options(select, list, value);
    return [[label(text, select), select], () => select.value];
  },
  checks(value, text, names) {
    const boxes = Object.keys(names).map(name => el('input', {type: 'checkbox', value: name, checked: value.includes(name)}));
    const set = el('fieldset', {}, el('legend', {textContent: text}));
    boxes.forEach(box => set.append(el('label', {className: 'check'}, box, ' ' + names[box.value])));
    return [[set], () => boxes.filter(box => box.checked).map(box => box.value)];
  },
  percents(value, text) {
    const body = el('tbody'), inputs = {up: {}, down: {}}, share = text.startsWith('Shares');
    for (const name of SHAPED) {
      const row = el('tr', {'data-lane': name}, el('th', {scope: 'row', textContent: LANES[name]}));
      for (const way of ['down', 'up']) {
        inputs[way][name] = el('input', {
          inputMode: 'numeric', maxLength: 3, value: value[way][name], 'aria-label': LANES[name] + ' ' + way + 'load, percent'
        });
        row.append(el('td', {}, inputs[way][name]));
      }
      body.append(row);
    }
    const sum = el('p', {className: 'hint', 'aria-live': 'polite'});
    const add = way => SHAPED.reduce((all, name) => all + (Number(inputs[way][name].value) || 0), 0);
    const table = el('table', {className: 'percents'}, el('caption', {textContent: text}), el('thead', {}, el('tr', {},
      el('td'), el('th', {scope: 'col', textContent: 'Download'}), el('th', {scope: 'col', textContent: 'Upload'}))), body);
    table.oninput = () => put(sum, share ? 'Sum: ' + add('down') + ' down, ' + add('up') + ' up.' : '');
    table.oninput();
    return [[table, sum], () => {
      const read = {up: {}, down: {}};
      for (const way of ['up', 'down']) {
        for (const name of SHAPED) read[way][name] = whole(inputs[way][name].value.trim(), 1, 100);
        if (share && add(way) > 100) throw {text: 'expected a sum of at most 100, found ' + add(way) + ' for the ' + way + 'load'};
      }
      return read;
    }];
  },
  list(value, text, columns) {
    const box = el('div'), items = [];
    const item = from => {
      const inputs = {}, set = el('fieldset', {className: 'item'}, el('legend')), own = {from, set, inputs};
      for (const [key, name, list] of columns) {
        const input = inputs[key] = el(list ? 'select' : 'input', {autocomplete: 'off'}), now = from[key];
        const keys = key === 'mac' ? [''].concat(Array.from(new Set(devices.map(d => d.mac).concat(now || [])))) : list;
        if (list) options(input, keys.map(k => [k, wordFor(k)]), from.enabled === false && key === 'class' ? 'off' : now || keys[0]);
        else input.value = now === null || now === undefined ? '' : now;
        set.append(el('label', {}, name + ' ', input));
      }
      const move = by => {
        const place = items.indexOf(own), other = items[place + by];
        if (!other) return;
        items.splice(place, 1);
        items.splice(place + by, 0, own);
        box.insertBefore(by < 0 ? set : other.set, by < 0 ? other.set : set);
        number();
      };
      const button = (sign, name, onclick) => el('button', {type: 'button', textContent: sign, 'aria-label': name, title: name, onclick});
      set.append(el('span', {className: 'tools'}, button('↑', 'Move up', () => move(-1)), button('↓', 'Move down', () => move(1)),
        button('×', 'Remove', () => {
          items.splice(items.indexOf(own), 1);
          set.remove();
          number();
          more.focus();
        })));
      items.push(own);
      box.append(set);
      return own;
    };
    const number = () => items.forEach((own, place) => put(own.set.firstChild, text + ' ' + (place + 1)));
    const more = el('button', {type: 'button', textContent: 'Add a ' + text.toLowerCase(), onclick: () => {
      find(item({}).set, 'select').focus();
      number();
    }});
    (value || []).forEach(item);
    number();
    return [[box, more], () => items.map(own => {
      const read = Object.assign({}, own.from);
      for (const [key] of columns) {
        const text = own.inputs[key].value.trim();
        const off = key === 'class' && text === 'off';
        if (key === 'class' && !off) delete read.enabled;
        if (off) read.enabled = false;
        // What was not touched stays as it was, to the order of its fields.
        if (text && !off) read[key] = /^\d+$/.test(text) && (key === 'proto' || key === 'dscp') ? Number(text) : text;
        else if (off || read[key] !== null) delete read[key];
      }
      return read;
    })];
  }
};

function wordFor(key) {
  const device = devices.find(d => d.mac === key);
  return device ? named(device) : key === 'off' ? 'Lanes off' : LANES[key] || key || 'any';
}

// As config.json: a field a line, a device or rule a line.
function pretty(config) {
  return '{\n' + Object.keys(config).map(key => {
    const value = config[key], list = Array.isArray(value) && typeof value[0] === 'object';
    return '  "' + key + '": ' + (list ? '[\n' + value.map(item => '    ' + JSON.stringify(item)).join(',\n') + '\n  ]' : JSON.stringify(value));
  }).join(',\n') + '\n}\n';
}

// Reading and comparing treats fields that are null or absent as the same.
const bare = value => JSON.parse(JSON.stringify(value, (key, v) => v === null ? undefined : v));
const differs = (a, b) => !same(bare(flat(a)), bare(flat(b)));

function changed() {
  if (!base) return false;
  try {
    return differs(base, read());
  } catch (e) {
    return true;
  }
}

function notice(text) {
  const node = find($('config'), '.notice');
  node.hidden = !text;
  put(node, text || '');
}

// Shows the configuration in force, or other values that are not saved yet.
function showSettings(values) {
  const fields = find($('config'), '.fields'), from = values || config;
  if (!values) {
    if (base === config && fields.firstChild) return;
    base = config;
    tag = etag;
    notice();
    $('conflict').hidden = true;
  }
  trouble($('config'));
  fill(fields);
  readers = [];
  put($('as-text'), asText ? 'Edit as form' : 'Edit as text');
  if (asText) {
    const area = el('textarea', {value: pretty(from), rows: 26, spellcheck: false, autocomplete: 'off'});
    fields.append(el('section', {className: 'card'}, label('config.json', area), area));
    readers.push({path: '', node: area, read: () => {
      try {
        return both(JSON.parse(area.value));
      } catch (e) {
        throw {text: e.message || 'expected JSON'};
      }
    }});
    return;
  }
  for (const [title, list] of FORM) {
    const card = el('section', {className: 'card'}, el('h2', {textContent: title}));
    for (const [path, kind, text, hint, more] of list) {
      const [nodes, read] = KINDS[kind](at(from, path), text, more), error = el('p', {className: 'error', id: 'e' + ids});
      const node = el('div', {className: 'field as-' + kind}, ...nodes, el('p', {className: 'hint', textContent: hint, id: 'h' + ids}), error);
      for (const input of node.querySelectorAll('input, select')) input.setAttribute('aria-describedby', 'h' + ids + ' ' + error.id);
      card.append(node);
      readers.push({path, node, error, read});
      ids++;
    }
    fields.append(card);
  }
  readers.from = from;
}

function read() {
  if (asText) return readers[0].read();
  const next = copy(readers.from);
  let bad = null;
  for (const reader of readers) {
    const path = reader.path.split('.'), key = path.pop();
    try {
      (path.length ? next[path[0]] : next)[key] = reader.read();
    } catch (e) {
      bad = bad || [reader, e];
    }
  }
  if (bad) throw {field: bad[0].path, text: bad[1].text};
  return next;
}

// Beside the field that it is about, which gets the focus.
function blame(e) {
  const about = (e.error || e).field || '', one = about && readers.find(r => r.error && about.startsWith(r.path));
  trouble($('config'), (e.error || !about ? '' : about + ': ') + e.text);
  if (!one) return;
  put(one.error, e.text);
  const place = /^\[(\d+)/.exec(about.slice(one.path.length));
  const input = find((place && one.node.querySelectorAll('.item')[place[1]]) || one.node, 'input, select');
  input.setAttribute('aria-invalid', 'true');
  input.focus();
}

async function sendConfig(next, match) {
  const done = await ask('PUT', 'config', next, {'If-Match': match || etag});
  await loadConfig();
  loadStatus();
  toast('In force' + (done.flows_marked ? ', ' + count(done.flows_marked) + ' open flows changed lanes' : '') + '. ' + clean(done.remark || ''));
}

async function save(next, match) {
  for (const reader of readers) {
    if (reader.error) put(reader.error, '');
    for (const input of reader.node.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
  }
  try {
    next = next || read();
    const before = base;
    // What was sent is what the form shall show when it comes back.
    base = null;
    try {
      await sendConfig(next, match || tag);
    } catch (e) {
      base = before;
      throw e;
    }
    showSettings();
  } catch (e) {
    if (e.code === 409) await conflict(next);
    else blame(e);
  }
}

onSubmit($('config'), () => changed() ? save() : toast('Nothing was changed.'));
$('revert').onclick = () => {
  base = null;
  asText = false;
  showSettings();
};
$('as-text').onclick = () => {
  let next;
  try {
    next = read();
  } catch (e) {
    return blame(e);
  }
  asText = !asText;
  try {
    showSettings(next);
  } catch (e) {
    asText = true;
    showSettings(next);
    trouble($('config'), 'The text lacks fields that the form shows. Save it as it is.');
  }
};

// -- comparing

// Each value by its path; devices by their address, rules by their number.
function flat(value, path, into) {
  into = into || {};
  if (value && typeof value === 'object' && !Array.isArray(value)) {
    for (const key of Object.keys(value)) flat(value[key], path ? path + '.' + key : key, into);
  } else if (Array.isArray(value) && value[0] && typeof value[0] === 'object') {
    value.forEach((item, place) => {
      const key = path + '[' + (path === 'devices' ? item.mac : place) + ']';
      into[key] = Object.keys(item).filter(k => item[k] !== null && !(path === 'devices' && k === 'mac')).sort()
        .map(k => k + ' ' + item[k]).join(', ');
    });
  } else if (!Array.isArray(value) || value.length || path === 'prioritize') {
    into[path] = value === null ? null : Array.isArray(value) ? value.slice().sort().join(', ') : value;
  }
  return into;
}

// A table of the paths at which some of the configurations differ.
function compared(titles, configs) {
  const flats = configs.map(config => flat(config)), paths = Object.keys(Object.assign({}, ...flats));
  const text = value => value === undefined || value === null ? '–' : clean(value);
  const found = paths.filter(path => flats.some(f => text(f[path]) !== text(flats[0][path])));
  if (!found.length) return el('p', {textContent: 'No difference.'});
  return el('div', {className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Differences'},
    el('table', {className: 'diff'}, el('thead', {}, el('tr', {}, ...['Value'].concat(titles).map(title => el('th', {scope: 'col', textContent: title})))),
      el('tbody', {}, ...found.map(path => {
        const device = devices.find(d => path === 'devices[' + d.mac + ']');
        return el('tr', {}, el('th', {scope: 'row', textContent: device ? named(device) : clean(path)}),
          ...flats.map(f => el('td', {textContent: text(f[path])})));
      }))));
}

// What was changed from base to mine, done to theirs.
function onto(base, mine, theirs) {
  const plain = value => value && typeof value === 'object' && !Array.isArray(value);
  if (same(base, mine)) return theirs;
  if (![base, mine, theirs].every(plain)) return mine;
  const result = Object.assign({}, theirs);
  for (const key of Object.keys(Object.assign({}, base, mine))) {
    const value = onto(base[key], mine[key], theirs[key]);
    if (value === undefined) delete result[key];
    else result[key] = value;
  }
  return result;
}

function byMac(config) {
  const devices = {};
  config.devices.forEach(device => { devices[device.mac] = device; });
  return Object.assign({}, config, {devices});
}

async function conflict(mine) {
  const before = base;
  config = both(await ask('GET', 'config'));
  const theirs = config, match = etag, box = $('conflict');
  fill(box.children[2], compared(['Before', 'Theirs, in force', 'Yours'], [before, theirs, mine]));
  box.hidden = false;
  box.focus();
  $('theirs').onclick = () => {
    base = null;
    showSettings();
    begins();
  };
  $('mine').onclick = () => {
    const next = onto(byMac(before), byMac(mine), byMac(theirs));
    next.devices = Object.keys(next.devices).map(mac => next.devices[mac]);
    box.hidden = true;
    base = theirs;
    save(next, match);
  };
}

// -- history

const showHistory = once(async () => {
  const {versions} = await ask('GET', 'config/history');
  // Versions are what flash has, which is written twice a minute at most.
  if (!versions.some(version => version.current)) versions.unshift({current: true});
  fill(find($('history'), 'tbody'), ...versions.map(version => el('tr', {},
    el('th', {scope: 'row', textContent: version.number || '–'}),
    el('td', {textContent: !version.number ? 'not on flash yet' : version.time === null ? 'the clock was not set' : new Date(version.time * 1000).toLocaleString()}),
    el('td', {className: 'rate', textContent: version.number ? count(version.bytes) : ''}),
    el('td', {}, version.current ? el('b', {textContent: 'in force'}) : el('button', {
      type: 'button', textContent: 'Compare', 'aria-label': 'Compare version ' + version.number, onclick: () => compare(version.number)
    })))));
});

async function compare(number) {
  const box = $('diff');
  try {
    const old = both(await ask('GET', 'config/history/' + number));
    fill(box, el('h2', {textContent: 'Version ' + number + ' and today'}), compared(['Version ' + number, 'In force'], [old, config]),
      el('p', {className: 'buttons'}, el('button', {type: 'button', className: 'main', textContent: 'Go back to version ' + number, onclick: async () => {
        try {
          await ask('POST', 'config/rollback', {number});
          fill(box);
          await Promise.all([loadConfig(), loadStatus()]);
          await showHistory();
          toast('Version ' + number + ' is in force again.');
        } catch (e) {
          toast(e.text);
        }
      }})));
    box.focus();
  } catch (e) {
    toast(e.text);
  }
}

// -- doctor

const showDoctor = once(async () => {
  const {findings} = await ask('GET', 'doctor');
  fill(find($('doctor'), 'ul'), ...findings.map(finding => el('li', {'data-tone': finding.good ? 'good' : 'doubt'},
    el('span', {className: 'unseen', textContent: finding.good ? 'good: ' : 'look: '}), el('b', {textContent: clean(finding.what)}), ' ',
    el('span', {textContent: clean(finding.found)}))));
});

// -- pages

const PAGES = {
  overview: () => {
    showDevices();
    draw();
  },
  guide: showGuide, settings: () => changed() || showSettings(), history: showHistory, doctor: showDoctor,
  flows: () => {
    options(find($('flows'), '[name=class]'), [['', 'All']].concat(SHAPED.concat('exempt').map(name => [name, LANES[name]])),
      find($('flows'), '[name=class]').value);
    if (find($('flows'), '[name=device]').value) find($('flows'), '.main').click();
  }
};

function route() {
  const asked = /^(?:#\/(\w*))?$/.exec(location.hash);
  if (!session.user || !config || !asked) return;
  view = Object.keys(PAGES).includes(asked[1]) ? asked[1] : 'overview';
  if (view === 'overview' && isNew()) view = 'guide';
  for (const name of Object.keys(PAGES)) $(name).hidden = name !== view;
  for (const link of $('nav').children) {
    if (link.hash === '#/' + (asked[1] || '')) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  PAGES[view]();
}

addEventListener('hashchange', () => {
  if (/^#\//.test(location.hash)) begins();
  route();
});

// -- colours

const system = matchMedia('(prefers-color-scheme: dark)');

function paint() {
  const wish = $('theme').value;
  document.documentElement.dataset.theme = wish || (system.matches ? 'dark' : 'light');
  for (const name of Object.keys(seen)) delete seen[name];
  draw();
}

// A browser may forbid to store.
try {
  $('theme').value = localStorage.getItem('theme') || '';
} catch (e) {}
$('theme').onchange = () => {
  try {
    localStorage.setItem('theme', $('theme').value);
  } catch (e) {}
  paint();
};
system.addListener(paint);
addEventListener('resize', draw);

paint();
setInterval(tick, 1000);
begin();

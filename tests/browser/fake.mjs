// A router that is none: speaks the page's contract (API, live socket, headers) from memory, so that the page can be tried in states that a
// real one is seldom in. Nothing here is shaped. `node fake.mjs [PORT]` starts one to look at.
//
// Must not: be kinder than the real one. What it refuses, it refuses in the same form.

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const ASSETS = fileURLToPath(new URL('../../src/web/assets/', import.meta.url));
const read = (name) => readFileSync(ASSETS + name, 'utf8');
/** A file of the page; its script is in parts. */
export const asset = (name) => (name === 'page.js' ? read('page/order.txt').trim().split('\n').map((part) => read(`page/${part}`)).join('') : read(name));
const STATIC = { '/': ['index.html', 'text/html'], '/page.js': ['page.js', 'text/javascript'], '/page.css': ['page.css', 'text/css'], '/icon.svg': ['icon.svg', 'image/svg+xml'] };
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const LANES = ['exempt', 'premium', 'express', 'small', 'standard', 'bulk'];
const CLASSES = ['exempt', 'premium', 'express', 'standard', 'bulk'];
const MARKS = { exempt: 100, premium: 10, express: 20, small: 0, standard: 30, bulk: 40 };
const TRIES_A_MINUTE = 10;

const crcTable = Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n >>> 0;
});

/** CRC-32 as in zlib, in hex. */
function crc(text) {
  let sum = 0xffffffff;
  for (const byte of Buffer.from(text)) sum = crcTable[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ((sum ^ 0xffffffff) >>> 0).toString(16).padStart(8, '0');
}

export const CONFIG = {
  version: 1,
  enabled: true,
  wan: { interface: 'auto', up_kbit: 970, down_kbit: 7600, link: 'pppoe-ptm', overhead: null, mpu: null, mss: 'pmtu', lower_mss: 'auto' },
  lan: 'auto',
  default_class: 'standard',
  shares: { premium: 75, express: 15, standard: 9, bulk: 1 },
  ceilings: { premium: 100, express: 100, standard: 100, bulk: 100 },
  devices: [
    { mac: '02:00:00:00:00:0b', name: 'television', class: 'bulk' },
    { mac: '02:00:00:00:00:0d', name: 'telephone', class: 'express' },
  ],
  rules: [{ name: 'calls', class: 'express', service: 'voip' }, { class: 'bulk', cidr: '192.168.1.0/28', proto: 'udp', ports: '22,8000-8100' }],
  prioritize: ['ack', 'syn', 'fin', 'rst', 'icmp', 'dns'],
  mark: { mask: '0x7f', shift: 0 },
  time_zone: 'auto',
  schedules: [{ days: 'sun-thu', from: '21:00', until: '06:00', mac: '02:00:00:00:00:0b', class: 'bulk' }],
  admin: { enabled: true, port: 8080, addresses: 'auto', names: [], connections: 64 },
};

const device = (mac, name, address, up, down, flows) => ({ mac: `02:00:00:00:00:${mac}`, name, addresses: address, flows, up, down, seen_s: 0 });

export const DEVICES = [
  device('0a', 'workstation', ['192.168.1.10', 'fd00::10'], 14, 22, 9),
  device('0b', 'television', ['192.168.1.20'], 96, 5210, 14),
  device('0c', 'laptop', ['192.168.1.21', 'fd00::21'], 420, 1640, 61),
  device('0d', 'telephone', ['192.168.1.30'], 0, 0, 2),
  device('0e', 'printer', ['192.168.1.40'], 0, 0, 0),
  device('0f', '', ['192.168.1.51'], 0, 3, 1),
  device('10', 'tablet', ['192.168.1.22', 'fd00::22'], 38, 310, 22),
  device('11', 'thermostat', ['192.168.1.60'], 1, 1, 1),
];

/** What is refused: a status, and the parts of what the core says; a message without such parts is all `found`. */
class Failure extends Error {
  constructor(code, expected, found = '', field = null) {
    super(expected);
    this.code = code;
    this.body = { error: { field, expected, found } };
  }
}

export class Fake {
  constructor({ password = 'correct horse', config = CONFIG, devices = DEVICES, steady = false } = {}) {
    this.password = password;
    this.config = structuredClone(config);
    this.devices = structuredClone(devices);
    this.steady = steady;
    this.history = [{ number: 11, time: 1794900000, config: { ...structuredClone(config), wan: { ...config.wan, up_kbit: 900 } } }, { number: 10, time: null, config: structuredClone(config) }];
    this.number = 12;
    this.state = 'on';
    this.reason = '';
    this.proven = [97, 98];
    this.saved = true;
    this.generation = 1;
    this.latency = [121, 31];
    /** What waits in a lane, ms up and down, if not as much as goes through it suggests. */
    this.queues = {};
    this.sessions = new Map();
    this.tries = [];
    /** Every request that changes something: method, path, headers, body. */
    this.changes = [];
    /** How many requests there were, and how many seconds were told. */
    this.asked = 0;
    this.ticks = 0;
    this.live = new Set();
    this.sockets = new Set();
  }

  async start(port = 0) {
    this.server = createServer((request, answer) => this.answer(request, answer));
    this.server.on('upgrade', (request, socket) => this.upgrade(request, socket));
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    await new Promise((done, fail) => this.server.once('error', fail).listen(port, '127.0.0.1', done));
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}/`;
    this.timer = setInterval(() => this.tick(), 1000);
    return this;
  }

  /** As a router that is restarted: connections break, sessions are gone unless they are kept. */
  async stop({ keep = false } = {}) {
    clearInterval(this.timer);
    if (!keep) this.sessions.clear();
    const closed = new Promise((done) => this.server.close(done));
    for (const socket of this.sockets) socket.destroy();
    this.live.clear();
    await closed;
  }

  /** After `stop`, where it was. */
  async reopen(port) {
    await this.start(port);
  }

  get tag() {
    return crc(JSON.stringify(this.config));
  }

  classOf(mac) {
    return this.config.devices.find((d) => d.mac === mac)?.class ?? null;
  }

  lanes() {
    const sums = LANES.map(() => [0, 0]);
    for (const one of this.devices) {
      const sum = sums[LANES.indexOf(this.classOf(one.mac) ?? this.config.default_class)];
      sum[0] += one.up;
      sum[1] += one.down;
    }
    sums[3] = [18, 12];
    return sums.map(([up, down], place) => [place, up, down, ...(this.queues[LANES[place]] ?? (place >= 4 ? [Math.round(up / 12), Math.round(down / 60)] : [0, 0]))]);
  }

  whole() {
    return {
      g: this.generation, m: this.devices.map((d) => d.mac), c: this.tag, s: this.state, r: this.reason, p: this.proven,
      n: [this.config.wan.up_kbit ?? 0, this.config.wan.down_kbit ?? 0], k: LANES, l: this.lanes(), d: this.devices.map((d, place) => [place, d.up, d.down]),
      t: this.latency, f: [812, 16384],
    };
  }

  /** Says what changed, as the core does. */
  tell(whole = false) {
    const now = this.whole();
    const was = this.told;
    this.told = structuredClone(now);
    let news = now;
    if (!whole && was && was.g === now.g) {
      const list = (key) => now[key].filter((item, place) => JSON.stringify(item) !== JSON.stringify(was[key][place]));
      news = {};
      for (const key of Object.keys(now)) {
        if (key === 'm' || key === 'k' || JSON.stringify(now[key]) === JSON.stringify(was[key])) continue;
        news[key] = key === 'l' || key === 'd' ? list(key) : now[key];
      }
      if (!Object.keys(news).length) return;
    }
    for (const socket of this.live) send(socket, 1, JSON.stringify(news));
  }

  tick() {
    this.ticks++;
    if (!this.steady) {
      const bend = (n) => (n < 5 ? n : Math.max(0, Math.round(n * (0.8 + Math.random() * 0.24))));
      for (const [place, one] of this.devices.entries()) {
        const usual = DEVICES[place] ?? one;
        one.up = bend(usual.up);
        one.down = bend(usual.down);
      }
      this.latency = [Math.round(90 + Math.random() * 60), 31];
    }
    this.tell();
  }

  headers(more = {}) {
    return { 'Content-Security-Policy': CSP, 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer', 'Cache-Control': 'no-cache', ...more };
  }

  session(request) {
    const key = /(?:^|; )lanemark=([0-9a-f]{32})/.exec(request.headers.cookie ?? '')?.[1];
    return key ? this.sessions.get(key) : undefined;
  }

  answer(request, answer) {
    this.asked++;
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url, this.url);
      const known = STATIC[url.pathname];
      if (known && request.method === 'GET') {
        const body = gzipSync(asset(known[0]), { level: 9 });
        answer.writeHead(200, this.headers({ 'Content-Type': `${known[1]}; charset=utf-8`, 'Content-Encoding': 'gzip' }));
        return answer.end(body);
      }
      try {
        const [code, body, more] = this.route(request, url, Buffer.concat(chunks).toString());
        if (code === 204) return answer.writeHead(204, this.headers(more)).end();
        answer.writeHead(code, this.headers({ 'Content-Type': 'application/json', ...more }));
        answer.end(JSON.stringify(body));
      } catch (failure) {
        if (!(failure instanceof Failure)) throw failure;
        answer.writeHead(failure.code, this.headers({ 'Content-Type': 'application/json' })).end(JSON.stringify(failure.body));
      }
    });
  }

  route(request, url, text) {
    const { method } = request;
    const path = decodeURIComponent(url.pathname).replace(/^\/api\/v1\//, '');
    const session = this.session(request);
    const open = path === 'session' || (path === 'password' && this.password === null);
    if (!session && !open) throw new Failure(401, 'a session');
    if (method !== 'GET') {
      this.changes.push({ method, path, headers: request.headers, body: text });
      if (request.headers['content-type'] !== 'application/json') throw new Failure(415, 'application/json');
      if (request.headers.origin !== this.url.slice(0, -1)) throw new Failure(403, 'a good Origin');
      if (session && request.headers['x-lanemark-token'] !== session.token) throw new Failure(403, 'the token of the session');
    }
    const body = text ? JSON.parse(text) : null;
    const [first, second, third] = path.split('/');
    const work = this[`${method} ${first}`];
    if (!work) throw new Failure(404, 'a known path');
    return work.call(this, { request, url, session, body, second, third });
  }

  sessionBody(session) {
    return { user: !!session, token: session?.token ?? null, first: this.password === null, address: '192.168.1.10' };
  }

  login() {
    const key = randomBytes(16).toString('hex');
    const session = { key, token: randomBytes(16).toString('hex') };
    this.sessions.set(key, session);
    return [200, this.sessionBody(session), { 'Set-Cookie': `lanemark=${key}; HttpOnly; SameSite=Strict; Path=/` }];
  }

  'GET session'({ session }) {
    return [200, this.sessionBody(session)];
  }

  'POST session'({ body }) {
    const now = Date.now();
    this.tries = this.tries.filter((at) => at > now - 60000);
    if (this.tries.length >= TRIES_A_MINUTE) throw new Failure(429, '', 'too many tries; try again in 60 s');
    this.tries.push(now);
    if (body.password !== this.password) throw new Failure(401, '', 'wrong password');
    return this.login();
  }

  'DELETE session'({ session }) {
    this.sessions.delete(session?.key);
    for (const socket of this.live) socket.destroy();
    return [204];
  }

  'PUT password'({ body }) {
    if (this.password !== null && body.current !== this.password) throw new Failure(403, '', 'wrong password');
    if (body.new.length < 8) throw new Failure(400, 'a password of 8 to 128 bytes', 'a shorter one');
    this.password = body.new;
    this.sessions.clear();
    return this.login();
  }

  'GET status'() {
    const share = (name, line) => (name === 'exempt' ? 0 : Math.round((line * (name === 'small' ? 4 : (this.config.shares.up ?? this.config.shares)[name])) / 100));
    const side = (place, name, line) => ({ interface: name, line_kbit: line, rate_kbit: this.lanes().reduce((a, l) => a + l[place], 0), proven_percent: this.proven[place - 1], leaf: 'fq_codel' });
    const line = (lane, place, rate) => ({ guarantee_kbit: share(LANES[lane[0]], rate), rate_kbit: lane[place], bytes: 0, packets: 0, dropped: 0, backlog_bytes: 0, delay_ms: lane[place + 2] });
    const { up_kbit: up, down_kbit: down } = this.config.wan;
    return [200, {
      state: this.state, reason: this.reason, version: '0.1.0', pid: 812, uptime_s: 4000, up: side(1, 'pppoe-wan', up ?? 0), down: side(2, 'br-lan', down ?? 0),
      classes: this.lanes().map((lane) => ({ class: LANES[lane[0]], mark: MARKS[LANES[lane[0]]], up: line(lane, 1, up ?? 0), down: line(lane, 2, down ?? 0) })),
      devices: this.devices.length, flows: 812, flows_max: 16384, saved: this.saved, config: this.tag,
    }];
  }

  'GET devices'() {
    return [200, {
      devices: this.devices.map((d) => ({
        name: this.config.devices.find((c) => c.mac === d.mac)?.name ?? d.name, mac: d.mac, addresses: d.addresses, class: this.classOf(d.mac), flows: d.flows, up_kbit: d.up, down_kbit: d.down, seen_s: d.seen_s,
      })),
    }];
  }

  'PUT devices'({ body, second }) {
    if (!this.devices.some((d) => d.mac === second)) throw new Failure(404, 'a device', second);
    if (body.class !== null && !CLASSES.includes(body.class)) throw new Failure(400, 'a class', body.class, 'class');
    const next = structuredClone(this.config);
    const own = next.devices.find((d) => d.mac === second);
    if (own) own.class = body.class;
    else next.devices.push({ mac: second, name: null, class: body.class });
    next.devices = next.devices.filter((d) => d.name || d.class);
    return this.change(next, this.devices.find((d) => d.mac === second));
  }

  change(next, one) {
    this.history.unshift({ number: this.number++, time: 1795000000, config: this.config });
    this.history.splice(8);
    this.config = next;
    this.state = next.enabled ? 'on' : 'off';
    this.reason = next.enabled ? '' : "'enabled' is false in the configuration";
    setTimeout(() => this.tell(), 20);
    return [200, { mac: one?.mac ?? '', name: one?.name ?? '', flows_marked: one?.flows ?? 0, saved: false, remark: '' }];
  }

  'GET flows'({ url }) {
    const flows = this.devices.flatMap((d) => Array.from({ length: d.flows }, (_, n) => ({
      proto: n % 4 ? 'tcp' : 'udp', src: d.addresses[n % 3 ? 0 : d.addresses.length - 1], sport: 40000 + n * 7, dst: n % 3 ? `203.0.113.${n + 1}` : `2001:db8::${n + 1}`,
      dport: [443, 53, 22, 8801][n % 4], device: d.name || d.mac, class: this.classOf(d.mac), mark: MARKS[this.classOf(d.mac)] ?? 0, bytes_out: 900 * (n + 1), bytes_back: 41000 * (n + 1) * (d.down + 1), mac: d.mac,
    })));
    const by = (name, of) => (flow) => !url.searchParams.get(name) || url.searchParams.get(name) === of(flow);
    return [200, { flows: flows.filter(by('device', (f) => f.mac)).filter(by('class', (f) => f.class)) }];
  }

  'GET doctor'() {
    return [200, { findings: [
      { what: 'HTB', good: true, found: 'there' }, { what: 'nf_tables', good: true, found: 'there' },
      { what: 'guarded rules', good: false, found: 'others can change our rules (needs Linux 6.9)' }, { what: 'fq_codel', good: true, found: 'there, in use: the best of those that are there' },
      { what: 'bypass', good: true, found: 'nothing known to carry packets past the lanes' },
    ] }];
  }

  'GET config'({ second, third }) {
    if (!second) return [200, this.config, { ETag: `"${this.tag}"` }];
    const size = (config) => JSON.stringify(config).length;
    if (!third) {
      const old = this.history.map(({ number, time, config }) => ({ number, time, bytes: size(config), current: false }));
      const now = this.saved ? [{ number: this.number, time: 1795000000, bytes: size(this.config), current: true }] : [];
      return [200, { versions: [...now, ...old] }];
    }
    const found = this.history.find((v) => String(v.number) === third);
    if (!found) throw new Failure(404, 'a version of the history', third);
    return [200, found.config];
  }

  'PUT config'({ request, body }) {
    const match = request.headers['if-match'];
    if (!match) throw new Failure(428, 'If-Match');
    if (match !== `"${this.tag}"`) throw new Failure(409, `the configuration ${this.tag}`, match);
    for (const field of ['up_kbit', 'down_kbit']) {
      const value = body.wan[field];
      if (!Number.isInteger(value) || value < 64 || value > 10000000) throw new Failure(400, 'a whole number from 64 to 10000000', JSON.stringify(value), `wan.${field}`);
    }
    for (const [place, rule] of body.rules.entries()) {
      if (Object.keys(rule).length < 2) throw new Failure(400, 'a condition', 'none', `rules[${place}]`);
    }
    return this.change(body);
  }

  'POST config'({ body }) {
    const found = this.history.find((v) => v.number === body.number);
    if (!found) throw new Failure(400, 'a version of the history', String(body.number), 'number');
    return this.change(structuredClone(found.config));
  }

  upgrade(request, socket) {
    this.sockets.add(socket);
    if (request.url !== '/api/v1/live' || !this.session(request)) return socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
    const key = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`);
    this.live.add(socket);
    const gone = () => this.live.delete(socket);
    socket.on('close', gone).on('error', gone);
    // The only frame of a client that matters here is its goodbye.
    socket.on('data', (bytes) => {
      if ((bytes[0] & 15) !== 8) return;
      gone();
      socket.end(Buffer.from([0x88, 0]));
    });
    send(socket, 1, JSON.stringify(this.whole()));
    this.told ??= structuredClone(this.whole());
  }
}

function send(socket, opcode, text) {
  const bytes = Buffer.from(text);
  const head = bytes.length < 126 ? Buffer.from([0x80 | opcode, bytes.length]) : Buffer.from([0x80 | opcode, 126, bytes.length >> 8, bytes.length & 255]);
  socket.write(Buffer.concat([head, bytes]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const fake = await new Fake().start(Number(process.argv[2] ?? 0));
  console.log(`${fake.url} (password: ${fake.password})`);
}

// A real router: that of the demo's house, under load, with its page on a port of this machine. Must not know what a case is about.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';

import { until } from './house.mjs';

/** Where `run` has had the programs built. */
const PROGRAMS = process.env.LANEMARK_PROGRAMS ?? '';
export const SERVER = '203.0.113.1';
export const WORKSTATION = { mac: '02:00:00:00:00:0a', address: '192.168.77.10' };
export const TV = { mac: '02:00:00:00:00:0b', address: '192.168.77.20' };
/** What the house has by default, Mbit/s. */
export const LINE = { down: '8', up: '1' };
/** Until the house stands, and until it is gone, ms. */
const STANDS_WITHIN = 60000;
const GONE_WITHIN = 10000;

const freePort = () => new Promise((done, fail) => {
  const server = createServer().once('error', fail).listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});

/** A program of the lab, until it says that all is there. */
async function lab(words, says) {
  // Root's house falls with this process, however it ends. (An ordinary user's signal is forgotten with the new user namespace.)
  const [first, ...rest] = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'TERM', `${PROGRAMS}/lanemark-lab`] : [`${PROGRAMS}/lanemark-lab`];
  const child = spawn(first, [...rest, ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
  const house = { child, said: '', ended: false };
  process.once('exit', () => house.ended || child.kill('SIGTERM'));
  child.stderr.on('data', (chunk) => { house.said = (house.said + chunk).slice(-16384); });
  child.on('error', (error) => Object.assign(house, { ended: true, said: String(error) }));
  child.on('exit', () => { house.ended = true; });
  try {
    await until(`a house that stands (${words.join(' ')})`, () => house.ended || house.said.includes(says), STANDS_WITHIN);
  } catch (error) {
    await end(house);
    throw error;
  }
  return house;
}

async function end(house) {
  if (house.ended) return;
  house.child.kill('SIGTERM');
  await until('the end of the house', () => house.ended, GONE_WITHIN).catch(() => house.child.kill('SIGKILL'));
}

export class Router {
  /** What this machine lacks for a house, or nothing. */
  static async lack() {
    if (!existsSync(`${PROGRAMS}/lanemark-lab`)) return 'needs cargo, to build lanemark-lab and lanemark';
    const house = await lab(['house', '--direct'], 'stays until');
    const lack = house.ended ? `no house can stand here: ${house.said.trim().split('\n').at(-1)}` : '';
    await end(house);
    return lack;
  }

  /** A house with a router; one that nobody has set up, if asked. */
  static async start({ isNew = false } = {}) {
    const router = new Router();
    const port = await freePort();
    router.url = `http://127.0.0.1:${port}/`;
    router.house = await lab(['demo', '--serve', '--port', port, '--lanemark', `${PROGRAMS}/lanemark`, ...(isNew ? ['--new'] : [])], 'lanemark\'s socket: ');
    if (router.house.ended) throw new Error(`the house does not stand: ${router.house.said}`);
    router.proc = /router .*--net=(\S+)\/ns\/net/.exec(router.house.said)[1];
    /** The session that cases share: passwords are tried ten times a minute. */
    router.state = undefined;
    return router;
  }

  /** Sets the password, if nobody has. */
  async secure(password) {
    const headers = { 'Content-Type': 'application/json', Origin: this.url.slice(0, -1) };
    const { first } = await (await fetch(`${this.url}api/v1/session`)).json();
    if (first) await fetch(`${this.url}api/v1/password`, { method: 'PUT', headers, body: JSON.stringify({ new: password, current: null }) });
  }

  async stop() {
    await end(this.house);
  }

  /** The marks of the open flows that a host has to the server, by the router's kernel. */
  marks({ address }) {
    const flows = readFileSync(`${this.proc}/net/nf_conntrack`, 'utf8').split('\n');
    const own = flows.filter((flow) => flow.includes(' ESTABLISHED ') && flow.includes(` src=${address} dst=${SERVER} `));
    return own.map((flow) => Number(/ mark=(\d+)/.exec(flow)[1]));
  }
}

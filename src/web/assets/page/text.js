'use strict';
// The admin page. Whatever comes from the router becomes text nodes or numbers; nothing is ever parsed as HTML.
// It is one script for the browser, in parts in the order of order.txt, which have one scope: what runs at once stands behind what it uses.
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

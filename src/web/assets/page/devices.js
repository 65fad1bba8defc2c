// The table of devices, and setting their lanes.

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

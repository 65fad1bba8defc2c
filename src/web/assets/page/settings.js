// The configuration as a form and as text.

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
    ['wan.lower_mss', 'whole', 'Largest TCP segment in Standard and Bulk', 'Bytes; auto is by the line’s rate, empty for no limit.', [536, 1460, 'auto']],
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
  whole(value, text, [min, max, word]) {
    const input = el('input', {inputMode: 'numeric', autocomplete: 'off', value: value === null || value === undefined ? '' : value});
    return [[label(text, input), input], () => {
      const given = input.value.trim();
      return !given ? null : given === word ? word : whole(given, min, max);
    }];
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

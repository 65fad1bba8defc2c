// Configurations side by side, and two that were changed at once.

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

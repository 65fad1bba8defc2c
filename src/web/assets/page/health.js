// Whether it works, how far that is proven, and the four numbers beside it.

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

// The graphs.

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

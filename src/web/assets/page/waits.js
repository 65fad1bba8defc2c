// What a packet of a device waits.

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

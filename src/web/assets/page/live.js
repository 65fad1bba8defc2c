// The live socket, and what was: one entry a second.

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

// Asking the router, and what is known by it.

const USUAL = {
  0: 'The router does not answer. It may be restarting.', 401: 'Please log in again.', 404: 'The router does not know that.',
  409: 'The configuration was changed meanwhile.', 429: 'Too many tries. Wait a minute, then try again.'
};

function said(code, error) {
  const {field, expected, found} = error || {};
  const what = (expected ? ['expected ' + expected] : []).concat(found ? (expected ? 'found ' : '') + found : []).join(', ');
  return what ? clean((field ? field + ': ' : '') + what) : USUAL[code] || 'The router refused (' + code + ').';
}

async function ask(method, path, body, more, second) {
  const headers = Object.assign({}, more), sent = {method, headers, credentials: 'same-origin', cache: 'no-cache'};
  if (method !== 'GET') {
    headers['Content-Type'] = 'application/json';
    if (session.token) headers['X-Lanemark-Token'] = session.token;
    if (body !== undefined) sent.body = JSON.stringify(body);
  }
  let answer, data = {};
  try {
    answer = await fetch('/api/v1/' + path, sent);
    if (answer.status !== 204) data = await answer.json();
  } catch (e) {
    // Error bodies may be empty.
    if (!answer || answer.ok) throw {code: 0, text: said(0)};
  }
  if (answer.ok) {
    if (path === 'config') etag = answer.headers.get('ETag') || etag;
    return data;
  }
  const code = answer.status, login = path === 'session';
  if (code === 403 && !second && !login) {
    // Another tab logged in: its session is ours too, but the token is new.
    const now = await ask('GET', 'session');
    if (now.user && now.token !== session.token) {
      session = now;
      return ask(method, path, body, more, true);
    }
  }
  if (code === 401 && !login) leave();
  throw {code, error: data.error, text: login && code === 401 ? 'Wrong password.' : said(code, data.error)};
}

// A call that is under way answers for those that come meanwhile, but for what changed since it began.
function once(work) {
  let running = null, more = false;
  return function again() {
    if (running) {
      more = true;
      return running;
    }
    running = work().catch(() => {}).then(() => {
      running = null;
      if (more) {
        more = false;
        return again();
      }
    });
    return running;
  };
}

let unsaved = 0;

const loadConfig = once(async () => {
  const found = await ask('GET', 'config');
  config = both(found);
  noteLanes();
  if (changed()) notice('The configuration was changed elsewhere. Saving shows both.');
  else if (view === 'settings') showSettings();
  showDevices();
  if (view === 'history') showHistory();
});
const loadDevices = once(async () => {
  devices = (await ask('GET', 'devices')).devices;
  for (const device of devices) device.use = device.up_kbit + device.down_kbit;
  showDevices();
  fillChoices();
});
const loadStatus = once(async () => {
  const before = status.saved;
  status = await ask('GET', 'status');
  if (view === 'history' && status.saved && before === false) showHistory();
  clearTimeout(unsaved);
  if (!status.saved && !document.hidden) unsaved = setTimeout(loadStatus, SAVE_ASK_MS);
  showLanes();
  showHealth();
});

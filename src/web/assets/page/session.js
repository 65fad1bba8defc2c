// Who may see the page: passwords, sessions, and where it begins.

function gate() {
  const form = $('gate'), first = session.first;
  put($('gate-title'), first ? 'Choose a password' : 'Log in');
  put(find(form, 'button'), first ? 'Set password' : 'Log in');
  $('gate-text').hidden = $('gate-again').hidden = !first;
  form.again.required = first;
  form.password.autocomplete = first ? 'new-password' : 'current-password';
  form.password.minLength = first ? 8 : 0;
  form.hidden = false;
  form.password.focus();
}

// The session is over: the page begins anew, and nothing of the home stays in it.
function leave() {
  unwatch();
  location.reload();
}

async function enter(found) {
  session = found;
  $('gate').hidden = true;
  $('gate').reset();
  $('nav').hidden = $('logout').hidden = false;
  await Promise.all([loadConfig(), loadStatus(), loadDevices()]);
  if (!session.user) return;
  route();
  watch();
}

let tries = 0, timer = 0;

function later(work) {
  clearTimeout(timer);
  timer = setTimeout(work, Math.min(15000, 500 * Math.pow(2, tries++)) * (0.75 + Math.random() / 2));
}

async function begin() {
  try {
    const found = await ask('GET', 'session');
    tries = 0;
    if (found.user) return enter(found);
    session = found;
    gate();
  } catch (e) {
    if (!$('toasts').firstChild) toast(e.text);
    later(begin);
  }
}

function trouble(form, text) {
  put(find(form, '[role=alert]'), text || '');
}

function onSubmit(form, work) {
  form.onsubmit = async event => {
    event.preventDefault();
    trouble(form);
    const button = find(form, 'button:not([type=button])');
    button.setAttribute('aria-busy', 'true');
    try {
      await work(form);
    } catch (e) {
      trouble(form, e.text || String(e));
    }
    button.removeAttribute('aria-busy');
  };
}

onSubmit($('gate'), async form => {
  const password = form.password.value;
  if (session.first && password !== form.again.value) throw {text: 'The two passwords differ.'};
  const found = session.first ? await ask('PUT', 'password', {new: password, current: null})
    : await ask('POST', 'session', {password});
  await enter(found);
  begins();
});

onSubmit($('password'), async form => {
  if (form.new.value !== form.again.value) throw {text: 'The two passwords differ.'};
  session = await ask('PUT', 'password', {new: form.new.value, current: form.current.value});
  form.reset();
  toast('The password is changed. Other sessions are logged out.');
});

$('logout').onclick = async () => {
  await ask('DELETE', 'session').catch(() => {});
  leave();
};

// Earlier configurations.

const showHistory = once(async () => {
  const {versions} = await ask('GET', 'config/history');
  // Versions are what flash has, which is written twice a minute at most.
  if (!versions.some(version => version.current)) versions.unshift({current: true});
  fill(find($('history'), 'tbody'), ...versions.map(version => el('tr', {},
    el('th', {scope: 'row', textContent: version.number || '–'}),
    el('td', {textContent: !version.number ? 'not on flash yet' : version.time === null ? 'the clock was not set' : new Date(version.time * 1000).toLocaleString()}),
    el('td', {className: 'rate', textContent: version.number ? count(version.bytes) : ''}),
    el('td', {}, version.current ? el('b', {textContent: 'in force'}) : el('button', {
      type: 'button', textContent: 'Compare', 'aria-label': 'Compare version ' + version.number, onclick: () => compare(version.number)
    })))));
});

async function compare(number) {
  const box = $('diff');
  try {
    const old = both(await ask('GET', 'config/history/' + number));
    fill(box, el('h2', {textContent: 'Version ' + number + ' and today'}), compared(['Version ' + number, 'In force'], [old, config]),
      el('p', {className: 'buttons'}, el('button', {type: 'button', className: 'main', textContent: 'Go back to version ' + number, onclick: async () => {
        try {
          await ask('POST', 'config/rollback', {number});
          fill(box);
          await Promise.all([loadConfig(), loadStatus()]);
          await showHistory();
          toast('Version ' + number + ' is in force again.');
        } catch (e) {
          toast(e.text);
        }
      }})));
    box.focus();
  } catch (e) {
    toast(e.text);
  }
}

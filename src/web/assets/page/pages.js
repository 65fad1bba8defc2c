// Which page is shown, and when it begins.

const PAGES = {
  overview: () => {
    showDevices();
    draw();
  },
  guide: showGuide, settings: () => changed() || showSettings(), history: showHistory, doctor: showDoctor,
  flows: () => {
    options(find($('flows'), '[name=class]'), [['', 'All']].concat(SHAPED.concat('exempt').map(name => [name, LANES[name]])),
      find($('flows'), '[name=class]').value);
    if (find($('flows'), '[name=device]').value) find($('flows'), '.main').click();
  }
};

function route() {
  const asked = /^(?:#\/(\w*))?$/.exec(location.hash);
  if (!session.user || !config || !asked) return;
  view = Object.keys(PAGES).includes(asked[1]) ? asked[1] : 'overview';
  if (view === 'overview' && isNew()) view = 'guide';
  for (const name of Object.keys(PAGES)) $(name).hidden = name !== view;
  for (const link of $('nav').children) {
    if (link.hash === '#/' + (asked[1] || '')) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  PAGES[view]();
}

addEventListener('hashchange', () => {
  if (/^#\//.test(location.hash)) begins();
  route();
});

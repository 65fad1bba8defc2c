// The first run: three answers, and the lanes are on.

// Kbit/s of what was typed, or none.
function kbits(text, factor) {
  const number = Number(text.trim().replace(',', '.')), kbit = Math.round(number * factor);
  return text.trim() && kbit >= RATE_MIN && kbit <= RATE_MAX ? kbit : null;
}

const wished = form => [['down', SHARE_DOWN], ['up', SHARE_UP]]
  .map(([name, share]) => kbits(form[name].value, form[name + '-unit'].value * share));

$('guide').oninput = () => {
  const [down, up] = wished($('guide'));
  put($('guide-rates'), down && up ? 'lanemark will use ' + count(down) + ' kbit/s down (95 %) and ' + count(up) + ' kbit/s up (97 %).' : '');
};

onSubmit($('guide'), async form => {
  const [down, up] = wished(form);
  if (!down || !up) {
    form[down ? 'up' : 'down'].focus();
    throw {text: 'Expected a speed of 0.07 to 10,000 Mbit/s for the ' + (down ? 'upload.' : 'download.')};
  }
  const next = copy(config), mac = form.device.value;
  Object.assign(next, {enabled: true});
  Object.assign(next.wan, {down_kbit: down, up_kbit: up, link: form.link.value});
  if (mac) {
    const own = next.devices.find(d => d.mac === mac);
    if (own) own.class = 'premium';
    else next.devices.push({mac, name: null, class: 'premium'});
  }
  await sendConfig(next);
  await loadStatus();
  route();
  begins();
});

$('guide-skip').onclick = () => {
  skipped = true;
  route();
};

const hasLine = () => config.wan.up_kbit && config.wan.down_kbit;
const isNew = () => config && !skipped && !config.enabled && !hasLine();

function showGuide() {
  options($('guide').link, LINKS, config.wan.link);
  const side = way => (status[way] || {}).interface;
  put($('guide-found'), side('up') && side('down') ? 'Found by itself: ' + clean(side('up')) + ' is the line, '
    + clean(side('down')) + ' the home.' : clean(status.reason || ''));
}

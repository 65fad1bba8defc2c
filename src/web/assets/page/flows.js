// The flows.

$('flows').onsubmit = async event => {
  event.preventDefault();
  const form = find($('flows'), 'form'), note = find($('flows'), '[role=status]'), body = find($('flows'), 'tbody');
  const query = ['device', 'class'].filter(name => form[name].value).map(name => name + '=' + encodeURIComponent(form[name].value));
  const port = Number(form.port.value);
  put(note, 'Asking …');
  try {
    let flows = (await ask('GET', 'flows' + (query.length ? '?' + query.join('&') : ''))).flows;
    if (form.port.value.trim()) flows = flows.filter(flow => flow.sport === port || flow.dport === port);
    const size = flow => flow.bytes_out + flow.bytes_back;
    flows.sort((a, b) => size(b) - size(a));
    const end = (address, port) => clean(address.includes(':') && port ? '[' + address + ']' : address) + (port ? ':' + port : '');
    fill(body, ...flows.slice(0, FLOWS_SHOWN).map(flow => el('tr', {'data-lane': flow.class || (config || {}).default_class},
      el('td', {textContent: clean(flow.device)}), el('td', {className: 'wide', textContent: end(flow.src, flow.sport)}),
      el('td', {textContent: end(flow.dst, flow.dport)}), el('td', {className: 'wide', textContent: clean(flow.proto)}),
      el('td', {}, el('span', {className: 'dot', textContent: LANES[flow.class] || 'Default', title: 'mark=' + flow.mark})),
      el('td', {className: 'rate wide', textContent: bytes(flow.bytes_out)}), el('td', {className: 'rate', textContent: bytes(flow.bytes_back)}))));
    put(note, count(flows.length) + (flows.length === 1 ? ' flow' : ' flows')
      + (flows.length > FLOWS_SHOWN ? ', the largest ' + FLOWS_SHOWN + ' shown.' : '.'));
  } catch (e) {
    put(note, e.text || String(e));
  }
};

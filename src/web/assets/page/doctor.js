// What the doctor finds.

const showDoctor = once(async () => {
  const {findings} = await ask('GET', 'doctor');
  fill(find($('doctor'), 'ul'), ...findings.map(finding => el('li', {'data-tone': finding.good ? 'good' : 'doubt'},
    el('span', {className: 'unseen', textContent: finding.good ? 'good: ' : 'look: '}), el('b', {textContent: clean(finding.what)}), ' ',
    el('span', {textContent: clean(finding.found)}))));
});

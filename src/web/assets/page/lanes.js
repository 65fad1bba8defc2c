// The table of lanes.

function showLanes() {
  const body = find($('lanes'), 'tbody'), names = live.k || [];
  names.forEach((name, place) => {
    let row = body.children[place];
    if (!row || row.dataset.lane !== name) {
      row = el('tr', {'data-lane': name}, el('th', {scope: 'row', textContent: LANES[name] || clean(name)}));
      for (let i = 0; i < 6; i++) row.append(el('td'));
      if (body.children[place]) body.children[place].replaceWith(row);
      else body.append(row);
    }
    const now = live.l[place] || [place, 0, 0, 0, 0], lane = (status.classes || []).find(c => c.class === name) || {};
    const least = side => lane[side] && lane[side].guarantee_kbit ? rate(lane[side].guarantee_kbit) : '–';
    const wait = delay => delay ? count(delay) : '0';
    [rate(now[2]), least('down'), wait(now[4]), rate(now[1]), least('up'), wait(now[3])]
      .forEach((text, i) => put(row.children[i + 1], text));
  });
  put($('lanes-note'), 'Rates in ' + unit() + ', waits in ms. What a lane does not use is lent to the others, from the top.');
}

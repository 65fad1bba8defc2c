// Light and dark; then all begins.

const system = matchMedia('(prefers-color-scheme: dark)');

function paint() {
  const wish = $('theme').value;
  document.documentElement.dataset.theme = wish || (system.matches ? 'dark' : 'light');
  for (const name of Object.keys(seen)) delete seen[name];
  draw();
}

// A browser may forbid to store.
try {
  $('theme').value = localStorage.getItem('theme') || '';
} catch (e) {}
$('theme').onchange = () => {
  try {
    localStorage.setItem('theme', $('theme').value);
  } catch (e) {}
  paint();
};
system.addListener(paint);
addEventListener('resize', draw);

paint();
setInterval(tick, 1000);
begin();

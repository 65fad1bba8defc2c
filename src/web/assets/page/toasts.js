// What was done, and the way back.

function toast(text, undo) {
  const box = el('div', {className: 'toast'}, el('span', {textContent: text})), gone = () => box.remove();
  let timer = setTimeout(gone, TOAST_MS);
  if (undo) {
    box.append(el('button', {type: 'button', textContent: 'Undo', onclick: () => {
      gone();
      undo();
    }}));
  }
  box.append(el('button', {type: 'button', className: 'close', textContent: '×', 'aria-label': 'Dismiss', onclick: gone}));
  // Who reads or reaches for it has time.
  box.onmouseenter = () => clearTimeout(timer);
  box.addEventListener('focusin', box.onmouseenter);
  box.onmouseleave = () => { timer = setTimeout(gone, TOAST_MS); };
  while ($('toasts').children.length > 2) $('toasts').firstChild.remove();
  $('toasts').append(box);
}

// Beginning: once the tab is opened for the first time.
const ready = (async () => {
  const found = await call('inside_begin', {visit: visit()});
  if (!found.words) { for (const one of element.querySelectorAll('p')) one.hidden = !one.matches('.failed'); return; }
  ({words, groups} = found);
  parts.first = found.first;
  build();
})();
new ResizeObserver(() => { if (S.found && element.checkVisibility()) fit(); }).observe(element);
element.addEventListener('imgen:enter', event => enter(event.detail.query, event.detail.path, event.detail.mask));
element.dataset.room = 'inside';
setTimeout(() => { if (!entered) enter(''); }, 150);  // an address would have said by now

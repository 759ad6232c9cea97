// What a visitor made stays through a change of language or a reload.  The window's own storage, which ends with it and which no
// other window reads, holds where on the server the files lie; there they are bounded and swept, and what has gone is not shown.
const {task, first, source} = element.querySelector('[data-task]').dataset, KEY = `imgen ${task}`, LEFT = 'imgen left';
const read = () => { try { return JSON.parse(sessionStorage.getItem(KEY)) ?? {}; } catch { return {}; } };
const stay = (window.imgenStay ??= {})[task] = {
  kept: {},
  keep(choice, pictures) {
    try { sessionStorage.setItem(KEY, JSON.stringify({choice, pictures})); } catch {}  // no room, or forbidden
  },
};
window.imgenAddress ??= location.search;  // as it was when the page was opened: what it says comes first
const query = new URLSearchParams(window.imgenAddress);
const addressed = (query.get('tab') ?? first) === task;
const chosen = search => {  // what an address says of the model and its knobs
  const said = new URLSearchParams(search);
  for (const key of ['language', 'large', 'hide', 'folds', 'lesson', 'run']) said.delete(key);
  said.sort();
  return String(said);
};
const left = (() => { try { return sessionStorage.getItem(LEFT); } catch { return null; } })();
const files = value => !value || typeof value !== 'object' ? [] : value.path ? [value] : Object.values(value).flatMap(files);
const lies = file => fetch(file.url, {method: 'HEAD'}).then(answer => answer.ok, () => false);
(async () => {
  const kept = read();
  if (addressed && (query.has('run') || query.has('example'))) return;
  const elsewhere = addressed && query.has('card') && chosen(window.imgenAddress) !== left;  // no reload: a link
  if (addressed && query.has('card')) delete kept.choice;
  if (elsewhere && kept.pictures) kept.pictures = source ? kept.pictures.slice(0, 1) : undefined;  // a result of other knobs
  if (kept.pictures && !(await Promise.all(files(kept.pictures).map(lies))).every(Boolean)) delete kept.pictures;
  stay.kept = kept;
  for (let n = 0; n < 200 && kept.choice?.[0]?.startsWith('own-') && !window.imgenKept?.known; n++) await new Promise(later => setTimeout(later, 50));
  if (kept.choice) trigger('resume');
  else if (kept.pictures) trigger('pictured');
})();
if (!window.imgenDrops) {  // where nothing takes a picture that is dropped, the browser would leave the page for it
  window.imgenDrops = true;
  addEventListener('pagehide', () => { try { sessionStorage.setItem(LEFT, chosen(location.search)); } catch {} });
  for (const name of ['dragover', 'drop'])
    addEventListener(name, event => { if (event.dataTransfer?.types.includes('Files')) event.preventDefault(); });
}

// What a visitor made stays through a change of language or a reload.  The window's own storage, which ends with it and which no
// other window reads, holds where on the server the files lie; there they are bounded and swept, and what has gone is not shown.
const {task, number} = element.querySelector('[data-task]').dataset, KEY = `imgen ${task}`;
const read = () => { try { return JSON.parse(sessionStorage.getItem(KEY)) ?? {}; } catch { return {}; } };
const stay = (window.imgenStay ??= {})[task] = {
  kept: {},
  keep(choice, pictures) {
    try { sessionStorage.setItem(KEY, JSON.stringify({choice, pictures})); } catch {}  // no room, or forbidden
  },
};
window.imgenAddress ??= location.search;  // as it was when the page was opened: what it says comes first
const query = new URLSearchParams(window.imgenAddress);
const addressed = [task, number].includes(query.get('tab') ?? '0');
const files = value => !value || typeof value !== 'object' ? [] : value.path ? [value] : Object.values(value).flatMap(files);
const lies = file => fetch(file.url, {method: 'HEAD'}).then(answer => answer.ok, () => false);
(async () => {
  const kept = read();
  if (addressed && (query.has('run') || query.has('example'))) return;
  if (addressed && query.has('card')) delete kept.choice;
  if (kept.pictures && !(await Promise.all(files(kept.pictures).map(lies))).every(Boolean)) delete kept.pictures;
  stay.kept = kept;
  if (kept.choice || kept.pictures) trigger('resume');
})();
if (!window.imgenDrops) {  // where nothing takes a picture that is dropped, the browser would leave the page for it
  window.imgenDrops = true;
  for (const name of ['dragover', 'drop'])
    addEventListener(name, event => { if (event.dataTransfer?.types.includes('Files')) event.preventDefault(); });
}

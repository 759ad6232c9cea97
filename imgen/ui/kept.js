// What a visitor has trained stands in the pickers of this window, through a reload and a change of language (kept.py).
// `imgenKept.visit` is the name of this window's visit, which the server is told with what it is to keep, or to look into.
const KEY = 'imgen kept', random = () => [...crypto.getRandomValues(new Uint8Array(16))].map(n => n.toString(16).padStart(2, '0')).join('');
const read = () => { try { return JSON.parse(sessionStorage.getItem(KEY)) ?? {}; } catch { return {}; } };
const page = random();
let waiting = [];
const kept = window.imgenKept = {
  visit: read().visit ?? random(),
  known: false,  // whether the server has told what this window has
  shown(visit) {
    kept.visit = visit;
    kept.known = true;
    try { sessionStorage.setItem(KEY, JSON.stringify({visit})); } catch {}  // no room, or forbidden
    for (const done of waiting.splice(0)) done();
  },
  add: () => new Promise(done => {  // after the server has kept one: the pickers have it once this is fulfilled
    waiting.push(done);
    trigger('keep', {visit: kept.visit, page});
  }),
};
addEventListener('pagehide', () => {  // a page that is going may no longer wait for an answer
  if (!kept.known || !read().visit) return;
  const id = Number(element.querySelector('[data-id]').dataset.id);
  const call = {component_id: id, fn_name: 'kept_left', session_hash: page.slice(0, 11), data: {visit: kept.visit, page}};
  navigator.sendBeacon('gradio_api/component_server', new Blob([JSON.stringify(call)], {type: 'application/json'}));
});
addEventListener('pageshow', event => { if (event.persisted && read().visit) kept.add(); });
if (read().visit) kept.add();
else kept.known = true;

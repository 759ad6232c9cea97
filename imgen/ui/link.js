// What the address says is opened, and the address follows what is chosen.  Its grammar is link.py's.
const known = TABLE;
const FRAME = ['lesson', 'folds', 'hide', 'large', 'language'];  // say nothing of the model
const root = document.documentElement;
const state = {};  // tab -> the query of what is chosen there, since somebody touched it
const pending = {};  // tab -> what an address asked to run, until there is a result
const heard = {};  // tab -> what its status said last
let opens = 0;  // addresses that were opened
let busy = 0;  // how many addresses are being opened: what changes by that is not chosen by anybody
let touched = true;  // by a hand, since an address was opened: only then what changes is somebody's choice
let seen = location.search;
const carried = {};  // a picture of the visitor's own and a painted mask that went to another tab, and with which address

const tabs = () => [...document.querySelectorAll('.tabs > .tab-wrapper [role=tab][data-tab-id]')];
const current = () => (tabs().find(tab => tab.ariaSelected === 'true') ?? tabs()[0])?.dataset.tabId;
const bench = name => document.querySelector(`.bench-${CSS.escape(name ?? '')}`);
const table = name => JSON.parse(bench(name)?.querySelector('.listener [data-table]')?.dataset.table ?? 'null');
const status = name => bench(name)?.querySelector('.pictures .status-line .status');
const own = query => (query.get('card') ?? '').startsWith('own-');  // a network of the visitor's: nobody else can open it
function shared(query) {  // without what only this visitor can open
  if (own(query)) for (const key of [...query.keys()]) if (!['tab', ...FRAME].includes(key)) query.delete(key);
  return query;
}
const listed = (query, key) => (query.get(key) ?? '').split(',').filter(Boolean);
const string = query => String(query).replaceAll('%2C', ',');
const until = async (found, most = 60000) => {  // a page is drawn part by part, on a slow machine for long
  for (const end = Date.now() + most; Date.now() < end; await new Promise(later => setTimeout(later, 50))) {
    const one = found();
    if (one) return one;
  }
};

// What is chosen, and what is shown.
const choice = query => string([...new URLSearchParams(query)].filter(([key]) => ![...FRAME, 'run'].includes(key) && !key.startsWith('__'))
  .map(pair => pair.join('=')).sort().join('&'));
const shown = name => {
  const now = status(name);
  return now?.dataset.query ? {query: now.dataset.query, own: 'own' in now.dataset, ran: 'ran' in now.dataset} : null;
};
const fold = (name, key) => [...(bench(name)?.querySelectorAll(known.folds[key]) ?? [])][0];
const isOpen = one => one && (one.matches('details') ? one.open : Boolean(one.querySelector(':scope > .label-wrap.open')));

function told(name) {  // the query of a tab as it stands now
  const result = shown(name), chosen = state[name] ?? result?.query ?? `tab=${name}`;
  const query = shared(new URLSearchParams(chosen)), now = new URLSearchParams(location.search), still = choice(chosen);
  if (isOpen(fold(name, 'lesson'))) query.set('lesson', 1);
  const open = Object.keys(known.folds).filter(key => !['lesson', 'models'].includes(key) && isOpen(fold(name, key)));
  if (open.length) query.set('folds', open);
  if (now.get('hide')) query.set('hide', now.get('hide'));
  if ('large' in root.dataset) query.set('large', 1);
  query.set('language', root.dataset.language);
  if (!own(new URLSearchParams(chosen)) && (pending[name] === still || (result?.ran && !result.own && choice(result.query) === still))) query.set('run', 1);
  return query;
}

function follow() {
  clearTimeout(follow.later);
  const name = current();
  if (busy || !name) return;
  const query = told(name), before = new URLSearchParams(location.search);
  const bare = !before.has('tab'), first = name === tabs()[0].dataset.tabId;
  if (bare && first && (!state[name] || choice(state[name]) === choice(shown(name)?.query ?? '')) && !shown(name)?.ran
      && !query.has('lesson') && !query.has('folds')) return;  // nobody has touched anything
  for (const [key, value] of before) if (key.startsWith('__')) query.set(key, value);  // Gradio's own: the theme
  const search = '?' + string(query);
  if (search === location.search) return;
  const changed = choice(query) !== choice(before);
  const another = before.get('tab') !== name || before.get('card') !== query.get('card');
  const result = shown(name), seenHere = Boolean(result && !result.own && choice(result.query) === choice(query));
  const left = bare || history.state?.result;  // a result, to which one may want to come back
  const push = changed && (another || left) && touched;
  history[push ? 'pushState' : 'replaceState']({result: seenHere}, '', search);
  seen = location.search;
}
const soon = (wait = 200) => { clearTimeout(follow.later); follow.later = setTimeout(follow, wait); };

document.addEventListener('imgen:chosen', event => {  // the values of the picker, of the picture, of the knobs
  const name = event.target.dataset.task, [card, ...values] = event.detail;
  const {order, cards = {}, seeds, takes, pictures} = table(name) ?? {};
  if (!cards[card]) { state[name] = string(new URLSearchParams({tab: name, card})); return soon(); }
  const query = new URLSearchParams({tab: name, card});
  for (const [word, [knob, paths]] of Object.entries(pictures)) {
    const words = [values[order.indexOf(knob)] ?? []].flat().map(one => paths[one.path ?? one.image?.path]);
    if (takes[card].includes(knob) && words.length && !words.includes(undefined)) query.set(word, words);
  }
  for (const [knob, usual] of Object.entries(cards[card])) {
    const value = String(values[order.indexOf(knob)] ?? '');
    if (value !== usual || seeds.includes(knob)) query.set(knob, value);
  }
  state[name] = string(query);
  soon();
});
document.addEventListener('imgen:at', event => {  // a tab without a bench says itself where one is
  state[event.detail.name] = event.detail.query;
  soon();
});
document.addEventListener('imgen:said', event => {  // a run has ended: the address is that of its result
  const name = event.target.dataset.task, result = shown(name), words = status(name)?.outerHTML;
  if (words === heard[name]) return;  // it was only drawn once more: a new run has just begun
  heard[name] = words;
  if (result?.ran) state[name] = result.query;
  if (!result?.ran && !status(name)?.matches('.failed, .stopped')) return;
  delete pending[name];
  soon(50);
});
document.addEventListener('imgen:applied', () => {
  if (!busy) return;  // an example or a lesson's link: somebody's choice
  busy = Math.max(0, busy - 1);
  soon(400);
});
document.addEventListener('toggle', () => soon(), true);
for (const kind of ['pointerdown', 'keydown', 'input', 'drop', 'paste'])
  document.addEventListener(kind, event => { touched ||= event.isTrusted; }, true);

// Opening.
async function select(name) {  // a tab that is only just drawn does not listen yet
  await until(() => {
    const tab = tabs().find(one => one.dataset.tabId === name);
    if (tab?.ariaSelected !== 'true') tab?.click();
    return tab?.ariaSelected === 'true';
  });
}

async function opened(name, key) {  // one that is only just drawn may close again
  const one = await until(() => fold(name, key)), end = Date.now() + 3000;
  do {
    if (one && !isOpen(one)) one.matches('details') ? one.open = true : one.querySelector(':scope > .label-wrap')?.click();
    await new Promise(later => setTimeout(later, 150));
  } while (!touched && Date.now() < end);
}

async function open(search, again = false) {  // again: a result was seen there, it is made anew
  const query = new URLSearchParams(search);
  if (again) query.set('run', 1);
  const mine = opens += 1;
  seen = location.search;
  busy += 1;
  touched = false;
  let handed = false;
  try {
    await until(() => tabs().length);
    const name = tabs().map(tab => tab.dataset.tabId).includes(query.get('tab')) ? query.get('tab') : tabs()[0].dataset.tabId;
    await select(name);
    const room = () => document.querySelector(`[data-room="${CSS.escape(name)}"]`);
    const place = await until(() => room() ?? (bench(name)?.matches('[data-task]') && table(name) && bench(name)));
    if (!place) return;
    if (place === room()) {
      const {path, mask} = carried.search === location.search ? carried : {path: '', mask: ''};
      return place.dispatchEvent(new CustomEvent('imgen:enter', {detail: {query: string(query), path, mask}}));
    }
    const knobs = new Set(['card', 'example', 'painting', 'run', ...Object.values(table(name).cards).flatMap(Object.keys)]);
    if ([...query.keys()].some(key => knobs.has(key))) {
      const run = query.get('run') === '1';
      state[name] = string(new URLSearchParams([['tab', name], ...[...query].filter(([key]) => knobs.has(key) && key !== 'run')]));
      if (run) pending[name] = choice(state[name]);
      place.dispatchEvent(new CustomEvent('imgen:open', {detail: {preset: '?' + string(query), run}}));
      handed = true;
      setTimeout(() => { busy = 0; }, 20000);  // should the server not answer
    }
    const names = listed(query, 'folds');
    if (query.get('lesson') === '1') names.push('lesson');
    until(() => !handed || !busy, 20000).then(() => {  // a lesson that is opened before its card is set is that of the card before
      if (mine === opens) for (const key of names) if (Object.hasOwn(known.folds, key)) opened(name, key);
    });
    if (query.get('lesson') === '1') study(place, null);
  } finally {
    if (!handed) {
      busy = Math.max(0, busy - 1);
      soon();
    }
  }
}

function start(search) {  // an address of ours, without loading the page anew; what is hidden stays so
  const query = new URLSearchParams(search), before = new URLSearchParams(location.search);
  for (const [key, value] of before)
    if (!query.has(key) && (['hide', 'large', 'language'].includes(key) || key.startsWith('__'))) query.set(key, value);
  history.pushState(null, '', '?' + string(query));
  dress();
  open(location.search);
}
document.addEventListener('click', event => {
  const link = event.target.closest('a[href^="?tab="]');
  if (link && !link.lang && !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.shiftKey && !link.target) {
    event.preventDefault();
    start(link.getAttribute('href'));
    scrollTo({top: 0});
  }
  if (event.target.closest('.label-wrap')) setTimeout(() => {
    for (const place of document.querySelectorAll('.bench.studying')) place.classList.toggle('studying', isOpen(place.querySelector('.lesson')));
    soon(0);
  }, 50);
});
document.addEventListener('click', async event => {  // "look inside": the card and the picture of the result that is shown
  const place = event.target.closest('.bench button.look-inside')?.closest('.bench');
  if (!place) return;
  const painted = place.querySelector('.painting') && await window.paintedNow?.();
  const result = shown(place.dataset.task), query = new URLSearchParams(result?.query ?? state[place.dataset.task] ?? '');
  if (!query.has('card')) query.set('card', place.querySelector('.picker input:checked')?.value ?? '');
  query.set('tab', 'inside');
  query.delete('run');
  const own = result?.own && place.querySelector('.source img')?.src.split('/file=')[1];
  start('?' + string(query));
  Object.assign(carried, {
    search: location.search, path: own ? decodeURIComponent(own) : '', mask: painted?.layers[0].path ?? '',
  });
  scrollTo({top: 0});
});
addEventListener('popstate', event => {
  if (location.search === seen) return;  // only what follows a "#"
  dress();
  const name = tabs()[0]?.dataset.tabId;
  open(new URLSearchParams(location.search).has('tab') ? location.search : `?tab=${name}&run=1`, event.state?.result);
});

// What is left out, and large type.
function dress() {
  const query = new URLSearchParams(location.search), ids = tabs().map(tab => tab.dataset.tabId);
  const places = {...known.folds, ...known.parts};
  const place = name => Object.hasOwn(places, name) ? places[name]
    : ids.includes(name) ? `.tabs > .tab-wrapper [data-tab-id="${name}"]` : /^[a-z][a-z_]*$/.test(name) ? `.choice .knob-${name}` : '';
  const hidden = listed(query, 'hide').map(place).filter(Boolean);
  sheet.textContent = hidden.length ? `${hidden.join(', ')} { display: none !important; }` : '';
  root.toggleAttribute('data-large', query.get('large') === '1');
  const left = ids.filter(id => !listed(query, 'hide').includes(id));
  if (!query.has('tab') && left.length && !left.includes(ids[0])) select(left[0]);
}
const sheet = document.head.appendChild(document.createElement('style'));
addEventListener('keydown', event => {
  if (event.key !== 'L' || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest?.('input:not([type=radio], [type=checkbox], [type=range]), textarea, select, [contenteditable=true]')) return;
  root.toggleAttribute('data-large');
  const query = new URLSearchParams(location.search);
  'large' in root.dataset ? query.set('large', 1) : query.delete('large');
  history.replaceState(null, '', query.size ? '?' + string(query) : location.pathname);
  seen = location.search;
});

// A lesson with its result beside it; on a phone above it (page.css).
function study(place, anchor) {
  const before = anchor?.getBoundingClientRect().top;
  place.classList.add('studying');
  if (!anchor) return;
  const narrow = matchMedia('(max-width: 900px)').matches;
  const free = narrow ? place.querySelector('.right').offsetHeight + 90 : 24;
  scrollBy({top: anchor.getBoundingClientRect().top - Math.max(before, free), behavior: 'instant'});
}
document.addEventListener('click', event => {
  const link = event.target.closest('.bench .lesson a.preset');
  if (link) study(link.closest('.bench'), link);
}, true);

// Copy link: the address of the result that is shown, for others; a panel with a code to photograph and a frame to embed.
function linked(name) {
  const result = shown(name), query = told(name);
  const all = new URLSearchParams(result ? result.query : state[name] ?? `tab=${name}`), ours = own(all);
  shared(all);
  for (const key of FRAME) if (query.has(key)) all.set(key, query.get(key));
  if (result && !result.own && !ours) all.set('run', 1);
  const space = document.referrer.match(/^https:\/\/huggingface\.co\/spaces\/[\w.-]+\/[\w.-]+/)?.[0];
  return {link: (space ?? location.origin + location.pathname) + '?' + string(all), own: Boolean(result?.own), ours,
    frame: location.origin + location.pathname + '?' + string(all)};
}

async function copied(text, field) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {  // a plain http address, as in a classroom, may not use it
    field.select();
    return document.execCommand('copy');
  }
}
document.addEventListener('click', async event => {
  const button = event.target.closest('.bench button.copy-link, .share button');
  if (!button) return;
  const place = button.closest('.bench'), panel = place.querySelector('.share .panel'), embed = panel.contains(button);
  if (!embed && !panel.hidden) {
    panel.hidden = true;
    return button.setAttribute('aria-expanded', false);
  }
  if (!embed) {
    const {link, own, ours, frame} = linked(place.dataset.task);
    panel.querySelector('.address').value = link;
    panel.querySelector('.frame').value = `<iframe src="${frame.replaceAll('&', '&amp;')}" title="imgen" width="100%" height="900" style="border: 0"></iframe>`;
    panel.querySelector('.is-own').hidden = !own || ours;
    panel.querySelector('.is-kept').hidden = !ours;
    panel.querySelector('.is-local').hidden = !/^(localhost|127\.|\[::1\])/.test(location.hostname);
    panel.hidden = false;
    button.setAttribute('aria-expanded', true);
    panel.dispatchEvent(new CustomEvent('imgen:qr', {bubbles: true, detail: link}));
  }
  const field = panel.querySelector(embed ? '.frame' : '.address'), done = await copied(field.value, field);
  panel.querySelector('.copied').hidden = !done;
  panel.querySelector('.not-copied').hidden = done;
  panel.scrollIntoView({block: 'nearest'});
});

for (const link of element.querySelectorAll('nav a'))
  link.addEventListener('click', () => {  // the theme and all that was chosen stay
    const query = told(current());
    for (const [key, value] of new URLSearchParams(location.search)) if (key.startsWith('__')) query.set(key, value);
    query.set('language', link.lang);
    link.href = '?' + string(query);
  });

until(() => tabs().length).then(() => {
  dress();
  new MutationObserver(() => soon(50)).observe(document.querySelector('.tabs > .tab-wrapper'), {
    subtree: true, attributes: true, attributeFilter: ['aria-selected'],
  });
  if (new URLSearchParams(location.search).has('tab')) open(location.search);
});

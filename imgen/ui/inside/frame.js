// The tab "Inside": a network opened, and one number followed through it.  What only the server knows it asks through `server`
// (inspecting.py); the two tools below, sizes and kernels of one's own, need none.  Places are (y, x) in a layer's own pixels.
const STEP = 400, STEPS = 120;  // milliseconds between two steps of the window that slides by itself; then it rests
const STAGE = 230, PICTURE = 256;  // pixels of a map on the stage; of a picture in the browser
const TILES = 64;  // maps in a sheet
const ANEW = 1500;  // milliseconds after which a network that is gone is opened again
const S = {token: '', card: '', layers: [], layer: 0, channel: 0, y: 0, x: 0, order: 'strongest', scale: 'map', zoom: 0, view: 'net', example: 0, path: '', mask: '', knobs: {}, trail: []};
let words = {}, groups = [], turn = 0, opening = null, latestToken = '', look = 0, playing = 0, entered = false;

// Small things.
const W = (key, facts = {}) => (words[`inside_${key}`] ?? key).replace(/{(\w+)}/g, (_, name) => facts[name] ?? '…').replace(/([万亿]) /g, '$1');
const count = n => Number(n ?? 0).toLocaleString(root.dataset.language === 'zh' ? 'zh-CN' : 'en-US', {notation: n >= 10000 ? 'compact' : 'standard', maximumFractionDigits: 1});
const minus = text => text.replaceAll('-', '−');
function show(v) {  // four digits
  if (v === null || v === undefined) return '–';
  if (!Number.isFinite(v)) return String(v);
  const size = Math.abs(v);
  if (v === 0) return '0';
  return minus(size < 1e-3 || size >= 1e5 ? v.toExponential(2) : String(Number(v.toPrecision(4))));
}
const time = seconds => seconds < 1 ? W('ms', {count: show(Number((1000 * seconds).toPrecision(2)))}) : W('s', {count: show(Number(seconds.toPrecision(2)))});
const brief = v => v === 0 || Math.abs(v) >= 1e3 || Math.abs(v) < 5e-4 ? minus(v === 0 ? '0' : v.toExponential(0)) : minus(String(Number(Math.abs(v) >= 10 ? v.toPrecision(3) : v.toFixed(Math.abs(v) >= 1 ? 2 : 3))));
const option = (value, text, chosen) => el('option', {value, text, selected: value === chosen});
const labelled = (text, control) => el('label', {}, el('span', {text}), control);
const loaded = url => new Promise((done, failed) => {
  const image = new Image();
  image.onload = () => done(image);
  image.onerror = failed;
  image.src = url;
});
function latest(work) {  // one at a time; who asks meanwhile is answered once more at the end, by what is then chosen
  let busy = null, more = false;
  return () => {
    more = true;
    busy ??= (async () => { while (more) { more = false; await work(); } })().finally(() => { busy = null; });
    return busy;
  };
}
const sharp = canvas => { const ctx = canvas.getContext('2d'); ctx.imageSmoothingEnabled = false; return ctx; };
// Colours of a number: warm above zero, cool below.
const tint = (v, most) => v === null || !most ? 'transparent' : `color-mix(in srgb, ${v < 0 ? 'var(--cool)' : 'var(--warm)'} ${Math.round(70 * Math.min(1, Math.abs(v) / most))}%, transparent)`;
const accent = () => getComputedStyle(element).getPropertyValue('--mark').trim() || '#0f766e';

let room, status, parts = {};
function say(text, failed = false) {
  status.textContent = text;
  status.classList.toggle('failed', failed);
}
async function call(name, data) {
  try {
    return await server[name](data);
  } catch {
    return {error: W('lost')};
  }
}
async function ask(what, more = {}) {
  const {token} = S, found = await call('inside_ask', {what, token, ...more});
  if (token !== S.token) return null;  // of a network that was left meanwhile
  if (found.error === W('gone') && room.hasAttribute('aria-busy')) return null;  // another one is on its way
  if (found.error === W('gone') && Date.now() - S.opened > ANEW) {  // others needed its room: it is opened again, at this very place
    S.opened = Date.now();
    open(S.card, {layer: S.layer, channel: S.channel, y: S.y, x: S.x});
    return null;
  }
  if (found.error) { say(found.error, true); stop(); return null; }
  if (status.classList.contains('failed') && S.summary) say(S.summary);
  return found;
}

// The frame, built once the words are here.
function build() {
  room = el('div', {class: 'room'});
  status = el('p', {class: 'said', role: 'status'});
  const views = el('div', {class: 'views', role: 'group', 'aria-label': W('views')}, ...['net', 'sizes', 'kernel'].map(
    view => button(W(`view_${view}`), () => { turnTo(view); at(); }, {data: {view}})));
  room.append(views, buildNet(), buildSizes(), buildKernel());
  element.replaceChildren(room);
  turnTo(S.view);
}
function turnTo(view) {
  S.view = ['net', 'sizes', 'kernel'].includes(view) ? view : 'net';
  stop();
  for (const one of room.querySelectorAll('.views button')) one.setAttribute('aria-pressed', one.dataset.view === S.view);
  for (const one of room.querySelectorAll(':scope > section')) one.hidden = one.dataset.view !== S.view;
  if (S.view === 'sizes') sizes.draw();
  if (S.view === 'kernel') own.open();
  if (S.view === 'net' && S.token) fit();
}

// What the address says: the card's own knobs, and where one looks.
function at() {
  const query = new URLSearchParams({tab: 'inside', card: S.card, ...S.knobs});
  const entry = cardOf(S.card);
  if (entry?.pictures && !S.path) query.set('example', S.example);
  if (S.view !== 'net') query.set('view', S.view);
  if (S.layers.length) {
    query.set('layer', S.layer);
    query.set('at', [S.channel, S.y, S.x]);
  }
  doc.dispatchEvent(new CustomEvent('imgen:at', {detail: {name: 'inside', query: String(query)}}));
}
const cardOf = name => groups.flatMap(group => group.cards).find(card => card.name === name);
const groupOf = name => groups.find(group => group.cards.some(card => card.name === name));
const natural = (text, usual = 0) => /^\d{1,6}$/.test(text ?? '') ? Number(text) : usual;

async function enter(search, path = '', mask = '') {
  entered = true;
  await ready;
  if (!words.inside_tab) return;
  const query = new URLSearchParams(search), frame = ['tab', 'card', 'example', 'layer', 'at', 'view', 'run', 'lesson', 'folds', 'hide', 'large', 'language'];
  const knobs = Object.fromEntries([...query].filter(([key]) => !frame.includes(key) && !key.startsWith('__')).slice(0, 30));
  const card = query.get('card') || S.card || parts.first;
  turnTo(query.get('view') ?? 'net');
  const [channel, y, x] = (query.get('at') ?? '').split(',').map(one => natural(one, null));
  const where = {layer: query.has('layer') ? natural(query.get('layer')) : null, channel, y, x};
  const example = natural(query.get('example'));
  const same = S.token && S.card === card && S.example === example && S.path === path && S.mask === mask && JSON.stringify(S.knobs) === JSON.stringify(knobs);
  if (path !== S.path) S.file = null;
  Object.assign(S, {example, path, mask, knobs});
  same ? choose(where.layer ?? S.layer, where) : await open(card, where);
}

// The tab "Inside": a network opened, and one number followed through it.  What only the server knows it asks through `server`
// (inspecting.py); the two tools below, sizes and kernels of one's own, need none.  Places are (y, x) in a layer's own pixels.
const STEP = 400, STEPS = 120;  // milliseconds between two steps of the window that slides by itself; then it rests
const STAGE = 230, PICTURE = 256;  // pixels of a map on the stage; of a picture in the browser
const TILES = 64;  // maps in a sheet
const doc = document, root = doc.documentElement;
const S = {token: '', card: '', layers: [], layer: 0, channel: 0, y: 0, x: 0, order: 'strongest', scale: 'map', zoom: 0, view: 'net', example: 0, path: '', mask: '', knobs: {}, trail: []};
let words = {}, groups = [], turn = 0, look = 0, playing = 0, entered = false;

// Small things.
const W = (key, facts = {}) => (words[`inside_${key}`] ?? key).replace(/{(\w+)}/g, (_, name) => facts[name] ?? '…').replace(/([万亿]) /g, '$1');
const clamp = (v, low, high) => Math.min(high, Math.max(low, v));
const count = n => Number(n ?? 0).toLocaleString(root.dataset.language === 'zh' ? 'zh-CN' : 'en-US', {notation: n >= 10000 ? 'compact' : 'standard', maximumFractionDigits: 1});
const minus = text => text.replace('-', '−');
function show(v) {  // four digits
  if (v === null || v === undefined) return '–';
  if (!Number.isFinite(v)) return String(v);
  const size = Math.abs(v);
  if (v === 0) return '0';
  return minus(size < 1e-3 || size >= 1e5 ? v.toExponential(2) : String(Number(v.toPrecision(4))));
}
const time = seconds => seconds < 1 ? W('ms', {count: show(Number((1000 * seconds).toPrecision(2)))}) : W('s', {count: show(Number(seconds.toPrecision(2)))});
const brief = v => v === 0 || Math.abs(v) >= 1e3 || Math.abs(v) < 5e-4 ? minus(v === 0 ? '0' : v.toExponential(0)) : minus(String(Number(Math.abs(v) >= 10 ? v.toPrecision(3) : v.toFixed(Math.abs(v) >= 1 ? 2 : 3))));
function el(name, settings = {}, ...inner) {
  const one = doc.createElement(name);
  for (const [key, value] of Object.entries(settings)) {
    if (key.startsWith('on')) one.addEventListener(key.slice(2), value);
    else if (key === 'data') Object.assign(one.dataset, value);
    else if (key === 'text') one.textContent = value;
    else if (value === true) one.setAttribute(key, '');
    else if (value !== false && value !== null && value !== undefined) one.setAttribute(key, value);
  }
  one.append(...inner.filter(part => part !== null && part !== undefined));
  return one;
}
const button = (text, act, more = {}) => el('button', {type: 'button', text, onclick: act, ...more});
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

// Opening.
async function open(card, where = {}) {
  const mine = ++turn;
  if (card.startsWith('own-') && !cardOf(card)) await again();
  const entry = cardOf(card);
  stop();
  S.card = card;
  S.trail = [];
  chooser();
  room.setAttribute('aria-busy', 'true');
  say(W('opening', {title: entry?.title ?? card}));
  const found = await call('inside_open', {card, example: S.example, path: S.path, mask: S.mask, knobs: S.knobs, token: S.token, visit: visit()});
  if (mine !== turn) return;
  room.removeAttribute('aria-busy');
  if (found.error) return say(found.error, true);
  Object.assign(S, {token: found.token, layers: found.layers, totals: found.totals, input: found.input, picture: found.picture, zoom: 0, sheets: {}});
  S.image = found.picture ? await loaded(found.picture) : null;
  own.offer();
  const {totals} = found;
  S.summary = W('totals', {title: found.title, layers: found.layers.length, parameters: count(totals.parameters), macs: count(totals.macs), time: time(totals.seconds)});
  say(S.summary);
  strip();
  const first = found.layers.find(one => ['conv2d', 'conv_transpose2d'].includes(one.kind)) ?? found.layers[0];
  await choose(where.layer === null || where.layer === undefined ? first.id : where.layer, where);
}
function chooser() {
  const entry = cardOf(S.card), group = groupOf(S.card);
  parts.card.value = entry ? S.card : '';
  const pictured = Boolean(entry?.pictures), examples = group?.examples ?? [];
  parts.pictures.hidden = !pictured;
  parts.examples.replaceChildren(...(pictured ? examples : []).map((one, n) => el('button', {
    type: 'button', class: 'thumb', 'aria-pressed': String(!S.path && n === S.example), 'aria-label': one.name, title: one.name,
    onclick: () => { S.path = S.mask = ''; S.example = n; open(S.card, {layer: S.layer, channel: S.channel}); },
  }, el('img', {src: one.url, alt: ''}))));
  parts.mine.hidden = !S.path;
  parts.seed.hidden = !entry?.seeded;
}
const visit = () => window.imgenKept?.visit ?? '';  // whose own networks may be opened
const offered = () => groups.map(group => el('optgroup', {label: group.title}, ...group.cards.map(card => option(card.name, card.title))));
async function again() {  // one that was trained since then
  const found = await call('inside_begin', {visit: visit()});
  if (!found.groups) return;
  groups = found.groups;
  parts.card.replaceChildren(...offered());
}
function buildNet() {
  parts.card = el('select', {onchange: () => { S.example = 0; S.path = S.mask = ''; S.knobs = {}; open(parts.card.value); }}, ...offered());
  parts.file = el('input', {type: 'file', accept: 'image/*', hidden: true, onchange: () => bring(parts.file.files[0])});
  parts.examples = el('span', {class: 'thumbs'});
  parts.mine = el('span', {class: 'mine', text: W('own'), hidden: true});
  parts.pictures = el('div', {class: 'pictures-in', role: 'group', 'aria-label': W('picture')}, el('span', {class: 'name', text: W('picture')}), parts.examples,
    button(W('upload'), () => parts.file.click(), {class: 'upload'}), parts.file, parts.mine);
  parts.seed = button(W('seed'), () => { S.knobs = {...S.knobs, seed: String(Math.floor(Math.random() * 2 ** 31))}; open(S.card, {layer: S.layer, channel: S.channel}); }, {class: 'seed'});
  parts.strip = el('div', {class: 'strip', role: 'listbox', 'aria-label': W('layers'), 'aria-orientation': 'horizontal', onkeydown: stripKeys});
  const main = el('div', {class: 'main'}, buildSheet(), buildNumber());
  return el('section', {class: 'net', data: {view: 'net'}},
    el('div', {class: 'choosing'}, labelled(W('card'), parts.card), parts.pictures, parts.seed), status, parts.strip, main);
}
async function bring(file) {
  parts.file.value = '';
  if (!file) return;
  try {
    const {path} = await upload(file);
    S.path = path;
    S.mask = '';
    S.file = file;
  } catch {
    return say(W('lost'), true);
  }
  open(S.card, {layer: S.layer, channel: S.channel});
}

// The strip of layers.
const shape = one => one.join('×');
const terms = ['stride', 'padding', 'dilation', 'groups'];
function described(layer) {  // the engine's description, its words in the visitor's language
  let text = layer.of ?? '';
  for (const term of terms) text = text.replace(term, W(term).toLowerCase());
  for (const name of [layer.kind, layer.function]) if (name && (text === name || text.startsWith(name + ' ') || text.startsWith(name + ','))) text = text.slice(name.length).replace(/^, */, '');
  if (layer.kind === 'pixel_shuffle') text = text.replace(/\d/, '×$&');
  return root.dataset.language === 'zh' ? text.trim().replaceAll(', ', '，') : text.trim();
}
const kindOf = layer => words[`inside_kind_${layer.kind}`] ?? layer.kind;
function titleOf(layer) {
  return kindOf(layer) + (layer.function && ['activation', 'norm', 'other', 'reshape'].includes(layer.kind) ? ` (${layer.function})` : '');
}
function strip() {
  parts.strip.replaceChildren(...S.layers.map(layer => {
    const facts = [layer.parameters ? W('parameters', {count: count(layer.parameters)}) : '', layer.macs ? W('macs', {count: count(layer.macs)}) : ''].filter(Boolean);
    const field = layer.field === null || layer.field === undefined ? '' : layer.whole ? W('receptive_all') : W('receptive', {count: layer.field});
    const percent = 100 * (layer.share ?? 0);
    return el('div', {role: 'option', id: `inside-layer-${layer.id}`, tabindex: -1, class: `layer kind-${layer.kind}`, data: {layer: layer.id}, onclick: () => choose(layer.id)},
      el('b', {text: titleOf(layer)}), el('span', {class: 'of', text: described(layer)}), el('code', {text: layer.name}),
      el('span', {class: 'shapes', text: `${layer.in?.length ? layer.in.map(shape).join(' + ') + ' → ' : ''}${shape(layer.out)}`}),
      ...facts.map(text => el('span', {class: 'fact', text})), el('span', {class: 'fact', text: field}),
      el('span', {class: 'fact', text: percent >= 0.05 ? W('share', {percent: percent.toFixed(1)}) : ''}),
      el('span', {class: 'share', 'aria-hidden': 'true', style: `--share: ${percent}%`}));
  }));
}
function stripKeys(event) {
  const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, PageDown: 8, PageUp: -8}[event.key];
  const now = S.layers.findIndex(one => one.id === S.layer);
  const next = event.key === 'Home' ? 0 : event.key === 'End' ? S.layers.length - 1 : step ? clamp(now + step, 0, S.layers.length - 1) : -1;
  if (next < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  choose(S.layers[next].id);
  parts.strip.querySelector('[tabindex="0"]')?.focus({preventScroll: true});
}

// A layer, its maps as one sheet.
const layerOf = id => S.layers.find(one => one.id === id);
function sizeOf(layer) {  // [channels, height, width]
  const out = layer.out.slice(-3);
  if (out.length === 3) return out;
  return out.length === 2 ? [1, ...out] : [out[0] ?? 1, 1, 1];
}
async function choose(id, where = {}) {
  if (!S.layers.length) return;
  const layer = layerOf(id) ?? S.layers[0], mine = ++look;
  const [channels, height, width] = sizeOf(layer);
  stop();
  S.layer = layer.id;
  const given = where.channel !== null && where.channel !== undefined;
  Object.assign(S, {channel: clamp(given ? where.channel : 0, 0, channels - 1), y: clamp(where.y ?? height >> 1, 0, height - 1), x: clamp(where.x ?? width >> 1, 0, width - 1)});
  for (const one of parts.strip.children) {
    const chosen = Number(one.dataset.layer) === layer.id;
    one.setAttribute('aria-selected', chosen);
    one.tabIndex = chosen ? 0 : -1;
    if (chosen) parts.strip.scrollTo({left: one.offsetLeft - parts.strip.clientWidth / 2 + one.offsetWidth / 2, behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth'});
  }
  parts.title.textContent = [titleOf(layer), described(layer)].filter(Boolean).join(' · ');
  parts.kernels.hidden = !['conv2d', 'conv_transpose2d'].includes(layer.kind);
  parts.kernels.open = false;
  const found = await sheet(layer.id);
  if (!found || mine !== look) return;
  if (!given && found.channels.length) {  // where most is to be seen
    S.channel = found.channels[0];
    [S.y, S.x] = [where.y ?? found.peak[0], where.x ?? found.peak[1]];
  }
  S.zoom = 0;
  await drawSheet(found);
  statistics(layer.id);
  await number();
  at();
}
async function sheet(id, order = S.order, scale = S.scale, limit = TILES) {
  const key = `${S.token} ${id} ${order} ${scale} ${limit}`;
  S.sheets ??= {};
  if (!S.sheets[key]) {
    const found = await ask('maps', {layer: id, order, scale, limit});
    if (!found) return null;
    found.image = await loaded(found.png);
    if (Object.keys(S.sheets).length > 24) S.sheets = {};
    S.sheets[key] = found;
  }
  return S.sheets[key];
}
function buildSheet() {
  const chooseOrder = el('select', {onchange: () => { S.order = chooseOrder.value; again(); }}, ...['strongest', 'given'].map(one => option(one, W(`order_${one}`))));
  const chooseScale = el('select', {onchange: () => { S.scale = chooseScale.value; again(); }}, ...['map', 'layer', 'net'].map(one => option(one, W(`scale_${one}`))));
  parts.fieldBox = el('div', {class: 'field-view after'});
  parts.fieldText = el('p', {class: 'fact after'});
  parts.heat = el('input', {type: 'checkbox', checked: true, onchange: () => drawField()});
  parts.heatLine = el('label', {class: 'check after'}, parts.heat, el('span', {text: W('heat')}));
  parts.title = el('h3', {});
  parts.shown = el('p', {class: 'fact'});
  parts.canvas = el('canvas');
  parts.tile = el('i', {class: 'tile'});
  parts.spot = el('i', {class: 'spot'});
  parts.sheet = el('div', {class: 'sheet', tabindex: 0, role: 'application', 'aria-label': W('sheet'), onkeydown: moveKeys, onclick: pick, onpointermove: hover,
    onpointerleave: () => { parts.under.textContent = here(S); }}, parts.canvas, parts.tile, parts.spot);
  parts.scroll = el('div', {class: 'scroll', onwheel: event => { if (event.ctrlKey) { event.preventDefault(); zoom(event.deltaY < 0 ? 1.25 : 0.8); } }}, parts.sheet);
  parts.under = el('p', {class: 'under'});
  parts.statistics = el('p', {class: 'fact statistics'});
  parts.kernelSheet = el('canvas', {tabindex: 0, role: 'img', onclick: pickKernel});
  parts.kernelAbout = el('p', {class: 'fact'});
  const whole = (name, low) => el('input', {type: 'number', min: 0, step: 1, value: low, class: name, onchange: kernelNumbers});
  parts.kernelTo = whole('to', 0);
  parts.kernelFrom = whole('from', 0);
  parts.kernelTable = el('div', {class: 'kernel-numbers'});
  parts.kernels = el('details', {class: 'kernels after', ontoggle: () => { if (parts.kernels.open) kernels(); }}, el('summary', {text: W('kernels')}), parts.kernelAbout,
    el('div', {class: 'scroll'}, parts.kernelSheet), el('p', {class: 'tools'}, labelled(W('kernel_from'), parts.kernelFrom), labelled(W('kernel_to'), parts.kernelTo)), parts.kernelTable);
  return el('div', {class: 'maps'}, parts.title, el('div', {class: 'tools'}, labelled(W('order'), chooseOrder), labelled(W('scale'), chooseScale),
    el('span', {class: 'zooms'}, button('−', () => zoom(0.8), {'aria-label': W('smaller')}), button('+', () => zoom(1.25), {'aria-label': W('bigger')}))),
  parts.scroll, parts.under, parts.shown, parts.statistics, el('h3', {class: 'after', text: W('field')}), parts.fieldBox, parts.fieldText, parts.heatLine, parts.kernels);
}
async function again() {
  const found = await sheet(S.layer);
  if (found) { await drawSheet(found); mark(); }
}
async function drawSheet(found) {
  S.found = found;
  const {image} = found;
  [parts.canvas.width, parts.canvas.height] = [image.naturalWidth, image.naturalHeight];
  sharp(parts.canvas).drawImage(image, 0, 0);
  const [height, width] = found.side;
  parts.shown.textContent = found.channels.length < found.count ? W('maps_some', {shown: found.channels.length, count: found.count}) : W('maps_all', {count: found.count, height, width});
  fit();
}
function fit() {
  if (!S.found) return;
  if (!S.zoom) {
    const [height, width] = S.found.side;
    const whole = (parts.scroll.clientWidth - 4) / parts.canvas.width || 1;
    S.zoom = clamp(Math.max(whole, 26 / Math.max(height, width)), 0.2, 24 / Math.sqrt(Math.max(1, Math.min(height, width) / 4)));
    if (parts.canvas.width * S.zoom > parts.scroll.clientWidth && whole * Math.max(height, width) > 20) S.zoom = whole;
  }
  parts.canvas.style.width = `${parts.canvas.width * S.zoom}px`;
  parts.canvas.style.height = `${parts.canvas.height * S.zoom}px`;
  mark();
}
function zoom(factor) {
  S.zoom = clamp(S.zoom * factor, 0.1, 64);
  fit();
}
function corner(index) {  // of a map in the sheet's own pixels
  const {columns, side: [height, width], gap} = S.found;
  return [Math.floor(index / columns) * (height + gap), (index % columns) * (width + gap)];
}
function mark() {
  const index = S.found?.channels.indexOf(S.channel) ?? -1;
  parts.tile.hidden = parts.spot.hidden = index < 0;
  if (index < 0) return;
  const [top, left] = corner(index), [height, width] = S.found.side, z = S.zoom;
  parts.tile.style.cssText = `top: ${top * z}px; left: ${left * z}px; width: ${width * z}px; height: ${height * z}px`;
  const side = Math.max(z, 5);
  parts.spot.style.cssText = `top: ${(top + S.y + 0.5) * z - side / 2}px; left: ${(left + S.x + 0.5) * z - side / 2}px; width: ${side}px; height: ${side}px`;
}
function pointed(event) {  // which value of which map lies under the pointer
  const box = parts.canvas.getBoundingClientRect(), {columns, side: [height, width], gap, channels} = S.found;
  const x = (event.clientX - box.x) / S.zoom, y = (event.clientY - box.y) / S.zoom;
  const column = Math.floor(x / (width + gap)), row = Math.floor(y / (height + gap));
  const place = {channel: channels[row * columns + column], y: Math.floor(y - row * (height + gap)), x: Math.floor(x - column * (width + gap))};
  return column >= 0 && column < columns && place.channel !== undefined && place.y >= 0 && place.x >= 0 && place.y < height && place.x < width ? place : null;
}
const here = ({channel, y, x, value}) => W('here', {channel, y, x, value: show(value)});
let hovering = 0;
function hover(event) {
  if (event.pointerType === 'touch' || !S.found) return;
  const place = pointed(event);
  clearTimeout(hovering);
  if (place && !playing) hovering = setTimeout(async () => {
    const found = await call('inside_ask', {what: 'value', token: S.token, layer: S.layer, ...place});
    if (!found.error) parts.under.textContent = here({...place, value: found.value});
  }, 60);
}
function pick(event) {
  const place = S.found && pointed(event);
  if (!place) return;
  stop();
  Object.assign(S, place);
  number().then(at);
}
function moveKeys(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const [channels, height, width] = sizeOf(layerOf(S.layer)), far = event.shiftKey ? 8 : 1;
  const {key} = event, list = S.found?.channels ?? [];
  if (key === ' ' || key === 'Enter') play();
  else if (key === 'ArrowLeft') S.x = clamp(S.x - far, 0, width - 1);
  else if (key === 'ArrowRight') S.x = clamp(S.x + far, 0, width - 1);
  else if (key === 'ArrowUp') S.y = clamp(S.y - far, 0, height - 1);
  else if (key === 'ArrowDown') S.y = clamp(S.y + far, 0, height - 1);
  else if (key === 'PageDown' || key === 'PageUp') S.channel = list[clamp(list.indexOf(S.channel) + (key === 'PageDown' ? 1 : -1), 0, list.length - 1)] ?? clamp(S.channel, 0, channels - 1);
  else if (key === 'Home') S.y = S.x = 0;
  else if (key === 'End') [S.y, S.x] = [height - 1, width - 1];
  else if (key === 'Backspace') back();
  else if (key === '+' || key === '=') zoom(1.25);
  else if (key === '-') zoom(0.8);
  else return;
  event.preventDefault();
  if (key !== ' ' && key !== 'Enter' && key !== 'Backspace') { stop(); number().then(at); }
}
async function statistics(id) {
  const found = await ask('statistics', {layer: id});
  if (!found || id !== S.layer) return;
  const dead = found.dead.length ? W('dead', {count: found.dead.length, list: found.dead.slice(0, 12).join(', ') + (found.dead.length > 12 ? ' …' : '')}) : W('no_dead');
  parts.statistics.textContent = W('statistics', {mean: show(found.mean), std: show(found.std), min: show(found.min), max: show(found.max), zeros: (100 * found.zeros).toFixed(1)}) + ' · ' + dead;
}

// Kernels.
async function kernels() {
  const found = await ask('kernels', {layer: S.layer, limit: 256});
  if (!found) return;
  parts.kernelFound = found;
  const image = await loaded(found.png), [outs, ins, height, width] = found.shape;
  [parts.kernelSheet.width, parts.kernelSheet.height] = [image.naturalWidth, image.naturalHeight];
  sharp(parts.kernelSheet).drawImage(image, 0, 0);
  const wide = clamp((parts.scroll.clientWidth - 4) / image.naturalWidth, 2, 12);
  parts.kernelSheet.style.width = `${image.naturalWidth * wide}px`;
  parts.kernelSheet.setAttribute('aria-label', parts.kernelAbout.textContent = found.columns === ins && (found.pairs?.length ?? outs * ins) === outs * ins ? W('kernels_about', {outs, ins, height, width}) : W('kernels_some', {shown: found.pairs.length, outs, ins, height, width}));
  parts.kernelTo.max = outs - 1;
  parts.kernelFrom.max = ins - 1;
  parts.kernelTo.value = clamp(S.channel, 0, outs - 1);
  kernelNumbers();
}
function pickKernel(event) {
  const found = parts.kernelFound, box = parts.kernelSheet.getBoundingClientRect();
  const [outs, ins, height, width] = found.shape, gap = found.gap ?? 1;
  const scale = box.width / parts.kernelSheet.width;
  const column = Math.floor((event.clientX - box.x) / scale / (width + gap)), row = Math.floor((event.clientY - box.y) / scale / (height + gap));
  if (column >= found.columns || column < 0 || row < 0) return;
  const pair = found.pairs?.[row * found.columns + column] ?? [row, column];
  if (pair[0] >= outs || pair[1] >= ins) return;
  [parts.kernelTo.value, parts.kernelFrom.value] = pair;
  kernelNumbers();
}
async function kernelNumbers() {
  const [outs, ins] = parts.kernelFound.shape;
  const to = clamp(natural(parts.kernelTo.value), 0, outs - 1), from = clamp(natural(parts.kernelFrom.value), 0, ins - 1);
  const found = await ask('kernel', {layer: S.layer, out: to, in: from});
  if (!found) return;
  parts.kernelTable.replaceChildren(el('p', {class: 'fact', text: W('kernel_numbers', {from, to, bias: show(found.bias)})}), grid(found.numbers, largest(found.numbers)));
}
const finite = rows => rows.some(row => row.length);
const largest = rows => Math.max(1e-12, ...rows.flat().filter(Number.isFinite).map(Math.abs));
function grid(rows, most, each = () => ({})) {  // numbers on their colours
  const table = el('table', {class: `numbers n${Math.max(0, ...rows.map(row => row.length))}`});
  rows.forEach((row, r) => table.append(el('tr', {}, ...row.map((v, c) => el('td', {
    text: v === null ? '0' : brief(v), class: v === null ? 'padded' : null, title: v === null ? W('padded') : String(v), data: {value: String(v ?? 0)},
    style: `background: ${tint(v, most)}`, ...each(r, c, v),
  })))));
  return table;
}

// One number.
function buildNumber() {
  parts.play = button(W('play'), () => play(), {class: 'play'});
  parts.back = button(W('back'), () => back(), {class: 'back', hidden: true});
  parts.value = el('p', {class: 'value'});
  parts.stage = el('div', {class: 'stage'});
  parts.told = el('p', {class: 'told', 'aria-live': 'polite'});
  parts.parts = el('div', {class: 'parts'});
  return el('div', {class: 'number'}, el('h3', {text: W('number')}), el('div', {class: 'tools'}, parts.play, parts.back), parts.value, parts.stage, parts.told, parts.parts);
}
let asking = 0;
const number = latest(async () => {
  mark();
  const mine = ++asking, layer = layerOf(S.layer), place = {channel: S.channel, y: S.y, x: S.x};
  const found = await ask('value', {layer: S.layer, ...place});
  if (!found || mine !== asking) return;
  S.value = found.value;
  parts.value.textContent = here(S);
  parts.value.dataset.value = String(found.value);
  parts.under.textContent = here(S);
  parts.back.hidden = !S.trail.length;
  parts.told.setAttribute('aria-live', playing ? 'off' : 'polite');
  tell(layer, found);
  await stage(layer, found, mine);
  clearTimeout(field.later);
  if (!playing) field.later = setTimeout(field, 250);
});
const join = () => root.dataset.language === 'zh' ? '；' : '; ';
function follow(layer, channel, y, x) {
  if (layer < 0 || !layerOf(layer)) return;
  S.trail.push([S.layer, S.channel, S.y, S.x]);
  choose(layer, {channel, y, x});
}
function back() {
  const [layer, channel, y, x] = S.trail.pop() ?? [];
  if (layer !== undefined) choose(layer, {channel, y, x});
}
const link = (text, layer, channel, y, x) => layer >= 0 && layerOf(layer) ? button(text, () => follow(layer, channel, y, x), {class: 'follow'}) : el('span', {text});
function bars(rows) {  // [text, number, element or nothing]
  const most = Math.max(1e-12, ...rows.map(([, v]) => Math.abs(v ?? 0)));
  return el('ul', {class: 'bars'}, ...rows.map(([text, v, inner]) => el('li', {data: {value: String(v)}}, inner ?? el('span', {text}),
    el('i', {style: `--part: ${50 * Math.abs(v ?? 0) / most}%`, class: v < 0 ? 'below' : 'above'}))));
}
function tell(layer, found) {
  const {value} = found, from = found.from ?? -1, inner = [];
  let said = W(layer.kind === 'input' ? 'given' : 'plain', {value: show(value)});
  if (found.windows && (layer.kind === 'conv2d' || layer.kind === 'conv_transpose2d')) {
    const sums = found.windows.map(one => [W('part_map', {channel: one.channel, value: show(one.sum)}), one.sum]);
    if (found.rest) sums.push([W('part_rest', {value: show(found.rest)}), found.rest]);
    if (found.bias !== null && found.bias !== undefined) sums.push([W('part_bias', {value: show(found.bias)}), found.bias]);
    said = W('sum', {parts: sums.map(([text]) => text).join(join()), value: show(value)});
    inner.push(bars(sums), el('p', {class: 'fact', text: layer.kind === 'conv_transpose2d' ? W('transposed') : W('follow')}));
    found.windows.forEach((one, n) => inner.push(windowOf({step: layer.kind === 'conv2d' ? found.dilation : null, ...one}, from, n < 2)));
  } else if (found.windows?.length) {
    const [one] = found.windows, [wy, wx] = Array.isArray(found.winner) ? found.winner : [null, null];
    said = wy !== null ? W('winner', {value: show(value), y: wy, x: wx})
      : W(found.winner === 'mean' ? 'mean' : 'mixed', {count: (one.height ?? one.input.length) * (one.width ?? one.input[0].length), value: show(value)});
    if (one.weight) inner.push(windowOf(one, from));
    else if (one.input) inner.push(grid(one.input, largest(one.input), (r, c, v) => placed(one, r, c, v, from, one.top + r === wy && one.left + c === wx)));
  } else if (found.row) {
    said = W('attended');
    inner.push(attended(found.row));
  } else if (found.curve) {
    said = W('curve', {function: layer.function ?? found.function ?? kindOf(layer), before: show(found.before), value: show(value)});
    inner.push(curve(found), link(W('part', {layer: from, channel: S.channel, y: S.y, x: S.x, value: show(found.before)}), from, S.channel, S.y, S.x));
  } else if (Number.isFinite(found.before) && found.mean !== undefined && found.var !== undefined) {
    said = W('norm', {before: show(found.before), mean: show(found.mean), var: show(found.var), weight: show(found.weight ?? 1), bias: show(found.bias ?? 0), value: show(value)});
    inner.push(link(W('part', {layer: from, channel: S.channel, y: S.y, x: S.x, value: show(found.before)}), from, S.channel, S.y, S.x));
  } else if (layer.kind === 'pixel_shuffle' && found.place) {
    const [y, x] = found.place;
    said = W('shuffled', {channel: found.channel, y, x});
    inner.push(link(said, from, found.channel, y, x));
  } else if (found.terms && layer.kind === 'softmax') {
    said = W('terms_softmax', {value: show(value)});
    inner.push(bars(found.terms.map(([index, logit, exp, share]) => [W('term_softmax', {index, most: show(found.most), logit: show(logit), exp: show(exp), share: show(share)}), share])));
  } else if (found.terms) {
    said = W('terms_linear', {value: show(value)});
    const rows = found.terms.map(([index, input, weight, product]) => [W('term', {index, input: show(input), weight: show(weight), product: show(product)}), product]);
    if (found.rest !== undefined) rows.push([W('part_others', {value: show(found.rest)}), found.rest]);
    if (found.bias !== null && found.bias !== undefined) rows.push([W('part_bias', {value: show(found.bias)}), found.bias]);
    inner.push(bars(rows));
  } else if (found.length !== undefined) {
    said = W('length', {before: show(found.before), length: show(found.length), value: show(value)});
  } else if (found.parts) {
    said = found.parts.length === 1 && ['cat', 'pad', 'reshape', 'pixel_shuffle'].includes(layer.kind) ? W('parts_moved', {value: show(value)}) : !['add', 'mul'].includes(layer.kind) ? W('parts_other', {value: show(value)}) : W(`parts_${layer.kind}`, {value: show(value)});
    inner.push(bars(found.parts.map(([id, channel, y, x, v]) => {
      const text = id < 0 ? W('constant', {value: show(v)}) : W('part', {layer: id, channel, y, x, value: show(v)});
      return [text, v, link(text, id, channel, y, x)];
    })));
  }
  parts.told.textContent = said;
  parts.parts.replaceChildren(...inner);
}
function placed(one, r, c, v, from, won = false) {
  if (v === null || from < 0 || !layerOf(from) || one.top === undefined) return {class: v === null ? 'padded' : won ? 'won' : null};
  const [stepY, stepX] = one.step ?? [1, 1];
  const go = () => follow(from, one.channel, one.top + r * stepY, one.left + c * stepX);
  return {class: won ? 'won follow' : 'follow', tabindex: -1, onclick: go, onkeydown: event => { if (event.key === 'Enter') go(); }};
}
function windowOf(one, from, open = true) {
  if (!one.input || !finite(one.input)) return el('p', {class: 'fact', text: W('part_map', {channel: one.channel, value: show(one.sum)})});
  const products = one.input.map((row, r) => row.map((v, c) => v === null ? null : v * one.weight[r][c]));
  const sum = products.map((row, r) => row.map((p, c) => p === null ? null : `${show(one.input[r][c])} × ${show(one.weight[r][c])}`)).flat().filter(Boolean).join(' + ');
  return el('details', {class: 'window', open, data: {channel: one.channel, sum: String(one.sum)}},
    el('summary', {text: W('part_map', {channel: one.channel, value: show(one.sum)})}),
    el('div', {class: 'three'},
      el('figure', {}, grid(one.input, largest(one.input), (r, c, v) => placed(one, r, c, v, from)), el('figcaption', {text: W('window_input')})), el('b', {text: '×'}),
      el('figure', {}, grid(one.weight, largest(one.weight)), el('figcaption', {text: W('window_kernel')})), el('b', {text: '='}),
      el('figure', {}, grid(products, largest(products)), el('figcaption', {text: W('window_product', {sum: show(one.sum)})}))),
    el('p', {class: 'unseen', text: `${W('products', {channel: one.channel})}: ${sum} = ${show(one.sum)}`}));
}
function curve(found) {
  const points = found.curve.filter(([, f]) => f !== null), us = points.map(([u]) => u), fs = points.map(([, f]) => f);
  const [u0, u1, f0, f1] = [Math.min(...us), Math.max(...us), Math.min(...fs), Math.max(...fs)];
  const x = u => 10 + 280 * (u - u0) / (u1 - u0 || 1), y = f => 130 - 120 * (f - f0) / (f1 - f0 || 1);
  const svg = doc.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 300 140');
  svg.setAttribute('class', 'curve');
  svg.setAttribute('aria-hidden', 'true');
  svg.innerHTML = `<path class="axis" d="M${x(clamp(0, u0, u1))} 5V135M5 ${y(clamp(0, f0, f1))}H295"/><path d="M${points.map(([u, f]) => `${x(u).toFixed(1)} ${y(f).toFixed(1)}`).join('L')}"/>`
    + `<path class="drop" d="M${x(found.before)} 135V${y(found.value)}H5"/><circle r="5" cx="${x(found.before)}" cy="${y(found.value)}"/>`;
  return svg;
}
function attended(row) {  // weights over the picture, or alone where there is none
  const canvas = el('canvas', {class: 'attended', role: 'img', 'aria-label': W('attended')}), height = row.length, width = row[0].length;
  const side = 256 / Math.max(height, width);
  [canvas.width, canvas.height] = S.image ? [S.image.naturalWidth, S.image.naturalHeight] : [width * side, height * side];
  const ctx = sharp(canvas), most = largest(row), [h, w] = [canvas.height / height, canvas.width / width];
  if (S.image) ctx.drawImage(S.image, 0, 0);
  ctx.fillStyle = '#000b';
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  row.forEach((line, r) => line.forEach((v, c) => { ctx.fillStyle = `rgba(255, 190, 60, ${Math.sqrt(Math.abs(v) / most)})`; ctx.fillRect(c * w, r * h, Math.ceil(w), Math.ceil(h)); }));
  return canvas;
}

// The stage: the map that goes in with the window, beside the map that comes out with the point.
async function stage(layer, found, mine) {
  const one = found.windows?.[0] && {step: layer.kind === 'conv2d' ? found.dilation : null, ...found.windows[0]}, [, height, width] = sizeOf(layer);
  const spatial = height > 1 || width > 1;
  parts.play.hidden = !spatial;
  if (!spatial || (!one && !(layer.kind === 'pixel_shuffle' && found.place))) { parts.stage.replaceChildren(); parts.stage.dataset.key = ''; return; }
  const from = found.from ?? -1, channel = one?.channel ?? found.channel, source = layerOf(from);
  const key = [S.token, S.layer, S.channel, from, channel].join();
  if (parts.stage.dataset.key !== key) {
    const here = (id, wanted) => Object.entries(S.sheets).find(([key, one]) => key.startsWith(`${S.token} ${id} `) && key.includes(' map ') && one.channels.includes(wanted))?.[1];
    const tile = async (id, wanted) => {
      const limit = wanted < TILES ? TILES : Math.min(512, wanted + 1), whole = here(id, wanted) ?? await sheet(id, 'given', 'map', limit), index = whole?.channels.indexOf(wanted) ?? -1;
      if (index < 0) return null;
      const [h, w] = whole.side, [top, left] = [Math.floor(index / whole.columns) * (h + whole.gap), (index % whole.columns) * (w + whole.gap)];
      const canvas = el('canvas', {width: w, height: h});
      sharp(canvas).drawImage(whole.image, left, top, w, h, 0, 0, w, h);
      return canvas;
    };
    const [before, after] = await Promise.all([source ? tile(from, channel) : null, tile(S.layer, S.channel)]);
    if (mine !== asking) return;
    const pair = {in: before ?? (S.image ? drawn(S.image) : null), out: after};
    const out = view('out', pair.out, W('stage_out', {channel: S.channel})), into = view('in', pair.in, source ? W('stage_in', {channel}) : W('stage_picture', {channel}));
    parts.stage.replaceChildren(...[into, out, el('p', {class: 'fact', text: W('stage_hint')})].filter(Boolean));
    parts.stage.dataset.key = key;
    S.pair = pair;
  }
  frame('out', S.pair.out, [S.y, S.x, 1, 1]);
  if (one) {
    const tall = one.height ?? one.input.length, wide = one.width ?? one.input[0]?.length ?? 0, [stepY, stepX] = one.step ?? [1, 1];
    frame('in', S.pair.in, [one.top, one.left, (tall - 1) * stepY + 1, (wide - 1) * stepX + 1]);
  } else frame('in', S.pair.in, [...found.place, 1, 1]);
}
function drawn(image) {
  const canvas = el('canvas', {width: image.naturalWidth, height: image.naturalHeight});
  sharp(canvas).drawImage(image, 0, 0);
  return canvas;
}
function view(name, canvas, caption) {
  if (!canvas) return null;
  const scale = STAGE / Math.max(canvas.width, canvas.height);
  canvas.style.cssText = `width: ${canvas.width * scale}px; height: ${canvas.height * scale}px`;
  canvas.dataset.scale = scale;
  const box = el('div', {class: `view ${name}`}, canvas, el('i', {class: 'frame'}));
  if (name === 'out') {
    let held = false, waiting = false;
    const move = async event => {
      const place = canvas.getBoundingClientRect();
      const y = clamp(Math.floor((event.clientY - place.y) / scale), 0, canvas.height - 1), x = clamp(Math.floor((event.clientX - place.x) / scale), 0, canvas.width - 1);
      if (waiting || (y === S.y && x === S.x)) return;
      stop();
      Object.assign(S, {y, x});
      waiting = true;
      await number();
      waiting = false;
    };
    Object.assign(box, {tabIndex: 0});
    box.setAttribute('role', 'application');
    box.setAttribute('aria-label', W('stage_hint'));
    box.addEventListener('keydown', moveKeys);
    box.addEventListener('pointerdown', event => { held = true; box.setPointerCapture(event.pointerId); move(event); });
    box.addEventListener('pointermove', event => { if (held || event.pointerType === 'mouse') move(event); });
    for (const end of ['pointerup', 'pointercancel']) box.addEventListener(end, () => { held = false; at(); });
  }
  return el('figure', {}, box, el('figcaption', {text: caption}));
}
function frame(name, canvas, [top, left, height, width]) {
  const mark = parts.stage.querySelector(`.view.${name} .frame`);
  if (!canvas || !mark) return;
  const z = Number(canvas.dataset.scale), least = 6, tall = Math.max(least, height * z), wide = Math.max(least, width * z);
  mark.style.cssText = `top: ${(top + height / 2) * z - tall / 2}px; left: ${(left + width / 2) * z - wide / 2}px; height: ${tall}px; width: ${wide}px`;
  Object.assign(mark.dataset, {top, left, height, width});
}
function play() {
  if (playing) return stop();
  const [, height, width] = sizeOf(layerOf(S.layer));
  if (height * width < 2) return;
  let left = STEPS;
  playing = 1;
  parts.play.textContent = W('pause');
  const step = async () => {
    if (!playing || !element.isConnected || !element.checkVisibility() || left-- <= 0) return stop();
    S.x += 1;
    if (S.x >= width) { S.x = 0; S.y = (S.y + 1) % height; }
    await number();
    if (playing) playing = setTimeout(step, STEP);
  };
  step();
}
function stop() {
  if (!playing) return;
  clearTimeout(playing);
  playing = 0;
  parts.play.textContent = W('play');
  parts.told.setAttribute('aria-live', 'polite');
  clearTimeout(field.later);
  if (S.token) field.later = setTimeout(field, 250);
}

// The receptive field on the picture.
const field = latest(async () => {
  if (!S.image || !S.token) {
    parts.fieldBox.replaceChildren();
    parts.fieldText.textContent = W('no_source');
    parts.heatLine.hidden = true;
    return;
  }
  const mine = asking, found = await ask('field', {layer: S.layer, channel: S.channel, y: S.y, x: S.x});
  if (!found || mine !== asking) return;
  S.field = found;
  parts.heatLine.hidden = false;
  S.heat = found.heat ? await loaded(found.heat) : null;
  drawField();
});
function drawField() {
  if (!S.field || !S.image) return;
  const canvas = drawn(S.image), [top, left, bottom, right] = S.field.box, scale = PICTURE / Math.max(canvas.width, canvas.height);
  const ctx = canvas.getContext('2d');
  if (parts.heat.checked && S.heat) {
    ctx.fillStyle = '#0009';
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    ctx.globalCompositeOperation = 'screen';
    ctx.drawImage(S.heat, 0, 0, canvas.width, canvas.height);
  }
  canvas.style.cssText = `width: ${canvas.width * scale}px; height: ${canvas.height * scale}px`;
  const mark = el('i', {class: 'frame', style: `top: ${top * scale}px; left: ${left * scale}px; width: ${(right - left) * scale}px; height: ${(bottom - top) * scale}px`});
  const whole = el('div', {class: 'view'}, canvas, mark), [tall, wide] = [bottom - top, right - left], side = Math.max(tall, wide, 5) * 2;
  let near = null;
  if (side < Math.min(canvas.width, canvas.height)) {  // a small one once more, larger
    const y = clamp(Math.round(top + tall / 2 - side / 2), 0, canvas.height - side), x = clamp(Math.round(left + wide / 2 - side / 2), 0, canvas.width - side), z = PICTURE * 0.8 / side;
    const cut = el('canvas', {width: side, height: side, style: `width: ${side * z}px; height: ${side * z}px`});
    sharp(cut).drawImage(canvas, x, y, side, side, 0, 0, side, side);
    near = el('div', {class: 'view'}, cut, el('i', {class: 'frame', style: `top: ${(top - y) * z}px; left: ${(left - x) * z}px; width: ${wide * z}px; height: ${tall * z}px`}));
  }
  parts.fieldBox.replaceChildren(...[whole, near].filter(Boolean));
  parts.fieldText.textContent = W('field_box', {width: right - left, height: bottom - top});
}

// Sizes: what comes out of a convolution, in the browser alone.
const sizes = {way: 'conv', size: 7, kernel: 3, stride: 2, padding: 1, dilation: 1, extra: 0, y: 0, x: 0};
const RANGES = {size: [1, 32], kernel: [1, 11], stride: [1, 8], padding: [0, 10], dilation: [1, 5], extra: [0, 7]};
sizes.reckon = ({way, size, kernel, stride, padding, dilation, extra}) => {  // as torch reckons
  const span = dilation * (kernel - 1) + 1, room = size + 2 * padding;
  if (way === 'conv') return room < span ? {fault: 'fits_not', span, room} : {out: Math.floor((room - span) / stride) + 1, leftover: (room - span) % stride, span, room};
  if (extra >= stride && extra >= dilation) return {fault: 'extra_too_large', span};
  const out = (size - 1) * stride - 2 * padding + span + extra;
  return out < 1 ? {fault: 'nothing', span, out} : {out, leftover: 0, span};
};
sizes.reached = (settings, o) => {  // the inputs, by their places, that an output place comes from; below 0 or beyond lies padding
  const {way, size, kernel, stride, padding, dilation} = settings;
  const taps = Array.from({length: kernel}, (_, k) => k);
  if (way === 'conv') return taps.map(k => o * stride - padding + k * dilation);
  return taps.map(k => o + padding - k * dilation).filter(n => n % stride === 0 && n >= 0 && n / stride < size).map(n => n / stride);
};
function buildSizes() {
  const draw = () => sizes.draw();
  const ways = el('select', {class: 'way', onchange: () => { sizes.way = ways.value; draw(); }}, ...['conv', 'transposed'].map(one => option(one, W(`way_${one}`), sizes.way)));
  const names = {size: 'size', kernel: 'kernel', stride: 'stride', padding: 'padding', dilation: 'dilation', extra: 'output_padding'};
  sizes.fields = Object.fromEntries(Object.entries(names).map(([key, name]) => {
    const [low, high] = RANGES[key], range = el('input', {type: 'range', min: low, max: high, step: 1, value: sizes[key], class: key, 'aria-label': W(name)});
    const typed = el('input', {type: 'number', min: low, max: high, step: 1, value: sizes[key], class: key, 'aria-label': W(name)});
    const take = from => { if (from.value === '') return; sizes[key] = clamp(Math.round(Number(from.value)) || 0, low, high); range.value = sizes[key]; if (from !== typed) typed.value = sizes[key]; draw(); };
    range.addEventListener('input', () => take(range));
    typed.addEventListener('input', () => take(typed));
    typed.addEventListener('change', () => { typed.value = sizes[key]; });
    return [key, el('label', {class: `of-${key}`}, el('span', {text: W(name)}), range, typed)];
  }));
  sizes.answer = el('p', {class: 'answer', role: 'status'});
  sizes.formula = el('p', {class: 'formula'});
  sizes.note = el('p', {class: 'fact'});
  sizes.from = el('canvas', {class: 'sizes-in', role: 'img', 'aria-label': W('sizes_in')});
  sizes.to = el('canvas', {class: 'sizes-out', tabindex: 0, role: 'application', 'aria-label': W('sizes_hint')});
  const over = event => {
    const found = sizes.reckon(sizes), box = sizes.to.getBoundingClientRect();
    if (!found.out) return;
    [sizes.y, sizes.x] = [event.clientY - box.y, event.clientX - box.x].map((v, n) => clamp(Math.floor(v / (n ? box.width : box.height) * found.out), 0, found.out - 1));
    sizes.picture();
  };
  sizes.to.addEventListener('pointermove', event => { if (event.pointerType === 'mouse' || event.buttons) over(event); });
  sizes.to.addEventListener('pointerdown', over);
  sizes.to.addEventListener('keydown', event => {
    const [dy, dx] = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key] ?? [];
    const {out} = sizes.reckon(sizes);
    if (dy === undefined || !out) return;
    event.preventDefault();
    [sizes.y, sizes.x] = [clamp(sizes.y + dy, 0, out - 1), clamp(sizes.x + dx, 0, out - 1)];
    sizes.picture();
  });
  sizes.reach = el('p', {class: 'fact', 'aria-live': 'polite'});
  sizes.chequer = el('div', {class: 'chequers'});
  return el('section', {class: 'sizes', data: {view: 'sizes'}, hidden: true}, el('p', {class: 'fact', text: W('sizes_hint')}),
    el('div', {class: 'tools knobs-in'}, labelled(W('way'), ways), ...Object.values(sizes.fields)), sizes.answer, sizes.formula, sizes.note,
    el('div', {class: 'grids'}, el('figure', {}, sizes.from, el('figcaption', {text: W('sizes_in')})), el('figure', {}, sizes.to, el('figcaption', {text: W('sizes_out')}))), sizes.reach,
    el('h3', {text: W('chequer')}), el('p', {class: 'fact', text: W('chequer_hint')}), sizes.chequer);
}
sizes.draw = () => {
  const found = sizes.reckon(sizes);
  sizes.fields.extra.hidden = sizes.way === 'conv';
  const fault = Boolean(found.fault);
  sizes.answer.classList.toggle('failed', fault);
  sizes.answer.textContent = fault ? W(found.fault, found) : W('comes', {out: found.out});
  sizes.answer.dataset.out = found.out > 0 && !fault ? found.out : '';
  sizes.formula.textContent = fault ? '' : W(`formula_${sizes.way}`, {...sizes, out: found.out});
  sizes.note.textContent = fault ? '' : found.leftover ? W('leftover', {count: found.leftover}) : W('even');
  sizes.note.classList.toggle('failed', !fault && found.leftover > 0);
  sizes.y = clamp(sizes.y, 0, Math.max(0, (found.out ?? 1) - 1));
  sizes.x = clamp(sizes.x, 0, Math.max(0, (found.out ?? 1) - 1));
  sizes.picture();
  const settings = [[3, 2], [4, 2], [sizes.kernel, sizes.stride]];
  sizes.chequer.replaceChildren(...settings.map(([kernel, stride], n) => chequer(kernel, stride, n === 2)));
};
sizes.picture = () => {
  const found = sizes.reckon(sizes), {size, padding, way} = sizes, colour = accent(), line = getComputedStyle(element).color;
  const outer = way === 'conv' ? padding : 0, all = size + 2 * outer, cell = Math.max(6, Math.floor(260 / Math.max(all, found.out ?? 1, 4)));
  const paint = (canvas, n) => {
    const ratio = window.devicePixelRatio || 1, side = n * cell + 1;
    [canvas.width, canvas.height] = [side * ratio, side * ratio];
    canvas.style.cssText = `width: ${side}px; height: ${side}px`;
    const ctx = canvas.getContext('2d');
    ctx.scale(ratio, ratio);
    return ctx;
  };
  const box = (ctx, r, c, fill, alpha = 1) => { ctx.globalAlpha = alpha; ctx.fillStyle = fill; ctx.fillRect(c * cell + 1, r * cell + 1, cell - 1, cell - 1); ctx.globalAlpha = 1; };
  const ctx = paint(sizes.from, all), rows = found.out ? sizes.reached(sizes, sizes.y) : [], columns = found.out ? sizes.reached(sizes, sizes.x) : [];
  const unseen = all - (found.leftover ?? 0);
  for (let r = 0; r < all; r++) for (let c = 0; c < all; c++) {
    const inside = r >= outer && c >= outer && r < outer + size && c < outer + size;
    box(ctx, r, c, line, inside ? 0.22 : 0.06);
    if (found.fault || r >= unseen || c >= unseen) box(ctx, r, c, '#dc2626', 0.55);
    if (rows.includes(r - outer) && columns.includes(c - outer)) box(ctx, r, c, colour, 0.85);
  }
  const out = found.out ?? 0, to = paint(sizes.to, Math.max(out, 1));
  for (let r = 0; r < out; r++) for (let c = 0; c < out; c++) box(to, r, c, r === sizes.y && c === sizes.x ? colour : line, r === sizes.y && c === sizes.x ? 0.95 : 0.22);
  const inside = list => list.filter(n => n >= 0 && n < size).length;
  sizes.reach.textContent = out ? W('reached', {y: sizes.y, x: sizes.x, count: inside(rows) * inside(columns)}) : '';
};
function chequer(kernel, stride, yours) {  // how many inputs reach each output, for a kernel of ones on a flat picture
  const settings = {way: 'transposed', size: 5, kernel, stride, padding: 0, dilation: 1, extra: 0}, out = Math.min(sizes.reckon(settings).out, 24);
  const along = Array.from({length: out}, (_, o) => sizes.reached(settings, o).length), most = Math.max(...along) ** 2;
  const canvas = el('canvas', {role: 'img'}), cell = Math.max(8, Math.floor(190 / out)), ratio = window.devicePixelRatio || 1, side = cell * out;
  [canvas.width, canvas.height] = [side * ratio, side * ratio];
  canvas.style.cssText = `width: ${side}px; height: ${side}px`;
  const ctx = canvas.getContext('2d');
  ctx.scale(ratio, ratio);
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  ctx.font = `${Math.min(13, cell * 0.7)}px sans-serif`;
  for (let r = 0; r < out; r++) for (let c = 0; c < out; c++) {
    const n = along[r] * along[c], light = Math.round(255 * n / most);
    ctx.fillStyle = `rgb(${light}, ${light}, ${light})`;
    ctx.fillRect(c * cell, r * cell, cell, cell);
    ctx.fillStyle = light > 128 ? '#000' : '#fff';
    if (cell >= 11) ctx.fillText(n, (c + 0.5) * cell, (r + 0.5) * cell);
  }
  const edge = Math.max(0, kernel - 1), inner = along.slice(edge, out - edge), list = [...new Set((inner.length ? inner : along).flatMap(a => (inner.length ? inner : along).map(b => a * b)))].sort((a, b) => a - b);
  const counts = W(list.length > 1 ? 'chequer_uneven' : 'chequer_even', {list: list.join(', ')});
  const caption = `${yours ? W('chequer_yours') + ' · ' : ''}${W('chequer_of', {kernel, stride, counts})}`;
  canvas.setAttribute('aria-label', caption);
  return el('figure', {data: {counts: list.join(' ')}}, canvas, el('figcaption', {text: caption}));
}

// Kernels of one's own: the browser's own pixels, nothing is sent.
const SETS = {
  identity: {3: [0, 0, 0, 0, 1, 0, 0, 0, 0]},
  blur: {3: Array(9).fill(1 / 9), 5: [1, 4, 6, 4, 1].flatMap(a => [1, 4, 6, 4, 1].map(b => a * b / 256))},
  sharpen: {3: [0, -1, 0, -1, 5, -1, 0, -1, 0]},
  edges: {3: [-1, -1, -1, -1, 8, -1, -1, -1, -1]},
  emboss: {3: [-2, -1, 0, -1, 1, 1, 0, 1, 2]},
  sobel_x: {3: [-1, 0, 1, -2, 0, 2, -1, 0, 1], offset: 128},
  sobel_y: {3: [-1, -2, -1, 0, 0, 0, 1, 2, 1], offset: 128},
};
const own = {side: 3, weights: [...SETS.edges[3]], offset: 0, grey: false, source: null};
own.embed = (weights, from, to) => {  // a 3×3 in the middle of a 5×5, or what of a 5×5 a 3×3 holds
  const shift = (to - from) / 2;
  return Array.from({length: to * to}, (_, n) => {
    const [r, c] = [Math.floor(n / to) - shift, n % to - shift];
    return r >= 0 && c >= 0 && r < from && c < from ? weights[r * from + c] : 0;
  });
};
own.correlate = (pixels, width, height, weights, side, offset) => {  // RGBA; the edge goes on with its last pixels
  const out = new Uint8ClampedArray(pixels.length), half = side >> 1;
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    let [r, g, b] = [offset, offset, offset];
    for (let i = 0; i < side; i++) for (let j = 0; j < side; j++) {
      const w = weights[i * side + j];
      if (!w) continue;
      const p = 4 * (clamp(y + i - half, 0, height - 1) * width + clamp(x + j - half, 0, width - 1));
      r += w * pixels[p]; g += w * pixels[p + 1]; b += w * pixels[p + 2];
    }
    const q = 4 * (y * width + x);
    out[q] = r; out[q + 1] = g; out[q + 2] = b; out[q + 3] = 255;
  }
  return out;
};
function buildKernel() {
  own.before = el('canvas', {class: 'before', role: 'img', 'aria-label': W('before')});
  own.after = el('canvas', {class: 'after', role: 'img', 'aria-label': W('after')});
  own.fields = el('div', {class: 'own-weights', role: 'group', 'aria-label': W('view_kernel')});
  own.sum = el('p', {class: 'fact', role: 'status'});
  own.file = el('input', {type: 'file', accept: 'image/*', hidden: true, onchange: () => own.read(own.file.files[0])});
  own.trouble = el('p', {class: 'failed', role: 'alert'});
  own.side3 = el('select', {class: 'side', onchange: () => { const to = Number(own.side3.value); own.weights = own.embed(own.weights, own.side, to); own.side = to; own.draw(true); }}, option('3', '3 × 3', '3'), option('5', '5 × 5'));
  own.added = el('input', {type: 'number', class: 'offset', min: -255, max: 255, step: 1, value: 0, oninput: () => { own.offset = clamp(Number(own.added.value) || 0, -255, 255); own.draw(); }});
  const grey = el('input', {type: 'checkbox', class: 'grey', onchange: () => { own.grey = grey.checked; own.draw(); }});
  const sets = el('div', {class: 'presets', role: 'group', 'aria-label': W('presets')}, ...Object.keys(SETS).map(name => button(W(`preset_${name}`), () => {
    const set = SETS[name];
    own.weights = set[own.side] ? [...set[own.side]] : own.embed(set[3], 3, own.side);
    own.offset = Number(own.added.value = set.offset ?? 0);
    own.draw(true);
  }, {data: {preset: name}})));
  return el('section', {class: 'kernel', data: {view: 'kernel'}, hidden: true}, el('p', {class: 'fact', text: W('kernel_hint')}), el('div', {class: 'kernel-main'},
    el('div', {class: 'kernel-left'}, sets, el('div', {class: 'tools'}, labelled(W('kernel_size'), own.side3), labelled(W('offset'), own.added), el('label', {class: 'check'}, grey, el('span', {text: W('grey')})),
      button(W('upload'), () => own.file.click(), {class: 'upload'}), own.file), own.fields, own.sum, own.trouble),
    el('div', {class: 'grids'}, el('figure', {}, own.before, el('figcaption', {text: W('before')})), el('figure', {}, own.after, el('figcaption', {text: W('after')})))),
  el('p', {class: 'fact', text: W('edge')}));
}
own.take = image => {  // an image or canvas, at most PICTURE pixels a side
  const [w, h] = [image.naturalWidth || image.width, image.naturalHeight || image.height], scale = Math.min(1, PICTURE / Math.max(w, h));
  const canvas = own.before;
  [canvas.width, canvas.height] = [Math.max(1, Math.round(w * scale)), Math.max(1, Math.round(h * scale))];
  const ctx = canvas.getContext('2d', {willReadFrequently: true});
  ctx.fillStyle = '#fff';
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.drawImage(image, 0, 0, canvas.width, canvas.height);
  own.source = ctx.getImageData(0, 0, canvas.width, canvas.height);
};
own.open = async () => {  // the picture that the network is given, in all its colours; the first example where it is given none
  if (!own.source) {
    const examples = groupOf(S.card)?.examples ?? [], all = examples.length ? examples : groups.flatMap(group => group.examples);
    const url = S.path && S.file ? URL.createObjectURL(S.file) : (all[S.example] ?? all[0])?.url;
    try {
      own.take(S.path && !S.file && S.image ? S.image : await loaded(url));
    } catch {  // a kind of file that this browser cannot show: as the network saw it
      if (S.image) own.take(S.image);
    }
  }
  own.draw(true);
};
own.offer = () => {  // another picture was opened above: it is the one here, too, unless one was chosen here
  if (own.chosen) return;
  own.source = null;
  if (S.view === 'kernel') own.open();
};
own.read = async file => {
  own.file.value = '';
  if (!file) return;
  const url = URL.createObjectURL(file);
  try {
    own.take(await loaded(url));
    own.chosen = true;
    own.trouble.textContent = '';
  } catch {
    own.trouble.textContent = W('picture_unread');
  }
  URL.revokeObjectURL(url);
  own.draw();
};
own.draw = (anew = false) => {
  if (anew) {
    own.fields.style.setProperty('--side', own.side);
    own.fields.replaceChildren(...own.weights.map((weight, n) => own.field(weight, n)));
  }
  for (const [n, one] of [...own.fields.children].entries()) one.style.background = tint(own.weights[n], Math.max(...own.weights.map(Math.abs)));
  const sum = own.weights.reduce((a, b) => a + b, 0), near = Math.round(sum * 1e4) / 1e4;
  own.sum.textContent = W('kernel_sum', {sum: show(near), meaning: W(near === 1 ? 'sum_one' : near === 0 ? 'sum_zero' : near > 1 ? 'sum_more' : 'sum_less')});
  if (!own.source) return;
  const {width, height} = own.source;
  let {data} = own.source;
  if (own.grey) {
    data = new Uint8ClampedArray(data);
    for (let p = 0; p < data.length; p += 4) data[p] = data[p + 1] = data[p + 2] = 0.299 * data[p] + 0.587 * data[p + 1] + 0.114 * data[p + 2];
  }
  own.before.getContext('2d').putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  [own.after.width, own.after.height] = [width, height];
  own.after.getContext('2d').putImageData(new ImageData(own.correlate(data, width, height, own.weights, own.side, own.offset), width, height), 0, 0);
};
own.field = (weight, n) => {
  const field = el('input', {type: 'text', inputmode: 'decimal', value: String(Number(weight.toFixed(4))), 'aria-label': W('weight', {y: 1 + Math.floor(n / own.side), x: 1 + n % own.side}), autocomplete: 'off'});
  const set = v => { own.weights[n] = clamp(v, -999, 999); field.removeAttribute('aria-invalid'); own.trouble.textContent = ''; own.draw(); };
  field.addEventListener('input', () => {
    const text = field.value.replace('−', '-').replace(',', '.').trim(), [above, below] = text.split('/').map(Number);
    const v = text === '' ? 0 : text.includes('/') ? above / below : above;
    if (Number.isFinite(v)) return set(v);
    if (text === '-') return;
    field.setAttribute('aria-invalid', 'true');
    own.trouble.textContent = W('not_a_number');
  });
  field.addEventListener('keydown', event => {
    const step = {ArrowUp: 1, ArrowDown: -1}[event.key];
    if (!step) return;
    event.preventDefault();
    set(Math.round(100 * (own.weights[n] + step * (event.shiftKey ? 1 : 0.1))) / 100);
    field.value = own.weights[n];
  });
  let start = null;
  field.addEventListener('pointerdown', event => { start = {y: event.clientY, weight: own.weights[n]}; field.setPointerCapture(event.pointerId); });
  field.addEventListener('pointermove', event => {
    if (!start || Math.abs(event.clientY - start.y) < 4) return;
    set(Math.round(10 * (start.weight + (start.y - event.clientY) / 20)) / 10);
    field.value = own.weights[n];
  });
  for (const end of ['pointerup', 'pointercancel']) field.addEventListener(end, () => { start = null; });
  return field;
};

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

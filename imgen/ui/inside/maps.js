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
  parts.kernelSheet.setAttribute('aria-label', parts.kernelAbout.textContent = found.columns === ins && (found.pairs?.length ?? outs * ins) === outs * ins ? W('kernels_about', {outs, ins, height, width}) : found.pairs.length === outs * ins ? W('kernels_all', {outs, ins, height, width}) : W('kernels_some', {shown: found.pairs.length, outs, ins, height, width}));
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
  const [first] = table.querySelectorAll('td.follow');
  if (first) {  // one stop for the tab key, arrow keys within
    first.tabIndex = 0;
    table.setAttribute('role', 'grid');
    table.addEventListener('keydown', walk);
  }
  return table;
}
function walk(event) {
  const [dy, dx] = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key] ?? [];
  const now = event.target.closest('td'), next = dy === undefined ? null : event.currentTarget.rows[now.parentNode.rowIndex + dy]?.cells[now.cellIndex + dx];
  if (dy !== undefined) event.preventDefault();
  if (!next?.matches('.follow')) return;
  [now.tabIndex, next.tabIndex] = [-1, 0];
  next.focus();
}

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

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

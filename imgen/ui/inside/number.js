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
  const here = parts.parts.contains(doc.activeElement);  // what has the focus goes: from its neighbour one can go on, and back
  choose(layer, {channel, y, x}).then(() => { if (here) parts.back.focus({preventScroll: true}); });
}
function back() {
  const [layer, channel, y, x] = S.trail.pop() ?? [];
  const here = parts.back === doc.activeElement;
  if (layer !== undefined) choose(layer, {channel, y, x}).then(() => { if (here && parts.back.hidden) parts.play.focus({preventScroll: true}); });
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
    const count = (one.height ?? one.input.length) * (one.width ?? one.input[0].length);
    said = count === 1 && !one.weight?.some(row => row.some(w => w !== 1)) ? W('parts_moved', {value: show(value)}) : wy !== null ? W('winner', {value: show(value), y: wy, x: wx})
      : W(found.winner === 'mean' ? 'mean' : 'mixed', {count, value: show(value)});
    if (one.weight) inner.push(windowOf(one, from));
    else if (one.input) inner.push(grid(one.input, largest(one.input), (r, c, v) => placed(one, r, c, v, from, one.top + r === wy && one.left + c === wx)));
  } else if (found.row) {
    said = W('attended');
    inner.push(attended(found.row, found.place));
  } else if (found.curve) {
    said = found.gate !== undefined ? W('gated', {before: show(found.before), gate: show(found.gate), share: show(found.share), value: show(value)})
      : W('curve', {function: layer.function ?? found.function ?? kindOf(layer), before: show(found.before), value: show(value)});
    const both = (found.parts ?? []).map(([id, channel, y, x, v]) => link(W('part', {layer: id, channel, y, x, value: show(v)}), id, channel, y, x));
    inner.push(curve(found), ...both.length ? both : [link(W('part', {layer: from, channel: S.channel, y: S.y, x: S.x, value: show(found.before)}), from, S.channel, S.y, S.x)]);
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
function attended(row, place) {  // weights over the picture, or alone where there is none
  const canvas = el('canvas', {class: 'attended', role: 'img', 'aria-label': W('attended')}), height = row.length, width = row[0].length;
  const side = 256 / Math.max(height, width);
  [canvas.width, canvas.height] = S.image ? [S.image.naturalWidth, S.image.naturalHeight] : [width * side, height * side];
  const ctx = sharp(canvas), most = largest(row), [h, w] = [canvas.height / height, canvas.width / width];
  if (S.image) ctx.drawImage(S.image, 0, 0);
  ctx.fillStyle = '#000b';
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  row.forEach((line, r) => line.forEach((v, c) => { ctx.fillStyle = `rgba(255, 190, 60, ${Math.sqrt(Math.abs(v) / most)})`; ctx.fillRect(c * w, r * h, Math.ceil(w), Math.ceil(h)); }));
  if (!place) return canvas;
  const [top, left, tall, wide] = [place[0] / height, place[1] / width, 1 / height, 1 / width].map(share => `${100 * share}%`);
  return el('div', {class: 'view attended'}, canvas, el('i', {class: 'frame', style: `top: ${top}; left: ${left}; height: ${tall}; width: ${wide}`}));
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

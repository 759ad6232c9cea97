// "Points in the plane": a GAN in the visitor's own browser.  The mathematics is points_worker.js, whose text stands before this
// one; this is what one sees and touches.  element: the room; found: what `points_begin` answered.
const words = found.words;
const NORMAL = 150;  // steps a second, unless one wants it slower or as fast as it can
const times = {part: 1300, glide: 700};  // milliseconds of a sub-step in slow motion; of points that move to their new places
const DEMO = 4000;  // steps, after which a run that nobody asked for rests
const SPEAK = 8000;  // milliseconds between two words to those who listen
const SPEEDS = ['slow', 'normal', 'fast'], LAYERS = ['real', 'fake', 'map', 'arrows', 'grid'], LAYERED = ['real', 'fake', 'map'];
const RATES = [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
const STOPS = {  // of a slider; an address may say what lies between
  rate_g: RATES, rate_d: RATES, width_g: [1, 2, 4, 8, 16, 32, 48, 64], width_d: [1, 2, 4, 8, 16, 32, 48, 64], batch: [16, 32, 64, 128, 256],
  noise_dim: [1, 2, 4, 8], head_start: [0, 100, 200, 300, 500, 1000],
};
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const W = (key, facts = {}) => (words[`points_${key}`] ?? key).replace(/{(\w+)}/g, (_, name) => facts[name] ?? '…');
const put = (one, text) => { if (one.textContent !== text) one.textContent = text; };
const minus = text => String(text).replaceAll('-', '−');
const percent = v => `${Math.round(100 * v)} %`.replace(root.dataset.language === 'zh' ? ' ' : '\0', '');
function show(v) {  // three digits
  if (v === null || v === undefined) return '–';
  if (!Number.isFinite(v)) return Number.isNaN(v) ? 'NaN' : v > 0 ? '∞' : '−∞';
  const size = Math.abs(v);
  return size && (size < 1e-5 || size >= 1e5) ? minus(v.toExponential(1)) : minus(size && size < 1e-3 ? Number(v.toPrecision(2)).toFixed(Math.min(7, 1 - Math.floor(Math.log10(size)))) : Number(v.toPrecision(3)));
}

// What is chosen, and what the worker told.
const S = {settings: {...usual}, preset: '', mended: false, speed: 'normal', layers: new Set(LAYERED), playing: false, demo: false, held: false};
const now = {frame: null, before: null, real: null, history: [], phase: null, trouble: null, glide: 0};
const parts = {};
let worker = null, runs = 0, timer = 0, entered = false, painting = null, dirty = true;

function tell(message) {
  if (!worker) {
    const source = URL.createObjectURL(new Blob([found.engine], {type: 'text/javascript'}));
    worker = new Worker(source);
    URL.revokeObjectURL(source);
    worker.onmessage = event => heard(event.data);
    worker.onerror = () => { S.playing = false; put(parts.now, W('broken')); controls(); };
    tell({do: 'pace', pace: paceOf()});
  }
  worker.postMessage(message);
}
const paceOf = () => S.speed === 'fast' ? 0 : NORMAL;
const empty = () => S.settings.data === 'drawn' && !S.settings.drawn;

function heard(message) {
  if (message.name !== runs) return;  // of a run that is over
  if (message.type === 'real') {
    now.real = message.points;
  } else {
    now.before = now.frame;
    now.frame = message;
    now.glide = message.stepped && message.stepped !== 'd' && !calm.matches ? performance.now() : 0;
    if (message.failed) {
      now.history = now.history.filter(one => one.step <= message.kept);
      now.trouble = {...message.failed, kept: message.kept};
      quiet();
    }
    if (message.stepped) light([message.stepped === 'g' ? 'g' : 'd'], message.stepped === 'both' ? ['g'] : []);
    for (const one of message.history) if (one.step > (now.history.at(-1)?.step ?? -1)) now.history.push(one);
    if (message.ended) quiet();
    if (S.demo && message.step >= DEMO) { quiet(); tell({do: 'pause'}); }
    told(!message.stepped && !message.failed);
  }
  dirty = true;
}

// Running.
function start(play = S.playing) {  // from the start that the seed gives
  quiet();
  Object.assign(now, {frame: null, before: null, history: [], trouble: null});
  tell({do: 'start', name: ++runs, settings: {...S.settings}});
  controls();
  if (play) go();
}
function go() {
  if (empty()) return put(parts.now, W('draw_first'));
  if (now.trouble) return;
  S.playing = true;
  if (S.speed === 'slow') slowly(0);
  else tell({do: 'play'});
  controls();
}
function quiet() {  // everything rests
  clearTimeout(timer);
  S.playing = S.demo = false;
  now.phase = null;
  lit();
  controls();
}
function toggle() {
  if (!S.playing) return go();
  quiet();
  tell({do: 'pause'});
}
function one(net) {
  if (empty() || now.trouble) return;
  quiet();
  tell({do: 'step', net});
}
function again() { S.demo = false; start(true); at(); }
function anew() { S.settings.seed = crypto.getRandomValues(new Uint32Array(1))[0] % 100000; fill(); again(); }
function set(name, value) {
  if (S.settings[name] === value) return;
  S.settings[name] = value;
  S.demo = false;
  fill();
  if (AT_ONCE.includes(name)) tell({do: 'set', settings: {[name]: value}});
  else start();
  told();
  at();
}
function pace(speed) {
  const playing = S.playing;
  S.speed = speed;
  clearTimeout(timer);
  now.phase = null;
  lit();
  tell({do: 'pace', pace: paceOf()});
  if (playing && speed === 'slow') { tell({do: 'pause'}); slowly(0); } else if (playing) tell({do: 'play'});
  controls();
  told();
  at();
}
// Slow motion: each step in four parts, the judge's and the generator's; what is shown is lit, and said.
const PHASES = [
  ['d', 'noise', ['noise', 'g', 'fake']], ['d', 'judge', ['fake', 'real', 'd']], ['d', 'loss', ['d', 'loss']], ['d', 'learn', ['d']],
  ['g', 'noise', ['noise', 'g', 'fake']], ['g', 'judge', ['fake', 'd', 'loss']], ['g', 'slope', ['loss', 'd', 'fake']], ['g', 'learn', ['g']],
];
function slowly(n) {
  const alone = (now.frame?.step ?? 0) < S.settings.head_start;
  if (alone && PHASES[n][0] === 'g') n = 0;
  const [net, phase, boxes] = PHASES[n];
  now.phase = {net, phase};
  lit(boxes, net, phase === 'slope');
  if (phase === 'learn') tell({do: 'step', net});
  told();
  dirty = true;
  timer = setTimeout(slowly, times.part, (n + 1) % PHASES.length);
}
function lit(boxes = [], net = '', back = false) {
  for (const box of parts.flow?.children ?? []) {
    box.classList.toggle('lit', boxes.includes(box.dataset.box));
    box.classList.toggle('of-g', net === 'g');
  }
  parts.flow?.classList.toggle('back', back);
}
function light(first, then) {  // after a single step
  if (now.phase) return;
  lit(first, first[0]);
  clearTimeout(light.later);
  light.later = setTimeout(() => then.length ? light(then, []) : now.phase || lit(), 500);
}

// Presets.
function preset(name, play = true) {
  const {data, drawn, seed} = S.settings;
  S.preset = name;
  S.mended = false;
  S.demo = false;
  S.settings = {...usual, data, drawn, seed, ...PRESETS[name].set};
  fill();
  start(play);
  at();
}
function mend() {
  const {mend: better, on} = PRESETS[S.preset];
  S.mended = true;
  Object.assign(S.settings, better);
  fill();
  if (on && !now.trouble) { tell({do: 'set', settings: better}); S.playing || go(); } else start(true);
  told();
  at();
}
function tenth() {  // go on from the weights that were kept, more gently
  const gentler = Object.fromEntries(['rate_g', 'rate_d'].map(name => [name, Math.max(1e-6, Number((S.settings[name] / 10).toPrecision(3)))]));
  Object.assign(S.settings, gentler);
  now.trouble = null;
  fill();
  tell({do: 'set', settings: gentler});
  go();
  at();
}

// The address.
function at() {
  const query = new URLSearchParams({tab: 'train', floor: 'points'}), base = {...usual, ...PRESETS[S.preset]?.set, ...(S.mended ? PRESETS[S.preset]?.mend : {})};
  if (S.preset) query.set('preset', S.preset);
  if (S.mended) query.set('mended', 1);
  for (const [name, value] of Object.entries(S.settings)) if (value !== base[name] || name === 'seed') query.set(name, value);
  if (S.speed !== 'normal') query.set('speed', S.speed);
  if (LAYERS.some(name => S.layers.has(name) !== LAYERED.includes(name))) query.set('layers', LAYERS.filter(name => S.layers.has(name)).join(',') || 'none');
  doc.dispatchEvent(new CustomEvent('imgen:at', {detail: {name: 'train', query: String(query)}}));
  return query;
}
function enter(search) {
  const query = new URLSearchParams(search), name = query.get('preset'), wanted = {...usual};
  const prepared = [...query.keys()].some(key => Object.hasOwn(SETTINGS, key) || ['preset', 'speed', 'layers'].includes(key));
  if (entered && !prepared) return at();
  const known = Object.hasOwn(PRESETS, name ?? '') ? name : '', mended = Boolean(known && PRESETS[known].mend && query.get('mended') === '1');
  Object.assign(wanted, PRESETS[known]?.set, mended ? PRESETS[known].mend : {});
  for (const key of Object.keys(SETTINGS)) {
    const value = query.has(key) ? nearest(key, query.get(key)) : null;
    if (value !== null) wanted[key] = value;
  }
  const same = entered && S.preset === known && S.mended === mended && JSON.stringify(wanted) === JSON.stringify(S.settings);
  entered = true;
  Object.assign(S, {settings: wanted, preset: known, mended});
  S.speed = SPEEDS.includes(query.get('speed')) ? query.get('speed') : same ? S.speed : 'normal';
  if (query.has('layers')) S.layers = new Set(query.get('layers').split(',').filter(one => LAYERS.includes(one)));
  fill();
  tell({do: 'pace', pace: paceOf()});
  if (same && query.get('run') !== '1') return at();
  quiet();
  start(query.get('run') === '1' || (!prepared && !calm.matches));
  S.demo = !prepared;
  at();
}
async function copy() {
  const query = at(), here = new URLSearchParams(location.search);
  for (const key of ['hide', 'large', 'language']) if (here.has(key)) query.set(key, here.get(key));
  query.set('run', 1);
  const space = doc.referrer.match(/^https:\/\/huggingface\.co\/spaces\/[\w.-]+\/[\w.-]+/)?.[0];
  const link = (space ?? location.origin + location.pathname) + '?' + query;
  parts.link.hidden = false;
  parts.link.value = link;
  try {
    await navigator.clipboard.writeText(link);
    put(parts.copied, W('copied'));
  } catch {  // a plain http address, as in a classroom, may not use it
    parts.link.select();
    put(parts.copied, W(doc.execCommand('copy') ? 'copied' : 'not_copied'));
  }
}

// What happens, in a sentence: of several that hold, the most telling.
function happening() {
  const {settings, speed} = S, {frame, phase, trouble} = now, last = now.history.at(-1);
  if (empty()) return W('draw_first');
  if (trouble) return W('stopped', {step: trouble.step});
  if (!frame || !last) return W('ready');
  const facts = {
    step: frame.step, modes: last.modes, of: last.of, recall: percent(last.recall), real: percent(last.real), fake: percent(last.fake),
    energy: show(last.energy), slope: show(last.slope), all: settings.head_start,
  };
  if (phase) return W(`slow_${phase.net}_${phase.phase}`, facts);
  if (!frame.step) return W('ready');
  if (frame.step < settings.head_start) return W('say_alone', facts);
  const covers = last.of ? W('covers_modes', facts) : W('covers_share', facts), crowded = last.of ? last.modes <= 2 : last.recall < 0.3;
  facts.covers = covers;
  if (last.energy > 2 && last.slope < 0.1 && last.fake < 0.1) return W('say_still', facts);
  if (last.energy > 2) return W('say_gone', facts);
  if (last.real > 0.75 && last.fake < 0.25) return W('say_strong', facts);
  if (last.step - settings.head_start < 120) return W('say_early', facts);
  if (crowded && settings.optimizer_g === 'sgd' && settings.rate_g < 0.005) return W('say_slow');
  if (crowded && last.energy > 0.25) return W('say_collapse', facts);
  if (last.recall > 0.85 && Math.abs(last.real - last.fake) < 0.15) return W('say_even', facts);
  return W('say_on', facts);
}
function told(often = false) {  // often: a frame of many, of which not each word need be changed
  const {frame, trouble, history} = now, last = history.at(-1), at = Date.now();
  if (frame) {
    put(parts.step, String(frame.step));
    put(parts.seconds, W('seconds', {seconds: frame.seconds.toFixed(1)}));
    put(parts.speed, W('per_second', {count: S.playing && S.speed !== 'slow' ? Math.round(frame.speed) : '–'}));
  }
  const brief = often && S.playing;
  if (last && !(brief && at - told.numbers < 250)) {
    numbers(last);
    told.numbers = at;
  }
  card();
  if (brief && at - told.sentence < 800) return;
  told.sentence = at;
  const text = happening();
  put(parts.now, text);
  if (trouble !== told.trouble || S.playing !== told.playing || (S.playing && at - told.at > SPEAK)) {
    Object.assign(told, {trouble, playing: S.playing, at});
    put(parts.voice, trouble ? `${W(`trouble_${trouble.trouble}`, troubleFacts())}` : text);
  }
}
const troubleFacts = () => ({step: now.trouble.step, kept: now.trouble.kept, rate: show(Math.max(S.settings.rate_g, S.settings.rate_d))});
function numbers(last) {
  parts.dots.hidden = !last.of;
  if (last.of && parts.dots.children.length !== last.of) parts.dots.replaceChildren(...Array.from({length: last.of}, () => el('i')));
  [...parts.dots.children].forEach((dot, n) => dot.classList.toggle('on', n < (last.modes ?? 0)));
  put(parts.covered, last.of ? `${last.modes} / ${last.of}` : percent(last.recall));
  put(parts.coveredName, W(last.of ? 'modes' : 'recall'));
  put(parts.precise, percent(last.precision));
  put(parts.slope, show(last.slope));
  for (const name of ['real', 'fake']) {
    const known = !now.trouble;  // of nets that broke no score says anything
    parts[`score_${name}`].style.setProperty('--share', known ? `${100 * last[name]}%` : '0%');
    put(parts[`score_${name}`].nextSibling, known ? percent(last[name]) : '–');
  }
}
function card() {  // under the presets: what one sees, why, and what mends it; or that something ran away
  const {trouble} = now, key = trouble ? `trouble ${trouble.step} ${trouble.kept}` : `${S.preset} ${S.mended}`;
  if (card.key === key) return;
  card.key = key;
  const said = (name, text) => el('p', {}, el('b', {text: W(name)}), ' ', text);
  if (trouble) {
    const broken = Object.entries(trouble.losses).map(([net, v]) => `${W(`loss_${net}`)} ${show(Number.isFinite(v) ? v : NaN)}`).join(' · ');
    const better = PRESETS[S.preset]?.mend && !S.mended;
    const ways = [button(W('tenth'), tenth, {class: 'main tenth'}), better ? button(W('mend'), mend, {class: 'mend', title: W(`how_${S.preset}`)}) : button(W('same'), again)];
    const inner = [el('h4', {text: W('trouble')}), el('p', {text: W(`trouble_${trouble.trouble}`, troubleFacts())}), el('div', {class: 'row'}, ...ways),
      said('why', W('trouble_why', troubleFacts())), el('p', {class: 'fact', text: broken})];
    parts.card.className = 'card failed';
    parts.card.hidden = false;
    return parts.card.replaceChildren(...inner);
  }
  parts.card.className = 'card';
  parts.card.hidden = !S.preset;
  if (!S.preset) return;
  const act = S.mended ? button(W('break_again'), () => preset(S.preset)) : PRESETS[S.preset].mend ? button(W('mend'), mend, {class: 'main mend'}) : null;
  const inner = [el('div', {class: 'head'}, el('h4', {text: W(`preset_${S.preset}`)}), act)];
  if (S.mended) inner.push(said('mended', W(`mended_${S.preset}`)));
  else inner.push(said('see', W(`see_${S.preset}`)), said('why', W(`why_${S.preset}`)));
  if (act && !S.mended) inner.push(said('how', W(`how_${S.preset}`)));
  parts.card.replaceChildren(...inner);
}

// The canvas.
const colours = () => {
  const style = getComputedStyle(parts.room), of = name => style.getPropertyValue(name).trim();
  return Object.fromEntries(['real', 'fake', 'paper', 'ink', 'line', 'map-real', 'map-fake'].map(name => [name, of(`--${name}`)]));
};
const rgb = text => [1, 3, 5].map(n => parseInt(text.slice(n, n + 2), 16));
const ramp = doc.createElement('canvas');
[ramp.width, ramp.height] = [JUDGED, JUDGED];
function paint() {
  requestAnimationFrame(paint);
  const gliding = now.glide && performance.now() - now.glide < times.glide;
  if (!dirty && !gliding || !parts.room?.checkVisibility()) return;
  dirty = Boolean(gliding);
  if (!gliding) now.glide = 0;
  const {canvas} = parts, side = Math.round(canvas.clientWidth * Math.min(2, devicePixelRatio || 1));
  if (!side) return;
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const ctx = canvas.getContext('2d'), c = colours(), [left, bottom, span] = now.frame?.view ?? viewOf(S.settings), unit = side / 560;
  const x = v => (v - left) / span * side, y = v => side - (v - bottom) / span * side;
  const {frame, before, phase} = now, has = name => S.layers.has(name);
  ctx.globalAlpha = 1;
  ctx.fillStyle = c.paper;
  ctx.fillRect(0, 0, side, side);
  if (frame && has('map')) {
    const image = new ImageData(JUDGED, JUDGED), warm = rgb(c['map-fake']), cool = rgb(c['map-real']), paper = rgb(c.paper);
    frame.map.forEach((v, n) => {
      const t = Math.min(1, 2 * Math.abs(v - 0.5)) ** 0.8, end = v > 0.5 ? cool : warm;
      for (let k = 0; k < 3; k++) image.data[4 * n + k] = paper[k] + t * (end[k] - paper[k]);
      image.data[4 * n + 3] = 255;
    });
    ramp.getContext('2d').putImageData(image, 0, 0);
    ctx.imageSmoothingEnabled = true;
    ctx.drawImage(ramp, 0, 0, side, side);
  }
  ctx.strokeStyle = c.line;
  ctx.lineWidth = unit;
  ctx.beginPath();
  for (const [a, b] of [[x(0), null], [null, y(0)]]) { ctx.moveTo(a ?? 0, b ?? 0); ctx.lineTo(a ?? side, b ?? side); }
  ctx.globalAlpha = 0.5;
  ctx.stroke();
  if (S.settings.data === 'drawn') drawn(ctx, c, x, y, span / side);
  if (frame && has('grid')) warped(ctx, frame.grid, c, x, y, unit);
  if (now.real && has('real') && !empty()) dots(ctx, now.real, 400, c.real, 0.75, 2.4 * unit, x, y, side);
  if (frame && (has('fake') || phase)) {
    const t = gliding && before ? 1 - (1 - (performance.now() - now.glide) / times.glide) ** 3 : 1;
    const points = t < 1 ? frame.points.map((v, n) => before.points[n] + t * (v - before.points[n])) : frame.points;
    if (has('arrows') || (phase?.net === 'g' && phase.phase === 'slope')) arrows(ctx, frame, c, x, y, unit, side / span);
    dots(ctx, points, SHOWN, c.fake, phase?.phase === 'noise' ? 1 : 0.85, (phase?.phase === 'noise' ? 3.4 : 2.6) * unit, x, y, side, c.paper);
  }
}
function dots(ctx, points, count, colour, alpha, size, x, y, side, rim = '') {
  ctx.globalAlpha = alpha;
  ctx.fillStyle = colour;
  ctx.beginPath();
  for (let n = 0; n < count; n++) {
    const a = x(points[2 * n]), b = y(points[2 * n + 1]), inside = a >= 0 && b >= 0 && a <= side && b <= side;
    if (inside) {
      ctx.moveTo(a + size, b);
      ctx.arc(a, b, size, 0, TURN);
    } else if (rim) {  // beyond the edge: a mark that points there
      const px = clamp(a, 4 * size, side - 4 * size), py = clamp(b, 4 * size, side - 4 * size), angle = Math.atan2(b - py, a - px);
      for (let k = 0; k < 3; k++) ctx[k ? 'lineTo' : 'moveTo'](px + 2.4 * size * Math.cos(angle + k * TURN / 3), py + 2.4 * size * Math.sin(angle + k * TURN / 3));
    }
  }
  ctx.fill();
}
function arrows(ctx, {points, arrows: to}, c, x, y, unit, scale) {  // long enough to be seen, short enough to be told apart
  ctx.globalAlpha = 0.8;
  ctx.strokeStyle = ctx.fillStyle = c.ink;
  ctx.lineWidth = 1.2 * unit;
  ctx.beginPath();
  for (let n = 0; n < SHOWN; n += 3) {
    const size = Math.hypot(to[2 * n], to[2 * n + 1]);
    if (!(size > 1e-4)) continue;
    const length = unit * 46 * (1 - Math.exp(-1.6 * Math.sqrt(size))), dx = to[2 * n] / size, dy = -to[2 * n + 1] / size;
    const a = x(points[2 * n]), b = y(points[2 * n + 1]), ex = a + length * dx, ey = b + length * dy, head = Math.min(6 * unit, length / 2);
    ctx.moveTo(a, b);
    ctx.lineTo(ex, ey);
    ctx.moveTo(ex - head * (dx - 0.5 * dy), ey - head * (dy + 0.5 * dx));
    ctx.lineTo(ex, ey);
    ctx.lineTo(ex - head * (dx + 0.5 * dy), ey - head * (dy - 0.5 * dx));
  }
  ctx.stroke();
}
function warped(ctx, grid, c, x, y, unit) {
  const line = list => list.forEach((n, k) => ctx[k ? 'lineTo' : 'moveTo'](x(grid[2 * n]), y(grid[2 * n + 1])));
  ctx.globalAlpha = 0.55;
  ctx.strokeStyle = c.fake;
  ctx.lineWidth = unit;
  ctx.beginPath();
  if (S.settings.noise_dim === 1) line(Array.from({length: WARPED ** 2}, (_, n) => n));
  else for (let i = 0; i < WARPED; i++) {
    line(Array.from({length: WARPED}, (_, n) => i * WARPED + n));
    line(Array.from({length: WARPED}, (_, n) => n * WARPED + i));
  }
  ctx.stroke();
}

// Drawing: cells of a coarse paper, so that a drawing fits into an address and keys can paint it, too.
const pen = {cell: CELLS * (CELLS >> 1) + (CELLS >> 1), rub: false, cells: new Set(), seen: false};
function drawn(ctx, c, x, y) {
  const {shift} = S.settings, side = 2 * REACH / CELLS, wide = x(side) - x(0);
  const box = n => [x((n % CELLS) * side - REACH + shift), y(REACH - Math.floor(n / CELLS) * side), wide, wide];
  ctx.globalAlpha = 0.3;
  ctx.strokeStyle = c.line;
  ctx.strokeRect(x(shift - REACH), y(REACH), wide * CELLS, wide * CELLS);
  ctx.globalAlpha = 0.16;
  ctx.fillStyle = c.real;
  for (const n of pen.cells) ctx.fillRect(...box(n));
  if (!pen.seen) return;
  ctx.globalAlpha = 1;
  ctx.strokeStyle = c.ink;
  ctx.strokeRect(...box(pen.cell));
}
function stroke(cell, wide) {  // a brush of three cells a side for a finger or a mouse, of one for keys
  const r = Math.floor(cell / CELLS), k = cell % CELLS, reach = wide ? 1 : 0;
  for (let dr = -reach; dr <= reach; dr++) for (let dk = -reach; dk <= reach; dk++) {
    const y = r + dr, x = k + dk;
    if (y < 0 || x < 0 || y >= CELLS || x >= CELLS || (wide && dr && dk)) continue;
    pen.cells[pen.rub ? 'delete' : 'add'](y * CELLS + x);
  }
  const before = empty();
  S.settings.drawn = textOf(pen.cells);
  if (empty() && S.playing) quiet();
  tell({do: 'draw', drawn: S.settings.drawn});
  if (before !== empty()) { controls(); told(); }
  dirty = true;
  clearTimeout(stroke.later);
  stroke.later = setTimeout(at, 300);
}
function cellAt(event) {
  const box = parts.canvas.getBoundingClientRect(), [left, bottom, span] = now.frame?.view ?? viewOf(S.settings), side = 2 * REACH / CELLS;
  const x = left + (event.clientX - box.x) / box.width * span - S.settings.shift, y = bottom + span - (event.clientY - box.y) / box.height * span;
  return clamp(Math.floor((REACH - y) / side), 0, CELLS - 1) * CELLS + clamp(Math.floor((x + REACH) / side), 0, CELLS - 1);
}
function down(event) {
  if (S.settings.data !== 'drawn' || event.button) return;
  event.preventDefault();
  painting = cellAt(event);
  parts.canvas.setPointerCapture(event.pointerId);
  stroke(painting, true);
}
function move(event) {
  if (painting === null) return;
  const to = cellAt(event), from = painting, steps = Math.max(Math.abs(to % CELLS - from % CELLS), Math.abs(Math.floor(to / CELLS) - Math.floor(from / CELLS)), 1);
  if (to === from) return;
  for (let n = 1; n <= steps; n++) {
    const mix = (a, b) => Math.round(a + (b - a) * n / steps);
    stroke(mix(Math.floor(from / CELLS), Math.floor(to / CELLS)) * CELLS + mix(from % CELLS, to % CELLS), true);
  }
  painting = to;
}
function keys(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const drawing = S.settings.data === 'drawn', step = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: CELLS, ArrowUp: -CELLS}[event.key];
  if (drawing && step) {
    const edge = Math.abs(step) === 1 && Math.floor((pen.cell + step) / CELLS) !== Math.floor(pen.cell / CELLS);
    if (!edge && pen.cell + step >= 0 && pen.cell + step < CELLS * CELLS) pen.cell += step;
    pen.seen = true;
    if (event.shiftKey) stroke(pen.cell, false);
  } else if (drawing && event.key === ' ') {
    const rub = pen.rub;
    pen.rub = pen.cells.has(pen.cell);
    stroke(pen.cell, false);
    pen.rub = rub;
  } else if (event.key === 'Enter' || (!drawing && event.key === ' ')) toggle();
  else return;
  event.preventDefault();
  dirty = true;
}

// Curves: two plots over the steps; what grows too long is thinned.
function curves() {
  setTimeout(curves, calm.matches ? 500 : 120);
  if (!parts.room?.checkVisibility() || curves.seen === now.history.length + S.settings.data && !curves.anew) return;
  curves.seen = now.history.length + S.settings.data;
  curves.anew = false;
  if (now.history.length > 1200) now.history = now.history.filter((_, n) => n % 2 === 0 || n > 1100);
  plot(parts.distances, ['js', 'energy'], 0, 1);
  plot(parts.losses, ['loss_d', 'loss_g'], 0, 1.5);
}
function plot(svg, names, low, high) {
  const list = now.history, width = 320, height = 100;
  const values = list.flatMap(one => names.map(name => one[name])).filter(Number.isFinite).sort((a, b) => a - b);
  const top = Math.max(high, 1.08 * Math.min(values.at(-1) ?? 0, 3 * (values[Math.floor(0.9 * values.length)] ?? 0))), lowest = Math.max(values[0] ?? 0, -3), base = lowest < -0.05 ? 1.08 * lowest : low;
  const last = Math.max(200, list.at(-1)?.step ?? 0);
  names.forEach((name, k) => {
    const path = list.filter(one => Number.isFinite(one[name])).map((one, n) =>
      `${n ? 'L' : 'M'}${(one.step / last * width).toFixed(1)} ${(height - clamp((one[name] - base) / (top - base), 0, 1) * height).toFixed(1)}`).join('');
    svg.querySelectorAll('path')[k].setAttribute('d', path || 'M0 0');
  });
  const figure = svg.closest('figure');
  put(figure.querySelector('.top'), show(Number(top.toPrecision(2))));
  put(figure.querySelector('.base'), show(Number(base.toPrecision(2))));
  put(figure.querySelector('.last'), list.at(-1)?.step ? W('at_step', {step: last}) : '');
  const end = list.at(-1);
  names.forEach((name, k) => put(figure.querySelectorAll('.key b')[k], end ? show(end[name]) : '–'));
  svg.setAttribute('aria-label', names.map(name => `${W(`curve_${name}`)} ${end ? show(end[name]) : '–'}`).join(', '));
}

// Building.
function build() {
  parts.room = el('div', {class: 'room'});
  parts.now = el('p', {class: 'now'});
  parts.voice = el('p', {class: 'unseen', role: 'status'});
  parts.room.append(parts.voice, el('div', {class: 'stage'}, buildChoice(), buildScene(), buildSide()), buildSettings());
  element.replaceChildren(parts.room);
}
function buildChoice() {
  parts.data = el('div', {class: 'data', role: 'group', 'aria-label': W('data')}, ...SETTINGS.data[1].map(name =>
    el('button', {type: 'button', data: {data: name}, onclick: () => choose(name)}, thumb(name), el('span', {text: W(`data_${name}`)}))));
  parts.pens = el('div', {class: 'row pens', role: 'group', 'aria-label': W('data_drawn')},
    button(W('brush'), () => { pen.rub = false; controls(); }, {data: {pen: 'brush'}}), button(W('rubber'), () => { pen.rub = true; controls(); }, {data: {pen: 'rubber'}}),
    button(W('clear'), () => { pen.cells.clear(); pen.rub = false; S.settings.drawn = ''; quiet(); start(false); told(); at(); }), el('p', {class: 'fact', text: W('draw_keys')}));
  parts.presets = el('div', {class: 'presets', role: 'group', 'aria-label': W('presets')}, ...Object.keys(PRESETS).map(name =>
    button(W(`preset_${name}`), () => preset(name), {data: {preset: name}})));
  parts.card = el('div', {class: 'card', hidden: true});
  return el('div', {class: 'choice choose'}, el('div', {class: 'knob-data'}, el('h3', {text: W('data')}), parts.data, parts.pens),
    el('div', {class: 'knob-preset'}, el('h3', {text: W('presets')}), parts.presets, parts.card));
}
function choose(name) {
  if (name === 'drawn' && S.settings.data !== 'drawn') { S.settings.data = name; fill(); quiet(); start(Boolean(S.settings.drawn)); told(); at(); parts.canvas.focus({preventScroll: true}); }
  else set('data', name);
}
function thumb(name) {
  const canvas = el('canvas', {width: 72, height: 72, 'aria-hidden': 'true'}), ctx = canvas.getContext('2d'), random = new Random(3, 3);
  thumbs.push(() => {
    ctx.clearRect(0, 0, 72, 72);
    ctx.fillStyle = colours().real;
    if (name === 'drawn') {
      ctx.strokeStyle = ctx.fillStyle;
      ctx.lineWidth = 5;
      ctx.lineCap = 'round';
      ctx.beginPath();
      ctx.moveTo(12, 54);
      ctx.bezierCurveTo(22, 4, 44, 92, 60, 18);
      return ctx.stroke();
    }
    for (let n = 0; n < 160; n++) {
      const [a, b] = DATA[name](random);
      ctx.fillRect(36 + 26 * a - 1.5, 36 - 26 * b - 1.5, 3, 3);
    }
  });
  return canvas;
}
const thumbs = [];
function buildScene() {
  parts.canvas = el('canvas', {class: 'plane', tabindex: 0, role: 'application', 'aria-label': W('plane'), onkeydown: keys, onpointerdown: down, onpointermove: move,
    onpointerup: () => { painting = null; }, onpointercancel: () => { painting = null; }, onblur: () => { pen.seen = false; dirty = true; }});
  parts.big = button('', toggle, {class: 'big', 'aria-label': W('play')});
  parts.play = button('', toggle, {class: 'main play'});
  parts.speeds = el('div', {class: 'joined', role: 'group', 'aria-label': W('speed')}, ...SPEEDS.map(speed => button(W(`speed_${speed}`), () => pace(speed), {data: {speed}})));
  parts.steps = el('div', {class: 'joined', role: 'group', 'aria-label': W('one_step')}, ...['d', 'g', 'both'].map(net =>
    button(W(`one_${net}`), () => one(net), {data: {net}, title: W(`one_${net}_long`), 'aria-label': W(`one_${net}_long`)})));
  parts.layers = el('div', {class: 'layers', role: 'group', 'aria-label': W('layers')}, ...LAYERS.map(name => el('button', {type: 'button', data: {layer: name}, onclick: () => {
    S.layers[S.layers.has(name) ? 'delete' : 'add'](name);
    controls();
    dirty = true;
    at();
  }}, el('i', {class: `mark ${name}`}), el('span', {text: W(`layer_${name}`)}))));
  parts.step = el('b', {text: '0'});
  parts.seconds = el('span');
  parts.speed = el('span');
  parts.link = el('input', {class: 'address', readonly: true, hidden: true, 'aria-label': W('link')});
  parts.copied = el('span', {class: 'fact', role: 'status'});
  return el('div', {class: 'scene'}, el('div', {class: 'holder'}, parts.canvas, parts.big),
    el('div', {class: 'row controls'}, parts.play, parts.speeds, parts.steps),
    parts.layers, el('div', {class: 'row starts'}, button(W('same'), again, {class: 'same', title: W('same_long')}), button(W('anew'), anew, {class: 'anew', title: W('anew_long')}),
      button(W('link'), copy, {class: 'link'}), parts.copied, parts.link));
}
function buildSide() {
  parts.flow = el('div', {class: 'flow', role: 'img', 'aria-label': W('flow')}, ...['noise', 'g', 'fake', 'real', 'd', 'loss'].map(box =>
    el('span', {data: {box}}, el('b', {text: W(`box_${box}`)}))));
  const score = name => el('p', {class: `score ${name}`}, el('span', {text: W(`score_${name}`)}), parts[`score_${name}`] = el('i'), el('b', {text: '–'}));
  parts.dots = el('span', {class: 'modes', 'aria-hidden': 'true'});
  parts.covered = el('b', {text: '–'});
  parts.coveredName = el('span', {text: W('modes')});
  parts.precise = el('b', {text: '–'});
  parts.slope = el('b', {text: '–'});
  const tile = (name, title, ...inner) => el('p', {class: 'tile', title}, ...inner, name);
  const picture = names => {
    const svg = doc.createElementNS('http://www.w3.org/2000/svg', 'svg');
    for (const [name, value] of Object.entries({viewBox: '0 0 320 100', preserveAspectRatio: 'none', role: 'img'})) svg.setAttribute(name, value);
    names.forEach(name => {
      const path = doc.createElementNS('http://www.w3.org/2000/svg', 'path');
      path.setAttribute('class', name);
      svg.append(path);
    });
    return svg;
  };
  const figure = (key, names) => el('figure', {}, el('figcaption', {}, el('span', {text: W(key)}), ...names.map(name => el('span', {class: `key ${name}`, title: W(`curve_${name}_long`)}, el('i'), W(`curve_${name}`), ' ', el('b'))), el('span', {class: 'last'})),
    el('div', {class: 'axes'}, el('span', {class: 'top'}), parts[key] = picture(names), el('span', {class: 'base'})));
  return el('div', {class: 'side'}, el('p', {class: 'facts'}, el('span', {}, W('step'), ' ', parts.step), parts.seconds, parts.speed), parts.now, parts.flow,
    el('div', {class: 'scores'}, el('h3', {text: W('judge_says')}), score('real'), score('fake')),
    el('div', {class: 'tiles'}, tile(parts.coveredName, W('modes_long'), parts.dots, parts.covered), tile(el('span', {text: W('precision')}), W('precision_long'), parts.precise),
      tile(el('span', {text: W('slope')}), W('slope_long'), parts.slope)),
    figure('distances', ['js', 'energy']), figure('losses', ['loss_d', 'loss_g']));
}
const knobs = {};
function buildSettings() {
  const knob = (name, label, control) => { knobs[name] = control; return el('label', {class: `knob-${name}`}, el('span', {text: label}), control.shown, control.out ?? null); };
  const slider = name => {
    const [first, low, high, step] = SETTINGS[name], stops = STOPS[name] ?? Array.from({length: Math.round((high - low) / step) + 1}, (_, n) => low + n * step);
    const out = el('output'), shown = el('input', {type: 'range', min: 0, max: stops.length - 1, step: 1, oninput: () => set(name, stops[shown.value])});
    return {shown, out, fill: value => {
      const near = stops.reduce((best, stop, n) => Math.abs(Math.log((stop || 0.1) / (value || 0.1))) < Math.abs(Math.log((stops[best] || 0.1) / (value || 0.1))) ? n : best, 0);
      shown.value = near;
      put(out, show(value));
      shown.setAttribute('aria-valuetext', show(value));
    }};
  };
  const choice = name => {
    const shown = el('select', {onchange: () => set(name, shown.value)}, ...SETTINGS[name][1].map(value => el('option', {value, text: W(`${name.replace(/_[gd]$/, '')}_${value}`)})));
    return {shown, fill: value => { shown.value = value; }};
  };
  const seed = () => {
    const shown = el('input', {type: 'number', min: 0, max: 2 ** 32 - 1, step: 1, onchange: () => { const value = nearest('seed', shown.value); value === null ? fill() : set('seed', value); shown.value = S.settings.seed; }});
    return {shown, fill: value => { shown.value = value; }};
  };
  const of = net => el('fieldset', {class: `net ${net}`}, el('legend', {text: W(`net_${net}`)}),
    knob(`rate_${net}`, W('rate'), slider(`rate_${net}`)), knob(`steps_${net}`, W('steps'), slider(`steps_${net}`)), knob(`optimizer_${net}`, W('optimizer'), choice(`optimizer_${net}`)),
    knob(`width_${net}`, W('width'), slider(`width_${net}`)), knob(`depth_${net}`, W('depth'), slider(`depth_${net}`)));
  parts.formula = el('p', {class: 'formula'});
  return el('div', {class: 'choice settings'}, of('g'), of('d'), el('fieldset', {}, el('legend', {text: W('both')}), knob('loss', W('loss'), choice('loss')), parts.formula,
    knob('batch', W('batch'), slider('batch')), knob('seed', W('seed'), seed())),
  el('fieldset', {}, el('legend', {text: W('beginning')}), knob('noise', W('noise'), choice('noise')), knob('noise_dim', W('noise_dim'), slider('noise_dim')),
    knob('shift', W('shift'), slider('shift')), knob('head_start', W('head_start'), slider('head_start')), el('p', {class: 'fact', text: W('restarts')})));
}
function fill() {  // the settings into their widgets
  for (const [name, control] of Object.entries(knobs)) control.fill(S.settings[name]);
  const [d, g] = W(`formula_${S.settings.loss}`).split('\n');
  parts.formula.replaceChildren(el('span', {text: d}), el('span', {text: g}));
  pen.cells = new Set(cellsOf(S.settings.drawn));
  controls();
  dirty = curves.anew = true;
}
function controls() {  // what is pressed, and what can be
  if (!parts.room) return;
  const press = (list, chosen) => list?.querySelectorAll('button').forEach(one => one.setAttribute('aria-pressed', chosen(one.dataset)));
  const label = W(S.playing ? 'pause' : 'play');
  put(parts.play, label);
  parts.play.classList.toggle('on', S.playing);
  parts.big.hidden = S.playing || Boolean(now.trouble) || Boolean(now.frame?.step) || empty();
  press(parts.speeds, ({speed}) => speed === S.speed);
  press(parts.layers, ({layer}) => S.layers.has(layer));
  press(parts.data, ({data}) => data === S.settings.data);
  press(parts.presets, ({preset}) => preset === S.preset);
  press(parts.pens, ({pen: name}) => name && (name === 'rubber') === pen.rub);
  const drawing = S.settings.data === 'drawn';
  parts.pens.hidden = !drawing;
  parts.canvas.classList.toggle('drawing', drawing);
  parts.room.dataset.playing = S.playing;
  for (const one of [parts.play, ...parts.steps.children]) one.disabled = empty() || Boolean(now.trouble);
}

build();
fill();
const recolour = () => { thumbs.forEach(draw => draw()); dirty = true; };
recolour();
new MutationObserver(recolour).observe(doc.body, {attributes: true, attributeFilter: ['class']});
new ResizeObserver(() => {  // another tab of the page is open: rest; a hidden tab of the browser goes on
  const seen = element.checkVisibility();
  dirty = true;
  if (!seen && S.playing) {
    S.held = S.demo ? 'demo' : 'run';
    quiet();
    tell({do: 'pause'});
  } else if (seen && S.held) {
    const demo = S.held === 'demo';
    S.held = false;
    go();
    S.demo = demo;
  }
}).observe(element);
paint();
curves();
element.addEventListener('imgen:enter', event => enter(event.detail.query));
element.dataset.floor = 'points';
element.points = {S, now, times};  // for tests
setTimeout(() => { if (!entered && element.checkVisibility()) enter(''); }, 150);  // an address would have said by now; a hidden floor says nothing

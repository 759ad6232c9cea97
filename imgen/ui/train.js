// "Pictures": a network that learns on the server, watched and steered here.  element: the floor; found: what `pictures_begin`
// answered; call: asks the server; qr: an address as a code to photograph.
const words = found.words, zh = root.dataset.language === 'zh';
const W = (key, facts = {}) => (words[`pictures_${key}`] ?? words[key] ?? key).replace(/{(\w+)}/g, (_, name) => facts[name] ?? '…');
const RATES = [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1];
const STOPS = {
  rate: RATES, rate_d: RATES, beta: [0, 0.1, 0.2, 0.5, 1, 2, 4, 8, 15, 30, 50, 100], few: [0, 8, 16, 32, 64, 128, 256, 512, 1000],
  batch: [4, 8, 16, 32, 64, 128, 256], units_d: [2, 4, 8, 16, 32, 64, 128, 256], latent: [1, 2, 3, 4, 8, 16, 32, 64],
};
const SIGNS = {shapes: '●■▲✚', characters: '一十人大山火日田口土', digits: '0123456789', mnist: '0123456789'};  // of classes
const SHARES = ['real', 'fake', 'accuracy', 'accuracy_train', 'dead', 'variety'];  // scores that are parts of one
const FIRST = {  // of a method: what its figures show, the most telling first
  gan: ['variety', 'distance', 'kinds'], dcgan: ['variety', 'distance', 'kinds'], vae: ['psnr', 'kl', 'used'], autoencoder: ['psnr', 'chequer'],
  cnn: ['accuracy', 'accuracy_train', 'dead'], espcn: ['psnr', 'bicubic'], denoiser: ['psnr', 'noisy'],
};
const PLOTTED = {
  gan: ['real', 'fake', 'variety'], dcgan: ['real', 'fake', 'variety'], vae: ['psnr'], autoencoder: ['psnr'], cnn: ['accuracy', 'accuracy_train'],
  espcn: ['psnr', 'bicubic'], denoiser: ['psnr', 'noisy'],
};
const COLOUR = {  // of a curve: a class of train.css
  discriminator: 'ink', generator: 'fake', penalty: 'quiet', reconstruction: 'real', kl: 'violet', squared_error: 'real', cross_entropy: 'real', wrong: 'fake',
  mse_db: 'real', real: 'real', fake: 'fake', variety: 'violet', psnr: 'real', bicubic: 'quiet', noisy: 'quiet', accuracy: 'real', accuracy_train: 'fake',
};
const KEPT = 60, FILM = 8;  // sheets of a run that are kept to look back; of them in the strip
const SLOW = 0.6, DEMO = 0.75;  // seconds of a step in slow motion; of the stored run, of a second
const SPEAK = 8000;  // milliseconds between two words to those who listen
const CHEQUERED = 3;  // grey levels from which on one sees the chequerboard
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const put = (one, text) => { if (one && one.textContent !== text) one.textContent = text; };
const minus = text => String(text).replaceAll('-', '−');
const percent = v => `${Math.round(100 * v)}${zh ? '' : '\u00a0'}%`;
function show(v) {  // three digits
  if (v === null || v === undefined) return '–';
  if (!Number.isFinite(v)) return Number.isNaN(v) ? 'NaN' : v > 0 ? '∞' : '−∞';
  const size = Math.abs(v);
  return size && (size < 1e-5 || size >= 1e5) ? minus(v.toExponential(1)) : minus(Number(v.toPrecision(3)));
}
const scored = (name, v, digits = 3) => v === undefined ? '–' : SHARES.includes(name) && name !== 'variety' ? percent(v) : show(Number(v.toPrecision(digits)));
const methods = Object.fromEntries(found.methods.map(one => [one.name, one]));
const usual = name => Object.fromEntries(methods[name].knobs.map(knob => [knob.name, knob.value]));
const knobOf = (method, name) => methods[method].knobs.find(knob => knob.name === name);

// What is chosen, and what the server told.
const S = {method: 'gan', settings: usual('gan'), preset: '', mended: false, slow: false, beside: null, watching: '', stale: false};
const R = {token: '', code: '', state: 'idle', run: 0, setups: [], lanes: [], place: 0, paused: false, demo: false, viewers: 0, shared: false, error: '', own: null, at: null, begun: ''};
const parts = {}, knobs = {};
let stream = null, line = null, entered = false, dirty = true, timer = 0;
try { R.token = sessionStorage.getItem('imgen train') ?? ''; } catch { /* this window remembers nothing */ }

async function ask(what, more = {}) {
  const told = await call({do: what, token: R.token, ...more}).catch(() => ({error: W('lost')}));
  if (told?.token) {
    Object.assign(R, {token: told.token, code: told.code, eye: told.eye});
    try { sessionStorage.setItem('imgen train', R.token); } catch { /* likewise */ }
  }
  return told ?? {error: W('lost')};
}
const lane = setup => ({setup, moment: null, curves: {}, losses: new Set(), sheets: [], came: []});
const lossesOf = () => [...new Set(R.lanes.flatMap(one => [...one.losses]))].filter(name => name !== 'penalty' && name !== 'wrong');

// Running.
const setups = () => {
  const one = {method: S.method, ...S.settings};
  return S.beside && knobOf(S.method, S.beside.knob) ? [one, {...one, [S.beside.knob]: S.beside.value}] : [one];
};
async function start() {
  if (S.settings.data === 'own' && !R.own) return fail(words.own_needed);
  unwatch();
  rest();
  Object.assign(R, {state: 'asking', error: '', demo: false, paused: false, lanes: setups().map(lane), setups: setups(), at: null});
  S.stale = false;
  told();
  const began = await ask('start', {setups: setups()});
  if (began.error) return fail(began.error);
  R.run = began.run;
  R.begun = JSON.stringify(setups());
  if (S.slow) R.pending = {slow: SLOW};
  listen(R.eye);
  at();
}
function fail(sentence) {
  Object.assign(R, {state: R.lanes.some(one => one.moment) ? 'over' : 'idle', error: sentence});
  told();
  return null;
}
function listen(code) {
  stream?.close();
  const mine = stream = new EventSource(`train/watch?code=${code}&language=${root.dataset.language}`);
  stream.addEventListener('state', event => {
    const state = JSON.parse(event.data);
    if (mine === stream) heardState(state);
    else if (mine === line && state.state !== 'waiting') { inLine = state; unwatch(); } else if (mine === line) { inLine = state; told(); }
  });
  stream.addEventListener('moment', event => { if (mine === stream) heard(JSON.parse(event.data)); });
  stream.onerror = () => {
    if (mine !== stream) return;
    if (R.state === 'over' && !(R.shared && S.watching)) return mine.close();  // it has told all
    if (mine.readyState === EventSource.CLOSED) { fail(S.watching ? words.room_unknown : W('lost')); if (S.watching) unwatch(); }
  };
}
let inLine = null;  // one's own place, while one watches others
function heardState(state) {
  if (state.run !== undefined && (state.run !== R.run || R.lanes.length !== state.setups.length || S.watching && !R.setups.length)) {
    if (!S.watching && state.run < R.run) return;  // of a run that is given up
    Object.assign(R, {run: state.run, lanes: state.setups.map(lane), at: null});
  }
  const before = R.state;
  Object.assign(R, {state: state.state === 'empty' ? 'idle' : state.state, viewers: state.viewers, shared: state.shared, place: state.place ?? 0, wait: state.wait, waitAt: Date.now(),
    setups: state.setups ?? [], error: state.error ?? '', paused: Boolean(state.orders?.pause)});
  R.lanes.forEach((one, n) => { one.setup = state.setups[n]; });
  if (R.state === 'running' && R.pending) { ask('steer', {orders: R.pending}); R.pending = null; }
  if (R.state === 'over' && !(R.shared && S.watching)) stream?.close();
  if (R.state !== before) { if (R.state === 'waiting') lobby(); if (R.state === 'over') ended(); }
  if (S.watching && state.setups?.[0]) dress(state.setups[0].method);
  told();
}
function heard(moment) {
  const one = R.lanes[moment.lane];
  if (!one || moment.run !== undefined && moment.run !== R.run) return;
  take(one, moment);
  told(true);
}
function take(one, moment) {
  one.moment = moment;
  for (const name of Object.keys(moment.losses)) one.losses.add(name);  // none if there was no step since the last look
  one.came = [...one.came.slice(-9), [Date.now(), moment.step]];
  for (const [name, points] of Object.entries(moment.curves)) {
    const line = one.curves[name] ??= [];
    for (const [step, value] of points) if (step > (line.at(-1)?.[0] ?? -1) || !line.length) line.push([step, value]);
    if (line.length > 1200) one.curves[name] = line.filter((_, n) => n % 2 === 0 || n > 1100);
  }
  if (moment.step !== one.sheets.at(-1)?.step) {
    one.sheets.push({step: moment.step, samples: moment.samples, recon: moment.recon});
    if (one.sheets.length > KEPT) one.sheets = one.sheets.filter((_, n, all) => n % 2 === 0 || n > all.length - 8);
  } else Object.assign(one.sheets.at(-1), {samples: moment.samples, recon: moment.recon});
  dirty = true;
}
function ended() {
  S.slowed = false;
  parts.inside?.open && look();
}
function steer(orders) { ask('steer', {orders}).then(({error}) => error && fail(error)); }
function toggle() {
  if (S.watching) return;
  if (R.state !== 'running') return start();
  R.paused = !R.paused;
  steer({pause: R.paused});
  told();
}
function stop() { ask('stop').then(({error}) => error && fail(error)); }
function steps(count) {
  if (R.state !== 'running' || S.watching) return;
  R.paused = true;
  steer({pause: true, step: count});
  told();
}
function pace(slow) {
  S.slow = slow;
  if (R.state === 'running' && !S.watching) steer({slow: slow ? SLOW : 0});
  controls();
  at();
}
const again = () => start();
function anew() {
  S.settings.seed = crypto.getRandomValues(new Uint32Array(1))[0] % 100000;
  fill();
  start();
}
function rest() {  // the stored run
  clearTimeout(timer);
  R.demo = R.playing = false;
}

// The stored run: something moves before anybody has asked for anything.
async function demo() {
  const stored = await fetch('train/replay').then(answer => answer.json()).catch(() => null);
  if (!stored || R.state !== 'idle' || S.watching || R.lanes.length) return;
  Object.assign(R, {demo: true, lanes: [lane(stored.setup)], setups: [stored.setup], at: null});
  dress('gan');
  const frames = calm.matches ? stored.frames.slice(-1) : stored.frames;
  for (const frame of stored.frames.slice(0, calm.matches ? -1 : 0)) take(R.lanes[0], frame);
  const show = n => {
    if (!R.demo) return;
    if (!element.checkVisibility()) { timer = setTimeout(show, 500, n); return; }
    take(R.lanes[0], frames[n]);
    told(true);
    const next = frames[n + 1];
    R.playing = Boolean(next);
    if (next) timer = setTimeout(show, Math.max(90, 1000 * DEMO * (next.seconds - frames[n].seconds)), n + 1);
    else told();
  };
  show(0);
}

// Choosing.
function choose(method, keep = {}) {
  unwatch();
  const {seed, seconds} = S.settings;
  S.method = method;
  S.preset = '';
  S.mended = false;
  S.beside = null;
  S.settings = {...usual(method), seed, seconds, ...keep};
  if (!R.demo && R.state !== 'running' && R.state !== 'waiting') { R.lanes = []; R.state = 'idle'; R.error = ''; }
  if (R.demo) { rest(); R.lanes = []; }
  buildSettings();
  fill();
  dress(method);
  S.stale = R.state === 'running';
  told();
  at();
}
function set(name, value) {
  unwatch();
  if (S.settings[name] === value) return;
  S.settings[name] = value;
  const knob = knobOf(S.method, name), live = R.state === 'running' && !S.watching && R.setups[0]?.method === S.method;
  if (knob.steered && live) {
    clearTimeout(set.later);
    set.orders = {...set.orders, [name]: value};
    set.later = setTimeout(() => { steer(set.orders); set.orders = {}; }, 120);
  } else S.stale = live || R.state === 'over';
  fill();
  told();
  at();
}
function preset(name, run = true) {
  const {method, set: changes} = found.presets[name], {seed, seconds} = S.settings, own = S.settings.data === 'own';
  const data = S.method === method && !own ? S.settings.data : undefined;
  choose(method, {...(data ? {data} : {}), seed, seconds, ...changes});
  S.preset = name;
  fill();
  told();
  if (run) start();
  else at();
}
function mend() {
  Object.assign(S.settings, found.presets[S.preset].mend);
  S.mended = true;
  fill();
  start();
}
function tenth() {
  for (const name of ['rate', 'rate_d']) if (name in S.settings) S.settings[name] = Math.max(1e-5, Number((S.settings[name] / 10).toPrecision(3)));
  fill();
  start();
}
async function bring(files) {
  if (!files.length) return;
  put(parts.ownSaid, W('own_reading'));
  const form = new FormData();
  for (const file of files) form.append('files', file);
  const answer = await fetch('gradio_api/upload', {method: 'POST', body: form, credentials: 'same-origin'}).then(async one => one.ok ? {paths: await one.json()} : one.json(), () => ({error: W('lost')}));
  const told_ = answer.paths ? await ask('bring', {paths: answer.paths}) : answer;
  parts.ownFile.value = '';
  if (told_.error) {
    parts.ownSaid.classList.add('failed');
    return put(parts.ownSaid, told_.error);
  }
  parts.ownSaid.classList.remove('failed');
  R.own = told_;
  put(parts.ownSaid, W(told_.classes.length ? 'own_classes' : 'own_there', {count: told_.count, classes: told_.classes.length}));
  if (R.error === words.own_needed) R.error = '';
  told();
}

// Others: those who train now, and a run that somebody shows.
async function lobby() {
  if (!element.checkVisibility() || doc.hidden) {
    clearTimeout(lobby.again);
    lobby.again = setTimeout(lobby, 4000);
    return;
  }
  const {runs = []} = await ask('list');
  const codes = runs.map(one => one.code).join(' ');
  if (codes !== parts.lobby.dataset.codes) parts.lobby.replaceChildren(...runs.slice(0, 6).map(one => button(W(one.shared ? 'watch_class' : 'watch', {method: W(`short_${one.method}`), data: W(`data_${one.data}`)}), () => watch(one.code), {data: {code: one.code}})));
  parts.lobby.dataset.codes = codes;
  parts.lobbyRow.hidden = !runs.length;
  put(parts.lobbyTitle, W(R.state === 'waiting' ? 'meanwhile' : 'running_now'));
  clearTimeout(lobby.again);
  lobby.again = setTimeout(lobby, R.state === 'waiting' ? 4000 : 15000);  // runs begin and end meanwhile
}
async function watch(code) {
  if (!/^[a-z0-9]{4,12}$/.test(code)) return;
  if (R.state === 'waiting' && !S.watching && code !== R.code) {  // one's own place stays
    line = stream;
    stream = null;
    inLine = {state: 'waiting', run: R.run, place: R.place, wait: waited(), setups: R.setups, viewers: 1};
  }
  rest();
  S.watching = code;
  Object.assign(R, {state: 'idle', run: 0, lanes: [], setups: [], error: '', at: null});
  listen(code);
  told();
  at();
}
function unwatch() {
  if (!S.watching) return;
  stream?.close();
  stream = line;
  line = null;
  S.watching = '';
  Object.assign(R, {state: 'idle', run: 0, lanes: [], setups: [], viewers: 0, shared: false});
  if (stream) heardState(inLine);
  dress(S.method);
  told();
  at();
}
async function share(on) {
  const told_ = await ask('share', {on});
  if (told_.error) return fail(told_.error);
  R.shared = on;
  if (on && R.code) put(parts.classLink, '');
  shared();
  told();
}
async function shared() {
  parts.classPanel.hidden = !R.shared || Boolean(S.watching);
  if (parts.classPanel.hidden) return;
  const link = address({watch: R.code});
  put(parts.classCode, R.code);
  parts.classLink.value = link;
  if (shared.code !== link) { shared.code = link; parts.classQr.innerHTML = await qr(link).catch(() => ''); }
}

// The address.
const address = changes => {
  const query = new URLSearchParams({tab: 'train', floor: 'pictures', ...changes}), here = new URLSearchParams(location.search);
  for (const key of ['hide', 'large', 'language']) if (here.has(key)) query.set(key, here.get(key));
  const space = doc.referrer.match(/^https:\/\/huggingface\.co\/spaces\/[\w.-]+\/[\w.-]+/)?.[0];
  return (space ?? location.origin + location.pathname) + '?' + String(query).replaceAll('%2C', ',').replaceAll('%3A', ':');
};
function chosen() {  // what is unlike the method's good beginning, or the preset
  if (S.watching) return {watch: S.watching};
  const base = {...usual(S.method), ...found.presets[S.preset]?.set, ...(S.mended ? found.presets[S.preset].mend : {})}, query = {method: S.method};
  if (S.preset) query.preset = S.preset;
  if (S.mended) query.mended = 1;
  for (const [name, value] of Object.entries(S.settings)) if (value !== base[name] || name === 'seed') query[name] = value;
  if (S.beside) query.beside = `${S.beside.knob}:${S.beside.value}`;
  if (S.slow) query.speed = 'slow';
  return query;
}
function at() {
  const query = new URLSearchParams({tab: 'train', floor: 'pictures', ...chosen()});
  doc.dispatchEvent(new CustomEvent('imgen:at', {detail: {name: 'train', query: String(query)}}));
}
function nearest(knob, text) {  // the knob's value that is meant, or the nearest that there is
  if (knob.kind === 'choice') return knob.options.includes(text) ? text : null;
  const value = Number(text);
  if (text === null || text === '' || !Number.isFinite(value)) return null;
  if (knob.kind === 'seed') return clamp(Math.round(value), 0, 2 ** 32 - 1);
  const inside = clamp(value, knob.low, knob.high);
  if (knob.name === 'seconds') return found.boxes.reduce((best, box) => Math.abs(box - inside) < Math.abs(best - inside) ? box : best);
  return Number.isInteger(knob.step) ? Math.round(inside) : inside;
}
function enter(search) {
  const query = new URLSearchParams(search), first = !entered;
  entered = true;
  if (query.get('watch')) return watch(query.get('watch'));
  const name = Object.hasOwn(found.presets, query.get('preset') ?? '') ? query.get('preset') : '';
  const method = name ? found.presets[name].method : Object.hasOwn(methods, query.get('method') ?? '') ? query.get('method') : '';
  const prepared = method || [...query.keys()].some(key => knobOf(S.method, key) || key === 'beside');
  if (!prepared) {
    if (first) demo();
    if (first) lobby();
    return at();
  }
  unwatch();
  S.mended = false;
  choose(method || S.method);
  const mended = name && query.get('mended') === '1';
  Object.assign(S, {preset: name, mended: Boolean(mended), slow: query.get('speed') === 'slow'});
  Object.assign(S.settings, found.presets[name]?.set, mended ? found.presets[name].mend : {});
  for (const knob of methods[S.method].knobs) {
    const value = query.has(knob.name) && knob.name !== 'steps' ? nearest(knob, query.get(knob.name)) : null;
    if (value !== null) S.settings[knob.name] = value;
  }
  const [other, ...rest_] = (query.get('beside') ?? '').split(':'), differs = comparable(S.method).find(knob => knob.name === other), value = differs ? nearest(differs, rest_.join(':')) : null;
  S.beside = value === null ? null : {knob: other, value};
  fill();
  told();
  if (query.get('run') === '1') start();
  else { at(); if (first && S.method === 'gan' && !S.preset && !S.beside) demo(); if (first) lobby(); }
}
function beginning() {  // of what was trained, as it began: what was steered since is no part of it
  const [one, two] = R.lanes.map(each => each.setup), base = usual(one.method), query = {method: one.method};
  for (const [name, value] of Object.entries(one)) if (name in base && name !== 'steps' && (value !== base[name] || name === 'seed')) query[name] = value;
  const differs = two && Object.keys(one).find(name => one[name] !== two[name]);
  if (differs) query.beside = `${differs}:${two[differs]}`;
  return query;
}
async function copyLink() {
  const link = address({...chosen(), ...(S.watching ? {} : {run: 1})});
  parts.link.hidden = false;
  parts.link.value = link;
  let done = true;
  try {
    await navigator.clipboard.writeText(link);
  } catch {  // a plain http address, as in a classroom, may not use it
    parts.link.select();
    done = doc.execCommand('copy');
  }
  put(parts.copied, W(done ? 'copied' : 'not_copied'));
}

// What happens, in a sentence.
function sentence(one) {
  const {moment} = one, method = one.setup?.method ?? S.method;
  if (!moment || !moment.step) return W('say_ready');
  const s = moment.scores, facts = Object.fromEntries(Object.entries(s).map(([name, v]) => [name, SHARES.includes(name) ? percent(v) : show(v)]));
  if (moment.trouble) return W('say_trouble', {step: moment.step});
  if (method === 'gan' || method === 'dcgan') {
    if (moment.losses.discriminator > 4) return W('say_gan_wild');
    if (s.variety < 0.3 && moment.step > 60) return W('say_gan_collapse');
    if (s.real > 0.85 && s.fake < 0.15) return W('say_gan_strong');
    if (method === 'dcgan' && one.setup?.start === 'stored' && one.setup.data !== 'fashion' && moment.step < 150) return W('say_dcgan_early');
    if (s.distance > 3.2 || s.variety < 0.3) return W('say_gan_early');
    return W(s.variety > 0.6 && Math.abs(s.real - s.fake) < 0.25 ? 'say_gan_good' : 'say_gan_on');
  }
  if (method === 'vae') return W(s.used >= 1 ? 'say_vae_on' : moment.step > 120 ? 'say_vae_empty' : 'say_vae_early', facts);
  if (method === 'autoencoder') return W(s.chequer > CHEQUERED ? 'say_chequer' : 'say_autoencoder_on', facts);
  if (method === 'cnn') {
    if (s.dead > 0.7) return W('say_cnn_dead', facts);
    if (s.accuracy_train - s.accuracy > 0.2) return W('say_cnn_overfit', facts);
    return W(s.accuracy < 0.5 ? 'say_cnn_early' : 'say_cnn_on', facts);
  }
  const plain = method === 'espcn' ? 'bicubic' : 'noisy', gain = s.psnr - s[plain];
  return W(Math.abs(gain) < 0.05 ? 'say_equal' : gain > 0 ? 'say_better' : 'say_worse', {psnr: facts.psnr, gain: show(Math.abs(Number(gain.toFixed(1)))), plain: W(`plain_${plain}`)});
}
const waited = () => Math.max(0, Math.round((R.wait ?? 0) - (Date.now() - (R.waitAt ?? 0)) / 1000));
function happening() {
  if (R.error) return R.error;
  if (R.state === 'waiting') return W(R.place === 1 ? 'next' : 'place', {place: R.place, seconds: waited()});
  if (R.state === 'asking' || (R.state === 'running' && !R.lanes.some(one => one.moment))) return W('waking');
  if (S.watching && R.state === 'idle') return W('watch_wait', {code: S.watching});
  const one = R.lanes.find(lane_ => lane_.moment?.trouble) ?? R.lanes[0];
  if (!one?.moment) return words[`lab_about_${S.method}`];
  if (R.lanes.length > 1) return R.lanes.map((each, n) => `${'AB'[n]}: ${sentence(each)}`).join('\n');
  const said = sentence(one);
  if (R.state !== 'over' || !one.moment.done || one.moment.trouble) return said;
  return W(one.moment.seconds >= one.setup.seconds ? 'say_over' : 'say_stopped', {sentence: said});
}

// What is shown.
function told(often = false) {
  const now = Date.now();
  if (often && now - (told.at ?? 0) < 90) { clearTimeout(told.later); told.later = setTimeout(told, 100, false); return; }
  told.at = now;
  const one = R.lanes[0], moment = one?.moment, running = R.state === 'running';
  put(parts.step, moment ? String(moment.step) : '0');
  put(parts.seconds, W('seconds', {seconds: moment ? moment.seconds.toFixed(1) : '0.0'}));
  const came = one?.came ?? [], speed = running && !R.paused && came.length > 2 ? (came.at(-1)[1] - came[0][1]) / Math.max(0.1, (came.at(-1)[0] - came[0][0]) / 1000) : null;
  put(parts.speed, speed === null ? '' : W('per_second', {count: speed < 10 ? speed.toFixed(1) : Math.round(speed)}));
  const box = one?.setup?.seconds ?? S.settings.seconds, left = moment ? Math.max(0, box - moment.seconds) : box;
  parts.bar.style.setProperty('--share', `${100 * clamp(R.demo && moment ? moment.seconds / 20 : moment ? moment.seconds / box : 0, 0, 1)}%`);
  put(parts.left, running ? W('left', {seconds: Math.ceil(left)}) : R.demo ? '' : '');
  put(parts.viewers, R.viewers > 1 ? W('viewers', {count: R.viewers}) : '');
  const text = happening();
  put(parts.now, text);
  parts.now.classList.toggle('failed', Boolean(R.error));
  if (R.state !== told.state || R.error !== told.error || (running && now - (told.spoken ?? 0) > SPEAK)) {
    Object.assign(told, {state: R.state, error: R.error, spoken: now});
    put(parts.voice, text);
  }
  parts.stored.hidden = !R.demo;
  parts.watching.hidden = !S.watching;
  put(parts.watchingSaid, S.watching ? W('watching', {code: S.watching}) + (line ? ' ' + W('still_in_line', {place: inLine.place}) : '') : '');
  figures();
  card();
  controls();
}
function figures() {  // scores, histogram, gradients of what is newest
  const method = R.lanes[0]?.setup?.method ?? S.method;
  parts.tiles.classList.toggle('two', R.lanes.length > 1);
  for (const name of FIRST[method]) {
    const tile = parts.tiles.querySelector(`[data-score="${name}"] b`);
    if (tile) put(tile, R.lanes.length ? R.lanes.map(one => scored(name, one.moment?.scores[name], R.lanes.length > 1 && name !== 'psnr' ? 2 : 3)).join(' | ') : '–');
  }
  parts.histograms.hidden = !R.lanes.some(one => one.moment?.histogram) && !['gan', 'dcgan'].includes(method);
  parts.histogram.forEach((box, n) => {
    const moment = R.lanes[n]?.moment;
    if (moment?.histogram) histogram(box, moment);
    else {  // what an earlier run left
      box.querySelector('svg').replaceChildren();
      box.querySelectorAll('.key b').forEach(b => put(b, '–'));
    }
  });
  parts.histogram[1].hidden = R.lanes.length < 2;
  gradients();
}
function histogram(box, {histogram: counts, scores}) {
  const most = Math.max(...counts.real, ...counts.fake, 1), bars = counts.real.length;
  if (box.querySelectorAll('rect').length !== 2 * bars) {
    const svg = box.querySelector('svg');
    svg.replaceChildren(...['real', 'fake'].flatMap(kind => counts[kind].map((_, n) => {
      const one = doc.createElementNS('http://www.w3.org/2000/svg', 'rect');
      for (const [name, value] of Object.entries({x: n * 16 + 0.5, width: 15, class: kind})) one.setAttribute(name, value);
      return one;
    })));
  }
  const rects = box.querySelectorAll('rect');
  ['real', 'fake'].forEach((kind, k) => counts[kind].forEach((count, n) => {
    const height = 60 * count / most, one = rects[k * bars + n];
    one.setAttribute('y', 60 - height);
    one.setAttribute('height', height);
  }));
  box.querySelectorAll('.key b').forEach((b, n) => put(b, percent(n ? scores.fake : scores.real)));
}
function layerName(name) {
  const [role, part] = name.split('.'), coding = part === 'encoder' || part === 'decoder';
  const same = Object.keys(R.lanes[0].moment.gradients).filter(one => one.split('.')[0] === role && (!coding || one.split('.')[1] === part)), n = same.indexOf(name) + 1;
  if (coding) return W(part, {n});
  return `${{generator: 'G', judge: 'D'}[role] ?? ''} ${W('layer', {n})}`.trim();
}
function gradients() {
  const first = R.lanes[0]?.moment?.gradients ?? {}, names = Object.keys(first).slice(0, 14), key = names.join();
  parts.gradientsBox.hidden = !names.length;
  if (parts.gradients.dataset.key !== key) {
    parts.gradients.dataset.key = key;
    parts.gradients.replaceChildren(...names.map(name => el('p', {class: `gradient ${name.split('.')[0]}`, title: name}, el('span', {text: layerName(name)}), el('i'), el('b'))));
  }
  names.forEach((name, n) => {
    const row = parts.gradients.children[n], value = first[name];
    row.querySelector('i').style.setProperty('--share', `${100 * clamp((Math.log10(value || 1e-9) + 5) / 7, 0, 1)}%`);
    put(row.querySelector('b'), show(Number((value ?? 0).toPrecision(2))));
  });
}
function card() {
  const broken = R.lanes.find(one => one.moment?.trouble), key = broken ? `t${R.run}` : `${S.preset} ${S.mended} ${S.watching}`;
  if (card.key === key) return;
  card.key = key;
  const said = (name, text) => el('p', {}, el('b', {text: W(name)}), ' ', text);
  parts.card.hidden = S.watching || (!S.preset && !broken);
  parts.card.className = broken ? 'card failed' : 'card';
  if (parts.card.hidden) return;
  const name = S.preset, inner = [];
  if (broken) inner.push(el('h4', {text: W('trouble')}), el('p', {text: words[broken.moment.trouble]}), el('p', {class: 'fact', text: W('trouble_kept', {step: broken.moment.kept})}));
  if (name) {
    inner.push(el('div', {class: 'head'}, el('h4', {text: words[`lab_preset_${name}`]}), S.mended ? button(W('break_again'), () => preset(name)) : button(W('mend'), mend, {class: 'main mend'})));
    if (S.mended) inner.push(said('changed', words[`lab_preset_${name}_mend`]));
    else inner.push(said('see', words[`lab_preset_${name}_see`]), said('why', words[`lab_preset_${name}_why`]), said('how', words[`lab_preset_${name}_mend`]));
    if (name === 'chequerboard') inner.push(el('p', {}, el('a', {href: `?tab=inside&view=sizes&language=${root.dataset.language}`, text: W('counted')})));
  } else inner.push(el('div', {class: 'row'}, button(W('tenth'), tenth, {class: 'main tenth'}), button(W('same'), again)));
  parts.card.replaceChildren(...inner);
}
function controls() {
  const press = (list, chosen_) => list?.querySelectorAll('button').forEach(one => one.setAttribute('aria-pressed', Boolean(chosen_(one.dataset))));
  const running = R.state === 'running', busy = running || R.state === 'waiting' || R.state === 'asking', watching = Boolean(S.watching);
  put(parts.play, W(running ? R.paused ? 'go_on' : 'pause' : 'train'));
  parts.play.classList.toggle('on', running && !R.paused);
  parts.play.disabled = watching || R.state === 'waiting' || R.state === 'asking';
  put(parts.stop, W(R.state === 'waiting' ? 'leave_line' : 'stop'));
  parts.stop.disabled = watching || !busy;
  for (const one of parts.steps.children) one.disabled = watching || !running;
  press(parts.speeds, ({speed}) => (speed === 'slow') === S.slow);
  const seen = watching && R.lanes[0]?.setup;
  press(parts.methods, ({method}) => method === (seen || S).method);
  press(parts.data, ({data}) => data === (seen || S.settings).data);
  parts.settings.inert = watching;
  press(parts.presets, ({preset: name}) => name === S.preset);
  press(parts.boxes, ({box}) => Number(box) === S.settings.seconds);
  parts.ownRow.hidden = S.settings.data !== 'own';
  parts.netHint.hidden = !['fashion', 'mnist'].includes(S.settings.data);
  parts.stale.hidden = !S.stale;
  const has = R.lanes.some(one => one.moment?.step) && !R.demo;
  parts.download.disabled = parts.save.disabled = !has;
  parts.keepNet.disabled = !has || watching;
  parts.save.disabled = !R.lanes.some(one => one.moment?.step);
  parts.downloadB.hidden = parts.keepB.hidden = R.lanes.length < 2;
  parts.downloadB.disabled = !has;
  parts.keepB.disabled = parts.keepNet.disabled;
  put(parts.download, R.lanes.length > 1 ? W('download_which', {run: 'A'}) : W('download'));
  put(parts.keepNet, R.lanes.length > 1 ? W('keep_which', {run: 'A'}) : W('keep_net'));
  put(parts.classToggle, W(R.shared && !watching ? 'class_off' : 'class_on'));
  parts.classToggle.setAttribute('aria-pressed', R.shared && !watching);
  parts.classToggle.disabled = watching;
  parts.room.dataset.state = R.state;
  parts.room.dataset.paused = R.paused;
  parts.room.toggleAttribute('data-watching', watching);
  if (R.shared || !parts.classPanel.hidden) shared();
}

// The sheets: one canvas for each run, cells apart by a gap.
function layOut(sheet, wide) {  // of two runs side by side, half of a large sheet, in larger pictures
  const [h, w] = sheet.side, few = R.lanes.length > 1 && !sheet.rows && sheet.count > 16, columns = few ? 4 : sheet.columns, count = few ? 16 : sheet.count;
  const lines = Math.ceil(count / columns), scale = clamp(Math.ceil(wide / (columns * (w + 2))), 1, 12);
  const gap = Math.max(2, Math.round(scale * Math.max(1, w / 28)));
  return {w, h, columns, count, lines, scale, gap, width: columns * (w * scale + gap) - gap, height: lines * (h * scale + gap) - gap};
}
const decoded = new Map();
function picture(url) {  // an Image that is ready, or null until it is
  let one = decoded.get(url);
  if (!one) {
    one = new Image();
    one.src = url;
    one.decode().then(() => { one.ready = true; dirty = true; }, () => {});
    decoded.set(url, one);
    if (decoded.size > 200) decoded.delete(decoded.keys().next().value);
  }
  return one.ready ? one : null;
}
function paintSheet(canvas, sheet, data) {
  const image = picture(sheet.png);
  if (!image) return false;
  const dpr = Math.min(2, devicePixelRatio || 1), at_ = layOut(sheet, (canvas.parentElement.clientWidth || 400) * dpr);
  if (canvas.width !== at_.width || canvas.height !== at_.height) Object.assign(canvas, {width: at_.width, height: at_.height});
  const ctx = canvas.getContext('2d');
  ctx.clearRect(0, 0, canvas.width, canvas.height);
  ctx.imageSmoothingEnabled = false;
  const style = getComputedStyle(parts.room), {w, h, columns, count, scale, gap} = at_;
  for (let n = 0; n < count; n++) {
    const x = (n % columns) * (w * scale + gap), y = Math.floor(n / columns) * (h * scale + gap);
    ctx.drawImage(image, (n % sheet.columns) * w, Math.floor(n / sheet.columns) * h, w, h, x, y, w * scale, h * scale);
    if (!sheet.guesses) continue;
    const right = sheet.guesses[n] === sheet.truth[n], sign = [...(SIGNS[data] ?? '')][sheet.guesses[n]] ?? (right ? '✓' : '✗'), size = Math.round(8.5 * scale);
    ctx.fillStyle = style.getPropertyValue(right ? '--right' : '--wrong');
    ctx.fillRect(x, y + h * scale - size, size * 1.15, size);
    if (!right) { ctx.lineWidth = 2 * Math.max(1, scale / 3); ctx.strokeStyle = ctx.fillStyle; ctx.strokeRect(x + ctx.lineWidth / 2, y + ctx.lineWidth / 2, w * scale - ctx.lineWidth, h * scale - ctx.lineWidth); }
    ctx.fillStyle = '#fff';
    ctx.font = `600 ${Math.round(size * 0.78)}px system-ui, sans-serif`;
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    ctx.fillText(sign, x + size * 0.575, y + h * scale - size * 0.47);
  }
  return true;
}
function paint() {
  requestAnimationFrame(paint);
  if (!dirty || !parts.room.checkVisibility()) return;
  dirty = false;
  R.lanes.forEach((one, n) => {
    const scene = parts.scenes[n], back = R.at !== null && one.sheets.length ? one.sheets[clamp(Math.round(R.at * (one.sheets.length - 1)), 0, one.sheets.length - 1)] : one.sheets.at(-1);
    if (!scene || !back) return;
    for (const kind of ['samples', 'recon']) {
      const sheet = back[kind], figure = scene[kind];
      figure.figure.hidden = !sheet;
      if (!sheet) continue;
      figure.figure.classList.toggle('square', sheet.side[0] * Math.ceil(sheet.count / sheet.columns) >= sheet.side[1] * sheet.columns);
      if (paintSheet(figure.canvas, sheet, one.setup?.data)) {
        figure.canvas.setAttribute('aria-label', W('sheet_of', {count: sheet.count, step: back.step}));
        figure.canvas.dataset.step = back.step;
      }
      put(figure.step, W('at', {step: back.step}));
      if (sheet.rows) { const text = sheet.rows.join(); if (figure.rows.dataset.rows !== text) { figure.rows.dataset.rows = text; figure.rows.replaceChildren(...sheet.rows.map(row => el('span', {text: words[`lab_row_${row}`]}))); } }
      figure.rows.hidden = !sheet.rows;
    }
  });
  parts.big.hidden = !['idle', 'over'].includes(R.state) || R.lanes.some(one => one.sheets.length) || Boolean(S.watching);
  parts.scenes.forEach((scene, n) => {
    scene.box.hidden = n >= Math.max(1, R.lanes.length);
    scene.empty.hidden = Boolean(R.lanes[n]?.sheets.length);
    if (!R.lanes[n]?.sheets.length) for (const kind of ['samples', 'recon']) scene[kind].figure.hidden = true;
    scene.name.hidden = R.lanes.length < 2;
    if (R.lanes.length > 1) put(scene.name, `${'AB'[n]}${S.beside && R.setups.length > 1 ? differing(n) : ''}`);
  });
  parts.pair.classList.toggle('two', R.lanes.length > 1);
  film();
  const most = Math.max(0, ...R.lanes.map(one => one.sheets.length));
  parts.back.hidden = most < 3 || R.playing || (R.state === 'running' && !R.paused);
  parts.bar.hidden = !parts.back.hidden;
  if (parts.back.hidden) { R.at = null; parts.backRange.value = 1; }
  curves();
}
function differing(n) {
  const [a, b] = R.setups, name = Object.keys(a).find(key => a[key] !== b?.[key]);
  return name ? `: ${label(name).split(/[:：（(]/)[0].trim()} = ${valueText(name, R.setups[n][name])}` : '';
}
function film() {  // the first pictures of the sheet, at eight times of the run
  const one = R.lanes[0], list = one?.sheets.filter(sheet => sheet.samples ?? sheet.recon) ?? [];
  parts.film.hidden = list.length < 2 || R.lanes.length > 1 || Boolean(list[0].samples?.guesses);
  if (parts.film.hidden) return;
  const count = Math.min(FILM, list.length), picked = Array.from({length: count}, (_, n) => list[Math.round((n / Math.max(1, count - 1)) ** 1.5 * (list.length - 1))]);
  const sheetOf = each => each.recon?.rows?.includes('made') && !each.samples?.guesses && !each.samples ? each.recon : each.samples ?? each.recon;
  const [h, w] = sheetOf(picked[0]).side, first = sheetOf(picked[0]), offset = first.rows ? first.rows.indexOf('made') * first.columns : 0, rows = Math.min(2, first.rows ? 1 : 2);
  const canvas = parts.filmCanvas, scale = Math.max(1, Math.round(56 / w)), gap = 4;
  Object.assign(canvas, {width: FILM * (w * scale + gap) - gap, height: rows * (h * scale + gap) - gap});
  const ctx = canvas.getContext('2d');
  ctx.imageSmoothingEnabled = false;
  picked.forEach((each, n) => {
    const sheet = sheetOf(each), image = sheet && picture(sheet.png);
    if (!image) return;
    for (let row = 0; row < rows; row++) {
      const cell = offset + row * (sheet.columns > 2 ? 2 : 1);
      ctx.drawImage(image, (cell % sheet.columns) * w, Math.floor(cell / sheet.columns) * h, w, h, n * (w * scale + gap), row * (h * scale + gap), w * scale, h * scale);
    }
  });
  parts.filmSteps.replaceChildren(...picked.map(each => el('span', {text: each.step})));
}

// Curves.
function curves() {
  const method = R.lanes[0]?.setup?.method ?? S.method, losses = lossesOf();
  put(parts.losses.querySelector('figcaption span'), W(losses.includes('mse_db') ? 'learning' : 'losses'));  // a PSNR rises
  plot(parts.losses, losses, name => words[`loss_${name}`] ?? name, false);
  plot(parts.scores, PLOTTED[method], name => W(`score_${name}`), PLOTTED[method].every(name => SHARES.includes(name)));
}
const SVG = 'http://www.w3.org/2000/svg';
function lines(names, share) {  // paths of all runs in a box of 320 × 100
  const all = R.lanes.flatMap(one => names.flatMap(name => (one.curves[name] ?? []).map(([, v]) => v))).filter(Number.isFinite).sort((a, b) => a - b);
  const high = all[Math.floor(0.97 * (all.length - 1))] ?? 1, top = share ? 1 : 1.08 * Math.max(high, 1e-3), lowest = all[0] ?? 0, base = share ? 0 : lowest < 0 ? 1.08 * Math.max(lowest, -3 * Math.abs(high) - 1) : names.includes('psnr') ? Math.max(0, Math.floor(lowest - 1)) : 0;
  const last = Math.max(20, ...R.lanes.map(one => one.moment?.step ?? 0));
  const path = (one, name) => (one.curves[name] ?? []).filter(([, v]) => Number.isFinite(v)).map(([step, v], n) =>
    `${n ? 'L' : 'M'}${(step / last * 320).toFixed(1)} ${(100 - clamp((v - base) / (top - base || 1), 0, 1) * 100).toFixed(1)}`).join('') || 'M0 0';
  return {top, base, last, paths: R.lanes.flatMap((one, n) => names.map(name => ({name, lane: n, d: path(one, name), value: one.curves[name]?.at(-1)?.[1]})))};
}
function plot(figure, names, label_, share) {
  const {top, base, last, paths} = lines(names, share), svg = figure.querySelector('svg'), key = `${names} ${R.lanes.length}`;
  figure.hidden = !names.length;
  if (figure.dataset.key !== key) {
    figure.dataset.key = key;
    svg.replaceChildren(...paths.map(({name, lane: n}) => {
      const one = doc.createElementNS(SVG, 'path');
      one.setAttribute('class', `c-${COLOUR[name] ?? 'ink'}${n ? ' b' : ''}`);
      return one;
    }));
    figure.querySelector('.keys').replaceChildren(...names.map(name => el('span', {class: `key c-${COLOUR[name] ?? 'ink'}`, title: words[`lab_score_${name}`] ?? label_(name)}, el('i'), label_(name), ' ', el('b'))),
      ...(R.lanes.length > 1 ? [el('span', {class: 'fact', text: 'A ——  B - - -'})] : []));
  }
  paths.forEach(({d}, n) => svg.children[n].setAttribute('d', d));
  const values = names.map(name => paths.filter(one => one.name === name).map(one => SHARES.includes(name) ? scored(name, one.value) : show(one.value === undefined ? undefined : Number(one.value.toPrecision(3)))).join(' | ') || '–');
  figure.querySelectorAll('.key b').forEach((b, n) => put(b, values[n]));
  put(figure.querySelector('.top'), share ? percent(1) : show(Number(top.toPrecision(2))));
  put(figure.querySelector('.base'), show(Number(base.toPrecision(2))));
  put(figure.querySelector('.last'), W('at', {step: last}));
  svg.setAttribute('aria-label', names.map((name, n) => `${label_(name)} ${values[n]}`).join(', '));
}

// Inside the net, while it learns.
async function look() {
  clearTimeout(look.later);
  if (!parts.inside.open) return;
  if (look.busy) { look.again = true; return; }
  look.again = false;
  const code = S.watching || R.eye, which = Math.min(Number(parts.insideRun.value), Math.max(0, R.lanes.length - 1));
  parts.insideRun.hidden = R.lanes.length < 2;
  const there = ['running', 'over'].includes(R.state) && !R.demo && R.lanes[which]?.moment;  // what has ended kept its weights
  if (!there) {
    if (!parts.insideSheet.src) put(parts.insideSaid, W('inside_hint'));
    return;
  }
  look.busy = true;
  try {
    const opened = await ask('look', {code, lane: which, question: {what: 'open', picture: 0}});
    if (opened.error) return put(parts.insideSaid, opened.error);
    const able = opened.layers.filter(one => one.shape.length >= 3 || one.parameters), list = able.map(one => one.id).join();
    if (parts.insideLayer.dataset.list !== list) {
      parts.insideLayer.dataset.list = list;
      const before = parts.insideLayer.value;
      parts.insideLayer.replaceChildren(...able.map(one => el('option', {value: one.id, text: `${one.id}. ${words[`inside_kind_${one.kind}`] ?? one.kind} ${one.out.join('×')}`})));
      const first = able.find(one => one.kind === 'conv2d') ?? able[0];
      parts.insideLayer.value = able.some(one => String(one.id) === before) ? before : first?.id;
    }
    const layer = Number(parts.insideLayer.value), what = parts.insideWhat.value;
    const seen = await ask('look', {code, lane: which, question: {what, layer, limit: 64}});
    if (seen.error) put(parts.insideSaid, seen.error);
    else {
      const [height, width] = what === 'maps' ? seen.side : seen.shape.slice(2);
      parts.insideSheet.src = seen.png;
      parts.insideSheet.hidden = false;
      const tall = Math.max(1, Math.round(Math.min(560, parts.insideSheet.parentElement.clientWidth) / (seen.columns * (width + (seen.gap ?? 1)))));
      await parts.insideSheet.decode().catch(() => {});
      parts.insideSheet.style.width = `${clamp(tall, 1, 14) * parts.insideSheet.naturalWidth}px`;
      put(parts.insideSaid, W(what === 'maps' ? 'inside_seen' : 'inside_weights', {step: opened.step, count: seen.count, height, width}));
    }
    parts.insideGiven.src = opened.picture || '';
    parts.insideGiven.hidden = !opened.picture;
  } finally {
    look.busy = false;
    if (R.state === 'running') look.later = setTimeout(look, R.paused ? 4000 : 1200);
    else if (look.again) look();  // it ended meanwhile: what it kept is newer
  }
}

// Keeping.
function fetchNet(n) {
  const link = el('a', {href: `train/net?code=${S.watching || R.eye}&lane=${n}&language=${root.dataset.language}`, download: ''});
  doc.body.append(link);
  link.click();
  link.remove();
}
async function keepNet(n) {
  const told_ = await ask('keep', {lane: n, visit: window.imgenKept?.visit ?? ''});
  if (told_.name) await Promise.race([window.imgenKept?.add(told_.name), new Promise(later => setTimeout(later, 4000))]);
  parts.keepSaid.replaceChildren(told_.error ?? W('kept'), ...(told_.name ? [' ', el('a', {href: `?tab=${told_.task}&card=${told_.name}&run=1`, text: W('kept_open')})] : []));
}
async function showCode() {
  const open = parts.code.hidden;
  parts.code.hidden = !open;
  parts.codeButton.setAttribute('aria-expanded', open);
  if (!open) return;
  const setup = R.demo || !R.lanes[0]?.setup ? setups()[0] : R.lanes[0].setup, told_ = await codeOf(setup);
  put(parts.command, told_.command ?? told_.error);
  put(parts.python, told_.python ?? '');
}
const codeOf = setup => ask('code', {setup: {...setup, seconds: nearest(knobOf(setup.method, 'seconds'), setup.seconds)}, steps: R.demo || R.state !== 'over' ? 0 : Math.min(1e6, R.lanes[0]?.moment?.kept ?? 0)});
const escape = text => String(text).replace(/[&<>"]/g, one => ({'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'})[one]);
function enlarged(sheet, data) {  // a sheet as a PNG that any page can show
  const canvas = doc.createElement('canvas'), holder = el('div');
  Object.defineProperty(holder, 'clientWidth', {value: 330});
  holder.append(canvas);
  return paintSheet(canvas, sheet, data) ? canvas.toDataURL('image/png') : '';
}
async function page() {  // one file: settings, curves, pictures and a worksheet, that needs no server
  const setup = R.lanes[0].setup, told_ = await codeOf(setup), h = escape, method = words[`lab_method_${setup.method}`];
  const picks = R.lanes.map(one => [0, 0.06, 0.2, 0.45, 1].map(share => one.sheets[Math.round(share * (one.sheets.length - 1))]).filter((one_, n, all) => one_ && all.indexOf(one_) === n));
  await Promise.all(picks.flat().flatMap(one => [one.samples, one.recon]).filter(Boolean).map(async sheet => { picture(sheet.png); await decoded.get(sheet.png).decode().catch(() => {}); decoded.get(sheet.png).ready = true; }));
  const colours = getComputedStyle(parts.room), hex = name => ({ink: '#292524', fake: '#c2570c', real: '#0f766e', violet: '#7c3aed', quiet: '#78716c'})[COLOUR[name] ?? 'ink'];
  const curve = (title, names, share, label_) => {
    const {top, base, last, paths} = lines(names, share);
    return `<figure><figcaption><b>${h(title)}</b> ${names.map(name => `<span style="color:${hex(name)}">▬ ${h(label_(name))}</span>`).join(' ')}${R.lanes.length > 1 ? ' <span>A ——  B - - -</span>' : ''}</figcaption><svg viewBox="-38 -8 372 126" role="img" aria-label="${h(title)}"><path d="M0 0V100H320" fill="none" stroke="#a8a29e"/>${paths.map(one => `<path d="${one.d}" fill="none" stroke="${hex(one.name)}" stroke-width="1.6" ${one.lane ? 'stroke-dasharray="5 3"' : ''}/>`).join('')}<text x="-4" y="6" text-anchor="end">${share ? percent(1) : show(Number(top.toPrecision(2)))}</text><text x="-4" y="102" text-anchor="end">${show(Number(base.toPrecision(2)))}</text><text x="320" y="115" text-anchor="end">${h(W('at', {step: last}))}</text></svg></figure>`;
  };
  const losses = lossesOf(), shares = PLOTTED[setup.method].every(name => SHARES.includes(name));
  const two = R.lanes.length > 1, rows = Object.entries(setup).filter(([name]) => !(name === 'steps' && !setup.steps)).map(([name, value]) => `<tr><th>${h(name === 'method' ? W('method') : label(name))}</th>${R.lanes.map(one => `<td>${h(name === 'method' ? method : valueText(name, one.setup[name]))}</td>`).join('')}</tr>`).join('');
  const changed = R.lanes.flatMap((one, n) => (one.moment.steered ?? []).flatMap(({step, ...knobs_}) => Object.entries(knobs_).map(([name, value]) => `<tr><th>${two ? `${'AB'[n]} · ` : ''}${h(W('at', {step}))}</th><td>${h(label(name))}</td><td>${h(valueText(name, value))}</td></tr>`))).join('');
  const scores = Object.keys(R.lanes[0].moment.scores).map(name => `<tr><th>${h(words[`lab_score_${name}`] ?? name)}</th>${R.lanes.map(one => `<td>${h(scored(name, one.moment.scores[name]))}</td>`).join('')}</tr>`).join('');
  const pictures = R.lanes.map((one, n) => `${two ? `<h3>${'AB'[n]}</h3>` : ''}<div class="sheets">${picks[n].map(each => `<figure>${['samples', 'recon'].map(kind => each[kind] ? `<img src="${enlarged(each[kind], one.setup.data)}" alt="${h(W('sheet_of', {count: each[kind].count, step: each.step}))}">${each[kind].rows ? `<small>${each[kind].rows.map(row => h(words[`lab_row_${row}`])).join(' / ')}</small>` : ''}` : '').join('')}<figcaption>${h(W('at', {step: each.step}))}</figcaption></figure>`).join('')}</div>`).join('');
  const question = (title, text) => `<section><h3>${h(title)}</h3><p>${h(text)}</p><div class="line"></div><div class="line"></div><div class="line"></div></section>`, broken = S.preset && !S.mended;
  const answer = broken ? `<details><summary>${h(W('sheet_answer'))}</summary><p><b>${h(words[`lab_preset_${S.preset}`])}.</b> ${h(words[`lab_preset_${S.preset}_why`])} ${h(words[`lab_preset_${S.preset}_mend`])}</p></details>` : '';
  const begun = address({...beginning(), run: 1});
  const title = W('saved_title', {method}), date = new Date().toLocaleDateString(zh ? 'zh-CN' : 'en-GB');
  return `<!doctype html><html lang="${zh ? 'zh-CN' : 'en'}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${h(title)}</title><style>
*{box-sizing:border-box}body{margin:0 auto;padding:28px 20px;max-width:900px;background:#fff;color:#1c1917;font:15px/1.5 system-ui,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
h1{font-size:26px;margin:0}h2{font-size:18px;margin:28px 0 8px;padding-top:10px;border-top:2px solid #0f766e}h3{font-size:15px;margin:14px 0 4px}.quiet{color:#57534e;font-size:13px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th{text-align:left;font-weight:400;color:#57534e;padding:2px 22px 2px 0}td{padding:2px 18px 2px 0;font-weight:600}
figure{margin:0}figcaption{font-size:13px;margin:4px 0 10px}img{display:block;width:100%;image-rendering:pixelated;border-radius:4px;margin-bottom:4px}small{color:#57534e}.sheets{display:grid;grid-template-columns:repeat(auto-fill,minmax(250px,1fr));gap:14px}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:18px}svg text{font:9px system-ui;fill:#57534e}pre{padding:10px 12px;background:#f5f5f4;border-radius:8px;font:12px/1.5 ui-monospace,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
.line{height:30px;border-bottom:1px solid #a8a29e}.fields{display:flex;gap:24px;margin:8px 0}.fields span{flex:1;border-bottom:1px solid #78716c;padding-bottom:2px}button{font:inherit;padding:6px 18px;border:0;border-radius:8px;background:#0f766e;color:#fff;cursor:pointer}
.sheet{break-before:page}section{break-inside:avoid}@media print{button,details:not([open]){display:none}body{padding:0}}</style></head><body>
<h1>${h(title)}</h1><p class="quiet">${h(W('saved_made', {date}))} <button onclick="print()">${h(W('sheet_print'))}</button></p><p>${h(words[`lab_about_${setup.method}`])}</p>
<h2>${h(W('saved_pictures'))}</h2>${pictures}<h2>${h(W('saved_curves'))}</h2><div class="two">${curve(W('losses'), losses, false, name => words[`loss_${name}`] ?? name)}${curve(W('scores'), PLOTTED[setup.method], shares, name => W(`score_${name}`))}</div>
<div class="two"><div><h2>${h(W('saved_settings'))}</h2><table>${two ? '<tr><th></th><td>A</td><td>B</td></tr>' : ''}${rows}</table>${changed ? `<h3>${h(W('saved_steered'))}</h3><table class="steered">${changed}</table>` : ''}</div><div><h2>${h(W('saved_scores'))}</h2><table>${two ? '<tr><th></th><td>A</td><td>B</td></tr>' : ''}${scores}</table></div></div>
<h2>${h(W('saved_again'))}</h2><p class="quiet">${h(W('code_hint'))}</p><pre>${h(told_.command ?? '')}</pre><pre>${h(told_.python ?? '')}</pre><p><a href="${h(begun)}">${h(begun)}</a></p>
<div class="sheet"><h2>${h(W('sheet'))}</h2><div class="fields"><span>${h(W('sheet_name'))}</span><span>${h(W('sheet_date'))}</span></div>
${question(W('sheet_see'), W('sheet_see_q'))}${question(W('sheet_read'), W('sheet_read_q'))}${question(W('sheet_why'), W(broken ? 'sheet_why_preset' : 'sheet_why_q'))}${question(W('sheet_try'), W('sheet_try_q'))}${answer}</div></body></html>`;
}
async function save() {
  const url = URL.createObjectURL(new Blob([await page()], {type: 'text/html'})), setup = R.lanes[0].setup;
  const link = el('a', {href: url, download: `imgen-${setup.method}-${setup.data}-seed${setup.seed}.html`});
  doc.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// Building.
const label = name => words[`knob_${name}`] ?? name;
const valueText = (name, value) => name === 'data' ? W(`data_${value}`) : words[`option_${value}`] ?? (typeof value === 'number' ? show(value) : String(value));
function build() {
  parts.room = el('div', {class: 'room choice'});
  parts.voice = el('p', {class: 'unseen', role: 'status'});
  parts.settings = el('div', {class: 'settings'});
  parts.room.append(parts.voice, el('div', {class: 'stage'}, buildChoice(), buildScene(), buildSide()), parts.settings, buildMore());
  element.replaceChildren(parts.room);
  buildSettings();
}
function buildChoice() {
  parts.methods = el('div', {class: 'pills', role: 'group', 'aria-label': W('method')}, ...found.methods.map(({name}) =>
    button(W(`short_${name}`), () => choose(name), {data: {method: name}, title: words[`lab_about_${name}`]})));
  parts.about = el('p', {class: 'fact about'});
  parts.data = el('div', {class: 'pills', role: 'group', 'aria-label': W('data')});
  parts.ownFile = el('input', {type: 'file', multiple: true, accept: 'image/*,.zip,application/zip', hidden: true, onchange: () => bring([...parts.ownFile.files])});
  parts.ownSaid = el('p', {class: 'fact', role: 'status', text: W('own_hint')});
  parts.ownRow = el('div', {class: 'own-row', hidden: true, ondragover: event => event.preventDefault(), ondrop: event => { event.preventDefault(); bring([...event.dataTransfer.files]); }},
    button(W('own_choose'), () => parts.ownFile.click(), {class: 'own-choose'}), parts.ownFile, parts.ownSaid);
  parts.netHint = el('p', {class: 'fact', hidden: true, text: W('data_net')});
  parts.presets = el('div', {class: 'presets', role: 'group', 'aria-label': W('presets')}, ...Object.keys(found.presets).map(name =>
    button(words[`lab_preset_${name}`], () => preset(name), {data: {preset: name}, title: W(`short_${found.presets[name].method}`)})));
  parts.card = el('div', {class: 'card', hidden: true});
  return el('div', {class: 'choose'}, el('div', {class: 'knob-method'}, el('h3', {text: W('method')}), parts.methods, parts.about),
    el('div', {class: 'knob-data'}, el('h3', {text: W('data')}), parts.data, parts.ownRow, parts.netHint),
    el('div', {class: 'knob-preset'}, el('h3', {text: W('presets')}), parts.presets));
}
function dress(method) {  // what depends on the method
  put(parts.about, words[`lab_about_${method}`]);
  const own = knobOf(S.method, 'data').options;
  if (parts.data.dataset.of !== own.join()) {
    parts.data.dataset.of = own.join();
    parts.data.replaceChildren(...own.map(name => button(W(`data_${name}`), () => set('data', name), {data: {data: name}})));
  }
  if (parts.tiles.dataset.of !== method) {
    parts.tiles.dataset.of = method;
    parts.tiles.replaceChildren(...FIRST[method].map(name => el('p', {class: 'tile', title: words[`lab_score_${name}`], data: {score: name}}, el('b', {text: '–'}), el('span', {text: W(`score_${name}`)}))));
    for (const scene of parts.scenes) {
      put(scene.samples.title, W(method === 'cnn' ? 'tested' : 'drawn'));
      put(scene.recon.title, W(methods[method].mending ? 'mending' : 'recon'));
    }
  }
  dirty = true;
  controls();
}
function buildScene() {
  const figure = key => {
    const canvas = el('canvas', {role: 'img', width: 8, height: 4}), title = el('span'), step = el('span', {class: 'last'}), rows = el('div', {class: 'rows', hidden: true});
    return {canvas, title, step, rows, figure: el('figure', {class: key, hidden: true}, el('figcaption', {}, title, step), el('div', {class: 'sheet'}, rows, el('div', {class: 'cells'}, canvas)))};
  };
  parts.scenes = [0, 1].map(n => {
    const samples = figure('samples'), recon = figure('recon'), name = el('h4', {hidden: true}), empty = el('div', {class: 'empty'});
    return {samples, recon, name, empty, box: el('div', {class: 'scene-box', hidden: n > 0}, name, empty, samples.figure, recon.figure)};
  });
  parts.big = button('', toggle, {class: 'big', 'aria-label': W('train')});
  parts.scenes[0].empty.append(parts.big);
  parts.pair = el('div', {class: 'pair'}, ...parts.scenes.map(scene => scene.box));
  parts.stored = el('p', {class: 'badge', hidden: true, text: W('stored')});
  parts.watchingSaid = el('span');
  parts.watching = el('p', {class: 'badge', hidden: true}, parts.watchingSaid, ' ', button(W('leave'), unwatch, {class: 'leave'}));
  parts.play = button('', toggle, {class: 'main play'});
  parts.stop = button(W('stop'), stop, {class: 'halt'});
  parts.speeds = el('div', {class: 'joined', role: 'group', 'aria-label': W('speed')}, button(W('slow'), () => pace(true), {data: {speed: 'slow'}}), button(W('normal'), () => pace(false), {data: {speed: 'normal'}}));
  parts.steps = el('div', {class: 'joined', role: 'group', 'aria-label': W('step_long')}, button(W('one'), () => steps(1), {title: W('step_long')}), button(W('ten'), () => steps(10), {title: W('step_long')}));
  parts.boxes = el('div', {class: 'joined knob-seconds', role: 'group', 'aria-label': W('seconds_box')}, ...found.boxes.map(box => button(W('box', {seconds: box}), () => set('seconds', box), {data: {box}})));
  parts.bar = el('i', {class: 'time'});
  parts.left = el('span', {class: 'fact'});
  parts.backRange = el('input', {type: 'range', min: 0, max: 1, step: 0.01, value: 1, 'aria-label': W('look_back'), oninput: () => { R.at = Number(parts.backRange.value) >= 0.995 ? null : Number(parts.backRange.value); dirty = true; }});
  parts.back = el('label', {class: 'back', hidden: true}, el('span', {class: 'fact', text: W('look_back')}), parts.backRange);
  parts.filmCanvas = el('canvas', {'aria-hidden': 'true', width: 8, height: 2});
  parts.filmSteps = el('div', {class: 'grown-steps'});
  parts.film = el('figure', {class: 'grown', hidden: true}, el('figcaption', {}, el('span', {text: W('grows')})), parts.filmCanvas, parts.filmSteps);
  parts.link = el('input', {class: 'address', readonly: true, hidden: true, 'aria-label': W('link')});
  parts.copied = el('span', {class: 'fact', role: 'status'});
  parts.lobbyTitle = el('span', {class: 'fact'});
  parts.lobby = el('span', {class: 'row'});
  parts.lobbyRow = el('div', {class: 'row lobby', hidden: true}, parts.lobbyTitle, parts.lobby);
  return el('div', {class: 'scene'}, parts.stored, parts.watching, parts.pair, el('div', {class: 'timeline'}, parts.bar, parts.back, parts.left),
    el('div', {class: 'row controls'}, parts.play, parts.stop, parts.speeds, parts.steps),
    el('div', {class: 'row starts'}, parts.boxes, button(W('same'), again, {class: 'same', title: W('same_long')}), button(W('anew'), anew, {class: 'anew', title: W('anew_long')}), button(W('link'), copyLink, {class: 'link'}), parts.copied, parts.link),
    parts.lobbyRow, parts.card, parts.film);
}
function plotBox(key) {
  const svg = doc.createElementNS(SVG, 'svg');
  for (const [name, value] of Object.entries({viewBox: '0 0 320 100', preserveAspectRatio: 'none', role: 'img'})) svg.setAttribute(name, value);
  return parts[key] = el('figure', {class: 'plot'}, el('figcaption', {}, el('span', {text: W(key)}), el('span', {class: 'keys'})),
    el('div', {class: 'axes'}, el('span', {class: 'top'}), svg, el('span', {class: 'base'}), el('span', {class: 'last'})));
}
function buildSide() {
  for (const name of ['step', 'seconds', 'speed', 'viewers']) parts[name] = el(name === 'step' ? 'b' : 'span');
  parts.now = el('p', {class: 'now'});
  parts.tiles = el('div', {class: 'tiles'});
  parts.histogram = [0, 1].map(n => {
    const svg = doc.createElementNS(SVG, 'svg');
    for (const [name, value] of Object.entries({viewBox: '0 0 320 60', preserveAspectRatio: 'none', role: 'img', 'aria-label': W('judge')})) svg.setAttribute(name, value);
    return el('div', {class: 'histogram', hidden: n > 0}, el('div', {class: 'keys'}, ...['real', 'fake'].map(kind => el('span', {class: `key c-${kind}`}, el('i'), W(kind), ' ', el('b')))), svg,
      el('div', {class: 'ends'}, el('span', {text: `0 ${W('fake')}`}), el('span', {text: `${W('real')} 1`})));
  });
  parts.histograms = el('div', {class: 'histograms'}, el('h3', {text: W('judge')}), el('div', {class: 'two-up'}, ...parts.histogram));
  parts.gradients = el('div', {class: 'gradients'});
  parts.gradientsBox = el('div', {hidden: true}, el('h3', {text: W('gradients')}), parts.gradients);
  return el('div', {class: 'side'}, el('p', {class: 'facts'}, el('span', {}, W('step'), ' ', parts.step), parts.seconds, parts.speed, parts.viewers), parts.now,
    parts.tiles, parts.histograms, plotBox('losses'), plotBox('scores'), parts.gradientsBox);
}
const comparable = method => methods[method].knobs.filter(knob => !['data', 'seed', 'seconds', 'steps'].includes(knob.name));
function control(knob, value, change) {
  if (knob.kind === 'choice') {
    const shown = el('select', {onchange: () => change(shown.value)}, ...knob.options.map(option => el('option', {value: option, text: valueText(knob.name, option)})));
    return {shown, fill: v => { shown.value = v; }};
  }
  if (knob.kind === 'seed') {
    const shown = el('input', {type: 'number', min: 0, max: 2 ** 32 - 1, step: 1, onchange: () => { const v = nearest(knob, shown.value); v === null ? fill() : change(v); }});
    return {shown, fill: v => { shown.value = v; }};
  }
  const many = Math.round((knob.high - knob.low) / knob.step), stops = (STOPS[knob.name] ?? Array.from({length: Math.min(many, 128) + 1}, (_, n) => Number((knob.low + n * (many > 128 ? (knob.high - knob.low) / 128 : knob.step)).toPrecision(6)))).filter(stop => stop >= knob.low && stop <= knob.high);
  const out = el('output'), shown = el('input', {type: 'range', min: 0, max: stops.length - 1, step: 1, oninput: () => change(stops[shown.value])});
  return {shown, out, fill: v => {
    const size = x => Math.log(x || 1e-6);
    shown.value = stops.reduce((best, stop, n) => Math.abs(size(stop) - size(v)) < Math.abs(size(stops[best]) - size(v)) ? n : best, 0);
    put(out, show(v));
    shown.setAttribute('aria-valuetext', show(v));
  }};
}
function buildSettings() {
  for (const name of Object.keys(knobs)) delete knobs[name];
  const row = knob => {
    const one = knobs[knob.name] = control(knob, S.settings[knob.name], value => set(knob.name, value));
    return el('label', {class: `knob-${knob.name}`}, el('span', {text: label(knob.name)}), one.shown, one.out ?? null);
  };
  const list = methods[S.method].knobs.filter(knob => !['data', 'seconds', 'steps'].includes(knob.name));
  const steered = list.filter(knob => knob.steered), others = list.filter(knob => !knob.steered);
  parts.stale = el('p', {class: 'fact stale', hidden: true, text: W('stale')});
  const besideKnob = el('select', {'aria-label': W('beside_knob'), onchange: () => { const knob = knobOf(S.method, besideKnob.value); S.beside = knob ? {knob: knob.name, value: other(knob)} : null; buildBeside(); told(); at(); }},
    el('option', {value: '', text: W('beside_none')}), ...comparable(S.method).map(knob => el('option', {value: knob.name, text: label(knob.name)})));
  parts.besideKnob = besideKnob;
  parts.besideValue = el('div');
  parts.settings.replaceChildren(
    el('fieldset', {class: 'at-once'}, el('legend', {text: W('steered')}), ...steered.map(row)),
    el('fieldset', {}, el('legend', {text: W('start_knobs')}), ...others.map(row), parts.stale),
    el('fieldset', {class: 'knob-beside'}, el('legend', {text: W('beside')}), el('p', {class: 'fact', text: W('beside_hint')}), el('label', {}, el('span', {text: W('beside_knob')}), besideKnob), parts.besideValue));
  buildBeside();
}
function other(knob) {  // a value that differs, for the second of two runs
  const value = S.settings[knob.name], times = knob.name.startsWith('rate') ? 10 : 4;
  if (knob.kind === 'choice') return knob.options.find(option => option !== value);
  const more = nearest(knob, value * times || knob.high);
  return more === value ? nearest(knob, value / times) : more;
}
function buildBeside() {
  const knob = S.beside && knobOf(S.method, S.beside.knob);
  parts.besideKnob.value = knob ? knob.name : '';
  if (!knob) return parts.besideValue.replaceChildren();
  const one = control(knob, S.beside.value, value => { S.beside.value = value; one.fill(value); told(); at(); });
  one.fill(S.beside.value);
  parts.besideValue.replaceChildren(el('label', {}, el('span', {text: W('beside_value')}), one.shown, one.out ?? null));
}
function fill() {
  for (const [name, one] of Object.entries(knobs)) one.fill(S.settings[name]);
  buildBeside();
  controls();
}
function buildMore() {
  parts.download = button(W('download'), () => fetchNet(0), {class: 'download'});
  parts.downloadB = button(W('download_which', {run: 'B'}), () => fetchNet(1), {hidden: true, class: 'download-b'});
  parts.save = button(W('save'), save, {class: 'save'});
  parts.keepNet = button(W('keep_net'), () => keepNet(0), {class: 'main keep-net'});
  parts.keepB = button(W('keep_which', {run: 'B'}), () => keepNet(1), {hidden: true, class: 'keep-b'});
  parts.keepSaid = el('span', {class: 'fact', role: 'status'});
  parts.codeButton = button(W('show_code'), showCode, {class: 'show-code', 'aria-expanded': 'false'});
  parts.command = el('pre', {tabindex: 0});
  parts.python = el('pre', {tabindex: 0});
  parts.code = el('div', {class: 'code-box', hidden: true}, el('p', {class: 'fact', text: W('code_hint')}), el('h4', {text: words.code_command}), parts.command, el('h4', {text: words.code_python}), parts.python);
  parts.classToggle = button(W('class_on'), () => share(!R.shared), {class: 'class-toggle'});
  parts.classCode = el('b', {class: 'code-word'});
  parts.classLink = el('input', {class: 'address', readonly: true, 'aria-label': W('link'), onfocus: event => event.target.select()});
  parts.classQr = el('div', {class: 'qr'});
  parts.classPanel = el('div', {class: 'class-panel', hidden: true}, el('div', {}, el('p', {}, W('code'), ' ', parts.classCode), parts.classLink), parts.classQr);
  const join = el('input', {class: 'join', type: 'text', maxlength: 12, autocomplete: 'off', spellcheck: 'false', placeholder: W('code'), 'aria-label': W('join_label'), onkeydown: event => { if (event.key === 'Enter') watch(join.value.trim().toLowerCase()); }});
  parts.insideLayer = el('select', {'aria-label': W('inside_layer'), onchange: look});
  parts.insideWhat = el('select', {'aria-label': W('inside'), onchange: look}, ...['maps', 'kernels'].map(what => el('option', {value: what, text: W(`inside_${what}`)})));
  parts.insideSaid = el('p', {class: 'fact', role: 'status', text: W('inside_hint')});
  parts.insideGiven = el('img', {class: 'given', hidden: true, alt: words.lab_row_given});
  parts.insideSheet = el('img', {class: 'maps', hidden: true, alt: W('inside_maps')});
  parts.insideRun = el('select', {'aria-label': W('inside_run'), hidden: true, onchange: look}, ...[0, 1].map(n => el('option', {value: n, text: 'AB'[n]})));
  parts.inside = el('details', {class: 'inside-fold', ontoggle: look}, el('summary', {text: W('inside')}), el('div', {class: 'row'}, parts.insideRun, parts.insideLayer, parts.insideWhat, parts.insideGiven), parts.insideSaid, el('div', {}, parts.insideSheet));
  return el('div', {class: 'more-row'},
    el('fieldset', {class: 'keeping'}, el('legend', {text: W('keep')}), el('div', {class: 'row'}, parts.keepNet, parts.keepB, parts.save, parts.download, parts.downloadB, parts.codeButton), parts.keepSaid, parts.code),
    el('fieldset', {class: 'class-run'}, el('legend', {text: W('class')}), el('p', {class: 'fact', text: W('class_hint')}), el('div', {class: 'row'}, parts.classToggle, join, button(W('join'), () => watch(join.value.trim().toLowerCase()), {class: 'join-go'})), parts.classPanel),
    el('fieldset', {class: 'looking'}, parts.inside));
}

build();
fill();
dress(S.method);
told();
new MutationObserver(() => { dirty = true; }).observe(doc.body, {attributes: true, attributeFilter: ['class']});
new ResizeObserver(() => { dirty = true; if (element.checkVisibility()) look(); }).observe(element);
element.addEventListener('keydown', event => {  // space and Enter on the sheets, as on the plane of points
  if (event.target !== parts.pair || ![' ', 'Enter'].includes(event.key)) return;
  event.preventDefault();
  toggle();
});
parts.pair.tabIndex = 0;
parts.pair.setAttribute('role', 'group');
parts.pair.setAttribute('aria-label', W('saved_pictures'));
setInterval(() => { if (R.state === 'waiting') told(); if (R.state === 'running' && parts.inside.open && !look.busy) look(); }, 1000);
addEventListener('pagehide', () => stream?.close());
paint();
element.pictures = {S, R, call};
element.enter = enter;

// A GAN of two small dense networks on points in the plane: the mathematics, and the Web Worker that runs it.
// Everything is float64, which V8 reckons faster than float32.  Points lie as x0, y0, x1, y1, …  PyTorch is the tests' oracle.
// points.js draws what this finds, in the page; there this same text gives it what can be set and the presets.
const SLOPE = 0.1;  // of the leaky ReLU below zero
const BETA1 = 0.5, BETA2 = 0.999, EPSILON = 1e-8;  // of Adam, as DCGAN has them
const CELLS = 28, REACH = 1.4;  // what a visitor draws: so many cells a side, over a square of ±REACH
const SHOWN = 400, JUDGED = 32, WARPED = 20;  // points on the canvas; the judge's map and the warped grid, a side
const REFERENCE = 1024, PAIRS = 384, BINS = 24;  // points of the scores; of the energy distance; cells a side of the histogram
const EVERY = 20, KEEP = 25;  // steps between two scores, and between two copies of all weights
const FAR = 1e3, RUNAWAY = 1e6;  // a point so far away, a loss or a weight so large has run away

// What can be set, as an address names it: [what it is at first, lowest, highest] or [at first, one of these].
const SETTINGS = {
  data: ['gaussians', ['gaussians', 'ring', 'moons', 'grid', 'drawn']], drawn: ['', /^[\w-]{0,140}$/], shift: [0, 0, 4, 0.5],
  loss: ['original', ['original', 'saturating', 'least_squares', 'hinge', 'relativistic']],
  noise: ['normal', ['normal', 'uniform']], noise_dim: [2, 1, 8, 1], batch: [64, 16, 256, 16], head_start: [0, 0, 1000, 100], seed: [1, 0, 2 ** 32 - 1, 1],
  width_g: [64, 1, 64, 1], depth_g: [2, 1, 4, 1], optimizer_g: ['adam', ['adam', 'sgd']], rate_g: [0.001, 1e-6, 10], steps_g: [1, 1, 10, 1],
  width_d: [64, 1, 64, 1], depth_d: [2, 1, 4, 1], optimizer_d: ['adam', ['adam', 'sgd']], rate_d: [0.001, 1e-6, 10], steps_d: [1, 1, 10, 1],
};
const AT_ONCE = ['loss', 'batch', 'optimizer_g', 'optimizer_d', 'rate_g', 'rate_d', 'steps_g', 'steps_d'];  // all others need a new run
const PRESETS = {  // what goes wrong, and what mends it: from the same start, or going on with the weights as they are
  good: {set: {}},
  collapse: {set: {steps_g: 10}, mend: {steps_g: 1, steps_d: 5}, on: true},
  strong: {set: {steps_d: 8, rate_g: 0.00005}, mend: {steps_d: 1, rate_g: 0.001}},
  weak: {set: {width_d: 2, depth_d: 1}, mend: {width_d: 64, depth_d: 2}},
  saturating: {set: {loss: 'saturating', shift: 3, head_start: 500, optimizer_g: 'sgd', rate_g: 0.01}, mend: {loss: 'original'}, on: true},
  rate: {set: {rate_g: 0.1, rate_d: 0.1}, mend: {rate_g: 0.001, rate_d: 0.001}},
  nan: {set: {loss: 'least_squares', optimizer_g: 'sgd', optimizer_d: 'sgd', rate_g: 5, rate_d: 5}, mend: {rate_g: 0.05, rate_d: 0.05}},
};
const usual = Object.fromEntries(Object.entries(SETTINGS).map(([name, [first]]) => [name, first]));
function nearest(name, text) {  // the value that is meant, or the nearest that there is; null if there is none
  const [, low, high, step] = SETTINGS[name];
  if (Array.isArray(low)) return low.includes(text) ? text : null;
  if (low instanceof RegExp) return low.test(text) ? text : null;
  const value = String(text).trim() === '' ? NaN : Number(text);
  if (Number.isNaN(value)) return null;
  const within = Math.min(high, Math.max(low, value));
  return step ? low + Math.round((within - low) / step) * step : within;
}

// Random numbers: sfc32, seeded by a word and a number, so that what is shown draws nothing from what is learned.
class Random {
  constructor(seed, stream) {
    this.state = new Uint32Array([seed >>> 0, Math.floor(seed / 2 ** 32) ^ 0x9e3779b9, stream, 1]);
    for (let n = 0; n < 15; n++) this.uniform();
  }
  uniform() {  // [0, 1)
    const s = this.state, t = (s[0] + s[1] + s[3]) >>> 0;
    s[3] += 1;
    s[0] = s[1] ^ (s[1] >>> 9);
    s[1] = s[2] + (s[2] << 3);
    s[2] = ((s[2] << 21) | (s[2] >>> 11)) + t;
    return t / 2 ** 32;
  }
  normal() {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }
}

// y = x wᵀ + b.  x (n, ins), w (outs, ins), y (n, outs); n is a multiple of four.  Four rows by two outputs at a time, so that each
// number that is read serves more than once: twice as fast as one by one.  Of an odd number of outputs the last is its own pair.
function linear(x, w, b, y, n, ins, outs) {
  for (let row = 0; row < n; row += 4) {
    const x0 = row * ins, x1 = x0 + ins, x2 = x1 + ins, x3 = x2 + ins;
    for (let j = 0; j < outs; j += 2) {
      const other = j + 1 < outs ? 1 : 0, at = j * ins, beside = at + other * ins;
      let y0 = b ? b[j] : 0, y1 = y0, y2 = y0, y3 = y0, z0 = b ? b[j + other] : 0, z1 = z0, z2 = z0, z3 = z0;
      for (let i = 0; i < ins; i++) {
        const v = w[at + i], u = w[beside + i], a0 = x[x0 + i], a1 = x[x1 + i], a2 = x[x2 + i], a3 = x[x3 + i];
        y0 += a0 * v;
        y1 += a1 * v;
        y2 += a2 * v;
        y3 += a3 * v;
        z0 += a0 * u;
        z1 += a1 * u;
        z2 += a2 * u;
        z3 += a3 * u;
      }
      const to0 = row * outs + j, to1 = to0 + outs, to2 = to1 + outs, to3 = to2 + outs;
      y[to0] = y0;
      y[to1] = y1;
      y[to2] = y2;
      y[to3] = y3;
      y[to0 + other] = z0;
      y[to1 + other] = z1;
      y[to2 + other] = z2;
      y[to3 + other] = z3;
    }
  }
}

// dw = dyᵀ x, db = the sum of dy; likewise.
function linearSlopes(x, dy, dw, db, n, ins, outs) {
  dw.fill(0);
  db.fill(0);
  for (let row = 0; row < n; row += 4) {
    const x0 = row * ins, x1 = x0 + ins, x2 = x1 + ins, x3 = x2 + ins;
    for (let j = 0; j < outs; j += 2) {
      const other = j + 1 < outs ? 1 : 0, at = j * ins, beside = at + other * ins;
      const from0 = row * outs + j, from1 = from0 + outs, from2 = from1 + outs, from3 = from2 + outs;
      const d0 = dy[from0], d1 = dy[from1], d2 = dy[from2], d3 = dy[from3];
      const e0 = other * dy[from0 + other], e1 = other * dy[from1 + other], e2 = other * dy[from2 + other], e3 = other * dy[from3 + other];
      db[j] += d0 + d1 + d2 + d3;
      db[j + other] += e0 + e1 + e2 + e3;
      for (let i = 0; i < ins; i++) {
        const a0 = x[x0 + i], a1 = x[x1 + i], a2 = x[x2 + i], a3 = x[x3 + i];
        dw[at + i] += d0 * a0 + d1 * a1 + d2 * a2 + d3 * a3;
        dw[beside + i] += e0 * a0 + e1 * a1 + e2 * a2 + e3 * a3;
      }
    }
  }
}

// A dense network: leaky ReLU between its layers, nothing after the last.  All weights lie in one array, layer by layer, the
// matrix (outs, ins) before the bias: so an optimiser is a loop, and a copy is a copy.
class Net {
  constructor(sizes) {
    this.sizes = sizes;
    const count = sizes.slice(1).reduce((sum, outs, n) => sum + outs * (sizes[n] + 1), 0);
    for (const name of ['weights', 'slopes', 'mean', 'square']) this[name] = new Float64Array(count);
    this.steps = 0;
    this.rows = 0;
    let at = 0;
    this.layers = sizes.slice(1).map((outs, n) => {
      const ins = sizes[n], bias = at + outs * ins, end = bias + outs;
      const part = array => [array.subarray(at, bias), array.subarray(bias, end)];
      const [w, b] = part(this.weights), [dw, db] = part(this.slopes);
      at = end;
      return {ins, outs, w, b, dw, db, turned: new Float64Array(outs * ins)};
    });
  }
  begin(random) {  // as PyTorch's linear layers do: uniform within ±1 / √ins
    for (const {ins, w, b} of this.layers) for (const array of [w, b]) for (let n = 0; n < array.length; n++)
      array[n] = (2 * random.uniform() - 1) / Math.sqrt(ins);
    return this;
  }
  forward(x, n) {  // -> (n, outs), which the next call overwrites
    if (n > this.rows) {
      this.rows = n;
      this.y = this.layers.map(({outs}) => new Float64Array(n * outs));
      this.dx = this.layers.map(({ins}) => new Float64Array(n * ins));
    }
    this.x = x;
    this.layers.forEach(({w, b, ins, outs}, k) => {
      const y = this.y[k];
      linear(k ? this.y[k - 1] : x, w, b, y, n, ins, outs);
      if (k < this.layers.length - 1) for (let i = 0, end = n * outs; i < end; i++) y[i] = Math.max(y[i], SLOPE * y[i]);
    });
    return this.y.at(-1);
  }
  backward(dy, n, {weights = true, input = false} = {}) {  // of the forward before -> slopes at its input, if asked
    for (let k = this.layers.length - 1; k >= 0; k--) {
      const {ins, outs, w, dw, db, turned} = this.layers[k], y = this.y[k];
      if (k < this.layers.length - 1) for (let i = 0, end = n * outs; i < end; i++) dy[i] *= y[i] < 0 ? SLOPE : 1;
      if (weights) linearSlopes(k ? this.y[k - 1] : this.x, dy, dw, db, n, ins, outs);
      if (!k && !input) return null;
      for (let j = 0; j < outs; j++) for (let i = 0; i < ins; i++) turned[i * outs + j] = w[j * ins + i];
      linear(dy, turned, null, this.dx[k], n, outs, ins);
      dy = this.dx[k];
    }
    return dy;
  }
  update(optimizer, rate) {
    const {weights, slopes, mean, square} = this;
    this.steps += 1;
    if (optimizer === 'sgd') {
      for (let n = 0; n < weights.length; n++) weights[n] -= rate * slopes[n];
      return;
    }
    const first = rate / (1 - BETA1 ** this.steps), second = 1 / Math.sqrt(1 - BETA2 ** this.steps);
    for (let n = 0; n < weights.length; n++) {
      const slope = slopes[n];
      mean[n] += (1 - BETA1) * (slope - mean[n]);
      square[n] += (1 - BETA2) * (slope * slope - square[n]);
      weights[n] -= first * mean[n] / (Math.sqrt(square[n]) * second + EPSILON);
    }
  }
  copy() {
    return {weights: this.weights.slice(), mean: this.mean.slice(), square: this.square.slice(), steps: this.steps};
  }
  restore(kept) {
    for (const name of ['weights', 'mean', 'square']) this[name].set(kept[name]);
    this.steps = kept.steps;
  }
}

// Losses: of a pair of logits, real r and generated f, and their slopes.  d: [loss, by r, by f]; g: the same, for the generator.
const softplus = v => v > 0 ? v + Math.log1p(Math.exp(-v)) : Math.log1p(Math.exp(v));
const sigmoid = v => v >= 0 ? 1 / (1 + Math.exp(-v)) : 1 - 1 / (1 + Math.exp(v));
const crossEntropy = (r, f) => [softplus(-r) + softplus(f), -sigmoid(-r), sigmoid(f)];
const LOSSES = {
  original: {d: crossEntropy, g: (r, f) => [softplus(-f), 0, -sigmoid(-f)]},  // −log D(G(z)), as the paper trains
  saturating: {d: crossEntropy, g: (r, f) => [-softplus(f), 0, -sigmoid(f)]},  // log(1 − D(G(z))), as the paper writes it first
  least_squares: {d: (r, f) => [((r - 1) ** 2 + f * f) / 2, r - 1, f], g: (r, f) => [(f - 1) ** 2 / 2, 0, f - 1]},
  hinge: {
    d: (r, f) => [Math.max(0, 1 - r) + Math.max(0, 1 + f), r < 1 ? -1 : 0, f > -1 ? 1 : 0], g: (r, f) => [-f, 0, -1],
  },
  relativistic: {
    d: (r, f) => [softplus(f - r), -sigmoid(f - r), sigmoid(f - r)], g: (r, f) => [softplus(r - f), sigmoid(r - f), -sigmoid(r - f)],
  },
};
// How real, from 0 to 1, a logit says a point is.  middle: of the logits, for a judge that only compares.
const SCORES = {
  original: sigmoid, saturating: sigmoid, least_squares: v => Math.min(1, Math.max(0, v)),
  hinge: v => Math.min(1, Math.max(0, (v + 1) / 2)), relativistic: (v, middle) => sigmoid(v - middle),
};

// The data: each is a place, drawn from a Random.
const TURN = 2 * Math.PI;
const centres = {
  gaussians: Array.from({length: 8}, (_, n) => [Math.cos(TURN * n / 8), Math.sin(TURN * n / 8)]),
  grid: Array.from({length: 9}, (_, n) => [n % 3 - 1, Math.floor(n / 3) - 1].map(v => 0.9 * v)),
};
const spots = (list, sigma) => random => {
  const [x, y] = list[Math.floor(list.length * random.uniform())];
  return [x + sigma * random.normal(), y + sigma * random.normal()];
};
const DATA = {
  gaussians: spots(centres.gaussians, 0.04),
  grid: spots(centres.grid, 0.05),
  ring: random => {
    const angle = TURN * random.uniform(), radius = 1 + 0.04 * random.normal();
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  },
  moons: random => {
    const upper = random.uniform() < 0.5, angle = Math.PI * random.uniform(), side = upper ? 1 : -1;
    const x = side * (0.85 * Math.cos(angle) - 0.42), y = side * (0.85 * Math.sin(angle) - 0.25);
    return [x + 0.04 * random.normal(), y + 0.04 * random.normal()];
  },
};
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';  // six cells each
function cellsOf(text) {  // -> the numbers of those that are painted, row by row from the top
  const found = [];
  for (let n = 0; n < CELLS * CELLS; n++) if (LETTERS.indexOf(text[Math.floor(n / 6)] ?? 'A') >> (n % 6) & 1) found.push(n);
  return found;
}
function textOf(cells) {
  const codes = new Uint8Array(Math.ceil(CELLS * CELLS / 6));
  for (const n of cells) codes[Math.floor(n / 6)] |= 1 << (n % 6);
  return Array.from(codes, code => LETTERS[code]).join('').replace(/A+$/, '');
}
function drawnFrom(text) {
  const cells = cellsOf(text), side = 2 * REACH / CELLS;
  if (!cells.length) return DATA.gaussians;
  return random => {
    const cell = cells[Math.floor(cells.length * random.uniform())];
    return [(cell % CELLS + random.uniform()) * side - REACH, REACH - (Math.floor(cell / CELLS) + random.uniform()) * side];
  };
}

// One run: two networks, their data, and all that can be set (points.py lists it).
class Run {
  constructor(settings) {
    this.settings = {...settings};
    const {seed, noise_dim, width_g, width_d, depth_g, depth_d} = settings;
    this.random = Object.fromEntries(['weights', 'real', 'noise', 'shown'].map((name, n) => [name, new Random(seed, n + 1)]));
    const hidden = (width, depth) => Array(depth).fill(width);
    this.g = new Net([noise_dim, ...hidden(width_g, depth_g), 2]).begin(this.random.weights);
    this.d = new Net([2, ...hidden(width_d, depth_d), 1]).begin(this.random.weights);
    this.place = settings.data === 'drawn' ? drawnFrom(settings.drawn) : DATA[settings.data];
    this.steps = 0;
    this.losses = {d: null, g: null};  // none yet
    this.reference = this.sample(REFERENCE, new Random(seed, 5));
    this.fixed = this.noise(REFERENCE, this.random.shown);
    this.copies = [];
    this.keep();
    this.history = [];  // of scores
    this.wider = 1;  // the view
  }
  sample(n, random = this.random.real) {  // (n, 2)
    const points = new Float64Array(2 * n), {shift} = this.settings;
    for (let i = 0; i < n; i++) {
      const [x, y] = this.place(random);
      points[2 * i] = x + shift;
      points[2 * i + 1] = y;
    }
    return points;
  }
  noise(n, random = this.random.noise) {  // (n, noise_dim)
    const z = new Float64Array(n * this.settings.noise_dim), flat = this.settings.noise === 'uniform';
    for (let i = 0; i < z.length; i++) z[i] = flat ? (2 * random.uniform() - 1) * Math.sqrt(3) : random.normal();  // both of variance 1
    return z;
  }
  stepD(real = this.sample(this.settings.batch), z = this.noise(this.settings.batch)) {
    const n = real.length / 2, both = new Float64Array(4 * n), loss = LOSSES[this.settings.loss].d;
    both.set(real);
    both.set(this.g.forward(z, n).subarray(0, 2 * n), 2 * n);
    const logits = this.d.forward(both, 2 * n), slopes = new Float64Array(2 * n);
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const [value, r, f] = loss(logits[i], logits[n + i]);
      sum += value / n;
      slopes[i] = r / n;
      slopes[n + i] = f / n;
    }
    this.d.backward(slopes, 2 * n);
    this.d.update(this.settings.optimizer_d, this.settings.rate_d);
    return this.losses.d = sum;
  }
  stepG(z = this.noise(this.settings.batch), real = null) {
    const {loss, batch, optimizer_g, rate_g} = this.settings, n = z.length / this.settings.noise_dim;
    const dx = this.slopesAt(this.g.forward(z, n), n, loss === 'relativistic' ? real ?? this.sample(batch) : null);
    this.g.backward(dx, n);
    this.g.update(optimizer_g, rate_g);
    return this.losses.g = this.lossG;
  }
  slopesAt(fake, n, real) {  // of the generator's loss, by the places of its points
    const count = real ? 2 * n : n, both = new Float64Array(2 * count), loss = LOSSES[this.settings.loss].g;
    both.set(fake.subarray(0, 2 * n));
    if (real) both.set(real, 2 * n);
    const logits = this.d.forward(both, count), slopes = new Float64Array(count);
    this.lossG = 0;
    for (let i = 0; i < n; i++) {
      const [value, , f] = loss(real ? logits[n + i] : 0, logits[i]);
      this.lossG += value / n;
      slopes[i] = f / n;  // those of the real points change no weight of the generator
    }
    return this.d.backward(slopes, count, {weights: false, input: true});
  }
  step() {  // of both, or, as long as it has its head start, of the judge -> whether all is well
    const {steps_d, steps_g, head_start} = this.settings, alone = this.steps < head_start;
    for (let n = 0; n < (alone ? 1 : steps_d); n++) this.stepD();
    for (let n = 0; n < (alone ? 0 : steps_g); n++) this.stepG();
    return this.counted();
  }
  counted() {  // one step more -> whether all is well; if not, `failed` says what is the matter
    this.steps += 1;
    if (this.steps % KEEP !== 0 && Number.isFinite(this.losses.d + this.losses.g)) {
      if (this.steps % EVERY === 0) this.history.push(this.scores());
      return true;
    }
    const trouble = this.trouble();
    if (trouble) {
      this.failed = {trouble, step: this.steps, losses: {...this.losses}};
      return false;
    }
    if (this.steps % EVERY === 0) this.history.push(this.scores());
    this.keep();
    return true;
  }
  trouble() {
    const {losses, g, d} = this, all = [losses.d, losses.g, ...g.weights, ...d.weights];
    if (all.some(Number.isNaN)) return 'nan';
    return all.some(v => !(Math.abs(v) < RUNAWAY)) || this.points(64).some(v => !(Math.abs(v) < FAR)) ? 'runaway' : '';
  }
  keep() {  // two copies: the newer may already be on its way to ruin
    this.copies = [{steps: this.steps, losses: {...this.losses}, g: this.g.copy(), d: this.d.copy()}, ...this.copies].slice(0, 2);
  }
  restore() {
    const kept = this.copies.at(-1);
    this.g.restore(kept.g);
    this.d.restore(kept.d);
    this.steps = kept.steps;
    this.losses = {...kept.losses};
    this.copies = [kept];
    this.history = this.history.filter(({step}) => step <= this.steps);
    this.failed = null;
  }
  // What is shown and measured; it changes nothing and draws no number that the run would draw.
  points(n = REFERENCE) {  // (n, 2), always of the same noise
    return this.g.forward(this.fixed.subarray(0, n * this.settings.noise_dim), n).slice(0, 2 * n);
  }
  middle(real, fake) {
    return mean(this.d.forward(real, real.length / 2), real.length / 2) / 2 + mean(this.d.forward(fake, fake.length / 2), fake.length / 2) / 2;
  }
  scores() {
    const {settings: {loss, data, shift}, reference, losses} = this, fake = this.points(), score = SCORES[loss];
    const middle = loss === 'relativistic' ? this.middle(reference, fake) : 0;
    const judged = points => mean(Array.from(this.d.forward(points, points.length / 2).subarray(0, points.length / 2), v => score(v, middle)));
    const known = centres[data], near = covered(reference, fake);
    return {
      step: this.steps, loss_d: losses.d, loss_g: losses.g, real: judged(reference), fake: judged(fake),
      js: divergence(reference, fake, shift), energy: energy(reference, fake),
      modes: known ? modes(known, fake, shift) : null, of: known?.length ?? null, recall: near.recall, precision: near.precision,
      slope: this.slopeNow(),
    };
  }
  slopeNow() {  // root mean square of the generator's loss by its points, each as if it were alone
    const n = 256, dx = this.slopesAt(this.points(n), n, this.settings.loss === 'relativistic' ? this.reference.subarray(0, 2 * n) : null);
    let sum = 0;
    for (let i = 0; i < 2 * n; i++) sum += (dx[i] * n) ** 2;
    return Math.sqrt(sum / n);
  }
}
const mean = (list, n = list.length) => { let sum = 0; for (let i = 0; i < n; i++) sum += list[i]; return sum / n; };

// Distances between two clouds.
function histogram(points, shift) {  // shares of the cells over the data's own square; the last is everything outside
  const shares = new Float64Array(BINS * BINS + 1), n = points.length / 2;
  for (let i = 0; i < n; i++) {
    const x = Math.floor((points[2 * i] - shift + REACH) / (2 * REACH) * BINS), y = Math.floor((points[2 * i + 1] + REACH) / (2 * REACH) * BINS);
    shares[x >= 0 && y >= 0 && x < BINS && y < BINS ? y * BINS + x : BINS * BINS] += 1 / n;
  }
  return shares;
}
function divergence(real, fake, shift) {  // Jensen-Shannon, in bits: 0 is the same, 1 has nothing in common
  const p = histogram(real, shift), q = histogram(fake, shift);
  let sum = 0;
  for (let n = 0; n < p.length; n++) {
    const m = (p[n] + q[n]) / 2;
    if (p[n]) sum += p[n] / 2 * Math.log2(p[n] / m);
    if (q[n]) sum += q[n] / 2 * Math.log2(q[n] / m);
  }
  return sum;
}
function apart(a, b, n) {
  let sum = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) {
    const x = a[2 * i] - b[2 * j], y = a[2 * i + 1] - b[2 * j + 1];
    sum += Math.sqrt(x * x + y * y);  // Math.hypot is ten times as slow
  }
  return sum / n ** 2;
}
const energy = (real, fake, n = PAIRS) => Math.max(0, 2 * apart(real, fake, n) - apart(real, real, n) - apart(fake, fake, n));
function modes(known, fake, shift) {  // of the spots, those that get a quarter of their share, within a fifth
  const hits = new Array(known.length).fill(0), n = fake.length / 2;
  for (let i = 0; i < n; i++) known.forEach(([x, y], k) => { if (Math.hypot(fake[2 * i] - x - shift, fake[2 * i + 1] - y) < 0.2) hits[k] += 1; });
  return hits.filter(hit => hit > n / known.length / 4).length;
}
function covered(real, fake, n = PAIRS, near = 0.12) {  // shares of the real points near a generated one, and the other way round
  const hit = [new Uint8Array(n), new Uint8Array(n)];
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++)
    if (Math.abs(real[2 * i] - fake[2 * j]) < near && Math.hypot(real[2 * i] - fake[2 * j], real[2 * i + 1] - fake[2 * j + 1]) < near) hit[0][i] = hit[1][j] = 1;
  return {recall: mean(hit[0]), precision: mean(hit[1])};
}

// What the canvas shows: always the same noise, the judge over the whole view, and where each point is drawn to.
function viewOf({shift}, wider = 1) {  // [left, bottom, side]: of a square that holds the data and the place where the generator begins
  const half = (1.6 + shift / 2) * wider;
  return [shift / 2 - half, -half, 2 * half];
}
function widening({shift}, points) {  // how much wider it must be to hold nine points in ten; no more than eight times
  const away = Array.from({length: SHOWN}, (_, n) => Math.max(Math.abs(points[2 * n] - shift / 2), Math.abs(points[2 * n + 1]))).sort((a, b) => a - b);
  const wanted = away[Math.floor(0.9 * SHOWN)] * 1.1 / (1.6 + shift / 2);
  return wanted > 1 ? Math.min(8, wanted) : 1;
}
function picture(run) {
  const {settings, d, g} = run, {loss, noise, noise_dim} = settings, points = run.points(SHOWN);
  run.wider += ((settings.data === 'drawn' ? 1 : widening(settings, points)) - run.wider) * 0.2;
  if (run.wider < 1.02) run.wider = 1;
  const view = viewOf(settings, run.wider), [left, bottom, side] = view;
  const slopes = run.slopesAt(points, SHOWN, loss === 'relativistic' ? run.reference.subarray(0, 2 * SHOWN) : null);
  const arrows = Float32Array.from(slopes.subarray(0, 2 * SHOWN), v => -v * SHOWN);
  const places = new Float64Array(2 * JUDGED ** 2);
  for (let i = 0; i < JUDGED ** 2; i++) {  // from the top, as pixels lie
    places[2 * i] = left + (i % JUDGED + 0.5) * side / JUDGED;
    places[2 * i + 1] = bottom + side - (Math.floor(i / JUDGED) + 0.5) * side / JUDGED;
  }
  const middle = loss === 'relativistic' ? run.middle(run.reference, points) : 0;
  const map = Float32Array.from(d.forward(places, JUDGED ** 2).subarray(0, JUDGED ** 2), v => SCORES[loss](v, middle));
  const z = new Float64Array(noise_dim * WARPED ** 2), reach = noise === 'uniform' ? Math.sqrt(3) : 2;
  const along = (n, of) => (2 * n / (of - 1) - 1) * reach;
  for (let i = 0; i < WARPED ** 2; i++) {
    z[noise_dim * i] = noise_dim === 1 ? along(i, WARPED ** 2) : along(i % WARPED, WARPED);
    if (noise_dim > 1) z[noise_dim * i + 1] = along(Math.floor(i / WARPED), WARPED);
  }
  const grid = Float32Array.from(g.forward(z, WARPED ** 2).subarray(0, 2 * WARPED ** 2));
  return {view: Float32Array.from(view), points: Float32Array.from(points), arrows, map, grid};
}

// The worker.  It is told {do: …} and answers with frames; scores go once, in the order of their steps.
const FRAME = 33, BURST = 12;  // milliseconds between two frames; of work between two looks at the post
const LONGEST = 200000;  // steps, after which nobody can be watching
function serve(post, now = () => performance.now(), later = soon()) {
  let run = null, name = 0, playing = false, pace = 0, told = 0, seconds = 0, drawn = -1e9, since = 0, owed = 0, speed = 0, counted = [0, 0];
  const frame = (more = {}) => {
    const at = now(), history = run.history.slice(told);
    told = run.history.length;
    drawn = at;
    if (at - counted[0] > 500 || !playing) {
      speed = playing ? 1000 * (run.steps - counted[1]) / (at - counted[0]) : 0;
      counted = [at, run.steps];
    }
    const shown = picture(run);
    post({type: 'frame', name, step: run.steps, losses: {...run.losses}, seconds, speed, playing, history, ...shown, ...more}, Object.values(shown).map(one => one.buffer));
  };
  const fail = () => {
    const {failed} = run;
    playing = false;
    run.restore();
    told = Math.min(told, run.history.length);
    frame({failed, kept: run.steps});
  };
  const work = () => {
    if (!playing) return;
    const begun = now();
    seconds += (begun - since) / 1000;
    owed = Math.min(owed + (pace ? pace * (begun - since) / 1000 : 1e9), pace ? 0.1 * pace + 1 : 1e9);
    since = begun;
    while (owed >= 1 && now() - begun < BURST) {
      owed -= 1;
      if (!run.step()) return fail();
      if (run.steps >= LONGEST) {
        playing = false;
        return frame({ended: true});
      }
    }
    if (now() - drawn >= FRAME) frame();
    later(work, owed < 1);
  };
  const begin = settings => {
    run = new Run(settings);
    [told, seconds, speed, counted] = [0, 0, 0, [now(), 0]];
    run.history.push(run.scores());
  };
  const real = () => post({type: 'real', name, points: Float32Array.from(run.reference)});
  return message => {
    switch (message.do) {
      case 'start':
        playing = false;
        name = message.name;  // what is still on its way from the run before is told from this
        begin(message.settings);
        real();
        return frame();
      case 'set':  // takes effect at once
        Object.assign(run.settings, message.settings);
        return playing || frame();
      case 'draw':  // other data, the same networks
        run.settings.drawn = message.drawn;
        run.place = drawnFrom(message.drawn);
        run.reference = run.sample(REFERENCE, new Random(run.settings.seed, 5));
        return real();
      case 'pace':
        pace = message.pace;
        return;
      case 'play':
        if (playing) return;
        [playing, since, owed, counted] = [true, now(), 0, [now(), run.steps]];
        return work();
      case 'pause':
        playing = false;
        return frame();
      case 'step': {  // of one network, or of both; it counts as a step
        playing = false;
        if (message.net !== 'g') run.stepD();
        if (message.net !== 'd') run.stepG();
        if (!run.counted()) return fail();
        if (run.history.at(-1)?.step !== run.steps) run.history.push(run.scores());
        return frame({stepped: message.net});
      }
    }
  };
}
function soon() {  // a channel's messages come at once, and in a hidden tab as well
  const channel = new MessageChannel();
  let next = null;
  channel.port1.onmessage = () => next?.();
  return (work, rest) => {
    next = work;
    rest ? setTimeout(() => channel.port2.postMessage(0), 4) : channel.port2.postMessage(0);
  };
}
if (typeof DedicatedWorkerGlobalScope !== 'undefined' && self instanceof DedicatedWorkerGlobalScope) {
  const told = serve((message, parts) => self.postMessage(message, parts));
  self.onmessage = event => told(event.data);
}

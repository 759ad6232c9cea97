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
  while (opening) await opening;  // one at a time: of what was chosen meanwhile only the last is opened
  if (mine !== turn) return;
  opening = call('inside_open', {card, example: S.example, path: S.path, mask: S.mask, knobs: S.knobs, token: latestToken, visit: visit()});
  const found = await opening;
  opening = null;
  latestToken = found.token ?? latestToken;
  if (mine !== turn) return;
  room.removeAttribute('aria-busy');
  if (found.error) return say(found.error, true);
  Object.assign(S, {token: found.token, layers: found.layers, totals: found.totals, input: found.input, picture: found.picture, zoom: 0, sheets: {}});
  S.opened = Date.now();
  S.image = found.picture ? await loaded(found.picture) : null;
  own.offer();
  const {totals} = found;
  S.summary = W('totals', {title: found.title, layers: found.layers.length, parameters: count(totals.parameters), macs: count(totals.macs), time: time(totals.seconds)});
  say(S.summary);
  strip();
  const first = found.layers.find(one => ['conv2d', 'conv_transpose2d'].includes(one.kind)) ?? found.layers.find(one => one.kind === 'linear') ?? found.layers[0];
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
  if (layer.kind === 'pixel_shuffle') text = text.replace(/^\D*(\d)/, layer.function === 'pixel_unshuffle' ? '÷$1' : '×$1');
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

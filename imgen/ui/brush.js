// What Gradio's editor lacks: the brush's size by wheel and keys, undo and redo by key, the original while a key or a button is
// held, and a mask that the server proposes, painted as one stroke that can be undone.
// Gradio keeps the editor that is on the page as `window.editor`: its tools, its layers and its history.
const painting = element.closest('.painting');
const LARGEST = 100;  // pixels, as the editor's own slider
let over = false;

const editor = () => painting.querySelector('canvas') ? window.editor : null;
const last = at => at?.command_manager.history.command;
const stroke = command => command?.name === 'Draw';

function resize(factor) {
  const brush = editor()?.tools.get('brush');
  if (!brush) return;
  const now = brush.get_current_size();
  const next = Math.min(LARGEST, Math.max(1, factor > 1 ? Math.ceil(now * factor) : Math.floor(now * factor)));
  brush.state.mode === 'erase' ? brush.set_eraser_size(next) : brush.set_brush_size(next);
  brush.preview_brush(true);
  editor().wake_render_loop();
  clearTimeout(resize.timer);
  resize.timer = setTimeout(() => { brush.preview_brush(false); editor()?.wake_render_loop(); }, 600);
  painting.dataset.brush = next;
}

function zoom(factor) {
  const at = editor();
  at?.tools.get('zoom').set_zoom(factor ? at.scale_value * factor : 'fit');
}

function undo() {
  const at = editor();
  if (stroke(last(at))) at.undo();  // what came before the first stroke is the picture itself
}

function redo() {
  const at = editor();
  if (stroke(at?.command_manager.history.next?.command)) at.redo();
}

function original(shown) {
  const at = editor();
  if (!at || painting.classList.contains('original') === shown) return;
  for (const layer of at.layer_manager.get_layers()) layer.container.alpha = shown ? 0 : 1;
  at.wake_render_loop();
  painting.classList.toggle('original', shown);
}

// A mask (opaque where it counts) over what is painted, as one stroke of the history.
async function propose(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const at = editor();
  if (!at) return;
  at.set_tool('draw');
  const brush = at.tools.get('brush').brush_textures;
  const layer = at.layer_manager.get_layers().find(one => one.container === at.layer_manager.get_active_layer());
  const Sprite = brush.preview_sprite.constructor;
  const draw = () => at.layer_manager.get_layer_textures(layer.id)?.draw;
  const render = (sprite, target, clear) => at.app.renderer.render({container: sprite, target, clear});
  const before = draw().constructor.create({width: at.width, height: at.height, resolution: window.devicePixelRatio || 1});
  render(new Sprite(draw()), before, true);
  const mask = Sprite.from(image);
  mask.setSize(at.width, at.height);
  await at.execute_command({
    name: 'Draw',
    async execute() { render(mask, draw(), false); },
    async undo() { render(new Sprite(before), draw(), true); },
  });
  at.notify('change');
}

// What lies on the canvas when Run is pressed: Gradio would send what it has uploaded last, without a stroke of just now.
window.paintedNow = async () => {
  const given = element.closest('.bench').querySelector('.source img');
  for (let tries = 50; tries && editor() && given && (editor().width !== given.naturalWidth || editor().height !== given.naturalHeight); tries--)
    await new Promise(resolve => setTimeout(resolve, 100));  // another picture is only just coming
  const at = editor(), history = at?.command_manager.history;
  if (!history || !(stroke(history.command) || stroke(history.next?.command))) return null;  // nobody has painted since it was set
  original(false);
  const {layers: [layer]} = await at.get_blobs();
  const {path} = await upload(new File([layer], 'mask.png', {type: 'image/png'}));
  return {background: null, layers: [{path, meta: {_type: 'gradio.FileData'}}], composite: null};
};

const canvas = target => target.closest?.('.painting .pixi-target');
painting.addEventListener('pointerenter', () => { over = true; });
painting.addEventListener('pointerleave', () => { over = false; });
painting.addEventListener('wheel', event => {
  const at = editor();
  if (!at || !canvas(event.target) || event.altKey || event.metaKey) return;  // zoom, as Gradio has it
  if (event.shiftKey) {
    resize((event.deltaY || event.deltaX) < 0 ? 1.2 : 1 / 1.2);
  } else if (event.ctrlKey) {  // two fingers on a touchpad, too
    zoom(Math.exp(-event.deltaY / 300));
  } else {
    const {width, height} = at.app.screen;
    const fits = at.dimensions_value.width * at.scale_value <= width && at.dimensions_value.height * at.scale_value <= height;
    if (fits) event.stopPropagation();  // nothing to move: the page scrolls
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}, {capture: true, passive: false});

const KEYS = {'[': () => resize(1 / 1.2), ']': () => resize(1.2), '+': () => zoom(1.25), '=': () => zoom(1.25),
  '-': () => zoom(0.8), '0': () => zoom(0), o: () => original(true)};
const typing = target => target.closest?.('textarea, select, [contenteditable], input:not([type=range], [type=radio], [type=checkbox])');
document.addEventListener('keydown', event => {
  if (!editor() || typing(event.target) || !(over || painting.contains(document.activeElement))) return;
  const key = event.key.toLowerCase(), command = event.ctrlKey || event.metaKey;
  const act = command ? {z: event.shiftKey ? redo : undo, y: redo}[key] : !event.altKey && KEYS[key];
  if (!act) return;
  event.preventDefault();
  act();
});

// The button is there only while the model takes a mask, so the listeners are not its own.
const held = event => event.target.closest?.('button.hold');
const pressed = event => held(event) && (event.key === ' ' || event.key === 'Enter');
painting.addEventListener('pointerdown', event => { if (held(event)) original(true); });
painting.addEventListener('keydown', event => { if (pressed(event)) original(true); });
painting.addEventListener('contextmenu', event => { if (held(event)) event.preventDefault(); });  // a long touch
for (const name of ['pointerup', 'pointercancel', 'blur']) window.addEventListener(name, () => original(false));
document.addEventListener('keyup', event => { if (event.key.toLowerCase() === 'o' || pressed(event)) original(false); });

watch('value', () => { if (props.value?.mask) propose(props.value.mask); });

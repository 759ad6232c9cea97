// A small sheet to draw on, by pointer, finger or keys; what is drawn goes the way of a visitor's own picture (way_in.js).
const pad = element.querySelector('.pad'), sheet = pad.querySelector('canvas'), pen = sheet.getContext('2d');
const way = () => window.imgenWay[pad.dataset.task];
const CALM = 400;  // ms without a stroke after which the drawing is sent
const MOST = 30;  // strokes that can be taken back
let paper = '#ffffff', ink = '#1e3a8a', earlier = [], last = null, timer = 0, place = [sheet.width / 2, sheet.height / 2], down = false;

const width = () => +pad.querySelector('input[type=range]').value;
const send = () => sheet.toBlob(blob => way().bring(new File([blob], 'drawing.png'), false));
const calm = () => { clearTimeout(timer); timer = setTimeout(send, CALM); };
const remember = () => {
  earlier = [...earlier, pen.getImageData(0, 0, sheet.width, sheet.height)].slice(-MOST);
  pad.querySelector('[data-do=back]').disabled = false;
};
const fill = colour => { pen.fillStyle = colour; pen.fillRect(0, 0, sheet.width, sheet.height); };
fill(paper);

const stroke = (from, to) => {
  Object.assign(pen, {strokeStyle: ink, lineWidth: width(), lineCap: 'round', lineJoin: 'round'});
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
};
const at = event => {
  const box = sheet.getBoundingClientRect();
  return [(event.clientX - box.left) * sheet.width / box.width, (event.clientY - box.top) * sheet.height / box.height];
};
sheet.addEventListener('pointerdown', event => {
  if (event.button) return;
  clearTimeout(timer);
  remember();
  sheet.setPointerCapture(event.pointerId);
  last = at(event);
  stroke(last, last);
});
sheet.addEventListener('pointermove', event => {
  if (!last) return;
  for (const one of event.getCoalescedEvents?.() ?? [event]) {
    const next = at(one);
    stroke(last, next);
    last = next;
  }
});
for (const name of ['pointerup', 'pointercancel']) sheet.addEventListener(name, () => { if (last) calm(); last = null; });

// By keys: arrows move the pen, which the space bar lays on the paper and takes off.
const cross = pad.querySelector('.cross');
const shown = () => {
  cross.style.left = `${100 * place[0] / sheet.width}%`;
  cross.style.top = `${100 * place[1] / sheet.height}%`;
  cross.classList.toggle('down', down);
};
const STEPS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
sheet.addEventListener('keydown', event => {
  const step = STEPS[event.key];
  if (!step && event.key !== ' ') return;
  event.preventDefault();
  if (event.key === ' ') {
    down = !down;
    if (down) { remember(); stroke(place, place); } else calm();
  } else {
    const next = place.map((now, axis) => Math.min(sheet.width, Math.max(0, now + step[axis] * (event.shiftKey ? 20 : 6))));
    if (down) stroke(place, next);
    place = next;
  }
  shown();
});
sheet.addEventListener('blur', () => { if (down) calm(); down = false; shown(); });
shown();

pad.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.dataset.ink) {
    ink = button.dataset.ink;
    for (const one of pad.querySelectorAll('[data-ink]')) one.ariaPressed = `${one === button}`;
    return;
  }
  if (button.dataset.do === 'back') {
    pen.putImageData(earlier.pop(), 0, 0);
    button.disabled = !earlier.length;
  } else {
    remember();
    if (button.dataset.do === 'paper') paper = ink;  // a sheet of this colour: what was drawn is gone
    fill(paper);
    if (button.dataset.do === 'clear') return clearTimeout(timer);
  }
  calm();
});

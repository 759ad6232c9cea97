// The way of a visitor's own picture into a tab: chosen, dropped anywhere in it, pasted, or taken with the camera; and back.
// The picture that lies there stays until another has arrived.  `element`, `trigger`: as Gradio's HTML gives them.
const ways = element.querySelector('.ways'), zone = element.closest('.bench');
const task = ways.dataset.task, part = name => ways.querySelector(`[data-way="${name}"]`);
const source = () => element.closest('.entry').querySelector('.source');
const fileOf = (path, name) => ({
  path, orig_name: name, url: new URL('gradio_api/file=' + path.split('/').map(encodeURIComponent).join('/'), location.href.split('?')[0]).href,
  meta: {_type: 'gradio.FileData'},
});
const way = (window.imgenWay ??= {})[task] = {taken: null, refused: '', back: null, seen: []};
if (ways.dataset.given) way.seen.push(fileOf(ways.dataset.given, null));
const MOST = 20;  // pictures that one can go back to

way.changed = file => {  // told whatever lies there now
  way.empty = !file;
  if (file && way.seen.at(-1)?.path !== file.path) way.seen = [...way.seen, file].slice(-MOST);
  part('undo').disabled = way.seen.length < (way.empty ? 1 : 2);
};
way.changed(way.seen[0]);

way.busy = () => ways.ariaBusy === 'true';
const refuse = why => { way.refused = why; trigger('refused'); };
const bring = way.bring = async (file, scroll = true) => {
  if (!file || way.busy()) return;
  if (file.size > +ways.dataset.most) return refuse('file_too_large');
  ways.ariaBusy = 'true';
  try {
    const form = new FormData();
    form.append('files', file, file.name || 'picture.png');
    const answer = await fetch('gradio_api/upload', {method: 'POST', body: form, credentials: 'same-origin'});
    if (!answer.ok) throw answer;
    way.taken = fileOf((await answer.json())[0], file.name);
    trigger('upload');
    if (scroll) source().scrollIntoView({behavior: 'smooth', block: 'nearest'});
  } catch (problem) {
    refuse(problem.status === 413 ? 'file_too_large' : 'picture_not_sent');
  } finally {
    ways.ariaBusy = 'false';
  }
};

// Chosen: by our own chooser, as Gradio's has to be emptied first.
const input = ways.querySelector('input.file'), lens = ways.querySelector('input.lens');
const choose = from => { from.value = ''; from.click(); };
for (const one of [input, lens]) one.addEventListener('change', () => bring(one.files[0]));
part('choose').addEventListener('click', () => choose(input));
zone.addEventListener('click', event => {
  if (source()?.contains(event.target) && event.target.closest('[aria-dropeffect]') && event.target.type !== 'file') {
    event.stopPropagation();
    choose(input);
  }
}, true);

// Dropped: what lies over another place for files is that place's.
const ours = event => {
  const block = event.target.closest('.block');
  const other = event.target.closest('.knob, .upload-container, [aria-dropeffect]') ?? (block?.querySelector('input[type=file]') && block);
  return event.dataTransfer?.types.includes('Files') && (!other || source()?.contains(event.target) || other.contains(source()));
};
for (const name of ['dragenter', 'dragover', 'dragleave', 'drop'])
  zone.addEventListener(name, event => {
    const mine = ours(event);
    zone.classList.toggle('dropping', mine && (name === 'dragenter' || name === 'dragover'));
    if (!mine) return;
    event.preventDefault();
    event.stopPropagation();
    if (name === 'drop') bring(event.dataTransfer.files[0]);
  }, true);

// Pasted: by key anywhere in the tab, or by the button where a browser lets it.
const pictureIn = files => [...files].find(file => file.type.startsWith('image/'));
document.addEventListener('paste', event => {
  const file = zone.checkVisibility() && !event.defaultPrevented && pictureIn(event.clipboardData?.files ?? []);
  if (file) { event.preventDefault(); bring(file); }
});
part('paste').addEventListener('click', async () => {
  let found;
  try {
    found = await navigator.clipboard.read();
  } catch {
    return refuse('paste_by_key');
  }
  for (const item of found)
    for (const kind of item.types)
      if (kind.startsWith('image/')) return bring(new File([await item.getType(kind)], 'pasted.' + kind.slice(6).split('+')[0]));
  refuse('no_picture_pasted');
});

// Taken: a phone has a better camera than a page, and opens it.
const dialog = ways.querySelector('dialog'), video = dialog.querySelector('video');
part('camera').addEventListener('click', async () => {
  if (matchMedia('(pointer: coarse)').matches) return choose(lens);
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({video: {width: {ideal: 1920}, facingMode: 'environment'}});
  } catch {
    return refuse('no_camera');
  }
  dialog.showModal();
});
dialog.addEventListener('close', () => { video.srcObject?.getTracks().forEach(track => track.stop()); video.srcObject = null; });
part('cancel').addEventListener('click', () => dialog.close());
part('take').addEventListener('click', () => {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  if (!canvas.width) return;
  canvas.getContext('2d').drawImage(video, 0, 0);
  canvas.toBlob(blob => { dialog.close(); bring(new File([blob], 'camera.png')); });
});

// Back to the picture before.
part('undo').addEventListener('click', () => {
  if (!way.empty) way.seen.pop();
  way.back = way.seen.at(-1) ?? null;
  if (way.back) trigger('undo');
});

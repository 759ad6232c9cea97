"""The floor "Pictures" of the tab "Train": networks that learn on the server, watched and steered in the browser by train.js.

The page holds nothing of it but a line that asks for it: script, style and words come when the floor is first shown.
"""

import gradio as gr

from imgen.ui.language import both
from imgen.ui.link import qr
from imgen.ui.teaching import pictures_begin, pictures_call

BEGIN = """
element.dataset.floor = 'pictures';
let last = null, asked = false;
const give = detail => element.enter ? element.enter(detail.query) : last = detail;
element.addEventListener('imgen:enter', event => give(event.detail));
const begin = async () => {
  if (asked || !element.checkVisibility()) return;
  asked = true;
  const found = await server.pictures_begin({}).catch(() => null);
  if (!found?.js) {
    for (const one of element.querySelectorAll('p')) one.hidden = !one.matches('.failed');
    return;
  }
  const css = found.css.replaceAll('.pictures-floor', ':is(.pictures-floor, #_)');  // weighs as an id: stands over the page's
  document.head.append(Object.assign(document.createElement('style'), {textContent: css}));
  const ask = data => server.pictures_call(data), code = link => server.qr(link);
  new Function('element', 'found', 'call', 'qr', found.js)(element, found, ask, code);
  setTimeout(() => give(last ?? {query: ''}), last ? 0 : 200);
};
new ResizeObserver(begin).observe(element);
begin();
"""


def pictures_floor() -> None:
    gr.HTML(
        f"<p>{both('train_reading')}</p><p class='failed' hidden>{both('pictures_lost')}</p>",
        js_on_load=BEGIN, server_functions=[pictures_begin, pictures_call, qr], elem_classes="pictures-floor",
    )

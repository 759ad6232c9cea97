"""The tab "Train": a network that learns while one watches, on one of several floors.

An address names the floor, as in ?tab=train&floor=points; what else it says goes to that floor's own script, whose element has
the floor's name as `data-floor`.
"""

from collections.abc import Callable

import gradio as gr

from imgen.tabs.train_pictures import pictures_floor
from imgen.ui.language import both, t
from imgen.ui.points import points_floor

FLOORS: dict[str, Callable[[], None]] = {  # by its name in an address; its title is train_<name>
    "points": points_floor, "pictures": pictures_floor,
}
ENTER = """
const tab = element.closest('.train'), floors = [...tab.querySelectorAll('.floor')];
const of = one => one.className.match(/floor-(\\w+)/)[1];
const show = name => {
  for (const floor of floors) floor.style.display = of(floor) === name ? '' : 'none';
  for (const one of element.querySelectorAll('button')) one.setAttribute('aria-pressed', one.dataset.name === name);
};
const pass = (name, detail, tries = 100) => {  // to a script that may still be on its way
  const floor = tab.querySelector(`[data-floor="${name}"]`);
  if (floor) floor.dispatchEvent(new CustomEvent('imgen:enter', {detail}));
  else if (tries) setTimeout(pass, 50, name, detail, tries - 1);
};
element.dataset.room = 'train';  // link.js tells a room what the address says
element.addEventListener('imgen:enter', event => {
  const asked = new URLSearchParams(event.detail.query).get('floor');
  const name = floors.map(of).includes(asked) ? asked : of(floors[0]);
  show(name);
  pass(name, event.detail);
});
element.addEventListener('click', event => {
  const name = event.target.closest('button')?.dataset.name;
  if (!name) return;
  show(name);
  pass(name, {query: 'tab=train&floor=' + name});
});
show(of(floors[0]));
"""


def train_tab() -> None:
    with gr.Tab(t("train_tab"), id="train"), gr.Column(elem_classes="train"):
        gr.HTML(f"<p>{both('train_hint')}</p>", elem_classes="hint")
        buttons = "".join(f'<button type="button" data-name="{name}">{both(f"train_{name}")}</button>' for name in FLOORS)
        for name, floor in FLOORS.items():
            with gr.Column(elem_classes=f"floor floor-{name}"):
                floor()
        hidden = "" if len(FLOORS) > 1 else " hidden"  # nothing to choose
        gr.HTML(f'<div class="floors" role="group"{hidden}>{buttons}</div>', js_on_load=ENTER, elem_classes="floors-switch")

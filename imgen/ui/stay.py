"""What a visitor made stays through a change of language or a reload: the picture, the result, the model and its knobs.

The server remembers nobody.  Each window of a browser remembers for itself (stay.js) where its files lie: in a folder with a
random name of 128 bits that nobody else was told, until they are swept or make room (see `stock`).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from imgen.catalog import TASKS
from imgen.ui.event_settings import AT_ONCE, PRIVATE
from imgen.ui.kept import find_card, has_gone
from imgen.ui.knobs import MaskKnob, ReferenceKnob
from imgen.ui.work import Trouble
from imgen.ui.workbench import Workbench

SCRIPT = Path(__file__).with_name("stay.js").read_text(encoding="utf-8")
FORGET = "try {{ sessionStorage.removeItem('imgen {task}'); }} catch {{}}"  # what comes from elsewhere is not to be overtaken


def connect_stay(bench: Workbench, ends: list[Dependency], show: Callable[..., list], outputs: list[Component]) -> None:
    """ends: what ends a run.  show: `(request, card, knobs)` -> what `outputs`, those of a chosen card, become.

    card None: it was a visitor's own and has gone.
    """
    with bench.hidden:
        has = ' data-source="1"' if bench.source else ""
        name = f'<i data-task="{bench.task}" data-first="{TASKS[0]}"{has}></i>'
        html = gr.HTML(name, js_on_load=SCRIPT, elem_classes="listener")
    plain = {name: one for name, one in bench.widgets.items() if not isinstance(one, ReferenceKnob | MaskKnob)}
    choice = [bench.picker, *plain.values()]
    references = [one for one in bench.widgets.values() if isinstance(one, ReferenceKnob)]
    pictures = [
        *([bench.source] if bench.source else []), bench.result, bench.status, bench.download, bench.code, bench.chosen,
        *bench.others, *bench.stays, *references,
    ]
    here = f"window.imgenStay?.['{bench.task}']"
    keep = f"(...values) => {{ {here}?.keep(values.slice(0, {len(choice)}), values.slice({len(choice)})); }}"
    changing = [*([bench.source] if bench.source else []), *bench.stays, *references]
    gr.on([*(one.input for one in choice), *(one.change for one in changing)], None, choice + pictures, None, js=keep, **PRIVATE)
    for end in ends:
        end.then(None, choice + pictures, None, js=keep, **PRIVATE)
    # A component that is hidden until there is something in it comes to light with it.
    hidden = str([one in bench.stays for one in pictures]).lower()
    again = (
        f"() => {{ const kept = {here}.kept.pictures ?? [];"
        f" return {hidden}.map((one, n) => n >= kept.length ? {{__type__: 'update'}} :"
        " {__type__: 'update', value: kept[n], ...(one && kept[n]?.length ? {visible: true} : {})}); }"
    )
    html.pictured(None, None, pictures, js=again, **PRIVATE)
    chosen = f"(...now) => {here}.kept.choice ?? now"
    html.resume(
        resumer(bench, list(plain), show), choice, [bench.picker, *outputs], js=chosen, **AT_ONCE
    ).then(None, None, pictures, js=again, **PRIVATE)


def resumer(bench: Workbench, names: list[str], show: Callable[..., list]):
    def resume(request: gr.Request, card_name: str, *values: Any) -> list:
        """The tab with the model and the knobs that were chosen; those that the model does not know are left out."""
        with Trouble(request):
            if has_gone(card_name):
                return [gr.skip(), *show(request, None, {})]
            card = find_card(card_name)
            return [card.name, *show(request, card, dict(zip(names, values, strict=True)))]

    return resume

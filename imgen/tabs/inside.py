"""The tab "Inside": any network of the catalogue opened, and one number followed through it.

All of it is drawn in the browser, by ui/inside/*.js, which are one script; what only the server knows it asks of `inspecting`.
"""

import gradio as gr

from imgen.ui.inspecting import inside_ask, inside_begin, inside_open
from imgen.ui.language import both, t
from imgen.ui.scripts import room

PARTS = ("frame", "opening", "maps", "number", "sizes", "kernel", "begin")  # in this order: the first names what all use


def script() -> str:
    return room(*(f"inside/{part}.js" for part in PARTS))


def inside_tab() -> None:
    with gr.Tab(t("inside_tab"), id="inside"), gr.Column(elem_classes="inside"):
        gr.HTML(f"<p>{both('inside_hint')}</p>", elem_classes="hint")
        gr.HTML(
            f"<p>{both('inside_reading')}</p><p class='failed' hidden>{both('inside_lost')}</p>",
            js_on_load=script(), server_functions=[inside_begin, inside_open, inside_ask],
            elem_classes="inside-room",
        )

"""A link to what is seen: copied at a click, with a code to photograph and a frame to embed.  The clicks are link.js's."""

import gradio as gr

from imgen.ui.language import both, t
from imgen.ui.link import qr

DRAW = """
element.addEventListener('imgen:qr', async event => {
  element.querySelector('.qr').innerHTML = await server.qr(event.detail);
});
"""


def share_button() -> gr.Button:
    return gr.Button(t("link_copy"), size="sm", elem_classes="copy-link")


def share_panel() -> gr.HTML:
    said = "".join(f'<span class="{kind}" hidden>{both(key)}</span>' for kind, key in (
        ("copied", "link_copied"), ("not-copied", "link_not_copied")
    ))
    notes = "".join(f'<p class="{kind} note" hidden>{both(key)}</p>' for kind, key in (
        ("is-own", "link_own"), ("is-kept", "link_kept"), ("is-local", "link_local")
    ))
    field = '<input class="{}" readonly spellcheck="false" autocomplete="off">'
    return gr.HTML(
        f'<div class="panel" hidden><div class="qr"></div><div class="words"><p class="said" role="status">{said}</p>'
        f'<label>{both("link_address")}{field.format("address")}</label>{notes}'
        f'<label>{both("link_frame")}{field.format("frame")}</label>'
        f'<button type="button">{both("link_copy_frame")}</button></div></div>',
        js_on_load=DRAW, server_functions=[qr], elem_classes="share",
    )

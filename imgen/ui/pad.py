"""A sheet to draw on, as a picture of one's own: what happens in the browser is in pad.js."""

from pathlib import Path

import gradio as gr

from imgen.ui.language import both

SCRIPT = Path(__file__).with_name("pad.js").read_text(encoding="utf-8")
SIDE = 280  # pixels
INKS = {  # the palette of the shapes that a net learned from knows no names: these are far apart
    "blue": "#1e3a8a", "red": "#dc2626", "yellow": "#facc15", "green": "#15803d", "black": "#000000", "white": "#ffffff",
}
WIDTHS = (4, 40, 14)  # of the pen: least, most, at first


def pad(task: str) -> None:
    """A folded sheet; every stroke becomes the picture of the tab `task`, and runs at once where that is quick."""
    inks = "".join(
        f'<button type="button" data-ink="{colour}" style="--ink:{colour}" aria-pressed="{str(not n).lower()}">'
        f'<span class="unseen">{both(f"ink_{name}")}</span></button>'
        for n, (name, colour) in enumerate(INKS.items())
    )
    least, most, first = WIDTHS
    tools = "".join(
        f'<button type="button" data-do="{do}"{" disabled" if do == "back" else ""}>{both(f"pad_{do}")}</button>'
        for do in ("paper", "back", "clear")
    )
    gr.HTML(
        f'<details class="pad" data-task="{task}"><summary>{both("pad")}</summary><div class="sheet">'
        f'<canvas width="{SIDE}" height="{SIDE}" tabindex="0" role="img" aria-labelledby="pad-{task}"></canvas>'
        f'<span class="cross" aria-hidden="true"></span></div>'
        f'<div class="inks" role="group">{inks}</div>'
        f'<label>{both("pad_width")} <input type="range" min="{least}" max="{most}" value="{first}"></label>'
        f'<p class="tools">{tools}</p><p class="keys" id="pad-{task}">{both("pad_keys")}</p></details>',
        js_on_load=SCRIPT, elem_classes="drawing",
    )

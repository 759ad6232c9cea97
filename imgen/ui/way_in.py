"""How a visitor's own picture comes into a tab, and how the one before comes back.

Gradio's own input has to be emptied before it takes another picture, and loses the old one when the new one is none.  Here the
browser sends the file first (way_in.js), and only a picture that can be read takes the place of what lies there.
"""

from html import escape
from pathlib import Path

import gradio as gr

from imgen.controls import UserError
from imgen.ui import report
from imgen.ui.event_settings import PRIVATE
from imgen.ui.language import both
from imgen.ui.picture import PictureInput, showable
from imgen.ui.stock import MAX_FILE
from imgen.ui.turns import look
from imgen.ui.work import Trouble

SCRIPT = Path(__file__).with_name("way_in.js").read_text(encoding="utf-8")
REFUSED = ("file_too_large", "picture_not_sent", "paste_by_key", "no_picture_pasted", "no_camera")
BUTTONS = ("choose", "camera", "paste", "undo")


def _button(name: str) -> str:
    kind = "main" if name in ("choose", "take") else ""
    off = " disabled" if name == "undo" else ""
    return f'<button type="button" class="{kind}" data-way="{name}"{off}>{both(f"way_{name}")}</button>'


class WayIn:
    """The bar under a tab's input.  To be made in a column of the class `entry`, which holds the input, too."""

    def __init__(self, task: str, given: Path | None):
        """given: what lies in the input at first."""
        self.task = task
        bar = "".join(map(_button, BUTTONS))
        known = f' data-given="{escape(str(given))}"' if given else ""
        self.html = gr.HTML(
            f'<div class="ways" data-task="{task}" data-most="{MAX_FILE}"{known}>{bar}'
            f'<span class="coming">{both("way_coming")}</span>'
            '<input class="file" type="file" accept="image/*" hidden>'
            '<input class="lens" type="file" accept="image/*" capture="environment" hidden>'
            f'<dialog><video autoplay playsinline muted></video><p>{_button("take")}{_button("cancel")}</p></dialog></div>',
            js_on_load=SCRIPT, elem_classes="way",
        )
        self.quick = gr.Number(0, precision=0, visible=False)  # 1: what came last can be run at once

    def connect(self, source: PictureInput, status: gr.HTML) -> None:
        """What does not hang on the tab's models; see `bring` for a picture that came."""
        way = f"window.imgenWay?.['{self.task}']"
        self.html.undo(None, None, source, js=f"() => {way}.back", **PRIVATE)
        source.change(None, source, None, js=f"file => {{ {way}?.changed(file) }}", **PRIVATE)
        why = gr.Textbox(visible=False)
        self.html.refused(refuse, why, status, js=f"() => {way}.refused", **PRIVATE)
        source.upload(look(admit), source, [source, status], **PRIVATE)  # by whoever finds Gradio's own way

    def taken(self, inputs: int) -> str:
        """JavaScript that puts the picture that has come in place of the first of so many inputs."""
        taken = f"window.imgenWay['{self.task}'].taken"
        return f"() => {taken}" if inputs == 1 else f"(source, ...others) => [{taken}, ...others]"


def refuse(request: gr.Request, why: str) -> str:
    """In words why no picture came, as far as the browser knows."""
    key = why if why in REFUSED else "picture_not_sent"
    return told(request, UserError(key, limit=MAX_FILE // 2**20))


def told(request: gr.Request, error: UserError) -> str:
    sentence = Trouble(request).sentence(error)
    gr.Warning(sentence)
    return report.status(sentence, kind="failed")


def taken_in(request: gr.Request, source: Path | None) -> tuple:
    """The picture that came, as PNG if browsers cannot show it, and why it is none; what lies there stays then."""
    try:
        return (showable(source) or str(source)) if source else gr.skip(), gr.skip()
    except UserError as error:
        return gr.skip(), told(request, error)


def admit(request: gr.Request, source: Path | None) -> tuple:
    """Say at once if a file is no picture; show as PNG what browsers cannot."""
    try:
        return (showable(source) if source else None) or gr.skip(), gr.skip()
    except UserError as error:
        return None, told(request, error)

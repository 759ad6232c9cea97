"""The tab that makes pictures from noise."""

import gradio as gr

from imgen.ui.keep import Keep
from imgen.ui.language import t
from imgen.ui.workbench import Workbench


class Gallery(Workbench):
    """Many results, of which a visitor may keep some."""

    def __init__(self):
        super().__init__("generate", _gallery, lambda now: now.shown)

    def make_outcome(self) -> None:
        super().make_outcome()
        self.keep = Keep()


def generate_tab() -> Gallery:
    return Gallery()


def _gallery(value: list[str] | None) -> gr.Gallery:
    return gr.Gallery(value, label=t("output_pictures"), format="png", columns=4, height="auto", object_fit="contain",
                      interactive=False, buttons=["fullscreen"], elem_classes="result")

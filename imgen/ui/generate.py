"""The tab that makes pictures from noise."""

import gradio as gr

from imgen.ui.language import t
from imgen.ui.workbench import Workbench


def generate_tab() -> Workbench:
    return Workbench("generate", _gallery, lambda now: now.shown)


def _gallery(value: list[str] | None) -> gr.Gallery:
    return gr.Gallery(value, label=t("output_pictures"), format="png", columns=4, height="auto", object_fit="contain",
                      interactive=False, buttons=["fullscreen"], elem_classes="result")

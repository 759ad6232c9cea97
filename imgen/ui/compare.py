"""The tabs that turn one picture into another: before and after under one slider."""

import gradio as gr

from imgen.ui.language import t
from imgen.ui.work import Result
from imgen.ui.workbench import Workbench


def upscale_tab() -> Workbench:
    return Workbench("upscale", _slider, before_and_after)


def stylize_tab() -> Workbench:
    return Workbench("stylize", _slider, before_and_after)


def before_and_after(now: Result) -> tuple[str | None, str]:
    return now.before, now.shown[0]


def _slider(value: tuple[str, str] | None) -> gr.ImageSlider:
    return gr.ImageSlider(value, type="filepath", format="png", label=t("output_comparison"), max_height=620,
                          interactive=False, buttons=["fullscreen"], elem_classes="result")

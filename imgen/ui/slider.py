"""Before and after under one slider: the result of every tab that turns one picture into another."""

import gradio as gr

from imgen.ui.language import t
from imgen.ui.work import Result


def before_and_after(now: Result) -> tuple[str | None, str]:
    """A second picture is what the net was told, where that is less than it was given; what came of nothing has no before."""
    return now.shown[1] if len(now.shown) > 1 else now.before or now.shown[0], now.shown[0]


def before_and_after_slider(value: tuple[str, str] | None) -> gr.ImageSlider:
    return gr.ImageSlider(value, type="filepath", format="png", label=t("output_comparison"), max_height=620,
                          interactive=False, buttons=["fullscreen"], elem_classes="result")

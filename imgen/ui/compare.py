"""The tabs that turn one picture into another: before and after under one slider."""

import gradio as gr

from imgen.ui.crops import Crops
from imgen.ui.language import t
from imgen.ui.many import Many
from imgen.ui.work import Result
from imgen.ui.workbench import Workbench


class Upscalers(Workbench):
    """Enlarging, and rooms to compare and to enlarge many."""

    def __init__(self):
        super().__init__("upscale", _slider, before_and_after)

    def make_rooms(self) -> None:
        self.crops, self.many = Crops(), Many()

    def connect_rooms(self) -> None:
        self.crops.connect(self.source)
        self.many.connect(self.picker, self.widgets)


def upscale_tab() -> Upscalers:
    return Upscalers()


def stylize_tab() -> Workbench:
    return Workbench("stylize", _slider, before_and_after)


def before_and_after(now: Result) -> tuple[str | None, str]:
    """A second picture is what the net was told, where that is less than it was given."""
    return now.shown[1] if len(now.shown) > 1 else now.before, now.shown[0]


def _slider(value: tuple[str, str] | None) -> gr.ImageSlider:
    return gr.ImageSlider(value, type="filepath", format="png", label=t("output_comparison"), max_height=620,
                          interactive=False, buttons=["fullscreen"], elem_classes="result")

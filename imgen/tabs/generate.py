"""The tab that makes pictures from noise."""

import gradio as gr

from imgen.tabs.failures import Failures
from imgen.tabs.keep import Keep
from imgen.tabs.latent_map import LatentMap, mapped
from imgen.tabs.own_picture import OwnPicture
from imgen.tabs.side_by_side import SideBySide
from imgen.tabs.steer import Steer
from imgen.ui.language import t
from imgen.ui.picture import Pictures
from imgen.ui.workbench import Workbench


class Gallery(Workbench):
    """Many results, of which a visitor may keep some."""

    def __init__(self):
        super().__init__("generate", _gallery, lambda now: now.shown)

    def make_outcome(self) -> None:
        super().make_outcome()
        self.keep = Keep()
        self.stays.append(self.keep.kept)

    def make_rooms(self) -> None:
        self.steer = Steer()
        self.map = LatentMap() if mapped() else None
        self.own = OwnPicture(self.card)
        self.beside = SideBySide()
        self.failures = Failures()

    def connect_rooms(self) -> None:
        assert isinstance(self.result, gr.Gallery)
        self.keep.connect(self)
        self.steer.connect(self.result, self.chosen, self.keep.kept)
        if self.map:
            self.map.connect()
        self.own.connect(self.picker, self.keep.kept)
        self.beside.connect(self.widgets["seed"])
        self.failures.connect()


def generate_tab() -> Gallery:
    return Gallery()


def _gallery(value: list[str] | None) -> Pictures:
    return Pictures(value, label=t("output_pictures"), format="png", columns=4, height="auto", object_fit="contain",
                      interactive=False, buttons=["fullscreen"], elem_classes="result")

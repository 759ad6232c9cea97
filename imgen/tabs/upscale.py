"""The tab that enlarges: before and after under one slider, rooms to compare and to enlarge many."""

from imgen.tabs.comparison import Crops
from imgen.tabs.many import Many
from imgen.ui.slider import before_and_after, before_and_after_slider
from imgen.ui.workbench import Workbench


class Upscalers(Workbench):
    """Enlarging, and rooms to compare and to enlarge many."""

    def __init__(self):
        super().__init__("upscale", before_and_after_slider, before_and_after)

    def make_rooms(self) -> None:
        self.crops, self.many = Crops(), Many()

    def connect_rooms(self) -> None:
        assert self.source is not None
        self.crops.connect(self.source)
        self.many.connect(self.picker, self.widgets)


def upscale_tab() -> Upscalers:
    return Upscalers()

"""The map of a latent space of two numbers: all that a network can draw on one sheet, and a click for what lies between."""

from pathlib import Path

import gradio as gr

from imgen.cards import Card
from imgen.catalog import CARDS
from imgen.functional.contact_sheet import sheet
from imgen.image import decode
from imgen.pipelines.explore import chart, point
from imgen.ui.doors import place_of
from imgen.ui.event_settings import LATEST
from imgen.ui.language import t
from imgen.ui.picture import OURS, PictureInput, save
from imgen.ui.turns import job
from imgen.ui.work import Trouble


def mapped() -> list[Card]:
    return [card for card in CARDS if card.net and card.net.settings.get("latent") == 2]


class LatentMap:
    """A folded part of the tab; the map is drawn when somebody opens it or asks for another class."""

    def __init__(self):
        card = mapped()[0]
        with gr.Accordion(t("map"), open=False, elem_classes="map") as self.fold, gr.Row():
            with gr.Column(scale=3, min_width=280):
                choices = [(t(f"option_{name}"), name) for name in card.knobs["label"].single]
                first = choices[-1][1]
                self.label = gr.Radio(choices, value=first, label=t("knob_label"), elem_classes="knob", interactive=True)
                self.sheet = PictureInput(
                    type="filepath", format="png", label=t("map_hint"), interactive=False, buttons=["fullscreen"],
                    elem_classes="sheet",
                )
            with gr.Column(scale=2, min_width=200):
                self.picture = gr.Image(type="filepath", format="png", label=t("map_picture"), interactive=False,
                                        buttons=["download"], elem_classes="film")

    def connect(self) -> None:
        for event in (self.fold.expand, self.label.input):
            event(job(draw_map), self.label, [self.sheet, self.picture], **LATEST)
        self.sheet.select(job(pick), [self.label, self.sheet], self.picture, **LATEST)


def draw_map(request: gr.Request, label: str) -> tuple[str, str]:
    with Trouble(request):
        card = mapped()[0]
        *_, last = card.do(chart, label=label)
        middle = last.pictures[len(last.pictures) // 2]
        return save(sheet(last.pictures, gap=0), f"{card.name}-{label}-map"), save(middle, f"{card.name}-{label}")


def pick(request: gr.Request, event: gr.SelectData, label: str, drawn: Path) -> str:
    """The picture of the spot that was clicked: event.index counts the map's pixels from its left and its top."""
    with Trouble(request):
        card, side = mapped()[0], decode(drawn, OURS).width
        x, y = (min(1.0, max(0.0, pixel / side)) for pixel in place_of(event))
        *_, last = card.do(point, label=label, x=x, y=y)
        return save(last.pictures[0], f"{card.name}-{label}")

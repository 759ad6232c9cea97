"""Sliders that a network brought along: directions of its latent space, and a fan that shows what each of them would do."""

from pathlib import Path

import gradio as gr
from PIL import Image

from imgen.cards import Card
from imgen.catalog import find_card, find_maker
from imgen.controls import UserError
from imgen.exhibits.layout import to_width
from imgen.functional.contact_sheet import sheet
from imgen.image import Frame, decode
from imgen.pipelines.steer import DIRECTIONS, REACH, SWEEP, steer
from imgen.tabs.keep import Kept, keep
from imgen.texts import text
from imgen.ui.doors import place_of
from imgen.ui.event_settings import AT_ONCE, LATEST
from imgen.ui.kept import found
from imgen.ui.language import both, language_of, t
from imgen.ui.picture import OURS, PictureInput, picked, save
from imgen.ui.turns import job, look
from imgen.ui.work import Trouble

STEERABLE = "resgan_flowers64"  # draws in the place of those that have no directions, as a flow
SHOWN = 128  # pixels a side of a picture of the fan


class Steer:
    """A folded part of the tab: it starts from the chosen picture, or from the first."""

    def __init__(self):
        with gr.Accordion(t("steer"), open=False, elem_classes="steer") as self.fold:
            gr.HTML(f"<p>{both('steer_hint')}</p>", elem_classes="hint")
            with gr.Row():
                with gr.Column(scale=2, min_width=280):
                    self.picture = PictureInput(type="filepath", format="png", label=t("steer_picture"), interactive=False,
                                                buttons=["download"], elem_classes="film")
                    with gr.Row(elem_classes="actions"):
                        self.begin = gr.Button(t("steer_begin"), size="sm")
                        self.add = gr.Button(t("keep"), size="sm")
                    self.sliders = [
                        gr.Slider(-REACH, REACH, 0, step=0.5, label=t(f"direction_{n}"), interactive=True, buttons=[],
                                  elem_classes="knob")
                        for n in range(1, DIRECTIONS + 1)
                    ]
                with gr.Column(scale=3, min_width=280):
                    self.fan = PictureInput(type="filepath", format="png", label=t("steer_fan"), show_label=False,
                                            interactive=False, buttons=[], elem_classes="sheet")
            self.start = PictureInput(type="filepath", format="png", visible=False)  # what the sliders move

    def connect(self, result: gr.Gallery, chosen: gr.Number, kept: gr.Gallery) -> None:
        given, shown = [self.start, *self.sliders], [self.picture, self.fan]
        for event, work in ((self.fold.expand, begin), (self.begin.click, begin_and_say)):
            event(job(work), [result, chosen], [*given, *shown], **LATEST)
        gr.on([slider.input for slider in self.sliders], job(turn), given, shown, **LATEST)
        self.fan.select(look(point), [self.fan, *self.sliders], self.sliders, **AT_ONCE).then(
            job(turn), given, shown, **LATEST
        )
        self.add.click(keep_moved, [self.picture, kept], kept, **AT_ONCE)


def begin(request: gr.Request, result: Kept, chosen: int) -> list:
    """All sliders in the middle, at the chosen picture."""
    with Trouble(request):
        start = steerable(picked(result, chosen))
        middle = [0.0] * DIRECTIONS
        return [start, *middle, *moved(start, middle)]


def begin_and_say(request: gr.Request, result: Kept, chosen: int) -> list:
    """`begin` by its button: who pressed it wonders where another picture comes from."""
    values = begin(request, result, chosen)
    if values[0] != picked(result, chosen):
        gr.Info(text("steer_stands_in", language_of(request)))
    return values


def steerable(start: Path | str | None) -> Path | str | None:
    """The picture, or another where a flow has drawn it."""
    maker = found(str(decode(start, OURS).record.get("card", ""))) if start else None
    if maker and maker.abilities.flows:
        return save(find_card(STEERABLE)(count=1).pictures[0], STEERABLE)
    return start


def turn(request: gr.Request, start: Path | None, *amounts: float) -> tuple[str, str]:
    with Trouble(request):
        return moved(start, list(amounts))


def moved(start: Path | str | None, amounts: list[float]) -> tuple[str, str]:
    """Files: the picture, and the fan about it, enlarged here: where the browser enlarges, Gradio counts no clicks."""
    if not start:
        raise UserError("pictures_to_steer")
    card, last = steered(start, amounts)
    fan = [to_width(picture.rgb(), SHOWN, Image.Resampling.LANCZOS) for picture in last.pictures[1:]]
    return save(last.pictures[0], f"{card.name}-steered"), save(sheet(fan, len(SWEEP)), f"{card.name}-fan")


def steered(start: str | Path, amounts: list[float]) -> tuple[Card, Frame]:
    picture = decode(start, OURS)
    card = find_maker([picture], found)
    *_, last = card.do(steer(card.facts.directions, amounts), picture)
    return card, last


def point(request: gr.Request, event: gr.SelectData, fan: Path, *amounts: float) -> list[float]:
    """Set the slider of the row that was clicked to the amount of the column; event.index counts pixels from left and top."""
    with Trouble(request):
        side = decode(fan, OURS).width / len(SWEEP)
        column, row = (int(pixel / side) for pixel in place_of(event))
        return [SWEEP[min(column, len(SWEEP) - 1)] if n == row else amount for n, amount in enumerate(amounts)]


def keep_moved(moved: Path | None, kept: Kept) -> dict:
    return keep([(str(moved), None)] if moved else [], 0, kept)

"""Pictures that a visitor keeps: a film from one to the next, and arithmetic with three of them."""

from collections.abc import Callable, Iterator

import gradio as gr

from imgen.cards import Card
from imgen.catalog import find_maker
from imgen.controls import UserError
from imgen.image import Frame, animate, decode
from imgen.pipelines.explore import combine, morph
from imgen.ui.event_settings import AT_ONCE, PRIVATE, WORK
from imgen.ui.kept import file_stem, found
from imgen.ui.language import t
from imgen.ui.picture import OURS, Pictures, paths_of, picked, save
from imgen.ui.stock import put
from imgen.ui.turns import job
from imgen.ui.work import Trouble

MOST = 8  # kept at a time
Kept = list[tuple[str, str | None]] | None  # as a gallery tells it


class Keep:
    """The kept pictures under a gallery of results, and what one can make of them."""

    def __init__(self):
        with gr.Column(elem_classes="keep"):
            with gr.Row(elem_classes="actions"):
                self.add = gr.Button(t("keep"), size="sm")
                self.film = gr.Button(t("film"), size="sm")
                self.sum = gr.Button(t("combine"), size="sm")
                self.clear = gr.Button(t("clear"), size="sm")
            self.kept = Pictures(label=t("kept"), format="png", columns=MOST, height="auto", object_fit="contain",
                                   visible=False, interactive=False, buttons=[], allow_preview=False, elem_classes="kept")
            self.screen = gr.Image(label=t("film"), type="filepath", format="webp", visible=False, interactive=False,
                                   buttons=["download", "fullscreen"], elem_classes="film")

    def connect(self, result: gr.Gallery, chosen: gr.Number) -> None:
        self.add.click(keep, [result, chosen, self.kept], self.kept, **AT_ONCE)
        self.film.click(job(make_film), self.kept, self.screen, **WORK, **PRIVATE)
        self.sum.click(job(add_up), self.kept, self.kept, **WORK, **PRIVATE)
        self.clear.click(lambda: (gr.update(value=None, visible=False),) * 2, None, [self.kept, self.screen], **AT_ONCE)


def keep(result: Kept, chosen: float, kept: Kept) -> dict:
    """The chosen result, beside those that are kept already; the oldest makes room."""
    path = picked(result, chosen)
    paths = [*paths_of(kept), *([path] if path else [])]
    return gr.update(value=paths[-MOST:], visible=bool(paths))


def make_film(request: gr.Request, kept: Kept) -> dict:
    with Trouble(request):
        card, last = explored(morph, kept)
        return gr.update(value=put(animate(last.pictures), f"{file_stem(card.name)}-film.webp"), visible=True)


def add_up(request: gr.Request, kept: Kept) -> dict:
    with Trouble(request):
        if not kept or len(paths_of(kept)) < 3:
            raise UserError("pictures_to_combine", came=len(paths_of(kept)))
        card, last = explored(combine, kept[-3:])
        return gr.update(value=[*paths_of(kept), save(last.pictures[0], f"{file_stem(card.name)}-sum")])


def explored(pipeline: Callable[..., Iterator[Frame]], kept: Kept, **knobs: object) -> tuple[Card, Frame]:
    pictures = [decode(path, OURS) for path in paths_of(kept)[-MOST:]]
    card = find_maker(pictures, found)
    *_, last = card.do(pipeline, *pictures, **knobs)
    return card, last

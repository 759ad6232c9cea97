"""A gallery of trainings that went wrong, beside one that went well: the same network, and the figures that tell them apart."""

import secrets
from html import escape

import gradio as gr
from PIL import Image

from imgen.cards import Card
from imgen.catalog import FAILURES, find_card
from imgen.controls import SEEDS
from imgen.exhibits.layout import to_width
from imgen.exhibits.readme import figures
from imgen.functional.contact_sheet import sheet
from imgen.texts import LANGUAGES
from imgen.ui.event_settings import LATEST
from imgen.ui.language import both, spans, t
from imgen.ui.picture import save
from imgen.ui.turns import job
from imgen.ui.work import Trouble

COUNT = 20  # two of each class
SIDE = 84  # pixels of a shown picture
SUCCESS = "dcgan_fashion28"


class Failures:
    """A folded part of the tab, drawn when somebody opens it, and anew at every click."""

    def __init__(self):
        self.cards = [find_card(SUCCESS), *FAILURES]
        with gr.Accordion(t("failures"), open=False, elem_classes="failures") as self.fold:
            gr.HTML(f"<p>{both('failures_hint')}</p>", elem_classes="hint")
            with gr.Row():
                self.sheets = [self.column(card) for card in self.cards]
            self.again = gr.Button(t("failures_again"), size="sm")

    def column(self, card: Card) -> gr.Image:
        with gr.Column(min_width=260):
            shown = gr.Image(type="filepath", format="png", show_label=False, interactive=False, buttons=["fullscreen"],
                             elem_classes="sheet")
            gr.HTML(about(card))
        return shown

    def connect(self) -> None:
        for event in (self.fold.expand, self.again.click):
            event(job(self.draw), None, self.sheets, **LATEST)

    def draw(self, request: gr.Request) -> list[str]:
        with Trouble(request):
            seed = secrets.randbelow(SEEDS)
            return [shown(card, seed) for card in self.cards]


def shown(card: Card, seed: int) -> str:
    """The file of a sheet: one row for the first of each class, one for the second."""
    pictures = [to_width(picture.rgb(), SIDE, Image.Resampling.BICUBIC) for picture in card(count=COUNT, seed=seed).pictures]
    return save(sheet(pictures, columns=5), f"{card.name}-seed{seed}")


def about(card: Card) -> str:
    measured = {language: escape(figures(card.facts.scores, language, brief=True)) for language in LANGUAGES}
    return f"<h3>{both(f'title_{card.name}')}</h3><p>{both(f'card_{card.name}')}</p><p class='facts'>{spans(**measured)}</p>"

"""The tab that tells classes apart: ten scores as bars, four pictures that explain them, and what is mistaken for what."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from imgen.cards import Card
from imgen.exhibits.readme import data_name
from imgen.image import record_of
from imgen.texts import LANGUAGES, text
from imgen.texts.words import WORDS
from imgen.ui import report
from imgen.ui.event_settings import AT_ONCE
from imgen.ui.examples import name, thumb
from imgen.ui.kept import find_card
from imgen.ui.language import both, spans, t
from imgen.ui.lesson import address
from imgen.ui.pad import pad
from imgen.ui.picture import Download, PictureInput, bundle
from imgen.ui.share import share_button, share_panel
from imgen.ui.turns import look
from imgen.ui.way_in import WayIn
from imgen.ui.work import Result, Trouble
from imgen.ui.workbench import Workbench

ORDER = ("input", "grad_cam", "occlusion", "change")
BEST_FOR = {"star": "cnn_shapes32", "heart": "cnn_shapes32", "arrow": "cnn_shapes32"}  # examples, else the tab's first card


class Classifiers(Workbench):
    """Classification, and below it the confusion matrix of the chosen card."""

    def __init__(self):
        super().__init__("classify", lambda value: gr.HTML(value, elem_classes="result answer"), answered)

    def make_entry(self) -> tuple[PictureInput, WayIn]:
        entry = super().make_entry()
        pad(self.task)
        return entry

    def make_examples(self) -> None:
        thumbs = []
        for n, path in enumerate(self.examples):
            card = BEST_FOR.get(path.stem.partition("_")[2], self.cards[0].name)
            thumbs.append(thumb(f"example={n}&card={card}", path, name(path, n + 1)))
        gr.HTML(f'<h2>{both("examples")}</h2><div class="thumbs">{"".join(thumbs)}</div>', elem_classes="examples")

    def make_outcome(self) -> None:
        """Nothing is sent to other tasks: an explanation is no picture to enlarge or to paint."""
        paths = [str(path) for path in self.opened]
        with gr.Row(elem_classes="actions"):
            value = bundle(paths, self.card.name) if paths else None
            self.download = Download(t("download_pictures"), value=value, size="sm")
            self.further = gr.Button(t("run"), visible=False)  # `events` asks for it
            self.send = {}
            gr.Button(t("inside_look"), size="sm", elem_classes=["send", "look-inside"])
            share_button()
        share_panel()
        self.code = gr.HTML(report.code(self.card, self.values), elem_classes="code-fold")

    def make_rooms(self) -> None:
        with gr.Accordion(t("confusion"), open=False, elem_classes="confusion-fold") as self.confused:
            self.confusion = gr.HTML(confusion(self.card))

    def connect_rooms(self) -> None:
        for event in (self.confused.expand, self.picker.change):
            event(look(shown), self.picker, self.confusion, trigger_mode="always_last", **AT_ONCE)


def classify_tab() -> Classifiers:
    return Classifiers()


def shown(request: gr.Request, card_name: str) -> str:
    with Trouble(request):
        return confusion(find_card(card_name))


def answered(now: Result) -> str:
    """The bars and the pictures, by what is written in the pictures' own records."""
    records = {path: record_of(Path(path)) for path in now.shown}
    pictures = {record.get("shows"): path for path, record in records.items()}
    record = next(iter(records.values()), {})
    scores = record.get("scores")
    if not isinstance(scores, dict):
        return ""
    figures = "".join(
        f'<figure><img src="{escape(address(pictures[kind]))}" alt=""><figcaption>{both(f"option_{kind}")}</figcaption></figure>'
        for kind in ORDER if kind in pictures
    )
    return f'<div class="whys">{figures}</div>{said(record)}{bars(scores)}'


def said(record: Mapping[str, Any]) -> str:
    """What the colours mean."""
    explained = phrase("scores_explained", str(record.get("explained")))
    if not record.get("reached", True):
        return f'<p>{explained} {phrase("scores_not_needed", str(record.get("other")))}</p>'
    needed = phrase("scores_needed", str(record.get("other")), levels=f"{record.get('change', 0.0):g}")
    return f"<p>{explained}</p><p>{needed}</p>"


def phrase(key: str, name: str, **facts: object) -> str:
    """A sentence with the name of a class in it."""
    names = {language: text(f"option_{name}", language) if f"option_{name}" in WORDS else name for language in LANGUAGES}
    return spans(**{language: escape(text(key, language, name=name, **facts)) for language, name in names.items()})


def class_named(name: str) -> str:
    """A class that a visitor brought has no words but its name."""
    return both(f"option_{name}") if f"option_{name}" in WORDS else escape(name)


def bars(scores: Mapping[str, float]) -> str:
    """The classes in the order of their scores; of those that stand for less than a thousandth the bar is empty."""
    rows = "".join(
        f'<tr><th scope="row">{class_named(one)}</th><td><i style="width:{100 * share:.1f}%"></i></td>'
        f"<td>{100 * share:.1f} %</td></tr>"
        for one, share in sorted(scores.items(), key=lambda pair: -pair[1])
    )
    return f'<table class="bars"><caption>{both("scores_heading", count=len(scores))}</caption>{rows}</table>'


def confusion(card: Card) -> str:
    """The stored matrix as a table: a row for each true class, a shade for each share of it."""
    found = next(((data, one) for data, one in card.facts.measured().items() if "confusion" in one), None)
    if not found:
        return f"<p>{both('no_confusion')}</p>"
    data, scores = found
    matrix: Sequence[Sequence[int]] = scores["confusion"]
    names = [both(f"option_{one}") for one in card.facts.classes]
    hint = both("confusion_hint", count=f"{sum(map(sum, matrix)):,}", accuracy=f"{scores['accuracy']:g}")
    where = spans(**{language: escape(data_name(language, data)) for language in LANGUAGES})
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{name}</th>' + "".join(cell(n, sum(row), at == right) for at, n in enumerate(row)) + "</tr>"
        for right, (name, row) in enumerate(zip(names, matrix, strict=True))
    )
    table = f'<table><tr><td>{both("confusion_truth")}</td>{head}</tr>{rows}</table>'
    return f'<p>{where}</p><p>{hint}</p><div class="confusion" tabindex="0">{table}</div>'


def cell(count: int, of: int, right: bool) -> str:
    share = (count / max(1, of)) ** 0.5 if count else 0.0  # a root: a few in a hundred are to be seen
    kind = ' class="right"' if right else ""
    return f'<td{kind} style="--share:{share:.2f}">{count or ""}</td>'

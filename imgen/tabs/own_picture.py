"""A visitor's own picture, packed and unpacked by the chosen generator, or found among all that it can draw."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from html import escape
from pathlib import Path

import gradio as gr

from imgen.cards import Card
from imgen.controls import UserError, knobs_of
from imgen.image import Frame, decode
from imgen.pipelines.rebuild import rebuild
from imgen.tabs.keep import Kept, keep
from imgen.texts import LANGUAGES, text
from imgen.texts.words import WORDS
from imgen.ui import report
from imgen.ui.event_settings import AT_ONCE, PRIVATE, WORK
from imgen.ui.events import stoppable
from imgen.ui.kept import file_stem, find_card
from imgen.ui.knobs import updates, widget
from imgen.ui.language import both, language_of, spans, t
from imgen.ui.picture import PictureInput, Pictures, save
from imgen.ui.turns import look
from imgen.ui.way_in import WayIn, taken_in
from imgen.ui.work import LIVE, Trouble

ROLES = ("seen", "drawn", "difference")


class OwnPicture:
    """A folded part of the tab; the generator is the one that the tab's picker names."""

    def __init__(self, card: Card):
        """card: the one that the tab opens with."""
        with gr.Accordion(t("own_picture"), open=False, elem_classes="own"):
            gr.HTML(f"<p>{both('own_hint')}</p>", elem_classes="hint")
            with gr.Row():
                with gr.Column(scale=2, min_width=280):
                    with gr.Column(elem_classes="entry"):
                        self.source = PictureInput(
                            label=t("input_picture"), placeholder=t("input_placeholder"), type="filepath",
                            sources=["upload"], buttons=["fullscreen"], height=280, elem_classes="source",
                        )
                        self.way = WayIn("generate", None)
                    knob = knobs_of(rebuild, card.settings)["label"]
                    self.label = widget([knob], knob, knob.default)
                    can = searchable(card)
                    self.refused = gr.HTML(f"<p>{both('no_latent_space')}</p>", visible=not can, elem_classes="hint")
                    with gr.Row(elem_classes="go"):
                        self.run = gr.Button(t("own_run"), variant="primary", elem_classes="find", scale=3, interactive=can)
                        self.stop = gr.Button(t("stop"), elem_classes="halt", scale=1, min_width=80, interactive=False)
                with gr.Column(scale=3, min_width=280):
                    self.status = gr.HTML(report.status(both("status_ready")), elem_classes="status-line")
                    with gr.Column(visible=False) as self.outcome:
                        self.result = Pictures(label=t("own_result"), format="png", columns=3, height="auto", interactive=False,
                                                 object_fit="contain", buttons=["fullscreen", "download"], elem_classes="trio")
                        with gr.Row(elem_classes="actions"):
                            self.add = gr.Button(t("keep"), size="sm")

    def connect(self, picker: gr.Radio, kept: gr.Gallery) -> None:
        outputs = [self.outcome, self.result, self.status, self.stop]
        run, stopped = stoppable(find, halt, self.status, self.stop)
        running = self.run.click(run, [picker, self.source, self.label], outputs, **WORK, **PRIVATE)
        self.stop.click(stopped, None, [self.status, self.stop], cancels=[running], **AT_ONCE)
        self.way.html.upload(look(taken_in), self.source, [self.source, self.status], js=self.way.taken(1), **PRIVATE)
        self.way.connect(self.source, self.status)
        picker.change(offer, [picker, self.label], [self.label, self.refused, self.run], **AT_ONCE)
        self.add.click(keep_drawn, [self.result, kept], kept, **AT_ONCE)


def find(request: gr.Request, card_name: str, source: Path | None, label: str) -> Iterator[tuple]:
    """The three pictures as they come, a few times a second."""
    yield gr.skip(), gr.skip(), report.status(both("status_load"), 0), gr.update(interactive=True)
    try:
        if not source:
            raise UserError("picture_first")
        card, shown = find_card(card_name), 0.0
        with closing(card.do(rebuild, decode(source), label=fitting(card, label))) as frames:
            for frame in frames:
                done = frame.finished
                if done or not frame.pictures or time.monotonic() - shown > LIVE:
                    shown = time.monotonic()
                    pictures = gallery(frame, card, language_of(request)) if frame.pictures else gr.skip()
                    yield gr.update(visible=True), pictures, said(frame), gr.update(interactive=not done)
    except Exception as error:
        trouble = Trouble(request)
        yield gr.skip(), gr.skip(), report.status(trouble.sentence(error), kind="failed"), gr.update(interactive=False)
        raise trouble.error(error) from None


def gallery(frame: Frame, card: Card, language: str) -> list[tuple[str, str]]:
    """Files with their captions."""
    named = zip(frame.pictures, ROLES, strict=True)
    return [(save(picture, f"{file_stem(card.name)}-{role}"), text(f"own_{role}", language)) for picture, role in named]


def said(frame: Frame) -> str:
    """How far the work is, and how near its picture by now."""
    if not frame.pictures:
        return report.progress(frame)
    facts = frame.facts
    near = [both("own_near", db=f"{facts['db']:.1f}"), kind(facts), both("own_inverted") if facts["inverted"] else ""]
    if frame.origin:
        seconds = both("seconds", seconds=f"{frame.origin.seconds:.2g}")
        return report.status(" · ".join(filter(None, [seconds, *near])), kind="done")
    words = [both("status_work", done=frame.done, total=frame.total), *near]
    return report.status(" · ".join(filter(None, words)), frame.done / frame.total)


def kind(facts: Mapping[str, object]) -> str:
    if "class" not in facts:
        return ""
    key = f"option_{facts['class']}"
    names = {language: text(key, language) if key in WORDS else str(facts["class"]) for language in LANGUAGES}
    return spans(**{language: escape(text("own_kind", language, kind=name)) for language, name in names.items()})


def fitting(card: Card, label: str) -> str:
    """The label, or "all" if the card has none of that name."""
    knob = knobs_of(rebuild, card.settings)["label"]
    return label if label in knob.options else knob.default


def searchable(card: Card) -> bool:
    """Whether it has a latent space: a rule and a flow have none."""
    return card.net is not None and not card.abilities.flows


def offer(request: gr.Request, card_name: str, label: str) -> tuple[dict, dict, dict]:
    """The kinds that the chosen generator draws; of one that finds nothing it is said before anybody asks."""
    with Trouble(request):
        card = find_card(card_name)
        can = searchable(card)
        kinds = updates(["label"], card, {"label": label})[0] if can else gr.update(visible=False)
        return kinds, gr.update(visible=not can), gr.update(interactive=can)


def halt(request: gr.Request) -> tuple:
    return report.status(both("own_stopped"), kind="stopped"), gr.update(interactive=False)


def keep_drawn(result: Kept, kept: Kept) -> dict:
    return keep(result, ROLES.index("drawn"), kept)

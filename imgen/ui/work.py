"""What happens when someone asks for a result: decode, run, save, and say so; errors in the visitor's language."""

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from imgen import watching
from imgen.cards import Card
from imgen.catalog import CARDS
from imgen.controls import Reference, UserError, checked
from imgen.image import Frame, Picture, decode, pixels_of
from imgen.texts import text
from imgen.texts.words import WORDS
from imgen.ui.cost import MEASURED, learn, reckoned
from imgen.ui.kept import file_stem, find_card
from imgen.ui.language import language_of
from imgen.ui.picture import brushed, save, view

log = logging.getLogger("imgen")
PAUSE = 0.1  # seconds between two updates of the status line
LIVE = 0.5  # and between two pictures on the way
QUICK = 4.0  # seconds that a run may take to count as quick, on a machine like that
LARGE = 4_000_000  # pixels beyond which nothing is quick: decoding alone takes a while
SQUARES = 64  # pixels a side: before and after of fewer are shown with their pixels as squares


@dataclass(frozen=True)
class Result:
    """Files of a finished run, or of one under way: `frame` tells which."""

    card: Card
    frame: Frame = Frame(0, 1)  # of what a tab opens with nothing is known but its files
    given: Picture | None = None
    before: str | None = None  # path of what the browser shows as the input
    shown: list[str] = field(default_factory=list)  # paths of what it shows as the results
    files: list[str] = field(default_factory=list)  # paths of the results themselves

    @property
    def done(self) -> bool:
        return self.frame.finished


def results(
    task: str, card_name: str, source: Path | None, values: Mapping[str, Any], watched: bool = True
) -> Iterator[Result]:
    """Run a card of `task` on a file and say what there is by now, a few times a second.  Raises UserError.

    values: of knobs, also of those that the card lacks; None is the card's own default.  watched: whether somebody looks on; else
    only the results are written, at the end.
    """
    card = find_card(card_name)
    if card.task != task:
        raise UserError("card_unknown", card=card_name[:40], cards=", ".join(one.name for one in CARDS if one.task == task))
    knobs = {name: value for name, value in values.items() if name in card.knobs and value is not None}
    for name, knob in card.knobs.items():
        if isinstance(knob.control, Reference) and knob.control.brush:
            knobs[name] = brushed(knobs.get(name) or ())
    given = decode(source) if source and card.pictures else None
    before, said, showed, least = None, 0.0, time.monotonic(), SQUARES if given else 0
    frames = card.run(*([given] if given else []), **knobs)
    try:
        for frame in frames:
            now, last = time.monotonic(), frame.finished
            live = watched and bool(frame.pictures) and now - showed > LIVE
            if not last and not live and now - said < PAUSE:
                continue
            said = now
            shown, files = [], []
            if last or live:
                showed = now
                before = before or (view(given, "before", least=least) if given and watched else None)
                pictures = frame.pictures if watched or not card.pictures else frame.pictures[:1]
                names = [_name(card, one, n, len(frame.pictures)) for n, one in enumerate(pictures)]
                files = [save(picture, name) for picture, name in zip(pictures, names, strict=True)]
                shown = [view(*one, least) for one in zip(pictures, names, files, strict=True)] if watched else []
            if frame.origin:
                learn(card, given.width * given.height if given else MEASURED, frame.origin)
            yield Result(card, frame, given, before, shown, files)
    finally:
        frames.close()


def lane(card_name: str, source: Path | None, values: Mapping[str, Any]) -> str:
    """Whether a run is "quick" or "long", from what its card was measured to take and how large its pictures are."""
    try:
        card = find_card(card_name)
        knobs = checked(card.knobs, {name: value for name, value in values.items() if name in card.knobs and value is not None})
        given = [path for value in knobs.values() if isinstance(value, tuple) for path in value]
        pixels = pixels_of(source) if source and card.pictures else MEASURED
        beside = sum(map(pixels_of, given))
    except UserError:
        return "quick"  # it will be refused at once
    drawn = knobs.get("count", 1) * knobs.get("size", 1) ** 2
    if card.abilities.optimises or not card.ready or max(pixels + beside, drawn) > LARGE:
        return "long"
    return "long" if reckoned(card, pixels, knobs) > QUICK else "quick"


def _name(card: Card, picture: Picture, number: int, count: int) -> str:
    knobs = picture.record.get("knobs", {})
    seed = f"-seed{knobs['seed']}" if "seed" in knobs else ""
    return f"{file_stem(card.name)}{seed}" + (f"-{number:02}" if count > 1 else "")


class Failure(gr.Error):
    """What a visitor is told."""

    def __init__(self, words: str, ours: bool):
        super().__init__(words, print_exception=False)
        self.ours = ours  # no fault of the visitor

    def __str__(self) -> str:
        return str(self.message)


class Trouble:
    """`with Trouble(request):` words a UserError in the visitor's language; of anything else only the log learns more."""

    def __init__(self, request: gr.Request | None):
        self.language = language_of(request)

    def __enter__(self) -> "Trouble":
        return self

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, Exception):
            raise self.error(error) from None

    def error(self, error: Exception) -> Failure:
        return Failure(self.sentence(error), ours=not isinstance(error, UserError))

    def sentence(self, error: Exception) -> str:
        watching.refused(error)
        if isinstance(error, UserError):
            key = f"{error.key}_visitor"
            if key in WORDS:  # what only the operator can mend, he reads in the log
                log.warning("%s", error)
            words = text(key if key in WORDS else error.key, self.language, **{**error.facts, **self._named(error.facts)})
            return escape(words, quote=False)
        log.error("unexpected", exc_info=error)
        return text("something_failed", self.language)

    def _named(self, facts: Mapping[str, object]) -> dict[str, str]:
        """A knob by the name that the page gives it."""
        key = f"knob_{facts.get('knob')}"
        return {"knob": text(key, self.language)} if key in WORDS else {}

"""What happens when someone asks for a result: decode, run, save, and say so; errors in the visitor's language."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import gradio as gr

from imgen.cards import Card
from imgen.catalog import CARDS, find_card
from imgen.controls import UserError
from imgen.image import Frame, Picture, decode
from imgen.texts import text
from imgen.ui.language import language_of
from imgen.ui.picture import save, view

try:
    from spaces import GPU as gpu  # ZeroGPU lends a GPU for the time of the call
except ImportError:
    def gpu(function: Callable) -> Callable:
        return function

log = logging.getLogger("imgen")
PAUSE = 0.1  # seconds between two updates of the status line
LIVE = 0.5  # and between two pictures on the way
SQUARES = 64  # pixels a side: before and after of fewer are shown with their pixels as squares


@dataclass(frozen=True)
class Result:
    """Files of a finished run, or of one under way: `frame` tells which."""

    card: Card
    frame: Frame | None = None
    given: Picture | None = None
    before: str | None = None  # path of what the browser shows as the input
    shown: list[str] = field(default_factory=list)  # paths of what it shows as the results
    files: list[str] = field(default_factory=list)  # paths of the results themselves

    @property
    def done(self) -> bool:
        return "seconds" in self.frame.facts


def results(task: str, card_name: str, source: Path | None, values: Mapping[str, object]) -> Iterator[Result]:
    """Run a card of `task` on a file and say what there is by now, a few times a second.  Raises UserError."""
    card = find_card(card_name)
    if card.task != task:
        raise UserError("card_unknown", card=card_name[:40], cards=", ".join(one.name for one in CARDS if one.task == task))
    knobs = {name: value for name, value in values.items() if name in card.knobs}
    given = decode(source) if source and card.pictures else None
    before, said, showed, least = None, 0.0, time.monotonic(), SQUARES if given else 0
    frames = card.run(*([given] if given else []), **knobs)
    try:
        for frame in frames:
            now, last = time.monotonic(), "seconds" in frame.facts
            live = bool(frame.pictures) and now - showed > LIVE
            if not last and not live and now - said < PAUSE:
                continue
            said = now
            shown, files = [], []
            if last or live:
                showed = now
                before = before or (view(given, "before", least=least) if given else None)
                names = [_name(card, knobs, n, len(frame.pictures)) for n in range(len(frame.pictures))]
                files = [save(picture, name) for picture, name in zip(frame.pictures, names, strict=True)]
                shown = [view(*one, least) for one in zip(frame.pictures, names, files, strict=True)]
            yield Result(card, frame, given, before, shown, files)
    finally:
        frames.close()


def _name(card: Card, knobs: Mapping[str, object], number: int, count: int) -> str:
    seed = f"-seed{int(knobs['seed'])}" if "seed" in knobs else ""
    return f"{card.name}{seed}" + (f"-{number:02}" if count > 1 else "")


class Trouble:
    """`with Trouble(request):` words a UserError in the visitor's language; of anything else only the log learns more."""

    def __init__(self, request: gr.Request | None):
        self.language = language_of(request)

    def __enter__(self) -> "Trouble":
        return self

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, Exception):
            raise self.error(error) from None

    def error(self, error: Exception) -> gr.Error:
        return gr.Error(self.sentence(error), print_exception=False)

    def sentence(self, error: Exception) -> str:
        if isinstance(error, UserError):
            return escape(text(error.key, self.language, **{**error.facts, **self._named(error.facts)}), quote=False)
        log.error("unexpected", exc_info=error)
        return text("something_failed", self.language)

    def _named(self, facts: Mapping[str, object]) -> dict[str, str]:
        """A knob by the name that the page gives it."""
        try:
            return {"knob": text(f"knob_{facts['knob']}", self.language)}
        except KeyError:
            return {}

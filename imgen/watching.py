"""Who wants to know what the program does is told of every run: the card, the seconds, the size, the outcome, and nothing else.

Nobody wants to by default, and then nothing is done.  Whoever does is called in a thread of its own, so that no run waits for it.
"""

import logging
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

from imgen.controls import UserError

if TYPE_CHECKING:
    from imgen.image import Frames, Picture

DONE, STOPPED, UNEXPECTED = "done", "stopped", "unexpected"  # outcomes, beside the keys of UserErrors


@dataclass(frozen=True)
class Run:
    """Of a card, to its end.  Nothing in it comes from a visitor but the size of a picture."""

    card: str
    began: float  # seconds since 1970
    seconds: float  # of work, or until it was ended
    width: int  # pixels of the picture that was given, else of the first that was made; 0 if there is none
    height: int
    outcome: str
    device: str = ""


@dataclass(frozen=True)
class Refusal:
    """A visitor was told that something cannot be done, outside of any run."""

    began: float
    key: str


Event = Run | Refusal
hidden: ContextVar[bool] = ContextVar("hidden", default=False)  # what is done now is not to be told
_watchers: list[Callable[[Event], None]] = []
_teller: threading.Thread | None = None
_events: "SimpleQueue[Event | threading.Event]" = SimpleQueue()


def watch(watcher: Callable[[Event], None]) -> None:
    """From now on, in a thread that all watchers share."""
    global _teller
    _watchers.append(watcher)
    if _teller is None:
        _teller = threading.Thread(target=_tell, name="watching", daemon=True)
        _teller.start()


def flush(seconds: float = 2.0) -> None:
    """Wait until all that has happened is told."""
    if _watchers:
        told = threading.Event()
        _events.put(told)
        told.wait(seconds)


def _tell() -> None:
    while True:
        event = _events.get()
        if isinstance(event, threading.Event):
            event.set()
            continue
        for watcher in _watchers:
            try:
                watcher(event)
            except Exception as error:  # it must not cost the others theirs
                logging.getLogger("imgen").warning("a watcher failed", exc_info=error)


def watched(card: str, pictures: "Sequence[Picture]", frames: "Frames") -> "Frames":
    """The same frames; their end is told."""
    if not _watchers or hidden.get():
        yield from frames
        return
    began, clock, outcome, last = time.time(), time.perf_counter(), STOPPED, None
    try:
        for last in frames:
            yield last
        outcome = DONE
    except Exception as error:
        outcome = _key(error)
        vars(error)["of_a_run"] = True
        raise
    finally:
        if isinstance(frames, Generator):
            frames.close()
        shown = pictures[:1] or (last.pictures[:1] if last else ())
        width, height = (shown[0].width, shown[0].height) if shown else (0, 0)
        origin = last.origin if last else None
        if origin and outcome == STOPPED:  # whoever has the result need not ask whether there is more
            outcome = DONE
        seconds = origin.seconds if outcome == DONE and origin else time.perf_counter() - clock
        _events.put(Run(card, began, round(seconds, 4), width, height, outcome, origin.device if origin else ""))


def refused(error: Exception) -> None:
    """A visitor is told of it; what ended a run has been told with the run."""
    if _watchers and not getattr(error, "of_a_run", False):
        _events.put(Refusal(time.time(), _key(error)))


def _key(error: Exception) -> str:
    return error.key if isinstance(error, UserError) else UNEXPECTED

"""A GPU that is lent for the time of a call: ZeroGPU, on a Space.

Four things are unlike a machine with a GPU of its own, and all of them are settled here.
- Nets must be on the GPU before the page is served, put there in the main thread, where it is only acted: `settle`.
- A call that is lent the GPU runs in a fork of this process, which may be an old one.  So all that it needs goes with it, weights
  are fetched here before, and what it makes comes back as frames of numpy: this process saves, counts and keeps pictures.
- Asking costs some seconds and the visitor's quota: work asks that gains more than that, all else stays on the CPU: `seconds_of`.
- It may be refused: then the CPU does it, too.
Rooms that train or look inside hook their nets, which no fork brings back, and are small: they stay here.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from imgen import cards, device, hub
from imgen.cards import Card, Elsewhere
from imgen.catalog import CATALOG
from imgen.controls import UserError, Value, checked
from imgen.image import Frame, Picture
from imgen.loader import Complete, Loader, loader
from imgen.stopping import go_on
from imgen.ui import cost
from imgen.ui.cost import MEASURED, Pace, here, reckoned

try:
    from spaces import GPU  # pyright: ignore[reportMissingImports]  # on a Space only
except ImportError:
    GPU = None

log = logging.getLogger("imgen")
LENT = "cuda"  # the device of a call that is lent one
START = 6.0  # seconds until it is there: the queue, a fork, CUDA, the nets
GAIN = 20.0  # times as fast as the CPU, until a run has told; nobody has measured it
SURE = 2.0  # times the time that it will take is asked for: who takes longer is ended
LEAST, MOST = 10, 120  # seconds asked for
LARGE, QUICK = 1_000_000, 0.5  # a card that does so many pixels in so many seconds never asks
OFTEN = 0.1  # seconds between two frames that are sent
placed = Loader(room=1 << 40)  # nets on the GPU
pace = Pace()  # of the GPU, to what GAIN makes of a card's figure


@dataclass(frozen=True)
class Call:
    """What a run takes along.  paths: of the weights of its nets, `nets_of`; None where they are found without."""

    card: str
    paths: tuple[Path | None, ...]
    pictures: tuple[Picture, ...]
    knobs: Mapping[str, Value]
    seconds: int  # that the GPU is asked for


@dataclass(frozen=True)
class Refused:
    """A UserError on its way between processes: of an exception only its class's name would arrive."""

    key: str
    facts: Mapping[str, object]


def lent(work: Callable[[Call], Iterator[Frame | Refused]]) -> Callable[[Call], Iterator[Frame | Refused]]:
    """Off ZeroGPU this changes nothing.  There, what `spaces` finds so when the page is served may ask for a GPU."""
    return GPU(duration=lambda call: call.seconds)(work) if GPU else work


@lent
def worked(call: Call) -> Iterator[Frame | Refused]:
    """In the fork: the run on the GPU, its frames as often as anybody looks."""
    device.choose(LENT)
    cards.elsewhere = cost.elsewhere = None
    loader.adopt(placed)
    card, said = CATALOG[call.card], 0.0
    try:
        for one, path in zip(nets_of(card, call.knobs), call.paths, strict=True):
            one.load(path)
        for frame in card.run(*call.pictures, **call.knobs):
            if frame.finished or time.monotonic() - said > OFTEN:
                said = time.monotonic()
                yield frame
    except UserError as error:
        yield Refused(error.key, error.facts)


def elsewhere(card: Card, pipeline: Callable, pictures: tuple[Picture, ...], knobs: Mapping[str, Value]) -> Elsewhere:
    """`cards.elsewhere`: the work with a GPU, if that is worth it and one is lent."""
    seconds = seconds_of(card, _pixels(pictures), knobs)
    if seconds is None or pipeline is not card.pipeline:
        return False
    paths = []
    try:
        for one in nets_of(card, knobs):
            path = yield from one.fetch()
            paths.append(path or (hub.find(one.weights) if one.weights else None))
    except UserError:
        return False  # the run here can do without it, or says so
    call, came = Call(card.name, tuple(paths), pictures, knobs, asked(seconds)), False
    try:
        with closing(worked(call)) as answers:  # pyright: ignore[reportArgumentType]  # a generator
            for answer in answers:
                go_on()
                if isinstance(answer, Refused):
                    raise UserError(answer.key, **answer.facts)
                if answer.origin:
                    pace.learn(card, knobs, reckoned(card, _pixels(pictures), knobs) / GAIN, answer.origin.seconds)
                came = True
                yield answer
    except gr.Error as error:  # in the words of `spaces`
        log.warning("no GPU for %s: %s", card.name, error.message)
        if came:
            raise UserError("gpu_ended") from None
        return False
    return True


def seconds_of(card: Card, pixels: int, knobs: Mapping[str, Any]) -> float | None:
    """Of a run with a GPU, until its result; None for one that does not ask, as it would not gain by it."""
    if may_not_ask(card):
        return None
    seconds = START + reckoned(card, pixels, knobs) / GAIN * pace.factor(card, knobs)
    return seconds if seconds < here(card, pixels, knobs) else None


def asked(seconds: float) -> int:
    """For how long a GPU is asked, for a run that will take so many seconds."""
    return math.ceil(min(MOST, max(LEAST, START + SURE * (seconds - START))))


def may_not_ask(card: Card) -> bool:
    """A rule, a kernel, a net that is not of the catalog, one that sees no more of a picture than it has inputs, a quick one."""
    if card.net is None or isinstance(card.net, Complete) or card.abilities.classifies or CATALOG.get(card.name) is not card:
        return True
    return reckoned(card, LARGE, checked(card.knobs, {})) < QUICK


def nets_of(card: Card, knobs: Mapping[str, object]) -> list[Card]:
    """The cards whose nets a run needs."""
    own = card.alternative if card.alternative and knobs.get("network") == card.alternative.name else card
    return [own, *card.auxiliary.values()]


def settle() -> None:
    """In the main thread, before the page is served: nets that may be asked for go to the GPU, all else to the CPU."""
    device.choose(LENT)
    for card in CATALOG.values():
        others = {"network": card.alternative.name} if card.alternative else {}
        for one in [] if may_not_ask(card) else [card, *nets_of(card, others)]:
            if one.ready:
                placed.get(one.loadable)
    device.choose("cpu")
    cards.elsewhere, cost.elsewhere = elsewhere, seconds_of


def _pixels(pictures: tuple[Picture, ...]) -> int:
    return sum(one.width * one.height for one in pictures) or MEASURED

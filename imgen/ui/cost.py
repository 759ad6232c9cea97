"""What a run will cost, said before it starts: from what its card was measured to take, and from how fast this machine has been.

A card's figure holds for the machine that measured it.  So each finished run tells how many times as long it took here: the
next estimate is multiplied by that, by the same card's own if there is one, else by what all cards together say.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

from imgen import device
from imgen.cards import Card
from imgen.catalog import CARDS
from imgen.controls import UserError, checked
from imgen.image import Origin, pixels_of, size_of_file
from imgen.pipelines.flow import STEPS
from imgen.pipelines.upscale import MOST, overlap_of
from imgen.texts import LANGUAGES, text
from imgen.ui.kept import file_stem
from imgen.ui.language import both, spans

MEASURED = 256 * 256  # pixels of the picture with which a card's time was measured; of style cards four times as many
MEASURED_SCALE = 4  # and how many times it was enlarged
PLAIN_STEPS = 6  # of a recurrent network
FILES = 0.2e-6  # seconds for each pixel of a result: it is written as PNG, and shrunk for the browser
SAYS, ASKS = 20.0, 120.0  # seconds beyond which it is said what a run will take, and beyond which Run has to be pressed twice
LESS = 0.5  # of the time: what is suggested takes at most that
SHORTEST = 0.02  # seconds of a run that tells how fast the machine is
BOUND = math.log(8)  # a machine is that many times as slow or fast at most: else the figure does not fit the picture
PER_SECOND = 5e10  # multiplications: of a card that nobody measured it is taken that each weight meets each pixel
NEW = 0.5  # weight of the newest run among those before
SPACE = '<span class="en"> </span>'  # between two sentences; Chinese has none
SESSIONS = 1000  # that have been asked and have not answered


@dataclass(frozen=True)
class Cost:
    seconds: float
    pixels: int  # of the result

    def __bool__(self) -> bool:
        return self.seconds > SAYS


class Pace:
    """How many times as long as it was measured to take a run takes here, as logarithms.

    Cards that optimise have a pace of their own: they were measured in turns with a slower peer, so their figures are longer.
    """

    def __init__(self):
        self.known: dict[object, float] = {}  # of a card, and of all that do or do not optimise
        self.lock = threading.Lock()

    def learn(self, card: Card, knobs: Mapping[str, Any], reckoned: float, seconds: float) -> None:
        if reckoned < SHORTEST or seconds <= 0:
            return
        found = max(-BOUND, min(BOUND, math.log(seconds / reckoned)))
        with self.lock:
            for key in (_key(card, knobs), card.abilities.optimises):
                before = self.known.get(key, found)
                self.known[key] = before + NEW * (found - before)

    def factor(self, card: Card, knobs: Mapping[str, Any]) -> float:
        return math.exp(self.known.get(_key(card, knobs), self.known.get(card.abilities.optimises, 0.0)))


pace = Pace()  # of this process
# Seconds of a run for which this process is lent a GPU; None: for this one it is not.  See `zero`.
elsewhere: Callable[[Card, int, Mapping[str, Any]], float | None] | None = None


def _key(card: Card, knobs: Mapping[str, Any]) -> tuple[str, object]:
    """A card, and the network among several that does its work."""
    return file_stem(card.name), knobs.get("network")


def reckoned(card: Card, pixels: int, knobs: Mapping[str, Any]) -> float:
    """Seconds of computing on the machine on which the card was measured.

    pixels: of the picture.  knobs: all of the card's, checked.
    """
    bench = card.facts.bench
    pixels = min(pixels, knobs.get("size", math.inf) ** 2) if card.pictures else MEASURED
    if card.abilities.optimises:
        if not bench.get("steps"):
            return 0.0
        return bench["seconds"] / bench["steps"][0] * knobs["steps"] * (knobs["side"] / bench["side"]) ** 2
    measured = bench.get("seconds_per_picture", bench.get("seconds", 0.0) / 4)
    seconds = measured * pixels / MEASURED if measured else (card.facts.parameters or 0) * pixels / PER_SECOND
    if card.abilities.any_factor:
        seconds *= passes(card, _times(knobs, pixels)) / passes(card, MEASURED_SCALE)
    if card.abilities.shows_steps:
        seconds *= max(knobs.get("steps", PLAIN_STEPS), 1 + len(knobs.get("frames", ()))) / PLAIN_STEPS
    if card.abilities.flows:
        seconds *= knobs["steps"] / STEPS * _looks(knobs["guidance"]) / _looks(card.knobs["guidance"].default)
    return seconds * knobs.get("count", 1) * knobs.get("views", 1) * seen_again(card, pixels, knobs)


def seen_again(card: Card, pixels: int, knobs: Mapping[str, Any]) -> float:
    """How many times the work of usual tiles smaller ones are, for they see more of their surroundings; 1 of larger ones."""
    tile, usual = knobs.get("tile", 0), card.knobs["tile"].default if "tile" in card.knobs else 0
    if not tile or tile >= usual or pixels <= tile**2 or not card.net:
        return 1.0
    around = 2 * radius(card, knobs.get("steps", 1))
    return ((1 + around / tile) / (1 + around / usual)) ** 2


@lru_cache(64)  # visitors' own networks come and go
def radius(card: Card, steps: int) -> int:
    """Pixels to each side that tiles of a net see besides.  Asked only of who chose tiles of his own, for it takes PyTorch."""
    assert card.net
    net: Any = card.net.build()
    return net.receptive_radius(steps) if card.abilities.shows_steps else overlap_of(net)


def here(card: Card, pixels: int, knobs: Mapping[str, Any]) -> float:
    """Likewise on this machine."""
    return reckoned(card, pixels, knobs) * pace.factor(card, knobs)


def _looks(guidance: Any) -> int:
    """At the net, for each step."""
    return 1 if guidance == 1 else 2


def _times(knobs: Mapping[str, Any], pixels: int) -> float:
    """How many times larger the result is.  A width is taken as that of a square: the shape does not matter much here."""
    times = knobs["width"] / math.sqrt(pixels) if knobs.get("width") else knobs.get("scale", 1.0)
    return min(float(times), MOST)


def passes(card: Card, times: float) -> float:
    """The work of an enlargement, in passes of the net over the picture: the second has all the pixels that the first made."""
    scale = card.settings.get("scale")
    if not isinstance(scale, int) or scale < 2:  # a kernel, which does it at once and writes that many pixels
        return math.ceil(times) ** 2
    work, size = 1.0, scale
    while size < times:
        work += size**2
        size *= scale
    return work


def known(card: Card, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the card's own knobs, checked, the others by default.  Raises UserError."""
    return checked(card.knobs, {name: value for name, value in values.items() if name in card.knobs and value is not None})


def cost(card: Card, pixels: int, values: Mapping[str, Any]) -> Cost:
    """Of a run on a picture of so many pixels.  values: of knobs; other cards' do not matter.  Raises UserError."""
    knobs = known(card, values)
    lent = elsewhere(card, pixels, knobs) if elsewhere else None
    seconds = here(card, pixels, knobs) if lent is None else lent
    if card.task == "generate":
        out = knobs.get("count", 1) * knobs.get("size", 64) ** 2
    elif card.abilities.optimises:
        out = knobs["side"] ** 2
    else:
        out = min(pixels, knobs.get("size", math.inf) ** 2)
        out *= _times(knobs, pixels) ** 2 if card.abilities.any_factor else (card.facts.scale or 1) ** 2
    return Cost(seconds + FILES * out, int(out))


def learn(card: Card, pixels: int, origin: Origin) -> None:
    """From a run that has come to its end."""
    if elsewhere and origin.device != device.name("cpu"):
        return  # it says nothing of this machine
    try:
        knobs = checked(card.knobs, {name: value for name, value in origin.knobs.items() if not isinstance(value, list)})
    except UserError:
        return
    if not knobs.get("width"):  # what that means for the work is not known here
        pace.learn(card, knobs, reckoned(card, pixels, knobs), origin.seconds)


def cost_of(card: Card, source: Path | str | None, values: Mapping[str, Any]) -> Cost:
    """Of a run on a picture file, by its header.  A run that will be refused costs nothing."""
    try:
        if not source or not card.pictures:
            return cost(card, MEASURED, values)
        width, height = size_of_file(Path(source))
        if values.get("width") and "width" in card.knobs:  # a strip becomes larger by it than a square
            values = {**values, "width": 0, "scale": min(max(card.knobs["width"].check(values["width"]) / width, 1.0), MOST)}
        return cost(card, width * height, values)
    except UserError:
        return Cost(0.0, 0)


def sentences(card: Card, source: Path | str | None, values: Mapping[str, Any], now: Cost) -> str:
    """What it costs, and what would cost less."""
    return SPACE.join(filter(None, [both_in("cost_says", now.seconds, now.pixels), less(card, source, values, now)]))


def less(card: Card, source: Path | str | None, values: Mapping[str, Any], now: Cost) -> str:
    """The least change that makes it twice as fast: a knob, else another card of the same idea, else a smaller picture."""
    knobs = known(card, values)
    for name, value in (("scale", 2), ("views", 1), ("size", 512), ("side", 256)):
        if name in knobs and knobs[name] > value:
            then = cost_of(card, source, {**knobs, name: value} | ({"width": 0} if name == "scale" else {}))
            if then.seconds < LESS * now.seconds:
                key = "cost_less_scale" if name == "scale" else "cost_less_knob"
                return both_in(key, then.seconds, knob=f"knob_{name}", value=value)
    rivals = [one for one in CARDS if one.task == card.task and one.idea == card.idea and one is not card and one.ready]
    rivals = [one for one in rivals if one.abilities == card.abilities and one.facts.bench and not one.young]
    costs = [(cost_of(one, source, values).seconds, one) for one in rivals]
    quick = [pair for pair in costs if 0 < pair[0] < LESS * now.seconds]
    if quick:
        seconds, one = min(quick, key=lambda pair: pair[0])
        return both_in("cost_less_card", seconds, card=f"title_{one.name}")
    if not card.pictures or card.abilities.optimises:
        return ""
    return both_in("cost_less_half", cost(card, pixels_of(Path(source)) // 4, values).seconds) if source else ""


def both_in(key: str, seconds: float, pixels: int = 0, **facts: object) -> str:
    """Words with a time in them, and perhaps a number of pixels; knobs and cards are said in each language."""
    said = {}
    for language in LANGUAGES:
        own = {name: text(str(fact), language) if name in ("knob", "card") else fact for name, fact in facts.items()}
        own |= {"pixels": megapixels(pixels, language)} if pixels else {}
        said[language] = escape(text(key, language, time=span(seconds, language), **own), quote=False)
    return spans(**said)


def span(seconds: float, language: str) -> str:
    """As a person would say it."""
    if seconds < 90:
        return text("span_seconds", language, count=max(1, round(seconds) if seconds < 10 else 5 * round(seconds / 5)))
    return text("span_minutes", language, count=round(seconds / 60))


def megapixels(pixels: int, language: str) -> str:
    """In millions; Chinese counts by ten thousand and by a hundred million."""
    mega = pixels / 1e6
    if language == "zh":
        return text("pixels_many", language, count=f"{mega / 100:.3g}") if mega >= 100 else (
            text("pixels_some", language, count=f"{100 * mega:.0f}"))
    return text("pixels_some", language, count=f"{mega:.0f}" if mega > 10 else f"{mega:.1f}")


class Asked:
    """Who has been told that a run will take long: the second press of Run begins it."""

    def __init__(self):
        self.sessions: OrderedDict[str, str] = OrderedDict()

    def before(self, session: str, run: str) -> bool:
        """Whether this session was told of this very run just before; else it is now."""
        if self.sessions.pop(session, None) == run:
            return True
        self.tell(session, run)
        return False

    def forget(self, session: str) -> None:
        """An address presses Run by itself: that is no answer to the question."""
        self.sessions.pop(session, None)

    def tell(self, session: str, run: str) -> None:
        self.sessions[session] = run
        while len(self.sessions) > SESSIONS:
            self.sessions.popitem(last=False)


asked = Asked()


def left(seconds: float) -> str:
    return both_in("time_left", seconds=seconds)


def says(card: Card, source: Path | str | None, values: Mapping[str, Any], now: Cost, key: str) -> str:
    """The sentence for the status line, and what to do: `cost_stop` or `cost_press`."""
    return sentences(card, source, values, now) + SPACE + both(key)

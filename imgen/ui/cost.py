"""What a run will cost, said before it starts: from what its card was measured to take, and from how fast this machine has been.

A card's figure holds for the machine that measured it.  So each finished run tells how many times as long it took here: the
next estimate is multiplied by that, by the same card's own if there is one, else by what all cards together say.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from imgen.cards import Card
from imgen.catalog import CARDS
from imgen.controls import UserError, checked
from imgen.image import Origin, pixels_of
from imgen.pipelines.upscale import MOST
from imgen.texts import LANGUAGES, text
from imgen.ui.language import both, spans

MEASURED = 256 * 256  # pixels of the picture with which a card's time was measured; of style cards four times as many
MEASURED_SCALE = 4  # and how many times it was enlarged
PLAIN_STEPS = 6  # of a recurrent network
FILES = 0.2e-6  # seconds for each pixel of a result: it is written as PNG, and shrunk for the browser
SAYS, ASKS = 20.0, 120.0  # seconds beyond which it is said what a run will take, and beyond which Run has to be pressed twice
LESS = 0.5  # of the time: what is suggested takes at most that
SHORTEST = 0.02  # seconds of a run that tells how fast the machine is
NEW = 0.5  # weight of the newest run among those before
SESSIONS = 1000  # that have been asked and have not answered


@dataclass(frozen=True)
class Cost:
    seconds: float
    pixels: int  # of the result

    def __bool__(self) -> bool:
        return self.seconds > SAYS


class Pace:
    """How many times as long as it was measured to take a run takes here, as logarithms."""

    def __init__(self):
        self.of_card: dict[tuple[str, object], float] = {}
        self.of_all = 0.0
        self.lock = threading.Lock()

    def learn(self, card: Card, knobs: Mapping[str, Any], reckoned: float, seconds: float) -> None:
        if reckoned < SHORTEST or seconds <= 0:
            return
        found = math.log(seconds / reckoned)
        with self.lock:
            key = _key(card, knobs)
            self.of_all = found if not self.of_card else (1 - NEW) * self.of_all + NEW * found
            self.of_card[key] = (1 - NEW) * self.of_card[key] + NEW * found if key in self.of_card else found

    def factor(self, card: Card, knobs: Mapping[str, Any]) -> float:
        return math.exp(self.of_card.get(_key(card, knobs), self.of_all))


pace = Pace()  # of this process


def _key(card: Card, knobs: Mapping[str, Any]) -> tuple[str, object]:
    """A card, and the network among several that does its work."""
    return card.name, knobs.get("network")


def reckoned(card: Card, pixels: int, knobs: Mapping[str, Any]) -> float:
    """Seconds of computing on the machine on which the card was measured; 0 where nobody has.

    pixels: of the picture.  knobs: all of the card's, checked.
    """
    bench = card.facts.bench
    pixels = min(pixels, knobs.get("size", math.inf) ** 2) if card.pictures else MEASURED
    if card.abilities.optimises:
        if not bench.get("steps"):
            return 0.0
        return bench["seconds"] / bench["steps"][0] * knobs["steps"] * (knobs["side"] / bench["side"]) ** 2
    seconds = bench.get("seconds_per_picture", bench.get("seconds", 0.0) / 4) * pixels / MEASURED
    if card.abilities.any_factor:
        seconds *= passes(card, _times(knobs, pixels)) / passes(card, MEASURED_SCALE)
    if card.abilities.shows_steps:
        seconds *= knobs.get("steps", PLAIN_STEPS) / PLAIN_STEPS
    return seconds * knobs.get("count", 1) * knobs.get("views", 1)


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


def cost(card: Card, pixels: int, values: Mapping[str, Any]) -> Cost:
    """Of a run on a picture of so many pixels.  values: of knobs; other cards' do not matter.  Raises UserError."""
    knobs = checked(card.knobs, {name: value for name, value in values.items() if name in card.knobs and value is not None})
    seconds = reckoned(card, pixels, knobs) * pace.factor(card, knobs)
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
    try:
        knobs = checked(card.knobs, {name: value for name, value in origin.knobs.items() if not isinstance(value, list)})
    except UserError:
        return
    pace.learn(card, knobs, reckoned(card, pixels, knobs), origin.seconds)


def cost_of(card: Card, source, values: Mapping[str, Any]) -> Cost:
    """Of a run on a picture file, by its header.  A run that will be refused costs nothing."""
    try:
        return cost(card, pixels_of(source) if source and card.pictures else MEASURED, values)
    except UserError:
        return Cost(0.0, 0)


def sentences(card: Card, source, values: Mapping[str, Any], now: Cost) -> str:
    """What it costs, and what would cost less."""
    found = less(card, source, values, now)
    mega = f"{now.pixels / 1e6:.0f}" if now.pixels > 10e6 else f"{now.pixels / 1e6:.1f}"
    return both_in("cost_says", mega=mega, seconds=now.seconds) + (f" {found}" if found else "")


def less(card: Card, source, values: Mapping[str, Any], now: Cost) -> str:
    """The least change that makes it twice as fast: a knob of the card, else another card of its task; "" if there is none."""
    for name, value in (("scale", 2), ("views", 1), ("size", 512), ("side", 256)):
        if name in card.knobs and (values.get(name) or 0) > value:
            changed = {**values, name: value} | ({"width": 0} if name == "scale" else {})
            if (then := cost_of(card, source, changed)).seconds < LESS * now.seconds:
                return both_in("cost_less_scale" if name == "scale" else "cost_less_knob", knob=f"knob_{name}", value=value,
                               seconds=then.seconds)
    rivals = [one for one in CARDS if one.task == card.task and one.ready and one.abilities == card.abilities and one.facts.bench]
    costs = [(cost_of(one, source, values).seconds, one) for one in rivals if one.idea == card.idea and not one.young] or [
        (cost_of(one, source, values).seconds, one) for one in rivals]
    quick = [pair for pair in costs if 0 < pair[0] < LESS * now.seconds]
    if not quick:
        return ""
    seconds, one = min(quick, key=lambda pair: pair[0])
    return both_in("cost_less_card", card=f"title_{one.name}", seconds=seconds)


def both_in(key: str, seconds: float, **facts: object) -> str:
    """Words with a time in them; facts that are keys of words themselves are said in each language."""
    said = {}
    for language in LANGUAGES:
        own = {name: text(str(fact), language) if name in ("knob", "card") else fact for name, fact in facts.items()}
        said[language] = escape(text(key, language, time=span(seconds, language), **own), quote=False)
    return spans(**said)


def span(seconds: float, language: str) -> str:
    """As a person would say it."""
    if seconds < 90:
        return text("span_seconds", language, count=max(1, round(seconds) if seconds < 10 else 5 * round(seconds / 5)))
    return text("span_minutes", language, count=round(seconds / 60))


class Asked:
    """Who has been told that a run will take long: the second press of Run begins it."""

    def __init__(self):
        self.sessions: OrderedDict[str, str] = OrderedDict()

    def before(self, session: str | None, run: str) -> bool:
        """Whether this session was asked about this very run just before; else it is now."""
        if session is not None and self.sessions.pop(session, None) == run:
            return True
        self.sessions[session or ""] = run
        while len(self.sessions) > SESSIONS:
            self.sessions.popitem(last=False)
        return False


asked = Asked()


def left(seconds: float) -> str:
    return both_in("time_left", seconds=seconds)


def says(card: Card, source, values: Mapping[str, Any], now: Cost, key: str) -> str:
    """The sentence for the status line, and what to do: `cost_stop` or `cost_press`."""
    return f"{sentences(card, source, values, now)} {both(key)}"

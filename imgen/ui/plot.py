"""Quality against time against size: every model that was measured is a dot."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape

from imgen.cards import Card
from imgen.exhibits.readme import data_name
from imgen.texts import LANGUAGES
from imgen.ui.language import both, spans

MEASURES = ("frechet", "kid_x1000")  # distances from pictures that no training saw; the first is preferred
# Measures that grow with quality, and in equal steps: where their scale ends beyond the last dot.
RISING = {"psnr": 0.5, "noise_25": 0.5}
DOT = 15  # diameter in pixels of a file of 1 MB
SMALL = 7  # and the least: a rule has no file
FAR = 300  # times: more ticks would not fit on a phone
AS_FAST = 1.2  # times as slow: a difference that nobody notices
LEAST = 9.0  # % of the height between two labels
LEAST_DISTANCE = 0.1  # an unbiased one may fall below 0, which no power is


@dataclass(frozen=True)
class Dot:
    name: str
    milliseconds: float
    value: float
    megabytes: float


def quality(card: Card) -> list[tuple[str, str, float]]:
    """(data set, measure, distance) for each data set that it was measured against, by the measure that is preferred."""
    found = []
    for data, scores in card.facts.measured().items():
        measure = next((m for m in MEASURES if m in scores), None)
        if measure:
            found.append((data, measure, scores[measure]))
    return found


def both_of(words: Callable[..., str], *facts: object) -> str:
    """HTML in both languages of what `words(language, *facts)` says."""
    return spans(**{language: escape(words(language, *facts)) for language in LANGUAGES})


def panels(cards: Iterable[Card], *groups: tuple[str, ...], across: str = "plot_across") -> str:
    """A panel per data set and group of measures: figures mean nothing across two.

    Cards that lack a figure or a time are left out.  groups: of measures, of which the one is drawn that most cards have;
    across: the words under it.
    """
    scored = defaultdict(list)
    for card in cards:
        for data, scores in card.facts.measured().items():
            if card.facts.bench:
                scored[data].append((card, scores))
    drawn = []
    for data, pairs in scored.items():
        for group in groups or (MEASURES,):
            measure = max(group, key=lambda m: sum(m in scores for _, scores in pairs))  # what most of them have
            dots = [dot(card, scores[measure]) for card, scores in pairs if measure in scores]
            drawn += [panel(data, measure, dots, across)] if dots else []
    hint = both("plot_hint" if across == "plot_across" else f"{across}_hint")
    body = f'<p>{hint}</p><div class="panels">{"".join(drawn)}</div>' if drawn else f'<p>{both("plot_missing")}</p>'
    return f"<h3>{both('plot')}</h3>{body}"


def dot(card: Card, value: float) -> Dot:
    size = card.weights.size / 1e6 if card.weights else 0.0
    return Dot(card.name, 1000 * card.facts.bench["seconds_per_picture"], value, size)


def panel(data: str, measure: str, dots: list[Dot], words: str) -> str:
    """In HTML, not SVG: words keep their size however narrow the window is.  Times and distances count in powers."""
    low, high = span(one.milliseconds for one in dots)
    across = [place(one.milliseconds, low, high) for one in dots]
    if measure in RISING:
        bottom, top = (pick(one.value for one in dots) + sign * RISING[measure] for pick, sign in ((min, -1), (max, 1)))
        ladder, height = range(math.ceil(bottom), math.floor(top) + 1), lambda value: 100 * (value - bottom) / (top - bottom)
    else:
        best, worst = span(max(one.value, LEAST_DISTANCE) for one in dots)
        ladder, height = steps(best, worst), lambda value: place(max(value, LEAST_DISTANCE), best, worst)
    up = [height(one.value) for one in dots]
    named = front(dots, measure in RISING)
    heights = dict(zip(named, spread([up[n] for n in named], min(LEAST, 96 / len(named))), strict=True))
    marks = "".join(mark(one, across[n], up[n], heights.get(n)) for n, one in enumerate(dots))
    ticks = "".join(f'<span class="tick x" style="left:{place(n, low, high):.1f}%">{n:g}</span>' for n in steps(low, high))
    ticks += "".join(f'<span class="tick y" style="bottom:{height(n):.1f}%">{n:g}</span>' for n in ladder)
    head = f"{both_of(data_name, data)} · {both(f'score_{measure}')}"
    return f'<figure><figcaption>{head}</figcaption><div class="field">{ticks}{marks}</div><p>{both(words)}</p></figure>'


def span(values: Iterable[float]) -> tuple[float, float]:
    values = list(values)
    return min(values) / 2, max(values) * 2


def place(value: float, low: float, high: float) -> float:
    """Where `value` lies between low and high, in %: twice as much is always as far on."""
    return 100 * math.log(value / low) / math.log(high / low)


def front(dots: list[Dot], rising: bool) -> list[int]:
    """Which are worth a name at once: nothing that is about as fast is better (the Pareto front)."""
    sign = -1 if rising else 1
    return [
        n for n, one in enumerate(dots)
        if all(sign * one.value <= sign * o.value for o in dots if o.milliseconds <= AS_FAST * one.milliseconds)
    ]


def mark(one: Dot, x: float, y: float, label_y: float | None) -> str:
    """A dot that tells all of itself where one points or taps; with label_y its name stands beside it as well."""
    side = max(SMALL, DOT * math.sqrt(one.megabytes))
    name, kind = both(f"title_{one.name}"), "dot" if label_y is None else "dot best"
    tooltip = f"<b>{name} · {one.milliseconds:.3g} ms · {one.value:g} · {one.megabytes:.1f} MB</b>"
    edge, inset = ("right", 100 - x) if x > 50 else ("left", x)
    drawn = f'<i class="{kind} {edge}" tabindex="0" style="left:{x:.1f}%;bottom:{y:.1f}%;--side:{side:.0f}px">{tooltip}</i>'
    if label_y is None:
        return drawn
    return f'{drawn}<span class="name" style="{edge}:{inset:.1f}%;bottom:{label_y:.1f}%;--side:{side:.0f}px">{name}</span>'


def spread(heights: list[float], least: float) -> list[float]:
    """Where labels go, so that any two are `least` apart: in their order, pushed up as little as need be, but none above 100."""
    placed, floor, order = [0.0] * len(heights), -math.inf, sorted(range(len(heights)), key=heights.__getitem__)
    for n in order:
        placed[n] = floor = max(heights[n], floor + least)
    ceiling = 100.0
    for n in reversed(order):
        placed[n] = min(placed[n], ceiling)
        ceiling = placed[n] - least
    return placed


def steps(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, 20 … between low and high; 1, 10, 100 … if they lie far apart."""
    tens = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ones = (1, 2, 5) if high / low < FAR else (1,)
    return [value for ten in tens for one in ones if low <= (value := one * 10.0**ten) <= high]

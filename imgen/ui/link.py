"""Addresses: one short query says which tab, card, knobs and example are meant, what is open, and what is left out.

    ?tab=upscale&card=light_x4&example=2&scale=3&lesson=1&folds=more,growth&hide=rooms,stylize&large=1&language=zh&run=1

The same grammar serves the address of the page, "copy link", the lessons' `try:` links (without `tab`; they always run) and the
examples.  A key that nobody knows is passed over, a number out of range becomes the nearest: a link may be old, or anybody's.
In the browser link.js opens what the address says and lets it follow what is chosen.
"""

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from imgen.cards import Card
from imgen.controls import SEEDS, Choices, Knob, Reference, Seed, Slider, UserError, Value
from imgen.ui.doors import ADDRESS

SCRIPT = Path(__file__).parent / "link.js"
FOLDS = {  # name in `folds=` and `hide=` -> where it is in a tab
    "lesson": ".lesson", "more": ".more", "models": ".picker .all", "measured": ".measured", "code": ".code",
    "steer": ".steer", "map": ".map", "own": ".own", "beside": ".beside", "failures": ".failures",
    "growth": ".gr-accordion.growth",
    "compare": ".crops-fold:not(.spoil-fold)", "spoil": ".spoil-fold", "look": ".look", "many": ".many",
}
LARGEST_CODE = 1000  # letters: what a telephone still reads from a screen, and 50 ms to draw
PARTS = {  # what else `hide=` knows, beside tabs and knobs by their names
    "rooms": ".bench > .gr-accordion:not(.lesson)", "tabs": ".tabs > .tab-wrapper", "model": ".picker, .all-models, .about",
    "knobs": ".choice .knobs, .more", "examples": ".examples", "send": ".actions .send", "link": ".copy-link",
    "hint": ".bench > .hint", "language": ".header nav", "header": ".header",
}


def read(query: str) -> dict[str, str]:
    """What a query says, key by key, the last of a kind; of a link that begins with something else, what follows its "?"."""
    return dict(parse_qsl(query[:ADDRESS].partition("?")[2] or query[:ADDRESS]))


def nearest(knob: Knob, value: str) -> Value | None:
    """The knob's value that is meant, or the nearest that there is; None if there is none, and of pictures always."""
    match knob.control:
        case Reference():
            return None
        case Slider(low, high, step):
            return _number(value, low, high, isinstance(step, int))
        case Seed():
            return _number(value, 0, SEEDS - 1, whole=True)
        case Choices():
            value = ",".join(one for one in value.split(",") if one in knob.options)
    try:
        return knob.check(value)
    except UserError:
        return None


def _number(value: str, low: float, high: float, whole: bool) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    if math.isnan(number):
        return None
    number = min(max(number, low), high)
    return round(number) if whole else number


def written(value: object) -> str:
    """As the browser writes it, too: 4, not 4.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def settings(card: Card, knobs: Mapping[str, object]) -> dict[str, str]:
    """Those that differ from the card's defaults, and always the seed; of pictures none."""
    found = {}
    for name, knob in card.knobs.items():
        value = written(knobs[name]) if name in knobs and not isinstance(knob.control, Reference) else None
        if value is not None and (isinstance(knob.control, Seed) or value != default(knob)):
            found[name] = value
    return found


def default(knob: Knob) -> str:
    try:
        return written(knob.check(knob.default))
    except UserError:  # of a card that is not trained yet
        return ""


def query(tab: str, card: Card, knobs: Mapping[str, object], pictures: Mapping[str, str]) -> str:
    """pictures: the words that stand for some, such as `example`."""
    return urlencode({"tab": tab, "card": card.name, **pictures, **settings(card, knobs)}, safe=",")


def table(cards: list[Card], names: list[str], pictures: Mapping[str, tuple[str, Mapping[str, str]]]) -> str:
    """For link.js: the knobs of each card with their defaults, in which order they come, and the pictures that have words.

    pictures: word -> the knob that shows such, or "source", and what stands for each, by its path.
    """
    kinds = {name: knob.control for card in cards for name, knob in card.knobs.items()}
    return json.dumps({
        "order": names, "pictures": pictures,
        "seeds": [name for name, control in kinds.items() if isinstance(control, Seed)],
        "cards": {card.name: {
            name: default(knob) for name, knob in card.knobs.items() if not isinstance(knob.control, Reference)
        } for card in cards},
        "takes": {card.name: [
            *(["source"] if card.pictures else []),
            *(name for name, knob in card.knobs.items() if isinstance(knob.control, Reference)),
        ] for card in cards},
    }, ensure_ascii=False)


def script() -> str:
    """Of the page: what the browser does with addresses."""
    return SCRIPT.read_text(encoding="utf-8").replace("TABLE", json.dumps({"folds": FOLDS, "parts": PARTS}), 1)


def qr(link: object) -> str:
    """An address as the SVG of a QR code; nothing for what is none.  Called by the browser, or by anybody."""
    known = isinstance(link, str) and link.startswith(("http://", "https://")) and len(link) <= LARGEST_CODE
    return _drawn(link) if known else ""


@lru_cache(256)  # of a class all ask for the same
def _drawn(link: str) -> str:
    import segno  # 40 ms, which the page need not wait for

    try:
        code = segno.make_qr(link, error="l")
    except ValueError:  # more than a code can hold
        return ""
    return code.svg_inline(border=4, light="#fff", svgclass=None, lineclass=None, omitsize=True)

"""What the tab "Inside" asks of the server, past the queue: open a network, and look at what is in it.

Whoever opens one gets a random name for it, which nobody else can guess, and only his address may use it.  One call at a time
of each visitor runs, in the lanes of `turns`: opening runs a model, all other looks only read what was kept.  Answers are data;
what goes wrong is one sentence under "error".
"""

import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gradio as gr

from imgen.cards import Card
from imgen.catalog import CARDS, TASKS
from imgen.controls import Reference, Seed, UserError
from imgen.exhibits.files import example_files
from imgen.image import Picture, decode
from imgen.texts import LANGUAGES, text
from imgen.texts.inside import INSIDE
from imgen.ui import stock
from imgen.ui.doors import file_given
from imgen.ui.examples import key_of
from imgen.ui.kept import find_card, mine, title
from imgen.ui.language import language_of
from imgen.ui.lesson import address
from imgen.ui.link import nearest
from imgen.ui.stock import staged
from imgen.ui.turns import once
from imgen.ui.work import Trouble

if TYPE_CHECKING:
    from imgen.inspection import Inspection

FIRST = "espcn_x4"  # small, quick, and ends in a sub-pixel shuffle
MOST = 320 << 20  # bytes kept for all visitors together; whose network had to go, for him the page opens it anew
OF_ADDRESS = 40  # networks that one address has open, behind which a whole class may sit
IDLE = 1800.0  # seconds after which what nobody looked at is forgotten
LONGEST = 200  # letters of a name, a path aside
KNOBS = 40  # in one query
TILES = 512  # maps or kernels in one sheet
LIMIT = 10**6  # no network here has as many layers, channels or pixels a side
ORDERS, SCALES = ("strongest", "given"), ("map", "layer", "net")


@dataclass(eq=False)
class Held:
    """A network that somebody has open."""

    seen: "Inspection"
    address: str
    used: float = field(default_factory=time.monotonic)


class Inspections:
    """Those that are open; of one that is too many for its address, or for the memory, the one longest unused goes."""

    def __init__(self, most: int = MOST, idle: float = IDLE, of_address: int = OF_ADDRESS):
        self.most, self.idle, self.of_address = most, idle, of_address
        self.held: OrderedDict[str, Held] = OrderedDict()
        self.lock = threading.Lock()

    def put(self, seen: "Inspection", address: str, before: str) -> str:
        """-> its name.  before: of the one that this visitor had open, which goes."""
        with self.lock:
            if before in self.held and self.held[before].address == address:
                del self.held[before]
            name = secrets.token_urlsafe(16)
            self.held[name] = Held(seen, address)
            for old in [old for old, one in self.held.items() if time.monotonic() - one.used > self.idle]:
                del self.held[old]
            mine = [old for old, one in self.held.items() if one.address == address]
            for old in mine[: -self.of_address]:
                del self.held[old]
            while len(self.held) > 1 and self.bytes > self.most:
                self.held.pop(next(old for old in self.greediest() if old != name))
            return name

    def greediest(self) -> list[str]:
        """The names of the address that holds most, then all others: oldest first."""
        shares = Counter()
        for one in self.held.values():
            shares[one.address] += one.seen.bytes
        return sorted(self.held, key=lambda name: -shares[self.held[name].address])  # keeps the order of those alike

    def get(self, name: str, address: str) -> "Inspection":
        """Raises UserError: inside_gone."""
        with self.lock:
            one = self.held.get(name)
            if one is None or one.address != address or time.monotonic() - one.used > self.idle:
                raise UserError("inside_gone")
            one.used = time.monotonic()
            self.held.move_to_end(name)
            return one.seen

    @property
    def bytes(self) -> int:
        return sum(one.seen.bytes for one in self.held.values())


inspections = Inspections()


@dataclass(frozen=True)
class Asked:
    """What a browser sends, or anybody: read field by field.  Raises UserError call_unreadable for what it cannot be."""

    data: Mapping[str, Any]

    @classmethod
    def of(cls, data: object) -> "Asked":
        if not isinstance(data, dict):
            raise UserError("call_unreadable")
        return cls(data)

    def name(self, key: str, longest: int = LONGEST) -> str:
        value = self.data.get(key) or ""
        if not isinstance(value, str) or len(value) > longest:
            raise UserError("call_unreadable")
        return value

    def one_of(self, key: str, names: tuple[str, ...]) -> str:
        if (value := self.name(key) or names[0]) not in names:
            raise UserError("call_unreadable")
        return value

    def whole(self, key: str, high: int = LIMIT, low: int = 0) -> int:
        value = self.data.get(key, low)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise UserError("call_unreadable")
        return value

    def knobs(self, card: Card) -> dict[str, Any]:
        """Of a query, those that the card has, at the nearest value that there is."""
        query = self.data.get("knobs") or {}
        if not isinstance(query, dict) or len(query) > KNOBS:
            raise UserError("call_unreadable")
        given = {key: value for key, value in query.items() if isinstance(value, str) and len(value) <= LONGEST}
        found = {name: nearest(knob, given[name]) for name, knob in card.knobs.items()
                 if name in given and not isinstance(knob.control, Reference)}
        return {name: value for name, value in found.items() if value is not None}


def inside_begin(data: object, request: gr.Request) -> dict:
    """What the tab needs at first: its words in the visitor's language, the cards that are networks, and the examples.

    visit: whose own networks are among them.
    """
    language, own = language_of(request), mine(Asked.of(data).name("visit"))
    groups = []
    for task in TASKS:
        cards = [card for card in [*CARDS, *own] if card.task == task and card.net is not None]
        examples = [{"url": address(staged(path)), "name": text(key_of(path) or "example", language, number=n + 1)}
                    for n, path in enumerate(example_files(task))]
        listed = [{"name": card.name, "title": title(card.name, language), "pictures": card.pictures,
                   "seeded": any(isinstance(knob.control, Seed) for knob in card.knobs.values())} for card in cards]
        groups.append({"task": task, "title": text(f"task_{task}", language), "cards": listed, "examples": examples})
    return {"words": {key: words[LANGUAGES.index(language)] for key, words in INSIDE.items()},
            "groups": [group for group in groups if group["cards"]], "first": FIRST}


async def inside_open(data: object, request: gr.Request) -> dict:
    """Run a card once and keep all that passes through it, under a name that only this visitor knows."""
    def work() -> dict:
        asked = Asked.of(data)
        card = find_card(asked.name("card"), asked.name("visit"))
        given = picture_of(card, asked)
        seen = inspected(card, given, asked.knobs(card) | mask_of(card, asked))
        said = {"card": card.name, "title": title(card.name, language_of(request)), **seen.strip(), "picture": seen.picture()}
        return {"token": inspections.put(seen, caller.client.host, asked.name("token")), **said}

    caller = visitor(data, request)
    return await answered(work, "quick", caller, request)


def inspected(card: Card, given: Picture | None, knobs: dict) -> "Inspection":
    from imgen.inspection import inspect

    return inspect(card, given, knobs)


async def inside_ask(data: object, request: gr.Request) -> dict:
    """One look at what is kept; `what` says which, see `LOOKS`."""
    def work() -> dict:
        asked = Asked.of(data)
        seen = inspections.get(asked.name("token"), caller.client.host)
        return LOOKS[asked.one_of("what", tuple(LOOKS))](seen, asked)

    caller = visitor(data, request)
    lane = "quick" if isinstance(data, dict) and data.get("what") == "field" else "look"  # a gradient runs the network
    return await answered(work, lane, caller, request)


LOOKS: dict[str, Callable[["Inspection", Asked], dict]] = {
    "value": lambda seen, asked: seen.value(*place(asked)),
    "field": lambda seen, asked: seen.field(*place(asked)),
    "maps": lambda seen, asked: seen.maps(
        asked.whole("layer"), order=asked.one_of("order", ORDERS), scale=asked.one_of("scale", SCALES),
        limit=asked.whole("limit", TILES, 1),
    ),
    "statistics": lambda seen, asked: seen.statistics(asked.whole("layer")),
    "kernels": lambda seen, asked: seen.kernels(asked.whole("layer"), limit=asked.whole("limit", TILES, 1)),
    "kernel": lambda seen, asked: seen.kernel(asked.whole("layer"), asked.whole("out"), asked.whole("in")),
}


def place(asked: Asked) -> tuple[int, int, int, int]:
    return asked.whole("layer"), asked.whole("channel"), asked.whole("y"), asked.whole("x")


def visitor(data: object, request: gr.Request) -> SimpleNamespace:
    """Whose turn it is: the address, and of those behind one address who has which network open; `turns` asks the request
    itself whether anybody still waits.
    """
    token = data.get("token") if isinstance(data, dict) else None
    host = getattr(getattr(request, "client", None), "host", "") or ""
    session = token if isinstance(token, str) and len(token) <= LONGEST else ""
    return SimpleNamespace(client=SimpleNamespace(host=host), session_hash=session or secrets.token_urlsafe(8),
                           request=getattr(request, "request", None))


async def answered(work: Callable[[], dict], lane: str, caller: SimpleNamespace, request: gr.Request) -> dict:
    try:
        return await once(work, lane)(request=caller)
    except Exception as error:
        return {"error": Trouble(request).sentence(error)}


def picture_of(card: Card, asked: Asked) -> Picture | None:
    """An example by its number, or a file that was uploaded or made here; the first example if neither is asked for."""
    if not card.pictures:
        return None
    if path := asked.name("path", 4096):
        return sent(path)
    examples = example_files(card.task)
    if not examples:
        raise UserError("picture_first")
    return decode(examples[min(asked.whole("example"), len(examples) - 1)])


def mask_of(card: Card, asked: Asked) -> dict[str, Any]:
    """What was painted over the picture, as the card's knob."""
    path = asked.name("mask", 4096)
    return {"mask": [sent(path)]} if path and card.abilities.takes_mask else {}


def sent(path: str) -> Picture:
    """Of a file that was uploaded or made here.  Raises UserError."""
    return decode(Path(str(file_given(path, None, stock.folder())["path"])))

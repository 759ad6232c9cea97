"""Networks that a visitor has trained: they join the pickers of this visitor alone, for as long as his visit lasts.

A visit is the pages of one browser window: it has a name that the window made up (kept.js), so that a reload or another language
finds it again, and the sessions of its pages.  A network's own name is 128 bits of chance, and holds only within its visit; who
learns it, from a picture or a link, has nothing.  All this lies in memory, bounded, and goes a minute after the last page has.
"""

import re
import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import gradio as gr
from gradio.context import LocalContext

from imgen import catalog
from imgen.cards import Card
from imgen.controls import UserError
from imgen.lab.kept import card_of, facts_of, setup_of
from imgen.lab.setups import Setup
from imgen.texts import LANGUAGES, text
from imgen.ui.event_settings import AT_ONCE, PRIVATE
from imgen.ui.language import language_of, spans

SCRIPT = Path(__file__).with_name("kept.js")
NAME = re.compile(r"own-([a-z]{1,20})-(\d{1,9})-[0-9a-f]{32}")  # method, steps
TICKET = re.compile(r"[\w-]{16,64}", re.ASCII)  # of a visit, or of a page in it
OF_VISIT, OF_ADDRESS, MOST = 4, 160, 400  # networks: of a visit; of an address, behind which a whole class may sit; of all
BYTES_OF_VISIT, BYTES = 32 << 20, 256 << 20
PAGES = 8  # of one visit that are told apart
IDLE = 3 * 3600.0  # seconds after which nobody is there, though no page has said that it goes
LEFT = 60.0  # and after the last page has said so: it may be loading anew


@dataclass(eq=False)
class Visit:
    address: str
    sessions: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    nets: OrderedDict[str, tuple[Card, int]] = field(default_factory=OrderedDict)  # name -> card, bytes
    used: float = field(default_factory=time.monotonic)
    left: float | None = None  # since when no page has been there

    @property
    def bytes(self) -> int:
        return sum(size for _, size in self.nets.values())

    @property
    def over(self) -> bool:
        now = time.monotonic()
        return now - self.used > IDLE or (self.left is not None and now - self.left > LEFT)

    def use(self) -> None:
        self.used, self.left = time.monotonic(), None


class Register:
    """Who has which; of what is too much the oldest goes, of the visit, then of the address, then of the address with most."""

    def __init__(self):
        self.visits: OrderedDict[str, Visit] = OrderedDict()  # by their tickets, the one used last at the end
        self.lock = threading.RLock()

    def join(self, ticket: str, session: str, address: str, page: str = "") -> str:
        """The visit of that ticket, or of that session, is now this session's -> its ticket."""
        with self.lock:
            self.sweep()
            before = self.of_session(session)
            ticket = ticket if TICKET.fullmatch(ticket) else before or secrets.token_urlsafe(16)
            visit = self.visits.setdefault(ticket, Visit(address))
            self.visits.move_to_end(ticket)
            if before not in (None, ticket):  # kept before the page had told its ticket
                visit.nets.update(self.visits.pop(before).nets)
            for known, name in ((visit.sessions, session), (visit.pages, page)):
                if name and name not in known:
                    known[:] = [*known, name][-PAGES:]
            visit.use()
            while len(self.visits) > MOST:
                crowd = Counter(one.address for one in self.visits.values())
                greedy = max(crowd, key=lambda address: crowd[address])
                del self.visits[next(ticket for ticket, one in self.visits.items() if one.address == greedy)]
            return ticket

    def put(self, ticket: str, name: str, card: Card, size: int) -> None:
        with self.lock:
            visit = self.visits[ticket]
            visit.nets[name] = card, size
            while len(visit.nets) > OF_VISIT or visit.bytes > BYTES_OF_VISIT:
                visit.nets.popitem(last=False)
            self.shrink(visit.address, OF_ADDRESS)
            while self.count() > MOST or sum(one.bytes for one in self.visits.values()) > BYTES:
                shares = Counter()
                for one in self.visits.values():
                    shares[one.address] += one.bytes
                self.shrink(max(shares, key=lambda address: shares[address]), 0, 1)

    def shrink(self, address: str, most: int, times: int = MOST) -> None:
        """Take away what is more than that of an address, the visit that was longest unused first."""
        for _ in range(times):
            if self.count(address) <= most:
                return
            next(one for one in self.visits.values() if one.address == address and one.nets).nets.popitem(last=False)

    def count(self, address: str | None = None) -> int:
        return sum(len(one.nets) for one in self.visits.values() if address in (None, one.address))

    def of_session(self, session: str) -> str | None:
        return next((ticket for ticket, one in self.visits.items() if session and session in one.sessions), None)

    def cards(self, ticket: str | None) -> list[Card]:
        with self.lock:
            self.sweep()
            visit = self.visits.get(ticket or "")
            return [card for card, _ in visit.nets.values()] if visit else []

    def find(self, name: str, ticket: str | None) -> Card:
        """Raises UserError: kept_gone."""
        with self.lock:
            found = next((card for card in self.cards(ticket) if card.name == name), None)
            if found is None or ticket is None:
                raise UserError("kept_gone")
            self.visits[ticket].use()
            self.visits.move_to_end(ticket)
            return found

    def leave(self, ticket: str, page: str) -> None:
        """A page goes; with the last one its visit, unless one comes again."""
        with self.lock:
            visit = self.visits.get(ticket)
            if visit and page in visit.pages:
                visit.pages.remove(page)
                if not visit.pages:
                    visit.left = time.monotonic()
                    timer = threading.Timer(LEFT + 1, self.sweep)
                    timer.daemon = True
                    timer.start()

    def sweep(self) -> None:
        with self.lock:
            for ticket in [ticket for ticket, one in self.visits.items() if one.over]:
                del self.visits[ticket]


register = Register()  # of this process


def keep(request: gr.Request, data: bytes, setup: Setup | None = None, visit: str = "") -> str:
    """A network of the lab, as `Job.net` gives it, joins the pickers of whoever asks -> its name.  Raises UserError as `card_of`.

    visit: what the browser sends as `imgenKept.visit`; where an event tells the session, it may be left out.  The pickers show
    it once the browser has called `imgenKept.add(name)`; from then on the address ?tab=<task>&card=<name> opens it.
    """
    setup = setup or setup_of(data)
    steps = facts_of(data).get("steps")
    steps = min(max(steps, 0), 10**9 - 1) if isinstance(steps, int) else 0
    name = f"own-{setup.method}-{steps}-{secrets.token_hex(16)}"
    card = card_of(data, name)
    ticket = register.join(visit, session_of(request), address_of(request))
    register.put(ticket, name, card, len(data))
    return name


def find_card(name: str, visit: str | None = None) -> Card:
    """As the catalogue's, and the visitor's own ones: of whoever's event this is, or of that visit.  Raises UserError."""
    if not is_own(name):
        return catalog.find_card(name)
    return register.find(name, visit or register.of_session(session_of(LocalContext.request.get(None))))


def found(name: str) -> Card | None:
    """None if there is none."""
    try:
        return find_card(name)
    except UserError:
        return None


def has_gone(name: object) -> bool:
    """Whether it was a visitor's own, and is none of this one's."""
    return is_own(name) and found(str(name)) is None


def is_own(name: object) -> bool:
    return isinstance(name, str) and name.startswith("own-")


def mine(visit: str) -> list[Card]:
    return register.cards(visit)


def title(name: str, language: str) -> str:
    """Of any card, by its name alone: of one that has gone it still stands under what it made."""
    own = NAME.fullmatch(name)
    if not own:
        return text(f"title_{name}", language)
    return text("kept_title", language, method=text(f"kept_{own[1]}", language), steps=f"{int(own[2]):,}")


def titled(name: str) -> str:
    """HTML of the title in both languages."""
    return spans(**{language: escape(title(name, language)) for language in LANGUAGES})


def file_stem(name: str) -> str:
    """What files of a card are called: what is a secret is left out."""
    return name.rpartition("-")[0] if NAME.fullmatch(name) else name


def session_of(request) -> str:
    session = getattr(request, "session_hash", None)
    return session if isinstance(session, str) else ""


def address_of(request) -> str:
    return getattr(getattr(request, "client", None), "host", None) or ""


def connect_kept(benches: Iterable) -> None:
    """In each workbench's picker, whatever its visitor keeps; inside the page's Blocks."""
    script = SCRIPT.read_text(encoding="utf-8")
    listener = gr.HTML(js_on_load=script, server_functions=[kept_left], elem_classes="listener")
    listener.value = f'<i data-id="{listener._id}"></i>'  # by which a page that is closing can still call it
    with gr.Column(visible=False):
        ticket = gr.Textbox()
    benches = list(benches)
    shown = listener.keep(
        shower(benches), None, [ticket, *(bench.picker for bench in benches)], trigger_mode="multiple", **AT_ONCE
    )
    shown.then(None, ticket, None, js="visit => { window.imgenKept.shown(visit); }", **PRIVATE)


def shower(benches: list):
    def show(request: gr.Request, event: gr.EventData) -> list:
        """This session belongs to the visit; its pickers show what is kept."""
        said = event._data if isinstance(event._data, dict) else {}
        visit, page = (str(said.get(name) or "") for name in ("visit", "page"))
        ticket = register.join(visit, session_of(request), address_of(request), page if TICKET.fullmatch(page) else "")
        cards, language = mine(ticket), language_of(request)
        named = [(card.task, (title(card.name, language), card.name)) for card in cards]
        return [ticket, *(
            gr.update(choices=[*bench.choices, *(one for task, one in named if task == bench.task)]) for bench in benches
        )]

    return show


def kept_left(data: object, request: gr.Request) -> None:
    """A page says that it goes."""
    if isinstance(data, dict):
        register.leave(str(data.get("visit"))[:64], str(data.get("page"))[:64])

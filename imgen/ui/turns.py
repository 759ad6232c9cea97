"""Whose turn it is: lanes of work, a fair turn for every visitor, and an end for work that nobody waits for any more.

Gradio's queue knows no visitors, can be walked around, and leaves the thread of a cancelled job running.  So the limit stands
here, inside the work: whoever comes, by the page, HTTP or MCP, takes a ticket.  All of this module runs in the server's event
loop; only the work itself runs in threads, of which there are as many as slots.
"""

import asyncio
import itertools
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from imgen import device
from imgen.controls import UserError
from imgen.stopping import Stopped, stopping
from imgen.ui import report
from imgen.ui.language import both

SLOTS = {"quick": 2, "long": 1, "look": 2}  # that run at a time; `look` opens a picture and runs no model
WAITING = {"quick": 2, "long": 2, "look": 8}  # tickets of one visitor that may wait beside the one that runs
OF_ADDRESS = 40  # and of one address, behind which a whole class may sit
OF_ALL = 64
OVERDUE = 4.0  # seconds after which a job holds its slot for long
UNHEARD = 60  # messages of a job that nobody has fetched: then nobody listens
TICK = 0.25  # seconds between two looks whether anybody still waits
longest = 1800.0  # seconds of work after which a job is ended; app.py may set it


@dataclass(eq=False)
class Ticket:
    """A job that waits, runs, or has run."""

    lane: str
    address: str
    visitor: str  # the address and the session, which a program may lack
    number: int
    called: asyncio.Event = field(default_factory=asyncio.Event)
    given_up: bool = False
    dropped: bool = False  # its place was needed for another address
    slot: int = 0
    began: float = 0.0


class Turns:
    """The lanes of one server."""

    def __init__(self):
        self.waiting: list[Ticket] = []
        self.running: list[Ticket] = []
        self.served: dict[str, int] = defaultdict(int)  # address or visitor -> the number of its last call
        self.numbers = itertools.count(1)
        # A thread for each slot, and the first that is free: memory, caches and torch's own threads belong to a thread.
        self.threads = {lane: [ThreadPoolExecutor(1, f"{lane}-{n}") for n in range(slots)] for lane, slots in SLOTS.items()}

    def ask(self, lane: str, address: str, visitor: str) -> Ticket:
        """Raises UserError: visitor_busy, server_busy."""
        here = [ticket for ticket in self.waiting if ticket.lane == lane]
        if sum(ticket.visitor == visitor for ticket in here) >= WAITING[lane]:
            raise UserError("visitor_busy", waiting=WAITING[lane])
        crowd = Counter(ticket.address for ticket in here)
        if crowd[address] >= OF_ADDRESS or (len(here) >= OF_ALL and not self.make_room(here, crowd, address)):
            raise UserError("server_busy")
        ticket = Ticket(lane, address, visitor, next(self.numbers))
        self.waiting.append(ticket)
        self.call()
        return ticket

    def make_room(self, here: list[Ticket], crowd: Counter, address: str) -> bool:
        """Where all places are taken, the newest of the address with most makes room, if that is more than ours would have."""
        greedy, most = crowd.most_common(1)[0]
        if most <= crowd[address] + 1:
            return False
        newest = max((ticket for ticket in here if ticket.address == greedy), key=lambda ticket: ticket.number)
        newest.dropped = True
        self.waiting.remove(newest)
        return True

    def order(self, lane: str) -> list[Ticket]:
        """Those who wait, as they would be called: addresses in turn, and the visitors of an address in turn; who was served
        longest ago comes first.
        """
        running, waiting = ([ticket for ticket in tickets if ticket.lane == lane] for tickets in (self.running, self.waiting))
        visitors, addresses = Counter(one.visitor for one in running), Counter(one.address for one in running)

        def rounds(tickets: list[Ticket], name: str, before: Counter) -> list[tuple[int, int, Ticket]]:
            """Each with the round in which it would be called."""
            found = []
            for ticket in tickets:
                key = getattr(ticket, name)
                found.append((before[key], self.served[key], ticket))
                before[key] += 1
            return sorted(found, key=lambda one: one[:2])  # keeps the order of those alike

        fair = [ticket for *_, ticket in rounds(waiting, "visitor", visitors)]
        return [ticket for *_, ticket in rounds(fair, "address", addresses)]

    def call(self) -> None:
        """Give free slots away; a visitor never has two in one lane."""
        for lane, slots in SLOTS.items():
            for ticket in self.order(lane):
                mine = [one for one in self.running if one.lane == lane]
                if len(mine) >= slots:
                    break
                others = [one for one in mine if one.address == ticket.address]
                late = any(time.monotonic() - one.began > OVERDUE for one in others)
                if any(one.visitor == ticket.visitor for one in mine) or (late and len(mine) == slots - 1):
                    continue  # the last slot is not for an address that holds another for long
                self.waiting.remove(ticket)
                self.running.append(ticket)
                self.served[ticket.address] = self.served[ticket.visitor] = next(self.numbers)
                ticket.slot = min(set(range(slots)) - {one.slot for one in mine})
                ticket.began = time.monotonic()
                ticket.called.set()
        while len(self.served) > 10_000:  # visitors of long ago
            self.served.pop(next(iter(self.served)))

    def place(self, ticket: Ticket) -> int:
        """1: is called next; 0: waits no more, for it has been called."""
        return self.order(ticket.lane).index(ticket) + 1 if ticket in self.waiting else 0

    def end(self, ticket: Ticket) -> None:
        """Of a ticket that waits or whose work has come to its end; a second time does nothing."""
        for tickets in (self.waiting, self.running):
            if ticket in tickets:
                tickets.remove(ticket)
        self.call()


def widen(at_once: int) -> None:
    """As many slots as other machines can fill, before the first visitor comes; half of them at most for long work."""
    SLOTS.update(quick=max(SLOTS["quick"], at_once), long=max(SLOTS["long"], at_once // 2))


_turns: Turns | None = None


def turns() -> Turns:
    """Of the server that this process has."""
    global _turns
    if _turns is None:
        _turns = Turns()
    return _turns


def begin() -> None:
    """A server starts, with all slots free: what one before it left undone ended with its event loop, and gives none back."""
    global _turns
    _turns = Turns()


def give_up() -> None:
    """The server ends: work that runs stops at its next frame."""
    for ticket in turns().running:
        ticket.given_up = True


def wanted(event: str | None) -> bool:
    """Whether anybody still waits for an event of Gradio's queue: who hung up or cancelled does not."""
    blocks = LocalContext.blocks.get(None)
    if event is None or blocks is None:
        return True
    job = blocks._queue.event_ids_to_events.get(event)
    if job is None or not job.alive:
        return False
    unheard = blocks._queue.pending_messages_per_session.get(job.session_hash)
    return unheard is None or unheard.qsize() < UNHEARD


class Job:
    """One run of `work` in the threads of its lane, step by step, under a ticket."""

    def __init__(self, work: Callable, lane: str, request: gr.Request | None):
        address = getattr(getattr(request, "client", None), "host", None) or ""
        self.work, self.event = work, LocalContext.event_id.get(None)
        session = getattr(request, "session_hash", None)
        session = "" if session in (None, self.event) else session  # a caller without one gets his event's name for it
        self.request = getattr(request, "request", None)
        self.turns = turns()
        self.ticket = self.turns.ask(lane, address, f"{address} {session}")
        self.frames: Generator | None = None
        self.step: asyncio.Future | None = None
        self.context = copy_context()
        self.context.run(stopping.set, self.check)

    @property
    def thread(self) -> ThreadPoolExecutor:
        return self.turns.threads[self.ticket.lane][self.ticket.slot]

    def check(self) -> None:
        """Asked by the work itself at every frame, in its thread."""
        if self.ticket.given_up:
            raise Stopped

    async def go_on(self) -> None:
        """Raises Stopped if nobody waits any more, UserError if it has taken too long or had to make room."""
        if self.ticket.dropped:
            raise UserError("server_busy")
        if not wanted(self.event) or (self.event is None and self.request and await self.request.is_disconnected()):
            raise Stopped
        if self.ticket.began and time.monotonic() - self.ticket.began > longest:
            raise UserError("took_too_long", minutes=max(1, round(longest / 60)))

    async def turn(self) -> AsyncIterator[int]:
        """Yields the place in the queue whenever it has changed, until it is this job's turn."""
        known = 0
        while not self.ticket.called.is_set():
            await self.go_on()
            place = self.turns.place(self.ticket)
            if place and place != known:  # while `go_on` waited, it may have been called
                known = place
                yield place
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ticket.called.wait(), TICK)

    async def run(self, function: Callable[..., Any], *values: object) -> Any:
        """`function(*values)` in a thread of the lane.  Raises what it raises, Stopped, UserError."""
        loop = asyncio.get_running_loop()
        self.step = loop.run_in_executor(self.thread, lambda: self.context.run(function, *values))
        while not self.step.done():
            await asyncio.wait({self.step}, timeout=TICK)
            if not self.step.done():
                await self.go_on()
        return self.step.result()

    async def results(self, *values: object) -> AsyncIterator[object]:
        """What the work yields, or the one thing that it returns."""
        if not isgeneratorfunction(self.work):
            yield await self.run(self.work, *values)
            return
        self.frames = self.work(*values)
        while (frame := await self.run(next, self.frames, self)) is not self:
            yield frame
            await self.go_on()

    def end(self) -> None:
        """The ticket is given back when the thread has ended, not before: who hangs up frees no slot that is still in use."""
        self.ticket.given_up = True
        if self.step is not None and not self.step.done():
            self.step.add_done_callback(lambda step: (step.cancelled() or step.exception(), self.close()))
        else:
            self.close()

    def close(self) -> None:
        if self.frames is None and self.step is None:
            return self.turns.end(self.ticket)
        loop = asyncio.get_running_loop()
        closing = loop.run_in_executor(self.thread, self.context.run, self.tidy)
        closing.add_done_callback(lambda _: self.turns.end(self.ticket))

    def tidy(self) -> None:
        with suppress(Exception):
            if self.frames is not None:
                self.frames.close()
        device.release()


def job(work: Callable, *, lane: str | Callable[..., str] = "quick", status=None, stop=None):
    """An event handler that does `work(request, *values)`, which returns or yields, when it is the visitor's turn.

    lane: its name, or what tells it from the values.  status, stop: components that say the place in the queue, and may end the
    waiting.  Raises UserError at once if too much waits already.
    """
    @wraps(work)
    async def handler(request: gr.Request, *values):
        name = lane if isinstance(lane, str) else await look(lane)(*values, request=request)
        now = Job(work, name, request)
        try:
            async for place in now.turn():
                if status is not None:
                    words = report.status(both("status_waiting", place=place), 0)
                    yield {status: words, stop: gr.update(interactive=True)}
            async for frame in now.results(request, *values):
                yield frame
        except Stopped:
            return
        finally:
            now.end()

    return handler


def look(work: Callable):
    """An event handler that opens a picture and is answered at once: it waits for nothing but others of its kind."""
    return once(work, "look")


def once(work: Callable, lane: str):
    """An event handler that does `work(*values)` in one step when it is the turn of whoever asks; `request` says who, if no value
    does.
    """
    @wraps(work)
    async def handler(*values, request=None):
        visitor = next((value for value in values if isinstance(value, gr.Request)), request or LocalContext.request.get(None))
        now = Job(work, lane, visitor)
        try:
            async for _ in now.turn():
                pass
            return await now.run(work, *values)
        except Stopped:
            raise UserError("call_unreadable") from None  # nobody hears it
        finally:
            now.end()

    return handler

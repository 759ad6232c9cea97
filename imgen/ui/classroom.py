"""The room where networks are trained: at most two at a time, a fair line of those who wait, and any number who watch.

A visitor has a desk, under a random name that only he knows; at it he has one training, or two side by side, and a new one takes
the place of the old.  Others watch under the desk's code, which is short enough to be said aloud, but what learns from the
visitor's own pictures only if he shows it; he himself watches under a name that only he knows.  All of it lives in the server's
event loop; what waits for a child process does so in threads of its own.  What nobody watches any more ends, but for a
class run.
"""

import asyncio
import itertools
import json
import logging
import secrets
import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from imgen.controls import UserError
from imgen.lab.job import Job, merged
from imgen.lab.own import Own
from imgen.lab.setups import Setup

log = logging.getLogger("imgen")
SLOTS = 2  # trainings at a time, of one thread each
BOXES = (20, 30, 60)  # seconds that one may take
OVERTIME, PATIENT = 30.0, 300.0  # seconds more that pauses and slow motion may take: while others wait, and else
EVERY = 0.14  # seconds between two frames of a training
BEAT = 4.0  # and between two words to a watcher when nothing happens
GRACE, UNWATCHED = 0.4, 6.0  # seconds after which a training ends: that its last watcher has left; that nobody ever watched
OF_ADDRESS, OF_ALL = 40, 64  # that wait
WATCHERS, ALL_WATCHERS = 120, 400  # of one address, behind which a class or three may sit; and of all
DESKS, DESKS_OF_ADDRESS = 1000, 200
FRESH, ASKERS = 0.8, 40  # seconds for which an answer about a net holds; and those who may wait for one
OWN_BYTES = 256 << 20  # of visitors' own pictures: a whole class with a hundred each, or 18 visitors with as many as one may have
IDLE = 1800.0  # seconds after which a desk at which nothing happens is cleared
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # that nobody takes for one another


@dataclass(eq=False)
class Lane:
    """One of the trainings of a run: what it has told, and how to ask it."""

    setup: Setup
    job: Any = None
    moments: list[dict[str, Any]] = field(default_factory=list)
    error: UserError | None = None
    said: tuple[int, int, bytes] = (0, 0, b"")  # the frame that most watchers ask for: since when, until when, and its bytes
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    askers: int = 0
    answers: dict[str, tuple[float, dict[str, Any]]] = field(default_factory=dict)  # to questions, and when

    def hear(self, moment: dict[str, Any]) -> None:
        if self.moments:
            self.moments[-1] = {"curves": self.moments[-1]["curves"]}  # all that `merged` takes of an older one
        self.moments.append(moment)

    def since(self, seen: int, **more: object) -> bytes:
        """What a watcher who has seen so many moments does not know; encoded once for all of them."""
        if self.said[:2] != (seen, len(self.moments)):
            moment = merged(self.moments[seen:])
            self.said = seen, len(self.moments), event("moment", {**(moment or {}), **more})
        return self.said[2]

    @property
    def left(self) -> float:
        """Seconds that it will still learn."""
        return max(0.0, self.setup.seconds - (self.moments[-1]["seconds"] if self.moments else 0))


@dataclass(eq=False)
class Run:
    """Of a desk: it waits, runs, or is over."""

    desk: "Desk"
    lanes: list[Lane]
    number: int
    state: str = "waiting"
    began: float = field(default_factory=time.monotonic)
    ending: bool = False
    orders: dict[str, Any] = field(default_factory=dict)  # what it was told while it ran, for those who come later
    error: UserError | None = None  # that it was not let in, or could not begin

    @property
    def seconds(self) -> float:
        """What all of it may take, pauses aside."""
        return max(lane.setup.seconds for lane in self.lanes)


@dataclass(eq=False)
class Desk:
    """A visitor's.  token: his secret; code: what others watch by; eye: what he watches by, good for nothing else."""

    token: str
    code: str
    eye: str
    address: str
    shared: bool = False  # a class run: it goes on unwatched, and is listed
    own: Own | None = None
    run: Run | None = None
    used: float = field(default_factory=time.monotonic)
    bells: dict[asyncio.Event, str] = field(default_factory=dict)  # of those who watch, and from which address

    def ring(self) -> None:
        for bell in self.bells:
            bell.set()

    def open_to(self, code: str) -> bool:
        """Whether who comes by that code may see what is learned: of own pictures only what is shown."""
        own = self.run is not None and any(lane.setup.data == "own" for lane in self.run.lanes)
        return self.shared or not own or code == self.eye

    @property
    def busy(self) -> bool:
        return self.run is not None and self.run.state != "over"


class Classroom:
    """One for a server.  start: what makes a job of a setup and the visitor's pictures, and may take a while."""

    def __init__(self, start: Callable[[Setup, Own | None], Any] = Job):
        self.start = start
        self.desks: OrderedDict[str, Desk] = OrderedDict()
        self.codes: dict[str, Desk] = {}
        self.waiting: list[Run] = []
        self.running: list[Run] = []
        self.served: dict[str, int] = defaultdict(int)  # address -> the number of its last call
        self.numbers = itertools.count(1)
        self.hands = ThreadPoolExecutor(6, "classroom")
        self.eyes = ThreadPoolExecutor(4, "classroom-look")  # which may wait long for a slow step, and keep nobody from stopping
        self.tasks: set[asyncio.Task] = set()

    # Desks.
    def desk(self, token: str, address: str) -> Desk:
        """The visitor's, or a new one.  Only his own address may use it."""
        found = self.desks.get(token)
        if found is None or found.address != address:
            self.clear(address)
            found = Desk(secrets.token_urlsafe(16), self.new_code(), secrets.token_hex(10), address)
            self.desks[found.token] = self.codes[found.code] = self.codes[found.eye] = found
        found.used = time.monotonic()
        self.desks.move_to_end(found.token)
        return found

    def mine(self, token: str, address: str) -> Desk:
        """Raises UserError: room_gone."""
        found = self.desks.get(token)
        if found is None or found.address != address:
            raise UserError("room_gone")
        found.used = time.monotonic()
        return found

    def of_code(self, code: str) -> Desk:
        """Raises UserError: room_unknown, room_private."""
        if code not in self.codes:
            raise UserError("room_unknown")
        if not self.codes[code].open_to(code):
            raise UserError("room_private")
        return self.codes[code]

    def new_code(self) -> str:
        while (code := "".join(secrets.choice(LETTERS) for _ in range(6))) in self.codes:
            pass
        return code

    def clear(self, address: str) -> None:
        """Desks that nobody uses; and of an address with too many, or of all, those longest unused."""
        free = [one for one in self.desks.values() if not one.busy and not one.bells]
        gone = [one for one in free if time.monotonic() - one.used > IDLE]
        here = [one for one in free if one.address == address]
        gone += here[: max(0, sum(one.address == address for one in self.desks.values()) - DESKS_OF_ADDRESS + 1)]
        gone += free[: max(0, len(self.desks) - DESKS + 1)]
        for one in set(gone):
            del self.desks[one.token], self.codes[one.code], self.codes[one.eye]

    def bring(self, desk: Desk, own: Own) -> None:
        """The visitor's pictures; if all visitors' are too many, who is longest away loses his, who trains or waits last."""
        desk.own = own
        owners = sorted((one for one in self.desks.values() if one.own and one is not desk), key=lambda one: one.busy)
        while owners and sum(one.own.pictures.nbytes for one in (*owners, desk) if one.own) > OWN_BYTES:
            owners.pop(0).own = None
        self.sweep_later()

    def sweep_later(self) -> None:
        """What a visitor brought and made is forgotten some time after him, even if nobody comes after him."""
        asyncio.get_running_loop().call_later(IDLE + 1, self.clear, "")

    # The line.
    def ask(self, desk: Desk, setups: Sequence[Setup]) -> Run:
        """Have it learn; what it learned before is given up.  Raises UserError: own_needed, server_busy."""
        if any(setup.data == "own" for setup in setups) and desk.own is None:
            raise UserError("own_needed")
        self.end(desk, keep=False)
        crowd = Counter(run.desk.address for run in self.waiting)
        if crowd[desk.address] >= OF_ADDRESS or len(self.waiting) >= OF_ALL:
            raise UserError("server_busy")
        run = desk.run = Run(desk, [Lane(setup) for setup in setups], next(self.numbers))
        self.waiting.append(run)
        self.later(UNWATCHED, desk)
        self.call()
        return run

    def order(self) -> list[Run]:
        """Those who wait, as they would be called: addresses in turn; who was served longest ago comes first."""
        counts, rounds = Counter(run.desk.address for run in self.running), []
        for run in self.waiting:
            address = run.desk.address
            rounds.append((counts[address], self.served[address], run.number, run))
            counts[address] += 1
        return [run for *_, run in sorted(rounds, key=lambda one: one[:3])]

    def place(self, run: Run) -> int:
        """1: is called next; 0: waits no more."""
        return self.order().index(run) + 1 if run in self.waiting else 0

    def call(self) -> None:
        """Give free slots away; the first in the line is never passed by a smaller one."""
        for run in self.order():
            if sum(len(one.lanes) for one in self.running) + len(run.lanes) > SLOTS:
                break
            self.waiting.remove(run)
            self.running.append(run)
            run.state, run.began = "running", time.monotonic()
            self.served[run.desk.address] = next(self.numbers)
            self.task(self.conduct(run))
        while len(self.served) > 10_000:  # visitors of long ago
            self.served.pop(next(iter(self.served)))
        for run in (*self.waiting, *self.running):
            run.desk.ring()

    # A run.
    async def conduct(self, run: Run) -> None:
        """From the first step to the last; its slots are free when its processes have gone, not before."""
        try:
            for lane in run.lanes:
                own = run.desk.own if lane.setup.data == "own" else None
                if lane.setup.data == "own" and own is None:
                    raise UserError("own_needed")
                lane.job = await self.by_hand(self.start, lane.setup, own)
            listening = {asyncio.create_task(self.listen(run, lane)) for lane in run.lanes}
            while listening and not run.ending:
                await asyncio.wait(listening, timeout=0.25)
                listening = {one for one in listening if not one.done()}
                if time.monotonic() - run.began > run.seconds + (OVERTIME if self.waiting else PATIENT):
                    break
            for lane in run.lanes if not run.ending else ():
                await self.by_hand(lane.job.stop)
            for one in listening:
                await asyncio.wait({one}, timeout=1)
                one.cancel()
        except UserError as error:
            run.error = error
        except Exception as error:  # no process could be started
            log.error("a training did not begin", exc_info=error)
            run.error = UserError("something_failed")
        finally:
            await self.by_hand(lambda: [lane.job.close() for lane in run.lanes if lane.job])
            run.state = "over"
            run.desk.used = time.monotonic()
            self.sweep_later()
            self.running.remove(run)
            run.desk.ring()
            self.call()

    async def listen(self, run: Run, lane: Lane) -> None:
        try:
            async for moment in lane.job.watch(EVERY):
                lane.hear(moment)
                run.desk.ring()
        except UserError as error:
            lane.error = error
            run.desk.ring()

    def end(self, desk: Desk, keep: bool = True) -> None:
        """Stop what runs or waits at a desk.  keep: what it has learned stays to be had, which takes up to a second."""
        run = desk.run
        if run is None or run.state == "over" or run.ending:
            return
        if run in self.waiting:
            self.waiting.remove(run)
            run.state = "over"
            desk.ring()
            return self.call()
        run.ending = not keep
        for lane in run.lanes:
            if lane.job:
                self.hands.submit(lane.job.stop if keep else lane.job.close)
            elif keep:
                run.ending = True  # it has not begun: there is nothing to keep

    def steer(self, desk: Desk, orders: Mapping[str, Any], lane: int | None = None) -> None:
        """Both of two, unless one is named.  Raises UserError."""
        run = desk.run
        if run is None or run.state != "running":
            return
        jobs = [one.job for n, one in enumerate(run.lanes) if one.job and lane in (None, n)]
        for job in jobs:
            job.steer(dict(orders))
        run.orders |= {name: value for name, value in orders.items() if name != "step"}
        desk.ring()

    def lane(self, desk: Desk, number: int) -> Lane:
        """Raises UserError: room_nothing."""
        if desk.run is None or number >= len(desk.run.lanes) or desk.run.lanes[number].job is None:
            raise UserError("room_nothing")
        return desk.run.lanes[number]

    async def ask_net(self, lane: Lane, key: str, question: Callable[[], Any]) -> Any:
        """One at a time, for the net would learn the less; and what several ask at about the same time is asked once.

        Raises what it raises, and UserError server_busy.
        """
        if lane.askers >= ASKERS:
            raise UserError("server_busy")
        lane.askers += 1
        try:
            async with lane.asking:
                key = f"{key} {lane.job.over}"  # what was so while it learned is not what it kept
                when, answer = lane.answers.get(key, (0.0, None))
                if time.monotonic() - when > FRESH:
                    answer = await asyncio.get_running_loop().run_in_executor(self.eyes, question)
                    lane.answers = dict([*lane.answers.items(), (key, (time.monotonic(), answer))][-8:])
                return answer
        finally:
            lane.askers -= 1

    # Those who watch.
    def told(self, desk: Desk) -> dict[str, Any]:
        """How it stands: what a watcher must know beside the moments themselves."""
        run = desk.run
        said: dict[str, Any] = {"viewers": len(desk.bells), "shared": desk.shared, "state": run.state if run else "empty"}
        if run:
            said |= {"run": run.number, "setups": [lane.setup.written() for lane in run.lanes], "place": self.place(run),
                     "orders": dict(run.orders)}
            if errors := [one for one in (run.error, *(lane.error for lane in run.lanes)) if one]:
                said["error"] = errors[0]
            if run.state == "waiting":
                said["wait"] = self.wait(run)
        return said

    def wait(self, run: Run) -> int:
        """Seconds until it is called, as far as one can know."""
        free = sorted([lane.left for one in self.running for lane in one.lanes] + [0.0] * SLOTS)[-SLOTS:]
        for one in self.order():
            begins = sorted(free)[len(one.lanes) - 1]
            if one is run:
                return round(begins)
            free = sorted(free)[len(one.lanes) :] + [begins + one.seconds] * len(one.lanes)
        return 0

    def listed(self) -> list[Desk]:
        """What anybody may watch: class runs, and what runs on pictures that are nobody's own; first what runs now."""
        def is_open(run: Run) -> bool:
            return run.state == "running" and all(lane.setup.data != "own" for lane in run.lanes)

        found = [desk for desk in self.desks.values() if desk.run and (desk.shared or is_open(desk.run))]
        return sorted(found, key=lambda desk: (desk.run is None or desk.run.state != "running", -desk.used))

    def admit(self, address: str) -> bool:
        """Whether one more may watch."""
        there = Counter(one for desk in self.desks.values() for one in desk.bells.values())
        return there[address] < WATCHERS and there.total() < ALL_WATCHERS

    async def watch(self, code: str, address: str, worded: Callable[[UserError], str]) -> AsyncGenerator[bytes]:
        """Server-sent events: "state" whenever it changes, "moment" with what is new; ends with the run, but for a class run,
        and when it is no longer for whoever came by that code.

        A viewer who is slow gets fewer frames, and still all curves.
        """
        desk = self.codes.get(code)
        if desk is None:
            return
        bell, told, seen, number = asyncio.Event(), None, [0, 0], 0
        desk.bells[bell] = address
        try:
            desk.ring()
            yield b"retry: 300\n\n"
            while True:
                bell.clear()
                if not desk.open_to(code):
                    return
                run = desk.run
                if run and run.number != number:
                    number, seen = run.number, [0, 0]
                state = self.told(desk)
                over = state["state"] == "over"
                for n, lane in enumerate(run.lanes if run else ()):
                    if seen[n] < len(lane.moments):
                        if told is None or told.get("run") != number:
                            break  # first of all what it is
                        frame, seen[n] = lane.since(seen[n], lane=n, run=number), len(lane.moments)
                        yield frame
                if state != told:
                    told = state
                    yield event("state", {**state, **({"error": worded(state["error"])} if "error" in state else {})})
                    bell.set()  # there may be moments that had to wait for it
                elif over and not desk.shared and desk.run is run:
                    return
                try:
                    await asyncio.wait_for(bell.wait(), BEAT)
                except TimeoutError:
                    yield b": \n\n"  # whether anybody is still there
        finally:
            desk.bells.pop(bell, None)
            desk.used = time.monotonic()
            desk.ring()
            self.later(GRACE, desk)

    def later(self, seconds: float, desk: Desk) -> None:
        """End what nobody watches by then."""
        run = desk.run

        def look() -> None:
            if desk.run is run and desk.busy and not desk.bells and not desk.shared:
                self.end(desk, keep=False)

        asyncio.get_running_loop().call_later(seconds, look)

    # Threads and tasks.
    async def by_hand(self, function: Callable[..., Any], *values: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.hands, lambda: function(*values))

    def task(self, work: Any) -> None:
        """Until it has ended: the event loop itself holds on to no task."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def close(self) -> None:
        """The server ends."""
        for run in self.running:
            for lane in run.lanes:
                if lane.job:
                    lane.job.close()


def event(name: str, data: Mapping[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


classroom = Classroom()

"""A training in a process of its own, as the page sees it."""

import asyncio
import threading
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from imgen.controls import UserError
from imgen.image import decode
from imgen.lab.nursery import Nursery, nursery
from imgen.lab.own import Own
from imgen.lab.pipe import put, take, take_json
from imgen.lab.setups import Setup, ordered

if TYPE_CHECKING:
    from imgen.lab.looking import LookingBack

Moment = dict[str, Any]
PATIENCE = 10.0  # seconds for an answer
GRACE, LATE = 0.7, 4.0  # seconds that Stop waits for a last look and the net, and after which it is ended without


class Job:
    """`Job(setup)` begins at once; it ends by itself, by `stop`, or by `close`, and what it learned stays here.

    Any number may watch: each gets what is new since it looked last, and all curves from the beginning.
    """

    def __init__(self, setup: Setup, own: Own | None = None, ground: Nursery = nursery):
        """own: the visitor's pictures, see `own.own_pictures`."""
        self.setup, self.began = setup, time.monotonic()
        self._moments: list[Moment] = []
        self._net: bytes | None = None
        self._error: UserError | None = None
        self._answers: dict[int, Any] = {}
        self._asked = 0
        self._changed, self._writing = threading.Condition(), threading.Lock()
        self._over = self._stopping = False
        self._shown, self._seen, self._opening = "", None, threading.Lock()  # what was put in, and the net, once it has ended
        self._child = ground.child()
        said = own and {"shape": own.pictures.shape, "labels": own.labels.tolist(), "classes": own.classes}
        self._send({"setup": setup.written(), "own": said}, *([own.pictures.tobytes()] if own else []))
        threading.Thread(target=self._read, daemon=True, name="lab").start()

    @property
    def over(self) -> bool:
        """Whether it has ended, however."""
        return self._over

    @property
    def error(self) -> UserError | None:
        """What went wrong with the process; that a loss ran away is no error but the last moment's "trouble"."""
        return self._error

    def latest(self) -> Moment | None:
        """All that is known by now: the newest moment with the curves from the beginning."""
        with self._changed:
            return merged(self._moments) if self._moments else None

    def moments(self) -> Iterator[Moment]:
        """Each new moment, the first with all curves so far; ends with the training.  Raises UserError lab_died and others."""
        seen = 0
        while True:
            with self._changed:
                while len(self._moments) <= seen and not self._over:
                    self._changed.wait()
                new, seen = self._moments[seen:], len(self._moments)
            if new:
                yield merged(new)
            elif self._error:
                raise self._error
            else:
                return

    async def watch(self, every: float = 0.1) -> AsyncIterator[Moment]:
        """`moments` for an event loop: holds no thread, however many watch."""
        seen = 0
        while True:
            with self._changed:
                new, seen, over = self._moments[seen:], len(self._moments), self._over
            if new:
                yield merged(new)
            elif over:
                if self._error:
                    raise self._error
                return
            await asyncio.sleep(every)

    def steer(self, orders: dict[str, Any]) -> None:
        """Knobs by their names, "pause", "step", "slow".  Raises UserError for what is not there or out of range."""
        self._send(ordered(self.setup, orders))

    def look(self, question: dict[str, Any]) -> dict[str, Any]:
        """What is in the net just now, see `looking.answer`; of one that has ended, in what it kept.  Raises UserError."""
        if self._over:
            return self._back().answer(question)
        found = self._ask({"look": question})
        if "error" in found:
            raise UserError(found["error"], **found.get("facts", {}))
        return found["answer"]

    def _back(self) -> "LookingBack":
        from imgen.lab.looking import LookingBack  # which needs torch

        with self._opening:
            if self._seen is None:
                self._seen = LookingBack(self.net(), decode(b64decode(self._shown)) if self._shown else None)
            return self._seen

    def net(self) -> bytes:
        """What it has learned so far, a safetensors file, see `kept`; of one that was killed, what it had some seconds before.

        Raises UserError lab_died if there is nothing.
        """
        if self._stopping:
            with self._changed:
                self._changed.wait_for(lambda: self._over, LATE)
        elif not self._over and isinstance(found := self._ask({"net": True}), bytes):
            return found
        if self._net is None:
            raise self._error or UserError("lab_died")
        return self._net

    def stop(self) -> None:
        """End it, and keep what it learned; returns within a second.  On a busy machine the net may take a moment longer."""
        self._stopping = True
        self._send({"stop": True})
        with self._changed:
            if self._changed.wait_for(lambda: self._over, GRACE):
                return
        late = threading.Timer(LATE, self.close)
        late.daemon = True
        late.start()

    def close(self) -> None:
        """End it at once: the process goes, and its memory."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        self._child.end()

    def _ask(self, question: dict[str, Any]) -> Any:
        with self._changed:
            self._asked += 1
            number = self._asked
        self._send({**question, "number": number})
        with self._changed:
            self._changed.wait_for(lambda: number in self._answers or self._over, PATIENCE)
            return self._answers.pop(number, {"error": "lab_died"})

    def _send(self, *frames: dict[str, Any] | bytes) -> None:
        with self._writing, suppress(OSError, ValueError):  # it has ended: whoever reads will say so
            put(self._child.asked, *frames)

    def _read(self) -> None:
        """In a thread of its own, until the child has ended."""
        ended = False
        with suppress(OSError, ValueError):
            while (frame := take_json(self._child.answers)) is not None:
                blob = take(self._child.answers) if "net" in frame else None
                with self._changed:
                    ended = ended or "end" in frame
                    self._shown = frame.get("shown") or self._shown
                    self._heard(frame, blob)
                    self._changed.notify_all()
        with self._changed:
            if not ended and not self._error and not self._over:
                self._error = UserError("lab_died")
            self._over = True
            self._changed.notify_all()
        self._child.end()
        self._child.answers.close()

    def _heard(self, frame: dict[str, Any], blob: bytes | None) -> None:
        match frame:
            case {"moment": moment}:
                if self._moments:
                    self._moments[-1] = {"curves": self._moments[-1]["curves"]}  # all that `merged` takes of an older one
                self._moments.append(moment)
            case {"net": number}:
                self._net = blob
                self._answers[number] = blob
            case {"looked": number}:
                self._answers[number] = frame
            case {"error": key}:
                self._error = UserError(key, **frame["facts"])


def merged(moments: list[Moment]) -> Moment:
    """The last one, with the curves of all."""
    curves: dict[str, list] = {}
    for moment in moments:
        for name, points in moment["curves"].items():
            curves.setdefault(name, []).extend(points)
    return {**moments[-1], "curves": curves}

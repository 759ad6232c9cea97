"""A training that is watched: steps by the recipe, and now and then a moment."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from imgen.lab.courses import Course
from imgen.lab.data import lot_for
from imgen.lab.looking import Looking
from imgen.lab.methods import METHODS
from imgen.lab.own import Own
from imgen.lab.setups import Setup

Moment = dict[str, Any]
Orders = Mapping[str, Any]
EVERY = 0.1  # seconds at least between two moments,
SHARE = 0.15  # and what looking may take of the time: a DCGAN of 60 ms a step is seen five times a second
RUNAWAY = 1e4  # a loss as many times what it was at first, or 1 if that was less, is one that runs away
KEPT_EVERY = 50  # steps after which healthy weights are remembered
TOLD = 40  # changes while it learned that a moment tells, the newest ones
MOST_PAUSED, TICK = 600.0, 0.02  # seconds of waiting in all, and between two questions whether it shall go on


def run(setup: Setup, steer: Callable[[], Orders] = dict, own: Own | None = None) -> Iterator[Moment]:
    """Learn as `setup` says and yield moments, the first before the first step, the last with "done".

    steer: asked before each step for what is new: knobs by their names, "pause" True or False, "step" (that many while paused),
    "slow" (seconds for each step), "stop".  The same setup makes the same weights, bit for bit, however it is looked at.
    """
    yield from Teaching(setup, own).moments(steer)


class Teaching:
    """One run: the course, and where it stands."""

    def __init__(self, setup: Setup, own: Own | None = None):
        self.setup = setup
        torch.manual_seed(setup.seed)
        self.lot = lot_for(setup, own)
        self.course: Course = METHODS[setup.method](self.lot, **setup.knobs)
        self.step, self.trouble, self.seconds = 0, None, 0.0
        self.looking = Looking(self)
        self.steered: list[dict[str, Any]] = []  # what was changed, and before which step
        self.scores: dict[str, Any] = {}
        self._sums: dict[str, float] = defaultdict(float)
        self._counted, self._first, self._kept = 0, {}, (0, self.course.healthy())

    def moments(self, steer: Callable[[], Orders]) -> Iterator[Moment]:
        paused, allowed, slow, stop, waits_until = False, 0, 0.0, False, 0.0
        began = looked = time.monotonic()
        cost, lost = 0.0, 0.0  # seconds of the last look, and those in which it waited
        moment = self.moment()
        while True:
            yield moment
            looked = time.monotonic()
            moment = None
            while moment is None:
                orders = steer()
                stop = stop or bool(orders.get("stop"))
                paused, slow = orders.get("pause", paused), orders.get("slow", slow)
                allowed = allowed + orders.get("step", 0) if paused else 0
                self.order(orders)
                if stop or self.over() or lost > MOST_PAUSED:
                    break
                before = time.monotonic()
                if paused and not allowed or before < waits_until:
                    time.sleep(TICK)
                    lost += time.monotonic() - before
                    continue
                self.advance()
                allowed, waits_until = max(0, allowed - 1), before + slow
                now = time.monotonic()
                self.seconds = now - began - lost
                if self.trouble:
                    break
                if paused or slow > EVERY or now - looked >= max(EVERY, cost * (1 / SHARE - 1)):
                    moment = self.moment()
                    cost = time.monotonic() - now
            if moment is None:
                yield self.moment() | {"done": True}
                return

    @property
    def kept(self) -> int:
        """Steps behind the weights that there are."""
        return self._kept[0] if self.trouble else self.step

    def order(self, orders: Orders) -> None:
        changes = {name: value for name, value in orders.items() if name in self.course.steered}
        if changes:
            self.course.steer(**changes)
            self.steered.append({"step": self.step, **changes})

    def over(self) -> bool:
        return self.step >= self.setup.steps if self.setup.steps else self.seconds >= self.setup.seconds

    def advance(self) -> None:
        """One step; if it went wrong, back to when all was well."""
        losses = {name: value.item() for name, value in self.course.step().items()}
        self.step += 1
        for name, value in losses.items():
            self._sums[name] += value
        self._counted += 1
        if not self._first:
            self._first = {name: max(1.0, abs(value)) for name, value in losses.items()}
        if not all(map(math.isfinite, losses.values())):
            self.trouble = "lab_not_a_number"
        elif any(abs(value) > RUNAWAY * self._first[name] for name, value in losses.items()):
            self.trouble = "lab_runaway"
        if self.trouble:
            self.course.back_to(self._kept[1])
        elif self.step % KEPT_EVERY == 0:
            self._kept = self.step, self.course.healthy()

    def moment(self) -> Moment:
        with torch.random.fork_rng(devices=[]):  # a training must not depend on being watched
            torch.manual_seed(0)
            shown = self.course.look()
        self.scores = {name: round(value, 4) for name, value in shown.pop("scores").items() if math.isfinite(value)}
        means = {name: value / self._counted for name, value in self._sums.items()}
        means = {name: float(f"{value:.5g}") for name, value in means.items() if math.isfinite(value)}
        self._sums.clear()
        self._counted = 0
        curves = {name: [[self.step, value]] for name, value in {**means, **self.scores}.items()}
        gradients = {name: float(f"{value:.3g}") for name, value in self.course.gradients().items() if math.isfinite(value)}
        return {
            "step": self.step, "seconds": round(self.seconds, 2), "losses": means, "curves": curves, "scores": self.scores,
            "gradients": gradients, "done": False, "trouble": self.trouble, "kept": self.kept,
            "steered": self.steered[-TOLD:], **shown,
        }

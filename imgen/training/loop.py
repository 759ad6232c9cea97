"""The one training loop: every network of the project goes through it."""

import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from imgen.image import Frame


class Recipe(Protocol):
    """What one step of a method does.  `state` names everything that must survive an interruption."""

    state: dict[str, torch.nn.Module | torch.optim.Optimizer]

    def step(self, progress: float) -> dict[str, Tensor]:
        """One update; progress in [0, 1) drives schedules.  Returns the losses, still tensors (reading them costs)."""

    def weights(self) -> dict[str, Tensor]:
        """What the card's nets load: the result so far."""


def train(recipe: Recipe, steps: int, checkpoint: Path, *, save_every: float = 180, report_every: int = 50) -> Iterator[Frame]:
    """Take `steps` steps, going on from `checkpoint` if it is there; yields losses and the time left.

    The checkpoint (all of `recipe.state`, the random state, the step) is written every `save_every` seconds, at the end,
    and when the generator is closed: that is how Stop keeps what was learned.
    """
    done, plans = resume(recipe, checkpoint)
    plans = plans if plans[-1:] == [steps] else [*plans, steps]
    sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros(()))
    began = saved = time.monotonic()
    first = told = done
    try:
        while done < steps:
            for name, value in recipe.step(done / steps).items():
                sums[name] = sums[name] + value.detach()
            done += 1
            if done % report_every == 0 or done == steps:
                losses = {name: total.item() / (done - told) for name, total in sums.items()}
                sums.clear()
                told = done
                seconds = time.monotonic() - began
                yield Frame(done, steps, facts={**losses, "seconds_left": seconds / (done - first) * (steps - done)})
            if time.monotonic() - saved > save_every:
                save(recipe, done, plans, checkpoint)
                saved = time.monotonic()
    finally:
        if done > first:
            save(recipe, done, plans, checkpoint)


def save(recipe: Recipe, done: int, plans: list[int], checkpoint: Path) -> None:
    """`plans`: the steps that the training was to take, one for each time that this was changed: schedules hang on it."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    state = {name: part.state_dict() for name, part in recipe.state.items()}
    fresh = checkpoint.with_suffix(".new")  # a crash while writing must not cost the old one
    torch.save({"done": done, "plans": plans, "random": torch.get_rng_state(), "state": state}, fresh)
    fresh.replace(checkpoint)


def resume(recipe: Recipe, checkpoint: Path) -> tuple[int, list[int]]:
    if not checkpoint.exists():
        return 0, []
    saved = torch.load(checkpoint, weights_only=True)
    for name, part in recipe.state.items():
        part.load_state_dict(saved["state"][name])
    torch.set_rng_state(saved["random"])
    return saved["done"], saved["plans"]

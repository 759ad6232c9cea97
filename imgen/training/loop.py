"""The one training loop: every network of the project goes through it.  In several processes see `together`."""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from imgen import device
from imgen.functional.together import begin, is_first, mean, parted, told
from imgen.image import Frame


class Recipe(Protocol):
    """What one step of a method does.  `state` names everything that must survive an interruption."""

    state: dict[str, torch.nn.Module | torch.optim.Optimizer]
    device: str

    def step(self, progress: float) -> dict[str, Tensor]:
        """One update; progress in [0, 1) drives schedules.  Returns the losses, still tensors (reading them costs)."""
        ...

    def weights(self) -> dict[str, Tensor]:
        """What the card's nets load: the result so far."""
        ...

    def sample(self) -> Tensor | None:
        """Pictures (N, C, H, W) in [0, 1] of what it can do by now, always for the same wish; None if there is nothing to see."""
        ...


MOMENTS = 16


@dataclass
class History:
    """How a training went."""

    done: int = 0
    plans: list[int] = field(default_factory=list)  # steps to take, at first and after each change: schedules hang on it
    losses: list[dict[str, float]] = field(default_factory=list)  # means since the last entry, and the step
    moments: list[tuple[int, Tensor]] = field(default_factory=list)  # steps, and samples as uint8
    earlier: int = 0  # steps that the weights it began with had taken
    precisions: list[str] = field(default_factory=list)  # see `device.precision`: at first, and after each change of machine


def train(
    recipe: Recipe, steps: int, checkpoint: Path, *, save_every: float = 180, report_every: int = 50, earlier: int = 0
) -> Iterator[Frame]:
    """Take `steps` steps, going on from `checkpoint` if it is there; yields losses and the time left.

    The checkpoint (all of `recipe.state`, the random state, the history) is written every `save_every` seconds, at the end,
    and when the generator is closed: that is how Stop keeps what was learned.  earlier: see `History`.
    """
    history = resume(recipe, checkpoint) or History(earlier=earlier)
    begin(recipe.state)
    if history.plans[-1:] != [steps]:
        history.plans.append(steps)
    precision = device.precision(recipe.device)
    if history.precisions[-1:] != [precision]:
        history.precisions.append(precision)
    sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros(()))
    began = saved = time.monotonic()
    first = reported = history.done
    try:
        while history.done < steps:
            remember(recipe, history, steps)
            with parted():
                for name, value in recipe.step(history.done / steps).items():
                    sums[name] = sums[name] + value.detach()
            history.done = done = history.done + 1
            if done % report_every == 0 or done == steps:
                with parted():
                    losses = {name: mean(total).item() / (done - reported) for name, total in sums.items()}
                sums.clear()
                reported = done
                history.losses.append({"step": done, **losses})
                seconds = time.monotonic() - began
                yield Frame(done, steps, facts={**losses, "seconds_left": seconds / (done - first) * (steps - done)})
            if time.monotonic() - saved > save_every:
                save(recipe, history, checkpoint)
                saved = time.monotonic()
        remember(recipe, history, steps)
    finally:
        if history.done > first:
            save(recipe, history, checkpoint)


def remember(recipe: Recipe, history: History, steps: int) -> None:
    """Take a sample if its moment has come: at 0, 1/225, 4/225 … of the steps, because the first steps change most."""
    if not is_first() or history.done not in {round(steps * (n / (MOMENTS - 1)) ** 2) for n in range(MOMENTS)}:
        return
    with torch.random.fork_rng():  # a training must not depend on being watched
        torch.manual_seed(0)
        sample = recipe.sample()
    if sample is not None and [step for step, _ in history.moments[-1:]] != [history.done]:
        history.moments.append((history.done, sample.mul(255).round().byte().cpu()))


def save(recipe: Recipe, history: History, checkpoint: Path) -> None:
    """By the first process, if there are several."""
    if not is_first():
        return
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    state = {name: part.state_dict() for name, part in recipe.state.items()}
    fresh = checkpoint.with_suffix(".new")  # a crash while writing must not cost the old one
    torch.save({**asdict(history), "random": torch.get_rng_state(), "state": state}, fresh)
    fresh.replace(checkpoint)


def resume(recipe: Recipe, checkpoint: Path) -> History | None:
    saved = told(torch.load(checkpoint, weights_only=True) if is_first() and checkpoint.exists() else None)
    if saved is None:
        return None
    for name, part in recipe.state.items():
        part.load_state_dict(saved["state"][name])
    torch.set_rng_state(saved["random"])
    return history_of(saved)


def history_of(saved: dict[str, object]) -> History:
    """Of a loaded checkpoint; older ones lack what was not yet remembered: all trained in bfloat16, whatever the machine."""
    known = {"precisions": ["bfloat16"], **saved}
    return History(**{name: known[name] for name in History.__dataclass_fields__ if name in known})

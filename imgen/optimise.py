"""A picture that is itself what learns: its pixels are moved until a loss is small.  Gatys et al. 2016."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

MEMORY = 1 << 26  # values that the last steps and gradients may fill together: 256 MiB


def optimised(
    loss: Callable[[Tensor], Tensor], start: Tensor, *, first: float = 0.01, furthest: float = 0.03
) -> Iterator[tuple[Tensor, float]]:
    """L-BFGS without line search: yields the picture, and the loss before its last step, as long as one asks.

    start (1, 3, H, W); loss: picture -> (), asked once a step.
    first, furthest: mean movement of a value in the first step, and at most in any.  `torch.optim.LBFGS` begins so timidly that
    bfloat16 sees no difference, and without a line search it can leap out of sight; else the steps are its own.
    It remembers as many steps as fit into MEMORY, 10 to 50: the gradients of bfloat16 are rough, and more of them average out.
    """
    history = max(10, min(50, MEMORY // (2 * start.numel())))
    unit = first * start.numel()  # its first step moves all values by 1 together: so they are counted in this unit
    x = (start.detach() / unit).contiguous().requires_grad_(True)
    optimizer = torch.optim.LBFGS([x], max_iter=1, history_size=history, tolerance_grad=0, tolerance_change=0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(x * unit)
        value.backward()
        return value

    while True:
        before = x.detach().clone()
        value = optimizer.step(closure).item()
        with torch.no_grad():
            moved = (x - before).abs().mean().item() * unit
            if moved > furthest:
                x.copy_(torch.lerp(before, x, furthest / moved))
                optimizer.state[x]["t"] *= furthest / moved  # it must know how long the step was
        yield x.detach() * unit, value

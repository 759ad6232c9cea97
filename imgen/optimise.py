"""A picture that is itself what learns: its pixels are moved until a loss is small.  Gatys et al. 2016."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor


def optimised(loss: Callable[[Tensor], Tensor], start: Tensor, history: int = 10) -> Iterator[tuple[Tensor, float]]:
    """L-BFGS without line search: yields the picture, and the loss before its last step, as long as one asks.

    start (1, 3, H, W); loss: picture -> (), asked once a step.  The picture that is yielded is the same tensor each time.
    Steps are those of one long `torch.optim.LBFGS.step`, cut into single ones so that one can watch.
    """
    x = start.detach().clone().contiguous().requires_grad_(True)
    optimizer = torch.optim.LBFGS([x], max_iter=1, history_size=history, tolerance_grad=0, tolerance_change=0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        return value

    while True:
        value = optimizer.step(closure).item()
        yield x.detach(), value

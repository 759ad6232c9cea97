"""The exponential moving average (EMA) of a net's weights, and batch norm recalibrated for it."""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

N = TypeVar("N", bound=nn.Module)


class EMA(nn.Module):
    """What a net has become over the last steps, without their jitter.  Recipes save it as "average", as they always have."""

    net: Any  # of the class that the recipe gave
    steps: Tensor

    def __init__(self, net: nn.Module, decay: float):
        super().__init__()
        self.net, self.decay = copy.deepcopy(net).requires_grad_(False), decay
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        self.steps += 1
        steps = self.steps.item()
        decay = min(self.decay, (1 + steps) / (10 + steps))  # a young average forgets fast
        for mine, theirs in zip(self.net.parameters(), net.parameters(), strict=True):
            mine.lerp_(theirs, 1 - decay)
        for mine, theirs in zip(self.net.buffers(), net.buffers(), strict=True):
            mine.copy_(theirs)


@torch.no_grad()
def recalibrated_batch_norm(net: N, feed: Callable[[N], object], batches: int = 32) -> N:
    """A copy whose batch norm has the statistics of what `feed` shows it: averaged weights need their own."""
    net = copy.deepcopy(net).train()
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over all that follows
    for _ in range(batches):
        feed(net)
    return net.eval()

"""A network between two of one shape."""

import torch
from torch import nn


@torch.no_grad()
def move_from(net: nn.Module, faithful: nn.Module, share: float) -> None:
    """Set the weights of `net` to a weighted mean: those of `faithful` at 0, its own at 1.

    Source: network interpolation of ESRGAN, Wang et al. 2018, arXiv:1809.00219.
    """
    for mine, theirs in zip(net.parameters(), faithful.parameters(), strict=True):
        mine.copy_(theirs.float().lerp(mine.float(), share))

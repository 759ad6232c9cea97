"""Blocks that several architectures share."""

import torch.nn.functional as F
from torch import Tensor


def condition(label: Tensor, classes: int, like: Tensor) -> Tensor:
    """A class as numbers beside noise or pixels: (N,) int64 -> one-hot (N, classes).  Shares (N, classes) of several stay."""
    return (label if label.is_floating_point() else F.one_hot(label, classes)).to(like.dtype)

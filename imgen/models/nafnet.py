"""A light network that mends pictures: a U of gated blocks.  After NAFNet, Chen et al. 2022, arXiv:2204.04676.

A block has no activation but a product: one half of its channels decides what passes of the other.  Unlike the paper: nothing
is averaged over the picture, so that tiles are exact; it works at half and a quarter of the size, never at the whole; one
full 3×3 convolution does what a pointwise and a depthwise one do there (faster where hardware multiplies in blocks of 32); and
the gate is a sigmoid, which holds without layer norm, where the plain product ended in infinity after some hundred steps.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgen.functional.resample import filled_up
from imgen.models.layers import begin_at_zero


class Gated(nn.Module):
    """x + what passes the gate."""

    def __init__(self, width: int, dilation: int = 1):
        super().__init__()
        self.find = nn.Conv2d(width, 2 * width, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Conv2d(width, width, 1)
        self.share = nn.Parameter(torch.full((1, width, 1, 1), 0.1))  # a deep net begins as a shallow one

    def forward(self, x: Tensor) -> Tensor:
        return x + self.share * self.mix(F.glu(self.find(x), 1))


class NAFNet(nn.Module):
    """Colour in, colour out."""

    scale, channels = 1, 3
    grid = 4  # sizes must be multiples of it: the forward pass fills up, and tiles must begin at multiples

    def __init__(self, blocks: tuple[int, int, int] = (2, 6, 2), widths: tuple[int, int] = (64, 96)):
        super().__init__()
        wide, deep = widths
        before, within, after = blocks
        # In pixels: head, tail and each block at half size see 2 further, each at a quarter 4; the corner of a cell 3.
        self.receptive_radius = 2 + 2 * (before + after) + 4 * within + 2 + 3
        self.head = nn.Conv2d(12, wide, 3, padding=1)
        self.before = nn.Sequential(*(Gated(wide) for _ in range(before)))
        self.down = nn.Conv2d(wide, deep, 2, stride=2)
        self.within = nn.Sequential(*(Gated(deep) for _ in range(within)))
        self.up = nn.Conv2d(deep, 4 * wide, 1)
        self.after = nn.Sequential(*(Gated(wide) for _ in range(after)))
        self.tail = nn.Conv2d(wide, 12, 3, padding=1)
        begin_at_zero(self.tail)

    def forward(self, degraded: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1], or beyond it by noise -> clean, the same shape, not clamped."""
        height, width = degraded.shape[2:]
        x = filled_up(degraded, self.grid)
        x = F.pixel_unshuffle(x.to(self.head.weight.dtype) - 0.5, 2)   # (N, 12, H/2, W/2)
        half = self.before(self.head(x))
        quarter = self.within(self.down(half))                         # (N, deep, H/4, W/4)
        half = self.after(half + F.pixel_shuffle(self.up(quarter), 2))
        return degraded + F.pixel_shuffle(self.tail(half), 2)[..., :height, :width]

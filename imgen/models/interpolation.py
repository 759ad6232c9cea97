"""Interpolation as a net without parameters, so that it stands beside the networks that learned."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgen.functional.resample import enlarged, reach


class Interpolation(nn.Module):
    channels = None  # any number

    def __init__(self, kernel: str):
        super().__init__()
        self.kernel, self.receptive_radius = kernel, reach(kernel)

    def forward(self, lr: Tensor, scale: int) -> Tensor:
        """LR (N, C, H, W) -> (N, C, sH, sW), not clamped."""
        return enlarged(lr, self.kernel, scale)


class Trilinear(nn.Module):
    """Between the pixels of two levels of a pyramid, and between the levels.  Williams 1983, "Pyramidal parametrics"."""

    channels = None
    levels = 3  # above the picture itself, each half as large
    grid = 2**levels  # what becomes one pixel of the last
    receptive_radius = 2 * 2**levels

    def forward(self, lr: Tensor, scale: int, level: float) -> Tensor:
        """LR (N, C, H, W), level in [0, levels] -> (N, C, sH, sW): sharp at 0, where it is bilinear, softer above."""
        below = min(int(level), self.levels - 1)
        fine, coarse = (self.at(lr.float(), scale, n) for n in (below, below + 1))
        return torch.lerp(fine, coarse, level - below)

    def at(self, x: Tensor, scale: int, level: int) -> Tensor:
        height, width = x.shape[2:]
        for _ in range(level):
            x = F.avg_pool2d(x, 2, ceil_mode=True)
        return enlarged(x, "bilinear", scale * 2**level)[..., : height * scale, : width * scale]

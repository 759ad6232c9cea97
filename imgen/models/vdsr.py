"""VDSR: super-resolution as deep as VGG.  Kim et al. 2016, arXiv:1511.04587.

Twenty 3×3 convolutions over an interpolated picture find what it lacks.  Unlike the paper: one net per scale, Muon instead
of clipped gradients.
"""

from torch import Tensor, nn

from imgen.functional.resample import enlarged
from imgen.models.layers import chain, dtype_of, in_bands, reach_of


class VDSR(nn.Module):
    """Luminance in, luminance out."""

    channels = 1

    def __init__(self, scale: int, depth: int = 20, width: int = 64):
        super().__init__()
        self.scale, self.depth, self.receptive_radius = scale, depth, reach_of(depth, scale)
        self.detail = chain(1, depth, width)

    def forward(self, lr: Tensor) -> Tensor:
        """LR (N, 1, H, W) in [0, 1] -> SR (N, 1, sH, sW), not clamped."""
        x = enlarged(lr, "bicubic", self.scale)
        return x + in_bands(self.detail, x.to(dtype_of(self.detail)), self.depth)

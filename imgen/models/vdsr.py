"""VDSR: super-resolution as deep as VGG.  Kim et al. 2016, arXiv:1511.04587.

Twenty 3×3 convolutions over an interpolated picture find what it lacks.  Unlike the paper: one net per scale, Muon instead
of clipped gradients.
"""

from torch import Tensor, nn

from imgen.models.layers import reach_of
from imgen.resample import enlarged


class VDSR(nn.Module):
    """Luminance in, luminance out."""

    channels = 1

    def __init__(self, scale: int, depth: int = 20, width: int = 64):
        super().__init__()
        self.scale, self.field = scale, reach_of(depth, scale)
        middle = [layer for _ in range(depth - 2) for layer in (nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True))]
        self.detail = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.ReLU(inplace=True), *middle, nn.Conv2d(width, 1, 3, padding=1)
        )
        for conv in self.detail[::2]:  # He et al. 2015: a deep chain of ReLUs must neither fade nor explode
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)
        nn.init.zeros_(self.detail[-1].weight)

    def forward(self, lr: Tensor) -> Tensor:
        """LR (N, 1, H, W) in [0, 1] -> SR (N, 1, sH, sW), not clamped."""
        x = enlarged(lr, "bicubic", self.scale)
        return x + self.detail(x.to(self.detail[0].weight.dtype))

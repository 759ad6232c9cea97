"""ESPCN: super-resolution by sub-pixel convolution.  Shi et al. 2016, arXiv:1609.05158.

Every convolution works at LR size, which is cheap.  Unlike the paper: ReLU for tanh (faster, no worse), and the
net adds detail to an interpolated picture instead of drawing it anew.
"""

from torch import Tensor, nn

from imgen.functional.resample import enlarged
from imgen.models.layers import dtype_of


class ESPCN(nn.Module):
    """Luminance in, luminance out; the colours of a picture are interpolated, as in the paper."""

    receptive_radius = 4  # pixels to each side that a result depends on: 5×5, 3×3, 3×3; bicubic needs 2

    def __init__(self, scale: int, channels: int = 1):
        super().__init__()
        self.scale, self.channels = scale, channels
        self.detail = nn.Sequential(
            nn.Conv2d(channels, 64, 5, padding=2), nn.ReLU(inplace=True),
            nn.Conv2d(64, 32, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(32, channels * scale**2, 3, padding=1),  # (N, C s², H, W)
            nn.PixelShuffle(scale),                            # (N, C, sH, sW)
        )

    def forward(self, lr: Tensor) -> Tensor:
        """LR (N, C, H, W) in [0, 1] -> SR (N, C, sH, sW), not clamped."""
        detail = self.detail(lr.to(dtype_of(self.detail)))
        return enlarged(lr, "bicubic", self.scale) + detail

"""SRCNN: the first convolutional network for super-resolution.  Dong et al. 2016, arXiv:1501.00092.

Three convolutions over an interpolated picture: patches become features (9×9), features others (5×5), those pixels (5×5).
Unlike the paper: what they find is added to the interpolated picture, which training reaches far sooner.
"""

from torch import Tensor, nn

from imgen.functional.resample import enlarged
from imgen.models.layers import dtype_of, in_bands, reach_of


class SRCNN(nn.Module):
    """Luminance in, luminance out; the colours of a picture are interpolated, as in the paper."""

    channels = 1

    def __init__(self, scale: int):
        super().__init__()
        self.scale, self.receptive_radius = scale, reach_of(4 + 2 + 2, scale)
        self.detail = nn.Sequential(
            nn.Conv2d(1, 64, 9, padding=4), nn.ReLU(inplace=True),
            nn.Conv2d(64, 32, 5, padding=2), nn.ReLU(inplace=True),
            nn.Conv2d(32, 1, 5, padding=2),
        )

    def forward(self, lr: Tensor) -> Tensor:
        """LR (N, 1, H, W) in [0, 1] -> SR (N, 1, sH, sW), not clamped."""
        x = enlarged(lr, "bicubic", self.scale)
        return x + in_bands(self.detail, x.to(dtype_of(self.detail)), 4 + 2 + 2)

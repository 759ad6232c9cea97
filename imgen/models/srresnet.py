"""SRResNet, and the generator of SRGAN: one network, two trainings.  Ledig et al. 2017, arXiv:1609.04802.

Unlike the paper: no batch norm (Lim et al. 2017, arXiv:1707.02921, found that it costs quality and memory), and what
the network finds is added to an interpolated picture.
"""

from torch import Tensor, nn

from imgen.functional.resample import enlarged
from imgen.models.layers import ConvAfterShuffle, Residual, dtype_of, in_bands, reach_of


class SRResNet(nn.Module):
    """Colour in, colour out, four times larger."""

    scale, channels = 4, 3

    def __init__(self, blocks: int = 16, width: int = 64):
        super().__init__()
        # 9×9, two 3×3 a block, three more; one 3×3 at twice the size; 9×9 at four times.
        self.receptive_radius = 4 + 2 * blocks + 1 + 1 + 1 + reach_of(4, 4, kernel="nearest")
        self.head = nn.Sequential(nn.Conv2d(3, width, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(*(Residual(width, nn.PReLU()) for _ in range(blocks)), nn.Conv2d(width, width, 3, padding=1))
        self.up = nn.Sequential(
            nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU(),  # (N, w, 2H, 2W)
            nn.Conv2d(width, 4 * width, 3, padding=1), nn.PReLU(), ConvAfterShuffle(width, 3, 9, factor=2),  # (N, 3, 4H, 4W)
        )

    def forward(self, lr: Tensor) -> Tensor:
        """LR (N, 3, H, W) in [0, 1] -> SR (N, 3, 4H, 4W), not clamped."""
        x = self.head(lr.to(dtype_of(self.body)))
        return enlarged(lr, "bicubic", self.scale) + in_bands(self.up, x + self.body(x), 3, self.scale)

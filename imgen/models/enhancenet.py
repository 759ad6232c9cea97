"""EnhanceNet: ten residual blocks, enlarged by repeating pixels.  Sajjadi et al. 2017, arXiv:1612.07919.

Trained by squared error it is the paper's ENet-E; by features, textures and a discriminator, its ENet-PAT.
"""

from torch import Tensor, nn

from imgen.functional.resample import enlarged
from imgen.models.layers import Residual, dtype_of, in_bands, reach_of


class EnhanceNet(nn.Module):
    """Colour in, colour out, four times larger."""

    scale, channels = 4, 3

    def __init__(self, blocks: int = 10, width: int = 64):
        super().__init__()
        # 3×3 and two 3×3 a block; one at twice the size; three at four times.
        self.receptive_radius = 1 + 2 * blocks + 1 + reach_of(3, 4, kernel="nearest")

        def conv(cin: int, cout: int) -> nn.Conv2d:
            return nn.Conv2d(cin, cout, 3, padding=1)

        self.detail = nn.Sequential(
            conv(3, width), nn.ReLU(inplace=True),
            *(Residual(width, nn.ReLU(inplace=True)) for _ in range(blocks)),
            nn.Upsample(scale_factor=2), conv(width, width), nn.ReLU(inplace=True),  # (N, w, 2H, 2W)
            nn.Upsample(scale_factor=2), conv(width, width), nn.ReLU(inplace=True),  # (N, w, 4H, 4W)
            conv(width, width), nn.ReLU(inplace=True), conv(width, 3),
        )

    def forward(self, lr: Tensor) -> Tensor:
        """LR (N, 3, H, W) in [0, 1] -> SR (N, 3, 4H, 4W), not clamped."""
        found, up = self.detail[:-9], self.detail[-9:]  # at LR size, and at twice and four times that
        x = found(lr.to(dtype_of(self.detail)))
        return enlarged(lr, "bicubic", self.scale) + in_bands(up, x, 2, self.scale)

"""SRDenseNet: every layer sees what all layers before it found.  Tong et al. 2017, "Image super-resolution using dense skip
connections".

Unlike the paper: four blocks of six layers in place of eight of eight, and sub-pixel convolution in place of two transposed
ones.
"""

import torch
from torch import Tensor, nn

from imgen.functional.resample import enlarged
from imgen.models.layers import dtype_of


class Dense(nn.Module):
    """`layers` convolutions, each of which adds `growth` channels to what the next ones see."""

    def __init__(self, cin: int, layers: int, growth: int):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(cin + n * growth, growth, 3, padding=1) for n in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        """(N, cin, H, W) -> (N, layers · growth, H, W)."""
        found = []
        for conv in self.convs:
            found.append(torch.relu(conv(torch.cat([x, *found], 1))))
        return torch.cat(found, 1)


class SRDenseNet(nn.Module):
    """Luminance in, luminance out."""

    channels = 1

    def __init__(self, scale: int, blocks: int = 4, layers: int = 6, growth: int = 16, width: int = 64):
        super().__init__()
        self.scale, self.receptive_radius = scale, 1 + blocks * layers + 1
        wide = layers * growth
        self.head = nn.Sequential(nn.Conv2d(1, growth, 3, padding=1), nn.ReLU(inplace=True))
        self.blocks = nn.ModuleList(Dense(wide if n else growth, layers, growth) for n in range(blocks))
        self.up = nn.Sequential(
            nn.Conv2d(growth + blocks * wide, width, 1), nn.ReLU(inplace=True),  # (N, w, H, W)
            nn.Conv2d(width, scale**2, 3, padding=1), nn.PixelShuffle(scale),    # (N, 1, sH, sW)
        )

    def forward(self, lr: Tensor) -> Tensor:
        """LR (N, 1, H, W) in [0, 1] -> SR (N, 1, sH, sW), not clamped."""
        x = self.head(lr.to(dtype_of(self.head)))
        found = [x]
        for block in self.blocks:
            found.append(x := block(x))
        return enlarged(lr, "bicubic", self.scale) + self.up(torch.cat(found, 1))

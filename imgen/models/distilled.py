"""What a picture shows, in 512 numbers: a small feature network, for measuring only.

Distilled (Hinton et al. 2015, arXiv:1503.02531) from the features of SqueezeNet 1.1 (Iandola et al. 2016, arXiv:1602.07360),
averaged over places.  No generator is trained with this network or with SqueezeNet: who measures must not have taught.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Residual(nn.Module):
    """x + what two convolutions make of it.  He et al. 2016, arXiv:1512.03385."""

    def __init__(self, width: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))


class DistilledSqueezeNet(nn.Module):
    """A picture of any size -> its features, in SqueezeNet's own units."""

    side = 64
    mean: Tensor
    spread: Tensor

    def __init__(self, width: int = 32, features: int = 512):
        super().__init__()

        def half(cin: int, cout: int) -> tuple[nn.Module, ...]:
            return nn.Conv2d(cin, cout, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU()

        self.body = nn.Sequential(
            *half(3, width),                                                        # (N, w, 32, 32)
            *half(width, 2 * width), Residual(2 * width),                           # (N, 2w, 16, 16)
            *half(2 * width, 4 * width), Residual(4 * width), Residual(4 * width),  # (N, 4w, 8, 8)
            nn.Conv2d(4 * width, features, 1, bias=False), nn.BatchNorm2d(features), nn.ReLU(),
        )
        self.last = nn.Linear(features, features)
        self.register_buffer("mean", torch.zeros(features))  # of the teacher's features over the training pictures
        self.register_buffer("spread", torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, 3 or 1, H, W) in [0, 1] -> (N, features)."""
        return self.mean + self.spread * self.standardised(x)

    def standardised(self, x: Tensor) -> Tensor:
        """Features of mean 0 and variance 1 over the pictures that it learned from: what training compares."""
        return self.last(self.body(2 * self.resized(x) - 1).mean((2, 3))).float()

    def stages(self, x: Tensor) -> list[Tensor]:
        """x (N, 3, H, W) in [0, 1], at its own size -> features after each halving, (N, C, H/2, W/2), …"""
        x, found = 2 * x - 1, []
        for layer in self.body:
            x = layer(x)
            if isinstance(layer, Residual | nn.ReLU):
                found.append(x)
        return found

    def resized(self, x: Tensor) -> Tensor:
        """(N, 3 or 1, H, W) -> (N, 3, side, side), grey as RGB."""
        if x.shape[2:] != (self.side, self.side):
            x = F.interpolate(x, size=(self.side, self.side), mode="bilinear", antialias=True)
        return x.expand(-1, 3, -1, -1)

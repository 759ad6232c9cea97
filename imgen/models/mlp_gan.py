"""The first GAN: two networks of dense layers.  Goodfellow et al. 2014, arXiv:1406.2661.

Unlike the paper: batch norm in the generator, leaky ReLU instead of maxout in the discriminator, Gaussian noise instead of
uniform, and both are told the class (Mirza and Osindero 2014, arXiv:1411.1784).
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from imgen.models.layers import condition


class Generator(nn.Module):
    """Noise and class -> picture, every pixel from every number of the last layer."""

    def __init__(
        self, classes: int, latent: int = 100, widths: tuple[int, ...] = (256, 512, 1024), side: int = 28, norm: bool = True
    ):
        super().__init__()
        self.classes, self.latent, self.side = classes, latent, side

        def dense(a: int, b: int) -> list[nn.Module]:
            return [nn.Linear(a, b, bias=not norm), *([nn.BatchNorm1d(b)] if norm else []), nn.ReLU()]

        layers = [layer for pair in pairwise([latent + classes, *widths]) for layer in dense(*pair)]
        self.body = nn.Sequential(*layers, nn.Linear(widths[-1], side * side))

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """z (N, latent) ~ N(0, 1), label (N,) int64 or shares of classes -> pictures (N, 1, side, side) in [0, 1]."""
        x = self.body(torch.cat([z, condition(label, self.classes, z)], dim=1))
        return torch.sigmoid(x.float()).view(-1, 1, self.side, self.side)


class Discriminator(nn.Module):
    """Picture and class -> logit: above 0 means "real"."""

    def __init__(self, classes: int, widths: tuple[int, ...] = (512, 256), side: int = 28):
        super().__init__()
        self.classes = classes
        sizes = [side * side + classes, *widths]
        self.body = nn.Sequential(
            *(part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.LeakyReLU(0.2))),
            nn.Linear(widths[-1], 1),
        )

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """x (N, 1, side, side) in [0, 1], label (N,) -> logits (N, 1)."""
        return self.body(torch.cat([2 * x.flatten(1) - 1, condition(label, self.classes, x)], dim=1)).float()

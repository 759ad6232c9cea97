"""DCGAN: generative adversarial networks of convolutions.  Radford, Metz, Chintala 2016, arXiv:1511.06434.

Unlike the paper both networks are told the class (Mirza and Osindero 2014, arXiv:1411.1784): the generator by a
one-hot vector beside its noise, the discriminator by the inner product of Miyato and Koyama 2018, arXiv:1802.05637.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from imgen.models.layers import condition


def halvings(side: int) -> int:
    """How often a side is halved until 4 to 7 pixels are left: 4 times for 64, twice for 28."""
    return 0 if side < 8 else 1 + halvings(side // 2)


class Generator(nn.Module):
    """Noise and class -> picture, from 4×4 to 64×64 by four doublings (or from 7×7 to 28×28 by two).

    kernel: of the layers that double the side, 2 to 6; an odd one reaches neighbours unequally often, which draws a chequerboard.
    """

    def __init__(self, classes: int, latent: int = 128, width: int = 64, side: int = 64, channels: int = 3, kernel: int = 4):
        super().__init__()
        self.classes, self.latent = classes, latent
        depth = halvings(side)

        def double(cin: int, cout: int, bias: bool = False) -> nn.Module:
            return nn.ConvTranspose2d(cin, cout, kernel, 2, (kernel - 1) // 2, output_padding=kernel % 2, bias=bias)

        def up(conv: nn.Module, cout: int) -> list[nn.Module]:
            return [conv, nn.BatchNorm2d(cout), nn.ReLU(inplace=True)]  # batch norm brings the bias

        widths = [width * 2**n for n in reversed(range(depth))]  # 8w, 4w, 2w, w for 64×64
        self.body = nn.Sequential(
            *up(nn.ConvTranspose2d(latent + classes, widths[0], side >> depth, bias=False), widths[0]),  # (N, 8w, 4, 4)
            *(layer for a, b in pairwise(widths) for layer in up(double(a, b), b)),                      # … (N, w, 32, 32)
            double(width, channels, bias=True),                                                          # (N, 3, 64, 64)
        )
        self.apply(small_weights)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """z (N, latent) ~ N(0, 1), label (N,) int64 or shares of classes -> pictures (N, channels, side, side) in [0, 1]."""
        x = self.body(torch.cat([z, condition(label, self.classes, z)], dim=1)[:, :, None, None])
        return (torch.tanh(x.float()) + 1) / 2


class Discriminator(nn.Module):
    """Picture and class -> logit: above 0 means "real".  `norm=True` is the paper's, with batch norm.

    Without batch norm a picture's logit is its own affair, which gradient penalties need.
    """

    def __init__(self, classes: int, width: int = 64, norm: bool = False, side: int = 64, channels: int = 3):
        super().__init__()
        depth = halvings(side)

        def down(cin: int, cout: int, norm: bool) -> list[nn.Module]:
            conv = nn.Conv2d(cin, cout, 4, stride=2, padding=1, bias=not norm)
            return [conv, *([nn.BatchNorm2d(cout)] if norm else []), nn.LeakyReLU(0.2, inplace=True)]

        widths = [width * 2**n for n in range(depth)]  # w, 2w, 4w, 8w for 64×64
        self.body = nn.Sequential(
            *down(channels, width, False),                                                      # (N, w, 32, 32)
            *(layer for pair in pairwise(widths) for layer in down(*pair, norm)),               # … (N, 8w, 4, 4)
        )
        self.score = nn.Conv2d(widths[-1], 1, side >> depth)
        self.embed = nn.Embedding(classes, widths[-1])
        if norm:
            self.apply(small_weights)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """x (N, channels, side, side) in [0, 1], label (N,) -> logits (N, 1)."""
        h = self.body(2 * x - 1)
        match = (self.embed(label) * h.mean((2, 3))).sum(1, keepdim=True)
        return (self.score(h).flatten(1) + match).float()


def small_weights(module: nn.Module) -> None:
    """The paper's start: N(0, 0.02²)."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, std=0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)

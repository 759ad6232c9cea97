"""A residual GAN: what became of DCGAN.  After R3GAN, Huang et al. 2024, "The GAN is dead; long live the GAN!", arXiv:2501.05441.

Residual blocks, interpolation instead of strided convolutions, no normalisation in the discriminator.  Unlike the paper:
few parameters, plain convolutions instead of grouped ones (those are slow on a CPU), and a generator that keeps batch
norm and is told noise and condition in every block (as by Chen et al. 2019, arXiv:1810.01365, without their scale).

The condition is shares of classes: one class alone, or several words at once.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgen.models.layers import condition


class ConditionalNorm(nn.Module):
    """Batch norm with a shift of its own that a style (N, S) tells, then a ReLU."""

    def __init__(self, style: int, channels: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.shift = nn.Linear(style, channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        return F.relu_(self.norm(x) + self.shift(style)[:, :, None, None])


class Up(nn.Module):
    """A residual block that doubles the sides: (N, cin, H, W) -> (N, cout, 2H, 2W)."""

    def __init__(self, cin: int, cout: int, style: int):
        super().__init__()
        self.first, self.second = ConditionalNorm(style, cin), nn.BatchNorm2d(cout)
        self.grow = nn.Conv2d(cin, 4 * cout, 3, padding=1, bias=False)  # sub-pixel: enlarging first would cost four times as much
        self.refine = nn.Conv2d(cout, cout, 3, padding=1)
        self.skip = nn.Conv2d(cin, cout, 1, bias=False)
        with torch.no_grad():  # the four pixels alike at the start: no checkerboard
            self.grow.weight.copy_(self.grow.weight[::4].repeat_interleave(4, 0))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        h = F.pixel_shuffle(self.grow(self.first(x, style)), 2)
        h = self.refine(F.relu_(self.second(h)))
        return F.interpolate(self.skip(x), scale_factor=2, mode="bilinear") + h


class Generator(nn.Module):
    """Noise and condition -> picture, doubled from 4×4 on."""

    def __init__(
        self, classes: int, latent: int = 128, widths: tuple[int, ...] = (256, 192, 96, 48, 32), embedding: int = 64
    ):
        """widths: channels at 4×4, 8×8 …: five of them make 64×64."""
        super().__init__()
        self.classes, self.latent = classes, latent
        style = latent + embedding
        self.embed = nn.Linear(classes, embedding, bias=False)
        self.start = nn.Linear(style, widths[0] * 16)
        self.blocks = nn.ModuleList(Up(a, b, style) for a, b in pairwise(widths))
        self.last = ConditionalNorm(style, widths[-1])
        self.paint = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """z (N, latent) ~ N(0, 1), label (N,) int64 or shares of classes -> pictures (N, 3, S, S) in [0, 1]."""
        style = torch.cat([z, self.embed(condition(label, self.classes, z))], dim=1)
        x = self.start(style).view(z.shape[0], -1, 4, 4)
        for block in self.blocks:
            x = block(x, style)
        return (torch.tanh(self.paint(self.last(x, style)).float()) + 1) / 2


class Down(nn.Module):
    """A residual block that halves the sides: (N, cin, H, W) -> (N, cout, H/2, W/2)."""

    def __init__(self, cin: int, cout: int):
        super().__init__()
        self.look = nn.Conv2d(cin, cin, 3, padding=1)
        self.shrink = nn.Conv2d(cin, cout, 4, stride=2, padding=1)
        self.skip = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.shrink(F.leaky_relu(self.look(F.leaky_relu(x, 0.2)), 0.2))
        return (self.skip(F.avg_pool2d(x, 2)) + h) / 2**0.5  # the variance stays


class Discriminator(nn.Module):
    """Picture and condition -> logit: one above another means "more real"."""

    def __init__(self, classes: int, widths: tuple[int, ...] = (48, 96, 192, 384)):
        """widths: channels at 32×32, 16×16 … 4×4."""
        super().__init__()
        self.classes = classes
        self.see = nn.Conv2d(3, widths[0], 4, stride=2, padding=1)
        self.body = nn.Sequential(*(Down(a, b) for a, b in pairwise(widths)))
        self.last = nn.Conv2d(widths[-1], widths[-1], 3, padding=1)
        self.score = nn.Conv2d(widths[-1], 1, 4)
        self.embed = nn.Linear(classes, widths[-1], bias=False)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """x (N, 3, 64, 64) in [0, 1] -> logits (N, 1).  The condition enters by inner product (arXiv:1802.05637)."""
        h = F.leaky_relu(self.last(F.leaky_relu(self.body(self.see(2 * x - 1)), 0.2)), 0.2)
        match = (self.embed(condition(label, self.classes, h)) * h.mean((2, 3))).sum(1, keepdim=True)
        return (self.score(h).flatten(1) + match).float()

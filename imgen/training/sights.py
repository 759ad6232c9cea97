"""What a feature network learns from: pictures of every kind that our generators draw, whole and spoiled: it must know poor
ones, too.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from imgen.training import data
from imgen.training.augment import colour

SIDE = 64


def sights(folder: Path, count: int = 5000) -> list[Tensor]:
    """`count` pictures of each kind, half of them spoiled: three times (count, 3, 64, 64), and (count, 1, 28, 28); uint8.

    folder: holds photos/, flowers/, emoji/ and digits/fashion_mnist.npz, of which only the training parts are read.
    """
    kinds = [
        data.crops(folder / "photos", SIDE, count),
        data.classes(folder / "flowers", SIDE)[0],
        data.classes(folder / "emoji", SIDE)[0],
        data.digits(folder / "digits" / "fashion_mnist.npz")[0],
    ]
    return [half_spoiled(some(pictures, count)) for pictures in kinds]


def some(pictures: Tensor, count: int) -> Tensor:
    """`count` of them in random order; all, before any comes again."""
    return pictures[torch.randperm(len(pictures)).repeat(-(-count // len(pictures)))[:count]]


def half_spoiled(pictures: Tensor) -> Tensor:
    """(N, C, H, W) uint8: some changed by all that can go wrong, in parts of 50."""
    out = []
    for part in pictures.split(50):
        x = part.float() / 255
        x = torch.cat([x[::2], spoiled(x[1::2])])
        out.append((x.clamp(0, 1) * 255).round().byte())
    return torch.cat(out)


def spoiled(x: Tensor) -> Tensor:
    """Mixed with another, in other colours, blurred, noisy: each of it happens to one picture in two."""
    for change in (mixed, colour, blurred, noisy):
        x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, change(x), x)
    return x


def mixed(x: Tensor) -> Tensor:
    """One picture shines through another, or stands in patches beside it."""
    n, _, h, w = x.shape
    share = torch.rand(n, 1, 1, 1) / 2
    patches = (coarse(n, h, w) > 0).float()
    return torch.lerp(x, x.roll(1, 0), torch.where(torch.rand(n, 1, 1, 1) < 0.5, share, patches))


def blurred(x: Tensor) -> Tensor:
    """As after shrinking to between a half and an eighth."""
    small = F.interpolate(x, scale_factor=1 / (2 + 6 * torch.rand(()).item()), mode="bilinear", antialias=True)
    return F.interpolate(small, size=x.shape[2:], mode="bilinear")


def noisy(x: Tensor) -> Tensor:
    """Fine and coarse noise."""
    n, _, h, w = x.shape
    return x + 0.2 * torch.rand(n, 1, 1, 1) * torch.randn_like(x) + 0.2 * torch.rand(n, 1, 1, 1) * coarse(n, h, w)


def coarse(n: int, h: int, w: int) -> Tensor:
    """Noise without detail: (n, 1, h, w) from an eighth of the places."""
    return F.interpolate(torch.randn(n, 1, h // 8 + 1, w // 8 + 1), size=(h, w), mode="bilinear")

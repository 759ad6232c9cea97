"""A light network for super-resolution: few, wide convolutions, and attention that costs nothing.

After SPAN, Wan et al. 2024, arXiv:2311.12770: a block multiplies what it passes on by a symmetric function of what it found.
Unlike the paper: four blocks of 64 channels in place of six of 48 (better after as many steps, and faster where hardware
multiplies in blocks of 32), and it adds detail to an interpolated picture.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgen.functional.network_interpolation import move_from
from imgen.functional.resample import enlarged, filled_up


class Attentive(nn.Module):
    """Three convolutions; where they find much, much passes."""

    def __init__(self, width: int):
        super().__init__()
        convs = [nn.Conv2d(width, width, 3, padding=1) for _ in range(3)]
        for conv in convs:
            nn.init.normal_(conv.weight, std=(9 * width) ** -0.5)  # torch's own start is weaker, and little would pass
        self.convs = nn.ModuleList(convs)

    def forward(self, x: Tensor) -> Tensor:
        one, two, three = self.convs
        y = three(F.silu(two(F.silu(one(x)))))
        return (x + y) * (torch.sigmoid(y) - 0.5)  # odd in y: it knows a bright edge from a dark one


class Light(nn.Module):
    """Colour in, colour out."""

    channels = 3

    def __init__(self, scale: int, blocks: int = 4, width: int = 64):
        super().__init__()
        self.scale, self.receptive_radius = scale, 1 + 3 * blocks + 1
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.ModuleList(Attentive(width) for _ in range(blocks))
        self.fuse = nn.Conv2d(4 * width, width, 1)
        self.up = nn.Sequential(nn.Conv2d(width, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, lr: Tensor) -> Tensor:
        """LR (N, 3, H, W) in [0, 1] -> SR (N, 3, sH, sW), not clamped."""
        x = self.head(lr.to(self.head.weight.dtype) - 0.5)
        found = [x]
        for block in self.blocks:
            found.append(x := block(x))
        x = self.fuse(torch.cat([*found[:2], *found[-2:]], 1))  # what was seen first, and last
        return enlarged(lr, "bicubic", self.scale) + self.up(x)


class LightUNet(nn.Module):
    """The same blocks, most of them at half the size and twice as wide: as much work sees twice as far, with four times as many
    weights.  What a phone has spoiled is told from what was there by its surroundings.  Colour in, colour out.

    After the U of Ronneberger et al. 2015, arXiv:1505.04597.  It has two ends, of which `at` makes one: `up`, crisp, and
    `faithful`, which comes nearest to the true pixels by what the rest has found.
    """

    channels = 3
    grid = 2  # sizes must be multiples of it: the forward pass fills up, and tiles must begin at multiples

    def __init__(self, scale: int, blocks: int = 4, width: int = 64):
        super().__init__()
        self.scale = scale
        # Head, `up`, and a block at each side see 1, 1 and 3 further, each of those at half size 6; the corner of a cell 1.
        self.receptive_radius = 1 + 3 + 6 * blocks + 1 + 3 + 1
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.before = Attentive(width)
        self.down = nn.Conv2d(width, 2 * width, 2, stride=2)
        self.within = nn.Sequential(*(Attentive(2 * width) for _ in range(blocks)))
        self.back = nn.Conv2d(2 * width, 4 * width, 1)
        self.after = Attentive(width)
        self.fuse = nn.Conv2d(4 * width, width, 1)
        self.up = nn.Sequential(nn.Conv2d(width, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale))
        self.faithful = nn.Conv2d(width, 3 * scale**2, 3, padding=1).requires_grad_(False)  # it is solved for, see `Imitate`

    def forward(self, lr: Tensor) -> Tensor:
        """LR (N, 3, H, W) in [0, 1] -> SR (N, 3, sH, sW), not clamped."""
        height, width = (self.scale * side for side in lr.shape[2:])
        return enlarged(lr, "bicubic", self.scale) + self.up(self.found(lr))[..., :height, :width]

    def found(self, lr: Tensor) -> Tensor:
        """What both ends begin with: (N, width, H, W), sides filled up to multiples of `grid`."""
        head = self.head(filled_up(lr, self.grid).to(self.head.weight.dtype) - 0.5)
        before = self.before(head)
        half = self.down(before)                                       # (N, 2·width, H/2, W/2)
        whole = before + F.pixel_shuffle(self.back(half + self.within(half)), 2)
        return self.fuse(torch.cat([head, before, whole, self.after(whole)], 1))

    def at(self, sharpness: float) -> "LightUNet":
        """A copy with one end, between faithful (0) and crisp (1)."""
        net = copy.deepcopy(self)
        move_from(net.up, net.faithful, sharpness)
        del net.faithful
        return net

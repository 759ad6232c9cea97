"""A flow from noise to pictures: flow matching.  Lipman et al. 2022, "Flow matching for generative modeling", arXiv:2210.02747.

At time t a picture is x_t = (1 − t)·noise + t·picture; the network says which way it is going: its velocity.  The network is a
small UNet (Ronneberger et al. 2015, arXiv:1505.04597) with attention at its smallest size.  Unlike the paper: a few million
parameters, 2×2 pixels as one place, so that most of the work is done on few places with many channels; time and condition
scale and shift what each block has normalised (Perez et al. 2018, arXiv:1709.07871).

The condition is shares of classes: one class alone, several words at once, or nothing.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgen.models.layers import begin_at_zero, condition

HEAD = 64  # channels of an attention head
GROUP = 16  # channels that are normalised together
DRAFT = 16  # channels of what a condition draws by itself
WAVES = 64  # that tell the time
FASTEST = 100.0  # of them: radians from noise to picture


class Block(nn.Module):
    """x + what two convolutions find in it at this time and under this condition; at first nothing."""

    def __init__(self, width: int, style: int):
        super().__init__()
        self.first, self.look = nn.GroupNorm(width // GROUP, width), nn.Conv2d(width, width, 3, padding=1)
        self.second, self.tell = nn.GroupNorm(width // GROUP, width), nn.Linear(style, 2 * width)
        self.add = nn.Conv2d(width, width, 3, padding=1)
        begin_at_zero(self.add)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """x (N, C, H, W), style (N, S) -> (N, C, H, W)."""
        h = self.second(self.look(F.silu(self.first(x))))
        scale, shift = self.tell(style)[:, :, None, None].chunk(2, 1)
        return x + self.add(F.silu(torch.addcmul(shift, h, 1 + scale)))


class Blocks(nn.ModuleList):
    """One after another."""

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        for block in self:
            x = block(x, style)
        return x


class Attention(nn.Module):
    """x + what each place finds at all the others.  Vaswani et al. 2017, arXiv:1706.03762."""

    def __init__(self, width: int):
        super().__init__()
        self.heads, self.norm = max(1, width // HEAD), nn.GroupNorm(width // GROUP, width)
        self.ask, self.add = nn.Conv2d(width, 3 * width, 1), nn.Conv2d(width, width, 1)
        begin_at_zero(self.add)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        asked = self.ask(self.norm(x)).flatten(2).unflatten(1, (3, self.heads, c // self.heads))  # (N, 3, heads, C/heads, HW)
        q, k, v = asked.transpose(3, 4).unbind(1)
        odds = (q @ k.transpose(2, 3)).float() / q.shape[3] ** 0.5  # written out: torch's own is slow to learn on a CPU
        found = odds.softmax(3).to(v.dtype) @ v  # (N, heads, HW, C/heads)
        return x + self.add(found.transpose(2, 3).reshape(n, c, h, w).contiguous(memory_format=torch.channels_last))


class Velocity(nn.Module):
    """Which way a noisy picture is going: a UNet that knows the time and the condition."""

    def __init__(
        self, classes: int, side: int = 64, channels: int = 3, widths: tuple[int, ...] = (64, 128, 256),
        blocks: tuple[int, ...] = (1, 2, 2), style: int = 256,
    ):
        """widths: channels at half of the side, a quarter …; blocks: of each of these sizes, on the way down and again on the
        way up; those of the smallest size only once.
        """
        super().__init__()
        self.classes, self.side, self.channels = classes, side, channels
        self.embed, self.nothing = nn.Linear(classes, style, bias=False), nn.Parameter(torch.zeros(style))
        self.clock = nn.Linear(2 * WAVES, style)
        self.mix = nn.Linear(style, style)
        *sizes, (middle, count) = zip(widths, blocks, strict=True)
        self.see = nn.Conv2d(4 * channels, widths[0], 3, padding=1)
        self.down, self.up = (
            nn.ModuleList(Blocks(Block(width, style) for _ in range(n)) for width, n in sizes) for _ in range(2)
        )
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.grow = nn.ModuleList(nn.Conv2d(b, 4 * a, 1) for a, b in pairwise(widths))
        self.join = nn.ModuleList(nn.Conv2d(2 * width, width, 1) for width, _ in sizes)
        smallest = side >> len(widths)
        self.place = nn.Parameter(torch.zeros(1, middle, smallest, smallest))
        self.draft, self.widen = nn.Linear(style, DRAFT * smallest**2), nn.Conv2d(DRAFT, middle, 1)
        self.middle = nn.ModuleList(Block(middle, style) for _ in range(count))
        self.attend = nn.ModuleList(Attention(middle) for _ in range(count))
        self.last, self.say = nn.GroupNorm(widths[0] // GROUP, widths[0]), nn.Conv2d(widths[0], 4 * channels, 3, padding=1)
        nn.init.normal_(self.embed.weight)
        begin_at_zero(self.say)
        begin_at_zero(self.widen)

    def style(self, t: Tensor, label: Tensor) -> Tensor:
        """Time (N,) and condition (see `forward`) -> (N, S).  What no class has of the shares, nothing has."""
        rates = torch.exp(torch.linspace(0, math.log(FASTEST), WAVES, device=t.device))
        angles = t.float()[:, None] * rates
        time = self.clock(torch.cat([angles.sin(), angles.cos()], 1).to(self.nothing.dtype))
        shares = condition(label, self.classes, self.nothing)
        asked = self.embed(shares) + (1 - shares.sum(1, keepdim=True)) * self.nothing
        return F.silu(self.mix(F.silu(time + asked)))

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        """x (N, C, S, S), noise at time 0 and a picture in [-1, 1] at time 1; t (N,); label (N,) int64, or shares of the
        classes (N, classes), all 0 for no condition -> velocity (N, C, S, S): how far x would move in a unit of time.
        """
        style, skips = self.style(t, label), []
        h = self.see(F.pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last))
        for blocks, shrink in zip(self.down, self.shrink, strict=True):
            h = blocks(h, style)
            skips.append(h)
            h = shrink(h)
        draft = self.draft(style).view(x.shape[0], DRAFT, *h.shape[2:])  # in pure noise there is nothing to be found but the wish
        h = h + self.place.to(h.dtype) + self.widen(draft)
        for block, attend in zip(self.middle, self.attend, strict=True):
            h = attend(block(h, style))
        for blocks, grow, join, skip in reversed(list(zip(self.up, self.grow, self.join, skips, strict=True))):
            h = blocks(join(torch.cat([skip, F.pixel_shuffle(grow(h), 2)], 1)), style)
        return F.pixel_shuffle(self.say(F.silu(self.last(h))), 2)

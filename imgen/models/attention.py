"""Filling holes by attention: each place in a hole looks at all that is known and takes what fits.

After contextual attention, Yu et al. 2018, arXiv:1801.07892, in the words of Vaswani et al. 2017, arXiv:1706.03762: queries, keys
and values.  Unlike the paper there is one stage, the values are the known pixels themselves (4×4 of each place) beside their
features, and dilated convolutions tell a query what surrounds its hole.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgen.functional.resample import filled_up
from imgen.models.nafnet import Gated

CELL = 4  # pixels a side of what is looked at as one


class AttentionNet(nn.Module):
    """Colour and mask in, colour out; sees the whole of what it is given at once, so that there are no tiles."""

    scale, channels, grid = 1, 4, CELL

    def __init__(self, widths: tuple[int, int] = (48, 80), dilations: tuple[int, ...] = (1, 2, 4, 8)):
        super().__init__()
        wide, deep = widths
        keys = deep + 3 * CELL**2  # as many as values: what torch has for attention is fast only then
        self.head = nn.Conv2d(16, wide, 3, padding=1)
        self.before = Gated(wide)
        self.down = nn.Conv2d(wide, deep, 2, stride=2)
        self.around = nn.Sequential(*(Gated(deep, dilation) for dilation in dilations))
        self.query, self.key = nn.Conv2d(deep, keys, 1), nn.Conv2d(deep, keys, 1)
        self.join = nn.Conv2d(2 * deep + 3 * CELL**2, deep, 1)
        self.within = nn.Sequential(Gated(deep), Gated(deep, 2), Gated(deep))
        self.up = nn.Conv2d(deep, 4 * wide, 1)
        self.after = nn.Sequential(Gated(wide), Gated(wide))
        self.tail = nn.Conv2d(wide, 12, 3, padding=1)
        self.sharpness = nn.Parameter(torch.tensor(0.0))

    def see(self, degraded: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 4, H, W), sides multiples of 4 -> features at half and at a quarter of the size, and what is known there."""
        x = torch.cat([degraded[:, :3] - 0.5, degraded[:, 3:]], 1).to(self.head.weight.dtype)
        half = self.before(self.head(F.pixel_unshuffle(x, 2)))
        known = F.max_pool2d(degraded[:, 3:], CELL) == 0  # (N, 1, H/4, W/4): nothing is missing
        return half, self.around(self.down(half)), known

    def ask(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, h, w) -> queries and keys (N, hw, K), whose products say how well two places fit."""
        queries, keys = (F.normalize(f(features).flatten(2), dim=1).transpose(1, 2) for f in (self.query, self.key))
        return queries * (10 * self.sharpness.exp()).to(queries.dtype), keys

    def forward(self, degraded: Tensor) -> Tensor:
        """(N, 4, H, W): RGB in [0, 1], grey where the mask, the fourth, is 1 -> whole (N, 3, H, W), not clamped."""
        height, width = degraded.shape[2:]
        degraded = filled_up(degraded, CELL)
        half, features, known = self.see(degraded)
        cells = F.pixel_unshuffle(degraded[:, :3] - 0.5, CELL).to(features.dtype)
        values = torch.cat([features, cells], 1)                                      # (N, C + 48, h, w)
        queries, keys = self.ask(features)
        parts = (queries, keys, values.flatten(2).transpose(1, 2))  # torch's fast way asks for rows that lie together
        parts = (part.to(queries.dtype).contiguous()[:, None] for part in parts)
        taken = F.scaled_dot_product_attention(*parts, attn_mask=takeable(known)[:, None, None], scale=1.0)
        taken = taken[:, 0].transpose(1, 2).reshape(values.shape)
        quarter = self.within(self.join(torch.cat([features, taken], 1)))
        half = self.after(half + F.pixel_shuffle(self.up(quarter), 2))
        pixels = F.pixel_shuffle(taken[:, features.shape[1] :], CELL)  # what was taken, as it is
        whole = torch.where(degraded[:, 3:] > 0, 0.5 + pixels.to(degraded.dtype), degraded[:, :3])
        return (whole + F.pixel_shuffle(self.tail(half), 2))[..., :height, :width]

    def look(self, degraded: Tensor, row: int, column: int) -> Tensor:
        """Where the pixel's place looks: (1, 4, H, W) -> (H/4, W/4), summing to 1."""
        _, features, known = self.see(filled_up(degraded, CELL))
        queries, keys = (one.float() for one in self.ask(features))
        here = row // CELL * features.shape[3] + column // CELL
        return (queries[:, here] @ keys[0].T).masked_fill(~takeable(known), -torch.inf).softmax(1).view(features.shape[2:])


def takeable(known: Tensor) -> Tensor:
    """(N, 1, h, w) bool -> (N, hw): from where something can be taken; from everywhere, if nothing is known."""
    known = known.flatten(1)
    return known | ~known.any(1, keepdim=True)

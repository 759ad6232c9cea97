"""Interpolation along edges, never across them.  Zhou, Shen, Dong 2012, "Image zooming using directional cubic convolution
interpolation".

New pixels come in two rounds per doubling: first those between four old ones, along one diagonal or the other; then those
between left and right, above and below.  The even direction wins; where neither does, they share.  Unlike the paper: the
colours decide together, and the picture lies where other kernels put it (a new pixel is a quarter of a pixel off an old one).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLEAR = 1.15  # how much steeper one direction must be
BAND = 1 << 16  # pixels
CUBIC = (-1 / 16, 9 / 16, 9 / 16, -1 / 16)


class EdgeDirected(nn.Module):
    """Any number of channels, four times larger."""

    scale, channels = 4, None
    receptive_radius = 8  # pixels to each side: three doublings reach 4 + 2 + 1

    def forward(self, lr: Tensor) -> Tensor:
        """LR (N, C, H, W) in [0, 1] -> (N, C, 4H, 4W), float32, not clamped."""
        height, width = lr.shape[2:]
        x = F.pad(lr.float(), (1, 1, 1, 1), mode="replicate")
        for _ in range(3):
            x = doubled(x)
        # Old pixel k lies at 8 (k + 1) here, new pixel j of the result at 8 (j / 4 − 3 / 8 + 1) = 2 j + 5.
        return x[..., 5 : 5 + 8 * height : 2, 5 : 5 + 8 * width : 2].contiguous()


def doubled(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 2H, 2W): old pixels at even places, the rest found, band by band of rows."""
    height, width = x.shape[2:]
    y = x.new_zeros(*x.shape[:2], 2 * height, 2 * width)
    y[..., ::2, ::2] = x
    wide, nothing = F.pad(x, (1, 2, 1, 2), mode="replicate"), x.new_zeros(())
    for top, bottom in bands(height, width):
        def old(dy: int, dx: int, top: int = top, bottom: int = bottom) -> Tensor:
            return wide[..., 1 + dy + top : 1 + dy + bottom, 1 + dx : 1 + dx + width]

        down = [old(d, d) for d in (-1, 0, 1, 2)]
        up = [old(1 - d, d) for d in (-1, 0, 1, 2)]
        steep_down = sum(((old(y + 1, x + 1) - old(y, x)).abs() for y in (-1, 0, 1) for x in (-1, 0, 1)), nothing)
        steep_up = sum(((old(y + 1, x) - old(y, x + 1)).abs() for y in (-1, 0, 1) for x in (-1, 0, 1)), nothing)
        y[..., 2 * top + 1 : 2 * bottom : 2, 1::2] = chosen(down, up, steep_down, steep_up)

    around = F.pad(y, (4, 4, 4, 4), mode="reflect")  # reflection keeps old pixels at even places
    places = [(0, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 2), (0, -2), (2, 0), (-2, 0)]
    for top, bottom in bands(height, width):
        def near(dy: int, dx: int, first: int = 2 * top, end: int = 2 * bottom) -> Tensor:
            return around[..., 4 + dy + first : 4 + dy + end, 4 + dx : 4 + dx + 2 * width]

        across, along = [near(0, d) for d in (-3, -1, 1, 3)], [near(d, 0) for d in (-3, -1, 1, 3)]
        steep_across = sum(((near(dy, dx + 1) - near(dy, dx - 1)).abs() for dy, dx in places), nothing)
        steep_along = sum(((near(dy + 1, dx) - near(dy - 1, dx)).abs() for dy, dx in places), nothing)
        found = chosen(across, along, steep_across, steep_along)
        for row, column in ((0, 1), (1, 0)):
            y[..., 2 * top + row : 2 * bottom : 2, column::2] = found[..., row::2, column::2]
    return y


def bands(height: int, width: int) -> list[tuple[int, int]]:
    """Rows that are worked on together: all of a large picture would take ten times its memory."""
    if torch.compiler.is_exporting():  # as `layers.in_bands`
        return [(0, height)]
    rows = max(1, BAND // width)
    return [(top, min(top + rows, height)) for top in range(0, height, rows)]


def chosen(one: list[Tensor], other: list[Tensor], steep_one: Tensor, steep_other: Tensor) -> Tensor:
    """Four neighbours in each of two directions -> the pixel between them, mostly from the direction that is less steep."""
    ones, others = (sum(weight * x for weight, x in zip(CUBIC, line, strict=True)) for line in (one, other))
    a, b = (255 * steep.mean(1, keepdim=True) for steep in (steep_one, steep_other))
    share = 1 / (1 + ((1 + a.pow(5)) / (1 + b.pow(5))))  # of the first: large where the second is steep
    share = torch.where((1 + a) > CLEAR * (1 + b), 0.0, torch.where((1 + b) > CLEAR * (1 + a), 1.0, share))
    return share * ones + (1 - share) * others

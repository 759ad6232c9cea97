"""Blocks that several architectures share."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgen.functional.resample import reach

BAND = 1 << 17  # pixels of a result that are made at once where no gradient is wanted: they stay near the processor,
LEAST = 8  # but at least so many times what is made twice, in two bands


def dtype_of(net: nn.Module) -> torch.dtype:
    """In which it computes: its first parameter's."""
    return next(net.parameters()).dtype


def begin_at_zero(layer: nn.Module) -> None:
    """Weights and bias of 0: at first it adds nothing."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


def condition(label: Tensor, classes: int, like: Tensor) -> Tensor:
    """A class as numbers beside noise or pixels: (N,) int64 -> one-hot (N, classes).  Shares (N, classes) of several stay."""
    return (label if label.is_floating_point() else F.one_hot(label, classes)).to(like.dtype)


class Residual(nn.Module):
    """x + what two convolutions find in it.  He et al. 2016, arXiv:1512.03385, without batch norm."""

    def __init__(self, width: int, between: nn.Module):
        super().__init__()
        first, last = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.body = nn.Sequential(first, between, last)
        with torch.no_grad():
            last.weight.mul_(0.1)  # a deep net begins as a shallow one

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def reach_of(pixels: int, scale: int, kernel: str = "bicubic") -> int:
    """How many LR pixels to each side a result depends on, if it depends on `pixels` of a picture enlarged by `kernel`."""
    return math.ceil(pixels / scale) + reach(kernel)


def in_bands(work: Callable[[Tensor], Tensor], x: Tensor, near: int, scale: int = 1) -> Tensor:
    """work(x): (N, C, H, W) -> (N, C', sH, sW), band by band of rows: what comes in between is never there as a whole.

    near: rows of x to each side that a result depends on; each band is given so many more, and there is no seam.
    """
    if torch.compiler.is_exporting():  # to a file that takes any size, and has no loops
        return work(x)
    height, width = x.shape[2:]
    most = height if torch.is_grad_enabled() else max(1, 2 * near * LEAST, BAND // (width * scale**2))
    rows = math.ceil(height / math.ceil(height / most))
    parts = []
    for top in range(0, height, rows):
        above = min(near, top)
        y = work(x[:, :, top - above : top + rows + near])
        parts.append(y[:, :, above * scale : (above + rows) * scale])
    return parts[0] if len(parts) == 1 else torch.cat(parts, 2)


class ConvAfterShuffle(nn.Conv2d):
    """PixelShuffle(factor), then a convolution: computed as one before the shuffle, the same sums on fewer places with more
    channels, because processors like it so.

    New pixel p of a block looks d to the side: at pixel (p + d) mod factor of the block that lies (p + d) // factor further on.
    """

    index: Tensor
    bias: nn.Parameter  # always there

    def __init__(self, cin: int, cout: int, size: int, factor: int):
        super().__init__(cin, cout, size, padding=size // 2)
        self.factor, radius = factor, size // 2
        self.blocks = (radius + factor - 1) // factor  # to each side
        taps = 2 * self.blocks + 1
        index = torch.full((cout, factor, factor, cin, factor, factor, taps, taps), self.weight.numel())
        here = torch.arange(self.weight.numel()).view_as(self.weight)
        places = [(p, d, *divmod(p + d, factor)) for p in range(factor) for d in range(-radius, radius + 1)]
        for y, dy, far_y, to_y in places:
            for x, dx, far_x, to_x in places:
                index[:, y, x, :, to_y, to_x, far_y + self.blocks, far_x + self.blocks] = here[..., dy + radius, dx + radius]
        index = index.reshape(cout * factor**2, cin * factor**2, taps, taps)
        self.register_buffer("index", index, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, factor² cin, H, W) -> (N, cout, factor H, factor W)."""
        weight = F.pad(self.weight.flatten(), (0, 1))[self.index]  # the last is a zero: no tap
        y = F.conv2d(x, weight, self.bias.repeat_interleave(self.factor**2), padding=self.blocks)
        return F.pixel_shuffle(y, self.factor)


def chain(channels: int, depth: int, width: int) -> nn.Sequential:
    """`depth` 3×3 convolutions with ReLU between: (N, channels, H, W) -> the same shape, 0 at first."""
    middle = [nn.Conv2d(width, width, 3, padding=1) for _ in range(depth - 2)]
    first, last = nn.Conv2d(channels, width, 3, padding=1), nn.Conv2d(width, channels, 3, padding=1)
    for conv in (first, *middle, last):  # He et al. 2015: a deep chain of ReLUs must neither fade nor explode
        begin_at_zero(conv)  # its bias stays there
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    begin_at_zero(last)
    return nn.Sequential(*(layer for conv in (first, *middle) for layer in (conv, nn.ReLU(inplace=True))), last)

"""Feed-forward style transfer.  Johnson et al. 2016, arXiv:1603.08155.

Any number of styles in one net by conditional instance normalisation: Dumoulin et al. 2017, arXiv:1610.07629.  A style is a row
of numbers: a scale and a shift for every normalised channel, and a colour matrix.  Unlike the papers: thinner (16-32-96
channels instead of 32-64-128), 3×3 in place of 9×9 at full size, nearest enlargement before a convolution instead of a transposed
convolution (no checkerboards, as Dumoulin), and the net paints over the photograph: its logits, recoloured by the style's
matrix, are added before the last sigmoid.  So training starts at the photograph itself.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BAND = 1 << 17  # pixels that a layer makes at once where no gradient is wanted
EPS = 1e-5


class Framed(torch.autograd.Function):
    """Reflect one pixel to each side: F.pad(mode="reflect"), but five times as fast to train in channels-last memory."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        x = torch.cat([x[:, :, 1:2], x, x[:, :, -2:-1]], dim=2)
        return torch.cat([x[..., 1:2], x, x[..., -2:-1]], dim=3)

    @staticmethod
    def backward(ctx, slope: Tensor) -> Tensor:
        slope[..., 2] += slope[..., 0]
        slope[..., -3] += slope[..., -1]
        slope[:, :, 2] += slope[:, :, 0]
        slope[:, :, -3] += slope[:, :, -1]
        return slope[:, :, 1:-1, 1:-1].contiguous(memory_format=torch.channels_last)


class Normalized(torch.autograd.Function):
    """Instance normalisation, mean 0 and variance 1 per channel of a picture; ten times as fast to train as group_norm here."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        y, _, rstd = torch.native_group_norm(x, None, None, n, c, h * w, c, EPS)  # one channel a group
        ctx.save_for_backward(y, rstd)
        return y

    @staticmethod
    def backward(ctx, slope: Tensor) -> Tensor:
        y, rstd = ctx.saved_tensors
        along = (slope * y).mean((2, 3), keepdim=True)
        return (slope - slope.mean((2, 3), keepdim=True) - y * along) * rstd[:, :, None, None].to(y.dtype)


class StyledConv(nn.Module):
    """Convolution, instance normalisation, and a scale and shift per channel that belong to the style."""

    def __init__(self, cin: int, cout: int, stride: int = 1, up: int = 1):
        super().__init__()
        self.stride, self.up = stride, up
        self.conv = nn.Conv2d(cin, cout, 3, stride, bias=False)

    def forward(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """x (N, cin, H, W); scale and shift (N, cout)."""
        if torch.compiler.is_exporting():
            return normalized(self.conv(surrounded(x, 0, 0, self.stride, self.up)), scale, shift)
        if not self.training:
            return normalized(self.banded(x), scale, shift)
        if self.up > 1:
            x = F.interpolate(x, scale_factor=self.up, mode="nearest")
        scale, shift = (p[:, :, None, None].to(x.dtype) for p in (scale, shift))
        return torch.addcmul(shift, Normalized.apply(self.conv(Framed.apply(x))), scale)

    def banded(self, x: Tensor) -> Tensor:
        """The convolution band by band of rows: of a large picture nothing else is ever whole, and there is no seam."""
        height, width = (side * self.up // self.stride for side in x.shape[2:])
        y = x.new_empty(len(x), self.conv.out_channels, height, width).to(memory_format=torch.channels_last)
        for top, bottom in bands(height, width):
            y[:, :, top:bottom] = self.conv(surrounded(x, top, bottom, self.stride, self.up))
        return y


def bands(height: int, width: int) -> list[tuple[int, int]]:
    rows = max(1, BAND // width)
    return [(top, min(top + rows, height)) for top in range(0, height, rows)]


def surrounded(x: Tensor, top: int, bottom: int, stride: int = 1, up: int = 1) -> Tensor:
    """What a 3×3 convolution needs of x, enlarged, to make the rows from `top` to `bottom`; reflected where the picture ends."""
    if torch.compiler.is_exporting():  # the whole, in words that hold for any size
        return Framed.apply(x if up == 1 else F.interpolate(x, scale_factor=up, mode="nearest"))
    first, end, size = top * stride - 1, (bottom - 1) * stride + 2, x.shape[2] * up
    begin = max(first, 0) // up
    x = x[:, :, begin : (min(end, size) - 1) // up + 1]
    if up > 1:
        x = F.interpolate(x, scale_factor=up, mode="nearest")
        x = x[:, :, max(first, 0) - begin * up : min(end, size) - begin * up]
    x = torch.cat([*([x[:, :, 1:2]] if first < 0 else []), x, *([x[:, :, -2:-1]] if end > size else [])], dim=2)
    return torch.cat([x[..., 1:2], x, x[..., -2:-1]], dim=3)


def normalized(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Instance normalisation, then scale and shift (N, C), at one go; without gradient."""
    count, channels = x[0, 0].numel(), x.shape[1]
    parts = [
        torch.native_group_norm(one, a.to(x.dtype), b.to(x.dtype), 1, channels, count, channels, EPS)[0]
        for one, a, b in zip(x.split(1), scale, shift, strict=True)
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


class Painter(nn.Module):
    """A photograph and a style -> a painting of the same size."""

    def __init__(self, widths: tuple[int, int, int], blocks: int):
        super().__init__()
        fine, half, quarter = widths
        down = [
            StyledConv(3, fine),                       # (N, 16, H, W)
            StyledConv(fine, half, stride=2),          # (N, 32, H/2, W/2)
            StyledConv(half, quarter, stride=2),       # (N, 96, H/4, W/4)
        ]
        body = [StyledConv(quarter, quarter) for _ in range(2 * blocks)]
        up = [
            StyledConv(quarter, half, up=2),           # (N, 32, H/2, W/2)
            StyledConv(half, fine, up=2),              # (N, 16, H, W)
        ]
        self.down, self.body, self.up = nn.ModuleList(down), nn.ModuleList(body), nn.ModuleList(up)
        self.last = nn.Conv2d(fine, 3, 3)
        nn.init.normal_(self.last.weight, std=0.01)
        channels = [layer.conv.out_channels for layer in [*down, *body, *up]]
        self.parts = [*channels, *channels, 12]  # of a style: scales, shifts, a colour matrix with offset

    @property
    def plain(self) -> Tensor:
        """(numbers,) of a style that changes nothing yet: scales 1, shifts 0, colours as they are."""
        channels = sum(self.parts) // 2 - 6
        return torch.cat([torch.ones(channels), torch.zeros(channels), torch.eye(3, 4).flatten()])

    def paint(self, x: Tensor, style: Tensor) -> Tensor:
        """x (N, 3, H, W) in [0, 1]; style (N, numbers) -> (N, 3, H, W) in [0, 1].

        Any size: sides that 4 does not divide are padded by their edge and cut again.
        """
        *parts, tint = style.split(self.parts, dim=1)
        layers = len(parts) // 2
        styles = iter(zip(parts[:layers], parts[layers:], strict=True))  # scale and shift of each layer
        height, width = x.shape[2:]
        h = F.pad(x.to(self.last.weight.dtype), (0, -width % 4, 0, -height % 4), mode="replicate")
        for layer in self.down:
            h = F.relu_(layer(h, *next(styles)))
        for first, second in zip(self.body[::2], self.body[1::2], strict=True):
            h = h + second(F.relu_(first(h, *next(styles))), *next(styles))
        for layer in self.up:
            h = F.relu_(layer(h, *next(styles)))
        tint = tint.float().view(-1, 3, 4)
        if self.training:
            return torch.sigmoid(tinted(x, tint) + self.last(Framed.apply(h))[..., :height, :width].float())
        if torch.compiler.is_exporting():
            return torch.sigmoid(tinted(x, tint) + self.last(surrounded(h, 0, 0)).float())
        y = torch.empty_like(x, dtype=torch.float32)
        for top, bottom in bands(height, width):
            over = self.last(surrounded(h, top, bottom))[..., :width]
            y[:, :, top:bottom] = torch.sigmoid(tinted(x[:, :, top:bottom], tint) + over.float())
        return y


def tinted(x: Tensor, tint: Tensor) -> Tensor:
    """The logits of a picture, recoloured: x (N, 3, H, W), tint (N, 3, 4)."""
    x = torch.logit(x.float(), eps=0.02)  # black and white at ±4, where a sigmoid still moves
    return torch.einsum("nrc,nchw->nrhw", tint[..., :3], x) + tint[..., 3, None, None]


class TransferNet(Painter):
    """Knows its styles by number.  The last is the photograph itself: a short way to a strength that slides."""

    def __init__(self, styles: int, widths: tuple[int, int, int] = (16, 32, 96), blocks: int = 5):
        super().__init__(widths, blocks)
        self.styles = styles
        self.table = nn.Parameter(self.plain.repeat(styles, 1))

    def forward(self, x: Tensor, mix: Tensor) -> Tensor:
        """x (N, 3, H, W) in [0, 1]; mix (N, styles), each row summing to 1 -> (N, 3, H, W) in [0, 1]."""
        return self.paint(x, mix.float() @ self.table.float())

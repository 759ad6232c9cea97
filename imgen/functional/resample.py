"""Enlarging by a fixed kernel: each new pixel is a weighted mean of its old neighbours.

Keys 1981, "Cubic convolution interpolation", with a = −0.5 as MATLAB and Pillow have it; Lanczos with three lobes; a Gaussian.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_unary


def cubic(t: Tensor, a: float = -0.5) -> Tensor:
    t = t.abs()
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = (((t - 5) * t + 8) * t - 4) * a
    return torch.where(t < 1, near, torch.where(t < 2, far, 0.0))


def lanczos(t: Tensor) -> Tensor:
    return torch.where(t.abs() < 3, torch.sinc(t) * torch.sinc(t / 3), 0.0)


def gaussian(t: Tensor, sigma: float = 0.5) -> Tensor:
    return torch.where(t.abs() < 2, torch.exp(-t.square() / (2 * sigma**2)), 0.0)


KERNELS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {  # weight at a distance in LR pixels, and its reach
    "nearest": (lambda t: ((t > -0.5) & (t <= 0.5)).to(t.dtype), 0.5),
    "bilinear": (lambda t: (1 - t.abs()).clamp(min=0), 1.0),
    "bicubic": (cubic, 2.0),
    "lanczos": (lanczos, 3.0),
    "gaussian": (gaussian, 2.0),
}


def reach(kernel: str) -> int:
    """Pixels to each side that a new pixel depends on."""
    return math.ceil(KERNELS[kernel][1])


@lru_cache(maxsize=32)
def phases(kernel: str, scale: int) -> Tensor:
    """(scale, 2·reach + 1) float64: the weights of an old pixel and its neighbours in each new pixel; a row sums to 1."""
    place = (torch.arange(scale, dtype=torch.float64) + 0.5) / scale - 0.5
    neighbours = torch.arange(-reach(kernel), reach(kernel) + 1, dtype=torch.float64)
    weights = KERNELS[kernel][0](place[:, None] - neighbours)
    return weights / weights.sum(1, keepdim=True)


def enlarged(x: Tensor, kernel: str, scale: int) -> Tensor:
    """x (N, C, H, W) -> (N, C, sH, sW) in float32 or float64, not clamped: cubic and Lanczos overshoot at edges.

    One convolution with s² kernels, the s×s new pixels of an old one: the same arithmetic everywhere, so tiles fit bit for bit.
    """
    if has_torch_function_unary(x):  # whoever watches a network sees one operation, as of torch's own functions
        return handle_torch_function(enlarged, (x,), x, kernel, scale)
    x = x if x.dtype == torch.float64 else x.float()
    n, c, height, width = x.shape
    weights = phases(kernel, scale).to(x)
    taps = weights.shape[1]
    bank = (weights[:, None, :, None] * weights[None, :, None, :]).reshape(scale**2, 1, taps, taps)
    with torch.autocast(x.device.type, enabled=False):
        y = F.conv2d(x.reshape(n * c, 1, height, width), bank, padding=taps // 2)
    y = F.pixel_shuffle(y, scale).reshape(n, c, height * scale, width * scale)
    edge = reach(kernel) * scale  # where some neighbours are missing, the others weigh more; elsewhere weights sum to 1
    for line, side in ((y, height), (y.mT, width)):
        share, end = inside(weights, side)[:, None], side * scale - edge
        end = end if torch.compiler.is_exporting() else max(edge, end)  # to a file that takes pictures large enough
        line[..., :edge, :] /= share[:edge]
        line[..., end:, :] /= share[end:]
    return y


def cropped(x: Tensor, height: int, width: int) -> Tensor:
    """The first rows and columns of x (N, C, H, W); in an exported file, too, where a slice would fix the size."""
    if torch.compiler.is_exporting():
        return x.index_select(2, torch.arange(height)).index_select(3, torch.arange(width))
    return x[..., :height, :width]


def filled_up(x: Tensor, grid: int) -> Tensor:
    """x (N, C, H, W) with its last rows and columns repeated until both sides are multiples of `grid`."""
    return F.pad(x, (0, -x.shape[3] % grid, 0, -x.shape[2] % grid), mode="replicate")


def inside(weights: Tensor, side: int) -> Tensor:
    """(side·scale,): how much of each new pixel's weights falls on the picture; at the border less than 1."""
    with torch.autocast(weights.device.type, enabled=False):
        sums = F.conv1d(weights.new_ones(1, 1, side), weights[:, None], padding=weights.shape[1] // 2)
    return sums[0].T.reshape(-1)

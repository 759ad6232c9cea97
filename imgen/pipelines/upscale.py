"""Enlarge a picture."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import numpy as np

from imgen.controls import Slider, UserError
from imgen.image import Frame, Picture, to_pixels, to_tensor
from imgen.tiles import tiled

if TYPE_CHECKING:
    from torch import Tensor, nn

Tile = Annotated[int, Slider(64, 512, 64, "px", more=True)]
MAX_OUTPUT = 16384**2  # pixels: 0.8 GB in colour


def upscale(net: "nn.Module", picture: Picture, *, tile: Tile = 256) -> Iterator[Frame]:
    """Enlarge `picture` by `net.scale`, tile by tile; overlap is the net's own receptive field, so no seam."""
    yield from _enlarge(net, net, picture, net.scale, tile)


def interpolate(
    net: "nn.Module", picture: Picture, *, scale: Annotated[int, Slider(2, 4, 1, "×")] = 4, tile: Tile = 256,
) -> Iterator[Frame]:
    """Enlarge `picture` by a fixed kernel, for comparison."""
    yield from _enlarge(net, lambda x: net(x, scale), picture, scale, tile)


def _enlarge(net: "nn.Module", enlarge: "Callable[[Tensor], Tensor]", picture: Picture, scale: int, tile: int) -> Iterator[Frame]:
    """Colour and alpha each go through the net."""
    import torch

    height, width, channels = picture.pixels.shape
    height, width = height * scale, width * scale
    if height * width > MAX_OUTPUT:
        raise UserError("result_too_large", width=width, height=height, limit=MAX_OUTPUT // 1_000_000)
    x, out = to_tensor(picture.colour), np.empty((height, width, channels), picture.pixels.dtype)
    device = next((p.device for p in net.parameters()), x.device)
    enlarge_alpha = enlarge
    if net.channels is not None:
        enlarge = _fitted(enlarge, net.channels, scale)
        enlarge_alpha = _certain(enlarge, scale)
    if picture.alpha is not None:
        opacity = to_tensor(picture.alpha)
        x = torch.cat([_continued(x, opacity), opacity], dim=1)

    def work(cut: "Tensor") -> "Tensor":
        cut = cut.to(device)
        if picture.alpha is None:
            return enlarge(cut)
        return torch.cat([enlarge(cut[:, :-1]), enlarge_alpha(cut[:, -1:])], dim=1)

    def store(rows: slice, columns: slice, y: "Tensor") -> None:
        out[rows, columns] = to_pixels(y[0], out.dtype)

    for done, total in tiled(work, x, store, tile=tile, overlap=net.field, scale=scale):
        yield Frame(done, total)
    yield Frame(1, 1, [Picture(out)])


def _continued(colour: "Tensor", opacity: "Tensor") -> "Tensor":
    """Visible colours as they are; hidden ones become the mean of the visible around them, from level to level of a pyramid.

    Whatever lay hidden is gone, and the net sees no edge where only alpha has one.  A faint pixel counts as hidden beside
    an opaque one, but not among its like.  After "pull-push", Gortler et al. 1996, "The lumigraph".
    """
    import torch
    import torch.nn.functional as F

    height, width = opacity.shape[2:]
    if height * width == 1:
        return colour
    share = F.avg_pool2d(opacity, 2, ceil_mode=True)
    mean = F.avg_pool2d(colour * opacity, 2, ceil_mode=True) / share.clamp(min=1e-9)
    around = F.interpolate(_continued(mean, share), scale_factor=2)[..., :height, :width]
    trust = opacity / F.max_pool2d(opacity, 5, stride=1, padding=2).clamp(min=1e-9)
    return torch.lerp(around, colour, trust)


def _certain(enlarge: "Callable[[Tensor], Tensor]", scale: int) -> "Callable[[Tensor], Tensor]":
    """For alpha: what is opaque or clear to interpolation stays so, as a net keeps an even area only nearly even."""
    from imgen.resample import enlarged

    def certain(opacity: "Tensor") -> "Tensor":
        plain = enlarged(opacity, "bicubic", scale)
        return plain.where((plain < 1e-6) | (plain > 1 - 1e-6), enlarge(opacity))

    return certain


def _fitted(enlarge: "Callable[[Tensor], Tensor]", channels: int, scale: int) -> "Callable[[Tensor], Tensor]":
    """A net for luminance given colour, or one for colour given grey, as the papers have it."""
    from imgen.metrics import from_luma_and_colour, luma
    from imgen.resample import enlarged

    def fitted(x: "Tensor") -> "Tensor":
        if channels == 1:
            return from_luma_and_colour(enlarge(luma(x)), enlarged(x, "bicubic", scale))
        return enlarge(x) if x.shape[1] == channels else enlarge(x.expand(-1, channels, -1, -1)).mean(1, keepdim=True)

    return fitted

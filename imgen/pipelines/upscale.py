"""Enlarge a picture."""

import copy
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, cast

import numpy as np

from imgen.controls import Slider, UserError, able
from imgen.functional.alpha import continued
from imgen.functional.flat import liveliness
from imgen.functional.tiles import tiled
from imgen.image import Frame, Picture, resized, to_pixels, to_tensor
from imgen.pipelines.nets import Enlarger, Interpolator, PyramidInterpolator, TwoEnded, Upscaler

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST = 8.0
Scale = Annotated[float, Slider(1.0, MOST, 0.1, "×")]
Width = Annotated[int, Slider(0, 16384, 1, "px", more=True)]  # 0: whatever the scale makes it
Views = Annotated[int, Slider(1, 8, 1, more=True)]
Tile = Annotated[int, Slider(64, 512, 64, "px", more=True)]
MAX_OUTPUT = 16384**2  # pixels: 0.8 GB in colour


@able(any_factor=True)
def upscale(
    net: Upscaler, picture: Picture, *, scale: Scale = 4.0, width: Width = 0, views: Views = 1, tile: Tile = 256
) -> Iterator[Frame]:
    """Enlarge `picture` by any factor: by the net, as often as it takes, then down to the wanted size if that was too much.

    views: of the eight ways to turn and mirror a picture, how many the net sees; its answers are averaged, see `self_ensemble`.
    Tiles overlap by the net's own receptive field, so there is no seam.
    """
    from imgen.functional.self_ensemble import averaged

    work = averaged(net, views, getattr(net, "grid", 1), net.scale)
    yield from _enlarge(net, work, picture, net.scale, _target_size(picture, scale, width), tile)


@able(any_factor=True)
def upscale_between(
    nets: "nn.ModuleDict", picture: Picture, *,
    sharpness: Annotated[float, Slider(0.0, 1.0, 0.05)] = 1.0,
    scale: Scale = 4.0, width: Width = 0, views: Views = 1, tile: Tile = 256,
) -> Iterator[Frame]:
    """`upscale` by a net between two of one shape: "faithful" at 0, the own one at 1, see `move_from` between."""
    from imgen.functional.network_interpolation import move_from

    net = copy.deepcopy(nets["own"])
    move_from(net, nets["faithful"], sharpness)
    yield from upscale(cast(Upscaler, net), picture, scale=scale, width=width, views=views, tile=tile)


@able(any_factor=True)
def upscale_at(
    net: TwoEnded, picture: Picture, *,
    sharpness: Annotated[float, Slider(0.0, 1.0, 0.05)] = 1.0,
    scale: Scale = 4.0, width: Width = 0, views: Views = 1, tile: Tile = 256,
) -> Iterator[Frame]:
    """`upscale` by a net with two ends: faithful at 0, crisp at 1, a weighted mean of their weights between."""
    yield from upscale(net.at(sharpness), picture, scale=scale, width=width, views=views, tile=tile)


@able(any_factor=True)
def interpolate(
    net: Interpolator, picture: Picture, *, scale: Scale = 4.0, width: Width = 0, tile: Tile = 256
) -> Iterator[Frame]:
    """Enlarge `picture` by a fixed kernel, for comparison."""
    target = _target_size(picture, scale, width)
    times = math.ceil(max(target[0] / picture.height, target[1] / picture.width))
    yield from _enlarge(net, lambda x: net(x, times), picture, times, target, tile)


@able(any_factor=True)
def interpolate_between(
    net: PyramidInterpolator, picture: Picture, *,
    level: Annotated[float, Slider(0.0, 3.0, 0.1)] = 0.5,
    scale: Scale = 4.0, width: Width = 0, tile: Tile = 256,
) -> Iterator[Frame]:
    """Enlarge `picture` by interpolation between the levels of its pyramid, too."""
    yield from interpolate(_At(net, level), picture, scale=scale, width=width, tile=tile)


class _At:
    """A net with its last argument given."""

    def __init__(self, net: PyramidInterpolator, level: float):
        self.net, self.level, self.channels, self.grid, self.receptive_radius = net, level, None, net.grid, net.receptive_radius

    def __call__(self, lr: "Tensor", scale: int) -> "Tensor":
        return self.net(lr, scale, self.level)


def _target_size(picture: Picture, scale: float, width: int) -> tuple[int, int]:
    """Height and width of the result.  Raises UserError width_too_large."""
    times = width / picture.width if width else scale
    if times > MOST:
        raise UserError("width_too_large", width=width, most=math.floor(MOST * picture.width))
    return max(1, round(picture.height * times)), width or round(picture.width * times)


def _enlarge(
    net: Enlarger, enlarge: "Callable[[Tensor], Tensor]", picture: Picture, times: int, target: tuple[int, int], tile: int
) -> Iterator[Frame]:
    """Passes of `enlarge`, each `times` larger, at least one, until the picture is as large as wanted or larger; then shrunk."""
    sizes = [(picture.height * times, picture.width * times)]
    while times > 1 and any(side < least for side, least in zip(sizes[-1], target, strict=True)):
        sizes.append((sizes[-1][0] * times, sizes[-1][1] * times))
    height, width = sizes[-1]
    if height * width > MAX_OUTPUT:
        raise UserError("result_too_large", width=width, height=height, limit=MAX_OUTPUT // 1_000_000)
    tiles = [math.ceil(height / times / tile) * math.ceil(width / times / tile) for height, width in sizes]
    for n, size in enumerate(sizes):
        out = np.empty((*size, picture.pixels.shape[2]), picture.pixels.dtype)
        for done, total in _once(net, enlarge, picture, times, tile, out):
            yield Frame(sum(tiles[:n]) + done, sum(tiles[:n]) + total + sum(tiles[n + 1 :]))
        picture = Picture(out)
    yield Frame(1, 1, [resized(picture, *target)])


def _once(
    net: Enlarger, enlarge: "Callable[[Tensor], Tensor]", picture: Picture, scale: int, tile: int, out: np.ndarray
) -> Iterator[tuple[int, int]]:
    """Fill `out` with the picture enlarged; colour and alpha go through the net, flat areas round it.  Yields (done, total)."""
    import torch

    colour, parameters = to_tensor(picture.colour), getattr(net, "parameters", tuple)
    device = next((p.device for p in parameters()), colour.device)
    parts, enlarge_alpha = [], enlarge
    if picture.alpha is not None:
        parts.append(to_tensor(picture.alpha))
        colour = continued(colour, parts[0])
    if net.channels is not None:
        enlarge = _fitted(enlarge, net.channels, scale)
        enlarge_alpha = _certain(enlarge, scale)
        parts.insert(0, liveliness(colour))

    def work(cut: "Tensor") -> "Tensor":
        seen, *rest = cut.to(device).split([colour.shape[1], *(1 for _ in parts)], 1)
        y = [enlarge(seen) if net.channels is None else _flat_stays(enlarge(seen), seen, rest[0], scale)]
        return torch.cat([*y, enlarge_alpha(rest[-1])], 1) if picture.alpha is not None else y[0]

    def store(rows: slice, columns: slice, y: "Tensor") -> None:
        out[rows, columns] = to_pixels(y[0], out.dtype)

    x = torch.cat([colour, *parts], 1)
    yield from tiled(work, x, store, tile=tile, overlap=overlap_of(net), scale=scale, grid=getattr(net, "grid", 1))


def overlap_of(net: Enlarger) -> int:
    """Pixels that neighbouring tiles share: the radius of what a result depends on, unless a net says that fewer will do."""
    return getattr(net, "overlap", None) or net.receptive_radius


def _flat_stays(sr: "Tensor", lr: "Tensor", live: "Tensor", scale: int) -> "Tensor":
    """What the net says where there is something to be seen, and interpolation where there is not; live: see `liveliness`."""
    import torch

    from imgen.functional.resample import enlarged

    if live.min() == 1:
        return sr
    share = live.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    return torch.lerp(enlarged(lr, "bicubic", scale), sr.float(), share)


def _certain(enlarge: "Callable[[Tensor], Tensor]", scale: int) -> "Callable[[Tensor], Tensor]":
    """For alpha: what is opaque or clear to interpolation stays so, as a net keeps an even area only nearly even."""
    from imgen.functional.resample import enlarged

    def certain(opacity: "Tensor") -> "Tensor":
        plain = enlarged(opacity, "bicubic", scale)
        return plain.where((plain < 1e-6) | (plain > 1 - 1e-6), enlarge(opacity))

    return certain


def _fitted(enlarge: "Callable[[Tensor], Tensor]", channels: int, scale: int) -> "Callable[[Tensor], Tensor]":
    """A net for luminance given colour, or one for colour given grey, as the papers have it."""
    from imgen.functional.metrics import from_luma_and_colour, luma
    from imgen.functional.resample import enlarged

    def fitted(x: "Tensor") -> "Tensor":
        if channels == 1:
            return from_luma_and_colour(enlarge(luma(x)), enlarged(x, "bicubic", scale))
        return enlarge(x) if x.shape[1] == channels else enlarge(x.expand(-1, channels, -1, -1)).mean(1, keepdim=True)

    return fitted

"""Fill holes: what a mask covers is painted anew, all else stays as it is, bit for bit."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import cv2
import numpy as np

from imgen.controls import Choice, Reference, Slider, UserError, able
from imgen.functional.alpha import visible
from imgen.functional.flat import STILL
from imgen.functional.scratch_detection import scratches_in
from imgen.image import Frame, Picture
from imgen.pipelines.nets import AttentiveFiller, HoleFiller, Restorer
from imgen.pipelines.restore import Strength, whole, with_alpha
from imgen.pipelines.spoil import hole_known
from imgen.pipelines.stylize import check_shape
from imgen.pipelines.stylize import mask as levels
from imgen.pipelines.upscale import Tile, Views
from imgen.stopping import go_on

if TYPE_CHECKING:
    from torch import Tensor

Mask = Annotated[tuple, Reference(brush=True)]
Covered = Annotated[str, Choice(("painted", "unpainted", "scratches"), more=True)]
Grow = Annotated[int, Slider(0, 32, 1, "px", more=True)]
Feather = Annotated[int, Slider(0, 32, 1, "px", more=True)]
# Pixels from a hole's middle to its edge: in thicker ones nets lose to diffusion (on Kodak, from strokes 36 pixels wide on, by up
# to 2.7 dB), so those are filled in a smaller picture, where they win.
THICK = 16
BROAD = 10  # a hole thicker than so much of the shorter side: there they win nowhere, and diffusion fills it
WINDOW = 512  # pixels a side of what a net sees at once
AROUND = 64  # pixels at least that it sees of a hole's surroundings
TAKEN, HERE = (255, 150, 0), (214, 40, 57)  # colours of what attention takes from, and of the pixel that asks
Box = tuple[int, int, int, int]  # top, left, bottom, right


@able(takes_mask=True, needs_mask=True, shows_attention=True)
def fill(
    net: HoleFiller, picture: Picture, *, mask: Mask = (), covered: Covered = "painted", grow: Grow = 3, feather: Feather = 3,
    views: Views = 1,
) -> Iterator[Frame]:
    """Paint anew what the mask covers, hole by hole; UserError mask_first without one.  Wide holes are filled in a smaller
    picture, and the widest by diffusion: the last frame's fact `said` tells so.

    covered: whether the painted or the unpainted part is the hole, or what is painted and what looks like a scratch; grow: so
    many pixels more on every side; feather: over so many pixels, from the edge inwards, the new passes into the old; views: see
    `upscale`.
    """
    hole = hole_of(picture, mask, covered, grow)
    by_it, flowing, said = by_net(net, views), by_diffusion(), []

    def paint(colour: np.ndarray, holes: np.ndarray) -> np.ndarray:
        thick = thickness(holes)
        broad = thick > max(THICK, min(hole.shape) / BROAD)
        if thick > THICK:
            said.append(("said_diffused" if broad else "said_smaller", {"width": round(2 * thick)}))
        return (flowing if broad else by_it)(colour, holes)

    for frame in _filled(picture, hole, feather, paint):
        widest = sorted(said, key=lambda one: one[1]["width"])[-1:]
        yield replace(frame, facts={"said": widest}) if frame.pictures else frame


@able(takes_mask=True)
def repair(
    net: Restorer, picture: Picture, *, mask: Mask = (), covered: Covered = "painted", grow: Grow = 3, feather: Feather = 3,
    views: Views = 1, strength: Strength = 1.0, tile: Tile = 256,
) -> Iterator[Frame]:
    """`fill` if there is a mask or scratches are to be found; else take noise and JPEG's traces from the whole picture."""
    if mask or covered == "scratches":
        yield from fill(net, picture, mask=mask, covered=covered, grow=grow, feather=feather, views=views)
    else:
        yield from whole(net, unmasked(net), picture, strength, views, tile)


@able(takes_mask=True, needs_mask=True)
def diffuse(
    net: None, picture: Picture, *, mask: Mask = (), covered: Covered = "painted", grow: Grow = 3, feather: Feather = 3,
    method: Annotated[str, Choice(("navier_stokes", "telea"))] = "navier_stokes",
) -> Iterator[Frame]:
    """Let the surroundings flow into the hole: each pixel, from the edge inwards, becomes a mean of what is known near it,
    weighted along lines of equal brightness (after Bertalmio et al. 2001) or as Telea 2004 has it.  OpenCV's, in one pass.
    """
    yield from _filled(picture, hole_of(picture, mask, covered, grow), feather, by_diffusion(str(method)))


def by_diffusion(method: str = "telea") -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A painter for `_filled`."""
    how = {"navier_stokes": cv2.INPAINT_NS, "telea": cv2.INPAINT_TELEA}[method]

    def flow(colour: np.ndarray, hole: np.ndarray) -> np.ndarray:
        bands = [np.ascontiguousarray(255 * colour[..., n]) for n in range(colour.shape[2])]  # Telea's weights mean grey levels
        return np.stack([cv2.inpaint(band, hole.astype(np.uint8), 4, how) for band in bands], 2) / 255

    return flow


def hole_of(picture: Picture, mask: Sequence[Picture], covered: str, grow: int) -> np.ndarray:
    """(H, W) bool: what is to be painted anew.  UserError mask_first, mask_empty, mask_all, mask_shape, no_scratches.

    A picture that `spoil` has made knows its holes without a mask.
    """
    known = hole_known(picture) if not mask and covered == "painted" else None
    mask = [known] if known else mask
    if not mask and covered != "scratches":
        raise UserError("mask_first")
    hole = np.zeros((picture.height, picture.width), bool)
    if mask:
        check_shape(mask[0], picture)
        hole = (levels(mask[0], picture.height, picture.width) > 0.5) ^ (str(covered) == "unpainted")
    if covered == "scratches":
        hole |= scratches_in(visible(picture).rgb().pixels)
        if not hole.any():
            raise UserError("no_scratches")
    if grow:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1))
        hole = cv2.dilate(hole.astype(np.uint8), disc) > 0
    if not hole.any():
        raise UserError("mask_empty")
    if hole.all():
        raise UserError("mask_all")
    return hole


def _filled(
    picture: Picture, hole: np.ndarray, feather: int, paint: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Iterator[Frame]:
    """paint: colour (h, w, C) float32 in [0, 1] and hole (h, w) bool -> colour; what lies in the hole must not count, and what it
    says of the rest does not.
    """
    out, known, todo = picture.colour.copy(), visible(picture).colour.copy(), boxes(hole)
    for n, (top, left, bottom, right) in enumerate(todo):
        here = slice(top, bottom), slice(left, right)
        holes = hole[here]
        old = known[here].astype(np.float32) / picture.white
        around = old[~holes]
        flat = len(around) and np.ptp(around, 0).max() <= STILL  # a network keeps one colour only nearly
        new = np.broadcast_to(around.mean(0), old.shape) if flat else paint(old, holes).clip(0, 1)
        inside = cv2.distanceTransform(holes.astype(np.uint8), cv2.DIST_L2, 5) if feather else holes
        share = np.clip(inside / max(feather, 1), 0, 1)[..., None]
        mixed = np.rint((old + share * (new - old)) * picture.white).astype(out.dtype)
        for one in (out, known):
            one[here] = np.where(holes[..., None], mixed, one[here])
        yield Frame(n + 1, len(todo) + 1)
    yield Frame(1, 1, [with_alpha(out, picture)])


def boxes(hole: np.ndarray, grid: int = 8) -> list[Box]:
    """Around each hole as much as it is wide, at least AROUND pixels, from a multiple of `grid`; what meets is one box."""
    height, width = hole.shape
    near = cv2.dilate(hole.astype(np.uint8), np.ones((AROUND // 2 + 1,) * 2, np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(near)
    found: list[Box] = []
    for left, top, wide, high, _ in stats[1:count].tolist():
        more = max(AROUND, min(wide, high) // 2)
        box = (max(0, top - more) // grid * grid, max(0, left - more) // grid * grid,
               min(height, top + high + more), min(width, left + wide + more))
        met = [one for one in found if _meet(one, box)]
        while met:
            found = [one for one in found if one not in met]
            tops, lefts, bottoms, rights = zip(*met, box, strict=True)
            box = (min(tops), min(lefts), max(bottoms), max(rights))
            met = [one for one in found if _meet(one, box)]
        found.append(box)
    return sorted(found)


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def by_net(net: HoleFiller, views: int = 1) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A painter for `_filled`: windows one after the other, what one has filled is known to the next."""
    from imgen.functional.self_ensemble import averaged

    work = averaged(net, views, net.grid)

    def paint(colour: np.ndarray, hole: np.ndarray) -> np.ndarray:
        small, gap = shrunk(colour, hole)
        if small is not colour:
            filled = windowed(small, gap)
            return cv2.resize(filled, hole.shape[::-1], interpolation=cv2.INTER_CUBIC).reshape(colour.shape)
        return windowed(colour, hole)

    def windowed(colour: np.ndarray, hole: np.ndarray) -> np.ndarray:
        colour, hole = colour.copy(), hole.copy()
        for top, bottom in _windows(hole.shape[0]):
            for left, right in _windows(hole.shape[1]):
                here = slice(top, bottom), slice(left, right)
                if hole[here].any():
                    go_on()
                    filled = _picture_of(work(input_of(net, colour[here], hole[here])), colour.shape[2])
                    colour[here] = np.where(hole[here][..., None], filled, colour[here])
                    hole[here] = False
        return colour

    return paint


def shrunk(colour: np.ndarray, hole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both, in a size in which no hole is thicker than THICK."""
    thick = thickness(hole)
    if thick <= THICK:
        return colour, hole
    size = tuple(max(16, math.floor(side * THICK / thick)) for side in (hole.shape[1], hole.shape[0]))
    small = cv2.resize(colour, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)
    gap = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    return small, gap


def thickness(hole: np.ndarray) -> float:
    """Pixels from the middle of the thickest hole to its edge."""
    return float(cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5).max())


def _windows(length: int) -> list[tuple[int, int]]:
    """From 0 to length, each at most WINDOW long, overlapping by half."""
    starts = [0] if length <= WINDOW else [*range(0, length - WINDOW, WINDOW // 2), length - WINDOW]
    return [(start, min(length, start + WINDOW)) for start in starts]


def _picture_of(answer: "Tensor", channels: int) -> np.ndarray:
    """What a net says (1, 3, h, w), as (h, w, channels) float32."""
    y = answer[0].float().cpu().numpy().transpose(1, 2, 0)
    return y if channels == 3 else y.mean(2, keepdims=True)


def input_of(net: HoleFiller, colour: np.ndarray, hole: np.ndarray) -> "Tensor":
    """(1, 4, h, w) where the net is: RGB, grey in the hole, and the mask."""
    import torch

    rgb = np.where(hole[..., None], np.float32(0.5), colour)
    rgb = np.broadcast_to(rgb, (*hole.shape, 3))
    x = torch.from_numpy(np.concatenate([rgb, hole[..., None]], 2, dtype=np.float32)).permute(2, 0, 1)[None]
    return x.to(next((p.device for p in net.parameters()), x.device))


def unmasked(net: "Callable[[Tensor], Tensor]") -> "Callable[[Tensor], Tensor]":
    """A net that takes a mask, told that nothing is missing."""
    import torch

    return lambda x: net(torch.cat([x, torch.zeros_like(x[:, :1])], 1))


def look(
    net: AttentiveFiller, picture: Picture, *, mask: Mask = (), covered: Covered = "painted", grow: Grow = 3,
    row: Annotated[int, Slider(0, 65535, 1)] = 0, column: Annotated[int, Slider(0, 65535, 1)] = 0,
) -> Iterator[Frame]:
    """Where attention looked to fill the pixel (row, column): the picture pale, what was taken from in orange, the pixel in red.

    UserError pixel_outside if that pixel was not filled.
    """
    hole, rgb = hole_of(picture, mask, covered, grow), visible(picture).rgb().pixels
    if row >= picture.height or column >= picture.width or not hole[row, column]:
        raise UserError("pixel_outside")
    top, left, bottom, right = next(b for b in boxes(hole) if b[0] <= row < b[2] and b[1] <= column < b[3])
    here = slice(top, bottom), slice(left, right)
    small, gap = shrunk(rgb[here].astype(np.float32) / 255, hole[here])
    y, x = (row - top) * gap.shape[0] // (bottom - top), (column - left) * gap.shape[1] // (right - left)
    window = _about(y, gap.shape[0], net.grid), _about(x, gap.shape[1], net.grid)
    weights = net.look(input_of(net, small[window], gap[window]), y - window[0].start, x - window[1].start).float().cpu().numpy()
    shares = np.zeros(gap.shape)
    cells = np.kron(weights / weights.max(), np.ones((net.grid, net.grid))) ** 0.5
    shares[window] = cells[: shares[window].shape[0], : shares[window].shape[1]]
    shares = cv2.resize(shares, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST)[..., None]
    out = np.repeat(255 - (255 - rgb.mean(2, keepdims=True)) * 0.45, 3, 2)
    out[hole] = 235
    out[here] += shares * (np.array(TAKEN) - out[here])
    out = out.round().astype(np.uint8)
    cv2.circle(out, (column, row), max(2, max(out.shape) // 120), HERE, -1, cv2.LINE_AA)
    most = int((np.sort(weights.ravel())[::-1].cumsum() < 0.9).sum()) + 1
    yield Frame(1, 1, [Picture(out)], {"sources": most})  # places that make nine tenths of it


def _about(at: int, length: int, grid: int) -> slice:
    """At most WINDOW around `at`, from a multiple of `grid`."""
    start = max(0, min(at - WINDOW // 2, length - WINDOW)) // grid * grid
    return slice(start, min(length, start + WINDOW))

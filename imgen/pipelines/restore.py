"""Take noise and JPEG's traces from a picture, in one pass or step by step."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import cv2
import numpy as np

from imgen.controls import Reference, Slider, UserError, able
from imgen.functional.alpha import own_colours, visible
from imgen.functional.flat import liveliness
from imgen.functional.one_colour import COARSE, disguised, grain_of, tone_of, toned
from imgen.functional.tiles import tiled
from imgen.image import Frame, Picture, to_pixels, to_tensor
from imgen.pipelines.nets import RecurrentRestorer, Restorer
from imgen.pipelines.upscale import Tile, Views

if TYPE_CHECKING:
    from torch import Tensor

Strength = Annotated[float, Slider(0.0, 1.0, 0.05)]
MOST_FRAMES = 7
KEPT = 64_000_000  # pixels of all steps together; of a larger picture only the last is kept


def restore(
    net: Restorer, picture: Picture, *, strength: Strength = 1.0, views: Views = 1, tile: Tile = 256
) -> Iterator[Frame]:
    """Mend the whole picture; strength 0 leaves it as it is.  Grey stays grey, 16 bit stay 16, alpha is kept.

    views: see `upscale`.
    """
    yield from whole(net, net, picture, strength, views, tile)


def whole(
    net: Restorer, work: "Callable[[Tensor], Tensor]", picture: Picture, strength: float, views: int, tile: int
) -> Iterator[Frame]:
    """`restore` by `work`: the net as it takes a picture (N, 3, H, W).  Of an old print the grain, too: see `of_one_colour`."""
    out, seen = np.empty_like(picture.colour), visible(picture)
    work, besides, grain = of_one_colour(work, seen)
    for done, total in mended(net, work, [seen], [out], views, tile, net.receptive_radius, strength, besides):
        yield Frame(done, total)
    said = [("said_grain", {"sigma": round(grain)})] if grain else []
    yield Frame(1, 1, [with_alpha(own_colours(out, picture, seen), picture)], {"said": said})


def of_one_colour(
    work: "Callable[[Tensor], Tensor]", seen: Picture
) -> "tuple[Callable[[Tensor], Tensor], list[Tensor], float]":
    """`work` for a picture that is grey or toned and has coarse grain, what it is to be given besides (see `mended`), and σ of
    the grain; for any other `work` as it is, nothing and 0.

    Light and dark are restored alone, see `functional.one_colour`; the tone is put back, and stains larger than 9 pixels stay.
    """
    import torch.nn.functional as F

    rgb = np.broadcast_to(seen.pixels / np.float32(seen.white), (seen.height, seen.width, 3))
    grain = grain_of(rgb.mean(2))
    tone = tone_of(rgb) if grain >= COARSE else None
    if tone is None:
        return work, [], 0.0

    def light_and_dark(x: "Tensor") -> "Tensor":
        given, noisy = x[:, :3], x[:, 3:]
        old = given.mean(1, keepdim=True)
        new = work(noisy).float().mean(1, keepdim=True).clamp(0, 1)
        stains = F.avg_pool2d(F.pad(given - toned(old, tone), (4,) * 4, mode="replicate"), 9, stride=1)
        return toned(new, tone) + stains

    return light_and_dark, [disguised(to_tensor(seen.pixels).mean(1, keepdim=True), grain)], grain


@able(shows_steps=True)
def restore_steps(
    net: RecurrentRestorer, picture: Picture, *,
    steps: Annotated[int, Slider(1, 12, 1)] = 6,
    frames: Annotated[tuple, Reference(MOST_FRAMES - 1, film=True)] = (),
    views: Views = 1, tile: Tile = 256,
) -> Iterator[Frame]:
    """Mend by applying one block `steps` times; the pictures after each step follow the result.

    frames: more noisy pictures of the same scene, or a film; each is moved onto the first, and the steps look at them in turn, at
    least one step at each; views: see `upscale`.  UserError frame_size if one has another size.
    """
    seen = visible(picture)
    shots = [seen, *(aligned(frame, picture) for frame in frames if frame != picture)]  # a film's first may be the picture
    steps = max(steps, len(shots))
    kept = steps if picture.width * picture.height * steps <= KEPT else 1
    outs = [np.empty_like(picture.colour) for _ in range(kept)]

    def applied(x: "Tensor") -> "Tensor":
        looks = x.unflatten(1, (len(shots), 3))
        return net(looks[:, [n % len(shots) for n in range(steps)]])[:, -kept:].flatten(1, 2)

    for done, total in mended(net, applied, shots, outs, views, tile, net.receptive_radius(steps)):
        yield Frame(done, total)
    after = [with_alpha(own_colours(out, picture, seen), picture) for out in outs]
    yield Frame(1, 1, [after[-1], *(after if kept > 1 else [])])


def mended(
    net: Restorer | RecurrentRestorer, work: "Callable[[Tensor], Tensor]",
    pictures: Sequence[Picture], outs: Sequence[np.ndarray], views: int, tile: int, radius: int, strength: float = 1.0,
    besides: "Sequence[Tensor]" = (),
) -> Iterator[tuple[int, int]]:
    """Fill `outs` with what `net` makes of `pictures`, all of one size, tile by tile; yields (done, total).

    work: the net, as it takes RGB of all pictures, one behind the other as channels, and gives RGB of all `outs`; radius:
    of what a result depends on, in pixels; besides: what else `work` is given, as channels behind the pictures.
    """
    import torch

    from imgen.functional.self_ensemble import averaged

    device = next((p.device for p in getattr(net, "parameters", tuple)()), torch.device("cpu"))
    seen = torch.cat([to_tensor(one.pixels).expand(-1, 3, -1, -1) for one in pictures], 1)
    x, work = torch.cat([seen, *besides, strength * liveliness(seen)], 1), averaged(work, views, net.grid)

    def worked(cut: "Tensor") -> "Tensor":
        given, share = cut.to(device).split([x.shape[1] - 1, 1], 1)
        y = work(given).float()
        return y if share.min() == 1 else torch.lerp(given[:, :3].repeat(1, y.shape[1] // 3, 1, 1), y, share)

    def store(rows: slice, columns: slice, y: "Tensor") -> None:
        for out, one in zip(outs, y[0].split(3), strict=True):
            one = one if out.shape[2] == 3 else one.mean(0, keepdim=True)
            out[rows, columns] = to_pixels(one, out.dtype)

    yield from tiled(worked, x, store, tile=tile, overlap=radius, grid=net.grid)


def with_alpha(pixels: np.ndarray, like: Picture) -> Picture:
    return Picture(pixels if like.alpha is None else np.concatenate([pixels, like.alpha], axis=2))


def aligned(frame: Picture, first: Picture) -> Picture:
    """`frame` moved by whole pixels to where it fits `first` best (phase correlation); what comes in at the border is repeated.

    Whole pixels: interpolation would blur the noise, and a net that knows noise would not know it again.
    """
    if (frame.width, frame.height) != (first.width, first.height):
        raise UserError("frame_size", width=frame.width, height=frame.height, wanted=f"{first.width} × {first.height}")
    moved = _like(frame, first)
    if min(first.width, first.height) < 16:  # nothing to go by
        return moved
    greys = [one.rgb().pixels.mean(2).astype(np.float32) for one in (first, frame)]
    window = cv2.createHanningWindow((first.width, first.height), cv2.CV_32F)
    (right, down), _ = cv2.phaseCorrelate(greys[0] * window, greys[1] * window)
    rows = np.clip(np.arange(first.height) + round(down), 0, first.height - 1)
    columns = np.clip(np.arange(first.width) + round(right), 0, first.width - 1)
    return Picture(moved.pixels[rows][:, columns])


def _like(frame: Picture, first: Picture) -> Picture:
    """Without alpha, in the first one's number of bits."""
    pixels = visible(frame).colour
    if frame.white != first.white:
        pixels = np.rint(pixels / frame.white * first.white).astype(first.pixels.dtype)
    return Picture(pixels)

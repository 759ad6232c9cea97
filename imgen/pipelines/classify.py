"""What is in a picture, by the scores of ten classes, and why: Grad-CAM, occlusion, and the change that another answer needed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import numpy as np

from imgen.controls import Choice, Option, Slider, able
from imgen.image import Frame, Picture, resized, to_pixels
from imgen.pipelines.nets import Classifier

if TYPE_CHECKING:
    from torch import Tensor

EXPLANATIONS = ("grad_cam", "occlusion", "change", "input")
DRAWN = 10  # pixels a side of each pixel of the net's input in the pictures that explain
LARGE = 512  # pixels a side that are enough to find the thing in a picture
PLAIN = 0.15  # spread of the border of a picture with a plain background, at most
APART = 0.12  # a pixel that differs so much from the background belongs to the thing
WARM, COLD = (0.93, 0.25, 0.05), (0.1, 0.4, 0.95)  # for it, against it


@able(classifies=True)
def classify(
    net: Classifier, picture: Picture, *,
    answer: Annotated[Option, Choice("classes", every="winner")] = Option("winner"),
    turn: Annotated[int, Slider(-180, 180, 15, "°")] = 0,
    right: Annotated[int, Slider(-14, 14, 1, "px")] = 0,
    down: Annotated[int, Slider(-14, 14, 1, "px", more=True)] = 0,
    grain: Annotated[int, Slider(0, 120, 10)] = 0,
    patch: Annotated[int, Slider(3, 13, 2, "px", more=True)] = 7,
    explanation: Annotated[str, Choice(EXPLANATIONS, more=True)] = "grad_cam",
) -> Iterator[Frame]:
    """Make `picture` as small as the net needs it and tell its scores, as the fact "scores": class -> share of 1.

    -> four pictures, the chosen explanation first: where the net looked, what it needs to see, what another answer would have
    needed, and what the net was given.  answer: the class to explain; of another than the winner also the change towards it.
    turn, right, down, grain (σ in grey levels of 255): spoil what the net is given, to see where it breaks.
    """

    from imgen.functional.explain import grad_cam, occlusion, smallest_change

    weight = next(net.parameters())
    clean, ground = small(net, picture)
    x = grained(moved(clean, ground, turn, right, down), grain).to(weight.device, weight.dtype)
    ground = ground.to(x)
    yield Frame(0, 3)
    maps = net.look(x)
    scores = net.classifier(maps).float().softmax(1)[0]
    order = scores.argsort(descending=True).tolist()
    label = order[0] if answer.index is None else answer.index
    other = order[1] if label == order[0] else label
    names = answer.options
    heat = grad_cam(net.classifier, maps, label)
    yield Frame(1, 3)
    needs = occlusion(net, x, label, patch, ground)
    yield Frame(2, 3)
    changed, reached = smallest_change(net, x, other)
    change = (changed - x).float()
    base = x[0].float().cpu()
    shown = {
        "grad_cam": overlay(base, laid(heat.float().cpu(), net)), "occlusion": overlay(base, needs.cpu()),
        "change": overlay(base, change[0].mean(0).cpu()), "input": squares(base),
    }
    told = {name: round(score, 4) for name, score in zip(names, scores.tolist(), strict=True)}
    ordered = sorted(EXPLANATIONS, key=lambda kind: kind != explanation)
    facts = {
        "scores": told, "explained": names[label], "other": names[other], "reached": reached,
        "change": round(255 * change.abs().mean().item(), 2),  # grey levels, the mean over all pixels
    }
    yield Frame(3, 3, [Picture(to_pixels(shown[kind]), {**facts, "shows": kind}) for kind in ordered], facts)


def small(net: Classifier, picture: Picture) -> "tuple[Tensor, Tensor]":
    """-> x (1, channels, side, side) in [0, 1], and the colour of its background (1, channels, 1, 1).

    A picture of the net's own size is taken as it is.  Of a larger one with a plain background the thing is cut out and given
    as much room as in the pictures that the net learned from; of any other the middle square.  A net of one channel learned
    light things on black, so there a light background becomes a dark one.
    """
    import torch

    rgb = picture.rgb()
    side = max(rgb.height, rgb.width)
    if side > LARGE:
        rgb = resized(rgb, *(max(1, round(limit * LARGE / side)) for limit in (rgb.height, rgb.width)))
    pixels = rgb.pixels / np.float32(255)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    ground = np.median(edge, 0)
    if pixels.shape[:2] != (net.side, net.side):
        plain = float(np.abs(edge - ground).mean()) < PLAIN
        pixels = framed(pixels, ground, net.margin) if plain else middle(pixels)
        rows = Picture(np.rint(pixels * 255).astype(np.uint8))
        pixels = resized(rows, net.side, net.side).pixels / np.float32(255)
    if net.channels == 1:
        pixels, ground = pixels @ LUMA[:, None], LUMA @ ground
        if ground > 0.5:
            pixels, ground = 1 - pixels, 1 - ground
    x = torch.from_numpy(np.ascontiguousarray(pixels, np.float32)).permute(2, 0, 1)[None]
    return x, torch.as_tensor(np.atleast_1d(ground), dtype=torch.float32).view(1, -1, 1, 1)


LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def framed(pixels: np.ndarray, ground: np.ndarray, margin: float) -> np.ndarray:
    """The thing in the middle of a square of the background, `margin` of whose side is left free at each side of it."""
    thing = np.abs(pixels - ground).max(2) > APART
    if not thing.any():
        thing[:] = True
    spans = [(int(places[0]), int(places[-1]) + 1) for places in (np.flatnonzero(thing.any(axis)) for axis in (1, 0))]
    side = max(1, round(max(end - start for start, end in spans) / (1 - 2 * margin)))
    out = np.empty((side, side, 3), np.float32)
    out[:] = ground
    top, left = ((start + end - side) // 2 for start, end in spans)
    cut = pixels[max(0, top) : top + side, max(0, left) : left + side]  # of the picture, as far as it goes
    out[max(0, -top) :, max(0, -left) :][: cut.shape[0], : cut.shape[1]] = cut
    return out


def middle(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]


def moved(x: "Tensor", ground: "Tensor", turn: int, right: int, down: int) -> "Tensor":
    """x (1, C, S, S) turned to the left by `turn` degrees and shifted by pixels; what comes in has the background's colour."""
    import torch

    if not (turn or right or down):
        return x
    angle, half = np.deg2rad(turn), x.shape[3] / 2
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    back = np.array([-right / half, -down / half])  # where a pixel comes from: first shifted back, then turned back
    turned = torch.tensor([[
        [cos, -sin, cos * back[0] - sin * back[1]], [sin, cos, sin * back[0] + cos * back[1]],
    ]], dtype=x.dtype)
    places = torch.nn.functional.affine_grid(turned, list(x.shape), align_corners=False)
    return torch.nn.functional.grid_sample(x - ground, places, align_corners=False) + ground


def grained(x: "Tensor", sigma: int) -> "Tensor":
    """White Gaussian noise, always the same.  sigma: in grey levels of 255."""
    import torch

    if not sigma:
        return x
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    return (x + noise * sigma / 255).clamp(0, 1)


def laid(heat: "Tensor", net: Classifier) -> "Tensor":
    """A map (h, w) of the net's over its input (side, side): each of its places where its receptive field is centred."""
    import torch

    def places(count: int) -> "Tensor":
        place = (torch.arange(net.side) - net.first) / net.jump  # among those of the map
        return (2 * place + 1) / count - 1  # as `grid_sample` counts: from edge to edge -1 … 1

    rows, columns = (places(count) for count in heat.shape)
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), 2)[None].to(heat)
    return torch.nn.functional.grid_sample(
        heat[None, None], grid, mode="bilinear", padding_mode="border", align_corners=False
    )[0, 0]


def squares(x: "Tensor") -> "Tensor":
    """(C, S, S) -> (3, DRAWN·S, DRAWN·S): each pixel as a square."""
    return x.expand(3, -1, -1).repeat_interleave(DRAWN, 1).repeat_interleave(DRAWN, 2)


def overlay(x: "Tensor", values: "Tensor") -> "Tensor":
    """A picture (C, S, S), grey and dim, under `values` (S, S): warm above 0, cold below, the strongest as 1.  As `squares`."""
    import torch

    def smooth(values: "Tensor") -> "Tensor":
        wanted = [DRAWN * limit for limit in values.shape]
        return torch.nn.functional.interpolate(values[None, None], size=wanted, mode="bilinear")[0, 0]

    share = smooth(values / values.abs().max().clamp(min=1e-9))
    grey = x.mean(0, keepdim=True)
    grey = 0.15 + 0.6 * squares((grey - grey.min()) / (grey.max() - grey.min()).clamp(min=1e-9))
    colour = torch.where(share[None] > 0, torch.tensor(WARM)[:, None, None], torch.tensor(COLD)[:, None, None])
    return torch.lerp(grey, colour, 0.85 * share.abs()[None])

"""What a card's network is given, as its pipeline would give it, in one pass and at a size that can be kept whole."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imgen.cards import Card, opened
from imgen.controls import UserError, checked
from imgen.functional.alpha import visible
from imgen.image import Picture, decode, to_pixels, to_tensor
from imgen.loader import Complete
from imgen.pipelines.classify import grained, moved, small
from imgen.pipelines.fill import input_of
from imgen.pipelines.generate import noise
from imgen.pipelines.nets import encodes
from imgen.pipelines.rebuild import prepared
from imgen.pipelines.stylize import LOOK, limited, scaled, style_shares

if TYPE_CHECKING:
    from torch import Tensor, nn

SIDE = 256  # pixels of the longer side of what is looked at
PAINTING = Path(__file__).parent.parent / "assets" / "styles" / "great_wave.webp"  # for a net that asks for one


@dataclass(frozen=True)
class Feed:
    """inputs: by name, "picture" first if there is one; run: takes them by name, through `net`."""

    net: "nn.Module"
    inputs: "dict[str, Tensor]"
    run: "Callable[..., Any]"
    fixed: bool = False  # whether its size is the net's own


def feeder(card: Card, picture: Picture | None, knobs: Mapping[str, object]) -> Callable[[int], Feed]:
    """-> side of the picture: what is run.  Raises UserError inside_no_network, inside_not_here, picture_first, and of knobs."""
    import torch

    if card.net is None:
        raise UserError("inside_no_network")
    offered = card.knobs
    values = opened(offered, checked(offered, knobs))
    if card.alternative and values.get("network") == card.alternative.name:
        card = card.alternative
    if not card.ready:
        raise UserError("inside_not_here")
    net: Any = card.private_copy(dtype=torch.float32).cpu()
    if "faithful" in card.auxiliary:
        _mixed(net, card.auxiliary["faithful"], float(values["sharpness"]))
    kind = getattr(inspect.unwrap(card.pipeline), "__name__", "")
    if kind == "upscale_at":
        net = net.at(float(values["sharpness"]))
    with torch.inference_mode(False), torch.no_grad():
        if card.abilities.flows:
            return _flow(net, values)
        if hasattr(net, "latent") and not hasattr(net, "scale"):
            return _generator(net, picture, values)
        paintings = values.get("paintings") or ()
        picture = picture or (paintings[0] if paintings else None)
        if picture is None and not card.pictures and PAINTING.exists():
            picture = decode(PAINTING)  # it takes a painting alone, as a knob
        if picture is None or not picture.pixels.size:
            raise UserError("picture_first")
        make = FEEDS.get(kind, sized if hasattr(net, "side") else _enlarger)
        return make(net, picture, values)


def _mixed(net: "nn.Module", faithful: Card, share: float) -> None:
    """As `upscale_between` has it."""
    import torch

    from imgen.functional.network_interpolation import move_from

    if not faithful.ready:
        raise UserError("inside_not_here")
    move_from(net, faithful.private_copy(dtype=torch.float32).cpu(), share)


def _class(values: Mapping[str, Any], classes: int) -> "Tensor":
    import torch

    index = getattr(values.get("label"), "index", None)
    return torch.tensor([index if isinstance(index, int) and index < classes else 0])


def _condition(values: Mapping[str, Any], classes: int) -> "Tensor":
    """A class, or shares of words."""
    import torch

    if "words" not in values:
        return _class(values, classes)
    shares = torch.zeros(1, classes)
    shares[0, list(values["words"].indices)] = 1 / max(1, len(values["words"].indices))
    return shares


def _flow(net: Any, values: Mapping[str, Any]) -> Callable[[int], Feed]:
    """Half-way from the noise of its seed: there a picture can be made out, and much is still open."""
    import torch

    from imgen.functional.flow import adams_bashforth

    label, x = _condition(values, net.classes), noise(int(values["seed"]), 1, net.channels * net.side**2)
    start = x.view(1, net.channels, net.side, net.side)
    way = adams_bashforth(lambda x, t: net(x, torch.tensor([t]), label), start, int(values["steps"]))
    time, x = next((time, x) for time, x, _ in way if time >= 0.5)

    def run(picture: "Tensor", **given: "Tensor") -> "Tensor":
        return net(2 * picture - 1, given["time"], given["class"])

    return lambda side: Feed(net, {"picture": (x + 1) / 2, "time": torch.tensor([time]), "class": label}, run, True)


def _generator(net: Any, picture: Picture | None, values: Mapping[str, Any]) -> Callable[[int], Feed]:
    """From its seed; an autoencoder takes a picture apart, yours or one that it drew from its seed, and builds it again."""

    z = noise(int(values.get("seed", 10)), 1, net.latent) * float(values.get("truncation", 1.0))
    label = _condition(values, net.classes)
    if not encodes(net):
        return lambda side: Feed(net, {"noise": z, "class": label}, lambda **given: net(given["noise"], given["class"]), True)
    whole: Any = net
    drawn = whole(z, label)
    if picture is not None:
        drawn = to_tensor(prepared(Picture(visible(picture).rgb().pixels), *drawn.shape[1:])[0].pixels)

    def both(picture: "Tensor", **given: "Tensor") -> "Tensor":
        code = whole.encode(picture, given["class"])
        return whole.show(code[0] if isinstance(code, tuple) else code, given["class"])

    return lambda side: Feed(whole, {"picture": drawn, "class": label}, both, True)


def _rgb(picture: Picture, side: int, grid: int = 1) -> "Tensor":
    """(1, 3, h, w) in [0, 1], at most so many pixels a side, both multiples of `grid`."""
    small = limited(visible(picture).rgb(), side)
    pixels = small.pixels
    if grid > 1:
        height, width = (max(grid, length // grid * grid) for length in pixels.shape[:2])
        pixels = pixels[:height, :width]
    return to_tensor(np.ascontiguousarray(pixels)).contiguous()


def _channels(x: "Tensor", channels: int | None) -> "Tensor":
    from imgen.functional.metrics import luma

    return luma(x) if channels == 1 else x


def _enlarger(net: Any, picture: Picture, values: Mapping[str, Any]) -> Callable[[int], Feed]:
    return lambda side: Feed(
        net, {"picture": _channels(_rgb(picture, side), getattr(net, "channels", 3))}, lambda picture: net(picture)
    )


def _interpolator(net: Any, picture: Picture, values: Mapping[str, Any]) -> Callable[[int], Feed]:
    more = [math.ceil(values.get("scale", 4.0)), *([values["level"]] if "level" in values else [])]
    return lambda side: Feed(net, {"picture": _rgb(picture, side)}, lambda picture: net(picture, *more))


def _classified(net: Any, picture: Picture, values: Mapping[str, Any]) -> Callable[[int], Feed]:
    """What its tab gives it: the thing cut out, turned, shifted and under noise as the knobs say."""
    clean, ground = small(net, picture)
    turn, right, down, grain = (int(values[name]) for name in ("turn", "right", "down", "grain"))
    x = grained(moved(clean, ground, turn, right, down), grain).contiguous()
    return lambda side: Feed(net, {"picture": x}, lambda picture: net(picture), True)


def sized(net: Any, picture: Picture, values: Mapping[str, Any]) -> Callable[[int], Feed]:
    """Of a network that is known by no more than its size: the middle square."""
    channels, size = getattr(net, "channels", 3), net.side
    x = to_tensor(prepared(Picture(visible(picture).rgb().pixels), channels, size, size)[0].pixels).contiguous()
    return lambda side: Feed(net, {"picture": x}, lambda picture: net(picture), True)


def _guesser(net: Any, picture: Picture, values: Mapping[str, Any]) -> Callable[[int], Feed]:
    from torch.nn.functional import adaptive_avg_pool2d

    lr = adaptive_avg_pool2d(_rgb(picture, SIDE).mean(1, keepdim=True), net.side)
    z = noise(int(values["seed"]), 1, net.latent)
    return lambda side: Feed(net, {"picture": lr, "noise": z}, lambda picture, noise: net(noise, picture), True)


def _stylizer(net: Any, picture: Picture, values: Mapping[str, Any]) -> Callable[[int], Feed]:
    mix = style_shares(values["style"], values["second"], values["mix"], values["strength"], net.styles)
    return lambda side: Feed(net, {"picture": _rgb(picture, side), "style": mix}, lambda picture, style: net(picture, style))


def _any_stylizer(net: Any, picture: Picture, values: Mapping[str, Any]) -> Callable[[int], Feed]:
    paintings = values.get("paintings") or ([decode(PAINTING)] if PAINTING.exists() else [picture])
    strength = float(values["strength"])

    def run(picture: "Tensor", painting: "Tensor") -> "Tensor":
        style, plain = net.style_of(net.sight(painting)), net.photograph.float()
        return net.paint(picture, plain + strength * (style - plain))

    def feed(side: int) -> Feed:
        painting = to_tensor(scaled(paintings[0].rgb(), min(LOOK, side)).pixels).contiguous()
        return Feed(net, {"picture": _rgb(picture, side), "painting": painting}, run)

    return feed


def _masked(net: Any, picture: Picture, values: Mapping[str, Any]) -> Callable[[int], Feed]:
    """With the visitor's mask; without one an attentive net gets a hole in the middle, all others none."""
    from imgen.pipelines.stylize import mask as levels

    def feed(side: int) -> Feed:
        x = _rgb(picture, side)
        colour = x[0].permute(1, 2, 0).numpy()
        height, width = colour.shape[:2]
        hole = np.zeros((height, width), bool)
        if values.get("mask"):
            hole = levels(values["mask"][0], height, width) > 0.5
        elif hasattr(net, "look"):
            hole[height * 3 // 8 : height * 5 // 8, width * 3 // 8 : width * 5 // 8] = True
        return Feed(net, {"picture": input_of(net, colour, hole).contiguous()}, lambda picture: net(picture))

    return feed


def _recurrent(net: Any, picture: Picture, values: Mapping[str, Any]) -> Callable[[int], Feed]:
    steps = int(values["steps"])
    return lambda side: Feed(
        net, {"picture": _rgb(picture, side)}, lambda picture: net(picture[:, None].expand(-1, steps, -1, -1, -1))
    )


def _judge(net: Any, picture: Picture, values: Mapping[str, Any]) -> Callable[[int], Feed]:
    import torch

    record = picture.record.get("class", 0)
    first = next(p for p in net.parameters() if p.ndim >= 2)
    channels = first.shape[1] if first.ndim == 4 else 1
    size = 28 if channels == 1 else 64  # as its generator draws
    x = to_tensor(prepared(Picture(visible(picture).rgb().pixels), channels, size, size)[0].pixels).contiguous()
    classes = getattr(net, "classes", None) or net.embed.num_embeddings
    label = torch.tensor([record if isinstance(record, int) and not isinstance(record, bool) and 0 <= record < classes else 0])
    return lambda side: Feed(net, {"picture": x, "class": label}, lambda **given: net(given["picture"], given["class"]), True)


FEEDS: dict[str, Callable[[Any, Picture, Mapping[str, Any]], Callable[[int], Feed]]] = {  # by the name of the pipeline
    "interpolate": _interpolator, "interpolate_between": _interpolator, "guess": _guesser, "stylize": _stylizer,
    "stylize_any": _any_stylizer, "fill": _masked, "repair": _masked, "restore_steps": _recurrent, "opinion": _judge,
    "upscale": _enlarger, "upscale_between": _enlarger, "upscale_at": _enlarger, "restore": _enlarger,
    "repaint": _enlarger, "synthesize": _enlarger, "reconstruct": _enlarger, "classify": _classified,
}


def picture_of(x: "Tensor") -> Picture:
    """Of the input (1, C, h, w): what people see; a mask's channel apart."""
    return Picture(to_pixels(x[0, : 3 if x.shape[1] >= 3 else 1]))


def is_rule(card: Card) -> bool:
    return isinstance(card.net, Complete)

"""Move about in a generator's latent space, between pictures that it made: each remembers where it came from."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, cast

from imgen.controls import Choice, Option, Slider, UserError
from imgen.image import Frame, Picture, to_pixels
from imgen.pipelines import flow
from imgen.pipelines.generate import at_once, noise
from imgen.pipelines.nets import Flow, Generator, flows

if TYPE_CHECKING:
    from torch import Tensor

MOST = 1000  # pictures of one seed: a forged record must not keep us busy
FAR = 1000.0  # no number of a place that we made is as large
Place = tuple["Tensor", "Tensor"]  # z (latent,) and the shares of the classes (classes,); of a flow z is its noise


def morph(net: Generator | Flow, *pictures: Picture, steps: Annotated[int, Slider(2, 60, 1)] = 20) -> Iterator[Frame]:
    """From each picture to the next, and from the last back to the first: `steps` pictures a way, a film without a seam."""
    import torch

    if len(pictures) < 2:
        raise UserError("pictures_to_morph", came=len(pictures))
    stops = [place(net, picture) for picture in pictures]
    shares = torch.arange(steps) / steps
    ways = [between(a, b, t) for a, b in pairwise([*stops, stops[0]]) for t in shares]
    yield from draw(net, ways, pictures)


def combine(net: Generator | Flow, first: Picture, less: Picture, more: Picture) -> Iterator[Frame]:
    """first − less + more, as vectors: what tells `less` from `more` is done to `first`.  Radford et al. 2016, section 6.3.2.

    The result is as far from the origin as a normal latent is: the sum of three alone would be wilder than any.
    """
    (a, of_a), (b, of_b), (c, of_c) = (place(net, picture) for picture in (first, less, more))
    z = a - b + c
    z = z * (a.norm() + b.norm() + c.norm()) / (3 * z.norm()).clamp(min=1e-9)
    shares = (of_a - of_b + of_c).clamp(min=0)
    yield from draw(net, [(z, shares / shares.sum().clamp(min=1e-9))], (first, less, more))


Label = Annotated[Option, Choice("classes")]
Share = Annotated[float, Slider(0.0, 1.0, 0.001)]


def chart(net: Generator, *, label: Label = Option(""), across: Annotated[int, Slider(5, 31, 1)] = 17) -> Iterator[Frame]:
    """A map of a latent space of two numbers: `across`² pictures, row by row, each for an equally likely part of the plane.

    Kingma and Welling 2014, figure 4.
    """
    shares = [(n + 0.5) / across for n in range(across)]
    yield from draw(net, [spot(net, label, x, y) for y in shares for x in shares])


def point(net: Generator, *, label: Label = Option(""), x: Share = 0.5, y: Share = 0.5) -> Iterator[Frame]:
    """The picture at one spot of the map: x from left to right, y from top to bottom."""
    yield from draw(net, [spot(net, label, x, y)])


def spot(net: Generator, label: Option, x: float, y: float) -> Place:
    """Shares of the map's sides -> the place there: as much of a normal variable lies to the left of z as of the map does."""
    import torch
    import torch.nn.functional as F

    if net.latent != 2:
        raise UserError("no_map")
    z = torch.special.ndtri(torch.tensor([x, y]).clamp(0.001, 0.999))
    return z, F.one_hot(torch.tensor(label.index), net.classes).float()


def place(net: Generator | Flow, picture: Picture) -> Place:
    """Where in the latent space `picture` was made.  UserError if it does not remember a place in this net's space."""
    import torch
    import torch.nn.functional as F

    record, latent = picture.record, flow.size(net) if flows(net) else cast(Generator, net).latent
    try:
        if flows(net):
            z, shares = flow.place(net, picture)
        elif "latent" in record:
            z, shares = (torch.tensor(record[name], dtype=torch.float32) for name in ("latent", "shares"))
        else:
            knobs, n = record["knobs"], int(record["number"])
            z = noise(int(knobs["seed"]), min(n, MOST) + 1, latent)[-1] * float(knobs["truncation"])
            shares = F.one_hot(torch.tensor(record["class"]), net.classes).float()
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError):  # no record of ours, or somebody's own
        raise UserError("picture_without_place") from None
    sizes = z.shape == (latent,) and shares.shape == (net.classes,)
    if not sizes or not (z.abs() < FAR).all() or not ((shares > -0.01) & (shares < 1.01)).all():  # nor what is not a number
        raise UserError("picture_without_place")
    return z, shares


def between(a: Place, b: Place, share: "Tensor") -> Place:
    """A share of the way from a to b: noise along an arc, classes along a line."""
    import torch

    return slerp(a[0], b[0], share), torch.lerp(a[1], b[1], share)


def slerp(a: "Tensor", b: "Tensor", share: "Tensor") -> "Tensor":
    """Along the arc from a to b, the length blended: the middle of a straight line would be shorter than any normal latent is.

    Shoemake 1985; for latents White 2016, "Sampling generative networks", arXiv:1609.04468.
    """
    import torch

    lengths = a.norm() * b.norm()
    angle = torch.arccos((a @ b / lengths.clamp(min=1e-9)).clamp(-1, 1))
    if lengths < 1e-9 or angle < 1e-4 or angle > torch.pi - 1e-4:  # no arc, or no telling which
        return torch.lerp(a, b, share)
    arc = (torch.sin((1 - share) * angle) * a / a.norm() + torch.sin(share * angle) * b / b.norm()) / torch.sin(angle)
    return arc * torch.lerp(a.norm(), b.norm(), share)


def draw(net: Generator | Flow, places: list[Place], pictures: Sequence[Picture] = ()) -> Iterator[Frame]:
    """The pictures of these places, each of which remembers its own.  pictures: those whose places these lie between."""
    import torch

    if flows(net):
        yield from flow.draw(net, places, pictures)
        return
    net = cast(Generator, net)
    weight, batch = next(net.parameters()), at_once(net)
    drawn: list[Picture] = []
    for start in range(0, len(places), batch):
        part = places[start : start + batch]
        z, shares = (torch.stack(column).to(weight.device, weight.dtype) for column in zip(*part, strict=True))
        records = [{"latent": z.tolist(), "shares": shares.tolist()} for z, shares in part]
        x = net(z, shares)
        drawn += [Picture(to_pixels(one), record) for one, record in zip(x, records, strict=True)]
        yield Frame(len(drawn), len(places), list(drawn))

"""Pictures from noise in many small steps, along a flow.  Lipman et al. 2022, arXiv:2210.02747; guidance: Ho and Salimans 2022,
arXiv:2207.12598.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

from imgen.controls import Choice, Option, Phrase, Seed, Slider, able
from imgen.image import Frame, Picture, to_pixels
from imgen.pipelines.generate import Wish, class_labels, noise
from imgen.pipelines.nets import Flow

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 20  # unless others are asked for
Count = Annotated[int, Slider(1, 32, 1)]
Steps = Annotated[int, Slider(1, 100, 1)]
Guidance = Annotated[float, Slider(0.0, 6.0, 0.5)]
BATCH = 32  # pictures at once of a film
TERMS = 64  # that a record may name, and pictures of one seed: a forged one must not keep us busy
Term = tuple[int, int, float]  # seed, number, and how much of this noise


@able(flows=True)
def flow(
    net: Flow, *,
    label: Annotated[Option, Choice("classes", every="all")] = Option("all"),
    count: Count = 10,
    seed: Annotated[int, Seed()] = 10,
    steps: Steps = STEPS,
    guidance: Guidance = 1.0,
) -> Iterator[Frame]:
    """Draw `count` pictures of a class (or of all classes in turn) from `seed`, in `steps` steps, each of which is shown.

    Picture n depends on seed, n, class, steps and guidance, not on the count.  guidance: how many times as far from the way
    without a class the way is; 1 as learned, 0 without.
    """
    import torch.nn.functional as F

    labels = class_labels(label, count)
    records = [{"class": n} for n in labels.tolist()]
    yield from flowing(net, F.one_hot(labels, net.classes).float(), seed, steps, guidance, records)


@able(reads_words=True, flows=True)
def flow_words(
    net: Flow, *,
    words: Wish = Phrase("smiling face"),
    count: Count = 10,
    seed: Annotated[int, Seed()] = 10,
    steps: Steps = STEPS,
    guidance: Guidance = 2.0,
) -> Iterator[Frame]:
    """`flow` to pictures of the same words, each of which has an equal share."""
    import torch

    shares = torch.zeros(count, net.classes)
    shares[:, list(words.indices)] = 1 / len(words.indices)
    yield from flowing(net, shares, seed, steps, guidance, [{"shares": shares[0].tolist()}] * count)


def flowing(net: Flow, shares: "Tensor", seed: int, steps: int, guidance: float, records: list[dict]) -> Iterator[Frame]:
    """All at once, so that one sees all of them come out of the noise.  shares (N, classes)."""
    for done, seen in enumerate(moments(net, noise(seed, len(shares), size(net)), shares, steps, guidance), 1):
        yield Frame(done, steps, [Picture(to_pixels(one), record) for one, record in zip(seen, records, strict=True)])


def moments(net: Flow, start: "Tensor", shares: "Tensor", steps: int, guidance: float) -> "Iterator[Tensor]":
    """start (N, size), noise, and shares (N, classes) -> after each step what is to be seen, (N, C, H, W) in [0, 1]."""
    import torch

    from imgen.functional.flow import adams_bashforth, guided

    weight, count = next(net.parameters()), len(shares)
    shares = shares.to(weight.device, weight.dtype)

    def velocity(x: "Tensor", t: float) -> "Tensor":
        times = torch.full((count,), t, device=weight.device)
        return guided(net, x.to(weight.dtype), times, shares, guidance).float()

    start = start.unflatten(1, (net.channels, net.side, net.side)).to(weight.device)
    for _, x, _ in adams_bashforth(velocity, start, steps):
        yield (x.clamp(-1, 1) + 1) / 2


def size(net: Flow) -> int:
    """How many numbers of noise a picture begins with."""
    return net.channels * net.side**2


# Between pictures, see `explore`.  A place there is thousands of numbers of noise; what comes of other pictures' noise by adding
# remembers how much of which it is.


def place(net: Flow, picture: Picture) -> "tuple[Tensor, Tensor]":
    """The noise (size,) that it came out of, and its shares.  Raises whatever a record raises that is none."""
    import torch
    import torch.nn.functional as F

    record, _ = picture.record, way(picture)
    noises = torch.stack([weight * row(net, seed, number) for seed, number, weight in terms(picture)])
    shares = record["shares"] if "shares" in record else F.one_hot(torch.tensor(record["class"]), net.classes)
    return noises.sum(0), torch.as_tensor(shares, dtype=torch.float32)


def terms(picture: Picture) -> list[Term]:
    record = picture.record
    named = record["noise"] if "noise" in record else [(record["knobs"]["seed"], record["number"], 1.0)]
    if len(named) > TERMS:
        raise ValueError(len(named))
    return [(int(seed), int(number), float(weight)) for seed, number, weight in named]


def way(picture: Picture) -> tuple[int, float]:
    """In how many steps it came, and how much guided.  ValueError if no knob says so much."""
    told = picture.record.get("knobs", {}) | picture.record
    steps, guidance = int(told["steps"]), float(told["guidance"])
    if not (1 <= steps <= 100 and 0 <= guidance <= 6):
        raise ValueError(steps, guidance)
    return steps, guidance


def row(net: Flow, seed: int, number: int) -> "Tensor":
    return noise(seed, min(number, TERMS) + 1, size(net))[-1]


def draw(net: Flow, places: "Sequence[tuple[Tensor, Tensor]]", pictures: Sequence[Picture]) -> Iterator[Frame]:
    """What comes out of noises between those of `pictures`, in as many steps as the first of them, as much guided.

    A frame for each step of each batch, so that Stop is heard within one.
    """
    import torch

    steps, guidance = way(pictures[0])
    names = sorted({(seed, number) for picture in pictures for seed, number, _ in terms(picture)})
    base = torch.stack([row(net, *name) for name in names])
    drawn: list[Picture] = []
    for begin in range(0, len(places), BATCH):
        z, shares = (torch.stack(column) for column in zip(*places[begin : begin + BATCH], strict=True))
        weights = torch.linalg.lstsq(base.T, z.T).solution.T
        coming = moments(net, z, shares, steps, guidance)
        for done in range(1, steps + 1):
            seen = next(coming)
            yield Frame(begin * steps + len(z) * done, len(places) * steps)
        for one, of, weight in zip(seen, shares.tolist(), weights.tolist(), strict=True):
            noises = [(*name, part) for name, part in zip(names, weight, strict=True) if abs(part) > 1e-6]
            drawn.append(Picture(to_pixels(one), {"noise": noises, "shares": of, "steps": steps, "guidance": guidance}))
    yield Frame(1, 1, drawn)

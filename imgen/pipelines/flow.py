"""Pictures from noise in many small steps, along a flow.  Lipman et al. 2022, arXiv:2210.02747; guidance: Ho and Salimans 2022,
arXiv:2207.12598.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from imgen.controls import Choice, Option, Phrase, Seed, Slider, Words, able
from imgen.image import Frame, Picture, to_pixels
from imgen.pipelines.generate import class_labels, noise
from imgen.pipelines.nets import Flow

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 20  # unless others are asked for
Count = Annotated[int, Slider(1, 32, 1)]
Steps = Annotated[int, Slider(1, 100, 1)]
Guidance = Annotated[float, Slider(0.0, 6.0, 0.5)]


@able(flows=True)
def flow(
    net: Flow, *,
    label: Annotated[Option, Choice("classes", every="all")] = Option("all"),
    count: Count = 10,
    seed: Annotated[int, Seed()] = 10,
    steps: Steps = STEPS,
    guidance: Guidance = 2.0,
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
    words: Annotated[Phrase, Words("vocabulary")] = Phrase("smiling face"),
    count: Count = 10,
    seed: Annotated[int, Seed()] = 10,
    steps: Steps = STEPS,
    guidance: Guidance = 2.0,
) -> Iterator[Frame]:
    """`flow` to pictures of the same words, each of which has an equal share."""
    import torch

    shares = torch.zeros(count, net.classes)
    shares[:, list(words.indices)] = 1 / len(words.indices)
    yield from flowing(net, shares, seed, steps, guidance, [{}] * count)


def flowing(
    net: Flow, shares: "Tensor", seed: int, steps: int, guidance: float, records: list[dict[str, int]]
) -> Iterator[Frame]:
    """All at once, so that one sees all of them come out of the noise.  shares (N, classes)."""
    import torch

    from imgen.functional.flow import euler, guided

    weight, count = next(net.parameters()), len(shares)
    shares = shares.to(weight.device, weight.dtype)
    start = noise(seed, count, net.channels * net.side**2).unflatten(1, (net.channels, net.side, net.side)).to(weight.device)

    def velocity(x: "Tensor", t: float) -> "Tensor":
        times = torch.full((count,), t, device=weight.device)
        return guided(net, x.to(weight.dtype), times, shares, guidance).float()

    for done, (_, x, _) in enumerate(euler(velocity, start, steps), 1):
        seen = (x.clamp(-1, 1) + 1) / 2
        yield Frame(done, steps, [Picture(to_pixels(one), record) for one, record in zip(seen, records, strict=True)])

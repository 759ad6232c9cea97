"""Make pictures from noise."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, cast

from imgen.controls import Choice, Option, Phrase, Seed, Slider, Words
from imgen.image import Frame, Picture, to_pixels
from imgen.pipelines.nets import Generator

if TYPE_CHECKING:
    from torch import Tensor, nn

SUCH = ("cat", "dog", "heart", "tree", "house", "car", "flower", "star", "smiling")  # words that draw what anybody knows
Wish = Annotated[Phrase, Words("vocabulary", SUCH)]
BATCH = 16  # pictures at once, if they are small
PIXELS = 16 * 64 * 64  # at once: of large pictures one by one, so that the first is soon there


def generate(
    net: "Generator | nn.ModuleDict", *,
    label: Annotated[Option, Choice("classes", every="all")] = Option("all"),
    count: Annotated[int, Slider(1, 64, 1)] = 20,
    seed: Annotated[int, Seed()] = 10,
    truncation: Annotated[float, Slider(0.0, 1.5, 0.05, more=True)] = 1.0,
) -> Iterator[Frame]:
    """Draw `count` pictures of a class (or of all classes in turn) from `seed`.

    Picture n depends on seed, n and class alone, not on the count.  truncation scales the noise: below 1 safer and
    more alike, above 1 wilder.
    """
    yield from sample(net, class_labels(label, count), seed, truncation)


def generate_large(
    net: "Generator | nn.ModuleDict", *,
    count: Annotated[int, Slider(1, 16, 1)] = 4,
    seed: Annotated[int, Seed()] = 10,
    truncation: Annotated[float, Slider(0.0, 1.5, 0.05, more=True)] = 1.0,
) -> Iterator[Frame]:
    """`generate` for a net that knows no classes and whose pictures take a while: few are asked for."""
    import torch

    yield from sample(net, torch.zeros(count, dtype=torch.int64), seed, truncation)


def sample(net: "Generator | nn.ModuleDict", labels: "Tensor", seed: int, truncation: float) -> Iterator[Frame]:
    """A picture for each of labels (N,), with the noise of the seed."""
    import torch

    net = cast(Generator, net["generator"]) if isinstance(net, torch.nn.ModuleDict) else net
    count = len(labels)
    z = noise(seed, count, net.latent) * truncation
    weight, batch = next(net.parameters(), z), at_once(net)
    pictures: list[Picture] = []
    for start in range(0, count, batch):
        part = slice(start, start + batch)
        x = net(z[part].to(weight.device, weight.dtype), labels[part].to(weight.device))
        labelled = zip(x, labels[part].tolist(), strict=True)
        pictures = [*pictures, *(Picture(to_pixels(one), {"class": label}) for one, label in labelled)]
        yield Frame(len(pictures), count, pictures)


def at_once(net: object) -> int:
    """How many pictures to draw in one go; a net says in `side` how large its pictures are, unless they are small."""
    return max(1, min(BATCH, PIXELS // getattr(net, "side", 1) ** 2))


def noise(seed: int, count: int, latent: int) -> "Tensor":
    """(count, latent) ~ N(0, 1), drawn on the CPU so that a seed means the same everywhere; row n does not depend on `count`."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randn(latent, generator=generator) for _ in range(count)])


def class_labels(label: Option, count: int) -> "Tensor":
    """(count,) int64: the chosen class, or all in turn."""
    import torch

    if label.index is None:
        return torch.arange(count) % max(1, len(label.options))
    return torch.full((count,), label.index)

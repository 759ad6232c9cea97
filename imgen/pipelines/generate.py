"""Make pictures from noise."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from imgen.controls import Choice, Option, Seed, Slider
from imgen.image import Frame, Picture, to_pixels

if TYPE_CHECKING:
    from torch import Tensor, nn

BATCH = 16


def generate(
    net: "nn.Module", *,
    label: Annotated[str, Choice("classes", every="all")] = "all",
    count: Annotated[int, Slider(1, 64, 1)] = 20,
    seed: Annotated[int, Seed()] = 10,
    truncation: Annotated[float, Slider(0.0, 1.5, 0.05, more=True)] = 1.0,
) -> Iterator[Frame]:
    """Draw `count` pictures of a class (or of all classes in turn) from `seed`.

    Picture n depends on seed, n and class alone, not on the count.  truncation scales the noise: below 1 safer and
    more alike, above 1 wilder.
    """
    import torch

    net = net["generator"] if isinstance(net, torch.nn.ModuleDict) else net
    z, labels = noise(seed, count, net.latent) * truncation, class_labels(label, count)
    weight = next(net.parameters(), z)
    pictures: list[Picture] = []
    for start in range(0, count, BATCH):
        part = slice(start, start + BATCH)
        x = net(z[part].to(weight.device, weight.dtype), labels[part].to(weight.device))
        made = zip(x, labels[part].tolist(), strict=True)
        pictures = [*pictures, *(Picture(to_pixels(one), {"class": label}) for one, label in made)]
        yield Frame(len(pictures), count, pictures)


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

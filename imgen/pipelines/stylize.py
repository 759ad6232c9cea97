"""Paint a photograph in the style of a painting."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
from PIL import Image

from imgen.controls import Choice, Option, Slider
from imgen.image import Frame, Picture, to_pixels, to_tensor

if TYPE_CHECKING:
    from torch import Tensor, nn

SMALLEST = 16  # pixels: below it, instance normalisation has nothing to average


def stylize(
    net: "nn.Module", picture: Picture, *,
    style: Annotated[str, Choice("styles")] = "composition_vii",
    second: Annotated[str, Choice("styles")] = "great_wave",
    mix: Annotated[float, Slider(0.0, 1.0, 0.05)] = 0.0,
    strength: Annotated[float, Slider(0.0, 1.5, 0.05)] = 1.0,
    size: Annotated[int, Slider(256, 2048, 64, "px", more=True)] = 1024,
) -> Iterator[Frame]:
    """Paint `picture` as `style`, with a share `mix` of `second`; strength 0 is the photograph, above 1 exaggerates.

    `size` limits the longer side; smaller means broader strokes.
    """
    x = to_tensor(limited(picture.rgb(), size).pixels)
    weight = next(net.parameters(), x)
    shares = style_shares(style, second, mix, strength, net.styles)
    y = net(x.to(weight.device), shares.to(weight.device))
    yield Frame(1, 1, [Picture(to_pixels(y[0]))])


def style_shares(style: Option, second: Option, mix: float, strength: float, styles: int) -> "Tensor":
    """(1, styles) summing to 1; the net's last style is the photograph as it is: strength slides from there to the painting."""
    import torch

    shares = torch.zeros(1, styles)
    shares[0, style.index] += strength * (1 - mix)
    shares[0, second.index] += strength * mix
    shares[0, -1] += 1 - strength
    return shares


def limited(picture: Picture, size: int) -> Picture:
    """At most `size` on the longer side, at least SMALLEST on the shorter."""
    factor = min(1.0, size / max(picture.width, picture.height))
    wanted = tuple(max(SMALLEST, round(side * factor)) for side in (picture.width, picture.height))
    if wanted == (picture.width, picture.height):
        return picture
    pixels = Image.fromarray(picture.pixels).resize(wanted, Image.Resampling.LANCZOS)
    return replace(picture, pixels=np.asarray(pixels))

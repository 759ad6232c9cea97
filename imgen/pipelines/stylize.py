"""Paint a photograph in the style of a painting, in one pass."""

from collections.abc import Callable, Iterator, Sequence, Sized
from typing import TYPE_CHECKING, Annotated

import numpy as np
from PIL import Image

from imgen.controls import Choice, Option, Reference, Slider, UserError, able
from imgen.functional.colour_transfer import matched, with_luma_of
from imgen.image import Frame, Picture, resized, to_pixels, to_tensor
from imgen.pipelines.nets import AnyStylizer, Network, Stylizer

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST = 16  # pixels: below it, instance normalisation has nothing to average
LOOK = 256  # pixels of a painting's shorter side when a network looks at it, as in its training
Strength = Annotated[float, Slider(0.0, 1.5, 0.05)]
Size = Annotated[int, Slider(256, 4096, 64, "px", more=True)]
Colours = Annotated[str, Choice(("painting", "luminance", "matched"), more=True)]
Paintings = Annotated[tuple, Reference(4)]
Share = Annotated[float, Slider(0.0, 1.0, 0.05, more=True)]
Region = Annotated[tuple, Reference(brush=True, more=True)]
StyleScale = Annotated[float, Slider(0.25, 2.0, 0.25, "×", more=True)]


@able(named_styles=True)
def stylize(
    net: Stylizer, picture: Picture, *,
    style: Annotated[Option, Choice("styles")] = Option("composition_vii"),
    second: Annotated[Option, Choice("styles", more=True)] = Option("great_wave"),
    mix: Annotated[float, Slider(0.0, 1.0, 0.05, more=True)] = 0.0,
    strength: Strength = 1.0, colours: Colours = "painting", region: Region = (), size: Size = 1024,
) -> Iterator[Frame]:
    """Paint `picture` as `style`, with a share `mix` of `second`; strength 0 is the photograph, above 1 exaggerates.

    region: a mask; where it is white, `second` alone is painted.  `size` limits the longer side; smaller means broader strokes.
    """
    photo = limited(picture.rgb(), size)
    ways = [style_shares(style, second, mix, strength, net.styles)]
    if region:
        ways = [style_shares(one, one, 0.0, strength, net.styles) for one in (style, second)]
    stylized = [_stylized(net, photo, lambda x, way=way: net(x, way.to(x.device))) for way in ways]
    whole = joined(stylized, region, photo)
    if str(colours) == "matched":  # its paintings are in the weights: what can be changed is the result
        whole = matched(whole, photo)
    yield Frame(1, 1, [toned(whole, photo, colours)])


@able(any_style=True)
def stylize_any(
    net: AnyStylizer, picture: Picture, *,
    paintings: Paintings = (),
    strength: Strength = 1.0,
    share_2: Share = 1.0, share_3: Share = 1.0, share_4: Share = 1.0,
    colours: Colours = "painting", style_scale: StyleScale = 1.0, region: Region = (), size: Size = 1024,
) -> Iterator[Frame]:
    """Paint `picture` in the style of any painting; of up to four together, each by its share beside the first's 1.

    style_scale: how large the paintings' strokes become.  region: a mask; where it is white, the second painting rules alone.
    """
    photo = limited(picture.rgb(), size)
    pictures = [in_colours(one.rgb(), photo, colours) for one in shown(paintings)]
    styles = style_rows(net, [scaled(one, LOOK * style_scale) for one in pictures])
    if region:
        need_two(styles)
        ways = [row[None] for row in styles[:2]]
    else:
        ways = [mixed(styles, (1.0, share_2, share_3, share_4))]
    plain = net.photograph.float()
    stylized = [_stylized(net, photo, lambda x, way=way: net.paint(x, plain + strength * (way - plain))) for way in ways]
    yield Frame(1, 1, [toned(joined(stylized, region, photo), photo, colours)])


def _stylized(net: Network, photo: Picture, paint: "Callable[[Tensor], Tensor]") -> Picture:
    x = to_tensor(photo.pixels)
    return Picture(to_pixels(paint(x.to(next(net.parameters(), x).device))[0]))


def style_shares(style: Option, second: Option, mix: float, strength: float, styles: int) -> "Tensor":
    """(1, styles) summing to 1; the net's last style is the photograph as it is: strength slides from there to the painting."""
    import torch

    shares = torch.zeros(1, styles)
    shares[0, style.index] += strength * (1 - mix)
    shares[0, second.index] += strength * mix
    shares[0, -1] += 1 - strength
    return shares


def style_rows(net: AnyStylizer, paintings: Sequence[Picture]) -> "Tensor":
    """(paintings, numbers): what a network for any style makes of each."""
    import torch

    device = net.photograph.device
    return torch.cat([net.style_of(net.sight(to_tensor(one.pixels).to(device))) for one in paintings])


def mixed(styles: "Tensor", shares: Sequence[float]) -> "Tensor":
    """(1, numbers): their weighted mean.  UserError weights_zero if all weights are 0."""
    weights = styles.new_tensor(normal(shares, len(styles)))
    return (weights[:, None] * styles).sum(0, keepdim=True)


def normal(shares: Sequence[float], count: int) -> list[float]:
    """The first `count` of them, summing to 1."""
    total = sum(shares[:count])
    if total <= 0:
        raise UserError("weights_zero")
    return [share / total for share in shares[:count]]


def shown(paintings: Sequence[Picture]) -> Sequence[Picture]:
    if not paintings:
        raise UserError("painting_first")
    return paintings


def need_two(styles: Sized) -> None:
    if len(styles) < 2:
        raise UserError("painting_second")


def in_colours(painting: Picture, photo: Picture, colours: str) -> Picture:
    """The painting as it is, or in the colours of the photograph."""
    return matched(painting, photo) if str(colours) == "matched" else painting


def toned(stylized: Picture, photo: Picture, colours: str) -> Picture:
    """The result as it is, or its light and dark alone in the colours of the photograph."""
    return with_luma_of(stylized, photo) if str(colours) == "luminance" else stylized


def joined(stylized: Sequence[Picture], region: Sequence[Picture], like: Picture) -> Picture:
    """The first; the second where the mask is white."""
    if len(stylized) == 1:
        return stylized[0]
    share = mask(region[0], like.height, like.width)[..., None]
    pixels = stylized[0].pixels * (1 - share) + stylized[1].pixels * share
    return Picture(np.rint(pixels).astype(np.uint8))


def mask(picture: Picture, height: int, width: int) -> np.ndarray:
    """(height, width) in [0, 1]: how white a picture is; of one with alpha how opaque, if it hides anything."""
    level, white = picture.rgb().pixels.mean(2), 255
    if picture.alpha is not None and picture.alpha.min() < picture.white:
        level, white = picture.alpha[..., 0], picture.white
    level = (level / white * 255).astype(np.uint8)[..., None]
    return resized(Picture(level), height, width).pixels[..., 0] / 255


def scaled(picture: Picture, shorter: float) -> Picture:
    """The shorter side as long as asked, at least SMALLEST, the longer at most eight times that."""
    side = max(SMALLEST, round(shorter))
    factor = side / min(picture.width, picture.height)
    width, height = (min(8 * side, max(side, round(length * factor))) for length in (picture.width, picture.height))
    return _to_size(picture, width, height)


def limited(picture: Picture, size: int) -> Picture:
    """At most `size` on the longer side, at least SMALLEST on the shorter."""
    factor = min(1.0, size / max(picture.width, picture.height))
    width, height = (max(SMALLEST, round(side * factor)) for side in (picture.width, picture.height))
    return _to_size(picture, width, height)


def _to_size(picture: Picture, width: int, height: int) -> Picture:
    if (width, height) == (picture.width, picture.height):
        return picture
    return Picture(np.asarray(Image.fromarray(picture.pixels).resize((width, height), Image.Resampling.LANCZOS)))

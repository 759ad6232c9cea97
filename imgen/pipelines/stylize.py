"""Paint a photograph in the style of a painting, in one pass."""

from collections.abc import Callable, Iterator, Sequence, Sized
from typing import TYPE_CHECKING, Annotated

import numpy as np
from PIL import Image

from imgen.controls import Choice, Option, Reference, Slider, UserError, able
from imgen.functional.alpha import visible
from imgen.functional.colour_transfer import matched, with_luma_of
from imgen.image import Frame, Picture, resized, to_pixels, to_tensor
from imgen.pipelines.nets import AnyStylizer, Network, Stylizer

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST = 16  # pixels: below it, instance normalisation has nothing to average
HIDDEN = 0.01  # share of a mask that its alpha must hide to be the mask: one clear pixel is a slip
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
    photo, opacity = limited(visible(picture).rgb(), size), opacity_of(picture, size)
    ways = [style_shares(style, second, mix, strength, net.styles)]
    if region:
        check_shape(region[0], picture)
        ways = [style_shares(one, one, 0.0, strength, net.styles) for one in (style, second)]
    stylized = [_stylized(net, photo, lambda x, way=way: net(x, way.to(x.device))) for way in ways]
    whole = joined(stylized, region, photo)
    if str(colours) == "matched":  # its paintings are in the weights: what can be changed is the result
        whole = matched(whole, photo)
    yield Frame(1, 1, [with_opacity(toned(whole, photo, colours), opacity)])


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
    photo, opacity = limited(visible(picture).rgb(), size), opacity_of(picture, size)
    pictures = [in_colours(one.rgb(), photo, colours) for one in shown(paintings)]
    styles = style_rows(net, [scaled(one, LOOK * style_scale) for one in pictures])
    if region:
        need_two(styles)
        check_shape(region[0], picture)
        ways = [row[None] for row in styles[:2]]
    else:
        ways = [mixed(styles, (1.0, share_2, share_3, share_4))]
    plain = net.photograph.float()
    stylized = [_stylized(net, photo, lambda x, way=way: net.paint(x, plain + strength * (way - plain))) for way in ways]
    yield Frame(1, 1, [with_opacity(toned(joined(stylized, region, photo), photo, colours), opacity)])


def opacity_of(picture: Picture, size: int) -> Picture | None:
    """Alpha in 8 bit, as large as `limited` makes the picture; None if it has none."""
    if picture.alpha is None:
        return None
    return limited(Picture((picture.alpha // (picture.white // 255)).astype(np.uint8)), size)


def with_opacity(stylized: Picture, opacity: Picture | None) -> Picture:
    """What was transparent stays so."""
    if opacity is None:
        return stylized
    alpha = resized(opacity, stylized.height, stylized.width).pixels
    return Picture(np.concatenate([stylized.pixels, alpha], axis=2))


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
    """(height, width) in [0, 1]: how white a picture is, what is hidden being black; or how opaque, if it is painted on nothing.

    That is one whose alpha hides a part of it, and which shows no black and white of its own.
    """
    level = picture.rgb().pixels.mean(2) / 255
    if picture.alpha is not None:
        opacity = picture.alpha[..., 0] / picture.white
        level = picture.colour.mean(2) / picture.white * opacity
        shown = level[opacity > 0.5]
        dark, light = (shown < 0.1).sum(), (shown > 0.9).sum()
        black_and_white = dark and light and dark + light > 0.95 * shown.size
        if (opacity < 0.5).mean() > HIDDEN and not black_and_white:
            level = opacity / (opacity.max() or 1)  # of a brush that paints thinly, too
    small = Picture((level * 255).astype(np.uint8)[..., None])
    return resized(small, height, width).pixels[..., 0] / 255


def check_shape(mask: Picture, picture: Picture) -> None:
    """UserError mask_shape if a mask is another cut of the picture, or lies on its side; another size will do."""
    width, height = mask.width * picture.height, mask.height * picture.width
    if abs(width - height) > 0.03 * max(width, height):
        sizes = (f"{one.width} × {one.height}" for one in (mask, picture))
        raise UserError("mask_shape", **dict(zip(("mask", "picture"), sizes, strict=True)))


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
    pixels = picture.pixels if picture.pixels.shape[2] > 1 else picture.pixels[..., 0]
    small = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
    return Picture(small.reshape(height, width, -1))

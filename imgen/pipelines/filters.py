"""What repairs pictures without having learned anything: for comparison.  OpenCV's."""

from collections.abc import Callable, Iterator
from typing import Annotated

import cv2
import numpy as np

from imgen.controls import Slider, able
from imgen.functional.alpha import own_colours, visible
from imgen.functional.flat import liveliness
from imgen.image import Frame, Picture, to_tensor
from imgen.pipelines.restore import with_alpha


def smooth(net: None, picture: Picture, *, sigma: Annotated[float, Slider(0.3, 5.0, 0.1, "px")] = 1.0) -> Iterator[Frame]:
    """Each pixel becomes a mean of its surroundings, weighted by a Gaussian."""
    yield _banded(picture, lambda band: cv2.GaussianBlur(band, (0, 0), sigma))


def median(net: None, picture: Picture, *, radius: Annotated[int, Slider(1, 2, 1, "px")] = 1) -> Iterator[Frame]:
    """Each pixel becomes the middle one of its surroundings by rank: what is black or white by accident is never there."""
    yield _banded(picture, lambda band: cv2.medianBlur(band, 2 * radius + 1))


@able(knows_noise=True)
def non_local_means(
    net: None, picture: Picture, *, noise_level: Annotated[float, Slider(1.0, 60.0, 1.0)] = 25.0
) -> Iterator[Frame]:
    """Each pixel becomes a mean of those up to 7 pixels away whose surroundings look like its own.  Buades, Coll and Morel 2005.

    noise_level: σ in grey levels of 255.  Works in 8 bit.
    """
    seen = visible(picture)
    pixels = seen.rgb().pixels
    strength = 0.95 * noise_level  # OpenCV's h: tried on photographs with noise of σ 15 to 50
    mended = cv2.fastNlMeansDenoisingColored(np.ascontiguousarray(pixels[..., ::-1]), None, strength, strength, 5, 15)[..., ::-1]
    share = liveliness(to_tensor(seen.rgb().pixels))[0, 0, ..., None].numpy()  # OpenCV's way through Lab moves even one colour
    mended = np.rint(pixels + share * (mended.astype(float) - pixels)).astype(np.uint8)
    mended = mended if picture.colour.shape[2] == 3 else mended.mean(2, keepdims=True).round().astype(np.uint8)
    if picture.white != 255:
        mended = mended.astype(np.uint16) * 257
    yield Frame(1, 1, [with_alpha(own_colours(np.ascontiguousarray(mended), picture, seen), picture)])


def _banded(picture: Picture, change: Callable[[np.ndarray], np.ndarray]) -> Frame:
    """Every colour on its own, in the picture's own number of bits."""
    seen = visible(picture)
    bands = [change(np.ascontiguousarray(seen.pixels[..., n])) for n in range(seen.pixels.shape[2])]
    return Frame(1, 1, [with_alpha(own_colours(np.stack(bands, 2), picture, seen), picture)])

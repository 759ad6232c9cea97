"""What repairs pictures without having learned anything: for comparison.  OpenCV's."""

from collections.abc import Callable, Iterator
from typing import Annotated

import cv2
import numpy as np

from imgen.controls import Slider, able
from imgen.image import Frame, Picture
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
    pixels, strength = picture.rgb().pixels, 0.95 * noise_level  # OpenCV's h: tried on photographs with noise of σ 15 to 50
    mended = cv2.fastNlMeansDenoisingColored(np.ascontiguousarray(pixels[..., ::-1]), None, strength, strength, 5, 15)[..., ::-1]
    mended = mended if picture.colour.shape[2] == 3 else mended.mean(2, keepdims=True).round().astype(np.uint8)
    if picture.white != 255:
        mended = mended.astype(np.uint16) * 257
    yield Frame(1, 1, [with_alpha(np.ascontiguousarray(mended), picture)])


def _banded(picture: Picture, change: Callable[[np.ndarray], np.ndarray]) -> Frame:
    """Every colour on its own, in the picture's own number of bits."""
    bands = [change(np.ascontiguousarray(picture.colour[..., n])) for n in range(picture.colour.shape[2])]
    return Frame(1, 1, [with_alpha(np.stack(bands, 2), picture)])

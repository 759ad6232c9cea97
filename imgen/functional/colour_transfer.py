"""Keep the colours of a photograph.  Gatys et al. 2016, "Preserving color in neural style transfer", arXiv:1606.05897."""

from dataclasses import replace

import numpy as np

from imgen.image import Picture, resized

LUMA = np.array([0.299, 0.587, 0.114])


def with_luma_of(stylized: Picture, photo: Picture) -> Picture:
    """The light and dark of `stylized`, the colours of `photo`; both RGB of 8 bit."""
    photo = resized(photo, stylized.height, stylized.width)
    change = (stylized.pixels @ LUMA - photo.pixels @ LUMA)[..., None]
    return replace(stylized, pixels=np.rint(photo.pixels + change).clip(0, 255).astype(np.uint8))


def matched(picture: Picture, like: Picture) -> Picture:
    """`picture` with the mean and covariance of the colours of `like`; both RGB of 8 bit.

    x -> A (x − μ) + μ', A = Σ'^½ Σ^-½ with symmetric roots: section 4 of the paper, "image-based".
    """
    x, y = (one.pixels.reshape(-1, 3) / 255 for one in (picture, like))
    change = root(covariance(y), 0.5) @ root(covariance(x), -0.5)
    pixels = (x - x.mean(0)) @ change.T + y.mean(0)
    return replace(picture, pixels=np.rint(255 * pixels).clip(0, 255).astype(np.uint8).reshape(picture.pixels.shape))


def covariance(x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(0)
    return centred.T @ centred / len(x) + 1e-5 * np.eye(3)  # a picture of one colour has none


def root(matrix: np.ndarray, power: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(values**power) @ vectors.T

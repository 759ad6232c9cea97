"""Old prints: pictures of one colour, grey or toned, whose grain is the same in red, green and blue.

A network that has learned noise of its own in each colour takes such grain for detail and leaves it.  So it is given what it
knows: grey with so much more noise between the colours that the grain cannot be told from it; what it makes of that is the light
and dark.
numpy and OpenCV only, but for torch in `disguised`.
"""

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

APART = 4.0  # grey levels of 255 by which colours of one tone stray from it at most, root mean square
COARSE = 8.0  # σ in grey levels from which it is done: finer grain the network takes as it is
COARSEST = 29.0  # times √3 it is noise of σ 50, the strongest that networks here have learned
TONES = 3  # numbers of the polynomial that says how each colour follows from light and dark
OCTAVES = 2.0  # that a photograph's detail has above the one by which it is known
SAMPLES = 100_000


def tone_of(rgb: np.ndarray) -> np.ndarray | None:
    """How red, green and blue follow from their mean, if they do: (H, W, 3) in [0, 1] -> coefficients (TONES, 3) of y², y and 1.

    None if the picture has several colours.
    """
    every = max(1, rgb.shape[0] * rgb.shape[1] // SAMPLES)
    some = rgb.reshape(-1, 3)[::every].astype(np.float64)
    powers = np.vander(some.mean(1), TONES)
    tone, *_ = np.linalg.lstsq(powers, some, rcond=None)
    return tone if np.sqrt(np.square(powers @ tone - some).mean()) * 255 <= APART else None


def grain_of(grey: np.ndarray) -> float:
    """σ of the grain in grey levels of 255, where the picture is calmest: (H, W) in [0, 1].  0 for less than 32 pixels a side.

    What the picture's own detail has there is taken off: of photographs every octave is about as strong as the next (Field 1987),
    of grain only the finest.  Areas without any are no print: a frame around it, or what is quite black or white.
    """
    if min(grey.shape) < 32:
        return 0.0
    levels = grey.astype(np.float32) * 255
    calm, calmer = (cv2.GaussianBlur(levels, (0, 0), sigma) for sigma in (1.5, 3))
    fine, coarse = (cv2.blur(band * band, (15, 15))[8:-8:4, 8:-8:4] for band in (levels - calm, calm - calmer))
    power = (fine - OCTAVES * coarse)[fine > 0.25]
    return 1.2 * float(np.sqrt(max(0, np.percentile(power, 15)))) if len(power) else 0.0  # 1.2: white noise is told as it is


def disguised(grey: "Tensor", sigma: float) -> "Tensor":
    """Grey with grain of `sigma` (levels of 255) as a picture whose three colours have noise of their own, of √3 as much:
    (1, 1, H, W) -> (1, 3, H, W).  The mean of the three stays as it was; always the same noise.
    """
    import torch

    noise = torch.randn((1, 3, *grey.shape[2:]), generator=torch.Generator().manual_seed(0))
    between = noise - noise.mean(1, keepdim=True)
    return grey + between.to(grey) * (min(sigma, COARSEST) * 3**0.5 / 255)


def toned(grey: "Tensor", tone: np.ndarray) -> "Tensor":
    """Light and dark in the colour of the print: (N, 1, H, W) -> (N, 3, H, W)."""
    import torch

    a, b, c = torch.from_numpy(tone).to(grey)[:, None, :, None, None]
    return (a * grey + b) * grey + c

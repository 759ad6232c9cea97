"""What tests share: small inputs that are drawn here, and ends of what comes in steps."""

from collections.abc import Iterable
from types import SimpleNamespace

import numpy as np
import torch

from imgen.image import Frame, Picture

torch.set_num_threads(1)  # small tensors are sooner done by one, and sums come out the same on every machine


def last(frames: Iterable[Frame]) -> Frame:
    *_, frame = frames
    return frame


def noise_picture(height: int, width: int, channels: int = 3, dtype: type = np.uint8, seed: int = 0) -> Picture:
    values = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)
    return Picture(values)


def asked_in(language: str) -> SimpleNamespace:
    """A visitor's request, as far as words go."""
    return SimpleNamespace(headers={"cookie": f"language={language}"})

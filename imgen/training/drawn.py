"""What photographs lack: figures of strong colours with edges as hard as can be, as drawings and screenshots have them."""

import cv2
import numpy as np
import torch
from torch import Tensor

from imgen.training.degrade import shrunk
from imgen.training.steps import randint

FINER = 4  # figures are drawn so many times as large as HR, then shrunk by means: edges become smooth
FIGURES = 8  # at most in a picture


def figures(count: int, side: int, scale: int) -> tuple[Tensor, Tensor]:
    """Lines, discs, boxes and triangles on one colour: LR (count, 3, side, side), HR (count, 3, scale·side, scale·side), uint8.

    Half of the LR are HR shrunk as ever; the others have stairs: each of their pixels has the colour of its middle alone, as a
    program draws that knows no smooth edges.
    """
    rng = np.random.default_rng(randint(2**32))
    smooth, stairs, step = [], [], scale * FINER
    for _ in range(count):  # one at a time: so fine, hundreds would fill a gigabyte
        fine = figure(side, step, rng)
        smooth.append(cv2.resize(fine, (side * scale, side * scale), interpolation=cv2.INTER_AREA))
        stairs.append(fine[step // 2 :: step, step // 2 :: step].copy())
    hr, small = (torch.from_numpy(np.stack(several)).permute(0, 3, 1, 2).contiguous() for several in (smooth, stairs))
    lr = shrunk(hr, scale)
    lr[::2] = small[::2]
    return lr, hr


def figure(side: int, finer: int, rng: np.random.Generator) -> np.ndarray:
    """(side·finer, side·finer, 3) uint8: a drawing `side` pixels wide, each of them `finer` pixels here."""
    out = np.empty((side * finer, side * finer, 3), np.uint8)
    out[:] = colour(rng)
    for _ in range(rng.integers(1, FIGURES + 1)):
        places = rng.uniform(0, side, (rng.integers(2, 4), 2))
        if len(places) == 3:
            corners = places
        elif rng.random() < 0.5:
            corners = line(places[0], places[1], int(rng.integers(1, 4)))
        elif rng.random() < 0.5:
            (left, top), (right, bottom) = places
            corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
        else:
            corners = disc(places[0], rng.uniform(1, side / 3))
        cv2.fillPoly(out, [np.rint(corners * finer).astype(np.int32)], colour(rng))
    return out


def line(start: np.ndarray, end: np.ndarray, width: int) -> np.ndarray:
    along = (end - start) / max(1e-6, float(np.hypot(*(end - start))))
    off = np.array([-along[1], along[0]]) * width / 2
    return np.array([start + off, end + off, end - off, start - off])


def disc(middle: np.ndarray, radius: float) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    return middle + radius * np.stack([np.cos(angles), np.sin(angles)], 1)


def colour(rng: np.random.Generator) -> tuple[int, ...]:
    """Every other one as strong as can be."""
    strong = rng.random() < 0.5
    return tuple((rng.integers(0, 2, 3) * 255 if strong else rng.integers(0, 256, 3)).tolist())

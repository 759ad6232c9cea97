"""Styles to learn from: details of paintings in other colours too, pictures drawn by rules, textures of photographs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from imgen.drawing import rules
from imgen.training.data import channels_first, files

EVEN = 20  # of 255: the deviation of what has nothing to show
RULES = (rules.lines, rules.splines, rules.triangles, rules.voronoi, rules.noise, rules.mesh)


def styles(paintings: Sequence[Path], photos: Path, side: int, count: int, seed: int = 0) -> Tensor:
    """(count, 3, side, side) uint8: two in three details of paintings, the others drawn, or of photographs; half recoloured."""
    rng, pictures = np.random.default_rng(seed), []
    opened = [Image.open(path).convert("RGB") for path in paintings]
    textures = [Image.open(path).convert("RGB").reduce(2) for path in files(photos)[::3]]
    for n in range(count):
        if n % 6 < 4:
            picture = detail(rng, opened[n % len(opened)], side, 0.5)
        elif n % 6 == 4:
            picture = RULES[n // 6 % len(RULES)](side, rng).rgb().pixels
        else:
            picture = detail(rng, textures[n // 6 % len(textures)], side, 0.25)
        picture = np.rot90(picture, int(rng.integers(4))) if n % 6 > 3 else picture
        picture = picture[:, ::-1] if rng.random() < 0.5 else picture
        pictures.append(recoloured(rng, picture) if rng.random() < 0.5 else picture)
    return channels_first(np.stack(pictures))


def detail(rng: np.random.Generator, picture: Image.Image, side: int, least: float) -> np.ndarray:
    """A square of at least `least` of the shorter side, if possible not an even one: that has no style."""
    for _ in range(8):
        size = int(min(picture.size) * rng.uniform(least, 1))
        x, y = (int(rng.integers(0, limit - size + 1)) for limit in picture.size)
        pixels = np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC, box=(x, y, x + size, y + size)))
        if pixels.std((0, 1)).max() > EVEN:
            break
    return pixels


def recoloured(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Other channels in the place of red, green and blue, negative or not, darker or lighter."""
    x = picture[..., rng.permutation(3)] / 255
    x = 1 - x if rng.random() < 0.3 else x
    return np.rint(255 * x ** np.exp(rng.uniform(-0.5, 0.5))).astype(np.uint8)

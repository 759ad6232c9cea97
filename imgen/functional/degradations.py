"""What happens to pictures: noise, blur, JPEG, scratches, words written over them, holes.  numpy and OpenCV only."""

import io
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

WORDS = "The quick brown fox jumps over the lazy dog 0123456789 imgen "
NEUTRAL = 128  # grey level of what is missing


def noise(pixels: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """White Gaussian noise, σ in grey levels of 255, rounded and clipped to what a file can hold."""
    return np.rint(np.clip(pixels + rng.normal(0, sigma, pixels.shape), 0, 255)).astype(np.uint8)


def salt_and_pepper(pixels: np.ndarray, percent: float, rng: np.random.Generator) -> np.ndarray:
    """So many pixels in a hundred are black or white."""
    chance = rng.random(pixels.shape[:2]) * 100
    out = pixels.copy()
    out[chance < percent] = 0
    out[chance < percent / 2] = 255
    return out


def blur(pixels: np.ndarray, sigma: float, rng: np.random.Generator | None = None) -> np.ndarray:
    """Gaussian, σ in pixels."""
    return cv2.GaussianBlur(pixels, (0, 0), sigma).reshape(pixels.shape) if sigma > 0 else pixels


def jpeg(pixels: np.ndarray, quality: float, rng: np.random.Generator | None = None) -> np.ndarray:
    """(H, W, 1 or 3) uint8 through a JPEG file and back."""
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(file, "JPEG", quality=int(quality))
    return np.asarray(Image.open(file)).reshape(pixels.shape)


def scratches(size: tuple[int, int], amount: float, rng: np.random.Generator) -> np.ndarray:
    """Where thin lines run down a film: a mask (H, W) bool.  amount: about so many a hundred rows and columns."""
    height, width = size
    out = np.zeros(size, np.uint8)
    for _ in range(max(1, round(amount * (height * width) ** 0.5 / 100))):
        start = rng.uniform(0, 1, 2) * (width, height)
        angle, length = rng.normal(np.pi / 2, 0.35), rng.uniform(0.3, 1.2) * height
        bend = rng.normal(0, 0.15) * length
        along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        t = np.linspace(0, 1, 24)[:, None]
        points = start + t * length * along + 4 * t * (1 - t) * bend * across
        cv2.polylines(out, [np.rint(points).astype(np.int32)], False, 1, int(rng.integers(1, 4)))
    return out > 0


def words(size: tuple[int, int], amount: float, rng: np.random.Generator) -> np.ndarray:
    """Where lines of letters lie over a picture: a mask (H, W) bool.  amount: about so many lines."""
    height, width = size
    out = np.zeros(size, np.uint8)
    lines = max(1, round(amount))
    for n in range(lines):
        scale = max(0.3, height / lines / 45) * rng.uniform(0.5, 0.9)
        begin = int(rng.integers(len(WORDS)))
        place = (int(rng.integers(-20, 10)), int((n + rng.uniform(0.5, 0.9)) * height / lines))
        font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX]))
        sentence = (WORDS[begin:] + WORDS * (1 + width // 200))[: 4 + round(width / scale / 16)]
        cv2.putText(out, sentence, place, font, scale, 1, max(1, round(1.6 * scale)), cv2.LINE_8)
    return out > 0


def blocks(size: tuple[int, int], amount: float, rng: np.random.Generator) -> np.ndarray:
    """Where squares are missing: a mask (H, W) bool.  amount: so many in a hundred pixels."""
    height, width = size
    out = np.zeros(size, bool)
    side = max(2, round(min(size) / 8))
    while out.mean() * 100 < amount:
        y, x = rng.integers(0, max(1, height - side + 1)), rng.integers(0, max(1, width - side + 1))
        out[y : y + side, x : x + side] = True
    return out


def strokes(size: tuple[int, int], amount: float, rng: np.random.Generator) -> np.ndarray:
    """Where somebody has painted with a broad brush: a mask (H, W) bool.  amount: so many strokes."""
    out = np.zeros(size, np.uint8)
    for _ in range(max(1, round(amount))):
        points = wandering(size, rng)
        cv2.polylines(out, [points], False, 1, max(2, round(rng.uniform(0.03, 0.12) * min(size))))
    return out > 0


def brushed(size: tuple[int, int], share: float, rng: np.random.Generator) -> np.ndarray:
    """Strokes 8 to 24 pixels wide, until they cover that share of the picture: a mask (H, W) bool."""
    out = np.zeros(size, np.uint8)
    while out.mean() < share:
        cv2.polylines(out, [wandering(size, rng)], False, 1, int(rng.integers(8, 25)))
    return out > 0


def wandering(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """The corners (6, 2), column and row, of a line that turns now and then."""
    turns = np.cumsum(rng.normal(0, 0.8, 6)) + rng.uniform(0, 2 * np.pi)
    steps = np.stack([np.cos(turns), np.sin(turns)], 1) * rng.uniform(0.03, 0.15) * min(size)
    return np.rint(rng.uniform(0, 1, 2) * size[::-1] + np.cumsum(steps, 0)).astype(np.int32)


Change = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
Hole = Callable[[tuple[int, int], float, np.random.Generator], np.ndarray]
CHANGES: dict[str, Change] = {"noise": noise, "salt_and_pepper": salt_and_pepper, "blur": blur, "jpeg": jpeg}
HOLES: dict[str, Hole] = {"scratches": scratches, "words": words, "blocks": blocks, "strokes": strokes}

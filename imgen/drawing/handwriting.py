"""Digits and Chinese characters as strokes, written by a hand that never does it twice alike: no fonts.

A glyph stands in a box of side 1, x to the right and y down.  A digit's strokes are points that a smooth curve meets; a
character's are what a brush does: its kind of stroke, and the control points of a Bézier curve or the corners of a line.
The contract is that of `procedural`.
"""

from typing import Annotated

import cv2
import numpy as np

from imgen.controls import Choice, Slider
from imgen.drawing.curves import bezier, through
from imgen.drawing.rules import contrast, finer, fractal, over, palette, plane, shrunk
from imgen.drawing.scenes import finish, paint, rgb
from imgen.image import Picture

Points = tuple[tuple[float, float], ...]

DIGITS: dict[str, tuple[Points, ...]] = {
    "0": (((0.54, 0.1), (0.34, 0.18), (0.24, 0.5), (0.32, 0.82), (0.5, 0.9), (0.68, 0.8), (0.76, 0.5), (0.68, 0.2), (0.5, 0.1)),),
    "1": (((0.36, 0.27), (0.46, 0.2), (0.55, 0.1)), ((0.55, 0.1), (0.54, 0.5), (0.53, 0.9))),
    "2": (((0.27, 0.3), (0.34, 0.15), (0.52, 0.1), (0.7, 0.2), (0.7, 0.38), (0.5, 0.64), (0.25, 0.88)),
          ((0.25, 0.88), (0.5, 0.86), (0.77, 0.88))),
    "3": (((0.28, 0.2), (0.46, 0.1), (0.67, 0.18), (0.66, 0.38), (0.46, 0.47)),
          ((0.46, 0.47), (0.68, 0.53), (0.74, 0.7), (0.62, 0.86), (0.42, 0.9), (0.25, 0.8))),
    "4": (((0.56, 0.1), (0.4, 0.38), (0.22, 0.64)), ((0.22, 0.64), (0.5, 0.64), (0.82, 0.62)),
          ((0.63, 0.38), (0.62, 0.65), (0.61, 0.92))),
    "5": (((0.72, 0.12), (0.54, 0.12), (0.37, 0.13)), ((0.37, 0.13), (0.35, 0.28), (0.32, 0.46)),
          ((0.32, 0.46), (0.52, 0.4), (0.71, 0.49), (0.75, 0.68), (0.62, 0.86), (0.42, 0.9), (0.25, 0.82))),
    "6": (((0.66, 0.12), (0.44, 0.25), (0.29, 0.5), (0.28, 0.74), (0.42, 0.89), (0.63, 0.86), (0.73, 0.69), (0.62, 0.53),
           (0.44, 0.54), (0.3, 0.68)),),
    "7": (((0.25, 0.14), (0.5, 0.13), (0.75, 0.12)), ((0.75, 0.12), (0.58, 0.46), (0.45, 0.9)),
          ((0.4, 0.5), (0.54, 0.49), (0.69, 0.5))),
    "8": (((0.64, 0.2), (0.5, 0.1), (0.34, 0.18), (0.34, 0.33), (0.5, 0.46), (0.68, 0.62), (0.68, 0.82), (0.5, 0.9), (0.32, 0.82),
           (0.32, 0.64), (0.5, 0.46), (0.65, 0.33), (0.64, 0.2)),),
    "9": (((0.71, 0.28), (0.58, 0.47), (0.4, 0.48), (0.29, 0.33), (0.36, 0.16), (0.54, 0.1), (0.69, 0.19), (0.71, 0.34),
           (0.68, 0.6), (0.57, 0.9)),),
}

BRUSH: dict[str, tuple[float, ...]] = {  # how the brush is pressed along each kind of stroke
    "heng": (1.15, 0.85, 0.74, 0.8, 1.2),  # level
    "shu": (1.25, 0.98, 0.9, 0.95, 1.05),  # upright
    "pie": (1.25, 1.1, 0.9, 0.6, 0.1),  # falls to the left, thinning
    "na": (0.3, 0.6, 0.95, 1.45, 0.12),  # falls to the right, swelling, lifted at the end
    "dian": (0.15, 0.75, 1.2, 1.35, 0.7),  # a dot
    "zhe": (1.1, 0.85, 1.15, 0.95, 1.05),  # turns a corner
    "gou": (1.15, 0.95, 0.95, 1.0, 0.95, 0.1),  # ends in a hook
    "ti": (1.2, 0.9, 0.6, 0.35, 0.1),  # rises to the right, thinning
}
CURVED = ("pie", "na", "dian")

CHARACTERS: dict[str, tuple[tuple[str, Points], ...]] = {  # 一 二 三 十 人 大 小 山 水 火 木 日 月 田 口 中 上 下 天 土 王
    "one": (("heng", ((0.1, 0.53), (0.9, 0.48))),),
    "two": (("heng", ((0.25, 0.3), (0.75, 0.27))), ("heng", ((0.1, 0.77), (0.9, 0.74)))),
    "three": (("heng", ((0.2, 0.2), (0.8, 0.17))), ("heng", ((0.27, 0.49), (0.73, 0.47))),
              ("heng", ((0.09, 0.82), (0.91, 0.79)))),
    "ten": (("heng", ((0.1, 0.43), (0.9, 0.39))), ("shu", ((0.5, 0.08), (0.5, 0.94)))),
    "person": (("pie", ((0.5, 0.1), (0.5, 0.55), (0.08, 0.9))), ("na", ((0.48, 0.4), (0.6, 0.72), (0.94, 0.88)))),
    "big": (("heng", ((0.12, 0.4), (0.88, 0.36))), ("pie", ((0.5, 0.08), (0.52, 0.6), (0.1, 0.92))),
            ("na", ((0.5, 0.4), (0.6, 0.74), (0.94, 0.9)))),
    "small": (("gou", ((0.52, 0.08), (0.52, 0.88), (0.4, 0.8))), ("pie", ((0.3, 0.36), (0.27, 0.55), (0.1, 0.72))),
              ("dian", ((0.68, 0.36), (0.8, 0.5), (0.9, 0.7)))),
    "mountain": (("shu", ((0.5, 0.1), (0.5, 0.8))), ("zhe", ((0.15, 0.4), (0.16, 0.84), (0.84, 0.82))),
                 ("shu", ((0.85, 0.38), (0.84, 0.9)))),
    "water": (("gou", ((0.5, 0.07), (0.5, 0.92), (0.38, 0.83))), ("ti", ((0.12, 0.37), (0.39, 0.34), (0.32, 0.54), (0.1, 0.78))),
              ("pie", ((0.82, 0.2), (0.72, 0.36), (0.54, 0.46))), ("na", ((0.53, 0.4), (0.66, 0.68), (0.95, 0.86)))),
    "fire": (("dian", ((0.2, 0.32), (0.26, 0.4), (0.3, 0.55))), ("pie", ((0.8, 0.27), (0.76, 0.42), (0.62, 0.53))),
             ("pie", ((0.5, 0.07), (0.54, 0.62), (0.1, 0.93))), ("na", ((0.5, 0.46), (0.6, 0.76), (0.94, 0.92)))),
    "tree": (("heng", ((0.1, 0.34), (0.9, 0.31))), ("shu", ((0.5, 0.06), (0.5, 0.95))),
             ("pie", ((0.48, 0.34), (0.38, 0.62), (0.07, 0.8))), ("na", ((0.52, 0.34), (0.64, 0.62), (0.94, 0.79)))),
    "sun": (("shu", ((0.25, 0.1), (0.25, 0.92))), ("zhe", ((0.25, 0.12), (0.75, 0.11), (0.75, 0.93))),
            ("heng", ((0.26, 0.49), (0.74, 0.48))), ("heng", ((0.26, 0.86), (0.74, 0.85)))),
    "moon": (("pie", ((0.3, 0.1), (0.34, 0.68), (0.12, 0.93))), ("gou", ((0.3, 0.12), (0.75, 0.11), (0.75, 0.9), (0.62, 0.84))),
             ("heng", ((0.32, 0.36), (0.73, 0.35))), ("heng", ((0.3, 0.6), (0.73, 0.59)))),
    "field": (("shu", ((0.15, 0.15), (0.16, 0.9))), ("zhe", ((0.15, 0.17), (0.85, 0.15), (0.84, 0.91))),
              ("heng", ((0.17, 0.5), (0.83, 0.49))), ("shu", ((0.5, 0.17), (0.5, 0.83))), ("heng", ((0.17, 0.84), (0.83, 0.83)))),
    "mouth": (("shu", ((0.17, 0.22), (0.21, 0.83))), ("zhe", ((0.18, 0.23), (0.83, 0.22), (0.79, 0.84))),
              ("heng", ((0.21, 0.77), (0.79, 0.76)))),
    "middle": (("shu", ((0.14, 0.27), (0.18, 0.68))), ("zhe", ((0.15, 0.28), (0.86, 0.27), (0.82, 0.67))),
               ("heng", ((0.18, 0.61), (0.82, 0.6))), ("shu", ((0.5, 0.05), (0.5, 0.96)))),
    "up": (("shu", ((0.47, 0.1), (0.47, 0.84))), ("heng", ((0.48, 0.45), (0.8, 0.42))), ("heng", ((0.09, 0.86), (0.91, 0.83)))),
    "down": (("heng", ((0.09, 0.19), (0.91, 0.16))), ("shu", ((0.48, 0.18), (0.48, 0.95))),
             ("dian", ((0.54, 0.4), (0.66, 0.46), (0.78, 0.59)))),
    "sky": (("heng", ((0.22, 0.19), (0.78, 0.17))), ("heng", ((0.11, 0.48), (0.89, 0.45))),
            ("pie", ((0.5, 0.19), (0.52, 0.66), (0.09, 0.92))), ("na", ((0.5, 0.48), (0.62, 0.78), (0.94, 0.91)))),
    "earth": (("heng", ((0.22, 0.42), (0.78, 0.39))), ("shu", ((0.5, 0.09), (0.5, 0.84))),
              ("heng", ((0.08, 0.87), (0.92, 0.84)))),
    "king": (("heng", ((0.16, 0.17), (0.84, 0.15))), ("heng", ((0.21, 0.5), (0.79, 0.48))), ("shu", ((0.5, 0.17), (0.5, 0.84))),
             ("heng", ((0.08, 0.87), (0.92, 0.84)))),
}
LACQUERS = (  # paper or lacquer, its grid, ink
    ("#f7efdf", "#d9534a", "#1c1a1e"), ("#f4e9d0", "#c98b5a", "#2a211c"), ("#eef2ea", "#5d9a7b", "#14251f"),
    ("#a5231f", "#c8564a", "#f6d98b"), ("#1f2a52", "#4d5f9a", "#f1ead8"), ("#20201f", "#55524d", "#e9c46a"),
)


def digits(
    size: int, rng: np.random.Generator, *,
    label: Annotated[str, Choice(tuple(DIGITS), every="all")] = "all",
    thickness: Annotated[float, Slider(0.5, 2.0, 0.1)] = 1.0,
    wobble: Annotated[float, Slider(0.0, 2.0, 0.1)] = 1.0,
) -> Picture:
    """A digit on squared paper, in the hand of nobody in particular; `wobble` 0 writes as printed."""
    ground, colours = palette(rng)
    canvas = paper(size * finer(size), rng, ground, rng.choice(colours[1:-1]), squares=8)
    strokes = [through(np.array(stroke)) for stroke in shaky(chosen(DIGITS, label, rng), rng, wobble)]
    bend = hand(rng, wobble, lean=0.22)
    cover = written(size, [(bend(line), np.full(len(line), 0.045 * thickness)) for line in strokes])
    return inked(canvas, size, contrast(ground, colours), cover)


def characters(
    size: int, rng: np.random.Generator, *,
    label: Annotated[str, Choice(tuple(CHARACTERS), every="all")] = "all",
    thickness: Annotated[float, Slider(0.5, 2.0, 0.1)] = 1.0,
    wobble: Annotated[float, Slider(0.0, 2.0, 0.1)] = 1.0,
) -> Picture:
    """A Chinese character written with a brush on a practice sheet; `wobble` 0 writes as printed."""
    ground, grid, ink = LACQUERS[rng.integers(len(LACQUERS))]
    canvas = paper(size * finer(size), rng, ground, grid)
    kinds, shapes = zip(*chosen(CHARACTERS, label, rng), strict=True)
    bend, lines = hand(rng, wobble, lean=0.06), []
    for kind, points in zip(kinds, shaky(shapes, rng, 0.6 * wobble), strict=True):
        line = bezier(points, np.linspace(0, 1, 80)) if kind in CURVED else bowed(points, rng, wobble)
        press = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(BRUSH[kind])), BRUSH[kind])
        lines.append((bend(line), 0.044 * thickness * press * (1 + 0.12 * wobble * rng.uniform(-1, 1))))
    return inked(canvas, size, ink, written(size, lines))


def chosen(glyphs: dict[str, tuple], label: str, rng: np.random.Generator) -> tuple:
    """The strokes of that glyph; of any for "all"."""
    return glyphs[rng.choice(list(glyphs)) if label == "all" else label]


def shaky(strokes: tuple[Points, ...], rng: np.random.Generator, wobble: float) -> list[np.ndarray]:
    """The points of each stroke, missed a little."""
    return [np.array(stroke) + wobble * 0.016 * rng.normal(size=(len(stroke), 2)) for stroke in strokes]


def bowed(points: np.ndarray, rng: np.random.Generator, wobble: float) -> np.ndarray:
    """A line through corners, each part as long as it looks and bent a little: (80, 2)."""
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    t = np.linspace(0, along[-1], 80)
    line = np.stack([np.interp(t, along, points[:, axis]) for axis in (0, 1)], axis=1)
    part = np.clip(np.searchsorted(along, t, side="right") - 1, 0, len(points) - 2)
    share = (t - along[part]) / (along[part + 1] - along[part])
    way = (points[1:] - points[:-1])[part]
    return line + wobble * 0.1 * rng.uniform(-1, 1) * (share * (1 - share))[:, None] * way[:, ::-1] * [1, -1]


def hand(rng: np.random.Generator, wobble: float, lean: float):
    """How one hand writes: its slant, tilt, proportions and place, as a map of points from the box into the picture."""
    slant, tilt, shift = lean * rng.uniform(-0.4, 1), 0.12 * rng.uniform(-1, 1), rng.uniform(-0.04, 0.04, 2)
    wide, high = 1 + 0.12 * rng.uniform(-1, 1, 2)
    turn = np.array([[1, wobble * tilt], [-wobble * (tilt + slant), 1]]) * [1 + wobble * (wide - 1), 1 + wobble * (high - 1)]
    return lambda points: 0.5 + wobble * shift + (points - 0.5) @ turn * 0.74


def written(size: int, lines: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """How much ink each pixel has, (size, size) in [0, 1]: a round nib of the given radii drawn along each line."""
    side = size * over(size)
    mask = np.zeros((side, side), np.uint8)
    for line, radii in lines:
        spots, reach = np.rint((line * side - 0.5) * 16).astype(int), np.rint(radii * side * 16).astype(int)
        for spot, radius in zip(*filled_in(spots, reach), strict=True):
            cv2.circle(mask, spot, radius, 255, -1, shift=4)
    return shrunk(mask, size).astype(np.float32) / 255


def filled_in(spots: np.ndarray, radii: np.ndarray, times: int = 3) -> tuple[list, list]:
    """More spots between the given, so that a large picture shows a line and no beads."""
    t = np.arange(0, len(spots) - 1 + 1e-9, 1 / times)
    numbers = np.arange(len(spots))
    x, y, reach = (np.rint(np.interp(t, numbers, v)).astype(int).tolist() for v in (*spots.T, radii))
    return list(zip(x, y, strict=True)), reach


def paper(side: int, rng: np.random.Generator, ground: str, grid: str, squares: int = 0) -> np.ndarray:
    """A sheet with grain: `squares` a side, or for none the frame, cross and diagonals in which characters are practised."""
    x, y = plane(side)
    canvas = rgb(ground) * (1 + 0.05 * fractal(side, rng, 6, octaves=5))[..., None]
    if squares:
        near = np.minimum(np.abs((x * squares) % 1 - 0.5), np.abs((y * squares) % 1 - 0.5)) / squares
        dashed = np.ones_like(near)
    else:
        across, down = np.abs(x - 0.5), np.abs(y - 0.5)
        edge = np.maximum(across, down) - 0.44
        cross = np.minimum(np.minimum(across, down), np.abs(across - down) / 2**0.5)
        near = np.where(edge < -0.006, np.minimum(cross, np.abs(edge)), np.abs(edge))
        dashed = np.where(np.abs(edge) < 0.006, 1, ((x + 0.5 * y) * 36 % 1 < 0.6))
    paint(canvas, rgb(grid), 0.6 * dashed * np.clip(0.5 - (near - 0.002) * side, 0, 1))
    return canvas


def inked(canvas: np.ndarray, size: int, ink: str, cover: np.ndarray) -> Picture:
    canvas = shrunk(canvas.astype(np.float32), size)
    paint(canvas, rgb(ink), cover)
    return finish(canvas)

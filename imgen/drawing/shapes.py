"""Ten kinds of coloured shapes, drawn without end: each of random place, size, angle, colour and background.

A shape is a function of the plane that is above 0 inside it and falls by about 1 for each unit: where it lies between −½ and ½
pixel, a pixel is covered in part, so edges are smooth.
"""

from collections.abc import Callable

import numpy as np

from imgen.image import Picture

Plane = np.ndarray  # u and v of points: the shape lies within the unit circle


def polygon(u: Plane, v: Plane, corners: int, inner: float, turn: float = 0.0) -> Plane:
    """A regular one whose sides are at the distance `inner`."""
    angle = np.arctan2(v, u) - turn
    part = 2 * np.pi / corners
    return inner - np.hypot(u, v) * np.cos((angle + part / 2) % part - part / 2)


def box(u: Plane, v: Plane, half_width: float, half_height: float) -> Plane:
    return np.minimum(half_width - abs(u), half_height - abs(v))


def disc(u: Plane, v: Plane) -> Plane:
    return 0.9 - np.hypot(u, v)


def ring(u: Plane, v: Plane) -> Plane:
    return 0.2 - abs(np.hypot(u, v) - 0.75)


def crescent(u: Plane, v: Plane) -> Plane:
    return np.minimum(0.95 - np.hypot(u, v), np.hypot(u - 0.5, v) - 0.75)


def square(u: Plane, v: Plane) -> Plane:
    return box(u, v, 0.72, 0.72)


def bar(u: Plane, v: Plane) -> Plane:
    return box(u, v, 0.95, 0.26)


def triangle(u: Plane, v: Plane) -> Plane:
    return polygon(u, v, 3, 0.5)


def star(u: Plane, v: Plane) -> Plane:
    """Five points: between a point and the next notch runs a straight line."""
    part = 2 * np.pi / 5
    angle = abs((np.arctan2(v, u) + part / 2) % part - part / 2)  # 0 at a point, π/5 at a notch
    radius = np.hypot(u, v)
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    notch = 0.4 * np.array([np.cos(part / 2), np.sin(part / 2)])
    along = notch - (1.0, 0.0)
    return (y * along[0] - (x - 1.0) * along[1]) / np.hypot(*along)


def cross(u: Plane, v: Plane) -> Plane:
    return np.maximum(box(u, v, 0.95, 0.28), box(u, v, 0.28, 0.95))


def heart(u: Plane, v: Plane) -> Plane:
    """A square on its corner, and on each of its upper sides half a disc."""
    half, middle = 0.72, 0.2  # of its diagonal
    corner = (half - abs(u) - abs(v - middle)) / 2**0.5
    return np.maximum(corner, half / 2**0.5 - np.hypot(abs(u) - half / 2, v - middle + half / 2))


def arrow(u: Plane, v: Plane) -> Plane:
    head = np.minimum(u - 0.05, 0.68 * (0.95 - u) - 0.73 * abs(v))
    return np.maximum(head, box(u + 0.4, v, 0.55, 0.2))


def t_shirt(side: int) -> Picture:
    """As somebody would draw it: dark on white.  (side, side, 3)"""
    v, u = np.mgrid[:side, :side] / side * 2 - 1
    across = abs(u)
    shoulder = v + 0.7 - 0.5 * (across - 0.4)
    body = np.minimum(0.45 - across, np.minimum(shoulder, 0.8 - v))
    sleeve = np.minimum(np.minimum(shoulder, 0.44 - shoulder), np.minimum(across - 0.3, 0.85 - across))
    neck = np.hypot(u, v + 0.75) - 0.2
    cover = np.clip(np.minimum(np.maximum(body, sleeve), neck) * side / 2 + 0.5, 0, 1)[..., None]
    return Picture(np.rint(255 - cover * (255 - np.array([50, 70, 120]))).astype(np.uint8))


SHAPES: dict[str, Callable[[Plane, Plane], Plane]] = {
    one.__name__: one for one in (disc, ring, crescent, square, bar, triangle, star, cross, heart, arrow)
}
CONTRAST = 0.35  # least distance of the two colours, as a share of that from black to white


def shapes(rng: np.random.Generator, kinds: np.ndarray, side: int = 32) -> np.ndarray:
    """kinds (N,): places in SHAPES -> pictures (N, side, side, 3) uint8."""
    count, places = len(kinds), np.arange(side) + 0.5
    radius = rng.uniform(0.27, 0.42, count) * side
    middle = side / 2 + rng.uniform(-1, 1, (2, count)) * (side / 2 - radius)
    angle = rng.uniform(0, 2 * np.pi, count)
    x, y = ((places[None] - m[:, None]) / radius[:, None] for m in middle)
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    u, v = (x[:, None, :] * cos + y[:, :, None] * sin), (y[:, :, None] * cos - x[:, None, :] * sin)  # (N, side, side)
    u, v = u.astype(np.float32), v.astype(np.float32)
    cover = np.empty((count, side, side), np.float32)
    for kind, inside in enumerate(SHAPES.values()):
        mine = kinds == kind
        cover[mine] = inside(u[mine], v[mine])
    cover = np.clip(cover * radius[:, None, None] + 0.5, 0, 1)[..., None]
    shape, ground = colours(rng, count)
    slope = rng.uniform(-0.15, 0.15, (2, count, 1, 1, 1))  # the background grows lighter to one side
    light = slope[0] * (places[None, None, :, None] / side - 0.5) + slope[1] * (places[None, :, None, None] / side - 0.5)
    values = (ground[:, None, None] + light) * (1 - cover) + shape[:, None, None] * cover
    values += rng.standard_normal(values.shape, np.float32) * rng.uniform(0, 0.05, (count, 1, 1, 1))
    return np.rint(values.clip(0, 1) * 255).astype(np.uint8)


def colours(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Two of each (count, 3), which differ enough to be seen."""
    one, two = rng.uniform(0, 1, (2, count, 3))
    near = np.linalg.norm(one - two, axis=1) < CONTRAST * 3**0.5
    while near.any():
        two[near] = rng.uniform(0, 1, (near.sum(), 3))
        near = np.linalg.norm(one - two, axis=1) < CONTRAST * 3**0.5
    return one, two


def shape(kind: str, seed: int, side: int = 32) -> Picture:
    """One of its kind, always the same for a seed."""
    return Picture(shapes(np.random.default_rng(seed), np.array([list(SHAPES).index(kind)]), side)[0])

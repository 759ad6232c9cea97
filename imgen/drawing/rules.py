"""Pictures that follow a rule and a seed: nothing learned, any size, as many as one likes.

Every rule has one contract: `rule(size, rng, *, knobs) -> Picture`, a square of `size` pixels.  All geometry is in sides of the
picture, x to the right and y down, and no random number depends on `size`, so that a small picture is the large one made small.
Random numbers come in blocks of fixed length where a knob sets how many count: more lines leave the first ones where they are.
"""

from math import ceil, pi
from typing import Annotated

import cv2
import numpy as np

from imgen.controls import Choice, Slider
from imgen.drawing.curves import b_spline, bezier
from imgen.drawing.scenes import finish, inside, paint, ramp, rgb, unit
from imgen.drawing.solids import BODIES, turned
from imgen.image import Picture

PALETTES = (  # a ground and five colours that go with it
    ("#f4ecd8", "#1d3557", "#457b9d", "#e63946", "#f4a261", "#2a9d8f"),
    ("#14213d", "#fca311", "#f1e9da", "#3d5a80", "#98c1d9", "#ee6c4d"),
    ("#faf0ca", "#0d3b66", "#f4d35e", "#ee964b", "#f95738", "#3f7d6e"),
    ("#fff8f0", "#264653", "#2a9d8f", "#e9c46a", "#f4a261", "#e76f51"),
    ("#0b132b", "#3a506b", "#5bc0be", "#c9f2e7", "#f2d0a9", "#ef626c"),
    ("#f7ede2", "#5f0f40", "#9a031e", "#fb8b24", "#e36414", "#0f4c5c"),
    ("#eef4ed", "#13315c", "#3e6ea5", "#8da9c4", "#f2c14e", "#f78154"),
    ("#fdf6ec", "#3d405b", "#81b29a", "#f2cc8f", "#e07a5f", "#5a6fa8"),
    ("#1b1725", "#6a5d7b", "#a499b3", "#e6d5ea", "#ff9f68", "#85bdbf"),
    ("#fefae0", "#283618", "#606c38", "#dda15e", "#bc6c25", "#8ab0ab"),
    ("#f1faee", "#2b2d42", "#8d99ae", "#ef233c", "#ffb703", "#219ebc"),
    ("#fff1e6", "#355070", "#6d597a", "#b56576", "#e56b6f", "#eaac8b"),
    ("#102a2c", "#2f6f6b", "#84c7ae", "#f6e7cb", "#f2a65a", "#d1495b"),
    ("#f3f0ff", "#2d2a5a", "#5f5aa2", "#b8a9e0", "#f58fa9", "#ffd166"),
)
LIGHT = (0.299, 0.587, 0.114)  # how bright red, green and blue look


def palette(rng: np.random.Generator) -> tuple[str, list[str]]:
    """A ground, and its colours from dark to light."""
    ground, *colours = PALETTES[rng.integers(len(PALETTES))]
    return ground, sorted(colours, key=lambda colour: rgb(colour) @ LIGHT)


def contrast(ground: str, colours: list[str]) -> str:
    """The colour that stands out most: of `colours`, from dark to light, an end."""
    return max((colours[0], colours[-1]), key=lambda colour: abs((rgb(colour) - rgb(ground)) @ LIGHT))


def over(size: int) -> int:
    """How many times larger to draw polygons, whose edges are hard, before shrinking."""
    return max(3, ceil(256 / size))


def finer(size: int) -> int:
    """The same for what is computed at the pixels' middles, which in a small picture do not speak for all of each pixel."""
    return 1 if size >= 256 else 2


def plane(size: int) -> tuple[np.ndarray, np.ndarray]:
    """x (1, size) and y (size, 1) of the pixels' centres in [0, 1]."""
    centres = (np.arange(size, dtype=np.float32) + 0.5) / size
    return centres[None, :], centres[:, None]


def shrunk(canvas: np.ndarray, size: int) -> np.ndarray:
    """The mean of the pixels that become one."""
    return canvas if canvas.shape[0] == size else cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)


def filled(size: int, colour: str) -> np.ndarray:
    """An 8-bit canvas for polygons."""
    return np.full((size, size, 3), np.rint(rgb(colour) * 255), np.uint8)


def polygons(canvas: np.ndarray, corners: np.ndarray, colours: np.ndarray) -> None:
    """Fill (N, K, 2) polygons in sides of the canvas, each with its own of (N, 3) colours in [0, 1], the last on top."""
    corners = np.rint((corners * canvas.shape[0] - 0.5) * 16).astype(np.int32)
    colours = np.rint(np.clip(colours, 0, 1) * 255).tolist()
    for shape, colour in zip(corners, colours, strict=True):
        cv2.fillPoly(canvas, [shape], colour, shift=4)


def polyline(canvas: np.ndarray, points: np.ndarray, colour: np.ndarray, width: float) -> None:
    """A line through (N, 2) points, `width` sides of the canvas wide."""
    points = np.rint((points * canvas.shape[0] - 0.5) * 16).astype(np.int32)
    thick = max(1, round(width * canvas.shape[0]))
    cv2.polylines(canvas, [points], False, np.rint(colour * 255).tolist(), thick, cv2.LINE_AA, shift=4)


MANY = 16  # lines or circles at most
ENTRIES = 61  # of the colour table: prime, and no two 2ⁿ are alike modulo it, so neighbours never share an entry


def lines(
    size: int, rng: np.random.Generator, *,
    lines: Annotated[int, Slider(0, MANY, 1)] = 5,
    circles: Annotated[int, Slider(0, MANY, 1)] = 4,
) -> Picture:
    """Lines and circles cut the plane into regions; on which side of each curve a region lies decides its colour."""
    times = finer(size)
    (x, y), (ground, colours) = plane(size * times), palette(rng)
    angles, points = rng.uniform(0, pi, MANY), rng.uniform(0.15, 0.85, (MANY, 2))
    centres, radii = rng.uniform(0.05, 0.95, (MANY, 2)), rng.uniform(0.1, 0.42, MANY)
    distances = [(x - p) * np.cos(a) + (y - q) * np.sin(a) for a, (p, q) in zip(angles[:lines], points, strict=False)]
    distances += [np.hypot(x - p, y - q) - r for r, (p, q) in zip(radii[:circles], centres, strict=False)]
    region, near = np.zeros((y.size, x.size), np.int64), np.ones((y.size, x.size), np.float32)
    for n, distance in enumerate(distances):
        region += (distance < 0) * np.int64(2**n)
        near = np.minimum(near, np.abs(distance))
    region %= ENTRIES
    canvas = np.stack([rgb(c) for c in rng.choice([ground, ground, *colours], ENTRIES)])[region]
    canvas *= (0.9 + 0.1 * np.clip(near / 0.04, 0, 1))[..., None]  # as paint that gathers at the edge
    tilt, hatched = rng.uniform(0, pi), (rng.random(ENTRIES) < 0.2)[region]
    stripe = np.abs(((x * np.cos(tilt) + y * np.sin(tilt)) * 40) % 1 - 0.5) / 40
    ink = rgb(contrast(ground, colours))
    paint(canvas, ink, 0.8 * hatched * inside(stripe - 0.0035, 1 / x.size))
    paint(canvas, ink, inside(near - rng.uniform(0.003, 0.006), 1 / x.size))
    return finish(shrunk(canvas, size))


def splines(
    size: int, rng: np.random.Generator, *,
    curves: Annotated[int, Slider(1, 60, 1)] = 26,
    points: Annotated[int, Slider(3, 9, 1)] = 4,
) -> Picture:
    """Closed B-splines filled like paper cut-outs, and on them ribbons of Bézier curves that change one into another."""
    ground, colours = palette(rng)
    canvas = filled(size * over(size), ground)
    t = np.linspace(0, 1, 48)
    order = rng.permutation(colours)
    for n, centre in enumerate(rng.uniform(0.12, 0.88, (3, 2))):
        angles = 2 * pi * (np.arange(9) + rng.uniform(-0.3, 0.3, 9)) / 9
        reach = rng.uniform(0.12, 0.3) * rng.uniform(0.45, 1.5, 9)
        control = centre + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        polygons(canvas, b_spline(control, np.linspace(0, 9, 180, endpoint=False))[None], rgb(order[n])[None])
    for first, last in ((order[3], order[4]), (contrast(ground, colours), order[3])):
        ends = rng.uniform(-0.1, 1.1, (2, 9, 2))[:, :points]
        ends[:, [0, -1], 0] = np.array([-0.06, 1.06]) + rng.uniform(-0.03, 0.03, (2, 2))  # from edge to edge
        ends[1] = ends[0] + 0.55 * (ends[1] - ends[0])
        ends = ends[..., :: rng.choice([-1, 1])]
        for share in np.linspace(0, 1, curves):
            colour = rgb(first) + (rgb(last) - rgb(first)) * share
            polyline(canvas, bezier(ends[0] + (ends[1] - ends[0]) * share, t), colour, 0.0045)
    return Picture(shrunk(canvas, size))


def mesh(
    size: int, rng: np.random.Generator, *,
    detail: Annotated[int, Slider(1, 4, 1)] = 2,
    light: Annotated[int, Slider(0, 360, 5, "°")] = 130,
) -> Picture:
    """A body of flat triangles, turned at random and lit from `light`: 0° is the right, 90° above."""
    ground, colours = palette(rng)
    towards = unit(np.array([np.cos(np.radians(light)), -np.sin(np.radians(light)), 1.0]))
    corners, faces = BODIES[rng.integers(len(BODIES))](detail, rng)
    corners = corners @ turned(rng).T
    corners *= 0.36 / np.abs(corners[:, :2]).max()
    triangles = corners[faces]
    normals = unit(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]))
    seen = np.nonzero(normals[:, 2] > 0)[0]
    seen = seen[np.argsort(triangles[seen, :, 2].mean(1))]  # from far to near: the painter's algorithm
    skin = ramp(np.clip(triangles[seen, :, 1].mean(1) + rng.uniform(0.3, 0.7), 0, 1), *rng.permutation(colours[1:])[:3])
    flat = 0.5 + triangles[seen, :, :2] / (1 - 0.35 * triangles[seen, :, 2:])  # nearer is larger
    canvas = np.rint(studio(size * over(size), ground, towards) * 255).astype(np.uint8)
    polygons(canvas, flat, lit(normals[seen], skin, towards))
    return Picture(shrunk(canvas, size))


def lit(normals: np.ndarray, skin: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Lambert's cosine law over a dim room, and Blinn's highlight.  normals and skin (N, 3), towards the light (3,) -> (N, 3)."""
    cosine = np.clip(normals @ towards, 0, 1)[:, None]
    half = unit(towards + np.array([0, 0, 1.0]))
    return skin * (0.25 + 0.85 * cosine) + 0.5 * np.clip(normals @ half, 0, 1)[:, None] ** 40


def studio(size: int, ground: str, towards: np.ndarray) -> np.ndarray:
    """A wall, brighter where the light falls, with the soft shadow of what floats before it."""
    small = 64  # nothing here has edges
    x, y = plane(small)
    canvas = rgb(ground) * (0.9 + 0.16 * ((x - 0.5) * towards[0] + (y - 0.5) * towards[1]))[..., None]
    shadow = np.exp(-(((x - 0.5 + 0.1 * towards[0]) / 0.3) ** 2 + ((y - 0.5 + 0.1 * towards[1]) / 0.3) ** 2) ** 1.5)
    paint(canvas, canvas * 0.45, shadow)
    return np.clip(cv2.resize(canvas.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC), 0, 1)


def triangles(
    size: int, rng: np.random.Generator, *,
    cells: Annotated[int, Slider(3, 40, 1)] = 10,
    jitter: Annotated[float, Slider(0.0, 1.0, 0.05)] = 0.5,
) -> Picture:
    """A grid of `cells` equilateral triangles a side, its corners shaken, coloured by a smooth field."""
    _, colours = palette(rng)
    (x, y), (across, down) = plane(128), rng.uniform(-1, 1, 2)
    field = 0.9 * fractal(128, rng, 2, octaves=2) + across * x + down * y
    field = (field - field.min()) / np.ptp(field)
    rows = ceil(cells / 0.75**0.5) + 3
    j, i = np.mgrid[:rows, : cells + 4].astype(np.float64)
    corners = np.stack([i - 1.5 + 0.5 * (j % 2), (j - 1) * 0.75**0.5], axis=-1) / cells
    corners += rng.uniform(-0.33, 0.33, (60, 60, 2))[:rows, : cells + 4] * jitter / cells
    shapes = np.concatenate(list(split(corners)))
    middle = np.clip(shapes.mean(1), 0, 0.999)
    tone = field[(middle[:, 1] * 128).astype(int), (middle[:, 0] * 128).astype(int)]
    chance = rng.random((2, 2 * 60 * 60))[:, : len(shapes)]
    colour = nearest_tone(tone + 0.34 * (chance[0] - 0.5), colours) * (0.82 + 0.28 * chance[1])[:, None]
    canvas = filled(size * over(size), colours[2])
    polygons(canvas, shapes, colour)
    return Picture(shrunk(canvas, size))


def nearest_tone(tone: np.ndarray, colours: list[str]) -> np.ndarray:
    """One of the colours for each tone in [0, 1], not blended: what lies between two colours is often grey."""
    table = np.stack([rgb(colour) for colour in colours])
    return table[np.rint(np.clip(tone, 0, 1) * (len(table) - 1)).astype(int)]


def split(corners: np.ndarray):
    """The triangles between rows of corners (R, C, 2), every second row half a step to the right: one (N, 3, 2) a row."""
    for n, (top, low) in enumerate(zip(corners[:-1], corners[1:], strict=True)):
        a, b = (top, low) if n % 2 == 0 else (low, top)  # b lies half a step further right
        yield np.concatenate([np.stack(t, axis=1) for t in ((a[:-1], a[1:], b[:-1]), (b[:-1], b[1:], a[1:]))])


def voronoi(
    size: int, rng: np.random.Generator, *,
    panes: Annotated[int, Slider(2, 300, 1)] = 70,
    lead: Annotated[float, Slider(0.0, 2.0, 0.1, "%")] = 0.8,
) -> Picture:
    """Stained glass: each pane is all that lies nearer to its own site than to any other; `lead` in % of the side."""
    times = finer(size)
    (x, y), (_, colours) = plane(size * times), palette(rng)
    sites = spread(rng.random((300, 4, 2)), panes)
    nearest, first, second = nearest_sites(x, y, sites)
    centre = rng.uniform(0.2, 0.8, 2)
    rings = np.linalg.norm(sites - centre, axis=1) * rng.uniform(1.0, 2.0) + rng.uniform(-0.2, 0.2, 300)[:panes]
    colour = nearest_tone(np.abs((rings + rng.random()) % 2 - 1), colours) * rng.uniform(0.85, 1.15, 300)[:panes, None]
    apart = np.linalg.norm(sites[nearest[0]] - sites[nearest[1]], axis=-1).astype(np.float32)
    border = (second - first) / (2 * np.maximum(apart, 1e-6))  # distance to the line halfway between the two nearest sites
    glow = 0.85 + 0.3 * np.clip(border * panes**0.5 * 2, 0, 1) + 0.22 * fractal(x.size, rng, 9, octaves=3)
    canvas = colour[nearest[0]].astype(np.float32) * glow[..., None]
    edge = border - lead / 200
    metal = ramp(np.clip(-edge / max(lead / 200, 1e-6), 0, 1), "#15131a", "#4d4a57")  # rounder in the middle
    paint(canvas, metal, inside(edge, 1 / x.size) if lead else 0 * edge)
    return finish(shrunk(canvas, size))


def nearest_sites(x: np.ndarray, y: np.ndarray, sites: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two nearest of (N, 2) sites for each pixel, as numbers (2, H, W), and the squares of their distances, (H, W) each."""
    shape = (y.size, x.size)
    first, second = np.full(shape, np.inf, np.float32), np.full(shape, np.inf, np.float32)
    nearest = np.zeros((2, *shape), np.int16)
    for number, (p, q) in enumerate(sites.astype(np.float32)):
        distance = (x - p) ** 2 + (y - q) ** 2
        closer, next_closer = distance < first, distance < second
        np.copyto(nearest[1], number, where=next_closer)
        np.copyto(nearest[1], nearest[0], where=closer)
        np.copyto(nearest[0], number, where=closer)
        np.minimum(second, np.maximum(first, distance), out=second)
        np.minimum(first, distance, out=first)
    return nearest, first, second


def spread(candidates: np.ndarray, count: int) -> np.ndarray:
    """`count` sites, each the one of its (K, 2) candidates that lies furthest from those before (Mitchell 1991)."""
    sites = candidates[:count, 0].copy()
    for n in range(1, count):
        apart = ((candidates[n][:, None] - sites[:n]) ** 2).sum(-1).min(1)
        sites[n] = candidates[n][apart.argmax()]
    return sites


LANDS = (  # under water from deep to shore; above it from shore to summit
    (("#0d1b2a", "#1b3a4b", "#4f8a8b"), ("#59545a", "#3f3a42", "#54383a", "#b5482e", "#ffc46b")),
    (("#0b2545", "#13456b", "#3f8fb0"), ("#d8c99b", "#c8a165", "#a8733f", "#7f4a2d", "#e8c9a0")),
    (("#1b2a49", "#35618f", "#a5d0e3"), ("#c9d6df", "#9fb6bd", "#6d8a8f", "#dfe9ee", "#ffffff")),
    (("#0f3d3e", "#1f7a74", "#84dcc6"), ("#fff1c9", "#f4a261", "#e76f51", "#8a3f52", "#f7d6c4")),
    (("#20123f", "#4b2a7a", "#9a6fc4"), ("#ffd9b0", "#f58f7c", "#b8507c", "#5a3470", "#ffe8d6")),
    (("#123a63", "#2a6f97", "#7cc6c9"), ("#e9d8a6", "#8fb35a", "#4f8a4c", "#8a7a5a", "#f4f1ea")),
)
STEEP = 4.5  # the slope that counts as 45 degrees: without it the islands would be all cliffs


def noise(
    size: int, rng: np.random.Generator, *,
    noise: Annotated[str, Choice(("perlin", "value"))] = "perlin",
    octaves: Annotated[int, Slider(1, 8, 1)] = 7,
    water: Annotated[float, Slider(0.0, 1.0, 0.05)] = 0.4,
    light: Annotated[int, Slider(0, 360, 5, "°")] = 130,
) -> Picture:
    """Islands from above: noise is the height, `water` the share of the sea, `light` where the sun stands (0° is the right)."""
    times = finer(size)
    side, (sea, land) = size * times, LANDS[rng.integers(len(LANDS))]
    height = fractal(side, rng, rng.uniform(2, 3.5), octaves, noise)
    shore = np.quantile(height[::4, ::4], water)
    above = (height - shore) / max(height.max() - shore, 1e-6)
    below = (shore - height) / max(shore - height.min(), 1e-6)
    down, right = np.gradient(height, 1 / side)
    sun = unit(np.array([np.cos(np.radians(light)), -np.sin(np.radians(light)), 1.0]))
    shade = (-right * sun[0] - down * sun[1] + STEEP * sun[2]) / np.sqrt(right**2 + down**2 + STEEP**2)
    canvas = ramp(np.clip(above, 0, 1) ** 0.9, *land) * (0.45 + 0.75 * np.clip(shade, 0, 1))[..., None]
    flood = ramp(np.clip(below * 1.4, 0, 1), *sea[::-1])
    wet = inside(height - shore, 2.5 * np.hypot(down, right) / side + 1e-6)
    paint(canvas, flood, wet)
    paint(canvas, rgb("#ffffff"), 0.5 * wet * np.clip(1 - below * 30, 0, 1))  # surf
    return finish(shrunk(canvas.astype(np.float32), size))


def fractal(side: int, rng: np.random.Generator, cells: float, octaves: int, kind: str = "perlin") -> np.ndarray:
    """Noise (side, side) about 0: octaves of a lattice with `cells` a side, each twice as fine and half as strong."""
    x, y = plane(side)
    total = np.zeros((side, side), np.float32)
    for octave in range(octaves):
        fine = cells * 2**octave
        lattice = corners_of(rng, ceil(fine) + 2, kind)
        total += lattice_noise(x * fine, y * fine, lattice) / 2**octave
    return total


def corners_of(rng: np.random.Generator, side: int, kind: str) -> np.ndarray:
    """(3, side, side): at each corner a value and a slope along x and y.  Value noise has no slopes, Perlin's no values."""
    if kind == "value":
        return np.stack([rng.uniform(-0.7, 0.7, (side, side)), *np.zeros((2, side, side))]).astype(np.float32)
    angle = rng.uniform(0, 2 * pi, (side, side))
    return np.stack([np.zeros((side, side)), np.cos(angle), np.sin(angle)]).astype(np.float32)


def lattice_noise(x: np.ndarray, y: np.ndarray, lattice: np.ndarray) -> np.ndarray:
    """Blend what the four corners around each point claim: x (1, W) and y (H, 1) in cells -> (H, W).

    A corner claims its value plus slope · way from it.  Source: Perlin, "Improving noise", 2002.  First along x for every row of
    corners, then along y: the same sum, much cheaper.
    """
    i, j = np.floor(x[0]).astype(int), np.floor(y[:, 0]).astype(int)
    u, v = x[0] - i, y - j[:, None]
    value, across, down = lattice
    claimed = mixed(value[:, i] + across[:, i] * u, value[:, i + 1] + across[:, i + 1] * (u - 1), fade(u))  # (side, W)
    slope = mixed(down[:, i], down[:, i + 1], fade(u))
    return mixed(claimed[j] + slope[j] * v, claimed[j + 1] + slope[j + 1] * (v - 1), fade(v))


def fade(t: np.ndarray) -> np.ndarray:
    """6t⁵ − 15t⁴ + 10t³: from 0 to 1, level and without curvature at both ends."""
    return t * t * t * (t * (6 * t - 15) + 10)


def mixed(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    return a + (b - a) * share

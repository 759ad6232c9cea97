"""Pictures that the program draws itself: examples that belong to nobody else, at any size, the same for the same seed.

Inside, a canvas is (H, W, 3) float32 in [0, 1]; x runs from the middle outwards and y from the top (0) to the bottom (1), both in
heights of the picture.  Edges are antialiased by how much of a pixel they cover, or by drawing larger and shrinking.
"""

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from imgen.image import Picture

Size = int | tuple[int, int]  # a square's side, or width and height
OVER = 3  # how much larger a picture is drawn that is shrunk afterwards


def sides(size: Size) -> tuple[int, int]:
    """Width and height."""
    return (size, size) if isinstance(size, int) else size


def plane(size: Size) -> tuple[np.ndarray, np.ndarray]:
    """x (1, W) and y (H, 1) of the pixels' centres."""
    width, height = sides(size)
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / height
    return x[None, :], ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]


def rgb(colour: str) -> np.ndarray:
    return np.array(ImageColor.getrgb(colour)[:3], np.float32) / 255


def ramp(t: np.ndarray, *colours: str) -> np.ndarray:
    """Colours at t in [0, 1], evenly spaced and blended: (…,) -> (…, 3)."""
    stops, table = np.linspace(0, 1, len(colours)), np.stack([rgb(c) for c in colours])
    return np.stack([np.interp(t, stops, table[:, channel]) for channel in range(3)], axis=-1).astype(np.float32)


def noise(rng: np.random.Generator, size: Size, cells: tuple[float, float], octaves: int = 4) -> np.ndarray:
    """Value noise (H, W) about 0.5; `cells` per height, across and down; every octave is twice as fine and half as strong."""
    width, height = sides(size)
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        across, down = (max(1, round(c * s * 2**octave)) for c, s in zip(cells, (width / height, 1), strict=True))
        lattice = Image.fromarray(rng.random((down + 1, across + 1), dtype=np.float32) - 0.5)
        total += np.asarray(lattice.resize((width, height), Image.Resampling.BICUBIC)) / 2**octave
    return total + 0.5


def ridge(rng: np.random.Generator, size: Size, cells: float, octaves: int) -> np.ndarray:
    """The same noise along a line: (1, W)."""
    width, height = sides(size)
    return noise(rng, (width, 1), (cells / height, 1), octaves)


def paint(canvas: np.ndarray, colour: np.ndarray, cover: np.ndarray) -> None:
    """Lay `colour` over the canvas in place; cover (H, W) in [0, 1] is its opacity."""
    canvas += (colour - canvas) * cover[..., None]


def inside(distance: np.ndarray, softness: float) -> np.ndarray:
    """1 where the distance to an edge is negative, 0 outside, a slope of width `softness` between."""
    return np.clip(0.5 - distance / softness, 0, 1)


def finish(canvas: np.ndarray) -> Picture:
    return Picture(np.rint(np.clip(canvas, 0, 1) * 255).astype(np.uint8))


def shrunk(image: Image.Image, size: Size) -> Picture:
    return Picture(np.asarray(image.resize(sides(size), Image.Resampling.BOX)))


def landscape(size: Size = (768, 512), seed: int = 0) -> Picture:
    """Hills behind a lake at the end of a day; a meadow in front."""
    rng = np.random.default_rng(seed)
    (x, y), pixel, shore = plane(size), 1 / sides(size)[1], 0.56
    aspect = sides(size)[0] * pixel
    sky, glow, far, near = SKIES[seed % len(SKIES)]
    sun_x, sun_y = rng.uniform(-0.22, 0.22) * aspect, rng.uniform(0.2, 0.28)

    canvas = np.repeat(ramp(y / shore, *sky), x.shape[1], axis=1)
    distance = np.hypot(x - sun_x, y - sun_y)
    paint(canvas, rgb(glow), 0.75 * np.exp(-((distance / 0.22) ** 1.2)))
    clouds = np.clip(noise(rng, size, (2.2, 9), 5) * 2.6 - 1.35, 0, 1) * np.clip(1.15 - y * 1.9, 0, 1)
    paint(canvas, ramp(np.clip(distance * 1.3, 0, 1), "#fff6d8", glow, sky[1]), clouds * 0.85)
    paint(canvas, rgb("#fff8dc"), inside(distance - 0.052, 3 * pixel))

    for depth in np.linspace(0, 1, 5):  # ridges from far to near: lower, darker, clearer
        crest = 0.37 + 0.14 * depth - (0.34 - 0.2 * depth) * (ridge(rng, size, 2.4 + 2.5 * depth, 6) - 0.5)
        mist = np.clip((y - crest) / 0.2, 0, 1) * (0.75 - 0.45 * depth)
        body = ramp(np.full((1, 1), depth), far, near) * (0.72 + 0.55 * noise(rng, size, (9, 16), 4)[..., None])
        paint(body, rgb(glow), mist * 0.8)
        paint(canvas, body, inside(crest - y, 1.5 * pixel))

    water = mirrored(canvas, shore, noise(rng, size, (3, 45), 2) - 0.5)
    lake = inside(shore - y, pixel)
    paint(water, rgb(sky[0]), np.clip(0.18 + (y - shore) * 0.9, 0, 0.6) + 0 * x)
    glitter = noise(rng, size, (16, 130), 2) - 0.62 - np.abs(x - sun_x) * 1.6 / (0.25 + (y - shore) * 1.5)
    paint(water, rgb("#fff3c4"), np.clip(glitter * 5, 0, 0.85))
    paint(canvas, water, lake + 0 * x)
    meadow(canvas, rng, size, near)
    return finish(canvas)


SKIES = (  # sky from top to horizon, glow, far and near hills
    (("#243b80", "#7a5aa6", "#ef8f7c", "#ffd08a"), "#ffc66e", "#8b7bb5", "#2f5a4c"),
    (("#2d6fb7", "#6fb0de", "#bfe0ea", "#fdeec6"), "#fff0b8", "#86a9cf", "#3c7a46"),
    (("#1f2a5c", "#5b3f8c", "#c4568f", "#ff9f7a"), "#ffb07f", "#7c5fa6", "#3a3f6e"),
    (("#3f8f9f", "#8ccfc0", "#f2dfa0", "#ffbf86"), "#ffe09a", "#86a8a0", "#54703a"),
)


def mirrored(canvas: np.ndarray, shore: float, ripple: np.ndarray) -> np.ndarray:
    """What stands above the shore, upside down in the water, shaken by `ripple` (H, W): more towards the viewer."""
    height, width = ripple.shape
    below = np.maximum(np.arange(height)[:, None] - shore * height, 0)
    shake = ripple * (0.35 * below + 0.01 * height)
    rows = np.clip(shore * height - 1.15 * below + 0.5 * shake, 0, shore * height - 1).astype(int)
    columns = np.clip(np.arange(width) + shake, 0, width - 1).astype(int)
    return canvas[rows, columns]


def meadow(canvas: np.ndarray, rng: np.random.Generator, size: Size, near: str) -> None:
    """A bank with grass and flowers, smaller with distance, and two slender trees."""
    (width, height), (x, y) = sides(size), plane(size)
    pixel, aspect = 1 / height, width / height
    side = rng.choice([-1, 1])
    bank = 0.86 - 0.18 * (side * x / aspect) + 0.06 * (ridge(rng, size, 2, 3) - 0.5)
    for place, tall in ((0.30, 0.54), (0.42, 0.42), (0.355, 0.3)):
        centre = side * place * aspect
        tree(canvas, rng, size, centre, np.interp(centre, x[0], bank[0]) + 0.03, tall)
    blades = noise(rng, size, (60, 9), 3)
    grass = ramp(np.clip(blades * 0.9 + (y - bank) * 0.8, 0, 1), "#16351f", near, "#7fae3c", "#d9d86a")
    paint(canvas, grass, inside(bank - y - 0.02 * (blades - 0.5), 2 * pixel))
    image = Image.fromarray(np.rint(np.clip(canvas, 0, 1) * 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for row in np.sort(rng.random(int(420 * aspect))):
        column = rng.random()
        top = bank[0, int(column * width)]
        at, radius = top + 0.012 + row * (1.02 - top), (0.0022 + 0.010 * row) * rng.uniform(0.7, 1.2)
        box = np.array([column * aspect - radius, at - radius * 0.8, column * aspect + radius, at + radius * 0.8]) * height
        draw.ellipse(list(box), fill=rng.choice(["#e8413c", "#ff7a59", "#fff2e0", "#ffd23f", "#b565d9", "#e8413c"]))
    canvas[:] = np.asarray(image, np.float32) / 255


def tree(canvas: np.ndarray, rng: np.random.Generator, size: Size, centre: float, foot: float, tall: float) -> None:
    """A cypress: a flame of leaves, lit from one side."""
    x, y = plane(size)
    t = np.clip((foot - y) / tall, 0, 1)  # 0 at the foot, 1 at the tip
    leaves = noise(rng, size, (45, 22), 3) - 0.5
    outline = np.abs(x - centre) - tall * 0.115 * np.sqrt(t) * (1 - t) ** 0.6 * 1.9 + tall * 0.05 * leaves
    shade = np.clip(0.45 + leaves * 0.9 + (x - centre) / tall * 2.6, 0, 1)
    paint(canvas, ramp(shade, "#0d2420", "#1f4a35", "#5c8a3f"), inside(outline, 3 / sides(size)[1]) * (t > 0) * (t < 1))


def still_life(size: Size = 512, seed: int = 0) -> Picture:
    """Fruit on a cloth: ellipsoids met by rays, four to a pixel, with soft shadows and gloss."""
    rng = np.random.default_rng(seed)
    width, height = sides(size)
    large = (2 * width, 2 * height)
    x, y = plane(large)
    zoom = max(1.0, 0.95 * height / width)  # a narrow picture stands further back
    eye = np.array([0, 2.3, -6.4], np.float32)
    rays = np.stack(np.broadcast_arrays(x * zoom, -0.37 - (y - 0.5) * zoom, np.float32(1.35)), axis=-1)
    reach, which = np.full(rays.shape[:2], np.inf, np.float32), np.full(rays.shape[:2], -1, np.int8)
    scene = arranged(rng)
    for number, (centre, radii, _) in enumerate(scene):
        box = framed(centre - eye, radii.max(), x * zoom, -0.37 - (y - 0.5) * zoom)
        distance = met(eye, rays[box], centre, radii)
        which[box] = np.where(distance < reach[box], number, which[box])
        reach[box] = np.minimum(reach[box], distance)
    canvas = room(rng, large, eye, rays, scene, seed)
    for number, (centre, radii, skin) in enumerate(scene):
        seen = np.nonzero(which == number)
        spot = eye + rays[seen] * reach[seen][:, None]
        near = [body for n, body in enumerate(scene) if n != number and np.linalg.norm(body[0] - centre) < 2.4]
        canvas[seen] = skinned(spot, rays[seen], (spot - centre) / radii, radii, skin, near)
    return shrunk(Image.fromarray(finish(canvas).pixels), size)


Body = tuple[np.ndarray, np.ndarray, str]  # centre, three radii, name of its skin

LAMP = np.array([-0.6, 0.68, -0.42], np.float32)
TABLES = (("#7d8f86", "#efe6d4", "#c24b3f"), ("#5d6f8f", "#f1e3c6", "#3f6fa8"), ("#96754f", "#dfe6de", "#4f8a6a"))
SKINS = {  # shadow side to light side, or pole to belly; gloss
    "apple": (("#c7b04a", "#b3281f", "#d8382b", "#e8623c"), 0.55),
    "green": (("#8a9a35", "#86a832", "#a9c548", "#c9d86b"), 0.5),
    "orange": (("#d9821f", "#f0901e", "#f79a22", "#f7a02c"), 0.3),
    "lemon": (("#d8c022", "#f2d53c", "#f7e04a", "#f9e765"), 0.35),
    "plum": (("#3a2350", "#4f2a63", "#6a3a7c", "#7d5590"), 0.25),
    "grape": (("#4c5f1f", "#93a83a", "#b4c552", "#cdd977"), 0.7),
    "wood": (("#4a3020", "#5a3c26", "#6b4a2f", "#6b4a2f"), 0.05),
    "leaf": (("#2f5a2a", "#3f7a34", "#57963f", "#6aa84a"), 0.2),
}


def arranged(rng: np.random.Generator) -> list[Body]:
    """Fruit standing on the table, y = 0, each near its place."""
    scene: list[Body] = []

    def put(x: float, y: float, z: float, radii: tuple[float, float, float], skin: str) -> None:
        scene.append((np.array([x, y, z], np.float32), np.array(radii, np.float32), skin))

    mirror = rng.choice([-1, 1])
    for x, z, radius, kinds in (
        (-1.35, 0.35, 0.74, ["apple", "green"]), (0.15, 0.75, 0.86, ["orange", "apple"]), (1.55, 0.4, 0.66, ["plum", "orange"]),
        (0.13, -0.9, 0.58, ["green", "apple", "plum"]),
    ):
        skin, r = str(rng.choice(kinds)), radius * rng.uniform(0.94, 1.06)
        x, z = mirror * x + rng.uniform(-0.08, 0.08), z + rng.uniform(-0.1, 0.1)
        put(x, r * 0.94, z, (r, r * 0.94, r), skin)
        if skin != "orange":
            put(x + 0.03, r * 1.95, z, (0.035, 0.2, 0.035), "wood")
        if skin in ("apple", "green"):
            put(x + 0.24, r * 2.0, z - 0.02, (0.24, 0.045, 0.11), "leaf")
    put(-0.98 * mirror, 0.36, -1.15, (0.54, 0.36, 0.37), "lemon")
    put(-1.54 * mirror, 0.36, -1.15, (0.09, 0.07, 0.07), "lemon")
    for row in range(3):  # a bunch of grapes: two walls of three, two and one
        for n in range(2 * (3 - row)):
            r, across, behind = 0.25 * rng.uniform(0.92, 1.08), n // 2 + row / 2, n % 2
            x = mirror * (0.9 + 0.4 * across + 0.12 * behind)
            put(x, 0.24 + 0.34 * row, -1.1 + 0.38 * behind + 0.1 * row, (r, r, r), "grape")
    return scene


def room(rng: np.random.Generator, size: Size, eye: np.ndarray, rays: np.ndarray, scene: list[Body], seed: int) -> np.ndarray:
    """Wall and table; one ray in four, for nothing here has sharp edges."""
    x, y = plane(size)
    wall, cloth, stripe = TABLES[seed % len(TABLES)]
    lamp = np.exp(-((x + 0.3) ** 2 + (y - 0.1) ** 2) / 0.3)
    canvas = rgb(wall) * (0.42 + 0.8 * lamp + 0.12 * (noise(rng, size, (4, 4), 5) - 0.5))[..., None]
    rays = rays[::2, ::2]
    floor = -eye[1] / np.minimum(rays[..., 1], -1e-6)
    table = floor < 7.4
    spot = eye + rays[table] * floor[table, None]
    across, along = spot[:, 0] * 0.8 + spot[:, 2] * 0.6, spot[:, 0] * 0.6 - spot[:, 2] * 0.8
    woven = np.maximum(*(np.clip((0.14 - np.abs(a / 1.3 % 1 - 0.5)) * 12, 0, 1) for a in (across, along)))
    colour = rgb(cloth) + (rgb(stripe) - rgb(cloth)) * 0.7 * woven[:, None]
    quarter = canvas[::2, ::2].copy()
    quarter[table] = colour * brightness(spot, np.array([[0, 1, 0]], np.float32), scene)[:, None]
    return np.where(table.repeat(2, 0).repeat(2, 1)[..., None], quarter.repeat(2, 0).repeat(2, 1), canvas)


def framed(towards: np.ndarray, radius: float, across: np.ndarray, up: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns whose rays may meet a ball; across (1, W) rises, up (H, 1) falls."""
    x, y, half = (1.35 * v / (towards[2] - radius) for v in (towards[0], towards[1], 1.2 * radius))
    shift_x, shift_y = (abs(v) * 0.3 for v in (x, y))
    columns = np.searchsorted(across[0], (x - half - shift_x, x + half + shift_x))
    rows = np.searchsorted(-up[:, 0], (-y - half - shift_y, -y + half + shift_y))
    return slice(*rows), slice(*columns)


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...i,...i", a, b)


def unit(a: np.ndarray) -> np.ndarray:
    return a / np.sqrt(dot(a, a))[..., None]


def met(eye: np.ndarray, rays: np.ndarray, centre: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """How far along each ray the ellipsoid begins; infinity where it is missed."""
    start, steps = (eye - centre) / radii, rays / radii
    a, b, c = dot(steps, steps), steps @ start, start @ start - 1
    depth = b * b - a * c
    return np.where(depth > 0, (-b - np.sqrt(np.maximum(depth, 0))) / a, np.inf)


def brightness(spot: np.ndarray, normal: np.ndarray, others: list[Body]) -> np.ndarray:
    """Lamp light with soft shadows, and room light that creases hold back.  spot and normal (N, 3) -> (N,)."""
    lamp, room = np.clip(normal @ LAMP, 0, 1), np.full(len(spot), 0.5, np.float32) + 0.12 * normal[:, 1]
    for centre, radii, _ in others:
        start, step = (spot - centre) / radii, LAMP / radii
        along = -(start @ step) / (step @ step)  # to where the way to the lamp passes closest
        passed = np.sqrt(np.maximum(dot(start, start) - along**2 * (step @ step), 0))
        lamp = lamp * np.where(along > 0, np.clip((passed - 1) / (0.12 + 0.22 * along) + 0.5, 0, 1), 1)
        towards = centre - spot
        squared = dot(towards, towards)
        facing = np.clip(dot(towards, normal) / np.sqrt(squared), 0, 1)
        room = room * (1 - 0.85 * facing * np.clip(radii.prod() ** (2 / 3) / squared, 0, 1))
    return room + 0.68 * lamp


def skinned(
    spot: np.ndarray, rays: np.ndarray, local: np.ndarray, radii: np.ndarray, skin: str, others: list[Body]
) -> np.ndarray:
    """Colour of the points of one fruit; local (N, 3) are their places on the unit sphere."""
    colours, gloss = SKINS[skin]
    angle = np.arctan2(local[:, 2], local[:, 0])
    normal = local / radii
    if skin in ("apple", "green"):  # a hollow around the stem, streaks down the sides
        hollow = np.clip((local[:, 1] - 0.8) / 0.2, 0, 1)[:, None]
        normal = normal - hollow**2 * 1.3 * local * np.array([1, 0.4, 1], np.float32)
        tone = 0.5 - 0.38 * hollow[:, 0] + 0.1 * np.sin(23 * angle + 3 * np.sin(5 * angle)) + 0.2 * local[:, 0]
    elif skin in ("orange", "lemon"):  # pores
        pores = np.sin(local * 61 + 4 * np.sin(local[:, [1, 2, 0]] * 37) + 2 * np.sin(local[:, [2, 0, 1]] * 53))
        normal, tone = normal + (0.07 if skin == "orange" else 0.12) * pores, 0.6 + 0.1 * pores.mean(1)
    else:
        tone = 0.5 + 0.3 * local[:, 1]
    normal = unit(normal)
    light = brightness(spot, normal, others)
    rays = unit(rays)
    half = unit(LAMP - rays)
    shine = np.clip(dot(half, normal), 0, 1) ** (24 + 60 * gloss) * gloss * np.clip(light * 1.6 - 0.6, 0, 1)
    rim = 0.10 * (1 + dot(rays, normal)) ** 2
    return ramp(np.clip(tone, 0, 1), *colours) * light[:, None] + (shine + rim)[:, None]


def city(size: Size = 512, seed: int = 0) -> Picture:
    """A skyline at dusk over a river, with lit windows."""
    rng = np.random.default_rng(seed)
    width, height = sides(size)
    x, y = plane(size)
    aspect, bank = width / height, 0.8
    sky, hazes = DUSKS[seed % len(DUSKS)]
    canvas = np.repeat(ramp(np.clip(y / bank, 0, 1) ** 0.85, *sky), width, axis=1)
    stars = np.zeros((height, width), np.float32)
    for at_x, at_y, light in rng.random((140, 3)):
        stars[int(at_y * bank * 0.55 * height), int(at_x * width)] = light * (1 - at_y)
    paint(canvas, rgb("#ffffff"), stars)
    moon_x, moon_y = rng.uniform(-0.36, 0.36) * aspect, rng.uniform(0.12, 0.2)
    moon = np.hypot(x - moon_x, y - moon_y)
    paint(canvas, rgb("#fff4d6"), 0.28 * np.exp(-((moon / 0.11) ** 1.3)))
    paint(canvas, rgb("#fff6e0"), inside(moon - 0.045, 2 / height))
    image = finish(canvas).pixels
    image = Image.fromarray(image).resize((width * OVER, height * OVER), Image.Resampling.BICUBIC)
    for depth, haze in enumerate(hazes):
        row_of_houses(ImageDraw.Draw(image), rng, (aspect, height * OVER), bank, depth, haze)
    canvas = shrunk(image, size).pixels.astype(np.float32) / 255
    water = mirrored(canvas, bank, (noise(rng, size, (4, 90), 2) - 0.5) * 0.9) * 0.72 + rgb(hazes[-1]) * 0.12
    paint(canvas, water, inside(bank - y, 1 / height))
    paint(canvas, rgb(hazes[-1]) * 0.5, inside(np.abs(y - bank) - 0.006, 1 / height) + 0 * x)
    return finish(canvas)


DUSKS = (  # sky from top to horizon; houses from far to near
    (("#141b41", "#37377a", "#a4568a", "#ff9a6b", "#ffd79a"), ("#8a5a86", "#4b3a6b", "#1c1b38")),
    (("#0c1f3f", "#1f4f7f", "#5aa0b0", "#f0c892", "#ffe2b0"), ("#5f8093", "#2f4b66", "#12233a")),
    (("#1a0f33", "#4a1f5f", "#b03a6f", "#ff7a5a", "#ffc07a"), ("#8f4a72", "#4f2a58", "#1e1230")),
)


def row_of_houses(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, room: tuple[float, float], bank: float, depth: int, haze: str
) -> None:
    """Houses from left to right; depth 0 far … 2 near.  room: aspect, and pixels per height."""
    aspect, unit = room
    body, left = rgb(haze), -0.03

    def box(x0: float, y0: float, x1: float, y1: float, colour: np.ndarray | str) -> None:
        fill = colour if isinstance(colour, str) else tuple(int(255 * min(1, max(0, c))) for c in colour)
        x0, y0, x1, y1 = (round(v * unit) for v in (x0, y0, x1, y1))
        draw.rectangle([x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)], fill=fill)

    while left < aspect:
        wide = rng.uniform(0.05, 0.10) * (1 + 0.3 * depth)
        tall = rng.uniform(0.14, 0.34) + (0.24, 0.1, -0.03)[depth] + (rng.random() < 0.2) * 0.1
        top, right, tint = bank - tall, left + wide, body * rng.uniform(0.85, 1.15)
        roof = rng.integers(4)
        if roof == 0:  # steps
            box(left + wide * 0.2, top - 0.025, right - wide * 0.2, top, tint)
            box(left + wide * 0.36, top - 0.05, right - wide * 0.36, top, tint)
        elif roof == 1:  # a mast
            box(left + wide * 0.47, top - 0.085, left + wide * 0.53, top, tint)
            box(left + wide * 0.455, top - 0.092, left + wide * 0.545, top - 0.083, "#ff5a4a")
        elif roof == 2:  # a gable
            corners = [(left, top), (right, top), ((left + right) / 2, top - wide * 0.45)]
            draw.polygon([(a * unit, b * unit) for a, b in corners], fill=tuple(int(255 * min(1, c)) for c in tint))
        box(left, top, right, bank, tint)
        box(right - wide * 0.22, top, right, bank, tint * 0.84)
        windows(box, rng, (left, top, right, bank), depth, tint)
        left = right + rng.choice([0, 0, 0.006, 0.02])


def windows(box, rng: np.random.Generator, wall: tuple[float, float, float, float], depth: int, tint: np.ndarray) -> None:
    left, top, right, bottom = wall
    gap = 0.0135 + 0.0035 * depth
    columns, rows = int((right - left) / gap) - 1, int((bottom - top) / (gap * 1.35)) - 1
    start = left + ((right - left) - (columns - 1) * gap) / 2
    lively, long = rng.uniform(0.3, 0.75), rng.random() < 0.3
    for row in range(rows):
        for column in range(columns):
            x, y = start + column * gap, top + gap * 1.1 + row * gap * 1.35
            lamp = rgb(str(rng.choice(["#ffd98a", "#ffe9b8", "#ffc163", "#ffd98a", "#cfe8ff"])))
            light = (0.45 + 0.25 * depth) * rng.uniform(0.7, 1) if rng.random() < lively else 0
            half = gap * (0.44 if long else 0.27)
            box(x - half, y - gap * 0.36, x + half, y + gap * 0.36, tint * 0.72 * (1 - light) + lamp * light)


def portrait(size: Size = 512, seed: int = 0) -> Picture:
    """A friendly face of circles and curves."""
    rng = np.random.default_rng(seed)
    width, height = sides(size)
    unit = min(width, height) * OVER
    back, skin, hair, cloth = (rng.choice(colours) for colours in FACES)
    shade, deep = (tuple(int(255 * v) for v in rgb(c) * f) for c, f in ((skin, 0.86), (hair, 0.7)))
    image = Image.new("RGB", (width * OVER, height * OVER), back)
    draw = ImageDraw.Draw(image)

    def at(*points: tuple[float, float]) -> list[tuple[float, float]]:  # the face's own square: 0 … 1, at the lower edge
        return [(width * OVER / 2 + (a - 0.5) * unit, height * OVER + (b - 1) * unit) for a, b in points]

    def disc(x: float, y: float, rx: float, ry: float, colour: str | tuple[int, ...]) -> None:
        draw.ellipse(at((x - rx, y - ry), (x + rx, y + ry)), fill=colour)

    for n in range(24):  # rays of light
        a, b = (2 * np.pi * (n + d) / 24 for d in (0, 0.5))
        far = [(0.5 + 3 * np.cos(t), 0.44 + 3 * np.sin(t)) for t in (a, b)]
        draw.polygon(at((0.5, 0.44), *far), fill=tuple(int(255 * min(1, v * 1.09)) for v in rgb(back)))
    disc(0.5, 0.44, 0.375, 0.375, tuple(int(255 * (v * 0.55 + 0.45)) for v in rgb(back)))
    long = rng.random() < 0.5
    if long:
        draw.rounded_rectangle(at((0.245, 0.22), (0.755, 0.86)), radius=0.24 * unit, fill=deep)
    disc(0.5, 1.09, 0.36, 0.34, cloth)
    draw.rounded_rectangle(at((0.425, 0.6), (0.575, 0.83)), radius=0.07 * unit, fill=shade)
    disc(0.5, 0.765, 0.112, 0.062, shade)
    for ear in (0.285, 0.715):
        disc(ear, 0.475, 0.038, 0.055, shade)
    disc(0.5, 0.375, 0.243, 0.215, deep if long else hair)
    draw.rounded_rectangle(at((0.29, 0.24), (0.71, 0.715)), radius=0.2 * unit, fill=skin)
    iris = rng.choice(["#5b3a24", "#2f6f8f", "#3f7a4a"])
    cheek = tuple(int(255 * v) for v in rgb(skin) * 0.72 + rgb("#ff6f61") * 0.28)
    for side in (-1, 1):
        x = 0.5 + side * 0.096
        disc(x, 0.47, 0.041, 0.039, "#ffffff")
        disc(x + 0.004, 0.474, 0.028, 0.031, iris)
        disc(x + 0.004, 0.474, 0.016, 0.018, "#1c1410")
        disc(x + 0.014, 0.462, 0.008, 0.008, "#ffffff")
        draw.arc(at((x - 0.058, 0.385), (x + 0.058, 0.47)), 205, 335, fill=deep, width=int(0.015 * unit))
        disc(0.5 + side * 0.142, 0.572, 0.042, 0.03, cheek)
    draw.arc(at((0.468, 0.49), (0.532, 0.565)), 20, 160, fill=shade, width=int(0.014 * unit))
    draw.chord(at((0.41, 0.535), (0.59, 0.665)), 12, 168, fill="#a83240")
    draw.chord(at((0.43, 0.538), (0.57, 0.625)), 12, 168, fill="#fff8f0")
    fringe(draw, at, unit, hair, int(rng.integers(3)))
    if rng.random() < 0.45:
        for x in (0.404, 0.596):
            draw.ellipse(at((x - 0.071, 0.402), (x + 0.071, 0.544)), outline="#2b2b38", width=int(0.011 * unit))
        draw.arc(at((0.47, 0.452), (0.53, 0.50)), 190, 350, fill="#2b2b38", width=int(0.011 * unit))
    return lamplit(shrunk(image, size), rng)


FACES = (
    ["#f4b942", "#58a4b0", "#e4716b", "#7f9c6c", "#8f7fc0"], ["#f6d2b3", "#e8b48a", "#c98d62", "#8f5a3c"],
    ["#2c2130", "#5a3422", "#a8622c", "#3a2a3f"], ["#3e5c9a", "#c8553d", "#2f7f6f", "#7a4f8f"],
)


def fringe(draw: ImageDraw.ImageDraw, at, unit: float, hair: str, cut: int) -> None:
    """Hair over the forehead: parted, straight or curly."""
    if cut == 0:
        draw.pieslice(at((0.262, 0.15), (0.87, 0.60)), 180, 262, fill=hair)
        draw.pieslice(at((0.30, 0.155), (0.738, 0.59)), 262, 360, fill=hair)
    elif cut == 1:
        draw.chord(at((0.262, 0.155), (0.738, 0.59)), 183, 357, fill=hair)
    else:
        for n in range(9):
            t = np.pi * (1.03 + 0.94 * n / 8)
            x, y, r = 0.5 + 0.205 * np.cos(t), 0.385 + 0.175 * np.sin(t), 0.066
            draw.ellipse(at((x - r, y - r), (x + r, y + r)), fill=hair)


def lamplit(picture: Picture, rng: np.random.Generator) -> Picture:
    """Light from above on the left, and a little paper grain: flat colours tell a network nothing."""
    size = (picture.width, picture.height)
    x, y = plane(size)
    light = 1.07 - 0.16 * y - 0.12 * x + 0.05 * (noise(rng, size, (60, 60), 2) - 0.5)
    return finish(picture.pixels / 255 * light[..., None])


def chart(size: Size = 512, seed: int = 0) -> Picture:
    """A test chart: star, rings, gratings, letters, colours.  `seed` turns the star and chooses the colours."""
    rng = np.random.default_rng(seed)
    width, height = sides(size)
    large = (width * OVER, height * OVER)
    unit = min(large)
    x0, y0 = ((side - unit) / 2 for side in large)
    image = Image.new("RGB", large, "#f4f1ea")
    draw = ImageDraw.Draw(image)
    ink = "#17171c"

    def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x0 + a * unit, y0 + b * unit) for a, b in points]

    turn, spokes = rng.uniform(0, 10), 36
    for n in range(spokes):
        draw.pieslice(at((0.05, 0.05), (0.47, 0.47)), turn + 360 / spokes * n, turn + 360 / spokes * (n + 0.5), fill=ink)
    draw.ellipse(at((0.05, 0.05), (0.47, 0.47)), outline=ink, width=max(1, unit // 300))
    radius, thick = 0.21, 0.0165
    while radius > 0.004:  # rings, thinner and thinner inwards
        for r, fill in ((radius, ink), (radius - thick, "#f4f1ea")):
            draw.ellipse(at((0.74 - r, 0.26 - r), (0.74 + r, 0.26 + r)), fill=fill)
        radius, thick = radius - 2 * thick, max(0.0022, thick * 0.87)
    gratings(draw, at, ink)
    colours = rng.permutation(["#d93a35", "#f08c2e", "#f2cf3b", "#57a84a", "#2f8fb5", "#3d55a8", "#7a4aa0"])
    for n, colour in enumerate(colours):
        draw.rectangle(at((0.05 + 0.9 * n / 7, 0.735), (0.05 + 0.9 * (n + 1) / 7, 0.785)), fill=str(colour))
    for n in range(16):
        grey = int(255 * n / 15)
        draw.rectangle(at((0.05 + 0.9 * n / 16, 0.785), (0.05 + 0.9 * (n + 1) / 16, 0.815)), fill=(grey, grey, grey))
    letters(draw, at, unit, ink)
    return shrunk(image, size)


def gratings(draw: ImageDraw.ImageDraw, at, ink: str) -> None:
    """Nine groups of five lines, each finer by a quarter, upright above and level below."""
    left, pitch = 0.05, 0.03
    for _ in range(9):
        for n in range(5):
            draw.rectangle(at((left + n * pitch, 0.51), (left + (n + 0.5) * pitch, 0.595)), fill=ink)
            draw.rectangle(at((left, 0.612 + n * pitch * 0.75), (left + 4.5 * pitch, 0.612 + (n + 0.5) * pitch * 0.75)), fill=ink)
        left, pitch = left + 5 * pitch + 0.023, pitch * 0.8


def letters(draw: ImageDraw.ImageDraw, at, unit: float, ink: str) -> None:
    top = 0.832
    for line, share in (
        ("Hamburgefonstiv 0123456789", 0.058),
        ("imgen  RaG8 &@% O0Q Il1 eao cs WM", 0.034),
        ("The quick brown fox jumps over the lazy dog", 0.021),
    ):
        font = ImageFont.load_default(size=max(1, share * unit))
        draw.text(at((0.05, top))[0], line, fill=ink, font=font)
        top += share * 1.2


def logo(size: Size = 512) -> Picture:
    """A flower that begins as coarse pixels and becomes a smooth picture; transparent around it."""
    width, height = sides(size)
    shape = min(width, height)
    x, y = (np.broadcast_to(a, (height, width)) * (height / shape) for a in (plane(size)[0], plane(size)[1] - 0.5))
    smooth = flower(x, y, 1.5 / shape)
    cell = 1 / 12
    coarse = flower((np.floor(x / cell) + 0.5) * cell, (np.floor(y / cell) + 0.5) * cell, 0.03)
    coarse[..., 3] = coarse[..., 3] > 0.5
    seam = inside(x + y * 0.35, 1.5 / shape)[..., None]  # 1 left of it: pixels
    return finish(coarse * seam + smooth * (1 - seam))


def flower(x: np.ndarray, y: np.ndarray, softness: float) -> np.ndarray:
    """Six petals about a heart: RGBA (H, W, 4)."""
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    petal = np.abs(np.cos(3 * angle + 0.3)) ** 0.55
    cover = inside(radius - 0.2 - 0.26 * petal, softness)
    hue = (angle / (2 * np.pi) + 0.5) % 1
    colour = ramp(hue, "#ff6b5e", "#ffa03d", "#ffd23f", "#5fc48a", "#3d9be0", "#8a6be0", "#ff6b5e")
    colour *= (0.78 + 0.5 * np.clip(radius, 0, 0.45))[..., None]
    paint(colour, rgb("#2b2440"), inside(radius - 0.125, softness))
    paint(colour, rgb("#fff3d6"), inside(radius - 0.1, softness))
    return np.concatenate([np.clip(colour, 0, 1), cover[..., None]], axis=-1)

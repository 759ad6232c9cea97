"""What the lab learns from: pictures that it draws itself, the program's examples, data sets of the Hub, and a visitor's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgen.controls import UserError
from imgen.drawing import handwriting
from imgen.drawing.curves import bezier, through
from imgen.drawing.shapes import SHAPES
from imgen.image import decode

if TYPE_CHECKING:
    from imgen.lab.own import Own
    from imgen.lab.setups import Setup

SIDE = 28  # pixels of what is drawn and told apart, of one grey
PIECE = 96  # pixels of what is enlarged and mended, in colour
KINDS = ("disc", "square", "triangle", "cross")
CHARACTERS = ("one", "ten", "person", "big", "mountain", "fire", "sun", "field", "mouth", "earth")  # 一十人大山火日田口土
POOL, HELD_OUT = 4096, 256
STROKES = 1536  # which take longer to draw
PIECES = 240
EXAMPLES = Path(__file__).parent.parent / "assets" / "examples"
PHOTOS = ("restore_coffee", "stylize_landscape", "stylize_still_life", "upscale_cat", "upscale_city")
OTHER_PHOTO = "stylize_astronaut"  # by which is measured


@dataclass(frozen=True)
class Lot:
    """pictures (N, C, H, W) uint8 and their classes (N,) to learn from, and others of the same kind to measure by."""

    pictures: np.ndarray
    labels: np.ndarray
    held_out: np.ndarray
    held_out_labels: np.ndarray
    classes: tuple[str, ...] = ()


def lot_for(setup: "Setup", own: "Own | None" = None) -> Lot:
    """What the setup names, drawn by its seed.  Raises UserError: own_needed, own_no_classes; those of a download."""
    from imgen.lab.setups import MENDING

    rng = np.random.default_rng(setup.seed)
    pieces = setup.method in MENDING
    match setup.data:
        case "own":
            if own is None:
                raise UserError("own_needed")
            if setup.method == "cnn" and len(own.classes) < 2:
                raise UserError("own_no_classes")
            return own.lot(pieces)
        case "pictures":
            return photos(rng)
        case "shapes" if pieces:
            return coloured(rng)
        case "shapes":
            labels = rng.integers(len(KINDS), size=POOL + HELD_OUT)
            return split(filled(rng, labels), labels, KINDS)
        case "digits" | "characters":
            return strokes(rng, setup.data, pieces)
        case _:
            from imgen.lab.sets import fetched

            return fetched(setup.data)


def split(pictures: np.ndarray, labels: np.ndarray, classes: Sequence[str], held_out: int = HELD_OUT) -> Lot:
    """The last `held_out` are held out."""
    return Lot(pictures[:-held_out], labels[:-held_out], pictures[-held_out:], labels[-held_out:], tuple(classes))


def filled(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """Filled shapes, white on black, upright and in the middle but for a pixel: what a small net has learned in seconds.

    labels (N,): places in KINDS -> pictures (N, 1, SIDE, SIDE) uint8.
    """
    count = len(labels)
    radius = rng.uniform(9.5, 11.5, count).astype(np.float32)
    middle = (SIDE / 2 + rng.uniform(-1, 1, (2, count))).astype(np.float32)
    places = np.arange(SIDE, dtype=np.float32) + 0.5
    x, y = ((places[None] - m[:, None]) / radius[:, None] for m in middle)
    out = np.empty((count, 1, SIDE, SIDE), np.uint8)
    for kind, name in enumerate(KINDS):
        mine = np.flatnonzero(labels == kind)
        u = np.broadcast_to(x[mine][:, None, :], (len(mine), SIDE, SIDE))
        v = np.broadcast_to(y[mine][:, :, None], (len(mine), SIDE, SIDE))
        inside = SHAPES[name](v, u) if name == "triangle" else SHAPES[name](u, v)  # which so stands on a side
        out[mine, 0] = np.clip(inside * radius[mine, None, None] + 0.5, 0, 1) * 255
    return out


def strokes(rng: np.random.Generator, script: str, pieces: bool) -> Lot:
    """Digits or characters as a hand writes them, white on black; for mending nine of them in a piece of paper, in grey."""
    names = tuple(handwriting.DIGITS) if script == "digits" else CHARACTERS
    labels = rng.integers(len(names), size=STROKES + HELD_OUT)
    pictures = np.stack([written(rng, script, names[label]) for label in labels])[:, None]
    if not pieces:
        return split(pictures, labels, names)
    side = PIECE // 3
    padded = np.pad(pictures[:, 0], ((0, 0), (2, 2), (2, 2)))[: len(pictures) // 9 * 9]
    sheets = padded.reshape(-1, 3, 3, side, side).transpose(0, 1, 3, 2, 4).reshape(-1, 1, PIECE, PIECE)
    return split(255 - sheets.repeat(3, 1), np.zeros(len(sheets), np.int64), (), held_out=16)


def written(rng: np.random.Generator, script: str, name: str) -> np.ndarray:
    """(SIDE, SIDE) uint8: a glyph of `drawing.handwriting`, in lines of one width, which at this size nobody sees."""
    fine = 4 * SIDE
    canvas = np.zeros((fine, fine), np.uint8)
    if script == "digits":
        shapes = handwriting.shaky(handwriting.DIGITS[name], rng, 1.0)
        lines = [through(np.array(stroke)) for stroke in shapes]
        bend, width = handwriting.hand(rng, 1.0, lean=0.22), 10
    else:
        kinds, shapes = zip(*handwriting.CHARACTERS[name], strict=True)
        moved = handwriting.shaky(shapes, rng, 0.6)
        curved = [bezier(points, np.linspace(0, 1, 12)) for points in moved]
        each = zip(kinds, curved, moved, strict=True)
        lines = [curve if kind in handwriting.CURVED else points for kind, curve, points in each]
        bend, width = handwriting.hand(rng, 1.0, lean=0.06), 8
    spots = [np.rint(bend(line) * fine * 16).astype(np.int32)[:, None] for line in lines]
    cv2.polylines(canvas, spots, False, 255, width, cv2.LINE_AA, shift=4)
    return cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def coloured(rng: np.random.Generator) -> Lot:
    """Four filled shapes in each piece, of even colours: what has sharp edges and nothing else."""
    half = PIECE // 2
    labels = rng.integers(len(KINDS), size=4 * (PIECES + 16))
    cover = np.stack([cv2.resize(one[0], (half, half), interpolation=cv2.INTER_CUBIC) for one in filled(rng, labels)])
    share = cover[:, None].astype(np.float32) / 255
    ink, ground = rng.uniform(0, 255, (2, len(labels), 3, 1, 1)).astype(np.float32)
    tiles = np.rint(share * ink + (1 - share) * ground).astype(np.uint8)
    pieces = tiles.reshape(-1, 2, 2, 3, half, half).transpose(0, 3, 1, 4, 2, 5).reshape(-1, 3, PIECE, PIECE)
    return split(np.ascontiguousarray(pieces), np.zeros(len(pieces), np.int64), (), held_out=16)


def photos(rng: np.random.Generator) -> Lot:
    """Pieces of the program's example photographs; those to measure by are of a photograph of their own."""
    sources = [np.ascontiguousarray(decode(EXAMPLES / f"{name}.png").rgb().pixels) for name in (*PHOTOS, OTHER_PHOTO)]
    pieces = [cut_out(rng, sources[n % len(PHOTOS)]) for n in range(PIECES)]
    others = [cut_out(np.random.default_rng(n), sources[-1]) for n in range(16)]
    return split(np.stack([*pieces, *others]), np.zeros(PIECES + 16, np.int64), (), held_out=16)


def cut_out(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """A square of a random half to whole of the shorter side, shrunk: (3, PIECE, PIECE)."""
    height, width = picture.shape[:2]
    side = int(min(height, width) * rng.uniform(0.5, 1))
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    small = cv2.resize(picture[top : top + side, left : left + side], (PIECE, PIECE), interpolation=cv2.INTER_AREA)
    return small.transpose(2, 0, 1)

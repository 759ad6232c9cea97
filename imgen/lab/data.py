"""What the lab learns from: small pictures drawn without end, and a visitor's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imgen.drawing.shapes import SHAPES

if TYPE_CHECKING:
    from imgen.lab.setups import Setup

SIDE = 28  # pixels of what is learned by heart, of one grey
KINDS = ("disc", "square", "triangle", "cross")
POOL, HELD_OUT = 4096, 256


@dataclass(frozen=True)
class Lot:
    """pictures (N, C, H, W) uint8 and their classes (N,) to learn from, and others of the same kind to measure by."""

    pictures: np.ndarray
    labels: np.ndarray
    held_out: np.ndarray
    held_out_labels: np.ndarray
    classes: tuple[str, ...] = ()


def drawn_shapes(seed: int, count: int = POOL) -> Lot:
    """Filled shapes, white on black, upright and in the middle but for a pixel: what a small net has learned in seconds."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(len(KINDS), size=count + HELD_OUT)
    pictures = filled(rng, labels)
    return split(pictures, labels, KINDS)


def filled(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """labels (N,): places in KINDS -> pictures (N, 1, SIDE, SIDE) uint8."""
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
        inside = SHAPES[name](v, u) if name == "triangle" else SHAPES[name](u, v)
        out[mine, 0] = np.clip(inside * radius[mine, None, None] + 0.5, 0, 1) * 255
    return out


def split(pictures: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> Lot:
    """The last HELD_OUT are held out."""
    return Lot(pictures[:-HELD_OUT], labels[:-HELD_OUT], pictures[-HELD_OUT:], labels[-HELD_OUT:], tuple(classes))


def lot_for(setup: "Setup", own: np.ndarray | None = None) -> Lot:
    return drawn_shapes(setup.seed)

"""Data sets as uint8 tensors in memory: an epoch of reading files costs more than an epoch of training."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imgen.controls import UserError
from imgen.training.degrade import shrink

HELD_OUT = 10  # every 10th file of a sorted folder is for measuring: no training sees it
SHRINKS = 1, 0.6, 0.4  # sizes at which a photograph is seen
MORE_SHRINKS = 1, 0.7, 0.5, 0.35
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif"}


def files(folder: Path) -> list[Path]:
    """The pictures right inside `folder`, sorted by name."""
    return sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in PICTURES)


def part(folder: Path, held_out: bool) -> list[Path]:
    """The pictures right inside `folder` that are held out, or those that training may see."""
    return [path for number, path in enumerate(files(folder)) if (number % HELD_OUT == 0) == held_out]


def rgb(path: Path, side: int | None = None) -> np.ndarray:
    """(H, W, 3) uint8; with `side`, resized to a square of it.  Raises UserError data_unreadable."""
    try:
        picture = Image.open(path).convert("RGB")
    except (OSError, ValueError, SyntaxError):  # Pillow's word for a broken PNG is SyntaxError
        raise UserError("data_unreadable", name=path.name) from None
    if side:
        picture = picture.resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def classes(folder: Path, side: int, held_out: bool = False) -> tuple[Tensor, Tensor, list[str]]:
    """One subfolder a class -> pictures (N, 3, side, side) uint8, labels (N,), names; without those held out, or only they.

    A folder without subfolders is one class without a name.
    """
    folders = sorted(p for p in Path(folder).iterdir() if p.is_dir())
    pictures, labels = [], []
    for label, one in enumerate(folders or [Path(folder)]):
        for path in part(one, held_out):
            pictures.append(rgb(path, side))
            labels.append(label)
    return channels_first(np.stack(pictures)), torch.tensor(labels), [one.name for one in folders]


def digits(npz: Path, part: str = "train") -> tuple[Tensor, Tensor]:
    """An .npz with x_train, y_train, x_test, y_test (the form of MNIST) -> pictures (N, 1, 28, 28) uint8, labels (N,)."""
    with np.load(npz) as data:
        pictures, labels = data[f"x_{part}"], data[f"y_{part}"]
    return torch.from_numpy(pictures)[:, None].contiguous(), torch.from_numpy(labels).long()


def patches(folder: Path, scale: int, side: int = 48, shrinks: tuple[float, ...] = SHRINKS) -> tuple[Tensor, Tensor]:
    """Photographs -> LR (N, 3, side, side) and HR (N, 3, side·scale, side·scale), uint8.

    Each photograph is also shrunk first, so that a net sees many scales of detail; of each, the half with
    the stronger gradients is kept: skies teach nothing.  Raises UserError data_empty, data_too_small.
    """
    lr, hr = zip(*cuts(folder, files(folder), shrinks, scale, side), strict=True)
    return channels_first(np.stack(lr)), channels_first(np.stack(hr))


def details(
    folder: Path, side: int, shrinks: tuple[float, ...] = SHRINKS, held_out: bool | None = None
) -> Tensor:
    """Photographs -> what is lively of them, (N, 3, side, side) uint8; see `patches`.  held_out: see `part`; None: all."""
    paths = files(folder) if held_out is None else part(folder, held_out)
    return channels_first(np.stack([hr for _, hr in cuts(folder, paths, shrinks, 1, side)]))


def cuts(
    folder: Path, paths: list[Path], shrinks: tuple[float, ...], scale: int, side: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of the pictures of a folder at each size, what `lively` cuts out of them: one pair at least."""
    found = [pair for path in paths for f in shrinks for pair in lively(smaller(rgb(path), f), scale, side)]
    if not paths:
        raise UserError("data_empty", name=folder.name)
    if not found:
        raise UserError("data_too_small", name=folder.name, side=math.ceil(side * scale / max(shrinks)))
    return found


def lively(picture: np.ndarray, scale: int, side: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    hr, lr = shrink(picture, scale)
    pairs = [
        (lr[y : y + side, x : x + side], hr[y * scale : (y + side) * scale, x * scale : (x + side) * scale])
        for y in range(0, lr.shape[0] - side + 1, side)
        for x in range(0, lr.shape[1] - side + 1, side)
    ]
    energy = [np.abs(np.diff(h[..., 1].astype(np.int16), axis=0)).mean() for _, h in pairs]
    yield from (pair for pair, e in zip(pairs, energy, strict=True) if e >= np.median(energy))


def smaller(picture: np.ndarray, factor: float) -> np.ndarray:
    if factor == 1:
        return picture
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def crops(folder: Path, side: int, count: int, seed: int = 0) -> Tensor:
    """`count` random square crops of photographs, each of a random share of the picture -> (N, 3, side, side) uint8."""
    rng, paths = np.random.default_rng(seed), files(folder)
    out = []
    for path in paths:
        photo = Image.open(path).convert("RGB")
        for _ in range(-(-count // len(paths))):
            size = int(min(photo.size) * rng.uniform(0.35, 1))
            x, y = (int(rng.integers(0, limit - size + 1)) for limit in photo.size)
            out.append(np.asarray(photo.resize((side, side), Image.Resampling.BICUBIC, box=(x, y, x + size, y + size))))
    return channels_first(np.stack(out[:count]))


def channels_first(pictures: np.ndarray) -> Tensor:
    """(N, H, W, C) -> (N, C, H, W), contiguous."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()

"""Data sets of the Hub that everybody knows, downloaded once: Fashion-MNIST and MNIST."""

import io
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from imgen import hub
from imgen.controls import UserError
from imgen.hub import WeightFile
from imgen.lab.data import HELD_OUT, SIDE, Lot, split
from imgen.lab.parquet import columns

MOST = 8192  # pictures that are read, of 60,000


@dataclass(frozen=True)
class Set:
    file: WeightFile
    classes: tuple[str, ...]


SETS = {
    # Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747; MIT
    "fashion": Set(
        WeightFile(
            "zalando-datasets/fashion_mnist", "fashion_mnist/train-00000-of-00001.parquet", "main", None, 30_900_000, dataset=True
        ),
        ("t_shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle_boot"),
    ),
    # LeCun, Cortes, Burges 1998
    "mnist": Set(
        WeightFile("ylecun/mnist", "mnist/train-00000-of-00001.parquet", "main", None, 15_600_000, dataset=True),
        tuple("0123456789"),
    ),
}


def fetching(name: str) -> Generator[tuple[int, int], None, Path]:
    """Yields (bytes done, bytes in all) of the download, if one is needed.  Raises UserError weights_…, as for weights."""
    return hub.fetch(SETS[name].file)


def fetched(name: str) -> Lot:
    """The set, downloaded if need be.  Raises UserError: set_offline, weights_… of a download, set_unreadable."""
    download = fetching(name)
    while True:
        try:
            next(download)
        except StopIteration as end:
            return read(end.value, name)
        except UserError as error:
            if error.key != "weights_offline":
                raise
            raise UserError("set_offline", name={"fashion": "Fashion-MNIST", "mnist": "MNIST"}[name]) from None


def read(path: Path, name: str) -> Lot:
    """A parquet file with columns `image` (a PNG in `bytes`) and `label`.  UserError set_unreadable."""
    classes = SETS[name].classes
    try:
        pngs, labels = columns(path, ("image.bytes", "label"), MOST + HELD_OUT)
        pictures = [np.asarray(Image.open(io.BytesIO(png), formats=["PNG"]).convert("L")) for png in pngs]
        if len(pictures) <= 2 * HELD_OUT or len(labels) != len(pictures) or {one.shape for one in pictures} != {(SIDE, SIDE)}:
            raise ValueError("another set")
        if not all(0 <= label < len(classes) for label in labels):
            raise ValueError("another class")
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError):
        raise UserError("set_unreadable", name=name) from None
    return split(np.stack(pictures)[:, None], np.array(labels), classes)

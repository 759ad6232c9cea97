"""How often a classifier is right, and what it takes for what, on pictures that training never saw."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imgen.cards import Card
from imgen.controls import UserError
from imgen.drawing.shapes import SHAPES, shape, shapes
from imgen.evaluation.generation import Scores, _net, real

if TYPE_CHECKING:
    from torch import Tensor

DRAWN, TOGETHER = 10_000, 500  # shapes that are drawn to measure by, and how many at once
UNSEEN = 2**31  # training draws with seeds below


def classifying(card: Card, folder: Path) -> Scores:
    """accuracy: of all pictures, in percent; confusion: a row for each true class, a column for each that the net said.

    folder: an .npz, of which the test part counts, or one subfolder per class, as for `real`; a net for drawn shapes has its
    pictures drawn, whatever is there.  In float32.  Raises UserError data_unlike.
    """
    import torch

    net, classes = _net(card), len(card.facts.classes)
    parts = drawn(net.side) if tuple(card.facts.classes) == tuple(SHAPES) else known(folder, net.side)
    first = next(parts)
    if first[0].shape[1:] != (net.channels, net.side, net.side):
        raise UserError("data_unlike", name=folder.name, card=card.name)
    matrix = np.zeros((classes, classes), int)
    with torch.inference_mode():
        for pictures, labels in chain([first], parts):
            if labels.max() >= classes:
                raise UserError("data_unlike", name=folder.name, card=card.name)
            matrix += counted(labels.numpy(), net(pictures.float() / 255).argmax(1).numpy(), classes)
    return {
        "pictures": int(matrix.sum()), "accuracy": round(100 * matrix.trace() / matrix.sum(), 2), "confusion": matrix.tolist(),
    }


def counted(true: np.ndarray, said: np.ndarray, classes: int) -> np.ndarray:
    """(N,) both -> (classes, classes): how often each was said of each."""
    return np.bincount(true * classes + said, minlength=classes**2).reshape(classes, classes)


def known(folder: Path, side: int) -> "Iterator[tuple[Tensor, Tensor]]":
    pictures, labels, _ = real(folder, side)
    yield from zip(pictures.split(TOGETHER), labels.split(TOGETHER), strict=True)


def drawn(side: int) -> "Iterator[tuple[Tensor, Tensor]]":
    """Of each kind as many."""
    import torch

    rng = np.random.default_rng(UNSEEN)
    for _ in range(DRAWN // TOGETHER):
        kinds = np.arange(TOGETHER) % len(SHAPES)
        yield torch.from_numpy(shapes(rng, kinds, side)).permute(0, 3, 1, 2), torch.from_numpy(kinds)


def classifying_sample(card: Card) -> float:
    """The best score of each of ten drawn shapes, in percent, the mean: any picture has one."""
    found = [card(shape(kind, 1, 96)).facts["scores"].values() for kind in SHAPES]
    return round(100 * float(np.mean([max(scores) for scores in found])), 1)

"""What tests share: small inputs that are drawn here, and ends of what comes in steps."""

import sys
from collections.abc import Iterable
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from imgen.image import Frame, Picture

torch.set_num_threads(1)  # small tensors are sooner done by one, and sums come out the same on every machine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that open a browser take longest: they begin, so that in the end no worker waits for the other."""
    long = {item.path for item in items if "browser" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in long)


def last(frames: Iterable[Frame]) -> Frame:
    *_, frame = frames
    return frame


def noise_picture(height: int, width: int, channels: int = 3, dtype: type = np.uint8, seed: int = 0) -> Picture:
    values = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)
    return Picture(values)


def asked_in(language: str) -> SimpleNamespace:
    """A visitor's request, as far as words go."""
    return SimpleNamespace(headers={"cookie": f"language={language}"}, session_hash="visit")


def scratched(photo: Picture, seed: int, count: int = 5) -> tuple[Picture, np.ndarray]:
    """RGB with lines of one grey over it, bent a little, 1 to 4 pixels wide, soft at their edges; and where they are.

    Drawn by each pixel's distance from the curve, so that it owes nothing to how the program draws scratches.
    """
    rng, out = np.random.default_rng(seed), photo.pixels.astype(float)
    rows, columns = np.mgrid[: photo.height, : photo.width]
    hole = np.zeros(rows.shape, bool)
    for _ in range(count):
        angle, length = rng.uniform(0, np.pi), rng.uniform(0.4, 0.9) * min(rows.shape)
        x, y = rng.uniform(0.3, 0.7, 2) * (photo.width, photo.height)
        along = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
        bend = rng.normal(0, 0.03) * length * (1 - (2 * along / length) ** 2)
        across = (rows - y) * np.cos(angle) - (columns - x) * np.sin(angle) - bend
        cover = np.clip(rng.uniform(1, 4) / 2 + 0.5 - abs(across), 0, 1) * (abs(along) < length / 2)
        hole |= cover > 0.5
        share = (cover * rng.uniform(0.7, 1))[..., None]
        out += share * (rng.choice([250, 235, 12]) - out)
    return Picture(out.round().astype(np.uint8)), hole


@pytest.fixture
def here(monkeypatch, capsys):
    """Run a command in this process -> (exit code, standard output, standard error)."""
    from imgen.__main__ import main

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["imgen", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def hubs():
    """A Hub and its mirror, stood in for."""
    from stand_in_hub import StandInHub

    with StandInHub() as first, StandInHub() as second:
        yield first, second

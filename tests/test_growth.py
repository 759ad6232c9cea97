"""Losses as a drawing, and the replay of a training."""

import re

import numpy as np
from PIL import Image

from imgen.image import Picture, animate, decode_frame
from imgen.ui import growth

LOSSES = {"generator": [1.0, 3.0, 2.0], "kl": [5.0, 5.0, 5.0], "step": [10, 20, 40]}


def points(svg: str) -> list[list[tuple[float, float]]]:
    lines = re.findall(r'points="([^"]+)"', svg)
    return [[tuple(map(float, point.split(","))) for point in line.split()] for line in lines]


def test_a_curve_goes_through_its_values():
    generator, kl = points(growth.curves(LOSSES, 20))
    assert [x for x, _ in generator] == [growth.WIDTH / 4, growth.WIDTH / 2, growth.WIDTH]
    low, high, middle = (y for _, y in generator)
    assert low > middle > high  # a drawing counts downwards
    assert abs((low + high) / 2 - middle) < 0.11
    assert len({y for _, y in kl}) == 1


def test_the_moment_is_marked_and_told_in_both_languages():
    drawing = growth.curves(LOSSES, 20)
    assert f'x1="{growth.WIDTH / 2:.1f}"' in drawing
    assert "After 20 of 40 steps" in drawing and "第 20 步，共 40 步" in drawing
    assert "generator" in drawing and "生成器" in drawing and "1 → 2" in drawing


def test_without_a_record_there_is_no_drawing():
    assert growth.curves({}, None) == ""


def test_a_net_without_a_replay_has_curves_alone():
    column, picture, slider, drawing = growth.show(None, "dncnn_color", 15)
    assert not column["visible"] and not picture["visible"] and not slider["visible"] and "<polyline" in drawing
    column, picture, slider, _ = growth.show(None, "transfer_paintings", 3)
    assert column["visible"] and picture["value"].endswith(".png") and slider["visible"]


def test_a_film_gives_its_pictures_back(tmp_path):
    pictures = [Picture(np.full((8, 12, 3), shade, np.uint8)) for shade in (0, 90, 255)]
    path = tmp_path / "film.webp"
    path.write_bytes(animate(pictures, seconds=0.4))
    with Image.open(path) as film:
        assert (film.n_frames, film.info["loop"]) == (3, 0)
    assert [decode_frame(path, n) for n in range(3)] == pictures

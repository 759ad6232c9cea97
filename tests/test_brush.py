"""What a mask is painted with: how wide the brush is, and scratches that a rule proposes."""

import cv2
import numpy as np
import pytest
from conftest import asked_in, scratched
from PIL import Image

from imgen.drawing import scenes
from imgen.functional.scratch_detection import scratches_in
from imgen.image import Picture
from imgen.ui.brush import proposed, tools_for

DRAWN = {"city": (scenes.city, 3), "landscape": (scenes.landscape, 5), "still life": (scenes.still_life, 9)}


def found(photo: Picture, hole: np.ndarray) -> tuple[float, float]:
    """Precision and recall of the rule, a pixel or two beside the line being near enough."""
    told = scratches_in(photo.pixels)
    near, beside = (cv2.dilate(one.astype(np.uint8), np.ones((n, n), np.uint8)) > 0 for one, n in ((hole, 5), (told, 3)))
    return (told & near).sum() / max(1, told.sum()), (hole & beside).sum() / hole.sum()


@pytest.mark.slow
def test_most_scratches_are_found_and_most_that_is_found_are_scratches():
    figures = [found(*scratched(scene((300, 400), seed).rgb(), n)) for n, (scene, seed) in enumerate(DRAWN.values())]
    precision, recall = np.mean(figures, 0)
    assert precision > 0.65 and recall > 0.65, figures


def test_light_and_dark_scratches_of_any_direction_are_found_and_nothing_where_there_is_none():
    calm = np.repeat(np.linspace(60, 180, 160)[None, :, None], 120, 0).repeat(3, 2).astype(np.uint8)
    assert not scratches_in(calm).any()
    for level in (255, 0):
        for begin, end in (((10, 60), (150, 60)), ((80, 10), (80, 110)), ((30, 20), (120, 100)), ((30, 100), (130, 30))):
            line = cv2.line(np.zeros((120, 160), np.uint8), begin, end, 1, 2) > 0
            spoiled = np.where(line[..., None], np.uint8(level), calm)
            precision, recall = found(Picture(spoiled), line)
            assert precision > 0.8 and recall > 0.7, (level, begin)
    edge = np.full((120, 160, 3), 70, np.uint8)
    edge[:, 80:] = 190
    assert not scratches_in(edge).any()


def test_grey_and_tiny_pictures_are_searched_too():
    photo, hole = scratched(scenes.landscape(200, 5).rgb(), 2)
    grey = cv2.cvtColor(photo.pixels, cv2.COLOR_RGB2GRAY)[..., None]
    assert (scratches_in(grey) == scratches_in(photo.pixels)).all()
    assert scratches_in(np.zeros((1, 3, 3), np.uint8)).shape == (1, 3)


def test_a_large_scan_is_searched_in_a_smaller_one():
    large = cv2.resize(scenes.landscape(200, 5).rgb().pixels, (2000, 1900), interpolation=cv2.INTER_LINEAR)
    precision, recall = found(*scratched(Picture(large), 2))
    assert precision > 0.6 and recall > 0.6


@pytest.mark.parametrize(("width", "height"), [(256, 256), (768, 512), (3000, 4000)])
def test_a_stroke_is_one_to_two_percent_of_the_longer_side(tmp_path, width, height):
    Image.new("L", (width, height)).save(tmp_path / "given.png")
    brush, eraser = tools_for(tmp_path / "given.png")
    assert 0.01 <= 2 * brush.default_size / max(width, height) <= 0.02
    assert eraser.default_size > brush.default_size


def test_what_is_proposed_is_a_layer_and_nothing_is_proposed_where_nothing_is(tmp_path):
    photo, _ = scratched(scenes.landscape(160, 5).rgb(), 2)
    Image.fromarray(photo.pixels).save(tmp_path / "scratched.png")
    layer, words = proposed(asked_in("en"), tmp_path / "scratched.png")
    assert layer["mask"].startswith("data:image/png;base64,") and "Marked" in words
    Image.new("RGB", (80, 60), "grey").save(tmp_path / "even.png")
    assert proposed(asked_in("en"), tmp_path / "even.png")[0] == {}

import numpy as np
import pytest

from imgen.drawing import scenes
from imgen.drawing.scenes import chart, city, landscape, logo, portrait, still_life

SEEDED = [chart, landscape, still_life, city, portrait]


@pytest.mark.parametrize("draw", SEEDED)
def test_a_seed_means_one_picture(draw):
    first, again, other = draw(64, 5), draw(64, 5), draw(64, 6)
    assert np.array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.pixels, other.pixels)


@pytest.mark.parametrize("size", [1, 17, (40, 96), (96, 40)])
@pytest.mark.parametrize("draw", [*SEEDED, logo])
def test_any_size_can_be_drawn(draw, size):
    width, height = scenes.sides(size)
    picture = draw(size)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.shape == (height, width, 4 if draw is logo else 3)


@pytest.mark.parametrize("draw", SEEDED)
def test_larger_is_the_same_picture_with_more_detail(draw):
    small, large = draw(96, 1).pixels.astype(float), draw(192, 1).pixels.astype(float)
    shrunk = large.reshape(96, 2, 96, 2, 3).mean((1, 3))
    assert np.corrcoef(small.ravel(), shrunk.ravel())[0, 1] > 0.85


def test_the_logo_is_transparent_around_the_flower():
    alpha = logo(64).alpha[..., 0]
    assert alpha[0, 0] == 0
    assert alpha[32, 40] == 255

"""Generation: seeds, classes, counts."""

from types import SimpleNamespace

import pytest
import torch

from imgen.controls import checked, knobs_of
from imgen.pipelines.generate import class_labels, generate, noise


class Stripes(torch.nn.Module):
    """A stand-in generator: grey by the first number of z, red by the class."""

    latent, classes = 4, 3

    def forward(self, z, label):
        x = torch.zeros(len(z), 3, 8, 8)
        x[:, 1] = torch.sigmoid(z[:, :1, None])
        x[:, 0] = label[:, None, None] / 4
        return x


def pictures(**knobs):
    values = checked(knobs_of(generate, {"classes": ["ant", "bee", "cat"]}), knobs)
    return list(generate(Stripes(), **values))[-1].pictures


def test_a_seed_means_the_same_pictures():
    assert pictures(seed=5) == pictures(seed=5)
    assert pictures(seed=5) != pictures(seed=6)


def test_a_picture_does_not_depend_on_how_many_are_asked_for():
    assert pictures(seed=1, count=40)[:3] == pictures(seed=1, count=3)


def test_noise_is_normal():
    z = noise(seed=0, count=2000, latent=50)
    assert abs(z.mean()) < 0.01 and abs(z.std() - 1) < 0.01


def test_all_classes_come_in_turn():
    reds = [int(picture.pixels[0, 0, 0]) for picture in pictures(label="all", count=4)]
    assert reds == [0, 64, 128, 0]


def test_a_class_is_heeded():
    assert {int(picture.pixels[0, 0, 0]) for picture in pictures(label="cat", count=3)} == {128}


def test_truncation_of_zero_makes_them_all_alike():
    first, *rest = pictures(label="bee", truncation=0, count=3)
    assert all(picture == first for picture in rest)


def test_work_is_shown_as_it_comes():
    values = checked(knobs_of(generate, {"classes": ["ant"]}), {"count": 40})
    assert [(frame.done, len(frame.pictures)) for frame in generate(Stripes(), **values)] == [(16, 16), (32, 32), (40, 40)]


def test_a_net_without_classes_gets_label_zero():
    assert class_labels(SimpleNamespace(index=None, options=()), 3).tolist() == [0, 0, 0]


@pytest.mark.parametrize("count", [1, 17])
def test_count_is_kept(count):
    assert len(pictures(count=count)) == count

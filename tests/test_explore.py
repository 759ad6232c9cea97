"""Ways through a generator's latent space."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from imgen.catalog import find_card, find_maker
from imgen.controls import UserError, checked, knobs_of
from imgen.image import Picture, decode, encode
from imgen.pipelines.explore import chart, combine, morph, place, point, slerp

CARD = find_card("dcgan_flowers64")


class Plain(torch.nn.Module):
    """A stand-in generator that remembers what it was asked for."""

    latent, classes = 4, 3

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.z, self.shares = [], []

    def forward(self, z, shares):
        self.z += z.tolist()
        self.shares += shares.tolist()
        return torch.zeros(len(z), 1, 8, 8)


def at(z, shares):
    return Picture(np.zeros((8, 8, 1), np.uint8), {"latent": z, "shares": shares})


A, B, C = at([1, 0, 0, 0], [1, 0, 0]), at([0, 2, 0, 0], [0, 1, 0]), at([0, 0, -3, 0], [0, 0, 1])


@torch.no_grad()
def run(pipeline, *pictures, **knobs):
    net = Plain()
    *_, last = pipeline(net, *pictures, **checked(knobs_of(pipeline, {}), knobs))
    return net, last.pictures


def test_an_arc_is_that_of_two_vectors_in_a_plane():
    a, b = torch.tensor([2.0, 0]), torch.tensor([0, 2.0])
    for share in (0.0, 0.25, 0.5, 1.0):
        expected = [2 * np.cos(share * np.pi / 2), 2 * np.sin(share * np.pi / 2)]
        np.testing.assert_allclose(slerp(a, b, torch.tensor(share)), expected, atol=1e-6)


@pytest.mark.parametrize("b", [[2.0, 0.0], [-2.0, 0.0], [0.0, 0.0]])
def test_where_there_is_no_arc_the_way_is_straight(b):
    a, b = torch.tensor([1.0, 0]), torch.tensor(b)
    torch.testing.assert_close(slerp(a, b, torch.tensor(0.5)), (a + b) / 2)


def test_a_film_passes_every_picture_and_has_no_seam():
    net, pictures = run(morph, A, B, C, steps=5)
    assert len(pictures) == 15
    for n, stop in enumerate((A, B, C)):
        np.testing.assert_allclose(net.z[5 * n], stop.record["latent"], atol=1e-6)
        np.testing.assert_allclose(net.shares[5 * n], stop.record["shares"], atol=1e-6)
    ends = np.array([*net.z, net.z[0]])
    way = np.linalg.norm(np.diff(ends, axis=0), axis=1)
    assert way.max() < 3 * way.min()


def test_on_the_way_classes_blend_and_sum_to_one():
    net, _ = run(morph, A, B, steps=4)
    np.testing.assert_allclose(np.sum(net.shares, axis=1), 1)
    np.testing.assert_allclose(net.shares[1], [0.75, 0.25, 0])


def test_arithmetic_is_that_of_vectors_at_a_usual_distance():
    net, _ = run(combine, A, B, C)
    wanted = np.array([1, -2, -3, 0])
    np.testing.assert_allclose(net.z[0], wanted / np.linalg.norm(wanted) * 2, atol=1e-6)
    np.testing.assert_allclose(net.shares[0], [0.5, 0, 0.5])


def test_a_minus_a_plus_c_is_c():
    net, _ = run(combine, A, A, C)
    z = np.array(net.z[0])
    np.testing.assert_allclose(z / np.linalg.norm(z), [0, 0, -1, 0], atol=1e-6)
    assert net.shares[0] == [0, 0, 1]


def test_a_saved_picture_knows_its_place():
    """Made, written, read: the film that begins at it begins with it."""
    roses = CARD(label="rose", count=3, seed=11, truncation=0.8).pictures
    mixed = CARD(count=4, seed=3).pictures
    stops = [decode(encode(picture)) for picture in (roses[2], mixed[3])]
    *_, film = CARD.do(morph, *stops, steps=3)
    for n, stop in enumerate(stops):
        assert np.abs(film.pictures[3 * n].pixels.astype(int) - stop.pixels).max() <= 1


def test_a_picture_of_a_film_is_a_stop_like_any_other():
    *_, film = CARD.do(morph, *CARD(count=2).pictures, steps=4)
    frame = decode(encode(film.pictures[2]))
    *_, again = CARD.do(morph, frame, frame, steps=2)
    assert np.abs(again.pictures[0].pixels.astype(int) - frame.pixels).max() <= 1


@pytest.mark.parametrize("record", [
    {}, {"latent": [1, 2], "shares": [1, 0, 0]}, {"latent": [1, 2, 3, 4], "shares": [1]}, {"latent": "no", "shares": 3},
    {"knobs": {"seed": "x", "truncation": 1}, "number": 0, "class": 0}, {"knobs": 5, "number": 0, "class": 0},
    {"knobs": {"seed": 1, "truncation": 1}, "number": 0, "class": 9}, {"latent": [float("nan")] * 4, "shares": [1, 0, 0]},
    {"knobs": {"seed": 1, "truncation": float("inf")}, "number": 10**12, "class": 0},
])
def test_a_picture_without_a_place_is_told_so(record):
    with pytest.raises(UserError, match="picture_without_place"):
        place(SimpleNamespace(latent=4, classes=3), Picture(np.zeros((8, 8, 1), np.uint8), record))


class Flat(Plain):
    latent = 2


@torch.no_grad()
def run_flat(pipeline, **knobs):
    net, facts = Flat(), {"classes": ["ant", "bee", "cat"]}
    *_, last = pipeline(net, **checked(knobs_of(pipeline, facts), knobs))
    return net, last.pictures


def test_a_map_gives_each_part_of_the_plane_its_due():
    """Column n lies where (n + 1/2)/across of all normal numbers are smaller: scipy's quantiles."""
    from scipy.stats import norm

    net, pictures = run_flat(chart, label="bee", across=9)
    z = np.array(net.z).reshape(9, 9, 2)
    wanted = norm.ppf((np.arange(9) + 0.5) / 9)
    np.testing.assert_allclose(z[0, :, 0], wanted, atol=1e-5)
    np.testing.assert_allclose(z[:, 0, 1], wanted, atol=1e-5)
    assert len(pictures) == 81 and net.shares[0] == [0, 1, 0]


def test_a_spot_of_the_map_is_what_the_map_shows_there():
    drawn, _ = run_flat(chart, label="cat", across=5)
    picked, _ = run_flat(point, label="cat", x=0.7, y=0.3)
    np.testing.assert_allclose(picked.z[0], drawn.z[5 * 1 + 3], atol=1e-5)
    for corner in (0.0, 1.0):
        assert np.isfinite(run_flat(point, x=corner, y=corner)[0].z).all()


def test_a_net_with_more_numbers_has_no_map():
    with pytest.raises(UserError, match="no_map"):
        *_, _ = chart(Plain(), **checked(knobs_of(chart, {"classes": ["ant"]}), {}))


def test_there_is_no_way_between_two_models_nor_from_none():
    flower, bag = CARD(count=1).pictures[0], find_card("mlp_vae_fashion28")(count=1).pictures[0]
    assert find_maker([flower, flower]) is CARD
    with pytest.raises(UserError, match="pictures_of_one_model"):
        find_maker([flower, bag])
    for drawing in (find_card("draw_lines")(count=1).pictures[0], Picture(flower.pixels)):
        with pytest.raises(UserError, match="picture_without_place"):
            find_maker([drawing])


def test_one_picture_makes_no_film():
    with pytest.raises(UserError, match="pictures_to_morph"):
        run(morph, A)

"""Directions along which a generator's pictures change most."""

import numpy as np
import pytest
import torch
from torch import nn

from imgen.catalog import find_card
from imgen.controls import UserError
from imgen.image import Picture, encode
from imgen.pipelines.steer import DIRECTIONS, SWEEP, principal, steer
from imgen.tabs.steer import steered

CARD = find_card("dcgan_flowers64")


class Linear(nn.Module):
    """Pictures of 16×16 that are a matrix times the noise, and brighter for the second class."""

    latent, classes = 5, 2

    def __init__(self, strengths):
        super().__init__()
        random = torch.Generator().manual_seed(0)
        left = torch.linalg.qr(torch.randn(256, 5, generator=random)).Q
        self.right = torch.linalg.qr(torch.randn(5, 5, generator=random)).Q
        self.matrix = nn.Parameter(left @ torch.diag(torch.tensor(strengths)) @ self.right.T)

    def forward(self, z, label):
        bright = label.float().view(-1, 1) if label.dim() == 1 else label[:, 1:]
        return (z @ self.matrix.T + 9 * bright).view(-1, 1, 16, 16)


def test_the_directions_of_a_linear_generator_are_its_singular_vectors():
    net = Linear([5.0, 3.0, 1.0, 0.2, 0.1])
    found = principal(net, count=3, samples=4000).float()
    torch.testing.assert_close(found @ found.T, torch.eye(3), atol=1e-5, rtol=0)
    assert ((found @ net.right[:, :3]).diag().abs() > 0.99).all()


def stops(amounts, directions=((1.0, 0, 0, 0, 0), (0, 1.0, 0, 0, 0))):
    start = Picture(np.zeros((16, 16, 1), np.uint8), {"latent": [0.0] * 5, "shares": [1.0, 0.0]})
    with torch.inference_mode():
        *_, last = steer(directions, amounts)(Linear([1.0] * 5), start)
    return [picture.record["latent"] for picture in last.pictures]


def test_the_first_picture_is_moved_and_each_row_of_the_fan_sweeps_one_direction():
    first, *fan = stops([2.0, -1.0])
    assert first == [2.0, -1.0, 0, 0, 0] and len(fan) == 2 * len(SWEEP)
    np.testing.assert_allclose([z[0] for z in fan[: len(SWEEP)]], SWEEP)
    assert {z[1] for z in fan[: len(SWEEP)]} == {-1.0} and {z[0] for z in fan[len(SWEEP) :]} == {2.0}


def test_nobody_is_moved_out_of_reach_and_amounts_too_many_are_left_out():
    assert stops([1e9, float("-inf"), 3.0])[0] == [4.0, -4.0, 0, 0, 0]


def test_a_picture_that_is_not_moved_stays_as_it_is(tmp_path):
    picture = CARD(count=3).pictures[2]
    path = tmp_path / "start.png"
    path.write_bytes(encode(picture))
    card, last = steered(path, [0.0] * DIRECTIONS)
    assert card is CARD and last.pictures[0] == picture
    _, moved = steered(path, [3.0] + [0.0] * (DIRECTIONS - 1))
    assert np.abs(moved.pictures[0].pixels.astype(int) - picture.pixels).mean() > 8


def test_a_model_without_directions_says_so():
    with pytest.raises(UserError) as caught:
        steer(None, [])
    assert caught.value.key == "no_directions"


def test_stored_directions_are_of_length_one_and_at_right_angles():
    ways = torch.tensor(CARD.facts.directions)
    torch.testing.assert_close(ways @ ways.T, torch.eye(DIRECTIONS), atol=1e-3, rtol=0)

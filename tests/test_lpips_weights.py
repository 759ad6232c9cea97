"""The weights of the feature network's channels are those that LPIPS would have, wherever there are such."""

import numpy as np
import pytest
import torch
from torch import nn

from imgen.drawing import scenes
from imgen.evaluation import lpips_weights
from imgen.functional.metrics import perceptual_distance


class Glance(nn.Module):
    """A stand-in for the feature network: two stages of a few channels."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 3, 3, stride=2)

    def stages(self, x):
        one = self.one(x).relu() + 0.1
        return [one, self.two(one).relu() + 0.1]


@pytest.fixture
def quick(monkeypatch):
    """Few drawn pictures in place of photographs, spoiled in ways that need no network."""
    photos = [torch.from_numpy(scenes.landscape(48, seed).pixels.copy()).permute(2, 0, 1) for seed in range(6)]
    net = Glance().requires_grad_(False)
    monkeypatch.setattr(lpips_weights.data, "crops", lambda *_: torch.stack(photos))
    monkeypatch.setattr(lpips_weights, "FEATURE_NETWORK", type("Card", (), {"load": lambda: net}))
    monkeypatch.setattr(lpips_weights, "PHOTOS", 6)
    monkeypatch.setattr(lpips_weights, "PAIRS", 60)
    monkeypatch.setattr(lpips_weights, "ENLARGED", ("bicubic", "nearest", "lanczos"))
    return net


def asked(monkeypatch, net, weights):
    """The fit, if LPIPS were the network's own distance with these weights."""
    def distance(x, truth):
        return perceptual_distance(net.stages(x), net.stages(truth), weights).item()

    monkeypatch.setattr(lpips_weights, "lpips", lambda teachers: distance)
    return lpips_weights.worth(None, None)


def test_weights_that_explain_the_distances_are_found_again(quick, monkeypatch):
    monkeypatch.setattr(lpips_weights, "SPARSE", 1e-6)
    true = [torch.tensor([0.5, 0.0, 2.0, 1.0]), torch.tensor([0.0, 3.0, 1.0])]
    found = asked(monkeypatch, quick, true)
    for mine, theirs in zip(found, true, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=0.05)


def test_none_is_below_zero_and_what_costs_more_is_less(quick, monkeypatch):
    true = [torch.tensor([1.0, -1.0, 2.0, 0.5]), torch.tensor([0.5, 0.5, 1.0])]
    found = asked(monkeypatch, quick, true)
    assert [len(part) for part in found] == [4, 3] and min(map(min, found)) >= 0
    monkeypatch.setattr(lpips_weights, "SPARSE", 1.0)
    assert sum(map(sum, asked(monkeypatch, quick, true))) < sum(map(sum, found))


def test_each_way_to_spoil_changes_the_picture_and_is_the_same_every_time():
    pixels = scenes.city(64, 1).pixels
    for number in range(8):
        one, two = (lpips_weights.spoiled(pixels, number, np.random.default_rng(5)) for _ in range(2))
        assert one.shape == pixels.shape and one.dtype == np.uint8
        assert np.array_equal(one, two) and not np.array_equal(one, pixels)

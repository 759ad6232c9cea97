"""Style transfer: shares of styles, sizes, and the two operations written for speed."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from imgen.controls import checked, knobs_of
from imgen.image import Picture
from imgen.models.transfer import Framed, Normalized, TransferNet
from imgen.pipelines.stylize import stylize

STYLES = ["waves", "stars", "photograph"]


class Recorder(torch.nn.Module):
    """A stand-in net that hands the picture back and remembers what it was given."""

    styles = len(STYLES)

    def forward(self, x, mix):
        self.seen, self.mix = x.shape, mix[0].tolist()
        return x


def run(picture, **knobs):
    net = Recorder()
    frames = list(stylize(net, picture, **checked(knobs_of(stylize, {"styles": STYLES}), knobs)))
    return net, frames[-1].pictures[0]


def picture(height, width, channels=3, dtype=np.uint8):
    return Picture(np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (height, width, channels), dtype))


@pytest.mark.parametrize(("knobs", "mix"), [
    ({"style": "stars"}, [0, 1, 0]),
    ({"style": "stars", "second": "waves", "mix": 0.25}, [0.25, 0.75, 0]),
    ({"style": "waves", "strength": 0.5}, [0.5, 0, 0.5]),
    ({"style": "waves", "strength": 0}, [0, 0, 1]),
    ({"style": "photograph", "second": "stars", "mix": 0.5}, [0, 0.5, 0.5]),
])
def test_shares_of_the_styles_are_as_asked(knobs, mix):
    assert run(picture(32, 32), **knobs)[0].mix == pytest.approx(mix)


def test_shares_sum_to_one_even_when_exaggerated():
    assert sum(run(picture(32, 32), style="waves", second="stars", mix=0.3, strength=1.5)[0].mix) == pytest.approx(1)


def test_the_longer_side_is_limited_and_the_shape_kept():
    net, painted = run(picture(900, 600), size=300)
    assert net.seen == (1, 3, 300, 200) and (painted.height, painted.width) == (300, 200)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 200), (17, 33)])
def test_any_size_goes_through(height, width):
    torch.manual_seed(0)
    net = TransferNet(3, (4, 4, 8), blocks=1).eval()
    frames = list(stylize(net, picture(height, width), **checked(knobs_of(stylize, {"styles": STYLES}), {})))
    assert min(frames[-1].pictures[0].pixels.shape[:2]) >= 16


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_kind_of_picture_becomes_a_painting_in_colour(channels, dtype):
    assert run(picture(20, 20, channels, dtype))[1].pixels.shape == (20, 20, 3)


def test_framing_is_reflection():
    x = torch.randn(2, 3, 5, 7, dtype=torch.double, requires_grad=True)
    assert torch.equal(Framed.apply(x), F.pad(x, (1, 1, 1, 1), mode="reflect"))
    assert torch.autograd.gradcheck(Framed.apply, (x,))


def test_normalizing_is_instance_normalisation():
    x = torch.randn(2, 3, 5, 7, dtype=torch.double, requires_grad=True)
    torch.testing.assert_close(Normalized.apply(x), F.instance_norm(x))
    assert torch.autograd.gradcheck(Normalized.apply, (x,))

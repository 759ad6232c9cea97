"""Style transfer: shares of styles, sizes, and the two operations written for speed."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from imgen.controls import UserError, checked, knobs_of
from imgen.image import Picture
from imgen.models import transfer
from imgen.models.arbitrary import ArbitraryNet
from imgen.models.transfer import Framed, Normalized, TransferNet
from imgen.pipelines.stylize import mask as levels
from imgen.pipelines.stylize import stylize, stylize_any

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
    assert run(picture(20, 20, channels, dtype))[1].pixels.shape == (20, 20, 3 + (channels in (2, 4)))


class Mirror(torch.nn.Module):
    """Stands in for the net for any painting: a style is its mean colour, and that is what it paints."""

    photograph = torch.zeros(3)

    def sight(self, painting):
        return painting.mean((2, 3))

    def style_of(self, sight):
        return sight

    def paint(self, x, style):
        return style[..., None, None].expand(-1, -1, *x.shape[2:])


RED, BLUE = (Picture(np.tile(np.array(colour, np.uint8), (40, 30, 1))) for colour in ((200, 0, 0), (0, 0, 100)))


def any_style(photo, **knobs):
    return list(stylize_any(Mirror(), photo, **checked(knobs_of(stylize_any, {}), knobs)))[-1].pictures[0].pixels


@pytest.mark.parametrize(("knobs", "colour"), [
    ({"paintings": [RED]}, (200, 0, 0)),
    ({"paintings": [RED], "strength": 0.5}, (100, 0, 0)),
    ({"paintings": [RED, BLUE]}, (100, 0, 50)),
    ({"paintings": [RED, BLUE], "share_2": 0}, (200, 0, 0)),
    ({"paintings": [RED, BLUE, BLUE, RED], "share_2": 0.5, "share_3": 0.5}, (133, 0, 33)),
])
def test_paintings_are_mixed_by_their_shares(knobs, colour):
    np.testing.assert_allclose(any_style(picture(32, 48), **knobs).reshape(-1, 3), [colour] * (32 * 48), atol=1)


def test_a_mask_says_where_the_second_painting_rules():
    mask = Picture(np.repeat(np.arange(64)[None] >= 32, 32, 0)[..., None].astype(np.uint8) * 255)
    made = any_style(picture(32, 64), paintings=[RED, BLUE], region=[mask])
    assert made[:, :30].tolist() == [[[200, 0, 0]] * 30] * 32 and made[:, 34:].tolist() == [[[0, 0, 100]] * 30] * 32


def test_a_mask_of_another_size_or_with_alpha_fits():
    alpha = np.zeros((7, 14, 4), np.uint8)
    alpha[..., 3] = 255 * (np.arange(14) > 6)
    made = any_style(picture(32, 64), paintings=[RED, BLUE], region=[Picture(alpha)])
    assert made[:, :20, 2].max() == 0 and made[:, 50:, 2].min() == 100


@pytest.mark.filterwarnings("error")
def test_a_mask_on_which_nothing_was_painted_is_empty():
    assert not levels(Picture(np.zeros((20, 30, 4), np.uint8)), 10, 15).any()


@pytest.mark.parametrize(("knobs", "key"), [
    ({}, "painting_first"), ({"paintings": [RED], "region": [BLUE]}, "painting_second"),
    ({"paintings": [RED] * 5}, "knob_too_many"), ({"paintings": [RED], "share_2": 2}, "knob_out_of_range"),
])
def test_wrong_wishes_are_answered_by_one_sentence(knobs, key):
    with pytest.raises(UserError) as error:
        any_style(picture(20, 20), **knobs)
    assert error.value.key == key


def test_the_same_mask_rules_two_trained_styles():
    mask = Picture(np.repeat(np.arange(64)[None] >= 32, 32, 0)[..., None].astype(np.uint8) * 255)

    class Two(Recorder):
        def forward(self, x, mix):
            return torch.full_like(x, mix[0, 1].item())

    frames = stylize(Two(), picture(32, 64), **checked(knobs_of(stylize, {"styles": STYLES}), {
        "style": "waves", "second": "stars", "region": [mask],
    }))
    made = list(frames)[-1].pictures[0].pixels
    assert made[:, :30].max() == 0 and made[:, 34:].min() == 255


@pytest.mark.parametrize("band", [1, 700, 5000])
@pytest.mark.parametrize("size", [(61, 90), (32, 33), (200, 16)])
def test_bands_leave_no_seam(band, size, monkeypatch):
    """The statistics are those of the whole picture, whatever part of it a layer makes at once; as in training."""
    torch.manual_seed(0)
    net = TransferNet(3, (4, 6, 8), blocks=2).double().requires_grad_(False)
    net.table += torch.randn_like(net.table) / 3
    x, mix = torch.rand(2, 3, *size, dtype=torch.double), torch.tensor([[0.2, 0.5, 0.3], [1, 0, 0]], dtype=torch.double)
    whole = net.train()(x, mix)
    monkeypatch.setattr(transfer, "BAND", band)
    torch.testing.assert_close(net.eval()(x, mix), whole, atol=1e-5, rtol=1e-5)


def test_a_strength_of_zero_is_the_style_of_the_photograph():
    torch.manual_seed(0)
    net = ArbitraryNet((4, 6, 8), 1, (4, 4)).eval().requires_grad_(False)
    x, one, other = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 40, 30), torch.rand(1, 3, 32, 32) ** 3
    zero = torch.zeros(1, 1)
    assert torch.equal(net(x, net.sight(one), zero), net(x, net.sight(other), zero))
    torch.testing.assert_close(net(x, net.sight(one), zero), net.paint(x, net.photograph[None]))


def test_framing_is_reflection():
    x = torch.randn(2, 3, 5, 7, dtype=torch.double, requires_grad=True)
    assert torch.equal(Framed.apply(x), F.pad(x, (1, 1, 1, 1), mode="reflect"))
    assert torch.autograd.gradcheck(Framed.apply, (x,))


def test_normalizing_is_instance_normalisation():
    x = torch.randn(2, 3, 5, 7, dtype=torch.double, requires_grad=True)
    torch.testing.assert_close(Normalized.apply(x), F.instance_norm(x))
    assert torch.autograd.gradcheck(Normalized.apply, (x,))

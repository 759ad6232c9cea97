"""Enlarging pictures: colour, alpha, depth and size come out as they went in."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from imgen.cards import Card
from imgen.catalog import KEYS
from imgen.controls import UserError
from imgen.functional.metrics import from_luma_and_colour, luma
from imgen.image import Picture
from imgen.loader import Complete
from imgen.models.edge_directed import EdgeDirected
from imgen.models.espcn import ESPCN
from imgen.models.interpolation import Interpolation, Trilinear
from imgen.models.light import LightUNet
from imgen.models.srresnet import SRResNet
from imgen.models.tiny_gan import Generator
from imgen.pipelines.guess import guess
from imgen.pipelines.upscale import interpolate, interpolate_between, upscale, upscale_at, upscale_between

RNG = np.random.default_rng(0)


def result(frames):
    return list(frames)[-1].pictures[0]


def larger(pixels, scale=3, kernel="bicubic", **knobs):
    return result(interpolate(Interpolation(kernel), Picture(pixels), scale=scale, **knobs)).pixels


def pixels_of(height, width, channels, dtype=np.uint8):
    return RNG.integers(0, np.iinfo(dtype).max + 1, (height, width, channels)).astype(dtype)


class Repeat(nn.Module):
    """Twice as large and a little too dark, as a learned net may be; it notes how many channels it saw."""

    scale, receptive_radius = 2, 0

    def __init__(self, channels):
        super().__init__()
        self.channels, self.seen = channels, set()

    def forward(self, x):
        self.seen.add(x.shape[1])
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3) * 0.97


def espcn(scale=2):
    torch.manual_seed(0)
    return ESPCN(scale).to(memory_format=torch.channels_last).eval().requires_grad_(False)


def enlarged(net, picture, **knobs):
    """Once through the net."""
    return upscale(net, picture, scale=net.scale, **knobs)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (8, 3), (40, 70)])
def test_depth_and_channels_stay(size, channels, dtype):
    for net in (espcn(), Repeat(3)):
        pixels = result(enlarged(net, Picture(pixels_of(*size, channels, dtype)), tile=64)).pixels
        assert pixels.shape == (size[0] * 2, size[1] * 2, channels) and pixels.dtype == dtype


def test_16_bits_are_more_than_8_bits_in_disguise():
    ramp = np.linspace(30000, 30100, 40).astype(np.uint16).reshape(1, 40, 1).repeat(4, axis=0)
    assert len(np.unique(larger(ramp))) > 50


def test_bicubic_is_pillows_in_every_channel():
    pixels = pixels_of(20, 30, 3) // 3 + 80  # room for overshoot, which Pillow cuts off between its two passes
    wanted = np.asarray(Image.fromarray(pixels).resize((90, 60), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(larger(pixels) - wanted).max() <= 1  # it rounds there, too


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("tile", [32, 64])
def test_tiles_do_not_show(channels, tile):
    pixels = pixels_of(70, 90, channels)
    whole = result(enlarged(espcn(), Picture(pixels), tile=4096)).pixels
    assert np.array_equal(result(enlarged(espcn(), Picture(pixels), tile=tile)).pixels, whole)


def test_progress_ends_with_the_result():
    *working, last = enlarged(espcn(), Picture(pixels_of(100, 100, 3)), tile=64)
    assert [(f.done, f.total) for f in working] == [(n, 4) for n in range(1, 5)] and not any(f.pictures for f in working)
    assert last.done == last.total and len(last.pictures) == 1


def test_a_luminance_net_sees_only_luminance_and_colours_are_bicubic():
    net, pixels = Repeat(1), pixels_of(10, 12, 3) // 2 + 50
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    wanted = from_luma_and_colour(Repeat(1)(luma(x)), Interpolation("bicubic")(x, 2))[0].clamp(0, 1) * 255
    got = result(enlarged(net, Picture(pixels), tile=64)).pixels
    assert net.seen == {1} and np.abs(got - wanted.permute(1, 2, 0).numpy()).max() <= 0.51


def test_a_colour_net_sees_grey_as_colour():
    net = Repeat(3)
    result(enlarged(net, Picture(pixels_of(10, 12, 2)), tile=64))
    assert net.seen == {3}


# -- alpha -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_an_opaque_alpha_changes_nothing(channels):
    colour = pixels_of(30, 31, channels)
    opaque = np.concatenate([colour, np.full((30, 31, 1), 255, np.uint8)], axis=2)
    for net in (espcn(), Repeat(3)):
        plain, pixels = (result(enlarged(net, Picture(p), tile=64)).pixels for p in (colour, opaque))
        assert np.array_equal(pixels[..., :-1], plain) and (pixels[..., -1] == 255).all()


@pytest.mark.parametrize("net", [espcn(), Repeat(3)], ids=["luminance", "colour"])
def test_hidden_colours_do_not_bleed(net):
    """Two pictures that look the same: only what lies under alpha 0 differs."""
    a = pixels_of(24, 24, 4)
    a[..., 3] = np.where(np.hypot(*np.mgrid[-12:12, -12:12]) < 8, 255, 0)
    b = a.copy()
    b[a[..., 3] == 0, :3] = (255, 0, 255)
    assert np.array_equal(*(result(enlarged(net, Picture(p), tile=64)).pixels for p in (a, b)))


def test_nearly_hidden_colours_hardly_bleed():
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, :8] = (0, 200, 0, 255)
    pixels[:, 8:] = (255, 0, 255, 1)
    large = larger(pixels, 4)
    visible = large[large[..., 3] > 16].astype(int)
    assert np.abs(visible[:, :3] - (0, 200, 0)).max() <= 8


def test_colour_and_alpha_are_both_enlarged():
    pixels = pixels_of(10, 10, 4) | np.array([0, 0, 0, 192], np.uint8)
    large = larger(pixels, 2, "nearest")
    assert np.array_equal(large[..., 3], pixels[..., 3].repeat(2, 0).repeat(2, 1))


def test_an_even_colour_stays_even_to_the_edge_of_alpha():
    pixels = np.full((20, 20, 4), (200, 100, 50, 0), np.uint8)
    pixels[5:15, 5:15, 3] = 255
    pixels[pixels[..., 3] == 0, :3] = 0
    large = larger(pixels, 4, "lanczos")
    visible = large[large[..., 3] > 0].astype(int)
    assert np.abs(visible[:, :3] - (200, 100, 50)).max() <= 1


def test_half_transparent_detail_is_kept():
    pixels = pixels_of(12, 12, 4)
    pixels[..., 3] = 128
    assert np.array_equal(larger(pixels)[..., :3], larger(pixels[..., :3]))


def test_a_learned_net_leaves_opaque_opaque_and_clear_clear():
    pixels = pixels_of(24, 24, 4)
    pixels[..., 3] = np.where(np.arange(24) < 12, 255, 0)
    alpha = result(enlarged(espcn(), Picture(pixels), tile=64)).pixels[..., 3]
    assert (alpha[:, :18] == 255).all() and (alpha[:, 30:] == 0).all()


# -- any size --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("knobs, size", [
    ({"scale": 3.5}, (35, 70)), ({"scale": 1}, (10, 20)), ({"scale": 8}, (80, 160)),
    ({"width": 47}, (24, 47)), ({"width": 3}, (2, 3)),
])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_factor_and_any_width(knobs, size, dtype):
    picture = Picture(pixels_of(10, 20, 4, dtype))
    for frames in (upscale(Repeat(3), picture, **knobs), interpolate(Interpolation("bicubic"), picture, **knobs)):
        assert result(frames).pixels.shape == (*size, 4)


def test_a_factor_between_is_what_the_net_makes_shrunk_without_aliases():
    pixels = pixels_of(20, 30, 3)
    large = result(upscale(espcn(4), Picture(pixels), scale=4)).pixels
    wanted = np.asarray(Image.fromarray(large).resize((75, 50), Image.Resampling.BICUBIC))
    assert np.array_equal(result(upscale(espcn(4), Picture(pixels), scale=2.5)).pixels, wanted)


def test_beyond_its_scale_a_net_sees_its_own_result():
    pixels = pixels_of(9, 7, 3)
    once = result(enlarged(espcn(), Picture(pixels)))
    assert np.array_equal(result(upscale(espcn(), Picture(pixels), scale=4)).pixels, result(enlarged(espcn(), once)).pixels)


def test_progress_counts_every_pass():
    *working, last = upscale(Repeat(3), Picture(pixels_of(100, 100, 3)), scale=4, tile=64)
    assert [(f.done, f.total) for f in working] == [(n, 4 + 16) for n in range(1, 21)] and last.pictures[0].width == 400


# -- more than one answer --------------------------------------------------------------------------------------------


def test_eight_views_answer_alike_however_the_picture_is_turned():
    """What the self-ensemble is for: turned pictures give turned results, which a net alone does not."""
    pixels = pixels_of(20, 24, 3)
    turn = lambda p: np.rot90(p[:, ::-1]).copy()  # noqa: E731
    for views, same in ((1, False), (8, True)):
        a, b = (result(enlarged(espcn(), Picture(p), views=views)).pixels.astype(int) for p in (pixels, turn(pixels)))
        assert (np.abs(turn(a) - b).max() <= 1) == same


def test_views_leave_no_seam_between_tiles_of_a_net_that_halves_its_picture():
    """Its cells begin at the same places in each view, whatever side of a tile comes first there."""
    torch.manual_seed(0)
    net, picture = LightUNet(2, blocks=1, width=8).requires_grad_(False).double(), Picture(pixels_of(67, 81, 3, np.uint16))
    tiles, whole = (result(upscale(net, picture, scale=2, views=6, tile=tile)).pixels for tile in (64, 512))
    assert np.abs(tiles.astype(int) - whole).max() <= 1


def test_between_two_nets_lie_the_means_of_their_weights():
    torch.manual_seed(0)
    nets = nn.ModuleDict({name: SRResNet(blocks=1, width=4).requires_grad_(False) for name in ("own", "faithful")})
    before, picture = {k: v.clone() for k, v in nets.state_dict().items()}, Picture(pixels_of(8, 8, 3))
    at = {share: result(upscale_between(nets, picture, sharpness=share)).pixels for share in (0.0, 0.5, 1.0)}
    assert np.array_equal(at[0.0], result(upscale(nets["faithful"], picture)).pixels)
    assert np.array_equal(at[1.0], result(upscale(nets["own"], picture)).pixels)
    middle = SRResNet(blocks=1, width=4).requires_grad_(False)
    for mine, a, b in zip(middle.parameters(), nets["own"].parameters(), nets["faithful"].parameters(), strict=True):
        mine.copy_((a + b) / 2)
    assert np.abs(at[0.5].astype(int) - result(upscale(middle, picture)).pixels).max() <= 1
    assert all(torch.equal(v, before[k]) for k, v in nets.state_dict().items())  # cached nets stay as they are


def test_between_two_ends_of_a_net_lie_the_means_of_their_answers():
    """Of one convolution's weights, so of what it says; the net itself stays as it is."""
    torch.manual_seed(0)
    net, picture = LightUNet(2, blocks=1, width=8).requires_grad_(False), Picture(pixels_of(11, 14, 3, np.uint16))
    before = {key: value.clone() for key, value in net.state_dict().items()}
    faithful, middle, crisp = (
        result(upscale_at(net, picture, scale=2, sharpness=share)).pixels.astype(float) for share in (0.0, 0.5, 1.0)
    )
    assert np.array_equal(crisp, result(upscale(net, picture, scale=2)).pixels)
    assert np.abs(faithful - crisp).max() > 100
    inner = (np.minimum(faithful, crisp) > 0) & (np.maximum(faithful, crisp) < 65535)  # nothing was cut off
    assert inner.mean() > 0.5 and np.abs(middle - (faithful + crisp) / 2)[inner].max() <= 2
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_a_card_hands_its_pipeline_the_faithful_net_beside_the_sharp_one():
    class Random(Complete):
        """Two of one seed are one net."""

        def build(self) -> nn.Module:
            torch.manual_seed(self.settings["seed"])
            return SRResNet(blocks=1, width=4)

    faithful = Card("test_faithful", "upscale", Random("", seed=1), upscale, KEYS, "MIT", lesson="")
    auxiliary = {"faithful": faithful}
    sharp = Card("test_sharp", "upscale", Random("", seed=2), upscale_between, KEYS, "MIT", lesson="", auxiliary=auxiliary)
    picture = Picture(pixels_of(8, 8, 3))
    plain, *mixed = (card(picture, **knobs) for card, knobs in (
        (faithful, {}), (sharp, {"sharpness": 0}), (sharp, {"sharpness": 1}),
    ))
    assert mixed[0].pictures == plain.pictures and mixed[1].pictures != plain.pictures
    assert mixed[1].origin.precision == plain.origin.precision


def test_a_guess_shrinks_to_what_was_asked_and_another_seed_guesses_otherwise():
    torch.manual_seed(0)
    net, picture = Generator(width=8).requires_grad_(False), Picture(pixels_of(4, 4, 1) // 2 + 60)
    a, b = (result(guess(net, picture, seed=seed)).pixels[..., 0] for seed in (1, 2))
    assert a.shape == (28, 28) and not np.array_equal(a, b)
    for one in (a, b):
        means = one.reshape(4, 7, 4, 7).mean((1, 3))
        assert np.abs(means - picture.pixels[..., 0]).max() < 1


# -- other interpolations --------------------------------------------------------------------------------------------


def test_along_an_edge_there_are_no_stairs():
    """A slanting edge: nearer to the true one, drawn large, than bicubic comes."""
    y, x = np.mgrid[:1024, :1024]
    truth = np.asarray(Image.fromarray(((2 * y + x > 1535) * 200 + 20).astype(np.uint8)).reduce(4))
    small = np.asarray(Image.fromarray(truth).resize((64, 64), Image.Resampling.BICUBIC))[..., None]
    error = {
        name: np.square(result(frames).pixels[16:-16, 16:-16, 0].astype(float) - truth[16:-16, 16:-16]).mean()
        for name, frames in {
            "edge": upscale(EdgeDirected(), Picture(small)), "bicubic": interpolate(Interpolation("bicubic"), Picture(small)),
        }.items()
    }
    assert error["edge"] < 0.85 * error["bicubic"]


def test_edge_directed_keeps_a_ramp_in_its_place():
    ramp = np.linspace(0, 65535, 40).astype(np.uint16).reshape(1, 40, 1).repeat(12, axis=0)
    both = upscale(EdgeDirected(), Picture(ramp)), interpolate(Interpolation("bilinear"), Picture(ramp))
    edge, plain = (result(frames).pixels.astype(int)[:, 16:-16] for frames in both)
    assert np.abs(edge - plain).max() <= 2


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("make", [
    lambda picture, level, tile: interpolate_between(Trilinear(), picture, level=level, tile=tile),
    lambda picture, level, tile: upscale(EdgeDirected(), picture, tile=tile),
])
def test_tiles_do_not_show_in_other_interpolations(make, level):
    picture = Picture(pixels_of(70, 150, 3))
    small, whole = (result(make(picture, level, tile)).pixels.astype(int) for tile in (64, 4096))
    assert np.abs(small - whole).max() <= 1


def test_trilinear_begins_with_bilinear_and_passes_through_each_level():
    x = torch.from_numpy(pixels_of(16, 24, 3)).permute(2, 0, 1)[None] / 255
    net = Trilinear()
    torch.testing.assert_close(net(x, 2, 0.0), Interpolation("bilinear")(x, 2))
    half = torch.nn.functional.avg_pool2d(x, 2)
    torch.testing.assert_close(net(x, 2, 1.0), Interpolation("bilinear")(half, 4))
    torch.testing.assert_close(net(x, 2, 0.5), (net(x, 2, 0.0) + net(x, 2, 1.0)) / 2)


# -- limits ----------------------------------------------------------------------------------------------------------


def test_a_result_beyond_the_limit_is_refused_before_any_work():
    empty = Picture(np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (6000, 6000, 3)))
    with pytest.raises(UserError) as error:
        next(interpolate(Interpolation("nearest"), empty, scale=4))
    assert error.value.key == "result_too_large" and error.value.facts == {"width": 24000, "height": 24000, "limit": 268}


@pytest.mark.parametrize("make", [
    lambda p: upscale(Repeat(3), p, width=999), lambda p: interpolate(Interpolation("nearest"), p, width=999),
])
def test_a_width_beyond_eight_times_is_refused(make):
    with pytest.raises(UserError) as error:
        next(make(Picture(pixels_of(20, 100, 3))))
    assert error.value.key == "width_too_large" and error.value.facts["most"] == 800


def test_closing_stops_the_work():
    net = Repeat(3)
    frames = enlarged(net, Picture(pixels_of(200, 64, 3)), tile=64)
    next(frames)
    frames.close()
    assert next(frames, None) is None

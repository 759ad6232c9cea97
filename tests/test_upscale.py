"""Enlarging pictures: colour, alpha, depth and size come out as they went in."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from imgen.controls import UserError
from imgen.image import Picture
from imgen.metrics import from_luma_and_colour, luma
from imgen.models.espcn import ESPCN
from imgen.models.interpolation import Interpolation
from imgen.pipelines.upscale import interpolate, upscale

RNG = np.random.default_rng(0)


def result(frames):
    return list(frames)[-1].pictures[0]


def larger(pixels, scale=3, kernel="bicubic", **knobs):
    return result(interpolate(Interpolation(kernel), Picture(pixels), scale=scale, **knobs)).pixels


def pixels_of(height, width, channels, dtype=np.uint8):
    return RNG.integers(0, np.iinfo(dtype).max + 1, (height, width, channels)).astype(dtype)


class Repeat(nn.Module):
    """Twice as large and a little too dark, as a learned net may be; it notes how many channels it saw."""

    scale, field = 2, 0

    def __init__(self, channels):
        super().__init__()
        self.channels, self.seen = channels, set()

    def forward(self, x):
        self.seen.add(x.shape[1])
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3) * 0.97


def espcn(scale=2):
    torch.manual_seed(0)
    return ESPCN(scale).to(memory_format=torch.channels_last).eval().requires_grad_(False)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (8, 3), (40, 70)])
def test_depth_and_channels_stay(size, channels, dtype):
    for net in (espcn(), Repeat(3)):
        pixels = result(upscale(net, Picture(pixels_of(*size, channels, dtype)), tile=64)).pixels
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
    whole = result(upscale(espcn(), Picture(pixels), tile=4096)).pixels
    assert np.array_equal(result(upscale(espcn(), Picture(pixels), tile=tile)).pixels, whole)


def test_progress_ends_with_the_result():
    *working, last = upscale(espcn(), Picture(pixels_of(100, 100, 3)), tile=64)
    assert [(f.done, f.total) for f in working] == [(n, 4) for n in range(1, 5)] and not any(f.pictures for f in working)
    assert last.done == last.total and len(last.pictures) == 1


def test_a_luminance_net_sees_only_luminance_and_colours_are_bicubic():
    net, pixels = Repeat(1), pixels_of(10, 12, 3) // 2 + 50
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    wanted = from_luma_and_colour(Repeat(1)(luma(x)), Interpolation("bicubic")(x, 2))[0].clamp(0, 1) * 255
    got = result(upscale(net, Picture(pixels), tile=64)).pixels
    assert net.seen == {1} and np.abs(got - wanted.permute(1, 2, 0).numpy()).max() <= 0.51


def test_a_colour_net_sees_grey_as_colour():
    net = Repeat(3)
    result(upscale(net, Picture(pixels_of(10, 12, 2)), tile=64))
    assert net.seen == {3}


# -- alpha -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_an_opaque_alpha_changes_nothing(channels):
    colour = pixels_of(30, 31, channels)
    opaque = np.concatenate([colour, np.full((30, 31, 1), 255, np.uint8)], axis=2)
    for net in (espcn(), Repeat(3)):
        plain, pixels = (result(upscale(net, Picture(p), tile=64)).pixels for p in (colour, opaque))
        assert np.array_equal(pixels[..., :-1], plain) and (pixels[..., -1] == 255).all()


@pytest.mark.parametrize("net", [espcn(), Repeat(3)], ids=["luminance", "colour"])
def test_hidden_colours_do_not_bleed(net):
    """Two pictures that look the same: only what lies under alpha 0 differs."""
    a = pixels_of(24, 24, 4)
    a[..., 3] = np.where(np.hypot(*np.mgrid[-12:12, -12:12]) < 8, 255, 0)
    b = a.copy()
    b[a[..., 3] == 0, :3] = (255, 0, 255)
    assert np.array_equal(*(result(upscale(net, Picture(p), tile=64)).pixels for p in (a, b)))


def test_nearly_hidden_colours_hardly_bleed():
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, :8] = (0, 200, 0, 255)
    pixels[:, 8:] = (255, 0, 255, 1)
    enlarged = larger(pixels, 4)
    visible = enlarged[enlarged[..., 3] > 16].astype(int)
    assert np.abs(visible[:, :3] - (0, 200, 0)).max() <= 8


def test_colour_and_alpha_are_both_enlarged():
    pixels = pixels_of(10, 10, 4) | np.array([0, 0, 0, 192], np.uint8)
    enlarged = larger(pixels, 2, "nearest")
    assert np.array_equal(enlarged[..., 3], pixels[..., 3].repeat(2, 0).repeat(2, 1))


def test_an_even_colour_stays_even_to_the_edge_of_alpha():
    pixels = np.full((20, 20, 4), (200, 100, 50, 0), np.uint8)
    pixels[5:15, 5:15, 3] = 255
    pixels[pixels[..., 3] == 0, :3] = 0
    enlarged = larger(pixels, 4, "lanczos")
    visible = enlarged[enlarged[..., 3] > 0].astype(int)
    assert np.abs(visible[:, :3] - (200, 100, 50)).max() <= 1


def test_half_transparent_detail_is_kept():
    pixels = pixels_of(12, 12, 4)
    pixels[..., 3] = 128
    assert np.array_equal(larger(pixels)[..., :3], larger(pixels[..., :3]))


def test_a_learned_net_leaves_opaque_opaque_and_clear_clear():
    pixels = pixels_of(24, 24, 4)
    pixels[..., 3] = np.where(np.arange(24) < 12, 255, 0)
    alpha = result(upscale(espcn(), Picture(pixels), tile=64)).pixels[..., 3]
    assert (alpha[:, :18] == 255).all() and (alpha[:, 30:] == 0).all()


# -- limits ----------------------------------------------------------------------------------------------------------


def test_a_result_beyond_the_limit_is_refused_before_any_work():
    empty = Picture(np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (6000, 6000, 3)))
    with pytest.raises(UserError) as error:
        next(interpolate(Interpolation("nearest"), empty, scale=4))
    assert error.value.key == "result_too_large" and error.value.facts == {"width": 24000, "height": 24000, "limit": 268}


def test_closing_stops_the_work():
    net = Repeat(3)
    frames = upscale(net, Picture(pixels_of(200, 64, 3)), tile=64)
    next(frames)
    frames.close()
    assert next(frames, None) is None

"""Quality as the papers measure it, against scikit-image."""

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from imgen import evaluate
from imgen.catalog import find_card
from imgen.metrics import from_luma_and_colour, luma, psnr, ssim
from imgen.models.interpolation import Interpolation
from imgen.resample import KERNELS

RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}


def pair(channels=3):
    """A smooth picture and a noisy copy (1, C, H, W)."""
    generator = torch.Generator().manual_seed(1)
    truth = torch.nn.functional.interpolate(torch.rand(1, channels, 8, 9, generator=generator), size=(56, 61), mode="bilinear")
    return (truth + 0.08 * torch.randn(truth.shape, generator=generator)).clamp(0, 1), truth


def luma_of(x):
    """scikit-image's Y in [0, 1]."""
    return rgb2ycbcr(x[0].permute(1, 2, 0).double().numpy())[..., 0] / 255


def test_luma_is_matlabs_y():
    x, _ = pair()
    np.testing.assert_allclose(luma(x)[0, 0].numpy(), luma_of(x), atol=1e-6)


def test_grey_has_the_luma_of_the_same_grey_in_colour():
    grey = torch.rand(1, 1, 5, 6)
    torch.testing.assert_close(luma(grey), luma(grey.expand(-1, 3, -1, -1)))


def test_a_new_luma_leaves_the_colour_differences_alone():
    x, truth = pair()
    y = luma(x)
    merged = from_luma_and_colour(y, truth)
    torch.testing.assert_close(luma(merged), y)
    before, after = (rgb2ycbcr(t[0].permute(1, 2, 0).double().numpy())[..., 1:] for t in (truth, merged))
    np.testing.assert_allclose(before, after, atol=1e-4)


@pytest.mark.parametrize("border", [0, 4])
def test_psnr_agrees_with_scikit_image(border):
    x, truth = pair()
    a, b = (luma_of(t)[border : 56 - border, border : 61 - border] for t in (x, truth))
    assert psnr(x, truth, border) == pytest.approx(peak_signal_noise_ratio(b, a, data_range=1), abs=1e-4)


@pytest.mark.parametrize("border", [0, 4])
def test_ssim_agrees_with_scikit_image(border):
    x, truth = pair()
    a, b = (luma_of(t)[border : 56 - border, border : 61 - border] for t in (x, truth))
    wanted = structural_similarity(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1)
    assert ssim(x, truth, border) == pytest.approx(wanted, abs=1e-6)


def test_errors_in_the_border_do_not_count():
    _, truth = pair()
    x = truth.clone()
    x[..., :3, :] = 0
    x[..., -3:] = 1
    assert psnr(x, truth, border=3) == float("inf") and psnr(x, truth, border=2) < 30


def test_equal_pictures_have_infinite_psnr_and_ssim_1():
    x, _ = pair()
    assert psnr(x, x) == float("inf") and ssim(x, x) == pytest.approx(1)


@pytest.mark.parametrize("kernel", RESAMPLING)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_interpolation_equals_pillow_up_to_the_border(kernel, scale):
    x = np.random.default_rng(0).random((13, 17), dtype=np.float32)
    wanted = np.asarray(Image.fromarray(x).resize((17 * scale, 13 * scale), RESAMPLING[kernel]))
    got = Interpolation(kernel)(torch.from_numpy(x)[None, None], scale)[0, 0].numpy()
    np.testing.assert_allclose(got, wanted, atol=1e-4)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_nearest_repeats_every_pixel_exactly(scale):
    x = torch.rand(1, 3, 13, 17)
    wanted = x.numpy().repeat(scale, axis=2).repeat(scale, axis=3)
    assert np.array_equal(Interpolation("nearest")(x, scale).numpy(), wanted)


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_even_picture_stays_even(kernel):
    torch.testing.assert_close(Interpolation(kernel)(torch.full((1, 1, 5, 1), 0.3), 3), torch.full((1, 1, 15, 3), 0.3))


def test_a_part_of_a_sorted_set_holds_every_class_alike():
    labels = torch.arange(10).repeat_interleave(600)
    assert torch.bincount(evaluate.evenly(labels, 2000)).tolist() == [200] * 10
    assert evaluate.evenly(labels, 9000) is not None and len(evaluate.evenly(labels, 9000)) == 6000


@pytest.mark.parametrize(("name", "count"), [("mlp_vae_fashion28", 120), ("dcgan_flowers64", 70)])
def test_samples_to_measure_hold_every_class_alike(name, count):
    card = find_card(name)
    classes = [picture.record["class"] for picture in evaluate.samples(card, count)]
    assert len(set(np.bincount(classes))) == 1 and len(classes) == count

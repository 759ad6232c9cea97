"""Quality as the papers measure it, against scikit-image."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.linalg import sqrtm  # comes with scikit-image
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from imgen.catalog import find_card
from imgen.evaluation import scores
from imgen.functional.metrics import (
    frechet_distance,
    from_luma_and_colour,
    kernel_distance,
    luma,
    nearest,
    precision_and_recall,
    psnr,
    ssim,
)
from imgen.functional.resample import KERNELS
from imgen.models.interpolation import Interpolation

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
    assert torch.bincount(scores.evenly(labels, 2000)).tolist() == [200] * 10
    assert scores.evenly(labels, 9000) is not None and len(scores.evenly(labels, 9000)) == 6000


@pytest.mark.parametrize(("name", "count"), [("mlp_vae_fashion28", 120), ("dcgan_flowers64", 70)])
def test_samples_to_measure_hold_every_class_alike(name, count):
    card = find_card(name)
    classes = [picture.record["class"] for picture in scores.samples(card, count)]
    assert len(set(np.bincount(classes))) == 1 and len(classes) == count


def white(n, d, seed=0):
    """(n, d) float64 whose mean is exactly 0 and whose covariance is exactly the identity."""
    x = torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    x = x - x.mean(0)
    return torch.linalg.solve_triangular(torch.linalg.cholesky(x.T.cov()), x.T, upper=False).T


def test_frechet_distance_between_axis_parallel_gaussians_is_the_closed_form():
    """Σ (m − n)² + (a − b)² for deviations a, b along each axis."""
    a, b = torch.tensor([1.0, 0.2, 3.0]).double(), torch.tensor([0.5, 0.2, 4.0]).double()
    shift = torch.tensor([0.0, 2.0, -1.0]).double()
    expected = shift.square().sum() + (a - b).square().sum()
    assert frechet_distance(white(40, 3) * a, white(50, 3, seed=1) * b + shift) == pytest.approx(expected.item(), abs=1e-9)


@pytest.mark.parametrize("count", [200, 10])  # 10 pictures in 16 dimensions: both covariances are singular
def test_frechet_distance_agrees_with_scipys_root_of_the_product(count):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(count, 16)) @ rng.normal(size=(16, 16)), rng.normal(size=(count, 16)) + 0.3
    a, b = np.cov(x.T), np.cov(y.T)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet_distance(torch.from_numpy(x), torch.from_numpy(y)) == pytest.approx(expected, rel=1e-4)
    assert frechet_distance(torch.from_numpy(x), torch.from_numpy(x)) == pytest.approx(0, abs=1e-4)


def test_kernel_distance_is_the_sum_that_the_paper_writes():
    x, y = white(6, 2), white(5, 2, seed=3) + 1
    k = lambda p, q: (float(p @ q) / (2 * float(x.square().mean())) + 1) ** 3  # noqa: E731
    within = [np.mean([k(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j]) for s in (x, y)]
    expected = sum(within) - 2 * np.mean([k(p, q) for p in x for q in y])
    assert kernel_distance(x, y) == pytest.approx(expected)


def square(corner, step=1.0):
    """Five points: the corners and the middle of a square."""
    return torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]], dtype=torch.float64) * step + corner


def test_half_of_the_kinds_drawn_well_is_full_precision_and_half_recall():
    real = torch.cat([square(0), square(100)])
    assert precision_and_recall(real, square(0.1)) == (1, 0.5)


def test_strays_lower_precision_and_nothing_alike_is_nought():
    real, fake = square(0), torch.cat([square(0.1), square(50, step=0.1)])
    assert precision_and_recall(real, fake) == (0.5, 1)
    assert precision_and_recall(real, square(50)) == (0, 0)


def test_a_set_reaches_as_far_as_the_third_neighbour():
    line = torch.arange(5, dtype=torch.float64)[:, None]  # the ends reach 3 steps far, the middle 2
    inside, outside = torch.full((5, 1), 6.9, dtype=torch.float64), torch.full((5, 1), 7.1, dtype=torch.float64)
    assert precision_and_recall(line, inside)[0] == 1 and precision_and_recall(line, outside)[0] == 0


def test_the_nearest_is_found_wherever_it_stands():
    x, others = white(7, 3), white(23, 3, seed=1)
    distance, which = nearest(x, others, at_once=5)
    table = np.linalg.norm(x.numpy()[:, None] - others.numpy()[None], axis=2)
    assert which.tolist() == table.argmin(1).tolist()
    np.testing.assert_allclose(distance, table.min(1))

"""Losses against the formulas of their papers."""

import math
from itertools import islice

import numpy as np
import pytest
import torch

from imgen.functional import losses
from imgen.functional.losses import gram
from imgen.functional.metrics import kernel_distance
from imgen.functional.optimise import Waves, optimised
from imgen.models.features import VGG, SmallVGG, Widened
from imgen.training.augment import augment, shift


def test_relativistic_is_log_two_for_equals_and_falls_as_the_winner_leads():
    equal = torch.zeros(5)
    assert losses.relativistic(equal, equal).item() == pytest.approx(np.log(2))
    assert losses.relativistic(equal + 3, equal) < losses.relativistic(equal + 1, equal) < losses.relativistic(equal, equal + 1)


def test_gradient_penalty_is_the_squared_slope():
    weights = torch.randn(3, 4, 4)
    x = torch.randn(2, 3, 4, 4, requires_grad=True)
    penalty = losses.gradient_penalty((x * weights).sum((1, 2, 3)), x)
    assert penalty.item() == pytest.approx(weights.square().sum().item(), rel=1e-5)


def test_kl_is_that_of_torch_distributions():
    mean, log_var = torch.randn(6, 4), torch.randn(6, 4)
    _, kl = losses.elbo_terms(torch.zeros(6, 3), torch.zeros(6, 3), mean, log_var)
    q, p = torch.distributions.Normal(mean, (log_var / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    assert kl.item() == pytest.approx(torch.distributions.kl_divergence(q, p).sum(1).mean().item(), rel=1e-5)


def test_reconstruction_is_the_bernoulli_likelihood():
    logits, x = torch.randn(6, 3), torch.randint(2, (6, 3)).float()
    reconstruction, _ = losses.elbo_terms(logits, x, torch.zeros(6, 1), torch.zeros(6, 1))
    likelihood = torch.distributions.Bernoulli(logits=logits).log_prob(x).sum(1).mean()
    assert reconstruction.item() == pytest.approx(-likelihood.item(), rel=1e-5)


def test_colours_are_normal_with_the_deviation_that_fits():
    y, x = torch.rand(6, 3), torch.rand(6, 3)
    deviation = (y - x).square().mean().sqrt()
    likelihood = torch.distributions.Normal(y, deviation).log_prob(x).sum(1).mean()
    assert losses.gaussian(y, x).item() == pytest.approx(-likelihood.item(), rel=1e-5)
    worse = torch.distributions.Normal(y, deviation * 1.1).log_prob(x).sum(1).mean()
    assert worse < likelihood


def test_gram_is_the_mean_outer_product():
    features = torch.randn(1, 3, 4, 5)
    vectors = features[0].reshape(3, 20).double().numpy()
    expected = sum(np.outer(v, v) for v in vectors.T) / 20
    np.testing.assert_allclose(losses.gram(features)[0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("side, error", [(3, 0.004), (31, 0.0015), (80, 0.0007)])
def test_gram_of_short_numbers_is_summed_up_in_long_ones(side, error):
    """They are rounded to one in 256 themselves, which the sum of many must not show."""
    features = torch.randn(2, 5, side, side + 1)
    features[..., -1, -2:] *= 10  # what is left over when all is parted counts, too
    features = features.bfloat16().contiguous(memory_format=torch.channels_last)
    flat = features.double().flatten(2)
    expected = flat @ flat.transpose(1, 2) / flat.shape[2]
    found = losses.gram(features)
    assert found.dtype == torch.float32
    assert (found - expected).norm() < error * expected.norm()


def test_the_slope_of_gram_is_that_of_the_plain_product():
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    shift, where = torch.rand(1, 3, 1, 1, dtype=torch.float64), torch.rand(1, 1, 8, 10, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: losses.gram(x, shift, where), features)
    wanted = torch.randn(2, 3, 3)
    rough = features.detach().bfloat16().requires_grad_(True)
    (mine,) = torch.autograd.grad((losses.gram(rough) * wanted).sum(), rough)
    flat = rough.double().flatten(2)
    (plain,) = torch.autograd.grad((flat @ flat.transpose(1, 2) / 20 * wanted).sum(), rough)
    torch.testing.assert_close(mine, plain, atol=0.01, rtol=0.02)


def objective():
    torch.manual_seed(0)
    return losses.StyleObjective(VGG((4, 4, 4, 4, 4)).requires_grad_(False), style_weight=2.0)


def test_a_painting_has_no_distance_to_its_own_style_nor_a_photograph_to_itself():
    judge, painting = objective(), torch.rand(1, 3, 48, 48)
    content, style = judge.terms(painting, painting, judge.styles(painting))
    assert content.item() == pytest.approx(0, abs=1e-6) and style.item() == pytest.approx(0, abs=1e-6)
    content, style = judge.terms(torch.rand(1, 3, 48, 48) ** 4, painting, judge.styles(painting))
    assert content.item() > 1e-5 and style.item() > 1e-3


def test_a_step_moves_each_wave_by_its_length():
    """Up to the longest; and nothing is lost on the way there and back, whatever the size."""
    for size in ((64, 64), (31, 48), (1, 7), (2, 2)):
        picture = torch.rand(1, 3, *size)
        waves = Waves(picture)
        torch.testing.assert_close(waves.picture(waves.of(picture)), picture, atol=1e-5, rtol=0)
    column, waves = torch.arange(192.0), Waves(torch.zeros(1, 1, 192, 192))
    moved = {}
    for length in (4, 8, 32, 96):
        slope = torch.cos(2 * torch.pi * column / length).expand(1, 1, 192, 192)
        made = waves.picture(waves.picture(slope))  # a slope in pixels is one of the measure by `picture`, as is a step back
        moved[length] = (made / slope).nanmedian().item()
        torch.testing.assert_close(made, slope * moved[length], atol=1e-4, rtol=0)
    assert [moved[length] / moved[4] for length in moved] == pytest.approx([1, 2, 8, 8], rel=1e-4)


def test_waves_are_moved_as_one_long_step_of_lbfgs_moves_them():
    """If the first step is as small as its own, and none is held back."""
    torch.manual_seed(0)
    root = torch.randn(12, 12)
    start, curvature, curve = torch.randn(1, 3, 2, 2), root @ root.T + torch.eye(12), []

    def loss(x):
        return x.flatten() @ curvature @ x.flatten() / 2 + (x**4).sum()

    def closure():
        whole.zero_grad()
        curve.append(loss(waves.picture(x)))
        curve[-1].backward()
        return curve[-1]

    waves = Waves(start)
    x = waves.of(start).requires_grad_(True)
    whole = torch.optim.LBFGS([x], max_iter=20, max_eval=99, history_size=50, tolerance_grad=0, tolerance_change=0)
    whole.step(closure)
    steps = list(islice(optimised(loss, start, first=1 / start.numel(), furthest=math.inf), 20))
    torch.testing.assert_close(torch.tensor([value for _, value in steps]), torch.stack(curve).detach())
    torch.testing.assert_close(steps[-1][0], waves.picture(x.detach()))


def test_no_step_moves_the_pixels_further_than_allowed():
    start, far = torch.rand(1, 3, 4, 4), []
    before = start
    for x, _ in islice(optimised(lambda x: torch.sin(40 * x).sum(), start, furthest=0.02), 12):
        assert torch.is_grad_enabled() and not x.requires_grad  # whoever looks on goes on as before
        far.append((x - before).abs().mean().item())
        before = x
    assert max(far) <= 0.0201 and 0.005 < far[0] < 0.02


def test_structure_is_correlation_whatever_the_contrast():
    x, y = torch.randn(2, 1, 3, 6, 7, dtype=torch.float64)
    flat = [one[0].flatten(1).numpy() for one in (x, y)]
    alike = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(*flat, strict=True)])
    found = losses.structure_loss({"relu": x}, {"relu": y}, "relu")
    np.testing.assert_allclose(found.item(), 1 - np.average(alike, weights=flat[1].var(1)), atol=1e-5)
    moved = x * torch.tensor([2.0, 3.0, 0.5])[:, None, None] + 4
    assert losses.structure_loss({"relu": moved}, {"relu": x}, "relu").item() == pytest.approx(0, abs=1e-5)


def test_style_does_not_ask_where():
    judge, painting = objective(), torch.rand(1, 3, 64, 64)
    _, moved = judge.terms(painting.flip(2), painting, judge.styles(painting.flip(2)))
    assert moved.item() == pytest.approx(0, abs=1e-6)


def test_features_are_named_and_sized_as_vgg_has_them():
    features = VGG((2, 3, 4, 5, 6))(torch.rand(1, 3, 64, 48))
    assert {name: tuple(f.shape[1:]) for name, f in features.items()} == {
        "relu1_1": (2, 64, 48), "relu2_1": (3, 32, 24), "relu3_1": (4, 16, 12), "relu4_1": (5, 8, 6), "relu5_1": (6, 4, 3),
    }


def test_a_thin_feature_network_keeps_the_distances_and_gram_matrices_of_what_it_learned():
    """What is stored, c channels, against what was trained, c channels mapped to C: in float64."""
    torch.manual_seed(0)
    trained = Widened(SmallVGG((3, 4)), (8, 9)).double()
    stored = SmallVGG((3, 4)).double()
    stored.load_state_dict(trained.turned())
    a, b = torch.rand(2, 1, 3, 16, 16).double()
    for layer, wide in trained(a).items():
        thin, other = stored(a)[layer], stored(b)[layer]
        torch.testing.assert_close((thin - other).norm(), (wide - trained(b)[layer]).norm(), rtol=1e-6, atol=0)
        wanted = (gram(wide) - gram(trained(b)[layer])).norm()
        torch.testing.assert_close((gram(thin) - gram(other)).norm(), wanted, rtol=1e-5, atol=0)  # gram counts in float32


def test_kernel_distance_is_about_zero_for_one_distribution_and_large_for_two():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, 400, 16, generator=generator, dtype=torch.double)
    assert abs(kernel_distance(x, y)) < 0.01 < kernel_distance(x, y + 0.5)


def test_kernel_distance_is_the_formula():
    x, y = np.random.default_rng(0).random((2, 7, 5))
    unit = np.sqrt((x**2).mean())
    a, b = x / unit, y / unit

    def k(p, q):
        return (p @ q / 5 + 1) ** 3

    within = sum(k(s[i], s[j]) for s in (a, b) for i in range(7) for j in range(7) if i != j) / 42
    expected = within - 2 * sum(k(p, q) for p in a for q in b) / 49
    assert kernel_distance(torch.from_numpy(x), torch.from_numpy(y)) == pytest.approx(expected)


def test_augmentation_lets_gradients_through_and_keeps_the_shape():
    x = torch.rand(4, 3, 16, 16, requires_grad=True)
    y = augment(x)
    y.sum().backward()
    assert y.shape == x.shape and x.grad.abs().sum() > 0


def test_shift_moves_and_fills_with_grey():
    torch.manual_seed(0)
    x = torch.rand(8, 1, 16, 16)
    for old, new in zip(x[:, 0], shift(x)[:, 0], strict=True):
        found = [
            (dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)
            if torch.allclose(new[2:-2, 2:-2], old[2 + dy : 14 + dy, 2 + dx : 14 + dx])
        ]
        assert len(found) == 1

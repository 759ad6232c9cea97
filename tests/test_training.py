"""Training in small: losses fall, an interruption costs nothing, and what is kept out of training stays out."""

import hashlib
import json

import numpy as np
import pytest
import torch
from conftest import noise_picture
from PIL import Image
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from imgen import device
from imgen.controls import UserError
from imgen.drawing import scenes
from imgen.functional.losses import StyleObjective
from imgen.functional.resample import enlarged
from imgen.models import mlp_gan, tiny_gan
from imgen.models.arbitrary import ArbitraryNet
from imgen.models.attention import AttentionNet
from imgen.models.conv_vae import ConvAE, ConvVAE
from imgen.models.critic import FeatureCritic, PatchCritic, PatchJudge
from imgen.models.dcgan import Discriminator, Generator
from imgen.models.distilled import DistilledSqueezeNet
from imgen.models.espcn import ESPCN
from imgen.models.features import VGG, SmallVGG, Widened
from imgen.models.light import Light, LightUNet
from imgen.models.recurrent import RecurrentNet
from imgen.models.transfer import TransferNet, tinted
from imgen.models.vae import VAE
from imgen.training import data, sharpening, sights, taught, weights
from imgen.training.autoencoders import Autoencode, Elbo, UsualElbo
from imgen.training.degrade import Wounds, burst, phones, phones_and_screens, plain, shrink
from imgen.training.distilling import Distil, Resemble, strangeness
from imgen.training.drawn import FIGURES, figures
from imgen.training.ema import recalibrated_batch_norm
from imgen.training.expand import contracted, expand
from imgen.training.gan import Adversarial, Guess, Shrunk, UsualGAN
from imgen.training.idle import wake
from imgen.training.judge import can_judge
from imgen.training.loop import History, history_of, train
from imgen.training.regression import Fill, Recur, Upscale
from imgen.training.runs import RUNS, finish
from imgen.training.sharpening import Imitate, Sharpen
from imgen.training.steps import Batches, update
from imgen.training.stylizing import Stylize, StylizeAdversarially, StylizeAny, recoloured
from imgen.training.thin import thinned


def batches(size=8, side=64, channels=3):
    torch.manual_seed(0)
    pictures = torch.randint(0, 255, (20, channels, side, side), dtype=torch.uint8)
    return Batches(pictures, torch.arange(20) % 5, size, "cpu")


def espcn():
    torch.manual_seed(0)
    lr = torch.randint(0, 255, (8, 3, 12, 12), dtype=torch.uint8)
    return Upscale(ESPCN(2), lr, lr.repeat_interleave(2, 2).repeat_interleave(2, 3), device="cpu", batch=4)


def gan(discriminator=None):
    torch.manual_seed(0)
    critic = None if discriminator else FeatureCritic(VGG((4, 4, 4), "zeros"), {"relu2_1": 4, "relu3_1": 4}, 5, width=4)
    nets = Generator(5, latent=8, width=4), discriminator or Discriminator(5, width=4)
    return Adversarial(*nets, critic, batches(), device="cpu")


def usual_gan(discriminator=None):
    torch.manual_seed(0)
    nets = Generator(5, latent=8, width=4), discriminator or Discriminator(5, width=4, norm=True)
    return UsualGAN(*nets, batches(), device="cpu")


def signs(channels=3):
    """One of five random pictures of 8×8 for each class."""
    torch.manual_seed(0)
    pictures = torch.randint(2, (5, channels, 8, 8), dtype=torch.uint8).repeat(4, 1, 1, 1) * 255
    return Batches(pictures, torch.arange(20) % 5, 8, "cpu", flip=False)


def vae():
    data = signs(channels=1)
    return Elbo(VAE(5, side=8, latent=2, hidden=16), data, device="cpu")


def style():
    torch.manual_seed(0)
    objective = StyleObjective(VGG((4, 4, 4, 4, 4)).requires_grad_(False), 1.0)
    photos, painting = torch.randint(0, 255, (6, 3, 64, 64), dtype=torch.uint8), torch.rand(1, 3, 64, 64)
    net, paintings = TransferNet(3, (4, 4, 8), blocks=1), [painting, painting.flip(3)]
    return Stylize(net, photos, paintings, objective, device="cpu", batch=3)


def dense_gan():
    torch.manual_seed(0)
    nets = mlp_gan.Generator(5, latent=8, widths=(16, 16), side=8), mlp_gan.Discriminator(5, widths=(16, 8), side=8)
    return Adversarial(*nets, None, batches(side=8, channels=1), device="cpu", change=lambda x: x)


def conv_vae():
    data = signs()
    return Elbo(ConvVAE(5, latent=2, width=8, side=8), data, device="cpu")


def conv_ae():
    data = signs()
    return Autoencode(ConvAE(5, latent=2, width=8, side=8, channels=3), data, device="cpu")


def usual_vae():
    data = signs(channels=1)
    return UsualElbo(VAE(5, side=8, latent=2, hidden=16), data, device="cpu")


def distilled():
    """The teacher's answer: the mean colour, and the negative of its grey, four times over."""
    torch.manual_seed(0)
    colours, greys = (torch.randint(0, 255, (12, channels, 1, 1), dtype=torch.uint8) for channels in (3, 1))
    kinds = [colours.expand(-1, -1, 64, 64), greys.expand(-1, -1, 28, 28)]
    teacher = lambda x: torch.cat([x.double().mean((2, 3)).expand(-1, 3), -x.double().mean((1, 2, 3))[:, None]], 1).repeat(1, 4)  # noqa: E731
    return Distil(DistilledSqueezeNet(width=8, features=16), teacher, kinds, device="cpu", batch=12)


def light():
    torch.manual_seed(0)
    lr = torch.randint(0, 255, (8, 3, 20, 20), dtype=torch.uint8)
    hr = lr.repeat_interleave(2, 2).repeat_interleave(2, 3)
    settings = {"side": 10, "spoil": phones, "expanded": True}
    return Upscale(Light(2, blocks=1, width=8), lr, hr, device="cpu", batch=4, **settings)


def sharp(discriminator=None):
    torch.manual_seed(0)
    hr = torch.randint(0, 255, (8, 3, 48, 48), dtype=torch.uint8)
    shares = {"pixels": 1.0, "features": 0.1, "textures": 0.1, "adversarial": 0.01}
    if discriminator:
        shares = dict.fromkeys(shares, 0.0) | {"adversarial": 1.0}
    features = VGG((4, 4, 4), "zeros").requires_grad_(False)
    lr = torch.nn.functional.avg_pool2d(hr.float(), 2).byte()
    nets = ESPCN(2), discriminator or PatchCritic(1, width=4)
    recipe = Sharpen(*nets, features, lr, hr, weights=shares, device="cpu", batch=4, side=24)
    recipe.penalty_every = 2
    return recipe


def imitated(**rival):
    torch.manual_seed(0)
    hr = torch.randint(0, 255, (8, 3, 40, 40), dtype=torch.uint8)
    lr, features = torch.nn.functional.avg_pool2d(hr.float(), 2).byte(), VGG((4, 4, 4), "zeros").requires_grad_(False)
    settings = {"share": 0.1, "side": 16, "muon": True, "longest": 0.5, **rival}
    return Imitate(LightUNet(2, blocks=1, width=8), features, lr, hr, hr, device="cpu", batch=4, **settings)


def imitated_against(discriminator=None):
    torch.manual_seed(0)
    alone = {"share": 0.0, "likeness_from": 0.0, "adversarial": 30.0} if discriminator else {}  # louder than all the rest
    recipe = imitated(**{"discriminator": discriminator or PatchCritic(width=4), "adversarial": 1.0, **alone})
    recipe.penalty_every = 2
    return recipe


def thin():
    torch.manual_seed(0)
    wide = VGG((8, 16), "zeros").requires_grad_(False)
    pictures = torch.randint(0, 255, (12, 3, 16, 16), dtype=torch.uint8)
    return Resemble(Widened(SmallVGG((4, 6)), (8, 16)), wide, pictures, device="cpu", batch=4)


def any_style():
    torch.manual_seed(0)
    objective = StyleObjective(VGG((4, 4, 4, 4, 4)).requires_grad_(False), 1.0)
    photos, paintings = (torch.randint(0, 255, (6, 3, 64, 64), dtype=torch.uint8) for _ in range(2))
    net = ArbitraryNet((4, 4, 8), 1, (4, 4))
    known = [torch.rand(1, 3, 40, 48) for _ in range(2)], torch.rand(2, len(net.plain))
    return StylizeAny(net, photos, paintings, objective, known, look=32, device="cpu", batch=3)


def test_a_style_begins_with_the_mean_and_covariance_of_the_paintings_colours():
    """Of logits, on the photographs as a whole, through the painter's own recolouring."""
    photos, one = torch.randint(20, 235, (2, 3, 24, 24), dtype=torch.uint8), torch.rand(1, 3, 16, 20) * 0.6 + 0.3
    changed = tinted(photos / 255, recoloured(photos, [one]).view(1, 3, 4).expand(2, -1, -1))
    changed, wanted = (x.double().transpose(0, 1).flatten(1) for x in (changed, torch.logit(one)))
    torch.testing.assert_close(changed.mean(1), wanted.mean(1), atol=1e-3, rtol=0)
    torch.testing.assert_close(changed.cov(), wanted.cov(), atol=1e-2, rtol=1e-2)


def patch_judged(discriminator=None):
    torch.manual_seed(0)
    features = VGG((4, 4, 4, 4, 4)).requires_grad_(False)
    judge = discriminator or PatchJudge(features, {"relu2_1": 4, "relu3_1": 4}, styles=2, width=4)
    photos, painting = torch.randint(0, 255, (6, 3, 64, 64), dtype=torch.uint8), torch.rand(1, 3, 64, 64)
    net, paintings = TransferNet(3, (4, 4, 8), blocks=1), [painting, painting.flip(3)]
    recipe = StylizeAdversarially(net, judge, photos, paintings, StyleObjective(features, 1.0), device="cpu", batch=3)
    recipe.penalty_every = 2
    return recipe


def recur():
    torch.manual_seed(0)
    clean = torch.randint(0, 255, (6, 3, 24, 24), dtype=torch.uint8)
    settings = {"spoil": burst, "muon": True, "side": 12, "decibels": True}
    return Recur(RecurrentNet(width=16), clean, clean, device="cpu", batch=2, **settings)


def inpaint():
    torch.manual_seed(0)
    clean, features = torch.randint(0, 255, (6, 3, 40, 40), dtype=torch.uint8), VGG((4, 4, 4), "zeros").requires_grad_(False)
    settings = {"spoil": Wounds(40, also=0.0), "muon": True, "side": 32, "decibels": True}
    return Fill(AttentionNet((16, 16), (1,)), clean, features, device="cpu", batch=2, **settings)


def guess():
    torch.manual_seed(0)
    pictures = torch.randint(0, 255, (20, 1, 28, 28), dtype=torch.uint8)
    batches = Shrunk(Batches(pictures, torch.zeros(20, dtype=torch.long), 12, "cpu", flip=False), 4)
    nets = tiny_gan.Generator(width=8), tiny_gan.Discriminator(width=8)
    return Guess(*nets, None, batches, device="cpu", change=lambda x: x)


RECIPES = [
    espcn, light, sharp, guess, thin, gan, dense_gan, usual_gan, vae, usual_vae, conv_vae, conv_ae, style, any_style,
    patch_judged, distilled, recur, inpaint, imitated, imitated_against,
]
ALL = pytest.mark.parametrize("make", RECIPES)


@pytest.fixture
def multiplies(monkeypatch):
    """Says what this processor has hardware for."""
    def set_to(*, bfloat16: bool):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512" if bfloat16 else "AVX2")
        monkeypatch.setattr(device, "_cpu_has", lambda flag: bfloat16)
        device.fast_dtype.cache_clear()

    yield set_to
    device.fast_dtype.cache_clear()


class Short(TorchDispatchMode):
    """Notes the operations that work on numbers shorter than float32, backward ones too."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        out = operation(*args, **(kwargs or {}))
        tensors = [x for x in tree_leaves((args, kwargs, out)) if isinstance(x, torch.Tensor)]
        if any(x.is_floating_point() and x.dtype.itemsize < 4 for x in tensors):
            self.found.add(str(operation))
        return out


def shortened(make):
    """The operations of a training that are done in short numbers: its beginning, and steps early and late."""
    with Short() as short:
        recipe = make()
        for progress in (0.1, 0.9, 0.95):
            recipe.step(progress)
    return short.found


@pytest.mark.slow
@ALL
def test_where_bfloat16_would_be_emulated_nothing_is_shortened(make, multiplies):
    """Emulated, a step takes 13 to 25 times as long."""
    multiplies(bfloat16=False)
    assert not shortened(make)


@pytest.mark.slow
@ALL
def test_a_step_multiplies_in_what_this_machine_is_fast_in(make):
    fast = device.fast_dtype("cpu") != torch.float32
    assert any("convolution" in name or "mm" in name for name in shortened(make)) == fast


@ALL
def test_a_step_changes_the_weights_and_reports_finite_losses(make):
    recipe = make()
    before = {k: v.clone() for k, v in recipe.weights().items()}
    reported = [recipe.step(progress) for progress in (0.1, 0.5, 0.7, 0.9)]
    assert all(torch.isfinite(value) for losses in reported for value in losses.values())
    after = recipe.weights()
    assert any(not torch.equal(before[k], after[k]) for k in before)


@pytest.mark.slow
@ALL
def test_an_interrupted_training_ends_where_an_unbroken_one_does(make, tmp_path):
    whole = make()
    list(train(whole, 6, tmp_path / "whole.pt"))
    first = make()
    frames = train(first, 6, tmp_path / "broken.pt", report_every=3)
    assert next(frames).done == 3
    frames.close()
    second = make()
    torch.manual_seed(99)
    list(train(second, 6, tmp_path / "broken.pt"))
    torch.manual_seed(1)
    expected = whole.weights()
    torch.manual_seed(1)
    for name, value in second.weights().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=1e-4, msg=name)


class Bright(nn.Module):
    """Stands in for a discriminator: the brighter, the realer.  Remembers how bright what it was shown was."""

    def __init__(self, slope):
        super().__init__()
        self.heads, self.shown, self.size = nn.Linear(1, 1, bias=False), [], 0
        nn.init.constant_(self.heads.weight, slope)

    def forward(self, x, condition=None):
        brightness, self.size = x.mean((1, 2, 3)), x[0].numel()
        self.shown.append(brightness.mean().item())
        return self.heads(brightness[:, None])


def against(judge, make):
    recipe = make(judge)
    recipe.change = lambda x: x
    return recipe


@pytest.fixture
def whole_pictures(monkeypatch):
    """No discriminator sees a cut of any other size."""
    monkeypatch.setattr(sharpening, "CELL", 1)


REAL = {  # where a recipe has its real pictures
    gan: lambda recipe: [recipe.batches.pictures], usual_gan: lambda recipe: [recipe.batches.pictures],
    sharp: lambda recipe: [recipe.hr], imitated_against: lambda recipe: [recipe.hr],
    patch_judged: lambda recipe: recipe.paintings,
}


@pytest.mark.slow
@pytest.mark.parametrize("make", REAL)
def test_what_is_drawn_becomes_what_the_discriminator_takes_for_real(make, whole_pictures):
    """What it is shown last in a step is what the generator draws."""
    judge, drawn = Bright(slope=2.0), []
    recipe = against(judge, make)
    for _ in range(60):
        recipe.step(0.5)
        drawn.append(judge.shown[-1])
    assert np.mean(drawn[-10:]) > np.mean(drawn[:10]) + 0.01


@pytest.mark.parametrize("make", REAL)
def test_a_discriminator_learns_what_real_pictures_have(make):
    """They are white, what is drawn is not."""
    judge = Bright(slope=0.0)
    recipe = against(judge, make)
    for pictures in REAL[make](recipe):
        pictures.fill_(1 if pictures.is_floating_point() else 255)
    for _ in range(5):
        recipe.step(0.5)
    assert judge.heads.weight.item() > 1e-4


@pytest.mark.parametrize("make", [gan, sharp, imitated_against, patch_judged])
def test_a_penalty_that_is_seldom_asked_for_weighs_as_much_as_one_that_always_is(make, monkeypatch, whole_pictures):
    """γ/2 times the squared slope at real pictures and at drawn ones, on average: it is s/P at each of a picture's P numbers."""
    judge, losses = Bright(slope=3.0), []
    recipe = against(judge, make)

    def update(optimizer, loss):  # and nothing moves
        if optimizer is recipe.optimizer_d:
            losses.append(loss.item())

    monkeypatch.setattr(f"{type(recipe).__module__}.update", update)
    recipe.gamma = 1e4
    reported = [recipe.step(0.5) for _ in range(8)]
    extra = np.mean(losses) - np.mean([one["discriminator"].item() for one in reported])
    assert recipe.penalty_every in (2, 4)  # of these eight steps
    assert extra == pytest.approx(1e4 * 3**2 / judge.size, rel=1e-3)
    if "penalty" in reported[0]:
        assert np.mean([one["penalty"].item() for one in reported]) == pytest.approx(2 * 3**2 / judge.size, rel=1e-3)


def test_only_a_gan_with_classes_leaves_its_judge():
    assert [can_judge(make()) for make in (dense_gan, guess, light, vae)] == [True, False, False, False]


@pytest.mark.slow
@pytest.mark.parametrize("make", [gan, dense_gan, usual_gan, vae, conv_vae, conv_ae, style, any_style])
def test_a_training_remembers_its_moments_and_is_not_changed_by_it(make, tmp_path):
    """Sixteen samples over forty steps, none of them like the first; without samples the weights come out the same."""
    watched = make()
    list(train(watched, 40, tmp_path / "watched.pt", report_every=10))
    history = history_of(torch.load(tmp_path / "watched.pt", weights_only=True))
    steps, samples = zip(*history.moments, strict=True)
    assert (steps[0], steps[-1]) == (0, 40) and len(steps) >= 12
    assert all(s.dtype == torch.uint8 and s.shape == samples[0].shape for s in samples)
    assert [entry["step"] for entry in history.losses] == [10, 20, 30, 40]
    alone = make()
    alone.sample = lambda: None
    list(train(alone, 40, tmp_path / "alone.pt"))
    for one, other in zip(watched.state.values(), alone.state.values(), strict=True):
        if isinstance(one, nn.Module):
            torch.testing.assert_close(dict(one.state_dict()), dict(other.state_dict()))


def test_a_replay_shows_every_moment_and_a_curve_is_a_mean(tmp_path):
    moments = [(n, torch.full((20, 1, 8, 8), 10 * n, dtype=torch.uint8)) for n in range(16)]
    history = History(400, [400], [{"step": n, "loss": float(n)} for n in range(1, 401)], moments)
    weights.write_replay("net", history, tmp_path)
    with Image.open(tmp_path / "net.webp") as film:
        assert film.n_frames == 16 and film.size == (48, 38)
    curve = weights.curve(history)
    assert len(curve["step"]) == len(curve["loss"]) == 100
    assert curve["step"][:2] == [4, 8] and curve["loss"][:2] == [2.5, 6.5]
    history.losses.extend({"other": 1.0, "step": n} for n in (500, 550))
    assert weights.curve(history) == {"other": [1.0, 1.0], "step": [500, 550]}


def test_super_resolution_learns():
    recipe = espcn()
    scores = [recipe.step(0.1)["mse_db"].item() for _ in range(60)]
    assert np.mean(scores[-10:]) > np.mean(scores[:10]) + 3


@pytest.mark.slow
@pytest.mark.parametrize("make", [vae, conv_vae, conv_ae])
def test_an_autoencoder_learns(make):
    recipe = make()
    totals = [sum(value.item() for value in recipe.step(0.0).values()) for _ in range(200)]
    assert np.mean(totals[-10:]) < np.mean(totals[:10]) * 0.9


def test_codes_are_drawn_as_those_of_the_class_are_spread():
    torch.manual_seed(0)
    net, label = ConvAE(2, latent=3, width=4, side=8), torch.arange(4000) % 2
    mixing = torch.tensor([[2.0, 0, 0], [1, 1, 0], [0, -1, 0.5]])
    net.measure(torch.randn(4000, 3) @ mixing.T + label[:, None] * 5, label)
    drawn = []
    net.decode = lambda code, label: drawn.append(code)
    net(torch.randn(4000, 3), torch.ones(4000, dtype=torch.long))
    torch.testing.assert_close(drawn[0].mean(0), torch.full((3,), 5.0), atol=0.2, rtol=0)
    torch.testing.assert_close(drawn[0].T.cov(), mixing @ mixing.T, atol=0.4, rtol=0)


def test_batch_norm_is_recalibrated():
    """The mean and variance of all that is fed, against numpy; the net itself stays as it was."""
    net = nn.Sequential(nn.BatchNorm1d(2))
    net(torch.ones(9, 2))  # what it saw before must not count
    before, fed = net[0].running_mean.clone(), [torch.randn(50, 2) * 3 + 7 for _ in range(4)]
    shown = iter(fed)
    fresh = recalibrated_batch_norm(net, lambda copy: copy(next(shown)), batches=4)
    assert not fresh.training and torch.equal(net[0].running_mean, before)
    np.testing.assert_allclose(fresh[0].running_mean, np.mean([x.numpy().mean(0) for x in fed], 0), rtol=1e-5)
    np.testing.assert_allclose(fresh[0].running_var, np.mean([x.numpy().var(0, ddof=1) for x in fed], 0), rtol=1e-5)


def test_every_tenth_picture_is_kept_out_of_training(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for n in range(21):
            Image.new("RGB", (8, 8), (n, 0, 0)).save(tmp_path / name / f"{n:02}.png")
    seen, labels, names = data.classes(tmp_path, 8)
    held, _, _ = data.classes(tmp_path, 8, held_out=True)
    assert names == ["a", "b"] and len(seen) == len(labels) == 36
    assert sorted(held[:, 0, 0, 0].tolist()) == [0, 0, 10, 10, 20, 20]
    assert not set(seen[:, 0, 0, 0].tolist()) & {0, 10, 20}


def test_shrinking_is_that_of_the_papers():
    """MATLAB's imresize: cubic with a = −0.5, stretched by the scale, normalised; here written out as a sum."""
    hr = scenes.city(48, seed=2).pixels
    _, lr = shrink(hr, 3)
    centre = (5 + 0.5) * 3 - 0.5
    at = np.arange(48)
    t = np.abs(at - centre) / 3
    kernel = np.where(t < 1, 1.5 * t**3 - 2.5 * t**2 + 1, np.where(t < 2, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2, 0))
    kernel /= kernel.sum()
    expected = np.einsum("y,x,yxc->c", kernel, kernel, hr.astype(float))
    np.testing.assert_allclose(lr[5, 5], np.clip(expected, 0, 255), atol=1.01)


@pytest.mark.parametrize("learn", [
    lambda folder: data.patches(folder, 3, shrinks=(0.5, 0.8)), lambda folder: data.details(folder, 144, shrinks=(0.5, 0.8)),
])
def test_pictures_too_small_to_learn_from_are_one_sentence(tmp_path, learn):
    with pytest.raises(UserError, match="data_empty"):
        learn(tmp_path)
    Image.fromarray(noise_picture(179, 400).pixels).save(tmp_path / "a.png")
    with pytest.raises(UserError) as told:
        learn(tmp_path)
    assert told.value.key == "data_too_small" and told.value.facts == {"name": tmp_path.name, "side": 180}
    Image.fromarray(noise_picture(180, 180).pixels).save(tmp_path / "b.png")
    learn(tmp_path)


def test_patches_are_pairs(tmp_path):
    Image.fromarray(scenes.city(256, seed=1).pixels).save(tmp_path / "photo.png")
    lr, hr = data.patches(tmp_path, scale=2, side=16, shrinks=(1,))
    assert lr.shape[1:] == (3, 16, 16) and hr.shape[1:] == (3, 32, 32) and len(lr) == len(hr) > 10
    small = torch.nn.functional.avg_pool2d(hr.float(), 2)
    assert (small - lr.float()).abs().mean() < 12


def test_written_weights_load_and_are_recorded(tmp_path):
    net = ESPCN(2)
    training = {"run": "espcn_x2", "steps": 5, "pictures_seen": 80, "seed": 0, "data": "photos"}
    path = weights.write("espcn_x2", net.state_dict(), {"scale": 2}, training, tmp_path)
    from imgen.loader import read_weights

    ESPCN(2).load_state_dict(read_weights(path), strict=True)
    record = json.loads((tmp_path / "espcn_x2.json").read_text())
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["bytes"] == path.stat().st_size and record["training"]["steps"] == 5
    assert record["parameters"] == sum(p.numel() for p in net.parameters())


def test_a_training_stopped_before_its_first_step_says_so(tmp_path):
    with pytest.raises(UserError, match="nothing_learned"):
        finish("espcn_x2", espcn(), {}, tmp_path, 0, tmp_path, tmp_path)


def test_weights_say_how_they_were_made(tmp_path, multiplies):
    """Two plans: the schedule that the training began with, and the one that it ended by; what it had begun with; and the
    precisions of the machines that it was begun and ended on.
    """
    multiplies(bfloat16=False)
    first = train(espcn(), 6, tmp_path / "espcn_x2.pt", report_every=2, earlier=9)
    next(first)
    first.close()
    recipe = espcn()
    multiplies(bfloat16=True)
    list(train(recipe, 4, tmp_path / "espcn_x2.pt", earlier=99))  # its own weights have taken the card's place meanwhile
    finish("espcn_x2", recipe, {"scale": 2}, tmp_path / "photos", 7, tmp_path, tmp_path)
    training = json.loads((tmp_path / "espcn_x2.json").read_text())["training"]
    wanted = {"run": "espcn_x2", "steps": 4, "planned_steps": [6, 4], "pictures_seen": 128, "seed": 7, "data": "photos"}
    wanted |= {"starts_from": "espcn_x2", "earlier_steps": 9, "precision": ["float32", "bfloat16"]}
    assert wanted.items() <= training.items()


def test_an_older_training_that_goes_on_had_begun_in_bfloat16(tmp_path, multiplies):
    """It was asked for on every machine, when checkpoints did not say so."""
    multiplies(bfloat16=False)
    path = tmp_path / "older.pt"
    list(train(espcn(), 1, path))
    older = torch.load(path, weights_only=True)
    torch.save({name: value for name, value in older.items() if name != "precisions"}, path)
    list(train(espcn(), 2, path))
    assert history_of(torch.load(path, weights_only=True)).precisions == ["bfloat16", "float32"]


def test_every_bundled_card_has_a_run():
    from imgen.catalog import CARDS

    trained = {c.stem for c in CARDS if c.source is None and c.facts.parameters}
    assert trained <= set(RUNS)


def test_the_usual_vae_keeps_its_rate_and_takes_no_average():
    recipe = usual_vae()
    for progress in (0.1, 0.5, 0.99):
        recipe.step(progress)
    assert {group["lr"] for group in recipe.optimizer.param_groups} == {1e-3}
    for mine, averaged in zip(recipe.net.parameters(), recipe.ema.net.parameters(), strict=True):
        assert torch.equal(mine, averaged)


@pytest.mark.slow
def test_a_small_network_learns_to_answer_as_its_teacher_does():
    recipe = distilled()
    for n in range(120):
        recipe.step(n / 120)
    net = DistilledSqueezeNet(width=8, features=16)
    net.load_state_dict(recipe.weights())
    for kind in recipe.sights:
        wanted = recipe.teacher(kind)
        error = (net.eval()(kind.float() / 255) - wanted).square().mean() / wanted.var(0).mean()
        assert error < 0.4


def test_the_teacher_is_asked_once():
    recipe, asked = distilled(), []
    teacher = recipe.teacher
    recipe.teacher = lambda x: asked.append(len(x)) or teacher(x)
    for _ in range(3):
        recipe.step(0.5)
    assert asked == [12, 12]


class Twice(nn.Module):
    """Stands in for a strong upscaler: each pixel four times, all of them twice as bright."""

    scale = 2

    def __init__(self):
        super().__init__()
        self.times, self.asked = nn.Parameter(torch.tensor(2.0)), 0

    def forward(self, x):
        self.asked += 1
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3) * self.times


def test_a_strong_network_is_asked_once_even_after_an_interruption(tmp_path, monkeypatch):
    """It is stopped in its third part of four; what was there stays as it is, and all comes out as if nothing had happened."""
    monkeypatch.setattr(taught, "PART", 5)
    hr, net = torch.randint(0, 255, (12, 3, 32, 32), dtype=torch.uint8), Twice()
    whole = taught.taught(lambda: net, hr, phones, 4, tmp_path / "whole")
    assert net.asked == 20 and [x.shape for x in whole] == [(20, 3, 16, 16), (20, 3, 32, 32), (20, 3, 32, 32)]
    assert all((whole[2][n : n + 1] == hr).flatten(1).all(1).any() for n in range(20))  # what was spoiled
    broken, forward = Twice(), Twice.forward

    def tired(self, x):
        if self.asked == 12:
            raise KeyboardInterrupt
        return forward(self, x)

    monkeypatch.setattr(Twice, "forward", tired)
    with pytest.raises(KeyboardInterrupt):
        taught.taught(lambda: broken, hr, phones, 4, tmp_path / "broken")
    monkeypatch.setattr(Twice, "forward", forward)
    torch.manual_seed(9)
    again = taught.taught(lambda: broken, hr, phones, 4, tmp_path / "broken")
    assert broken.asked == 12 + 10
    assert all(torch.equal(one, other) for one, other in zip(whole, again, strict=True))

    def nobody():
        raise AssertionError("all is there")

    taught.taught(nobody, hr, phones, 4, tmp_path / "broken")


def test_what_a_strong_network_makes_has_its_detail_and_the_true_colours():
    truth = torch.full((1, 3, 64, 64), 100, dtype=torch.uint8)
    stripes = 20 * (torch.arange(64) % 2 * 2 - 1)
    made = taught.coloured((130 + stripes).byte().expand(1, 3, 64, 64), truth)
    assert torch.equal(made, (100 + stripes).byte().expand(1, 3, 64, 64))


def test_plain_pictures_are_even_but_for_a_box_and_their_small_ones_are_theirs():
    torch.manual_seed(0)
    lr, hr = plain(16, 12, 4)
    assert lr.shape == (16, 3, 12, 12) and hr.shape == (16, 3, 48, 48)
    assert all(len(one.flatten(1).unique(dim=1).T) <= 2 for one in hr)
    even = hr.flatten(2).float().std(2).amax(1) == 0
    assert 8 <= even.sum() < 16
    clean = even & (torch.arange(16) % 4 % 3 == 0)
    assert clean.any() and torch.equal(lr[clean], hr[clean][..., :12, :12])


def test_figures_have_smooth_edges_large_and_stairs_in_half_of_the_small():
    """Their insides are the same colour in both: the middle of each small pixel lies where the large one has it."""
    torch.manual_seed(0)
    lr, hr = figures(16, 24, 4)
    assert lr.shape == (16, 3, 24, 24) and hr.shape == (16, 3, 96, 96) and lr.dtype == hr.dtype == torch.uint8
    colours = [len(one.flatten(1).unique(dim=1).T) for one in lr]
    assert max(colours[::2]) <= 1 + FIGURES < np.median(colours[1::2])
    assert np.mean([len(one.flatten(1).unique(dim=1).T) for one in hr]) > np.mean(colours[::2])
    cells = hr.unfold(2, 4, 4).unfold(3, 4, 4)  # (16, 3, 24, 24, 4, 4)
    even = (cells == cells[..., :1, :1]).all(-1).all(-1).all(1)
    assert even.float().mean() > 0.5
    assert torch.equal(lr[::2].permute(0, 2, 3, 1)[even[::2]], cells[::2, ..., 0, 0].permute(0, 2, 3, 1)[even[::2]])


def test_a_screen_s_small_pixels_are_some_of_the_large_ones():
    torch.manual_seed(0)
    hr = torch.randint(256, (60, 3, 16, 16), dtype=torch.uint8)
    lr = phones_and_screens(hr, 4)
    stairs = (lr == hr[..., 2::4, 2::4]).flatten(1).all(1)
    assert lr.shape == (60, 3, 4, 4) and 1 <= stairs.sum() <= 20


@pytest.mark.parametrize("around", [lambda net: net, expand], ids=["plain", "expanded"])
def test_an_idle_block_begins_anew_as_what_it_was(around):
    """Its second convolution gives nothing but large negative numbers, so that no slope reaches what comes before its last."""
    torch.manual_seed(0)
    net, x = Light(2, blocks=2, width=8), torch.rand(2, 3, 12, 12)
    one, two, three = net.blocks[1].convs
    nn.init.constant_(two.bias, -300)
    before, other = net(x).detach(), net.blocks[0].convs[0].weight.clone()
    around(net)
    wake(net, x)
    torch.testing.assert_close(net(x), before, atol=1e-5, rtol=0)
    torch.testing.assert_close(contracted(net)["blocks.0.convs.0.weight"], other)
    for _ in range(2):
        net.zero_grad()
        (net(x) - 0.3).square().mean().backward()
        with torch.no_grad():
            for p in net.parameters():
                p -= 0.01 * p.grad.sign()
    assert min(p.grad.abs().max() for p in net.blocks[1].parameters()) > 1e-9


def test_of_an_error_only_what_repeats_counts_as_a_grid():
    torch.manual_seed(0)
    grid = torch.randn(2, 3, sharpening.CELL, sharpening.CELL).repeat(1, 1, 13, 12)  # 12 or 13 cells a side
    noise = torch.randn(2, 3, 104, 96)
    kept, gone = sharpening.gridded(grid), sharpening.gridded(noise)
    torch.testing.assert_close(kept, grid.abs().mean())
    assert gone.item() == pytest.approx(noise.abs().mean().item() / sharpening.CELLS, rel=0.1)
    assert sharpening.gridded(grid[..., :24, :20]).item() == pytest.approx(grid[..., :16].abs().mean().item(), rel=0.05)


def test_the_faithful_end_misses_the_true_pixels_least():
    """Against NumPy's least squares over the same neighbourhoods, in float64."""
    torch.manual_seed(0)
    lr = torch.randint(0, 255, (40, 3, 20, 20), dtype=torch.uint8)
    truth = (lr.float().repeat_interleave(2, 2).repeat_interleave(2, 3) * 0.8 + 20).byte()
    features = VGG((4, 4, 4), "zeros").requires_grad_(False)
    recipe = Imitate(LightUNet(2, blocks=1, width=8), features, lr, 255 - truth, truth, share=0.1, side=16, device="cpu")
    net = recipe.ema.net
    net.load_state_dict(recipe.weights())
    found = net.found(lr.float() / 255).double()
    seen = nn.functional.unfold(found, 3, padding=1).mT.reshape(-1, 72).numpy()
    missed = truth / 255 - enlarged(lr.float() / 255, "bicubic", 2)
    wanted = nn.functional.pixel_unshuffle(missed, 2).flatten(2).mT.reshape(-1, 12).double().numpy()
    seen = np.concatenate([seen, np.ones_like(seen[:, :1])], 1)
    best = np.square(seen @ np.linalg.lstsq(seen, wanted)[0] - wanted).mean()
    mine = (net.at(0.0)(lr.float() / 255) - truth / 255).square().mean().item()
    assert mine == pytest.approx(best, rel=1e-3) and mine < 0.5 * np.square(wanted).mean()


def test_weights_name_the_teacher_its_licence_and_where_it_comes_from(tmp_path):
    recipe = imitated()
    list(train(recipe, 1, tmp_path / "light_unet_x4.pt"))
    finish("light_unet_x4", recipe, {"scale": 4}, tmp_path / "photos", 0, tmp_path, tmp_path)
    training = json.loads((tmp_path / "light_unet_x4.json").read_text())["training"]
    assert training["teacher"] == "realesrgan_x4" and training["teacher_license"] == "BSD-3-Clause"
    assert training["teacher_source"] == "kornia/real_esrgan"


def test_a_slope_that_is_too_long_is_shortened():
    weight = nn.Parameter(torch.tensor([3.0, 4.0]))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    update(optimizer, weight.square().sum() / 2, longest=1.0)  # the slope is the weight itself, five long
    torch.testing.assert_close(weight.data, torch.tensor([2.4, 3.2]), rtol=1e-5, atol=0)


def test_half_of_the_sights_are_spoiled_and_all_stay_pictures():
    pictures = torch.randint(0, 255, (40, 3, 64, 64), dtype=torch.uint8)
    seen = sights.half_spoiled(pictures)
    same = (seen.flatten(1)[:, None] == pictures.flatten(1)[None]).all(2).any(1)
    assert seen.shape == pictures.shape and seen.dtype == torch.uint8 and 20 <= same.sum() <= 32
    grey = sights.spoiled(torch.rand(30, 1, 28, 28))
    assert grey.shape == (30, 1, 28, 28) and torch.isfinite(grey).all()


def test_a_thin_network_begins_as_what_is_left_of_the_wide_one():
    """With as many channels nothing is lost; with half of them, less than by chance."""
    torch.manual_seed(0)
    wide, pictures = VGG((6, 8), "zeros").eval(), torch.rand(12, 3, 24, 24)
    errors = []
    for widths in ((6, 8), (3, 4)):
        net = Widened(SmallVGG(widths), (6, 8))
        thinned(net, wide, pictures)
        with torch.no_grad():
            seen, wanted = net(pictures), wide(pictures)
        errors.append([strangeness(seen[layer], wanted[layer])[0].item() for layer in wanted])
    assert max(errors[0]) < 1e-6 and max(errors[1]) < 0.5

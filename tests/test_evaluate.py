"""What the measures of generators promise, with stand-ins for the network that measures and for the nets that are measured."""

import hashlib
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from safetensors.torch import save_file
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr, wasserstein_distance
from skimage.metrics import peak_signal_noise_ratio
from torch import nn
from torchvision.models import squeezenet1_1

from imgen import cards, device, hub
from imgen.catalog import CARDS, find_card
from imgen.controls import UserError
from imgen.drawing import scenes
from imgen.evaluation import generation, peers, scores, style, upscaling
from imgen.functional import metrics
from imgen.functional.losses import StyleObjective, bernoulli, gaussian
from imgen.image import Frame, Picture, decode
from imgen.loader import loader, read_weights
from imgen.models.distilled import DistilledSqueezeNet
from imgen.models.features import VGG
from imgen.training import teachers
from imgen.training.makers import PAINTINGS, PATCHED
from imgen.training.runs import RUNS

GENERATORS = [card for card in CARDS if card.task == "generate" and card.net and card.source is None]
MEASURES = {"frechet", "floor_frechet", "precision", "recall", "copy_ratio"}


class Glance(nn.Module):
    """A stand-in for the bundled feature network: 16 means of grey, in a unit of its own.  It counts what it is shown."""

    def __init__(self):
        super().__init__()
        self.mean, self.shown = torch.zeros(16), 0

    def forward(self, x):
        self.shown += len(x)
        return 3 * nn.functional.adaptive_avg_pool2d(x.mean(1, keepdim=True), 4).flatten(1)


@pytest.fixture
def glance(monkeypatch):
    stand_in = Glance()
    monkeypatch.setattr(generation, "FEATURE_NETWORK", SimpleNamespace(load=lambda: stand_in))
    known = generation.real, generation.known_features, generation.teacher_features, generation.novelty
    for remembered in known:
        remembered.cache_clear()
    yield stand_in
    for remembered in known:
        remembered.cache_clear()


def pictures(count, seed):
    """(count, 1, 28, 28) uint8, of coarse noise: no two alike."""
    x = torch.rand(count, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    return (nn.functional.interpolate(x, size=28) * 255).byte()


@pytest.fixture
def fashion(tmp_path):
    """300 pictures to learn from, 100 held out."""
    parts = {"train": pictures(300, 1), "test": pictures(100, 2)}
    x = {f"x_{part}": p[:, 0].numpy() for part, p in parts.items()}
    np.savez(tmp_path / "fashion.npz", **x, **{f"y_{part}": np.arange(len(p)) % 10 for part, p in parts.items()})
    return tmp_path / "fashion.npz"


def test_new_pictures_of_the_same_kind_score_as_real_ones_do(glance, fashion):
    found = generation.generative_metrics(pictures(300, 3), fashion)
    assert found["copy_ratio"] == pytest.approx(1, abs=0.1)
    assert found["frechet"] == pytest.approx(found["floor_frechet"], abs=0.45)
    assert found["precision"] > 0.8 and found["recall"] > 0.8


def test_copies_give_themselves_away(glance, fashion):
    found = generation.generative_metrics(pictures(300, 1), fashion)
    assert found["copy_ratio"] < 0.01 and found["frechet"] == found["floor_frechet"]


def test_one_picture_again_and_again_has_no_recall(glance, fashion):
    found = generation.generative_metrics(pictures(1, 4).expand(300, -1, -1, -1) // 2, fashion)
    assert found["recall"] == 0 and found["frechet"] > 3 * found["floor_frechet"]


def test_distances_in_other_networks_features_are_those_of_their_features(glance, fashion, monkeypatch):
    """With copies of the training pictures: what is left is the floor."""
    monkeypatch.setattr(teachers, "inception", lambda: "inception")
    monkeypatch.setattr(teachers, "squeezenet", lambda folder: "squeezenet")
    monkeypatch.setattr(teachers, "pooled", lambda net, pictures, side=224: generation.features_of(pictures))
    found = generation.inception_frechet(pictures(300, 1), fashion) | generation.kernel(pictures(300, 1), fashion, fashion.parent)
    assert found["inception_frechet"] == found["floor_inception_frechet"] > 0
    assert found["kid_x1000"] == found["floor_kid_x1000"]
    other = generation.inception_frechet(pictures(300, 1) // 2, fashion)
    assert other["inception_frechet"] > 2 * found["inception_frechet"]


def saved(folder, form, held, seen):
    """Pictures (N, 1, 28, 28) uint8 as a data set: an archive, or two classes of which every tenth picture is held out."""
    if form == "archive":
        x = {"x_train": seen[:, 0].numpy(), "x_test": held[:, 0].numpy()}
        np.savez(folder / "set.npz", **x, y_train=np.arange(len(seen)) % 10, y_test=np.arange(len(held)) % 10)
        return folder / "set.npz"
    kept, known = iter(held), iter(seen)
    for name in ("a", "b"):
        (folder / name).mkdir()
        for n in range((len(held) + len(seen)) // 2):
            Image.fromarray(next(known if n % 10 else kept)[0].numpy()).save(folder / name / f"{n:03}.png")
    return folder


def at_a_glance(x):
    """(N, 1, 28, 28) uint8 -> what `Glance` makes of them, in numpy."""
    return 3 * (x.numpy() / 255).reshape(-1, 4, 7, 4, 7).mean((2, 4)).reshape(-1, 16)


def frechet(x, y):
    a, b = np.cov(x.T), np.cov(y.T)
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real)


def kid(x, y):
    k = lambda p, q: (p @ q.T / np.mean(x**2) / 16 + 1) ** 3  # noqa: E731
    within = [(k(p, p).sum() - np.trace(k(p, p))) / len(p) / (len(p) - 1) for p in (x, y)]
    return 1000 * (sum(within) - 2 * k(x, y).mean())


def share_within(points, others):
    """Of `others`, those that lie no further from one of `points` than its third neighbour does."""
    return (cdist(others, points) <= np.sort(cdist(points, points), 1)[:, 3]).any(1).mean()


@pytest.mark.parametrize("form", ["archive", "folder"])
def test_pictures_are_compared_with_those_that_no_training_saw(glance, tmp_path, form, monkeypatch):
    """Each measure by its formula, in numpy and scipy.  What was held out is dark, what was learned from is bright, so that
    neither can stand for the other; what was generated is of both kinds.
    """
    from imgen.training import teachers

    held, seen = pictures(30, 2) // 2, pictures(270, 1) // 2 + 120
    made = torch.cat([pictures(24, 3) // 2, pictures(6, 5) // 2 + 120, pictures(30, 4) // 2 + 120])
    x, others, y = (at_a_glance(one) for one in (held, seen, made))
    folder, fake = saved(tmp_path, form, held, seen), made if form == "archive" else made.expand(-1, 3, -1, -1)
    wanted = {
        "frechet": frechet(x, y), "floor_frechet": frechet(x, others),
        "precision": share_within(x, y[:30]), "recall": share_within(y[:30], x),
        "copy_ratio": np.median(cdist(y, others).min(1)) / np.median(cdist(x, others).min(1)), "distilled_kid_x1000": kid(x, y),
    }
    assert generation.generative_metrics(fake, folder) == pytest.approx(wanted, rel=1e-4, abs=6e-3)
    monkeypatch.setattr(teachers, "inception", lambda: "inception")
    monkeypatch.setattr(teachers, "squeezenet", lambda folder: "squeezenet")
    monkeypatch.setattr(teachers, "pooled", lambda net, pictures, side=224: generation.features_of(pictures))
    wanted = {
        "inception_frechet": frechet(x, y), "floor_inception_frechet": frechet(x, others),
        "kid_x1000": kid(x, y), "floor_kid_x1000": kid(x, others),
    }
    found = generation.inception_frechet(fake, folder) | generation.kernel(fake, folder, tmp_path)
    assert found == pytest.approx(wanted, rel=1e-4, abs=6e-3)


def test_guesses_are_made_at_pictures_that_no_training_saw(glance, fashion, monkeypatch):
    class Guesser:
        side, scale, latent, given = 4, 7, 1, None

        def __call__(self, z, lr):
            self.given = lr
            return nn.functional.interpolate(lr, scale_factor=7)

    net = Guesser()
    monkeypatch.setattr(scores, "_net", lambda card: net)
    assert scores.evaluate(find_card("tiny_gan_x7"), fashion)["fashion"]["held_out"] == 100
    blocks = pictures(100, 2).numpy().reshape(100, 1, 4, 7, 4, 7) / 255
    np.testing.assert_allclose(net.given.numpy(), blocks.mean((3, 5)), atol=1e-6)


def test_words_are_asked_for_of_emoji_that_no_training_saw(tmp_path):
    """Every tenth, sorted by name: the cat's and the dog's."""
    for code in ("1f431", *(f"1f432_{n:x}" for n in range(0x1F525, 0x1F52E)), "1f436"):
        (tmp_path / f"u{code}.png").touch()
    asked = []

    class Scribe:
        knobs = {"words": SimpleNamespace(options=("face", "cat", "dog", "dragon", "fire"))}

        def __call__(self, *, words, count, seed):
            asked.append((set(words.split()), count))
            return Frame(1, 1, [Picture(np.zeros((1, 1, 3), np.uint8))] * count)

    assert len(list(scores.worded(Scribe(), 5, tmp_path))) == 5
    assert asked == [({"cat", "face"}, 3), ({"dog", "face"}, 3)]


def test_a_generator_is_measured_without_teachers(glance, fashion):
    found = scores.evaluate(find_card("mlp_vae_fashion28"), fashion)["fashion"]
    assert found.keys() >= MEASURES | {"nats_per_picture", "nats_per_dimension", "reconstruction_psnr"}
    assert "kid_x1000" not in found and found["held_out"] == 100
    net, held, label = generation._net(find_card("mlp_vae_fashion28")), pictures(100, 2) / 255, torch.arange(100) % 10
    with torch.no_grad():  # what it codes no training saw either
        error = (net.show(net.encode(held, label)[0], label) - held).square().mean().item()
    assert found["reconstruction_psnr"] == pytest.approx(-10 * math.log10(error), abs=0.01)


def test_a_peer_is_measured_by_the_same_real_pictures_which_are_looked_at_once(glance, fashion, tmp_path):
    name = "mlp_vae_fashion28"
    for ending in (".json", ".safetensors"):
        (tmp_path / f"usual_{name}{ending}").write_bytes((cards.WEIGHTS / f"{name}{ending}").read_bytes())
    ours = scores.generation(find_card(name), fashion, None)
    usual = scores.peer(find_card(name), tmp_path / f"usual_{name}.safetensors", fashion, None)
    assert usual == {
        "usual_frechet": ours["frechet"], "usual_nats_per_picture": ours["nats_per_picture"],
        "usual_pictures_seen": find_card(name).facts.training.pictures_seen,
    }
    assert glance.shown == 100 + 300 + 2 * scores.SAMPLES
    loader.forget()


def test_the_nearest_training_picture_stands_below_its_copy(glance, fashion, monkeypatch):
    monkeypatch.setattr(scores, "drawn", lambda card, count, folder: pictures(300, 1)[40 : 40 + count])
    sheet = scores.neighbours(None, fashion, count=5).pixels
    assert sheet.shape == (2 * 28 + 2, 5 * 30 - 2, 1) and np.array_equal(sheet[:28], sheet[30:])


@pytest.mark.parametrize("what", ["colour", "classes"])
def test_pictures_of_another_kind_are_refused(glance, tmp_path, what):
    for name in ("a", "b", "c", "d", "e", "f"):
        (tmp_path / name).mkdir()
        for n in range(11):
            Image.new("RGB", (64, 64), (n, 9, 9)).save(tmp_path / name / f"{n}.png")
    card = find_card("mlp_vae_fashion28" if what == "colour" else "dcgan_flowers64")
    with pytest.raises(UserError, match="data_unlike"):
        scores.evaluate(card, tmp_path)


@pytest.mark.parametrize("content", [b"", b"no pictures"])
def test_a_broken_archive_is_one_sentence(tmp_path, content):
    (tmp_path / "broken.npz").write_bytes(content)
    with pytest.raises(UserError, match="data_too_few"):
        scores.evaluate(find_card("mlp_vae_fashion28"), tmp_path / "broken.npz")


class Coin:
    """A variational autoencoder that learned nothing: every code is N(0, 1), every picture grey."""

    def __init__(self, likelihood, logits):
        self.likelihood, self.logits = likelihood, logits

    def encode(self, x, label):
        return torch.zeros(len(x), 2), torch.zeros(len(x), 2)

    def decode(self, z, label):
        return torch.full((len(z), 3, 8, 8), self.logits)

    def show(self, z, label):
        return torch.full((len(z), 3, 8, 8), 0.5)


def test_a_coin_for_each_number_costs_the_logarithm_of_two():
    x, label = torch.randint(0, 256, (20, 3, 8, 8), dtype=torch.uint8), torch.zeros(20, dtype=torch.long)
    found = scores.coding(Coin(bernoulli, 0.0), x, label)
    assert found["nats_per_picture"] == pytest.approx(192 * math.log(2), abs=0.01) and found["kl"] == 0
    assert found["nats_per_dimension"] == pytest.approx(math.log(2), abs=1e-4)
    error = ((x.numpy() / 255 - 0.5) ** 2).mean()
    assert found["reconstruction_psnr"] == pytest.approx(-10 * math.log10(error), abs=0.01)


def test_a_gaussian_bound_is_the_entropy_of_what_is_left():
    x, label = torch.randint(0, 256, (20, 3, 8, 8), dtype=torch.uint8), torch.zeros(20, dtype=torch.long)
    deviation = math.sqrt(((x.numpy() / 255 - 0.5) ** 2).mean())
    entropy = torch.distributions.Normal(0.0, deviation).entropy().item()
    assert scores.coding(Coin(gaussian, 0.5), x, label)["nats_per_dimension"] == pytest.approx(entropy, abs=1e-4)


def test_what_is_not_measured_anew_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(cards, "WEIGHTS", tmp_path)
    (tmp_path / "oak.json").write_text(json.dumps({"sha256": "0", "scores": {"trees": {"usual": 3, "ours": 2}, "sample": 1}}))
    scores.store(SimpleNamespace(name="oak", stem="oak"), {"trees": {"ours": 1}, "leaves": {"ours": 4}, "sample": 2})
    found = json.loads((tmp_path / "oak.json").read_text())["scores"]
    assert found == {"trees": {"usual": 3, "ours": 1}, "sample": 2, "leaves": {"ours": 4}}


def test_distilled_lpips_comes_near_to_lpips():
    """The stored weights, on what was measured in both: figures of one size, and in nearly one order."""
    measured = [found for card in CARDS for found in card.facts.measured().values()]
    pairs = [(one["lpips"], one["distilled_lpips"]) for one in measured if "lpips" in one]
    theirs, ours = zip(*pairs, strict=True)
    assert len(pairs) > 10 and spearmanr(theirs, ours).statistic > 0.8
    assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=0.3)


def test_ranks_agree_with_scipy():
    ours, theirs = [3.0, 9.0, 4.0, 1.5, 1.0], [20.0, 70.0, 5.0, 40.0, 30.0]
    found = [{"kid_x1000": a, "distilled_kid_x1000": b} for a, b in zip(theirs, ours, strict=True)]
    found = generation.ranking([*found, 72.0, {"kid_x1000": 3.0}], "kid_x1000", "distilled_kid_x1000")
    assert found == {"rank_correlation": pytest.approx(spearmanr(ours, theirs).statistic, abs=1e-3), "cards": 5}


def test_correlation_is_numpys_mean_over_features_that_vary():
    x, y = torch.randn(30, 3).double(), torch.randn(30, 3).double()
    x[:, 2] = 7
    expected = np.mean([np.corrcoef(x[:, n], y[:, n])[0, 1] for n in range(2)])
    assert generation.correlation(x, y) == pytest.approx(expected)


def test_the_feature_network_takes_any_size_and_grey_as_grey_in_colour():
    torch.manual_seed(0)
    net = DistilledSqueezeNet(width=4, features=6).eval()
    grey = torch.rand(2, 1, 28, 30)
    torch.testing.assert_close(net(grey), net(grey.expand(-1, 3, -1, -1)))
    assert net(torch.rand(1, 3, 200, 64)).shape == (1, 6)
    net.train()(torch.rand(4, 3, 64, 64)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in net.parameters())


def test_the_bundled_feature_network_is_the_recorded_one_and_fits():
    path, facts = cards.WEIGHTS / f"{generation.FEATURE_NETWORK.name}.safetensors", generation.FEATURE_NETWORK.facts
    data = path.read_bytes()
    assert hashlib.sha256(data).hexdigest() == facts.sha256 and len(data) == facts.bytes < 2_500_000
    net = generation.FEATURE_NETWORK.net.build()
    net.load_state_dict(read_weights(path), strict=True)
    assert sum(t.numel() for t in net.state_dict().values() if t.is_floating_point()) == facts.parameters
    assert generation.FEATURE_NETWORK.name in RUNS and facts.training.steps > 0
    assert scores.sample_figure(generation.FEATURE_NETWORK) == pytest.approx(facts.scores["sample"], abs=0.01)


def test_the_feature_network_measures_in_float32_where_bfloat16_is_fast(monkeypatch):
    """Measures are to be the same on every machine.  By the plain net."""
    monkeypatch.setattr(device, "fast_dtype", lambda here: torch.bfloat16)
    monkeypatch.setattr(device, "best", lambda: "cpu")
    net = generation.FEATURE_NETWORK.net.build().eval()
    net.load_state_dict(read_weights(cards.WEIGHTS / f"{generation.FEATURE_NETWORK.stem}.safetensors"))
    x = pictures(6, 0)
    with torch.no_grad():
        torch.testing.assert_close(generation.features_of(x).float(), net(x / 255), rtol=1e-4, atol=1e-4)


def test_an_altered_feature_network_measures_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "bundled", tmp_path)
    monkeypatch.setattr(hub, "cache", tmp_path)
    loader.forget()
    (tmp_path / f"{generation.FEATURE_NETWORK.name}.safetensors").write_bytes(b"something else")
    with pytest.raises(UserError, match="weights_altered"):
        generation.features_of(pictures(1, 0))


def test_the_feature_network_stands_for_squeezenet():
    found = generation.FEATURE_NETWORK.facts.scores
    assert found["together"]["correlation"] > 0.65
    assert found["generators"]["rank_correlation"] > 0.8


@pytest.mark.parametrize("card", GENERATORS, ids=lambda card: card.name)
def test_every_trained_generator_is_measured_and_copies_nothing(card):
    (found,) = [one for one in card.facts.scores.values() if isinstance(one, dict)]
    assert found.keys() >= MEASURES and found["copy_ratio"] > 0.5
    assert 0 < found["precision"] <= 1 and 0 <= found["recall"] <= 1 and found["frechet"] > found["floor_frechet"]


# -- upscalers -------------------------------------------------------------------------------------------------------


@pytest.fixture
def hr(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(2):
        Image.fromarray(scenes.city(96, n).pixels).save(folder / f"{n}.png")
    return folder


@pytest.mark.slow
def test_an_upscaler_is_measured_on_pictures_made_small(hr):
    """PSNR by scikit-image of MATLAB's luminance, the border of the scale cut off."""
    [(name, found)] = scores.evaluate(find_card("bicubic"), hr).items()
    wanted = []
    for path in sorted(hr.iterdir()):
        truth = Image.open(path).convert("RGB")
        small = np.asarray(truth.resize((24, 24), Image.Resampling.BICUBIC))
        made = find_card("bicubic")(Picture(small), scale=4).pictures[0].pixels
        y, true = ((np.asarray(x, float) @ (65.481, 128.553, 24.966) / 255 + 16)[4:-4, 4:-4] for x in (made, truth))
        wanted.append(peak_signal_noise_ratio(true, y, data_range=255))
    assert name == "pictures" and found["psnr"] == pytest.approx(np.mean(wanted), abs=0.001)
    assert found["count"] == 2 and found["scale"] == 4 and found["distilled_lpips"] > 0


@pytest.mark.slow
def test_pictures_as_from_a_phone_are_harder_and_the_same_every_time(hr):
    clean = scores.evaluate(find_card("bicubic"), hr)["pictures"]
    [(name, found)], [(_, again)] = (scores.evaluate(find_card("bicubic"), hr, phone=True).items() for _ in range(2))
    assert name == "pictures_phone" and found == again
    assert found["psnr"] < clean["psnr"] and found["distilled_lpips"] > clean["distilled_lpips"]


def test_equal_pictures_are_at_no_distance_and_blur_is_at_some():
    picture = scenes.city(96, 1)
    blurred = Picture(np.asarray(Image.fromarray(picture.pixels).filter(ImageFilter.GaussianBlur(2))))
    same, other = (upscaling.resemblance(p, picture, 4) for p in (picture, blurred))
    assert same["psnr"] == math.inf and same["ssim"] == pytest.approx(1) and same["distilled_lpips"] == 0
    assert other["distilled_lpips"] > 0.05


def test_a_perceptual_distance_is_the_papers_formula():
    """Zhang et al. 2018, equation 1, pixel by pixel in float64."""
    torch.manual_seed(0)
    x, y = ([torch.randn(1, c, 3, 4).double() for c in (5, 2)] for _ in range(2))
    worth = [torch.rand(c).double() for c in (5, 2)]
    total = 0.0
    for f, g, w in zip(x, y, worth, strict=True):
        for i in range(3):
            for j in range(4):
                a, b = f[0, :, i, j] / f[0, :, i, j].norm(), g[0, :, i, j] / g[0, :, i, j].norm()
                total += (w * (a - b) ** 2).sum().item() / 12
    assert metrics.perceptual_distance(x, y, worth).item() == pytest.approx(total)


# -- stylizers -------------------------------------------------------------------------------------------------------


def maps(seed, sides, channels=(6, 9)):
    """Features of a picture: skewed, a spread of its own for each channel."""
    torch.manual_seed(seed)
    return [torch.rand(1, c, *sides) ** 3 * torch.rand(1, c, 1, 1) * 5 for c in channels]


def test_a_sliced_distance_is_the_mean_of_distances_along_rays():
    """Of quantiles by numpy in float64; of whole distributions by scipy, where no tail is cut off."""
    x, y, units = maps(1, (20, 30)), maps(2, (25, 17)), [torch.rand(c, 1) + 0.5 for c in (6, 9)]
    numbers, levels, ours, whole = torch.Generator().manual_seed(0), np.linspace(0.01, 0.99, 200), [], []
    for one, other, unit in zip(x, y, units, strict=True):
        rays = torch.randn(len(unit), 128, generator=numbers).double().numpy()
        rays /= np.linalg.norm(rays, axis=0)
        pair = [(p[0].flatten(1).double() / unit).numpy().T @ rays for p in (one, other)]
        ours.append(np.abs(np.subtract(*(np.quantile(p, levels, axis=0) for p in pair))).mean())
        whole.append(np.mean([wasserstein_distance(a, b) for a, b in zip(*(p.T for p in pair), strict=True)]))
    found = metrics.sliced_distance(x, y, units).item()
    assert found == pytest.approx(np.mean(ours), rel=1e-4) and found == pytest.approx(np.mean(whole), rel=0.05)


def test_the_photograph_lacks_all_the_style_and_the_painting_none():
    worth = [torch.ones(c) for c in range(3, 10)]
    photo, painting = (maps(seed, sides, range(3, 10)) for seed, sides in ((1, (20, 20)), (2, (20, 20))))
    assert style.judge(photo, photo, painting, worth) == (1, 0)
    lacks, lpips = style.judge(painting, photo, painting, worth)
    assert lacks == 0 and lpips == pytest.approx(metrics.perceptual_distance(painting, photo, worth).item()) and lpips > 0
    shuffled = [one.flatten(2)[..., torch.randperm(400)].view_as(one) for one in painting]  # a style lies nowhere
    assert style.judge(shuffled, photo, painting, worth)[0] == pytest.approx(0, abs=1e-6)
    half = [one.where(torch.rand(20, 20) < 0.5, other) for one, other in zip(photo, painting, strict=True)]
    assert 0.3 < style.judge(half, photo, painting, worth)[0] < 0.7


def test_a_style_has_no_units_and_lies_in_the_first_layers():
    worth, (made, photo, painting) = [torch.ones(c) for c in range(3, 10)], (maps(n, (9, 9), range(3, 10)) for n in (3, 4, 5))
    left, _ = style.judge(made, photo, painting, worth)
    large = [[one * torch.arange(1, one.shape[1] + 1).view(1, -1, 1, 1) for one in seen] for seen in (made, photo, painting)]
    plain = [one[0].flatten(1) for one in (photo[0], painting[0])]
    deviation = torch.cat(plain, 1).double().numpy().std(1, ddof=1)
    deviation = np.maximum(deviation, 0.05 * deviation.mean())
    np.testing.assert_allclose(style.spread(photo[0], painting[0])[:, 0], deviation, rtol=1e-5)
    units = [style.spread(*pair) for pair in zip(photo[:5], painting[:5], strict=True)]  # whatever was made
    apart = [metrics.sliced_distance(one[:5], painting[:5], units).item() for one in (made, photo)]
    assert left == pytest.approx(apart[0] / apart[1], rel=1e-5)
    assert style.judge(*large, worth)[0] == pytest.approx(left, rel=1e-5)
    assert style.judge([*made[:5], *photo[5:]], photo, painting, worth)[0] == left


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of teachers by chance, of photographs and of paintings."""
    torch.manual_seed(0)
    net = squeezenet1_1(weights=None)
    save_file(net.state_dict(), tmp_path / "squeezenet1_1.safetensors")
    for name in ("lpips", "vgg19_pruned16x", "style", "eval/Kodak24"):
        (tmp_path / name).mkdir(parents=True)
    widths = (64, 128, 256, 384, 384, 512, 512)
    torch.save({f"lin{n}.model.1.weight": torch.rand(1, c, 1, 1) for n, c in enumerate(widths)}, tmp_path / "lpips/squeeze.pth")
    (tmp_path / "vgg19_pruned16x/enc5.pt").touch()
    monkeypatch.setattr(teachers, "pruned_vgg", lambda path, padding: VGG((4, 4, 4, 4, 4)).requires_grad_(False))
    for n, name in enumerate(PATCHED):
        Image.fromarray(scenes.still_life(64, n).pixels).save(tmp_path / "style" / PAINTINGS[name])
    for n in range(2):
        Image.fromarray(scenes.landscape(64, n).pixels).save(tmp_path / f"eval/Kodak24/{n}.png")
    return tmp_path


def test_lpips_looks_where_its_authors_look(folder):
    """At richzhang/PerceptualSimilarity's slices of SqueezeNet, in its units, with RGB in [−1, 1]; in float64."""
    net = squeezenet1_1(weights=None)
    net.load_state_dict(teachers.load_file(folder / "squeezenet1_1.safetensors"))
    worth, pair = torch.load(folder / "lpips/squeeze.pth"), torch.rand(2, 1, 3, 64, 64)
    seen = []
    for x in 2 * pair.double() - 1:
        x = (x - torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)) / torch.tensor([0.458, 0.448, 0.450]).view(3, 1, 1)
        for start, end in ((0, 2), (2, 5), (5, 8), (8, 10), (10, 11), (11, 12), (12, 13)):
            x = net.features.double()[start:end](x)
            seen.append((x / x.norm(dim=1, keepdim=True)).detach())
    wanted = sum(((seen[n] - seen[7 + n]) ** 2 * one.double()).sum(1).mean() for n, one in enumerate(worth.values()))
    assert teachers.lpips(folder)(*pair) == pytest.approx(wanted.item(), rel=1e-4)


class Stylizer:
    """Hands back the photograph, or the painting itself."""

    task, stem = "stylize", "copier"
    abilities, facts = SimpleNamespace(named_styles=True, optimises=False), SimpleNamespace(styles=(*PATCHED, "photograph"))

    def __init__(self, paintings=None):
        self.paintings = paintings

    def __call__(self, photo, style, size):
        return SimpleNamespace(pictures=[decode(self.paintings / PAINTINGS[style]) if self.paintings else photo])


def test_a_stylizer_is_measured_beside_gatys(folder, monkeypatch):
    for name, value in (("JUDGED", 64), ("GATYS", 4), ("PAIRS", 2)):
        monkeypatch.setattr(style, name, value)
    [(name, lazy)], [(_, copy)] = (scores.evaluate(Stylizer(which), folder, folder).items() for which in (None, folder / "style"))
    assert name == "Kodak24" and lazy["photos"] == 2 and lazy["paintings"] == 4 and lazy["gatys_pairs"] == 2
    assert lazy["style_distance"] == 1 and lazy["photo_lpips"] == 0
    assert copy["style_distance"] == 0 and copy["photo_lpips"] > copy["gatys_photo_lpips"] > 0
    assert 0 < copy["gatys_style_distance"] < 1.2


def test_gatys_gives_the_best_that_it_met():
    torch.manual_seed(0)
    objective, photo = StyleObjective(VGG((4, 4, 4, 4, 4)).requires_grad_(False), 5.0), torch.rand(1, 3, 48, 48)
    wanted, met = objective.styles(torch.rand(1, 3, 48, 48) ** 4), []

    def loss(x):
        met.append(objective.weighted(*objective.terms(x, photo, wanted)).sum())
        return met[-1]

    best, least = peers.usual_lbfgs(loss, photo, 12)
    assert len(met) == 12 and least == min(met) < met[0]
    assert torch.equal(peers.gatys(objective, photo, wanted, 12), best.clamp(0, 1)) and loss(best).item() == least
    met.clear()
    best, least = peers.usual_lbfgs(lambda x: met.append((x - 0.3).abs().sqrt().sum()) or met[-1], torch.zeros(1, 1, 1, 1), 9)
    assert met[-1] > least == min(met) == (best - 0.3).abs().sqrt()  # its steps go too far

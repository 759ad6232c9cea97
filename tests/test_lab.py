"""The lab: trainings that can be watched, steered, stopped and kept, and failures that can be relied on.

All counts steps; only what is promised in seconds is measured in them.
"""

import asyncio
import base64
import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from imgen import place
from imgen.controls import Choice, UserError
from imgen.functional.losses import GAMES
from imgen.lab import data, own, sets
from imgen.lab.child import answered
from imgen.lab.courses import chequer
from imgen.lab.job import Job
from imgen.lab.kept import FIELD, KNOWN, card_of, facts_of, packed, setup_of
from imgen.lab.methods import METHODS
from imgen.lab.nursery import Nursery
from imgen.lab.parquet import columns
from imgen.lab.run import Teaching, run
from imgen.lab.sets import read as read_set
from imgen.lab.setups import PRESETS, STARTS, STEERED, Setup, knobs, ordered
from imgen.models import mlp_gan
from imgen.models.vae import VAE
from imgen.texts.words import WORDS
from imgen.training.autoencoders import Elbo
from imgen.training.gan import UsualGAN
from imgen.training.steps import Batches

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    """Drawing thousands takes longer than a hundred steps."""
    monkeypatch.setattr(data, "POOL", 1024)
    monkeypatch.setattr(data, "STROKES", 256)


def taught(setup, steps):
    """After so many steps, or when it ran into trouble -> the training, and what a moment then tells."""
    teaching = Teaching(setup)
    while teaching.step < steps and not teaching.trouble:
        teaching.advance()
    return teaching, teaching.moment()


def weights(teaching):
    return torch.cat([t.flatten().double() for net in teaching.course.everything().values() for t in net.state_dict().values()])


def toy(size=8):
    pictures = torch.randint(0, 256, (32, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Batches(pictures, torch.zeros(32, dtype=torch.int64), size, "cpu", flip=False)


# the recipes, as they can be steered


class Fixed:
    """A batch that is always the same."""

    def __init__(self):
        self.x, self.label = toy()()

    def __call__(self):
        return self.x, self.label


def test_a_step_of_the_usual_gan_is_that_of_the_textbook(monkeypatch):
    """By torch's own binary cross-entropy of probabilities, and plain gradient descent."""
    monkeypatch.setattr("imgen.training.gan.mixed_precision", lambda device: torch.autocast("cpu", enabled=False))
    torch.manual_seed(0)
    recipe = UsualGAN(
        mlp_gan.Generator(1, 4, (8,)), mlp_gan.Discriminator(1, (8,)), Fixed(), device="cpu", rates=(0.1, 0.2),
        optimizer=lambda net, betas: torch.optim.SGD(net.parameters(), lr=0.0),
    )
    g, d = mlp_gan.Generator(1, 4, (8,)), mlp_gan.Discriminator(1, (8,))
    g.load_state_dict(recipe.generator.state_dict())
    d.load_state_dict(recipe.discriminator.state_dict())
    of_g, of_d = (torch.optim.SGD(net.parameters(), lr) for net, lr in ((g, 0.1), (d, 0.2)))
    torch.manual_seed(5)
    recipe.step(0.0)
    torch.manual_seed(5)
    x, label = recipe.batches()
    fake = g(torch.randn(8, 4), label)
    real_p, fake_p = torch.sigmoid(d(x, label)), torch.sigmoid(d(fake.detach(), label))
    loss = F.binary_cross_entropy(real_p, torch.ones(8, 1)) + F.binary_cross_entropy(fake_p, torch.zeros(8, 1))
    loss.backward()
    of_d.step()
    F.binary_cross_entropy(torch.sigmoid(d(fake, label)), torch.ones(8, 1)).backward()
    of_g.step()
    for mine, theirs in ((recipe.generator, g), (recipe.discriminator, d)):
        for (name, one), other in zip(mine.named_parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4, msg=name)


@pytest.mark.parametrize("name", GAMES)
def test_each_game_is_the_formula_of_its_paper(name):
    real, fake = torch.tensor([[0.3], [-1.2], [2.0]]), torch.tensor([[0.7], [-0.4], [-2.5]])
    p, q = torch.sigmoid(real), torch.sigmoid(fake)
    entropy = -(p.log().mean() + (1 - q).log().mean())
    judge, forger = {
        "non_saturating": (entropy, -q.log().mean()), "saturating": (entropy, (1 - q).log().mean()),
        "least_squares": (0.5 * ((real - 1) ** 2).mean() + 0.5 * (fake**2).mean(), 0.5 * ((fake - 1) ** 2).mean()),
        "hinge": (-(real - 1).clamp(max=0).mean() - (-fake - 1).clamp(max=0).mean(), -fake.mean()),
    }[name]
    torch.testing.assert_close(GAMES[name].judge(real, fake), judge)
    torch.testing.assert_close(GAMES[name].forger(fake), forger)


def test_beta_weighs_the_kl_term_and_nothing_else():
    torch.manual_seed(0)
    recipe = Elbo(VAE(1, latent=2, hidden=8), toy(), device="cpu")
    losses = {"reconstruction": torch.tensor(3.0), "kl": torch.tensor(0.5)}
    assert recipe.objective(losses) == 3.5
    recipe.beta = 4.0
    assert recipe.objective(losses) == 5.0


def test_turns_say_how_often_each_learns():
    torch.manual_seed(0)
    recipe = UsualGAN(mlp_gan.Generator(1, 4, (8,)), mlp_gan.Discriminator(1, (8,)), toy(), device="cpu", turns=(2, 3))
    recipe.step(0.0)
    steps = [int(next(iter(one.state.values()))["step"]) for one in (recipe.optimizer_g, recipe.optimizer_d)]
    assert steps == [2, 3]


# good starts are recognisable after steps that fit into the promised seconds


def test_a_dense_gan_has_learned_four_shapes_after_400_steps():
    _, moment = taught(STARTS["gan"], 400)
    assert moment["scores"]["kinds"] == 4 and moment["scores"]["distance"] < 3.2 and moment["scores"]["variety"] > 0.5


def test_a_vae_has_learned_shapes_after_150_steps():
    _, moment = taught(STARTS["vae"], 150)
    assert moment["scores"]["psnr"] > 16 and moment["scores"]["kl"] > 3


def test_a_classifier_has_learned_shapes_after_120_steps():
    _, moment = taught(STARTS["cnn"], 120)
    assert moment["scores"]["accuracy"] > 0.95


@pytest.mark.parametrize(("method", "steps", "than"), [("espcn", 60, "bicubic"), ("denoiser", 30, "noisy")])
def test_what_mends_soon_beats_what_it_was_given(method, steps, than):
    _, moment = taught(STARTS[method], steps)
    assert moment["scores"]["psnr"] > moment["scores"][than]
    assert moment["recon"]["rows"] == [than, "made", "truth"]


# failures that can be relied on

SYMPTOMS = {
    "mode_collapse": lambda s, losses, trouble: s["variety"] < 0.3 and s["kinds"] <= 2,
    "judge_too_strong": lambda s, losses, trouble: s["fake"] < 0.05 and s["real"] > 0.9 and s["distance"] > 6,
    "judge_too_weak": lambda s, losses, trouble: s["distance"] > 4.4 and s["kinds"] <= 3 and abs(s["real"] - s["fake"]) < 0.3,
    "saturating": lambda s, losses, trouble: s["fake"] < 0.25 and s["distance"] > 7,
    "rate_too_high": lambda s, losses, trouble: max(losses.values()) > 5,
    "kl_vanishing": lambda s, losses, trouble: s["kl"] < 0.3 and s["used"] == 0 and s["psnr"] < 14,
    "overfitting": lambda s, losses, trouble: s["accuracy_train"] > 0.9 and s["accuracy"] < 0.75,
    "dead_relus": lambda s, losses, trouble: s["dead"] > 0.5 and s["accuracy"] < 0.5,
    "chequerboard": lambda s, losses, trouble: s["chequer"] > 3.5,
}


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_shows_its_symptom(name, seed):
    preset = PRESETS[name]
    _, moment = taught(preset.setup.again(seed), preset.steps)
    assert SYMPTOMS[name](moment["scores"], moment["losses"], moment["trouble"]), moment["scores"]


@pytest.mark.parametrize("name", PRESETS)
def test_and_what_mends_it_takes_the_symptom_away(name):
    preset = PRESETS[name]
    _, moment = taught(preset.mended, max(120, preset.steps))
    assert not SYMPTOMS[name](moment["scores"], moment["losses"], moment["trouble"]), moment["scores"]


def test_the_chequerboard_is_measured_by_the_place_in_a_cell_alone():
    row = torch.arange(28)
    board = ((row[:, None] + row) % 2).float()[None, None]
    grid = ((row[:, None] % 2 == 0) & (row % 2 == 0)).float()[None, None]
    smooth = (row / 27)[None, None, None].expand(1, 1, 28, 28)
    assert chequer(0.5 + 0.1 * (board - 0.5)) == pytest.approx(25.5 / 2 * 8 / 9, rel=0.02)  # beside the mean of 3×3
    assert chequer(0.2 * grid) > 15 and chequer(smooth) < 1e-3
    assert chequer((row[:, None] < 14).float().expand(28, 28)[None, None]) < 10  # one edge is no pattern


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_loss_that_runs_away_is_noticed_and_the_weights_of_before_are_kept(seed):
    setup = STARTS["vae"].but(rate=0.3, seed=seed, steps=50)
    before = weights(Teaching(setup))
    teaching = Teaching(setup)
    *_, last = teaching.moments(dict)
    assert last["trouble"] == "lab_runaway" and last["done"] and last["step"] < 10 and last["kept"] == 0
    torch.testing.assert_close(weights(teaching), before, rtol=0, atol=0)
    card_of(packed(teaching))


def test_a_loss_that_is_no_number_is_noticed_and_steps_back_to_the_last_healthy_weights(monkeypatch):
    teaching = Teaching(STARTS["cnn"].but(steps=200))
    real, at = teaching.course.step, []

    def step():
        if teaching.step == 120:
            with torch.no_grad():
                next(teaching.course.recipe.net.parameters()).fill_(torch.nan)
        at.append(None)
        return real()

    monkeypatch.setattr(teaching.course, "step", step)
    *_, last = teaching.moments(dict)
    assert last["trouble"] == "lab_not_a_number" and last["step"] == 121 and last["kept"] == 100
    assert torch.isfinite(weights(teaching)).all() and last["scores"]["accuracy"] > 0.9


# the same start, steering


@pytest.mark.parametrize("method", ["gan", "vae", "cnn", "denoiser"])
def test_the_same_start_runs_bit_for_bit_the_same_however_it_is_watched(method):
    alone = taught(STARTS[method], 4)[0]
    watched = Teaching(STARTS[method])
    for _ in range(4):
        watched.advance()
        watched.moment()
    assert torch.equal(weights(watched), weights(alone))
    assert not torch.equal(weights(Teaching(STARTS[method].again(1))), weights(Teaching(STARTS[method])))


def test_steering_takes_effect_at_the_next_step():
    teaching = Teaching(STARTS["gan"].but(steps=4))
    orders = iter([{}, {"rate": 0.5, "rate_d": 0.25, "d_steps": 3, "loss": "hinge"}, {}, {}, {}])
    seen = []
    real = teaching.course.step
    recipe = teaching.course.recipe

    def step():
        out = real()
        rates = [one.param_groups[0]["lr"] for one in (recipe.optimizer_g, recipe.optimizer_d)]
        seen.append((*rates, int(next(iter(recipe.optimizer_d.state.values()))["step"]), recipe.game is GAMES["hinge"]))
        return out

    teaching.course.step = step
    list(teaching.moments(lambda: next(orders, {})))
    assert seen == [(1e-3, 1e-3, 1, False), (0.5, 0.25, 4, True), (0.5, 0.25, 7, True), (0.5, 0.25, 10, True)]
    assert teaching.steered == [{"step": 1, "rate": 0.5, "rate_d": 0.25, "d_steps": 3, "loss": "hinge"}]


@pytest.mark.parametrize("method", ["vae", "cnn", "espcn"])
def test_the_rate_of_every_other_recipe_too(method):
    teaching = Teaching(STARTS[method])
    for rate in (STARTS[method].knobs["rate"], 0.001):
        teaching.order({"rate": rate})
        teaching.advance()
        lr = teaching.course.recipe.optimizer.param_groups[0]["lr"]
        assert abs(lr / rate - 1) < 2e-3  # the cosine's first thousandth


def test_pause_step_and_go_on():
    said = [{"pause": True}, {}, {"step": 2}, *[{}] * 6, {"pause": False}, {}, {"stop": True}]
    orders, steps = iter(said), []
    for moment in run(STARTS["cnn"].but(steps=1000), lambda: next(orders, {"stop": True})):
        steps.append(moment["step"])
    assert steps[0] == 0 and 1 in steps and 2 in steps and steps[-1] in (3, 4) and moment["done"]


def test_slow_motion_shows_every_step_and_takes_its_time():
    began = time.monotonic()
    steps = [moment["step"] for moment in run(STARTS["cnn"].but(steps=3), lambda: {"slow": 0.3})]
    assert steps == [0, 1, 2, 3, 3] and time.monotonic() - began > 0.6


@pytest.mark.parametrize(
    ("orders", "key"),
    [({"rate": 10}, "knob_out_of_range"), ({"rate": "x"}, "knob_not_a_number"), ({"batch": 4}, "knob_unknown"),
     ({"loss": "mine"}, "knob_not_an_option"), ({"step": 0}, "knob_out_of_range"), ({"slow": 99}, "knob_out_of_range")],
)
def test_orders_are_checked(orders, key):
    with pytest.raises(UserError) as error:
        ordered(STARTS["gan"], orders)
    assert error.value.key == key


# what a moment is


@pytest.mark.parametrize("method", METHODS)
def test_a_moment_is_small_json_and_tells_what_it_promises(method):
    teaching, moment = taught(STARTS[method].but(batch=4), 2)
    assert json.loads(json.dumps(moment)) == moment
    sheets = [moment[name]["png"] for name in ("samples", "recon") if name in moment]
    assert sheets and sum(map(len, sheets)) < 16_000 and len(json.dumps(moment)) < 24_000
    assert moment["gradients"] and all(value >= 0 for value in moment["gradients"].values())
    for name in ("samples", "recon"):
        if name in moment:
            one = moment[name]
            image = Image.open(io.BytesIO(base64.b64decode(one["png"].split(",")[1])))
            rows = -(-one["count"] // one["columns"])
            assert image.size == (one["columns"] * one["side"][1], rows * one["side"][0])
    assert {*moment["losses"], *moment["scores"]} == set(moment["curves"])
    assert all(f"lab_score_{name}" in WORDS for name in moment["scores"])
    assert all(f"loss_{name}" in WORDS for name in moment["losses"])


def test_the_histograms_count_what_the_discriminator_says():
    teaching, moment = taught(STARTS["gan"], 30)
    course: Any = teaching.course
    with torch.no_grad():
        fake = course.recipe.generator.eval()(course.z, course.labels)
        p = torch.sigmoid(course.recipe.discriminator(fake, course.labels)).flatten().numpy()
    counts, edges = np.histogram(p, 20, (0, 1))
    assert moment["histogram"]["fake"] == counts.tolist() and sum(moment["histogram"]["real"]) == 128
    assert moment["scores"]["fake"] == pytest.approx(p.mean(), abs=1e-3)
    np.testing.assert_allclose(moment["histogram"]["edges"], edges, atol=1e-3)


def test_gradient_norms_are_those_of_the_weights():
    teaching, moment = taught(STARTS["cnn"], 3)
    conv = teaching.course.recipe.net.features[0]
    assert moment["gradients"]["net.features.0"] == pytest.approx(float(np.linalg.norm(conv.weight.grad.numpy())), rel=1e-2)


def test_psnr_is_that_of_the_definition():
    teaching, moment = taught(STARTS["espcn"], 1)
    course: Any = teaching.course
    with torch.no_grad():
        made = course.average()(course.given).clamp(0, 1).numpy()
    error = ((made - course.truth.numpy()) ** 2).mean((1, 2, 3))
    assert moment["scores"]["psnr"] == pytest.approx(float(np.mean(-10 * np.log10(error))), abs=1e-2)


# data


@pytest.mark.parametrize("name", ["shapes", "digits", "characters"])
def test_pictures_are_drawn_by_the_seed_and_none_is_both_learned_and_measured_by(name):
    one, again, other = (data.lot_for(Setup.read({"method": "cnn", "data": name, "seed": seed})) for seed in (1, 1, 2))
    assert np.array_equal(one.pictures, again.pictures) and not np.array_equal(one.pictures, other.pictures)
    assert one.pictures.shape[1:] == (1, 28, 28) and set(one.labels) == set(range(len(one.classes)))
    seen = {picture.tobytes() for picture in one.pictures}
    assert sum(picture.tobytes() in seen for picture in one.held_out) < 3


def test_a_disc_is_round_and_a_cross_is_not():
    lot = data.lot_for(STARTS["cnn"])
    area = {kind: lot.pictures[lot.labels == n].mean() / 255 * 28**2 for n, kind in enumerate(lot.classes)}
    radius = 10.5  # in the mean
    assert area["disc"] == pytest.approx(np.pi * (0.9 * radius) ** 2, rel=0.03)
    assert area["square"] == pytest.approx((2 * 0.72 * radius) ** 2, rel=0.03)
    assert area["cross"] == pytest.approx((2 * 2 * 0.95 * 2 * 0.28 - (2 * 0.28) ** 2) * radius**2, rel=0.03)


PARQUET = (  # eleven pictures and labels as pyarrow writes them, in two groups of rows; packed by zlib, in base 85
    "c-rMxTWl0n7(VCBncL3pcDH4Q-P(u7z@(T0ZAq~ur83(KtSnd>ZY5|~O5Ku_Qno<h#R`dN6Er?3ikj$)m<T~5Mw_Tu<yK0Agj7&sf`rBgHN9-x"
    "ZKvIx@yyI_yU><cedMG)=Raru+xfrm{K-}+)%hY8zqE_(Y(R91ARU1BnC*=KfVQgjs~xsX8xbA;HRaW0Wgs5#b3_1_KKcADvK0Eum5ql!fKP#+"
    "b;!kq5ej4UgYMQK0%^<`h@e=6vJKG)xh6&_6|wzL$7orr^Uf{$zy;{f@>i@cKkM6Z^m-WF02$7Vt4<o)ZVd4w6yl@wsE%MyoEf7jRH_fM8bYHw"
    "oIqMWblqFmTk|o=AQA>0&^`1MJyHx^7j!Dl!`l(aF@soh0u-@fYBa`ZDs*4OIvm;kuKVb#YhQu)qr{BAraJmuut(*`ISQ#bO2^_@pnw*MV>K>l"
    "G>4GTKTd1MPN$#y^eX=?Z0_3(J7GGEtK0x|jOjc=5Ie3!Cn~XhY)EGSj*i>lNDQzxV5fx_gfw5febbX*<!0OfPOLy+nSaGEwY@vk%UxaF9oIWr"
    "+TJ<YwqaoS!~432juu2-3Waw4Q9Sg<ug8zP{raGM+68*Twj*D+mEHrOc;k;vV4(Ewg-gRHj||3^9;`gk8VGcE+q(m~X9BHSJoKWfzJKp-D|4dt"
    "cz4z_?SLI}eDg%#t&;{`$vTTbl*G(jg0xFyL?&xF$Z4DjXyboYpyytIlngu#|0dotE8c&s)l@XMn{0#}L}n+VsMjuM61D>o1;}J@oy?>b=_v(q"
    "l0(*G8bCmlo5Vo!VH9BucnD~o#ej8ifOl|iSOS4HxWxK!i9H;j_~J>b014#GaGIJdOeXs#D|X_5$e9^*QvdB~3g5dmZ5ZCxp&p+=6s@T`jr#$I"
    "RfwT$Y+S&Y(rJ2v`fQQ=eD&tP&Za!go8+k=Jw2*3kY>9<#1EZUqG=-niVize0CAcgqmc@2;9`s}-P-GNX5L+}t}hJea7Q{EjAe}DIJ{<?D1z)2"
    "$i|}NX)$r0Ml?$^BRbNb#?i6jh7$MlJ*V={m}UbdOqVdM>F8#RJVP6b;R&a%;$g&$YIejs#<h4qMng1%V%NW$cN({kpL>Yn^F&WBso4Lb_#88T"
    "fZ}tHH|GLRBe`vX!5h-Ds9rD&$0sYoO>&$wIlf9PN-``P^9IKe&#nU0bY?$L*;Hnu8JUeznVrZGS{Zt`7XlB{Tw7naCn#c2h&=S}J;6{NkwyDL"
    "vfFuhe_gXB<EG&L`h_5nWh8-(j}5_{bqzq0yt&>I8DxoeZy{h@-W<z^Wh)}dDfPId-vs%0R^}duUgyoVpf{j$k)=e630}s#oHP`oIK5D2Va+;i"
    "l(xx7?Q*YRbinCufa%3>VtT=rmjn)`gO8B(GLla@<n#8qwY+J;7BODg3?+4DNKToPz9Jbt3T00ELXi46`Ba8{-uZaE_vr`?Fc#3<BZ1~jpu6VF"
    "XXYDiU^bw+S%K!HJ}CVO<vSkvm}hPsU}m6=P|~nN;s|yGN8ru!*p=$)=eDe{dV}Y0wA2_aA)lfs8x(7-Rg@OR7g8z}C8U&v%rhTRSZ4@jisCm9"
    "rdGugEy<kMloO{#M5rjMNEjI#WpZpXG@EO-Jln9-+=rBM(@AYY)fkoLysyg0&&V#XCK)M_YFW~g;@dE35ZsbqzpcPHEejb}E10z3WGbzmvQNp^"
    "SHEkub<x9y{vp#D300%`TC96lOd0un)>Uh#?mv}qO=CmewyjepDc@HDPj*u<yzfBW{>8OTO^bu!@ZOf}gLUEN-Fq9e3zjd*TaxcBA${2T1D!Mg"
    "Rpd9sKiJSM$N"
)


def parquet(path, cut=None):
    path.write_bytes(zlib.decompress(base64.b85decode(PARQUET))[:cut])
    return path


def test_a_data_set_is_read_as_another_program_wrote_it(tmp_path):
    pictures, labels = columns(parquet(tmp_path / "a.parquet"), ("image.bytes", "label"), 100)
    assert labels == [4, 5, 7, 9, 0, 1, 8, 9, 2, 3, 8] and len(pictures) == 11
    assert {Image.open(io.BytesIO(one)).size for one in pictures} == {(6, 6)}
    assert columns(tmp_path / "a.parquet", ("label",), 3) == [[4, 5, 7]]


def test_a_data_set_that_is_damaged_is_a_sentence(tmp_path):
    whole = parquet(tmp_path / "a.parquet").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        bad = np.frombuffer(whole, np.uint8).copy()
        bad[rng.integers(len(bad), size=3)] = rng.integers(256, size=3)
        (tmp_path / "bad.parquet").write_bytes(bad.tobytes()[: rng.integers(8, 4 * len(bad))])  # of some the end is missing
        with suppress(ValueError):
            columns(tmp_path / "bad.parquet", ("image.bytes", "label"), 100)
    with pytest.raises(UserError, match="set_unreadable"):  # too few pictures, of another size
        read_set(tmp_path / "a.parquet", "mnist")


@pytest.mark.parametrize("name", ["fashion", "mnist"])
def test_a_set_that_cannot_be_reached_is_called_by_its_name(monkeypatch, name):
    def fetch(file):
        raise UserError("weights_offline", file=file.file)
        yield

    monkeypatch.setattr(sets.hub, "fetch", fetch)
    with pytest.raises(UserError) as error:
        sets.fetched(name)
    assert error.value.key == "set_offline" and error.value.facts["name"] == {"fashion": "Fashion-MNIST", "mnist": "MNIST"}[name]


def test_a_set_comes_from_a_data_set_of_the_hub(monkeypatch, tmp_path):
    asked = []

    def fetch(file):
        asked.append((file.repository, file.kind))
        yield 1, 2
        return parquet(tmp_path / "a.parquet")

    monkeypatch.setattr("imgen.hub.fetch", fetch)
    with pytest.raises(UserError, match="set_unreadable"):
        Teaching(Setup.read({"method": "vae", "data": "fashion"}))
    assert asked == [("zalando-datasets/fashion_mnist", "dataset")]


# a visitor's own pictures


def png(seed=0, side=40):
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def zipped(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def refused(*files):
    with pytest.raises(UserError) as error:
        own.own_pictures(files)
    assert error.value.key in WORDS
    return error.value.key


def test_a_zip_of_folders_is_classes_and_a_classifier_learns_them(tmp_path):
    kinds = [(f"{kind}/{n}.png", png(n) if kind == "noise" else flat(n)) for kind in ("noise", "plain") for n in range(12)]
    mine = own.own_pictures([zipped(tmp_path / "a.zip", [*kinds, ("readme.txt", b"hello"), ("__MACOSX/._1.png", b"x")])])
    assert mine.classes == ("noise", "plain") and len(mine.pictures) == 24 and mine.skipped == 0
    teaching = Teaching(Setup.read({"method": "cnn", "data": "own", "batch": 8}), mine)
    while teaching.step < 40:
        teaching.advance()
    assert teaching.moment()["scores"]["accuracy"] == 1.0


def flat(seed):
    file = io.BytesIO()
    Image.new("RGB", (50, 40), (seed * 9, 80, 40)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_from_eight_pictures_but_one_that_needs_classes(tmp_path, method):
    files = []
    for n in range(8):
        files.append(tmp_path / f"{n}.png")
        files[-1].write_bytes(png(n))
    mine = own.own_pictures(files)
    setup = Setup.read({"method": method, "data": "own", "batch": 4})
    if method == "cnn":
        with pytest.raises(UserError, match="own_no_classes"):
            Teaching(setup, mine)
    else:
        teaching = Teaching(setup, mine)
        teaching.advance()
        assert json.dumps(teaching.moment())


def test_hostile_files_are_a_sentence_each(tmp_path, monkeypatch):
    monkeypatch.setattr(own, "BYTES", 1 << 20)
    monkeypatch.setattr(own, "ALL_BYTES", 10 << 20)
    many = zipped(tmp_path / "many.zip", [(f"{n}.png", b"x") for n in range(1000)])
    huge = zipped(tmp_path / "huge.zip", [("a.png", bytes(own.BYTES + 1))])
    climbing = zipped(tmp_path / "up.zip", [("../../etc/a.png", png())] * 1)
    absolute = zipped(tmp_path / "abs.zip", [("/etc/a.png", png())])
    windows = zipped(tmp_path / "win.zip", [("..\\a.png", png())])
    bomb = zipped(tmp_path / "bomb.zip", [(f"{n}.png", bytes(own.BYTES)) for n in range(12)])
    text = zipped(tmp_path / "text.zip", [("a.txt", b"hello"), ("b.png", b"no picture")])
    two = zipped(tmp_path / "two.zip", [("a.png", png(1)), ("b.png", png(2))])
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 and nothing more")
    large = tmp_path / "large.png"
    large.write_bytes(bytes(own.BYTES + 1))
    wide = io.BytesIO()
    Image.new("1", (8000, 8000)).save(wide, "PNG")
    pixels = zipped(tmp_path / "pixels.zip", [("a.png", wide.getvalue())])
    assert [refused(one) for one in (many, huge, climbing, absolute, windows, bomb, text, two, broken, large, pixels)] == [
        "own_too_many", "own_file_large", "own_zip_paths", "own_zip_paths", "own_zip_paths", "own_all_large", "own_none",
        "own_too_few", "own_zip_broken", "own_file_large", "own_file_large",
    ]
    assert list(tmp_path.parent.glob("*/etc")) == []


def test_a_zip_that_lies_about_its_sizes_unpacks_no_more_than_it_said(tmp_path, monkeypatch):
    monkeypatch.setattr(own, "BYTES", 1 << 20)
    path = zipped(tmp_path / "lies.zip", [("a.png", bytes(3 * own.BYTES))])
    raw = bytearray(path.read_bytes())
    size = (3 * own.BYTES).to_bytes(4, "little")
    while (at := raw.find(size)) >= 0:
        raw[at : at + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(raw)
    assert refused(path) in ("own_zip_broken", "own_none")


def test_a_zip_of_a_packing_that_unpacks_whole_files_at_once_is_refused(tmp_path):
    for packing in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):  # 1 GB of zeros are 800 bytes, and Python would hold them all
        path = tmp_path / f"{packing}.zip"
        with zipfile.ZipFile(path, "w", packing) as archive:
            archive.writestr("a.png", png())
        assert refused(path) == "own_zip_packed"


@pytest.mark.parametrize(("encoding", "names"), [("gbk", ("上小狗", "上蜂猫")), ("utf-8", ("小狗", "蜂猫"))])
def test_folders_that_an_old_windows_or_a_mac_has_packed_are_called_as_they_are(tmp_path, encoding, names):
    path = zipped(tmp_path / "a.zip", [(f"{'XY'[n % 2] * 6}/{n}.png", png(n)) for n in range(10)])
    raw = path.read_bytes()
    for letter, name in zip("XY", names, strict=True):  # no mark says which code it is
        raw = raw.replace(letter.encode() * 6, name.encode(encoding))
    path.write_bytes(raw)
    assert own.own_pictures([path]).classes == names


# setups


def test_a_setup_survives_being_written_down_and_wrong_ones_are_a_sentence():
    for setup in (*STARTS.values(), *(preset.setup for preset in PRESETS.values())):
        assert Setup.read(json.loads(json.dumps(setup.written()))) == setup
    for wanted, key in [
        ({"method": "gan", "rate": 10}, "knob_out_of_range"), ({"method": "gan", "rate": float("nan")}, "knob_out_of_range"),
        ({"method": "magic"}, "lab_method"), ({}, "lab_method"), ({"method": "cnn", "beta": 1}, "knob_unknown"),
        ({"method": "vae", "data": "/etc/passwd"}, "knob_not_an_option"), ({"method": "vae", "seed": -1}, "knob_out_of_range"),
    ]:
        with pytest.raises(UserError) as error:
            Setup.read(wanted)
        assert error.value.key == key and key in WORDS


def test_every_knob_option_method_and_preset_has_words():
    for method in METHODS:
        offered = knobs(method)
        wanted = {f"lab_method_{method}", f"lab_about_{method}", *(f"knob_{name}" for name in offered)}
        wanted |= {f"option_{o}" for knob in offered.values() if isinstance(knob.control, Choice) for o in knob.options}
        assert wanted - set(WORDS) == set()
    assert {f"lab_preset_{name}{part}" for name in PRESETS for part in ("", "_see", "_why", "_mend")} - set(WORDS) == set()
    assert set(STEERED) <= {name for method in METHODS for name in knobs(method)}


# what was learned, as a file


@pytest.fixture(scope="module")
def nets():
    """Of each method, barely begun."""
    return {method: packed(taught(STARTS[method].but(batch=4), 1)[0]) for method in METHODS}


@pytest.mark.parametrize("method", METHODS)
def test_a_kept_net_is_a_card_that_runs(nets, method):
    card = card_of(nets[method], "mine")
    task = {"cnn": "classify", "espcn": "upscale", "denoiser": "restore"}.get(method, "generate")
    assert card.task == task and setup_of(nets[method]).method == method
    from imgen.drawing import scenes

    assert card.idea == {"gan": "adversarial", "dcgan": "adversarial", "vae": "autoencoder", "autoencoder": "autoencoder"}.get(
        method, "convolution")
    result = card(*([scenes.city(48, seed=1)] if card.pictures else []), **({} if card.pictures else {"count": 2}))
    assert result.pictures and result.origin and result.origin.card == "mine"
    assert card.net and card.net.build() is not card.net.build()


def altered(file, **changes):
    length = int.from_bytes(file[:8], "little")
    header = json.loads(file[8 : 8 + length])
    said = json.loads(header["__metadata__"][FIELD])
    header["__metadata__"][FIELD] = json.dumps(said | changes)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + file[8 + length :]


def test_what_a_file_says_is_not_believed(nets, tmp_path):
    gan = nets["gan"]
    settings = facts_of(gan)["settings"]
    for data_, key in [
        (altered(gan, net="os:system"), "kept_unknown"), (altered(gan, net="rrdbnet:RRDBNet"), "kept_unknown"),
        (altered(gan, settings={**settings, "latent": 10**9}), "kept_unknown"),
        (altered(gan, settings={**settings, "evil": 1}), "kept_unknown"),
        (altered(gan, settings={**settings, "widths": [8] * 99}), "kept_unknown"),
        (altered(gan, settings={**settings, "widths": [64, 64]}), "weights_do_not_fit"),
        (altered(gan, settings={"classes": 1}), "weights_do_not_fit"),
        (altered(gan, classes=["a"] * 20), "kept_unknown"), (altered(nets["cnn"], classes=["a"]), "kept_unknown"),
        (altered(nets["cnn"], classes=None), "kept_unknown"),
        (gan[:-100], "kept_unknown"), (b"", "kept_unknown"), (b"\xff" * 100, "kept_unknown"),
        ((2**62).to_bytes(8, "little") + b"{}", "kept_unknown"), (b"PK" + bytes(200), "kept_unknown"),
    ]:
        with pytest.raises(UserError) as error:
            card_of(data_)
        assert error.value.key == key and key in WORDS
    evil = tmp_path / "evil.safetensors"
    torch.save({"a": torch.zeros(1)}, evil)  # a pickle inside
    with pytest.raises(UserError, match="kept_unknown"):
        card_of(evil)
    with pytest.raises(UserError, match="checkpoint_missing"):
        card_of(tmp_path / "none.safetensors")


def test_every_setting_of_every_method_fits_what_is_known(nets):
    for net in nets.values():
        said = facts_of(net)
        assert set(said["settings"]) == set(KNOWN[said["net"]])


def test_the_command_line_teaches_and_runs_what_it_taught(tmp_path, here):
    file = tmp_path / "mine.safetensors"
    code, out, _ = here("teach", "gan", "--steps", 3, "--batch", 8, "-o", file)
    assert code == 0 and str(file) in out and json.loads(file.with_suffix(".json").read_text())["steps"] == 3
    code, out, _ = here("run", file, "--count", 4, "-o", tmp_path / "sheet.png")
    assert code == 0 and (tmp_path / "sheet.png").stat().st_size > 500
    code, out, _ = here("run", file, "--help")
    assert code == 0 and "two networks of dense layers" in " ".join(out.lower().split()) and "card_" not in out
    code, _, error = here("teach", "gan", "--rate", 10, "-o", file)
    assert code == 2 and "Traceback" not in error
    stranger = tmp_path / "stranger.safetensors"
    stranger.write_bytes(b"not ours")
    code, _, error = here("teach", "gan", "--steps", 1, "-o", stranger)
    assert code == 2 and stranger.read_bytes() == b"not ours"
    code, _, error = here("run", stranger, "-o", tmp_path / "b.png")
    assert code == 2 and "Traceback" not in error


def test_to_teach_destroys_no_file_of_anybodys(tmp_path, here, monkeypatch):
    diary = tmp_path / "results.json"
    diary.write_text('{"marks": [1, 2]}')
    code, _, error = here("teach", "gan", "--steps", 1, "-o", tmp_path / "results.safetensors")
    assert code == 2 and diary.name in error and diary.read_text() == '{"marks": [1, 2]}'
    before = tmp_path / "before.safetensors"
    before.write_bytes(b"learned yesterday")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(UserError, match="write_disk_full"):
        place.put(before, b"learned today")
    assert before.read_bytes() == b"learned yesterday" and len(list(tmp_path.iterdir())) == 2


# a process of its own


@pytest.fixture(scope="module")
def ground():
    nursery = Nursery()
    nursery.warm()
    yield nursery
    nursery.close()


def children(pid):
    """Of the nursery: processes that learn."""
    found = []
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            try:
                if int((one / "stat").read_text().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(one.name))
            except (OSError, IndexError, ValueError):
                pass
    return found


linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc, and forks")


@linux
def test_a_job_streams_steers_looks_stops_and_leaves_nothing(ground, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    temp = set(os.listdir("/tmp"))
    job = Job(STARTS["cnn"].but(seconds=60), ground=ground)
    try:
        seen = []
        for moment in job.moments():
            seen.append(moment)
            if len(seen) == 3:
                job.steer({"rate": 1e-4})
                assert job.look({"what": "open"})["layers"][1]["kind"]
                assert job.look({"what": "kernels", "layer": 2})["png"].startswith("data:image/png")
                assert job.look({"what": "maps", "layer": 2})["count"] == 8
                with pytest.raises(UserError, match="call_unreadable"):
                    job.look({"what": "__class__"})
                break
        assert seen[0]["step"] == 0 and (job.latest() or {})["curves"]["accuracy"][0][0] == 0
        assert len(children(ground._process.pid)) == 1
        began = time.monotonic()
        job.stop()
        assert time.monotonic() - began < 1
        facts = facts_of(job.net())
        assert facts["steered"][0]["rate"] == 1e-4 and card_of(job.net()).task == "classify"
        for _ in range(50):
            if not children(ground._process.pid):
                break
            time.sleep(0.02)
        assert not children(ground._process.pid) and job.over and job.error is None
        back = job.look({"what": "open"})  # the process is gone, what it learned is there
        assert back["step"] == facts["steps"] and back["picture"].startswith("data:image/png")
        assert job.look({"what": "maps", "layer": 2})["count"] == 8
        assert os.listdir(tmp_path) == [] and not [n for n in set(os.listdir("/tmp")) - temp if "imgen" in n]
    finally:
        job.close()


def test_no_question_of_one_who_watches_ends_a_training():
    looking = Teaching(STARTS["cnn"]).looking
    for question in ({"what": "open", "picture": True}, {"what": "maps", "layer": None}, {"what": "value", "layer": 1e400}):
        with pytest.raises(UserError):
            looking.answer(question)
    broken: Any = SimpleNamespace(looking=SimpleNamespace(answer=lambda question: [][0]))
    assert answered(broken, {})["error"] == "call_unreadable"


@linux
def test_two_jobs_of_one_setup_learn_the_same_bits(ground):
    def learned():
        job = Job(STARTS["vae"].but(steps=20), ground=ground)
        *_, last = job.moments()
        assert last["done"] and last["step"] == 20
        return job.net()

    assert learned() == learned()


@linux
def test_a_killed_child_is_a_sentence_and_the_next_job_runs(ground):
    before = set(children(ground._process.pid)) if ground._process else set()  # one may still be on its way out
    job = Job(STARTS["vae"].but(seconds=60), ground=ground)
    moments = job.moments()
    next(moments)
    (child,) = set(children(ground._process.pid)) - before
    os.kill(child, signal.SIGKILL)
    with pytest.raises(UserError, match="lab_died"):
        list(moments)
    with pytest.raises(UserError, match="lab_died"):
        job.net()
    *_, last = Job(STARTS["cnn"].but(steps=2), ground=ground).moments()
    assert last["done"]


@linux
def test_a_killed_nursery_is_begun_anew(ground):
    os.kill(ground._process.pid, signal.SIGKILL)
    ground._process.wait()
    *_, last = Job(STARTS["cnn"].but(steps=2), ground=ground).moments()
    assert last["done"]


def test_where_there_is_no_fork_a_spare_process_learns(monkeypatch):
    monkeypatch.setattr("imgen.lab.nursery.FORKS", False)
    mine = Nursery()
    try:
        job = Job(STARTS["cnn"].but(seconds=60), ground=mine)
        moments = job.moments()
        assert next(moments)["step"] == 0
        job.stop()
        assert card_of(job.net()).task == "classify" and job.error is None
        process = job._child.process
        assert process and process.wait(5) is not None
    finally:
        mine.close()


@linux
def test_many_watch_one_training_and_whoever_comes_late_gets_the_curves(ground):
    async def watch(job, late):
        await asyncio.sleep(late)
        return [moment async for moment in job.watch(0.02)]

    async def both():
        job = Job(STARTS["cnn"].but(steps=150), ground=ground)
        return await asyncio.gather(watch(job, 0), watch(job, 1))

    early, late = asyncio.run(both())
    curves = [[point for moment in each for point in moment["curves"]["accuracy"]] for each in (early, late)]
    assert curves[0] == curves[1] and curves[0][0][0] == 0 and late[-1]["done"]


@linux
def test_a_child_tells_what_is_wrong_with_its_data(ground):
    with pytest.raises(UserError, match="own_needed"):
        list(Job(Setup.read({"method": "gan", "data": "own"}), ground=ground).moments())


@linux
def test_children_end_when_the_page_does():
    code = (
        "import os\nfrom imgen.lab.job import Job\nfrom imgen.lab.nursery import nursery\nfrom imgen.lab.setups import STARTS\n"
        "job = Job(STARTS['vae'].but(seconds=60))\nnext(job.moments())\nprint(nursery._process.pid, flush=True)\nos._exit(1)\n"
    )
    page = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    pid = int(page.stdout)
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            break
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}").exists() and children(pid) == []


def test_the_page_needs_no_torch_for_a_job():
    code = "import sys, imgen.lab.job, imgen.lab.own, imgen.lab.kept; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0

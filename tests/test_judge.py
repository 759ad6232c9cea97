"""What a GAN's own discriminator says of pictures, and where it is kept."""

import hashlib
import json

import numpy as np
import pytest
import torch
from torch import nn

from imgen import cards, device, hub
from imgen.catalog import CARDS
from imgen.controls import UserError
from imgen.image import Picture, encode, to_tensor
from imgen.loader import loader, read_weights
from imgen.models import mlp_gan
from imgen.models.espcn import ESPCN
from imgen.pipelines.judge import opinion, rank
from imgen.training import runs
from imgen.training.gan import Adversarial
from imgen.training.judge import write_judge
from imgen.training.loop import train
from imgen.training.regression import Upscale
from imgen.training.steps import Batches

JUDGED = [card for card in CARDS if card.judge]


def each(chosen):
    return pytest.mark.parametrize("card", chosen, ids=lambda card: card.name)


def gan(labels=None):
    torch.manual_seed(0)
    pictures = torch.randint(0, 255, (60, 1, 8, 8), dtype=torch.uint8)
    batches = Batches(pictures, torch.arange(60) % 2 if labels is None else labels, 8, "cpu", flip=False)
    nets = mlp_gan.Generator(2, latent=4, widths=(8,), side=8), mlp_gan.Discriminator(2, widths=(8,), side=8)
    return Adversarial(*nets, None, batches, device="cpu", change=lambda x: x)


class Grey(nn.Module):
    """A stand-in judge: the mean grey level, and 10 for each class."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x, label):
        return x.mean((1, 2, 3))[:, None] + 10 * label[:, None]


def grey(level, **record):
    return Picture(np.full((4, 4, 1), level, np.uint8), record)


def test_an_opinion_is_a_rank_among_those_that_were_judged():
    logits = np.random.default_rng(0).normal(3, 0.1, 5000)
    quantiles = np.quantile(logits, np.linspace(0, 1, 21))
    for value in (2.8, 2.95, 3.0, 3.02, 3.2):
        assert rank(value, quantiles) == pytest.approx((logits < value).mean(), abs=0.03)
    assert rank(-9.0, quantiles) == 0 and rank(9.0, quantiles) == 1


@torch.no_grad()
def test_each_picture_is_judged_in_its_own_class():
    [frame] = opinion(Grey(), grey(255, **{"class": 0}), grey(51, **{"class": 3}))
    assert frame.facts["logits"] == pytest.approx([1.0, 30.2]) and frame.facts["classes"] == [0, 3]


@pytest.mark.parametrize(("pictures", "key"), [
    ([], "picture_first"), ([grey(0)], "picture_without_place"), ([grey(0, **{"class": "rose"})], "picture_without_place"),
])
def test_what_cannot_be_judged_is_told_so(pictures, key):
    with pytest.raises(UserError, match=key):
        list(opinion(Grey(), *pictures))


def test_the_stored_quantiles_are_those_of_the_judge_in_each_class(tmp_path):
    recipe = gan()
    tensors = recipe.generator.state_dict()
    facts = write_judge("tiny", recipe, tensors, tmp_path)
    judge = mlp_gan.Discriminator(2, widths=(8,), side=8)
    judge.load_state_dict(read_weights(tmp_path / "tiny_judge.safetensors"))
    x, label = recipe.batches.pictures / 255, recipe.batches.labels
    with torch.no_grad():
        logits = judge(x, label)[:, 0].numpy()
    for n in range(2):
        expected = np.quantile(logits[label == n], np.linspace(0, 1, 21))
        np.testing.assert_allclose(facts["real"][n], expected, rtol=1e-3, atol=1e-6)
        assert len(facts["fake"][n]) == 21 and facts["fake"][n] == sorted(facts["fake"][n])
    assert facts["fake"][0] != facts["fake"][1]


def test_a_training_keeps_its_judge_and_a_checkpoint_gives_the_same(tmp_path, monkeypatch):
    monkeypatch.setitem(runs.RUNS, "tiny", runs.Run(lambda *_: (gan(), {"classes": ["a", "b"]}), 2, 8))
    recipe, facts, frames = runs.start("tiny", tmp_path, None, 2, 0, tmp_path, "cpu")
    list(frames)
    runs.finish("tiny", recipe, facts, tmp_path, 0, tmp_path, tmp_path)
    record, judge = json.loads((tmp_path / "tiny.json").read_text()), tmp_path / "tiny_judge.safetensors"
    assert hashlib.sha256(judge.read_bytes()).hexdigest() == record["judge"]["sha256"]
    judge.unlink()
    (tmp_path / "tiny.json").write_text(json.dumps({**record, "judge": None}))
    assert runs.keep_judge("tiny", tmp_path, tmp_path, tmp_path) == judge and judge.exists()
    again = json.loads((tmp_path / "tiny.json").read_text())
    assert again["judge"].pop("fake") == [pytest.approx(one, abs=2e-3) for one in record["judge"].pop("fake")]
    assert again == record


def test_where_there_is_no_judge_to_keep_one_sentence_says_why(tmp_path, monkeypatch):
    lr = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    espcn = Upscale(ESPCN(2), lr, lr.repeat_interleave(2, 2).repeat_interleave(2, 3), device="cpu", batch=2)
    words = gan(labels=torch.full((60, 2), 0.5))
    for recipe in (espcn, words):
        monkeypatch.setitem(runs.RUNS, "tiny", runs.Run(lambda *_, recipe=recipe: (recipe, {}), 1, 2))
        with pytest.raises(UserError, match="no_checkpoint"):
            runs.keep_judge("tiny", tmp_path, tmp_path / "none", tmp_path)
        list(train(espcn, 1, tmp_path / "tiny.pt"))
        (tmp_path / "tiny.json").write_text("{}")
        with pytest.raises(UserError, match="no_judge"):
            runs.keep_judge("tiny", tmp_path, tmp_path, tmp_path)


@each(JUDGED)
def test_a_bundled_judge_is_the_recorded_one_and_fits(card):
    data = (cards.WEIGHTS / f"{card.name}_judge.safetensors").read_bytes()
    facts = card.facts.judge
    assert hashlib.sha256(data).hexdigest() == facts.sha256 and len(data) == facts.bytes < 10_000_000
    card.judge.build().load_state_dict(read_weights(cards.WEIGHTS / f"{card.name}_judge.safetensors"), strict=True)
    assert len(facts.real) == len(facts.fake) == card.load().classes


@each(JUDGED)
def test_a_judge_is_not_easily_deceived(card):
    """Its own generator's pictures rank lower among the real ones than among each other."""
    made, judge = card(count=20, seed=1).pictures, card.judged_by
    *_, last = judge.do(opinion, *made)
    real, own = (
        np.mean([
            rank(logit, getattr(judge.facts, kind)[n])
            for logit, n in zip(last.facts["logits"], last.facts["classes"], strict=True)
        ])
        for kind in ("real", "fake")
    )
    assert real < own and 0.3 < own < 0.7


@each(JUDGED)
def test_a_judge_says_the_same_of_a_saved_picture(card):
    from imgen.image import decode

    made = card(count=4, seed=3).pictures
    again = [decode(encode(picture)) for picture in made]
    (*_, one), (*_, two) = (card.judged_by.do(opinion, *pictures) for pictures in (made, again))
    assert one.facts["logits"] == two.facts["logits"]


def test_a_judge_judges_in_float32_where_bfloat16_is_fast(monkeypatch):
    """Its quantiles were measured so.  By the plain net."""
    monkeypatch.setattr(device, "fast_dtype", lambda here: torch.bfloat16)
    monkeypatch.setattr(device, "best", lambda: "cpu")
    card = JUDGED[-1]
    net = card.judge.build().eval()
    net.load_state_dict(read_weights(cards.WEIGHTS / f"{card.name}_judge.safetensors"))
    photos = [Picture(np.random.default_rng(n).integers(0, 256, (28, 28, 1), np.uint8), {"class": n}) for n in range(3)]
    *_, last = card.judged_by.do(opinion, *photos)
    with torch.no_grad():
        wanted = net(torch.cat([to_tensor(photo.pixels) for photo in photos]), torch.arange(3))
    assert last.facts["logits"] == pytest.approx(wanted.flatten().tolist(), rel=1e-4)


def test_a_card_without_a_judge_has_none():
    assert all(card.judged_by is None for card in CARDS if not card.judge)


def test_a_judge_that_is_missing_is_told_in_one_sentence(tmp_path, monkeypatch):
    judge = JUDGED[0].judged_by
    monkeypatch.setattr(hub, "bundled", tmp_path)
    monkeypatch.setattr(hub, "cache", tmp_path)
    monkeypatch.setattr(hub, "endpoint", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setattr(hub, "patience", 0.5)
    loader.forget()
    with pytest.raises(UserError, match="weights_offline") as caught:
        list(judge.do(opinion, grey(0, **{"class": 0})))
    assert caught.value.facts["file"] == f"{judge.name}.safetensors"

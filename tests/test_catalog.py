"""What every card promises.  A new card is tested without a line here."""

import copy
import hashlib
import re
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import nn

from imgen import cards, device
from imgen.catalog import CARDS as CHOSEN
from imgen.catalog import CATALOG, FAILURES, IDEAS, RECOMMENDED, TASKS, find_card
from imgen.controls import Abilities, Choice, Choices, Reference, Seed, Slider, Words, abilities_of
from imgen.drawing import scenes
from imgen.evaluation import scores
from imgen.exhibits.readme import BRIEF
from imgen.image import Frame
from imgen.loader import Complete, loader, read_weights
from imgen.pipelines.guess import guess
from imgen.pipelines.restore import restore_steps
from imgen.pipelines.stylize import stylize, stylize_any
from imgen.pipelines.upscale import interpolate, interpolate_between
from imgen.texts import LANGUAGES, lesson, text
from imgen.texts.words import WORDS
from imgen.ui.report import MEANINGS

CARDS = [*CHOSEN, *FAILURES]
WITH_NETS = [card for card in CARDS if card.net and not isinstance(card.net, Complete)]
BUILDS = {card.net.key: card for card in CARDS if card.net}  # one card of each net that is built
TILED = [card for card in BUILDS.values() if hasattr(card.net.build(), "receptive_radius")]
BUNDLED = [card for card in WITH_NETS if card.source is None]


def each(chosen):
    return pytest.mark.parametrize("card", chosen, ids=lambda card: card.name)


@cache
def small(card):
    """The card's architecture; a narrow stand-in for the one that would not fit a test's second."""
    if card.name in ("realesrgan_x4", "realesrnet_x4"):
        from imgen.models.rrdbnet import RRDBNet

        return RRDBNet(blocks=1, width=8, growth=4)
    if card.name == "fastgan_butterflies512":
        from imgen.models.fastgan import Generator

        return Generator(latent=16, widths=(16, 16, 8, 8, 8))
    return card.net.build()


def forward(card, net):
    """A batch through the net as its pipeline calls it."""
    torch.manual_seed(0)
    if card.abilities.flows:  # a velocity knows no bounds
        shares = torch.eye(net.classes)[:4]
        shares[3] = 0  # no condition
        return net(torch.randn(4, net.channels, net.side, net.side), torch.rand(4), shares).sigmoid()
    if card.task == "generate":
        return net(torch.randn(4, net.latent), torch.arange(4) % net.classes)
    if card.pipeline is stylize:
        return net(torch.rand(2, 3, 40, 44), torch.softmax(torch.randn(2, net.styles), 1))
    if card.pipeline is stylize_any:
        return net(torch.rand(2, 3, 40, 44), net.sight(torch.rand(2, 3, 32, 32)), torch.full((2, 1), 0.5))
    if card.task == "stylize":
        return torch.cat([features.flatten() for features in net(torch.rand(2, 3, 40, 44)).values()])
    if card.pipeline is restore_steps:
        return net(torch.rand(1, 2, 3, 20, 24))
    if card.abilities.takes_mask:
        x = torch.rand(1, net.channels, 20, 24)
        x[:, 3] = (x[:, 3] > 0.9).float()
        return net(x)
    if card.pipeline is guess:
        return net(torch.randn(1, net.latent), torch.rand(1, 1, net.side, net.side))
    if card.abilities.classifies:
        return net(torch.rand(4, net.channels, net.side, net.side))
    return net(torch.rand(1, net.channels, 20, 24))


@each(WITH_NETS)
def test_shapes_and_range_are_as_promised(card):
    y = forward(card, small(card).eval())
    if card.task == "generate":
        assert y.shape[0] == 4 and y.shape[1] in (1, 3) and y.shape[2] == y.shape[3]
        assert y.min() >= 0 and y.max() <= 1
    elif card.pipeline in (stylize, stylize_any):
        assert y.shape == (2, 3, 40, 44) and y.min() >= 0 and y.max() <= 1
    elif card.task == "stylize":  # a feature network: (32, 40, 44), (64, 20, 22), (128, 10, 11), (128, 5, 5)
        assert y.shape == (2 * (32 * 40 * 44 + 64 * 20 * 22 + 128 * 10 * 11 + 128 * 5 * 5),)
    elif card.abilities.classifies:
        assert y.shape == (4, small(card).classes)
    elif card.task == "restore":
        assert y.shape == ((1, 2, 3, 20, 24) if card.pipeline is restore_steps else (1, 3, 20, 24))
    else:
        height, width = (4, 4) if card.pipeline is guess else (20, 24)
        assert y.shape == (1, small(card).channels, height * small(card).scale, width * small(card).scale)


@each(WITH_NETS)
def test_gradient_reaches_every_parameter(card):
    net = copy.deepcopy(small(card)).train()
    for p in net.parameters():
        p.data += 0.01 * torch.randn_like(p)  # a layer that begins at zero lets nothing through before its first step
    if hasattr(net, "encode"):
        code = net.encode(torch.rand(4, getattr(net, "channels", 1), net.side, net.side), torch.arange(4))
        loss = net.decode(sum(code) if isinstance(code, tuple) else code, torch.arange(4)).square().mean()
    else:
        loss = (forward(card, net) - 0.3).square().mean()
    loss.backward()
    learned = {name: p for name, p in net.named_parameters() if p.requires_grad}
    dead = [name for name, p in learned.items() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not dead


@each(BUNDLED)
def test_bundled_weights_are_the_recorded_ones(card):
    path = cards.WEIGHTS / f"{card.stem}.safetensors"
    data = path.read_bytes()
    assert hashlib.sha256(data).hexdigest() == card.facts.sha256
    assert len(data) == card.facts.bytes < 12_000_000


@each(BUNDLED)
def test_bundled_weights_fit_strictly_and_are_all_there(card):
    net = card.net.build()
    net.load_state_dict(read_weights(cards.WEIGHTS / f"{card.stem}.safetensors"), strict=True)
    counted = sum(t.numel() for t in net.state_dict().values() if t.is_floating_point())
    assert counted == card.facts.parameters


# Blocks of each are idle until they are trained again, those of Light as `training.idle` tells.
ASLEEP = ("light_x2", "light_x3", "enhancenet_x4", "enhancenet_pat_x4")


@each(BUNDLED)
def test_no_part_of_the_bundled_weights_is_idle(card):
    """A slope reaches each kernel: one that has none did not learn, and is work for nothing."""
    net = card.net.build().train()
    net.load_state_dict(read_weights(cards.WEIGHTS / f"{card.stem}.safetensors"))
    forward(card, net).square().mean().backward()
    slopes = {name: p.grad.abs().max().item() for name, p in net.named_parameters() if p.dim() > 1 and p.grad is not None}
    idle = [name for name, slope in slopes.items() if slope < 1e-9 * max(slopes.values())]
    assert bool(idle) == (card.name in ASLEEP), idle


@cache
def lively(card):
    """Its net with weights of which each counts: one at its start hardly does anything, a trained one may leave a part idle."""
    torch.manual_seed(0)
    net = card.net.build().eval().requires_grad_(False)
    for parameter in net.parameters():
        if parameter.dim() == 4:
            nn.init.kaiming_normal_(parameter, nonlinearity="relu")
        elif parameter.dim() == 3:
            nn.init.normal_(parameter)
    return net


STEPS = 2


def per_pixel(card):
    """The net as a map from pictures (N, C, H, W) to pictures."""
    net = lively(card)
    if card.abilities.shows_steps:
        return lambda x: net(x[:, None].expand(-1, STEPS, -1, -1, -1))[:, -1]
    if card.pipeline is interpolate:
        return lambda x: net(x, 3)
    if card.pipeline is interpolate_between:
        return lambda x: net(x, 3, net.levels)
    return net


@each(TILED)
def test_a_result_depends_on_what_lies_within_the_radius_and_on_no_more(card):
    """Measured: which pixels change those in the middle.  A radius too small leaves seams, one too large costs time."""
    net, work = lively(card), per_pixel(card)
    radius, grid = net.receptive_radius, getattr(net, "grid", 1)
    radius = radius(STEPS) if card.abilities.shows_steps else radius
    side = -(-(2 * radius + grid + 6) // grid) * grid
    first = side // 2 // grid * grid
    x = torch.rand(1, net.channels or 3, side, side)
    if card.abilities.takes_mask:
        x[:, 3] = (x[:, 3] > 0.9).float()

    def middle(x):
        y = work(x)
        pixels = slice(first * y.shape[-1] // side, (first + grid) * y.shape[-1] // side)
        return y[..., pixels, pixels]

    places = torch.arange(side)
    away = torch.maximum(first - places, places - (first + grid - 1))
    away = torch.maximum(away[:, None], away)
    if isinstance(card.net, Complete):  # a rule that chooses has no slope
        seen, rings = middle(x), range(radius + 3, 0, -1)
        farthest = next((d for d in rings if not torch.equal(middle(torch.where(away >= d, torch.rand_like(x), x)), seen)), 0)
        assert radius // 2 <= farthest <= radius
    else:
        seen = middle(x.requires_grad_())
        (seen * torch.randn_like(seen)).sum().backward()
        farthest = away[x.grad.abs().sum((0, 1)) > 0].max().item()
        assert radius - grid - 1 <= farthest <= radius  # one more: where a place at a larger scale lies is rounded up


@each(CARDS)
def test_abilities_and_knobs_agree(card):
    able, knobs = card.abilities, card.knobs
    brushes = {name for name, knob in knobs.items() if isinstance(knob.control, Reference) and knob.control.brush}
    assert able.takes_mask == ("mask" in brushes)
    for ability, knob in (
        (able.spoils, "damage"), (able.knows_noise, "noise_level"), (able.any_factor, "scale"), (able.named_styles, "style"),
        (able.any_style, "paintings"), (able.continues, "begin"), (able.reads_words, "words"), (able.flows, "guidance"),
    ):
        assert ability == (knob in knobs)
    assert able == abilities_of(card.pipeline) and isinstance(able, Abilities)


def test_all_weights_together_stay_small():
    assert sum(path.stat().st_size for path in cards.WEIGHTS.iterdir()) < 128_000_000


@each(BUNDLED)
def test_every_bundled_card_was_trained_and_measured(card):
    assert card.facts.training.steps > 0
    assert any(isinstance(v, dict) for v in card.facts.scores.values())


@each([card for card in CARDS if "float32_psnr" in card.facts.measured().get("Set5", {})])
def test_a_faster_precision_costs_next_to_nothing(card):
    """At most 0.02 dB on Set5, or the card is in float32."""
    scores = card.facts.scores["Set5"]
    assert scores["psnr"] >= scores["float32_psnr"] - 0.02


@each([card for card in CARDS if card.source is None])
def test_a_sample_anyone_can_make_scores_as_recorded(card):
    recorded = card.facts.scores["sample"]
    exact = card.task == "upscale" and card.pipeline is not guess
    tolerance = 0.1 if exact else 1.0  # other processors round otherwise, and a GAN passes it on
    assert scores.sample_figure(card) == pytest.approx(recorded, abs=tolerance)


@each(CARDS)
def test_knobs_are_sane(card):
    for knob in card.knobs.values():
        assert knob.check(knob.default) == knob.default
        if isinstance(knob.control, Slider):
            assert knob.control.low < knob.control.high and knob.control.step > 0
        elif isinstance(knob.control, Choice):
            assert len(set(knob.options)) == len(knob.options) >= 1
        elif isinstance(knob.control, Choices):
            assert set(knob.check(knob.default).chosen) <= set(knob.options)
        elif isinstance(knob.control, Reference):
            assert knob.control.most >= 1
        elif isinstance(knob.control, Words):
            assert len(set(knob.options)) == len(knob.options) > 100
        else:
            assert isinstance(knob.control, Seed)


@each(CARDS)
def test_words_and_lesson_are_there_in_both_languages(card):
    for language in LANGUAGES:
        for key in (f"title_{card.name}", f"card_{card.name}", *(f"knob_{k}" for k in card.knobs)):
            assert key in WORDS and text(key, language).strip()
        assert len(lesson(card.lesson, language)) > 500


def test_words_for_what_is_recommended_and_under_which_idea_a_model_stands():
    assert [find_card(name).task for name in RECOMMENDED] == [
        task for task in TASKS for _ in range(min(3, sum(card.task == task for card in CHOSEN)))  # or all that there are
    ]
    assert not any(find_card(name).young for name in RECOMMENDED) and all(f"for_{name}" in WORDS for name in RECOMMENDED)
    assert {card.idea for card in CHOSEN} == set(IDEAS) and all(f"idea_{idea}" in WORDS for idea in IDEAS)


def test_words_say_what_each_main_figure_means():
    explained = {f"score_{measure}" for measures in MEANINGS.values() for measure in measures}
    assert {key for key in BRIEF if not key.startswith("score_floor")} == explained and set(WORDS) >= set(MEANINGS)


def test_names_follow_the_pattern():
    for card in CARDS:
        assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", card.name)
    assert len(CATALOG) == len(CARDS) == len(CHOSEN) + len(FAILURES)


def picture_for(card):
    return [scenes.landscape(64, seed=3)] * card.pictures


def knobs_for(card, **generation):
    """Quick ones; a painting or a mask where there must be one."""
    if card.abilities.takes_mask:
        return {"mask": [scenes.logo(64)]}
    if card.pipeline is restore_steps:
        return {"steps": 3, "frames": [scenes.landscape(64, seed=4)]}
    paintings = {"paintings": [scenes.still_life(64, seed=1)]} if card.abilities.any_style else {}
    steps = {"steps": 10, "side": 128} if card.abilities.optimises else {}
    return paintings | steps | (generation if card.task == "generate" else {})


@each([card for card in CARDS if card.source is None])
def test_the_same_knobs_make_the_same_picture(card):
    one, two = (card(*picture_for(card), **knobs_for(card, count=3)) for _ in range(2))
    count = 3 if card.task == "generate" else 2 if card.pipeline is guess else 4 if card.pipeline is restore_steps else 1
    count = 4 if card.abilities.classifies else count
    assert one.pictures == two.pictures and len(one.pictures) == count


@each([card for card in CARDS if card.source is None])
def test_a_result_remembers_how_it_was_made(card):
    from imgen.image import decode, encode

    knobs = knobs_for(card, count=2, seed=5)
    picture = decode(encode(card(*picture_for(card), **knobs).pictures[-1]))
    record = picture.record
    assert record["card"] == card.name and record["version"] and record["precision"]
    pictures = {name: value for name, value in knobs.items() if isinstance(value, list)}
    for name, given in pictures.items():  # of a picture the record knows only what it is known by
        assert record["knobs"][name] == [one.digest for one in given]
    again = card(*picture_for(card), **record["knobs"] | pictures).pictures[record["number"]]
    assert again == picture


@pytest.mark.parametrize(("name", "precision"), [("light_x2", "float32"), ("light_x3", "bfloat16"), ("light_x4", "bfloat16")])
def test_what_bfloat16_would_cost_too_much_runs_in_float32_where_bfloat16_is_fast(name, precision, monkeypatch):
    """On a processor that multiplies bfloat16.  In float32 the picture is that of the plain net."""
    monkeypatch.setattr(device, "fast_dtype", lambda here: torch.bfloat16)
    monkeypatch.setattr(device, "best", lambda: "cpu")
    card, photo = find_card(name), scenes.city(24, seed=1)
    result = card(photo)
    assert result.origin.precision == result.pictures[0].record["precision"] == precision
    net = card.net.build()
    net.load_state_dict(read_weights(cards.WEIGHTS / f"{name}.safetensors"))
    with torch.inference_mode():
        *_, plain = card.pipeline(device.place(net, "cpu", torch.float32), photo, scale=card.knobs["scale"].default)
    assert (plain.pictures[0].pixels == result.pictures[0].pixels).all() == (precision == "float32")


def test_a_pipeline_works_in_inference_mode_and_who_looks_on_does_not():
    """It remembers nothing for gradients; and it belongs to the thread, which the consumer of its frames has, too."""
    inside, outside = [], []

    def work(net, picture):
        for done in (1, 2, 3):
            inside.append((torch.is_inference_mode_enabled(), torch.ones(1, requires_grad=True).mul(2).requires_grad))
            yield Frame(done, 3, [picture])

    card = replace(find_card("nearest"), name="watched", pipeline=work)
    for frame in (frames := card.run(scenes.city(8, seed=1))):
        outside.append((torch.is_inference_mode_enabled(), torch.is_grad_enabled()))
        if frame.done == 2:
            frames.close()
    card(scenes.city(8, seed=1))
    assert inside == [(True, False)] * 5 and outside == [(False, True)] * 2
    assert not torch.is_inference_mode_enabled() and torch.is_grad_enabled()


@pytest.mark.gpu
@each([card for card in CARDS if card.ready])
def test_gpu_and_cpu_agree(card, monkeypatch):
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    made = []
    for name in ("cpu", "cuda"):
        monkeypatch.setattr(device, "best", lambda name=name: name)
        loader.forget()
        made.append(card(*picture_for(card), **knobs_for(card)).pictures[0].pixels.astype(int))
    assert abs(made[0] - made[1]).mean() < 2

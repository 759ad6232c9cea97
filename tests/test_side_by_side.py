"""One seed through several generators, and the plot of what they are worth."""

import base64
import re
from types import SimpleNamespace
from typing import Annotated

import gradio as gr
import numpy as np
import pytest

from imgen.cards import Card
from imgen.catalog import GAN, find_card
from imgen.controls import Seed, Slider, UserError
from imgen.evaluation import scores, speed
from imgen.facts import Facts
from imgen.image import Picture, decode
from imgen.loader import Complete
from imgen.tabs import side_by_side
from imgen.tabs.side_by_side import COUNT, at_first, compare, rivals
from imgen.texts import text
from imgen.ui import plot

PAIR = ["mlp_gan_fashion28", "mlp_vae2d_fashion28"]
PLAIN = Complete("interpolation:Interpolation", kernel="nearest")


def broken(net, *, count: Annotated[int, Slider(1, 64, 1)] = 1, seed: Annotated[int, Seed()] = 1):
    raise UserError("picture_missing", name="<b>")
    yield


def asked_in(language):
    return SimpleNamespace(headers={"cookie": f"language={language}"})


def rows_of(html: str) -> list[str]:
    return re.findall(r"<section>.*?</section>", html)


def stand_in(name, seconds=None, size=None, pipeline=None, **scores):
    known = {"sha256": "0", "bytes": size} if size else {}
    known |= {"bench": {"seconds_per_picture": seconds}} if seconds else {}
    facts = Facts(scores={"flowers": scores, "sample": 7.0}, **known)
    return Card(name, "generate", PLAIN, pipeline, GAN, "MIT", lesson="gan", own_facts=facts)


def test_the_rows_appear_one_by_one():
    shown = [rows_of(rows) for rows, *_ in compare(asked_in("en"), PAIR, 5)]
    assert [len(rows) for rows in shown] == [0, 1, 2]
    in_order = [card.name for card in rivals() if card.name in PAIR]
    for row, name in zip(shown[-1], in_order, strict=True):
        assert text(f"title_{name}", "en") in row and text(f"title_{name}", "zh") in row


def test_stop_spares_the_generators_that_are_left(monkeypatch):
    asked = []
    monkeypatch.setattr(side_by_side, "row", lambda request, card, seed: asked.append(card.name) or "")
    running = compare(None, at_first(), 5)
    next(running), next(running)
    running.close()
    assert asked == at_first()[:1]


def test_a_row_shows_what_the_seed_gives():
    *_, (rows, *_) = compare(None, PAIR[:1], 5)
    files = [base64.b64decode(found) for found in re.findall(r"base64,([^\"]+)", rows)]
    assert [decode(file) for file in files] == find_card(PAIR[0])(count=COUNT, seed=5).pictures


def test_a_gan_is_judged_and_a_vae_is_not():
    *_, (rows, *_) = compare(None, PAIR, 5)
    judged = {"<figcaption>" in row: re.findall(r"<b>(\d+)</b>", row) for row in rows_of(rows)}
    assert set(judged) == {True, False} and judged[False] == []
    assert len(judged[True]) == 2 * COUNT and all(0 <= int(share) <= 100 for share in judged[True])


@pytest.mark.parametrize(("language", "sentence"), [
    ("en", "Please choose at least one generator to compare."), ("zh", "请至少选择一个要比较的生成器。"),
])
def test_an_empty_choice_gets_one_sentence(language, sentence):
    with pytest.raises(gr.Error) as caught:
        next(compare(asked_in(language), [], 5))
    assert caught.value.message == sentence


@pytest.mark.parametrize("seed", [None, -1, 0.5, 2**32, "x"])
def test_a_seed_that_is_none_gets_one_sentence(seed):
    with pytest.raises(gr.Error):
        next(compare(asked_in("en"), PAIR, seed))


def test_a_generator_that_cannot_run_says_so_and_the_others_go_on(monkeypatch):
    bad = stand_in("dcgan_flowers64", pipeline=broken)
    monkeypatch.setattr(side_by_side, "CARDS", [bad, find_card(PAIR[0])])
    *_, (rows, *_) = compare(asked_in("zh"), [bad.name, PAIR[0]], 5)
    failed, fine = rows_of(rows)
    assert "没有图片 &lt;b&gt;" in failed and "<img" not in failed and fine.count("<img") == COUNT


def test_it_begins_with_generators_of_one_data_set():
    learned = {find_card(name).facts.training.data for name in at_first()}
    assert len(learned) == 1 and len(at_first()) > 1


def test_a_large_picture_is_shown_smaller():
    large = Picture(np.zeros((300, 600, 3), np.uint8))
    [file] = re.findall(r"base64,([^\"]+)", side_by_side.figure(large, "", None))
    shown = decode(base64.b64decode(file))
    assert (shown.width, shown.height) == (side_by_side.SHOWN, side_by_side.SHOWN // 2)


def dots(html: str) -> np.ndarray:
    """(n, 3): from the left and the bottom in %, and the diameter in pixels."""
    return np.array(re.findall(r'class="dot[^>]*left:([\d.]+)%;bottom:([\d.]+)%;--side:(\d+)px', html), float)


def test_a_dot_lies_where_time_and_quality_put_it():
    """Twice the time is always one step to the right, twice the distance one step up, four times the bytes twice as wide."""
    measured = [
        stand_in("dcgan_flowers64", 0.001, 1_000_000, kid_x1000=100.0),
        stand_in("conv_vae_flowers64", 0.002, 4_000_000, kid_x1000=50.0),
        stand_in("mlp_gan_fashion28", 0.004, 4_000_000, kid_x1000=25.0),
    ]
    x, y, side = dots(plot.panels(measured)).T
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2) and x[1] > x[0]
    assert y[0] - y[1] == pytest.approx(y[1] - y[2], abs=0.2) and y[0] > y[1]
    np.testing.assert_allclose(side / side[0], [1, 2, 2], atol=0.05)


def test_a_card_that_was_not_timed_or_measured_is_left_out():
    whole = stand_in("dcgan_flowers64", 0.001, 10**6, kid_x1000=100.0)
    lacking = [
        stand_in("conv_vae_flowers64", None, 10**6, kid_x1000=1.0), stand_in("mlp_gan_fashion28", 0.1, 10**6, psnr=30.0),
    ]
    assert len(dots(plot.panels([whole, *lacking]))) == 1
    assert "bench --store" in plot.panels(lacking) and not len(dots(plot.panels(lacking)))


def test_decibels_count_in_equal_steps_and_a_rule_is_a_small_dot():
    cards = [
        stand_in("nearest", 0.001, None, psnr=26.0, lpips=0.3), stand_in("bicubic", 0.002, None, psnr=28.0, lpips=0.2),
        stand_in("espcn_x4", 0.004, 4_000_000, psnr=30.0),
    ]
    _, y, side = dots(plot.panels(cards, ("psnr",))).T
    assert y[1] - y[0] == pytest.approx(y[2] - y[1], abs=0.2) and y[1] > y[0] and y.min() > 0 and y.max() < 100
    assert side.tolist() == [plot.SMALL, plot.SMALL, 2 * plot.DOT]
    html = plot.panels(cards, ("psnr",), ("lpips",), across="plot_across_upscale")
    assert html.count("<figcaption>") == 2 and len(dots(html)) == 5


@pytest.mark.parametrize(("second", "measure", "shown"), [
    ({"kid_x1000": 2.0}, "KID", 2), ({"frechet": 2.0}, "Fréchet", 2), ({"frechet": 2.0, "kid_x1000": 9.0}, "Fréchet", 2),
])
def test_a_panel_has_one_measure_and_it_is_the_one_that_most_have(second, measure, shown):
    first = stand_in("dcgan_flowers64", 0.001, 10**6, frechet=1.0, kid_x1000=5.0)
    html = plot.panels([first, stand_in("conv_vae_flowers64", 0.002, 10**6, **second)])
    assert len(dots(html)) == shown and re.search(rf"<figcaption>[^\n]*?{measure}", html)
    assert html.count("<figcaption>") == 1


def test_labels_keep_their_distance_and_their_order():
    heights = [50.0, 10.0, 52.0, 11.0, 12.0]
    placed = plot.spread(heights, 9.0)
    assert list(np.argsort(placed)) == list(np.argsort(heights)) and np.diff(sorted(placed)).min() >= 9.0
    assert all(label >= height for label, height in zip(placed, heights, strict=True))


def test_labels_of_many_stay_on_the_panel():
    placed = plot.spread([90.0, 91.0, 92.0, 99.0, 10.0], 9.0)
    assert max(placed) <= 100 and np.diff(sorted(placed)).min() >= 9.0 - 1e-9 and placed[4] == 10


def test_a_dot_is_named_at_once_unless_another_is_as_fast_and_better():
    cards = [
        stand_in("nearest", 0.001, None, psnr=26.0), stand_in("bicubic", 0.0011, None, psnr=28.0),
        stand_in("lanczos", 0.003, None, psnr=27.0), stand_in("espcn_x4", 0.004, 10**6, psnr=30.0),
    ]
    html = plot.panels(cards, ("psnr",))
    assert len(re.findall('class="dot', html)) == 4 and len(re.findall('class="dot best', html)) == 2
    shown = [html.count(f'lang="en">{name}<') for name in ("Bicubic", "ESPCN ×4", "Lanczos", "Nearest")]
    assert shown == [2, 2, 1, 1]  # on pointing, and beside
    beside = re.findall(r'<span class="name"[^>]*><span[^>]*>([^<]+)', html)
    assert beside == ["Bicubic", "ESPCN ×4"]


def test_ticks_are_ones_twos_and_fives():
    assert plot.steps(0.04, 3) == pytest.approx([0.05, 0.1, 0.2, 0.5, 1, 2])


def test_a_time_is_measured_and_stored_where_the_plot_reads_it(tmp_path, monkeypatch):
    card = find_card(PAIR[0])
    pace = speed.pace(card)
    assert 0 < pace["seconds_per_picture"] < 1 and pace["threads"] >= 1 and pace["device"] and pace["precision"]
    monkeypatch.setattr("imgen.cards.WEIGHTS", tmp_path)
    (tmp_path / f"{card.name}.json").write_text('{"scores": {"flowers": {"kid_x1000": 3}}}')
    scores.store(card, {}, bench=pace)
    assert card.facts.bench == pace and card.facts.scores["flowers"] == {"kid_x1000": 3}


def test_drawings_and_films_are_timed(monkeypatch):
    monkeypatch.setattr(speed, "CARDS", [find_card(name) for name in (PAIR[0], "draw_lines")])
    assert set(speed.drawn(count=2)) == {"draw_lines"} and set(speed.films(steps=2)) == {PAIR[0]}

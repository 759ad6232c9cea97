"""What a run will cost, before it starts."""

import math

import numpy as np
import pytest
from PIL import Image

from imgen.catalog import find_card
from imgen.image import Origin
from imgen.ui import cost
from imgen.ui.cost import Asked, Cost, Pace, cost_of, known, megapixels, passes, reckoned, span


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(cost, "pace", Pace())


@pytest.fixture
def picture(tmp_path):
    def draw(width: int, height: int):
        Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(tmp_path / "picture.png")
        return tmp_path / "picture.png"

    return draw


@pytest.mark.parametrize(("name", "times", "work"), [  # a second pass has all the pixels that the first made
    ("light_x4", 4, 1), ("light_x4", 2, 1), ("light_x4", 5, 1 + 16),
    ("light_x2", 2, 1), ("light_x2", 4, 1 + 4), ("light_x2", 8, 1 + 4 + 16), ("light_x3", 3, 1), ("light_x3", 4, 1 + 9),
])
def test_passes_are_those_that_the_pipeline_makes(name, times, work):
    assert passes(find_card(name), times) == work


def test_a_figure_of_a_card_is_for_its_own_picture_and_grows_with_pixels():
    card = find_card("light_x4")
    knobs = {"scale": 4.0, "width": 0, "views": 1}
    measured = card.facts.bench["seconds_per_picture"]
    assert reckoned(card, 256 * 256, knobs) == pytest.approx(measured)
    assert reckoned(card, 4 * 256 * 256, {**knobs, "views": 8}) == pytest.approx(32 * measured)
    twice = find_card("light_x2")
    assert reckoned(twice, 256**2, {**knobs, "scale": 2.0}) == pytest.approx(twice.facts.bench["seconds_per_picture"] / 5)
    style = find_card("transfer_paintings")  # which shrinks what is larger
    assert reckoned(style, 512**2, {"size": 1024}) == pytest.approx(style.facts.bench["seconds"])
    assert reckoned(style, 4000**2, {"size": 512}) == pytest.approx(style.facts.bench["seconds"])
    assert reckoned(find_card("recurrent_restore"), 256**2, {"steps": 3}) == pytest.approx(
        find_card("recurrent_restore").facts.bench["seconds_per_picture"] / 2)


def test_frames_and_small_tiles_cost_what_they_make_a_net_do():
    """One look at least at each frame; and each tile sees the net's radius around it besides."""
    card = find_card("recurrent_restore")
    one, plain = reckoned(card, 256**2, {"steps": 1}), known(card, {})
    assert reckoned(card, 256**2, {"steps": 1, "frames": (1, 2, 3)}) == pytest.approx(4 * one)
    assert reckoned(card, 512**2, plain | {"tile": 512}) == reckoned(card, 512**2, plain)
    card = find_card("light_restore")
    around, plain = 2 * card.net.build().receptive_radius, known(card, {})
    more = ((64 + around) / 64) ** 2 / ((256 + around) / 256) ** 2
    assert more > 2 and reckoned(card, 512**2, plain | {"tile": 64}) == pytest.approx(more * reckoned(card, 512**2, plain))


def finished(name: str, seconds: float) -> Origin:
    card = find_card(name)
    return Origin(name, {one: knob.default for one, knob in card.knobs.items()}, "float32", "", "", seconds=seconds, device="CPU")


def test_a_machine_that_took_three_times_as_long_will_do_so_again(picture):
    card, path = find_card("light_x4"), picture(256, 256)
    other, slow = find_card("srgan_x4"), find_card("gatys")
    before = [cost_of(one, path, {}).seconds for one in (card, other, slow)]
    cost.learn(card, 256**2, finished("light_x4", 3 * card.facts.bench["seconds_per_picture"]))
    after = [cost_of(one, path, {}).seconds for one in (card, other, slow)]
    files = cost.FILES * 1024**2
    assert [now - files for now in after[:2]] == pytest.approx([3 * (then - files) for then in before[:2]])
    assert after[2] == before[2]  # what optimises goes at a pace of its own
    for _ in range(20):  # a machine that has become faster is found out
        cost.learn(card, 256**2, finished("light_x4", card.facts.bench["seconds_per_picture"]))
    assert cost_of(card, path, {}).seconds == pytest.approx(before[0], rel=0.01)
    cost.learn(card, 16**2, finished("light_x4", 60))  # too small to tell anything
    assert cost_of(card, path, {}).seconds == pytest.approx(before[0], rel=0.01)


def test_a_strip_is_enlarged_by_its_width_and_one_run_tells_little(picture):
    card, strip = find_card("light_x2"), picture(128, 16384)
    by_width = cost_of(card, strip, {"scale": 1.0, "width": 1024}).seconds
    assert by_width == pytest.approx(cost_of(card, strip, {"scale": 8.0}).seconds)
    before = cost_of(card, picture(256, 256), {}).seconds
    for seconds in (1e-9, 1e9):  # nobody makes the next visitor's estimate absurd
        cost.learn(card, 256**2, finished("light_x2", seconds))
        assert before / 9 < cost_of(card, picture(256, 256), {}).seconds < 9 * before
    width = Origin("light_x2", {**finished("light_x2", 1).knobs, "width": 1024}, "float32", "", "", seconds=1e9, device="CPU")
    now = cost_of(card, picture(256, 256), {}).seconds
    cost.learn(card, 256**2, width)
    assert cost_of(card, picture(256, 256), {}).seconds == now


def test_a_card_that_nobody_measured_is_not_free(picture):
    card = find_card("realesrgan_x4")
    assert not card.facts.bench and cost_of(card, picture(512, 512), {"scale": 8.0, "views": 8}).seconds > cost.ASKS


def test_an_address_does_not_answer_the_question():
    asked = Asked()
    assert not asked.before("a", "run")
    asked.forget("a")
    assert not asked.before("a", "run") and asked.before("a", "run")


def test_large_work_says_its_size_its_time_and_what_would_be_less(picture):
    card, path = find_card("light_x2"), picture(4000, 3000)
    now = cost_of(card, path, {"scale": 4.0})
    assert now.pixels == 16000 * 12000 and now
    words = cost.sentences(card, path, {"scale": 4.0}, now)
    assert "192 megapixels" in words and "1.92 亿像素" in words and "×2 would take" in words and "放大 2 倍" in words
    less = cost_of(card, path, {"scale": 2.0}).seconds
    assert less < now.seconds / 4 and span(less, "en") in words and span(now.seconds, "en") in words
    fast = find_card("light_real_x4")  # no smaller factor is faster, for the net is the same
    assert "half as wide" in cost.sentences(fast, path, {"scale": 4.0}, cost_of(fast, path, {"scale": 4.0}))


def test_times_and_sizes_are_said_as_people_say_them():
    assert [span(seconds, "en") for seconds in (0.2, 7.4, 43, 89, 91, 420)] == ["1 s", "7 s", "45 s", "90 s", "2 min", "7 min"]
    assert span(420, "zh") == "7 分钟" and megapixels(195_000_000, "en") == "195 megapixels"
    assert megapixels(195_000_000, "zh") == "1.95 亿像素" and megapixels(2_200_000, "zh") == "220 万像素"


@pytest.mark.parametrize("knobs", [{"scale": "x"}, {"scale": 1e9}, {"scale": math.nan}, {"views": [1]}, {"width": {}}])
def test_values_that_nobody_can_have_cost_nothing_for_they_are_refused(picture, knobs):
    assert cost_of(find_card("light_x4"), picture(30, 20), knobs) == Cost(0.0, 0)


def test_no_picture_costs_nothing(tmp_path):
    (tmp_path / "bad.png").write_text("not a picture")
    assert not cost_of(find_card("light_x4"), tmp_path / "bad.png", {})
    assert not cost_of(find_card("light_x4"), tmp_path / "gone.png", {})


def test_who_is_asked_is_remembered_once_and_not_for_ever():
    asked = Asked()
    assert not asked.before("a", "run") and asked.before("a", "run") and not asked.before("a", "run")
    assert not asked.before("a", "another")
    for n in range(2 * cost.SESSIONS):
        asked.before(str(n), "run")
    assert len(asked.sessions) == cost.SESSIONS


def test_every_card_with_a_figure_has_a_finite_cost(picture):
    from imgen.catalog import CARDS

    path = picture(60, 40)
    for card in CARDS:
        now = cost_of(card, path, {})
        assert math.isfinite(now.seconds) and now.pixels > 0, card.name

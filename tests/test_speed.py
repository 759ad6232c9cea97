"""What the benchmark counts, in a time that the test makes: figures of this machine's time belong to no test."""

import itertools
import time
from dataclasses import replace

import pytest
import torch

from imgen.catalog import CARDS, find_card
from imgen.evaluation import speed
from imgen.models.features import VGG


class Clock:
    """time.perf_counter, moved by hand."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def taking(self, *seconds: float):
        """A piece of work that takes so long each time, in turns."""
        waits = itertools.cycle(seconds)

        def work() -> None:
            self.now += next(waits)

        return work


def test_a_race_is_run_in_turns_and_told_as_a_ratio_of_medians_without_the_first_round(monkeypatch):
    clock = Clock(monkeypatch)
    ours, slow, fast = clock.taking(100, 2, 2, 3), clock.taking(1, 8, 8, 9), clock.taking(50, 1, 1, 1)
    assert speed.raced(ours, {"slow": slow, "fast": fast}, 4) == {"seconds": 2, "times_slow": 4, "times_fast": 0.5}


def test_every_card_whose_time_is_stored_would_be_timed_again_and_can_be():
    """On what `needed` gives it; a card that is new and ready is among them."""
    timed = {card.name for card in speed.timed()}
    assert timed >= {card.name for card in CARDS if card.facts.bench and card.ready and card.stem == card.name}
    assert timed >= {card.name for card in CARDS if card.net and card.ready and card.task in ("upscale", "restore")}
    assert "spoil" not in timed
    for card in speed.timed():
        assert not card.abilities.needs_mask or "mask" in speed.needed(card)
        assert card.abilities.any_style == ("paintings" in speed.needed(card))
    hole = speed.needed(find_card("attention_inpaint"))["mask"][0].pixels
    assert hole.shape == (256, 256, 1) and (hole > 0).sum() == 32 * 32


def test_what_is_stored_of_a_painter_is_its_race_and_where_it_was_run(monkeypatch):
    monkeypatch.setattr(speed, "stylizers", lambda names: {names[0]: {"seconds": 1.5, "side": 512}})
    monkeypatch.setattr(speed, "repainting", lambda: {"seconds": 7.5})
    found = speed.stored(find_card("transfer_paintings"))
    assert found["seconds"] == 1.5 and found["threads"] == torch.get_num_threads()
    assert found["precision"] in ("float32", "bfloat16")
    assert speed.stored(find_card("gatys"))["seconds"] == 7.5


def test_a_pace_is_the_median_of_five_runs_without_the_first_for_each_picture(monkeypatch):
    card, seconds = find_card("mlp_gan_fashion28"), iter([99.0, 4.0, 4.0, 5.0, 100.0, 3.0])
    real = speed.timing
    monkeypatch.setattr(speed, "timing", lambda frame: replace(real(frame), seconds=next(seconds)))
    assert speed.pace(card)["seconds_per_picture"] == pytest.approx(4 / 64, rel=0.01)


def test_ours_is_timed_until_it_is_as_good_as_the_usual_one_and_the_ratio_says_by_whom(monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(speed, "usual_gatys", lambda objective, photo, evaluations: (12.0, 1e9))  # any picture is as good as that
    found = speed.repainting(VGG((4, 4, 4)), side=64, evaluations=30)
    assert found["usual_seconds"] == 12.0 and found["reached"] and found["steps"][-1] == 10
    assert found["share"] == pytest.approx(found["seconds"] / 12.0, abs=0.01)

"""A GPU that is lent for the time of a call: who asks for it, what it is given, what comes back, and what happens without."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import gradio as gr
import pytest
from conftest import noise_picture

from imgen import cards, device, hub
from imgen.catalog import CARDS, CATALOG, find_card
from imgen.controls import UserError, checked
from imgen.image import Frame, Origin
from imgen.loader import Complete
from imgen.ui import cost, zero

HERE = Path(__file__).parent
PICTURE = noise_picture(24, 20)
DEFAULTS = {card.name: checked(card.knobs, {}) for card in CARDS}


@pytest.fixture(autouse=True)
def untaught(monkeypatch):
    """Nothing has run yet in this process that would have told how fast it is."""
    for module in (zero, cost):
        monkeypatch.setattr(module, "pace", cost.Pace())


@pytest.fixture
def lending(monkeypatch):
    """What `settle` does but for the nets; whoever asks is lent a GPU, and what it is asked for is kept."""
    calls = []

    def worked(call):
        calls.append(call)
        yield Frame(1, 2)
        yield Frame(2, 2, [PICTURE], origin=Origin(call.card, {}, "bfloat16", "0", seconds=0.5, device="Lent GPU"))

    monkeypatch.setattr(zero, "worked", worked)
    monkeypatch.setattr(device, "_chosen", "cpu")
    monkeypatch.setattr(cards, "elsewhere", zero.elsewhere)
    monkeypatch.setattr(cost, "elsewhere", zero.seconds_of)
    monkeypatch.setattr(zero, "START", -1.0)  # whatever may ask is worth it
    return calls


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_what_a_cpu_does_at_once_never_asks_and_nobody_asks_for_little(card):
    quick = card.net is None or isinstance(card.net, Complete) or "espcn" in card.name or card.task == "classify"
    for pixels in (64, 256 * 256, 4_000_000, 64_000_000):
        seconds = zero.seconds_of(card, pixels, DEFAULTS[card.name])
        assert not (quick and seconds)
        if seconds is not None:
            assert zero.START < seconds < cost.here(card, pixels, DEFAULTS[card.name])
            assert seconds <= zero.asked(seconds) <= zero.MOST or zero.asked(seconds) == zero.MOST
            assert zero.asked(seconds) >= zero.LEAST


def test_a_longer_run_is_asked_for_longer_until_a_bound():
    card, knobs = find_card("vdsr_x4"), DEFAULTS["vdsr_x4"]
    asked = [zero.asked(zero.seconds_of(card, pixels, knobs)) for pixels in (1_000_000, 12_000_000, 64_000_000)]
    assert asked == sorted(set(asked)) and asked[-1] == zero.MOST
    assert zero.seconds_of(card, 65_536, knobs) is None


def test_one_is_lent_what_it_needs_and_its_frames_come_through(lending):
    frames = list(find_card("light_x4").run(PICTURE, scale=2))
    (call,) = lending
    assert [frame.done for frame in frames] == [1, 2] and frames[-1].origin.device == "Lent GPU"
    assert call.card == "light_x4" and call.pictures == (PICTURE,) and call.knobs["scale"] == 2
    assert [path.name for path in call.paths] == ["light_x4.safetensors"]
    assert zero.LEAST <= call.seconds <= zero.MOST


def test_all_nets_of_a_run_are_found_before(lending):
    list(find_card("gatys").run(PICTURE, paintings=[PICTURE]))
    (call,) = lending
    assert [path.name for path in call.paths] == ["vgg_small.safetensors", "arbitrary_style.safetensors"]


def test_weights_are_downloaded_here_with_their_progress(lending, monkeypatch, tmp_path):
    def fetch(w):
        yield 10, w.size
        return tmp_path / w.file

    monkeypatch.setattr(hub, "fetch", fetch)
    monkeypatch.setattr(hub, "find", lambda w: None)
    frames = list(find_card("realesrgan_x4").run(PICTURE))
    assert frames[0].stage == "download" and frames[0].done == 10 and len(lending) == 1
    assert lending[0].paths == (tmp_path / find_card("realesrgan_x4").source.file,)


def test_without_its_other_network_a_run_stays_here_and_says_so(lending, monkeypatch):
    def fetch(w):
        raise UserError("weights_offline", file=w.file, repository=w.repository)
        yield

    found = hub.find
    monkeypatch.setattr(hub, "find", lambda w: None if w.repository.startswith("timm") else found(w))
    monkeypatch.setattr(hub, "fetch", lambda w: fetch(w) if w.repository.startswith("timm") else iter_path(found(w)))
    result = find_card("gatys")(PICTURE, paintings=[PICTURE], network="vgg19", steps=10, side=128)
    assert result.origin.fallback == "weights_offline" and result.origin.device == "CPU" and lending == []


def iter_path(path):
    return path
    yield


def refusing(call):
    raise gr.Error("You have exceeded your GPU quota", print_exception=False)
    yield


def ending(call):
    yield Frame(1, 9)
    raise gr.Error("GPU task aborted", print_exception=False)


def test_who_is_refused_is_served_by_the_cpu(lending, monkeypatch):
    monkeypatch.setattr(zero, "worked", refusing)
    result = find_card("light_x4")(PICTURE)
    assert result.origin.device == "CPU" and result.pictures[0].width == 80


def test_a_gpu_that_goes_away_is_one_sentence(lending, monkeypatch):
    monkeypatch.setattr(zero, "worked", ending)
    with pytest.raises(UserError, match="gpu_ended"):
        find_card("light_x4")(PICTURE)


def test_a_mistake_comes_back_in_our_words(lending, monkeypatch):
    monkeypatch.setattr(zero, "worked", lambda call: (one for one in [zero.Refused("width_too_large", {"width": 9, "most": 8})]))
    with pytest.raises(UserError) as caught:
        find_card("light_x4")(PICTURE)
    assert caught.value.key == "width_too_large" and caught.value.facts == {"width": 9, "most": 8}


def test_who_stops_closes_the_call(lending, monkeypatch):
    closed = []

    def endless(call):
        try:
            while True:
                yield Frame(1, 9)
        finally:
            closed.append(call.card)

    monkeypatch.setattr(zero, "worked", endless)
    run = find_card("light_x4").run(PICTURE)
    next(run)
    run.close()
    assert closed == ["light_x4"]


def test_the_pace_of_the_gpu_is_learned_by_itself(lending, monkeypatch):
    card, pixels = find_card("vdsr_x4"), 4_000_000
    before, cpu = zero.seconds_of(card, pixels, DEFAULTS[card.name]), cost.here(card, pixels, DEFAULTS[card.name])
    picture = noise_picture(500, 400)
    origin = list(card.run(picture))[-1].origin
    assert zero.seconds_of(card, pixels, DEFAULTS[card.name]) != before
    cost.learn(card, 200_000, origin)
    assert cost.here(card, pixels, DEFAULTS[card.name]) == cpu  # what the GPU took says nothing of this machine
    assert cost.cost(card, pixels, {}).seconds < cpu


def test_on_each_device_a_net_is_another(monkeypatch):
    card, nets = find_card("light_x2"), []  # float32 everywhere: only the device tells them apart
    for where in ("cpu", "cpu:0", "cpu"):
        monkeypatch.setattr(device, "_chosen", where)
        nets.append(card.load())
    assert nets[0] is nets[2] is not nets[1]


def test_kept_networks_and_other_work_than_a_cards_own_stay_here(lending):
    card = find_card("light_x4")
    mine = cards.replace(card, name="mine", file="light_x4")
    assert "mine" not in CATALOG and mine(PICTURE).origin.device == "CPU"
    *_, last = card.do(lambda net, picture: iter([Frame(1, 1, [picture])]), PICTURE)
    assert last.origin.device == "CPU" and lending == []


def said(*arguments, python=sys.executable, **environment) -> dict:
    """What `zero_gpu.py` says."""
    done = subprocess.run([python, HERE / "zero_gpu.py", *arguments], env={**os.environ, **environment}, capture_output=True,
                          text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1].rpartition("\x1b")[2])


def check(told: dict, name: str, precision: str) -> None:
    assert told["plain"]["device"] == "CPU" and set(told["never"]) == {"CPU"}
    assert told["lent"]["device"] == told["several"]["device"] == name and told["lent"]["precision"] == precision
    assert told["again"]["mean"] == told["lent"]["mean"] == pytest.approx(told["plain"]["mean"], abs=0.2)
    assert len(told["several"]["stages"]) > 1  # frames on the way, too
    assert told["refused"] == {"error": "width_too_large"}
    assert told["paced"] and not told["own_pace"] and told["nets"] > 15


@pytest.mark.slow
def test_a_call_runs_in_a_fork_and_nothing_is_lost(tmp_path):
    path = os.pathsep.join([str(HERE / "stand_in_spaces"), *filter(None, [os.environ.get("PYTHONPATH")])])
    check(said(PYTHONPATH=path, SPACES_STAND_IN=str(tmp_path)), "Lent GPU", "float32")
    asked = [int(line) for line in (tmp_path / "calls").read_text().split()]
    assert len(asked) == 4 and min(asked) >= zero.LEAST and max(asked) <= zero.MOST


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("spaces"), reason="the package that Spaces bring: pip install spaces")
def test_the_real_package_takes_it_as_far_as_it_goes_without_a_gpu():
    told = said("real")
    check(told, "NVIDIA H200", "bfloat16")
    assert sum(path.startswith("/schedule") for path in told["asked"]) == 4 and told["asked"][0] == "/startup-report"
    assert all("durationSeconds=" in path for path in told["asked"] if path.startswith("/schedule"))

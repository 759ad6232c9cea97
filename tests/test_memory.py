"""What is kept in memory, and what is given back."""

import ctypes
import platform
import subprocess
import sys
import threading
import time
import weakref

import pytest
import torch
from torch import nn

from imgen import device
from imgen.cards import Card, Paper
from imgen.image import Frame, Picture
from imgen.loader import Complete, loader

MEGA = 1 << 20
GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")


class Heavy(Complete):
    """A net of so many MiB, half of it in a buffer."""

    def build(self) -> nn.Module:
        net, count = nn.Module(), self.settings["mega"] * MEGA // 4 // 2
        net.weight = nn.Parameter(torch.full((count,), 0.5))
        net.register_buffer("more", torch.zeros(count))
        return net


def two_greys(net):
    """Two steps, each of which looks at the net."""
    for done in (1, 2):
        grey = int(net.weight[0] * 200 * done / 2)
        yield Frame(done, 2, [Picture(torch.full((1, 1, 1), grey, dtype=torch.uint8).numpy())])


def card(name, mega=1):
    return Card(name, "generate", Heavy(name, mega=mega), two_greys, Paper("", "", 0), "MIT", lesson="", float32_only=True)


@pytest.fixture(autouse=True)
def empty():
    loader.forget()
    yield
    loader.forget()


def kept(monkeypatch, limit, *loads):
    """The names of those that are still there, of cards named by a letter and so many MiB."""
    monkeypatch.setattr(loader, "room", limit * MEGA)
    for one in loads:
        one.load()
    return "".join(one.name for one in loads if loader.holds(one.loadable))


def test_nets_are_kept_by_bytes_and_those_used_last_longest(monkeypatch):
    a, b, c, d = (card(name) for name in "abcd")
    assert kept(monkeypatch, 3, a, b, c) == "abc"
    a.load()
    assert kept(monkeypatch, 3, d) == "d" and [loader.holds(one.loadable) for one in (a, b, c)] == [True, False, True]


def test_a_heavy_net_takes_the_place_of_many(monkeypatch):
    assert kept(monkeypatch, 4, card("a"), card("b"), card("c"), card("h", 3)) == "ch"


def test_a_net_heavier_than_all_that_may_be_kept_is_kept_alone(monkeypatch):
    assert kept(monkeypatch, 2, card("a"), card("h", 3)) == "h"
    assert kept(monkeypatch, 2, card("b")) == "b" and len(loader) == 1


def test_a_net_at_work_survives_until_the_work_is_done(monkeypatch):
    monkeypatch.setattr(loader, "room", MEGA)
    work = card("a").run()
    assert next(work).pictures[0].pixels.item() == 50
    net = weakref.ref(card("a").load())
    card("b").load()
    assert not loader.holds(card("a").loadable) and net() is not None
    assert next(work).pictures[0].pixels.item() == 100
    work.close()
    assert net() is None


def test_room_is_made_before_a_result_is_handed_on_and_once_a_run(monkeypatch):
    calls = []
    monkeypatch.setattr(device, "make_room", lambda: calls.append(1))
    assert [len(calls) for _ in card("a").run()] == [0, 1]


def test_the_cards_that_the_page_opens_with_all_stay():
    from imgen.catalog import CARDS, TASKS

    opening = [next(one for one in CARDS if one.task == task) for task in TASKS]
    nets = [one.load() for one in opening]
    assert all(loader.holds(one.loadable) for one in opening)
    held = sum(p.untyped_storage().nbytes() for net in nets for p in net.state_dict().values())
    assert held == loader.bytes < loader.room / 2  # so that another is not loaded at their cost


HOARD = """
import sys, time
from pathlib import Path
from imgen import device
def resident():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024
device.ROOM, device.QUIET = {room}, {quiet}
before = resident()
blocks = [bytearray(100_000) for _ in range(1500)]
del blocks[:-1]  # the last lies on top, and holds them all
left = resident() - before
device.release()
at_once = resident() - before
time.sleep(0.5)
print(left, at_once, resident() - before, "torch" in sys.modules)
"""


def hoard(**limits):
    done = subprocess.run([sys.executable, "-c", HOARD.format(**limits)], capture_output=True, text=True, timeout=60, check=True)
    *mebibytes, torch_came = done.stdout.split()
    assert torch_came == "False"
    return map(int, mebibytes)


@GLIBC
def test_much_that_was_left_behind_is_given_back_at_once():
    left, at_once, _ = hoard(room=50 * MEGA, quiet=60)
    assert left > 100 and at_once < 15


@GLIBC
def test_little_stays_for_the_next_run_until_it_is_quiet():
    left, at_once, later = hoard(room=1 << 40, quiet=0.1)
    assert left > 100 and at_once > 100 and later < 15


def test_it_is_given_back_once_after_the_last_of_many_runs(monkeypatch):
    calls, others = [], set(threading.enumerate())
    monkeypatch.setattr(device, "give_back", lambda: calls.append(time.monotonic()))
    monkeypatch.setattr(device, "QUIET", 0.2)
    for _ in range(8):
        device.release()
        time.sleep(0.05)
    last = time.monotonic()
    time.sleep(0.4)
    assert len(calls) == 1 and calls[0] > last
    assert not any(isinstance(one, threading.Timer) for one in set(threading.enumerate()) - others)


@pytest.mark.parametrize("error", [OSError, AttributeError, TypeError])
def test_where_there_is_no_such_allocator_nothing_happens(error, monkeypatch):
    def refuse(_):
        raise error

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    device._trim.cache_clear()
    try:
        device.give_back()
    finally:
        device._trim.cache_clear()


def test_a_gpu_gives_back_too(monkeypatch):
    calls = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: calls.append(1))
    device.give_back()
    assert calls == [1]

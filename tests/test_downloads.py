"""A machine or a stick is filled before a lesson, whatever the network is; and every setting of the way to the Hub is heeded."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub.file_download
import pytest
from stand_in_hub import COMMIT

from imgen import downloads, hub
from imgen.catalog import CARDS
from imgen.controls import UserError
from imgen.downloads import Wanted
from imgen.hub import WeightFile
from imgen.lab.sets import SETS

CONTENT = os.urandom(400_000)
ROOT = Path(__file__).parent.parent
FILES = [
    Wanted("first", WeightFile("someone/models", "first.safetensors", COMMIT, hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))),
    Wanted("second", WeightFile("someone/models", "second.safetensors", "main", None, len(CONTENT))),
    Wanted("pictures", WeightFile("someone/sets", "data/train.parquet", "main", None, len(CONTENT), dataset=True)),
]
LOOK = """
import os, sys
from imgen import hub
hub.settle(os.environ)
hub.patience, hub.bundled = 1.0, hub.Path("nowhere")
w = hub.WeightFile("someone/models", "second.safetensors", "main", None, 400_000)
"""
FIND = LOOK + """
refused = os.environ.get("READ_ONLY")
def forbid(event, given):
    if event == "open" and refused and str(given[0]).startswith(refused) and given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        raise OSError(30, "Read-only file system")
sys.addaudithook(forbid)
"""
FETCH = FIND + """
fetching = hub.fetch(w)
try:
    while True: next(fetching)
except StopIteration as end:
    sys.stdout.buffer.write(end.value.read_bytes())
except hub.UserError as error:
    sys.exit(error.key)
"""


@pytest.fixture
def server(hubs, tmp_path, monkeypatch):
    for stand_in in hubs:
        stand_in.reset(CONTENT)
    settings = {"cache": tmp_path / "cache", "endpoint": hubs[0].url, "mirror": None, "elsewhere": True, "patience": 1.0}
    for name, value in {**settings, "bundled": tmp_path, "_downloads": {}, "_spares": []}.items():
        monkeypatch.setattr(hub, name, value)
    monkeypatch.setattr(downloads, "offered", lambda: FILES)
    monkeypatch.setattr(huggingface_hub.file_download, "time", SimpleNamespace(sleep=lambda seconds: None))
    yield hubs[0]
    huggingface_hub.close_session()


def child(code, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    settings = {"HF_HUB_DISABLE_TELEMETRY": "1", **{name: str(value) for name, value in environment.items()}}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=kept | settings, capture_output=True, timeout=60)


def gets(server):
    return [path for method, path, _ in server.requests if method == "GET"]


def test_without_names_it_tells_what_there_is_and_fetches_nothing(here, server):
    code, out, told = here("download")
    assert code == 0 and out == "" and server.requests == []
    assert all(one.name in told and one.file.repository in told for one in FILES) and "--all" in told


def test_sizes_are_told_before_anything_is_fetched(here, server, monkeypatch):
    asked = []
    monkeypatch.setattr(downloads, "fetch", lambda one, usual: asked.append(one) or iter(()))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1_000_000))
    monkeypatch.setattr(downloads, "offered", lambda: [Wanted(one.name, replace(one.file, size=600_000)) for one in FILES])
    code, _, told = here("download", "--all")
    assert code == 2 and asked == [] and "1.8 MB" in told and told.count("\n") == 5  # each, all together, no room


def test_what_is_named_comes_and_is_not_fetched_twice(here, server, tmp_path):
    code, out, _ = here("download", "first")
    assert code == 0 and Path(out.strip()).read_bytes() == CONTENT and Path(out.strip()).is_relative_to(tmp_path / "cache")
    server.requests.clear()
    code, again, told = here("download", "first")
    assert (code, again) == (0, out) and server.requests == [] and "here already" in told


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links, as on a stick"])
def test_a_stick_serves_another_machine_that_has_no_network(here, server, tmp_path, monkeypatch, links):
    monkeypatch.setattr(huggingface_hub.file_download, "are_symlinks_supported", lambda folder=None: links)
    code, out, told = here("download", "--all", "--to", tmp_path / "stick")
    assert code == 0 and len(out.split()) == 3 and "HF_HUB_CACHE" in told and not (tmp_path / "cache").exists()
    (tmp_path / "stick").rename(tmp_path / "elsewhere")  # it is called otherwise there
    server.mode, there = "503", tmp_path / "elsewhere"
    done = child(FETCH, HF_HUB_CACHE=there, HF_HUB_OFFLINE=1, HF_ENDPOINT=server.url, READ_ONLY=there)
    assert done.stdout == CONTENT and done.stderr == b""


def test_what_this_machine_has_is_copied_to_the_stick_without_a_network(here, server, tmp_path, monkeypatch):
    assert here("download", "--all")[0] == 0
    server.mode = "503"
    monkeypatch.setattr(hub, "cache", tmp_path / "cache")
    code, out, _ = here("download", "--all", "--to", tmp_path / "stick")
    assert code == 0 and {Path(path).read_bytes() for path in out.split()} == {CONTENT}
    assert not any(path.is_symlink() for path in (tmp_path / "stick").rglob("*"))
    monkeypatch.setattr(hub, "cache", tmp_path / "stick")
    assert all(one.found() for one in FILES)
    Path(out.split()[1]).write_bytes(bytes(len(CONTENT)))  # and a damaged copy is none
    assert not FILES[1].found()


def test_what_was_cut_off_is_taken_up_where_it_ended(here, server, monkeypatch):
    monkeypatch.setattr(hub, "LARGE", 1)
    server.mode = "cut off"
    code, _, told = here("download", "second")
    assert code == 2 and "1 of 1" in told
    server.mode, server.starts = "normal", []
    code, out, _ = here("download", "second")
    assert code == 0 and Path(out.strip()).read_bytes() == CONTENT
    assert len(server.starts) == 1 and 0 < server.starts[0] < len(CONTENT)
    assert not list(hub.cache.rglob("*.incomplete"))


@pytest.mark.slow
def test_what_was_killed_is_taken_up_where_it_ended(server, tmp_path):
    server.mode = "slow"
    code = FETCH.replace("hub.patience,", "hub.LARGE = 1; hub.patience,")
    environment = {**os.environ, "HF_ENDPOINT": server.url, "HF_HUB_CACHE": str(tmp_path / "cache")}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment)
    parts, deadline = [], time.monotonic() + 30
    while not any(part.stat().st_size > 60_000 for part in parts) and time.monotonic() < deadline:
        time.sleep(0.01)
        parts = list((tmp_path / "cache").rglob("*.part.incomplete"))
    process.kill()
    process.wait()
    server.mode, server.starts = "normal", []
    done = child(code, HF_ENDPOINT=server.url, HF_HUB_CACHE=tmp_path / "cache")
    assert done.stdout == CONTENT and len(server.starts) == 1 and server.starts[0] >= 60_000


@pytest.mark.parametrize("kept", [b"x" * 1000, b"x" * (len(CONTENT) + 1)], ids=["another file's", "too long"])
def test_a_part_that_is_wrong_costs_a_try_and_no_more(here, server, monkeypatch, kept):
    monkeypatch.setattr(hub, "LARGE", 1)
    blobs = hub.cache / "models--someone--models" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{hashlib.sha256(CONTENT).hexdigest()}.part.incomplete").write_bytes(kept)
    codes = [here("download", "second")[0] for _ in range(2)]
    assert codes[1] == 0 and FILES[1].found() and FILES[1].found().read_bytes() == CONTENT


def test_while_another_process_is_at_it_both_get_the_file(here, server, monkeypatch):
    monkeypatch.setattr(hub, "LARGE", 1)
    blobs = hub.cache / "models--someone--models" / "blobs"
    blobs.mkdir(parents=True)
    with hub._alone(blobs / f"{hashlib.sha256(CONTENT).hexdigest()}.part.incomplete"):
        assert here("download", "second")[0] == 0


def test_wrong_bytes_of_a_large_file_are_refused_and_removed(here, server, monkeypatch):
    monkeypatch.setattr(hub, "LARGE", 1)
    server.mode = "wrong bytes"
    code, _, told = here("download", "first", "second")
    assert code == 2 and "2 of 2" in told and "damaged" in told
    assert not [path for path in hub.cache.rglob("*") if path.is_file() and path.stat().st_size == len(CONTENT)]


def test_what_cannot_be_had_is_told_and_the_rest_comes(here, server, monkeypatch):
    refused = Wanted("third", WeightFile("someone/models", "third.safetensors", COMMIT, "0" * 64, len(CONTENT)))
    monkeypatch.setattr(downloads, "offered", lambda: [refused, *FILES])
    code, out, told = here("download", "--all")
    assert code == 2 and len(out.split()) == 3 and "third: " in told and "1 of 4" in told


def test_a_folder_that_refuses_is_told_and_nothing_goes_astray(here, server, tmp_path):
    (tmp_path / "stick").write_text("a file in the place of the folder")
    code, out, told = here("download", "second", "--to", tmp_path / "stick")
    assert code == 2 and out == "" and "read-only" in told and hub._spares == []


def test_names_that_there_are_not_are_told(here, server):
    assert "nosuch" in here("download", "nosuch")[2] and "espcn_x2" not in here("download", "--all")[1]


def test_all_that_the_hub_has_for_this_program_is_offered():
    """By the catalog itself: each card with a source, the network that some may take, both data sets."""
    files = {one.file for one in downloads.offered()}
    assert {card.source for card in CARDS if card.source} | {one.file for one in SETS.values()} <= files
    assert {card.alternative.source for card in CARDS if card.alternative} <= files
    assert not any((ROOT / "weights" / one.file).exists() for one in files)
    assert [one.name for one in downloads.wanted(["gatys"])] == ["vgg19"]
    for name, key in (("espcn_x2", "download_none"), ("bicubic", "download_none"), ("nosuch", "card_unknown")):
        with pytest.raises(UserError) as caught:
            downloads.wanted([name])
        assert caught.value.key == key


def test_where_the_hub_is_forbidden_that_is_said_and_not_that_there_is_no_network(here, server, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, _, told = here("download", "first")
    assert code == 2 and "HF_HUB_OFFLINE" in told and "internet" not in told and not server.requests


# -- the settings of the way there, each in a process of its own, for they are read when it begins -------------------------


def test_hf_endpoint_is_heeded_and_hf_hub_cache(server, tmp_path):
    done = child(FETCH, HF_ENDPOINT=server.url, HF_HUB_CACHE=tmp_path / "there")
    assert done.stdout == CONTENT and any((tmp_path / "there").rglob("second.safetensors")) and gets(server)


def test_a_second_mirror_steps_in(hubs, server, tmp_path):
    server.mode = "503"
    done = child(FETCH, HF_ENDPOINT=server.url, HF_HUB_CACHE=tmp_path, IMGEN_MIRROR=hubs[1].url)
    assert done.stdout == CONTENT and gets(hubs[1]) and server.requests


def test_hf_hub_offline_asks_nobody(hubs, server, tmp_path):
    done = child(FETCH, HF_ENDPOINT=server.url, HF_HUB_CACHE=tmp_path, IMGEN_MIRROR=hubs[1].url, HF_HUB_OFFLINE=1)
    assert done.stderr.strip() == b"weights_offline" and server.requests == hubs[1].requests == []


def test_a_read_only_cache_that_lacks_a_file_still_lets_it_be_used(server, tmp_path):
    done = child(FETCH, HF_ENDPOINT=server.url, HF_HUB_CACHE=tmp_path / "cache", READ_ONLY=tmp_path / "cache")
    assert done.stdout == CONTENT and not list((tmp_path / "cache").rglob("second.safetensors"))

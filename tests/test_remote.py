"""Models that work on Ray Serve replicas: the same pictures and errors, Stop within a step, nothing is lost with a replica."""

import copy
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import noise_picture
from PIL import Image

from imgen import cards, remote
from imgen.catalog import CATALOG, find_card
from imgen.controls import UserError
from imgen.image import Frame, Picture
from imgen.lab.kept import card_for
from imgen.loader import Net
from imgen.models.espcn import ESPCN
from imgen.pipelines.steer import steer
from imgen.remote import Cluster, Gathered
from imgen.stopping import Stopped, stopping

ROOT = Path(__file__).parent.parent
REPLICA = re.compile(rb"ray::(ServeReplica:imgen-|[^ ]*work\.)")  # a title: its class, or what it is just doing
with_ray = pytest.mark.slow  # a cluster, whose start takes seconds; where Ray is not installed, the fixture skips


@pytest.fixture(scope="module")
def cluster():
    """Two replicas on this machine."""
    pytest.importorskip("ray", reason='Ray is not installed: pip install "ray[serve]"')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        assert remote.connect(Cluster("local", 2, 2, cpus=0.5)) == 2 * remote.THREADS
        yield cards.elsewhere
        remote.disconnect()


@pytest.fixture
def both(cluster, monkeypatch):
    """Call a card here and there -> both results."""
    def run(card, *pictures, **knobs):
        there = card(*pictures, **knobs)
        with monkeypatch.context() as patch:
            patch.setattr(cards, "elsewhere", None)
            return card(*pictures, **knobs), there

    return run


def pids() -> set[int]:
    """Of the processes in which replicas live."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
                if REPLICA.match(words):
                    found.add(int(entry.name))
            except OSError:
                pass
    return found


@with_ray
@pytest.mark.filterwarnings("ignore")  # Ray's own
@pytest.mark.parametrize(("name", "knobs"), [
    ("espcn_x4", {"scale": 2.5}), ("light_restore", {}), ("median_filter", {}), ("resgan_flowers64", {"count": 3, "seed": 7}),
    ("draw_voronoi", {"count": 2, "seed": 3, "size": 64}), ("mlp_vae_fashion28", {"count": 2, "seed": 5, "label": "bag"}),
])
def test_a_picture_is_the_one_that_would_have_been_made_here(both, name, knobs):
    card = find_card(name)
    here, there = both(card, *([noise_picture(40, 56)] if card.pictures else []), **knobs)
    assert there.pictures == here.pictures and there.origin.record == here.origin.record
    assert [one.record for one in there.pictures] == [one.record for one in here.pictures]


@with_ray
@pytest.mark.filterwarnings("ignore")
def test_pipelines_and_networks_of_ones_own_go_along(both, cluster):
    torch.manual_seed(0)
    mine = card_for(Net("espcn:ESPCN", scale=2), ESPCN(2).state_dict(), (), "own-1", "0" * 64)
    here, there = both(mine, noise_picture(24, 24))
    assert there.pictures == here.pictures and there.pictures[0].width == 48
    maker = find_card("dcgan_fashion28")
    start = maker(count=1, seed=2).pictures[0]
    *_, moved = maker.do(steer(maker.facts.directions, [2.0, 0, 0, 0, 0, 0]), start)
    assert moved.pictures[0] != start


@with_ray
@pytest.mark.filterwarnings("ignore")
def test_a_wrong_request_is_told_as_it_would_be_here(both):
    with pytest.raises(UserError) as known:
        both(find_card("attention_inpaint"), noise_picture(40, 40))
    assert known.value.key == "mask_first"
    with pytest.raises(UserError) as known:
        both(find_card("espcn_x4"), noise_picture(40, 40), scale=99)
    assert (known.value.key, known.value.facts["knob"]) == ("knob_out_of_range", "scale")


def diary(path: str, until: float = 60.0, kills: str = ""):
    """A pipeline that notes each of its steps in a file; the first time it dies in the third, if `kills` names a file."""
    def work(net):
        import os
        import time
        from pathlib import Path

        from imgen.image import Frame, Picture

        end = time.monotonic() + until
        for n in range(1000):
            time.sleep(0.1)
            with Path(path).open("a") as file:
                file.write(f"{os.getpid()}\n")
            if n == 2 and kills and not Path(kills).exists():
                Path(kills).touch()
                os._exit(1)
            if time.monotonic() > end:
                break
            yield Frame(n, 1000)
        import numpy

        yield Frame(1, 1, [Picture(numpy.zeros((2, 2, 3), numpy.uint8))])

    return work


def steps(path: Path) -> int:
    return len(path.read_text().split()) if path.exists() else 0


@with_ray
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", ["closed", "stopped"])
def test_stop_ends_the_work_within_a_step(cluster, tmp_path, way):
    path, gone = tmp_path / "diary", threading.Event()

    def check():
        if gone.is_set():
            raise Stopped

    token = stopping.set(check)
    try:
        frames = find_card("draw_lines").do(diary(str(path)))
        assert isinstance(next(frames), Frame)
        if way == "closed":
            frames.close()
        else:
            gone.set()
            with pytest.raises(Stopped):
                list(frames)
    finally:
        stopping.reset(token)
    time.sleep(1.0)
    known = steps(path)
    time.sleep(1.0)
    assert steps(path) == known < 20


@with_ray
@pytest.mark.filterwarnings("ignore")
def test_work_whose_replica_dies_is_done_by_another(cluster, tmp_path):
    path = tmp_path / "diary"
    *_, last = find_card("draw_lines").do(diary(str(path), 1.0, str(tmp_path / "killed")))
    assert last.finished and last.pictures[0].width == 2
    assert len(set(path.read_text().split())) == 2  # processes that have worked at it


@with_ray
@pytest.mark.filterwarnings("ignore")
def test_of_many_requests_none_is_lost_with_a_replica(cluster):
    card, pictures = find_card("espcn_x4"), [noise_picture(32, 32, seed=n) for n in range(8)]
    right = [card(one).pictures[0] for one in pictures]
    deadline = time.monotonic() + 60
    while len(pids()) < 2:  # one may still be on its way, after the test before
        assert time.monotonic() < deadline
        time.sleep(0.2)

    def ask(n: int) -> bool:
        if n == 30:
            os.kill(min(pids()), signal.SIGKILL)
        return card(pictures[n % 8]).pictures[0] == right[n % 8]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(80)))


@with_ray
@pytest.mark.filterwarnings("ignore")
def test_a_folder_goes_through_the_cluster_as_it_would_here(cluster, here, tmp_path, monkeypatch):
    monkeypatch.setenv("IMGEN_RAY", "local")
    photos = tmp_path / "photos"
    photos.mkdir()
    for n in range(6):
        Image.fromarray(noise_picture(24, 30 + n, seed=n).pixels).save(photos / f"{n}.png")
    (photos / "3.png").write_bytes(b"\x89PNG no picture")
    told = here("run", "espcn_x4", photos, "-o", tmp_path / "there", "--ray")
    assert told[0] == 2 and "3.png" in told[2]
    monkeypatch.setattr(cards, "elsewhere", None)
    known = here("run", "espcn_x4", photos, "-o", tmp_path / "here")
    files = [sorted((tmp_path / place).iterdir()) for place in ("there", "here")]
    assert [one.name for one in files[0]] == [one.name for one in files[1]] == [f"{n}.png" for n in (0, 1, 2, 4, 5)]
    assert [one.read_bytes() for one in files[0]] == [one.read_bytes() for one in files[1]]
    assert told[1].replace("/there/", "/here/") == known[1]  # in the same order
    assert "there already" in here("run", "espcn_x4", photos, "-o", tmp_path / "there", "--ray")[2]


def test_nothing_of_ray_is_loaded_unless_it_is_asked_for():
    code = "import sys, imgen.remote, imgen.__main__; sys.exit('ray' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize(("environment", "key"), [
    ({"IMGEN_RAY_REPLICAS": "8-1"}, "ray_replicas"), ({"IMGEN_RAY_REPLICAS": "0"}, "ray_replicas"),
    ({"IMGEN_RAY_REPLICAS": "many"}, "ray_replicas"), ({"IMGEN_RAY_REPLICAS": "1-99999"}, "ray_replicas"),
    ({"IMGEN_RAY_GPUS": "x"}, "setting_not_a_number"), ({"IMGEN_RAY_GPUS": "nan"}, "setting_not_a_number"),
    ({"IMGEN_RAY_GPUS": "-1"}, "setting_not_a_number"),
])
def test_a_setting_that_means_nothing_is_refused(environment, key):
    with pytest.raises(UserError, match=key):
        Cluster.of(environment)


def test_settings_decide_and_what_they_leave_open_the_cluster_does():
    assert Cluster.of({"IMGEN_RAY": "ray://head:10001", "IMGEN_RAY_REPLICAS": "2-6", "IMGEN_RAY_GPUS": "0.5"}) == Cluster(
        "ray://head:10001", 2, 6, gpus=0.5
    )
    eight = remote.fitted(Cluster.of({}), {"CPU": 8.0})
    assert (eight.least, eight.most, eight.gpus, eight.at_once) == (1, 8, 0.0, remote.THREADS)
    gpus = remote.fitted(Cluster.of({}), {"CPU": 8.0, "GPU": 2.0})
    assert (gpus.most, gpus.gpus, gpus.at_once) == (8, 0.25, remote.BATCH)
    assert remote.fitted(Cluster.of({"IMGEN_RAY_REPLICAS": "3"}), {"CPU": 8.0}).most == 3


def test_an_error_comes_out_of_another_process_as_it_went_in():
    import pickle

    error = pickle.loads(pickle.dumps(UserError("knob_unknown", knob="x", knobs="a, b")))
    assert (type(error), error.key, error.facts) == (UserError, "knob_unknown", {"knob": "x", "knobs": "a, b"})


def test_equal_questions_are_answered_together_and_each_rightly():
    """While one batch is computed the next gathers; what is not equal is asked apart."""
    begun, go_on, sizes = threading.Event(), threading.Event(), []

    def forward(x):
        sizes.append(len(x))
        begun.set()
        go_on.wait(10)
        return x * 2

    net = Gathered(forward, most=4)
    questions = [torch.full((1, 3), float(n)) for n in range(7)] + [torch.full((1, 5), 9.0)]
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(net, questions[0])
        assert begun.wait(10)
        rest = [pool.submit(net, one) for one in questions[1:]]
        deadline = time.monotonic() + 10
        while len(net.waiting) < 8 and time.monotonic() < deadline:
            time.sleep(0.01)
        go_on.set()
        answers = [one.result() for one in (first, *rest)]
    for question, answer in zip(questions, answers, strict=True):
        assert torch.equal(answer, question * 2)
    assert sorted(sizes) == [1, 1, 2, 4] and not net.waiting


def test_a_batch_that_fails_is_asked_one_by_one():
    def forward(x):
        if len(x) > 1:
            raise RuntimeError("out of memory")
        return x + 1

    net = Gathered(forward, most=8)
    with net.busy, ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(net, torch.full((1, 2), float(n))) for n in range(3)]
        while len(net.waiting) < 3:
            time.sleep(0.01)
        net.busy.release()
        try:
            assert [one.result()[0, 0].item() for one in asked] == [1, 2, 3]
        finally:
            net.busy.acquire()


def test_a_copied_net_answers_for_itself():
    net = torch.nn.Linear(2, 2)
    remote.gather(net)
    other = copy.deepcopy(net)
    with torch.no_grad():
        other.weight.zero_()
        other.bias.zero_()
    x = torch.ones(1, 2)
    assert other(x).abs().sum() == 0 and torch.equal(net(x), torch.nn.functional.linear(x, net.weight, net.bias))


@with_ray
def test_a_page_works_on_replicas_and_loads_no_network_itself(tmp_path):
    pytest.importorskip("ray", reason='Ray is not installed: pip install "ray[serve]"')
    from test_doors import Server

    server = Server(tmp_path, IMGEN_RAY="local", IMGEN_RAY_REPLICAS="1")
    try:
        picture = noise_picture(30, 40)
        file = tmp_path / "a.png"
        Image.fromarray(picture.pixels).save(file)
        said = server.call("upscale", card="espcn_x4", picture=server.upload(file.read_bytes()))
        assert "complete" in said, said
        made = max(server.files.rglob("espcn*.png"), key=lambda path: path.stat().st_mtime)
        assert Picture(np.asarray(Image.open(made))) == CATALOG["espcn_x4"](picture).pictures[0]
        loaded = Path(f"/proc/{server.process.pid}/maps").read_text()
        assert "libtorch_cpu" not in loaded
    finally:
        server.close()

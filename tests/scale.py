"""More than one machine, measured: what each way reaches on this one, and where it will stop.

    python tests/scale.py ray        the page on two replicas beside the page alone: 200 requests by 32 visitors, a replica killed
    python tests/scale.py replicas   one to eight replicas asked directly, and what a request and a byte cost
    python tests/scale.py pages      two pages behind nginx beside one
    python tests/scale.py torchrun   a training in two processes beside one

Everything is done in turns, several times, and told as a ratio of medians: other programs may want the cores as well.  Processor
time is what the kernel counted.  Linux only; needs `pip install "ray[serve]"`, or nginx.
"""

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
ROOT = Path(__file__).parent.parent
os.environ["PYTHONPATH"] = str(ROOT)
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  Ray's own 15 would lose to every other program
sys.path.insert(0, str(ROOT))

from crowd import Visitor  # noqa: E402

CALLS = (  # quick ones, of every kind
    ("generate", {"card": "resgan_flowers64", "count": 4}), ("generate", {"card": "mlp_vae_fashion28", "count": 8}),
    ("upscale", {"card": "espcn_x4"}), ("upscale", {"card": "light_real_x4"}), ("restore", {"card": "light_restore"}),
)
SEEDS = 4


def processor(pid: int) -> float:
    """Seconds that a process has had."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Crowd:
    """Visitors of one address who ask for what is known."""

    def __init__(self, url: str, visitors: int):
        info = httpx.get(f"{url}gradio_api/info", timeout=120).json()["named_endpoints"]
        names = {name.strip("/"): [p["parameter_name"] for p in one["parameters"]] for name, one in info.items()}
        self.visitors = [Visitor(url, names, f"127.0.4.{n + 1}") for n in range(visitors)]
        for n, visitor in enumerate(self.visitors):
            visitor.client.headers["User-Agent"] = f"visitor {n}"  # by which nginx tells programs apart
            visitor.client.headers["Connection"] = "close"  # one that is kept may be closed just when it is used again
        self.right = {(n, seed): self.visitors[0].ask(*CALLS[n], seed) for n in range(len(CALLS)) for seed in range(SEEDS)}
        bad = [one for one in self.right.values() if len(one) != 64]
        assert not bad, bad

    def ask(self, requests: int, seed: int, halfway=lambda: None) -> tuple[float, dict[str, int]]:
        """-> requests a second, and how many were answered rightly."""
        dice, counts, lock = random.Random(seed), {"right": 0, "wrong": 0, "lost": 0}, threading.Lock()
        todo = [(dice.randrange(len(CALLS)), dice.randrange(SEEDS)) for _ in range(requests)]

        def visit(visitor: Visitor) -> None:
            while True:
                with lock:
                    if not todo:
                        return
                    n, seed = todo.pop()
                    half = len(todo) == requests // 2
                if half:
                    halfway()
                try:
                    found = visitor.ask(*CALLS[n], seed)
                except (httpx.HTTPError, KeyError, ValueError) as error:
                    found = f"lost {error!r}"
                with lock:
                    kind = "right" if found == self.right[n, seed] else "wrong" if len(found) == 64 else "lost"
                    counts[kind] += 1
                if kind != "right":
                    print(kind, CALLS[n], found[:300], flush=True)

        began = time.monotonic()
        with ThreadPoolExecutor(len(self.visitors)) as pool:
            list(pool.map(visit, self.visitors))
        return requests / (time.monotonic() - began), counts


def compare(names: tuple[str, str], run, rounds: int) -> dict[str, list[float]]:
    """Both in turns, the first one first in every other round."""
    found: dict[str, list[float]] = {name: [] for name in names}
    for n in range(rounds):
        for name in names if n % 2 == 0 else names[::-1]:
            found[name].append(run(name, n))
    one, other = (statistics.median(found[name]) for name in names)
    words = f"medians {other:.2f} and {one:.2f} a second, {rounds} rounds each"
    print(f"{names[1]} / {names[0]}: {other / one:.2f} ({words})", flush=True)
    return found


def ray(options: argparse.Namespace) -> None:
    from test_doors import Server
    from test_remote import pids

    Server.patience = 600  # on a machine that others use as well
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        places = [Path(folder) / name for name in ("alone", "ray")]
        for place in places:
            place.mkdir()
        alone = Server(places[0])
        there = Server(places[1], IMGEN_RAY="local", IMGEN_RAY_REPLICAS="2")
        try:
            crowds = {"alone": Crowd(alone.url, options.visitors), "ray": Crowd(there.url, options.visitors)}
            assert crowds["alone"].right == crowds["ray"].right, "the replicas draw other pictures"
            total: dict[str, int] = {}
            spent: dict[str, list[float]] = {"alone": [], "ray": []}

            def kill() -> None:
                with suppress(ValueError, ProcessLookupError):
                    os.kill(min(pids()), signal.SIGKILL)
                    print("a replica was killed", flush=True)

            def run(name: str, n: int) -> float:
                server = alone if name == "alone" else there
                while name == "ray" and len(pids()) < 2:
                    time.sleep(0.5)
                before = processor(server.process.pid)
                rate, counts = crowds[name].ask(options.requests, n, kill if name == "ray" and options.kill else lambda: None)
                spent[name].append((processor(server.process.pid) - before) / options.requests)
                for kind, count in counts.items():
                    total[kind] = total.get(kind, 0) + (count if name == "ray" else 0)
                mine = 1000 * spent[name][-1]
                print(f"{name}: {rate:.2f} a second, {counts}, the page {mine:.0f} ms of processor each", flush=True)
                return rate

            compare(("alone", "ray"), run, options.rounds)
            page = statistics.median(spent["ray"])
            print(f"with replicas: {total}; the page itself {1000 * page:.0f} ms a request: at most {1 / page:.0f} a second")
        finally:
            alone.close()
            there.close()


def replicas(options: argparse.Namespace) -> None:
    import torch

    from imgen import cards, remote
    from imgen.catalog import find_card
    from imgen.image import Picture

    torch.set_num_threads(1)
    dice = np.random.default_rng(0)
    small = Picture(dice.integers(0, 256, (96, 96, 3), np.uint8))
    card, nothing = find_card("light_real_x4"), find_card("nearest")
    card(small)
    for count in (1, 2, 4, 8):
        remote.connect(remote.Cluster("local", count, count, cpus=0.125))
        there = cards.elsewhere
        for _ in range(4 * count):
            card(small)

        def run(name: str, n: int, there=there, count=count) -> float:
            cards.elsewhere = there if name != "here" else None
            asked = 40
            with ThreadPoolExecutor(2 if name == "here" else 2 * count) as pool:
                began = time.monotonic()
                list(pool.map(lambda _: card(small), range(asked)))
                return asked / (time.monotonic() - began)

        compare(("here", f"{count} replicas"), run, options.rounds)
        if count == 2:
            cards.elsewhere = there
            for side in (32, 1024, 3072):
                large, times = Picture(dice.integers(0, 256, (side, side, 3), np.uint8)), []
                nothing(large, scale=1.0)
                before, began = time.process_time(), time.monotonic()
                for _ in range(10):
                    there_seconds = nothing(large, scale=1.0).seconds
                    times.append(there_seconds)
                wall, mine = (time.monotonic() - began) / 10, (time.process_time() - before) / 10
                beside = 1000 * (wall - statistics.median(times))
                print(f"{side} px, {6 * side * side / 1e6:.1f} MB there and back: {beside:.1f} ms beside the work, "
                      f"{1000 * mine:.1f} ms of it the caller's processor", flush=True)
        remote.disconnect()


def pages(options: argparse.Namespace) -> None:
    from test_doors import Server
    from test_proxy import Proxy

    Server.patience = 600
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        places = {name: Path(folder) / name for name in ("alone", "one", "two", "nginx")}
        for place in places.values():
            place.mkdir()
        servers = [Server(places[name]) for name in ("alone", "one", "two")]
        proxy = Proxy(places["nginx"], *(one.url[7:-1] for one in servers[1:]))
        try:
            crowds = {"one page": Crowd(servers[0].url, options.visitors), "two behind nginx": Crowd(proxy.url, options.visitors)}
            spent = []

            def run(name: str, n: int) -> float:
                workers = [int(one) for one in subprocess.run(
                    ["pgrep", "-P", str(proxy.process.pid)], capture_output=True, text=True).stdout.split()]
                before = sum(map(processor, workers))
                rate, counts = crowds[name].ask(options.requests, n)
                if name != "one page":
                    spent.append((sum(map(processor, workers)) - before) / options.requests)
                print(f"{name}: {rate:.2f} a second, {counts}", flush=True)
                return rate

            compare(("one page", "two behind nginx"), run, options.rounds)
            print(f"nginx: {1000 * statistics.median(spent):.1f} ms of processor a request")
        finally:
            proxy.end()
            for server in servers:
                server.close()


def torchrun(options: argparse.Namespace) -> None:
    """ESPCN, 16 patches of 48 pixels a step; how long it takes is the difference of a long and a short run."""
    with tempfile.TemporaryDirectory() as folder:
        start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

        def run(name: str, n: int) -> float:
            seconds = []
            for steps in (5, 5 + options.steps):
                command = [*([sys.executable] if name == "one process" else start), str(Path(__file__).with_name("together.py")),
                           str(steps), folder, "large", "--float32"]
                for old in Path(folder).iterdir():
                    old.unlink()
                began = time.monotonic()
                subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True)
                seconds.append(time.monotonic() - began)
            return options.steps / (seconds[1] - seconds[0])

        compare(("one process", "two processes"), run, options.rounds)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=["ray", "replicas", "pages", "torchrun"])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--requests", type=int, default=200)
    options.add_argument("--visitors", type=int, default=32)
    options.add_argument("--steps", type=int, default=100)
    options.add_argument("--no-kill", dest="kill", action="store_false", help="of ray: all replicas live")
    given = options.parse_args()
    {"ray": ray, "replicas": replicas, "pages": pages, "torchrun": torchrun}[given.what](given)


if __name__ == "__main__":
    main()

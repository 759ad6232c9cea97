"""Many visitors at once, each result checked: python tests/crowd.py URL --pid PID --visitors 64 --minutes 10

Every visitor has a loopback address of his own and asks for something cheap whose right answer is known: the same call, asked
alone at first, must give the same pixels.  One greedy visitor asks for long work all the time.  Linux only.
"""

import argparse
import hashlib
import io
import json
import os
import random
import statistics
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

META = {"_type": "gradio.FileData"}
CALLS = (
    ("generate", {"card": "resgan_flowers64", "count": 4}), ("generate", {"card": "draw_triangles", "count": 2, "size": 64}),
    ("generate", {"card": "mlp_vae_fashion28", "count": 8}), ("upscale", {"card": "espcn_x4"}),
    ("upscale", {"card": "light_real_x4"}),
    ("upscale", {"card": "nearest", "scale": 3}), ("stylize", {"card": "transfer_paintings", "size": 256}),
    ("restore", {"card": "light_restore"}), ("restore", {"card": "median_filter"}),
)
QUICK = ("upscale", {"card": "espcn_x4"})  # whose time is watched


def picture(seed: int, side: int = 96) -> bytes:
    file = io.BytesIO()
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()


class Visitor:
    def __init__(self, url: str, parameters: dict[str, list[str]], address: str):
        self.url, self.parameters = url, parameters
        self.client = httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=300)

    def ask(self, task: str, arguments: dict, seed: int, patience: float = 300) -> str:
        """-> what identifies the pixels of the result, or the error."""
        arguments = dict(arguments)
        if "picture" in self.parameters[task]:
            files = {"files": (f"{seed}.png", picture(seed))}
            arguments["picture"] = {"path": self.client.post(f"{self.url}gradio_api/upload", files=files).json()[0], "meta": META}
        else:
            arguments["seed"] = seed
        data = [arguments.get(name) for name in self.parameters[task]]
        event = self.client.post(f"{self.url}gradio_api/call/{task}", json={"data": data}).json()["event_id"]
        kind, until = "", time.monotonic() + patience
        with self.client.stream("GET", f"{self.url}gradio_api/call/{task}/{event}") as stream:
            for line in stream.iter_lines():
                kind = line[7:] if line.startswith("event: ") else kind
                if line.startswith("data: ") and kind in ("complete", "error"):
                    said = json.loads(line[6:])
                    return self.digest(said[0]) if kind == "complete" else f"error {said}"
                if time.monotonic() > until:
                    return "hung up"
        return "nothing came"

    def digest(self, found) -> str:
        paths = [one["image"]["path"] for one in found] if isinstance(found, list) else [found["path"]]
        whole = hashlib.sha256()
        for path in paths:
            file = self.client.get(f"{self.url}gradio_api/file={path}").content
            whole.update(np.asarray(Image.open(io.BytesIO(file))).tobytes())
        return whole.hexdigest()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url")
    options.add_argument("--pid", type=int, required=True)
    options.add_argument("--visitors", type=int, default=64)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--folder", type=Path, help="of the server's pictures: its bytes are watched")
    given = options.parse_args()
    url = given.url.rstrip("/") + "/"
    info = httpx.get(f"{url}gradio_api/info", timeout=60).json()["named_endpoints"]
    parameters = {name.strip("/"): [p["parameter_name"] for p in one["parameters"]] for name, one in info.items()}
    alone = Visitor(url, parameters, "127.0.0.1")
    right = {(n, seed): alone.ask(*CALLS[n], seed) for n in range(len(CALLS)) for seed in range(3)}
    bad = {key: value for key, value in right.items() if len(value) != 64}
    assert not bad, bad
    end = time.monotonic() + 60 * given.minutes
    counts: dict[str, int] = {"right": 0, "wrong": 0, "busy": 0, "lost": 0}
    times: dict[str, list[float]] = {"all": [], "quick": []}
    lock = threading.Lock()

    def visit(number: int) -> None:
        visitor, dice = Visitor(url, parameters, f"127.0.1.{number + 1}"), random.Random(number)
        while time.monotonic() < end:
            n, seed, began = dice.randrange(len(CALLS)), dice.randrange(3), time.monotonic()
            try:
                found = visitor.ask(*CALLS[n], seed)
            except (httpx.HTTPError, KeyError, ValueError) as error:
                found = f"lost {error!r}"
            took = time.monotonic() - began
            with lock:
                if found == right[n, seed]:
                    counts["right"] += 1
                    times["all"].append(took)
                    if CALLS[n] == QUICK:
                        times["quick"].append(took)
                elif "Many people" in found or "waiting already" in found:
                    counts["busy"] += 1
                else:
                    counts["lost" if len(found) != 64 else "wrong"] += 1
                    print("WRONG", CALLS[n], seed, found[:300], flush=True)
            time.sleep(dice.random() * 4)

    def grab(number: int) -> None:
        visitor = Visitor(url, parameters, "127.0.2.1")
        while time.monotonic() < end:
            with suppress(httpx.HTTPError, KeyError, ValueError):
                visitor.ask("upscale", {"card": "edge_directed", "scale": 8}, number, patience=20)
            time.sleep(0.2)

    threads = [threading.Thread(target=visit, args=(n,)) for n in range(given.visitors)]
    threads += [threading.Thread(target=grab, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    while any(thread.is_alive() for thread in threads):
        time.sleep(min(30, max(1, end - time.monotonic())))
        memory = int(Path(f"/proc/{given.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
        stored = sum(p.stat().st_size for p in given.folder.rglob("*") if p.is_file()) / 2**20 if given.folder else 0
        with lock:
            middle = {name: round(statistics.median(found), 2) for name, found in times.items() if found}
            worst = {name: round(max(found), 2) for name, found in times.items() if found}
            head = f"{time.monotonic() - began:5.0f} s {memory:6.0f} MiB, files {stored:6.0f} MiB"
            print(head, counts, middle, worst, flush=True)


if __name__ == "__main__":
    main()

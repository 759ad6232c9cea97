"""One process of a ZeroGPU Space, with the stand-in for `spaces` or the real one, as far as that comes without a GPU.

    PYTHONPATH=tests/stand_in_spaces SPACES_STAND_IN=FOLDER python tests/zero_gpu.py      what it says is JSON
    python tests/zero_gpu.py real

The real one acts a GPU on the CPU in the main thread until the page is served.  Here it goes on acting in its forks, too, where a
Space would have the GPU: all else, forks, pickles, scheduling over HTTP, is its own.
"""

import http.server
import json
import os
import sys
import tempfile
import threading
from functools import partial
from pathlib import Path

REAL = sys.argv[1:] == ["real"]
sys.path.insert(0, str(Path(__file__).parent.parent))
asked: list[str] = []


class Scheduler(http.server.BaseHTTPRequestHandler):
    """Of GPUs, as a Space has it."""

    def do_POST(self):
        asked.append(self.path)
        body = json.dumps({"idle": len(asked) > 4, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "token"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if REAL:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scheduler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ |= {
        "SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": f"http://127.0.0.1:{server.server_port}",
        "ZEROGPU_OFFLOAD_DIR": tempfile.mkdtemp(),
    }

import numpy as np  # noqa: E402
import spaces  # noqa: E402, F401  before torch

from imgen.catalog import CATALOG, find_card  # noqa: E402
from imgen.controls import UserError  # noqa: E402
from imgen.image import Picture  # noqa: E402
from imgen.loader import loader  # noqa: E402
from imgen.ui import cost, zero  # noqa: E402

PICTURE = Picture(np.random.default_rng(0).integers(0, 256, (48, 40, 3), np.uint8))


def act() -> None:
    """Nets are not laid aside, and a fork goes on as the main thread did."""
    from concurrent.futures import ThreadPoolExecutor

    from spaces.zero import torch, wrappers

    torch.pack, torch.init, torch.move, torch.unpatch = (lambda *_, **__: 0 for _ in range(4))
    torch.size = lambda: 0
    wrappers.ThreadPoolExecutor = partial(ThreadPoolExecutor, initializer=torch.enter_mode)
    from spaces.zero import startup

    startup()


def run(name: str, **knobs: object) -> dict:
    """In a thread, as the page runs it: device and precision of the result, its mean, and how the frames came."""
    told: dict = {}

    def work():
        try:
            card, stages = find_card(name), []
            for frame in card.run(*([PICTURE] if card.pictures else []), **knobs):
                stages.append(frame.stage)
            origin = frame.origin
            told.update(device=origin.device, precision=origin.precision, stages=stages)
            told.update(mean=round(float(frame.pictures[0].pixels.mean()), 3), seed=origin.knobs.get("seed"))
        except UserError as error:
            told.update(error=error.key)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return told


def main() -> None:
    zero.settle()
    said: dict = {"nets": len(zero.placed)}
    if REAL:
        act()
    said["plain"] = run("light_x4")
    zero.START = -100.0  # everything is worth it
    said["lent"] = run("light_x4")
    said["again"] = run("light_x4")
    said["never"] = [run(name)["device"] for name in ("espcn_x4", "lanczos", "draw_voronoi")]
    said["several"] = run("gatys", paintings=[PICTURE], steps=20, side=128)
    said["refused"] = run("light_x4", width=7000)
    said["paced"] = [key[0] for key in zero.pace.known if isinstance(key, tuple)]
    said["own_pace"] = [key[0] for key in cost.pace.known if isinstance(key, tuple)]
    said["kept"] = len(loader)
    said["cards"] = len(CATALOG)
    said["asked"] = asked
    print(json.dumps(said))


if __name__ == "__main__":
    main()

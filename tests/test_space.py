"""The app as a Space starts it, on a CPU and with a GPU that is lent, clicked in by a real browser."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stand_in_hub import StandInHub
from test_page import BROWSER, FLAGS, new_result, shown, tab

from imgen import hub

ROOT = Path(__file__).parent.parent
HOST = "someone-imgen.space.test"  # no real name: nothing may be asked for it
WARM = 2  # runs that measure how fast the machine is
# As a Space has it; where /data would be stands another folder, and weights lie in another place than the repository's.
START = """
import sys
from pathlib import Path
from imgen import hub, serving
import app
serving.KEPT = Path(sys.argv[1])
if len(sys.argv) > 2:
    hub.bundled = Path(sys.argv[2])
app.main()
"""
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not BROWSER, reason="no chromium or chrome on this machine")]


class Space:
    """A process, its words, and a page open in it."""

    def __init__(self, folder: Path, kept: Path, *weights: Path, **settings: str):
        self.folder, self.kept = folder, kept
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "GRADIO_", "IMGEN_"))}
        environment |= {
            "SYSTEM": "spaces", "SPACE_ID": "someone/imgen", "SPACE_HOST": HOST, "SPACE_AUTHOR_NAME": "someone",
            "GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": str(self.port), "LC_ALL": "C.UTF-8",
            "HOME": "/dev/null",  # nothing can be written there, not even by root
            **settings,
        }
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen([sys.executable, "-c", START, kept, *weights], cwd=ROOT, env=environment, stdout=self.log,
                                        stderr=subprocess.STDOUT)

    def said(self) -> str:
        return (self.folder / "log").read_text()

    def __enter__(self):
        while self.process.poll() is None and "imgen is at" not in self.said():
            time.sleep(0.05)
        if self.process.poll() is not None:
            self.log.close()
            pytest.fail(self.said())
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.log.close()
        said = self.said()  # on a Space Gradio wants to reload what is edited there, by the real package
        assert code == 0 and said.count("Traceback") == said.count("required to run hot-reloading in Spaces"), said


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="the playwright package is not installed")
    with sync_api.sync_playwright() as playwright:
        flags = [*FLAGS, f"--host-resolver-rules=MAP {HOST} 127.0.0.1"]
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    """Open a Space by the name that it has for everybody."""
    contexts = []

    def open_page(space: Space, query: str = ""):
        contexts.append(browser.new_context(locale="en-US", reduced_motion="reduce"))
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        page.goto(f"http://{HOST}:{space.port}/{query}")
        return page

    yield open_page
    for context in contexts:
        context.close()


def run(page, task: str) -> str:
    """Click Run, and what the status line says in the end."""
    bench = tab(page, task)
    before = shown(bench)
    bench.locator("button.run").click()
    new_result(page, bench, before)
    return bench.locator(".status").inner_text()


def test_on_a_cpu_weights_come_from_ones_own_repository_onto_the_disk_that_stays(tmp_path, visit):
    """CPU basic, a home that cannot be written to, no weights beside the program; the first click brings them."""
    (tmp_path / "weights").mkdir()
    with StandInHub() as server:
        server.files = {path.name: path.read_bytes() for path in (ROOT / "weights").iterdir()}
        settings = {"IMGEN_HUB_REPO": "someone/models", "HF_ENDPOINT": server.url}
        with Space(tmp_path, tmp_path / "data", tmp_path / "weights", **settings) as space:
            page = visit(space)
            assert " s · CPU" in run(page, "upscale")
            names = {path.name for path in (tmp_path / "data").rglob("*.*") if path.is_symlink()}
            assert {name for name in server.files if name.endswith(hub.FACTS)} <= names  # the page is built from them
            assert {"srgan_x4.safetensors", "srresnet_x4.safetensors"} == {name for name in names if name.endswith("tensors")}
            assert not re.search(re.escape(str(tmp_path)), page.content())


def test_a_lent_gpu_does_long_work_and_a_refused_one_none(tmp_path, visit):
    """ZeroGPU, without a disk that stays: what is quick never asks, what asks and is refused is done by the CPU."""
    (tmp_path / "eager").touch()
    path = os.pathsep.join([str(ROOT / "tests" / "stand_in_spaces"), *filter(None, [os.environ.get("PYTHONPATH")])])
    settings = {"SPACES_ZERO_GPU": "true", "SPACES_STAND_IN": str(tmp_path), "PYTHONPATH": path}
    with Space(tmp_path, Path("/dev/null/data"), **settings) as space:
        page, calls = visit(space, "?tab=generate&card=resgan_flowers64"), tmp_path / "calls"
        while not calls.exists() or len(calls.read_text().split()) < WARM:  # so eager a program asks for these, too
            time.sleep(0.1)
        page.locator(".bench-generate .picker input[value=resgan_flowers64]:checked").wait_for(state="attached")
        assert " s · CPU" in run(page, "generate") and len(calls.read_text().split()) == WARM
        assert " s · Lent GPU" in run(page, "upscale") and len(calls.read_text().split()) == WARM + 1
        (tmp_path / "refuse").touch()
        assert " s · CPU" in run(page, "restore")
        assert "quota" in space.said() and "quota" not in page.content()

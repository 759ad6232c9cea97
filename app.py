"""Builds the page and serves it: python app.py"""

import atexit
import os
import shutil
import signal
import sys
import tempfile
from contextlib import suppress

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported: then the server contacts nobody
os.environ |= {  # read likewise: it would draw up a table of all calls after each of them, with pandas, for pages that are closed
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**9), "GRADIO_ANALYTICS_MAX_EVENTS": "100",
}
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported: visitors share the cores
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # by torch on Linux: tensors in huge pages, up to a fifth faster
if os.environ.get("HF_ENDPOINT"):
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # Xet would bypass the mirror
if os.environ.get("SPACE_ID"):
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "*")  # read by uvicorn: all visitors come through the Space's own proxy

with suppress(ImportError):
    import spaces  # noqa: F401  ZeroGPU wants to come before torch

from imgen import hub
from imgen.page import build, settings
from imgen.ui import turns
from imgen.ui.stock import sweep_forever
from imgen.ui.warm import warm_up


def main() -> None:
    hub.project_repository = os.environ.get("IMGEN_HUB_REPO", hub.project_repository)
    turns.longest = float(os.environ.get("IMGEN_LONGEST", turns.longest))
    own_folder()
    page = build()
    host = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
    port = os.environ.get("GRADIO_SERVER_PORT")
    names = [*os.environ.get("IMGEN_HOSTS", "").split(","), os.environ.get("SPACE_HOST", "")]
    _, address, _ = page.launch(server_name=host, server_port=int(port) if port else None, **settings(names))
    print(f"imgen is at {address}", flush=True)
    warm_up()
    sweep_forever()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the folder goes, too
    try:
        page.block_thread()
    finally:
        turns.give_up()


def own_folder() -> None:
    """Pictures lie in a folder that no other program and no other user of this machine reads; it goes with the program."""
    if "GRADIO_TEMP_DIR" not in os.environ:
        os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="imgen-")
        atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)


if __name__ == "__main__":
    main()

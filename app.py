"""Builds the page and serves it: python app.py"""

import atexit
import io
import locale
import os
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

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
    # read by spaces: where ZeroGPU lays nets until they are wanted; a home may be read-only
    os.environ.setdefault("ZEROGPU_OFFLOAD_DIR", str(Path(tempfile.gettempdir()) / "imgen-zerogpu"))

with suppress(ImportError):
    import spaces  # ZeroGPU wants to come before torch

    spaces.disable_gradio_auto_wrap()  # it would ask for a GPU at every event of the page

from imgen import hub
from imgen.controls import UserError
from imgen.facts import read_facts
from imgen.texts import spoken, text

OWN = "imgen-pictures"
KEPT = Path("/data")  # the disk that a Space keeps, if it has one
ZERO_GPU = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")  # as spaces itself reads it
HOST = os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"


def main() -> None:
    """What hinders the page from starting is one sentence, and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # under pythonw there is none
            stream.reconfigure(errors="backslashreplace")
    try:
        serve(number("GRADIO_SERVER_PORT"), number("IMGEN_LONGEST"))
    except UserError as error:
        say(error.key, **error.facts)
        sys.exit(2)


def serve(port: float | None, longest: float | None) -> None:
    hub.settle_proxies(os.environ, *([] if HOST in ("0.0.0.0", "::") else [HOST]))
    own_folder()
    if os.environ.get("SPACE_ID") and not os.environ.get("HF_HOME") and writable(KEPT / "huggingface"):
        hub.cache, hub.others = KEPT / "huggingface", (None,)  # what the Space was built with lies in huggingface_hub's own

    if os.environ.get("IMGEN_HUB_REPO"):
        hub.project_repository = os.environ["IMGEN_HUB_REPO"]
        if not any(hub.bundled.glob("*.json")):
            hub.take_snapshot(read_facts)

    from imgen.page import build, settings  # only now: gradio reads the environment when it is imported
    from imgen.ui import turns
    from imgen.ui.stock import sweep_forever
    from imgen.ui.warm import warm_up

    turns.longest = longest or turns.longest
    page = build()
    if ZERO_GPU:
        from imgen.ui import zero

        zero.settle()
    names = [*os.environ.get("IMGEN_HOSTS", "").split(","), os.environ.get("SPACE_HOST", "")]
    try:
        _, address, _ = page.launch(server_name=HOST, server_port=int(port) if port else None, **settings(names))
    except (OSError, OverflowError):  # of all ports that Gradio tries; of one beyond 65535
        raise UserError("port_taken", host=HOST, port=int(port or 7860)) from None
    print(f"imgen is at {address}", flush=True)
    warm_up()
    sweep_forever()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the folder goes, too
    try:
        page.block_thread()
    finally:
        turns.give_up()


def say(key: str, **facts: object) -> None:
    language = spoken(os.environ.get("LC_ALL"), os.environ.get("LANG"), locale.getlocale()[0])
    print(text(key, language, **facts), file=sys.stderr, flush=True)


def number(name: str) -> float | None:
    """A setting that is one.  Raises UserError."""
    value = os.environ.get(name)
    try:
        return float(value) if value else None
    except ValueError:
        raise UserError("setting_not_a_number", name=name, value=(value or "")[:40]) from None


def own_folder() -> None:
    """Pictures lie in a folder that no other program and no other user of this machine reads; it goes with the program.

    In one that was named for them they have a folder of their own, for old files are swept; if it is somebody else's, the private
    one is taken all the same.  Raises UserError.
    """
    named = os.environ.get("GRADIO_TEMP_DIR")
    if named and writable(Path(named) / OWN):
        os.environ["GRADIO_TEMP_DIR"] = str(Path(named) / OWN)
        return
    if named:
        say("temp_folder_refused")
    try:
        os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="imgen-")
    except OSError:
        raise UserError("no_temp_folder") from None
    atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)


def writable(folder: Path) -> bool:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    main()

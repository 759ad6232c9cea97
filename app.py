"""Builds the page and serves it: python app.py"""

import os
from contextlib import suppress

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported: then the server contacts nobody
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported: visitors share the cores
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # by torch on Linux: tensors in huge pages, up to a fifth faster
if os.environ.get("HF_ENDPOINT"):
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # Xet would bypass the mirror

with suppress(ImportError):
    import spaces  # noqa: F401  ZeroGPU wants to come before torch

from imgen import hub
from imgen.ui.page import build, settings
from imgen.ui.picture import sweep_forever
from imgen.ui.warm import warm_up


def main() -> None:
    hub.project_repository = os.environ.get("IMGEN_HUB_REPO", hub.project_repository)
    page = build()
    host = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
    port = os.environ.get("GRADIO_SERVER_PORT")
    _, address, _ = page.launch(server_name=host, server_port=int(port) if port else None, prevent_thread_lock=True, **settings())
    print(f"imgen is at {address}", flush=True)
    warm_up()
    sweep_forever()
    page.block_thread()


if __name__ == "__main__":
    main()

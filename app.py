"""Builds the page and serves it: python app.py, with the options of `imgen serve`."""

import os
import sys
from contextlib import suppress

from imgen import serving

serving.prepare(os.environ)  # before anything that reads it when it is imported
with suppress(ImportError):
    import spaces  # ZeroGPU wants to come before torch

    spaces.disable_gradio_auto_wrap()  # it would ask for a GPU at every event of the page


def main() -> None:
    if sys.argv[1:]:  # --port 8000 and the like
        from imgen.__main__ import main as command

        sys.argv.insert(1, "serve")
        command()
    else:
        serving.main(os.environ)


if __name__ == "__main__":
    main()

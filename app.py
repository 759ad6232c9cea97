"""Builds the page and serves it: python app.py, with the options of `imgen serve`."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from imgen import serving

serving.prepare(os.environ)  # before anything that reads it when it is imported
with suppress(ImportError):
    import spaces  # ZeroGPU wants to come before torch

    spaces.disable_gradio_auto_wrap()  # it would ask for a GPU at every event of the page


def main(options: Sequence[str] = ()) -> None:
    if options:  # --port 8000 and the like
        from imgen.__main__ import main as command

        sys.argv[1:] = ["serve", *options]
        command()
    else:
        serving.main(os.environ)


if __name__ == "__main__":
    main(sys.argv[1:])

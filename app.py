"""Builds the page and serves it: python app.py"""

import os
from contextlib import suppress

from imgen import serving

serving.prepare(os.environ)  # before anything that reads it when it is imported
with suppress(ImportError):
    import spaces  # ZeroGPU wants to come before torch

    spaces.disable_gradio_auto_wrap()  # it would ask for a GPU at every event of the page


def main() -> None:
    serving.main(os.environ)


if __name__ == "__main__":
    main()

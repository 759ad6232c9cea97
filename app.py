"""Builds the page and serves it: python app.py"""

import os
from contextlib import suppress

from imgen import serving

serving.prepare(os.environ)  # before anything that reads it when it is imported
with suppress(ImportError):
    import spaces  # noqa: F401  ZeroGPU wants to come before torch


def main() -> None:
    serving.main(os.environ)


if __name__ == "__main__":
    main()

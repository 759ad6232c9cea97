"""imgen: make, enlarge and restyle pictures with convolutional networks, and see how each one works.

    import imgen
    large = imgen.load("espcn_x4")("photo.jpg", scale=3)  # a PIL.Image; of an array or a tensor one of its kind

    from imgen import decode, encode, find_card  # the same, with how it was made
    result = find_card("espcn_x4")(decode("photo.jpg"))

The names below are imported when they are first asked for, so that `import imgen` costs nothing.
"""

import importlib

__version__ = "0.1.0"
_HOME = {
    "CATALOG": "catalog", "find_card": "catalog", "Card": "cards", "load": "calling", "Model": "calling",
    "Picture": "image", "decode": "image", "encode": "image",
    "UserError": "controls",
}
__all__ = [*_HOME, "__version__"]


def main() -> None:
    """The command `imgen`, which is `python -m imgen`."""
    import runpy

    runpy.run_module("imgen", run_name="__main__")


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'imgen' has no attribute {name!r}")
    return getattr(importlib.import_module(f"imgen.{_HOME[name]}"), name)

"""Anybody's upscaling network, for the command line only: a checkpoint of one of the architectures that spandrel knows.

spandrel (pip install spandrel) reads the architecture off the names and shapes of the tensors; we read the tensors, so that no
file runs code.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from imgen.cards import Card, Paper
from imgen.controls import UserError
from imgen.hub import sha256_of
from imgen.loader import Complete, read_weights
from imgen.pipelines.upscale import upscale

if TYPE_CHECKING:
    from torch import Tensor, nn

OVERLAP = 32  # pixels of overlap between tiles: what a foreign network's results really depend on is not known


def card_of(path: Path) -> Card:
    """The checkpoint as a card, which `run`s like any other, in float32.

    Raises UserError extra_missing, checkpoint_missing, checkpoint_refused, checkpoint_unknown, weights_altered.
    """
    try:
        from spandrel import (  # pyright: ignore[reportMissingImports]  # an extra
            MAIN_REGISTRY,
            ImageModelDescriptor,
            ModelLoader,
            UnsupportedModelError,
        )
    except ImportError:
        raise UserError("extra_missing", name="spandrel") from None
    if not path.is_file():
        raise UserError("checkpoint_missing", name=path.name)
    try:
        model = ModelLoader(registry=MAIN_REGISTRY).load_from_state_dict(tensors(path))
    except UnsupportedModelError:
        raise UserError("checkpoint_unknown", name=path.name) from None
    if not isinstance(model, ImageModelDescriptor) or model.input_channels not in (1, 3):
        raise UserError("checkpoint_unknown", name=path.name)
    about = Paper(f"{model.architecture.name} {path.name}", "", 0)
    return Card(path.name, "upscale", Built(wrapped(model), sha256_of(path)), upscale, about, "", lesson="", float32_only=True)


def tensors(path: Path) -> "dict[str, Tensor]":
    """All tensors of a .safetensors file, or of a .pth by torch's reader that builds nothing but tensors and containers."""
    import torch

    if path.suffix == ".safetensors":
        return read_weights(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # rubbish can be wrong in any way, and what is no tensor is refused
        raise UserError("checkpoint_refused", name=path.name) from None
    for name in ("params_ema", "params", "state_dict", "model"):  # as training scripts wrap it
        state = state[name] if isinstance(state, dict) and isinstance(state.get(name), dict) else state
    return state


class Built(Complete):
    """A net that is there already; of two files of one name, each its own."""

    net: "nn.Module"

    def __init__(self, net: "nn.Module", sha256: str):
        super().__init__("", scale=net.scale, sha256=sha256)
        object.__setattr__(self, "net", net)

    def build(self) -> "nn.Module":
        return self.net


def wrapped(model) -> "nn.Module":
    """spandrel's model by our contract: (N, C, H, W) in [0, 1] -> (N, C, sH, sW)."""
    import torch

    class Foreign(torch.nn.Module):
        scale, channels, overlap = model.scale, model.input_channels, OVERLAP

        def __init__(self):
            super().__init__()
            self.net = model.model

        def forward(self, x: "Tensor") -> "Tensor":
            return model(x)

    return Foreign()

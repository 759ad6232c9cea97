"""From a finished recipe to `weights/<card>.safetensors` and `.json`."""

import hashlib
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from imgen import __version__
from imgen.facts import write_facts
from imgen.functional.contact_sheet import sheet
from imgen.image import Picture, animate, to_pixels
from imgen.training.loop import History


def write(name: str, tensors: dict[str, Tensor], facts: dict[str, object], training: dict[str, object], folder: Path) -> Path:
    """Store a net in half precision (matrices; what is small stays float32) beside its facts; scores of older ones go.

    facts: what the pipeline needs (classes, styles …); training: how the weights came to be.
    """
    record = {
        **facts, **save(name, tensors, folder),
        "training": {**training, "torch": torch.__version__, "imgen": __version__},
    }
    write_facts(folder / f"{name}.json", record)
    return folder / f"{name}.safetensors"


def save(name: str, tensors: dict[str, Tensor], folder: Path) -> dict[str, object]:
    """Write `<name>.safetensors`, in half precision; returns how many parameters it holds, and what it is known by."""
    path = folder / f"{name}.safetensors"
    save_file({key: stored(value) for key, value in tensors.items()}, path)
    data = path.read_bytes()
    return {
        "parameters": sum(value.numel() for value in tensors.values() if value.is_floating_point()),
        "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
    }


def curve(history: History, points: int = 100) -> dict[str, list[float]]:
    """The losses, thinned out to about `points` means: {"step": […], "generator": […], …}.

    Of a run that went on by a recipe that says other things: since then.
    """
    if not history.losses:
        return {}
    losses = [one for one in history.losses if one.keys() == history.losses[-1].keys()]
    share = -(-len(losses) // points)
    parts = [losses[n : n + share] for n in range(0, len(losses), share)]
    means = {name: [float(f"{sum(one[name] for one in part) / len(part):.4g}") for part in parts] for name in losses[0]}
    return means | {"step": [part[-1]["step"] for part in parts]}


def write_replay(name: str, history: History, folder: Path) -> None:
    """`<card>.webp`: a film of what it drew at each remembered moment, the same wishes every time."""
    sheets = [sheet([Picture(to_pixels(x.float() / 255)) for x in pictures], columns=5) for _, pictures in history.moments]
    (folder / f"{name}.webp").write_bytes(animate(sheets, seconds=0.4, lossless=False))


def stored(value: Tensor) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if value.is_floating_point() and value.dim() >= 2 else value

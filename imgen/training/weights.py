"""From a finished recipe to `weights/<card>.safetensors` and `.json`."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from imgen import __version__


def write(name: str, tensors: dict[str, Tensor], facts: dict[str, object], training: dict[str, object], folder: Path) -> Path:
    """Store a net in half precision (matrices; what is small stays float32) beside its facts; scores of older ones go.

    facts: what the pipeline needs (classes, styles …); training: how the weights came to be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    save_file({key: stored(value) for key, value in tensors.items()}, path)
    data = path.read_bytes()
    record = {
        **facts,
        "parameters": sum(value.numel() for value in tensors.values() if value.is_floating_point()),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "training": {**training, "torch": torch.__version__, "imgen": __version__},
    }
    (folder / f"{name}.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def stored(value: Tensor) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if value.is_floating_point() and value.dim() >= 2 else value

"""Frozen feature networks that training learns from; the user names their files, none is bundled."""

from pathlib import Path

import torch
from torch import nn

from imgen.models.features import VGG


def pruned_vgg(path: Path, padding_mode: str = "reflect") -> nn.Module:
    """VGG-19 pruned 16-fold by Wang et al. 2020 (arXiv:2003.08436), file `enc5.pt`: relu1_1 … relu5_1."""
    state = torch.load(path, weights_only=True, map_location="cpu")
    net = VGG((16, 32, 64, 128, 128), padding_mode)
    net.load_state_dict({_name(key): value for key, value in state.get("model", state).items() if "aux" not in key})
    return net.eval().requires_grad_(False)


def _name(key: str) -> str:
    """conv0.weight -> normalize.weight, conv34.bias -> layers.conv3_4.bias."""
    layer, kind = key.split(".")
    return f"normalize.{kind}" if layer == "conv0" else f"layers.conv{layer[4]}_{layer[5]}.{kind}"

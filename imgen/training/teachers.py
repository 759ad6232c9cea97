"""Frozen feature networks that training learns from or evaluation measures with; the user names their files, none is bundled."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import inception_v3, squeezenet1_1

from imgen import device
from imgen.catalog import find_card
from imgen.controls import UserError
from imgen.device import fast_dtype, place
from imgen.functional.metrics import perceptual_distance
from imgen.hub import WeightFile, fetch
from imgen.loader import read_weights
from imgen.models.features import VGG, Padding
from imgen.models.rrdbnet import RRDBNet, convert

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean and deviation of its RGB
LPIPS_LAYERS = (1, 4, 7, 9, 10, 11, 12)  # of SqueezeNet: before each pooling, and from the sixth fire on each
TRUE_VGG, PRUNED_VGG = "vgg19_relu3_1/vgg_normalised_conv3_1.pth", "vgg19_pruned16x/enc5.pt"
INCEPTION = WeightFile("timm/inception_v3.tv_in1k", "model.safetensors", "main", None, 95_500_000)


def teacher_file(teachers: Path | None, file: str) -> Path:
    """A file of the folder that the user names.  Raises UserError teacher_missing."""
    if not teachers or not (teachers / file).exists():
        raise UserError("teacher_missing", name=file)
    return teachers / file


def pruned_vgg(path: Path, padding_mode: Padding = "reflect") -> nn.Module:
    """VGG-19 pruned 16-fold by Wang et al. 2020 (arXiv:2003.08436), file `enc5.pt`: relu1_1 … relu5_1."""
    return _pruned(_tensors(path), padding_mode)


def _pruned(state: dict[str, Tensor], padding_mode: Padding = "reflect") -> nn.Module:
    net = VGG((16, 32, 64, 128, 128), padding_mode)
    net.load_state_dict({_name(key): value for key, value in state.items() if "aux" not in key})
    return net.eval().requires_grad_(False)


def _tensors(path: Path) -> dict[str, Tensor]:
    state = torch.load(path, weights_only=True, map_location="cpu")
    return state.get("model", state)


def true_vgg(path: Path) -> VGG:
    """VGG-19 itself, file `vgg_normalised_conv3_1.pth`: relu1_1, relu2_1, relu3_1, each channel's mean response about 1."""
    state = _tensors(path)
    layers = ("normalize", *(f"layers.conv{n}" for n in ("1_1", "1_2", "2_1", "2_2", "3_1")))
    names: dict[str, str] = dict(zip(("0", "2", "5", "9", "12", "16"), layers, strict=True))
    net = VGG((64, 128, 256))
    net.load_state_dict({f"{names[number]}.{kind}": v for key, v in state.items() for number, kind in [key.split(".")]})
    return net.eval().requires_grad_(False)


def wide_features(teachers: Path | None, here: str) -> Callable[[Tensor], dict[str, Tensor]]:
    """relu1_1 … relu3_1 of VGG-19 itself, relu4_1 of the pruned one, mapped to its true width.

    teachers: holds vgg19_relu3_1/ and vgg19_pruned16x/.
    """
    state, aux = _tensors(teacher_file(teachers, PRUNED_VGG)), nn.Conv2d(128, 512, 1).requires_grad_(False)
    aux.load_state_dict({kind: state[f"conv41_aux.{kind}"] for kind in ("weight", "bias")})
    wide = true_vgg(teacher_file(teachers, TRUE_VGG))
    wide, pruned, aux = (net.to(here) for net in (wide, _pruned(state), aux))
    return lambda x: wide(x) | {"relu4_1": aux(pruned(x, until="relu4_1")["relu4_1"])}


def _name(key: str) -> str:
    """conv0.weight -> normalize.weight, conv34.bias -> layers.conv3_4.bias."""
    layer, kind = key.split(".")
    return f"normalize.{kind}" if layer == "conv0" else f"layers.conv{layer[4]}_{layer[5]}.{kind}"


@cache
def squeezenet(teachers: Path | None) -> nn.Module:
    """The feature network of the common yardstick: SqueezeNet 1.1 of torchvision, trained on ImageNet, its features averaged
    over places.  No generator sees it.
    """
    file, net = teacher_file(teachers, "squeezenet1_1.safetensors"), squeezenet1_1()
    net.load_state_dict(load_file(file))
    net = nn.Sequential(net.features, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return device.place(net, "cpu", torch.float32)


def squeezenet_layers(teachers: Path | None) -> Callable[[Tensor], list[Tensor]]:
    """RGB (N, 3, H, W) in [0, 1] -> SqueezeNet's features, (N, C, h, w) of each of LPIPS_LAYERS."""
    layers = list(squeezenet(teachers).get_submodule("0").children())
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in IMAGENET)

    def features(x: Tensor) -> list[Tensor]:
        x, found = (x.float() - mean) / std, []  # LPIPS has the same units, for RGB in [−1, 1]
        for n, layer in enumerate(layers):
            x = layer(x)
            if n in LPIPS_LAYERS:
                found.append(x)
        return found

    return features


def lpips_weights(teachers: Path | None) -> list[Tensor]:
    """What a difference of each channel of LPIPS_LAYERS is worth, (C,) each: Zhang et al. 2018, arXiv:1801.03924, version 0.1."""
    file = teacher_file(teachers, "lpips/squeeze.pth")
    return [weight.flatten() for weight in torch.load(file, weights_only=True, map_location="cpu").values()]


@cache
def lpips(teachers: Path) -> Callable[[Tensor, Tensor], float]:
    """The perceptual distance of two pictures (1, 3, H, W) in [0, 1] that papers quote, in SqueezeNet's features.

    teachers: holds squeezenet1_1.safetensors and lpips/squeeze.pth.
    """
    features, worth = squeezenet_layers(teachers), lpips_weights(teachers)

    @torch.inference_mode()
    def distance(x: Tensor, truth: Tensor) -> float:
        return perceptual_distance(features(x), features(truth), worth).item()

    return distance


def real_esrgan(teachers: Path | None, device: str) -> RRDBNet:
    """Real-ESRGAN x4plus, ready to run: Wang et al. 2021, arXiv:2107.10833; https://github.com/xinntao/Real-ESRGAN, BSD-3-Clause.

    From `real_esrgan_x4plus.safetensors` in `teachers`, else from the Hub.  Raises UserError.
    """
    file = (teachers or Path()) / "real_esrgan_x4plus.safetensors"
    source, net = find_card("realesrgan_x4").weights, RRDBNet()
    assert source, "it is a card of the Hub"
    net.load_state_dict(convert(read_weights(file if file.exists() else whole(fetch(source)))))
    place(net, device, fast_dtype(device))
    return net


@cache
def inception() -> nn.Module:
    """Inception v3 of torchvision, trained on ImageNet, without its classifier; downloaded.  Raises UserError.

    Not the port of the paper's own network that some programs measure with: its Fréchet distances are close, not the same.
    """
    net = inception_v3(weights=None, aux_logits=False, transform_input=True, init_weights=False)
    net.load_state_dict(load_file(whole(fetch(INCEPTION))))
    net.add_module("fc", nn.Identity())
    return device.place(net, "cpu", torch.float32)


def whole(download: Iterator[tuple[int, int]]) -> Path:
    """Wait for a download."""
    while True:
        try:
            next(download)
        except StopIteration as end:
            return end.value


@torch.inference_mode()
def pooled(net: nn.Module, pictures: Tensor, side: int = 224) -> Tensor:
    """(N, C, H, W) uint8 -> features (N, D) float64: enlarged to `side`, in ImageNet's units, in parts of 50."""
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in IMAGENET)
    out = []
    for part in pictures.split(50):
        x = ((part.float() / 255).expand(-1, 3, -1, -1) - mean) / std
        out.append(net(F.interpolate(x, size=side, mode="bilinear").contiguous(memory_format=torch.channels_last)).double())
    return torch.cat(out)

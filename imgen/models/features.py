"""Feature networks for losses: VGG-19 up to a chosen layer, of any width.  Simonyan and Zisserman 2015, arXiv:1409.1556."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Padding = Literal["reflect", "zeros"]
CONVS = {1: 2, 2: 2, 3: 4, 4: 4, 5: 4}  # convolutions per block of VGG-19


class VGG(nn.Module):
    """Picture -> its features at each `reluB_1`, B = 1 … `blocks`; the last block ends at its first convolution.

    `widths` are the channels per block: (64, 128, 256, 512, 512) is VGG-19, a quarter of it is the network that Wang et al. 2020
    (arXiv:2003.08436) pruned 16-fold.  Reflection padding keeps frames out of stylized pictures; zeros are faster.
    """

    def __init__(self, widths: tuple[int, ...], padding_mode: Padding = "reflect"):
        super().__init__()
        self.widths = widths
        self.normalize = nn.Conv2d(3, 3, 1)
        self.layers = nn.ModuleDict()
        cin = 3
        for block, cout in enumerate(widths, 1):
            for n in range(1, (CONVS[block] if block < len(widths) else 1) + 1):
                self.layers[f"conv{block}_{n}"] = nn.Conv2d(cin, cout, 3, padding=1, padding_mode=padding_mode)
                cin = cout

    def forward(self, x: Tensor, until: str = "") -> dict[str, Tensor]:
        """x (N, 3, H, W) in [0, 1] -> {"relu1_1": (N, w1, H, W), "relu2_1": (N, w2, H/2, W/2), …}, up to `until` or all."""
        x, features = self.normalize(x), {}
        for name, conv in self.layers.items():
            block, n = name[4:].split("_")
            if n == "1" and block != "1":
                x = F.max_pool2d(x, 2)
            x = F.relu(conv(x), inplace=True)
            if n == "1":
                features[f"relu{block}_1"] = x
                if until in features:
                    break
        return features


def convert(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's names of VGG-19's tensors, `features.N.weight`, as ours, up to conv5_1; its inputs have ImageNet's units."""
    names = [f"conv{block}_{n}" for block, count in CONVS.items() for n in range(1, count + 1)]
    numbers, number = {}, 0
    for name in names:
        number += name.endswith("_1") and name != "conv1_1"  # a pooling comes before
        numbers[name], number = number, number + 2  # a ReLU comes after
    kept = names[: names.index("conv5_1") + 1]
    found = {f"layers.{name}.{kind}": state[f"features.{numbers[name]}.{kind}"] for name in kept for kind in ("weight", "bias")}
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return found | {"normalize.weight": torch.diag(1 / deviation)[..., None, None], "normalize.bias": -mean / deviation}


class SmallVGG(VGG):
    """A thin VGG whose features stand in the place of a wide one's: distances and Gram matrices of both are nearly the same.

    It learned to give the wide features by a linear map A of each layer; with A = QR, its own are turned by R, because Q, whose
    columns are orthonormal, changes no distance and no Gram matrix's size.
    """

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 128)):
        super().__init__(widths, padding_mode="zeros")
        self.turns = nn.ModuleDict({f"relu{n}_1": nn.Conv2d(width, width, 1, bias=False) for n, width in enumerate(widths, 1)})

    def forward(self, x: Tensor, until: str = "") -> dict[str, Tensor]:
        """As VGG; features can be negative."""
        return {layer: self.turns[layer](x) for layer, x in super().forward(x, until).items()}


class Widened(nn.Module):
    """A SmallVGG in training: its features, still unturned, and the maps from them to a wide net's."""

    def __init__(self, small: SmallVGG, wide: tuple[int, ...]):
        super().__init__()
        self.small = small
        self.maps = nn.ModuleDict({
            layer: nn.Conv2d(cin, cout, 1, bias=False)
            for layer, cin, cout in zip(small.turns, small.widths, wide, strict=True)
        })

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {layer: self.maps[layer](x) for layer, x in VGG.forward(self.small, x).items()}

    @torch.no_grad()
    def turned(self) -> dict[str, Tensor]:
        """The state of the SmallVGG that this training has made."""
        state = self.small.state_dict()
        for layer in self.maps:
            weight = self.maps.get_parameter(f"{layer}.weight")
            state[f"turns.{layer}.weight"] = torch.linalg.qr(weight.flatten(1).double()).R.float()[..., None, None]
        return state

"""RRDBNet: super-resolution by residual-in-residual dense blocks.

ESRGAN, Wang et al. 2018, arXiv:1809.00219; its weights here are Real-ESRGAN's, Wang et al. 2021, arXiv:2107.10833, which
differs in how the training pictures are degraded.  Submodules bear the published names, so that those weights fit.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgen.models.layers import in_bands

SHARE = 0.2  # of what a block finds is added to what came in: deeper than that, training was unstable


def conv(inside: int, outside: int) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, padding=1)


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2, inplace=True)


class Dense(nn.Module):
    """Five convolutions, each of which sees the results of all before it."""

    conv1: nn.Conv2d
    conv2: nn.Conv2d
    conv3: nn.Conv2d
    conv4: nn.Conv2d

    def __init__(self, width: int, growth: int):
        super().__init__()
        for k in range(4):
            setattr(self, f"conv{k + 1}", conv(width + k * growth, growth))
        self.conv5 = conv(width + 4 * growth, width)

    def forward(self, x: Tensor) -> Tensor:
        found = x
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            found = torch.cat((found, leaky(layer(found))), 1)  # (N, width + k growth, H, W)
        return x + SHARE * self.conv5(found)


class RRDB(nn.Module):
    def __init__(self, width: int, growth: int):
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (Dense(width, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return x + SHARE * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(nn.Module):
    """Colour in, colour out, four times larger."""

    scale, channels = 4, 3
    # Pixels to each side that count in practice.  The true radius is 349 (3 · 5 · 23 convolutions and a few), larger than
    # any tile; but every block adds only a fifth of what it finds, so the far ones hardly matter.
    overlap = 16

    def __init__(self, blocks: int = 23, width: int = 64, growth: int = 32):
        super().__init__()
        self.conv_first = conv(self.channels, width)
        self.body = nn.Sequential(*(RRDB(width, growth) for _ in range(blocks)))
        self.conv_body = conv(width, width)
        self.conv_up1, self.conv_up2, self.conv_hr = (conv(width, width) for _ in range(3))
        self.conv_last = conv(width, self.channels)

    def forward(self, lr: Tensor) -> Tensor:
        """LR (N, 3, H, W) in [0, 1] -> SR (N, 3, 4H, 4W), float32, not clamped."""
        x = self.conv_first(lr.to(self.conv_first.weight.dtype))
        return in_bands(self.up, x + self.conv_body(self.body(x)), 2, self.scale)

    def up(self, x: Tensor) -> Tensor:
        """Features (N, width, H, W) -> (N, 3, 4H, 4W)."""
        for layer in (self.conv_up1, self.conv_up2):
            x = leaky(layer(F.interpolate(x, scale_factor=2, mode="nearest")))
        weight, bias = (one.float() for one in self.conv_last.parameters())  # in bfloat16 half of the grey levels would be lost
        return F.conv2d(leaky(self.conv_hr(x)).float(), weight, bias, padding=1)


def convert(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of `RealESRGAN_x4plus.safetensors` under our names, which are the published ones.

    Some conversions of the file keep the wrapping of the training script: "params_ema.conv_first.weight".
    """
    return {name.removeprefix("params_ema.").removeprefix("params."): tensor for name, tensor in state.items()}

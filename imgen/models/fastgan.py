"""FastGAN: large pictures learned from few.  Liu, Zhu, Song, Elgammal 2021, arXiv:2101.04775.

The generator as Phil Wang's "lightweight GAN" has it, whose published weights we run.  Unlike the paper: a gate reaches
three doublings far instead of four and looks at the whole map by attention instead of average pooling; one layer of
efficient attention (Shen et al. 2018, arXiv:1812.01243); no noise is added inside; and the picture is cut off at 0 and 1.
"""

import re

import torch
import torch.nn.functional as F
from torch import Tensor, nn

REACH = 3  # doublings from where a gate looks to where it acts
ATTENTION = 3  # doublings before the attention: it works at 32×32


class Gate(nn.Module):
    """Skip-layer excitation: what a coarse map shows decides how much of each channel of a finer one stays."""

    def __init__(self, coarse: int, fine: int):
        super().__init__()
        hidden = max(3, fine // 2)
        self.look = nn.Conv2d(coarse, 1, 1)
        self.squeeze, self.expand = nn.Conv2d(coarse, hidden, 1), nn.Conv2d(hidden, fine, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, coarse, H, W) -> shares in (0, 1), (N, fine, 1, 1)."""
        where = self.look(x).flatten(2).softmax(2)                          # (N, 1, HW), sums to 1
        summary = (x.flatten(2) @ where.transpose(1, 2)).unsqueeze(3)          # (N, coarse, 1, 1)
        return torch.sigmoid(self.expand(F.leaky_relu(self.squeeze(summary), 0.1)))


class Up(nn.Module):
    """(N, cin, H, W) -> (N, cout, 2H, 2W).  Half of the channels decide how much of the other half is let through."""

    def __init__(self, cin: int, cout: int, gate: Gate | None):
        super().__init__()
        self.conv = nn.Conv2d(cin, 2 * cout, 3, padding=1, bias=False)  # batch norm brings the bias
        self.norm = nn.BatchNorm2d(2 * cout)
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        return F.glu(self.norm(self.conv(F.interpolate(x, scale_factor=2))), 1)


class Attention(nn.Module):
    """Adds to each place what it asks of all places; the cost grows with their number, not with its square."""

    def __init__(self, channels: int, heads: int = 8, size: int = 64):
        super().__init__()
        self.heads, self.size = heads, size
        self.norm = nn.LayerNorm(channels)
        self.query = nn.Conv2d(channels, heads * size, 1, bias=False)
        self.near = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.key_value = nn.Conv2d(channels, 2 * heads * size, 1, bias=False)
        self.out = nn.Conv2d(heads * size, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        parts = (self.query(h), *self.key_value(self.near(h)).chunk(2, 1))
        query, key, value = (part.reshape(x.shape[0], self.heads, self.size, -1) for part in parts)  # (N, heads, size, HW)
        summary = key.softmax(3) @ value.transpose(2, 3)                       # (N, heads, size, size): one summary of all places
        answer = summary.transpose(2, 3) @ query.softmax(2) / self.size**0.5   # (N, heads, size, HW)
        return x + self.out(F.gelu(answer.reshape(x.shape[0], -1, *x.shape[2:])))


class Generator(nn.Module):
    """Noise -> picture, doubled from 4×4 on, once for each of `widths`: seven times for 512×512.  It knows no classes."""

    classes = 1

    def __init__(self, latent: int = 256, widths: tuple[int, ...] = (512, 512, 256, 128, 64, 32, 3)):
        super().__init__()
        self.latent, self.side = latent, 4 * 2 ** len(widths)
        start = nn.ConvTranspose2d(latent, 2 * latent, 4, bias=False)
        self.start = nn.ModuleDict({"conv": start, "norm": nn.BatchNorm2d(2 * latent)})
        gates = [Gate(a, b) if n else None for n, (a, b) in enumerate(zip(widths, widths[REACH:], strict=False))]
        ways = zip((latent, *widths), widths, gates + [None] * REACH, strict=False)
        self.ups = nn.ModuleList(Up(*way) for way in ways)
        self.attention = Attention(widths[ATTENTION - 1])
        self.paint = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """z (N, latent) ~ N(0, 1) -> pictures (N, 3, side, side) in [0, 1].  label: not heeded, there is only one kind."""
        x = self.start["norm"](self.start["conv"](z[:, :, None, None]))
        x = F.normalize(F.glu(x, 1), dim=1)  # (N, latent, 4, 4)
        shares: dict[int, Tensor] = {}
        for n, up in enumerate(self.ups):
            x = up(self.attention(x) if n == ATTENTION else x)
            if isinstance(up.gate, Gate):
                shares[n + REACH] = up.gate(x)
            if n in shares:
                x = x * shares[n]
        return self.paint(x).float().clamp(0, 1)


NAMES = {  # what the published names begin with, and ours
    r"initial_conv\.0": "start.conv",
    r"initial_conv\.1": "start.norm",
    r"layers\.(\d)\.0\.2": r"ups.\1.conv",
    r"layers\.(\d)\.0\.3": r"ups.\1.norm",
    r"layers\.(\d)\.1\.to_k": r"ups.\1.gate.look",
    r"layers\.(\d)\.1\.net\.0": r"ups.\1.gate.squeeze",
    r"layers\.(\d)\.1\.net\.2": r"ups.\1.gate.expand",
    r"layers\.\d\.2\.norm\.g": "attention.norm.weight",
    r"layers\.\d\.2\.norm\.b": "attention.norm.bias",
    r"layers\.\d\.2\.fn\.to_q": "attention.query",
    r"layers\.\d\.2\.fn\.to_kv\.net\.0": "attention.near",
    r"layers\.\d\.2\.fn\.to_kv\.net\.1": "attention.key_value",
    r"layers\.\d\.2\.fn\.to_out": "attention.out",
    "out_conv": "paint",
}


def convert(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The generator in a training's `model.pt`, under our names; its discriminator and averaged twin are left out.

    A convolution's bias does nothing but move the mean that batch norm takes away: we have it there.
    """
    ours = {}
    for name, tensor in state.items():
        for theirs, mine in NAMES.items():
            if found := re.match(rf"GAN\.G\.{theirs}\b", name):
                ours[found.expand(mine) + name[found.end() :]] = tensor.flatten() if "attention.norm" in mine else tensor
    for name in [name for name in ours if name.endswith(".conv.bias")]:
        mean = name.replace("conv.bias", "norm.running_mean")
        ours[mean] = ours[mean] - ours.pop(name)
    return ours

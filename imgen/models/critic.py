"""Critics that look at the features of a frozen network.  Sauer et al. 2021, "Projected GANs converge faster", arXiv:2111.01007.

Used in training only.  Unlike the paper: no random projections, no spectral normalisation (gradient penalties hold
these critics), and the class enters by inner product.
"""

import torch
from torch import Tensor, nn

from imgen.models.layers import condition


class FeatureCritic(nn.Module):
    """Pictures -> one logit per layer of `features`, which stays as it is."""

    def __init__(self, features: nn.Module, layers: dict[str, int], classes: int, width: int = 64):
        """layers: name of a layer -> its channels."""
        super().__init__()
        self.features = features.requires_grad_(False).eval()
        self.heads = nn.ModuleDict({name: Head(channels, classes, width) for name, channels in layers.items()})

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """x (N, 3, H, W) in [0, 1], label (N,) or shares of classes -> logits (N, layers)."""
        features = self.features(x)
        return torch.cat([head(features[name], label) for name, head in self.heads.items()], dim=1)


class Head(nn.Module):
    def __init__(self, channels: int, classes: int, width: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(0.2),
        )
        self.score = nn.Conv2d(width, 1, 1)
        self.embed = nn.Embedding(classes, width)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        h = self.body(x)
        embedding = condition(label, self.embed.num_embeddings, h) @ self.embed.weight.to(h.dtype)
        match = (embedding * h.mean((2, 3))).sum(1, keepdim=True)
        return (self.score(h).mean((2, 3)) + match).float()


class PatchCritic(nn.Module):
    """Is this place of a picture real?  Isola et al. 2017, arXiv:1611.07004, without norm layers: a penalty holds it."""

    def __init__(self, channels: int = 3, width: int = 32):
        super().__init__()
        widths = [channels, width, 2 * width, 4 * width]
        layers = [
            layer for cin, cout in zip(widths, widths[1:], strict=False)
            for layer in (nn.Conv2d(cin, cout, 4, stride=2, padding=1), nn.LeakyReLU(0.2))
        ]
        self.body = nn.Sequential(*layers, nn.Conv2d(widths[-1], widths[-1], 3, padding=1), nn.LeakyReLU(0.2))
        self.score = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) in [0, 1] -> one logit for each 8×8 pixels, (N, H/8 · W/8)."""
        return self.score(self.body(2 * x - 1)).flatten(1).float()


class PatchJudge(nn.Module):
    """Could this patch be of that painting?  Li and Wand 2016, arXiv:1604.04382: patches of features, not of pixels."""

    def __init__(self, features: nn.Module, layers: dict[str, int], styles: int, width: int = 64):
        """features: frozen; layers: name of a layer -> its channels."""
        super().__init__()
        self.features = features.requires_grad_(False).eval()
        self.heads = nn.ModuleDict({
            name: nn.Sequential(
                nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(width, width, 1), nn.LeakyReLU(0.2),
                nn.Conv2d(width, styles, 1),
            ) for name, channels in layers.items()
        })

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """x (N, 3, H, W) in [0, 1], style (N,) int64 -> a logit for every place of every layer, (N, places)."""
        features, rows = self.features(x), torch.arange(len(x), device=x.device)
        return torch.cat([head(features[name])[rows, style].flatten(1) for name, head in self.heads.items()], dim=1).float()

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
        told = condition(label, self.embed.num_embeddings, h) @ self.embed.weight.to(h.dtype)
        match = (told * h.mean((2, 3))).sum(1, keepdim=True)
        return (self.score(h).mean((2, 3)) + match).float()

"""A GAN that enlarges pictures of 4×4 pixels to 28×28.

Sixteen numbers cannot say which picture it was: many fit, and the generator draws one of them, another for other noise.  After
Ledig et al. 2017, arXiv:1609.04802, on the tiniest pictures; whatever it draws shrinks to exactly what it was given, as in
PULSE, Menon et al. 2020, arXiv:2003.03808.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Generator(nn.Module):
    """Tiny picture and noise -> picture."""

    scale, channels, side = 7, 1, 4  # side: of what it is given

    def __init__(self, latent: int = 64, width: int = 64):
        super().__init__()
        self.latent = latent
        self.begin = nn.Linear(self.side**2 + latent, 2 * width * 7 * 7)

        def double(cin: int, cout: int) -> list[nn.Module]:
            return [nn.Upsample(scale_factor=2), nn.Conv2d(cin, cout, 3, padding=1), nn.LeakyReLU(0.2, inplace=True)]

        self.body = nn.Sequential(
            nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(2 * width, 2 * width, 3, padding=1), nn.LeakyReLU(0.2, inplace=True),
            *double(2 * width, width),                                                      # (N, w, 14, 14)
            *double(width, width // 2), nn.Conv2d(width // 2, 1, 3, padding=1),             # (N, 1, 28, 28)
        )

    def forward(self, z: Tensor, lr: Tensor) -> Tensor:
        """z (N, latent) ~ N(0, 1), lr (N, 1, 4, 4) in [0, 1] -> (N, 1, 28, 28) in [0, 1], whose 7×7 blocks have lr as means."""
        given = torch.cat([2 * lr.flatten(1) - 1, z], 1).to(self.begin.weight.dtype)
        detail, lr = self.body(self.begin(given).unflatten(1, (-1, 7, 7))).float(), lr.float()
        # About each block's own mean: or else logits drift to where a sigmoid no longer moves, and nothing is left to learn.
        ground = torch.logit(lr, eps=0.02) - F.avg_pool2d(detail, self.scale)
        return consistent(torch.sigmoid(detail + F.interpolate(ground, scale_factor=self.scale)), lr)


def consistent(x: Tensor, lr: Tensor) -> Tensor:
    """x (N, 1, H, W) in [0, 1] with blocks whose means are `lr` (N, 1, h, w): a block too dark is brightened by a share of
    what each pixel lacks of white, one too bright dimmed by a factor, so that nothing leaves [0, 1].
    """
    side = x.shape[2] // lr.shape[2]
    mean = F.avg_pool2d(x, side)
    dim = (lr / mean.clamp(min=1e-6)).clamp(max=1)
    lift = ((lr - mean) / (1 - mean).clamp(min=1e-6)).clamp(min=0)
    dim, lift = (F.interpolate(share, scale_factor=side) for share in (dim, lift))
    return x * dim + (1 - x) * lift


class Discriminator(nn.Module):
    """Picture, beside what it was made from -> logit: above 0 means "real"."""

    def __init__(self, width: int = 64):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(2, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True),              # (N, w, 14, 14)
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True),      # (N, 2w, 7, 7)
            nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True),  # (N, 4w, 4, 4)
            nn.Flatten(), nn.Linear(4 * width * 16, 1),
        )

    def forward(self, x: Tensor, lr: Tensor) -> Tensor:
        """x (N, 1, 28, 28), lr (N, 1, 4, 4), both in [0, 1] -> (N, 1)."""
        given = F.interpolate(lr, scale_factor=x.shape[2] // lr.shape[2])
        return self.body(2 * torch.cat([x, given], 1) - 1).float()

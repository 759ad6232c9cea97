"""Augmentation of what a discriminator sees.  Zhao et al. 2020, "Differentiable augmentation", arXiv:2006.10738.

Real and generated pictures pass through the same random changes, and gradients pass through them too: the generator never learns
to draw the changes, and the discriminator cannot learn a small data set by heart.
"""

import torch
from torch import Tensor

from imgen.functional.together import draw_ours, ours, whole


def augment(x: Tensor) -> Tensor:
    """Random brightness, saturation, contrast and shift per picture.  x (N, 3, H, W) in [0, 1].

    Unlike the paper no holes: they pay off after hundreds of epochs, and we have fewer.
    """
    return shift(colour(x))


def colour(x: Tensor) -> Tensor:
    def r() -> Tensor:
        return draw_ours(torch.rand, len(x), 1, 1, 1, device=x.device)

    x = x + (r() - 0.5) / 2
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (2 * r())
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (r() + 0.5)


def shift(x: Tensor, share: float = 0.125) -> Tensor:
    """By up to `share` of each side; what comes in is grey."""
    n, _, h, w = x.shape
    dy, dx = (ours(torch.randint(-int(s * share), int(s * share) + 1, (whole(n), 1), device=x.device)) for s in (h, w))
    rows = (torch.arange(h, device=x.device) + dy + 1).clamp(0, h + 1)  # (N, H) into a picture with a frame of 1
    cols = (torch.arange(w, device=x.device) + dx + 1).clamp(0, w + 1)
    framed = torch.nn.functional.pad(x - 0.5, (1, 1, 1, 1)).permute(0, 2, 3, 1)
    index = torch.arange(n, device=x.device)[:, None, None]
    return framed[index, rows[:, :, None], cols[:, None, :]].permute(0, 3, 1, 2) + 0.5

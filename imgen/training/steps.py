"""What the recipes' steps share.  A recipe holds nets, optimizers and data, and says what one step does; `loop.train` turns the
crank.
"""

import math
from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor, nn

from imgen.functional.together import average_gradients, ours


class Drawer(Protocol):
    """Whatever draws from noise and classes."""

    latent: int  # how many numbers of noise
    classes: int

    def __call__(self, z: Tensor, label: Tensor, /) -> Tensor: ...


@torch.no_grad()
def drawn(net: Drawer, device: str, count: int = 20) -> Tensor:
    """The same noise and classes every time."""
    z = torch.randn(count, net.latent, generator=torch.Generator().manual_seed(0))
    return net(z.to(device), (torch.arange(count) % net.classes).to(device))


def cosine(optimizer: torch.optim.Optimizer, first: float, last: float, progress: float, warm: float = 0.0) -> None:
    """Set the learning rate: up over the first `warm` of the run, then from `first` down to `last` along half a cosine."""
    rate = last + (first - last) * (1 + math.cos(math.pi * progress)) / 2
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("times", 1) * (min(1.0, progress / warm) if warm else 1)


def adam(net: nn.Module, betas: tuple[float, float]) -> torch.optim.Adam:
    return torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=0.0, betas=betas, fused=True)


def update(optimizer: torch.optim.Optimizer, loss: Tensor, longest: float | None = None) -> None:
    """longest: of the slope over all parameters together; a longer one is shortened (Pascanu et al. 2013, arXiv:1211.5063)."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    average_gradients(optimizer)
    if longest:
        nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], longest)
    optimizer.step()


def total(losses: Iterable[Tensor]) -> Tensor:
    first, *others = losses
    return sum(others, first)


class Batches:
    """Endless random batches of whole data sets in memory, flipped left to right half of the time."""

    def __init__(
        self, pictures: Tensor, labels: Tensor, size: int, device: str, flip: bool = True, weights: Tensor | None = None
    ):
        """pictures (N, C, H, W) uint8; labels (N,) int64, or shares of classes (N, K); weights (N,): how often each is shown."""
        self.pictures, self.labels, self.size, self.flip = pictures.to(device), labels.to(device), size, flip
        self.weights = torch.ones(len(pictures), device=device) if weights is None else weights.to(device)

    def __call__(self) -> tuple[Tensor, Tensor]:
        """-> pictures (size, C, H, W) in [0, 1], channels last; their labels; see `together` of several processes."""
        chosen = ours(torch.multinomial(self.weights, self.size, replacement=True))
        x = self.pictures[chosen].float().div_(255)
        if self.flip:
            x = torch.where(ours(torch.rand(self.size, 1, 1, 1, device=x.device)) < 0.5, x.flip(3), x)
        return x.contiguous(memory_format=torch.channels_last), self.labels[chosen]


def randint(count: int) -> int:
    """One of 0 … count − 1, by torch's random numbers."""
    return int(torch.randint(count, ()).item())


def cut_out(x: Tensor, top: int, left: int, side: int) -> Tensor:
    return x[..., top : top + side, left : left + side]

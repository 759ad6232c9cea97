"""Learning to tell classes apart: cross entropy between the softmax of a net's logits and the true class."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from imgen.device import mixed_precision
from imgen.drawing.shapes import SHAPES, shapes
from imgen.functional.together import ours
from imgen.training.augment import shift
from imgen.training.ema import EMA
from imgen.training.steps import Batches, cosine, update


class Labelled(Protocol):
    """-> pictures (N, C, H, W) in [0, 1], and their classes (N,)."""

    def __call__(self) -> tuple[Tensor, Tensor]: ...


class Classify:
    """Cross entropy, a learning rate along half a cosine, and the average of the weights as the result."""

    def __init__(
        self, net: nn.Module, batches: Labelled, optimizer: Callable[[nn.Module], torch.optim.Optimizer], *, device: str,
        rate: float, decay: float = 0.999,
    ):
        net = net.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  as in `device.place`
        self.net, self.batches, self.device, self.rate = net, batches, device, rate
        self.ema, self.optimizer = EMA(net, decay), optimizer(self.net)
        self.state = {"net": self.net, "average": self.ema, "optimizer": self.optimizer}

    def step(self, progress: float) -> dict[str, Tensor]:
        cosine(self.optimizer, self.rate, self.rate / 1000, progress, warm=0.02)
        x, label = self.batches()
        self.net.train()
        with mixed_precision(self.device):
            logits = self.net(x)
        loss = nn.functional.cross_entropy(logits.float(), label)
        update(self.optimizer, loss)
        self.ema.update(self.net)
        return {"cross_entropy": loss, "wrong": (logits.argmax(1) != label).float().mean()}

    def weights(self) -> dict[str, Tensor]:
        return self.ema.net.state_dict()

    def sample(self) -> None:
        """It draws nothing."""


class DrawnShapes:
    """Every batch is drawn anew: no picture is ever seen twice."""

    def __init__(self, side: int, size: int, device: str):
        self.side, self.size, self.device = side, size, device

    def __call__(self) -> tuple[Tensor, Tensor]:
        seed = torch.randint(2**31, (2,)).tolist()  # by torch's random numbers, which a checkpoint keeps
        rng = np.random.default_rng(seed)
        kinds = rng.integers(len(SHAPES), size=self.size)
        x = torch.from_numpy(shapes(rng, kinds, self.side)).permute(0, 3, 1, 2).float() / 255
        return ours(x).to(self.device), ours(torch.from_numpy(kinds)).to(self.device)


class Shifted:
    """Batches of pictures on black, moved by up to a twelfth of the side, so that no pixel has to be just where it was."""

    def __init__(self, batches: Batches, share: float = 0.0834):
        self.batches, self.share = batches, share

    def __call__(self) -> tuple[Tensor, Tensor]:
        x, label = self.batches()
        return shift(x + 0.5, self.share) - 0.5, label  # what comes in is `shift`'s grey, 0.5: here black


def momentum(net: nn.Module) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum, as in the articles."""
    return torch.optim.SGD(net.parameters(), lr=0.0, momentum=0.9, nesterov=True, weight_decay=1e-4)


def decayed_adam(net: nn.Module) -> torch.optim.Optimizer:
    """Adam, whose weights shrink a little at every step: Loshchilov and Hutter 2019, arXiv:1711.05101."""
    return torch.optim.AdamW(net.parameters(), lr=0.0, weight_decay=0.05, fused=True)

"""Autoencoders: through a narrow code and back, plainly or as a VAE."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from imgen.device import mixed_precision
from imgen.functional.losses import elbo_terms
from imgen.functional.together import draw_ours
from imgen.training.ema import EMA, recalibrated_batch_norm
from imgen.training.steps import adam, cosine, drawn, total, update


class Coder(ABC):
    """What autoencoders share: a net that encodes and decodes, its average, and a step that lowers what follows from `losses`."""

    def __init__(self, net, batches, *, device: str, rate=1e-3, decay=0.999, steady=False):
        """steady: the rate stays as it is, else it falls along half a cosine; decay 0: the weights as they are, no average."""
        self.net, self.batches, self.device, self.rate, self.steady = net.to(device), batches, device, rate, steady
        self.ema = EMA(net, decay)
        self.optimizer = adam(net, (0.9, 0.999))
        self.state = {"net": self.net, "average": self.ema, "optimizer": self.optimizer}

    @abstractmethod
    def losses(self, x: Tensor, label: Tensor) -> dict[str, Tensor]:
        """Of a batch, to be summed up."""

    def objective(self, losses: dict[str, Tensor]) -> Tensor:
        """What is minimised."""
        return total(losses.values())

    @abstractmethod
    def code(self, net: Any, x: Tensor, label: Tensor) -> Tensor:
        """What `net`, of the kind that is trained, makes of pictures."""

    def step(self, progress: float) -> dict[str, Tensor]:
        cosine(self.optimizer, self.rate, self.rate / 100, 0.0 if self.steady else progress)
        losses = self.losses(*self.batches())
        update(self.optimizer, self.objective(losses))
        self.ema.update(self.net)
        return losses

    def weights(self) -> dict[str, Tensor]:
        return self.recalibrated().state_dict()

    def sample(self) -> Tensor:
        return drawn(self.recalibrated(batches=8), self.device)

    @torch.no_grad()
    def recalibrated(self, batches: int = 32) -> Any:
        """The average, batch norm recalibrated; then, where a net wants to know it, the Gaussian of each class's codes."""
        net = recalibrated_batch_norm(self.ema.net, self.reconstruct, batches)
        if hasattr(net, "measure"):
            x, label = (torch.cat(parts) for parts in zip(*(self.batches() for _ in range(2 * batches)), strict=True))
            net.measure(self.code(net, x, label), label)
        return net

    def reconstruct(self, net: Any) -> Tensor:
        x, label = self.batches()
        return net.decode(self.code(net, x, label), label)


class Elbo(Coder):
    """A VAE: raise the evidence lower bound.  The net says whether its pixels are coins, as in the paper, or Gaussian."""

    def __init__(self, net, batches, *, device: str, beta=1.0, **settings):
        """beta: how much the KL term counts; other than 1 it is a β-VAE (Higgins et al. 2017)."""
        super().__init__(net, batches, device=device, **settings)
        self.beta = beta

    def objective(self, losses: dict[str, Tensor]) -> Tensor:
        return losses["reconstruction"] + self.beta * losses["kl"]

    def losses(self, x: Tensor, label: Tensor) -> dict[str, Tensor]:
        with mixed_precision(self.device):
            mean, log_var = self.net.encode(x, label)
            decoded = self.net.decode(drawn_from(mean, log_var), label)
        reconstruction, kl = elbo_terms(decoded.float(), x, mean.float(), log_var.float(), self.net.likelihood)
        return {"reconstruction": reconstruction, "kl": kl}

    def code(self, net: Any, x: Tensor, label: Tensor) -> Tensor:
        return drawn_from(*net.encode(x, label))


def drawn_from(mean: Tensor, log_var: Tensor) -> Tensor:
    """μ + σ ε, so that the gradient passes through the sample.  Kingma and Welling 2014, section 2.4."""
    return mean + (0.5 * log_var).exp() * draw_ours(torch.randn, *mean.shape, dtype=mean.dtype, device=mean.device)


class Autoencode(Coder):
    """Through a narrow code and back, by squared error."""

    def losses(self, x: Tensor, label: Tensor) -> dict[str, Tensor]:
        with mixed_precision(self.device):
            y = self.net.decode(self.net.encode(x, label), label)
        return {"squared_error": (y - x).square().mean()}

    def code(self, net: Any, x: Tensor, label: Tensor) -> Tensor:
        return net.encode(x, label)


class UsualElbo(Elbo):
    """The VAE of pytorch/examples, for comparison: Adam at a constant 1e-3, and the weights as they are, not their average."""

    def __init__(self, net, batches, *, device: str):
        super().__init__(net, batches, device=device, decay=0.0, steady=True)

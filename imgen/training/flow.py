"""Flow matching: a net learns the velocity of a picture on its straight way out of noise.  Lipman et al., arXiv:2210.02747."""

import torch
from torch import Tensor

from imgen.device import mixed_precision
from imgen.functional.flow import adams_bashforth, between, guided
from imgen.functional.together import draw_ours, ours, whole
from imgen.models.layers import condition
from imgen.training.ema import EMA
from imgen.training.muon import Muon
from imgen.training.steps import Batches, cosine, update


class FlowMatching:
    """Squared error of the velocity, mostly in the earlier half of the way; the average of the weights is the result.

    By Muon: after 150 steps the error was half of what Adam had reached.  What a class or word means is seldom asked: it moves
    faster.
    The condition is forgotten now and then, so that the net also knows the way without one: guidance needs both (Ho and
    Salimans 2022, arXiv:2207.12598).  The rate stays until the last part of the run, then falls along half a cosine: that way
    an average of any moment is worth having.
    """

    dropped = 0.1  # share of the pictures whose condition is forgotten
    steady = 0.6  # share of the run with a constant rate

    def __init__(
        self, net, batches: Batches, *, device: str, rate=2e-3, decay=0.9998, forgotten=0.0, guidance=2.0
    ):
        """forgotten: share of the pictures that forget half of their words, so that few words are a wish as well; guidance: of
        the samples.
        """
        self.net, self.batches, self.device = net.to(device, memory_format=torch.channels_last), batches, device
        self.rate, self.forgotten, self.guidance = rate, forgotten, guidance
        self.ema, self.optimizer = EMA(net, decay), Muon(net, far=(net.embed.weight, net.nothing), times=4.0)
        self.state = {"net": self.net, "average": self.ema, "optimizer": self.optimizer}

    def step(self, progress: float) -> dict[str, Tensor]:
        falling = max(0.0, progress - self.steady) / (1 - self.steady)
        cosine(self.optimizer, self.rate * min(1.0, progress / 0.01), self.rate / 100, falling)
        x, label = self.batches()
        shares = self.remembered(condition(label, self.net.classes, x))
        loss = self.loss(x * 2 - 1, draw_ours(torch.randn, *x.shape, device=self.device), times(len(x), self.device), shares)
        update(self.optimizer, loss)
        self.ema.update(self.net)
        return {"velocity": loss}

    def loss(self, picture: Tensor, noise: Tensor, t: Tensor, shares: Tensor) -> Tensor:
        """picture (N, C, H, W) in [-1, 1], noise likewise ~ N(0, 1), t (N,) -> mean squared error of the velocity."""
        with mixed_precision(self.device):
            v = self.net(between(noise, picture, t), t, shares)
        return (v.float() - (picture - noise)).square().mean()

    def remembered(self, shares: Tensor) -> Tensor:
        """What is left of the wishes (N, K); those that forget something, a half of their words at random."""
        chance = draw_ours(torch.rand, len(shares), 2, device=self.device)
        some = shares * ((chance[:, :1] > self.forgotten) | (draw_ours(torch.rand, *shares.shape, device=self.device) < 0.5))
        some = some / some.sum(1, keepdim=True).clamp(min=1e-6)
        return some * (chance[:, 1:] > self.dropped)

    def weights(self) -> dict[str, Tensor]:
        return self.ema.net.state_dict()

    @torch.no_grad()
    def sample(self, count: int = 20, steps: int = 20) -> Tensor:
        """The same noise and the same wishes every time: those of some real pictures, or all classes in turn."""
        noise = torch.randn(count, self.net.channels, self.net.side, self.net.side).to(self.device)
        _, label = self.batches()
        wishes = label[:count] if label.is_floating_point() else torch.arange(count, device=self.device) % self.net.classes
        shares = condition(wishes, self.net.classes, noise)

        def velocity(x: Tensor, t: float) -> Tensor:
            with mixed_precision(self.device):
                return guided(self.ema.net, x, torch.full((count,), t, device=self.device), shares, self.guidance).float()

        *_, (_, x, _) = adams_bashforth(velocity, noise.contiguous(memory_format=torch.channels_last), steps)
        return (x.clamp(-1, 1) + 1) / 2


def times(count: int, device: str, mean: float = -0.8, spread: float = 1.2) -> Tensor:
    """(count,) in (0, 1): the logistic function of normal numbers, one from each of so many equally likely ranges.

    Esser et al. 2024, arXiv:2403.03206, with 0 and 1.  Earlier here: what picture it will be is decided in the first tenth of
    the way, and there alone a wish has much to say.
    """
    shares = ours((torch.arange(whole(count), device=device) + torch.rand(whole(count), device=device)) / whole(count))
    return (mean + spread * torch.special.ndtri(shares.clamp(1e-6, 1 - 1e-6))).sigmoid()

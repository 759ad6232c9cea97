"""A small network learns from a large one: to see as it does, or to give the same features."""

import torch
from torch import Tensor, nn

from imgen.device import mixed_precision
from imgen.functional.losses import gram, gram_distance
from imgen.functional.together import apart, gathered, mean, ours, whole
from imgen.training.ema import EMA, recalibrated_batch_norm
from imgen.training.muon import Muon
from imgen.training.steps import Batches, adam, cosine, total, update


class Distil:
    """A small net learns to see as a large one does: squared error of features, each in units of its own spread.

    After Hinton et al. 2015, arXiv:1503.02531, with features in place of the odds of classes.
    """

    def __init__(self, net, teacher, sights, *, device: str, batch=128, rate=3e-3, decay=0.99):
        """teacher: pictures (N, C, H, W) uint8 -> features (N, D), asked once about each of `sights`."""
        self.net, self.teacher, self.sights = net.to(device, memory_format=torch.channels_last), teacher, sights
        pictures = torch.cat([(net.resized(kind.float() / 255) * 255).round().byte() for kind in sights])
        self.batches = Batches(pictures, torch.arange(len(pictures)), batch, device, flip=False)
        self.answers = nn.Embedding.from_pretrained(torch.zeros(len(pictures), len(net.mean))).to(device)
        self.ema, self.optimizer = EMA(net, decay), adam(net, (0.9, 0.999))
        self.device, self.rate = device, rate
        self.state = {"net": self.net, "average": self.ema, "answers": self.answers, "optimizer": self.optimizer}

    def step(self, progress: float) -> dict[str, Tensor]:
        if not self.answers.weight.any():
            self.ask()
        cosine(self.optimizer, self.rate, self.rate / 100, progress, warm=0.05)
        x, which = self.batches()
        with mixed_precision(self.device):
            features = self.net.standardised(x)
        loss = (features - self.answers(which)).square().mean()
        update(self.optimizer, loss)
        self.ema.update(self.net)
        return {"unexplained": loss}

    @torch.no_grad()
    def ask(self) -> None:
        """The answers cost more than the training: they stay in its checkpoint."""
        with mixed_precision("cpu"):
            answers = torch.cat([self.teacher(kind) for kind in self.sights]).float().to(self.device)
        self.net.mean.copy_(answers.mean(0))
        self.net.spread.copy_(answers.std(0).clamp(min=1e-6))
        self.answers.weight.copy_((answers - self.net.mean) / self.net.spread)

    def weights(self) -> dict[str, Tensor]:
        return recalibrated_batch_norm(self.ema.net, lambda net: net(self.batches()[0])).state_dict()

    def sample(self) -> None:
        """It draws nothing."""


class Resemble:
    """A thin feature network learns to give what a wide one gives: features and Gram matrices, relative to their size.

    Half of what it sees are dreams: pictures on their way to please the thin network in the manner of another.  Where that
    leads it astray, the wide one corrects it: whoever optimises a picture would find just those places.
    """

    dreams, life = 64, 24  # how many there are, and how many steps each lives on average

    def __init__(self, net, teacher, pictures, *, device: str, batch=8, rate=1e-3, decay=0.998):
        """net: see `Widened`; teacher: pictures (N, 3, S, S) in [0, 1] -> {layer: features}; pictures (N, 3, S, S) uint8."""
        self.net, self.teacher = net.to(device, memory_format=torch.channels_last), teacher
        self.batches = Batches(pictures, torch.zeros(len(pictures), dtype=torch.long), batch, device)
        self.ema, self.optimizer = EMA(net, decay), Muon(net)
        self.device, self.rate = device, rate
        self.side = pictures.shape[-1]
        self.dreamt = nn.Embedding.from_pretrained(torch.zeros(self.dreams, 3 * self.side**2)).to(device)  # to be saved
        for n in range(self.dreams):
            self.fall_asleep(n)
        self.state = {"net": self.net, "average": self.ema, "optimizer": self.optimizer, "dreamt": self.dreamt}

    def fall_asleep(self, n: int) -> None:
        """A dream begins as a picture."""
        self.dreamt.weight[n] = self.batches()[0][0].flatten()

    def step(self, progress: float) -> dict[str, Tensor]:
        cosine(self.optimizer, self.rate, self.rate / 100, progress, warm=0.02)
        x, _ = self.batches()
        some = ours(torch.randperm(self.dreams)[: whole(len(x)) // 2]).to(self.device)
        x = torch.cat([x[len(some) :], self.dreamt.weight[some].view(-1, *x.shape[1:])])
        x = x.contiguous(memory_format=torch.channels_last)
        with mixed_precision(self.device):
            with torch.no_grad():
                wanted = self.teacher(x)
            features = self.net(x)
        self.dream(some, wanted)
        far, off = zip(*(strangeness(features[layer].float(), true.float()) for layer, true in wanted.items()), strict=True)
        losses = {"features": torch.stack(far).mean(), "grams": torch.stack(off).mean()}
        update(self.optimizer, total(losses.values()))
        self.ema.update(self.net)
        return losses

    def dream(self, some: Tensor, wanted: dict[str, Tensor]) -> None:
        """One step of some dreams, by the sign of the slope: the manner of an awake picture, in features of their own before."""
        x = self.dreamt.weight[some].view(len(some), 3, -1).unflatten(2, (self.side, self.side)).requires_grad_(True)
        with mixed_precision(self.device):
            features = self.net(x.contiguous(memory_format=torch.channels_last))
        losses = []
        for layer, mine in features.items():
            awake, asleep = (part.float() for part in wanted[layer].split(len(some)))
            losses.append(gram_distance(gram(mine), gram(awake)).log1p().sum())
            if layer == "relu3_1":
                losses.append(0.2 * (mine.float() - asleep).square().sum() / mean(asleep.square().mean()) / mine[0].numel())
        (slope,) = torch.autograd.grad(total(losses), x)
        with torch.no_grad():
            everyone = gathered(some)
            self.dreamt.weight[everyone] = gathered((x - 0.02 * slope.sign()).clamp(0, 1).flatten(1))
        with apart():
            for n in everyone.tolist():
                if torch.rand(()) < 1 / self.life:
                    self.fall_asleep(n)

    def weights(self) -> dict[str, Tensor]:
        return self.ema.net.turned()

    def sample(self) -> None:
        """It draws nothing."""


def strangeness(features: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distance of features, and of Gram matrices, relative to what is wanted.  (N, C, h, w) both."""
    return (features - wanted).square().sum() / mean(wanted.square().sum()), gram_distance(gram(features), gram(wanted)).mean()

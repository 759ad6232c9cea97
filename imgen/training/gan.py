"""GANs: generator and discriminator trained in turns on opposed losses, by our recipe and by the usual one."""

import copy

import torch
from torch import Tensor, nn

from imgen.device import mixed_precision
from imgen.functional.losses import GAMES, Game, gradient_penalty, relativistic
from imgen.functional.together import among_first, draw_ours, whole
from imgen.training.augment import augment
from imgen.training.ema import EMA, recalibrated_batch_norm
from imgen.training.steps import Batches, adam, cosine, drawn, update


class Adversarial:
    """A GAN that settles: relativistic loss, R1 and R2 penalties, an averaged generator; for small data sets
    augmentation and critics of features as well.

    After R3GAN (arXiv:2501.05441), DiffAugment (arXiv:2006.10738) and Projected GAN (arXiv:2111.01007).
    """

    penalty_every = 4  # steps; the weight makes up for it

    def __init__(
        self, generator, discriminator, critic, batches, *, device: str, gamma=0.1, rate=1.5e-4, decay=0.998, change=augment
    ):
        """rate: of both, `rates` may be changed between steps; change: what happens to every picture before it is judged."""
        self.generator = generator.to(device, memory_format=torch.channels_last)
        self.discriminator = discriminator.to(device, memory_format=torch.channels_last)
        self.critic = critic.to(device, memory_format=torch.channels_last) if critic else None
        self.ema = EMA(self.generator, decay)
        judges = nn.ModuleList([net for net in (self.discriminator, self.critic) if net])
        self.judges, self.batches, self.device, self.gamma = judges, batches, device, gamma
        self.rates, self.change = (rate, rate), change  # of the generator and of the judges
        self.optimizer_g, self.optimizer_d = adam(self.generator, (0.5, 0.99)), adam(judges, (0.5, 0.99))
        self.state = {
            "generator": self.generator, "judges": judges, "average": self.ema,
            "optimizer_g": self.optimizer_g, "optimizer_d": self.optimizer_d,
        }

    def judge(self, x: Tensor, label: Tensor) -> Tensor:
        """Every judge's opinion of the same changed pictures: (N, K)."""
        x = self.change(x).contiguous(memory_format=torch.channels_last)
        with mixed_precision(self.device):
            return torch.cat([net(x, label) for net in self.judges], dim=1)

    def generate(self, label: Tensor) -> Tensor:
        z = draw_ours(torch.randn, len(label), self.generator.latent, device=self.device)
        with mixed_precision(self.device):
            return self.generator(z, label)

    def step(self, progress: float) -> dict[str, Tensor]:
        for optimizer, rate in zip((self.optimizer_g, self.optimizer_d), self.rates, strict=True):
            cosine(optimizer, rate, rate / 10, progress, warm=0.01)
        real, label = self.batches()
        with torch.no_grad():
            fake = self.generate(label)
        self.trains(judges=True)
        logits_real = self.judge(real, label)
        loss_d = relativistic(logits_real, self.judge(fake, label))
        penalty = torch.zeros(())
        if (self.ema.steps + 1) % self.penalty_every == 0:
            penalty = self.penalty(real, label) + self.penalty(fake, label)
        update(self.optimizer_d, loss_d + penalty * self.gamma / 2 * self.penalty_every)

        # The real pictures' logits are one update old here: asking again would cost a sixth of the step.
        self.trains(judges=False)
        loss_g = relativistic(self.judge(self.generate(label), label), logits_real.detach())
        update(self.optimizer_g, loss_g)
        self.ema.update(self.generator)
        return {"discriminator": loss_d, "generator": loss_g, "penalty": penalty * self.penalty_every}

    def trains(self, *, judges: bool) -> None:
        self.judges.requires_grad_(judges)
        if self.critic:
            self.critic.features.requires_grad_(False)

    def penalty(self, x: Tensor, label: Tensor) -> Tensor:
        """On half of the batch: the second derivative is what costs."""
        rows, weight = among_first(whole(len(x)) // 2)
        x, label = x[:rows].detach().requires_grad_(True), label[:rows]
        return gradient_penalty(self.judge(x, label), x) * weight

    @torch.no_grad()
    def weights(self) -> dict[str, Tensor]:
        return recalibrated_batch_norm(self.ema.net, lambda net: net(*self.wishes())).state_dict()

    def sample(self) -> Tensor:
        return drawn(recalibrated_batch_norm(self.ema.net, lambda net: net(*self.wishes()), batches=8), self.device)

    def wishes(self) -> tuple[Tensor, Tensor]:
        """Noise and the labels of real pictures."""
        _, label = self.batches()
        return torch.randn(len(label), self.generator.latent, device=self.device), label


class Shrunk:
    """Batches whose labels are the pictures themselves, a few pixels a side."""

    def __init__(self, batches: Batches, side: int):
        self.batches, self.side = batches, side

    def __call__(self) -> tuple[Tensor, Tensor]:
        """-> pictures (N, C, H, W) in [0, 1]; what is left of them (N, C, side, side)."""
        x, _ = self.batches()
        return x, nn.functional.avg_pool2d(x, x.shape[2] // self.side)


class Guess(Adversarial):
    """A GAN whose condition is a tiny picture, where that of others is a class."""

    @torch.no_grad()
    def sample(self) -> Tensor:
        """Two guesses at each of ten tiny pictures, the same ones every time."""
        _, lr = self.batches()
        z = torch.randn(20, self.generator.latent, device=self.device)
        return self.ema.net(z, lr[:10].repeat(2, 1, 1, 1))


class UsualGAN:
    """The recipe of Radford et al. 2016 as most scripts have it, for comparison.

    Binary cross-entropy, Adam at 2e-4 with β₁ = 0.5, batch norm in both networks, no augmentation, no average.  `rates`, `game`
    and `turns` may be changed between steps.
    """

    def __init__(
        self, generator, discriminator, batches, *, device: str, rates=(2e-4, 2e-4), game: Game = GAMES["non_saturating"],
        turns=(1, 1), optimizer=adam,
    ):
        """rates: of the generator and of the discriminator; turns: how many updates of each make a step."""
        self.generator = generator.to(device, memory_format=torch.channels_last)
        self.discriminator = discriminator.to(device, memory_format=torch.channels_last)
        self.batches, self.device, self.rates, self.game, self.turns = batches, device, rates, game, turns
        self.optimizer_g = optimizer(self.generator, (0.5, 0.999))
        self.optimizer_d = optimizer(self.discriminator, (0.5, 0.999))
        self.state = {
            "generator": self.generator, "discriminator": self.discriminator,
            "optimizer_g": self.optimizer_g, "optimizer_d": self.optimizer_d,
        }

    def step(self, progress: float) -> dict[str, Tensor]:
        for optimizer, rate in zip((self.optimizer_g, self.optimizer_d), self.rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate
        of_g, of_d = self.turns
        for _ in range(of_d - 1):
            self.judge()
        fake, label, loss_d = self.judge()
        loss_g = self.forge(fake, label)
        for _ in range(of_g - 1):
            loss_g = self.forge(*self.generate(label))
        return {"discriminator": loss_d, "generator": loss_g}

    def generate(self, label: Tensor) -> tuple[Tensor, Tensor]:
        with mixed_precision(self.device):
            return self.generator(draw_ours(torch.randn, len(label), self.generator.latent, device=self.device), label), label

    def judge(self) -> tuple[Tensor, Tensor, Tensor]:
        """An update of the discriminator; what it was shown is still fresh for the generator's."""
        real, label = self.batches()
        fake, label = self.generate(label)
        with mixed_precision(self.device):
            logits_real, logits_fake = self.discriminator(real, label), self.discriminator(fake.detach(), label)
        loss = self.game.judge(logits_real, logits_fake)
        update(self.optimizer_d, loss)
        return fake, label, loss

    def forge(self, fake: Tensor, label: Tensor) -> Tensor:
        """An update of the generator, through a discriminator that stays as it is."""
        self.discriminator.requires_grad_(False)
        with mixed_precision(self.device):
            logits = self.discriminator(fake, label)
        loss = self.game.forger(logits)
        update(self.optimizer_g, loss)
        self.discriminator.requires_grad_(True)
        return loss

    def weights(self) -> dict[str, Tensor]:
        return self.generator.state_dict()

    def sample(self) -> Tensor:
        return drawn(copy.deepcopy(self.generator).eval(), self.device)

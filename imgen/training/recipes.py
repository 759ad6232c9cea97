"""What one step of each method does.  A recipe holds nets, optimizers and data; `loop.train` turns the crank."""

import copy
import math
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn

from imgen.colours import covariance, root
from imgen.drawings import landscape
from imgen.image import to_tensor
from imgen.losses import (
    LayerStyle,
    elbo_terms,
    gradient_penalty,
    gram,
    gram_distance,
    relativistic,
    texture_loss,
)
from imgen.metrics import luma
from imgen.training.augment import augment
from imgen.training.expand import contracted, expand
from imgen.training.muon import Muon


class Average(nn.Module):
    """A moving average of a net's weights: what a net has become over the last steps, without their jitter."""

    def __init__(self, net: nn.Module, decay: float):
        super().__init__()
        self.net, self.decay = copy.deepcopy(net).requires_grad_(False), decay
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        self.steps += 1
        steps = self.steps.item()
        decay = min(self.decay, (1 + steps) / (10 + steps))  # a young average forgets fast
        for mine, theirs in zip(self.net.parameters(), net.parameters(), strict=True):
            mine.lerp_(theirs, 1 - decay)
        for mine, theirs in zip(self.net.buffers(), net.buffers(), strict=True):
            mine.copy_(theirs)


@torch.no_grad()
def remeasured(net: nn.Module, feed: Callable[[nn.Module], object], batches: int = 32) -> nn.Module:
    """A copy with batch norm measured anew, over what `feed` shows it: an average of weights has statistics of its own."""
    net = copy.deepcopy(net).train()
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over all that follows
    for _ in range(batches):
        feed(net)
    return net.eval()


@torch.no_grad()
def drawn(net: nn.Module, device: str, count: int = 20) -> Tensor:
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


def update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


class Batches:
    """Endless random batches of whole data sets in memory, flipped left to right half of the time."""

    def __init__(
        self, pictures: Tensor, labels: Tensor, size: int, device: str, flip: bool = True, weights: Tensor | None = None
    ):
        """pictures (N, C, H, W) uint8; labels (N,) int64, or shares of classes (N, K); weights (N,): how often each is shown."""
        self.pictures, self.labels, self.size, self.flip = pictures.to(device), labels.to(device), size, flip
        self.weights = torch.ones(len(pictures), device=device) if weights is None else weights.to(device)

    def __call__(self) -> tuple[Tensor, Tensor]:
        """-> pictures (size, C, H, W) in [0, 1], channels last; their labels."""
        chosen = torch.multinomial(self.weights, self.size, replacement=True)
        x = self.pictures[chosen].float().div_(255)
        if self.flip:
            x = torch.where(torch.rand(self.size, 1, 1, 1, device=x.device) < 0.5, x.flip(3), x)
        return x.contiguous(memory_format=torch.channels_last), self.labels[chosen]


class Adversarial:
    """A GAN that settles: relativistic loss, R1 and R2 penalties, an averaged generator; for small data sets
    augmentation and critics of features as well.

    After R3GAN (arXiv:2501.05441), DiffAugment (arXiv:2006.10738) and Projected GAN (arXiv:2111.01007).
    """

    penalty_every = 4  # steps; the weight makes up for it

    def __init__(self, generator, discriminator, critic, batches, *, device, gamma=0.1, rate=1.5e-4, decay=0.998, change=augment):
        """change: what happens to every picture before it is judged."""
        self.generator, self.discriminator, self.critic = (
            net.to(device, memory_format=torch.channels_last) if net else None for net in (generator, discriminator, critic)
        )
        self.average = Average(self.generator, decay)
        judges = nn.ModuleList([net for net in (self.discriminator, self.critic) if net])
        self.judges, self.batches, self.device, self.gamma = judges, batches, device, gamma
        self.rate, self.change = rate, change
        self.optimizer_g, self.optimizer_d = adam(self.generator, (0.5, 0.99)), adam(judges, (0.5, 0.99))
        self.state = {
            "generator": self.generator, "judges": judges, "average": self.average,
            "optimizer_g": self.optimizer_g, "optimizer_d": self.optimizer_d,
        }

    def judge(self, x: Tensor, label: Tensor) -> Tensor:
        """Every judge's opinion of the same changed pictures: (N, K)."""
        seen = self.change(x).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device, torch.bfloat16):
            return torch.cat([net(seen, label) for net in self.judges], dim=1)

    def generate(self, label: Tensor) -> Tensor:
        z = torch.randn(len(label), self.generator.latent, device=self.device)
        with torch.autocast(self.device, torch.bfloat16):
            return self.generator(z, label)

    def step(self, progress: float) -> dict[str, Tensor]:
        for optimizer in (self.optimizer_g, self.optimizer_d):
            cosine(optimizer, self.rate, self.rate / 10, progress, warm=0.01)
        real, label = self.batches()
        with torch.no_grad():
            fake = self.generate(label)
        self.trains(judges=True)
        logits_real = self.judge(real, label)
        loss_d = relativistic(logits_real, self.judge(fake, label))
        penalty = torch.zeros(())
        if (self.average.steps + 1) % self.penalty_every == 0:
            penalty = self.penalty(real, label) + self.penalty(fake, label)
        update(self.optimizer_d, loss_d + penalty * self.gamma / 2 * self.penalty_every)

        # The real pictures' logits are one update old here: asking again would cost a sixth of the step.
        self.trains(judges=False)
        loss_g = relativistic(self.judge(self.generate(label), label), logits_real.detach())
        update(self.optimizer_g, loss_g)
        self.average.update(self.generator)
        return {"discriminator": loss_d, "generator": loss_g, "penalty": penalty * self.penalty_every}

    def trains(self, *, judges: bool) -> None:
        self.judges.requires_grad_(judges)
        if self.critic:
            self.critic.features.requires_grad_(False)

    def penalty(self, x: Tensor, label: Tensor) -> Tensor:
        """On half of the batch: the second derivative is what costs."""
        x, label = x[: len(x) // 2].detach().requires_grad_(True), label[: len(x) // 2]
        return gradient_penalty(self.judge(x, label), x)

    @torch.no_grad()
    def weights(self) -> dict[str, Tensor]:
        return remeasured(self.average.net, lambda net: net(*self.wishes())).state_dict()

    def sample(self) -> Tensor:
        return drawn(remeasured(self.average.net, lambda net: net(*self.wishes()), batches=8), self.device)

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
    """A GAN that is told a tiny picture, where others are told a class."""

    @torch.no_grad()
    def sample(self) -> Tensor:
        """Two guesses at each of ten tiny pictures, the same ones every time."""
        _, lr = self.batches()
        z = torch.randn(20, self.generator.latent, device=self.device)
        return self.average.net(z, lr[:10].repeat(2, 1, 1, 1))


class Upscale:
    """Super-resolution by regression: absolute error first (robust, sharp), squared error at the end (what PSNR measures)."""

    squared_from = 0.7  # share of the run

    def __init__(
        self, net, lr, hr, *, device, batch=16, rate=1e-3, decay=0.999, side=48, spoil=None, expanded=False, muon=False,
        decibels=False,
    ):
        """lr (N, C, h, w), hr (N, C, sh, sw) uint8; a net with one channel is trained on luminance.

        side: LR pixels that a step sees of each; spoil: HR (N, C, sh, sw) uint8 -> another LR than `lr`, made anew each time;
        expanded: see `expand`; muon: see `Muon`, else Adam; decibels: minimise each picture's squared error in dB instead, as
        NAFNet (arXiv:2204.04676) does, so that what is hardly spoiled counts as much as what is spoiled badly.
        """
        self.decibels = decibels
        self.net = (expand(net) if expanded else net).to(device, memory_format=torch.channels_last)
        self.average = Average(net, decay)
        self.lr, self.hr, self.device, self.batch, self.rate = lr, hr, device, batch, rate
        self.margin, self.spoil = BLOCK if spoil else 0, spoil
        self.side = min(side, *(limit - self.margin for limit in lr.shape[2:]))
        self.optimizer = Muon(net) if muon else adam(net, (0.9, 0.99))
        self.state = {"net": self.net, "average": self.average, "optimizer": self.optimizer}

    def step(self, progress: float) -> dict[str, Tensor]:
        cosine(self.optimizer, self.rate, self.rate / 100, progress, warm=0.01)
        lr, hr = self.pair()
        error = self.error(lr, hr)
        if self.decibels:
            loss = torch.log10(error.square().mean((1, 2, 3)) + GOOD).mean()
        else:
            loss = error.abs().mean() if progress < self.squared_from else error.square().mean() * 10
        update(self.optimizer, loss)
        self.average.update(self.net)
        return {"mse_db": -10 * torch.log10(error.detach().square().mean())}

    def error(self, lr: Tensor, hr: Tensor) -> Tensor:
        with torch.autocast(self.device, torch.bfloat16):
            return self.net(lr) - hr

    def pair(self) -> tuple[Tensor, Tensor]:
        """A batch, cut out, turned and mirrored in one of eight ways, LR and HR alike."""
        chosen, scale = torch.randint(len(self.lr), (self.batch,)), self.hr.shape[3] // self.lr.shape[3]
        wide = self.side + self.margin
        top, left = (torch.randint(limit - wide + 1, ()).item() for limit in self.lr.shape[2:])
        turns, mirrored = torch.randint(4, ()).item(), torch.rand(()) < 0.5
        lr, hr = (cut_out(store[chosen], top * s, left * s, wide * s) for store, s in ((self.lr, 1), (self.hr, scale)))
        if self.spoil:
            top, left = torch.randint(self.margin + 1, (2,)).tolist()  # or JPEG's blocks would begin at every crop's corner
            lr, hr = (cut_out(x, top * s, left * s, self.side * s) for x, s in ((self.spoil(hr, scale), 1), (hr, scale)))
        out = []
        for x in (lr, hr):
            x = torch.rot90(x, turns, (2, 3))
            x = (x.flip(3) if mirrored else x).to(self.device).float() / 255
            out.append(luma(x) if self.net.channels == 1 else x)
        return out[0], out[1]

    def weights(self) -> dict[str, Tensor]:
        return contracted(self.average.net)

    def sample(self) -> None:
        """A step's difference is too small to see."""


class Recur(Upscale):
    """Every step's picture should be the clean one, and the later the more: the n-th counts n times, or the last steps, which
    can win little, would be left to chance.  `spoil` gives the frames one behind the other as channels.
    """

    def error(self, lr: Tensor, hr: Tensor) -> Tensor:
        frames = lr.unflatten(1, (-1, 3))
        with torch.autocast(self.device, torch.bfloat16):
            error = self.net(frames) - hr[:, None]
        counted = [n for n in range(frames.shape[1]) for _ in range(n + 1)]
        return error[:, counted].flatten(0, 1)


class Fill(Upscale):
    """Holes should look like their surroundings: absolute error, features and textures; what is known counts little.

    Source: Liu et al. 2018, arXiv:1804.07723, whose shares ours resemble: holes six times, features, Gram matrices.  Unlike
    there, pixels alone count first, as in `Upscale`: what goes on across a hole is learned before how it should look.
    """

    hole, texture = 6.0, 2.0
    likeness_from = 0.6  # share of the run

    def __init__(self, net, clean, features, **settings):
        """features: see `VGG`, frozen."""
        super().__init__(net, clean, clean, **settings)
        self.features = features.to(self.device, torch.bfloat16, memory_format=torch.channels_last)

    def step(self, progress: float) -> dict[str, Tensor]:
        if progress < self.likeness_from:
            return super().step(progress)
        cosine(self.optimizer, self.rate, self.rate / 100, progress, warm=0.01)
        x, clean = self.pair()
        mask = x[:, 3:]
        with torch.autocast(self.device, torch.bfloat16):
            y = self.net(x)
        error = (y.float() - clean).abs()
        pixels = (error * (1 + (self.hole - 1) * mask)).mean()
        whole = torch.where(mask > 0, y.float(), clean)
        with torch.no_grad():
            wanted = self.features(clean.bfloat16().contiguous(memory_format=torch.channels_last), "relu3_1")
        seen = self.features(whole.bfloat16().contiguous(memory_format=torch.channels_last), "relu3_1")
        likeness = sum((seen[k].float() - wanted[k].float()).abs().mean() / wanted[k].float().abs().mean() for k in wanted)
        texture = sum(gram_distance(gram(seen[k]), gram(wanted[k])).mean() for k in wanted)
        update(self.optimizer, 10 * pixels + likeness + self.texture * texture)
        self.average.update(self.net)
        return {"mse_db": -10 * torch.log10(error.detach().square().mean())}  # as before


GOOD = 1e-4  # squared error, 40 dB: what is as good counts hardly more, or what is nearly clean would rule
BLOCK = 8  # pixels a side of what JPEG compresses at once


def cut_out(x: Tensor, top: int, left: int, side: int) -> Tensor:
    return x[..., top : top + side, left : left + side]


class Sharpen(Upscale):
    """Super-resolution that invents: near the truth in features and textures, and real to a discriminator.

    Features as in SRGAN (arXiv:1609.04802), textures as in EnhanceNet (arXiv:1612.07919), the pixels' absolute error as in
    ESRGAN (arXiv:1809.00219), so that colours stay; relativistic loss and penalty as in R3GAN (arXiv:2501.05441).
    """

    penalty_every = 8

    def __init__(self, net, discriminator, features, lr, hr, *, weights, device, gamma=3e-5, **settings):
        """features: pictures -> {layer: (N, C, h, w)}, frozen; weights: of "pixels", "features", "textures", "adversarial".

        gamma is small, because the slope that it holds is that of all the places' logits together.
        """
        super().__init__(net, lr, hr, device=device, **settings)
        self.discriminator = discriminator.to(device, memory_format=torch.channels_last)
        self.features, self.shares, self.gamma = features.to(device, memory_format=torch.channels_last), weights, gamma
        self.optimizer, self.optimizer_d = adam(net, (0.5, 0.99)), Muon(self.discriminator)
        for group in self.optimizer_d.param_groups:
            group["times"] = 2  # it begins from nothing, the net does not
        self.state |= {
            "optimizer": self.optimizer, "discriminator": self.discriminator, "optimizer_d": self.optimizer_d,
        }

    def step(self, progress: float) -> dict[str, Tensor]:
        for optimizer in (self.optimizer, self.optimizer_d):
            cosine(optimizer, self.rate, self.rate / 10, progress, warm=0.02)
        lr, hr = self.pair()
        with torch.autocast(self.device, torch.bfloat16):
            sr = self.net(lr)
        self.discriminator.requires_grad_(True)
        logits_real = self.judge(hr)
        loss_d, penalty = relativistic(logits_real, self.judge(sr.detach())), torch.zeros(())
        if (self.average.steps + 1) % self.penalty_every == 0:
            penalty = self.penalty(hr) + self.penalty(sr)
        update(self.optimizer_d, loss_d + penalty * self.gamma / 2 * self.penalty_every)

        self.discriminator.requires_grad_(False)
        losses = {"pixels": (sr - hr).abs().mean(), "adversarial": relativistic(self.judge(sr), logits_real.detach())}
        losses |= self.perceived(sr, hr)
        update(self.optimizer, sum(self.shares[name] * loss for name, loss in losses.items()))
        self.average.update(self.net)
        return {**losses, "discriminator": loss_d}

    def judge(self, x: Tensor) -> Tensor:
        with torch.autocast(self.device, torch.bfloat16):
            return self.discriminator(x.contiguous(memory_format=torch.channels_last))

    def penalty(self, x: Tensor) -> Tensor:
        """On a quarter of the batch: the second derivative is what costs."""
        x = x[: len(x) // 4].detach().requires_grad_(True)
        return gradient_penalty(self.judge(x), x)

    def perceived(self, sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """Differences of features and of the textures of patches, each relative to the truth's own size."""
        colour = (3 // sr.shape[1], 1, 1)
        with torch.autocast(self.device, torch.bfloat16):
            with torch.no_grad():
                wanted = self.features(hr.repeat(1, *colour))
            seen = self.features(sr.repeat(1, *colour))
        near = [(seen[name].float() - true.float()).abs().mean() / true.float().abs().mean() for name, true in wanted.items()]
        found = {"features": torch.stack(near).mean()}
        if self.shares["textures"]:
            fine = list(wanted.items())[:3]
            alike = [texture_loss(seen[name], true, TEXTURE_SIDE >> n) for n, (name, true) in enumerate(fine)]
            found["textures"] = torch.stack(alike).mean()
        return found


TEXTURE_SIDE = 16  # pixels: a texture is compared within a patch of this size, as in EnhanceNet


class Stylize:
    """One network, many paintings: perceptual losses of Johnson et al. 2016, styles as in Dumoulin et al. 2017.

    The last style of the net is the photograph itself: a short way to a strength that slides from photograph to painting.
    """

    small_until = 0.92  # share of the run: half of the pixels teach the strokes as well, in half of the time

    def __init__(self, net, photos, paintings, objective, *, device, batch=4, rate=2e-3, decay=0.995):
        """photos (N, 3, S, S) uint8, seen in crops of 3/4 S, later whole; paintings: each (1, 3, h, w) in [0, 1]."""
        self.net = net.to(device, memory_format=torch.channels_last)
        self.average = Average(net, decay)
        self.batches = Batches(photos, torch.zeros(len(photos), dtype=torch.long), batch, device)
        self.objective, self.device, self.rate = objective, device, rate
        self.styles = [objective.styles(painting.to(device)) for painting in paintings]
        self.optimizer = self.make_optimizer(net)
        self.state = {"net": self.net, "average": self.average, "optimizer": self.optimizer}

    def step(self, progress: float) -> dict[str, Tensor]:
        cosine(self.optimizer, self.rate, self.rate / 50, progress, warm=0.01)
        x, _ = self.batches()
        x = self.crop(x, x.shape[3] * (3 if progress < self.small_until else 4) // 4)
        chosen, plain = self.choose(len(x))
        with torch.autocast(self.device, torch.bfloat16):
            y = self.painted(x, chosen, plain)
        wanted = together([self.styles[n] for n in chosen.tolist()])
        content, style = self.objective.terms(y, x, wanted)
        copy_error = (y - x).abs().mean((1, 2, 3))
        loss = torch.where(plain, 10 * copy_error, self.objective.weighted(content, style)).mean()
        update(self.optimizer, loss)
        self.average.update(self.net)
        painted = (~plain).float() / (~plain).sum().clamp(min=1)
        told = {"content": content, "style": style}
        return {"loss": loss, **{name: (value * painted).sum() for name, value in told.items()}}

    def crop(self, x: Tensor, side: int) -> Tensor:
        top, left = (torch.randint(limit - side + 1, ()).item() for limit in x.shape[2:])
        return cut_out(x, top, left, side).contiguous(memory_format=torch.channels_last)

    def make_optimizer(self, net: nn.Module) -> torch.optim.Optimizer:
        return Muon(net, far=(net.table,), times=4.0)  # a style has few gradients, and far to go

    def choose(self, count: int) -> tuple[Tensor, Tensor]:
        """Which painting is wanted of each picture of a batch, and whether it should stay as it is instead."""
        chosen = torch.randint(self.net.styles, (count,))
        return chosen.clamp(max=len(self.styles) - 1), (chosen == self.net.styles - 1).to(self.device)

    def painted(self, x: Tensor, chosen: Tensor, plain: Tensor) -> Tensor:
        style = torch.where(plain.cpu(), self.net.styles - 1, chosen)
        return self.net(x, nn.functional.one_hot(style, self.net.styles).float().to(self.device))

    def weights(self) -> dict[str, Tensor]:
        return self.average.net.state_dict()

    @torch.no_grad()
    def sample(self) -> Tensor:
        """One landscape in every style; drawn, because a photograph belongs to somebody."""
        photo = to_tensor(landscape(192).pixels).to(self.device)
        return torch.cat([self.average.net(photo, style[None]) for style in torch.eye(self.net.styles, device=self.device)])


class StylizeAdversarially(Stylize):
    """Like the photograph in deep features, like a painting to a judge of patches.  After Li and Wand 2016, arXiv:1604.04382.

    Relativistic loss and penalties as in R3GAN (arXiv:2501.05441), where theirs is a hinge.
    """

    penalty_every = 4

    def __init__(self, net, judge, photos, paintings, objective, *, share=3.0, gamma=1e-6, **settings):
        """judge: see `PatchJudge`; share: of the adversarial loss beside the content's 1; gamma holds the slope of all the
        places' logits together.
        """
        super().__init__(net, photos, paintings, objective, **settings)
        self.judge, self.share, self.gamma = judge.to(self.device, memory_format=torch.channels_last), share, gamma
        self.paintings, self.optimizer_d = [one.to(self.device) for one in paintings], adam(judge, (0.5, 0.99))
        self.state |= {"judge": judge.heads, "optimizer_d": self.optimizer_d}

    def step(self, progress: float) -> dict[str, Tensor]:
        cosine(self.optimizer, self.rate, self.rate / 20, progress, warm=0.01)
        cosine(self.optimizer_d, 5e-4, 5e-5, progress, warm=0.01)
        x, _ = self.batches()
        x = self.crop(x, x.shape[3] // 2)
        chosen, plain = self.choose(len(x))
        real = torch.cat([self.crop(self.paintings[n], x.shape[3]) for n in chosen.tolist()])
        with torch.autocast(self.device, torch.bfloat16):
            y = self.painted(x, chosen, plain)
        self.judge.heads.requires_grad_(True)
        logits_real = self.judged(real, chosen)
        loss_d, penalty = relativistic(logits_real, self.judged(y.detach(), chosen)), torch.zeros(())
        if (self.average.steps + 1) % self.penalty_every == 0:
            penalty = self.penalty(real, chosen) + self.penalty(y, chosen)
        update(self.optimizer_d, loss_d + penalty * self.gamma / 2 * self.penalty_every)

        self.judge.heads.requires_grad_(False)
        painted = (~plain).float() / (~plain).sum().clamp(min=1)
        wanted = together([self.styles[n] for n in chosen.tolist()])
        content, style = self.objective.terms(y, x, wanted)
        fooled = nn.functional.softplus(logits_real.detach() - self.judged(y, chosen)).mean(1)
        copy_error = (y - x).abs().mean((1, 2, 3))
        update(self.optimizer, torch.where(plain, 10 * copy_error, content + self.share * fooled).mean())
        self.average.update(self.net)
        told = {"content": content, "style": style, "adversarial": fooled}
        return {name: (loss * painted).sum() for name, loss in told.items()} | {"discriminator": loss_d}

    def judged(self, x: Tensor, style: Tensor) -> Tensor:
        with torch.autocast(self.device, torch.bfloat16):
            return self.judge(x.contiguous(memory_format=torch.channels_last), style)

    def penalty(self, x: Tensor, style: Tensor) -> Tensor:
        """On one picture: the second derivative is what costs."""
        x = x[:1].detach().requires_grad_(True)
        return gradient_penalty(self.judged(x, style[:1]), x)


class StylizeAny(Stylize):
    """One network, any painting: it is told what a frozen eye sees of it.  One picture in 16 should stay as it is."""

    def __init__(self, net, photos, paintings, objective, known, *, look, **settings):
        """net: see `ArbitraryNet`; paintings (M, 3, h, w) uint8, many; look: pixels a side at which the net sees them.

        known: paintings (1, 3, h, w) in [0, 1], and the rows of numbers (K, numbers) that another net's training found for them.
        """
        device = settings["device"]
        pictures = lambda: (one.float().to(device) / 255 for one in paintings.split(1))  # noqa: E731
        super().__init__(net, photos, pictures(), objective, **settings)
        self.sights = torch.cat([self.seen(one, look) for one in pictures()])
        spread, centre = torch.std_mean(self.sights, 0)
        net.centre.copy_(centre)
        net.spread.copy_(spread + 1e-3)
        rows = known[1].mean(0).repeat(len(paintings), 1)
        rows[:, -12:] = recoloured(photos[::40], pictures())
        sights = torch.cat([self.sights, *(self.seen(one.to(device), look) for one in known[0])])
        foretold(net, sights, torch.cat([rows, known[1]]).to(device), len(known[0]))
        self.average.net.load_state_dict(net.state_dict())

    def seen(self, painting: Tensor, look: int) -> Tensor:
        return self.net.sight(nn.functional.interpolate(painting, (look, look), mode="bilinear", antialias=True))

    def make_optimizer(self, net: nn.Module) -> torch.optim.Optimizer:
        return Muon(net, far=tuple(net.predict.parameters()), times=0.1)  # a hundred weights pull at each number of a style

    def choose(self, count: int) -> tuple[Tensor, Tensor]:
        return torch.randint(len(self.styles), (count,)), torch.rand(count, device=self.device) < 1 / 16

    def painted(self, x: Tensor, chosen: Tensor, plain: Tensor) -> Tensor:
        return self.net(x, self.sights[chosen.to(self.device)], (~plain).float()[:, None])

    @torch.no_grad()
    def sample(self) -> Tensor:
        """One landscape in the styles of the first twenty paintings."""
        photo, one = to_tensor(landscape(192).pixels).to(self.device), torch.ones(1, 1, device=self.device)
        return torch.cat([self.average.net(photo, sight[None], one) for sight in self.sights[:20]])


def recoloured(photos: Tensor, paintings: Iterable[Tensor]) -> Tensor:
    """Where styles begin (K, 12): the logits' matrix that gives photographs a painting's mean colour and covariance.

    photos (N, 3, h, w) uint8; paintings: K of (1, 3, h, w) in [0, 1].
    """
    def logits(x: Tensor) -> np.ndarray:
        return torch.logit(x.double(), eps=0.02).transpose(0, 1).flatten(1).T.cpu().numpy()

    x, rows = logits(photos / 255), []
    mean, back = x.mean(0), root(covariance(x), -0.5)
    for y in map(logits, paintings):
        change = root(covariance(y), 0.5) @ back
        rows.append(np.c_[change, y.mean(0) - change @ mean].ravel())
    return torch.from_numpy(np.stack(rows)).float()


def foretold(net: nn.Module, sights: Tensor, rows: Tensor, exact: int, steps: int = 1500) -> None:
    """Let a predictor of styles begin with `rows` (M, numbers) of `sights`; half of a batch are of the last `exact`."""
    optimizer = torch.optim.Adam(net.predict.parameters(), betas=(0.9, 0.99), fused=True)
    many = len(rows) - exact
    for step in range(steps):
        cosine(optimizer, 2e-3, 2e-5, step / steps)
        chosen = torch.cat([torch.randint(many, (48,)), many + torch.randint(exact, (48,))])
        loss = (net.style_of(sights[chosen]) - rows[chosen]).square().mean()
        update(optimizer, loss)


def together(styles: list[dict[str, LayerStyle]]) -> dict[str, LayerStyle]:
    """The styles of a batch: one per picture."""
    def stack(layer: str) -> LayerStyle:
        return LayerStyle(torch.cat([s[layer].shift for s in styles]), torch.cat([s[layer].gram for s in styles]))

    return {layer: stack(layer) for layer in styles[0]}


class UsualGAN:
    """The recipe of Radford et al. 2016 as most scripts have it, for comparison.

    Binary cross-entropy, Adam at 2e-4 with β₁ = 0.5, batch norm in both networks, no augmentation, no average.
    """

    def __init__(self, generator, discriminator, batches, *, device, rates=(2e-4, 2e-4)):
        """rates: of the generator and of the discriminator."""
        self.generator = generator.to(device, memory_format=torch.channels_last)
        self.discriminator = discriminator.to(device, memory_format=torch.channels_last)
        self.batches, self.device = batches, device
        self.optimizer_g, self.optimizer_d = adam(self.generator, (0.5, 0.999)), adam(self.discriminator, (0.5, 0.999))
        for optimizer, rate in zip((self.optimizer_g, self.optimizer_d), rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate
        self.state = {
            "generator": self.generator, "discriminator": self.discriminator,
            "optimizer_g": self.optimizer_g, "optimizer_d": self.optimizer_d,
        }

    def step(self, progress: float) -> dict[str, Tensor]:
        real, label = self.batches()
        with torch.autocast(self.device, torch.bfloat16):
            fake = self.generator(torch.randn(len(label), self.generator.latent, device=self.device), label)
            logits_real, logits_fake = self.discriminator(real, label), self.discriminator(fake.detach(), label)
        loss_d = nn.functional.softplus(-logits_real).mean() + nn.functional.softplus(logits_fake).mean()
        update(self.optimizer_d, loss_d)
        with torch.autocast(self.device, torch.bfloat16):
            logits = self.discriminator(fake, label)
        loss_g = nn.functional.softplus(-logits).mean()
        update(self.optimizer_g, loss_g)
        return {"discriminator": loss_d, "generator": loss_g}

    def weights(self) -> dict[str, Tensor]:
        return self.generator.state_dict()

    def sample(self) -> Tensor:
        return drawn(copy.deepcopy(self.generator).eval(), self.device)


class Coder:
    """What autoencoders share: a net that encodes and decodes, its average, and a step that lowers the sum of `losses`."""

    def __init__(self, net, batches, *, device, rate=1e-3, decay=0.999):
        self.net, self.batches, self.device, self.rate = net.to(device), batches, device, rate
        self.average = Average(net, decay)
        self.optimizer = adam(net, (0.9, 0.999))
        self.state = {"net": self.net, "average": self.average, "optimizer": self.optimizer}

    def step(self, progress: float) -> dict[str, Tensor]:
        cosine(self.optimizer, self.rate, self.rate / 100, progress)
        losses = self.losses(*self.batches())
        update(self.optimizer, sum(losses.values()))
        self.average.update(self.net)
        return losses

    def weights(self) -> dict[str, Tensor]:
        return self.measured().state_dict()

    def sample(self) -> Tensor:
        return drawn(self.measured(batches=8), self.device)

    @torch.no_grad()
    def measured(self, batches: int = 32) -> nn.Module:
        """The average, batch norm measured anew; then, where a net wants to know it, the Gaussian of each class's codes."""
        net = remeasured(self.average.net, self.reconstruct, batches)
        if hasattr(net, "measure"):
            x, label = (torch.cat(parts) for parts in zip(*(self.batches() for _ in range(2 * batches)), strict=True))
            net.measure(self.code(net, x, label), label)
        return net

    def reconstruct(self, net: nn.Module) -> Tensor:
        x, label = self.batches()
        return net.decode(self.code(net, x, label), label)


class Elbo(Coder):
    """A VAE: raise the evidence lower bound.  The net says whether its pixels are coins, as in the paper, or Gaussian."""

    def losses(self, x: Tensor, label: Tensor) -> dict[str, Tensor]:
        with torch.autocast(self.device, torch.bfloat16):
            mean, log_var = self.net.encode(x, label)
            decoded = self.net.decode(drawn_from(mean, log_var), label)
        reconstruction, kl = elbo_terms(decoded.float(), x, mean.float(), log_var.float(), self.net.likelihood)
        return {"reconstruction": reconstruction, "kl": kl}

    def code(self, net: nn.Module, x: Tensor, label: Tensor) -> Tensor:
        return drawn_from(*net.encode(x, label))


def drawn_from(mean: Tensor, log_var: Tensor) -> Tensor:
    """μ + σ ε, so that the gradient passes through the sample.  Kingma and Welling 2014, section 2.4."""
    return mean + (0.5 * log_var).exp() * torch.randn_like(mean)


class Autoencode(Coder):
    """Through a narrow code and back, by squared error."""

    def losses(self, x: Tensor, label: Tensor) -> dict[str, Tensor]:
        with torch.autocast(self.device, torch.bfloat16):
            y = self.net.decode(self.net.encode(x, label), label)
        return {"squared_error": (y - x).square().mean()}

    def code(self, net: nn.Module, x: Tensor, label: Tensor) -> Tensor:
        return net.encode(x, label)


class UsualElbo(Elbo):
    """The VAE of pytorch/examples, for comparison: Adam at a constant 1e-3, and the weights as they are, not their average."""

    def __init__(self, net, batches, *, device):
        super().__init__(net, batches, device=device, decay=0.0)  # an average that forgets at once is the net

    def step(self, progress: float) -> dict[str, Tensor]:
        return super().step(0.0)


class Distil:
    """A small net learns to see as a large one does: squared error of features, each in units of its own spread.

    After Hinton et al. 2015, arXiv:1503.02531, with features in place of the odds of classes.
    """

    def __init__(self, net, teacher, sights, *, device, batch=128, rate=3e-3, decay=0.99):
        """teacher: pictures (N, C, H, W) uint8 -> features (N, D), asked once about each of `sights`."""
        self.net, self.teacher, self.sights = net.to(device, memory_format=torch.channels_last), teacher, sights
        pictures = torch.cat([(net.resized(kind.float() / 255) * 255).round().byte() for kind in sights])
        self.batches = Batches(pictures, torch.arange(len(pictures)), batch, device, flip=False)
        self.answers = nn.Embedding.from_pretrained(torch.zeros(len(pictures), len(net.mean))).to(device)
        self.average, self.optimizer = Average(net, decay), adam(net, (0.9, 0.999))
        self.device, self.rate = device, rate
        self.state = {"net": self.net, "average": self.average, "answers": self.answers, "optimizer": self.optimizer}

    def step(self, progress: float) -> dict[str, Tensor]:
        if not self.answers.weight.any():
            self.ask()
        cosine(self.optimizer, self.rate, self.rate / 100, progress, warm=0.05)
        x, which = self.batches()
        with torch.autocast(self.device, torch.bfloat16):
            features = self.net.standardised(x)
        loss = (features - self.answers(which)).square().mean()
        update(self.optimizer, loss)
        self.average.update(self.net)
        return {"unexplained": loss}

    @torch.no_grad()
    def ask(self) -> None:
        """The answers cost more than the training: they stay in its checkpoint."""
        with torch.autocast("cpu", torch.bfloat16):
            answers = torch.cat([self.teacher(kind) for kind in self.sights]).float().to(self.device)
        self.net.mean.copy_(answers.mean(0))
        self.net.spread.copy_(answers.std(0).clamp(min=1e-6))
        self.answers.weight.copy_((answers - self.net.mean) / self.net.spread)

    def weights(self) -> dict[str, Tensor]:
        return remeasured(self.average.net, lambda net: net(self.batches()[0])).state_dict()

    def sample(self) -> None:
        """It draws nothing."""


class Resemble:
    """A thin feature network learns to give what a wide one gives: features and Gram matrices, relative to their size.

    Half of what it sees are dreams: pictures on their way to please the thin network in the manner of another.  Where that
    leads its eye astray, the wide one corrects it: whoever optimises a picture would find just those places.
    """

    dreams, life = 64, 24  # how many there are, and how many steps each lives on average

    def __init__(self, net, teacher, pictures, *, device, batch=8, rate=1e-3, decay=0.998):
        """net: see `Widened`; teacher: pictures (N, 3, S, S) in [0, 1] -> {layer: features}; pictures (N, 3, S, S) uint8."""
        self.net, self.teacher = net.to(device, memory_format=torch.channels_last), teacher
        self.batches = Batches(pictures, torch.zeros(len(pictures), dtype=torch.long), batch, device)
        self.average, self.optimizer = Average(net, decay), Muon(net)
        self.device, self.rate = device, rate
        self.side = pictures.shape[-1]
        self.dreamt = nn.Embedding.from_pretrained(torch.zeros(self.dreams, 3 * self.side**2)).to(device)  # to be saved
        for n in range(self.dreams):
            self.fall_asleep(n)
        self.state = {"net": self.net, "average": self.average, "optimizer": self.optimizer, "dreamt": self.dreamt}

    def fall_asleep(self, n: int) -> None:
        """A dream begins as a picture."""
        self.dreamt.weight[n] = self.batches()[0][0].flatten()

    def step(self, progress: float) -> dict[str, Tensor]:
        cosine(self.optimizer, self.rate, self.rate / 100, progress, warm=0.02)
        x, _ = self.batches()
        some = torch.randperm(self.dreams)[: len(x) // 2].to(self.device)
        x = torch.cat([x[len(some) :], self.dreamt.weight[some].view(-1, *x.shape[1:])])
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device, torch.bfloat16):
            with torch.no_grad():
                wanted = self.teacher(x)
            seen = self.net(x)
        self.dream(some, wanted)
        far, off = zip(*(strangeness(seen[layer].float(), features.float()) for layer, features in wanted.items()), strict=True)
        losses = {"features": torch.stack(far).mean(), "grams": torch.stack(off).mean()}
        update(self.optimizer, sum(losses.values()))
        self.average.update(self.net)
        return losses

    def dream(self, some: Tensor, wanted: dict[str, Tensor]) -> None:
        """One step of some dreams, by the sign of the slope: the manner of an awake picture, in features of their own before."""
        x = self.dreamt.weight[some].view(len(some), 3, -1).unflatten(2, (self.side, self.side)).requires_grad_(True)
        with torch.autocast(self.device, torch.bfloat16):
            seen = self.net(x.contiguous(memory_format=torch.channels_last))
        loss = 0.0
        for layer, mine in seen.items():
            awake, asleep = (part.float() for part in wanted[layer].split(len(some)))
            loss = loss + gram_distance(gram(mine), gram(awake)).log1p().sum()
            if layer == "relu3_1":
                loss = loss + 0.2 * (mine.float() - asleep).square().sum() / asleep.square().mean() / mine[0].numel()
        (slope,) = torch.autograd.grad(loss, x)
        with torch.no_grad():
            self.dreamt.weight[some] = (x - 0.02 * slope.sign()).clamp(0, 1).flatten(1)
        for n in some.tolist():
            if torch.rand(()) < 1 / self.life:
                self.fall_asleep(n)

    def weights(self) -> dict[str, Tensor]:
        return self.average.net.turned()

    def sample(self) -> None:
        """It draws nothing."""


def strangeness(seen: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distance of features, and of Gram matrices, relative to what is wanted.  (N, C, h, w) both."""
    return (seen - wanted).square().sum() / wanted.square().sum(), gram_distance(gram(seen), gram(wanted)).mean()

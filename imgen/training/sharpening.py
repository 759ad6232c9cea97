"""Super-resolution that invents: features, textures and a discriminator beside the pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from imgen.device import fast_dtype, mixed_precision
from imgen.functional.losses import gradient_penalty, relativistic, texture_loss
from imgen.functional.resample import enlarged
from imgen.functional.together import among_first, mean, whole
from imgen.models.light import LightUNet
from imgen.training.muon import Muon
from imgen.training.regression import Upscale
from imgen.training.steps import adam, cosine, randint, total, update


class Rivalled(Upscale):
    """Super-resolution that may play against a discriminator: relativistic loss and penalty as in R3GAN (arXiv:2501.05441)."""

    penalty_every = 8

    def play(self, discriminator, optimizer: torch.optim.Optimizer, rate: float, gamma: float = 3e-5) -> None:
        """The discriminator's own optimizer and rate.  gamma is small, because the slope that it holds is that of all the places'
        logits together.
        """
        self.discriminator = discriminator.to(self.device, memory_format=torch.channels_last)
        self.optimizer_d, self.rate_d, self.gamma = optimizer, rate, gamma
        self.state |= {"discriminator": self.discriminator, "optimizer_d": optimizer}

    def teach_discriminator(self, real: Tensor, fake: Tensor, progress: float) -> tuple[Tensor, Tensor]:
        """One update -> its loss, and what it said of the real ones, which the net's loss needs again."""
        cosine(self.optimizer_d, self.rate_d, self.rate_d / 10, progress, warm=0.02)
        self.discriminator.requires_grad_(True)
        logits_real = self.judge(real)
        loss, penalty = relativistic(logits_real, self.judge(fake.detach())), torch.zeros(())
        if (self.ema.steps + 1) % self.penalty_every == 0:
            penalty = self.penalty(real) + self.penalty(fake)
        update(self.optimizer_d, loss + penalty * self.gamma / 2 * self.penalty_every)
        self.discriminator.requires_grad_(False)
        return loss, logits_real.detach()

    def judge(self, x: Tensor) -> Tensor:
        with mixed_precision(self.device):
            return self.discriminator(x.contiguous(memory_format=torch.channels_last))

    def penalty(self, x: Tensor) -> Tensor:
        """On a quarter of the batch: the second derivative is what costs."""
        rows, weight = among_first(whole(len(x)) // 4)
        x = x[:rows].detach().requires_grad_(True)
        return gradient_penalty(self.judge(x), x) * weight


class Sharpen(Rivalled):
    """Super-resolution that invents: near the truth in features and textures, and real to a discriminator.

    Features as in SRGAN (arXiv:1609.04802), textures as in EnhanceNet (arXiv:1612.07919), the pixels' absolute error as in
    ESRGAN (arXiv:1809.00219), so that colours stay.
    """

    def __init__(self, net, discriminator, features, lr, hr, *, weights, device: str, **settings):
        """features: pictures -> {layer: (N, C, h, w)}, frozen; weights: of "pixels", "features", "textures", "adversarial"."""
        super().__init__(net, lr, hr, device=device, **settings)
        self.features, self.shares = features.to(device, memory_format=torch.channels_last), weights
        self.optimizer = adam(net, (0.5, 0.99))
        self.state["optimizer"] = self.optimizer
        self.play(discriminator, Muon(discriminator), 2 * self.rate)  # it begins from nothing, the net does not

    def step(self, progress: float) -> dict[str, Tensor]:
        cosine(self.optimizer, self.rate, self.rate / 10, progress, warm=0.02)
        lr, hr = self.pair()
        with mixed_precision(self.device):
            sr = self.net(lr)
        loss_d, logits_real = self.teach_discriminator(hr, sr, progress)
        losses = {"pixels": (sr - hr).abs().mean(), "adversarial": relativistic(self.judge(sr), logits_real)}
        losses |= self.perceived(sr, hr)
        update(self.optimizer, total(self.shares[name] * loss for name, loss in losses.items()))
        self.ema.update(self.net)
        return {**losses, "discriminator": loss_d}

    def perceived(self, sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """Differences of features and of the textures of patches, each relative to the truth's own size."""
        colour = (3 // sr.shape[1], 1, 1)
        with mixed_precision(self.device):
            with torch.no_grad():
                wanted = self.features(hr.repeat(1, *colour))
            features = self.features(sr.repeat(1, *colour))
        size = {name: mean(true.float().abs().mean()) for name, true in wanted.items()}
        near = [(features[name].float() - true.float()).abs().mean() / size[name] for name, true in wanted.items()]
        found = {"features": torch.stack(near).mean()}
        if self.shares["textures"]:
            fine = list(wanted.items())[:3]
            alike = [texture_loss(features[name], true, TEXTURE_SIDE >> n) for n, (name, true) in enumerate(fine)]
            found["textures"] = torch.stack(alike).mean()
        return found


class Imitate(Rivalled):
    """Super-resolution as a strong network does it, whose pictures are the truth here: near them in pixels, in slopes, and in
    features.

    Pixels alone come first: crisp edges are no invention any more but to be seen in the teacher's picture, and a step takes half
    of the time.  Features count by their direction at each place, as in LPIPS: by their size, strong edges would count alone.
    They forgive what repeats from cell to cell, and a fine grid came; so that counts by itself, see `gridded`.  The teacher has
    played the adversarial game already; a net that has learned from it may play a little of its own, for whom what the teacher
    drew is real.
    """

    def __init__(
        self, net: LightUNet, features, lr, hr, truth, *, share, device, likeness_from=0.4, adversarial=0.0,
        discriminator=None, **settings,
    ):
        """hr: the teacher's pictures; truth: those that were spoiled, as hr; features: see `Sharpen`; share: how much they count
        beside pixels, from which share of the run on; adversarial: how much the game against a discriminator counts.
        """
        super().__init__(net, lr, hr, device=device, **settings)
        self.truth, self.likeness_from, self.adversarial = truth, likeness_from, adversarial
        self.features, self.share = features.to(device, fast_dtype(device), memory_format=torch.channels_last), share
        if discriminator:
            self.play(discriminator, adam(discriminator, (0.5, 0.99)), 2e-4)

    def missed(self, lr: Tensor, hr: Tensor, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        with mixed_precision(self.device):
            sr = self.net(lr)
        error = sr.float() - hr
        pixels = error.abs().mean()
        loss = pixels + sum(error.diff(dim=along).abs().mean() for along in (2, 3))
        if progress < self.likeness_from:
            return loss, {"pixels": pixels}
        top, left = randint(CELL), randint(CELL)  # or what features and judge forgive would have the same place in every picture
        sr, hr = sr[..., top:, left:], hr[..., top:, left:]
        with torch.no_grad():
            wanted = self.see(hr)
        seen = self.see(sr)
        far = torch.stack([(x - true).square().sum(1).mean() for x, true in zip(seen, wanted, strict=True)]).mean()
        loss, told = loss + GRID * gridded(error) + self.share * far, {"pixels": pixels, "features": far}
        if not self.adversarial:
            return loss, told
        loss_d, logits_real = self.teach_discriminator(hr, sr, progress)
        game = relativistic(self.judge(sr), logits_real)
        heard = min(1.0, (progress - self.likeness_from) / HEARD)  # it has to learn first
        return loss + self.adversarial * heard * game, {**told, "adversarial": game, "discriminator": loss_d}

    def see(self, x: Tensor) -> list[Tensor]:
        """Features at each place, of length 1 but where there is hardly anything."""
        found = self.features(x.to(fast_dtype(self.device)).contiguous(memory_format=torch.channels_last))
        layers = [layer.float() for layer in found.values()]
        lengths = [torch.linalg.vector_norm(layer, dim=1, keepdim=True) for layer in layers]
        return [layer / (length + FAINT * mean(length.detach().mean())) for layer, length in zip(layers, lengths, strict=True)]

    def weights(self) -> dict[str, Tensor]:
        return super().weights() | self.faithful()

    @torch.no_grad()
    def faithful(self) -> dict[str, Tensor]:
        """The net's other end: no descent, but the least squares of the true pixels over what the net finds, solved at once."""
        net, every = self.ema.net, -(-len(self.lr) // SOLVED)
        products, sums = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
        for lr, truth in zip(self.lr[::every].split(8), self.truth[::every].split(8), strict=True):
            lr, truth = (x.to(self.device).float() / 255 for x in (lr, truth))
            wanted = F.pixel_unshuffle(truth - enlarged(lr, "bicubic", net.scale), net.scale).flatten(2).mT.flatten(0, 1)
            patches = F.unfold(net.found(lr).float(), 3, padding=1).mT.flatten(0, 1)  # (pixels, 9·width)
            seen = torch.cat([patches, torch.ones_like(patches[:, :1])], 1)
            products, sums = products + (seen.T @ seen).double(), sums + (seen.T @ wanted).double()
        ridge = 1e-6 * products.diagonal().mean() * torch.eye(len(products), dtype=torch.float64, device=self.device)
        solved = torch.linalg.solve(products + ridge, sums).float()
        return {"faithful.weight": solved[:-1].T.unflatten(1, (-1, 3, 3)).contiguous(), "faithful.bias": solved[-1].clone()}


HEARD = 0.05  # share of the run until a discriminator counts in full
SOLVED = 800  # pictures over which the faithful end is solved
FAINT = 0.01  # of the mean length of features: what is shorter has no direction
GRID = 10  # how much what repeats counts beside pixels
CELL, CELLS = 8, 6  # pixels a side of what may repeat; cells a side over which it is looked for


def gridded(error: Tensor) -> Tensor:
    """How much of an error (N, C, H, W) is the same in every cell: a grid stays whole in the mean of many, details cancel.

    All grid gives the mean absolute value; white noise, 1 / CELLS of it.  A smaller picture has fewer cells, one at least.
    """
    for along in (2, 3):
        cells = min(CELLS, error.shape[along] // CELL)
        wide = cells * CELL
        whole = error.narrow(along, 0, error.shape[along] // wide * wide)
        error = whole.unflatten(along, (-1, cells, CELL)).mean(along + 1).flatten(along, along + 1)
    return error.abs().mean()


TEXTURE_SIDE = 16  # pixels: a texture is compared within a patch of this size, as in EnhanceNet

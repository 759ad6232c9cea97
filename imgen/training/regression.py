"""Fitting to known answers: super-resolution and restoration by pixel errors, holes by their looks as well."""

import torch
from torch import Tensor

from imgen.device import fast_dtype, mixed_precision
from imgen.functional.losses import gram, gram_distance
from imgen.functional.metrics import luma
from imgen.functional.together import mean, ours
from imgen.training.ema import EMA
from imgen.training.expand import contracted, expand
from imgen.training.idle import wake
from imgen.training.muon import Muon
from imgen.training.steps import adam, cosine, cut_out, randint, update


class Upscale:
    """Super-resolution by regression: absolute error first (robust, sharp), squared error at the end (what PSNR measures)."""

    squared_from = 0.7  # share of the run

    def __init__(
        self, net, lr, hr, *, device: str, batch=16, rate=1e-3, decay=0.999, side=48, spoil=None, expanded=False, muon=False,
        decibels=False, longest=None,
    ):
        """lr (N, C, h, w), hr (N, C, sh, sw) uint8; a net with one channel is trained on luminance.

        side: LR pixels that a step sees of each; spoil: HR (N, C, sh, sw) uint8 -> another LR than `lr`, made anew each time;
        expanded: see `expand`; muon: see `Muon`, else Adam; decibels: minimise each picture's squared error in dB instead, as
        NAFNet (arXiv:2204.04676) does, so that what is hardly spoiled counts as much as what is spoiled badly;
        longest: see `update`.
        """
        self.decibels, self.longest = decibels, longest
        if expanded:
            expand(net)
        self.net = net.to(device, memory_format=torch.channels_last)
        self.ema = EMA(net, decay)
        self.lr, self.hr, self.device, self.batch, self.rate = lr, hr, device, batch, rate
        self.margin, self.spoil = BLOCK if spoil else 0, spoil
        self.side = min(side, *(limit - self.margin for limit in lr.shape[2:]))
        self.optimizer = Muon(net) if muon else adam(net, (0.9, 0.99))
        self.state = {"net": self.net, "average": self.ema, "optimizer": self.optimizer}

    def step(self, progress: float) -> dict[str, Tensor]:
        cosine(self.optimizer, self.rate, self.rate / 100, progress, warm=0.01)
        lr, hr = self.pair()
        if not self.ema.steps:
            wake(self.net, lr)
        loss, told = self.missed(lr, hr, progress)
        update(self.optimizer, loss, self.longest)
        self.ema.update(self.net)
        return told

    def missed(self, lr: Tensor, hr: Tensor, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and what is told of it."""
        error = self.error(lr, hr)
        if self.decibels:
            loss = torch.log10(error.square().mean((1, 2, 3)) + GOOD).mean()
        else:
            loss = error.abs().mean() if progress < self.squared_from else error.square().mean() * 10
        return loss, {"mse_db": -10 * torch.log10(mean(error.detach().square().mean()))}

    def error(self, lr: Tensor, hr: Tensor) -> Tensor:
        with mixed_precision(self.device):
            return self.net(lr) - hr

    def pair(self) -> tuple[Tensor, Tensor]:
        """A batch, cut out, turned and mirrored in one of eight ways, LR and HR alike."""
        chosen, scale = torch.randint(len(self.lr), (self.batch,)), self.hr.shape[3] // self.lr.shape[3]
        wide = self.side + self.margin
        top, left = (randint(limit - wide + 1) for limit in self.lr.shape[2:])
        turns, mirrored = randint(4), torch.rand(()) < 0.5
        lr, hr = (cut_out(store[chosen], top * s, left * s, wide * s) for store, s in ((self.lr, 1), (self.hr, scale)))
        if self.spoil:
            top, left = torch.randint(self.margin + 1, (2,)).tolist()  # or JPEG's blocks would begin at every crop's corner
            lr, hr = (cut_out(x, top * s, left * s, self.side * s) for x, s in ((self.spoil(hr, scale), 1), (hr, scale)))
        out = []
        for x in (lr, hr):
            x = torch.rot90(x, turns, (2, 3))
            x = (x.flip(3) if mirrored else x).to(self.device).float() / 255
            out.append(luma(x) if self.net.channels == 1 else x)
        return ours(out[0]), ours(out[1])

    def weights(self) -> dict[str, Tensor]:
        return contracted(self.ema.net)

    def sample(self) -> None:
        """A step's difference is too small to see."""


class Recur(Upscale):
    """Every step's picture should be the clean one, and the later the more: the n-th counts n times, or the last steps, which
    can win little, would be left to chance.  `spoil` gives the frames one behind the other as channels.
    """

    def error(self, lr: Tensor, hr: Tensor) -> Tensor:
        frames = lr.unflatten(1, (-1, 3))
        with mixed_precision(self.device):
            error = self.net(frames) - hr[:, None]
        counted = [n for n in range(frames.shape[1]) for _ in range(n + 1)]
        return error[:, counted].flatten(0, 1)


class Fill(Upscale):
    """Holes should look like their surroundings: absolute error, features and textures; what is known counts little.

    Source: Liu et al. 2018, arXiv:1804.07723, whose shares ours resemble: holes six times, features, Gram matrices.  Unlike
    there, pixels alone count first, as in `Upscale`: what goes on across a hole is learned before how it should look.
    """

    hole, texture = 6.0, 2.0
    perceptual_from = 0.6  # share of the run

    def __init__(self, net, clean, features, **settings):
        """features: see `VGG`, frozen."""
        super().__init__(net, clean, clean, **settings)
        self.features = features.to(self.device, fast_dtype(self.device), memory_format=torch.channels_last)

    def step(self, progress: float) -> dict[str, Tensor]:
        if progress < self.perceptual_from:
            return super().step(progress)
        cosine(self.optimizer, self.rate, self.rate / 100, progress, warm=0.01)
        x, clean = self.pair()
        mask = x[:, 3:]
        with mixed_precision(self.device):
            y = self.net(x)
        error = (y.float() - clean).abs()
        pixels = (error * (1 + (self.hole - 1) * mask)).mean()
        whole = torch.where(mask > 0, y.float(), clean)
        with torch.no_grad():
            wanted = self.see(clean)
        features = self.see(whole)
        far = {k: (features[k].float() - true.float()).abs().mean() for k, true in wanted.items()}
        perceptual = sum(far[k] / mean(true.float().abs().mean()) for k, true in wanted.items())
        texture = sum(gram_distance(gram(features[k]), gram(wanted[k])).mean() for k in wanted)
        update(self.optimizer, 10 * pixels + perceptual + self.texture * texture)
        self.ema.update(self.net)
        return {"mse_db": -10 * torch.log10(mean(error.detach().square().mean()))}  # as before

    def see(self, x: Tensor) -> dict[str, Tensor]:
        return self.features(x.to(fast_dtype(self.device)).contiguous(memory_format=torch.channels_last), "relu3_1")


GOOD = 1e-4  # squared error, 40 dB: what is as good counts hardly more, or what is nearly clean would rule
BLOCK = 8  # pixels a side of what JPEG compresses at once

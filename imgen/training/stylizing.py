"""Networks that paint: trained on a VGG's content and style, or against a judge of patches."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from imgen.device import mixed_precision
from imgen.drawing.scenes import landscape
from imgen.functional.colour_transfer import covariance, root
from imgen.functional.losses import LayerStyle, gradient_penalty, relativistic
from imgen.image import to_tensor
from imgen.training.ema import Average
from imgen.training.muon import Muon
from imgen.training.steps import Batches, adam, cosine, cut_out, update


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
        with mixed_precision(self.device):
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
        with mixed_precision(self.device):
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
        with mixed_precision(self.device):
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

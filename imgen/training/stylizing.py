"""Networks that paint: trained on a VGG's content and style, or against a judge of patches."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from imgen.device import mixed_precision
from imgen.drawing.scenes import landscape
from imgen.functional.colour_transfer import covariance, root
from imgen.functional.losses import LayerStyle, gradient_penalty, relativistic
from imgen.functional.together import among_first, draw_ours, ours, owned, summed, whole
from imgen.image import to_tensor
from imgen.models.arbitrary import ArbitraryNet
from imgen.training.ema import EMA
from imgen.training.muon import Muon
from imgen.training.steps import Batches, adam, cosine, cut_out, randint, update

Styles = dict[str, LayerStyle]  # by layer


@dataclass(frozen=True)
class Batch:
    """Photographs, and what should become of each."""

    photos: Tensor  # (N, 3, H, W) in [0, 1]
    paintings: Tensor  # (N,) the number of the painting whose style it should take
    unchanged: Tensor  # (N,) bool: those that should stay photographs instead

    def loss(self, y: Tensor, stylization: Tensor) -> Tensor:
        """Mean over the batch: `stylization` (N,) where y should be a painting, its distance to the photograph elsewhere."""
        copying = (y - self.photos).abs().mean((1, 2, 3))
        return torch.where(self.unchanged, 10 * copying, stylization).mean()

    def stylized_mean(self, losses: Tensor) -> Tensor:
        """Of losses (N,), over those that should be paintings; 0 if there are none."""
        share = (~self.unchanged).float() / summed((~self.unchanged).sum()).clamp(min=1)
        return (losses * share).sum() * whole(1)  # what is told is the mean over all processes


class Stylize:
    """One network, many paintings: perceptual losses of Johnson et al. 2016, styles as in Dumoulin et al. 2017.

    The last style of the net is the photograph itself: a short way to a strength that slides from photograph to painting.
    """

    small_until = 0.92  # share of the run: half of the pixels teach the strokes as well, in half of the time

    def __init__(self, net, photos, paintings, objective, *, device: str, batch=4, rate=2e-3, decay=0.995):
        """photos (N, 3, S, S) uint8, seen in crops of 3/4 S, later whole; paintings: each (1, 3, h, w) in [0, 1]."""
        self.net = net.to(device, memory_format=torch.channels_last)
        self.ema = EMA(net, decay)
        self.batches = Batches(photos, torch.zeros(len(photos), dtype=torch.long), batch, device)
        self.objective, self.device, self.rate = objective, device, rate
        self.styles: list[Styles] = [objective.styles(painting.to(device)) for painting in paintings]
        self.optimizer = self.make_optimizer()
        self.state = {"net": self.net, "average": self.ema, "optimizer": self.optimizer}

    def step(self, progress: float) -> dict[str, Tensor]:
        """Stylize some photographs; move the net towards their content and towards their paintings' styles."""
        cosine(self.optimizer, self.rate, self.rate / 50, progress, warm=0.01)
        batch = self.batch(3 / 4 if progress < self.small_until else 1)
        y = self.stylized(batch)
        content, style = self.objective.terms(y, batch.photos, self.styles_of(batch))
        loss = batch.loss(y, self.objective.weighted(content, style))
        update(self.optimizer, loss)
        self.ema.update(self.net)
        return {"loss": loss, "content": batch.stylized_mean(content), "style": batch.stylized_mean(style)}

    def batch(self, share: float) -> Batch:
        """Photographs, cut to a square of this share of their side, and a painting for each."""
        photos, _ = self.batches()
        return Batch(self.crop(photos, int(photos.shape[3] * share)), *self.choose(len(photos)))

    def crop(self, x: Tensor, side: int) -> Tensor:
        top, left = (randint(limit - side + 1) for limit in x.shape[2:])
        return cut_out(x, top, left, side).contiguous(memory_format=torch.channels_last)

    def choose(self, count: int) -> tuple[Tensor, Tensor]:
        """`paintings` and `unchanged` of a batch: each of the net's styles, the photograph among them, as often as another."""
        chosen = ours(torch.randint(self.net.styles, (whole(count),)))
        return chosen.clamp(max=len(self.styles) - 1), (chosen == self.net.styles - 1).to(self.device)

    def stylized(self, batch: Batch) -> Tensor:
        with mixed_precision(self.device):
            return self.net(batch.photos, *self.conditions(batch))

    def conditions(self, batch: Batch) -> tuple[Tensor, ...]:
        """What the net is given besides the photographs: the number of each style, one-hot."""
        style = torch.where(batch.unchanged.cpu(), self.net.styles - 1, batch.paintings)
        return (nn.functional.one_hot(style, self.net.styles).float().to(self.device),)

    def styles_of(self, batch: Batch) -> Styles:
        """Of each layer the batch's styles, one per picture."""
        return stacked([self.styles[n] for n in batch.paintings.tolist()])

    def make_optimizer(self) -> torch.optim.Optimizer:
        return Muon(self.net, far=(self.net.table,), times=4.0)  # a style has few gradients, and far to go

    def weights(self) -> dict[str, Tensor]:
        return self.ema.net.state_dict()

    @torch.no_grad()
    def sample(self) -> Tensor:
        """One landscape in every style; drawn, because a photograph belongs to somebody."""
        photo = to_tensor(landscape(192).pixels).to(self.device)
        return torch.cat([self.ema.net(photo, style[None]) for style in torch.eye(self.net.styles, device=self.device)])


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
        """First the judge learns to tell paintings from stylized photographs, then the net to mislead it."""
        cosine(self.optimizer, self.rate, self.rate / 20, progress, warm=0.01)
        cosine(self.optimizer_d, 5e-4, 5e-5, progress, warm=0.01)
        batch = self.batch(1 / 2)
        real = self.pieces(batch)
        fake = self.stylized(batch)
        loss_d, logits_real = self.teach_judge(real, fake, batch.paintings)

        content, style = self.objective.terms(fake, batch.photos, self.styles_of(batch))
        adversarial = nn.functional.softplus(logits_real - self.logits(fake, batch.paintings)).mean(1)
        update(self.optimizer, batch.loss(fake, content + self.share * adversarial))
        self.ema.update(self.net)
        losses = {"content": content, "style": style, "adversarial": adversarial}
        return {name: batch.stylized_mean(loss) for name, loss in losses.items()} | {"discriminator": loss_d}

    def pieces(self, batch: Batch) -> Tensor:
        """Of each picture's painting a square as large as the picture."""
        side, numbers, cut = batch.photos.shape[3], iter(batch.paintings.tolist()), []
        for mine in owned(len(batch.photos)):
            if mine:
                cut.append(self.crop(self.paintings[next(numbers)], side))
            else:  # another process's picture, which takes its random numbers all the same
                self.crop(self.paintings[0], side)
        return torch.cat(cut)

    def teach_judge(self, real: Tensor, fake: Tensor, paintings: Tensor) -> tuple[Tensor, Tensor]:
        """One update of the judge -> its loss, and what it said of the real ones, which the net's loss needs again."""
        self.judge.heads.requires_grad_(True)
        logits_real = self.logits(real, paintings)
        loss, penalty = relativistic(logits_real, self.logits(fake.detach(), paintings)), torch.zeros(())
        if (self.ema.steps + 1) % self.penalty_every == 0:
            penalty = self.penalty(real, paintings) + self.penalty(fake, paintings)
        update(self.optimizer_d, loss + penalty * self.gamma / 2 * self.penalty_every)
        self.judge.heads.requires_grad_(False)
        return loss, logits_real.detach()

    def logits(self, x: Tensor, paintings: Tensor) -> Tensor:
        """The judge's, of each patch: does it look like one of that painting?"""
        with mixed_precision(self.device):
            return self.judge(x.contiguous(memory_format=torch.channels_last), paintings)

    def penalty(self, x: Tensor, paintings: Tensor) -> Tensor:
        """On one picture: the second derivative is what costs."""
        rows, weight = among_first(1)
        x = x[:rows].detach().requires_grad_(True)
        return gradient_penalty(self.logits(x, paintings[:rows]), x) * weight if rows else torch.zeros(())


class StylizeAny(Stylize):
    """One network, any painting: it is given what a frozen network sees of it.  One picture in 16 should stay as it is."""

    def __init__(self, net, photos, paintings, objective, known, *, look, **settings):
        """net: see `ArbitraryNet`; paintings (M, 3, h, w) uint8, many; look: pixels a side at which the net sees them.

        known: paintings (1, 3, h, w) in [0, 1], and the rows of numbers (K, numbers) that another net's training found for them.
        """
        device = settings["device"]
        pictures = lambda: (one.float().to(device) / 255 for one in paintings.split(1))  # noqa: E731
        super().__init__(net, photos, pictures(), objective, **settings)
        self.sights = torch.cat([self.sight(one, look) for one in pictures()])
        spread, centre = torch.std_mean(self.sights, 0)
        net.centre.copy_(centre)
        net.spread.copy_(spread + 1e-3)
        rows = known[1].mean(0).repeat(len(paintings), 1)
        rows[:, -12:] = recoloured(photos[::40], pictures())
        sights = torch.cat([self.sights, *(self.sight(one.to(device), look) for one in known[0])])
        fit_predictor(net, sights, torch.cat([rows, known[1]]).to(device), len(known[0]))
        self.ema.net.load_state_dict(net.state_dict())

    def sight(self, painting: Tensor, look: int) -> Tensor:
        return self.net.sight(nn.functional.interpolate(painting, (look, look), mode="bilinear", antialias=True))

    def choose(self, count: int) -> tuple[Tensor, Tensor]:
        chosen = ours(torch.randint(len(self.styles), (whole(count),)))
        return chosen, draw_ours(torch.rand, count, device=self.device) < 1 / 16

    def conditions(self, batch: Batch) -> tuple[Tensor, ...]:
        """What the net sees of each painting, and how strongly to take its style: 1, or 0."""
        return self.sights[batch.paintings.to(self.device)], (~batch.unchanged).float()[:, None]

    def make_optimizer(self) -> torch.optim.Optimizer:
        # a hundred weights pull at each number of a style
        return Muon(self.net, far=tuple(self.net.predict.parameters()), times=0.1)

    @torch.no_grad()
    def sample(self) -> Tensor:
        """One landscape in the styles of the first twenty paintings."""
        photo, one = to_tensor(landscape(192).pixels).to(self.device), torch.ones(1, 1, device=self.device)
        return torch.cat([self.ema.net(photo, sight[None], one) for sight in self.sights[:20]])


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


def fit_predictor(net: ArbitraryNet, sights: Tensor, rows: Tensor, known: int, steps: int = 1500) -> None:
    """Let a predictor of styles begin with `rows` (M, numbers) of `sights`; half of a batch are of the last `known`, whose rows
    a training has found; the others' are guesses.
    """
    optimizer = torch.optim.Adam(net.predict.parameters(), betas=(0.9, 0.99), fused=True)
    guessed = len(rows) - known
    for step in range(steps):
        cosine(optimizer, 2e-3, 2e-5, step / steps)
        chosen = torch.cat([torch.randint(guessed, (48,)), guessed + torch.randint(known, (48,))])
        loss = (net.style_of(sights[chosen]) - rows[chosen]).square().mean()
        update(optimizer, loss)


def stacked(styles: list[Styles]) -> Styles:
    """The styles of a batch: one per picture."""
    def stack(layer: str) -> LayerStyle:
        return LayerStyle(torch.cat([s[layer].shift for s in styles]), torch.cat([s[layer].gram for s in styles]))

    return {layer: stack(layer) for layer in styles[0]}

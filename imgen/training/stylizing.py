"""Networks that paint: trained on a VGG's content and style, or against a judge of patches."""

import torch
from torch import Tensor, nn

from imgen.drawing.scenes import landscape
from imgen.functional.losses import LayerStyle, colour_distance, gradient_penalty, relativistic
from imgen.image import to_tensor
from imgen.training.ema import Average
from imgen.training.muon import Muon
from imgen.training.steps import Batches, adam, cosine, cut_out, update


class Stylize:
    """One network, many paintings: perceptual losses of Johnson et al. 2016, styles as in Dumoulin et al. 2017.

    The last style of the net is the photograph itself: a short way to a strength that slides from photograph to painting.
    """

    colour_weight = 20.0
    small_until = 0.6  # share of the run: half of the pixels teach the strokes as well, in half of the time

    def __init__(self, net, photos, paintings, objective, *, device, batch=4, rate=2e-3, decay=0.995):
        """photos (N, 3, S, S) uint8, seen in crops of S/2, later 3/4 S; paintings: each (1, 3, h, w) in [0, 1]."""
        self.net = net.to(device, memory_format=torch.channels_last)
        self.average = Average(net, decay)
        self.batches = Batches(photos, torch.zeros(len(photos), dtype=torch.long), batch, device)
        self.objective, self.device, self.rate = objective, device, rate
        self.styles = [objective.styles(painting.to(device)) for painting in paintings]
        self.colours = torch.cat([coloured(painting.to(device), 2 * COLOURS) for painting in paintings])
        self.optimizer = self.make_optimizer(net)
        self.state = {"net": self.net, "average": self.average, "optimizer": self.optimizer}

    def step(self, progress: float) -> dict[str, Tensor]:
        cosine(self.optimizer, self.rate, self.rate / 50, progress, warm=0.01)
        x, _ = self.batches()
        x = self.crop(x, x.shape[3] * (2 if progress < self.small_until else 3) // 4)
        chosen, plain = self.choose(len(x))
        with torch.autocast(self.device, torch.bfloat16):
            y = self.painted(x, chosen, plain)
        wanted = together([self.styles[n] for n in chosen.tolist()])
        content, style = self.objective.terms(y, x, wanted)
        copy_error = (y - x).abs().mean((1, 2, 3))
        there = self.colours[chosen.to(self.device)][..., torch.randperm(4 * COLOURS**2)[: COLOURS**2].to(self.device)]
        colour = colour_distance(coloured(y, COLOURS), there)
        aim = self.objective.weighted(content, style) + self.colour_weight * colour
        loss = torch.where(plain, 10 * copy_error, self.worth(aim)).mean()
        update(self.optimizer, loss)
        self.average.update(self.net)
        painted = (~plain).float() / (~plain).sum().clamp(min=1)
        told = {"content": content, "style": style, "colour": colour}
        return {"loss": loss, **{name: (value * painted).sum() for name, value in told.items()}}

    def crop(self, x: Tensor, side: int) -> Tensor:
        top, left = (torch.randint(limit - side + 1, ()).item() for limit in x.shape[2:])
        return cut_out(x, top, left, side).contiguous(memory_format=torch.channels_last)

    def make_optimizer(self, net: nn.Module) -> torch.optim.Optimizer:
        own = [net.table]  # of a style: few gradients, and far to go
        groups = [{"params": [p for p in net.parameters() if p is not own[0]]}, {"params": own, "times": 4}]
        return torch.optim.Adam(groups, lr=0.0, betas=(0.9, 0.99), fused=True)

    def worth(self, objective: Tensor) -> Tensor:
        """How much a picture's objective (N,) counts."""
        return objective

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

    def __init__(self, net, photos, paintings, objective, **settings):
        """net: see `ArbitraryNet`; paintings (M, 3, h, w) uint8, many."""
        device = settings["device"]
        pictures = [one.float().to(device) / 255 for one in paintings.split(1)]
        super().__init__(net, photos, pictures, objective, **settings)
        self.sights = torch.cat([self.net.sight(one) for one in pictures])
        spread, centre = torch.std_mean(self.sights, 0)
        for one in (self.net, self.average.net):
            one.centre.copy_(centre)
            one.spread.copy_(spread + 1e-3)

    def make_optimizer(self, net: nn.Module) -> torch.optim.Optimizer:
        return Muon(net, far=tuple(net.predict.parameters()), times=0.1)  # a hundred weights pull at each number of a style

    def worth(self, objective: Tensor) -> Tensor:
        """Its logarithm: among many styles there are faint ones, hard to meet, that would drown the others."""
        return torch.log1p(objective)

    def choose(self, count: int) -> tuple[Tensor, Tensor]:
        return torch.randint(len(self.styles), (count,)), torch.rand(count, device=self.device) < 1 / 16

    def painted(self, x: Tensor, chosen: Tensor, plain: Tensor) -> Tensor:
        return self.net(x, self.sights[chosen.to(self.device)], (~plain).float()[:, None])

    @torch.no_grad()
    def sample(self) -> Tensor:
        """One landscape in the styles of the first twenty paintings."""
        photo, one = to_tensor(landscape(192).pixels).to(self.device), torch.ones(1, 1, device=self.device)
        return torch.cat([self.average.net(photo, sight[None], one) for sight in self.sights[:20]])


COLOURS = 16  # patches a side whose mean colours are compared


def coloured(x: Tensor, side: int) -> Tensor:
    """The mean colours of side × side patches: (N, 3, H, W) -> (N, 3, side²)."""
    return nn.functional.adaptive_avg_pool2d(x.float(), side).flatten(2)


def together(styles: list[dict[str, LayerStyle]]) -> dict[str, LayerStyle]:
    """The styles of a batch: one per picture."""
    def stack(layer: str) -> LayerStyle:
        return LayerStyle(torch.cat([s[layer].shift for s in styles]), torch.cat([s[layer].gram for s in styles]))

    return {layer: stack(layer) for layer in styles[0]}

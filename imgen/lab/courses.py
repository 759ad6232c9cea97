"""What a training shows while it runs, and how it is steered: one class for each way of learning.

A course holds a recipe of `training`, untouched: it sets the recipe's rates between steps, and looks without disturbing.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imgen.controls import UserError
from imgen.functional.losses import GAMES
from imgen.functional.metrics import luma
from imgen.functional.resample import enlarged
from imgen.lab.data import Lot
from imgen.lab.pictures import rows, sheet
from imgen.loader import Net
from imgen.training.degrade import shrink
from imgen.training.gan import Adversarial, UsualGAN
from imgen.training.steps import Batches, adam

STEADY = 0.02  # of a run: every recipe's warming up is over, and the cosine has taken off a thousandth
SHOWN, JUDGED, TRIED = 24, 128, 128  # pictures of a sheet, of a histogram, of a score
RECALIBRATED = 4  # batches that give batch norm its statistics and codes their Gaussian, for a net that is wanted at once
BINS = 20


def optimizers() -> dict[str, Callable[[nn.Module, tuple[float, float]], torch.optim.Optimizer]]:
    def sgd(momentum: float):
        return lambda net, betas: torch.optim.SGD(net.parameters(), lr=0.0, momentum=momentum, fused=True)

    return {"adam": adam, "momentum": sgd(0.9), "sgd": sgd(0.0)}


def batches(lot: Lot, size: int, few: int = 0, shuffled: float = 0.0, plain: bool = False) -> Batches:
    """few: of the lot, all for 0; shuffled: the share of them with a label by chance; plain: without any label."""
    pictures, labels = torch.from_numpy(lot.pictures[: few or None]), torch.from_numpy(lot.labels[: few or None]).long()
    if plain:
        labels = torch.zeros_like(labels)
    wrong = torch.arange(len(labels)) < shuffled * len(labels)
    labels = torch.where(wrong, torch.randint(max(1, len(lot.classes)), labels.shape), labels)
    return Batches(pictures, labels, size, "cpu", flip=False)


def stored(generator: nn.Module, judge: nn.Module) -> None:
    """Both as the bundled DCGAN of clothes left off.  UserError weights_missing."""
    from imgen.catalog import find_card

    card = find_card("dcgan_fashion28")
    for net, one in ((generator, card), (judge, card.judged_by)):
        if one is None:
            raise UserError("weights_missing", card=card.name)
        net.load_state_dict(one.private_copy(dtype=torch.float32).cpu().state_dict())


def shrunk(hr, scale: int) -> tuple[Tensor, Tensor]:
    """(N, C, H, W) uint8 -> LR and HR, as every published table has it."""
    pairs = [shrink(one.transpose(1, 2, 0), scale) for one in hr]
    hr, lr = (torch.stack([torch.from_numpy(one.copy()) for one in each]) for each in zip(*pairs, strict=True))
    return lr.permute(0, 3, 1, 2).contiguous(), hr.permute(0, 3, 1, 2).contiguous()


class Course:
    """A recipe with what the lab needs of it."""

    recipe: Any
    nets: Mapping[str, nn.Module]  # role -> what learns
    steered: dict[str, Any]  # knobs that take effect at the next step
    classes: tuple[str, ...] = ()

    def __init__(self, net: Net, recipe: Any, lot: Lot, **steered: Any):
        self.net, self.recipe, self.lot, self.steered = net, recipe, lot, steered
        self.held = torch.from_numpy(lot.held_out)
        self.apply()

    def steer(self, **changes: Any) -> None:
        """Knobs that can be changed while it learns; others stay as they are."""
        self.steered |= {name: value for name, value in changes.items() if name in self.steered}
        self.apply()

    def apply(self) -> None:
        self.recipe.rate = self.steered["rate"]

    def step(self) -> dict[str, Tensor]:
        return self.recipe.step(STEADY)

    def look(self) -> dict[str, Any]:
        """What a moment shows: "samples", "histogram", "recon", "scores" …"""
        with torch.no_grad():
            return self.shown()

    def shown(self) -> dict[str, Any]:
        raise NotImplementedError

    def gradients(self) -> dict[str, float]:
        """Norm of the last slope of each layer's weights."""
        found = {}
        for role, net in self.nets.items():
            for name, parameter in net.named_parameters():
                if parameter.grad is not None and parameter.dim() > 1:
                    found[f"{role}.{name.removesuffix('.weight')}"] = parameter.grad.norm().item()
        return found

    def average(self) -> nn.Module:
        """What the training has made so far: what is shown, opened and kept."""
        return self.recipe.ema.net

    def result(self) -> dict[str, Tensor]:
        return self.recipe.weights()

    def healthy(self) -> dict[str, Any]:
        """A copy of all that learns, to go back to."""
        return {name: {k: v.clone() for k, v in net.state_dict().items()} for name, net in self.everything().items()}

    def back_to(self, state: Mapping[str, Any]) -> None:
        for name, net in self.everything().items():
            net.load_state_dict(state[name])

    def everything(self) -> dict[str, nn.Module]:
        return {name: part for name, part in self.recipe.state.items() if isinstance(part, nn.Module)}


class Duel(Course):
    """A generator against a judge."""

    recipe: UsualGAN | Adversarial

    def __init__(self, net: Net, recipe: UsualGAN | Adversarial, lot: Lot, **steered: Any):
        self.nets = {"generator": recipe.generator, "judge": recipe.discriminator}
        kinds = recipe.generator.classes
        fixed = torch.Generator().manual_seed(0)
        self.z = torch.randn(JUDGED, recipe.generator.latent, generator=fixed)
        known = max(1, min(kinds, len(lot.classes)))
        self.labels = torch.arange(JUDGED) % known
        if kinds > 1 and lot.classes:
            self.classes = lot.classes
        super().__init__(net, recipe, lot, **steered)
        self.real = self.held[:JUDGED].float() / 255
        self.real_labels = torch.from_numpy(lot.held_out_labels[:JUDGED]).long() % kinds
        self.measure = Likeness(self.held.float().flatten(1) / 255, torch.from_numpy(lot.held_out_labels).long())

    def apply(self) -> None:
        self.recipe.rates = self.steered["rate"], self.steered["rate_d"]
        if isinstance(self.recipe, UsualGAN):
            self.recipe.game = GAMES[self.steered["loss"]]
            self.recipe.turns = self.steered["g_steps"], self.steered["d_steps"]

    def average(self) -> nn.Module:
        return self.recipe.ema.net if isinstance(self.recipe, Adversarial) else self.recipe.generator

    def shown(self) -> dict[str, Any]:
        count = JUDGED if self.cheap else SHOWN
        fake = at_rest(self.average(), self.z[:count], self.labels[:count])
        logits = [at_rest(self.recipe.discriminator, x, label)[:, 0] for x, label in (
            (self.real[:count], self.real_labels[:count]), (fake, self.labels[:count]))]
        edges = torch.linspace(0, 1, BINS + 1)
        counts = [torch.histogram(torch.sigmoid(one.nan_to_num()), edges).hist.int().tolist() for one in logits]
        said = {"real": torch.sigmoid(logits[0]).mean().item(), "fake": torch.sigmoid(logits[1]).mean().item()}
        return {
            "samples": sheet(fake[:SHOWN]),
            "histogram": {"real": counts[0], "fake": counts[1], "edges": [round(x, 3) for x in edges.tolist()]},
            "scores": said | self.measure(fake.flatten(1)),
        }

    @property
    def cheap(self) -> bool:
        return isinstance(self.recipe, UsualGAN) and self.net.where.startswith("mlp")

    def result(self) -> dict[str, Tensor]:
        return self.average().state_dict()


class Likeness:
    """How generated pictures lie among real ones that no training has seen."""

    def __init__(self, real: Tensor, labels: Tensor):
        """real (N, P), labels (N,)."""
        self.real, self.labels = real, labels
        apart = torch.cdist(real, real)
        self.spread = apart.sum() / (len(real) * (len(real) - 1))
        self.near = apart.fill_diagonal_(torch.inf).amin(1).mean()

    def __call__(self, fake: Tensor) -> dict[str, float]:
        """distance: to the nearest real one, as a multiple of that between real ones; variety: how far generated ones lie apart,
        as a share of how far real ones do; kinds: classes of which at least one in twenty is, by the nearest real one.
        """
        distance, nearest = torch.cdist(fake, self.real).min(1)
        count = len(fake)
        apart = torch.cdist(fake, fake).sum() / (count * (count - 1))
        kinds = torch.bincount(self.labels[nearest])
        return {
            "distance": (distance.mean() / self.near).item(), "variety": (apart / self.spread).item(),
            "kinds": int((kinds >= count / 20).sum()),
        }


class Coding(Course):
    """Through a narrow code and back: a VAE, or a plain autoencoder."""

    def __init__(self, net: Net, recipe: Any, lot: Lot, **steered: Any):
        self.nets = {"net": recipe.net}
        super().__init__(net, recipe, lot, **steered)
        self.z = torch.randn(SHOWN, recipe.net.latent, generator=torch.Generator().manual_seed(0))
        self.x = self.held[:TRIED].float() / 255

    def apply(self) -> None:
        super().apply()
        if "beta" in self.steered:
            self.recipe.beta = self.steered["beta"]

    def result(self) -> dict[str, Tensor]:
        return self.recipe.recalibrated(RECALIBRATED).state_dict()

    def shown(self) -> dict[str, Any]:
        net: Any = self.average().eval()
        labels = torch.zeros(len(self.x), dtype=torch.int64)
        code, scores, samples = net.encode(self.x, labels), {}, {}
        if isinstance(code, tuple):
            code, log_var = code
            each = -0.5 * (1 + log_var - code.square() - log_var.exp())  # (N, latent)
            scores = {"kl": each.sum(1).mean().item(), "used": int((each.mean(0) > 0.1).sum())}
            samples = {"samples": sheet(net.show(self.z, torch.zeros(SHOWN, dtype=torch.int64)))}
        made = net.show(code, labels)
        error = (made - self.x).square().mean().clamp(1e-10)
        scores |= {"psnr": -10 * error.log10().item()}
        if not samples:  # drawn by transposed convolutions, which may overlap unevenly
            scores |= {"chequer": chequer(made)}
        return {**samples, "recon": rows({"given": self.x[:8], "made": made[:8]}), "scores": scores}


class Classes(Course):
    """Telling classes apart."""

    def __init__(self, net: Net, recipe: Any, lot: Lot, **steered: Any):
        self.nets, self.classes = {"net": recipe.net}, lot.classes
        super().__init__(net, recipe, lot, **steered)
        self.x, self.y = self.held[:TRIED].float() / 255, torch.from_numpy(lot.held_out_labels[:TRIED]).long()
        seen: Batches = recipe.batches
        self.seen, self.seen_y = seen.pictures[:TRIED].float() / 255, seen.labels[:TRIED]

    def shown(self) -> dict[str, Any]:
        net, dead = self.recipe.net, []
        hooks = [
            relu.register_forward_hook(lambda _, __, out: dead.append((out.flatten(2) == 0).all(2).all(0)))
            for relu in net.features if isinstance(relu, nn.ReLU)
        ]
        guess = at_rest(net, self.x).argmax(1)
        for hook in hooks:
            hook.remove()
        train = (at_rest(net, self.seen).argmax(1) == self.seen_y).float().mean()
        return {
            "samples": sheet(self.x[:SHOWN]) | {"guesses": guess[:SHOWN].tolist(), "truth": self.y[:SHOWN].tolist()},
            "scores": {
                "accuracy": (guess == self.y).float().mean().item(), "accuracy_train": train.item(),
                "dead": torch.cat(dead).float().mean().item(),
            },
        }


class Mending(Course):
    """A spoiled picture -> a better one: enlarging, denoising."""

    SIGMA = 25  # grey levels of 255
    MEASURED, SEEN = 4, 48  # pieces, and pixels a side of the first three that are shown

    def __init__(self, net: Net, recipe: Any, lot: Lot, **steered: Any):
        self.nets = {"net": recipe.net}
        super().__init__(net, recipe, lot, **steered)
        scale = recipe.net.scale
        if scale > 1:
            lr, hr = shrunk(lot.held_out[: self.MEASURED], scale)
            self.given, self.truth = (luma(x.float() / 255) for x in (lr, hr))
            self.plain = enlarged(self.given, "bicubic", scale)
        else:
            self.truth = self.held[: self.MEASURED].float() / 255
            noise = torch.randn(self.truth.shape, generator=torch.Generator().manual_seed(0))
            self.given = self.plain = self.truth + noise * self.SIGMA / 255
        self.name = "bicubic" if scale > 1 else "noisy"

    def shown(self) -> dict[str, Any]:
        made = self.average().eval()(self.given)
        scores = {"psnr": decibels(made, self.truth), self.name: decibels(self.plain, self.truth)}
        parts = {self.name: self.plain, "made": made, "truth": self.truth}
        return {"recon": rows({name: middle(x[:3], self.SEEN) for name, x in parts.items()}), "scores": scores}


def chequer(x: Tensor) -> float:
    """Of pictures (N, 1, H, W) in [0, 1]: how far, in grey levels, a pixel is off for its place in a cell of 2×2."""
    off = x - F.avg_pool2d(x, 3, stride=1, padding=1)
    off = off[..., 2:-2, 2:-2]  # without the edges
    cells = off.unflatten(-1, (-1, 2)).unflatten(-3, (-1, 2))  # (N, 1, H/2, 2, W/2, 2)
    return 255 * cells.mean((-4, -2)).square().mean().sqrt().item()


def middle(x: Tensor, side: int) -> Tensor:
    top, left = ((length - side) // 2 for length in x.shape[2:])
    return x[..., top : top + side, left : left + side]


def decibels(x: Tensor, truth: Tensor) -> float:
    """Mean over pictures."""
    error = (x.clamp(0, 1) - truth).square().mean((1, 2, 3)).clamp(1e-10)
    return (-10 * error.log10()).mean().item()


def at_rest(net: nn.Module, *given: Tensor) -> Tensor:
    """As it works once trained; then it learns on."""
    training = net.training
    try:
        return net.eval()(*given)
    finally:
        net.train(training)

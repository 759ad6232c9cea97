"""What training and optimisation minimise."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from imgen.functional import together


def relativistic(winner: Tensor, loser: Tensor) -> Tensor:
    """Mean softplus(loser − winner): the winner should score above the loser, pair by pair.

    The discriminator's loss is relativistic(real, fake), the generator's relativistic(fake, real).
    Source: Jolicoeur-Martineau 2018, arXiv:1807.00734, in the form of R3GAN, arXiv:2501.05441.
    """
    return F.softplus(loser - winner).mean()


@dataclass(frozen=True)
class Game:
    """What the players of a GAN minimise.  judge: of logits (N, K) of real and of generated pictures; forger: of the latter."""

    judge: Callable[[Tensor, Tensor], Tensor]
    forger: Callable[[Tensor], Tensor]


def cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    """−log D(real) − log(1 − D(fake)), the discriminator's side of the min-max game.  Goodfellow et al. 2014, arXiv:1406.2661."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


GAMES = {
    "non_saturating": Game(cross_entropy, lambda fake: F.softplus(-fake).mean()),  # −log D(G(z))
    "saturating": Game(cross_entropy, lambda fake: -F.softplus(fake).mean()),  # log(1 − D(G(z))): the game itself
    # Mao et al. 2017, arXiv:1611.04076, with the goals 1 and 0
    "least_squares": Game(
        lambda real, fake: ((real - 1).square().mean() + fake.square().mean()) / 2, lambda fake: (fake - 1).square().mean() / 2
    ),
    # Lim and Ye 2017, arXiv:1705.02894
    "hinge": Game(lambda real, fake: F.relu(1 - real).mean() + F.relu(1 + fake).mean(), lambda fake: -fake.mean()),
}


def gradient_penalty(logits: Tensor, x: Tensor) -> Tensor:
    """Mean over pictures of |∂ logits / ∂ x|²: R1 at real pictures, R2 at generated ones.

    Source: Mescheder et al. 2018, arXiv:1801.04406.  logits (N, K), x (N, C, H, W) with requires_grad.
    """
    (slope,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return slope.square().sum((1, 2, 3)).mean()


def bernoulli(logits: Tensor, x: Tensor) -> Tensor:
    """−log p(x) in nats per picture, every pixel a coin; logits and x (N, …), x in [0, 1]."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


def gaussian(y: Tensor, x: Tensor) -> Tensor:
    """−log p(x) in nats per picture, every pixel normal about y with the one deviation that fits these pictures best.

    Source: Rybkin et al. 2021, "Simple and effective VAE training with calibrated decoders", arXiv:2006.13202.
    """
    variance = together.mean((y - x).square().mean()).clamp(min=1e-6)
    return 0.5 * (1 + torch.log(2 * math.pi * variance)) * x[0].numel()


def elbo_terms(
    decoded: Tensor, x: Tensor, mean: Tensor, log_var: Tensor, likelihood: Callable[[Tensor, Tensor], Tensor] = bernoulli
) -> tuple[Tensor, Tensor]:
    """The two halves of −ELBO in nats per picture: reconstruction, and KL(q(z|x) ‖ N(0, 1)).

    Source: Kingma and Welling 2014, arXiv:1312.6114, appendix B: KL = −½ Σ (1 + log σ² − μ² − σ²).
    decoded and x (N, …), x in [0, 1]; mean and log_var (N, latent).  The bound is maximised, so the sum is minimised.
    """
    kl = -0.5 * (1 + log_var - mean.square() - log_var.exp()).sum(1)
    return likelihood(decoded, x), kl.mean()


def gram(features: Tensor, shift: Tensor | float = 0.0, where: Tensor | None = None) -> Tensor:
    """Which channels light up together, wherever: (N, C, H, W) -> (N, C, C), divided by H W.

    Source: Gatys et al. 2016, "Image style transfer using convolutional neural networks".  shift (1, C, 1, 1) is taken
    from the features first: Novak and Nikulin 2016, arXiv:1605.04603.  where (1, 1, H', W') in [0, 1]: how much each place counts
    (Gatys et al. 2017, arXiv:1611.07865).
    """
    if isinstance(shift, Tensor):
        shift = shift.to(features.dtype)
    features, places = features - shift, features.shape[2] * features.shape[3]
    if where is not None:
        where = F.interpolate(where, size=features.shape[2:], mode="area")
        features, places = features * where.to(features.dtype), where.square().sum().clamp(min=1e-6)
    return Products.apply(features.permute(0, 2, 3, 1).flatten(1, 2)) / places


class Products(torch.autograd.Function):
    """XᵀX of rows X (N, P, C) -> (N, C, C), in float32 even of shorter numbers.

    Those are multiplied as they are, which hardware does many times faster, and summed up part by part in float32.  The slope,
    X(G + Gᵀ), is one product where torch takes two.
    """

    PARTS, ROWS = 16, 256  # at most; in each at least

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        if x.dtype in (torch.float32, torch.float64):
            return x.transpose(1, 2) @ x
        parts = max(1, min(Products.PARTS, x.shape[1] // Products.ROWS))
        rows = x.shape[1] // parts
        cut, rest = x[:, : parts * rows].unflatten(1, (parts, rows)), x[:, parts * rows :]
        whole = (cut.transpose(2, 3) @ cut).float().sum(1)
        return whole + (rest.transpose(1, 2) @ rest).float() if rest.shape[1] else whole  # not every GPU multiplies nothing

    @staticmethod
    @once_differentiable
    def backward(ctx, slope: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return x @ (slope + slope.transpose(1, 2)).to(x.dtype)


def gram_distance(x: Tensor, target: Tensor) -> Tensor:
    """Squared distance of Gram matrices (N, C, C), relative to the size of the target; one value per picture (N,)."""
    return (x - target).square().sum((1, 2)) / target.square().sum((1, 2))


def content_loss(features: dict[str, Tensor], target: dict[str, Tensor], layer: str) -> Tensor:
    """Mean squared difference of one layer's features, relative to their mean square; one value per picture (N,).

    Source: Gatys et al. 2016; the unit is ours, so that weights mean the same in every layer.
    """
    mine, theirs = features[layer].float().flatten(1), target[layer].float().flatten(1)
    return (mine - theirs).square().mean(1) / theirs.square().mean(1)


def structure_loss(features: dict[str, Tensor], target: dict[str, Tensor], layer: str) -> Tensor:
    """1 − correlation over places of each channel of one layer with the target, the lively channels counting more; (N,).

    Mean and contrast of a channel belong to the style (Huang and Belongie 2017, arXiv:1703.06868): so they are free here, where
    `content_loss` would hold them against the Gram matrices.
    """
    mine, theirs = (one[layer].float().flatten(2) for one in (features, target))
    mine, theirs = (x - x.mean(2, keepdim=True) for x in (mine, theirs))
    variance, target_variance = mine.square().mean(2), theirs.square().mean(2)
    correlation = (mine * theirs).mean(2) / (variance * target_variance + 1e-8).sqrt()
    return 1 - (correlation * target_variance).sum(1) / target_variance.sum(1)


def texture_loss(x: Tensor, truth: Tensor, side: int) -> Tensor:
    """Squared distance of the Gram matrices of each patch of side × side features, relative to the truth's own.

    Source: Sajjadi et al. 2017, arXiv:1612.07919: within small patches a texture must be the right one, not any of the picture's.
    x, truth (N, C, H, W); what is left over at the right and bottom does not count.
    """
    def patches(features: Tensor) -> Tensor:
        n, c, height, width = features.shape
        rows, columns = height // side, width // side
        cut = features.float()[..., : rows * side, : columns * side].reshape(n, c, rows, side, columns, side)
        return cut.permute(0, 2, 4, 1, 3, 5).reshape(-1, c, side, side)

    mine, theirs = gram(patches(x)), gram(patches(truth))
    return (mine - theirs).square().sum((1, 2)).mean() / together.mean(theirs.square().sum((1, 2)).mean())


SHIFT = 0.75


@dataclass(frozen=True)
class LayerStyle:
    """What a painting looks like to one layer: a shift (1, C, 1, 1), SHIFT times its mean features, and its Gram matrix about it.

    Raw Gram matrices are little but the product of the means, that is the colours; about the means themselves only the strokes
    count, and colours come slowly.  In between, both do.
    """

    shift: Tensor
    gram: Tensor  # (1, C, C)


def layer_styles(features: dict[str, Tensor], layers: Sequence[str]) -> dict[str, LayerStyle]:
    """What each of `layers` makes of a painting with these features."""
    shifts = {layer: SHIFT * features[layer].float().mean((2, 3), keepdim=True) for layer in layers}
    return {layer: LayerStyle(shift, gram(features[layer], shift)) for layer, shift in shifts.items()}


def style_loss(
    features: dict[str, Tensor], styles: dict[str, LayerStyle], where: Tensor | None = None, eased: bool = False
) -> Tensor:
    """Squared distance of Gram matrices, relative to the style's own, mean over layers; one value per picture (N,).

    Unlike Gatys et al. 2016 each layer is measured in units of its own style, so that no layer and no
    painting drowns the others.  where: see `gram`.  eased: log(1 + distance) of each layer, which is the same near the goal; a
    bright photograph can be fifty times as far from a dark painting in one layer, and would drown a batch.
    """
    distances = torch.stack([
        gram_distance(gram(features[layer], style.shift, where), style.gram) for layer, style in styles.items()
    ])
    return (distances.log1p() if eased else distances).mean(0)


def total_variation(x: Tensor) -> Tensor:
    """Mean absolute step to the right and downward neighbour.  x (N, C, H, W)."""
    return (x[..., 1:] - x[..., :-1]).abs().mean() + (x[..., 1:, :] - x[..., :-1, :]).abs().mean()


@dataclass(frozen=True)
class StyleTarget:
    """One style among several: how much it counts, and where (1, 1, H, W), everywhere if None."""

    share: float
    style: dict[str, LayerStyle]
    where: Tensor | None = None


@dataclass(frozen=True)
class PictureObjective:
    """What a picture that is itself optimised should become: like a photograph in some layers, like paintings in others."""

    features: Callable[[Tensor, str], dict[str, Tensor]]  # picture, last layer that is needed -> features
    content: dict[str, Tensor]  # layer -> the photograph's features
    styles: list[StyleTarget]
    weights: dict[str, float]  # of content, style and smoothness
    device: torch.device

    def terms(self, x: Tensor) -> dict[str, Tensor]:
        """The losses of x (1, 3, H, W), (1,) each: those that have a weight, and something to be like."""
        features = self.features(x, max([*self.content, *(layer for target in self.styles for layer in target.style)]))
        found = {"smoothness": total_variation(x).view(1)}
        if self.content:
            found["content"] = torch.stack([content_loss(features, self.content, layer) for layer in self.content]).mean(0)
        if self.styles:
            losses = (target.share * style_loss(features, target.style, target.where) for target in self.styles)
            found["style"] = sum(losses, x.new_zeros(()))
        return {name: loss for name, loss in found.items() if self.weights[name]}

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        return sum((self.weights[name] * loss for name, loss in terms.items()), torch.zeros(1, device=self.device)).sum()


class StyleObjective:
    """What a stylized picture should be: like the photograph in deep features, like the painting in Gram matrices."""

    content_layer = "relu3_1"

    def __init__(
        self, features: "torch.nn.Module", style_weight: float, dtype: torch.dtype = torch.float32, eased: bool = False
    ):
        """features: picture (N, 3, H, W), last layer -> {layer: (N, C, h, w)}, frozen; eased: see `style_loss`."""
        self.features = features.to(dtype, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # it may be both
        self.style_weight, self.dtype = style_weight, dtype
        self.eased, self.content = eased, structure_loss if eased else content_loss

    def see(self, x: Tensor, until: str = "") -> dict[str, Tensor]:
        return self.features(x.to(self.dtype).contiguous(memory_format=torch.channels_last), until)

    @torch.no_grad()
    def styles(self, painting: Tensor) -> dict[str, LayerStyle]:
        """painting (1, 3, h, w) in [0, 1] -> what each layer makes of it."""
        features = self.see(painting)
        return layer_styles(features, tuple(features))

    def terms(self, y: Tensor, photo: Tensor, styles: dict[str, LayerStyle]) -> tuple[Tensor, Tensor]:
        """Content and style loss of each picture, (N,) both."""
        with torch.no_grad():
            target = self.see(photo, until=self.content_layer)  # what lies deeper is half of the work
        features = self.see(y)
        return self.content(features, target, self.content_layer), style_loss(features, styles, eased=self.eased)

    def weighted(self, content: Tensor, style: Tensor) -> Tensor:
        return content + self.style_weight * style

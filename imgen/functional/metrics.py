"""How good a picture is, as the papers measure it."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

BT601 = (65.481 / 255, 128.553 / 255, 24.966 / 255)  # of RGB in [0, 1]; Y then lies in [16, 235] / 255


def luma(x: Tensor) -> Tensor:
    """RGB (N, 3, H, W) in [0, 1] -> Y (N, 1, H, W) in [16/255, 235/255], as MATLAB's rgb2ycbcr.  Grey (N, 1, H, W) likewise."""
    if x.shape[1] == 1:
        return x * (219 / 255) + 16 / 255
    return (x * x.new_tensor(BT601).view(1, 3, 1, 1)).sum(1, keepdim=True) + 16 / 255


def from_luma_and_colour(y: Tensor, rgb: Tensor) -> Tensor:
    """`rgb` (N, 3, H, W) with its luma replaced by `y` (N, 1, H, W), Cb and Cr kept: grey steps of Y are 219/255 of RGB's."""
    return rgb + (y - luma(rgb)) * (255 / 219)


def psnr(x: Tensor, truth: Tensor, border: int = 0) -> float:
    """Peak signal-to-noise ratio of Y in dB, `border` pixels cut from each side.  x, truth (1, C, H, W) in [0, 1].

    Infinite for equal pictures.
    """
    error = cut(luma(x.double()) - luma(truth.double()), border).square().mean()
    return (-10 * torch.log10(error)).item()


def ssim(x: Tensor, truth: Tensor, border: int = 0) -> float:
    """Structural similarity of Y (Wang et al. 2004): Gaussian window of 11 pixels, σ = 1.5.

    At least 11 × 11 pixels must be left after the cut.
    """
    y, true = (cut(luma(t.double()), border) for t in (x, truth))
    window = torch.exp(-torch.arange(-5, 6, dtype=y.dtype, device=y.device).square() / (2 * 1.5**2))
    window = window / window.sum()

    def local(t: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(t, window.view(1, 1, 11, 1)), window.view(1, 1, 1, 11))

    mean_y, mean_true = local(y), local(true)
    variances = local(y * y) - mean_y**2 + local(true * true) - mean_true**2
    covariance = local(y * true) - mean_y * mean_true
    c1, c2 = 0.01**2, 0.03**2  # keep the quotient tame where it is dark or even
    index = (2 * mean_y * mean_true + c1) * (2 * covariance + c2) / ((mean_y**2 + mean_true**2 + c1) * (variances + c2))
    return index.mean().item()


def perceptual_distance(x: list[Tensor], truth: list[Tensor], weights: list[Tensor]) -> Tensor:
    """How differently a feature network sees two pictures, (N,): the squared distance of its features at each place, each place's
    features of length 1; mean over places, sum over layers.

    Source: LPIPS, Zhang et al. 2018, arXiv:1801.03924.  x, truth: features (N, C, h, w) of each layer; weights: what a
    difference of each channel is worth, (C,) each.
    """
    apart = [(unit(one) - unit(other)).square() for one, other in zip(x, truth, strict=True)]
    distances = [torch.einsum("nchw,c->nhw", d, worth).mean((1, 2)) for d, worth in zip(apart, weights, strict=True)]
    return sum(distances, torch.zeros_like(distances[0]))


def sliced_distance(
    x: list[Tensor], y: list[Tensor], units: list[Tensor], rays: int = 128, ranks: int = 200
) -> Tensor:
    """How far the features of x would have to move to be those of y, wherever in the picture they lie; mean over layers.

    The Wasserstein distance along random directions, the same every time.  Source: Heitz et al. 2021, arXiv:2006.07229; unlike
    theirs absolute, and between `ranks` quantiles from 1 to 99 %, so that pictures of any two sizes can be compared.
    x, y: features (1, C, h, w) of each layer; units: what counts as 1 in each channel, (C, 1) of each.
    """
    numbers, levels, apart = torch.Generator().manual_seed(0), torch.linspace(0.01, 0.99, ranks), []
    for mine, theirs, unit in zip(x, y, units, strict=True):
        directions = F.normalize(torch.randn(len(unit), rays, generator=numbers), dim=0)
        p, q = (quantiles(directions.T @ (features[0].flatten(1) / unit), levels) for features in (mine, theirs))
        apart.append((p - q).abs().mean())
    return torch.stack(apart).mean()


def quantiles(x: Tensor, levels: Tensor) -> Tensor:
    """Of each row (N, P), at `levels` (L,) in [0, 1) -> (N, L), linear between ranks.  numpy sorts ten times as fast as torch."""
    ranked, place = torch.from_numpy(np.sort(x.numpy(), axis=1)), levels * (x.shape[1] - 1)
    below = place.long()
    return torch.lerp(ranked[:, below], ranked[:, below + 1], place - below)


def unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)


def cut(x: Tensor, border: int) -> Tensor:
    return x[..., border:-border, border:-border] if border else x


def kernel_distance(x: Tensor, y: Tensor) -> float:
    """KID: unbiased MMD² with a cubic kernel between two sets of features.  Bińkowski et al. 2018, arXiv:1801.01401.

    x (N, D), the reference, and y (M, D), float64; both in units of the reference's root mean square, because
    features other than Inception's have no natural scale.
    """
    unit = x.square().mean().sqrt()
    x, y = x / unit, y / unit

    def kernel(p: Tensor, q: Tensor) -> Tensor:
        return (p @ q.T / p.shape[1] + 1) ** 3

    n, m, xx, yy = len(x), len(y), kernel(x, x), kernel(y, y)
    within = (xx.sum() - xx.trace()) / (n * (n - 1)) + (yy.sum() - yy.trace()) / (m * (m - 1))
    return (within - 2 * kernel(x, y).mean()).item()


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """FID in any features: |μ_x − μ_y|² + tr(A + B − 2 (A^½ B A^½)^½) of the Gaussians N(μ, A), N(μ, B) that fit x and y.

    x (N, D), y (M, D), float64.  Source: Heusel et al. 2017, arXiv:1706.08500.  Few pictures make it larger: compare only
    distances between sets of the same sizes.
    """
    a, b = x.T.cov(), y.T.cov()
    values, vectors = torch.linalg.eigh(a)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    shared = torch.linalg.eigvalsh(root @ b @ root).clamp(min=0).sqrt().sum()  # tr (A B)^½, of a symmetric matrix
    return ((x.mean(0) - y.mean(0)).square().sum() + a.trace() + b.trace() - 2 * shared).item()


def precision_and_recall(real: Tensor, fake: Tensor, k: int = 3) -> tuple[float, float]:
    """The share of `fake` that lies where real pictures do, and of `real` that lies where generated ones do.

    A set lies within the balls about its points that reach to their k-th neighbours.  real (N, D), fake (M, D), of about
    the same number.  Source: Kynkäänniemi et al. 2019, arXiv:1904.06991.
    """

    def inside(points: Tensor, others: Tensor) -> float:
        radius = torch.cdist(points, points).kthvalue(k + 1).values  # the nearest is the point itself
        return (torch.cdist(others, points) <= radius).any(1).double().mean().item()

    return inside(real, fake), inside(fake, real)


def nearest(x: Tensor, others: Tensor, at_once: int = 5000) -> tuple[Tensor, Tensor]:
    """Of each x (N, D) the distance to the nearest of `others` (M, D), and which one that is; (N,) both."""
    parts = [torch.cdist(x, part).min(1) for part in others.split(at_once)]
    distance, part = torch.stack([p.values for p in parts], 1).min(1)
    which = torch.stack([p.indices for p in parts], 1).gather(1, part[:, None])[:, 0]
    return distance, part * at_once + which

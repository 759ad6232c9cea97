"""A thin network begins as what is left of a wide one: its most telling channels, fitted anew to what they did before.

After He, Zhang and Sun 2017, "Channel pruning for accelerating very deep neural networks", arXiv:1707.06168; channels are chosen
by a pivoted Cholesky decomposition in place of their LASSO.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgen.models.features import VGG, Widened


@torch.no_grad()
def thinned(net: Widened, wide: VGG, pictures: Tensor, places: int = 20000) -> None:
    """Set the convolutions that `wide` has too, and the maps to its features.

    net: its small network has fewer channels; pictures (N, 3, H, W) in [0, 1], on which channels are chosen and fitted.
    """
    small = net.small
    small.normalize.load_state_dict(wide.normalize.state_dict())
    thin = full = wide.normalize(pictures)
    for name, conv in wide.layers.items():
        block, number = name[4:].split("_")
        if number == "1" and block != "1":
            thin, full = F.max_pool2d(thin, 2), F.max_pool2d(full, 2)
        before, mine = conv(full), small.layers[name]
        assert isinstance(mine, nn.Conv2d) and mine.bias is not None
        full = F.relu(before)
        chosen = telling(rows(full, places), mine.out_channels)
        weight, bias = fitted(thin, before[:, chosen], places)
        mine.weight.copy_(weight)
        mine.bias.copy_(bias)
        thin = F.relu(mine(thin))
        if number == "1":
            x, y = rows(thin, places), rows(full, places)
            net.maps.get_parameter(f"relu{block}_1.weight").copy_(explained(x, y).T[..., None, None])


def rows(features: Tensor, places: int) -> Tensor:
    """(N, C, H, W) -> (places, C), evenly spread."""
    flat = features.permute(0, 2, 3, 1).flatten(0, 2)
    return flat[:: max(1, len(flat) // places)]


def telling(x: Tensor, count: int) -> list[int]:
    """Which `count` columns of x (n, C) the others are best explained by: each time the one with most left unexplained."""
    left, chosen = (x.T @ x / len(x)).double(), []
    for _ in range(count):
        best = int(left.diagonal().argmax())
        chosen.append(best)
        column = left[:, best] / left[best, best].clamp(min=1e-12).sqrt()
        left = left - torch.outer(column, column)
        left[best], left[:, best] = 0, 0
    return chosen


def fitted(x: Tensor, y: Tensor, places: int) -> tuple[Tensor, Tensor]:
    """Weight (cout, cin, 3, 3) and bias of the convolution that takes x to y best.  x (N, cin, H, W), y (N, cout, H, W)."""
    n, cin, height, width = x.shape
    spots = torch.randperm(height * width)[: max(1, places // n)]
    patches = F.unfold(x, 3, padding=1)[..., spots].transpose(1, 2).flatten(0, 1)  # (places, 9 cin)
    ones = torch.ones(len(patches), 1)
    solved = explained(torch.cat([patches, ones], 1), y.flatten(2)[..., spots].transpose(1, 2).flatten(0, 1))
    return solved[:-1].T.reshape(-1, cin, 3, 3), solved[-1]


def explained(x: Tensor, y: Tensor, least: float | None = None) -> Tensor:
    """(n, C), (n, D) -> (C, D): how x is best weighed to give y.

    least: what is weaker than this share of the strongest of x does not count; None: rounding alone does not.
    By singular values and in float64, because channels can be silent: torch's usual driver then misjudges the rank (16 of 52).
    """
    return torch.linalg.lstsq(x.double(), y.double(), rcond=least, driver="gelsd").solution.to(x.dtype)

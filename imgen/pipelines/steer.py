"""Directions in a latent space along which pictures change most, found without anybody naming them.

In the spirit of GANSpace (Härkönen et al. 2020, arXiv:2004.02546), which takes the principal components of a layer's features
and asks which noise leads there.  Here the question is put to the pictures themselves: for normal noise the covariance of noise
and picture is the mean derivative of the picture by the noise (Stein's lemma), and its singular vectors are the answer.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from imgen.controls import UserError
from imgen.image import Frame, Picture
from imgen.pipelines.explore import draw, place
from imgen.pipelines.generate import noise
from imgen.pipelines.nets import Generator

if TYPE_CHECKING:
    from torch import Tensor

DIRECTIONS = 6
REACH = 4.0  # standard deviations to either side
SWEEP = (-4.0, -2.5, -1.0, 0.0, 1.0, 2.5, 4.0)  # the columns of a fan
SMALL = 16  # pixels a side that are compared: finer detail is noise to a mean


def principal(net: Generator, count: int = DIRECTIONS, samples: int = 8000) -> "Tensor":
    """-> (count, latent): orthogonal directions of length 1, the strongest first.  Classes in turn, each about its own mean."""
    import torch
    import torch.nn.functional as F

    z = noise(0, samples, net.latent)
    weight, classes = next(net.parameters()), max(1, net.classes)
    label = torch.arange(samples) % classes
    with torch.inference_mode():
        batches = zip(z.split(100), label.split(100), strict=True)
        pictures = (net(noises.to(weight.device, weight.dtype), labels.to(weight.device)).float() for noises, labels in batches)
        x = torch.cat([F.adaptive_avg_pool2d(batch, SMALL).flatten(1).cpu() for batch in pictures])
        shares = F.one_hot(label, classes).float()
        x -= shares @ (shares.T @ x / shares.sum(0)[:, None])
        u, *_ = torch.linalg.svd(z.T.double() @ x.double(), full_matrices=False)
    return u.T[:count]


def steer(directions: Sequence[Sequence[float]] | None, amounts: Sequence[float]) -> Callable[..., Iterator[Frame]]:
    """A pipeline: the picture moved by so much along each direction, and a fan about it, one row of SWEEP for each direction:
    what it would be with another amount of that one.  UserError if no directions were stored.
    """
    if not directions:
        raise UserError("no_directions")

    def pipeline(net: Generator, picture: Picture) -> Iterator[Frame]:
        import torch

        z, shares = place(net, picture)
        ways = torch.tensor(directions, dtype=z.dtype)  # a latent space of two numbers has two
        now = torch.tensor([max(-REACH, min(REACH, float(amount))) for amount in amounts[: len(ways)]], dtype=z.dtype)
        fans = [now + (sweep - now[row]) * torch.eye(len(now))[row] for row in range(len(now)) for sweep in SWEEP]
        yield from draw(net, [(z + amount @ ways, shares) for amount in [now, *fans]])

    return pipeline

"""What the discriminator of a GAN thinks of pictures."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from imgen.controls import UserError
from imgen.image import Frame, Picture, to_tensor

if TYPE_CHECKING:
    from torch import nn


def opinion(net: "nn.Module", *pictures: Picture) -> Iterator[Frame]:
    """Pictures that the judged generator made -> their logits and classes, as facts.  Only its `rank` gives a logit a meaning."""
    import torch

    if not pictures:
        raise UserError("picture_first")
    try:
        classes = [int(picture.record["class"]) for picture in pictures]
    except (KeyError, TypeError, ValueError):
        raise UserError("picture_without_place") from None
    weight = next(net.parameters())
    x = torch.cat([to_tensor(picture.pixels) for picture in pictures]).to(weight.device, weight.dtype)
    logits = net(x, torch.tensor(classes, device=weight.device))
    yield Frame(len(pictures), len(pictures), facts={"logits": logits.flatten().tolist(), "classes": classes})


def rank(logit: float, quantiles: Sequence[float]) -> float:
    """The share of judged pictures that lie below `logit`; quantiles: theirs, evenly spaced from the least to the greatest."""
    return float(np.interp(logit, quantiles, np.linspace(0, 1, len(quantiles))))

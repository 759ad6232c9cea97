"""Several answers of one network to one picture: turned and mirrored, it says a little else each time, and the mean errs less."""

from collections.abc import Callable

import torch
from torch import Tensor

from imgen.functional.resample import filled_up
from imgen.stopping import go_on


def averaged(work: Callable[[Tensor], Tensor], views: int, grid: int = 1, scale: int = 1) -> Callable[[Tensor], Tensor]:
    """The mean answer to a picture turned and mirrored in `views` of eight ways, each answer turned back.

    Source: "self-ensemble" of Timofte et al. 2016, arXiv:1511.02228.  work: (N, C, H, W) -> (N, D, scale·H, scale·W), whose sides
    must be multiples of `grid`, or it fills them up: here that comes first, or cells would begin elsewhere in each view.  Raises
    Stopped between views.
    """
    if views == 1:
        return work

    def answer(x: Tensor, view: int) -> Tensor:
        go_on()
        mirrored, turns = divmod(view, 4)
        turned = torch.rot90(x.flip(3) if mirrored else x, turns, (2, 3))
        y = torch.rot90(work(turned.contiguous()), -turns, (2, 3))
        return y.flip(3) if mirrored else y

    def mean(x: Tensor) -> Tensor:
        whole = filled_up(x, grid)
        y = sum((answer(whole, view) for view in range(1, views)), answer(whole, 0)) / views
        return y[..., : x.shape[2] * scale, : x.shape[3] * scale]

    return mean

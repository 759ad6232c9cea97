"""Why a classifier answers as it does: where it looked, what it needs to see, and what would have changed its mind."""

from collections.abc import Callable

import torch
from torch import Tensor

Head = Callable[[Tensor], Tensor]  # maps or pictures (N, …) -> logits (N, classes)
BEYOND = 1.02  # steps end a little beyond the border between two classes
MOST = 60  # steps towards another class
TOGETHER = 256  # pictures that a net sees at once


def grad_cam(head: Head, maps: Tensor, label: int) -> Tensor:
    """ReLU(Σ αₖ Aₖ), αₖ the mean over all places of ∂ logit / ∂ Aₖ.  Selvaraju et al. 2017, arXiv:1610.02391.

    maps A (1, K, h, w): of a layer, from which `head` goes on to the logits -> (h, w), none below 0, in units of the logit.
    """
    with torch.inference_mode(False), torch.enable_grad():  # what inference mode made cannot take part: a copy does
        maps = maps.clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(head(maps)[0, label], maps)
    weights = slope.mean((2, 3), keepdim=True)
    return (weights * maps.detach()).sum(1)[0].relu()


def occlusion(net: Head, x: Tensor, label: int, patch: int, cover: Tensor, stride: int = 2) -> Tensor:
    """By how much the score of `label` falls while a square is covered: for each pixel the mean over all squares that cover it.

    Zeiler and Fergus 2014, arXiv:1311.2901.  Unlike theirs the square has the background's colour: theirs is grey, which on
    black is a thing of its own.  x (1, C, H, W); cover: broadcasts to x; patch, stride in pixels; squares stand out over the
    border, so that a corner is covered as often as it can be -> (H, W) in [-1, 1].
    """
    height, width = x.shape[2:]
    rows, columns = (
        torch.arange(limit, device=x.device) for limit in (height, width)
    )
    starts = [(top, left) for top in range(1 - patch, height, stride) for left in range(1 - patch, width, stride)]
    covered = torch.stack([
        ((rows >= top) & (rows < top + patch))[:, None] & ((columns >= left) & (columns < left + patch))[None]
        for top, left in starts
    ])[:, None]  # (P, 1, H, W)
    whole = net(x).float().softmax(1)[0, label]
    falls = torch.cat([
        whole - net(torch.where(part, cover, x)).float().softmax(1)[:, label] for part in covered.split(TOGETHER)
    ])
    shares = covered[:, 0].float()
    return (shares * falls[:, None, None]).sum(0) / shares.sum(0).clamp(min=1)


def smallest_change(net: Head, x: Tensor, label: int) -> tuple[Tensor, bool]:
    """x (1, C, H, W) in [0, 1], moved as little as need be until `label` wins -> the moved picture, and whether it does.

    Steps straight to where the best of the others and `label` would be equal if the net were linear: Moosavi-Dezfooli et al.
    2016, "DeepFool", arXiv:1511.04599; unlike there towards one class, and pixels stay between black and white.
    """
    with torch.inference_mode(False), torch.enable_grad():
        moved = x.clone()
        for _ in range(MOST):
            moved.requires_grad_(True)
            logits = net(moved)[0]
            others = torch.cat([logits[:label], logits[label + 1 :]])
            behind = others.max() - logits[label]
            if behind < 0:
                return moved.detach(), True
            (slope,) = torch.autograd.grad(behind, moved)
            with torch.no_grad():
                step = (behind + 1e-3) * slope / slope.square().sum().clamp(min=1e-12)
                moved = (moved - BEYOND * step).clamp(0, 1)
    return moved.detach(), False

"""What a strong network makes of spoiled pictures: asked once, and kept in parts, so that an interruption costs one of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from imgen.models.rrdbnet import RRDBNet

PART = 50  # pictures in a file
COARSE = 16  # pixels over which the colours are the truth's


def taught(
    teacher: Callable[[], RRDBNet], hr: Tensor, spoil: Callable[[Tensor, int], Tensor], parts: int, store: Path
) -> tuple[Tensor, Tensor, Tensor]:
    """hr (N, 3, sh, sw) uint8 -> LR (M, 3, h, w), spoiled, what the teacher makes of it (M, 3, sh, sw), and what it was, uint8.

    M is parts · PART; where that is more than N, all are spoiled once again, in another way.

    teacher: builds a net of LR in [0, 1], asked for only if `store`, a folder, lacks a part.  Its colours drift, even where there
    is nothing else to see: coarse ones are the truth's.
    """
    store.mkdir(parents=True, exist_ok=True)
    order, found, net = torch.randperm(len(hr), generator=torch.Generator().manual_seed(0)), [], None
    for part in range(parts):
        file, chosen = store / f"{part:04}.npz", order[torch.arange(part * PART, (part + 1) * PART) % len(hr)]
        if not file.exists():
            net = net or teacher()
            ask(net, hr[chosen], spoil, part, file)
        with np.load(file) as kept:
            lr, sr = (torch.from_numpy(kept[name]) for name in ("lr", "sr"))
        found.append((lr, coloured(sr, hr[chosen]), hr[chosen]))
    lr, sr, truth = (torch.cat(each) for each in zip(*found, strict=True))
    return lr, sr, truth


@torch.inference_mode()
def ask(net: RRDBNet, hr: Tensor, spoil: Callable[[Tensor, int], Tensor], seed: int, file: Path) -> None:
    """One by one: it is large."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        lr = spoil(hr, net.scale)
    device = next(net.parameters()).device
    answers = []
    for one in lr.split(1):
        sr = net((one.to(device).float() / 255).contiguous(memory_format=torch.channels_last))
        answers.append((sr.clamp(0, 1) * 255).round().byte().cpu())
    fresh = file.with_suffix(".new.npz")
    np.savez(fresh, lr=lr.numpy(), sr=torch.cat(answers).contiguous().numpy())
    fresh.replace(file)


def coloured(sr: Tensor, truth: Tensor) -> Tensor:
    """`sr` with what `truth` has of colours over COARSE pixels and more; (N, 3, H, W) uint8 all."""
    missed = F.interpolate(F.avg_pool2d(truth.float() - sr.float(), COARSE), size=sr.shape[2:], mode="bicubic")
    return (sr.float() + missed).round().clamp(0, 255).byte()

"""The judge of a GAN: the discriminator it was trained against, kept for its opinion of pictures.

A relativistic discriminator only learns which of two pictures of a class looks more real (arXiv:1807.00734): its logits
have no zero and no unit, and each class has its own.  So their quantiles are stored beside the weights, on real pictures
and on what the generator makes.
"""

import copy
from pathlib import Path
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor, nn

from imgen.loader import read_weights
from imgen.training import weights
from imgen.training.gan import Adversarial, Guess

MOST = 500  # pictures of a class that are judged
SHARES = np.linspace(0, 1, 21)


def can_judge(recipe: object) -> TypeGuard[Adversarial]:
    """Of words in any number, or a tiny picture, there are no classes whose pictures could be ranked."""
    return isinstance(recipe, Adversarial) and not isinstance(recipe, Guess) and recipe.batches.labels.dim() == 1


@torch.no_grad()
def write_judge(name: str, recipe: Adversarial, tensors: dict[str, Tensor], folder: Path) -> dict[str, object]:
    """Write `<name>_judge.safetensors`; returns its facts: parameters, bytes, sha256, and per class the quantiles of its
    logits on training pictures ("real") and on those of the generator whose weights are `tensors` ("fake").
    """
    facts = weights.save(f"{name}_judge", recipe.discriminator.state_dict(), folder)
    judge, generator = (copy.deepcopy(net).cpu().eval() for net in (recipe.discriminator, recipe.generator))
    judge.load_state_dict(read_weights(folder / f"{name}_judge.safetensors"))  # rounded as it will be when it is asked
    generator.load_state_dict(tensors)
    random, real, fake = torch.Generator().manual_seed(0), [], []
    for label in range(generator.classes):
        pictures = recipe.batches.pictures[recipe.batches.labels == label]
        some = pictures[:: -(-len(pictures) // MOST)].cpu()
        z = torch.randn(MOST, generator.latent, generator=random)
        drawn = torch.cat([generator(part, torch.full((len(part),), label)) for part in z.split(50)])
        real.append(quantiles(judge, some, label))
        fake.append(quantiles(judge, drawn.mul(255).round().byte(), label))  # as they are when somebody sees them
    return {**facts, "real": real, "fake": fake}


def quantiles(judge: nn.Module, pictures: Tensor, label: int) -> list[float]:
    """pictures (N, C, H, W) uint8 of one class -> the logits below which 0, 1/20, 2/20 … 1 of them lie."""
    parts = (part.float() / 255 for part in pictures.split(50))
    logits = torch.cat([judge(x, torch.full((len(x),), label)) for x in parts])
    return [float(f"{value:.4g}") for value in np.quantile(logits.numpy(), SHARES)]

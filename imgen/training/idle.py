"""Parts of a net that do nothing: found, and given a start of their own.

SiLU lets nothing of a large negative number through, and no slope either.  Once a wild step has thrown the second convolution of
a block that far down, the third is fed zeros whatever the picture, the block only scales what comes in, and no training brings it
back: a quarter of Light's work for nothing.
"""

import torch
from torch import Tensor, nn

from imgen.functional.together import mean, most
from imgen.models.light import Attentive
from imgen.training.expand import put

NOTHING = 1e-6


@torch.no_grad()
def wake(net: nn.Module, lr: Tensor) -> None:
    """Let idle blocks begin anew, each as what it does now: its last convolution from zero, the others from noise that fits
    what comes in.  lr: pictures to see it by.
    """
    fed: dict[nn.Module, Tensor] = {}
    blocks = [block for block in net.modules() if isinstance(block, Attentive)]
    convs = [conv for block in blocks for conv in block.convs if isinstance(conv, nn.Conv2d)]
    hooks = [conv.register_forward_pre_hook(lambda conv, given: fed.update({conv: given[0]})) for conv in convs]
    if convs:
        net(lr)
    for hook in hooks:
        hook.remove()
    for one, two, three in zip(convs[::3], convs[1::3], convs[2::3], strict=True):
        if most(fed[three].abs().max()) < NOTHING:
            spread = one.weight[0].numel() ** -0.5
            put(one, "weight", torch.randn_like(one.weight) * spread / mean(fed[one].square().mean()).sqrt())
            put(two, "weight", torch.randn_like(two.weight) * spread)
            put(three, "weight", torch.zeros_like(three.weight))
            for conv in (one, two):
                put(conv, "bias", torch.zeros(len(conv.weight)))

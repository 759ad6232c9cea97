"""Convolutions that train as three in a row, and run as one.

After online re-parameterisation, Hu et al. 2022, arXiv:2204.00826: a product of matrices learns faster than the matrix it equals,
and the product is taken of the weights, not of pictures, so that a step costs no more.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize


class Expanded(nn.Module):
    """weight + (1×1 · k×k · 1×1) + 1×1, each with a start of its own; `gain` times as many channels in the middle."""

    def __init__(self, cout: int, cin: int, size: int, gain: int = 2):
        super().__init__()
        wide_in, wide_out = gain * cin, gain * cout
        self.first = nn.Parameter(torch.randn(wide_in, cin) * cin**-0.5)
        self.middle = nn.Parameter(torch.randn(wide_out, wide_in, size, size) * (6 * wide_in * size**2) ** -0.5)
        self.last = nn.Parameter(torch.randn(cout, wide_out) * wide_out**-0.5)
        self.point = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(cout, cin, 1, 1), a=5**0.5))

    def forward(self, weight: Tensor) -> Tensor:
        return (weight + self.more(weight)).contiguous(memory_format=torch.channels_last)

    def right_inverse(self, whole: Tensor) -> Tensor:
        """What `weight` must be for the sum to be `whole`: `conv.weight = …` asks for it."""
        return whole - self.more(whole)

    def more(self, like: Tensor) -> Tensor:
        radius = like.shape[2] // 2
        with torch.autocast(like.device.type, enabled=False):
            chain = torch.einsum("om,mnhw,ni->oihw", self.last, self.middle, self.first)
            return chain + F.pad(self.point, (radius,) * 4)


def expand(net: nn.Module) -> nn.Module:
    """Every convolution that sees its neighbours, in place; what the net does stays the same."""
    for conv in list(net.modules()):
        if isinstance(conv, nn.Conv2d) and conv.kernel_size != (1, 1):
            cout, cin, size, _ = conv.weight.shape
            parametrize.register_parametrization(conv, "weight", Expanded(cout, cin, size))
    return net


def put(module: nn.Module, name: str, value: Tensor) -> None:
    """Set a parameter's numbers; if it is made of parts, they are chosen so that they make this."""
    if parametrize.is_parametrized(module, name):
        setattr(module, name, value)
    else:
        getattr(module, name).data.copy_(value)


def contracted(net: nn.Module) -> dict[str, Tensor]:
    """The state of the same net with plain convolutions."""
    state = {}
    for key, value in net.state_dict().items():
        name, expanded, _ = key.partition(".parametrizations.")
        if not expanded:
            state[key] = value
        elif f"{name}.weight" not in state:
            weight = net.get_submodule(name).weight  # as its parametrization makes it
            assert isinstance(weight, Tensor)
            state[f"{name}.weight"] = weight.detach()
    return state

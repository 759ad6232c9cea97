"""Muon: each hidden kernel moves by an orthogonal matrix, so that no direction of it is left behind.

Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon), with the size of a step matched to Adam's as in Liu et al. 2025,
arXiv:2502.16982.  PyTorch's own takes matrices only; ours takes a k×k convolution as a matrix of (cout, cin·k·k).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from imgen.device import fast_dtype

LEAST = 16  # channels in and out of a kernel that counts as hidden; the others, and all vectors, are Adam's


class Muon(torch.optim.Optimizer):
    """For a whole net.  A group with `hidden` true holds kernels; the rest moves as Adam has it."""

    def __init__(
        self, net: nn.Module, momentum: float = 0.95, betas: tuple[float, float] = (0.9, 0.99),
        far: tuple[nn.Parameter, ...] = (), times: float = 1.0,
    ):
        """far: parameters that move `times` as fast as the others."""
        hidden, rest, apart = [], [], {id(p) for p in far}
        for p in net.parameters():
            if p.requires_grad and id(p) not in apart:
                (hidden if p.dim() == 4 and min(p.shape[:2]) >= LEAST else rest).append(p)
        groups = [{"params": hidden, "hidden": True}, {"params": rest, "hidden": False}]
        groups.append({"params": list(far), "hidden": False, "times": times})
        super().__init__([g for g in groups if g["params"]], {"lr": 0.0, "momentum": momentum, "betas": betas})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            moved = [(p, p.grad) for p in group["params"] if p.grad is not None]
            (self.turn if group["hidden"] else self.slide)(moved, group)

    def turn(self, kernels: list[tuple[Tensor, Tensor]], group: dict[str, Any]) -> None:
        """kernels: with the gradient of each."""
        for p, grad in kernels:
            if not self.state[p]:
                self.state[p] = {"mean": torch.zeros_like(p)}
            mean = self.state[p]["mean"]
            mean.lerp_(grad, 1 - group["momentum"])
            slope = grad.lerp(mean, group["momentum"]).movedim(1, -1)  # as it lies in memory: the order of columns is all one
            step = orthogonal(slope.flatten(1))
            rate = 0.2 * max(step.shape) ** 0.5 * group["lr"]
            p.sub_(step.view(slope.shape).movedim(-1, 1).to(p.dtype), alpha=rate)

    def slide(self, others: list[tuple[Tensor, Tensor]], group: dict[str, Any]) -> None:
        for p, _ in others:
            if not self.state[p]:
                self.state[p] = {"first": torch.zeros_like(p), "second": torch.zeros_like(p), "step": torch.zeros(())}
        states, (beta1, beta2) = [self.state[p] for p, _ in others], group["betas"]
        first, second, steps = ([state[name] for state in states] for name in ("first", "second", "step"))
        adam(
            [p for p, _ in others], [grad for _, grad in others], first, second, [], steps,
            amsgrad=False, beta1=beta1, beta2=beta2, lr=group["lr"], weight_decay=0.0, eps=1e-8, maximize=False,
        )


def orthogonal(matrix: Tensor, rounds: int = 5) -> Tensor:
    """(m, n) -> nearly U·Vᵀ of its singular value decomposition U·S·Vᵀ: all singular values between about 0.7 and 1.2.

    By a Newton-Schulz iteration whose coefficients are Jordan's: fast for small values rather than exact; bfloat16 suffices.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).to(fast_dtype(matrix.device.type))
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):
        square = x @ x.T
        twice = torch.addmm(square, square, square, beta=-4.7750, alpha=2.0315)
        x = torch.addmm(x, twice, x, beta=3.4445)
    return x.T if tall else x

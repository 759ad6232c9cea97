"""One training in several processes (`torchrun`), each with a part of every batch: the step is that of one process with them all.

Every process draws the same random numbers for the whole batch and works on its own rows, each `count`-th: so the rows together
are the batch that one process would have, noise included, and the first half of the batch is the first halves together.
Gradients are averaged before each update; batch norm and what divides by a mean over the batch ask for that of all.  All this
holds within `parted()`, that is, within a step, and does nothing in a process that is alone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from imgen.controls import UserError

PATIENCE = timedelta(days=1)  # until a process that has died is given up: the first may prepare data for hours
T = TypeVar("T")
_number, _count = 0, 1  # of this process, among how many; as long as the work is parted


def join(device: str) -> None:
    """Meet the others, if torchrun has started this process; "cuda" is a GPU of its own from then on."""
    if dist.is_torchelastic_launched():
        dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo", timeout=PATIENCE)
        if device == "cuda":
            torch.cuda.set_device(dist.get_node_local_rank())  # pyright: ignore[reportPrivateImportUsage]


def leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def is_first() -> bool:
    """Whether this process is the one that writes and tells."""
    return not dist.is_initialized() or dist.get_rank() == 0


@contextmanager
def first_goes_before() -> Iterator[None]:
    """The first process does it alone, the others after that: what it puts on the disk they find there."""
    if dist.is_initialized() and not is_first():
        dist.barrier()
    yield
    if dist.is_initialized() and is_first():
        dist.barrier()


def told(value: T) -> T:
    """What the first process has, whatever the others have."""
    if not dist.is_initialized():
        return value
    said: list[Any] = [value]
    dist.broadcast_object_list(said)
    return said[0]


def begin(parts: dict[str, Any]) -> None:
    """Let the nets of a recipe begin as the first process's, and those of their layers see the whole batch that must."""
    if not dist.is_initialized():
        return
    for net in parts.values():
        if isinstance(net, nn.Module):
            for value in net.state_dict().values():
                dist.broadcast(value, 0)
            for layer in net.modules():
                if type(layer) in ACROSS:
                    layer.__class__ = ACROSS[type(layer)]


@contextmanager
def parted() -> Iterator[None]:
    global _number, _count
    if dist.is_initialized():
        _number, _count = dist.get_rank(), dist.get_world_size()
    try:
        yield
    finally:
        _number, _count = 0, 1


@contextmanager
def apart() -> Iterator[None]:
    """Within `parted()`: what every process does in the same way."""
    global _number, _count
    before, (_number, _count) = (_number, _count), (0, 1)
    try:
        yield
    finally:
        _number, _count = before


def ours(x: Tensor) -> Tensor:
    """Of the whole batch the rows that are this process's."""
    if len(x) % _count:
        raise UserError("batch_not_divisible", batch=len(x), processes=_count)
    return x if _count == 1 else x[_number::_count]


def whole(rows: int) -> int:
    """How many rows the whole batch has, of which so many are ours."""
    return rows * _count


def draw_ours(draw: Callable[..., Tensor], rows: int, *shape: int, **settings: Any) -> Tensor:
    """`draw(rows, *shape)` as part of what is drawn for the whole batch."""
    return ours(draw(whole(rows), *shape, **settings))


def owned(rows: int) -> list[bool]:
    """Of every row of the whole batch, of which so many are ours, in their order: whether it is."""
    return [n % _count == _number for n in range(whole(rows))]


def gathered(x: Tensor) -> Tensor:
    """The rows of all, in their order in the whole batch; without gradients."""
    if _count == 1:
        return x
    parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(_count)]
    dist.all_gather(parts, x.detach().contiguous())
    return torch.stack(parts, 1).flatten(0, 1)


def among_first(rows: int) -> tuple[int, float]:
    """How many of the whole batch's first rows are ours, and how much their mean counts, so that that of all processes is it."""
    mine = len(range(_number, rows, _count))
    return mine, mine * _count / rows


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        y = x.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(y)
        return y / dist.get_world_size()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        return mean(slopes[0])  # every process's loss hangs on it


def mean(x: Tensor) -> Tensor:
    """The mean over all processes, through which gradients pass."""
    return x if _count == 1 else _Mean.apply(x)  # pyright: ignore[reportReturnType]


def most(x: Tensor) -> Tensor:
    """The largest of all processes."""
    if _count > 1:
        x = x.detach().clone()
        dist.all_reduce(x, dist.ReduceOp.MAX)
    return x


def summed(x: Tensor) -> Tensor:
    if _count > 1:
        x = x.detach().clone()
        dist.all_reduce(x)
    return x


@torch.no_grad()
def average_gradients(optimizer: torch.optim.Optimizer) -> None:
    """In one message.  A parameter that this process's rows did not reach has the gradient zero."""
    if _count == 1:
        return
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    flat = torch.cat([torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in parameters])
    dist.all_reduce(flat)
    for p, grad in zip(parameters, (flat / _count).split([p.numel() for p in parameters]), strict=True):
        p.grad = grad.view(p.shape) if p.grad is None else p.grad.copy_(grad.view(p.shape))


class BatchNorm(nn.BatchNorm2d):
    """Of any number of dimensions, by the mean and the variance of the whole batch.  Torch's own knows GPUs only."""

    def _check_input_dim(self, input: Tensor) -> None:
        pass

    def forward(self, input: Tensor) -> Tensor:
        if _count == 1 or not self.training:
            return super().forward(input)
        x, over = input.float(), [0, *range(2, input.dim())]
        shape = (1, -1) + (1,) * (input.dim() - 2)
        centre = mean(x.mean(over))
        x = x - centre.view(shape)
        variance = mean(x.square().mean(over))
        with torch.no_grad():
            self.num_batches_tracked += 1  # pyright: ignore[reportOperatorIssue]
            share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
            n = whole(input.numel() // input.shape[1])
            self.running_mean.lerp_(centre, share)  # pyright: ignore[reportOptionalMemberAccess]
            self.running_var.lerp_(variance * n / (n - 1), share)  # pyright: ignore[reportOptionalMemberAccess]
        x = x * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            x = x * self.weight.view(shape) + self.bias.view(shape)
        return x.to(input.dtype)


class Dropout(nn.Dropout):
    """What is left out is drawn for the whole batch."""

    def forward(self, input: Tensor) -> Tensor:
        if _count == 1 or not self.training:
            return super().forward(input)
        kept = torch.empty(whole(len(input)), *input.shape[1:], dtype=torch.bool, device=input.device).bernoulli_(1 - self.p)
        return input * ours(kept) / (1 - self.p)


ACROSS: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm1d: BatchNorm, nn.BatchNorm2d: BatchNorm, nn.Dropout: Dropout,
}

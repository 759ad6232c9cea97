"""Pictures that are moved until a loss is small: by L-BFGS, as torch has it."""

from itertools import islice

import pytest
import torch
import torch.nn.functional as F

from imgen.functional import optimise
from imgen.functional.optimise import Waves, optimised

KERNEL = torch.randn(6, 3, 5, 5, generator=torch.Generator().manual_seed(1)) / 5


def loss(x):
    """Neither convex nor simple."""
    return (F.conv2d(x, KERNEL).square().mean((0, 2, 3)) - 1).square().sum() + x.sin().mean()


def by_torch(start, history, first=0.01):
    """The same work by torch's optimizer, without a limit to its steps."""
    unit, waves = first * start.numel(), Waves(start)
    x = (waves.of(start) / unit).contiguous().requires_grad_(True)
    optimizer = torch.optim.LBFGS([x], max_iter=1, history_size=history, tolerance_grad=0, tolerance_change=0)

    def closure():
        optimizer.zero_grad()
        value = loss(waves.picture(x * unit))
        value.backward()
        return value

    while True:
        value = optimizer.step(closure).item()
        yield waves.picture(x.detach() * unit), value


@pytest.mark.parametrize("size", [(16, 16), (13, 19)])
def test_the_steps_are_those_of_torch_also_when_the_oldest_are_forgotten(size, monkeypatch):
    start = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(optimise, "MEMORY", 0)  # ten steps
    mine = islice(optimised(loss, start, furthest=1e9), 25)
    for (x, value), (y, wanted) in zip(mine, by_torch(start, 10), strict=False):
        torch.testing.assert_close(x, y, rtol=0, atol=2e-6)
        assert value == pytest.approx(wanted, rel=1e-4)


def test_torch_need_not_load_its_compiler(monkeypatch):
    """As it does for every optimizer of its own, at 120 MiB."""
    def refuse(*args, **kwargs):
        raise AssertionError

    monkeypatch.setattr(torch.optim.Optimizer, "__init__", refuse)
    values = [value for _, value in islice(optimised(loss, torch.rand(1, 3, 12, 12)), 8)]
    assert values[-1] < values[0]


def test_no_step_is_further_than_allowed():
    start = torch.rand(1, 3, 12, 12)
    pictures = [start, *(x for x, _ in islice(optimised(lambda x: 1e3 * loss(x), start, furthest=0.004), 8))]
    assert max((b - a).abs().mean() for a, b in zip(pictures, pictures[1:], strict=False)) <= 0.004 * 1.001


def test_where_there_is_no_slope_the_picture_stays():
    start = torch.rand(1, 3, 12, 12)
    for x, value in islice(optimised(lambda x: 0 * x.sum(), start), 3):
        torch.testing.assert_close(x, start)
        assert value == 0

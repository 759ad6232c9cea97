"""Pictures in tiles: no seam, bounded memory, honest progress."""

import numpy as np
import pytest
import torch

from imgen.controls import UserError
from imgen.functional.resample import KERNELS
from imgen.functional.tiles import tiled
from imgen.models.espcn import ESPCN
from imgen.models.interpolation import Interpolation


def whole_of(net, x, tile, overlap, scale=1):
    """The tiles' results put together, and every (done, total)."""
    out = torch.full((*x.shape[:2], x.shape[2] * scale, x.shape[3] * scale), torch.nan, dtype=x.dtype)

    def store(rows, columns, y):
        out[..., rows, columns] = y

    with torch.inference_mode():
        return list(tiled(net, x, store, tile=tile, overlap=overlap, scale=scale)), out


def espcn(scale, dtype=torch.float32):
    """As device.place prepares it: channels last."""
    torch.manual_seed(0)
    return ESPCN(scale).to(dtype, memory_format=torch.channels_last).eval().requires_grad_(False)


def last(x):
    return x.contiguous(memory_format=torch.channels_last)


def seamless(out, whole):
    """Equal but for the last places: some processors add up in another order for a small tile."""
    torch.testing.assert_close(out, whole, rtol=0, atol=8 * torch.finfo(out.dtype).eps)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tiles_leave_no_seam(scale, dtype):
    net, x = espcn(scale, dtype), last(torch.rand(1, 1, 77, 90, dtype=dtype))
    _, out = whole_of(net, x, tile=32, overlap=net.receptive_radius, scale=scale)
    seamless(out, net(x).to(dtype))


def test_an_overlap_below_the_receptive_field_would_leave_seams():
    net, x = espcn(2, torch.float64), last(torch.rand(1, 1, 77, 90, dtype=torch.float64))
    _, out = whole_of(net, x, tile=32, overlap=net.receptive_radius - 1, scale=2)
    with pytest.raises(AssertionError):
        seamless(out, net(x))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_interpolated_tiles_leave_no_seam(kernel, scale):
    net, x = Interpolation(kernel), torch.rand(1, 3, 50, 71)
    _, out = whole_of(lambda cut: net(cut, scale), x, tile=24, overlap=net.receptive_radius, scale=scale)
    assert torch.equal(out, net(x, scale))


def test_tiles_come_left_to_right_and_top_to_bottom():
    corners = []
    list(tiled(lambda x: x, torch.zeros(1, 1, 65, 70), lambda r, c, y: corners.append((r.start, c.start)), tile=32, overlap=2))
    assert corners == [(top, left) for top in (0, 32, 64) for left in (0, 32, 64)]


def test_progress_counts_up_to_the_number_of_tiles():
    frames, _ = whole_of(lambda x: x, torch.zeros(1, 1, 65, 33), tile=32, overlap=2)
    assert frames == [(n, 6) for n in range(1, 7)]


class Cramped:
    """A net that finds no memory for more than `most` pixels."""

    def __init__(self, most):
        self.most, self.sizes = most, []

    def __call__(self, x):
        if x.shape[2] * x.shape[3] > self.most:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
        self.sizes.append(max(x.shape[2:]))
        return x * 2


def test_without_memory_the_tiles_are_halved_until_they_fit():
    net, x = Cramped(80 * 80), torch.rand(1, 1, 200, 150)
    frames, out = whole_of(net, x, tile=256, overlap=4)
    assert torch.equal(out, x * 2) and max(net.sizes) <= 64 + 8
    assert [done for done, _ in frames] == list(range(1, len(frames) + 1)) and frames[-1] == (12, 12)


def test_memory_that_runs_out_midway_loses_nothing():
    calls = []

    def net(x):
        calls.append(x.shape)
        if len(calls) == 3:
            raise MemoryError
        return x + 1

    x = torch.rand(1, 1, 128, 128)
    frames, out = whole_of(net, x, tile=64, overlap=0)
    assert torch.equal(out, x + 1) and frames == [(1, 4), (2, 4), *((n, 10) for n in range(3, 11))]


def test_a_picture_that_never_fits_is_one_clear_error():
    with pytest.raises(UserError) as error:
        whole_of(Cramped(0), torch.zeros(1, 1, 100, 100), tile=256, overlap=2)
    assert error.value.key == "out_of_memory"


def test_other_errors_are_not_taken_for_lack_of_memory():
    def broken(x):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        whole_of(broken, torch.zeros(1, 1, 64, 64), tile=32, overlap=2)


def test_closing_the_generator_stops_the_work():
    seen = []
    tiles = tiled(lambda x: seen.append(1) or x, torch.zeros(1, 1, 96, 96), lambda *_: None, tile=32, overlap=0)
    next(tiles)
    tiles.close()
    assert len(seen) == 1 and next(tiles, None) is None


def test_nothing_is_larger_than_a_tile_and_its_overlap():
    sizes = []
    list(tiled(lambda x: sizes.append(x.shape[2:]) or x, torch.zeros(1, 1, 100, 100), lambda *_: None, tile=32, overlap=5))
    assert np.max(sizes) == 42

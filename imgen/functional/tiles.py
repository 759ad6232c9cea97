"""Large pictures through a network, tile by tile, in bounded memory."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from imgen.controls import UserError
from imgen.device import is_out_of_memory

if TYPE_CHECKING:
    import torch

SMALLEST = 32


def tiled(
    net: "Callable[[torch.Tensor], torch.Tensor]",
    x: "torch.Tensor",
    store: "Callable[[slice, slice, torch.Tensor], None]",
    *, tile: int, overlap: int, scale: int = 1, grid: int = 1,
) -> Iterator[tuple[int, int]]:
    """Run `net` on each tile of `x` (N, C, H, W) and hand `store(rows, columns, y)` its part of the result.

    Each tile is cut with `overlap` pixels of its surroundings, whose results are dropped: with an overlap of at
    least the radius of the receptive field the parts are those of the whole picture, bit for bit.  Yields (done, total).  Out of
    memory: that tile and the rest go on at half the size, down to 32 pixels, then UserError("out_of_memory").
    grid: of a net that halves its picture, what it halves together; tiles begin at multiples of it, whatever was asked for.
    """
    tile, overlap = max(grid, tile // grid * grid), -(-overlap // grid) * grid
    todo = list(_boxes(0, 0, x.shape[2], x.shape[3], tile))
    done = 0
    while todo:
        top, left, bottom, right = todo.pop(0)
        up, before = min(overlap, top), min(overlap, left)
        cut = x[..., top - up : bottom + overlap, left - before : right + overlap]
        try:
            y = net(cut)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            tile = max(grid, tile // 2 // grid * grid)
            if tile < SMALLEST:
                raise UserError("out_of_memory") from None
            rest = [(top, left, bottom, right), *todo]
            todo = [small for box in rest for small in _boxes(*box, tile)]
            continue
        height, width = (bottom - top) * scale, (right - left) * scale
        y = y[..., up * scale : up * scale + height, before * scale : before * scale + width]
        store(slice(top * scale, bottom * scale), slice(left * scale, right * scale), y)
        done += 1
        yield done, done + len(todo)


def _boxes(top: int, left: int, bottom: int, right: int, tile: int) -> Iterator[tuple[int, int, int, int]]:
    """Cut a box into tiles, left to right, top to bottom."""
    for y in range(top, bottom, tile):
        for x in range(left, right, tile):
            yield y, x, min(y + tile, bottom), min(x + tile, right)

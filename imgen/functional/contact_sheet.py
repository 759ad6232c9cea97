"""Many pictures as one."""

import math

import numpy as np

from imgen.image import Picture


def sheet(pictures: list[Picture], columns: int = 0, gap: int = 2) -> Picture:
    """A grid on white, as square as can be unless `columns` says otherwise; all pictures have the size of the first.

    The sheet keeps the record of its first picture: the knobs and the seed that made all of them.
    """
    first = pictures[0]
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    step_y, step_x = first.height + gap, first.width + gap
    out = np.full((rows * step_y - gap, columns * step_x - gap, first.pixels.shape[2]), first.white, first.pixels.dtype)
    for n, picture in enumerate(pictures):
        y, x = n // columns * step_y, n % columns * step_x
        out[y : y + first.height, x : x + first.width] = picture.pixels
    return Picture(out, {k: v for k, v in first.record.items() if k != "number"})

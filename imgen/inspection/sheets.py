"""Maps and kernels as pictures: 0 is white, what is above it orange, what is below blue."""

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

GAP = 1  # pixels between two maps
ZERO, GROUND = 127, 255  # of the palette
ABOVE, BELOW = (179, 72, 0), (20, 70, 160)


def palette() -> bytes:
    """0 … 254 from blue by white to orange; the last is what lies between maps."""
    rows = np.full((256, 3), 128.0)
    for n in range(255):
        share = (n - ZERO) / ZERO
        rows[n] = 255 + abs(share) * (np.array(ABOVE if share > 0 else BELOW) - 255)
    return rows.round().astype(np.uint8).tobytes()


PALETTE = palette()


def sheet(maps: np.ndarray, scales: Sequence[float], columns: int) -> np.ndarray:
    """maps (n, h, w) -> their colours' numbers, side by side; scales: of each the value that has the strongest colour."""
    count, height, width = maps.shape
    rows = math.ceil(count / columns)
    out = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP), GROUND, np.uint8)
    most = np.maximum(np.asarray(scales, np.float64), 1e-30)[:, None, None]
    coloured = np.rint(ZERO + ZERO * np.clip(np.nan_to_num(maps, posinf=3e38, neginf=-3e38) / most, -1, 1)).astype(np.uint8)
    for n, one in enumerate(coloured):
        y, x = n // columns * (height + GAP), n % columns * (width + GAP)
        out[y : y + height, x : x + width] = one
    return out


def data_url(pixels: np.ndarray, colours: bytes | None = PALETTE) -> str:
    """(H, W) numbers of colours, or grey levels if colours is None -> a PNG."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if colours:
        image = image.convert("L")
        image.putpalette(colours)
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def laid(count: int, most: int = 8) -> int:
    """Columns of a sheet."""
    return max(1, min(most, count) if count <= 64 else math.ceil(math.sqrt(count)))


def scale_of(maps: np.ndarray, way: str, net: float) -> list[float]:
    """way: "map", "layer" or "net"."""
    if way == "net":
        return [net] * len(maps)
    each: Any = np.abs(np.nan_to_num(maps, posinf=0, neginf=0)).max((1, 2), initial=0)
    return [float(each.max(initial=0))] * len(maps) if way == "layer" else each.tolist()

"""A JPEG that lacks its end.  ITU-T T.81, annexes B (markers) and G (progressive)."""

import io

import numpy as np
from PIL import Image

END = b"\xff\xd9"
OTHERS = (b"\x00" * 64, b"\x55" * 64, b"\xa9" * 64, b"\x7e\x91\x33" * 22)  # what might have come


def whole(data: bytes) -> Image.Image | None:
    """The picture, loaded, if nothing is missing but the mark of its end; else None.

    Asked of the pixels: whatever is put behind the file does not move them if they were all there.
    """
    data, first = data.rstrip(b"\xff"), None  # the half of a mark
    if not _all_scans(data):
        return None
    for more in OTHERS:
        image = Image.open(io.BytesIO(data + more + END), formats=("JPEG",))
        image.load()
        if first is not None and not np.array_equal(np.asarray(image), np.asarray(first)):
            return None
        first = first or image
    return first


def _all_scans(data: bytes) -> bool:
    """Whether each component's coefficients came down to their last bit: a progressive file brings them in parts."""
    at, progressive, components, left = 2, False, b"", set[tuple[int, int]]()
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            at = data.find(b"\xff", at)
            if at < 0:
                break
            continue
        mark, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if mark in (0, 0xFF, 1) or 0xD0 <= mark <= 0xD8:  # stuffing, filling, restarts
            at += 1 if mark == 0xFF else 2
            continue
        body = data[at + 4 : at + 2 + size]
        if mark in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA):
            progressive, components = mark in (0xC2, 0xCA), body[6::3]
            left = {(c, k) for c in components for k in range(64 if progressive else 1)}
        elif mark == 0xDA and body:
            ids, (first, last, bits) = body[1 : 1 + 2 * body[0] : 2], (*body[-3:], 0, 0, 0)[:3]
            if not progressive:
                first = last = bits = 0
            if bits & 15 == 0:
                left -= {(c, k) for c in ids for k in range(first, last + 1)}
        at += 2 + size
    return bool(components) and not left

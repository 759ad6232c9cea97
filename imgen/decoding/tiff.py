"""TIFF of more than 8 bits a channel: planes, floats, 32 bits, alpha, which Pillow and OpenCV misread or refuse.

libtiff (in Pillow) unfolds the bytes, told that they are a grey picture of 8 bits: it knows all compressions and never
unfolds more than it was promised.  What the bytes mean is arranged here.  TIFF 6.0; TIFF Technical Note 3 (floats).
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from imgen.controls import UserError

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, OFFSETS, ORIENTATION = 256, 257, 258, 259, 262, 273, 274
CHANNELS, ROWS, COUNTS, PLANES, PREDICTOR = 277, 278, 279, 284, 317
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS, EXTRA, SAMPLES, PROFILE = 322, 323, 324, 325, 338, 339, 34675
PACKINGS = (1, 5, 8, 32773, 32946, 34925, 50000)  # none, LZW, Deflate, PackBits, Deflate, LZMA, Zstandard
OTHER_PACKINGS = (2, 3, 4, 6, 7, 34712, 34887, 34925, 34933, 50001, 50002)  # fax, JPEG, JPEG 2000, LERC, PNG, WebP, JPEG XL
DEPTHS = {1, 2, 4, 8, 10, 12, 14, 16, 24, 32, 64, 128}
KINDS = (*range(10), 32803, 32844, 32845, 34892)
WANTED = {WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, OFFSETS, ORIENTATION, CHANNELS, ROWS, COUNTS, PLANES, PREDICTOR,
          TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS, EXTRA, SAMPLES, PROFILE}  # fmt: skip
LISTS = {BITS, OFFSETS, COUNTS, TILE_OFFSETS, TILE_COUNTS, EXTRA, SAMPLES}
MANY, MANY_PARTS = 4000, 2**21  # tags; strips or tiles, of 16 × 16 pixels in the largest picture 250,000
TYPES = {1: "u1", 2: "S1", 3: "u2", 4: "u4", 6: "i1", 7: "V1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 17: "i8", 18: "u8"}
Tags = Mapping[int, Any]  # numbers, in a list where there may be several; a profile in bytes
BAND = 2**20  # values that are converted at a time


@dataclass(frozen=True)
class Layout:
    """How the pixels of the first page lie in the file."""

    tags: Tags
    width: int
    height: int
    channels: int
    bits: Sequence[int]
    sample: int  # 1 unsigned, 2 signed, 3 float
    photometric: int  # 0 white is 0, 1 black is 0, 2 RGB
    length: int  # of the file, in bytes
    foreign: bool = False  # Pillow reads none of its kind

    @property
    def planar(self) -> bool:
        return self.tags.get(PLANES, 1) == 2 and self.channels > 1

    @property
    def size(self) -> int:
        """Bytes of a value."""
        return self.bits[0] // 8

    @property
    def name(self) -> str:
        """For those who are told that it is not read."""
        bits = "/".join(str(bit) for bit in sorted(set(self.bits[:8])))
        sample = {1: "", 2: " signed", 3: " float"}.get(self.sample, " other")
        return f"TIFF: {self.channels} × {bits} bit{sample}, photometric {self.photometric}, compression {self.packing}"

    @property
    def is_misread(self) -> bool:
        """By Pillow: signed bytes as unsigned, CIELab without its white."""
        return self.photometric == 8 or self.sample == 2 and self.bits[0] == 8

    @property
    def is_sound(self) -> bool:
        """Whether the directory is one that a program wrote, and all pixels are there: then the kind is to be named."""
        if self.photometric not in KINDS or self.sample not in (1, 2, 3, 5, 6):
            return False
        if self.packing not in (*PACKINGS, *OTHER_PACKINGS) or not set(self.bits) <= DEPTHS:
            return False
        if self.channels < {2: 3, 5: 4, 6: 3}.get(self.photometric, 1):
            return False
        tiled = TILE_OFFSETS in self.tags
        starts, counts = (self.tags.get(tag, []) for tag in ((TILE_OFFSETS, TILE_COUNTS) if tiled else (OFFSETS, COUNTS)))
        if not len(starts) == len(counts) > 0 or max(map(sum, zip(starts, counts, strict=True))) > self.length:
            return False
        least, most = self.width * self.height * sum(self.bits) / 8, np.inf if tiled else 1.1
        return self.packing != 1 or least <= sum(counts) < least * most + self.height * self.channels

    @property
    def packing(self) -> int:
        return self.tags.get(COMPRESSION, 1)

    @property
    def is_ours(self) -> bool:
        if self.packing not in PACKINGS or self.photometric not in (0, 1, 2) or len(set(self.bits)) != 1:
            return False
        if not (OFFSETS in self.tags and COUNTS in self.tags or TILE_OFFSETS in self.tags and TILE_COUNTS in self.tags):
            return False  # old programs leave the counts out, which Pillow guesses
        if self.channels < (3 if self.photometric == 2 else 1) or self.tags.get(PREDICTOR, 1) not in (1, 2, 3):
            return False
        if self.sample == 3:
            return self.bits[0] in (16, 32, 64)
        if self.bits[0] == 8:  # Pillow reads most of them
            return self.sample == 1 and (self.foreign or self.planar and self.channels == 2)
        return self.sample == 1 and self.bits[0] in (16, 32)


def _tags(data: bytes) -> dict[int, Any]:
    """The first directory.  Read here and not by Pillow, which takes a BigTIFF from a big-endian machine for something else."""
    order, big = ">" if data[:2] == b"MM" else "<", 43 in data[2:4]
    wide, long, entry = ("u8", 8, 20) if big else ("u4", 4, 12)

    def number(at: int, kind: str) -> int:
        return int(np.frombuffer(data, order + kind, 1, at)[0])

    at, tags = number(8 if big else 4, wide), {}
    count, at = (number(at, "u8"), at + 8) if big else (number(at, "u2"), at + 2)
    if count > MANY:  # Pillow walks them one by one
        raise UserError("picture_unreadable")
    for place in range(at, min(at + count * entry, len(data) - entry + 1), entry):
        tag, kind, values = number(place, "u2"), number(place + 2, "u2"), number(place + 4, wide)
        if tag not in WANTED or kind not in TYPES or values == 0:
            continue
        start, dtype = place + 4 + long, np.dtype(order + TYPES[kind])
        if values * dtype.itemsize > long:
            start = number(start, wide)
        if tag in LISTS and values > MANY_PARTS:
            raise UserError("picture_unreadable")
        if start + values * dtype.itemsize > len(data):
            raise ValueError("a tag that is cut off")
        if tag == PROFILE:
            tags[tag] = data[start : start + values * dtype.itemsize]
        else:
            found = np.frombuffer(data, dtype, values, start)
            tags[tag] = found.tolist() if tag in LISTS else int(found[0])
    return tags


def layout(data: bytes) -> Layout | None:
    """Of the first page; None if it is no TIFF, or too damaged to tell.  Raises UserError if it has too many parts."""
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return None
    try:
        tags = _tags(data)
        channels, bits, samples = tags.get(CHANNELS, 1), tags.get(BITS, [1]), set(tags.get(SAMPLES, [1]))
        if not 0 < channels <= 64:
            return None
        bits, sample = bits * channels if len(bits) == 1 else bits, samples.pop() if len(samples) == 1 else 0
        size, photometric = (tags[WIDTH], tags[HEIGHT]), tags.get(PHOTOMETRIC, 1)
        if len(bits) < channels or min(size) < 1:
            return None
        foreign = data[:4] == b"MM\0+"
        return Layout(tags, *size, channels, bits[:channels], 1 if sample == 4 else sample, photometric, len(data), foreign)
    except (KeyError, ValueError, OverflowError):  # a damaged directory
        return None


def unfold(data: bytes, it: Layout) -> np.ndarray:
    """(H, W, 1 to 4) of 8 bit (of floats) or 16."""
    parts = [_plane(data, it, n) for n in range(it.channels)] if it.planar else [_plane(data, it, None)]
    values = np.concatenate(parts, axis=2) if len(parts) > 1 else parts[0]
    colours, extra = 3 if it.photometric == 2 else 1, it.tags.get(EXTRA, [])[:1]
    told = extra in ([1], [2])  # else the one channel beside three colours is alpha, as libtiff takes it, beside grey it is not
    has_alpha = values.shape[2] > colours and (told or values.shape[2] == colours + 1 and (colours == 3 or not extra))
    values = values[..., : colours + has_alpha]
    if has_alpha and extra == [1]:  # colours were multiplied by alpha
        values = _divided(values)
    new = _shown(values, colours)
    if it.photometric == 0:
        new[..., :1] = np.iinfo(new.dtype).max - new[..., :1]
    return new


def bytes_of(it: Layout) -> int:
    """What unfolding takes: the pixels, and the largest tile."""
    across, tall = (it.tags.get(tag, 1) for tag in (TILE_WIDTH, TILE_HEIGHT))
    return max(it.width * it.height, across * tall) * it.channels * max(it.bits) // 8


def _plane(data: bytes, it: Layout, number: int | None) -> np.ndarray:
    """(H, W, C) of one plane, or of all channels if they lie together."""
    tags, tiled, mixed = it.tags, TILE_OFFSETS in it.tags, 1 if number is not None else it.channels
    offsets, counts = (tags[tag] for tag in ((TILE_OFFSETS, TILE_COUNTS) if tiled else (OFFSETS, COUNTS)))
    wide = tags[TILE_WIDTH] if tiled else it.width
    across = -(-it.width // wide)
    tall = tags[TILE_HEIGHT] if tiled else min(tags.get(ROWS, it.height), it.height)
    parts = across * -(-it.height // tall)
    first = (number or 0) * parts
    if len(offsets) < first + parts or len(counts) < first + parts:
        raise ValueError("parts are missing")
    row = across * wide * mixed * it.size
    new = {WIDTH: [row], HEIGHT: [it.height], BITS: [8], COMPRESSION: [it.packing], PHOTOMETRIC: [1], CHANNELS: [1]}
    new |= {TILE_WIDTH: [wide * mixed * it.size], TILE_HEIGHT: [tall]} if tiled else {ROWS: [tall]}
    new |= {TILE_OFFSETS if tiled else OFFSETS: offsets[first : first + parts]}
    new |= {TILE_COUNTS if tiled else COUNTS: counts[first : first + parts]}
    raw = _unpacked(data, new).reshape(it.height, across, wide * mixed * it.size)
    order, kind = (">" if data[:2] == b"MM" else "<"), "f" if it.sample == 3 else "u"
    predictor = tags.get(PREDICTOR, 1) if it.packing != 1 else 1
    if predictor == 3:  # bytes of one weight lie together, each less the one before it of the same channel
        raw = np.cumsum(raw.reshape(it.height, across, -1, mixed), axis=2, dtype=np.uint8)
        raw = np.ascontiguousarray(raw.reshape(it.height, across, it.size, -1).swapaxes(2, 3))
        order = ">"
    values = raw.reshape(it.height, -1).view(f"{order}{'u' if predictor == 2 else kind}{it.size}")
    if predictor == 2:
        values = values.astype(f"u{it.size}").reshape(it.height, across, wide, mixed)
        values = np.cumsum(values, axis=2, dtype=values.dtype).view(f"{kind}{it.size}")
    values = values.reshape(it.height, across * wide, mixed)[:, : it.width]
    return values.astype(values.dtype.newbyteorder("="))


def _unpacked(data: bytes, new: Mapping[int, Sequence[int]]) -> np.ndarray:
    """The bytes of a page that has these tags: the same file, with one more directory at its end."""
    order = "big" if data[:2] == b"MM" else "little"
    number = partial(int.to_bytes, byteorder=order)
    at = len(data) + len(data) % 2
    entries, lists, place = [], [], at + 2 + 12 * len(new) + 4
    for tag, values in sorted(new.items()):
        packed = np.asarray(values, f"{'>' if order == 'big' else '<'}u4").tobytes()
        head = number(tag, 2) + number(4, 2) + number(len(values), 4)
        if len(values) == 1:
            entries.append(head + packed)
        else:
            entries.append(head + number(place, 4))
            lists.append(packed)
            place += len(packed)
    start = data[:2] + number(42, 2) + number(at, 4)  # of a BigTIFF, too: no file here has 4 GB
    directory = number(len(new), 2) + b"".join(entries) + bytes(4) + b"".join(lists)
    file = b"".join((start, memoryview(data)[8:], bytes(len(data) % 2), directory))
    image = Image.open(io.BytesIO(file), formats=("TIFF",))
    image.load()
    return np.asarray(image)


def _divided(values: np.ndarray) -> np.ndarray:
    """Colours that were multiplied by alpha, as they were before."""
    white = 1.0 if values.dtype.kind == "f" else float(np.iinfo(values.dtype).max)
    out, rows = values.copy(), max(1, BAND // (values.shape[1] * values.shape[2]))
    for top in range(0, len(values), rows):
        band = values[top : top + rows].astype(np.float64)
        alpha = band[..., -1:]
        plain = np.divide(band[..., :-1] * white, alpha, out=np.zeros_like(band[..., :-1]), where=alpha > 0).clip(0, white)
        out[top : top + rows, :, :-1] = plain if white == 1 else np.rint(plain)
    return out


def _shown(values: np.ndarray, colours: int) -> np.ndarray:
    """Unsigned -> 16 bit, white being the largest number there is.  Floats -> 8 bit, as `scaled` says."""
    if values.dtype in (np.uint8, np.uint16):
        return values
    if values.dtype == np.uint32:
        out = np.empty(values.shape, np.uint16)
        for row, line in zip(out, values, strict=True):
            row[:] = (line.astype(np.uint64) + 32768) // 65537
        return out
    out = np.empty(values.shape, np.uint8)
    out[..., :colours] = scaled(values[..., :colours])
    out[..., colours:] = scaled(values[..., colours:], (0, 1))
    return out


def scaled(values: np.ndarray, span: tuple[float, float] | None = None) -> np.ndarray:
    """(H, W, C) of any numbers -> 8 bit.  Floats between 0 and 1 stay what they are, and so do those a little beyond,
    as resampling makes them; others are scaled to what is there.  What is no number is black and moves no other."""
    if span is None:
        finite = [line[np.isfinite(line)] for line in values] if values.dtype.kind == "f" else [*values]
        low = min((float(line.min()) for line in finite if line.size), default=0.0)
        high = max((float(line.max()) for line in finite if line.size), default=1.0)
        span = (0, 1) if values.dtype.kind == "f" and low >= -0.5 and high <= 1.5 else (low, high)
    low, high = span
    out, rows = np.empty(values.shape, np.uint8), max(1, BAND // max(values[0].size, 1))
    for top in range(0, len(values), rows):
        band = values[top : top + rows]
        if span != (0, 1):
            band = (band.astype(np.float64) - low) / max(high - low, 1e-9)
        band = band * np.float32(255)  # between 0 and 1 in the file's own precision, to which 0.3 × 255 is 76.5
        out[top : top + rows] = np.rint(np.nan_to_num(band, nan=0, posinf=255, neginf=0).clip(0, 255))
    return out

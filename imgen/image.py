"""The only border between files, pictures and tensors."""

import hashlib
import io
import json
import os
import stat
import struct
import warnings
import zlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from imgen.controls import UserError
from imgen.decoding.opening import opened, size_of, small_enough, unfold
from imgen.decoding.png import RECORD, chunk

if TYPE_CHECKING:
    import torch

MAX_PIXELS = 64_000_000  # asked of the header, before a bomb unfolds
MAX_BYTES = 2**30  # of a file: uncompressed pixels of the largest picture, and room for what else a file may hold
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".ppm", ".pgm"}


@dataclass(frozen=True, eq=False)
class Picture:
    """sRGB pixels (H, W, C), uint8 or uint16; C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.

    `record`: how it was made, if we made it.  Pictures are equal if their pixels are, whatever their records say.
    """

    pixels: np.ndarray
    record: Mapping[str, Any] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Picture):
            return NotImplemented
        return self.pixels.dtype == other.pixels.dtype and np.array_equal(self.pixels, other.pixels)

    @property
    def digest(self) -> str:
        """By which the same pixels are known again."""
        kind = f"{self.pixels.shape} {self.pixels.dtype}".encode()
        return hashlib.sha256(kind + np.ascontiguousarray(self.pixels).tobytes()).hexdigest()[:16]

    @property
    def height(self) -> int:
        return self.pixels.shape[0]

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    @property
    def white(self) -> int:
        """The largest value of a pixel: 255 or 65535."""
        return int(np.iinfo(self.pixels.dtype).max)

    @property
    def colour(self) -> np.ndarray:
        """Without alpha: (H, W, 1 or 3)."""
        return self.pixels[..., :-1] if self.alpha is not None else self.pixels

    @property
    def alpha(self) -> np.ndarray | None:
        """(H, W, 1), or None."""
        return self.pixels[..., -1:] if self.pixels.shape[2] in (2, 4) else None

    def on_white(self) -> "Picture":
        """Composited on white: no alpha any more."""
        if self.alpha is None:
            return self
        white, alpha = np.uint32(self.white), self.alpha.astype(np.uint32)
        flat = (self.colour * alpha + white * (white - alpha) + white // 2) // white  # below 2³² even in 16 bit
        return replace(self, pixels=flat.astype(self.pixels.dtype))

    def rgb(self) -> "Picture":
        """Three channels of 8 bit on white: what a network for photographs takes."""
        pixels = self.on_white().pixels
        if pixels.dtype == np.uint16:
            pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
        return replace(self, pixels=pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2))


@dataclass(frozen=True)
class Origin:
    """How a result came about."""

    card: str
    knobs: Mapping[str, object]  # of pictures that were knobs, what they are known by
    precision: str
    version: str
    fallback: str = ""  # the key of the error because of which another net worked than was asked for
    seconds: float = 0.0  # of work, without loading before it and without whoever used its frames
    device: str = ""  # "" if it was only read from a file

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Origin | None":
        """What a picture's record tells of it; None if it tells nothing."""
        known = {name: record[name] for name in ("card", "knobs", "precision", "version", "fallback") if name in record}
        return cls(**known) if known.keys() >= {"card", "knobs", "precision", "version"} else None

    @property
    def record(self) -> dict[str, object]:
        """What is written into pictures: all that they depend on."""
        known: dict[str, object] = {"card": self.card, "knobs": self.knobs, "precision": self.precision, "version": self.version}
        return known | ({"fallback": self.fallback} if self.fallback else {})


@dataclass(frozen=True)
class Frame:
    """A moment of long work: `done` of `total` steps of `stage`, what there is to see by now, and facts that were found."""

    done: int
    total: int
    pictures: list[Picture] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)  # each pipeline its own
    stage: str = "work"  # or "download", "load"
    origin: Origin | None = None  # of a result

    @property
    def finished(self) -> bool:
        """Whether this is the result."""
        return self.origin is not None

    @property
    def seconds(self) -> float:
        """That the work took; of a result."""
        assert self.origin is not None, "not finished"
        return self.origin.seconds


Frames = Generator[Frame, None, None]  # long work; closing it is Stop


def resized(picture: Picture, height: int, width: int) -> Picture:
    """Antialiased bicubic, as MATLAB's imresize; in 16 bit too, band by band."""
    if (picture.height, picture.width) == (height, width):
        return picture
    out = np.empty((height, width, picture.pixels.shape[2]), picture.pixels.dtype)
    for band in range(out.shape[2]):
        values = picture.pixels[..., band]
        values = values if values.dtype == np.uint8 else values.astype(np.float32)  # Pillow resizes no other
        small = np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC))
        out[..., band] = small if small.dtype == np.uint8 else np.rint(small.clip(0, picture.white))
    return replace(picture, pixels=out)


def decode(source: Path | str | bytes | None, max_pixels: int = MAX_PIXELS) -> Picture:
    """Any picture file -> sRGB pixels, upright; the first frame of an animation; 16 bit stay 16 bit.

    Raises UserError: picture_first, picture_missing, picture_unreadable, picture_too_large, file_too_large; and, naming what
    it is, format_needs (one more package), format_unread, picture_transfer (high dynamic range).
    """
    if source is None:
        raise UserError("picture_first")
    data = source if isinstance(source, bytes) else _read(Path(source))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own bomb warning and damaged-metadata chatter; our limit follows
            pixels, record = unfold(data, max_pixels)
            return Picture(pixels, _record(record))
    except UserError:
        raise
    except Exception:  # a decoder that is given a damaged file may raise anything
        raise UserError("picture_unreadable") from None


def decode_film(source: Path | str | bytes, most: int) -> list[Picture]:
    """The first `most` pictures of an animated file, in RGB of 8 bit; of any other its one.  Raises as `decode`."""
    data = source if isinstance(source, bytes) else _read(Path(source))
    first = decode(data)
    try:
        with opened(data, MAX_PIXELS)[0] as film:
            count = min(most, getattr(film, "n_frames", 1))
            if count == 1:
                return [first]
            pictures = []
            for number in range(count):
                film.seek(number)
                small_enough(film.size, MAX_PIXELS // count)  # a page of a TIFF has a size of its own; all of them lie in memory
                pictures.append(Picture(np.asarray(film.convert("RGB"))))
            return pictures
    except UnidentifiedImageError:  # a TIFF that only `tiff` reads
        return [first]
    except UserError as error:
        if error.key == "format_unread":  # likewise
            return [first]
        raise
    except Exception:  # damaged behind its first picture
        raise UserError("picture_unreadable") from None


def _read(path: Path) -> bytes:
    """A regular file of bounded size, opened once: a pipe or a device would never end, or stop at nothing."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise UserError("picture_unreadable")
            if facts.st_size > MAX_BYTES:
                raise UserError("file_too_large", limit=MAX_BYTES // 2**20)
            return file.read(MAX_BYTES)
    except (OSError, ValueError):  # ValueError: a null byte in the name
        raise UserError("picture_missing", name=path.name) from None


def _record(text: Any) -> dict[str, object]:
    """From the text of a file, which anybody may have written."""
    try:
        record = json.loads(text or "{}")
    except (TypeError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def record_of(path: Path) -> dict[str, object]:
    """How a PNG of ours was made, without decoding it; empty if it is none."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return _record(image.info.get(RECORD))
    except (OSError, ValueError, SyntaxError):  # Pillow's, for a damaged file
        return {}


def encode(picture: Picture, level: int = 1) -> bytes:
    """-> a lossless PNG of 8 or 16 bit, its record in a text chunk and nothing else.

    Written by hand (PNG specification, sections 5, 9, 11): Pillow knows no 16-bit colour and takes twice as long,
    OpenCV no grey with alpha and no text.  Each row is stored as its difference from the row above.
    """
    height, width, channels = picture.pixels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, picture.pixels.itemsize * 8, kind, 0, 0, 0)
    big_endian = picture.pixels if picture.white == 255 else picture.pixels.astype(">u2")
    rows = np.ascontiguousarray(big_endian).reshape(height, -1).view(np.uint8)
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2  # "up"
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    text = b""
    if picture.record:  # a lone surrogate, which UTF-8 has no bytes for, becomes JSON's own escape
        record = json.dumps(picture.record, ensure_ascii=False).encode("utf-8", "backslashreplace")
        # the five zeros: end of keyword, not compressed (two), no language, no translation
        text = chunk(b"iTXt", RECORD.encode() + bytes(5) + record)
    body = chunk(b"IDAT", zlib.compress(filtered.data, level))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + text + body + chunk(b"IEND", b"")


def pixels_of(path: Path) -> int:
    """How many pixels a picture file has, by its header.  Raises UserError."""
    width, height = size_of_file(path)
    return width * height


def size_of_file(path: Path) -> tuple[int, int]:
    """Width and height of a picture file, by its header.  Raises UserError."""
    data = _read(path)
    try:
        return size_of(data, MAX_PIXELS)
    except UserError:
        raise
    except Exception:  # see `decode`
        raise UserError("picture_unreadable") from None


def decode_frame(path: Path, number: int) -> Picture:
    """One picture of a film that `animate` wrote; counted from 0."""
    with Image.open(path) as film:
        film.seek(number)
        return Picture(np.asarray(film.convert("RGB")))


def animate(pictures: list[Picture], seconds: float = 0.08, lossless: bool = True) -> bytes:
    """-> an endless animated WebP, `seconds` a picture; all have one size, in RGB of 8 bit."""
    file, images = io.BytesIO(), [Image.fromarray(picture.rgb().pixels) for picture in pictures]
    how = {"save_all": True, "append_images": images[1:], "loop": 0, "duration": round(1000 * seconds)}
    quality = 20 if lossless else 85  # without loss it is the effort
    images[0].save(file, "WEBP", lossless=lossless, quality=quality, method=2, minimize_size=True, **how)
    return file.getvalue()


def to_tensor(pixels: np.ndarray) -> "torch.Tensor":
    """(H, W, C) uint8 or uint16 -> (1, C, H, W) float32 in [0, 1], channels last."""
    import torch

    scale = np.float32(1 / np.iinfo(pixels.dtype).max)
    return torch.from_numpy(pixels * scale).permute(2, 0, 1)[None]


def to_pixels(x: "torch.Tensor", dtype: np.dtype | type[np.unsignedinteger] = np.uint8) -> np.ndarray:
    """(C, H, W) in [0, 1], clamped -> (H, W, C) of `dtype`, rounded."""
    white = np.iinfo(dtype).max
    x = x.detach().float().mul(white).round_().clamp_(0, white)  # `mul` has made the copy that is worked on
    return np.ascontiguousarray(x.cpu().numpy().astype(dtype).transpose(1, 2, 0))

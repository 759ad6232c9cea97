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
from PIL import Image, ImageCms

from imgen.controls import UserError

if TYPE_CHECKING:
    import torch

MAX_PIXELS = 64_000_000  # asked of the header, before a bomb unfolds
MANY = 2000  # parts of a file, beside one for each kilobyte
MAX_BYTES = 2**30  # of a file: uncompressed pixels of the largest picture, and room for what else a file may hold
Image.MAX_IMAGE_PIXELS = None  # our own limit names the size, which Pillow's does not; nothing here decodes without it
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "DIB", "PPM")  # no others: Pillow runs Ghostscript for an EPS
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".ppm", ".pgm"}
RECORD = "imgen"  # the PNG text chunk that says how a picture was made
BITS, PHOTOMETRIC, ORIENTATION, PLANES, EXTRA = 258, 262, 274, 284, 338  # TIFF tags


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

    Raises UserError: picture_first, picture_missing, picture_unreadable, picture_too_large, file_too_large.
    """
    if source is None:
        raise UserError("picture_first")
    data = source if isinstance(source, bytes) else _read(Path(source))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own bomb warning and damaged-metadata chatter; our limit follows
            return _decode(data, max_pixels)
    except UserError:
        raise
    except Exception:  # a decoder that is given a damaged file may raise anything
        raise UserError("picture_unreadable") from None


def decode_film(source: Path | str | bytes, most: int) -> list[Picture]:
    """The first `most` pictures of an animated file, in RGB of 8 bit; of any other its one.  Raises as `decode`."""
    data = source if isinstance(source, bytes) else _read(Path(source))
    first = decode(data)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as film:
            count = min(most, getattr(film, "n_frames", 1))
            if count == 1:
                return [first]
            pictures = []
            for number in range(count):
                film.seek(number)
                small_enough(film, MAX_PIXELS // count)  # a page of a TIFF has a size of its own; all of them lie in memory
                pictures.append(Picture(np.asarray(film.convert("RGB"))))
            return pictures
    except UserError:
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


def _bounded(data: bytes) -> None:
    """Refuses a file of so many small parts that walking them would take minutes: Pillow does so one by one, in Python.

    PNG specification, section 5.3; JPEG (ITU-T T.81), annex B; GIF89a, section 15.
    """
    at, parts, most = 0, 0, MANY + len(data) // 1024
    if data.startswith(b"\x89PNG"):
        at = 8
        while at + 8 <= len(data) and parts <= most:
            at, parts = at + 12 + int.from_bytes(data[at : at + 4], "big"), parts + 1
    elif data.startswith(b"\xff\xd8"):
        at = 2
        while at + 4 <= len(data) and parts <= most and data[at] == 0xFF and data[at + 1] != 0xDA:
            at, parts = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big"), parts + 1
    elif data.startswith(b"GIF8"):
        parts = data.count(b"\x21\xfe")  # comments, which are put together piece by piece
    if parts > most:
        raise UserError("picture_unreadable")


def small_enough(image: Image.Image, max_pixels: int) -> None:
    """Asked before its pixels are unpacked.  Raises UserError."""
    width, height = image.size
    if width * height > max_pixels:
        raise UserError("picture_too_large", width=width, height=height, limit=max_pixels // 1_000_000)


def _decode(data: bytes, max_pixels: int) -> Picture:
    _bounded(data)
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    deep = image.format == "PNG" and data[24] == 16 or image.format == "TIFF" and 16 in _tags(image).get(BITS, (8,))
    small_enough(image, max_pixels // 2 if deep and image.mode not in ("I;16", "L") else max_pixels)  # twice the bytes
    if min(image.size) < 1:
        raise ValueError("a picture without pixels")
    image.load()  # all of it, so that what is cut off is found before OpenCV, which pads it, sees it
    profile, orientation, record = image.info.get("icc_profile"), _orientation(image), _record_of(image)
    if image.mode == "CMYK" and profile:
        image, profile = _to_srgb(image, profile), None  # the only profile that changes the number of channels
    pixels = _deep_pixels(data, image)
    if pixels is None:
        pixels = _plain_pixels(image)
    if profile:
        pixels = _pixels_to_srgb(pixels, profile)
    return Picture(np.ascontiguousarray(_upright(pixels, orientation)), record)


def _tags(image: Image.Image) -> Mapping[int, Any]:
    """Of a TIFF; other files have none."""
    return getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}


def _plain_pixels(image: Image.Image) -> np.ndarray:
    """(H, W, C) of 8 bit."""
    if image.mode in ("F", "I"):  # 32 bit: scaled to what is there
        values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0, neginf=0)
        low, high = values.min(), values.max()
        return np.rint((values - low) / max(high - low, 1e-9) * 255).astype(np.uint8)[..., None]
    mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
    if image.has_transparency_data:
        mode = {"L": "LA", "RGB": "RGBA"}[mode]
    return np.asarray(image.convert(mode)).reshape(image.height, image.width, -1)


def _deep_pixels(data: bytes, image: Image.Image) -> np.ndarray | None:
    """(H, W, C) of 16 bit, None if the file has less.  Pillow keeps those of grey but not of colours: OpenCV does."""
    tag = _tags(image).get
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        grey = np.asarray(image).astype(np.uint16)[..., None]
        if tag(PHOTOMETRIC, 1) == 0:  # white is 0
            grey = 65535 - grey
        hidden = image.info.get("transparency")
        if hidden is None:
            return grey
        return np.concatenate([grey, np.where(grey == hidden, 0, 65535).astype(np.uint16)], axis=2)
    png = image.format == "PNG" and data[24] == 16
    tiff = set(tag(BITS, (8,))) == {16} and tag(PHOTOMETRIC, 1) == 2 and tag(PLANES, 1) == 1
    if not png and not tiff:
        return None
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.shape[:2] != (image.height, image.width):
        return None
    if png and data[25] == 4:  # grey with alpha, which OpenCV turns into four channels
        return pixels[..., 2:]
    pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]  # OpenCV keeps blue first
    if tag(EXTRA, ()) == (1,):  # colours were multiplied by alpha
        alpha = np.maximum(pixels[..., 3:], 1).astype(np.uint32)
        pixels[..., :3] = np.minimum((pixels[..., :3] * np.uint32(65535) + alpha // 2) // alpha, 65535)
    return pixels


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Through the embedded profile to RGB; one that is broken or belongs to another mode is ignored, as browsers do."""
    try:
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        new = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image.convert("RGB")
    assert new is not None, "only in place it gives nothing"
    return new


def _pixels_to_srgb(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """The colours through the profile, alpha as it is.

    Pillow hands only 8 bit to LittleCMS: 16 bit take the shift of their upper half and keep their fine steps.
    """
    picture = Picture(pixels)
    colour, grey = picture.colour, picture.colour.shape[2] == 1
    short = colour if picture.white == 255 else (colour >> 8).astype(np.uint8)
    new = np.asarray(_to_srgb(Image.fromarray(short[..., 0] if grey else np.ascontiguousarray(short)), profile))
    new = new[..., :1] if grey else new
    if picture.white != 255:
        new = np.clip(colour + (new.astype(np.int32) - short) * 257, 0, 65535).astype(np.uint16)
    return new if picture.alpha is None else np.concatenate([new, picture.alpha], axis=2)


def _orientation(image: Image.Image) -> int:
    """1 to 8 as EXIF counts.  Asked after loading, when Pillow and OpenCV have turned a TIFF themselves."""
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:  # a damaged EXIF block is no reason to refuse a picture
        return 1


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels[:, ::-1] if orientation in (2, 3, 6, 7) else pixels


def _record_of(image: Image.Image) -> dict[str, object]:
    try:
        record = json.loads(image.info.get(RECORD, "{}"))
    except (TypeError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def record_of(path: Path) -> dict[str, object]:
    """How a PNG of ours was made, without decoding it; empty if it is none."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return _record_of(image)
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
        text = _chunk(b"iTXt", RECORD.encode() + bytes(5) + record)
    body = _chunk(b"IDAT", zlib.compress(filtered.data, level))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + text + body + _chunk(b"IEND", b"")


def pixels_of(path: Path) -> int:
    """How many pixels a picture file has, by its header.  Raises UserError."""
    data = _read(path)
    try:
        _bounded(data)
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return image.width * image.height
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


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


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

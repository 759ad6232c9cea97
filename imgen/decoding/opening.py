"""The bytes of a file -> its first picture: upright pixels in sRGB.  What is large is refused before it unfolds."""

import io
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from imgen.controls import UserError
from imgen.decoding import colour, heif, jpeg, png, tiff

MANY = 2000  # parts of a file, beside one for each kilobyte
Image.MAX_IMAGE_PIXELS = None  # our own limit names the size, which Pillow's does not; nothing here decodes without it
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "DIB", "PPM")  # no others: Pillow runs Ghostscript for an EPS
Told = bytes | colour.Space | None  # what a file says of its colours: a profile, a space, nothing


def bounded(data: bytes) -> None:
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


def small_enough(size: tuple[int, int], max_pixels: int) -> None:
    """Asked before pixels are unpacked.  Raises UserError."""
    width, height = size
    if width * height > max_pixels:
        raise UserError("picture_too_large", width=width, height=height, limit=max_pixels // 1_000_000)
    if min(size) < 1:
        raise ValueError("a picture without pixels")


def opened(data: bytes, max_pixels: int) -> tuple[Image.Image, bytes, Told]:
    """Its header read, not its pixels; the bytes that make them; what they say of colours.  Raises UserError."""
    bounded(data)
    kind, told = heif.kind_of(data), None
    if kind in ("HEIF", "JXL"):
        heif.learn(kind)
    if kind == "JXL":
        small_enough(heif.jxl_size(data), max_pixels)
    if data.startswith(png.SIGNATURE):
        data, told = png.read(data)
    elif kind in ("AVIF", "HEIF"):
        told = heif.space_of(data)
    try:
        image = Image.open(io.BytesIO(data), formats=(kind,) if kind in ("HEIF", "JXL") else FORMATS)
    except (UnidentifiedImageError, KeyError):  # KeyError: an unknown compression
        page = tiff.layout(data)
        if page is None or not page.is_sound:
            raise
        raise UserError("format_unread", format=page.name) from None
    return image, data, image.info.get("icc_profile") or told  # PNG keeps its own to itself


def size_of(data: bytes, max_pixels: int) -> tuple[int, int]:
    """Width and height, by the header alone.  Raises UserError."""
    page = tiff.layout(data)
    if page is not None and page.is_ours:
        return page.width, page.height
    image, _, _ = opened(data, max_pixels)
    with image:
        return image.size


def unfold(data: bytes, max_pixels: int) -> tuple[np.ndarray, Any]:
    """-> (H, W, C) of 8 or 16 bit, and the text in which we wrote how the picture was made, if it has one."""
    page = tiff.layout(data)
    if page is not None and page.is_ours:
        return _of_tiff(data, page, max_pixels), None
    if page is not None and page.is_misread and page.is_sound:
        raise UserError("format_unread", format=page.name)
    image, data, told = opened(data, max_pixels)
    deep = image.format == "PNG" and data[24] == 16
    small_enough(image.size, max_pixels // 2 if deep and image.mode not in ("I;16", "L") else max_pixels)  # twice the bytes
    image = _loaded(image, data)
    orientation, record = _orientation(image), image.info.get(png.RECORD)
    if image.mode == "CMYK" and isinstance(told, bytes):
        image, told = colour.littlecms(image, told), None  # the only profile that changes the number of channels
    pixels = _deep_pixels(data, image)
    if pixels is None:
        pixels = _plain_pixels(image)
    return np.ascontiguousarray(_upright(colour.to_srgb(pixels, told), orientation)), record


def _of_tiff(data: bytes, page: tiff.Layout, max_pixels: int) -> np.ndarray:
    small_enough((page.width, page.height), max_pixels * 4 // max(4, page.channels * page.size))
    if tiff.bytes_of(page) > 4 * max_pixels:
        raise UserError("picture_unreadable")  # a tile larger than any picture
    told, orientation = page.tags.get(tiff.PROFILE), page.tags.get(tiff.ORIENTATION, 1)
    pixels = colour.to_srgb(tiff.unfold(data, page), told)
    return np.ascontiguousarray(_upright(pixels, orientation))


def _loaded(image: Image.Image, data: bytes) -> Image.Image:
    """All of it, so that what is cut off is found before OpenCV, which pads it, sees it."""
    try:
        image.load()
        return image
    except OSError:
        whole = jpeg.whole(data) if data.startswith(b"\xff\xd8") else None
        if whole is None:
            raise
        return whole


def _plain_pixels(image: Image.Image) -> np.ndarray:
    """(H, W, C) of 8 bit."""
    if image.mode in ("F", "I"):
        return tiff.scaled(np.asarray(image)[..., None])
    mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
    if image.has_transparency_data:
        mode = {"L": "LA", "RGB": "RGBA"}[mode]
    return np.asarray(image.convert(mode)).reshape(image.height, image.width, -1)


def _deep_pixels(data: bytes, image: Image.Image) -> np.ndarray | None:
    """(H, W, C) of 16 bit, None if the file has less.  Pillow keeps those of grey but not of colours: OpenCV does."""
    tag = getattr(image, "tag_v2", {}).get if image.format == "TIFF" else {}.get
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        grey = np.asarray(image).astype(np.uint16)[..., None]
        if tag(tiff.BITS, (16,)) == (12,):  # as Pillow gives them: at most 4095
            grey = grey << 4 | grey >> 8
        if tag(tiff.PHOTOMETRIC, 1) == 0:  # white is 0
            grey = 65535 - grey
        hidden = image.info.get("transparency")
        if hidden is None:
            return grey
        return np.concatenate([grey, np.where(grey == hidden, 0, 65535).astype(np.uint16)], axis=2)
    if image.format != "PNG" or data[24] != 16:
        return None
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.shape[:2] != (image.height, image.width):
        return None
    if data[25] == 4:  # grey with alpha, which OpenCV turns into four channels
        return pixels[..., 2:]
    return pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]  # OpenCV keeps blue first


def _orientation(image: Image.Image) -> int:
    """1 to 8 as EXIF counts.  Asked after loading, when Pillow has turned a TIFF itself."""
    try:
        return image.getexif().get(tiff.ORIENTATION, 1)
    except Exception:  # a damaged EXIF block is no reason to refuse a picture
        return 1


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels[:, ::-1] if orientation in (2, 3, 6, 7) else pixels

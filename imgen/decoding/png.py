"""A PNG's chunks.  Pillow and OpenCV get those that make its pixels; what is beside them is read here, and never fatal.

PNG specification, third edition, sections 5.3 (layout), 4.3 (precedence of colours), 11.3 (side chunks).
"""

import struct
import zlib
from collections.abc import Iterator

from imgen.decoding import colour

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"acTL", b"fcTL", b"fdAT")
RECORD = "imgen"  # the text chunk that says how a picture was made
TEXTS = (RECORD.encode(), b"XML:com.adobe.xmp", b"Raw profile type exif", b"Raw profile type APP1")  # beside ours: orientation
UNFOLDED = 2**20  # of a text: Pillow refuses a picture for more
PROFILE = 2**24  # of a profile: CMYK to paper takes 3 MB


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Kind, content, and whether the checksum is right.  That of pixels is not asked for: they have another inside, and a
    file may be cut off between the two."""
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body, told = data[at + 8 : at + 8 + size], data[at + 8 + size : at + 12 + size]
        yield kind, body, kind in (b"IDAT", b"fdAT", b"IEND") or told == struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
        if kind == b"IEND":
            return
        at += 12 + size


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def _inflate(packed: bytes, most: int) -> bytes | None:
    """None if it unfolds to more, or is damaged."""
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(packed, most + 1)
    except zlib.error:
        return None
    return body if len(body) <= most else None


def _is_wanted(kind: bytes, body: bytes) -> bool:
    """Whether Pillow gets it: what makes the pixels, and what it can read of orientation and our record."""
    if kind in (*PIXELS, b"tRNS", b"eXIf"):
        return True
    name, _, rest = body.partition(b"\0")
    if kind not in (b"tEXt", b"zTXt", b"iTXt") or name not in TEXTS:
        return False
    if kind == b"iTXt" and rest[:1] == b"\1":
        rest = b"\0" + rest[2:].split(b"\0", 2)[-1]
    elif kind != b"zTXt":
        return len(body) <= UNFOLDED
    return _inflate(rest[1:], UNFOLDED) is not None


def read(data: bytes) -> "tuple[bytes, bytes | colour.Space | None]":
    """-> the same picture without what does not make it, its last chunk in place; and its colours: a profile or a space.
    One with a wrong checksum is left out: without its header or palette it is no picture."""
    kept, told, before, texts = [SIGNATURE], {}, True, 0
    for kind, body, sound in chunks(data):
        if kind == b"IDAT":
            before = False
        if not sound or kind == b"IEND":
            continue
        if kind in (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"):
            if before:
                told.setdefault(kind, body)
        else:
            texts += kind.endswith(b"Xt") and body.partition(b"\0")[0] in TEXTS  # each is unfolded to see whether it is wanted
            if (texts <= 16 or not kind.endswith(b"Xt")) and _is_wanted(kind, body):
                kept.append(chunk(kind, body))
    return b"".join([*kept, chunk(b"IEND", b"")]), _colours(told)


def _colours(told: dict[bytes, bytes]) -> "bytes | colour.Space | None":
    """The first that can be read of what is told, in the order of the specification."""
    points = told.get(b"cICP", b"")
    if len(points) == 4 and points[2] == 0:  # RGB: a PNG is never luma and chroma
        space = colour.of_code_points(points[0], points[1], full=points[3] != 0)
        if space is not None:
            return space
    if b"iCCP" in told:
        profile = _inflate(told[b"iCCP"].partition(b"\0")[2][1:], PROFILE)
        if profile is not None:
            return profile
    if b"sRGB" in told:
        return None
    gamma, corners = told.get(b"gAMA", b""), told.get(b"cHRM", b"")
    if len(gamma) != 4 and len(corners) != 32:
        return None
    xy = struct.unpack(">8I", corners) if len(corners) == 32 else ()
    places = [(xy[n] / 100_000, xy[n + 1] / 100_000) for n in (2, 4, 6, 0)] if xy else None
    return colour.of_gamma(int.from_bytes(gamma, "big") / 100_000 if len(gamma) == 4 else None, places)

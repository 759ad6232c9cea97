"""As much of the format Parquet as data sets of small pictures on the Hub use: columns of bytes or whole numbers, none missing.

Apache Parquet, github.com/apache/parquet-format: a footer in Thrift's compact protocol says where the pages of each column lie;
a page is compressed (Snappy, gzip or not), and holds its values one behind the other, or numbers of entries of a dictionary.
Everything is checked against the length of what is there: whoever sends rubbish gets a ValueError.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MAGIC = b"PAR1"
PAGE, VALUES = 64 << 20, 1 << 20  # bytes of a page unpacked, and its values, at most
INT64, BYTES = 2, 6  # physical types
DATA, DICTIONARY = 0, 2  # kinds of pages
PLAIN, PLAIN_DICTIONARY, RLE_DICTIONARY = 0, 2, 8  # encodings


def columns(path: Path, names: tuple[str, ...], most: int) -> list[list[Any]]:
    """The first `most` values of each of the named columns ("image.bytes", "label").  ValueError if the file is another kind."""
    data = path.read_bytes()
    try:
        if data[:4] != MAGIC or data[-4:] != MAGIC:
            raise ValueError("no Parquet file")
        length = int.from_bytes(data[-8:-4], "little")
        footer = Thrift(data[-8 - length : -8]).struct()
        depth = optional(iter(footer[2]))
        found: list[list[Any]] = [[] for _ in names]
        for group in footer[4]:
            chunks = {".".join(part.decode() for part in chunk[3][3]): chunk[3] for chunk in group[1]}
            for name, values in zip(names, found, strict=True):
                if len(values) < most:
                    values.extend(column(data, chunks[name], depth[name]))
        return [values[:most] for values in found]
    except (LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError, struct.error, zlib.error) as error:
        raise ValueError(str(error)) from None  # RuntimeError: what next() and too deep a nesting end in


def optional(schema: Iterator[dict[int, Any]]) -> dict[str, int]:
    """Of each column by its path how many of the fields around it, and itself, may be missing."""
    def within(count: int, path: tuple[str, ...], depth: int) -> None:
        for _ in range(count):
            one = next(schema, {})
            if one.get(3, 0) == 2:
                raise ValueError("a list")
            here, deep = (*path, one[4].decode()), depth + one.get(3, 0)
            found[".".join(here)] = deep
            within(one.get(5, 0), here, deep)

    found: dict[str, int] = {}
    within(next(schema, {})[5], (), 0)
    return found


def column(data: bytes, chunk: dict[int, Any], depth: int) -> Iterator[Any]:
    """The values of one column of one group of rows."""
    at, left, entries = chunk.get(11) or chunk[9], chunk[5], []
    while left > 0:
        reader = Thrift(data, at)
        header = reader.struct()
        size, packed = header[2], header[3]
        if not 0 <= packed <= len(data) - reader.at or not 0 <= size <= PAGE:
            raise ValueError("a page beyond the file")
        page = unpacked(data[reader.at : reader.at + packed], chunk[4], size)
        at = reader.at + packed
        if header[1] == DICTIONARY:
            entries = list(plain(page, 0, chunk[1], min(header[7][1], VALUES)))
        elif header[1] == DATA:
            said = header[5]
            count = said[1]
            if not 0 < count <= VALUES:
                raise ValueError("too many values")
            left -= count
            start = 0
            if depth:  # which of the values are there
                start = 4 + int.from_bytes(page[:4], "little")
                if any(one != depth for one in hybrid(page, 4, depth.bit_length(), count)):
                    raise ValueError("a value is missing")
            if said[2] == PLAIN:
                yield from plain(page, start, chunk[1], count)
            elif said[2] in (PLAIN_DICTIONARY, RLE_DICTIONARY):
                yield from (entries[n] for n in hybrid(page, start + 1, page[start], count))
            else:
                raise ValueError("an encoding of another kind")
        else:
            raise ValueError("a page of another kind")


def unpacked(page: bytes, codec: int, size: int) -> bytes:
    match codec:
        case 0:
            return page
        case 1:
            return snappy(page, size)
        case 2:
            return zlib.decompressobj(31).decompress(page, size)
    raise ValueError("a compression of another kind")


def plain(page: bytes, at: int, kind: int, count: int) -> Iterator[Any]:
    if kind == INT64:
        yield from struct.unpack_from(f"<{count}q", page, at)
    elif kind == BYTES:
        for _ in range(count):
            (length,) = struct.unpack_from("<I", page, at)
            if at + 4 + length > len(page):
                raise ValueError("a value beyond its page")
            yield page[at + 4 : at + 4 + length]
            at += 4 + length
    else:
        raise ValueError("a type of another kind")


def hybrid(page: bytes, at: int, width: int, count: int) -> Iterator[int]:
    """Runs of one number, and packed numbers of `width` bits, by turns."""
    size = (width + 7) // 8
    while count > 0:
        head, at = varint(page, at)
        if head & 1:  # eights of packed numbers
            length = (head >> 1) * width
            run = min(count, (head >> 1) * 8)
            chunk = list(wide(page[at : at + length], width, run))
            at += length
        else:
            run = min(count, head >> 1)
            chunk = [int.from_bytes(page[at : at + size], "little")] * run
            at += size
        if not run:
            raise ValueError("an empty run")
        yield from chunk
        count -= run


def wide(packed: bytes, width: int, count: int) -> Iterator[int]:
    """Eight numbers at a time: a whole page in one number would be slow."""
    mask = (1 << width) - 1
    for start in range(0, -(-count // 8)):
        bits = int.from_bytes(packed[start * width : (start + 1) * width], "little")
        yield from (bits >> (width * n) & mask for n in range(min(8, count - 8 * start)))


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number too long")


def snappy(packed: bytes, size: int) -> bytes:
    """google/snappy, format_description.txt: pieces as they are, and copies of what came before."""
    length, at = varint(packed, 0)
    if length != size:
        raise ValueError("a page of another length")
    out = bytearray()
    while at < len(packed):
        tag = packed[at]
        at += 1
        if tag & 3 == 0:
            count = (tag >> 2) + 1
            if count > 60:
                extra = count - 60
                count = int.from_bytes(packed[at : at + extra], "little") + 1
                at += extra
            out += packed[at : at + count]
            at += count
        else:
            if tag & 3 == 1:
                count, back, at = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | packed[at], at + 1
            else:
                wide_ = 2 if tag & 3 == 2 else 4
                count, back, at = (tag >> 2) + 1, int.from_bytes(packed[at : at + wide_], "little"), at + wide_
            if not 0 < back <= len(out):
                raise ValueError("a copy from nowhere")
            piece = out[-back:][:count]
            out += (piece * (count // len(piece) + 1))[:count]
        if len(out) > size:
            raise ValueError("a page too long")
    if len(out) != size:
        raise ValueError("a page too short")
    return bytes(out)


class Thrift:
    """Apache Thrift's compact protocol, read: a struct becomes a dict of its fields by their numbers."""

    DEEP = 16

    def __init__(self, data: bytes, at: int = 0):
        self.data, self.at, self.deep = data, at, 0

    def struct(self) -> dict[int, Any]:
        self.deep += 1
        if self.deep > self.DEEP:
            raise ValueError("too deep")
        fields, last = {}, 0
        while head := self.byte():
            last = last + (head >> 4) if head >> 4 else self.zigzag()
            fields[last] = head & 15 == 1 if head & 15 in (1, 2) else self.value(head & 15)
        self.deep -= 1
        return fields

    def value(self, kind: int) -> Any:
        match kind:
            case 1 | 2 | 3:
                return self.byte()
            case 4 | 5 | 6:
                return self.zigzag()
            case 7:
                return self.bytes(8)
            case 8:
                return self.bytes(self.number())
            case 9 | 10:
                head = self.byte()
                count = self.number() if head >> 4 == 15 else head >> 4
                if count > len(self.data):
                    raise ValueError("a list too long")
                return [self.value(head & 15) for _ in range(count)]
            case 12:
                return self.struct()
        raise ValueError("a field of another kind")

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def bytes(self, count: int) -> bytes:
        self.at += count
        if self.at > len(self.data):
            raise ValueError("beyond its end")
        return self.data[self.at - count : self.at]

    def number(self) -> int:
        value, self.at = varint(self.data, self.at)
        return value

    def zigzag(self) -> int:
        value = self.number()
        return value >> 1 ^ -(value & 1)

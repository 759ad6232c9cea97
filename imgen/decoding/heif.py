"""HEIC, AVIF and JPEG XL: which it is, how large, and the colours (nclx) that Pillow does not tell.

ISO/IEC 14496-12 (boxes), 23008-12 (items and their properties), 18181-1 (size header of JPEG XL).
"""

from collections.abc import Iterator

from imgen.controls import UserError
from imgen.decoding import colour

HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
AVIF = {b"avif", b"avis"}
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # of JPEG XL: width to height
MANY = 4000  # boxes


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin and end of the content."""
    for _ in range(MANY):
        if start + 8 > end:
            return
        size, kind, head = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        stop = end if size == 0 else min(start + size, end)
        if stop < start + head:
            return
        yield kind, start + head, stop
        start = stop


def kind_of(data: bytes) -> str:
    """HEIF, AVIF, JXL, or "" of any other."""
    if data[:2] == b"\xff\x0a" or data[:12] == b"\0\0\0\x0cJXL \r\n\x87\n":
        return "JXL"
    if data[4:8] != b"ftyp":
        return ""
    end = min(int.from_bytes(data[:4], "big"), 400)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}
    if brands & AVIF:
        return "AVIF"
    return "HEIF" if brands & HEIC and b"hvcC" in data else ""  # by its codec: the brands mif1 and msf1 name none


def learn(kind: str) -> None:
    """Teaches Pillow a format that needs one more package.  Raises UserError: format_needs."""
    try:
        if kind == "HEIF":
            import pillow_heif  # pyright: ignore[reportMissingImports]  not one of ours: 26 MB, and LGPL inside

            pillow_heif.register_heif_opener()
        elif kind == "JXL":
            import pillow_jxl  # pyright: ignore[reportMissingImports]  # noqa: F401  importing it is all
    except ImportError:
        format_name, package = {"HEIF": ("HEIC", "pillow-heif"), "JXL": ("JPEG XL", "pillow-jxl-plugin")}[kind]
        raise UserError("format_needs", format=format_name, package=package) from None


def jxl_size(data: bytes) -> tuple[int, int]:
    """Width and height: its decoder for Pillow unfolds all pixels at once.  Raises ValueError."""
    if data[:2] != b"\xff\x0a":
        found = ((kind, start) for kind, start, _ in boxes(data, 0, len(data)) if kind in (b"jxlc", b"jxlp"))
        kind, start = next(found, (b"", 0))
        data = data[start + (4 if kind == b"jxlp" else 0) :][:64]
    if data[:2] != b"\xff\x0a":
        raise ValueError("no codestream")
    bits = int.from_bytes(data[2:18].ljust(16, b"\0"), "little")

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & (1 << count) - 1, bits >> count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1

    height, ratio = side(), take(3)
    return (height * RATIOS[ratio - 1][0] // RATIOS[ratio - 1][1] if ratio else side()), height


def space_of(data: bytes) -> colour.Space | None:
    """The nclx of the main picture of an AVIF or HEIC; None if it tells none.  Raises UserError: picture_transfer."""
    try:
        points = _nclx(data)
    except (IndexError, ValueError):  # damaged: the decoder will say so
        return None
    if points is None:
        return None
    return colour.of_code_points(*points, video=True)


def _nclx(data: bytes) -> tuple[int, int] | None:
    """Primaries and transfer; the range and the matrix are the decoder's work."""
    meta = next(((start + 4, end) for kind, start, end in boxes(data, 0, len(data)) if kind == b"meta"), None)
    if meta is None:
        return None
    inside = {kind: (start, end) for kind, start, end in boxes(data, *meta)}
    if b"iprp" not in inside:
        return None
    main = int.from_bytes(data[inside[b"pitm"][0] + 4 : inside[b"pitm"][1]], "big") if b"pitm" in inside else None
    properties, links = [], None
    for kind, start, end in boxes(data, *inside[b"iprp"]):
        if kind == b"ipco":
            properties = [*boxes(data, start, end)]
        elif kind == b"ipma" and links is None:
            links = _links(data[start:end], main)
    chosen = properties if links is None else [properties[n - 1] for n in links if 0 < n <= len(properties)]
    for kind, start, _ in chosen:
        if kind == b"colr" and data[start : start + 4] == b"nclx":
            return int.from_bytes(data[start + 4 : start + 6], "big"), int.from_bytes(data[start + 6 : start + 8], "big")
    return None


def _links(table: bytes, item: int | None) -> list[int] | None:
    """The numbers of the properties of an item (ItemPropertyAssociation); None if it is not there."""
    wide, many = 4 if table[0] else 2, 2 if table[3] & 1 else 1
    at = 8
    for _ in range(min(int.from_bytes(table[4:8], "big"), MANY)):
        name, count = int.from_bytes(table[at : at + wide], "big"), table[at + wide]
        at += wide + 1
        if name == item:
            places = (table[at + many * n : at + many * (n + 1)] for n in range(count))
            return [int.from_bytes(place, "big") & (0x7FFF if many == 2 else 0x7F) for place in places]
        at += many * count
    return None

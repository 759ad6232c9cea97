"""Picture files of every kind, drawn by a seed, each with what is right: `python tests/files.py --count 300`.

What is right comes from elsewhere: the numbers that went in, the formula of a specification in float64, or another decoder
(OpenCV, tifffile).  Damage may be refused; a kind that nobody promised to read may be refused, too, in one sentence.
"""

import argparse
import io
import resource
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image, ImageCms

sys.path.insert(0, str(Path(__file__).parent.parent))

from imgen.controls import UserError
from imgen.image import decode

SIZES = ((1, 1), (1, 7), (9, 1), (3, 5), (16, 16), (17, 33), (40, 56), (61, 64), (130, 97))
SECONDS, MEGABYTES = 2, 300


@dataclass(frozen=True)
class File:
    """Bytes, and the pixels that they stand for; None if they are to be refused.  `near` in levels of 255."""

    name: str
    data: bytes
    right: np.ndarray | None
    near: float = 0.0
    may_refuse: bool = False


SRGB_OF_D50 = np.array([[0.4361, 0.2225, 0.0139], [0.3851, 0.7169, 0.0971], [0.1431, 0.0606, 0.7142]])


# -- what is drawn ---------------------------------------------------------------------------------------------------


def drawn(rng: np.random.Generator, height: int, width: int, channels: int, dtype: type) -> np.ndarray:
    """A soft picture with some noise, over the whole range."""
    y, x = np.mgrid[:height, :width]
    angle = rng.uniform(0, 6.28, (channels, 2))
    soft = [0.5 + 0.45 * np.sin(a + x / 9 + y / 14) * np.cos(b + y / 11) for a, b in angle]
    values = (np.stack(soft, axis=-1) + rng.normal(0, 0.03, (height, width, channels))).clip(0, 1)
    return values.astype(dtype) if np.issubdtype(dtype, np.floating) else np.rint(values * np.iinfo(dtype).max).astype(dtype)


def profile(curve: float | list[int] | bytes, columns: np.ndarray | None = None, space: bytes = b"RGB ") -> bytes:
    """A minimal ICC profile (ICC.1:2010): a power, a table or a whole tag, and the primaries in XYZ of D50 (or sRGB's)."""
    columns = SRGB_OF_D50 if columns is None else columns
    parts = {b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)}
    tone = [round(curve * 256)] if isinstance(curve, float) else curve
    curv = tone if isinstance(tone, bytes) else b"curv\0\0\0\0" + struct.pack(f">I{len(tone)}H", len(tone), *tone)
    if space == b"RGB ":
        for name, column in zip((b"r", b"g", b"b"), columns, strict=True):
            place = struct.pack(">3i", *np.rint(column * 65536).astype(int))
            parts |= {name + b"XYZ": b"XYZ \0\0\0\0" + place, name + b"TRC": curv}
    else:
        parts[b"kTRC"] = curv
    at, table, body = 132 + 12 * len(parts), b"", b""
    for name, part in parts.items():
        table += struct.pack(">4sII", name, at + len(body), len(part))
        body += part + bytes(-len(part) % 4)
    size = at + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"mntr", space, b"XYZ ") + bytes(12) + b"acsp" + bytes(28)
    head += struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(parts)) + table + body


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(pixels: np.ndarray, *side: bytes, interlaced: bool = False) -> bytes:
    """By hand, so that no decoder that is compared has written it; `side` chunks come before the pixels."""
    height, width, channels = pixels.shape
    rows = b""
    for y, x, down, along in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)):
        part = pixels[y::down, x::along] if interlaced else pixels
        if part.size:
            rows += b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in part)
        if not interlaced:
            break
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    head = struct.pack(">IIBBBBB", width, height, pixels.itemsize * 8, kind, 0, 0, int(interlaced))
    body = zlib.compress(rows)
    cut = len(body) // 2
    idat = chunk(b"IDAT", body[:cut]) + chunk(b"IDAT", body[cut:])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(side) + idat + chunk(b"IEND", b"")


# -- what is right, by the specifications ----------------------------------------------------------------------------

TO_XYZ = {  # CSS Color 4, section 18: of light, white D65
    "p3": [[0.4865709486, 0.2656676932, 0.1982172852], [0.2289745641, 0.6917385218, 0.0792869141],
           [0, 0.0451133819, 1.0439443689]],
    "rec2020": [[0.6369580483, 0.1446169036, 0.1688809752], [0.2627002120, 0.6779980715, 0.0593017165],
                [0, 0.0280726930, 1.0609850577]],
    "srgb": [[0.4123907993, 0.3575843394, 0.1804807884], [0.2126390059, 0.7151686788, 0.0721923154],
             [0.0193308187, 0.1191947798, 0.9505321522]],
}  # fmt: skip
ALPHA = 0.099296826809442  # of BT.709, with the digits of H.273
DECODED = {
    "srgb": lambda v: np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4),
    "linear": lambda v: v,
    "2.2": lambda v: v**2.2,
    "240m": lambda v: np.where(v < 4 * 0.0228, v / 4, ((v + 0.1115) / 1.1115) ** (1 / 0.45)),
    "bt709": lambda v: np.where(v < 4.5 * 0.018053968510807, v / 4.5, ((v + ALPHA) / (1 + ALPHA)) ** (1 / 0.45)),
}


def srgb(pixels: np.ndarray, curve: str, primaries: str = "srgb") -> np.ndarray:
    """The numbers of sRGB, not rounded, in levels of the file's own depth."""
    white = np.iinfo(pixels.dtype).max
    channels = pixels.shape[2]
    colour = pixels[..., : channels - 1 + channels % 2] / white
    light = DECODED[curve](colour)
    if colour.shape[2] == 3:
        light = light @ (np.linalg.inv(TO_XYZ["srgb"]) @ np.array(TO_XYZ[primaries])).T
    light = light.clip(0, 1)
    value = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * white
    return value if channels % 2 else np.concatenate([value, pixels[..., -1:]], axis=2)


# -- kinds of files --------------------------------------------------------------------------------------------------


def of_png(rng: np.random.Generator, height: int, width: int) -> File:
    channels, dtype = int(rng.integers(1, 5)), (np.uint8, np.uint16)[rng.integers(2)]
    pixels = drawn(rng, height, width, channels, dtype)
    told = str(rng.choice(list(PNG_COLOURS)))
    side, right, near = PNG_COLOURS[told](pixels)
    more = str(rng.choice(["", "", "text", "crc", "profile", "small"]))
    if more == "text":
        side.append(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3_000_000))))
    elif more == "crc":
        side.append(chunk(b"tEXt", b"Comment\0hello")[:-1] + b"?")
    elif more == "profile" and told == "nothing":
        body = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + bytes(2_000_000)
        side.append(chunk(b"iCCP", b"big\0\0" + zlib.compress(body)))
        near = 1.0
    elif more == "small":
        side += [chunk(b"prVt", b"")] * 50
    interlaced = bool(rng.integers(4) == 0)
    name = f"png {channels}×{dtype().itemsize * 8} {told} {more} {'interlaced' if interlaced else ''}"
    return File(name, png(pixels, *side, interlaced=interlaced), right, near)


def _iccp(pixels: np.ndarray, gamma: float) -> list[bytes]:
    body = profile(gamma, space=b"RGB " if pixels.shape[2] > 2 else b"GRAY")
    return [chunk(b"iCCP", b"p\0\0" + zlib.compress(body))]


PNG_COLOURS = {
    "nothing": lambda p: ([], p, 0.0),
    "srgb": lambda p: ([chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 100000))], p, 0),
    "icc linear": lambda p: (_iccp(p, 1.0), srgb(p, "linear"), 0.5 if p.itemsize == 2 else 1.5),
    "gama": lambda p: ([chunk(b"gAMA", struct.pack(">I", 45455))], p, 0),
    "gama linear": lambda p: ([chunk(b"gAMA", struct.pack(">I", 100000))], srgb(p, "linear"), 0.51),
    "chrm p3": lambda p: ([chunk(b"gAMA", struct.pack(">I", 100000)), chunk(b"cHRM", struct.pack(
        ">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))], srgb(p, "linear", "p3"), 0.6),
    "p3": lambda p: ([chunk(b"cICP", b"\x0c\x0d\0\1")], srgb(p, "srgb", "p3"), 0.6),
    "rec2020": lambda p: ([chunk(b"cICP", b"\x09\x0e\0\1")], srgb(p, "bt709", "rec2020"), 0.6),
    "2.2": lambda p: ([chunk(b"cICP", b"\1\4\0\1")], srgb(p, "2.2"), 0.6),
    "pq": lambda p: ([chunk(b"cICP", b"\x09\x10\0\1")], None, 0),
    "hlg": lambda p: ([chunk(b"cICP", b"\x09\x12\0\1")], None, 0),
}  # fmt: skip


def of_tiff(rng: np.random.Generator, height: int, width: int) -> File:
    dtype = (np.uint8, np.uint16, np.uint16, np.uint32, np.float16, np.float32, np.float64)[rng.integers(7)]
    channels = int(rng.choice([1, 1, 2, 3, 3, 4]))
    pixels = drawn(rng, height, width, channels, dtype)
    grey, planar = channels < 3, bool(rng.integers(3) == 0) and channels > 1
    inverted = channels == 1 and dtype != np.float16 and bool(rng.integers(4) == 0)
    packing = str(rng.choice(["none", "zlib", "packbits"])) if dtype == np.uint8 else str(rng.choice(["none", "zlib"]))
    options = {
        "photometric": "miniswhite" if inverted else "minisblack" if grey else "rgb",
        "planarconfig": "separate" if planar else "contig",
        "byteorder": str(rng.choice(["<", ">"])),
        "bigtiff": bool(rng.integers(4) == 0),
        "metadata": None,
        "extrasamples": ["unassalpha"] if channels in (2, 4) else None,
    }
    if packing == "zlib":
        options |= {"compression": "zlib", "predictor": bool(rng.integers(2)) and np.issubdtype(dtype, np.integer)}
    if rng.integers(3) == 0:
        options["tile"] = ((16, 16), (32, 64))[rng.integers(2)]
    else:
        options["rowsperstrip"] = int(rng.integers(1, height + 1))
    given = pixels[..., 0] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1)) if planar else pixels
    file = io.BytesIO()
    tifffile.imwrite(file, given, **options)
    again = tifffile.imread(io.BytesIO(file.getvalue()))
    assert np.array_equal(again, given)
    if dtype == np.uint32:
        right, near = pixels / 65537, 0.5 / 257
    elif np.issubdtype(dtype, np.floating):
        right, near = pixels.astype(np.float64) * 255, 0.51
    else:
        right, near = pixels, 0.0
    if inverted:
        right = (65535 if dtype in (np.uint16, np.uint32) else 255) - np.asarray(right, np.float64)
    odd = {key: value for key, value in options.items() if value and key not in ("metadata", "photometric")}
    return File(f"tiff {channels}×{dtype.__name__} {options['photometric']} {odd}", file.getvalue(), right, near)


def of_cv_tiff(rng: np.random.Generator, height: int, width: int) -> File:
    """libtiff's own LZW and predictors, as OpenCV writes them."""
    dtype, channels = (np.uint16, np.float32)[rng.integers(2)], int(rng.choice([1, 3]))
    pixels, how = drawn(rng, height, width, channels, dtype), int(rng.choice([1, 5, 8, 32946]))
    predictor = 1 if how == 1 else int(rng.choice([1, 2, 3] if dtype == np.float32 else [1, 2]))
    options = [cv2.IMWRITE_TIFF_COMPRESSION, how, cv2.IMWRITE_TIFF_PREDICTOR, predictor, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 5]
    data = cv2.imencode(".tiff", pixels[..., ::-1].squeeze(2) if channels == 1 else pixels[..., ::-1], options)[1].tobytes()
    back = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED).reshape(height, width, channels)[..., ::-1]
    right, near = (back, 0.0) if dtype == np.uint16 else (back.astype(np.float64) * 255, 0.51)
    return File(f"tiff of OpenCV {channels}×{dtype.__name__} compression {how} predictor {predictor}", data, right, near)


def of_jpeg(rng: np.random.Generator, height: int, width: int) -> File:
    channels = int(rng.choice([1, 3, 3]))
    pixels, progressive = drawn(rng, height, width, channels, np.uint8), bool(rng.integers(2))
    image, file = Image.fromarray(pixels[..., 0] if channels == 1 else pixels), io.BytesIO()
    image.save(file, "JPEG", quality=int(rng.integers(30, 100)), progressive=progressive, subsampling=int(rng.integers(3)))
    data, right = file.getvalue(), None
    right = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED).reshape(height, width, channels)[..., ::-1]
    cut = str(rng.choice(["", "", "no end", "half an end", "60 %"]))
    data = {"no end": data[:-2], "half an end": data[:-1], "60 %": data[: len(data) * 6 // 10]}.get(cut, data)
    name = f"jpeg {channels} {'progressive' if progressive else 'baseline'} {cut}"
    return File(name, data, None if cut == "60 %" else right, 0.0 if channels == 1 else 3.0)


def of_small_kinds(rng: np.random.Generator, height: int, width: int) -> File:
    kind = str(rng.choice(["BMP", "GIF", "WEBP", "WEBP lossy", "AVIF", "PPM", "PGM16", "P", "1", "LA", "I;16"]))
    channels = {"GIF": 1, "PGM16": 1, "1": 1, "LA": 2, "I;16": 1}.get(kind, 3)
    pixels, file = drawn(rng, height, width, channels, np.uint16 if kind in ("PGM16", "I;16") else np.uint8), io.BytesIO()
    right, near, may_refuse = pixels, 0.0, False
    if kind == "PGM16":
        file.write(b"P5 %d %d 65535\n" % (width, height) + pixels.astype(">u2").tobytes())
    elif kind == "P":
        image = Image.fromarray(pixels).quantize(16)
        right = np.asarray(image.convert("RGB"))
        image.save(file, "PNG")
    elif kind == "1":
        right = (pixels > 127).astype(np.uint8) * np.uint8(255)
        Image.fromarray(right[..., 0]).convert("1").save(file, "PNG")
    elif kind == "GIF":
        Image.fromarray(pixels[..., 0]).save(file, "GIF")
        back = Image.open(io.BytesIO(file.getvalue()))
        right = np.asarray(back)[..., None] if back.mode == "L" else np.asarray(back.convert("RGB"))
    else:
        image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels, mode=None)
        options = {"WEBP": {"lossless": True}, "WEBP lossy": {"quality": 90}, "AVIF": {"quality": 90}}.get(kind, {})
        image.save(file, {"WEBP lossy": "WEBP", "LA": "PNG", "I;16": "TIFF"}.get(kind, kind), **options)
        if options and kind != "WEBP":
            flags = cv2.IMREAD_COLOR
            right, near = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), flags)[..., ::-1], 3.0
    return File(f"{kind}", file.getvalue(), right, near, may_refuse)


def of_nclx(rng: np.random.Generator, height: int, width: int) -> File:
    """An AVIF whose code points are changed in the file: the same numbers, told to be others."""
    pixels, file = drawn(rng, height, width, 3, np.uint8), io.BytesIO()
    Image.fromarray(pixels).save(file, "AVIF", quality=95)
    data = file.getvalue()
    back = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    p3, linear = srgb(back, "srgb", "p3"), srgb(back, "linear")
    points, right = [((1, 1), back), ((12, 13), p3), ((9, 16), None), ((9, 18), None), ((1, 8), linear)][rng.integers(5)]
    at = data.index(b"nclx") + 4
    data = data[:at] + struct.pack(">HH", *points) + data[at + 4 :]
    return File(f"avif nclx {points}", data, right, 0.0 if points == (1, 1) else 0.6)


def of_bombs(rng: np.random.Generator, height: int, width: int) -> File:
    which = int(rng.integers(5))
    head = struct.pack(">IIBBBBB", 40000, 40000, 8, 2, 0, 0, 0)
    tiny = png(drawn(rng, 2, 2, 3, np.uint8))
    if which == 0:
        data = tiny[:8] + chunk(b"IHDR", head) + tiny[33:]
    elif which == 1:
        data = tiny[:33] + chunk(b"prVt", b"") * 30_000 + tiny[33:]
    elif which == 2:
        data = b"P6 60000 60000 255\n"
    elif which == 3:
        data = struct.pack("<2sHIH", b"II", 42, 8, 10)
        tags = {256: 30000, 257: 30000, 258: 32, 259: 8, 262: 2, 273: 140, 277: 3, 278: 30000, 279: 20, 339: 3}
        data += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()) + bytes(4)
    else:
        data = b"\xff\x0a" + (1 | 0xFF << 1).to_bytes(4, "little") + bytes(20)
    return File(f"bomb {which}", data, None)


MAKERS = (of_png, of_tiff, of_jpeg, of_small_kinds, of_nclx, of_cv_tiff, of_png, of_tiff, of_small_kinds, of_jpeg,
          of_bombs, of_tiff, of_png)  # fmt: skip


def damaged(rng: np.random.Generator, file: File) -> File:
    """Bytes changed, lost or put in between: to be refused, or to be any picture."""
    data, how = bytearray(file.data), int(rng.integers(4))
    at = int(rng.integers(len(data)))
    if how == 0:
        del data[at:]
    elif how == 1:
        for place in rng.integers(0, len(data), 5):
            data[place] = rng.integers(256)
    elif how == 2:
        data[at:at] = rng.bytes(int(rng.integers(1, 50)))
    else:
        del data[at : at + int(rng.integers(1, 50))]
    return File(f"{file.name}, damaged {how}", bytes(data), None, may_refuse=True)


def files(count: int, seed: int = 0) -> Iterator[File]:
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        file = MAKERS[number % len(MAKERS)](rng, *SIZES[rng.integers(len(SIZES))])
        yield damaged(rng, file) if rng.integers(4) == 0 else file


def fault(file: File, folder: Path) -> tuple[str, str]:
    """("right" | "refused" | "wrong", why)."""
    path = folder / "a file of mine.bin"
    path.write_bytes(file.data)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        picture, said = decode(path), None
    except UserError as error:
        picture, said = None, str(error)
    except BaseException as error:  # a traceback is what must never be
        return "wrong", repr(error)
    spent, taken = time.process_time() - began, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if spent > SECONDS or taken > MEGABYTES:
        return "wrong", f"{spent:.1f} s, {taken:.0f} MB"
    if path.read_bytes() != file.data:
        return "wrong", "the original was changed"
    if picture is None:
        if said is None or str(folder) in said or "Traceback" in said or path.name in said:
            return "wrong", f"said: {said}"
        return ("refused", "") if file.right is None or file.may_refuse else ("wrong", f"refused: {said}")
    if file.right is None:
        return ("right", "") if file.may_refuse else ("wrong", "opened")
    if picture.pixels.shape != file.right.shape:
        return "wrong", f"{picture.pixels.shape} instead of {file.right.shape}"
    far = np.abs(picture.pixels.astype(np.float64) - file.right).max() * 255 / picture.white
    return ("right", "") if far <= file.near else ("wrong", f"{far:.2f} of 255 off")


KINDS = {  # of a file's name -> a row of the README's table
    "damaged": ("damaged", "损坏的"), "bomb": ("bombs", "解压炸弹"), "png": ("PNG", "PNG"), "tiff": ("TIFF", "TIFF"),
    "jpeg": ("JPEG", "JPEG"), "avif": ("AVIF", "AVIF"), "": ("GIF, BMP, WebP, PPM", "GIF、BMP、WebP、PPM"),
}
HEADS = ("| files | tried | read right | refused in a sentence | wrong |", "| 文件 | 试过 | 读对 | 用一句话拒绝 | 读错 |")
READMES = ("README.md", "imgen/texts/zh/README.md")
BEGIN, END = "<!-- files -->", "<!-- /files -->"
OUTCOMES = ("right", "refused", "wrong")


def kind_of(file: File) -> str:
    kind = "damaged" if "damaged" in file.name else file.name.split()[0]
    return kind if kind in KINDS else ""


def write_tables(counts: Counter[tuple[str, str]]) -> None:
    """Into both READMEs, between their marks."""
    for path, head, language in zip(READMES, HEADS, (0, 1), strict=True):
        rows = [head, "|---|---|---|---|---|"]
        for kind, words in KINDS.items():
            found = [counts[kind, outcome] for outcome in OUTCOMES]
            rows.append(f"| {words[language]} | {sum(found)} | " + " | ".join(map(str, found)) + " |")
        readme = Path(__file__).parent.parent / path
        before, rest = readme.read_text(encoding="utf-8").split(BEGIN)
        readme.write_text("\n".join([before + BEGIN, *rows, END]) + rest.split(END)[1], encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--readme", action="store_true", help="write what came out into the README's table")
    asked = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for file in files(asked.count, asked.seed):
            outcome, why = fault(file, Path(folder))
            counts[kind_of(file), outcome] += 1
            if outcome == "wrong":
                print(f"{file.name}: {why}", flush=True)
    if asked.readme:
        write_tables(counts)
    total = {outcome: sum(count for (_, one), count in counts.items() if one == outcome) for outcome in OUTCOMES}
    print(f"tried {asked.count}, " + ", ".join(f"{outcome} {count}" for outcome, count in total.items()))
    sys.exit(total["wrong"] > 0)


if __name__ == "__main__":
    main()

"""A visitor's own pictures, from files or a zip: looked at, made small, and forgotten.  All of it is hostile until it is read."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from imgen.controls import UserError
from imgen.image import decode
from imgen.lab.data import HELD_OUT, PIECE, SIDE, Lot

LEAST, MOST = 8, 500  # pictures
ENTRIES = 5000  # of a zip, folders and what is no picture among them
BYTES, ALL_BYTES = 20 << 20, 200 << 20  # of a picture file, of all of them unpacked
PIXELS, ALL_PIXELS = 30_000_000, 600_000_000  # likewise
CLASSES = 10
ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic"}
ENCRYPTED, UNICODE = 0x1, 0x800  # of a zip's flags
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # of the others Python unpacks a whole file at once, however large it becomes


@dataclass(frozen=True)
class Own:
    """pictures (N, PIECE, PIECE, 3) uint8, labels (N,) and their names, by folders; skipped: files that are no pictures."""

    pictures: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...] = ()
    skipped: int = 0

    def lot(self, pieces: bool) -> Lot:
        """pieces: in colour and as they are; else small and grey.  About every fifth is held out."""
        pictures = self.pictures.transpose(0, 3, 1, 2)
        if not pieces:
            greys = [cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in self.pictures]
            pictures = np.stack([cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for one in greys])[:, None]
        held = np.zeros(len(pictures), bool)
        held[:: max(4, len(pictures) // HELD_OUT)] = True
        order = np.random.default_rng(0).permutation(len(pictures))  # folders lie mixed
        seen, other = order[~held[order]], order[held[order]]
        pictures = np.ascontiguousarray(pictures)
        return Lot(pictures[seen], self.labels[seen], pictures[other], self.labels[other], self.classes)


def own_pictures(files: Sequence[Path | str]) -> Own:
    """Read them, cut out the square in the middle, shrink it.  A zip's folders are classes.

    Raises UserError: own_none, own_too_few, own_too_many, own_file_large, own_all_large, own_zip_broken, own_zip_paths,
    own_zip_locked, own_zip_packed.
    """
    found, skipped, pixels = [], 0, 0
    for name, data in contents([Path(file) for file in files]):
        try:
            picture = decode(data, PIXELS)
        except UserError as error:
            if error.key == "picture_too_large":
                raise UserError("own_file_large", name=shown(name), limit=BYTES >> 20, pixels=PIXELS // 10**6) from None
            skipped += 1
            continue
        pixels += picture.width * picture.height
        if pixels > ALL_PIXELS:
            raise UserError("own_all_large", limit=ALL_BYTES >> 20, pixels=ALL_PIXELS // 10**6)
        found.append((PurePosixPath(name).parent.name, square(picture.on_white().rgb().pixels)))
        if len(found) > MOST:
            raise UserError("own_too_many", most=MOST)
    if not found:
        raise UserError("own_none")
    if len(found) < LEAST:
        raise UserError("own_too_few", least=LEAST, came=len(found))
    folders = sorted({folder for folder, _ in found})
    classes = folders if 2 <= len(folders) <= CLASSES else []
    labels = [classes.index(folder) if classes else 0 for folder, _ in found]
    return Own(np.stack([pixels for _, pixels in found]), np.array(labels), tuple(shown(one) for one in classes), skipped)


def contents(files: list[Path]) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of all that may be a picture; checked before anything is unpacked."""
    if len(files) > MOST:
        raise UserError("own_too_many", most=MOST)
    total = 0
    for file in files:
        if zipfile.is_zipfile(file):
            yield from unpacked(file)
            continue
        size = file.stat().st_size
        total += size
        if size > BYTES:
            raise UserError("own_file_large", name=shown(file.name), limit=BYTES >> 20, pixels=PIXELS // 10**6)
        if total > ALL_BYTES:
            raise UserError("own_all_large", limit=ALL_BYTES >> 20, pixels=ALL_PIXELS // 10**6)
        if file.suffix.lower() == ".zip":
            raise UserError("own_zip_broken")
        yield file.name, file.read_bytes()


def unpacked(file: Path) -> Iterator[tuple[str, bytes]]:
    """What a zip says of itself is checked first, and then believed of no file: never more than BYTES are unpacked of one."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if len(entries) > ENTRIES:
                raise UserError("own_too_many", most=MOST)
            wanted = [entry for entry in entries if is_wanted(entry)]
            if len(wanted) > MOST:
                raise UserError("own_too_many", most=MOST)
            for entry in wanted:
                if entry.compress_type not in PACKED:
                    raise UserError("own_zip_packed")
                if entry.file_size > BYTES:
                    raise UserError("own_file_large", name=shown(named(entry)), limit=BYTES >> 20, pixels=PIXELS // 10**6)
            if sum(entry.file_size for entry in wanted) > ALL_BYTES:
                raise UserError("own_all_large", limit=ALL_BYTES >> 20, pixels=ALL_PIXELS // 10**6)
            for entry in wanted:
                with archive.open(entry) as stream:
                    data = stream.read(BYTES + 1)
                if len(data) > BYTES:
                    raise UserError("own_file_large", name=shown(named(entry)), limit=BYTES >> 20, pixels=PIXELS // 10**6)
                yield named(entry), data
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError, RuntimeError):  # RuntimeError: a password
        raise UserError("own_zip_broken") from None
    except Exception as error:  # zlib's and lzma's own
        if isinstance(error, UserError):
            raise
        raise UserError("own_zip_broken") from None


def named(entry: zipfile.ZipInfo) -> str:
    """Its name as whoever packed it read it: what is not marked as Unicode comes from an old Windows in Chinese, or a Mac."""
    if entry.flag_bits & UNICODE:
        return entry.filename
    raw = entry.filename.encode("cp437", "replace")  # as which zipfile has read it
    for encoding in ("utf-8", "gb18030"):
        with suppress(UnicodeDecodeError):
            return raw.decode(encoding)
    return entry.filename


def is_wanted(entry: zipfile.ZipInfo) -> bool:
    """Whether it may be a picture.  UserError for what no honest zip holds."""
    path = PurePosixPath(named(entry).replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] if path.parts else False:
        raise UserError("own_zip_paths")
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    if entry.is_dir() or hidden or path.suffix.lower() not in ENDINGS:
        return False
    if entry.flag_bits & ENCRYPTED:
        raise UserError("own_zip_locked")
    return True


def square(pixels: np.ndarray) -> np.ndarray:
    """The middle of (H, W, 3) -> (PIECE, PIECE, 3) uint8."""
    if pixels.dtype != np.uint8:
        pixels = (pixels >> 8).astype(np.uint8)
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cut = pixels[top : top + side, left : left + side]
    how = cv2.INTER_AREA if side > PIECE else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(cut), (PIECE, PIECE), interpolation=how)


def shown(name: str) -> str:
    """Of a stranger's file: its last part, short, and nothing that a terminal would obey."""
    return "".join(one for one in PurePosixPath(name).name if one.isprintable())[:40]

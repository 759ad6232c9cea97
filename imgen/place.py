"""Where results go.  A file that is there is never replaced: it is kept if the same command made it, else the next name is taken.

What made a file stands in it, in the chunk `imgen`: a PNG's text, or at the end of a WebP.  Two processes may write into one
folder: a name is claimed in one step, by a file that is whole.
"""

import errno
import hashlib
import json
import os
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from uuid import uuid4

from imgen.controls import UserError
from imgen.image import RECORD, Picture, animate, encode, record_of

LONGEST = 255  # bytes of a name, where the file system says no less
PART, UNDER_WAY = ".imgen-", ".part"  # around the name of a file that is still being written
LINKLESS = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}
WHY = {  # what the system says -> a sentence
    errno.ENOSPC: "write_disk_full", errno.EDQUOT: "write_disk_full", errno.EACCES: "write_denied", errno.EPERM: "write_denied",
    errno.EROFS: "write_denied", errno.ENAMETOOLONG: "write_name_long", errno.EEXIST: "write_no_folder",
    errno.ENOTDIR: "write_no_folder",
}


def is_folder(out: str) -> bool:
    """Whether results go into it: it is a folder, ends as one, or has no ending at all."""
    return out.endswith(("/", os.sep, os.altsep or "/")) or os.path.isdir(out) or not Path(out).suffix


def ready(folder: Path) -> None:
    """Make the folder, and see that it can be written to, before the first minute of work.  Raises UserError."""
    part = folder / f"{PART}{uuid4().hex}{UNDER_WAY}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.open("xb").close()
        part.unlink()
    except (OSError, ValueError) as error:
        raise unwritable(error, folder.name) from None


def find(target: Path, made: Mapping[str, object]) -> tuple[Path, bool]:
    """`target`, or target-2, target-3 …: the first that is what `made` tells, with True, or that is free.

    made: part of a record; a None stands for what a record must not tell.
    """
    for n in count(1):
        path = target.with_name(fitting(target.stem, f"-{n}{target.suffix}" if n > 1 else target.suffix, limit(target.parent)))
        if not os.path.lexists(path):  # a link to nothing is somebody's, too
            return path, False
        known = written(path)
        if all(known.get(name) == value for name, value in made.items()):
            return path, True
    raise AssertionError("there is always one more number")


def write(target: Path, result: Picture | list[Picture], made: Mapping[str, object]) -> tuple[Path, bool]:
    """A picture as PNG, several as a film in WebP, with `made` in its record -> as `find`.  Raises UserError."""
    suffix = ".png" if isinstance(result, Picture) else ".webp"
    if target.suffix.lower() != suffix:
        raise UserError("suffix_needed", name=target.name, suffix=suffix)
    told = {name: value for name, value in made.items() if value is not None}
    if isinstance(result, Picture):
        data = encode(replace(result, record={**result.record, **told}))
    else:
        data = sealed(animate(result), {**result[0].record, **told})
    part = target.parent / f"{PART}{uuid4().hex}{UNDER_WAY}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # before it has a name: a power cut leaves the whole or nothing
        while True:
            path, there = find(target, made)
            if there or claimed(part, path):
                return path, there
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise unwritable(error, target.name) from None
    finally:
        with suppress(OSError, ValueError):
            part.unlink()


def settle(part: Path, target: Path) -> Path:
    """Give a file that is whole its name: `target`, or target-2, target-3 …, the first that is free.  Raises UserError."""
    try:
        for n in count(1):
            ending = f"-{n}{target.suffix}" if n > 1 else target.suffix
            path = target.with_name(fitting(target.stem, ending, limit(target.parent)))
            if not os.path.lexists(path) and claimed(part, path):
                return path
    except OSError as error:
        raise unwritable(error, target.name) from None
    finally:
        part.unlink(missing_ok=True)
    raise AssertionError("there is always one more number")


def claimed(part: Path, path: Path) -> bool:
    """Give the whole file its name, unless somebody has taken it meanwhile.  Raises OSError."""
    try:
        if os.name == "nt":
            part.rename(path)  # there it replaces nothing
        else:
            os.link(part, path)
        return True
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in LINKLESS:
            raise
    try:  # a file system without links, as a memory card's: an empty file holds the name for a moment
        path.open("xb").close()
    except FileExistsError:
        return False
    try:
        part.replace(path)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True


def written(path: Path) -> dict[str, object]:
    """The record of a file of ours that is whole; {} of any other, whatever it is."""
    try:
        if not path.is_file():  # a pipe would never end
            return {}
        with path.open("rb") as file:
            start = file.read(12)
            file.seek(-min(12, path.stat().st_size), os.SEEK_END)
            end = file.read(12)
        if start.startswith(b"\x89PNG"):
            return record_of(path) if end == b"\0\0\0\0IEND\xaeB`\x82" else {}
        return _seal_of(path) if start[:4] == b"RIFF" and start[8:] == b"WEBP" else {}
    except Exception:  # of somebody's file anything may be wrong
        return {}


def sealed(film: bytes, record: Mapping[str, object]) -> bytes:
    """A WebP with its record in a chunk of its own at the end, which others pass over (container specification, "Unknown
    Chunks").
    """
    body = json.dumps(record).encode()
    chunks = film[8:] + RECORD[:4].encode() + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def _seal_of(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        (size,) = struct.unpack("<4xI", file.read(8))
        if size + 8 != path.stat().st_size:
            return {}
        at = 12
        while at < size:
            file.seek(at)
            kind, length = struct.unpack("<4sI", file.read(8))
            if kind == RECORD[:4].encode():
                record = json.loads(file.read(length))
                return record if isinstance(record, dict) else {}
            at += 8 + length + length % 2
    return {}


def fitting(stem: str, end: str, most: int) -> str:
    """stem + end, in at most so many bytes: else the stem is cut, between two characters, and a digest of it tells two apart."""
    if len(os.fsencode(stem + end)) <= most:
        return stem + end
    end = f"~{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}{end}"
    while stem and len(os.fsencode(stem + end)) > most:
        stem = stem[:-1]
    return stem + end


def limit(folder: Path) -> int:
    """Bytes that a name in it may have."""
    try:
        return min(LONGEST, os.pathconf(folder, "PC_NAME_MAX"))
    except (AttributeError, OSError, ValueError):  # on Windows, or the folder is not there yet
        return LONGEST


def digest(path: Path) -> str:
    """By which the same file is known again, whatever its name.  Raises UserError."""
    try:
        if path.exists() and not path.is_file():
            raise UserError("picture_unreadable")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except (OSError, ValueError):  # ValueError: a null byte in the name
        raise UserError("picture_missing", name=path.name) from None


def digest_of(*parts: object) -> str:
    """By which the same command is known again: its name, its options, the digests of its files."""
    return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def put(path: Path, data: bytes) -> None:
    """In place of what is there, which stays if this one cannot be written whole.  Raises UserError."""
    part = path.parent / f"{PART}{uuid4().hex}{UNDER_WAY}"
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, ValueError) as error:
        raise unwritable(error, path.name) from None
    finally:
        with suppress(OSError, ValueError):
            part.unlink()


def unwritable(error: OSError | ValueError, name: str) -> UserError:
    return UserError(WHY.get(getattr(error, "errno", None) or 0, "cannot_write"), name=name)

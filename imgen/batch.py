"""Many picture files through one card: a bad one is reported and the rest goes on; what was made before is not made again."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from imgen.cards import Card, opened, recorded
from imgen.controls import UserError, checked
from imgen.image import SUFFIXES, Frame, Picture, animate, decode, encode, record_of

OF_ONE_PICTURE = {"result_too_large", "width_too_large", "out_of_memory"}  # and all that begin with "picture_": the next may do


def batch(card: Card, pairs: Iterable[tuple[Path, Path]], knobs: Mapping[str, object], *, resume: bool = True) -> Iterator[Frame]:
    """Run `card` on each (file, target .png): Frames whose `done` counts files.

    At the end of each file facts tell "file", "target", and "error" (a UserError) or "kept" (it was there: made by the same card
    and knobs from the same bytes).  A download, and the steps of a single file, tell their own progress.  Knobs are checked
    first, and what would fail for every file is raised: UserError.
    """
    todo, values = list(pairs), opened(card.knobs, checked(card.knobs, knobs))
    for number, (path, target) in enumerate(todo):
        told: dict[str, object] = {"file": path, "target": target}
        try:
            source = digest(path)
            if resume and made(target) == {"card": card.name, "knobs": recorded(values), "source": source}:
                told["kept"] = True
            else:
                for frame in card.run(decode(path), **values):
                    of_its_own = frame.stage == "download" or len(todo) == 1
                    yield Frame(*(frame.done, frame.total) if of_its_own else (number, len(todo)), stage=frame.stage)
                picture = frame.pictures[0]
                told |= {"fallback": frame.origin.fallback} if frame.origin and frame.origin.fallback else {}
                write(target, replace(picture, record={**picture.record, "source": source}))
        except UserError as error:
            if not (error.key.startswith("picture_") or error.key in OF_ONE_PICTURE):
                raise
            told["error"] = error
        yield Frame(number + 1, len(todo), facts=told)


def inputs(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are; of a folder the pictures right inside, by name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        else:
            yield path


def targets(paths: Iterable[Path], folder: Path) -> list[tuple[Path, Path]]:
    """Each with folder/stem.png, or stem-2.png if an input of the same name but another ending was there before."""
    pairs, taken = [], set()
    for path in paths:
        target, n = folder / f"{path.stem}.png", 1
        while target in taken:
            n += 1
            target = folder / f"{path.stem}-{n}.png"
        taken.add(target)
        pairs.append((path, target))
    return pairs


def write(path: Path, result: Picture | list[Picture]) -> None:
    """A picture as PNG, several as a film in WebP.  Raises UserError suffix_needed, cannot_write."""
    suffix, to_bytes = (".png", encode) if isinstance(result, Picture) else (".webp", animate)
    if path.suffix.lower() != suffix:
        raise UserError("suffix_needed", name=path.name, suffix=suffix)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")  # an interruption must not leave half a picture under the whole one's name
        part.write_bytes(to_bytes(result))
        part.replace(path)
    except OSError:
        raise UserError("cannot_write", name=path.name) from None


def digest(path: Path) -> str:
    """By which the same file is known again, whatever its name."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError:
        raise UserError("picture_missing", name=path.name) from None


def made(target: Path) -> dict[str, object]:
    """From what the file at `target` was made, if we made it whole."""
    record = record_of(target)
    return {name: record[name] for name in ("card", "knobs", "source") if name in record}

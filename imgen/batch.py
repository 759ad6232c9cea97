"""Many picture files through one card: a bad one is reported and the rest goes on; what was made before is not made again."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from imgen.cards import Card, opened, recorded
from imgen.controls import UserError, checked
from imgen.image import SUFFIXES, Frame, Frames, Picture, animate, decode, encode, record_of

OF_ONE_PICTURE = {"result_too_large", "width_too_large", "out_of_memory"}  # and all that begin with "picture_": the next may do


@dataclass(frozen=True)
class FileDone(Frame):
    """One file of many has come to its end."""

    file: Path = Path()
    target: Path = Path()  # where its result lies, if there is no `error`
    error: UserError | None = None
    kept: bool = False  # it was there: made by the same card and knobs from the same bytes
    fallback: str = ""  # as an Origin's


def batch(card: Card, pairs: Iterable[tuple[Path, Path]], knobs: Mapping[str, object], *, resume: bool = True) -> Frames:
    """Run `card` on each (file, target .png): Frames whose `done` counts files, a FileDone at the end of each.

    A download, and the steps of a single file, tell their own progress.  Knobs are checked first, and what would fail for every
    file is raised: UserError.
    """
    todo, values = list(pairs), opened(card.knobs, checked(card.knobs, knobs))
    for number, (path, target) in enumerate(todo):
        error, fallback = None, ""
        try:
            source = digest(path)
            kept = resume and provenance(target) == {"card": card.name, "knobs": recorded(values), "source": source}
            if not kept:
                frame = None
                for frame in card.run(decode(path), **values):
                    of_its_own = frame.stage == "download" or len(todo) == 1
                    yield Frame(*(frame.done, frame.total) if of_its_own else (number, len(todo)), stage=frame.stage)
                assert frame and frame.origin, "a card yields at least its result"
                picture, fallback = frame.pictures[0], frame.origin.fallback
                write(target, replace(picture, record={**picture.record, "source": source}))
        except UserError as trouble:
            if not (trouble.key.startswith("picture_") or trouble.key in OF_ONE_PICTURE):
                raise
            error, kept = trouble, False
        yield FileDone(number + 1, len(todo), file=path, target=target, error=error, kept=kept, fallback=fallback)


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
    suffix = ".png" if isinstance(result, Picture) else ".webp"
    if path.suffix.lower() != suffix:
        raise UserError("suffix_needed", name=path.name, suffix=suffix)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")  # an interruption must not leave half a picture under the whole one's name
        part.write_bytes(encode(result) if isinstance(result, Picture) else animate(result))
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


def provenance(target: Path) -> dict[str, object]:
    """From what the file at `target` was made, if we made it whole."""
    record = record_of(target)
    return {name: record[name] for name in ("card", "knobs", "source") if name in record}

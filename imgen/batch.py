"""Many picture files through one card: a bad one is reported and the rest goes on; what was made before is not made again."""

import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from pathlib import Path

from imgen.cards import Card, opened, recorded
from imgen.controls import UserError, checked
from imgen.image import SUFFIXES, Frame, Frames, decode
from imgen.place import PART, UNDER_WAY, digest, find, ready, write, written
from imgen.stopping import Stopped, stopping

OF_ALL = ("knob_", "weights_", "painting_", "words_", "write_disk_full", "write_denied")  # what no other file would cure
ENDINGS = SUFFIXES | {".jfif", ".jpe", ".dib", ".pnm", ".pbm", ".apng", ".mpo"}  # of files that say they are pictures
SIGNATURES = re.compile(  # of files whose names do not say it; whether they are whole, decoding tells
    rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP|(II|MM)[*+\0]{2}|BM.{4}\0{4}.{4}.\0\0\0|\x28\0\0\0.{8}\x01\0|P[1-7]\s"
    rb"|....ftyp(avi|mif1|msf1|hei|hev)|\xff\x0a|\0\0\0\x0cJXL ", re.DOTALL,
)


@dataclass(frozen=True)
class FileDone(Frame):
    """One file of many has come to its end."""

    file: Path = Path()
    wanted: Path = Path()  # where its result was to lie
    target: Path = Path()  # where it lies, if there is no `error`: beside it, if somebody's file has that name
    error: UserError | None = None  # caused by what no sentence was foreseen for, if there is a cause
    kept: bool = False  # it was there: made by the same card and knobs from the same bytes
    fallback: str = ""  # as an Origin's


@dataclass(frozen=True)
class LeftOut:
    """A file in a folder that is not tried; `why`: left_folder, left_system, left_no_picture, left_result."""

    file: Path
    why: str


def batch(card: Card, pairs: Iterable[tuple[Path, Path]], knobs: Mapping[str, object], at_once: int = 1) -> Frames:
    """Run `card` on each (file, target .png): Frames whose `done` counts files, a FileDone at the end of each, in their order.

    A download, and the steps of a single file, tell their own progress.  Knobs are checked first, and what would fail for every
    file is raised: UserError.  at_once: files that are under way at a time; more than one pays where the work is done elsewhere.
    """
    todo, values = list(pairs), opened(card.knobs, checked(card.knobs, knobs))
    for folder in {target.parent for _, target in todo}:
        ready(folder)
    if at_once > 1 and len(todo) > 1:
        yield from _side_by_side(card, todo, values, at_once)
        return
    for number, (path, wanted) in enumerate(todo):
        for frame in _one(card, path, wanted, values):
            if isinstance(frame, FileDone):
                yield replace(frame, done=number + 1, total=len(todo))
            else:
                of_its_own = frame.stage == "download" or len(todo) == 1
                yield Frame(*(frame.done, frame.total) if of_its_own else (number, len(todo)), stage=frame.stage)


def made_by(card: Card, values: Mapping[str, object], source: str | None) -> dict[str, object]:
    """By which a result is known again.  Of a network in a file its bytes count: another of the same name is another model."""
    sha256 = card.net.settings.get("sha256") if card.net else None
    own = {"net": str(sha256)[:16]} if sha256 else {}
    return {"card": card.name, **own, "knobs": recorded(values), "source": source}


def _one(card: Card, path: Path, wanted: Path, values: Mapping[str, object]) -> Frames:
    """The card's Frames, and a FileDone.  Raises the UserErrors that no other file would be spared."""
    target, kept, error, fallback, facts = wanted, False, None, "", {}
    try:
        made = made_by(card, values, digest(path))
        target, kept = find(wanted, made)
        if not kept:
            frame = None
            for frame in card.run(decode(path), **values):
                yield frame
            assert frame and frame.origin, "a card yields at least its result"
            fallback, facts = frame.origin.fallback, frame.facts
            target, kept = write(wanted, frame.pictures[0], made)
    except UserError as trouble:
        if trouble.key.startswith(OF_ALL):
            raise
        error = trouble
    except Exception as trouble:  # our own mistake, or a library's, over this one picture
        error = UserError("picture_failed", kind=type(trouble).__name__)
        error.__cause__ = trouble
    yield FileDone(1, 1, facts=facts, file=path, wanted=wanted, target=target, error=error, kept=kept, fallback=fallback)


def _side_by_side(card: Card, todo: list[tuple[Path, Path]], values: Mapping[str, object], at_once: int) -> Frames:
    ended = threading.Event()

    def go_on() -> None:
        if ended.is_set():
            raise Stopped

    def work(path: Path, wanted: Path) -> FileDone:
        stopping.set(go_on)
        *_, last = _one(card, path, wanted, values)
        assert isinstance(last, FileDone)
        return last

    with ThreadPoolExecutor(at_once, "file") as pool:
        waiting = [pool.submit(copy_context().run, work, *pair) for pair in todo]
        try:
            for number, one in enumerate(waiting):
                yield replace(one.result(), done=number + 1, total=len(todo))
        finally:  # also when nobody wants the rest
            ended.set()
            pool.shutdown(cancel_futures=True)


def inputs(paths: Iterable[Path], out: Path) -> tuple[list[Path], list[LeftOut]]:
    """Files as they are; of a folder what may be a picture, right inside, by name; and what is left out.

    out: the folder of the results.  A result that lies there beside its own source is none to begin with: a second run would
    make results of results.  Raises UserError.
    """
    found: list[Path] = []
    left: list[LeftOut] = []
    for path in paths:
        for one in _inside(path) if os.path.isdir(path) else [path]:  # False of a name too long, too
            why = reason(one) if one is not path else ""
            if why:
                left.append(LeftOut(one, why))
            else:
                found.append(one)
    results = set(_results(found, out))
    return [one for one in found if one not in results], left + [LeftOut(one, "left_result") for one in found if one in results]


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        raise UserError("folder_unreadable", name=folder.name) from None


def reason(path: Path) -> str:
    """Why a file that was found in a folder is no picture; "" if it may be one."""
    if path.is_dir():
        return "left_folder"
    if path.name.startswith(PART) and path.suffix == UNDER_WAY:  # of a run that is under way
        return "left_system"
    likely = looks_like_a_picture(path)
    if path.name.startswith("._") and not likely:  # what macOS keeps of a file on others' disks, under its ending
        return "left_system"
    if path.suffix.lower() in ENDINGS and path.is_file() or likely:
        return ""
    return "left_system" if path.name.startswith(".") or path.name.lower() in ("thumbs.db", "desktop.ini") else "left_no_picture"


def looks_like_a_picture(path: Path) -> bool:
    """By its first bytes."""
    try:
        if not path.is_file():  # a pipe would never end
            return False
        with path.open("rb") as file:
            return SIGNATURES.match(file.read(32)) is not None
    except OSError:
        return False


def _results(files: list[Path], folder: Path) -> Iterator[Path]:
    here = [path for path in files if _same(path.parent, folder)]
    sources = {path: source for path in here if isinstance(source := written(path).get("source"), str)}
    known = set()
    for path in files if sources else []:
        with suppress(UserError):  # it will be told when its turn comes
            known.add(digest(path))
    yield from (path for path, source in sources.items() if source in known)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def targets(paths: Iterable[Path], folder: Path) -> list[tuple[Path, Path]]:
    """Each with folder/stem.png; of two of one name `find` tells the second its own."""
    return [(path, folder / f"{path.stem}.png") for path in paths]

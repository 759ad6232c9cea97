"""Where a result goes: a file that is named, or one in a folder; what is there already is not made again."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from imgen.controls import UserError
from imgen.image import Picture
from imgen.place import find, is_folder, ready, write
from imgen.terminal.saying import tell

Out = Annotated[str, typer.Option("-o", "--out", help="a .png, or a folder")]  # as typed: a slash at the end counts


def make(target: Path, made: Mapping[str, object], work: Callable[[], Picture | list[Picture]], suffix: str = ".png") -> None:
    """Do the work and write its result, unless it is there; what would hinder the writing is told first."""
    check_suffix(target, suffix)
    place, there = find(target, made)
    if there:
        tell(place, target, there)
    else:
        ready(target.parent)
        keep(target, work(), made)


def keep(target: Path, result: Picture | list[Picture], made: Mapping[str, object]) -> None:
    place, there = write(target, result, made)
    tell(place, target, there)


def target_of(out: str, name: str) -> Path:
    """The file that one result goes to: `out`, or `name` in that folder."""
    return Path(out) / name if is_folder(out) else Path(out)


def check_suffix(path: Path, suffix: str) -> None:
    if path.suffix.lower() != suffix:
        raise UserError("suffix_needed", name=path.name, suffix=suffix)

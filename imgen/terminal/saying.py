"""What a person reads: words in the language of this machine, progress, where a result lies."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from imgen.batch import LeftOut
from imgen.image import Frame
from imgen.texts import spoken, text

LANGUAGE = spoken(os.environ)


def say(line: str) -> None:
    """To standard error: standard output is for results."""
    print(printable(line), file=sys.stderr, flush=True)


def printable(line: str) -> str:
    """What a terminal would obey, as control characters in a stranger's file name, is escaped; what joins emoji is not."""
    return "".join(
        one if one.isprintable() or one in "\u200c\u200d\ufe0f" else one.encode("unicode_escape", "surrogatepass").decode()
        for one in line
    )


def follow(frames: Iterable[Frame]) -> Frame | None:
    """Drain a pipeline, a training or a download, with one line of progress where a person watches; returns the last Frame."""
    frame = None
    for frame in frames:
        if sys.stderr.isatty() and frame.total > 1:
            facts = "  ".join(f"{name} {value:.4g}" for name, value in frame.facts.items() if isinstance(value, float))
            words = text(f"stage_{frame.stage}", LANGUAGE)
            print(f"\r{words} {frame.done}/{frame.total}  {facts[:90]:90}", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print("\r" + " " * 130 + "\r", end="", file=sys.stderr)
    return frame


def result_of(frames: Iterable[Frame]) -> Frame:
    """`follow` what yields at least its result."""
    last = follow(frames)
    assert last is not None
    return last


def account(left: list[LeftOut], failed: list[tuple[str, str]]) -> None:
    """All that was left out, and why: a line for each reason."""
    reasons: dict[str, list[str]] = {}
    for name, why in [*((one.file.name, text(one.why, LANGUAGE)) for one in left), *failed]:
        reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        say(f"{', '.join(names)}: {why}")


def tell(place: Path, wanted: Path, there: bool) -> None:
    """Where a result lies."""
    print(printable(str(place)), flush=True)
    if there:
        say(text("file_kept", LANGUAGE, name=place.name))
    elif place != wanted:
        say(text("file_renamed", LANGUAGE, name=wanted.name, new=place.name))

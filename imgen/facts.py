"""What was measured of a model, and what was learned with it: `weights/<card>.json`, by a schema."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

Scores = Mapping[str, Any]  # of one set of pictures: a figure for each measure by its name, or a list of figures


@dataclass(frozen=True)
class Training:
    """How weights came to be."""

    run: str  # its name in `training.runs`
    steps: int
    pictures_seen: int
    seed: int
    data: str
    torch: str
    imgen: str
    planned_steps: Sequence[int] = ()  # of each time that it was begun or gone on with
    precision: Sequence[str] = ()  # in which it multiplied, each once; none of those from before that was written down
    starts_from: str = ""  # a card
    earlier_steps: int = 0  # that those weights had behind them
    teacher: str = ""  # a card whose pictures it learned from
    teacher_license: str = ""  # SPDX, of the teacher's weights
    teacher_source: str = ""  # where they come from

    def known(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if value not in ("", 0, ()) or name == "seed"}


@dataclass(frozen=True)
class Facts:
    """Of a card, of its judge, or of a network that measures others; what does not concern it is empty."""

    parameters: int = 0
    bytes: int = 0
    sha256: str = ""
    scale: int | None = None  # of an enlargement
    classes: Sequence[str] = ()
    styles: Sequence[str] = ()
    vocabulary: Mapping[str, str] = field(default_factory=dict)  # word -> in Chinese
    directions: Sequence[Sequence[float]] = ()  # of the latent space, along which most changes
    moments: Sequence[int] = ()  # steps of the training of which `<card>.webp` has a picture each
    curve: Mapping[str, Sequence[float]] = field(default_factory=dict)  # of the training's losses
    training: Training | None = None
    scores: Mapping[str, Scores | float] = field(default_factory=dict)  # name of the pictures -> measures
    bench: Mapping[str, Any] = field(default_factory=dict)  # how fast it was, and on what
    judge: "Facts | None" = None  # the discriminator that a GAN was trained against
    real: Sequence[Sequence[float]] = ()  # of a judge, for each class: quantiles of its logits of real pictures
    fake: Sequence[Sequence[float]] = ()  # and of generated ones
    worth: Sequence[Sequence[float]] = ()  # of a network that measures: how much each channel of each layer counts

    def measured(self) -> dict[str, Scores]:
        """The scores on sets of pictures, without the single figure that any machine can make."""
        return {name: scores for name, scores in self.scores.items() if isinstance(scores, Mapping)}


NOTHING = Facts()


def facts_of(record: Mapping[str, Any]) -> Facts:
    """A json's content.  Raises ValueError if it says what the schema does not know."""
    if not isinstance(record, Mapping):
        raise ValueError("no facts at all")
    unknown = record.keys() - {one.name for one in fields(Facts)}
    if unknown:
        raise ValueError(f"no such facts: {', '.join(sorted(unknown))}")
    nested: dict[str, Callable[[Any], Any]] = {"training": lambda one: Training(**one), "judge": facts_of}
    return Facts(**{name: nested[name](value) if name in nested else value for name, value in record.items()})


def read_facts(path: Path) -> Facts:
    """Those of a file as it is now, NOTHING if it is not there."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return NOTHING
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=256)
def _read(path: Path, mtime: int, size: int) -> Facts:
    """Of the file as it was then."""
    return facts_of(json.loads(path.read_text(encoding="utf-8")))


def write_facts(path: Path, record: Mapping[str, Any]) -> None:
    """Raises ValueError, and writes nothing, if the schema does not know what it says."""
    facts_of(record)
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

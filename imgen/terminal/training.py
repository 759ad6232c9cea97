"""Weights: those of the repository, made by recorded trainings."""

import sys
from collections import deque
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Annotated

import typer

from imgen import hub
from imgen.cards import WEIGHTS
from imgen.controls import UserError
from imgen.facts import read_facts
from imgen.image import Frame
from imgen.terminal import app
from imgen.terminal.saying import follow, say


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="a recorded training; see imgen/training/runs.py")],
    data: Annotated[Path, typer.Option(help="the folder or .npz to learn from")],
    teachers: Annotated[Path | None, typer.Option(help="a folder with the feature networks that some losses need")] = None,
    steps: Annotated[int | None, typer.Option(help="instead of the recorded number")] = None,
    seed: int = 0,
    out: Annotated[Path, typer.Option(help="where the weights go")] = WEIGHTS,
    checkpoints: Annotated[Path, typer.Option(help="where an interrupted training is kept")] = Path(".runs"),
) -> None:
    """Make a card's weights.  Ctrl-C keeps what was learned; the same command goes on from there.

    Under torchrun each process takes a part of every batch; the first writes and tells.
    """
    from imgen import device
    from imgen.functional import together
    from imgen.training.runs import finish, start

    check_run(name, data)
    check_weights(name, out)
    together.join(device.best())
    recipe, facts, frames = start(name, data, teachers, steps, seed, checkpoints, device.best())
    try:
        deque(frames, 0) if not together.is_first() else follow(logged(frames))
    except KeyboardInterrupt:
        if isinstance(frames, Generator):
            frames.close()
    if together.is_first():
        print(finish(name, recipe, facts, data, seed, checkpoints, out))
    together.leave()


@app.command()
def judge(
    name: Annotated[str, typer.Argument(help="a GAN's recorded training that was made before judges were kept")],
    data: Annotated[Path, typer.Option(help="the folder or .npz that it learned from")],
    out: Annotated[Path, typer.Option(help="where its weights are, and the judge goes")] = WEIGHTS,
    checkpoints: Annotated[Path, typer.Option(help="where the training was kept")] = Path(".runs"),
) -> None:
    """Write the judge of a finished GAN from its checkpoint, which is only read."""
    from imgen.training.runs import keep_judge

    check_run(name, data)
    print(keep_judge(name, data, checkpoints, out))


def check_run(name: str, data: Path) -> None:
    """UserError if there is no such recorded training, or nothing to learn from."""
    from imgen.training.runs import RUNS

    if name not in RUNS:
        raise UserError("card_unknown", card=name[:40], cards=", ".join(RUNS))
    if not data.exists():
        raise UserError("data_missing", name=data.name)


def check_weights(name: str, folder: Path) -> None:
    """UserError if a file of the name that a training would write was not written by one: its facts do not know it."""
    path, known = folder / f"{name}.safetensors", folder / f"{name}.json"
    try:
        facts = read_facts(known)
    except (ValueError, TypeError, OSError):
        raise UserError("weights_of_others", name=known.name) from None
    if known.exists() and not facts.sha256:
        raise UserError("weights_of_others", name=known.name)
    if path.exists() and facts.sha256 != hub.sha256_of(path):
        raise UserError("weights_of_others", name=path.name)


def logged(frames: Iterator[Frame]) -> Iterator[Frame]:
    """A line every now and then, for logs that nobody watches."""
    for n, frame in enumerate(frames):
        if not sys.stderr.isatty() and n % 20 == 0:
            say(f"{frame.done}/{frame.total} " + " ".join(f"{name} {value:.4g}" for name, value in frame.facts.items()))
        yield frame

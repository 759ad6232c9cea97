"""`teach METHOD`: small nets that learn here and now, as in the room Train."""

import inspect
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from imgen.controls import UserError
from imgen.lab.methods import METHODS
from imgen.place import put, ready
from imgen.terminal import app
from imgen.terminal.keeping import check_suffix
from imgen.terminal.run import hint
from imgen.terminal.saying import LANGUAGE, printable
from imgen.texts import text

teaching = typer.Typer(help="Train a small net here and now: teach METHOD -o FILE [--knob value …]", no_args_is_help=True)
app.add_typer(teaching, name="teach")


def add_teach(method: str) -> None:
    """`teach METHOD`: a command whose options are the method's knobs."""
    from imgen.lab.setups import knobs

    def call(out: Path, pictures: list[Path] | None = None, **values: object) -> None:
        teach(method, out, pictures or [], values)

    offered = knobs(method)
    kinds: dict[str, object] = {
        "out": Annotated[Path, typer.Option("-o", "--out", help="a .safetensors")],
        "pictures": Annotated[list[Path], typer.Argument(help="your own pictures, folders or zips of them, for --data own")],
    }
    kinds |= {k.name: Annotated[k.kind, typer.Option(help=hint(k))] for k in offered.values()}
    defaults = {"pictures": None} | {k.name: k.default for k in offered.values()}
    named, none = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.empty
    places = [inspect.Parameter(name, named, annotation=kind, default=defaults.get(name, none)) for name, kind in kinds.items()]
    call.__signature__ = inspect.Signature(places)
    call.__annotations__ = kinds
    teaching.command(method, help=text(f"lab_about_{method}", LANGUAGE))(call)


def teach(method: str, out: Path, pictures: list[Path], values: Mapping[str, object]) -> None:
    """Learn, and write what was learned with all that makes it again.  Ctrl-C keeps it; `run FILE` uses it."""
    from imgen.lab.own import own_pictures
    from imgen.lab.setups import Setup

    check_suffix(out, ".safetensors")
    check_taught(out)
    setup = Setup.read({"method": method, **values, **({"data": "own"} if pictures else {})})
    own = own_pictures(inputs_of(pictures)) if pictures else None
    ready(out.parent)

    import torch

    from imgen.lab.kept import facts_of, packed
    from imgen.lab.run import Teaching

    torch.set_num_threads(1)
    course, moment = Teaching(setup, own), None
    try:
        for moment in course.moments(dict):
            figures = "  ".join(f"{name} {value:g}" for name, value in {**moment["losses"], **moment["scores"]}.items())
            if sys.stderr.isatty():
                print(f"\r{moment['step']}  {figures[:110]:110}", end="", file=sys.stderr)
    except KeyboardInterrupt:
        pass
    if sys.stderr.isatty():
        print("", file=sys.stderr)
    data = packed(course)
    put(out, data)
    put(out.with_suffix(".json"), (json.dumps(facts_of(data), indent=1, ensure_ascii=False) + "\n").encode())
    print(printable(str(out)))
    if course.trouble:
        raise UserError(course.trouble)


def check_taught(out: Path) -> None:
    """UserError if what a training would write is there already and is somebody else's, the facts beside the file, too."""
    from imgen.lab.kept import is_ours

    beside = out.with_suffix(".json")
    if out.exists() and not is_ours(out):
        raise UserError("weights_of_others", name=out.name)
    if beside.exists():
        try:
            said = json.loads(beside.read_bytes())
        except (ValueError, OSError, RecursionError):
            said = None
        if not isinstance(said, dict) or not {"net", "settings", "setup"} <= said.keys():
            raise UserError("weights_of_others", name=beside.name)


def inputs_of(paths: list[Path]) -> list[Path]:
    """Files, and what lies right inside folders; what is missing is told."""
    for path in paths:
        if not path.exists():
            raise UserError("data_missing", name=path.name)
    return [one for path in paths for one in (sorted(filter(Path.is_file, path.iterdir())) if path.is_dir() else [path])]


for each in METHODS:
    add_teach(each)

"""`run CARD`: every card is a command, whose options are its knobs."""

import inspect
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from imgen.batch import FileDone, batch, inputs, made_by, targets
from imgen.cards import Card, opened
from imgen.catalog import CARDS
from imgen.controls import Choice, Choices, Knob, Reference, Slider, UserError, Words, checked
from imgen.functional.contact_sheet import sheet
from imgen.image import decode
from imgen.place import digest, is_folder, ready, write
from imgen.terminal import app
from imgen.terminal.keeping import Out, check_suffix, keep, make
from imgen.terminal.saying import LANGUAGE, account, follow, printable, result_of, say, tell
from imgen.texts import text

runs = typer.Typer(help="Run a card: run CARD [PICTURE…] -o OUT [--knob value …]", no_args_is_help=True)
app.add_typer(runs, name="run")


def run_card(card: Card, paths: list[Path], out: str, knobs: Mapping[str, object], at_once: int = 1) -> None:
    """One picture or a folder of them through a card: the same path for both.  A bad file is reported, the rest goes on.

    at_once: files that are under way at a time.
    """
    if not card.pictures:
        draw(card, out, knobs)
        return
    into = is_folder(out)
    found, left = inputs(paths, Path(out) if into else Path(out).parent)
    failed: list[tuple[str, str]] = []
    try:
        if not found:
            raise UserError("folder_empty", name=paths[0].name) if paths else UserError("picture_first")
        if not into and len(found) > 1:
            raise UserError("folder_needed", name=Path(out).name)
        if not into:
            check_suffix(Path(out), ".png")
        for frame in batch(card, targets(found, Path(out)) if into else [(found[0], Path(out))], knobs, at_once):
            follow([frame])
            if not isinstance(frame, FileDone):
                continue
            if frame.error:
                if len(found) == 1 and not left:
                    raise frame.error
                failed.append((frame.file.name, text(frame.error.key, LANGUAGE, **frame.error.facts)))
                continue
            tell(frame.target, frame.wanted, frame.kept)
            if frame.fallback:
                say(text("fallback", LANGUAGE))
            for key, gaps in frame.facts.get("said", ()):
                say(text(key, LANGUAGE, **gaps))
    finally:  # whatever ended it
        account(left, failed)
    if failed:
        raise UserError("some_failed", failed=len(failed), total=len(found))


def tell_classes(card: Card, paths: list[Path], out: str, knobs: Mapping[str, object], as_json: bool) -> None:
    """Print the scores of each picture, the best first; `out`: where its explanation goes, if it is to be kept."""
    into = is_folder(out) if out else False
    found, left = inputs(paths, Path(out) if into else Path(out).parent)
    failed: list[tuple[str, str]] = []
    if not found:
        raise UserError("folder_empty", name=paths[0].name) if paths else UserError("picture_first")
    if out and not into:
        if len(found) > 1:
            raise UserError("folder_needed", name=Path(out).name)
        check_suffix(Path(out), ".png")
    values = opened(card.knobs, checked(card.knobs, knobs))
    if out:
        ready(Path(out) if into else Path(out).parent)
    try:
        for path in found:
            try:
                result = result_of(card.run(decode(path), **knobs))
            except UserError as error:
                if len(found) == 1 and not left:
                    raise
                failed.append((path.name, text(error.key, LANGUAGE, **error.facts)))
                continue
            scores = dict(sorted(result.facts["scores"].items(), key=lambda pair: -pair[1]))
            if as_json:
                print(json.dumps({"file": path.name, "card": card.name, "scores": scores}))
            else:
                words = (f"{text(f'option_{name}', LANGUAGE)} {100 * share:.1f} %" for name, share in scores.items())
                print(printable(f"{path.name}: {', '.join(words)}"), flush=True)
            if out:
                made = made_by(card, values, digest(path))
                wanted = Path(out) / f"{path.stem}.png" if into else Path(out)
                place, there = write(wanted, result.pictures[0], made)
                say(printable(str(place)))
                if there:
                    say(text("file_kept", LANGUAGE, name=place.name))
    finally:
        account(left, failed)
    if failed:
        raise UserError("some_failed", failed=len(failed), total=len(found))


def draw(card: Card, out: str, knobs: Mapping[str, object]) -> None:
    """What a card makes of nothing: in one sheet, or a file each."""
    values = opened(card.knobs, checked(card.knobs, knobs))
    made = made_by(card, values, None)
    if is_folder(out):
        ready(Path(out))
        for n, picture in enumerate(result_of(card.run(**knobs)).pictures):
            keep(Path(out) / f"{n:03}.png", picture, {**made, "number": n})
    else:
        make(Path(out), {**made, "number": None}, lambda: sheet(result_of(card.run(**knobs)).pictures))


def add_run(card: Card, name: str = "", about: str = "") -> None:
    """`run CARD`: a command whose options are the card's knobs, with the signature that typer would read from a written one."""

    def call(out: str, ray: bool, pictures: list[Path] | None = None, **knobs: object) -> None:
        run_card(card, pictures or [], out, knobs, on_a_cluster() if ray else 1)

    def classify(out: str, as_json: bool, pictures: list[Path] | None = None, **knobs: object) -> None:
        tell_classes(card, pictures or [], out, knobs, as_json)

    kinds: dict[str, object] = {"out": Out}
    if card.pictures:
        kinds["pictures"] = Annotated[list[Path], typer.Argument(help="pictures, or folders of them")]
    kinds |= {k.name: Annotated[k.kind, typer.Option(help=hint(k))] for k in card.knobs.values()}
    defaults = {"pictures": None, "ray": False} | {k.name: k.default for k in card.knobs.values()}  # without pictures: ours
    command = classify if card.abilities.classifies else call
    if card.abilities.classifies:  # its result is what it prints; pictures only explain it
        kinds["as_json"] = Annotated[bool, typer.Option("--json", help="a line for each picture, for programs")]
        defaults |= {"out": "", "as_json": False}
    else:
        kinds["ray"] = Annotated[bool, typer.Option("--ray", help="on the Ray cluster of IMGEN_RAY, or the one that is found")]
    named, none = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.empty
    places = [inspect.Parameter(name, named, annotation=kind, default=defaults.get(name, none)) for name, kind in kinds.items()]
    command.__signature__ = inspect.Signature(places)
    command.__annotations__ = kinds
    runs.command(name or card.name, help=about or text(f"card_{card.name}", LANGUAGE))(command)


def on_a_cluster() -> int:
    """The models work there from now on -> how many pictures at a time; replicas that nobody asks any more go by themselves."""
    from imgen import remote

    return remote.connect(replace(remote.Cluster.of(os.environ), least=0))


def add_kept(file: str) -> None:
    """`run FILE.safetensors`: what `teach` or the tab Train has made, as a command like any other."""
    from imgen.lab.kept import card_of, facts_of
    from imgen.texts.words import WORDS

    card, setup = card_of(Path(file)), facts_of(Path(file).read_bytes()).get("setup")
    key = f"lab_about_{setup.get('method')}" if isinstance(setup, dict) else ""
    add_run(card, file, text(key, LANGUAGE) if key in WORDS else card.name)


def hint(knob: Knob) -> str:
    words = text(f"knob_{knob.name}", LANGUAGE)
    control = knob.control  # no `match`: this file is read by an older Python, too, so that the doctor may say that it is one
    if isinstance(control, Choice | Choices):
        return f"{words}: {', '.join(knob.options)}"
    if isinstance(control, Words):
        return f"{words}: {', '.join(knob.options[:30])} …"
    if isinstance(control, Slider):
        return f"{words}: {control.low:g} … {control.high:g}"
    if isinstance(control, Reference) and control.brush:
        return f"{words}: {text('mask_file', LANGUAGE)}"
    return words


for each in CARDS:
    add_run(each)

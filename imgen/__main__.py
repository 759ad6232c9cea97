"""The terminal face: make (list, run, film, find, steer, upscale …), learn (train, teach, judge), tell (evaluate, bench …)."""

import getpass
import inspect
import io
import json
import locale
import os
import re
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from imgen import doctor

if __name__ == "__main__" and doctor.asked(sys.argv):  # before anything below that may be what is broken
    sys.exit(doctor.main(sys.argv[2:], os.environ))

import typer

from imgen import downloads, hub, serving
from imgen.batch import FileDone, LeftOut, batch, inputs, targets
from imgen.cards import WEIGHTS, Card, opened, recorded
from imgen.catalog import CARDS, find_card, find_maker, foreign_weights
from imgen.controls import Choice, Choices, Knob, Reference, Slider, UserError, Words, checked
from imgen.exhibits.readme import Row
from imgen.facts import read_facts
from imgen.functional.contact_sheet import sheet
from imgen.image import Frame, Picture, decode
from imgen.lab.methods import METHODS
from imgen.place import digest, digest_of, is_folder, put, ready, settle, write
from imgen.place import find as find_place
from imgen.texts import spoken, text

app = typer.Typer(
    help="Make, enlarge, restyle and repair pictures with convolutional networks.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)
LANGUAGE = spoken(os.environ.get("LC_ALL"), os.environ.get("LANG"), locale.getlocale()[0])


ADDRESS = re.compile(r"([\w.-]+:|\[[0-9a-fA-F:]+\]:)?\d{1,5}", re.ASCII)
ASSETS = Path(__file__).parent / "assets"
Out = Annotated[str, typer.Option("-o", "--out", help="a .png, or a folder")]  # as typed: a slash at the end counts


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


def summary(card: Card) -> Row:
    """What `list --json`, the README and the model cards say of a card."""
    weights = card.weights
    where = "none" if weights is None else "bundled" if card.source is None else f"https://huggingface.co/{weights.repository}"
    return {
        "name": card.name, "task": card.task, "title": text(f"title_{card.name}", LANGUAGE),
        "parameters": card.facts.parameters, "license": card.license,
        "paper": {"title": card.paper.title, "authors": card.paper.authors, "year": card.paper.year, "url": card.paper.url},
        "weights": where, "sha256": weights.sha256 if weights else None, "bytes": weights.size if weights else 0,
        "scores": card.facts.scores, "training": card.facts.training.known() if card.facts.training else {},
    }


@app.command("list")
def list_cards(as_json: Annotated[bool, typer.Option("--json", help="everything, for programs")] = False) -> None:
    """Every model: its task, size, licence, source and figures."""
    rows = [summary(card) for card in CARDS]
    if as_json:
        print(json.dumps(rows, indent=1))  # in ASCII, which every code page has: an escape of ours would be no JSON
        return
    for row in rows:
        print(f"{row['name']:20} {row['task']:9} {row['parameters']:>12,}  {row['license']:13} {row['title']}")


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
                made = {"card": card.name, "knobs": recorded(values), "source": digest(path)}
                wanted = Path(out) / f"{path.stem}.png" if into else Path(out)
                place, there = write(wanted, result.pictures[0], made)
                say(printable(str(place)))
                if there:
                    say(text("file_kept", LANGUAGE, name=place.name))
    finally:
        account(left, failed)
    if failed:
        raise UserError("some_failed", failed=len(failed), total=len(found))


def account(left: list[LeftOut], failed: list[tuple[str, str]]) -> None:
    """All that was left out, and why: a line for each reason."""
    reasons: dict[str, list[str]] = {}
    for name, why in [*((one.file.name, text(one.why, LANGUAGE)) for one in left), *failed]:
        reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        say(f"{', '.join(names)}: {why}")


def draw(card: Card, out: str, knobs: Mapping[str, object]) -> None:
    """What a card makes of nothing: in one sheet, or a file each."""
    values = opened(card.knobs, checked(card.knobs, knobs))
    made: dict[str, object] = {"card": card.name, "knobs": recorded(values), "source": None}
    if is_folder(out):
        ready(Path(out))
        for n, picture in enumerate(result_of(card.run(**knobs)).pictures):
            keep(Path(out) / f"{n:03}.png", picture, {**made, "number": n})
    else:
        make(Path(out), {**made, "number": None}, lambda: sheet(result_of(card.run(**knobs)).pictures))


def make(target: Path, made: Mapping[str, object], work: Callable[[], Picture | list[Picture]], suffix: str = ".png") -> None:
    """Do the work and write its result, unless it is there; what would hinder the writing is told first."""
    check_suffix(target, suffix)
    place, there = find_place(target, made)
    if there:
        tell(place, target, there)
    else:
        ready(target.parent)
        keep(target, work(), made)


def keep(target: Path, result: Picture | list[Picture], made: Mapping[str, object]) -> None:
    place, there = write(target, result, made)
    tell(place, target, there)


def tell(place: Path, wanted: Path, there: bool) -> None:
    """Where a result lies."""
    print(printable(str(place)), flush=True)
    if there:
        say(text("file_kept", LANGUAGE, name=place.name))
    elif place != wanted:
        say(text("file_renamed", LANGUAGE, name=wanted.name, new=place.name))


def target_of(out: str, name: str) -> Path:
    """The file that one result goes to: `out`, or `name` in that folder."""
    return Path(out) / name if is_folder(out) else Path(out)


def check_suffix(path: Path, suffix: str) -> None:
    if path.suffix.lower() != suffix:
        raise UserError("suffix_needed", name=path.name, suffix=suffix)


runs = typer.Typer(help="Run a card: run CARD [PICTURE…] -o OUT [--knob value …]", no_args_is_help=True)
app.add_typer(runs, name="run")


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


@app.command()
def upscale(
    checkpoint: Annotated[Path, typer.Argument(help="a .safetensors or .pth of a network that spandrel knows")],
    pictures: Annotated[list[Path], typer.Argument(help="pictures, or folders of them")],
    out: Out,
    scale: Annotated[float | None, typer.Option(help="times larger, if not as the network does")] = None,
    width: int = 0, views: int = 1, tile: int = 256,
) -> None:
    """Enlarge by a network of your own: needs `pip install spandrel`.  Only take files from people you trust."""
    from imgen.checkpoint import card_of

    card = card_of(checkpoint)
    say(text("checkpoint_foreign", LANGUAGE, name=checkpoint.name, net=card.paper.title.split()[0]))
    run_card(card, pictures, out, {"width": width, "views": views, "tile": tile} | ({"scale": scale} if scale else {}))


@app.command()
def film(
    pictures: Annotated[list[Path], typer.Argument(help="PNGs that one generator of imgen has made, two or more")],
    out: Annotated[str, typer.Option("-o", "--out", help="a .webp, or a folder")],
    steps: Annotated[int, typer.Option(help="pictures from one to the next")] = 20,
) -> None:
    """From picture to picture through the generator's latent space, and back to the first."""
    from imgen.pipelines.explore import morph

    stops = [decode(path) for path in pictures]
    card, source = find_maker(stops), digest_of("film", steps, *map(digest, pictures))
    target = target_of(out, f"{pictures[0].stem}.webp")
    make(target, {"card": card.name, "source": source}, lambda: result_of(card.do(morph, *stops, steps=steps)).pictures, ".webp")


@app.command()
def combine(
    first: Annotated[Path, typer.Argument(help="a PNG that a generator of imgen has made")],
    less: Annotated[Path, typer.Argument(help="another, to be taken away")],
    more: Annotated[Path, typer.Argument(help="a third, to be added")],
    out: Out,
) -> None:
    """FIRST − LESS + MORE in the generator's latent space."""
    from imgen.pipelines.explore import combine as add_up

    paths = (first, less, more)
    pictures = [decode(path) for path in paths]
    card, source = find_maker(pictures), digest_of("combine", *map(digest, paths))
    target = target_of(out, f"{first.stem}.png")
    make(target, {"card": card.name, "source": source}, lambda: result_of(card.do(add_up, *pictures)).pictures[0])


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="a card with a network")],
    out: Annotated[str, typer.Option("-o", "--out", help="an .onnx or .pt2, or a folder")],
    kind: Annotated[str, typer.Option("--format", help="onnx, or pt2 for torch.export; else by the ending")] = "",
) -> None:
    """A card's network as one file for other programs, in float32, for any size of picture; it is tried before it is kept."""
    card = find_card(name)
    kind = kind or ("pt2" if out.endswith(".pt2") else "onnx")
    target = target_of(out, f"{card.name}.{kind}")
    check_suffix(target, f".{kind}")
    ready(target.parent)
    follow(card.prepare())

    from imgen.exporting import export as write_network

    part = target.with_name(f".imgen-{os.getpid()}.{kind}")
    try:
        difference = write_network(card, part, kind)
        place = settle(part, target)
    finally:
        part.unlink(missing_ok=True)
    tell(place, target, False)
    say(text("export_tried", LANGUAGE, difference=f"{difference:.1e}"))


@app.command()
def find(
    name: Annotated[str, typer.Argument(help="a generator that is a network")],
    picture: Annotated[Path, typer.Argument(help="a picture of your own")],
    out: Out,
    label: Annotated[str, typer.Option(help="one of the generator's kinds, if not any")] = "all",
) -> None:
    """What the generator would draw that is most like PICTURE: a PNG like any that it has made."""
    from imgen.pipelines.rebuild import rebuild

    card, wanted = find_card(name), decode(picture)

    def look() -> Picture:
        last = result_of(card.do(rebuild, wanted, label=label))
        say(" · ".join([text("own_near", LANGUAGE, db=f"{last.facts['db']:.1f}"),
                        *([text("own_inverted", LANGUAGE)] if last.facts["inverted"] else [])]))
        return last.pictures[1]

    source = digest_of("find", label, digest(picture))
    make(target_of(out, f"{picture.stem}.png"), {"card": card.name, "source": source}, look)


@app.command()
def steer(
    picture: Annotated[Path, typer.Argument(help="a PNG that a generator of imgen has made")],
    out: Out,
    amount: Annotated[list[float] | None, typer.Option(help="how far along direction 1, 2, … (give it several times)")] = None,
) -> None:
    """Move a picture along the directions in which its generator's pictures change most."""
    from imgen.pipelines.steer import DIRECTIONS
    from imgen.pipelines.steer import steer as move

    amounts = [*(amount or []), *[0.0] * DIRECTIONS][:DIRECTIONS]
    start = decode(picture)
    card = find_maker([start])
    pipeline, source = move(card.facts.directions, amounts), digest_of("steer", amounts, digest(picture))
    target = target_of(out, f"{picture.stem}.png")
    make(target, {"card": card.name, "source": source}, lambda: result_of(card.do(pipeline, start)).pictures[0])


@app.command()
def directions(names: Annotated[list[str] | None, typer.Argument(help="generators; all if none is named")] = None) -> None:
    """Find the directions in which a generator's pictures change most, and store them in weights/<card>.json."""
    from imgen.evaluation.scores import store
    from imgen.pipelines.nets import generates
    from imgen.pipelines.steer import principal

    named = [find_card(name) for name in names or ()]
    ours = [card for card in CARDS if card.task == "generate" and card.net and card.source is None and not card.abilities.flows]
    for card in named or ours:
        follow(card.prepare())
        net = card.load()
        if not generates(net):
            raise UserError("no_latent_space")
        store(card, {}, directions=[[round(value, 4) for value in way] for way in principal(net).tolist()])
        print(card.name)


@app.command()
def worth(
    data: Annotated[Path, typer.Option(help="a folder of photographs")],
    teachers: Annotated[Path, typer.Option(help="a folder with squeezenet1_1.safetensors and lpips/squeeze.pth")],
) -> None:
    """Fit the bundled feature network's perceptual distance to LPIPS, and store it in weights/distilled_squeezenet.json."""
    from imgen.evaluation.lpips_weights import worth as fit
    from imgen.evaluation.scores import FEATURE_NETWORK, store

    if not data.exists():
        raise UserError("data_missing", name=data.name)
    store(FEATURE_NETWORK, {}, worth=fit(data, teachers))
    print(FEATURE_NETWORK.name)


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


@app.command()
def evaluate(
    name: Annotated[str, typer.Argument(help="a card, or distilled_squeezenet")],
    data: Annotated[Path, typer.Option(help="pictures that training never saw")],
    teachers: Annotated[Path | None, typer.Option(help="a folder with the feature networks that measure")] = None,
    peer: Annotated[Path | None, typer.Option(help="of a generator: usual_CARD.safetensors, made by the usual recipe")] = None,
    neighbours: Annotated[str | None, typer.Option(help="a .png: samples, and the training picture nearest to each")] = None,
    inception: Annotated[bool, typer.Option(help="of a generator: Fréchet distance in the Hub's Inception v3 too")] = False,
    phone: Annotated[bool, typer.Option(help="of an upscaler: on small pictures that are blurred, noisy and JPEGs")] = False,
    exact: Annotated[bool, typer.Option(help="of an upscaler: PSNR in float32, too")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
    store: Annotated[bool, typer.Option(help="keep the figures in weights/<card>.json")] = False,
) -> None:
    """Measure a card: PSNR and SSIM, distances to real pictures, or to a painting's style and the photograph."""
    from imgen.evaluation import scores as evaluation
    from imgen.evaluation.upscaling import float32_psnr

    card = evaluation.find(name)
    if (peer or neighbours or inception) and card.task != "generate":
        raise UserError("generators_only", card=card.name)
    scores = evaluation.evaluate(card, data, teachers, inception, phone)
    if peer:
        scores[data.stem] |= evaluation.peer(card, peer, data, teachers)
    if exact and card.task == "upscale":
        scores[data.stem] = scores.get(data.stem, {}) | float32_psnr(card, data)
    if neighbours:
        target = target_of(neighbours, f"{card.name}.png")
        keep(target, evaluation.neighbours(card, data), {"card": card.name, "source": digest_of("neighbours", data.resolve())})
    if store:
        evaluation.store(card, {**scores, "sample": evaluation.sample_figure(card)})
    for pictures, values in scores.items():
        lines = "\n".join(f"{measure} {value}" for measure, value in values.items())
        print(json.dumps({"card": name, "data": pictures, **values}) if as_json else lines)


@app.command()
def bench(
    as_json: Annotated[bool, typer.Option("--json")] = False,
    store: Annotated[bool, typer.Option(help="only what a picture of each model costs, kept in weights/<card>.json")] = False,
    names: Annotated[list[str] | None, typer.Option("--card", help="with --store: this model only; can be repeated")] = None,
) -> None:
    """Time and memory of every card, and of the page beside an empty one."""
    from imgen.evaluation import scores as evaluation
    from imgen.evaluation import speed as benchmark

    if store:
        wanted = [find_card(name) for name in names or []]
        cards = [card for card in benchmark.timed() if not wanted or card in wanted]
        result = {card.name: benchmark.stored(card) for card in cards}
        for card in cards:
            evaluation.store(card, {}, bench=result[card.name])
    else:
        result = benchmark.everything()
    print(json.dumps(result, indent=1) if as_json else "\n".join(f"{k}: {v}" for k, v in result.items()))


@app.command()
def publish(repository: Annotated[str, typer.Argument(help="OWNER/NAME on the Hugging Face Hub")]) -> None:
    """Upload weights/ with a model card per model."""
    from imgen.exhibits.model_cards import index, model_card

    files = {card.name: card.weights.file for card in CARDS if card.weights and not card.source}
    rows = [summary(find_card(name)) for name in files]
    cards = {row["name"]: model_card(row, files[row["name"]], repository) for row in rows}
    print(hub.publish(repository, WEIGHTS, cards, index(rows, repository)))


@app.command()
def exhibits() -> None:
    """Make the pictures that the page opens with, its examples and those of the lessons anew."""
    from imgen.exhibits.openings import write as write_exhibits
    from imgen.lab.replay import write as write_replay

    write_replay()
    left_out = write_exhibits()
    if left_out:
        say(", ".join(map(str, left_out)))


@app.command()
def readme() -> None:
    """Write the model table into the README, in both languages."""
    from imgen.evaluation.scores import parameters, store
    from imgen.exhibits.readme import update

    for card in CARDS:
        if card.source:  # a card of our own was counted when its weights were written
            store(card, {}, parameters=parameters(card))
    for path in update([summary(card) for card in CARDS], foreign_weights()):
        print(path)


@app.command()
def serve(
    lan: Annotated[bool, typer.Option("--lan", help="for all in this network; shows the address and its QR code")] = False,
    host: Annotated[str, typer.Option(help="the address to listen at, if not this machine alone")] = "",
    port: Annotated[int | None, typer.Option(help="if not 7860 or the next that is free")] = None,
    cert: Annotated[str, typer.Option(help="a certificate (PEM): the page is served by HTTPS")] = "",
    key: Annotated[str, typer.Option(help="and its key, if that is not in the same file")] = "",
    password: Annotated[bool, typer.Option("--password", help="asks for one that visitors need; or IMGEN_PASSWORD")] = False,
) -> None:
    """Serve the page, as `python app.py` does."""
    serving.prepare(os.environ)
    secret = getpass.getpass(f"{text('password', LANGUAGE)}: ") if password and not os.environ.get("IMGEN_PASSWORD") else ""
    if password and not secret and not os.environ.get("IMGEN_PASSWORD"):  # Enter alone
        raise UserError("password_short", least=serving.SHORTEST)
    serving.serve(os.environ, serving.Wishes(lan, host, port, cert, key, secret))


@app.command()
def download(
    names: Annotated[list[str] | None, typer.Argument(help="models, or data sets of the room Train")] = None,
    everything: Annotated[bool, typer.Option("--all", help="all that the Hub has for this program")] = False,
    to: Annotated[Path | None, typer.Option(help="a folder that another machine uses as its HF_HUB_CACHE, as on a stick")] = None,
) -> None:
    """Fetch what some models need from the Hub, before a lesson.  Ctrl-C keeps what came; the same command goes on."""
    files = downloads.wanted(names) if names else downloads.offered()
    usual, hub.elsewhere = hub.cache, False
    hub.cache = to.absolute() if to else hub.cache
    missing = [one for one in files if not one.found()]
    for one in files:
        key, size = "download_line" if one in missing else "download_here", f"{one.file.size / 1e6:.1f}"
        say(text(key, LANGUAGE, name=one.name, size=size, file=one.file.file, repository=one.file.repository))
    if not names and not everything:
        say(text("download_offered", LANGUAGE))
        return
    folder = hub.cache or doctor.cache_folder(os.environ)
    needed, free = sum(one.file.size for one in missing), free_bytes(folder)
    sizes = {"size": f"{needed / 1e6:.1f}", "free": doctor.megabytes(free)}
    say(text("download_plan", LANGUAGE, count=len(missing), **sizes))
    if needed > free:
        raise UserError("download_no_room", **sizes)
    failed = 0
    for one in files:
        try:
            print(printable(str(follow_download(downloads.fetch(one, usual)))), flush=True)
        except UserError as error:
            failed += 1
            say(f"{one.name}: {text(error.key, LANGUAGE, **error.facts)}")
    if failed:
        raise UserError("download_failed", failed=failed, total=len(files))
    if to:
        say(text("download_to", LANGUAGE))


def free_bytes(folder: Path) -> int:
    """Of the disk on which it is, or will be."""
    return shutil.disk_usage(doctor.standing(folder)).free


def follow_download(steps: Generator[tuple[int, int], None, Path]) -> Path:
    """A line of progress where a person watches; else one a minute."""
    said = time.monotonic()
    while True:
        try:
            done, total = next(steps)
        except StopIteration as end:
            if sys.stderr.isatty():
                print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
            return end.value
        line = f"{text('stage_download', LANGUAGE)} {done / 1e6:.1f}/{total / 1e6:.1f} MB"
        if sys.stderr.isatty():
            print(f"\r{line:60}", end="", file=sys.stderr)
        elif time.monotonic() - said > 60:
            said = time.monotonic()
            say(line)


@app.command("doctor", add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def examine(context: typer.Context) -> None:
    """What is here, what is missing, and how it is mended: Python, packages, weights, cache, Hub, disk, port …"""
    sys.exit(doctor.main(context.args, os.environ))


@app.command()
def nginx(
    pages: Annotated[list[str], typer.Argument(help="where they listen: 127.0.0.1:7861 127.0.0.1:7862 …")],
    listen: Annotated[str, typer.Option(help="where visitors come: a port, or an address and a port")] = "7860",
) -> None:
    """Print a configuration of nginx for several pages behind one address: every visitor keeps to one of them."""
    for one in (*pages, listen):
        if not ADDRESS.fullmatch(one) or (one is not listen and ":" not in one):
            raise UserError("not_an_address", value=one[:80])
    template = (ASSETS / "nginx.conf").read_text(encoding="utf-8")
    servers = "\n".join(f"    server {page};" for page in pages)
    print(template.replace("%servers%", servers).replace("%listen%", listen), end="")


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


for each in METHODS:
    add_teach(each)


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


def main() -> None:
    """Every mistake is one sentence in the user's language, and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # under pythonw there is none
            stream.reconfigure(errors="backslashreplace")  # a name that has no letters in this code page stops nothing
    if not doctor.asked(sys.argv):  # he looks at proxies himself, before they are settled
        hub.settle(os.environ)
    try:
        serving.take_over(os.environ)
        if sys.argv[1:2] == ["run"] and len(sys.argv) > 2 and not sys.argv[2].startswith("-"):
            if sys.argv[2].endswith(".safetensors"):
                add_kept(sys.argv[2])
            else:
                find_card(sys.argv[2])  # says which cards there are
        app()
    except UserError as error:
        say(text(error.key, LANGUAGE, **error.facts))
        sys.exit(2)


if __name__ == "__main__":
    main()

"""What the rooms of the page do with pictures: enlarge by a stranger's network, film, combine, find, steer; and export."""

from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from imgen.catalog import find_card, find_maker
from imgen.image import Picture, decode
from imgen.place import PART, digest, digest_of, ready, settle
from imgen.terminal import app
from imgen.terminal.keeping import Out, check_suffix, make, target_of
from imgen.terminal.run import run_card
from imgen.terminal.saying import LANGUAGE, follow, result_of, say, tell
from imgen.texts import text


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

    part = target.with_name(f"{PART}{uuid4().hex}.{kind}")  # which nobody can have put there before, as a link to another's file
    try:
        difference = write_network(card, part, kind)
        place = settle(part, target)
    finally:
        part.unlink(missing_ok=True)
    tell(place, target, False)
    say(text("export_tried", LANGUAGE, difference=f"{difference:.1e}"))

"""How good and how fast a card is, and what else is measured once and stored in weights/<card>.json."""

import json
from pathlib import Path
from typing import Annotated

import typer

from imgen.catalog import CARDS, find_card
from imgen.controls import UserError
from imgen.place import digest_of
from imgen.terminal import app
from imgen.terminal.keeping import keep, target_of
from imgen.terminal.saying import follow


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
    views: Annotated[bool, typer.Option(help="of an upscaler or a network that repairs: in eight views, too")] = False,
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
    if views:
        scores[data.stem] = scores.get(data.stem, {}) | evaluation.in_eight_views(card, data)
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

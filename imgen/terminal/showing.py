"""What the program tells about itself: lists, tables, model cards, the pictures that the page opens with."""

import json
from typing import Annotated

import typer

from imgen import hub
from imgen.cards import WEIGHTS, Card
from imgen.catalog import CARDS, find_card, foreign_weights
from imgen.exhibits.readme import Row
from imgen.terminal import app
from imgen.terminal.saying import LANGUAGE, say
from imgen.texts import text


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

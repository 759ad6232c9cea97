"""Lessons in order: which there are, how long each takes, the courses made of them, and what each asks one to try.

Everything that is said stands in `texts`: a lesson's title, its purpose and its three experiments in its own Markdown, the
questions about them in its worksheet.
"""

import re
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qsl, urlencode

from imgen.cards import Card
from imgen.catalog import CARDS, find_card
from imgen.exhibits.files import example_files
from imgen.texts import lesson, worksheet

WORKED_ON = {"upscale": "city", "stylize": "landscape", "restore": "noisy"}  # the example that the worksheets' answers speak of
LESSONS: dict[str, dict[str, int]] = {  # task -> lesson -> minutes; longer where one waits, downloads, or works by hand
    "generate": {
        "drawn": 10, "autoencoder": 10, "vae": 10, "conv_vae": 10, "gan": 10, "dcgan": 10, "resgan": 10, "words": 10,
        "flow": 10, "fastgan": 15,
    },
    "upscale": {
        "interpolation": 10, "srcnn": 10, "espcn": 10, "vdsr": 10, "srdensenet": 10, "srgan": 10, "enhancenet": 10, "light": 10,
        "tiny_gan": 10, "realesrgan": 15,
    },
    "stylize": {"texture": 10, "reconstruct": 10, "gatys": 15, "transfer": 10, "transfer_gan": 10, "arbitrary": 10},
    "restore": {"filters": 10, "nafnet": 10, "dncnn": 10, "recurrent": 15, "rednet": 15, "attention": 15},
    "classify": {"classification": 10},
}
IDEAS: dict[str, int] = {  # lessons that belong to no card, read in the tab of the lessons itself; minutes
    "convolution": 10, "padding": 10, "pooling": 10, "receptive_field": 10, "activation": 10, "normalisation": 10,
    "query_key_value": 10, "grad_cam": 10, "transposed": 10, "shuffle": 10,
    "gan_training": 10, "mode_collapse": 10, "elbo": 10, "overfitting": 10, "learning_rate": 5,
}
SHORT = ("dcgan", "espcn", "transfer", "filters", "tiny_gan")  # good for a first 10 minutes
LONG: dict[str, tuple[str, ...]] = {  # courses of 45 minutes: each lesson answers a question that the one before left open
    "noise_to_pictures": ("autoencoder", "vae", "gan", "dcgan"),
    "sharper": ("interpolation", "srcnn", "espcn", "srgan"),
    "paint": ("texture", "gatys", "transfer"),
    "repair": ("filters", "rednet", "dncnn", "attention"),
    "belief": ("espcn", "srgan", "tiny_gan"),
    "window": ("convolution", "padding", "pooling", "receptive_field"),
    "training": ("learning_rate", "overfitting", "elbo", "gan_training", "mode_collapse"),
    "answer": ("activation", "normalisation", "query_key_value", "grad_cam"),
}
LONG_MINUTES = 45
TRY = re.compile(r"^\d\. (.+?) *\[[^\]]+\]\(try:([^)\s]+)\)$", re.MULTILINE)


@dataclass(frozen=True)
class Outline:
    """What a lesson says of itself."""

    title: str
    solves: str
    tries: tuple[tuple[str, str], ...]  # (sentence, what its link sets), as Markdown and as a query


@dataclass(frozen=True)
class Question:
    """What is asked about one experiment: before it, and after it."""

    before: str
    choices: tuple[str, ...]  # none: there is a line to write on
    right: int | None  # which of the choices
    after: str
    answer: str
    note: str = ""  # what has to be done by hand


@cache
def outline(name: str, language: str) -> Outline:
    words = lesson(name, language) or ""
    title, _, rest = words.partition("\n")
    solves = rest.split("\n## ")[1].partition("\n")[2].strip().partition("\n\n")[0]
    return Outline(title.removeprefix("# "), solves.replace("\n", " "), tuple((m[1], m[2]) for m in TRY.finditer(words)))


@cache
def questions(name: str, language: str) -> tuple[Question, ...]:
    """Of a worksheet: experiments with a blank line between, each line's kind told by its first character.

    `?` asks before, `-` is a choice and `*` the right one, `>` asks after, `=` answers, `!` says what has to be done by hand.
    Raises ValueError where a line is of no kind or one that is needed is missing.
    """
    return tuple(_question(part) for part in re.split(r"\n\s*\n", (worksheet(name, language) or "").strip()))


def _question(part: str) -> Question:
    lines = [(line[:1], line[1:].strip()) for line in part.splitlines()]
    said = {kind: [words for one, words in lines if one == kind and words] for kind in "?-*>=!"}
    known = sum(map(len, said.values())) == len(lines)
    counts = {kind: len(words) for kind, words in said.items()}
    whole = all(counts[kind] == 1 for kind in "?>=") and counts["!"] <= 1 and counts["*"] == bool(counts["-"])
    if not known or not whole:
        raise ValueError(f"not an experiment of a worksheet: {part}")
    choices = [(kind, words) for kind, words in lines if kind in "-*"]
    right = next((n for n, (kind, _) in enumerate(choices) if kind == "*"), None)
    note = "".join(said["!"])
    return Question(said["?"][0], tuple(words for _, words in choices), right, said[">"][0], said["="][0], note)


def is_lesson(name: object) -> bool:
    return name in IDEAS or any(name in lessons for lessons in LESSONS.values())


def task_of(name: str) -> str:
    """The task of its cards; "ideas" if there are none."""
    return "ideas" if name in IDEAS else next(task for task, lessons in LESSONS.items() if name in lessons)


def first_card(name: str) -> Card:
    """The card whose lesson it is; of a family, the first."""
    return next(card for card in CARDS if card.lesson == name)


def tried(name: str, query: str) -> tuple[Card, dict[str, str]]:
    """The card and the knobs of one of a lesson's links; the lesson must be a card's."""
    knobs = dict(parse_qsl(query))
    named = knobs.pop("card", "")
    return (find_card(named) if named else first_card(name)), knobs


def to_lesson(name: str) -> str:
    """The address, after the page's own, that opens a lesson in its tab."""
    if name in IDEAS:
        return "?" + urlencode({"tab": "lessons", "lesson": name})
    return address(first_card(name), lesson=1)


def to_experiment(name: str, query: str) -> str:
    """The address that sets what one of a lesson's links sets, and runs it, unless one has to paint a mask first.

    The links of a lesson about an idea are whole addresses: they lead to many tabs.
    """
    if name in IDEAS:
        return f"?{query}"
    card, knobs = tried(name, query)
    number = example_of(card, knobs)
    example = {} if number is None else {"example": number}
    return address(card, **example, **knobs, **({} if card.abilities.needs_mask else {"run": 1}))


def example_of(card: Card, knobs: dict[str, str]) -> int | None:
    """Its number; a lesson's link works on whatever lies there, but a worksheet's answers hold for one picture."""
    if card.abilities.needs_mask or not card.pictures or card.task not in WORKED_ON:
        return None
    if "example" in knobs:
        return int(knobs.pop("example"))
    return [path.stem for path in example_files(card.task)].index(f"{card.task}_{WORKED_ON[card.task]}")


def address(card: Card, **more: object) -> str:
    return "?" + urlencode({"tab": card.task, "card": card.name, **more})

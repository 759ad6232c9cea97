"""What the README says of the models: its table in two languages, and what a Space is to bring along."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypedDict

from imgen.hub import WeightFile
from imgen.texts import text
from imgen.texts.words import WORDS

ROOT = Path(__file__).parent.parent.parent
READMES = {"en": ROOT / "README.md", "zh": ROOT / "imgen" / "texts" / "zh" / "README.md"}
NONE = "–"
BEGIN, END = "<!-- models -->", "<!-- /models -->"


class PaperRow(TypedDict):
    title: str
    authors: str
    year: int
    url: str  # "" if it is not on arXiv


class Row(TypedDict):
    """What is said of a card, there and in `imgen list --json`."""

    name: str
    task: str
    title: str
    parameters: int
    license: str
    paper: PaperRow
    weights: str  # "none", "bundled", or an address on the Hub
    sha256: str | None
    bytes: int
    scores: Mapping[str, object]  # as the facts'
    training: dict[str, object]


def update(rows: list[Row], foreign: Iterable[WeightFile] = ()) -> Iterator[Path]:
    """Put the table between the marks of each README, and `foreign` weights into the front matter; yields the files."""
    for language, path in READMES.items():
        old = path.read_text(encoding="utf-8")
        old = front_matter(old, foreign) if foreign and language == "en" else old
        inside = f"{BEGIN}\n{table(rows, language)}\n{END}"
        path.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _, new=inside: new, old, flags=re.DOTALL), encoding="utf-8")
        yield path


def table(rows: list[Row], language: str) -> str:
    """Markdown: name, what it is, parameters, weights, licence, paper, figures."""
    head = [text(f"column_{c}", language) for c in ("card", "title", "parameters", "weights", "license", "paper", "figures")]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [
            f"`{row['name']}`", text(f"title_{row['name']}", language), f"{row['parameters']:,}",
            weights(row, language), row["license"], paper(row), figures(row["scores"], language),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def weights(row: Row, language: str) -> str:
    if row["weights"] == "none":
        return text("weights_none", language)
    size = f"{row['bytes'] / 1e6:.2g} MB" if row["bytes"] < 1e7 else f"{row['bytes'] / 1e6:.0f} MB"
    if row["weights"] == "bundled":
        return f"{text('weights_bundled', language)}, {size}"
    return f"[Hub]({row['weights']}), {size}"


def paper(row: Row) -> str:
    name = f"{row['paper']['authors']} {row['paper']['year']}"
    return f"[{name}]({row['paper']['url']})" if row["paper"]["url"] else name


def figures(found: Mapping[str, object], language: str, brief: bool = False) -> str:
    """The stored scores, each with the data it was measured on; `brief`: the main ones.  found: a card's."""
    comma, end = ("，", "；") if language == "zh" else (", ", "; ")
    parts = []
    for data, scores in found.items():
        if isinstance(scores, dict):
            shown = [(key, scores[key[6:]]) for key in (BRIEF if brief else SHOWN) if key[6:] in scores]
            words = comma.join(f"{text(key, language)} {number(value)}" for key, value in shown)
            parts += [f"{data_name(language, data)}: {words}"] if words else []
    return end.join(parts) or NONE


def data_name(language: str, data: str) -> str:
    return text(f"data_{data}", language) if f"data_{data}" in WORDS else data


def number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def preloads(files: Iterable[WeightFile]) -> list[str]:
    """Lines of the front matter by which a Space is built with the weights of others: "OWNER/NAME FILE,FILE COMMIT"."""
    lines: dict[tuple[str, str], list[str]] = {}
    for w in files:
        lines.setdefault((w.repository, w.revision), []).append(w.file)
    return [
        " ".join([repository, ",".join(names), *([revision] if revision != "main" else [])])
        for (repository, revision), names in lines.items()
    ]


def front_matter(text: str, files: Iterable[WeightFile]) -> str:
    """That of the README, with the lists of `models` and `preload_from_hub` made anew."""
    files = sorted(files, key=lambda w: w.repository)
    lists = {"models": list(dict.fromkeys(w.repository for w in files)), "preload_from_hub": preloads(files)}
    for name, lines in lists.items():
        body = "".join(f"- {line}\n" for line in lines)
        text = re.sub(rf"^{name}:\n(- .*\n)*", f"{name}:\n{body}", text, count=1, flags=re.MULTILINE)
    return text


BRIEF = (
    "score_accuracy",
    "score_psnr", "score_ssim", "score_lpips", "score_frechet", "score_floor_frechet", "score_precision", "score_recall",
    "score_nats_per_picture", "score_reconstruction_psnr", "score_style_distance", "score_photo_lpips", "score_features",
    "score_noise_25", "score_jpeg_10_gain", "score_fill_psnr", "score_fill_lpips", "score_repeated_lpips",
)
SHOWN = (  # in this order
    "score_accuracy",
    "score_psnr", "score_views_psnr", "score_ssim", "score_lpips",
    "score_kid_x1000", "score_floor_kid_x1000", "score_usual_kid_x1000",
    "score_inception_frechet", "score_floor_inception_frechet", "score_frechet", "score_floor_frechet", "score_usual_frechet",
    "score_nats_per_picture", "score_usual_nats_per_picture", "score_usual_pictures_seen",
    "score_reconstruction_psnr", "score_precision", "score_recall", "score_copy_ratio",
    "score_style_distance", "score_photo_lpips",
    "score_gatys_evaluations", "score_gatys_style_distance", "score_gatys_photo_lpips",
    "score_noise_5", "score_noise_25", "score_views_noise_25", "score_noise_50", "score_jpeg_10", "score_jpeg_10_gain",
    "score_views_jpeg_10_gain", "score_fill_psnr", "score_fill_lpips", "score_repeated_lpips", "score_strokes_psnr",
    "score_strokes_gain", "score_views_strokes_gain",
    "score_features", "score_grams", "score_true_loss_ratio", "score_true_time_ratio",
)

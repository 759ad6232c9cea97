"""Model cards for the Hub, written from the stored facts: nothing in them is typed.

By huggingface_hub's own classes, so that the Hub reads the figures (`model-index`), data, licence and tags.  One repository holds
all networks: its README lists them with all figures, `cards/<name>.md` is the card of each.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from imgen.exhibits.readme import SHOWN, Row, data_name, number, paper
from imgen.lab.sets import SETS
from imgen.texts import LANGUAGES, text

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

KINDS = {  # tasks as the Hub names them
    "generate": "unconditional-image-generation", "upscale": "image-to-image", "stylize": "image-to-image",
    "restore": "image-to-image", "classify": "image-classification",
}
ON_THE_HUB = {"fashion_mnist": SETS["fashion"].file.repository}  # of the pictures that networks learned from
BETWEEN = " · "  # two languages on a line


def results(row: Row) -> "list[EvalResult]":
    """The figures that the README shows, of each set of pictures."""
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type=KINDS[row["task"]], dataset_type=ON_THE_HUB.get(data, data), dataset_name=data_name("en", data),
            metric_type=key.removeprefix("score_"), metric_name=text(key, "en"), metric_value=value,
        )
        for data, key, value in measured(row)
    ]


def measured(row: Row) -> list[tuple[str, str, float]]:
    """Pictures, key of the measure, value; in the order of the README."""
    found = [(data, scores) for data, scores in row["scores"].items() if isinstance(scores, dict)]
    return [(data, key, scores[key[6:]]) for data, scores in found for key in SHOWN if key[6:] in scores]


def model_card(row: Row, file: str, repository: str) -> str:
    """Markdown with front matter: huggingface_hub's ModelCard reads it back.  file: of the weights, in that repository."""
    from huggingface_hub import ModelCardData

    learned = ON_THE_HUB.get(str(row["training"].get("data")))
    data = ModelCardData(
        license=row["license"].lower(), library_name="pytorch", pipeline_tag=KINDS[row["task"]],
        tags=["imgen", row["task"]], datasets=[learned] if learned else None, model_name=row["name"], eval_results=results(row),
    )
    return f"---\n{data.to_yaml()}\n---\n{body(row, file, repository)}"


def index(rows: Iterable[Row], repository: str) -> str:
    """The repository's README."""
    from huggingface_hub import ModelCardData
    from huggingface_hub.repocard_data import eval_results_to_model_index

    rows = list(rows)
    figures = [one for row in rows if results(row) for one in eval_results_to_model_index(row["name"], results(row))]
    licenses = sorted({row["license"].lower() for row in rows})
    data = ModelCardData(license=licenses[0] if len(licenses) == 1 else "other", library_name="pytorch", tags=["imgen"])
    data["model-index"] = figures
    lines = "".join(f"- [{row['name']}](cards/{row['name']}.md): {both('title_' + row['name'])}\n" for row in rows)
    words = "\n\n".join(text("hub_index", language) for language in LANGUAGES)
    return f"---\n{data.to_yaml()}\n---\n# {repository}\n\n{words}\n\n{lines}"


def body(row: Row, file: str, repository: str) -> str:
    name, training = row["name"], row["training"]
    facts = {
        "column_parameters": f"{row['parameters']:,}", "column_license": row["license"],
        "column_paper": f"{row['paper']['title']}, {paper(row)}",
        "hub_file": f"`{file}`, {row['bytes']:,} B, sha256 `{row['sha256']}`",
    }
    parts = [f"# {both(f'title_{name}')}", *(text(f"card_{name}", language) for language in LANGUAGES), "| | |\n|---|---|"]
    parts[-1] += "".join(f"\n| {both(key)} | {value} |" for key, value in facts.items())
    parts.append(f"## {both('measured')}")
    if figures := measured(row):
        head = " | ".join(both(key) for key in ("hub_pictures", "hub_measure", "hub_value"))
        lines = [f"| {data_name('en', data)} | {both(key)} | {number(value)} |" for data, key, value in figures]
        parts += ["\n".join([f"| {head} |", "|---|---|---|", *lines]), both("hub_measured_by", " ")]
    else:
        parts.append(both("hub_none", " "))
    if training:
        parts += [f"## {both('hub_trained')}", "\n".join(f"- {key}: {value}" for key, value in training.items())]
        parts += [both("hub_repeat", " "), f"```bash\npython -m imgen train {training['run']} --data FOLDER\n```"]
    parts += [f"## {both('hub_use')}", both("hub_use_how", " ")]
    parts.append(f"```bash\nIMGEN_HUB_REPO={repository} python -m imgen run {name} --help\n```")
    return "\n\n".join(parts) + "\n"


def both(key: str, between: str = BETWEEN) -> str:
    words = dict.fromkeys(text(key, language) for language in LANGUAGES)
    return between.join(words)

"""What the page looks up: the pictures that it shows before anyone clicks, and the words in them.

The program made them itself (see `openings.write`); here they are only found, without torch and without drawing.
"""

import importlib.util
import json
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from imgen.texts import text
from imgen.texts.words import WORDS

ASSETS = Path(__file__).parent.parent / "assets"


class Word(NamedTuple):
    """One of the words over or beside the cells: not painted, so that the page can set it in the reader's language."""

    key: str  # of `texts`, perhaps with a number for its gap ("lesson_word_steps 5"), or what is the same in every language
    side: str  # "above" a column: from `left` on; "beside" a row: up to `left + width`
    left: int  # this and the next two in pixels of the picture
    middle: int
    width: int


EXAMPLES = {  # of each task, made by `examples.DRAWINGS`
    "upscale": ("cat", "city", "chart"),
    "stylize": ("astronaut", "landscape", "still_life", "portrait"),
    "restore": ("coffee", "noisy", "squeezed", "scribbled"),
    "classify": ("boot", "dress", "outline", "star", "heart", "arrow"),
}
WISHES = {"cat face": 8, "heart": 4, "tree": 3}  # words to click -> which picture of their first run stands for them
WORDED = "flow_emoji64"  # which draws them
DRAWN_STYLES = tuple(f"draw_{rule}" for rule in ("lines", "splines", "triangles", "voronoi", "noise", "mesh"))
PHOTOGRAPHS = {"gradio": "media_assets/images", "skimage": "data"}  # come with these packages: read where they lie, never copied
BUNDLED = {
    "upscale": ("gradio:lion.jpg", "gradio:cheetah1.jpg", "gradio:tower.jpg"),
    "stylize": ("gradio:lion.jpg", "gradio:tower.jpg"),
    "restore": ("gradio:lion.jpg", "gradio:tower.jpg"),
}
OPENS_WITH = {  # of the examples; see `openings.OPENED`
    "upscale": "upscale_cat", "stylize": "stylize_astronaut", "restore": "restore_coffee", "classify": "classify_boot",
}


def bundled(name: str) -> Path | None:
    """A photograph "package:file" of another package, if it is there."""
    package, _, file = name.partition(":")
    spec = importlib.util.find_spec(package)  # found, not imported
    path = Path(spec.origin).parent / PHOTOGRAPHS[package] / file if spec and spec.origin else None
    return path if path and path.exists() else None


def word_key(phrase: str) -> str:
    """Of `texts`: a wish in the reader's language."""
    return f"lesson_word_{phrase.replace(' ', '_')}"


def wish_file(phrase: str, folder: Path = ASSETS) -> Path:
    return folder / "words" / f"{phrase.replace(' ', '_')}.webp"


def wishes() -> dict[str, Path]:
    """Words that a click asks for, and a picture that comes of it."""
    paths = {phrase: wish_file(phrase) for phrase in WISHES}
    return {phrase: path for phrase, path in paths.items() if path.exists()}


def example_files(task: str) -> list[Path]:
    """The examples under a tab, that with which it opens first."""
    made = [ASSETS / "examples" / f"{task}_{name}.png" for name in EXAMPLES.get(task, ())]
    paths = [path for path in (*made, *map(bundled, BUNDLED.get(task, ()))) if path and path.exists()]
    return sorted(paths, key=lambda path: path.stem != OPENS_WITH.get(task))


def style_files() -> list[Path]:
    """Pictures whose style can be taken: drawn by rules, then what our network made of the paintings that it learned."""
    folder = ASSETS / "styles"
    drawn = [folder / f"{name}.webp" for name in DRAWN_STYLES]
    return [path for path in (*drawn, *sorted(set(folder.glob("*.webp")) - set(drawn))) if path.exists()]


def opening_files(task: str) -> tuple[Path | None, list[Path]]:
    """What a tab shows at first: its input, if the task has one, and the results in their order."""
    given = next((path for path in example_files(task) if path.stem == OPENS_WITH.get(task)), None)
    results = (ASSETS / "openings").glob(f"{task}_*.png")
    return given, sorted(results, key=lambda path: int(path.stem.rpartition("_")[2]))


def thumbnail(card: str) -> Path | None:
    """What a recommended model does, as a small picture; None if there is none."""
    path = ASSETS / "models" / f"{card}.webp"
    return path if path.exists() else None


@cache
def words_in(path: Path) -> tuple[tuple[int, int], tuple[Word, ...]]:
    """(width, height) of a picture that `palette_png` wrote, and its words; only the file's header is read."""
    with Image.open(path) as image:
        return image.size, tuple(Word(*word) for word in json.loads(image.info.get("words", "[]")))


def said(word: str, language: str) -> str:
    """A word as a reader sees it, in its short form: without the painter, the factor, or what stands in brackets."""
    key, _, n = word.partition(" ")
    return re.split(r" ×| ?· | \(|（", text(key, language, n=n))[0] if key in WORDS else word

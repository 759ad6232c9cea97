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


EXAMPLES = {  # of each task, drawn by `examples.DRAWINGS`; a tab opens with its first
    "upscale": ("city", "chart", "still_life"),
    "stylize": ("landscape", "still_life", "portrait"),
    "restore": ("noisy", "squeezed", "scribbled"),
}
DRAWN_STYLES = tuple(f"draw_{rule}" for rule in ("lines", "splines", "triangles", "voronoi", "noise", "mesh"))
BUNDLED = {  # pictures that come with Gradio: read where it is installed, never copied
    "upscale": ("lion.jpg", "cheetah1.jpg", "tower.jpg"),
    "stylize": ("tower.jpg", "cheetah.jpg", "lion.jpg"),
    "restore": ("lion.jpg", "tower.jpg"),
}


def example_files(task: str) -> list[Path]:
    """The examples under a tab, those that the program drew first."""
    drawn = [ASSETS / "examples" / f"{task}_{name}.png" for name in EXAMPLES.get(task, ())]
    gradio = importlib.util.find_spec("gradio")  # found, not imported
    folder = Path(gradio.origin).parent / "media_assets" / "images" if gradio and gradio.origin else ASSETS / "examples"
    return [path for path in (*drawn, *(folder / name for name in BUNDLED.get(task, ()))) if path.exists()]


def style_files() -> list[Path]:
    """Pictures whose style can be taken: drawn by rules, then what our network made of the paintings that it learned."""
    folder = ASSETS / "styles"
    drawn = [folder / f"{name}.webp" for name in DRAWN_STYLES]
    return [path for path in (*drawn, *sorted(set(folder.glob("*.webp")) - set(drawn))) if path.exists()]


def opening_files(task: str) -> tuple[Path | None, list[Path]]:
    """What a tab shows at first: its input, if the task has one, and the results in their order."""
    folder = ASSETS / "openings"
    given = folder / f"{task}_input.png"
    results = [path for path in folder.glob(f"{task}_*.png") if path != given]
    return given if given.exists() else None, sorted(results, key=lambda path: int(path.stem.rpartition("_")[2]))


@cache
def words_in(path: Path) -> tuple[tuple[int, int], tuple[Word, ...]]:
    """(width, height) of a picture that `palette_png` wrote, and its words; only the file's header is read."""
    with Image.open(path) as image:
        return image.size, tuple(Word(*word) for word in json.loads(image.info.get("words", "[]")))


def said(word: str, language: str) -> str:
    """A word as a reader sees it, in its short form: without the painter, the factor, or what stands in brackets."""
    key, _, n = word.partition(" ")
    return re.split(r" ×| ?· | \(|（", text(key, language, n=n))[0] if key in WORDS else word

"""A strip of small pictures, each of which loads and runs at one click."""

from html import escape
from pathlib import Path
from urllib.parse import quote_plus

from imgen.cards import Card
from imgen.catalog import TASKS
from imgen.exhibits.files import WORDED, wishes, word_key
from imgen.texts.words import WORDS
from imgen.ui.language import both
from imgen.ui.lesson import address
from imgen.ui.stock import staged


def strip(card: Card, files: list[Path], opened: list[Path]) -> str:
    """Of pictures to work on, the files; of a generator, every other class of what the tab opens with, and words to draw."""
    thumbs = [(f"example={n}", path, name(path, n + 1)) for n, path in enumerate(files)]
    label = card.knobs.get("label")
    if not thumbs and label:
        classes = [option for option in label.single if f"option_{option}" in WORDS]
        ask = f"card={card.name}&label="
        thumbs = [(ask + one, path, both(f"option_{one}")) for one, path in list(zip(classes, opened, strict=False))[::2]]
        ask = f"card={WORDED}&words="
        thumbs += [(ask + quote_plus(phrase), staged(path), both(word_key(phrase))) for phrase, path in wishes().items()]
    if not thumbs:
        return ""
    return f'<h2>{both("examples")}</h2><div class="thumbs">' + "".join(thumb(*parts) for parts in thumbs) + "</div>"


def thumb(preset: str, path: Path, words: str) -> str:
    picture = f'<img src="{escape(address(path))}" alt="" loading="lazy">'
    return f'<button type="button" class="thumb" data-preset="{escape(preset)}">{picture}<span>{words}</span></button>'


def name(path: Path, number: int) -> str:
    key = key_of(path)
    return both(key) if key else both("example", number=number)


def key_of(path: Path) -> str:
    """What an example shows, after its file's name: upscale_city.png, lion.jpg; "" if it has no words."""
    words = path.stem.rstrip("0123456789").split("_", 1)
    key = f"example_{words[-1] if words[0] in TASKS else '_'.join(words)}"
    return key if key in WORDS else ""

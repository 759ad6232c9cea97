"""Lessons: Markdown of `texts`, with its pictures, its live links and the card's facts filled in."""

import re
from functools import partial
from html import escape
from urllib.parse import quote

from imgen.cards import Card
from imgen.exhibits.files import ASSETS, said, words_in
from imgen.texts import lesson, text
from imgen.ui.stock import staged

FORMULAS = [{"left": "$$", "right": "$$", "display": True}, {"left": "$", "right": "$", "display": False}]
PICTURE = re.compile(r"!\[([^\]]*)\]\(lesson:([\w.-]+)\)")
LINK = "#try?"
PRESET = re.compile(r"\[([^\]]*)\]\(try:([^)\s]*)\)")


def markdown(card: Card, language: str) -> str:
    words = lesson(card.lesson, language)
    if words is None:
        return text("lesson_missing", language)
    count = card.facts.parameters
    return filled(words, language).replace("{parameters}", f"{count:,}" if count else "0")


def filled(words: str, language: str) -> str:
    """A lesson's Markdown with its pictures and its links."""
    return PICTURE.sub(partial(_picture, language=language), PRESET.sub(_link, words))


def _picture(match: re.Match, language: str) -> str:
    """The picture, and over it its words; all places are shares of it, so that they hold at any size (page.css)."""
    path = ASSETS / "lessons" / match[2]
    if not path.is_file():
        return ""
    (width, height), words = words_in(path)
    spans = "".join(
        f'<span class="{word.side}" style="left:{word.left / width:.2%};top:{word.middle / height:.2%};'
        f'width:{word.width / width:.2%}">{escape(said(word.key, language))}</span>'
        for word in words
    )
    image = f'<img src="{address(staged(path))}" alt="{escape(match[1])}" width="{width}" height="{height}" loading="lazy">'
    return f'<figure class="lesson-picture" style="--width:{width}">{image}{spans}</figure>'


def _link(match: re.Match) -> str:
    """A link that the tab's own listener takes up: it sets the knobs and runs; or an address, which link.js opens."""
    start = "?" if match[2].startswith("tab=") else LINK
    return f'<a class="preset" href="{start}{escape(match[2])}">{match[1]}</a>'


def address(path) -> str:
    """Where the page finds a file that Gradio may serve; relative, so that it holds behind any proxy."""
    return f"gradio_api/file={quote(str(path))}"


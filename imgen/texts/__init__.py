"""All words of all faces, in English and simplified Chinese, and the lessons."""

from __future__ import annotations  # the doctor reads it under an older Python, to say that it is one

import locale
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from imgen.texts.words import WORDS

LANGUAGES = ("en", "zh")
FOLDER = Path(__file__).parent


class Both(NamedTuple):
    """A fact that reads differently in each language."""

    en: str
    zh: str


def text(key: str, language: str, **facts: object) -> str:
    """The words of `key` in "en" or "zh", their gaps filled; a gap without a fact stays empty.

    A key without words stands for itself: what somebody has not named yet must not bring a whole face down.
    """
    if key not in WORDS:
        return key
    number = LANGUAGES.index(language)
    told = {name: fact[number] if isinstance(fact, Both) else fact for name, fact in facts.items()}
    return WORDS[key][number].format_map(_Facts(told))


def spoken(environment: Mapping[str, str]) -> str:
    """The language of whoever sits at this machine: that of the first locale which is set."""
    locales = environment.get("LC_ALL"), environment.get("LANG"), locale.getlocale()[0]
    return "zh" if next(filter(None, locales), "").startswith("zh") else "en"


@cache
def lesson(name: str, language: str) -> str | None:
    """The Markdown of a lesson, read when first asked for; None if there is none."""
    return _read("lessons", language, name)


@cache
def worksheet(name: str, language: str) -> str | None:
    """The questions and answers that belong to a lesson; None if there are none."""
    return _read("worksheets", language, name)


def _read(kind: str, language: str, name: str) -> str | None:
    path = FOLDER / kind / language / f"{name}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else None


class _Facts(dict):
    def __missing__(self, name: str) -> str:
        return "…"

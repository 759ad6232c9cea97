"""The page's own scripts: names and states for keyboards and screen readers, and Gradio's words in Chinese."""

import json
from pathlib import Path

from imgen.catalog import TASKS
from imgen.texts.gradio import API_PAGE, GRADIO
from imgen.texts.words import WORDS

HERE = Path(__file__).parent
SAID = ("picture", "close", "copy")  # names that access.js gives


def head() -> str:
    """For the head of the page.  The language is on <html> before it runs: see `language.LanguageMiddleware`."""
    hints = [WORDS[f"hint_{task}"] for task in TASKS]  # descriptions of the endpoints
    phrases = {"everywhere": GRADIO, "api": [*API_PAGE, *hints]}
    words = {language: {key: WORDS[f"say_{key}"][n] for key in SAID} for n, language in enumerate(("en", "zh"))}
    spoken = f"{safe(words)}[document.documentElement.dataset.language]"
    return script("gradio_words.js", safe(phrases)) + script("access.js", spoken)


def script(name: str, argument: str = "") -> str:
    """The file is a function in brackets; it is called."""
    return f"<script>{(HERE / name).read_text(encoding='utf-8').rstrip()}({argument})</script>"


def room(*names: str) -> str:
    """The script of a room that draws itself: `elements.js`, and these files after it."""
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in ("elements.js", *names))


def safe(value: object) -> str:
    """JSON that cannot end the script."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")

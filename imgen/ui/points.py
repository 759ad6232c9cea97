"""The floor "Points in the plane" of the tab "Train": a GAN wholly in the visitor's browser.

The page holds nothing of it but its style and a line that asks for it: script and words come when the tab is first shown, in one
answer.
"""

from functools import cache
from pathlib import Path

import gradio as gr

from imgen.texts import LANGUAGES
from imgen.texts.points import POINTS
from imgen.ui.language import both, language_of
from imgen.ui.scripts import room

HERE = Path(__file__).parent
BEGIN = """
server.points_begin({}).catch(() => null).then(found => {
  if (found?.words) return new Function('element', 'found', found.engine + found.room)(element, found);
  for (const one of element.querySelectorAll('p')) one.hidden = !one.matches('.failed');
});
"""


def points_floor() -> None:
    gr.HTML(
        f"<p>{both('train_reading')}</p><p class='failed' hidden>{both('points_lost')}</p>",
        js_on_load=BEGIN, server_functions=[points_begin], elem_classes="points",
    )


def points_begin(data: object, request: gr.Request) -> dict:
    """All that the floor needs, in the visitor's language.  data: nothing is asked of it."""
    return answer(language_of(request))


@cache
def answer(language: str) -> dict:
    n = LANGUAGES.index(language)
    words = {key: words[n] for key, words in POINTS.items() if key.startswith("points_")}
    return {"words": words, "engine": (HERE / "points_worker.js").read_text(encoding="utf-8"), "room": room("points.js")}

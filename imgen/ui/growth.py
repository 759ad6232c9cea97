"""How a network grew up: what it drew at sixteen moments of its training, under a slider, over the curves of its losses."""

from collections.abc import Callable, Mapping, Sequence

import gradio as gr

from imgen.cards import stored
from imgen.image import decode_frame
from imgen.texts.words import WORDS
from imgen.ui.event_settings import AT_ONCE
from imgen.ui.kept import find_card
from imgen.ui.language import both, t
from imgen.ui.picture import save
from imgen.ui.turns import look
from imgen.ui.work import Trouble

WIDTH, HEIGHT = 560, 150  # of the plot, in units of its own
COLOURS = ("var(--primary-500)", "#d97706", "#7c3aed")


class Growth:
    """A folded part of a tab; it is filled when somebody opens it or moves the slider."""

    def __init__(self):
        with gr.Accordion(t("growth"), open=False, elem_classes="growth") as self.fold, gr.Row():
            with gr.Column(scale=2, min_width=280) as self.left:
                self.picture = gr.Image(
                    type="filepath", format="png", show_label=False, interactive=False, buttons=["fullscreen"]
                )
            with gr.Column(scale=3, min_width=280):
                self.moment = gr.Slider(0, 15, 15, step=1, label=t("moment"), interactive=True, buttons=[])
                self.curves = gr.HTML()

    def connect(self, picker: gr.Radio) -> None:
        shown = [self.left, self.picture, self.moment, self.curves]
        for event in (self.fold.expand, self.moment.change, picker.change):
            event(look(show), [picker, self.moment], shown, trigger_mode="always_last", **AT_ONCE)


def show(request: gr.Request, card_name: str, moment: float) -> tuple[dict, dict, dict, str]:
    """The picture of that moment, and the curves; without a replay there is nothing to see and to slide."""
    with Trouble(request):
        card = find_card(card_name)
        replay, moments = stored(f"{card.name}.webp"), card.facts.moments
        number = max(0, min(int(moment), len(moments) - 1))
        step = moments[number] if moments else None
        path = save(decode_frame(replay, number), f"{card.name}-step{step}") if moments else None
        drawing = curves(card.facts.curve, step) or f"<p>{both('no_growth')}</p>"
        there = gr.update(visible=bool(path))
        return there, gr.update(value=path, visible=bool(path)), there, drawing


def curves(
    losses: Mapping[str, Sequence[float]], step: float | None, scale: Callable[[float], float] = float, together: bool = False
) -> str:
    """The losses over the steps, each in a range of its own or `together` in one, as a drawing; a line marks `step`."""
    if not losses.get("step"):
        return ""
    last = losses["step"][-1]
    scaled = {name: [scale(value) for value in values] for name, values in losses.items() if name != "step"}
    names, every = list(scaled), [value for values in scaled.values() for value in values]
    lines = "".join(
        _line(losses["step"], values, last, COLOURS[n % len(COLOURS)], every if together else values)
        for n, values in enumerate(scaled.values())
    )
    mark = "" if step is None else f'<line x1="{(x := WIDTH * step / last):.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT}" class="mark"/>'
    keys = "".join(_key(name, losses[name], COLOURS[n % len(COLOURS)]) for n, name in enumerate(names))
    at = both("at_step", step=f"{step if step is not None else last:,}", steps=f"{last:,}")
    drawing = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{lines}{mark}</svg>'
    return f'<div class="curves"><p>{at}</p>{drawing}<p class="keys">{keys}</p></div>'


def _line(steps: Sequence[float], values: Sequence[float], last: float, colour: str, every: Sequence[float]) -> str:
    low, high = min(every), max(every)
    points = " ".join(
        f"{WIDTH * step / last:.1f},{(HEIGHT - 8) * (1 - (value - low) / (high - low or 1)) + 4:.1f}"
        for step, value in zip(steps, values, strict=True)
    )
    return f'<polyline points="{points}" stroke="{colour}" fill="none" vector-effect="non-scaling-stroke"/>'


def _key(name: str, values: Sequence[float], colour: str) -> str:
    words = both(f"loss_{name}") if f"loss_{name}" in WORDS else name
    return f'<span><i style="background:{colour}"></i>{words} {values[0]:.3g} → {values[-1]:.3g}</span>'

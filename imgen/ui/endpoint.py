"""The one public endpoint of each task: /generate, /upscale, /stylize, /restore, /classify.

A picture comes in by the page's own component, as a file that was uploaded before; see `doors`.
"""

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import asdict
from functools import wraps

import gradio as gr

from imgen.controls import SEEDS, Choice, Choices, Knob, Reference, Slider, UserError, Words
from imgen.image import Frame
from imgen.texts import text
from imgen.ui.event_settings import WORK
from imgen.ui.events import lane_of, work
from imgen.ui.knobs import all_knobs
from imgen.ui.turns import job
from imgen.ui.workbench import Workbench


def publish(bench: Workbench) -> None:
    def endpoint(request: gr.Request, *values) -> Iterator[tuple]:
        for now in work(bench, *values, watched=False):
            if now.frame.origin:
                yield now.files[0] if bench.source else now.files, told(now.frame)

    names = ["card", *(["picture"] if bench.source else []), *bench.widgets]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD  # Gradio reads the parameters' names here
    request = inspect.Parameter("request", kind, annotation=gr.Request)
    endpoint.__signature__ = inspect.Signature([request, *(inspect.Parameter(name, kind) for name in names)])
    endpoint.__doc__ = describe(bench)
    inputs = [bench.picker, *([bench.source] if bench.source else []), *bench.widgets.values()]
    handler = answered(job(endpoint, lane=lane_of(bench)))
    bench.caller.click(handler, inputs, [bench.file, bench.origin], api_name=bench.task, show_progress="hidden", **WORK)


def told(frame: Frame) -> dict:
    """How a result came about; of a classification its scores, too."""
    assert frame.origin
    scores = {"scores": frame.facts["scores"]} if "scores" in frame.facts else {}
    return asdict(frame.origin) | scores


def answered(running: Callable[..., AsyncGenerator]) -> Callable[..., Awaitable]:
    """One answer, at the end: Gradio would send, and its clients fetch, the result of a generator twice."""
    @wraps(running)
    async def handler(request: gr.Request, *values):
        async with aclosing(running(request, *values)) as frames:
            async for last in frames:
                return last
        raise UserError("call_unreadable")  # it was stopped: nobody hears it

    return handler


def describe(bench: Workbench) -> str:
    """From the cards: what each parameter may be."""
    cards = ", ".join(card.name for card in bench.cards)
    lines = [text(f"hint_{bench.task}", "en"), "", "Parameters:", f"    card: one of {cards}"]
    if bench.source:
        lines.append("    picture: a picture file")
    for name, kinds in all_knobs(bench.cards).items():
        ranges = dict.fromkeys(span(knob) for knob in kinds)
        lines.append(f"    {name}: {text(f'knob_{name}', 'en').lower()}: {'; or '.join(ranges)}")
    lines.append("A knob that is left out, or null, is the card's own default.")
    return "\n".join([*lines, "Returns:", "    the picture or pictures as PNG, and how they were made"])


def span(knob: Knob) -> str:
    match knob.control:
        case Slider(low, high, _, unit):
            return f"{low:g} to {high:g} {unit}".rstrip()
        case Choice():
            return ", ".join(knob.options) or "one of the card's own"
        case Choices(options):
            return f"any of {', '.join(options)}"
        case Reference(most=most, brush=brush):
            return "a mask as the page's editor sends it: its painted layer" if brush else f"up to {most} pictures, as a gallery"
        case Words():
            return f"words, such as {', '.join(knob.options[:30])}"
    return f"a whole number below {SEEDS}"

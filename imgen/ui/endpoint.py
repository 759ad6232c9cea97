"""What programs may call: the one public endpoint of each task (/generate, /upscale, /stylize, /restore, /classify), and those of
the rooms, see `tabs.programs`.

A picture comes in by the page's own component, as a file that was uploaded before; see `doors`.
"""

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import asdict, dataclass
from functools import wraps
from typing import Any

import gradio as gr
from gradio.components import Component

from imgen.controls import SEEDS, Choice, Choices, Knob, Reference, Slider, UserError, Words
from imgen.image import Frame
from imgen.texts import text
from imgen.ui.event_settings import WORK
from imgen.ui.events import lane_of, work
from imgen.ui.knobs import all_knobs
from imgen.ui.turns import job
from imgen.ui.workbench import Workbench


@dataclass(frozen=True)
class Published:
    """Of an endpoint: which parameters it must be given, and what it returns is called."""

    needed: tuple[str, ...]
    returns: tuple[str, ...]
    beginning: tuple[str, ...] = ()  # parameters whose default is what the page begins with; of all others it is null


published: dict[str, Published] = {}  # by name


def described(info: dict[str, Any]) -> dict[str, Any]:
    """Gradio's page about the endpoints cannot translate: there a parameter goes by its name.  What may be left out is null: the
    card has its own defaults; the picture that the page shows is nobody's default.
    """
    for name, endpoint in info["named_endpoints"].items():
        known = published[name.strip("/")]
        for parameter in endpoint["parameters"]:
            called = parameter["label"] = parameter["parameter_name"]
            if called not in known.beginning:
                parameter |= {"parameter_has_default": called not in known.needed, "parameter_default": None}
        for returned, called in zip(endpoint["returns"], known.returns, strict=True):
            returned["label"] = called
    return info


def publish_room(
    name: str, work: Callable, caller: gr.Button, inputs: dict[str, Component], outputs: dict[str, Component], about: str,
    needed: tuple[str, ...] = (), lane: str | None = "long",
) -> None:
    """work(request, *values of inputs): what the room does, in a lane of `turns`; lane None: it sees to its turn itself."""
    work.__name__, work.__doc__ = name, about
    published[name] = Published(needed, tuple(outputs))
    handler = answered(job(work, lane=lane)) if lane else work
    caller.click(handler, [*inputs.values()], [*outputs.values()], api_name=name, show_progress="hidden", **WORK)


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
    endpoint.__name__ = bench.task  # by which an assistant knows it
    published[bench.task] = Published(("picture",) if bench.source else (), ("result", "made"), ("card",))
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
        last = None
        async with aclosing(running(request, *values)) as frames:
            async for frame in frames:
                last = frame
        if last is None:  # it was stopped: nobody hears it
            raise UserError("call_unreadable")
        return last

    return handler


def describe(bench: Workbench) -> str:
    """From the cards: what each parameter may be."""
    cards = ", ".join(card.name for card in bench.cards)
    about = text(f"hint_{bench.task}", "en").partition(". ")[0].rstrip(".") + "."  # what follows is for hands on the page
    lines = [about, "", "Parameters:", f"    card: one of {cards}"]
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

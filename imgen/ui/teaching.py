"""What the floor "Pictures" of the tab Train asks of the server, past the queue: to begin, steer, stop, look, keep; and the
streams that all watch on.

Whoever comes gets a desk in the classroom under a random name, see `classroom`.  Everything that is sent is read field by field;
what goes wrong is one sentence under "error".
"""

import asyncio
import json
import shlex
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from imgen.catalog import CARDS
from imgen.controls import Choice, Knob, Seed, Slider, UserError
from imgen.lab.kept import facts_of
from imgen.lab.methods import METHODS
from imgen.lab.nursery import nursery
from imgen.lab.own import MOST, own_pictures
from imgen.lab.replay import REPLAY
from imgen.lab.setups import MENDING, PRESETS, STARTS, STEERED, Setup, knobs
from imgen.texts import LANGUAGES, text
from imgen.texts.lab import LAB
from imgen.texts.pictures import PICTURES
from imgen.texts.words import WORDS
from imgen.ui import kept, stock
from imgen.ui.classroom import BOXES, UNWATCHED, Desk, classroom
from imgen.ui.doors import file_given
from imgen.ui.inspecting import Asked, answered, visitor
from imgen.ui.language import choose, language_of
from imgen.ui.scripts import room
from imgen.ui.work import Trouble

HERE = Path(__file__).parent
SHARED_WORDS = ("knob_seed", "knob_scale", "knob_start", "code_command", "code_python")  # of other rooms
SHARED_KINDS = ("loss_", "inside_kind_")
DEAF = 30.0  # seconds after which one who watches, and takes nothing of it, is let go


def pictures_begin(data: object, request: gr.Request) -> dict[str, Any]:
    """All that the floor needs, in the visitor's language; and a process ready to learn.  data: nothing is asked of it."""
    classroom.hands.submit(nursery.warm)
    return answer(language_of(request))


@cache
def answer(language: str) -> dict[str, Any]:
    n = LANGUAGES.index(language)
    others = {key: both for key, both in WORDS.items() if key in SHARED_WORDS or key.startswith(SHARED_KINDS)}
    words = {key: both[n] for key, both in {**others, **LAB, **PICTURES}.items()}
    presets = {
        name: {"method": one.setup.method, "set": changes(one.setup), "mend": dict(one.remedy), "steps": one.steps}
        for name, one in PRESETS.items()
    }
    methods = [{"name": name, "mending": name in MENDING, "knobs": [said(knob, STARTS[name]) for knob in knobs(name).values()]}
               for name in METHODS]
    files = {"js": room("train.js"), "css": (HERE / "train.css").read_text(encoding="utf-8")}
    return {"words": words, "methods": methods, "presets": presets, "boxes": BOXES, **files}


def changes(setup: Setup) -> dict[str, Any]:
    """What is unlike the method's good beginning."""
    usual = STARTS[setup.method].written()
    return {name: value for name, value in setup.written().items() if value != usual[name]}


def said(knob: Knob, start: Setup) -> dict[str, Any]:
    """A knob as the browser draws it."""
    one: dict[str, Any] = {"name": knob.name, "value": start.written()[knob.name], "steered": knob.name in STEERED,
                           "more": knob.control.more}
    match knob.control:
        case Slider(low, high, step, unit):
            return {**one, "kind": "number", "low": low, "high": high, "step": step, "unit": unit}
        case Choice():
            return {**one, "kind": "choice", "options": list(knob.options)}
        case Seed():
            return {**one, "kind": "seed"}
    raise TypeError(knob)


async def pictures_call(data: object, request: gr.Request) -> dict[str, Any]:
    """One thing of CALLS, which `do` names."""
    try:
        asked = Asked.of(data)
        return await CALLS[asked.one_of("do", tuple(CALLS))](asked, request)
    except Exception as error:
        return {"error": unescape(Trouble(request).sentence(error))}  # which the floor shows as text, not as HTML


async def start(asked: Asked, request: gr.Request) -> dict[str, Any]:
    """Begin a training, or two side by side, in place of what this visitor has."""
    given = asked.data.get("setups")
    if not isinstance(given, list) or not 1 <= len(given) <= 2:
        raise UserError("call_unreadable")
    setups = [boxed(one) for one in given]
    desk = classroom.desk(asked.name("token"), address_of(request))
    classroom.ask(desk, setups)
    return {**known(desk), "run": desk.run.number if desk.run else 0}


def known(desk: Desk) -> dict[str, Any]:
    """What its owner has to know."""
    return {"token": desk.token, "code": desk.code, "eye": desk.eye}


def boxed(given: object) -> Setup:
    """Of what a browser sends, within the time that one may take."""
    if not isinstance(given, dict) or len(given) > 40 or not all(isinstance(v, str | int | float | bool) for v in given.values()):
        raise UserError("call_unreadable")
    setup = Setup.read(given)
    return setup.but(steps=0, seconds=min(BOXES, key=lambda box: abs(box - setup.seconds)))


async def steer(asked: Asked, request: gr.Request) -> dict[str, Any]:
    orders = asked.data.get("orders")
    if not isinstance(orders, dict) or not 0 < len(orders) <= 12 or any(isinstance(v, list | dict) for v in orders.values()):
        raise UserError("call_unreadable")
    lane = asked.data.get("lane")
    classroom.steer(mine(asked, request), orders, None if lane is None else asked.whole("lane", 1))
    return {}


async def stop(asked: Asked, request: gr.Request) -> dict[str, Any]:
    classroom.end(mine(asked, request))
    return {}


async def share(asked: Asked, request: gr.Request) -> dict[str, Any]:
    """A class run, or none any more."""
    desk = classroom.desk(asked.name("token"), address_of(request))
    desk.shared = asked.data.get("on") is True
    desk.ring()
    classroom.later(UNWATCHED, desk)
    return known(desk)


async def listed(asked: Asked, request: gr.Request) -> dict[str, Any]:
    """What may be watched."""
    own = asked.name("token")
    return {"runs": [
        {"code": desk.code, "shared": desk.shared, "viewers": len(desk.bells), "state": desk.run.state,
         "method": desk.run.lanes[0].setup.method, "data": desk.run.lanes[0].setup.data}
        for desk in classroom.listed()[:20] if desk.run and desk.token != own
    ]}


async def bring(asked: Asked, request: gr.Request) -> dict[str, Any]:
    """Pictures that were uploaded: looked at, made small, and the files forgotten."""
    paths = asked.data.get("paths")
    if not isinstance(paths, list) or not all(isinstance(path, str) and len(path) <= 4096 for path in paths):
        raise UserError("call_unreadable")
    if len(paths) > MOST:
        raise UserError("own_too_many", most=MOST)
    files = [Path(str(file_given(path, None, stock.folder())["path"])) for path in paths]
    found: list[Any] = []

    def work() -> dict[str, Any]:
        found.append(own_pictures(files))
        return {"count": len(found[0].pictures), "classes": list(found[0].classes), "skipped": found[0].skipped}

    told = await answered(work, "look", visitor({"token": asked.name("token")}, request), request)
    if found:
        desk = classroom.desk(asked.name("token"), address_of(request))
        classroom.bring(desk, found[0])
        told |= known(desk)
    return told


async def look(asked: Asked, request: gr.Request) -> dict[str, Any]:
    """Into the net while it learns, or what it kept.  Whoever may watch may look."""
    question = asked.data.get("question")
    if not isinstance(question, dict) or len(question) > 8 or any(isinstance(v, list | dict) for v in question.values()):
        raise UserError("call_unreadable")
    lane = classroom.lane(classroom.of_code(asked.name("code")), asked.whole("lane", 1))
    return await classroom.ask_net(lane, json.dumps(question), lambda: lane.job.look(question))


async def keep(asked: Asked, request: gr.Request) -> dict[str, Any]:
    """Into the visitor's own pickers, which is another room's affair."""
    lane = classroom.lane(mine(asked, request), asked.whole("lane", 1))
    net = await classroom.ask_net(lane, "net", lane.job.net)
    name = await classroom.by_hand(kept.keep, request, net, lane.setup, asked.name("visit"))
    where = facts_of(net).get("net")
    return {"name": name, "task": next(card.task for card in CARDS if card.net and card.net.where == where)}


async def code(asked: Asked, request: gr.Request) -> dict[str, Any]:
    """A setup as a command and as Python; with the steps of a run it makes the same net again, bit for bit."""
    setup = boxed(asked.data.get("setup")).but(steps=asked.whole("steps"))
    return {"command": command(setup), "python": python(setup)}


CALLS: dict[str, Callable[[Asked, gr.Request], Awaitable[dict[str, Any]]]] = {
    "list": listed, "start": start, "steer": steer, "stop": stop, "share": share, "bring": bring, "look": look, "keep": keep,
    "code": code,
}


def command(setup: Setup) -> str:
    options = " ".join(f"--{name.replace('_', '-')} {shlex.quote(number(value))}" for name, value in told(setup).items())
    return f"python -m imgen teach {setup.method} -o {setup.method}.safetensors {options}" + (
        " my_pictures.zip" if setup.data == "own" else "")


def python(setup: Setup) -> str:
    own = setup.data == "own"
    given = ", ".join(f'"{name}": {number(value) if not isinstance(value, str) else chr(34) + value + chr(34)}'
                      for name, value in {"method": setup.method, **told(setup)}.items())
    return "\n".join([
        "from pathlib import Path", "", "from imgen.lab.kept import packed",
        *(["from imgen.lab.own import own_pictures"] if own else []),
        "from imgen.lab.run import Teaching", "from imgen.lab.setups import Setup", "",
        f"setup = Setup.read({{{given}}})",
        f"teaching = Teaching(setup{', own_pictures([' + chr(34) + 'my_pictures.zip' + chr(34) + '])' if own else ''})",
        "for moment in teaching.moments(dict):", '    print(moment["step"], moment["losses"], moment["scores"])',
        f'Path("{setup.method}.safetensors").write_bytes(packed(teaching))',
    ])


def told(setup: Setup) -> dict[str, Any]:
    """What is unlike the defaults, and always the seed and how long it is to learn."""
    always = ("seed", "steps" if setup.steps else "seconds")
    return {name: value for name, value in setup.written().items()
            if name in always or name not in ("seed", "steps", "seconds", "method") and name in changes(setup)}


def number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def mine(asked: Asked, request: gr.Request) -> Desk:
    return classroom.mine(asked.name("token"), address_of(request))


def address_of(request: Any) -> str:
    return getattr(getattr(request, "client", None), "host", None) or ""


# The streams.
async def watch(request: Request) -> Response:
    """Of a desk by its code: what it learns, as it learns."""
    code = request.query_params.get("code", "")[:20]
    try:
        classroom.of_code(code)
        if not classroom.admit(address_of(request)):
            raise UserError("server_busy")
        stream = classroom.watch(code, address_of(request), lambda error: text_of(request, error))
        first = await anext(stream)  # which nothing waits for: from here on he has his seat, however many come at once
    except UserError as error:
        return refused(request, error, 503 if error.key == "server_busy" else 404)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return Watched(first, stream, media_type="text/event-stream", headers=headers)


class Watched(StreamingResponse):
    """Whoever takes nothing any more loses his place: a seat would else be held by one who only does not hang up."""

    def __init__(self, first: bytes, stream: AsyncGenerator[bytes], **more: Any):
        async def whole():
            yield first
            async for frame in stream:
                yield frame

        super().__init__(whole(), **more)
        self.stream = stream

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def soon(message: Any) -> None:
            await asyncio.wait_for(send(message), DEAF)

        try:
            await super().__call__(scope, receive, soon)
        except TimeoutError:
            pass  # the server then ends the connection
        finally:
            await self.stream.aclose()


async def net(request: Request) -> Response:
    """What a training has made so far, as a file."""
    try:
        asked = Asked({"lane": 1 if request.query_params.get("lane") == "1" else 0})
        lane = classroom.lane(classroom.of_code(request.query_params.get("code", "")[:20]), asked.whole("lane", 1))
        data = await classroom.ask_net(lane, "net", lane.job.net)
    except UserError as error:
        return refused(request, error, 404)
    name = f"{lane.setup.method}-{lane.setup.data}-seed{lane.setup.seed}.safetensors"
    return Response(data, media_type="application/octet-stream",
                    headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"})


async def replay(request: Request) -> Response:
    """The run with which the floor opens."""
    return FileResponse(REPLAY, media_type="application/json", headers={"cache-control": "max-age=3600"})


def refused(request: Request, error: UserError, status: int) -> Response:
    return JSONResponse({"error": text_of(request, error)}, status, {"cache-control": "no-store"})


def text_of(request: Request, error: UserError) -> str:
    language = choose(request.url.query, request.headers.get("cookie", ""), request.headers.get("accept-language", ""))
    facts: Mapping[str, Any] = error.facts
    if f"knob_{facts.get('knob')}" in WORDS:
        facts = {**facts, "knob": text(f"knob_{facts['knob']}", language)}
    return text(error.key, language, **facts)


ROUTES = [Route("/train/watch", watch), Route("/train/net", net), Route("/train/replay", replay)]

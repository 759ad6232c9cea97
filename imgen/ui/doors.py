"""The doors of the server: what may come in over HTTP at all, and which files a request may name.

Gradio checks a path only where the value brings `meta` along, believes the Host header, and answers a bad request with a
traceback in the log.  Here every request passes one middleware, and every value of every event one guard.
"""

import asyncio
import ipaddress
import json
import logging
import math
import socket
import stat
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from imgen.controls import UserError
from imgen.texts import text
from imgen.ui import stock
from imgen.ui.language import language_of_headers
from imgen.ui.stock import MAX_FILE

log = logging.getLogger("imgen")
API = "/gradio_api/"
UPLOAD, PAINTED = API + "upload", API + "component_server"  # what is painted over a picture comes by the second
TOOLS = API + "mcp"  # by which an assistant says what it wants, pictures among it
MOST_UPLOADED = 8 * MAX_FILE  # bytes of one upload, which may hold several files
MOST_SAID = 1_000_000  # bytes of any other request: pictures come as uploads, so what is left is short
MOST_TOLD = 24_000_000  # bytes of a call of a tool
AT_A_TIME = 8  # uploads of one address
SLOWEST, SILENT = 600, 30  # seconds that sending a request may take, and that may pass without a byte of it
ADDRESS = 2000  # letters after the question mark
DEEPEST = 12  # levels of lists and objects in a value
MOST_VALUES, MOST_FILES = 20_000, 500  # in one event
LONGEST_NAME = 255  # letters
CLOSED = (  # what Gradio offers and this page never uses
    "/monitoring", "/login", "/openapi.json", "/docs", "/redoc",
    API + "deep_link", API + "process_recording", API + "proxy=", API + "stream/", API + "vibe", API + "runs",
    API + "run-history", API + "dev/", API + "custom_component", API + "profiling", API + "file=http", API + "queue/status",
)
HEADERS = (
    (b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", b"object-src 'none'; base-uri 'self'"),
)
CALLER = "imgen.caller"  # in a request's scope: what went wrong is the caller's affair
FILE = {"_type": "gradio.FileData"}


class TooMuch(Exception):
    """More bytes than a request may have, or more time."""


def admitted(value: Any) -> Any:
    """A value of an event, with every file in it checked (see `file_given`).  Raises UserError."""
    return Guard().admit(value)


class Guard:
    """One event: how much it has said so far."""

    def __init__(self):
        self.home, self.values, self.files = stock.folder(), 0, 0

    def admit(self, value: object, level: int = 0) -> object:
        self.values += 1
        if level > DEEPEST or self.values > MOST_VALUES or self.files > MOST_FILES:
            raise UserError("call_unreadable")
        if isinstance(value, dict):
            given = {}
            if "path" in value or value.get("meta") == FILE:
                self.files += 1
                given = file_given(value.get("path"), value.get("orig_name"), self.home)
            rest = {key: self.admit(one, level + 1) for key, one in value.items() if key not in given}
            return {**rest, **given}
        if isinstance(value, list | tuple):
            return [self.admit(one, level + 1) for one in value]
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError("call_unreadable")
        return value


def file_given(path: object, name: object, home: Path) -> dict[str, object]:
    """What Gradio's components take for a file: one that was uploaded to this app, or that it made or showed itself.

    Links are followed before the check.  An address elsewhere is none: the server fetches nothing for a visitor.
    """
    if path is None:
        return {"path": None, "url": None, "is_stream": False}
    if not isinstance(path, str) or not path or len(path) > 4096 or "\0" in path:
        raise UserError("file_not_given")
    try:
        real = Path(path).resolve()
    except (OSError, RuntimeError, ValueError):  # ValueError: a lone surrogate
        raise UserError("file_not_given") from None
    if not real.is_relative_to(home):  # first of all: whether it is there is nobody's business
        raise UserError("file_not_given")
    try:
        facts = real.stat()
    except (OSError, ValueError):
        raise UserError("file_gone") from None
    if not stat.S_ISREG(facts.st_mode):
        raise UserError("file_not_given")
    if facts.st_size > MAX_FILE:
        raise UserError("file_too_large", limit=MAX_FILE // 2**20)
    name = name if isinstance(name, str) and len(name) <= LONGEST_NAME else real.name
    return {"path": str(real), "url": None, "size": None, "orig_name": name, "mime_type": None, "is_stream": False, "meta": FILE}


def pointed(data: object) -> dict[str, object]:
    """What a click says, as Gradio's SelectData wants it; where it was is checked by `number_of` and `place_of`."""
    return {"index": None, "value": None, **(data if isinstance(data, dict) else {})}


def number_of(event) -> int:
    """Which picture of a gallery was clicked.  Raises UserError."""
    if not _counts(event.index):
        raise UserError("call_unreadable")
    return int(event.index)


def place_of(event) -> tuple[int, int]:
    """Where a picture was clicked: pixels from its left and its top.  Raises UserError."""
    if not isinstance(event.index, list | tuple) or len(event.index) != 2 or not all(map(_counts, event.index)):
        raise UserError("call_unreadable")
    return int(event.index[0]), int(event.index[1])


def _counts(n: object) -> bool:
    return isinstance(n, int | float) and not isinstance(n, bool) and 0 <= n < 1e9


def own_names(given: Collection[str] = ()) -> frozenset[str]:
    """The names under which this machine may be asked for: its own, and those that its operator gave (a proxy's, a Space's)."""
    return frozenset(name.strip().lower() for name in ("localhost", socket.gethostname(), *given) if name.strip())


def is_ours(host: str, names: Collection[str]) -> bool:
    """Whether a Host header means us.  A name that somebody else's page made to point here (DNS rebinding) does not; an address
    does, for no page can be another's under it.
    """
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
    name = name.strip("[]").rstrip(".").lower()
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in names
    return True


class Doors:
    """ASGI middleware before all others: Host, closed routes, sizes, and one short answer for whatever Gradio stumbles over."""

    def __init__(self, app, names: Collection[str], closed: Collection[str] = CLOSED):
        self.app, self.names, self.closed = app, names, closed
        self.rooms: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()  # while an upload holds one

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        kept = [(name, value) for name, value in scope["headers"] if name != b"x-gradio-server"]  # would be taken for our address
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in kept}
        asked, path = headers.get("x-forwarded-host", headers.get("host", "")), scope["path"]
        if not all(is_ours(host, self.names) for host in {asked.split(",")[0].strip(), headers.get("host", "")}):
            return await answer(scope, send, 421, "host_unknown", host=asked[:80])
        beside_tools = path.startswith(f"{TOOLS}/") and path != f"{TOOLS}/"  # older ways, and pages that repeat their address
        if beside_tools or any(path.startswith(route) for route in self.closed):
            return await answer(scope, send, 404, "route_closed")
        if len(scope.get("query_string", b"")) > ADDRESS:
            return await answer(scope, send, 414, "call_too_long", limit=1)
        visit = Visit({**scope, "headers": kept}, receive, send)
        try:
            if visit.heavy:
                await self.upload(visit)
            else:
                await self.app(visit.scope, visit.receive, visit.send)
        except TooMuch:
            await visit.fail(413, "call_too_long", limit=visit.most // 2**20 or 1)
        except OSError as error:
            log.error("the disk or the network: %s", error)
            await visit.fail(507, "disk_full")
        except Exception as error:  # Gradio's, over what it was sent; the rest is for whoever looks for it
            log.debug("a request that nobody can read", exc_info=error)
            await visit.fail(400, "call_unreadable")


    async def upload(self, visit: "Visit") -> None:
        """A few of one address at a time: what is held open costs memory and disk."""
        address = address_of(visit.scope)
        room = self.rooms.setdefault(f"{address} tools" if visit.told else address, asyncio.Semaphore(AT_A_TIME))
        try:
            await asyncio.wait_for(room.acquire(), SILENT)
        except TimeoutError:
            return await visit.fail(503, "server_busy")
        try:
            await self.app(visit.scope, visit.receive, visit.send)
        finally:
            room.release()


class Visit:
    """One request under way: counts what comes in, adds our headers to what goes out."""

    def __init__(self, scope, receive, send):
        self.scope, self._receive, self._send = scope, receive, send
        route = scope["path"].rstrip("/")
        self.uploading = route == UPLOAD
        painted = route == PAINTED and dict(scope["headers"]).get(b"content-type", b"").startswith(b"multipart/")
        self.told = route == TOOLS and scope["method"] == "POST"
        self.heavy = self.uploading or painted or self.told  # a component that is only asked something gets a few words
        self.most = MOST_UPLOADED if self.uploading else MAX_FILE if painted else MOST_TOLD if self.told else MOST_SAID
        self.until, self.whole = time.monotonic() + SLOWEST, False
        self.came, self.begun, self.ended, self.said = 0, False, False, b""

    async def receive(self):
        if self.whole:  # what follows is at most that the visitor hangs up
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), min(SILENT, self.until - time.monotonic()))
        except TimeoutError:
            raise TooMuch from None
        self.whole = not message.get("more_body")
        self.came += len(message.get("body", b""))
        if self.came > self.most:
            raise TooMuch
        return message

    async def send(self, message):
        if message["type"] == "http.response.start":
            if self.came > self.most:  # whoever read it took our objection for a fault in what he read
                raise TooMuch
            self.begun = True
            status = 422 if message["status"] == 500 and CALLER in self.scope else message["status"]
            message = {**message, "status": status, "headers": [*message.get("headers", ()), *HEADERS]}
        else:
            self.ended = not message.get("more_body")
            self.said += message.get("body", b"") if self.uploading else b""
            if self.uploading and self.ended:
                self.remember()
        await self._send(message)

    def remember(self) -> None:
        """Whose the uploaded files are, for the share of the disk that each visitor has."""
        try:
            paths = json.loads(self.said)
        except ValueError:
            return
        if isinstance(paths, list):
            stock.take_in(address_of(self.scope), [Path(path) for path in paths if isinstance(path, str)])

    async def fail(self, status: int, key: str, **facts: object) -> None:
        if not self.begun:
            await answer(self.scope, self._send, status, key, **facts)
        elif not self.ended:  # of a stream, what had been said stands
            await self._send({"type": "http.response.body", "body": b""})


async def answer(scope, send, status: int, key: str, **facts: object) -> None:
    """A sentence in the visitor's language, as Gradio's browser and clients read it."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    sentence = text(key, language_of_headers(headers), **facts)
    body = json.dumps({"error": sentence, "detail": sentence}, ensure_ascii=False).encode()
    kind = ((b"content-type", b"application/json; charset=utf-8"), (b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": [*kind, *HEADERS]})
    await send({"type": "http.response.body", "body": body})


def address_of(scope) -> str:
    return (scope.get("client") or ("",))[0]


def blame_the_caller(request) -> None:
    """What went wrong in this request of Gradio's is no fault of the server."""
    inner = getattr(request, "request", None)
    if inner is not None:
        inner.scope[CALLER] = True

"""One password for the whole page: a gate behind the doors and before everything else, whoever made the route.

Gradio's own `auth` guards Gradio's routes only, and tells its users apart, of whom a class has none.  A browser gets a small page
that asks; a program sends the password as HTTP Basic with any name, or as gradio_client does (`auth=("class", password)`).
"""

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
import time
from collections import OrderedDict, deque
from html import escape

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from imgen.texts import text
from imgen.ui.doors import address_of, answer
from imgen.ui.health import PATH as HEALTH
from imgen.ui.language import BROWSER, choose

LOGIN = "/login"  # where gradio_client sends it, too
OPEN = frozenset({HEALTH})  # it says one word, to whoever restarts the program
FIRST = "/gradio_api/startup-events"  # the server asks itself once, before it is open
LASTS = 24 * 3600  # seconds that a browser need not ask again
TRIES, TRIES_OF_ALL, WINDOW = 20, 200, 300.0  # wrong ones of an address, and of all together, in so many seconds
MOST = 10_000  # addresses remembered
LONGEST = 2000  # letters of an address to go on to
STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:22rem;margin:18vh auto 0;padding:0 1rem;color:#1c1917;background:#fff}"
    "input,button{font:inherit;width:100%;box-sizing:border-box;padding:.6rem;margin:.3rem 0;border-radius:.5rem;"
    "border:1px solid #78716c}button{background:#0f766e;color:#fff;border:0}.wrong{color:#b91c1c}"
    "@media (prefers-color-scheme:dark){body{color:#f5f5f4;background:#1c1917}input{background:#292524;color:inherit}"
    ".wrong{color:#fca5a5}}"
)


class Gate:
    """Who has been let in, and who has tried too often.  Nothing is kept of the password but what tells whether another is it."""

    def __init__(self, password: str):
        self.secret = secrets.token_bytes(32)
        self.known, self.opened = self.seal(password.encode()), True
        self.wrong: OrderedDict[str, deque[float]] = OrderedDict()
        self.wrong_of_all: deque[float] = deque()

    def close(self) -> None:
        """From now on the server itself has nothing more to ask."""
        self.opened = False

    def seal(self, words: bytes) -> bytes:
        return hmac.digest(self.secret, words, hashlib.sha256)

    def token(self) -> str:
        until = f"{int(time.time()) + LASTS:x}"
        return f"{until}.{self.seal(until.encode()).hex()}"

    def admits(self, token: str) -> bool:
        until, _, seal = token.partition(".")
        if not hmac.compare_digest(self.seal(until.encode("utf-8", "replace")).hex().encode(), seal.encode("utf-8", "replace")):
            return False
        return int(until, 16) > time.time()

    def waits(self, address: str) -> float:
        """Seconds until this address may try again: it, or all together, were wrong too often."""
        now = time.monotonic()
        found = 0.0
        for tries, most in ((self.wrong.get(place(address)), TRIES), (self.wrong_of_all, TRIES_OF_ALL)):
            while tries and now - tries[0] > WINDOW:
                tries.popleft()
            if tries and len(tries) >= most:
                found = max(found, WINDOW - (now - tries[0]))
        return found

    def knows(self, password: str, address: str) -> bool:
        """Whether it is the one; a wrong one counts.  To be asked only if the address need not wait."""
        if hmac.compare_digest(self.seal(password.encode("utf-8", "replace")), self.known):
            return True
        tries = self.wrong.setdefault(place(address), deque(maxlen=TRIES))
        self.wrong.move_to_end(place(address))
        tries.append(time.monotonic())
        self.wrong_of_all.append(time.monotonic())
        while len(self.wrong) > MOST:
            self.wrong.popitem(last=False)
        return False


def place(address: str) -> str:
    """A whole network of IPv6, of which one visitor has all addresses."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((known, 64), strict=False)) if known.version == 6 else address


class Password:
    """ASGI middleware: nothing behind it is asked by whoever has not been let in."""

    def __init__(self, app, gate: Gate):
        self.app, self.gate = app, gate

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":  # the page has no WebSocket
            return await send({"type": "websocket.close", "code": 1008})
        path = scope["path"].rstrip("/") or "/"
        if path == LOGIN:
            return await self.login(scope, receive, send)
        if path in OPEN or (path == FIRST and self.gate.opened):
            return await self.app(scope, receive, send)
        headers = dict(scope["headers"])
        if self.gate.admits(_cookie(headers.get(b"cookie", b""), _name(scope))):
            return await self.app(scope, receive, send)
        given = _basic(headers.get(b"authorization", b""))
        if given is not None:
            if wait := self.gate.waits(address_of(scope)):
                return await _refuse(scope, send, 429, wait)
            if self.gate.knows(given, address_of(scope)):
                return await self.app(scope, receive, send)
        await _refuse(scope, send, 401)

    async def login(self, scope, receive, send) -> None:
        request = Request(scope, receive)
        if scope["method"] != "POST":
            return await _refuse(scope, send, 401)
        if wait := self.gate.waits(address_of(scope)):
            return await _refuse(scope, send, 429, wait)
        try:
            form = await request.form(max_files=0, max_fields=8, max_part_size=8192)
        except (HTTPException, MultiPartException):  # no form at all
            return await answer(scope, send, 400, "call_unreadable")
        if wait := self.gate.waits(address_of(scope)):  # again: many may have been let so far at once, each holding its form back
            return await _refuse(scope, send, 429, wait)
        given, onward = form.get("password"), form.get("next")
        if not isinstance(given, str) or not self.gate.knows(given, address_of(scope)):
            return await _refuse(scope, send, 401, wrong=True, onward=onward if isinstance(onward, str) else "")
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = f"{_name(scope)}={self.gate.token()}; Path=/; Max-Age={LASTS}; HttpOnly; SameSite=Lax{secure}"
        added = [(b"set-cookie", cookie.encode()), (b"cache-control", b"no-store")]
        if _browses(scope):
            added += [(b"location", _safe(onward if isinstance(onward, str) else "").encode())]
        body = b'{"success":true}'
        added += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 303 if _browses(scope) else 200, "headers": added})
        await send({"type": "http.response.body", "body": body})


async def _refuse(scope, send, status: int, wait: float = 0, wrong: bool = False, onward: str | None = None) -> None:
    """A page with one field for browsers, a sentence for programs."""
    key = "password_wait" if wait else "password_wrong" if wrong else "password_needed"
    minutes = max(1, round(wait / 60))
    if not _browses(scope):
        return await answer(scope, send, status, key, minutes=minutes)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope.get("query_string", b"").decode("latin-1")
    if onward is None:
        onward = scope["path"] + (f"?{query}" if query else "") if scope["path"] != LOGIN else ""
    language = choose(onward.partition("?")[2], headers.get("cookie", ""), headers.get("accept-language", ""))
    up = "../" * (scope["path"].count("/") - 1) or "./"

    def say(key: str) -> str:
        return escape(text(key, language, minutes=minutes))

    told = f'<p class="wrong" role="alert">{say(key)}</p>' if wait or wrong else f"<p>{say(key)}</p>"
    body = (
        f'<!doctype html><html lang="{BROWSER[language]}"><head><meta charset="utf-8"><title>imgen</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body><h1>imgen</h1>{told}'
        f'<form method="post" action="{up}login"><input type="hidden" name="next" value="{escape(onward[:LONGEST])}">'
        f'<label>{say("password")}<input type="password" name="password" autocomplete="current-password" required autofocus>'
        f"</label><button>{say('password_enter')}</button></form></body></html>"
    ).encode()
    kind = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    added = [(b"cache-control", b"no-store"), (b"x-frame-options", b"SAMEORIGIN")]
    added += [(b"retry-after", str(int(wait) + 1).encode())] if wait else []
    await send({"type": "http.response.start", "status": status, "headers": [*kind, *added]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _browses(scope) -> bool:
    return b"text/html" in dict(scope["headers"]).get(b"accept", b"")


def _safe(onward: str) -> str:
    """Where a browser goes on to, relative to the login: never to another server."""
    return f"./{onward.lstrip('/')}" if re.fullmatch(rf"/[!-~]{{0,{LONGEST}}}", onward) else "./"


def _name(scope) -> str:
    """Of the cookie: a browser does not tell the ports of a machine apart."""
    return f"imgen_{(scope.get('server') or ('', 0))[1]}"


def _cookie(header: bytes, name: str) -> str:
    start = f"{name}=".encode()
    found = (one.strip() for one in header.split(b";"))
    return next((one[len(start) :].decode("latin-1") for one in found if one.startswith(start)), "")


def _basic(header: bytes) -> str | None:
    """The password of an Authorization header; None if there is none that can be read."""
    kind, _, rest = header.partition(b" ")
    if kind.lower() != b"basic":
        return None
    try:
        return base64.b64decode(rest, validate=True).decode().partition(":")[2]
    except ValueError:
        return None

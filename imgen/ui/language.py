"""Which language a visitor reads, and how the page speaks both.

Gradio translates labels in the browser, by `navigator.language`; HTML of ours holds both languages and CSS hides one; errors
are worded on the server.  All three follow one choice: the address (`?language=zh`), else the cookie, else the browser.
"""

import gzip
from collections.abc import Mapping, Sequence
from html import escape
from http.cookies import CookieError, SimpleCookie
from typing import cast
from urllib.parse import parse_qs, urlsplit

import gradio as gr
from anyio import to_thread

from imgen.texts import LANGUAGES, text
from imgen.texts.words import WORDS
from imgen.ui.scripts import script

BROWSER = {"en": "en", "zh": "zh-CN"}  # the name under which a browser, and so Gradio, knows a language
PREFIX = "im_"  # a key must not meet one of Gradio's own
YEAR = 365 * 24 * 3600
EARLY = script("frames.js")
PACKED = 3  # of 9: a sixth of the bytes, in a third less time than the usual 6

i18n = gr.I18n(**{
    BROWSER[language]: {PREFIX + key: words[n] for key, words in WORDS.items() if "{" not in "".join(words)}
    for n, language in enumerate(LANGUAGES)
})


def t(*keys: str, by: Sequence[str] = ("\n",)) -> str:
    """A label that the browser translates: Gradio takes it wherever it takes words, though not all of its annotations say so.
    Of several keys it translates only the first in a label: together they become a key of their own.  by: what stands between.
    """
    assert set(keys) <= set(WORDS), f"no words for {keys}"
    key = PREFIX + "_and_".join(keys)
    if len(keys) > 1:
        for language in LANGUAGES:
            i18n.translations[BROWSER[language]][key] = "".join(
                text(one, language) + after for one, after in zip(keys, [*by, ""], strict=True)
            )
    return cast(str, i18n(key))


def both(key: str, **facts: object) -> str:
    """HTML of the words in both languages, of which CSS shows one.  Facts may come from a visitor: they are escaped."""
    return spans(**{language: escape(text(key, language, **facts)) for language in LANGUAGES})


def spans(en: str, zh: str) -> str:
    return f'<span class="en" lang="en">{en}</span><span class="zh" lang="zh">{zh}</span>'


def language_of(request) -> str:
    """Of a visitor's request: what the page's address says, else the cookie, else the browser."""
    if request is None:
        return "en"
    return language_of_headers({name.lower(): value for name, value in dict(request.headers).items()})


def language_of_headers(headers: Mapping[str, str]) -> str:
    try:
        query = urlsplit(headers.get("referer", "")).query
    except ValueError:  # no address at all
        query = ""
    return choose(query, headers.get("cookie", ""), headers.get("accept-language", ""))


def choose(query: str, cookie: str, accept: str) -> str:
    asked = parse_qs(query).get("language", [""])[-1]
    if asked in LANGUAGES:
        return asked
    try:
        kept = SimpleCookie(cookie).get("language")
    except CookieError:
        kept = None
    if kept and kept.value in LANGUAGES:
        return kept.value
    first = next((tag for part in accept.split(",") if (tag := part.split(";")[0].strip().lower())[:2] in LANGUAGES), "en")
    return first[:2]


class LanguageMiddleware:
    """Tells the page its language before anything of Gradio's runs: a script at the very top, `lang`, and the cookie.  What else
    must come before Gradio's own scripts goes there, too; its `head` comes after them.

    And packs it where the browser can unpack: it is the largest of all that a visitor waits for, and Gradio sends it as it is.
    """

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["method"] != "GET":
            return await self.app(scope, receive, send)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode("latin-1")
        language = choose(query, headers.get("cookie", ""), headers.get("accept-language", ""))
        start, body = None, b""

        async def speak(message):
            nonlocal start, body
            if message["type"] == "http.response.start":
                if b"text/html" not in dict(message["headers"]).get(b"content-type", b""):
                    start = None
                    return await send(message)
                start = message
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    page, packed = localized(body, language), "gzip" in headers.get("accept-encoding", "")
                    if packed:
                        page = await to_thread.run_sync(gzip.compress, page, PACKED)
                    told = page_headers(start["headers"], len(page), language, "language=" in query, packed)
                    await send({**start, "headers": told})
                    await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, speak)


def localized(page: bytes, language: str) -> bytes:
    name = BROWSER[language]
    told = (
        f"<script>for (const [key, value] of [['language', '{name}'], ['languages', ['{name}']]])"
        f" Object.defineProperty(navigator, key, {{get: () => value}});"
        f"document.documentElement.dataset.language = '{language}'</script>"
    )
    page = page.replace(b'lang="en"', f'lang="{name}"'.encode(), 1)
    return page.replace(b"<head>", b"<head>" + (told + EARLY).encode(), 1)


def page_headers(headers, length: int, language: str, keep: bool, packed: bool):
    kept = [(name, value) for name, value in headers if name != b"content-length"]
    kept += [(b"content-length", str(length).encode()), (b"vary", b"cookie, accept-language, accept-encoding")]
    if packed:
        kept.append((b"content-encoding", b"gzip"))
    if keep:
        kept.append((b"set-cookie", f"language={language}; Path=/; Max-Age={YEAR}; SameSite=Lax".encode()))
    return kept

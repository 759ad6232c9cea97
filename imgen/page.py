"""The whole page: a header, the tabs, and the ways between them."""

import inspect
import logging
from collections.abc import Callable, Collection
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import gradio as gr
from anyio import to_thread
from gradio import themes
from gradio.context import LocalContext
from starlette.middleware import Middleware
from starlette.requests import Request

from imgen.controls import UserError
from imgen.tabs.classify import classify_tab
from imgen.tabs.generate import generate_tab
from imgen.tabs.inside import inside_tab
from imgen.tabs.lessons import Lessons
from imgen.tabs.programs import publish_rooms
from imgen.tabs.restore import restore_tab
from imgen.tabs.stylize import stylize_tab
from imgen.tabs.train import train_tab
from imgen.tabs.upscale import upscale_tab
from imgen.ui import health, link, teaching, telemetry, turns, worksheet
from imgen.ui.doors import CLOSED, Doors, admitted, blame_the_caller, own_names, pointed
from imgen.ui.endpoint import described, publish
from imgen.ui.events import connect, connect_send
from imgen.ui.kept import connect_kept
from imgen.ui.language import LanguageMiddleware, both, i18n
from imgen.ui.password import LOGIN, Gate, Password
from imgen.ui.scripts import head
from imgen.ui.sessions import Messages, Sessions, forget_finished
from imgen.ui.stock import MAX_FILE
from imgen.ui.work import Failure, Trouble

log = logging.getLogger("imgen")
THREADS = 2 * turns.OF_ALL * len(turns.SLOTS)  # events that Gradio keeps open at a time, with those that wait for their turn
CSS = [Path(__file__).parent / "ui" / name for name in ("page.css", "inside.css", "points.css")]
LATIN = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial"]
CHINESE = ["PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC"]
HEADER = """
<button type="button" class="skip">{skip}</button>
<header class="top"><div class="name"><h1>imgen</h1> <p>{sentence}</p></div>
<nav aria-labelledby="languages"><span class="unseen" id="languages">{languages}</span>
<a href="?language=en" lang="en">English</a><a href="?language=zh" lang="zh">中文</a>
</nav></header>"""


class Page(gr.Blocks):
    def launch(self, *args, **settings):
        """settings: see `settings`; the thread must not be held, for what follows is done once the server is there.

        Gradio's own look at the page, for a `share` that nobody asks for here, gives up after three seconds: a slow machine takes
        longer.
        """
        turns.begin()
        served = super().launch(*args, prevent_thread_lock=True, _frontend=False, **settings)
        self.app.state_holder = Sessions(self)
        self._queue.pending_messages_per_session = Messages(self._queue)  # pyright: ignore[reportAttributeAccessIssue]
        return served

    async def preprocess_data(self, block_fn, inputs, state, explicit_call=False):
        """Every value of every event passes the guard of `doors` first."""
        try:
            given = inputs if explicit_call else await to_thread.run_sync(admitted, inputs)
            return await super().preprocess_data(block_fn, given, state, explicit_call)
        except UserError:
            raise
        except Exception as error:  # Gradio's own, over values that its components cannot have
            log.debug("an event that nobody can read", exc_info=error)
            raise UserError("call_unreadable") from None

    async def process_api(self, block_fn, inputs, state=None, request=None, *, event_data=None, **rest):
        """What goes wrong becomes one sentence in the visitor's language; the log hears of our own faults only."""
        asker = cast("gr.Request | None", gr.Request(request) if isinstance(request, Request) else request)  # of a tool
        try:
            forget_finished(self._queue)
            if not block_fn.fn:  # of the browser alone
                raise UserError("call_unreadable")
            LocalContext.request.set(asker)  # whose it is, for those components that keep what a visitor sent
            if event_data is not None and points(block_fn.fn):
                event_data._data = pointed(event_data._data)
            return await super().process_api(block_fn, inputs, state, asker, event_data=event_data, **rest)
        except gr.Error as error:
            failure = error
        except Exception as error:
            failure = Trouble(asker).error(error)
        if not (isinstance(failure, Failure) and failure.ours):
            blame_the_caller(asker)
        raise failure

    def get_api_info(self, *args, **kwargs):
        return described(cast("dict[str, Any]", super().get_api_info(*args, **kwargs)))


def build() -> gr.Blocks:
    """The page, not yet served; torch is not imported."""
    with Page(title="imgen", analytics_enabled=False, fill_width=True) as page:
        words = {"sentence": both("app_sentence"), "skip": both("skip_to_run"), "languages": both("language_switch")}
        gr.HTML(HEADER.format(**words), js_on_load=link.script(), elem_classes="header")
        with gr.Tabs(selected="generate", overflow_behavior="wrap", elem_classes="tabs") as tabs:
            tabs_of_tasks = (generate_tab, upscale_tab, stylize_tab, restore_tab, classify_tab)
            benches = {bench.task: bench for bench in (make() for make in tabs_of_tasks)}
            train_tab()
            inside_tab()
            lessons = Lessons()
        for bench in benches.values():
            publish(bench)  # before the events of the page, which else would take these names
        publish_rooms(benches["restore"].widgets["mask"])
        lessons.connect()
        for bench in benches.values():
            connect(bench)
            bench.connect_rooms()
        connect_kept(benches.values())
        for bench in benches.values():
            for task, button in bench.send.items():
                connect_send(button, bench, benches[task], tabs)
    page.queue(max_size=turns.OF_ALL, default_concurrency_limit=None, api_open=False)
    return page


def theme() -> themes.Base:
    fonts = [*LATIN, *CHINESE, "sans-serif"]
    look = themes.Default(
        primary_hue="teal", neutral_hue="stone", spacing_size="md", radius_size="lg",
        font=fonts, font_mono=["ui-monospace", "Consolas", "monospace"],
    )
    deep = {  # white words on teal need this depth to be read with ease
        f"button_primary_background_fill{state}{mode}": f"*primary_{shade}"
        for state, shade in (("", 700), ("_hover", 800)) for mode in ("", "_dark")
    }
    quiet = {  # Gradio's own grey is too pale to read with ease
        f"{part}{mode}": f"*neutral_{shade}"
        for part in ("body_text_color_subdued", "block_label_text_color", "block_info_text_color", "block_title_text_color")
        for mode, shade in (("", 600), ("_dark", 400))
    }
    links = {  # its blue is too dark for dark pages
        f"link_text_color{state}{mode}": f"*primary_{shade}"
        for state in ("", "_hover", "_active", "_visited") for mode, shade in (("", 700), ("_dark", 300))
    }
    return look.set(
        **deep, **quiet, button_primary_text_color="white", button_primary_text_color_dark="white", color_accent="*primary_700",
        **links,
    )


@cache
def points(handler: Callable) -> bool:
    """Whether it is told a place that somebody clicked."""
    return any(one.annotation is gr.SelectData for one in inspect.signature(handler).parameters.values())


def settings(
    names: Collection[str] = (), gate: Gate | None = None, seen: telemetry.Seen = telemetry.NOTHING, tools: bool = False
) -> dict:
    """Everything `launch` must be told.  names: hosts, beside this machine's own, under which the page may be asked for; gate: of
    the password, if there is one; seen: what is to be seen from outside; tools: whether assistants may call it.

    Raises UserError tools_missing.
    """
    if tools:
        if find_spec("mcp") is None:  # Gradio finds out only when it is asked for a tool
            raise UserError("tools_missing")
        from imgen.ui.assistants import serve_tools

        serve_tools()
    closed = [route for route in CLOSED if not (gate and route == LOGIN)]
    outside_in = [*seen.middleware, Middleware(Doors, names=own_names(names), closed=closed)]
    outside_in += [Middleware(Password, gate=gate)] if gate else []
    outside_in += [Middleware(LanguageMiddleware)]
    return {
        "theme": theme(), "css_paths": CSS, "head": head(), "i18n": i18n,
        "app_kwargs": {"middleware": outside_in, "routes": [health.ROUTE, *seen.routes, worksheet.ROUTE, *teaching.ROUTES]},
        "max_file_size": MAX_FILE, "run_history": False, "footer_links": ["api"], "show_error": False, "ssr_mode": False,
        "share": False, "quiet": True, "enable_monitoring": False, "max_threads": THREADS, "mcp_server": tools,
    }

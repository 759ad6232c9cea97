"""The whole page: a header, the tabs, and the ways between them."""

from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

from imgen.catalog import TASKS
from imgen.exhibits import ASSETS, example_files
from imgen.ui.compare import stylize_tab, upscale_tab
from imgen.ui.endpoint import publish
from imgen.ui.events import connect, connect_send
from imgen.ui.generate import generate_tab
from imgen.ui.language import LanguageMiddleware, both, i18n
from imgen.ui.picture import MAX_FILE
from imgen.ui.restore import restore_tab

CSS = Path(__file__).parent / "page.css"
LATIN = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial"]
CHINESE = ["PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC"]
HEADER = """
<header class="top"><p><b>imgen</b> {sentence}</p>
<nav aria-label="Language 语言">
<a href="?language=en" lang="en">English</a><a href="?language=zh" lang="zh">中文</a>
</nav></header>"""

SWITCH = """
const tabs = () => [...document.querySelectorAll('.tabs [role=tab]')];
const asked = new URLSearchParams(location.search).get('tab');
const open = tries => {  // a tab that is only just drawn does not listen yet
  const tab = tabs()[asked];
  if (tab?.ariaSelected !== 'true' && tries) { tab?.click(); setTimeout(open, 100, tries - 1); }
};
if (asked) open(50);
for (const link of element.querySelectorAll('nav a'))
  link.addEventListener('click', () => {  // the theme and the tab stay
    const query = new URLSearchParams(location.search);
    query.set('language', link.lang);
    query.set('tab', Math.max(0, tabs().findIndex(tab => tab.ariaSelected === 'true')));
    link.href = '?' + query;
  });
"""


class Page(gr.Blocks):
    def get_api_info(self, *args, **kwargs):
        """Gradio's page about the endpoints cannot translate: there a parameter goes by its name; pictures may be left out."""
        info = super().get_api_info(*args, **kwargs)
        for endpoint in info["named_endpoints"].values():
            for parameter in endpoint["parameters"]:
                parameter["label"] = parameter["parameter_name"]
                if parameter["component"] == "Imageeditor" and not parameter["parameter_has_default"]:
                    parameter |= {"parameter_has_default": True, "parameter_default": None}  # no mask, that is
            for returned, name in zip(endpoint["returns"], ("result", "made"), strict=True):
                returned["label"] = name
        return info


def build() -> gr.Blocks:
    """The page, not yet served; torch is not imported."""
    gr.set_static_paths([ASSETS, *{path.parent for task in TASKS for path in example_files(task)}])
    with Page(title="imgen", analytics_enabled=False, fill_width=True) as page:
        gr.HTML(HEADER.format(sentence=both("app_sentence")), js_on_load=SWITCH, elem_classes="header")
        with gr.Tabs(selected="generate", overflow_behavior="wrap", elem_classes="tabs") as tabs:
            benches = {bench.task: bench for bench in (generate_tab(), upscale_tab(), stylize_tab(), restore_tab())}
        for bench in benches.values():
            connect(bench)
            bench.connect_rooms()
            publish(bench)
        for bench in benches.values():
            for task, button in bench.send.items():
                connect_send(button, bench, benches[task], tabs)
    page.queue(max_size=64, default_concurrency_limit=4)
    return page


def theme() -> gr.themes.Base:
    fonts = [*LATIN, *CHINESE, "sans-serif"]
    look = gr.themes.Default(
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
    return look.set(
        **deep, **quiet, button_primary_text_color="white", button_primary_text_color_dark="white", color_accent="*primary_600"
    )


def settings() -> dict:
    """Everything `launch` must be told."""
    return {
        "theme": theme(), "css_paths": [CSS], "i18n": i18n, "app_kwargs": {"middleware": [Middleware(LanguageMiddleware)]},
        "max_file_size": MAX_FILE, "run_history": False, "footer_links": ["api"], "show_error": False, "ssr_mode": False,
        "share": False, "quiet": True,
    }

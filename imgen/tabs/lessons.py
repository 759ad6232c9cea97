"""The tab "Lessons": courses and all lessons, each with a way into its tab and a worksheet; read when somebody opens it.

A lesson about an idea belongs to no card's tab: it is read here, in place of the list, where the address names it.
"""

import json
from html import escape

import gradio as gr

from imgen.exhibits.courses import IDEAS, LESSONS, LONG, LONG_MINUTES, SHORT, outline, task_of, to_lesson
from imgen.exhibits.files import ASSETS
from imgen.texts import lesson, text
from imgen.ui.event_settings import AT_ONCE
from imgen.ui.language import both, language_of, t
from imgen.ui.lesson import FORMULAS, address, filled
from imgen.ui.stock import staged
from imgen.ui.turns import look
from imgen.ui.work import Trouble
from imgen.ui.worksheet import inline, link

ENTER = """
const tab = element.closest('.courses'), known = KNOWN;
element.dataset.room = 'lessons';  // link.js tells a room what the address says, and is told where one is
let wanted = '';
const arrived = () => tab.classList.toggle('coming', Boolean(wanted) && !tab.querySelector(`[data-idea="${wanted}"]`));
new MutationObserver(arrived).observe(tab, {childList: true, subtree: true});  // till then the one before is hidden
tab.addEventListener('click', event => {  // Markdown gives every link a window of its own: not these
  event.target.closest('.idea a.preset')?.removeAttribute('target');
}, true);
element.addEventListener('imgen:enter', event => {
  const name = new URLSearchParams(event.detail.query).get('lesson'), open = known.includes(name);
  tab.classList.toggle('reading', open);
  if (open && wanted !== name) {
    wanted = name;
    trigger('click', {lesson: name});
    arrived();
  }
  const query = 'tab=lessons' + (open ? '&lesson=' + name : '');
  document.dispatchEvent(new CustomEvent('imgen:at', {detail: {name: 'lessons', query}}));
});
""".replace("KNOWN", json.dumps(list(IDEAS)))


class Lessons:
    """The components of the tab."""

    def __init__(self):
        with gr.Tab(t("lessons_tab"), id="lessons") as self.tab, gr.Column(elem_classes="courses"):
            gr.HTML(f"<p>{both('lessons_hint')}</p>", elem_classes="hint")
            with gr.Column(elem_classes="idea"):
                self.idea = gr.Markdown(latex_delimiters=FORMULAS, elem_classes="lesson-text")
                self.ways = gr.HTML(elem_classes="ways")
            self.list = gr.HTML(f"<p>{both('lessons_reading')}</p>", elem_classes="course-list")
            self.room = gr.HTML("<i></i>", js_on_load=ENTER, elem_classes="listener")

    def connect(self) -> None:
        self.tab.select(look(shown), None, self.list, **AT_ONCE)
        self.room.click(look(read), None, [self.idea, self.ways], **AT_ONCE)


def shown(request: gr.Request) -> str:
    with Trouble(request):
        return listing(language_of(request))


def read(request: gr.Request, event: gr.EventData) -> tuple[str, str]:
    """A lesson about an idea, and the ways on from it; nothing for a name that is none."""
    with Trouble(request):
        name = event._data.get("lesson") if isinstance(event._data, dict) else None
        if not isinstance(name, str) or name not in IDEAS:
            return "", ""
        language = language_of(request)
        return filled(lesson(name, language) or "", language), ways(name, language)


def ways(name: str, language: str) -> str:
    """Under a lesson: its worksheet, the next idea, the list."""
    names = list(IDEAS)
    following = names[(names.index(name) + 1) % len(names)]
    label = inline(text("ideas_next", language, title=outline(following, language).title))
    return (
        f'<div data-idea="{name}">{sheets(name, language)}<p><a href="?tab=lessons">← {escape(text("ideas_back", language))}</a>'
        f'<a href="{escape(to_lesson(following))}" data-next="{following}">{label} →</a></p></div>'
    )


def listing(language: str) -> str:
    """All of it in one language."""
    def section(title: str, rows: str, kind: str) -> str:
        return f'<section><h2>{title}</h2><div class="{kind}">{rows}</div></section>'

    long = "".join(course(name, lessons, language) for name, lessons in LONG.items())
    short = "".join(entry(name, 10, language, "h3") for name in SHORT)
    title = {kind: escape(text(f"courses_{kind}", language, minutes=n)) for kind, n in (("long", LONG_MINUTES), ("short", 10))}
    groups = "".join(
        f'<h3>{escape(text(f"task_{task}", language))}</h3><div class="cards">'
        + "".join(entry(name, minutes, language, "h4") for name, minutes in lessons.items()) + "</div>"
        for task, lessons in LESSONS.items()
    )
    ideas = f"<p>{escape(text('ideas_about', language))}</p>" + '<div class="cards">' + "".join(
        entry(name, minutes, language, "h3") for name, minutes in IDEAS.items()
    ) + "</div>"
    every = escape(text("lessons_all", language, count=sum(map(len, LESSONS.values()))))
    return (
        section(title["short"], short, "cards") + section(title["long"], long, "cards wide")
        + section(escape(text("task_ideas", language)), ideas, "groups") + section(every, groups, "groups")
    )


def course(name: str, lessons: tuple[str, ...], language: str) -> str:
    steps = "".join(
        f'<li><a href="{escape(to_lesson(one))}">{inline(outline(one, language).title)}</a></li>' for one in lessons
    )
    about = escape(text(f"course_{name}_about", language))
    return (
        f'<article class="course"><h3>{escape(text(f"course_{name}", language))}</h3><p>{about}</p>'
        f"<ol>{steps}</ol>{sheets(name, language)}</article>"
    )


def entry(name: str, minutes: int, language: str, heading: str) -> str:
    """heading: h3 in a section, h4 under the heading of a task."""
    about, where = outline(name, language), escape(to_lesson(name))
    path = ASSETS / "lessons" / f"{name}.png"
    picture = f'<img src="{escape(address(staged(path)))}" alt="" loading="lazy">' if path.is_file() else ""
    duration = escape(text("minutes", language, count=minutes))
    return (
        f'<article data-lesson="{name}"><a href="{where}" tabindex="-1" aria-hidden="true">{picture}</a>'
        f'<{heading}><a href="{where}">{inline(about.title)}</a></{heading}><p class="facts">{duration} · '
        f'{escape(text(f"task_{task_of(name)}", language))}</p><p>{inline(about.solves)}</p>{sheets(name, language)}</article>'
    )


def sheets(name: str, language: str) -> str:
    """The buttons of a worksheet: each opens a page of its own, which has a button to print it."""
    return '<p class="sheets">' + "".join(
        f'<a href="{escape(link(name, language, answers))}" target="_blank" rel="noopener">'
        f'{escape(text("print_answers" if answers else "print_worksheet", language))}</a>'
        for answers in (False, True)
    ) + "</p>"

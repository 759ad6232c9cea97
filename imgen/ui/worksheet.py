"""Worksheets: a page of its own for each lesson and each course, to be printed; another one with the answers.

They are no part of the page: its links ask for them, and what they are asked by is looked up, never shown.
"""

import re
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from imgen.exhibits.courses import IDEAS, LONG, Question, example_of, is_lesson, outline, questions, task_of, to_experiment, tried
from imgen.exhibits.files import example_files
from imgen.texts import text
from imgen.texts.words import WORDS
from imgen.ui.language import BROWSER, choose

PATH = "worksheet"
STYLE = (Path(__file__).parent / "worksheet.css").read_text(encoding="utf-8")
LETTERS = "ABCD"
SCRIPT = """
document.querySelector('button').onclick = () => print();
for (const link of document.querySelectorAll('a.try')) link.textContent = link.href.replace(/^\\w+:[/][/]/, '');
"""


def link(name: str, language: str, answers: bool) -> str:
    """The address, relative to the page's, of the sheet of a lesson or a course."""
    return f"{PATH}?name={name}&language={language}" + ("&answers=1" if answers else "")


async def serve(request: Request) -> HTMLResponse:
    """The sheet that the address names, in the reader's language."""
    language = choose(request.url.query, request.headers.get("cookie", ""), request.headers.get("accept-language", ""))
    name = request.query_params.get("name", "")
    lessons = LONG.get(name) or ((name,) if is_lesson(name) else ())
    if not lessons:
        return HTMLResponse(document(language, text("worksheet", language), f"<p>{text('worksheet_unknown', language)}</p>"), 404)
    return HTMLResponse(sheet(name, lessons, language, "answers" in request.query_params))


ROUTE = Route(f"/{PATH}", serve)


def sheet(name: str, lessons: tuple[str, ...], language: str, answers: bool) -> str:
    """A whole document: one page for each lesson; of answers as many to a page as fit."""
    course = text(f"course_{name}", language) if name in LONG else ""
    kind = text("answers" if answers else "worksheet", language)
    parts = "".join(part(lesson, language, answers, course, n + 1) for n, lesson in enumerate(lessons))
    return document(language, f"{course or outline(name, language).title} · {kind}", parts, "answers" if answers else "questions")


def document(language: str, title: str, parts: str, kind: str = "") -> str:
    bar = f'<nav><button type="button">{text("sheet_print", language)}</button> {text("sheet_print_hint", language)}</nav>'
    return (
        f'<!doctype html><html lang="{BROWSER[language]}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f'<body class="{kind}">{bar}{parts}<script>{SCRIPT}</script></body></html>'
    )


def part(name: str, language: str, answers: bool, course: str, number: int) -> str:
    def say(key: str, **facts: object) -> str:
        return escape(text(key, language, **facts))

    lesson = outline(name, language)
    above = f"imgen · {say('answers' if answers else 'worksheet')} · {say(f'task_{task_of(name)}')}"
    if course:
        above += f" · {escape(course)} · {number}"
    fields = "".join(f"<span>{say(f'sheet_{one}')}<i></i></span>" for one in ("name", "class", "date"))
    head = f"<header><p>{above}</p><h1>{inline(lesson.title)}</h1>" + ("" if answers else f'<p class="fields">{fields}</p>')
    head += f"<p>{inline(lesson.solves)}</p></header>"
    experiments = zip(lesson.tries, questions(name, language), strict=True)
    body = "".join(
        (answer if answers else experiment)(name, n, sentence, query, asked, language)
        for n, ((sentence, query), asked) in enumerate(experiments, 1)
    )
    return f"<main>{head}{body}</main>"


def experiment(name: str, n: int, sentence: str, query: str, asked: Question, language: str) -> str:
    """The lesson's own sentence is kept for the answers: often it says what will be seen."""
    def row(key: str, words: str) -> str:
        return f"<dt>{escape(text(f'sheet_{key}', language))}</dt><dd>{words}</dd>"

    choices = "".join(f"<li>{inline(choice)}</li>" for choice in asked.choices)
    predict = inline(asked.before) + (f'<ol class="choices">{choices}</ol>' if choices else '<div class="line"></div>')
    href = f"./{to_experiment(name, query)}"  # of the page, not of the sheet
    note = f"{inline(asked.note)}<br>" if asked.note else ""
    run = f'{note}{escape(setting(name, query, language))}<br><a class="try" href="{escape(href)}">{escape(href)}</a>'
    compare = f'{inline(asked.after)}<div class="line"></div><div class="line"></div>'
    rows = row("predict", predict) + row("run", run) + row("compare", compare)
    return f"<section><h2>{escape(text('sheet_try', language, number=n))}</h2><dl>{rows}</dl></section>"


def answer(name: str, n: int, sentence: str, query: str, asked: Question, language: str) -> str:
    right = ""
    if asked.right is not None:
        right = f'<b>{inline(text("sheet_right", language, letter=LETTERS[asked.right], choice=asked.choices[asked.right]))}</b> '
    title = escape(text("sheet_try", language, number=n))
    return (
        f'<section><h2>{title}</h2><p class="lesson">{inline(sentence)}</p><p>{inline(asked.before)}</p>'
        f"<p>{right}{inline(asked.answer)}</p></section>"
    )


def setting(name: str, query: str, language: str) -> str:
    """What a link sets, for those who set it by hand: tab, model, knobs."""
    colon, stop = ("：", "，") if language == "zh" else (": ", ", ")
    if name in IDEAS:
        return placed(dict(parse_qsl(query)), language, colon, stop)
    card, knobs = tried(name, query)
    set_to = {text(f"knob_{knob}", language): option(value, language) for knob, value in knobs.items() if knob in card.knobs}
    number = example_of(card, knobs)
    if number is not None:
        shown = example_files(card.task)[number].stem.partition("_")[2]
        set_to = {text("sheet_example", language): text(f"example_{shown}", language), **set_to}
    said = stop.join(f"{knob} {value}" for knob, value in set_to.items())
    return f"{text(f'task_{card.task}', language)} › {text(f'title_{card.name}', language)}{colon if said else ''}{said}"


def placed(asked: dict[str, str], language: str, colon: str, stop: str) -> str:
    """The same of a whole address; of a card that this program does not have, its name."""
    def named(kind: str, word: str) -> str:
        return text(f"{kind}_{word}", language) if f"{kind}_{word}" in WORDS else word

    tab, card, floor = asked.pop("tab"), asked.pop("card", ""), asked.pop("floor", "")
    where = [named("place" if tab in ("inside", "train") else "task", tab), *([named("title", card)] if card else [])]
    asked.pop("run", None)
    if tab == "train":
        where += [named("place", floor)]
        of_floor = {"pictures": {"method": "lab_method", "preset": "lab_preset"},
                    "points": {"preset": "points_preset", "speed": "points_speed"}}
        kinds = of_floor.get(floor, {})
        said = [named(kinds[key], value) if key in kinds else named("place", key) if key == "mended"
                else f"{named('knob', key)} {option(value, language)}" for key, value in asked.items()]
    elif tab == "inside":  # a view, a step, a place in it
        said = [text(f"place_{value if key == 'view' else key}", language, value=value) for key, value in asked.items()]
    else:
        said = [f"{named('knob', key)} {option(value, language)}" for key, value in asked.items()]
    return " › ".join(where) + (f"{colon}{stop.join(said)}" if said else "")


def option(value: str, language: str) -> str:
    return text(f"option_{value}", language) if f"option_{value}" in WORDS else value


def inline(words: str) -> str:
    """One line of a lesson's Markdown as HTML; of its formulas what a line of text can say."""
    words = escape(words, quote=False).replace("\\sigma", "σ")
    words = re.sub(r"\$([^$]+)\$", r"<i>\1</i>", words)
    words = re.sub(r"`([^`]+)`", r"<code>\1</code>", words)
    return re.sub(r"\*+([^*]+)\*+", r"<em>\1</em>", words)

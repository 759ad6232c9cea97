"""Courses, lessons and worksheets: everything that is asked can be done, and no answer stands on the sheet of the questions."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from imgen.catalog import CARDS, TASKS, find_card
from imgen.controls import checked
from imgen.exhibits import courses
from imgen.exhibits.courses import IDEAS, LESSONS, LONG, SHORT, outline, questions, task_of, to_experiment, to_lesson
from imgen.exhibits.files import example_files
from imgen.tabs.lessons import listing
from imgen.texts import LANGUAGES, lesson, worksheet
from imgen.texts.words import WORDS
from imgen.ui.worksheet import LETTERS, ROUTE, inline

NAMES = [name for lessons in LESSONS.values() for name in lessons]
FOLDER = Path(courses.__file__).parent.parent / "texts" / "worksheets"
ALL = [*NAMES, *IDEAS]
EVERY = pytest.mark.parametrize(("name", "language"), [(name, language) for name in ALL for language in LANGUAGES])


@pytest.fixture(scope="module")
def client():
    return TestClient(Starlette(routes=[ROUTE]))


def ask(client, **query) -> str:
    answer = client.get("/worksheet", params=query)
    assert answer.status_code == 200
    return answer.text


def body(page: str) -> str:
    """What is read of it."""
    return unescape(re.sub(r"<(script|style|title)>.*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL))


def test_every_lesson_is_in_the_list_once_and_under_its_task():
    assert sorted(NAMES) == sorted({card.lesson for card in CARDS})
    assert list(LESSONS) == list(TASKS)
    for card in CARDS:
        assert task_of(card.lesson) == card.task


def test_the_lessons_of_every_course_exist_and_fill_its_time():
    assert set(SHORT) <= set(NAMES)
    minutes = {name: time for lessons in [*LESSONS.values(), IDEAS] for name, time in lessons.items()}
    for name, lessons in LONG.items():
        assert name not in ALL and len(set(lessons)) == len(lessons)
        assert 30 <= sum(minutes[one] for one in lessons) <= 55, name
        assert {f"course_{name}", f"course_{name}_about"} <= set(WORDS)


@pytest.mark.parametrize("name", NAMES)
def test_every_address_opens_a_card_and_every_knob_takes_its_value(name):
    assert parse_qs(to_lesson(name)[1:]) == {"tab": [task_of(name)], "card": [courses.first_card(name).name], "lesson": ["1"]}
    tries = outline(name, "en").tries
    assert len(tries) == 3
    for _, query in tries:
        asked = dict(parse_qsl(to_experiment(name, query)[1:], strict_parsing=True))
        card = find_card(asked.pop("card"))
        assert asked.pop("tab") == card.task == task_of(name)
        assert asked.pop("run", "") == ("" if card.abilities.needs_mask else "1")
        worked_on = asked.get("example")
        wanted = {key: value for key, value in parse_qsl(query) if key != "card"}  # what the lesson's own link sets
        assert asked == wanted | ({"example": worked_on} if worked_on else {})
        if worked_on and "example" not in wanted:  # the picture of which the answers speak
            assert example_files(card.task)[int(worked_on)].stem in ("upscale_city", "stylize_landscape", "restore_noisy")
        others = {"example", "painting"} & asked.keys()  # of the addresses' grammar
        checked({key: card.knobs[key] for key in asked.keys() - others}, {key: asked[key] for key in asked.keys() - others})


@EVERY
def test_an_outline_is_what_the_lesson_says(name, language):
    found, words = outline(name, language), lesson(name, language)
    assert words.startswith(f"# {found.title}\n")
    assert found.solves and found.solves in words.replace("\n", " ")
    assert all(sentence in words and "[" not in sentence for sentence, _ in found.tries)


@EVERY
def test_every_experiment_has_its_questions_and_an_answer(name, language):
    asked = questions(name, language)
    assert len(asked) == 3
    for one in asked:
        assert one.right is None or 2 <= len(one.choices) <= len(LETTERS) and len(set(one.choices)) == len(one.choices)
        words = "".join((one.before, *one.choices, one.after, one.answer, one.note))
        assert bool(re.search(r"[\u4e00-\u9fff]", words)) == (language == "zh")
        if language == "zh":
            assert not re.search(r"[\u4e00-\u9fff][,;:?!]|[,;:?!][\u4e00-\u9fff]", words), name
        assert len(one.answer) > (20 if language == "zh" else 60)


@pytest.mark.parametrize("name", ALL)
def test_both_languages_ask_the_same(name):
    english, chinese = (questions(name, language) for language in LANGUAGES)
    shape = [[(len(one.choices), one.right, bool(one.note)) for one in asked] for asked in (english, chinese)]
    assert shape[0] == shape[1]


def test_the_right_choice_is_not_always_the_same_letter():
    letters = [one.right for name in ALL for one in questions(name, "en") if one.right is not None]
    assert max(letters.count(n) for n in range(3)) < 0.5 * len(letters)


def test_every_worksheet_belongs_to_a_lesson():
    for language in LANGUAGES:
        assert sorted(path.stem for path in (FOLDER / language).glob("*.md")) == sorted(ALL)
    assert worksheet("no such lesson", "en") is None


@pytest.mark.parametrize("broken", ["? a\n- b\n- c\n> d\n= e", "? a\n> d", "? a\nx\n> d\n= e", "? a\n? b\n> d\n= e"])
def test_a_sheet_that_is_not_well_formed_is_told(broken):
    with pytest.raises(ValueError, match="not an experiment"):
        courses._question(broken)


@EVERY
def test_a_sheet_asks_and_another_one_answers(client, name, language):
    sheet, answers = (ask(client, name=name, language=language, **more) for more in ({}, {"answers": "1"}))
    read, told = body(sheet), body(answers)
    for one, (_, query) in zip(questions(name, language), outline(name, language).tries, strict=True):
        assert inline_text(one.before) in read and inline_text(one.after) in read
        assert all(inline_text(choice) in read for choice in one.choices)
        assert inline_text(one.answer) not in read and inline_text(one.answer) in told
        link = re.search(r'href="([^"]+)"', sheet[sheet.index(inline(one.before)):])[1]
        assert unescape(link) == f"./{to_experiment(name, query)}"
        if one.right is not None:
            assert f"{LETTERS[one.right]}{'：' if language == 'zh' else ', '}{inline_text(one.choices[one.right])}" in told
    assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in sheet
    assert not re.search(r"\b(?:knob|title|task|sheet|option)_", read)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", sheet + answers)


def inline_text(words: str) -> str:
    return unescape(re.sub("<[^>]+>", " ", inline(words)))


@pytest.mark.parametrize("name", LONG)
def test_a_course_has_a_sheet_of_all_its_lessons_in_order(client, name):
    read = ask(client, name=name, language="en")
    found = [read.index(f"<h1>{inline(outline(one, 'en').title)}</h1>") for one in LONG[name]]
    assert found == sorted(found) and read.count("<main>") == len(found)


@pytest.mark.parametrize("name", ["", "<script>alert(1)</script>", "../../etc/passwd", "dcgan/../gan"])
def test_an_unknown_sheet_is_one_sentence_and_nothing_is_echoed(client, name):
    answer = client.get("/worksheet", params={"name": name, "language": "zh"})
    assert answer.status_code == 404
    assert "没有叫这个名字的练习单" in answer.text
    assert not name or name not in answer.text


def test_the_reader_is_answered_in_his_language(client):
    for headers, word in (({"accept-language": "zh-CN"}, "练习单"), ({"cookie": "language=zh"}, "练习单"), ({}, "Worksheet")):
        assert word in client.get("/worksheet", params={"name": "gan"}, headers=headers).text
    assert "Worksheet" in ask(client, name="gan", language="klingon")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_list_leads_to_every_lesson_and_every_sheet(client, language):
    page = listing(language)
    links = [unescape(link) for link in re.findall(r'href="([^"]+)"', page)]
    assert {to_lesson(name) for name in ALL} <= set(links)
    sheets = {link for link in links if link.startswith("worksheet?")}
    assert {parse_qs(urlsplit(link).query)["name"][0] for link in sheets} == {*ALL, *LONG}
    assert len(sheets) == 2 * len({*ALL, *LONG})
    for link in sheets:
        assert client.get(f"/{link}").status_code == 200
    assert bool(re.search(r"[\u4e00-\u9fff]", page)) == (language == "zh")


def test_formulas_and_emphasis_become_text():
    assert inline(r"has $G$ *found* `it` with $\sigma=25$, <b>?") == (
        "has <i>G</i> <em>found</em> <code>it</code> with <i>σ=25</i>, &lt;b&gt;?"
    )

import io
import re
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image

from imgen.cards import Card
from imgen.catalog import CARDS, RECOMMENDED, TASKS, find_card
from imgen.controls import Choice, Knob, checked
from imgen.exhibits import examples, files
from imgen.exhibits import lessons as makers
from imgen.exhibits.courses import IDEAS
from imgen.exhibits.layout import GAP, LINE, sheet, stacked
from imgen.exhibits.openings import palette_png, save
from imgen.image import Picture, decode
from imgen.texts import LANGUAGES
from imgen.texts.words import WORDS
from imgen.ui.lesson import filled, markdown
from imgen.ui.picture import peek

PACKAGE = Path(files.__file__).parent.parent
LESSONS = sorted({card.lesson for card in CARDS})
HEADINGS = {
    "en": ["What it solves", "The formula", "Three things to try", "A question", "The paper and us", "The paper"],
    "zh": ["解决什么问题", "核心公式", "试三件事", "想一想", "与论文的异同", "论文"],
}
TRY = {"en": "Try it", "zh": "试一试"}
EVERY = pytest.mark.parametrize(("lesson", "language"), [(lesson, language) for lesson in LESSONS for language in HEADINGS])
ALL = pytest.mark.parametrize(
    ("lesson", "language"), [(lesson, language) for lesson in [*LESSONS, *IDEAS] for language in HEADINGS]
)


def text_of(lesson: str, language: str) -> str:
    return (PACKAGE / "texts" / "lessons" / language / f"{lesson}.md").read_text(encoding="utf-8")


def part(text: str, heading: str) -> str:
    return text.split(f"## {heading}\n")[1].split("\n## ")[0]


def test_every_lesson_file_belongs_to_a_card_or_is_about_an_idea():
    for language in HEADINGS:
        assert sorted(path.stem for path in (PACKAGE / "texts" / "lessons" / language).glob("*.md")) == sorted([*LESSONS, *IDEAS])


@EVERY
def test_all_parts_are_there_in_order_and_in_the_language(lesson, language):
    text = text_of(lesson, language)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS[language]
    assert "$$" in part(text, HEADINGS[language][1])
    question = part(text, HEADINGS[language][3])
    assert re.search(r"<details><summary>.+[?？]</summary>\n\n.+\n</details>", question, re.DOTALL)
    assert re.search(r"https://(arxiv\.org/abs|doi\.org)/", part(text, HEADINGS[language][5]))


def unknown(knob: Knob, card: Card) -> bool:
    """Whether the options come from a fact that training has not written yet."""
    return isinstance(knob.control, Choice) and isinstance(knob.control.options, str) and not knob.options


@EVERY
def test_there_are_three_things_to_try_and_each_sets_knobs_that_exist(lesson, language):
    items = re.findall(r"^\d\. .+$", part(text_of(lesson, language), HEADINGS[language][2]), re.MULTILINE)
    links = [re.search(rf"\[{TRY[language]}\]\(try:([^)]+)\)$", item) for item in items]
    assert len(links) == 3
    assert all(links)
    family = [card for card in CARDS if card.lesson == lesson]
    for link in links:
        preset = dict(parse_qsl(link[1], strict_parsing=True))
        named = preset.pop("card", None)
        card = find_card(named) if named else family[0]
        assert card.task == family[0].task
        knobs = {name: knob for name, knob in card.knobs.items() if not unknown(knob, card)}
        assert int(preset.pop("example", 0)) < max(1, len(files.example_files(card.task)))
        assert preset.keys() <= card.knobs.keys()
        checked(knobs, {name: value for name, value in preset.items() if name in knobs})


def test_both_languages_try_the_same():
    for lesson in [*LESSONS, *IDEAS]:
        english, chinese = (re.findall(r"try:[^)]+", text_of(lesson, language)) for language in HEADINGS)
        assert english == chinese


@ALL
def test_code_that_is_named_exists(lesson, language):
    references = re.findall(r"`([\w/]+\.py): (\w+)`", text_of(lesson, language))
    assert len(references) >= 3
    for file, name in references:
        assert re.search(rf"\b{name}\b", (PACKAGE.parent / file).read_text(encoding="utf-8")), f"{name} is not in {file}"


@ALL
def test_the_picture_of_a_lesson_exists(lesson, language):
    pictures = re.findall(r"!\[.+\]\(lesson:([\w.]+)\)", text_of(lesson, language))
    assert pictures == [f"{lesson}.png"]
    assert lesson in makers.LESSONS
    folder = PACKAGE / "assets" / "lessons"
    if any(folder.glob("*.png")):
        assert decode(folder / pictures[0]).width <= 1200


@ALL
def test_only_measured_figures_are_filled_in(lesson, language):
    prose = re.sub(r"\$\$.+?\$\$|\$[^$]+\$", "", text_of(lesson, language), flags=re.DOTALL)
    assert set(re.findall(r"\{(\w+)\}", prose)) <= {"parameters"}


def test_chinese_lessons_are_chinese():
    for lesson in [*LESSONS, *IDEAS]:
        prose = re.sub(r"\$\$.+?\$\$|`[^`]+`|\([^)]+\)", "", text_of(lesson, "zh"), flags=re.DOTALL)
        chinese, latin = (len(re.findall(kind, prose)) for kind in (r"[\u4e00-\u9fff]", r"[A-Za-z]+"))
        assert chinese > 3 * latin
        english = re.sub(r"\$\$.+?\$\$", "", text_of(lesson, "en"), flags=re.DOTALL)
        assert not re.search(r"[\u4e00-\u9fff]", english)


@pytest.mark.slow
def test_lesson_pictures_that_need_no_training_can_be_made():
    for make in (makers.interpolation, makers.realesrgan, makers.fastgan):
        exhibit = make()
        assert exhibit.picture.width <= 1200
        assert len(palette_png(exhibit)) < 150_000


def test_damage_adds_up_step_by_step():
    clean = Picture(np.asarray(Image.radial_gradient("L").convert("RGB")))
    steps = makers.degraded(clean, np.random.default_rng(0))
    assert [p.width for p in steps.values()] == [256, 256, 64, 64, 64]
    assert np.array_equal(steps["clean"].pixels, clean.pixels)
    assert steps["then_noise"].pixels.astype(float).std() > steps["then_shrink"].pixels.astype(float).std()


@pytest.mark.slow
def test_a_card_without_its_weights_makes_no_exhibit():
    assert examples.has_weights(find_card("bicubic"))
    for card in CARDS:
        if card.net and any(True for _ in card.net.build().parameters()) and not card.source:
            assert examples.has_weights(card) == (bool(card.facts.sha256) and card.ready)


def test_a_sheet_keeps_its_pictures_pixel_for_pixel():
    tiles = [Picture(np.full((8, 10, 3), shade, np.uint8)) for shade in (10, 200)]
    pixels = sheet([tiles], above=["a", "b"]).picture.pixels
    assert pixels.shape == (LINE + 8, 2 * 10 + GAP, 3)
    assert (pixels[LINE:, :10] == 10).all()
    assert (pixels[LINE:, -10:] == 200).all()
    assert (pixels[:LINE] == 255).all()  # no word is painted


def test_words_keep_to_their_cells_when_sheets_are_stacked_and_saved(tmp_path):
    tiles = [Picture(np.zeros((40, 50, 3), np.uint8))] * 2
    rows = stacked([sheet([tiles], above=["4", one]) for one in ("8", "lesson_word_steps 5")])
    save(tmp_path / "rows.png", palette_png(rows))
    size, words = files.words_in(tmp_path / "rows.png")
    assert (size, words) == ((rows.picture.width, rows.picture.height), rows.words)
    lower = LINE + 40 + GAP
    assert [(word.left, word.middle) for word in words] == [(2, 12), (58, 12), (2, lower + 12), (58, lower + 12)]
    assert [files.said(words[-1].key, language) for language in LANGUAGES] == ["5 steps", "5 步"]


def test_there_is_room_for_the_words_beside_in_both_languages():
    tiles = [Picture(np.zeros((40, 50, 3), np.uint8))]
    for word, needed in (("option_t_shirt", 45), ("lesson_word_dark_skin_hand", 6 * 15), ("option_ankle_boot", 70)):
        row = sheet([tiles], beside=[word])
        assert row.words[0].width >= needed
        assert row.picture.width == row.words[0].width + 2 * GAP + 50


WORDLESS = {"arbitrary"}  # the paintings above, what they did below: nothing to name


@pytest.mark.parametrize("lesson", [*LESSONS, *IDEAS])
def test_the_words_of_a_picture_are_there_in_both_languages_and_within_it(lesson):
    (width, height), words = files.words_in(PACKAGE / "assets" / "lessons" / f"{lesson}.png")
    assert bool(words) == (lesson not in WORDLESS)
    for word in words:
        key = word.key.partition(" ")[0]
        assert key in WORDS or re.fullmatch(r"relu\d_\d|\d+", word.key), f"{word.key} is in no language"
        assert 0 <= word.left < word.left + word.width <= width
        assert LINE // 2 <= word.middle <= height - LINE // 2
        assert all(0 < len(files.said(word.key, language)) < 30 for language in LANGUAGES)


@pytest.mark.parametrize("lesson", [*LESSONS, *IDEAS])
def test_a_picture_speaks_the_language_of_its_lesson(lesson):
    card = next((card for card in CARDS if card.lesson == lesson), None)
    _, words = files.words_in(PACKAGE / "assets" / "lessons" / f"{lesson}.png")
    for language in LANGUAGES:
        page = markdown(card, language) if card else filled(text_of(lesson, language), language)
        figure = re.search(r'<figure class="lesson-picture".+?</figure>', page)[0]
        shown = re.findall(r'<span class="(?:above|beside)" style="[^"]+">([^<]+)</span>', figure)
        assert shown == [escape(files.said(word.key, language)) for word in words]
        if any(word.key.startswith(("lesson_word_", "option_")) for word in words):
            assert bool(re.search(r"[\u4e00-\u9fff]", "".join(shown))) == (language == "zh")


def test_words_are_escaped(tmp_path, monkeypatch):
    tile = Picture(np.zeros((40, 50, 3), np.uint8))
    save(tmp_path / "lessons" / "gan.png", palette_png(sheet([[tile]], above=["<b>"])))
    monkeypatch.setattr("imgen.ui.lesson.ASSETS", tmp_path)
    assert ">&lt;b&gt;</span>" in markdown(find_card("mlp_gan_fashion28"), "en")


def test_files_are_looked_up_in_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ASSETS", tmp_path)
    dot = io.BytesIO()
    Image.new("RGB", (2, 2)).save(dot, "PNG")
    for name in range(11):
        save(tmp_path / "openings" / f"stylize_{name}.png", dot.getvalue())
    save(tmp_path / "openings" / "generate_0.png", dot.getvalue())
    for name in ("astronaut", "landscape"):
        save(tmp_path / "examples" / f"stylize_{name}.png", dot.getvalue())
    given, results = files.opening_files("stylize")
    assert given.name == "stylize_astronaut.png"
    assert [path.stem for path in results] == [f"stylize_{n}" for n in range(11)]
    assert files.opening_files("generate")[0] is None
    assert [path.name for path in files.example_files("stylize")][:2] == ["stylize_astronaut.png", "stylize_landscape.png"]


def test_each_task_that_takes_a_picture_has_examples():
    for task in TASKS:
        takes = any(card.pictures for card in CARDS if card.task == task)
        assert takes == (task in files.EXAMPLES)
        assert not takes or files.example_files(task)[0].stem == files.OPENS_WITH[task]
    assert list(examples.DRAWINGS) == [f"{task}_{name}" for task, names in files.EXAMPLES.items() for name in names]


def test_no_model_that_still_learns_opens_a_tab():
    opened = [find_card(peek(files.opening_files(task)[1][0])[1]["card"]) for task in TASKS]
    assert [card.task for card in opened] == list(TASKS) and not any(card.young for card in opened)
    assert {card.name for card in opened} <= set(RECOMMENDED)


def test_words_to_click_are_shown_with_a_picture_of_what_comes():
    drawn, shown = examples.wished(), files.wishes()
    assert list(drawn) == list(shown) == list(files.WISHES) and all(files.word_key(phrase) in WORDS for phrase in shown)
    for phrase, picture in drawn.items():
        with Image.open(shown[phrase]) as image:
            far = np.abs(np.asarray(image, float) - picture.rgb().pixels).mean()
        assert far < 6, phrase  # WebP's loss, and another machine's arithmetic


def test_every_recommended_model_has_a_picture():
    for name in RECOMMENDED:
        with Image.open(files.thumbnail(name)) as image:
            assert image.size == (112, 112)

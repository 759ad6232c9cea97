"""Every word in both languages."""

import ast
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from imgen.catalog import CARDS
from imgen.controls import Choice
from imgen.texts import LANGUAGES, Both, lesson, text
from imgen.texts.words import WORDS

PACKAGE = Path(__file__).parent.parent / "imgen"
SPEAKERS = {"t": 0, "both": 0, "text": 0, "UserError": 0}  # functions whose first argument is a key
NETS_ALIKE = (
    r"title_((espcn|srcnn|vdsr|srdensenet|srresnet|srgan|espcn_gan|enhancenet|enhancenet_pat)_x\d|realesr(gan|net)_x4|lanczos)"
)
LEARNERS = "pictures_(short_(gan|dcgan|vae)|data_(fashion|mnist))"
CURVES = "lesson_word_(relu|leaky_relu|sigmoid|tanh)"
OTHERS = r"option_\d|option_adam|code_python|combine|paper|megabytes|(lab_)?score_\w+"
NAMES_ALIKE = re.compile(f"{NETS_ALIKE}|{CURVES}|{LEARNERS}|{OTHERS}")


def keys_in_code() -> set[str]:
    """The keys that stand in the code as they are; those put together from a card's names are tested by the catalog."""
    keys = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", None)
            if isinstance(node, ast.Call) and name in SPEAKERS and node.args and isinstance(node.args[0], ast.Constant):
                keys.add(node.args[0].value)
    return keys


def test_every_key_of_the_code_has_words():
    keys = keys_in_code()
    assert "picture_unreadable" in keys and "run" in keys
    assert keys - set(WORDS) == set()


def test_no_key_stands_twice():
    """Neither in one file, where Python would keep the later words, nor in two."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (PACKAGE / "texts").glob("*.py")]
    tables = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    keys = Counter(key.value for table in tables for key in table.keys if isinstance(key, ast.Constant))
    assert len(keys) > 600 and [key for key, times in keys.items() if times > 1] == []


def test_every_error_of_the_hub_has_words():
    keys = set(re.findall(r"\bweights_[a-z_]+\b", (PACKAGE / "hub.py").read_text(encoding="utf-8")))
    assert len(keys) >= 9 and keys - set(WORDS) == set()


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_card_its_knobs_and_its_options_have_words(card):
    choices = [knob for knob in card.knobs.values() if isinstance(knob.control, Choice)]  # typed words carry their own Chinese
    options = {f"option_{option}" for knob in choices for option in knob.options}
    knobs = {f"knob_{name}" for name in card.knobs}
    own = {f"title_{card.name}", f"card_{card.name}", f"task_{card.task}", f"hint_{card.task}"}
    assert (own | knobs | options) - set(WORDS) == set()


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_card_has_a_lesson(card, language):
    assert len(lesson(card.lesson, language)) > 500


@pytest.mark.parametrize("key", WORDS)
def test_both_languages_say_the_same_kind_of_thing(key):
    english, chinese = WORDS[key]
    assert english and chinese
    assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", chinese))
    assert re.search(r"[\u4e00-\u9fff]", chinese) or NAMES_ALIKE.fullmatch(key)
    assert not re.search(r"[\u4e00-\u9fff]", english)


def test_gaps_are_filled():
    assert text("picture_too_large", "en", width=9, height=8, limit=7).startswith("9 × 8")
    assert "…" in text("picture_too_large", "zh")
    assert text("words_missing", "en", words=Both("a cat", "猫")).endswith("a cat.")
    assert text("words_missing", "zh", words=Both("a cat", "猫")).endswith("猫。")


def test_a_card_without_words_does_not_bring_the_command_line_down(monkeypatch, capsys):
    from imgen.terminal import showing

    nameless = replace(CARDS[0], name="nameless_card")
    monkeypatch.setattr(showing, "CARDS", [nameless, *CARDS])
    showing.list_cards()
    assert "title_nameless_card" in capsys.readouterr().out
    assert text("no such key", "zh") == "no such key"

"""Every value is checked against its declared range."""

from typing import Annotated

import pytest

from imgen.controls import Choice, Choices, Reference, Seed, Slider, UserError, Words, checked, knobs_of, plain
from imgen.texts import text


def pipeline(
    net, picture, *,
    count: Annotated[int, Slider(1, 64, 1)] = 16,
    mix: Annotated[float, Slider(0.0, 1.5, 0.05, more=True)] = 0.5,
    seed: Annotated[int, Seed()] = 7,
    label: Annotated[str, Choice("classes", every="all")] = "all",
    style: Annotated[str, Choice("styles")] = "",
    kind: Annotated[str, Choice(("soft", "sharp"))] = "sharp",
):
    """Stands in for a real one."""


KNOBS = knobs_of(pipeline, {"classes": ["rose", "tulip"], "styles": ["wave", "scream"]})


def key_of(**values):
    with pytest.raises(UserError) as error:
        checked(KNOBS, values)
    return error.value.key


def test_the_knobs_are_the_keyword_only_parameters_in_order():
    assert list(KNOBS) == ["count", "mix", "seed", "label", "style", "kind"]


def test_knobs_left_out_have_their_defaults():
    assert checked(KNOBS, {}) == {"count": 16, "mix": 0.5, "seed": 7, "label": "all", "style": "wave", "kind": "sharp"}


def test_choices_are_filled_from_the_facts_of_the_card():
    assert KNOBS["label"].options == ("all", "rose", "tulip") and KNOBS["style"].options == ("wave", "scream")


def test_a_slider_begins_where_the_card_says():
    assert knobs_of(pipeline, {"count": 3})["count"].default == 3 and knobs_of(pipeline, {})["count"].default == 16


def test_a_default_that_is_no_option_gives_way_to_the_first():
    assert KNOBS["style"].default == "wave" and KNOBS["label"].default == "all"


@pytest.mark.parametrize(("value", "whole"), [(1, 1), (64, 64), (3.0, 3), ("5", 5), (" 12 ", 12)])
def test_a_whole_number_arrives_as_int(value, whole):
    count = checked(KNOBS, {"count": value})["count"]
    assert count == whole and type(count) is int


@pytest.mark.parametrize("value", [0, 1.5, "0.75", 1])
def test_a_number_arrives_as_float(value):
    mix = checked(KNOBS, {"mix": value})["mix"]
    assert mix == float(value) and type(mix) is float


@pytest.mark.parametrize("value", [0, 65, -1, 1e300, float("nan"), float("inf"), float("-inf"), "nan", "-inf"])
def test_a_number_outside_its_range_is_refused(value):
    assert key_of(count=value) == key_of(mix=value if value else -0.01) == "knob_out_of_range"


@pytest.mark.parametrize("value", ["", "many", None, [], [3], {}, "1,5"])
def test_what_is_no_number_is_refused(value):
    assert key_of(count=value) == key_of(mix=value) == key_of(seed=value) == "knob_not_a_number"


@pytest.mark.parametrize("value", [2.5, "2.5", 1.0000001])
def test_half_a_picture_is_refused(value):
    assert key_of(count=value) == key_of(seed=value) == "knob_not_whole"


def test_a_seed_lies_in_32_bits():
    assert checked(KNOBS, {"seed": 2**32 - 1})["seed"] == 2**32 - 1
    assert key_of(seed=2**32) == key_of(seed=-1) == "knob_out_of_range"


@pytest.mark.parametrize("value", ["Rose", "", None, 0, "x" * 5000])
def test_what_is_no_option_is_refused_and_never_quoted_at_length(value):
    with pytest.raises(UserError) as error:
        checked(KNOBS, {"label": value})
    assert error.value.key == "knob_not_an_option" and error.value.facts["options"] == "all, rose, tulip"
    assert len(error.value.facts["value"]) <= 40


def test_an_option_knows_its_place():
    chosen = checked(KNOBS, {"label": "tulip", "style": "scream"})
    assert (chosen["label"].index, chosen["style"].index) == (1, 1)
    assert chosen["label"].options == ("rose", "tulip")


def test_every_stands_for_no_single_place():
    assert checked(KNOBS, {"label": "all"})["label"].index is None


def test_an_unknown_knob_is_refused_by_name():
    with pytest.raises(UserError) as error:
        checked(KNOBS, {"colour": 3})
    assert error.value.key == "knob_unknown" and error.value.facts["knob"] == "colour" and "count" in error.value.facts["knobs"]


def test_limits_are_told_in_full():
    assert [plain(number) for number in (2**32 - 1, 0.5, 3.0)] == ["4294967295", "0.5", "3"]


def worded(*, words: Annotated[str, Words("vocabulary", ("cat", "dog", "cap"))] = "red heart"):
    yield


VOCABULARY = {"heart": "心", "red": "红", "cat": "猫", "cap": "", "face": "脸", "eyes": "眼睛", "glasses": "眼镜"}


@pytest.mark.parametrize(("text", "phrase", "indices"), [
    ("a Red HEART!", "red heart", (1, 0)), ("cat cat", "cat", (2,)), ("catalogue cap", "cap", (3,)),
    ("红心", "heart red", (0, 1)), ("猫 face", "face cat", (4, 2)), ("眼镜", "glasses", (6,)),
    ("🐱", "cat face", (2, 4)), ("red❤️", "red heart", (0, 1)), ("😀!", "face", (4,)),
])
def test_known_words_are_found_in_either_language(text, phrase, indices):
    found = knobs_of(worded, {"vocabulary": VOCABULARY})["words"].check(text)
    assert found.split() and sorted(found.split()) == sorted(phrase.split()) and sorted(found.indices) == sorted(indices)


@pytest.mark.parametrize(("text", "key"), [
    ("", "words_missing"), ("   ", "words_missing"), (None, "words_missing"), ("xyzzy", "words_unknown"),
    ("🗿", "words_unknown"), ("9", "words_unknown"), ("狗", "words_unknown"),
])
def test_a_text_without_a_known_word_is_told_some(text, key):
    """Those that anybody knows, in either language."""
    with pytest.raises(UserError) as caught:
        knobs_of(worded, {"vocabulary": VOCABULARY})["words"].check(text)
    assert caught.value.key == key and caught.value.facts["words"] == ("cat, cap", "猫、cap")


def test_a_misspelled_word_is_answered_with_the_nearest():
    with pytest.raises(UserError) as caught:
        knobs_of(worded, {"vocabulary": VOCABULARY})["words"].check("hart")
    assert caught.value.facts["words"].en.split(", ")[0] == "heart"


def steered(
    net, *,
    layers: Annotated[str, Choices(("low", "middle", "high"))] = "low,high",
    paintings: Annotated[tuple, Reference(2)] = (),
):
    """Stands in for one that takes several of its options, and pictures."""


STEERED = knobs_of(steered, {})


@pytest.mark.parametrize(("given", "chosen"), [
    ("high,low", ("low", "high")), (["middle"], ("middle",)), ("", ()), ((), ()), (None, ()), ("low, low", ("low",)),
])
def test_several_options_are_taken_in_their_own_order(given, chosen):
    value = checked(STEERED, {"layers": given})["layers"]
    assert value.chosen == chosen and value == ",".join(chosen)


def test_an_option_that_is_none_is_named():
    with pytest.raises(UserError) as error:
        checked(STEERED, {"layers": "low,deep"})
    assert error.value.key == "knob_not_an_option" and error.value.facts["value"] == "deep"


@pytest.mark.parametrize(("given", "taken"), [
    (None, ()), ("", ()), ([], ()), ("a.png", ("a.png",)), (["a", None, "b"], ("a", "b")),
])
def test_pictures_come_alone_or_several_or_not_at_all(given, taken):
    assert checked(STEERED, {"paintings": given})["paintings"] == taken


def test_an_error_says_in_python_what_is_wrong():
    assert str(UserError("mask_first")) == "mask_first: " + text("mask_first", "en")
    assert "2 × 3" in str(UserError("mask_shape", mask="2 × 3", picture="4 × 4"))

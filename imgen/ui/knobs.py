"""Widgets for the knobs of a task's cards: one per name, which changes its range, choices and visibility with the card."""

from collections.abc import Iterable, Mapping

import gradio as gr

from imgen.cards import Card
from imgen.controls import SEEDS, Choice, Knob, Seed, Slider, UserError, Words
from imgen.texts.words import WORDS
from imgen.ui.language import t

PILLS = 120  # letters: options that need more go into a list that drops down


def _unchecked(self, payload):
    """The card checks its knobs and words what is wrong; Gradio would check by the first card's range."""
    return payload


class SliderKnob(gr.Slider):
    is_template, preprocess = True, _unchecked  # a template is drawn in the browser by its parent


def _any_text(self):
    return {"type": "string"}  # of an endpoint: each card has options of its own, told in its description


class ListKnob(gr.Dropdown):
    is_template, preprocess, api_info = True, _unchecked, _any_text


class PillsKnob(gr.Radio):
    is_template, preprocess, api_info = True, _unchecked, _any_text


class WordsKnob(gr.Textbox):
    is_template, preprocess = True, _unchecked


class SeedKnob(gr.Number):
    is_template, preprocess = True, _unchecked


def all_knobs(cards: Iterable[Card]) -> dict[str, list[Knob]]:
    """Every knob of these cards by name, as each card has it."""
    knobs: dict[str, list[Knob]] = {}
    for card in cards:
        for name, knob in card.knobs.items():
            knobs.setdefault(name, []).append(knob)
    return knobs


def widget(kinds: list[Knob], knob: Knob | None, value: object) -> gr.components.Component:
    """The widget for a knob that several cards have; `knob` is the chosen card's, None if it has none."""
    shown = knob or kinds[0]
    settings = {"label": t(f"knob_{shown.name}"), "interactive": True, "elem_classes": ["knob", f"knob-{shown.name}"]}
    settings |= _settings(shown, value if knob else shown.default, knob is not None)
    match shown.control:
        case Seed():
            return SeedKnob(precision=0, minimum=0, maximum=SEEDS - 1, **settings)
        case Words():
            return WordsKnob(max_lines=1, max_length=200, placeholder=t("words_placeholder"), **settings)
        case Choice():
            return (ListKnob if max(len("".join(k.options)) for k in kinds) > PILLS else PillsKnob)(**settings)
        case Slider():
            return SliderKnob(**settings)


def updates(names: Iterable[str], card: Card, values: Mapping[str, object]) -> list[dict]:
    """What the widgets become when the card is chosen; where a value is missing or not possible, its default."""
    knobs = card.knobs
    return [
        gr.update(**_settings(knobs[name], values.get(name), True)) if name in knobs else gr.update(visible=False)
        for name in names
    ]


def _settings(knob: Knob, value: object, visible: bool) -> dict:
    try:
        value = knob.check(value)
    except UserError:
        value = knob.default
    settings = {"value": str(value) if isinstance(value, str) else value, "visible": visible}
    match knob.control:
        case Slider(low, high, step):
            settings |= {"minimum": low, "maximum": high, "step": step}
        case Choice():
            settings["choices"] = [(_option(option), option) for option in knob.options]
            settings["visible"] = visible and len(knob.options) > 1
    return settings


def _option(option: str):
    """Its words; a class or style that somebody trained of their own has none but its name."""
    key = f"option_{option}"
    return t(key) if key in WORDS else option.replace("_", " ")

"""Widgets for the knobs of a task's cards: one per name, which changes its range, choices and visibility with the card."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.components.base import server
from gradio.components.image_editor import AcceptBlobs

from imgen.cards import Card
from imgen.controls import SEEDS, Choice, Choices, Knob, Reference, Seed, Several, Slider, UserError, Words
from imgen.texts.words import WORDS
from imgen.ui.language import t
from imgen.ui.stock import put, visitor_address

SENT, ADDRESSES = 256, 1000  # painted layers of one address that wait to be named by an event, and so many addresses
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


class Picker(gr.Radio):
    """The model: who asks by HTTP for one that is not there is told which there are."""

    is_template, preprocess, api_info = True, _unchecked, _any_text


class WordsKnob(gr.Textbox):
    is_template, preprocess = True, _unchecked


class SeedKnob(gr.Number):
    is_template, preprocess = True, _unchecked


def _any_texts(self):
    return {"type": "array", "items": {"type": "string"}}


class SeveralKnob(gr.CheckboxGroup):
    is_template, preprocess, api_info = True, _unchecked, _any_texts


class ReferenceKnob(gr.Gallery):
    """Gives the paths of untouched files."""

    is_template = True

    def preprocess(self, payload) -> list[Path]:
        images = [getattr(one, "image", None) for one in (payload.root if payload else [])]
        return [Path(image.path) for image in images if image and image.path]


class MaskKnob(gr.ImageEditor):
    """A picture to paint a mask over.  Gives the path of the painted layer, unopened: its alpha is the mask (see `brushed`)."""

    is_template = True
    layers_sent: dict[str, OrderedDict[str, Path | None]] = {}  # of each address, by the random names that its browsers gave them

    def preprocess(self, payload) -> list[Path]:
        if payload is None:
            return []
        if payload.id is not None:
            layers = self.layers_sent.get(visitor_address(), {})
            if payload.id not in layers:
                raise UserError("file_gone")
            return [path for path in [layers[payload.id]] if path]
        return [Path(layer.path) for layer in payload.layers[:1]]

    @server
    def accept_blobs(self, data: AcceptBlobs) -> None:
        """The browser sends background, layers and composite one by one: only the layer is kept, in a file of its own."""
        kind, number, name = (str(data.data[part]) for part in ("type", "index", "id"))
        layers = self.layers_sent.setdefault(visitor_address(), OrderedDict())
        if len(name) <= 64 and kind == "layer" and number == "0":
            layers[name] = Path(put(data.files[0][1], "mask.png"))
        elif len(name) <= 64:
            layers.setdefault(name, None)  # nothing was painted
        while len(layers) > SENT:
            layers.popitem(last=False)
        while len(self.layers_sent) > ADDRESSES:
            self.layers_sent.pop(next(iter(self.layers_sent)))


def all_knobs(cards: Iterable[Card]) -> dict[str, list[Knob]]:
    """Every knob of these cards by name, as each card has it."""
    knobs: dict[str, list[Knob]] = {}
    for card in cards:
        for name, knob in card.knobs.items():
            knobs.setdefault(name, []).append(knob)
    return knobs


def widget(kinds: list[Knob], knob: Knob | None, value: Any) -> Component:
    """The widget for a knob that several cards have; `knob` is the chosen card's, None if it has none."""
    shown = knob or kinds[0]
    settings = {"label": t(f"knob_{shown.name}"), "interactive": True, "elem_classes": ["knob", f"knob-{shown.name}"]}
    settings |= _settings(shown, value if knob else shown.default, knob is not None)
    match shown.control:
        case Seed():
            return SeedKnob(precision=0, minimum=0, maximum=SEEDS - 1, **settings)
        case Words():
            return WordsKnob(max_lines=1, max_length=200, placeholder=t("words_placeholder"), **settings)
        case Choices():
            return SeveralKnob(**settings)
        case Reference(brush=True):
            return MaskKnob(
                value or None, type="filepath", format="png", layers=False, transforms=(), sources=(), height="100%",
                canvas_size=(16, 16),  # it grows with the picture; a mask that is set would lie in the middle of a larger one
                buttons=[], brush=gr.Brush(colors=["#ff3355"], color_mode="fixed"), **settings,
            )
        case Reference():
            return ReferenceKnob(
                value or None, columns=4, height=170, object_fit="cover", format="png", file_types=["image"],
                sources=["upload", "clipboard"], allow_preview=False, buttons=[], **settings,
            )
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


def _settings(knob: Knob, value: Any, visible: bool) -> dict:
    if isinstance(knob.control, Reference):
        return {"visible": visible}  # which pictures lie there is the visitor's affair
    try:
        value = knob.check(knob.default if value is None else value)  # None of several would be none of them
    except UserError:
        value = knob.check(knob.default)
    settings = {"value": str(value) if isinstance(value, str) else value, "visible": visible}
    match knob.control:
        case Choices():
            assert isinstance(value, Several)
            settings |= {"value": list(value.chosen), "choices": [(_option(option), option) for option in knob.options]}
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

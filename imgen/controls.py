"""What a user may ask for, and what answers a wrong value.

A pipeline declares its knobs as keyword-only parameters, `Annotated[type, Slider | Choice | Seed …]`.  From that signature
follow the widgets of the page, the options of the command line, the endpoint, and the check of every value.
"""

import difflib
import inspect
import re
import typing
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from imgen.texts import Both, text


class UserError(Exception):
    """Wrong input.  `key` names a sentence in `texts`, `facts` fill its gaps; a face words it in the user's language."""

    def __init__(self, key: str, **facts: object):
        super().__init__(key, facts)
        self.key, self.facts = key, facts

    def __reduce__(self) -> tuple:
        """As itself from another process."""
        return partial(UserError, self.key, **self.facts), ()

    def __str__(self) -> str:
        """The key and the English sentence, for those who call from Python."""
        return f"{self.key}: {text(self.key, 'en', **self.facts)}"


@dataclass(frozen=True)
class Slider:
    """A number in [low, high]; whole if `step` is."""

    low: float
    high: float
    step: float
    unit: str = ""
    more: bool = False  # kept under "more knobs"


@dataclass(frozen=True)
class Choice:
    """One of `options`: a tuple, or the name of the card's fact that lists them; `every` is one more that means all of them."""

    options: tuple[str, ...] | str
    every: str | None = None
    more: bool = False


@dataclass(frozen=True)
class Choices:
    """Several of `options`."""

    options: tuple[str, ...]
    more: bool = False


@dataclass(frozen=True)
class Reference:
    """Pictures besides the one that is worked on: `most` at most, or none; `brush`: a mask, which can be painted; `film`: an
    animated file stands for its pictures.
    """

    most: int = 1
    brush: bool = False
    film: bool = False
    more: bool = False


@dataclass(frozen=True)
class Words:
    """Free text.  Those of its words count that the card's fact `vocabulary` names: {"heart": "心", …}, in either language.

    such: what is offered to whoever knows none.
    """

    vocabulary: str
    such: tuple[str, ...] = ()
    more: bool = False


@dataclass(frozen=True)
class Seed:
    """A whole number in [0, 2³²); the page has dice for it."""

    more: bool = False


SEEDS = 2**32
COLOURED = "\U0001f000"  # the first of Unicode's pictures in colour; ❤, of old, is a "heavy black heart"
LONGEST = 1000  # letters of a text that are read
Control = Slider | Choice | Choices | Reference | Words | Seed
Value = Any  # of a knob, as its control says: int, float, Option, Several, Phrase, or a tuple of files or pictures


class Option(str):
    """The chosen text of a `Choice`, which knows its place among the options (None for "every")."""

    index: int | None = None
    options: tuple[str, ...] = ()


class Several(str):
    """The chosen texts of a `Choices`, joined by commas."""

    @property
    def chosen(self) -> tuple[str, ...]:
        return tuple(filter(None, self.split(",")))


class Phrase(str):
    """The known words of a text, which know their places in the vocabulary of `known` words."""

    indices: tuple[int, ...] = ()
    known: int = 0


@dataclass(frozen=True)
class Knob:
    """A control as one card offers it."""

    name: str
    control: Control
    default: Value
    options: tuple[str, ...] = ()
    spelled: tuple[str, ...] = ()  # of Words: each option in Chinese, or ""

    @property
    def kind(self) -> type:
        """Of its values: what a net's own scale is, 4, does not make 3.5 wrong."""
        match self.control:
            case Slider(step=step):
                return type(step)
            case Seed():
                return int
            case Reference():
                return list[Path]
        return str

    @property
    def single(self) -> tuple[str, ...]:
        """Its options, without the one that means all of them."""
        every = self.control.every if isinstance(self.control, Choice) else None
        return tuple(option for option in self.options if option != every)

    def check(self, value: object) -> Value:
        """The value in its proper type, or UserError."""
        match self.control:
            case Choice(every=every):
                return self._option(str(value), every)
            case Choices():
                return self._several(value)
            case Reference(most=most):
                return self._references(value, most)
            case Words(such=such):
                return self._phrase("" if value is None else str(value), such)
            case Seed():
                return int(self._number(value, 0, SEEDS - 1, whole=True))
            case Slider(low, high, step):
                whole = isinstance(step, int)
                number = self._number(value, low, high, whole)
                return int(number) if whole else number

    def _option(self, value: str, every: str | None) -> Option:
        if value not in self.options:
            raise UserError("knob_not_an_option", knob=self.name, value=value[:40], options=", ".join(self.options))
        option = Option(value)
        option.options = self.single
        option.index = None if value == every else option.options.index(value)
        return option

    def _several(self, value: object) -> Several:
        """In the order of the options, each once.  value: texts, or one with commas between them."""
        several = value if isinstance(value, list | tuple) else () if value is None else (str(value),)
        named = [one.strip() for part in several for one in str(part).split(",")]
        for one in filter(None, named):
            if one not in self.options:
                raise UserError("knob_not_an_option", knob=self.name, value=one[:40], options=", ".join(self.options))
        return Several(",".join(option for option in self.options if option in named))

    def _references(self, value: object, most: int) -> tuple[object, ...]:
        """Files or pictures, whichever came: this floor opens neither.  value: one of them, or a sequence."""
        several = value if isinstance(value, list | tuple) else [] if value in (None, "") else [value]
        found = tuple(one for one in several if one is not None)
        if len(found) > most:
            raise UserError("knob_too_many", knob=self.name, most=most, came=len(found))
        return found

    def _phrase(self, value: str, such: tuple[str, ...]) -> Phrase:
        """English words whole, Chinese ones wherever they stand, the longer first: nobody puts spaces between them.  An emoji
        stands for the words of its name in Unicode.
        """
        text = "".join(map(_spelled, value[:LONGEST])).lower()
        found = [word for word in re.findall("[a-z]+", text) if word in self.options]
        for chinese, word in sorted(zip(self.spelled, self.options, strict=True), key=lambda pair: -len(pair[0])):
            if chinese and chinese in text:
                text, found = text.replace(chinese, " "), [*found, word]
        if not found:
            near = difflib.get_close_matches(text, self.options, 5, 0.5)
            near = near or [word for word in such if word in self.options] or self.options[:12]
            chinese = dict(zip(self.options, self.spelled, strict=True))
            words = Both(", ".join(near), "、".join(chinese[word] or word for word in near))
            raise UserError("words_unknown" if value.strip() else "words_missing", value=value[:40], words=words)
        phrase = Phrase(" ".join(dict.fromkeys(found)))
        phrase.indices, phrase.known = tuple(self.options.index(word) for word in phrase.split()), len(self.options)
        return phrase

    def _number(self, value: Any, low: float, high: float, whole: bool) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):  # a whole number of 400 digits
            raise UserError("knob_not_a_number", knob=self.name, value=str(value)[:40]) from None
        if not low <= number <= high:  # also catches nan
            raise UserError("knob_out_of_range", knob=self.name, value=str(value)[:40], low=plain(low), high=plain(high))
        if whole and number != int(number):
            raise UserError("knob_not_whole", knob=self.name, value=str(value)[:40])
        return number


@dataclass(frozen=True)
class Abilities:
    """What a pipeline says of itself, to whoever has to decide without knowing it."""

    takes_mask: bool = False  # as the knob `mask`
    needs_mask: bool = False  # and does nothing without
    spoils: bool = False  # makes a picture worse, on purpose
    shows_steps: bool = False  # its result is followed by the pictures after each step
    shows_attention: bool = False  # can say where a pixel came from
    knows_noise: bool = False  # can be told how strong it is, as the knob `noise_level`
    any_factor: bool = False  # enlarges as the knob `scale` says
    named_styles: bool = False  # has learned those of the knob `style`
    any_style: bool = False  # looks at pictures, the knob `paintings`
    optimises: bool = False  # a picture by a feature network: takes long whatever the picture, and waits in a queue of its own
    continues: bool = False  # can begin with a result of its own, as the knob `begin`
    reads_words: bool = False  # the knob `words`
    flows: bool = False  # draws from noise in as many steps as the knob `steps` says: no latent space
    classifies: bool = False  # its result is scores, the fact `scores`, and its pictures explain them

    def __post_init__(self):
        assert self.takes_mask or not self.needs_mask


NONE = Abilities()


def able(**abilities: bool) -> Callable[[Callable], Callable]:
    """Declares what the decorated pipeline can do, one word for each of its `Abilities`."""
    def declare(pipeline: Callable) -> Callable:
        pipeline.abilities = Abilities(**abilities)
        return pipeline

    return declare


def abilities_of(pipeline: Callable) -> Abilities:
    return getattr(pipeline, "abilities", NONE)


def is_seeded(knobs: Mapping[str, Knob]) -> bool:
    return any(isinstance(knob.control, Seed) for knob in knobs.values())


def plain(number: float) -> str:
    """4294967295, not 4.29497e+09; 0.5."""
    return str(int(number)) if number == int(number) else f"{number:g}"


def _spelled(sign: str) -> str:
    """A letter is itself, a symbol the words of its name; what was called black or white before there were colours is neither."""
    if unicodedata.category(sign) != "So":
        return sign
    words = unicodedata.name(sign, "").split()
    return f" {' '.join(word for word in words if sign >= COLOURED or word not in ('BLACK', 'WHITE'))} "


def knobs_of(pipeline: Callable, facts: Mapping[str, Any]) -> dict[str, Knob]:
    """The knobs of a pipeline, its choices filled with the card's facts (class names, style names …).

    A slider begins at the card's fact of its name, if there is one.
    """
    knobs = {}
    for name, parameter in inspect.signature(pipeline).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        control = typing.get_args(parameter.annotation)[1]
        options, spelled, default = (), (), parameter.default
        if isinstance(control, Choice):
            named = control.options if isinstance(control.options, tuple) else facts.get(control.options)
            options = tuple(named) if isinstance(named, tuple | list) else ()  # of a card that is not trained yet: none
            options = ((control.every,) if control.every else ()) + options
            default = default if default in options else next(iter(options), None)
        if isinstance(control, Choices):
            options = control.options
        if isinstance(control, Slider):
            default = facts.get(name, default)  # a net's own scale
        if isinstance(control, Words):
            vocabulary = facts.get(control.vocabulary, {})
            options, spelled = tuple(vocabulary), tuple(vocabulary.values())
        knobs[name] = Knob(name, control, default, options, spelled)
    return knobs


def checked(knobs: Mapping[str, Knob], values: Mapping[str, object]) -> dict[str, Value]:
    """Every knob's value, defaults filled in; UserError for a knob that is not there or a value out of range."""
    for name in values:
        if name not in knobs:
            raise UserError("knob_unknown", knob=name[:40], knobs=", ".join(knobs))
    return {name: knob.check(values.get(name, knob.default)) for name, knob in knobs.items()}

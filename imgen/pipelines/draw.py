"""Make pictures by a rule: no net, no weights."""

import inspect
from collections.abc import Callable, Iterator
from typing import Annotated

import numpy as np

from imgen.controls import Option, Seed, Slider
from imgen.image import Frame, Picture


def drawing(rule: Callable[..., Picture]) -> Callable[..., Iterator[Frame]]:
    """The pipeline of a rule of `procedural` or `handwriting`: its knobs are the rule's own, and these three."""

    def draw(
        net: None, *,
        count: Annotated[int, Slider(1, 64, 1)] = 12,
        seed: Annotated[int, Seed()] = 7,
        size: Annotated[int, Slider(64, 1024, 64, "px", more=True)] = 256,
        **own: object,
    ) -> Iterator[Frame]:
        pictures: list[Picture] = []
        for n in range(count):
            pictures = [*pictures, rule(size, np.random.default_rng([seed, n]), **in_turn(own, n))]
            yield Frame(n + 1, count, pictures)

    draw.__doc__ = rule.__doc__
    draw.__signature__ = joined(draw, rule)  # what knobs, options and endpoints are read from
    return draw


def in_turn(knobs: dict[str, object], n: int) -> dict[str, object]:
    """The knobs of picture n: where all classes were asked for, each has its turn."""
    every = {name: v.options[n % len(v.options)] for name, v in knobs.items() if isinstance(v, Option) and v.index is None}
    return knobs | every


def joined(draw: Callable, rule: Callable) -> inspect.Signature:
    """The rule's keyword-only parameters in the place of `**own`."""
    mine, own = (inspect.signature(function).parameters.values() for function in (draw, rule))
    named = [p for p in mine if p.kind is not inspect.Parameter.VAR_KEYWORD]
    return inspect.Signature([*named, *(p for p in own if p.kind is inspect.Parameter.KEYWORD_ONLY)])

"""The net that is learning, opened by the engine of the room Inside: what every layer makes of a picture just now."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from imgen.cards import Card
from imgen.controls import UserError
from imgen.image import Picture, to_pixels
from imgen.inspection import Inspection, inspect
from imgen.lab.kept import card_of, card_of_course, facts_of

if TYPE_CHECKING:
    from imgen.lab.run import Teaching

LOOKS: dict[str, tuple[Callable[..., dict[str, Any]], tuple[str, ...]]] = {  # what is asked -> who knows, and what he needs
    "maps": (Inspection.maps, ("layer", "order", "scale", "limit")),
    "statistics": (Inspection.statistics, ("layer",)),
    "kernels": (Inspection.kernels, ("layer", "limit")),
    "kernel": (Inspection.kernel, ("layer", "out", "into")),
    "value": (Inspection.value, ("layer", "channel", "y", "x")),
    "field": (Inspection.field, ("layer", "channel", "y", "x")),
}


class Looking:
    """Of one training: what was opened last."""

    def __init__(self, teaching: "Teaching"):
        self.teaching = teaching
        self.seen: Inspection | None = None

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """{"what": "open", "picture": which of those held out}: the weights as they are now -> the strip of `Inspection`,
        "picture" and "step".  {"what": "maps" | "kernels" | …, "layer": 1, …}: of what was opened.

        Raises UserError: call_unreadable, inside_….
        """
        what = question.get("what")
        if what == "open":
            return self.opened(question.get("picture", 0))
        if not isinstance(what, str) or what not in LOOKS:
            raise UserError("call_unreadable")
        if self.seen is None:
            self.opened(0)
        look, names = LOOKS[what]
        try:
            return look(self.seen, **{name: question[name] for name in names if name in question})
        except TypeError:  # something is missing, or no number
            raise UserError("call_unreadable") from None

    def opened(self, number: Any) -> dict[str, Any]:
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(self.teaching.course.held):
            raise UserError("call_unreadable")
        card = card_of_course(self.teaching.course)
        self.seen = inspect(card, self.shown(number, card))
        return {**self.seen.strip(), "picture": self.seen.picture(), "step": self.teaching.step}

    def shown(self, number: int, card: Card | None = None) -> Picture | None:
        """What is put in, one of those held out; None for a net that draws from noise."""
        course = self.teaching.course
        if not hasattr(course, "x") and not (card or card_of_course(course)).pictures:
            return None
        return Picture(to_pixels(course.held[number].float() / 255))


class LookingBack(Looking):
    """Of one that has ended: the weights that were kept, and the picture that was put in."""

    def __init__(self, net: bytes, given: Picture | None):
        self.net, self.given, self.seen = net, given, None

    def opened(self, number: Any) -> dict[str, Any]:
        if self.seen is None:
            self.seen = inspect(card_of(self.net), self.given)
        return {**self.seen.strip(), "picture": self.seen.picture(), "step": facts_of(self.net).get("steps", 0)}

"""The net that is learning, opened by the engine of the room Inside: what every layer makes of a picture just now."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from imgen.controls import UserError
from imgen.image import Picture, to_pixels
from imgen.inspection import Inspection, inspect
from imgen.lab.kept import card_of_course

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
        held = self.teaching.course.held
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(held):
            raise UserError("call_unreadable")
        card = card_of_course(self.teaching.course)
        shown = Picture(to_pixels(held[number].float() / 255)) if hasattr(self.teaching.course, "x") or card.pictures else None
        self.seen = inspect(card, shown)
        return {**self.seen.strip(), "picture": self.seen.picture(), "step": self.teaching.step}

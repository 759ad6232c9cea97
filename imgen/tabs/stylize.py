"""The tab that paints: before and after under one slider, paintings one click each, an optimisation to watch and go on with."""

import math
from functools import cached_property
from pathlib import Path

import gradio as gr

from imgen.cards import Card
from imgen.catalog import find_card
from imgen.controls import Reference
from imgen.exhibits.files import style_files
from imgen.image import Picture, decode
from imgen.tabs.many import Many
from imgen.ui.event_settings import AT_ONCE
from imgen.ui.events import press_run
from imgen.ui.examples import thumb
from imgen.ui.growth import curves
from imgen.ui.language import both, t
from imgen.ui.slider import before_and_after, before_and_after_slider
from imgen.ui.stock import staged
from imgen.ui.work import Result, Trouble
from imgen.ui.workbench import Workbench


class Stylizers(Workbench):
    """Painting: paintings to choose from by a click, the curves of an optimisation, and a way to go on from a result."""

    def __init__(self):
        self.paintings = [staged(path) for path in style_files()]
        super().__init__("stylize", before_and_after_slider, before_and_after)

    def read_opening(self) -> None:
        super().read_opening()
        self.values["paintings"] = [str(path) for path in self.paintings[:1]]  # one lies there already

    def make_examples(self) -> None:
        super().make_examples()
        thumbs = "".join(thumb(f"painting={path.stem}", path, both(f"option_{path.stem}")) for path in self.paintings)
        gr.HTML(f'<h2>{both("styles")}</h2><div class="thumbs manners">{thumbs}</div>', elem_classes="examples")

    def make_outcome(self) -> None:
        super().make_outcome()
        self.curves = gr.HTML("", elem_classes="live-curves")
        self.others.append(self.curves)
        with gr.Row(elem_classes="actions"):
            self.go_on = gr.Button(t("go_on"), size="sm", visible=self.card.abilities.continues)

    def make_rooms(self) -> None:
        self.many = Many()

    def connect_rooms(self) -> None:
        self.many.connect(self.picker, self.widgets)
        assert self.source is not None and self.more is not None
        mask, begin = self.widgets["region"], self.widgets["begin"]
        for event in (self.source.change, self.more.expand):
            event(canvas, self.source, mask, **AT_ONCE)
        press_run(self, self.go_on.click(lambda path: [path] if path else gr.skip(), self.download, begin, **AT_ONCE))
        self.picker.change(goes_on, self.picker, self.go_on, **AT_ONCE)

    def also(self, now: Result) -> dict:
        """The curves of what has been optimised; logarithms, for the first steps fall far."""
        losses = now.frame.facts.get("curve")
        if not losses:
            return {self.curves: ""} if now.done else {}
        return {self.curves: curves(losses, losses["step"][-1], lambda loss: math.log10(loss + 1e-6))}

    def understood(self, card: Card, preset: dict[str, str]) -> tuple[Card, dict[str, str], dict[str, object]]:
        """painting=NAME: to a network that learned it, its name; to one that looks at paintings, the picture, or several."""
        name, known = preset.pop("painting", ""), {path.stem: str(path) for path in self.paintings}
        files = [known[one] for one in name.split(",") if one in known]
        if not files:
            return card, preset, {}
        if card.abilities.named_styles and name in card.knobs["style"].options:
            return card, preset | {"style": name}, {}
        card = card if card.abilities.any_style else find_card("arbitrary_style")
        control = card.knobs["paintings"].control
        assert isinstance(control, Reference)
        return card, preset, {"paintings": files[:control.most]}

    def pictured(self, name: str, digests: list[str], given: Picture | None) -> dict[str, str] | None:
        words = [self.known_paintings.get(one, "") for one in digests]
        if name != "paintings" or not all(words):
            return super().pictured(name, digests, given)
        return {"painting": ",".join(words)} if words else {}

    @cached_property
    def known_paintings(self) -> dict[str, str]:
        return {decode(path).digest: path.stem for path in self.paintings}

    def named_pictures(self) -> dict[str, tuple[str, dict[str, str]]]:
        return {**super().named_pictures(), "painting": ("paintings", {str(path): path.stem for path in self.paintings})}


def goes_on(request: gr.Request, card_name: str) -> dict:
    """Whether the card can begin with a result."""
    with Trouble(request):
        return gr.update(visible=find_card(card_name).abilities.continues)


def canvas(path: Path | None) -> dict | None:
    """The picture to paint a mask over."""
    return {"background": str(path), "layers": [], "composite": None} if path else None


def stylize_tab() -> Stylizers:
    return Stylizers()

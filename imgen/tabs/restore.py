"""The tab that repairs: a brush for holes, the steps of a recurrent network, and where attention looked."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from imgen.cards import Card
from imgen.controls import UserError
from imgen.image import Picture, decode, record_of
from imgen.pipelines.fill import look as look_into
from imgen.pipelines.spoil import hole_known, mask_of
from imgen.pipelines.stylize import check_shape
from imgen.pipelines.stylize import mask as levels
from imgen.tabs.many import Many
from imgen.tabs.spoil import SpoilAndRepair
from imgen.ui.brush import PAINTED_NOW, Painting, laid, painted
from imgen.ui.doors import place_of
from imgen.ui.event_settings import AT_ONCE, LATEST
from imgen.ui.examples import name, thumb
from imgen.ui.growth import curves
from imgen.ui.kept import find_card
from imgen.ui.knobs import MaskKnob, all_knobs
from imgen.ui.language import both, t
from imgen.ui.picture import PictureInput, brushed, save
from imgen.ui.slider import before_and_after_slider
from imgen.ui.turns import job, look
from imgen.ui.way_in import WayIn
from imgen.ui.work import Result, Trouble
from imgen.ui.workbench import Workbench

LOOKS = "attention_inpaint"
BEST_FOR = {"scribbled": LOOKS}  # examples that are not for the tab's first card


class Restorers(Workbench):
    """Repairing, and rooms to spoil first, to look inside, and to repair many."""

    def __init__(self):
        super().__init__("restore", before_and_after_slider, given_and_repaired)

    def make_examples(self) -> None:
        thumbs = []
        for n, path in enumerate(self.examples):
            kind = path.stem.partition("_")[2]
            preset = f"example={n}&card={BEST_FOR.get(kind, self.cards[0].name)}"
            thumbs.append(thumb(preset, path, name(path, n + 1)))
        gr.HTML(f'<h2>{both("examples")}</h2><div class="thumbs">{"".join(thumbs)}</div>', elem_classes="examples")

    def make_entry(self) -> tuple[PictureInput, WayIn]:
        """With the brush under it, so that who paints has Run at hand."""
        entry = super().make_entry()
        self.painting = Painting(all_knobs(self.cards)["mask"][0], self.card.abilities.takes_mask, self.given)
        return entry

    def make_knob(self, name: str, kinds: list) -> None:
        if name != "mask":
            super().make_knob(name, kinds)
        else:
            self.widgets[name] = self.painting.mask

    @property
    def before_run(self) -> str:
        """An example brings its mask along: the editor, which is only just given it, is not asked."""
        place = 2 + list(self.widgets).index("mask")  # after the model and the picture
        known = f"bench && 'known' in bench.dataset) {{ delete bench.dataset.known; values[{place}] = null; return values; }}"
        return (f"async (...values) => {{ const bench = document.querySelector('.bench-restore'); if ({known}"
                f" return ({PAINTED_NOW % place})(...values); }}")

    def completed(self, source: Path | None, knobs: dict[str, Any]) -> dict[str, Any]:
        hole = hole_of_ours(source) if source and not knobs["mask"] else None
        return {**knobs, "mask": [Path(save(painted(hole.pixels[..., 0]), "mask"))]} if hole else knobs

    def pictured(self, name: str, digests: list[str], given: Picture | None) -> dict[str, str] | None:
        """Of the hole that an example of ours is known to have nothing need be said, only if another was painted, or none."""
        hole = hole_known(given) if given is not None and name == "mask" else None
        if hole is None:
            return super().pictured(name, digests, given)
        ours = painted(hole.pixels[..., 0])
        theirs = ours.pixels * (ours.pixels[..., 3:] > 0)  # a browser keeps no colour where nothing is painted
        return {} if digests in ([ours.digest], [Picture(theirs).digest]) else None

    def make_outcome(self) -> None:
        super().make_outcome()
        self.steps = gr.HTML("", elem_classes="steps-strip")
        self.others.append(self.steps)

    def make_rooms(self) -> None:
        with gr.Column(visible=False):
            self.under = gr.Textbox(mark(self.given))  # of the picture that lies under the brush
        self.spoil, self.look, self.many = SpoilAndRepair(), Look(), Many()
        self.others.append(self.look.picture)

    def connect_rooms(self) -> None:
        mask, paint = self.widgets["mask"], self.painting
        assert self.source is not None and isinstance(mask, MaskKnob)
        paint.connect(self.source)
        self.spoil.connect(self.source, mask)
        self.many.connect(self.picker, self.widgets)
        self.look.connect(self.source, [self.widgets[name] for name in ("mask", "covered", "grow")])
        for changed in (self.source.change, self.picker.change):  # an editor that is hidden would not take the picture
            over = changed(look(canvas), [self.picker, self.source, self.under], [paint.tools, mask, self.under], **AT_ONCE)
            over.then(look(written), [mask, self.source], paint.file, **AT_ONCE)
        paint.upload.upload(look(uploaded), [paint.upload, self.source], mask, **AT_ONCE)
        for drawn in (mask.change, mask.input):
            drawn(look(written), [mask, self.source], paint.file, trigger_mode="always_last", **AT_ONCE)

    def also(self, now: Result) -> dict:
        """The picture after each step; and what can be clicked to see where attention looked."""
        if not now.done:
            return {}
        steps = now.shown[1:] if now.card.abilities.shows_steps else []
        clickable = {self.look.picture: now.shown[0]} if now.card.abilities.shows_attention else {}
        return {self.steps: strip(steps) + (gained(now.card) if steps else ""), **clickable}


def restore_tab() -> Restorers:
    return Restorers()


def given_and_repaired(now: Result) -> tuple[str, str]:
    return now.before or now.shown[0], now.shown[0]


def strip(paths: Sequence[str]) -> str:
    if not paths:
        return ""
    cells = "".join(
        f'<figure><img src="gradio_api/file={path}" alt="" loading="lazy">'
        f'<figcaption>{both("step_number", number=n)}</figcaption></figure>' for n, path in enumerate(paths, 1)
    )
    return f'<h3>{both("steps_seen")}</h3><div class="steps">{cells}</div>'


def gained(card: Card) -> str:
    """What each step and each frame was measured to bring, as curves."""
    found = [scores for scores in card.facts.measured().values() if "after_steps" in scores]
    if not found:
        return ""
    kinds = {name: found[0][name] for name in ("after_steps", "after_frames")}
    return curves({"step": list(range(1, len(kinds["after_steps"]) + 1)), **kinds}, None, together=True)


def mark(path: Path | None) -> str:
    """By which a file is known again; its path is the server's affair."""
    return hashlib.sha256(str(path).encode()).hexdigest()[:16] if path else ""


def canvas(request: gr.Request, card_name: str, source: Path | None, under: str) -> tuple:
    """The tools for a mask, if the card takes one, and a new picture to paint over; of one that we spoiled the holes are known.

    under: the mark of the picture that lies there already: what is painted over it stays.
    """
    with Trouble(request):
        tools = gr.update(visible=find_card(card_name).abilities.takes_mask)
        if not tools["visible"] or mark(source) == under:
            return tools, gr.skip(), gr.skip()
        return tools, laid(source, hole_of_ours(source)) if source else None, mark(source)


def hole_of_ours(path: Path) -> Picture | None:
    """Only a picture with a record of ours is worth decoding."""
    return hole_known(decode(path)) if record_of(path) else None


def uploaded(request: gr.Request, file: str | None, source: Path | None) -> dict:
    """A mask from a file, in the size of the picture."""
    with Trouble(request):
        if not source:
            raise UserError("picture_first")
        return laid(source, hole_in(decode(file), decode(source)))


def hole_in(mask: Picture, picture: Picture) -> Picture:
    """White where more than half is covered."""
    check_shape(mask, picture)
    return mask_of(levels(mask, picture.height, picture.width) > 0.5)


def written(request: gr.Request, mask: list[Path], source: Path | None) -> dict:
    """What was painted as a file: white is to be filled."""
    with Trouble(request):
        masks = brushed(mask) if source else []
        if not masks:
            return gr.update(value=None, interactive=False)
        return gr.update(value=save(hole_in(masks[0], decode(source)), "mask"), interactive=True)


class Look:
    """A folded part of the tab: click a repaired pixel, and see from where attention took its content."""

    def __init__(self):
        with gr.Accordion(t("look_room"), open=False, elem_classes="look"):
            gr.HTML(f"<p>{both('look_hint')}</p>", elem_classes="hint")
            with gr.Row():
                self.picture = PictureInput(
                    type="filepath", format="png", label=t("look_picture"), show_label=False,
                    interactive=False, buttons=["fullscreen"],
                    elem_classes="sheet",
                )
                self.map = gr.Image(type="filepath", format="png", label=t("look_map"), show_label=False, interactive=False,
                                    buttons=["fullscreen", "download"])
            self.words = gr.HTML("", elem_classes="hint")

    def connect(self, source: PictureInput, knobs: list[Component]) -> None:
        self.picture.select(job(looked), [source, *knobs], [self.map, self.words], **LATEST)


def looked(
    request: gr.Request, event: gr.SelectData, source: Path | None, mask: list[Path], covered: str, grow: float
) -> tuple[str, str]:
    with Trouble(request):
        if not source:
            raise UserError("look_first")
        column, row = place_of(event)
        hole = {"mask": brushed(mask), "covered": covered, "grow": grow}
        *_, last = find_card(LOOKS).do(look_into, decode(source), **hole, row=row, column=column)
        return save(last.pictures[0], "looked"), f"<p>{both('look_sources', count=last.facts['sources'])}</p>"

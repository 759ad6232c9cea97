"""One picture, spoiled in a known way, and what several models make of it, beside what was there before."""

from collections.abc import Iterator
from pathlib import Path

import gradio as gr
from gradio.components import Component

from imgen.cards import Card
from imgen.catalog import CARDS, find_card
from imgen.controls import Slider, UserError
from imgen.image import Frame, Picture, decode
from imgen.pipelines.fill import hole_of
from imgen.pipelines.spoil import UNITS, mask_of, without
from imgen.tabs.comparison import DOT, FOLLOW, as_truth, figure, go, grid, limited, near
from imgen.ui import report
from imgen.ui.event_settings import AT_ONCE, PRIVATE, WORK
from imgen.ui.events import THROW, halt, stoppable
from imgen.ui.language import both, t
from imgen.ui.picture import brushed, save
from imgen.ui.plot import panels
from imgen.ui.turns import look
from imgen.ui.work import Trouble

AT_FIRST = ("light_restore", "recurrent_restore", "conv_ae_restore", "non_local_means", "median_filter")
NONE, BRUSH = "none", "brush"


def repairers() -> list[Card]:
    return [card for card in CARDS if card.task == "restore" and not card.abilities.spoils]


class SpoilAndRepair:
    """A folded part of the tab: a damage, the models to choose from, and their results, a pair of them under a slider."""

    def __init__(self):
        with gr.Accordion(t("spoil_room"), open=False, elem_classes="crops-fold spoil-fold"):
            gr.HTML(f"<p>{both('spoil_hint')}</p>", elem_classes="hint")
            kinds = [*((t(f"option_{kind}"), kind) for kind in UNITS), (t("damage_brush"), BRUSH), (t("damage_none"), NONE)]
            knobs = find_card("spoil").knobs
            self.damage = gr.Radio(kinds, value="noise", label=t("knob_damage"), elem_classes="knob", interactive=True)
            with gr.Row(elem_classes="knobs"):
                amount, seed = knobs["amount"], knobs["seed"]
                assert isinstance(amount.control, Slider)
                self.amount = gr.Slider(
                    amount.control.low, amount.control.high, value=amount.default, step=1, label=t("knob_amount"),
                    interactive=True, elem_classes="knob",
                )
                self.seed = gr.Number(seed.default, precision=0, label=t("knob_seed"), interactive=True, elem_classes="knob")
                self.dice = gr.Button(t("dice"), elem_classes="dice", size="sm", min_width=90)
            self.chosen = gr.CheckboxGroup(
                report.choices(repairers()), value=[card.name for card in repairers() if card.name in AT_FIRST],
                label=t("repairers"), elem_classes="knob", interactive=True,
            )
            with gr.Row(elem_classes="go"):
                self.run = gr.Button(t("spoil_run"), variant="primary", elem_classes="compare", scale=3)
                self.stop = gr.Button(t("stop"), elem_classes="halt", scale=1, min_width=80, interactive=False)
            self.status = gr.HTML(report.status(both("status_ready")), elem_classes="status-line")
            self.grid = gr.HTML("", js_on_load=FOLLOW, elem_classes="crops")
            self.take = gr.Button(t("spoil_take"), size="sm")
            gr.HTML(panels(repairers(), ("noise_25",), across="plot_across_restore"), elem_classes="plots")

    def connect(self, source: Component, mask: Component) -> None:
        given = [source, mask, self.damage, self.amount, self.seed]
        outputs = [self.grid, self.status, self.stop]
        run, stopped = stoppable(compare, halt, self.status, self.stop)
        running = self.run.click(run, [*given, self.chosen], outputs, **WORK, **PRIVATE)
        self.stop.click(stopped, None, [self.status, self.stop], cancels=[running], **AT_ONCE)
        self.dice.click(None, None, self.seed, js=THROW, **PRIVATE)
        self.take.click(look(taken), given, source, **AT_ONCE)


def spoiled(
    source: Path | None, layers: list[Path], damage: str, amount: float, seed: float
) -> tuple[Picture, Picture, Picture | None]:
    """The picture in at most SIDE pixels, the same spoiled, and the mask of the holes if there are any; layers: of the brush."""
    if not source:
        raise UserError("picture_first")
    picture = as_truth(limited(decode(source)))
    if damage == NONE:
        return picture, picture, None
    if damage == BRUSH:
        mask = mask_of(hole_of(picture, brushed(layers), "painted", 0))
        return picture, without(picture.pixels, mask), mask
    worse, *holes = find_card("spoil")(picture, damage=damage, amount=amount, seed=seed).pictures
    return picture, worse, holes[0] if holes else None


def taken(request: gr.Request, source: Path | None, layers: list[Path], damage: str, amount: float, seed: float) -> str:
    """The spoiled picture as the tab's own; its record tells the tab where its holes are."""
    with Trouble(request):
        return save(spoiled(source, layers, damage, amount, seed)[1], damage)


def compare(
    request: gr.Request, source: Path | None, layers: list[Path], damage: str, amount: float, seed: float, chosen: list[str]
) -> Iterator[tuple]:
    """A picture more each time, in the order of the catalog; one that cannot run says why in its place."""
    with Trouble(request):
        cards = [card for card in repairers() if card.name in chosen]
        if not cards:
            raise UserError("repairers_needed")
        true, worse, mask = spoiled(source, layers, damage, amount, seed)
    truth = None if damage == NONE else true
    shown = [figure("truth", both("crops_truth"), true, "")] if truth else []
    shown.append(figure("spoiled", both("spoil_spoiled"), worse, DOT.join(near(worse, truth))))
    for number, card in enumerate(cards):
        yield grid(shown), report.status(both("status_work", done=number, total=len(cards)), number / len(cards)), go(True)
        shown.append(entry(request, card, worse, mask, truth))
    yield grid(shown), report.status(f"{true.width}×{true.height}", kind="done"), go(False)


def repaired_by(card: Card, worse: Picture, mask: Picture | None) -> Frame:
    return card(worse, **({"mask": [mask]} if mask and card.abilities.takes_mask else {}))


def entry(request: gr.Request, card: Card, worse: Picture, mask: Picture | None, truth: Picture | None) -> str:
    """What one of them makes of it, how long that takes, and how near the truth it is."""
    from imgen.evaluation.upscaling import error_map

    title = both(f"title_{card.name}")
    try:
        if card.abilities.needs_mask and mask is None:
            return f'<figure><p class="title">{title}</p><p class="facts">{both("no_mask_here")}</p></figure>'
        result = repaired_by(card, worse, mask)
        facts = [both("seconds", seconds=f"{result.seconds:.2f}"), *near(result.pictures[0], truth)]
        wrong = error_map(result.pictures[0], truth) if truth else None
        return figure(card.name, title, result.pictures[0], DOT.join(facts), wrong)
    except Exception as error:
        return f'<figure><p class="title">{title}</p><p class="failed">{Trouble(request).sentence(error)}</p></figure>'

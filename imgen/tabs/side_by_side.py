"""One seed through several generators, one under the other, with what each costs and what a GAN's own judge says of it."""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from html import escape

import gradio as gr
from gradio.components import Component
from PIL import Image

from imgen.cards import Card
from imgen.catalog import CARDS
from imgen.controls import UserError
from imgen.exhibits.layout import to_width
from imgen.exhibits.readme import data_name
from imgen.image import Frame, Picture, encode
from imgen.pipelines.judge import opinion, rank
from imgen.texts import text
from imgen.ui import report
from imgen.ui.event_settings import AT_ONCE, PRIVATE, WORK
from imgen.ui.events import halt, stoppable
from imgen.ui.language import both, language_of, t
from imgen.ui.plot import both_of, panels, quality
from imgen.ui.work import Trouble

COUNT = 10  # pictures of each
SHOWN = 256  # pixels a side at most
KINDS = ("real", "fake")  # whose pictures a judge has ranked this one among
Verdict = tuple[float, float]  # the shares of real pictures and of its own that a judge finds less real


def rivals() -> list[Card]:
    return [card for card in CARDS if card.task == "generate" and card.net]


def at_first() -> list[str]:
    """Those of the data set that most of them learned: like should be compared with like."""
    learned = {card.name: card.facts.training and card.facts.training.data for card in rivals()}
    most = Counter(filter(None, learned.values())).most_common(1)
    return [name for name, data in learned.items() if data in dict(most)]


class SideBySide:
    """A folded part of the tab: the generators to choose from, their rows, and a plot of all of them."""

    def __init__(self):
        with gr.Accordion(t("side_by_side"), open=False, elem_classes="beside"):
            choices = report.choices(rivals())
            self.chosen = gr.CheckboxGroup(choices, value=at_first(), label=t("rivals"), elem_classes="knob", interactive=True)
            with gr.Row(elem_classes="go"):
                self.run = gr.Button(t("compare_rivals"), variant="primary", elem_classes="compare", scale=3)
                self.stop = gr.Button(t("stop"), elem_classes="halt", scale=1, min_width=80, interactive=False)
            self.status = gr.HTML(report.status(both("status_ready")), elem_classes="status-line")
            self.rows = gr.HTML()
            gr.HTML(panels(rivals()), elem_classes="plots")

    def connect(self, seed: Component) -> None:
        outputs = [self.rows, self.status, self.stop]
        run, stopped = stoppable(compare, halt, self.status, self.stop)
        running = self.run.click(run, [self.chosen, seed], outputs, **WORK, **PRIVATE)
        self.stop.click(stopped, None, [self.status, self.stop], cancels=[running], **AT_ONCE)


def compare(request: gr.Request, chosen: list[str], seed: float) -> Iterator[tuple]:
    """A row more each time, in the order of the catalog; a generator that cannot run says why in its row."""
    with Trouble(request):
        cards = [card for card in rivals() if card.name in chosen]
        if not cards:
            raise UserError("rivals_needed")
        number = cards[0].knobs["seed"].check(seed)
    rows = []
    for card in cards:
        words = both("status_work", done=len(rows), total=len(cards))
        yield "".join(rows), report.status(words, len(rows) / len(cards)), gr.update(interactive=True)
        rows.append(row(request, card, number))
    yield "".join(rows), report.status(both("seed", seed=number), kind="done"), gr.update(interactive=False)


def row(request: gr.Request, card: Card, seed: int) -> str:
    title = f"<h3>{both(f'title_{card.name}')}</h3>"
    try:
        result = drawn_by(card, seed)
        verdicts = ask_judge(card, result.pictures)
    except Exception as error:
        return f'<section>{title}<p class="failed">{Trouble(request).sentence(error)}</p></section>'
    names, language = card.facts.classes, language_of(request)
    words = [text(f"option_{names[p.record['class']]}", language) if names else "" for p in result.pictures]
    shown = zip(result.pictures, words, verdicts or [None] * COUNT, strict=True)
    strip = "".join(figure(*one) for one in shown)
    keys = "".join(f'<span><i class="{kind}"></i>{both(f"judge_{kind}")}</span>' for kind in KINDS) if verdicts else ""
    body = f'<p class="facts">{costs(card, result)}</p><div class="strip">{strip}</div><p class="keys">{keys}</p>'
    return f"<section>{title}{body}</section>"


def drawn_by(card: Card, seed: int) -> Frame:
    card(count=1, seed=seed)  # the first run of a net prepares the processor: it would tell nothing about its speed
    return card(count=COUNT, seed=seed)


def ask_judge(card: Card, pictures: list[Picture]) -> list[Verdict]:
    """What the judge of a GAN says of each of its pictures; nothing for a card without one."""
    judge = card.judged_by
    if judge is None:
        return []
    *_, last = judge.do(opinion, *pictures)
    real, fake = judge.facts.real, judge.facts.fake
    opinions = zip(last.facts["logits"], last.facts["classes"], strict=True)
    return [(rank(logit, real[label]), rank(logit, fake[label])) for logit, label in opinions]


def costs(card: Card, result: Frame) -> str:
    """Time, size, parameters, and how far its pictures are from real ones."""
    time = float(f"{1000 * result.seconds / len(result.pictures):.2g}")
    parts = [both("milliseconds_each", time=f"{time:g}")]
    if card.weights:
        parts.append(both("megabytes", size=f"{card.weights.size / report.MEGA:.1f}"))
    parts.append(both("parameters", count=f"{card.facts.parameters:,}"))
    parts += [both_of(figure_words, *one) for one in quality(card)]
    return '<i aria-hidden="true"> · </i>'.join(parts)


def figure_words(language: str, data: str, measure: str, value: float) -> str:
    names = {"measure": text(f"score_{measure}", language), "data": data_name(language, data)}
    return text("figure_on", language, value=f"{value:g}", **names)


def figure(picture: Picture, word: str, verdict: Verdict | None) -> str:
    """A picture with its pixels as squares, and below it the two shares of `verdict` as bars."""
    shown = picture if picture.width <= SHOWN else to_width(picture, SHOWN, Image.Resampling.LANCZOS)
    address = f"data:image/png;base64,{b64encode(encode(Picture(shown.pixels))).decode()}"
    bars = ""
    if verdict:
        shares = zip(KINDS, (f"{100 * share:.0f}" for share in verdict), strict=True)
        bars = "".join(
            f'<span class="bar"><span><i class="{kind}" style="width:{share}%"></i></span><b>{share}</b></span>'
            for kind, share in shares
        )
    return f'<figure><img src="{address}" alt="{escape(word)}">{f"<figcaption>{bars}</figcaption>" if bars else ""}</figure>'

"""The shape that every tab has: a picture or a seed in, pictures out, a model, its knobs, and what one can do with the result."""

from collections.abc import Callable, Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from imgen.cards import Card
from imgen.catalog import CARDS
from imgen.controls import Knob, Reference, Words
from imgen.exhibits.files import example_files, opening_files
from imgen.image import Origin, Picture, decode
from imgen.ui import lesson, link, report
from imgen.ui.examples import strip
from imgen.ui.growth import Growth
from imgen.ui.knobs import all_knobs, widget
from imgen.ui.language import both, t
from imgen.ui.picker import make_picker
from imgen.ui.picture import Download, PictureInput, bundle, peek
from imgen.ui.share import share_button, share_panel
from imgen.ui.stock import staged
from imgen.ui.way_in import WayIn
from imgen.ui.work import Result

LISTEN = """
const bench = element.closest('.bench');
const runs = () => bench.querySelector('.go .halt')?.disabled === false;  // there is none yet where a page opens
let pressed = false;  // Run, of which nothing has been said yet
const ask = (preset, run) => {  // it runs once it is set, see `events.APPLIED`; what it ends runs anew with what is set
  bench.toggleAttribute('data-still', !run && !pressed && !runs());
  bench.toggleAttribute('data-exemplary', new URLSearchParams(preset.split('?').at(-1)).has('example'));
  trigger('click', {preset});
};
bench.addEventListener('click', event => {
  const link = event.target.closest('[data-preset], a[href*="#try?"]');
  if (!link) return;
  event.preventDefault();
  ask(link.dataset.preset ?? link.getAttribute('href'), true);
});
let said = 0;  // when the status changed last
bench.addEventListener('imgen:said', () => { said = Date.now(); pressed = false; });
// One is lost while the browser still holds the run before for one that goes on.  known: nothing was painted over an example.
const press = (tries, known, since = Date.now()) => {
  bench.toggleAttribute('data-known', known);
  bench.querySelector('button.run').click();
  setTimeout(() => {
    const status = bench.querySelector('.pictures .status-line .status');
    const ended = said >= since && !status?.querySelector('.bar i');
    if (!ended && tries && Date.now() - said > 1500) press(tries - 1, known, since);  // if it goes on, it is not heard
    else delete bench.dataset.known;
  }, 2000);
};
bench.addEventListener('imgen:press', () => press(8, 'exemplary' in bench.dataset));
const anew = tries => { if (!runs()) press(8, false); else if (tries) setTimeout(anew, 100, tries - 1); };
const afresh = () => { bench.querySelector('.go .halt').click(); anew(100); };
bench.addEventListener('click', event => {  // pressed while it runs, with other values: that run ends, and one with these begins
  if (!event.target.closest('button.run') || !event.isTrusted || !runs()) return;
  event.stopPropagation();
  if (event.detail < 2) afresh();  // a double click means one
}, true);
const FIELDS = '.choice .knob :is(input, textarea):not([role=listbox], [type=radio], [type=checkbox])';
bench.addEventListener('keydown', event => {  // Enter in a field of words or a number
  if (event.key !== 'Enter' || event.isComposing || !event.target.matches(FIELDS)) return;
  event.preventDefault();
  setTimeout(() => runs() ? afresh() : press(8, false));  // the field is read first
});
bench.addEventListener('imgen:applied', () => { if ('still' in bench.dataset && runs()) afresh(); });  // with the values before
bench.addEventListener('imgen:open', event => ask(event.detail.preset, event.detail.run));
bench.addEventListener('click', event => {  // whatever starts a run presses this button
  if (!event.target.closest('button.run')) return;
  pressed = true;
  if (!bench.matches('.studying'))
    bench.querySelector('.result').scrollIntoView({behavior: 'smooth', block: 'nearest'});
});
const heard = new MutationObserver(() => bench.dispatchEvent(new Event('imgen:said', {bubbles: true})));
const attend = tries => {  // what is said may be drawn a little later
  const line = bench.querySelector('.pictures .status-line');
  line ? heard.observe(line, {childList: true, subtree: true}) : tries && setTimeout(attend, 50, tries - 1);
};
attend(200);
bench.dataset.task = element.querySelector('[data-table]').dataset.task;
"""


def has_more(card: Card) -> bool:
    return any(knob.control.more for knob in card.knobs.values())


def words_first(names: list[str], kinds: dict[str, list[Knob]]) -> list[str]:
    """Knobs in their order, but what one says at the beginning, and those that show pictures at the end."""
    controls = {name: kinds[name][0].control for name in names}
    return sorted(names, key=lambda name: (not isinstance(controls[name], Words), isinstance(controls[name], Reference)))


class Workbench:
    """The components of one tab.  `make_result` builds the one that shows results, `show` turns a Result into its value."""

    running: Dependency  # of Run, since `events.connect`
    before_run: str | None = None  # JavaScript of the values that Run is given, to the values that it sends

    def __init__(self, task: str, make_result: Callable[[Any], Component], show: Callable[[Result], Any]):
        self.task, self.show = task, show
        self.others: list[Component] = []
        self.stays: list[Component] = []  # what else of a visitor's stays through a reload
        self.halted: set[str | None] = set()  # sessions in which Stop was pressed
        self.cards = [card for card in CARDS if card.task == task]
        self.examples = [staged(path) for path in example_files(task)]
        given, opened = opening_files(task)
        self.given, self.opened = given and staged(given), [staged(path) for path in opened]
        self.read_opening()
        with gr.Tab(t(f"task_{task}"), id=task), gr.Column(elem_classes=["bench", f"bench-{task}"]):
            gr.HTML(f"<p>{both(f'hint_{task}')}</p>", elem_classes="hint")
            with gr.Row(elem_classes="pictures"):  # page.css shows a phone the right column between Run and the choice
                with gr.Column(elem_classes="left"):
                    self.source, self.way = self.make_entry() if any(card.pictures for card in self.cards) else (None, None)
                    self.make_go()
                    with gr.Column(elem_classes="choice"):
                        self.make_examples()
                        self.make_controls()
                with gr.Column(elem_classes="right"):
                    self.result = make_result(self.opening_value())
                    self.make_outcome()
            self.make_rooms()
            self.growth = Growth()
            with gr.Accordion(t("lesson"), open=False, elem_classes="lesson") as self.fold:
                self.lesson = gr.Markdown(latex_delimiters=lesson.FORMULAS, elem_classes="lesson-text")
            self.preset = gr.HTML(self.table(), js_on_load=LISTEN, elem_classes="listener")
            self.hidden = gr.Column()  # of what has no look
            with gr.Column(visible=False):  # no gr.State: it costs every visitor a connection
                self.chosen = gr.Number(0, precision=0)  # which of several pictures
                self.caller, self.origin = gr.Button(), gr.JSON()  # of the endpoint
                self.file = gr.Image(type="filepath", format="png") if self.source else gr.Gallery(format="png")

    def make_rooms(self) -> None:
        """What a tab has below its pictures that others lack; connected by `connect_rooms`."""

    def connect_rooms(self) -> None:
        pass

    def also(self, now: Result) -> dict:
        """What else a tab shows of a run, by its components `others`."""
        return {}

    def understood(self, card: Card, preset: dict[str, str]) -> tuple[Card, dict[str, str], dict[str, object]]:
        """A tab's own words in a preset: the card to take, the knobs to set, and values that widgets take as they are."""
        return card, preset, {}

    def completed(self, source: Path | None, knobs: dict[str, Any]) -> dict[str, Any]:
        """What Run was given, and what it need not be told."""
        return knobs

    def read_opening(self) -> None:
        """Which card and knobs made what the tab opens with: its widgets start there."""
        self.card, self.record = self.cards[0], {}
        if self.opened:
            self.record = peek(self.opened[0])[1]
            self.card = next((card for card in self.cards if card.name == self.record.get("card")), self.card)
        defaults = {name: knob.default for name, knob in self.card.knobs.items()}
        self.values = {**defaults, **self.record.get("knobs", {})}

    def opening_value(self) -> object:
        paths = [str(path) for path in self.opened]
        return self.show(Result(self.card, shown=paths, before=str(self.given) if self.given else None)) if paths else None

    def make_entry(self) -> tuple[PictureInput, WayIn]:
        with gr.Column(elem_classes="entry"):
            source = PictureInput(
                str(self.given) if self.given else None, label=t("input_picture"), placeholder=t("input_placeholder"),
                type="filepath", sources=["upload"], buttons=["fullscreen"], elem_classes="source",
            )
            return source, WayIn(self.task, self.given)

    def make_go(self) -> None:
        with gr.Row(elem_classes="go"):
            self.run = gr.Button(t("run"), variant="primary", elem_classes="run", scale=3)
            self.stop = gr.Button(t("stop"), elem_classes="halt", scale=1, min_width=80, interactive=False)
        self.status = gr.HTML(self.opening_status(), elem_classes="status-line")

    def make_examples(self) -> None:
        gr.HTML(strip(self.card, self.examples, self.opened), elem_classes="examples")

    def make_controls(self) -> None:
        self.picker = make_picker(self.cards, self.card)
        self.choices = list(self.picker.choices)  # for everybody; a visitor's own join them, see `kept`
        self.about = gr.HTML(report.about(self.card), elem_classes="about")
        self.widgets: dict[str, Component] = {}
        kinds = all_knobs(self.cards)
        first = [name for name, knobs in kinds.items() if not knobs[0].control.more]
        with gr.Row(elem_classes="knobs"):
            for name in words_first(first, kinds):
                self.make_knob(name, kinds[name])
        self.more = None
        if len(first) < len(kinds):
            with gr.Accordion(t("more_knobs"), open=False, elem_classes="more", visible=has_more(self.card)) as self.more:
                rest = [name for name in kinds if name not in first]
                for name in words_first(rest, kinds):
                    self.make_knob(name, kinds[name])

    def make_knob(self, name: str, kinds: list) -> None:
        self.widgets[name] = widget(kinds, self.card.knobs.get(name), self.values.get(name))
        if name == "seed":
            self.dice = gr.Button(t("dice"), elem_classes="dice", size="sm", min_width=90, visible=name in self.card.knobs)

    def make_outcome(self) -> None:
        paths = [str(path) for path in self.opened]
        with gr.Row(elem_classes="actions"):
            label, value = t(f"download_picture{'s' if len(paths) > 1 else ''}"), bundle(paths, self.card.name) if paths else None
            self.download = Download(label, value=value, size="sm")
            chosen = "" if self.source else "chosen_"
            ends = ("upscale", "stylize", "restore") if self.source else ("upscale", "stylize", "restore", "classify")
            tasks = [task for task in ends if task != self.task]
            if self.source:
                self.further = gr.Button(t(f"further_{self.task}"), size="sm", elem_classes="send")
            self.send = {task: gr.Button(t(f"send_{chosen}to_{task}"), size="sm", elem_classes="send") for task in tasks}
            gr.Button(t("inside_look"), size="sm", elem_classes=["send", "look-inside"])
            share_button()
        share_panel()
        self.code = gr.HTML(report.code(self.card, self.values), elem_classes="code-fold")

    def opening_status(self) -> str:
        if not self.opened:
            return report.status(both("status_ready"))
        before = peek(self.given)[0] if self.given else None
        origin = Origin.of(self.record)
        words = {word: names[str(self.given)] for word, (_, names) in self.named_pictures().items() if str(self.given) in names}
        asked = link.query(self.task, self.card, origin.knobs, words) if origin else ""
        return report.finished(origin, before, [peek(path)[0] for path in self.opened], asked)

    # What its addresses say, see `link`.

    def linked(self, card: Card, knobs: Mapping[str, object], given: Picture | None) -> tuple[str, bool]:
        """The address of a run, and whether it lacks a picture of the visitor's own."""
        words = {}
        if card.pictures and given is not None and given.digest in self.known_examples:
            words["example"] = self.known_examples[given.digest]
        own = card.pictures > 0 and "example" not in words
        for name, value in knobs.items():
            if isinstance(value, list):  # pictures that were knobs
                told = self.pictured(name, value, given)
                words |= told or {}
                own |= told is None
        return link.query(self.task, card, knobs, words), own

    def pictured(self, name: str, digests: list[str], given: Picture | None) -> dict[str, str] | None:
        """The words for the pictures of a knob, if the program has them: None if it does not."""
        return None if digests else {}

    @cached_property
    def known_examples(self) -> dict[str, str]:
        return {decode(path).digest: str(n) for n, path in enumerate(self.examples)}

    def named_pictures(self) -> dict[str, tuple[str, dict[str, str]]]:
        """Word of an address -> the component that shows such pictures, and what stands for each, by its path."""
        numbers = {str(path): str(n) for n, path in enumerate(self.examples)}
        return {"example": ("source", numbers)} if numbers else {}

    @property
    def told(self) -> dict[str, Component]:
        """What the browser is asked for its address; an editor would send all that was painted."""
        brushes = {name for card in self.cards for name, knob in card.knobs.items()
                   if isinstance(knob.control, Reference) and knob.control.brush}
        knobs = {name: widget for name, widget in self.widgets.items() if name not in brushes}
        return {"source": self.source, **knobs} if self.source else knobs

    def table(self) -> str:
        known = escape(link.table(self.cards, list(self.told), self.named_pictures()), quote=False).replace("'", "&#39;")
        return f"<i data-task='{self.task}' data-table='{known}'></i>"

"""What each part of a workbench does when someone touches it."""

import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from functools import partial, wraps
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gradio as gr

from imgen.cards import Card
from imgen.controls import Reference, UserError, is_seeded
from imgen.image import Frame
from imgen.ui import cost, lesson, link, report
from imgen.ui.doors import number_of
from imgen.ui.event_settings import AT_ONCE, PRIVATE, WORK
from imgen.ui.kept import file_stem, find_card, has_gone, is_own
from imgen.ui.knobs import MaskKnob, ReferenceKnob, updates
from imgen.ui.language import both, language_of, t
from imgen.ui.picture import bundle, picked
from imgen.ui.stay import FORGET, connect_stay
from imgen.ui.turns import job, look
from imgen.ui.way_in import taken_in
from imgen.ui.work import Result, Trouble, lane, results
from imgen.ui.workbench import Workbench, has_more

KNOWN = 0.1  # of the work, after which it tells itself how long it takes
READ = 5.0  # seconds for which it stands there what a run will cost
GRACE = 0.2  # seconds within which a frame that has left the server is shown
NOTHING: Mapping[str, object] = MappingProxyType({})
THROW = "() => Math.floor(Math.random() * 2 ** 32)"
PRESS = (  # a tab that was only just opened is not there at once
    "() => { const press = tries => { const button = document.querySelector('.bench-%s button.run');"
    " button ? button.click() : tries && setTimeout(press, 100, tries - 1); }; press(50); }"
)
APPLIED = (  # an address may only set, an example or a lesson's link runs
    "() => { const bench = document.querySelector('.bench-%s'); bench.dispatchEvent(new Event('imgen:applied', {bubbles: true}));"
    " if (!('still' in bench.dataset)) bench.dispatchEvent(new Event('imgen:press')); }"
)
CHOSEN = (  # of the browser alone: no request
    "(...values) => { document.querySelector('.bench-%s')"
    "?.dispatchEvent(new CustomEvent('imgen:chosen', {bubbles: true, detail: values})); }"
)


def connect(bench: Workbench) -> None:
    picture = [bench.source] if bench.source else []
    knobs = list(bench.widgets.values())
    outputs = [bench.result, bench.status, bench.download, bench.code, bench.chosen, bench.stop, *bench.others]
    running, stopped = stoppable(runner(bench), halt, bench.status, bench.stop, lane_of(bench), bench.halted)
    given = [bench.picker, *picture, *knobs]
    bench.running = bench.run.click(asked_first(bench, running), given, outputs, js=bench.before_run, **WORK, **PRIVATE)
    ended = bench.stop.click(stopped, None, [bench.status, bench.stop], cancels=[bench.running], **AT_ONCE)
    some = [*([bench.more] if bench.more else []), *([bench.dice] if "seed" in bench.widgets else [])]
    card = [bench.about, *knobs, bench.lesson, *some]
    again: list[dict[str, Any]] = [] if bench.source else [bench.running]  # what another model drew would look like this one's
    chosen = bench.picker.input(chooser(bench), [bench.picker, *knobs], card, cancels=again, **AT_ONCE)
    if again:
        press_run(bench, chosen)
    bench.growth.connect(bench.picker)
    bench.fold.expand(teach, bench.picker, bench.lesson, **AT_ONCE)
    tab = [*picture, bench.picker, *card]
    applied = bench.preset.click(  # multiple: who goes back twice at once means both
        preset_applier(bench), [bench.picker, *knobs], tab, cancels=[bench.running], trigger_mode="multiple", **AT_ONCE
    )
    applied.success(None, js=APPLIED % bench.task, **PRIVATE)
    told = [bench.picker, *bench.told.values()]
    gr.on([one.change for one in told], None, told, None, js=CHOSEN % bench.task, **PRIVATE)
    if "seed" in bench.widgets:
        press_run(bench, bench.dice.click(None, None, bench.widgets["seed"], js=THROW, cancels=[bench.running], **PRIVATE))
    if bench.source:
        connect_way(bench)
    if isinstance(bench.result, gr.Gallery):
        bench.result.select(index, None, bench.chosen, **AT_ONCE)
    connect_stay(bench, [bench.running, ended], partial(resumed, bench), card)


def resumed(bench: Workbench, request: gr.Request, card: Card | None, knobs: Mapping[str, object]) -> list:
    if card is None:
        return gone(bench)
    return chosen(bench, request, card, {}, {name: value for name, value in knobs.items() if name in card.knobs})


def press_run(bench: Workbench, event) -> None:
    """After `event`, press Run: whatever starts a run, there is one to show and to stop."""
    event.success(None, js=PRESS % bench.task, **PRIVATE)


def connect_send(button: gr.Button, start: Workbench, end: Workbench, tabs: gr.Tabs) -> None:
    """Carry the chosen result to another tab, file and all, and run there."""
    def send(given, number: float) -> tuple:
        path = picked(given, number) if isinstance(given, list) else given  # a gallery's pictures, or the file to download
        return gr.Tabs(selected=end.task), path or gr.skip()

    given = start.result if isinstance(start.result, gr.Gallery) else start.download
    assert end.source is not None, f"{end.task} takes no picture"
    forget = f"(...values) => {{ {FORGET.format(task=end.task)} return values; }}"
    press_run(end, button.click(
        send, [given, start.chosen], [tabs, end.source], js=forget, cancels=[end.running], **AT_ONCE
    ))


def connect_way(bench: Workbench) -> None:
    """A visitor's own picture, which runs at once where that is quick; and a result as the picture for the next run."""
    assert bench.source and bench.way
    names = [name for name, one in bench.widgets.items() if not isinstance(one, ReferenceKnob | MaskKnob)]
    inputs = [bench.source, bench.picker, *(bench.widgets[name] for name in names)]
    came = bench.way.html.upload(
        look(bringer(names)), inputs, [bench.source, bench.status, bench.way.quick], js=bench.way.taken(len(inputs)),
        cancels=[bench.running], **PRIVATE,
    )
    came.success(None, bench.way.quick, None, js=f"quick => {{ if (quick) ({PRESS % bench.task})(); }}", **PRIVATE)
    bench.way.connect(bench.source, bench.status)
    press_run(bench, bench.further.click(
        lambda path: path or gr.skip(), bench.download, bench.source, cancels=[bench.running], **AT_ONCE
    ))


def bringer(names: list[str]):
    def bring(request: gr.Request, source: Path | None, card_name: str, *values) -> tuple:
        """What came, and whether it can be run at once; else what it would cost."""
        shown, status = taken_in(request, source)
        if not isinstance(shown, str):
            return shown, status, 0
        with Trouble(request):
            card = find_card(card_name)
        if card.abilities.needs_mask:
            return shown, report.status(both("way_paint")), 0
        knobs = dict(zip(names, values, strict=True))
        now = cost.cost_of(card, shown, knobs)
        if now:
            cost.asked.tell(request.session_hash or "", run_of(card_name, Path(shown), knobs))
            return shown, report.status(cost.says(card, shown, knobs, now, "cost_run"), kind="ask"), 0
        return shown, report.status(both("way_here")), 1

    return bring


def run_of(card_name: str, source: Path | None, knobs: Mapping[str, object]) -> str:
    """By which a run is known again."""
    return repr((card_name, str(source and source.resolve()), sorted(knobs.items())))[:4000]


def asked_first(bench: Workbench, running: Callable[..., AsyncGenerator]) -> Callable[..., AsyncGenerator]:
    """`running`, once who pressed Run has been told that it will take minutes, and has pressed it again."""
    def question(request: gr.Request, card_name: str, *values) -> str:
        source, knobs = given(bench, values)
        try:
            card = find_card(card_name)
        except UserError:
            return ""  # the run says so
        now = cost.cost_of(card, source, knobs)
        if now.seconds <= cost.ASKS or cost.asked.before(request.session_hash or "", run_of(card_name, source, knobs)):
            return ""
        return report.status(cost.says(card, source, knobs, now, "cost_press"), kind="ask")

    @wraps(running)
    async def asking(request: gr.Request, *values) -> AsyncGenerator:
        if words := await look(question)(request, *values):
            yield {bench.status: words, bench.stop: gr.update(interactive=False)}
            return
        async with aclosing(running(request, *values)) as frames:
            async for frame in frames:
                yield frame

    return asking


def given(bench: Workbench, values: tuple) -> tuple[Path | None, dict[str, Any]]:
    """The picture and the knobs of a run, without those that are pictures themselves; None is a card's own default."""
    source, knobs = (values[0], values[1:]) if bench.source else (None, values)
    pairs = zip(bench.widgets.items(), knobs, strict=True)
    return source, {name: value for (name, one), value in pairs if not isinstance(one, ReferenceKnob | MaskKnob)}


def work(bench: Workbench, card_name: str, *values, watched: bool = True) -> Iterator[Result]:
    source, given = (values[0], values[1:]) if bench.source else (None, values)
    knobs = dict(zip(bench.widgets, given, strict=True))
    return results(bench.task, card_name, source, bench.completed(source, knobs) if watched else knobs, watched)


def runner(bench: Workbench):
    def run(request: gr.Request, *values) -> Iterator[dict]:
        begin, left = both("status_load"), None
        try:
            card, (source, knobs) = find_card(values[0]), given(bench, values[1:])
            if foreseen := cost.cost_of(card, source, knobs):
                begin = cost.says(card, source, knobs, foreseen, "cost_stop")
                left = Remaining(begin, foreseen.seconds)
        except UserError:
            pass  # `work` says so
        yield {bench.status: report.status(begin, 0), bench.stop: gr.update(interactive=True)}
        try:
            for now in work(bench, *values):
                yield outcome(bench, now) if now.done else on_the_way(bench, now, left)
        except Exception as error:
            trouble = Trouble(request)
            yield {bench.status: report.status(trouble.sentence(error), kind="failed"), bench.stop: gr.update(interactive=False)}
            raise trouble.error(error) from None

    return run


class Remaining:
    """The status of a long run: first what it will cost, then how long it still takes."""

    def __init__(self, words: str, foreseen: float):
        self.words, self.foreseen, self.began = words, foreseen, time.monotonic()

    def status(self, frame: Frame) -> str:
        share, spent = frame.done / max(1, frame.total), time.monotonic() - self.began
        if frame.stage != "work":
            return report.progress(frame)
        if spent < READ:
            return report.status(self.words, share)
        whole = spent / share if share > KNOWN else self.foreseen
        return report.progress(frame, cost.left(max(1.0, whole - spent)))


def on_the_way(bench: Workbench, now: Result, left: Remaining | None = None) -> dict:
    shown = {bench.result: bench.show(now)} if now.shown else {}
    if shown and bench.source:  # whoever stops may keep it
        # Wrapped in an update: Gradio's browser applies the next frame, which has no file, to the very value that it gave the
        # button, and so would strip a bare file of its address; of an update it only takes the file out.
        shown[bench.download] = gr.update(value=bundle(now.files, file_stem(now.card.name)))
    status = left.status(now.frame) if left else report.progress(now.frame)
    return {bench.status: status, **shown, **bench.also(now)}


def outcome(bench: Workbench, now: Result) -> dict:
    origin, pictures = now.frame.origin, now.frame.pictures
    assert origin is not None, "not finished"
    before = f"{now.given.width}×{now.given.height}" if now.given else None
    label = t(f"download_picture{'s' if len(pictures) > 1 else ''}")
    sizes, said = [f"{p.width}×{p.height}" for p in pictures], now.frame.facts.get("said", ())
    linked = bench.linked(now.card, origin.knobs, now.given)
    return {
        bench.result: bench.show(now),
        bench.status: report.finished(origin, before, sizes, *linked, said=said),
        bench.download: gr.update(value=bundle(now.files, file_stem(now.card.name)), label=label),
        bench.code: report.code(now.card, origin.knobs), bench.chosen: 0, bench.stop: gr.update(interactive=False),
        **bench.also(now),
    }


def lane_of(bench: Workbench) -> Callable[..., str]:
    def of(card_name: str, *values) -> str:
        source, knobs = (values[0], values[1:]) if bench.source else (None, values)
        return lane(card_name, source, dict(zip(bench.widgets, knobs, strict=True)))

    return of


def stoppable(
    run: Callable[..., Iterator], said: Callable[..., tuple], status, stop, lane: str | Callable[..., str] = "long",
    halted: set[str | None] | None = None,
) -> tuple[Callable[..., AsyncGenerator], Callable[..., tuple]]:
    """`run` as a job of `turns`, and what a click on Stop says, so that nothing of the run is shown after that.

    Gradio asks for the word and for the end at the same time: a frame between the two would write over the word for good.
    halted: sessions; several runs that have one Stop share it.
    """
    halted = set() if halted is None else halted
    running = job(run, lane=lane, status=status, stop=stop)

    @wraps(run)
    async def until_stopped(request: gr.Request, *values) -> AsyncGenerator:
        halted.discard(request.session_hash)
        async with aclosing(running(request, *values)) as frames:
            async for frame in frames:
                if request.session_hash in halted:
                    yield gr.skip()  # at the end Gradio repeats what was last
                    return
                yield frame

    def stopped(request: gr.Request, *values) -> tuple:
        if len(halted) > 1000:
            halted.clear()
        halted.add(request.session_hash)
        time.sleep(GRACE)
        return said(request, *values)

    return until_stopped, stopped


def halt(request: gr.Request) -> tuple:
    return report.status(both("status_stopped"), kind="stopped"), gr.update(interactive=False)


def chooser(bench: Workbench):
    def choose(request: gr.Request, card_name: str, *values) -> list:
        with Trouble(request):
            if has_gone(card_name):
                return gone(bench)
            return chosen(bench, request, find_card(card_name), dict(zip(bench.widgets, values, strict=True)))

    return choose


def gone(bench: Workbench) -> list:
    """Said where the model is described; all else stays.  An error would be shown by the queue only, past which this goes."""
    outputs = len(bench.widgets) + bool(bench.more) + ("seed" in bench.widgets)
    return [f'<p class="sentence gone" role="alert">{both("kept_gone")}</p>', *[gr.skip()] * (outputs + 1)]


def chosen(
    bench: Workbench, request: gr.Request, card: Card, kept: Mapping[str, object], preset: Mapping[str, object] = NOTHING
) -> list:
    """The tab for another card: knobs stay where they are, but what the card says itself, as its scale, is not kept."""
    values = {name: value for name, value in kept.items() if name not in card.settings} | dict(preset)
    more = [gr.update(visible=has_more(card))] if bench.more else []
    if more and any(card.knobs[name].control.more for name in preset):
        more[0]["open"] = True  # what is set is to be seen
    dice = [gr.update(visible=is_seeded(card.knobs))] if "seed" in bench.widgets else []
    return [report.about(card), *updates(bench.widgets, card, values), lesson.markdown(card, language_of(request)), *more, *dice]


def preset_applier(bench: Workbench):
    def apply_preset(request: gr.Request, event: gr.EventData, card_name: str, *values) -> list:
        """Set what an address, a link or an example asks for; but for an example all begin with the defaults, so that the same
        link always shows the same.
        """
        cost.asked.forget(request.session_hash or "")
        with Trouble(request):
            query = str(event._data.get("preset", "") if isinstance(event._data, dict) else "")
            preset = link.read(query)
            fresh, address = lesson.LINK in query or query.startswith("?"), query.startswith("?")
            name = preset.pop("card", "")
            if has_gone(name):
                return [*([gr.skip()] if bench.source else []), gr.skip(), *gone(bench)]
            offered = [*bench.cards, *([find_card(name)] if is_own(name) else [])]
            named = next((card for card in offered if card.name == name and card.task == bench.task), None)
            card = named or (bench.card if address else find_card(card_name))
            example = the_example(bench, preset.pop("example", ""))
            card, preset, extra = bench.understood(card, preset)
            values = dict(zip(bench.widgets, values, strict=True))
            kept = values if not fresh else bench.values if address and not named else {}
            asked = {name: link.nearest(card.knobs[name], value) for name, value in preset.items() if name in card.knobs}
            widgets = chosen(bench, request, card, kept, {name: value for name, value in asked.items() if value is not None})
            for knob, value in ({**at_first(bench, card), **extra} if fresh else extra).items():
                widgets[1 + list(bench.widgets).index(knob)] |= {"value": value}
            source = [str(example) if example else gr.skip()] if bench.source else []
            return [*source, card.name, *widgets]

    return apply_preset


def at_first(bench: Workbench, card: Card) -> dict[str, object]:
    """The pictures with which a card's knobs begin; a mask belongs to the picture that it lies over."""
    kinds = {name: knob.control for name, knob in card.knobs.items()}
    references = [name for name, control in kinds.items() if isinstance(control, Reference) and not control.brush]
    return {name: bench.values.get(name) for name in references}


def the_example(bench: Workbench, number: str) -> Path | None:
    """None if there is none of that number."""
    known = {str(n): path for n, path in enumerate(bench.examples)}
    return known.get(number)


def teach(request: gr.Request, card_name: str) -> str:
    with Trouble(request):
        return lesson.markdown(find_card(card_name), language_of(request))


def index(event: gr.SelectData) -> int:
    return number_of(event)

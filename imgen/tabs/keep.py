"""Pictures that a visitor keeps: a film from one to the next, and arithmetic with three of them."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing

import gradio as gr

from imgen.cards import Card
from imgen.catalog import find_maker
from imgen.controls import UserError
from imgen.image import Frame, Frames, animate, decode
from imgen.pipelines.explore import combine, morph
from imgen.ui import report
from imgen.ui.event_settings import AT_ONCE, PRIVATE, WORK
from imgen.ui.events import halt, stoppable
from imgen.ui.kept import file_stem, found
from imgen.ui.language import both, t
from imgen.ui.picture import OURS, Pictures, paths_of, picked, save
from imgen.ui.stock import put
from imgen.ui.work import PAUSE, Trouble
from imgen.ui.workbench import Workbench

MOST = 8  # kept at a time
Kept = list[tuple[str, str | None]] | None  # as a gallery tells it
SHOW = (  # what came may lie below the window's edge, and is drawn a moment later
    "() => setTimeout(() => [...document.querySelectorAll('.keep .film, .keep .kept')]"
    ".filter(one => one.checkVisibility()).at(-1)?.scrollIntoView({block: 'nearest'}), 300)"
)


class Keep:
    """The kept pictures under a gallery of results, and what one can make of them."""

    def __init__(self):
        with gr.Column(elem_classes="keep"):
            with gr.Row(elem_classes="actions"):
                self.add = gr.Button(t("keep"), size="sm")
                self.film = gr.Button(t("film"), size="sm")
                self.sum = gr.Button(t("combine"), size="sm")
                self.clear = gr.Button(t("clear"), size="sm")
            self.kept = Pictures(label=t("kept"), format="png", columns=MOST, height="auto", object_fit="contain",
                                   visible=False, interactive=False, buttons=[], allow_preview=False, elem_classes="kept")
            self.screen = gr.Image(label=t("film"), type="filepath", format="webp", visible=False, interactive=False,
                                   buttons=["download", "fullscreen"], elem_classes="film")

    def connect(self, bench: Workbench) -> None:
        """Its status line and its Stop tell and end what is made of kept pictures, too."""
        status, stop = bench.status, bench.stop
        self.add.click(keep, [bench.result, bench.chosen, self.kept], self.kept, **AT_ONCE)
        for button, shown, work, lane in (
            (self.film, self.screen, told(film, filmed, "film_done"), lane_of),
            (self.sum, self.kept, told(add_up, added_up, "combine_done"), "quick"),
        ):
            run, _ = stoppable(work, halt, status, stop, lane, bench.halted)
            working = button.click(run, self.kept, [shown, status, stop], **WORK, **PRIVATE)
            working.success(None, js=SHOW, **PRIVATE)
            stop.click(None, None, None, cancels=[working], **AT_ONCE)  # what Stop says is said once, see `events.connect`
        self.clear.click(lambda: (gr.update(value=None, visible=False),) * 2, None, [self.kept, self.screen], **AT_ONCE)


def keep(result: Kept, chosen: float, kept: Kept) -> dict:
    """The chosen result, beside those that are kept already; the oldest makes room."""
    path = picked(result, chosen)
    paths = [*paths_of(kept), *([path] if path else [])]
    return gr.update(value=paths[-MOST:], visible=bool(paths))


def told(
    begin: Callable[[Kept], tuple[Card, Frames]], shown: Callable[[Kept, Card, Frame], dict], done: str
) -> Callable[[gr.Request, Kept], Iterator[tuple]]:
    """The work that `begin` begins, with what the status line and Stop say of it.  shown: what the screen becomes."""
    def run(request: gr.Request, kept: Kept) -> Iterator[tuple]:
        yield gr.skip(), report.status(both("status_load"), 0), gr.update(interactive=True)
        said = time.monotonic()
        try:
            card, frames = begin(kept)
            with closing(frames):
                for frame in frames:
                    if frame.finished:
                        yield shown(kept, card, frame), report.status(both(done), kind="done"), gr.update(interactive=False)
                    elif time.monotonic() - said > PAUSE:
                        said = time.monotonic()
                        yield gr.skip(), report.progress(frame), gr.skip()
        except Exception as error:
            trouble = Trouble(request)
            yield gr.skip(), report.status(trouble.sentence(error), kind="failed"), gr.update(interactive=False)
            raise trouble.error(error) from None

    return run


def film(kept: Kept) -> tuple[Card, Frames]:
    return exploring(morph, kept)


def filmed(kept: Kept, card: Card, last: Frame) -> dict:
    return gr.update(value=put(animate(last.pictures), f"{file_stem(card.name)}-film.webp"), visible=True)


def add_up(kept: Kept) -> tuple[Card, Frames]:
    if len(paths_of(kept)) < 3:
        raise UserError("pictures_to_combine", came=len(paths_of(kept)))
    return exploring(combine, kept and kept[-3:])


def added_up(kept: Kept, card: Card, last: Frame) -> dict:
    return gr.update(value=[*paths_of(kept), save(last.pictures[0], f"{file_stem(card.name)}-sum")])


def exploring(pipeline: Callable[..., Iterator[Frame]], kept: Kept, **knobs: object) -> tuple[Card, Frames]:
    """The generator that made the pictures, and `pipeline` with it on them."""
    pictures = [decode(path, OURS) for path in paths_of(kept)[-MOST:]]
    card = find_maker(pictures, found)
    return card, card.do(pipeline, *pictures, **knobs)


def explored(pipeline: Callable[..., Iterator[Frame]], kept: Kept, **knobs: object) -> tuple[Card, Frame]:
    """`exploring` to its end."""
    card, frames = exploring(pipeline, kept, **knobs)
    *_, last = frames
    return card, last


def lane_of(kept: Kept) -> str:
    """A flow's film is long, where a net that needs one look makes one in a moment."""
    try:
        maker = find_maker([decode(path, OURS) for path in paths_of(kept)[-MOST:]], found)
    except UserError:
        return "quick"  # it will be refused at once
    return "long" if maker.abilities.flows else "quick"

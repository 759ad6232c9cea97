"""Many pictures through the chosen model: files in, one zip out; the same code as for a folder on the command line."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from html import escape
from pathlib import Path

import gradio as gr
from gradio.components import Component

from imgen.batch import FileDone, batch, targets
from imgen.cards import Card
from imgen.controls import UserError, checked
from imgen.place import digest
from imgen.ui import report
from imgen.ui.event_settings import AT_ONCE, PRIVATE, WORK
from imgen.ui.events import stoppable
from imgen.ui.kept import file_stem, find_card
from imgen.ui.language import both, t
from imgen.ui.picture import Download, Files, bundle
from imgen.ui.stock import folder
from imgen.ui.work import Trouble

MOST = 200  # files at a time
REMEMBERED = 200  # visitors whose work can be stopped
begun: dict[str, tuple[Card, list[Path]]] = {}  # by session: what it does or did last, and the results by now


class Many:
    """A folded part of the tab; model and knobs are those of the tab."""

    def __init__(self):
        with gr.Accordion(t("many"), open=False, elem_classes="many"):
            gr.HTML(f"<p>{both('many_hint')}</p>", elem_classes="hint")
            self.files = Files(label=t("many_files"), file_count="multiple", type="filepath", height=180)
            with gr.Row(elem_classes="go"):
                self.run = gr.Button(t("many_run"), variant="primary", elem_classes="work", scale=3)
                self.stop = gr.Button(t("stop"), elem_classes="halt", scale=1, min_width=80, interactive=False)
            self.status = gr.HTML(report.status(both("status_ready")), elem_classes="status-line")
            with gr.Row(elem_classes="actions"):
                self.download = Download(t("many_download"), size="sm", visible=False)

    def connect(self, picker: gr.Radio, widgets: dict[str, Component]) -> None:
        names = list(widgets)
        outputs = [self.status, self.download, self.stop]

        def work(request: gr.Request, files: list[str] | None, card_name: str, *values) -> Iterator[tuple]:
            yield from enlarge_all(request, files, card_name, dict(zip(names, values, strict=True)))

        asked = [self.files, picker, *widgets.values()]
        run, said = stoppable(work, stopped, self.status, self.stop)
        running = self.run.click(run, asked, outputs, **WORK, **PRIVATE)
        self.stop.click(said, None, outputs, cancels=[running], **AT_ONCE)


def enlarge_all(request: gr.Request, files: list[str] | None, card_name: str, values: Mapping[str, object]) -> Iterator[tuple]:
    """The status line as it goes; at the end the zip, and what could not be read."""
    yield report.status(both("status_load"), 0), gr.skip(), gr.update(interactive=True)
    trouble, failed, kept = Trouble(request), [], 0
    try:
        card, pairs, knobs = chosen(request, card_name, files, values)
        made: list[Path] = []
        begun[whose(request)] = card, made
        while len(begun) > REMEMBERED:
            begun.pop(next(iter(begun)))
        with closing(batch(card, pairs, knobs)) as frames:
            for frame in frames:
                if isinstance(frame, FileDone):
                    kept += frame.kept
                    if frame.error:
                        cause = frame.error.__cause__  # the log hears of our own faults
                        words = trouble.sentence(cause if isinstance(cause, Exception) else frame.error)
                        failed.append((frame.file.name, words))
                    else:
                        made.append(frame.target)
                yield report.progress(frame), gr.skip(), gr.skip()
        yield said(len(pairs), failed, kept), offered(card, made), gr.update(interactive=False)
    except Exception as error:
        yield report.status(trouble.sentence(error), kind="failed"), gr.skip(), gr.update(interactive=False)
        raise trouble.error(error) from None


def chosen(
    request: gr.Request | None, card_name: str, files: list[str] | None, values: Mapping[str, object]
) -> tuple[Card, list[tuple[Path, Path]], dict[str, object]]:
    """The card, each file with where its result goes, and the card's knobs.

    The folder is found again when the same visitor brings the same files and knobs; another card's results lie in another.
    """
    if not files:
        raise UserError("picture_first")
    if len(files) > MOST:
        raise UserError("many_most", most=MOST, came=len(files))
    card, paths = find_card(card_name), [Path(file) for file in files]
    knobs = checked(card.knobs, {name: value for name, value in values.items() if name in card.knobs})
    known = hashlib.sha256(repr((whose(request), card.name, knobs, [digest(path) for path in paths])).encode()).hexdigest()
    return card, targets(paths, folder() / f"many-{known[:32]}"), knobs


def whose(request: gr.Request | None) -> str:
    return getattr(request, "session_hash", None) or ""


def said(total: int, failed: list[tuple[str, str]], kept: int) -> str:
    words = [both("many_done", done=total - len(failed), total=total), both("many_kept", kept=kept) if kept else ""]
    lines = "".join(f"<br>{escape(name)}: {sentence}" for name, sentence in failed)
    return report.status(" · ".join(filter(None, words)) + lines, kind="failed" if failed else "done")


def offered(card: Card, made: list[Path]) -> dict:
    """The zip of the results that are there."""
    there = [str(path) for path in dict.fromkeys(made) if path.exists()]
    return gr.update(value=bundle(there, file_stem(card.name)) if there else None, visible=bool(there))


def stopped(request: gr.Request) -> tuple:
    """What was made by then can be downloaded."""
    download = offered(*begun[whose(request)]) if whose(request) in begun else gr.skip()
    return report.status(both("many_stopped"), kind="stopped"), download, gr.update(interactive=False)

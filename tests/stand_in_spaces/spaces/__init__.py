"""A stand-in for the package that a ZeroGPU Space brings along: what is decorated runs in a fork of this process.

As there, arguments and answers go through pickles, one fork serves call after call, and who is refused gets a `gr.Error` in words
of its own.  The GPU is the CPU by another name.  Folder SPACES_STAND_IN: the file `calls` has a line for each call, the seconds
that it asked for; if there is a file `refuse`, none is lent; if there is `abort`, the fork is killed after its first answer;
if there is `eager` at the start, all work asks that may.
"""

import json
import multiprocessing
import os
import sys
from functools import wraps
from pathlib import Path

FOLDER = Path(os.environ["SPACES_STAND_IN"])
context = multiprocessing.get_context("fork")


def GPU(task=None, *, duration=None):
    if task is None:
        return lambda work: GPU(work, duration=duration)
    sys.modules[task.__module__].LENT = "cpu:0"
    if (FOLDER / "eager").exists():
        sys.modules[task.__module__].START = -100.0
    worker = {}

    @wraps(task)
    def handler(*given):
        import gradio

        with (FOLDER / "calls").open("a") as calls:
            calls.write(json.dumps(duration(*given)) + "\n")
        if (FOLDER / "refuse").exists():
            raise gradio.Error("You have exceeded your GPU quota", title="ZeroGPU quota exceeded", print_exception=False)
        if not worker or not worker["process"].is_alive():
            ours, theirs = context.Pipe()
            worker.update(pipe=ours, process=context.Process(target=serve, args=(theirs, ours, task), daemon=True))
            worker["process"].start()
            theirs.close()
        worker["pipe"].send(given)
        while True:
            try:
                kind, value = worker["pipe"].recv()
            except EOFError:
                raise gradio.Error("GPU task aborted", print_exception=False) from None
            if kind == "end":
                return
            if kind == "error":
                raise gradio.Error(value, print_exception=False)
            try:
                yield value
            except GeneratorExit:
                worker["process"].kill()
                worker["process"].join()
                raise

    return handler


wraps_events = True


def disable_gradio_auto_wrap():
    global wraps_events
    wraps_events = False


def gradio_auto_wrap(work):
    """What Gradio asks about each event."""
    assert not wraps_events
    return work


def serve(pipe, ours, task):
    ours.close()
    from imgen import device

    name = device.name
    device.name = lambda where: "Lent GPU" if where == "cpu:0" else name(where)
    while True:
        try:
            given = pipe.recv()
        except EOFError:
            return
        try:
            for answer in task(*given):
                pipe.send(("answer", answer))
                if (FOLDER / "abort").exists():
                    os._exit(1)
        except Exception as error:
            pipe.send(("error", type(error).__name__))
        else:
            pipe.send(("end", None))

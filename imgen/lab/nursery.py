"""Where children come from: a process that has torch imported already, so that a training begins when it is asked for.

Importing torch takes one to three seconds and 0.3 GB; a fork of a process that has done it, a hundredth of a second and 35 MB.
The page itself is never forked: it has threads, and much memory.  Where there is no safe fork (Windows, macOS) one process is
kept waiting instead, and becomes the next training.
"""

import gc
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent.parent
FORKS = sys.platform == "linux"
WARMED = ("gan", "vae", "cnn")  # whose first look is had before
SPARE_AFTER = 5.0  # seconds after which the next one is begun, where there are no forks: the first looks come first
IDLE = 900.0  # seconds without a training after which the memory is given back


@dataclass
class Child:
    """asked: what we write; answers: what we read.  Both closed, it ends."""

    asked: IO[bytes]
    answers: IO[bytes]
    process: "subprocess.Popen | None" = None

    def end(self) -> None:
        """At once: its thread that listens finds nobody there."""
        with suppress(OSError):
            self.asked.close()
        if self.process:
            self.process.kill()
            self.process.wait()


class Nursery:
    """One for a page; nothing runs before `warm`."""

    def __init__(self):
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._control: socket.socket | None = None
        self._idle: threading.Timer | None = None
        self._next: threading.Timer | None = None

    def warm(self) -> None:
        """Have one ready soon; returns at once."""
        with self._lock:
            self._start()
            self._stay()

    def child(self) -> Child:
        """A new one, which waits for what it is to learn."""
        with self._lock:
            self._start()
            self._stay()
            if not FORKS:
                process, self._process = self._process, None
                assert process and process.stdin and process.stdout
                self._next = threading.Timer(SPARE_AFTER, self.warm)
                self._next.daemon = True
                self._next.start()
                return Child(process.stdin, process.stdout, process)
            (theirs_in, asked), (answers, theirs_out) = os.pipe(), os.pipe()
            try:
                self._give([theirs_in, theirs_out])
            except OSError:  # it has died meanwhile
                self._process = None
                self._start()
                self._give([theirs_in, theirs_out])
            finally:
                os.close(theirs_in)
                os.close(theirs_out)
            return Child(os.fdopen(asked, "wb"), os.fdopen(answers, "rb"))

    def _give(self, pipes: list[int]) -> None:
        assert self._control
        socket.send_fds(self._control, [b"!"], pipes)

    def close(self) -> None:
        """No more waiting; what learns, learns on."""
        with self._lock:
            for timer in (self._idle, self._next):
                if timer:
                    timer.cancel()
            if self._control:
                self._control.close()
                self._control = None
            if self._process:
                if not FORKS:
                    self._process.kill()
                with self._process:  # waits, and closes its pipes
                    self._process = None

    def _start(self) -> None:
        if self._process and self._process.poll() is None:
            return
        command = [sys.executable, "-m", "imgen.lab"]
        if FORKS:
            if self._control:
                self._control.close()
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            with theirs:
                self._process = subprocess.Popen([*command, "--fork"], stdin=theirs.fileno(), stdout=subprocess.DEVNULL, cwd=ROOT)
        else:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)

    def _stay(self) -> None:
        if self._idle:
            self._idle.cancel()
        self._idle = threading.Timer(IDLE, self.close)
        self._idle.daemon = True
        self._idle.start()


nursery = Nursery()


def warm_here() -> None:
    """All that every training imports, and a first look.  No step is taken: torch's engine of gradients must have no threads when
    this process is forked.
    """
    import torch

    torch.set_num_threads(1)
    from imgen.lab import child, kept  # noqa: F401
    from imgen.lab.run import Teaching
    from imgen.lab.setups import STARTS
    from imgen.training.steps import adam

    adam(torch.nn.Linear(1, 1), (0.5, 0.9))  # the first optimizer imports a third of torch
    for method in WARMED:
        Teaching(STARTS[method]).moment()
    gc.collect()
    gc.freeze()  # a collection in the child would touch, and so copy, every page


def fork_for_each(control: int) -> None:
    """Wait for pairs of pipes, and give each to a child of this process; until the other side has gone."""
    import signal

    from imgen.lab.child import serve

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the page, which then closes the pipes
    with socket.socket(fileno=os.dup(control)) as door:
        while True:
            message, pipes, _, _ = socket.recv_fds(door, 1, 2)
            if not message:
                return
            if os.fork() == 0:
                break
            for pipe in pipes:
                os.close(pipe)
    try:
        os.close(control)
        with os.fdopen(pipes[0], "rb") as asked, os.fdopen(pipes[1], "wb") as answers:
            serve(asked, answers)
            answers.flush()
    finally:
        os._exit(0)

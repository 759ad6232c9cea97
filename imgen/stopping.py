"""How long work learns that nobody waits for it any more."""

from collections.abc import Callable
from contextvars import ContextVar

stopping: ContextVar[Callable[[], None] | None] = ContextVar("stopping", default=None)  # asked often; may raise Stopped


class Stopped(BaseException):
    """Nobody waits for the result any more.  Not an Exception: whoever words errors has nothing to say to nobody."""


def go_on() -> None:
    """Raises Stopped if whoever asked for the work has gone."""
    check = stopping.get()
    if check is not None:
        check()

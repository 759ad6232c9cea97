"""What most events of the page are told alike; typed, so that a checker reads what `**` unpacks."""

from typing import Literal, TypedDict


class Private(TypedDict):
    api_visibility: Literal["private"]
    show_progress: Literal["hidden"]


class AtOnce(Private):
    queue: bool


class Work(TypedDict):
    concurrency_limit: None


class Latest(Work, Private):
    trigger_mode: Literal["always_last"]


PRIVATE: Private = {"api_visibility": "private", "show_progress": "hidden"}
AT_ONCE: AtOnce = {**PRIVATE, "queue": False}
WORK: Work = {"concurrency_limit": None}  # how much runs at a time is for `turns` to say, who knows the visitors
LATEST: Latest = {**WORK, **PRIVATE, "trigger_mode": "always_last"}  # of several clicks while it runs only the last is heard

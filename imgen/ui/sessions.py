"""What the server remembers of a browser's session: next to nothing.

Gradio copies the description of the whole page for each session, which takes 80 ms of the event loop and 0.7 MB, and does so
for every call of a program, too.  The copy serves State components, `gr.render` and deep links, of which this page has none.
"""

from collections import OrderedDict
from copy import copy
from typing import Any

from gradio.state_holder import SessionState, StateHolder

MOST = 1000  # sessions remembered
LONGEST = 64  # letters of a session's name: a browser's has eleven


class Session(SessionState):
    def __init__(self, blocks):
        self.blocks_config = copy(blocks.default_config)
        self.config_values, self.state_data, self._state_ttl = {}, {}, {}
        self.is_closed = False

    def __setitem__(self, key: int, value: Any) -> None:
        self.blocks_config.blocks[key] = value

    def _update_config(self, key: int) -> None:
        pass

    def _update_value_in_config(self, key: int, value: object) -> None:
        pass


class Sessions(StateHolder):
    """Of a served page.  The oldest is forgotten when there are too many."""

    def __init__(self, blocks):
        super().__init__()
        self.set_blocks(blocks)
        self.capacity = MOST

    def __getitem__(self, session: str) -> SessionState:
        if session not in self.session_data:
            if len(session) > LONGEST:
                raise ValueError("no browser names its session so")
            self.session_data[session] = Session(self.blocks)
        return super().__getitem__(session)


class Messages(OrderedDict):
    """session -> what it has not fetched yet.  Beyond so many those go first whose events have ended."""

    def __init__(self, queue):
        super().__init__()
        self.queue = queue

    def __setitem__(self, session: str, messages: object) -> None:
        super().__setitem__(session, messages)
        if len(self) > 2 * MOST:
            alive = {event.session_hash for event in self.queue.event_ids_to_events.values()}
            for old in [old for old in self if old not in alive and old != session][: len(self) - MOST]:
                del self[old]


def forget_finished(queue) -> None:
    """Gradio keeps the name of every session for good; those of which nothing is waited for may go."""
    pending = queue.pending_event_ids_session
    if len(pending) > 2 * MOST:
        for session in [session for session, events in pending.items() if not events]:
            del pending[session]

"""The other side of a job: a process that learns, and does nothing else.

It is asked over a pipe, answers over another, and ends when whoever asked has gone.
"""

import os
import queue
import threading
from base64 import b64encode
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from imgen.controls import UserError
from imgen.image import encode
from imgen.lab.own import Own
from imgen.lab.pipe import put, take, take_json

if TYPE_CHECKING:
    from imgen.lab.run import Teaching


SAVED_EVERY = 5.0  # seconds of learning


def serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """One training, from the frame that describes it to the net that it made."""
    wanted = take_json(asked)
    if wanted is None:
        return
    own = None
    if wanted["own"]:
        said = wanted["own"]
        pictures = np.frombuffer(take(asked) or b"", np.uint8).reshape(said["shape"])
        own = Own(pictures, np.array(said["labels"]), tuple(said["classes"]))
    orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(asked, orders), daemon=True).start()
    try:
        teach(wanted["setup"], own, orders, answers)
    except UserError as error:
        put(answers, {"error": error.key, "facts": error.facts})
    except (BrokenPipeError, ConnectionError):
        pass


def listen(asked: IO[bytes], orders: "queue.SimpleQueue[dict[str, Any]]") -> None:
    """Nobody asks any more: then the work is for nobody."""
    while (order := take_json(asked)) is not None:
        orders.put(order)
    os._exit(0)


def teach(written: dict[str, Any], own: Own | None, orders: "queue.SimpleQueue", answers: IO[bytes]) -> None:
    import torch

    from imgen.lab.kept import packed
    from imgen.lab.run import Teaching
    from imgen.lab.setups import Setup

    torch.set_num_threads(1)
    teaching = Teaching(Setup.read(written), own)

    def steer() -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not orders.empty():
            order = orders.get()
            if "look" in order:
                put(answers, {"looked": order["number"], **answered(teaching, order["look"])})
            elif "net" in order:
                put(answers, {"net": order["number"]}, packed(teaching))
            else:
                found |= order | {"step": found.get("step", 0) + order.get("step", 0)}
        return found

    given = teaching.looking.shown(0)
    shown, saved = given and b64encode(encode(given)).decode(), 0.0  # for those who look inside when it has ended
    for moment in teaching.moments(steer):
        put(answers, {"moment": moment})
        if moment["seconds"] - saved > SAVED_EVERY:  # whoever is killed loses no more
            saved = moment["seconds"]
            put(answers, {"net": 0, "shown": shown}, packed(teaching))
    put(answers, {"net": 0, "shown": shown}, packed(teaching), {"end": True})


def answered(teaching: "Teaching", question: dict[str, Any]) -> dict[str, Any]:
    """Whatever is asked: a question of somebody who watches must not end the training."""
    try:
        return {"answer": teaching.looking.answer(question)}
    except UserError as error:
        return {"error": error.key, "facts": error.facts}
    except Exception:
        return {"error": "call_unreadable", "facts": {}}

"""Torch and the opening cards are loaded in the background once the page answers, so that a first click is quick; where other
machines do the work, it is their affair.

One small picture is enlarged, too: by the time which that takes the page knows how fast this machine is.
"""

import logging
import threading

import numpy as np

from imgen import cards, watching
from imgen.cards import Card
from imgen.catalog import CARDS, TASKS
from imgen.image import Picture
from imgen.ui.cost import learn

SIDE = 192  # pixels of the picture


def warm_up() -> threading.Thread:
    thread = threading.Thread(target=_work, name="warm up", daemon=True)
    thread.start()
    return thread


def _work() -> None:
    watching.hidden.set(True)  # of this thread: what it does is nobody's wish
    for task in TASKS:
        card = next(card for card in CARDS if card.task == task)
        if not card.ready:
            continue
        try:
            if cards.elsewhere is None:
                card.load()
            if task == "upscale":
                measure(card)
        except Exception:  # whoever clicks will be told; the others need not wait
            logging.getLogger("imgen").warning("could not warm up %s", card.name, exc_info=True)


def measure(card: Card) -> None:
    """How fast the machine is, at the second time: the first finds nothing in its place."""
    picture = Picture(np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8))
    for time in (1, 2):
        if (origin := card(picture).origin) and time == 2:
            learn(card, SIDE**2, origin)

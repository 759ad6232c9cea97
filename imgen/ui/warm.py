"""Torch and the opening cards are loaded in the background once the page answers, so that a first click is quick."""

import logging
import threading

from imgen.catalog import CARDS, TASKS


def warm_up() -> threading.Thread:
    thread = threading.Thread(target=_work, name="warm up", daemon=True)
    thread.start()
    return thread


def _work() -> None:
    for task in TASKS:
        card = next(card for card in CARDS if card.task == task)
        if not card.ready:
            continue
        try:
            card.load()
        except Exception:  # whoever clicks will be told; the others need not wait
            logging.getLogger("imgen").warning("could not warm up %s", card.name, exc_info=True)

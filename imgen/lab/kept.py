"""What a training made, as a file: safetensors whose header says what net it is, one of those that the lab knows."""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imgen.lab.run import Teaching


def packed(teaching: "Teaching") -> bytes:
    """In half precision, as all weights here."""
    from safetensors.torch import save

    from imgen import __version__
    from imgen.training.weights import stored

    course = teaching.course
    said: dict[str, Any] = {
        "net": course.net.where, "settings": dict(course.net.settings), "setup": teaching.setup.written(), "steps": teaching.kept,
        "steered": teaching.steered, "scores": teaching.scores, "classes": list(course.classes), "imgen": __version__,
    }
    return save({name: stored(value) for name, value in course.result().items()}, {"imgen": json.dumps(said)})

"""What a training made, as a file: safetensors whose header says what net it is, one of those that the lab knows.

From such a file, or its bytes, comes a card that runs like any other.  Nothing of it is believed: the net is built by our own
code from a few small numbers, and takes only tensors that fit.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgen.cards import Card
from imgen.controls import UserError
from imgen.facts import Facts
from imgen.lab.setups import Setup
from imgen.loader import Complete, Net

if TYPE_CHECKING:
    from torch import Tensor, nn

    from imgen.lab.courses import Course
    from imgen.lab.run import Teaching

LARGEST = 32 << 20  # bytes of a file, of which all the lab's nets are far
HEADER = 1 << 20  # and of its header
NAMED = 40  # letters of a class, and CLASSES of them
CLASSES = 64
FIELD = "imgen"  # of the header's own words

KNOWN: dict[str, dict[str, tuple[int, int]]] = {  # nets that the lab makes, and what the numbers may be that they are built by
    "mlp_gan:Generator": {"classes": (1, 10), "latent": (1, 64), "widths": (4, 512), "norm": (0, 1)},
    "dcgan:Generator": {"classes": (10, 10), "latent": (64, 64), "side": (28, 28), "channels": (1, 1)},
    "vae:VAE": {"classes": (1, 1), "latent": (1, 64), "hidden": (8, 512)},
    "conv_vae:ConvAE": {
        "classes": (1, 1), "latent": (1, 64), "width": (4, 64), "side": (28, 28), "channels": (1, 1), "kernel": (2, 6),
    },
    "cnn:CNN": {
        "classes": (2, CLASSES), "channels": (1, 1), "side": (28, 28), "maps": (2, 64), "kernel": (3, 3), "padding": (1, 1),
        "dense": (8, 128),
    },
    "espcn:ESPCN": {"scale": (2, 4)},
    "dncnn:DnCNN": {"depth": (3, 8), "width": (8, 48)},
}


class Kept(Complete):
    """A net with its weights; each `build` is a new one, so that whoever moves or hooks it is alone."""

    learned = True
    tensors: "Mapping[str, Tensor]"
    plan: Net

    def __init__(self, plan: Net, tensors: "Mapping[str, Tensor]", sha256: str):
        super().__init__(plan.where, **plan.settings, sha256=sha256)
        object.__setattr__(self, "plan", plan)
        object.__setattr__(self, "tensors", tensors)

    def build(self) -> "nn.Module":
        net = self.plan.build()
        net.load_state_dict({name: t.float() if t.is_floating_point() else t for name, t in self.tensors.items()}, strict=True)
        return net


def packed(teaching: "Teaching") -> bytes:
    """In half precision, as all weights here."""
    from safetensors.torch import save

    from imgen import __version__
    from imgen.training.weights import stored

    course = teaching.course
    said: dict[str, Any] = {
        "net": course.net.where, "settings": dict(course.net.settings), "classes": list(course.classes),
        "setup": teaching.setup.written(), "steps": teaching.kept, "steered": teaching.steered, "scores": teaching.scores,
        "version": __version__,
    }
    return save({name: stored(value) for name, value in course.result().items()}, {FIELD: json.dumps(said)})


def card_of(source: Path | bytes, name: str = "") -> Card:
    """A file of the lab, or its bytes, as a card called `name`, else by the file.

    Raises UserError: checkpoint_missing, kept_unknown (not ours, or of a net that the lab does not make), weights_do_not_fit.
    """
    name = name or (Path(source).stem if isinstance(source, Path) else "own")
    data = source if isinstance(source, bytes) else _read(source)
    said = facts_of(data, name)
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(data)
    except (SafetensorError, ValueError, RuntimeError):
        raise UserError("kept_unknown", name=name) from None
    return card_for(_plan(said, name), tensors, _classes(said), name, hashlib.sha256(data).hexdigest())


def card_of_course(course: "Course") -> Card:
    """What it has learned by now."""
    tensors = {name: value.detach().clone() for name, value in course.average().state_dict().items()}
    return card_for(course.net, tensors, course.classes, "own", f"{id(course)}")


def card_for(plan: Net, tensors: "Mapping[str, Tensor]", classes: tuple[str, ...], name: str, sha256: str) -> Card:
    """Task, pipeline, paper and lesson are those of the catalogue's card with such a net.

    Raises UserError: weights_do_not_fit, kept_unknown (names of classes that the net does not have).
    """
    from imgen.catalog import CARDS

    like = next(card for card in CARDS if card.net and card.net.where == plan.where)
    net = Kept(plan, tensors, sha256)
    try:
        known = getattr(net.build(), "classes", 0)
    except (RuntimeError, ValueError, TypeError):
        raise UserError("weights_do_not_fit", card=name) from None
    if len(classes) > known or (like.abilities.classifies and len(classes) != known):
        raise UserError("kept_unknown", name=name)
    count = sum(t.numel() for t in tensors.values() if t.is_floating_point())
    facts = Facts(parameters=count, classes=classes, scale=plan.settings.get("scale"))  # pyright: ignore[reportArgumentType]
    alone = {"source": None, "judge": None, "family": "", "file": "", "auxiliary": {}, "young": False}
    return replace(like, name=name, net=net, own_facts=facts, **alone)


def facts_of(data: bytes, name: str = "own") -> dict[str, Any]:
    """What the header says of itself, unchecked: net, settings, classes, setup, steps, scores.  UserError kept_unknown."""
    wrong = partial(UserError, "kept_unknown", name=name)
    length = int.from_bytes(data[:8], "little")
    if len(data) > LARGEST or not 0 < length <= min(HEADER, len(data) - 8):
        raise wrong()
    try:
        said = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][FIELD])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise wrong() from None
    if not isinstance(said, dict):
        raise wrong()
    return said


def is_ours(file: Path) -> bool:
    """Whether the lab wrote it."""
    try:
        return bool(facts_of(_read(file)))
    except UserError:
        return False


def setup_of(data: bytes) -> Setup:
    """By which it was trained.  UserError."""
    setup = facts_of(data).get("setup")
    return Setup.read(setup if isinstance(setup, dict) else {})


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise UserError("kept_unknown", name=path.name)
        return path.read_bytes()
    except OSError:
        raise UserError("checkpoint_missing", name=path.name) from None


def _plan(said: Mapping[str, Any], name: str) -> Net:
    where, settings = said.get("net"), said.get("settings")
    known = KNOWN.get(where) if isinstance(where, str) else None
    if known is None or not isinstance(settings, dict) or settings.keys() - known.keys():
        raise UserError("kept_unknown", name=name)
    checked: dict[str, Any] = {}
    for key, value in settings.items():
        low, high = known[key]
        numbers = value if isinstance(value, list) else [value]
        if not numbers or len(numbers) > 3 or not all(isinstance(one, int) and low <= one <= high for one in numbers):
            raise UserError("kept_unknown", name=name)
        checked[key] = tuple(numbers) if isinstance(value, list) else value
    return Net(str(where), **checked)


def _classes(said: Mapping[str, Any]) -> tuple[str, ...]:
    """As knobs and captions show them: short, printable."""
    given = said.get("classes")
    names = given[:CLASSES] if isinstance(given, list) else []
    return tuple("".join(one for one in str(each) if one.isprintable())[:NAMED] for each in names)

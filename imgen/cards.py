"""A card: nets, their weights and facts, and the pipeline that uses them.  `run` is what every face calls."""

import importlib
import inspect
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imgen import __version__, device, hub
from imgen.controls import Knob, Reference, UserError, checked, knobs_of
from imgen.image import Frame, Picture, decode, decode_film
from imgen.pipelines.judge import opinion

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS = Path(__file__).parent.parent / "weights"
stopping: ContextVar[Callable[[], None] | None] = ContextVar("stopping", default=None)  # asked at every frame; may raise Stopped
KEEP = 64 << 20  # bytes of nets kept loaded: those that the page opens with, many more, and a large one from the Hub


class Stopped(BaseException):
    """Nobody waits for the result any more.  Not an Exception: whoever words errors has nothing to say to nobody."""


@dataclass(frozen=True)
class Net:
    """How to build a net when it is needed: Net("espcn:ESPCN", scale=3)."""

    where: str
    settings: dict[str, object]

    def __init__(self, where: str, **settings: object):
        object.__setattr__(self, "where", where)
        object.__setattr__(self, "settings", settings)

    def build(self) -> "nn.Module":
        module, name = self.where.split(":")
        return getattr(importlib.import_module(f"imgen.models.{module}"), name)(**self.settings)


class Complete(Net):
    """A net that is to run as it is built, with whatever weights it brings along."""


@dataclass(frozen=True)
class Paper:
    title: str
    authors: str
    year: int
    arxiv: str = ""  # its number, if it is there

    @property
    def url(self) -> str:
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else ""


@dataclass(frozen=True, eq=False)
class Card:
    """One model of the app.  What is measured or learned from data is in `weights/<name>.json`, read as `facts`."""

    name: str
    task: str
    net: Net | None  # None: a rule, with nothing to learn
    pipeline: Callable[..., Iterator[Frame]]
    paper: Paper
    license: str  # SPDX of the weights
    lesson: str  # cards of one family share a lesson
    source: hub.WeightFile | None = None  # of a third party's weights
    convert: str = ""  # function of the model file that renames a third party's tensors
    exact: bool = False  # float32 even where bfloat16 is faster
    judge: Net | None = None  # of a GAN: the discriminator that it was trained against
    file: str = ""  # of the weights and facts, if several cards share them; else the card's own name
    beside: "Mapping[str, Card]" = field(default_factory=dict)  # role -> a card whose net the pipeline is given too
    instead: "Card | None" = None  # whose net is taken if the knob `network` names it and it can be had
    slow: bool = False  # its runs take long whatever the picture, as those that optimise: they wait in a queue of their own

    @property
    def stem(self) -> str:
        return self.file or self.name

    @cached_property
    def facts(self) -> dict[str, object]:
        """The stored json: parameters, sha256, class or style names, training, scores; empty for cards without weights."""
        try:
            return json.loads((WEIGHTS / f"{self.stem}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    @property
    def told(self) -> dict[str, object]:
        """What knobs may hang on: the facts, and how the net is built."""
        return {**(self.net.settings if self.net else {}), **self.facts}

    @property
    def knobs(self) -> dict[str, Knob]:
        return knobs_of(self.pipeline, self.told)

    @property
    def pictures(self) -> int:
        """How many pictures the pipeline takes."""
        kinds = [p.kind for p in inspect.signature(self.pipeline).parameters.values()]
        return kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD) - 1

    @property
    def weights(self) -> hub.WeightFile | None:
        """Where the weights come from; None if there are none to load."""
        if self.source or "sha256" not in self.facts:
            return self.source
        size = self.facts["bytes"]
        return hub.WeightFile(hub.project_repository, f"{self.stem}.safetensors", "main", self.facts["sha256"], size)

    @property
    def judged_by(self) -> "Card | None":
        """A GAN's discriminator as a card of its own, `<name>_judge`, with the facts under "judge"; None if there is none."""
        if self.judge is None or "judge" not in self.facts:
            return None
        judge = replace(self, name=f"{self.name}_judge", net=self.judge, pipeline=opinion, exact=True, judge=None)
        judge.__dict__["facts"] = self.facts["judge"]
        return judge

    @property
    def ready(self) -> bool:
        """Whether a run needs no download."""
        try:
            return self.weights is None or self.name in _loaded or hub.find(self.weights) is not None
        except UserError:  # a damaged file: a download will replace it
            return False

    def run(self, *pictures: Picture, **knobs: object) -> Iterator[Frame]:
        """`do` what the card is for."""
        if self.pictures and not pictures:
            raise UserError("picture_first")
        if len(pictures) != self.pictures:
            raise UserError("pictures_needed", needed=self.pictures, came=len(pictures))
        yield from self.do(self.pipeline, *pictures, **knobs)

    def do(self, pipeline: Callable[..., Iterator[Frame]], *pictures: Picture, **knobs: object) -> Iterator[Frame]:
        """Check the knobs, load the nets (downloading if need be), work.  The last Frame is the result, with how it was made.

        Closing the generator stops the work.  Raises UserError.
        """
        offered = knobs_of(pipeline, self.told)
        values = opened(offered, checked(offered, knobs))
        net, told = yield from self.gather(values)
        made = {"card": self.name, "knobs": recorded(values), **_how(net), "version": __version__, **told}
        began, frame = time.perf_counter(), None
        frames = pipeline(net, *pictures, **values)
        for frame in frames if net is None else _without_gradients(frames):
            go_on()
            results = [replace(one, record={**one.record, **made, "number": n}) for n, one in enumerate(frame.pictures)]
            if frame.done < frame.total:
                yield replace(frame, pictures=results)  # whoever stops may keep them
        facts = {"seconds": round(time.perf_counter() - began, 4), "device": device.name("cpu" if net is None else device.best())}
        device.make_room()  # for the files that are written next
        yield replace(frame, done=frame.total, pictures=results, facts={**frame.facts, **facts, **made})

    def __call__(self, *pictures: Picture, **knobs: object) -> Frame:
        """`run` to its end."""
        *_, last = self.run(*pictures, **knobs)
        return last

    def gather(self, values: Mapping[str, object]) -> Iterator[Frame]:
        """Yields the progress of downloads; returns the net, or all of them by their roles, and what there is to say of it."""
        told = {}
        if self.instead and values.get("network") == self.instead.name:
            try:
                net = yield from self.instead.prepare()
            except UserError as error:  # without it, the own one does
                net, told = (yield from self.prepare()), {"fallback": error.key}
        else:
            net = yield from self.prepare()
        others = {}
        for role, card in self.beside.items():
            others[role] = yield from card.prepare()
        return (roles(net, others) if others else net), told

    def prepare(self) -> Iterator[Frame]:
        """Yields the progress of a download, if one is needed; returns the net, ready to run."""
        path = None
        if self.weights is not None and self.name not in _loaded:
            fetching = hub.fetch(self.weights)
            while path is None:
                go_on()
                try:
                    done, total = next(fetching)
                except StopIteration as end:
                    path = end.value
                else:
                    yield Frame(done, total, stage="download")
        return load(self, path)


def go_on() -> None:
    """Raises Stopped if whoever asked for the work has gone."""
    check = stopping.get()
    if check is not None:
        check()


_loaded: "OrderedDict[str, nn.Module]" = OrderedDict()
_lock = threading.Lock()


def load(card: Card, path: Path | None = None) -> "nn.Module | None":
    """The card's net with its weights, on the fastest device, kept for the next time.  Raises UserError if they do not fit."""
    if card.net is None:
        return None
    with _lock:
        if card.name not in _loaded:
            _loaded[card.name] = _fresh(card, path)
            while len(_loaded) > 1 and sum(map(device.size, _loaded.values())) > KEEP:
                _loaded.popitem(last=False)  # whoever works with it holds it, until he is done
        _loaded.move_to_end(card.name)
        return _loaded[card.name]


def _fresh(card: Card, path: Path | None) -> "nn.Module":
    import torch

    net = card.net.build()
    path = path or (hub.find(card.weights) if card.weights else None)
    if card.weights:
        if path is None:
            raise UserError("weights_missing", card=card.name)
        state = read_weights(path)
        try:
            if card.convert:
                state = getattr(importlib.import_module(f"imgen.models.{card.net.where.split(':')[0]}"), card.convert)(state)
            net.load_state_dict(state, strict=True)
        except (KeyError, RuntimeError):
            raise UserError("weights_do_not_fit", card=card.name) from None
    elif next(net.parameters(), None) is not None and not isinstance(card.net, Complete):  # what would it draw but noise
        raise UserError("weights_missing", card=card.name)
    here = device.best()
    return device.place(net, here, torch.float32 if card.exact else device.fast_dtype(here))


def read_weights(path: Path) -> "dict[str, Tensor]":
    """The tensors of a file, stored in half precision or not, as float32 (counters as they are).

    A .safetensors file, or a third party's .pt, in which a dictionary's tensors are named "<its name>.<their name>".
    """
    from safetensors.torch import load_file

    try:
        tensors = unpickled(path) if path.suffix == ".pt" else load_file(path)
        return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}
    except Exception:  # rubbish can be wrong in any way
        raise UserError("weights_altered", file=path.name) from None


def unpickled(path: Path) -> "dict[str, Tensor]":
    """weights_only: torch's own reader, which builds tensors, numbers and containers and refuses all else; it runs nothing."""
    import torch

    parts = torch.load(path, map_location="cpu", weights_only=True)
    return {f"{part}.{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}


def roles(net: "nn.Module", others: "Mapping[str, nn.Module]") -> "nn.ModuleDict":
    """What the pipeline of a card with others beside it is given: its own net as "own", theirs by their roles."""
    from torch import nn

    return nn.ModuleDict({"own": net, **others})


def opened(knobs: Mapping[str, Knob], values: Mapping[str, object]) -> dict[str, object]:
    """Values of knobs with their pictures read from files.  Raises UserError."""
    return {
        name: _read(knobs[name].control, value) if isinstance(value, tuple) else value for name, value in values.items()
    }


def _read(control: Reference, files: tuple[object, ...]) -> tuple[Picture, ...]:
    pictures: list[Picture] = []
    for one in files:
        if isinstance(one, Picture):
            pictures.append(one)
        else:
            pictures += decode_film(one, control.most) if control.film else [decode(one)]
    return tuple(pictures[: control.most])


def recorded(values: Mapping[str, object]) -> dict[str, object]:
    """Knobs as they are written down: of a picture what it is known by."""
    return {name: [one.digest for one in value] if isinstance(value, tuple) else value for name, value in values.items()}


def _without_gradients(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Inference mode while the pipeline works, not while its consumer does: it belongs to the thread, not to the generator."""
    import torch

    try:
        while True:
            with torch.inference_mode():
                frame = next(frames, None)
            if frame is None:
                return
            yield frame
    finally:
        frames.close()


def _how(net: "nn.Module | None") -> dict[str, str]:
    """Precision, for the record of a result."""
    weight = None if net is None else next(net.parameters(), None)
    return {"precision": "float32" if weight is None else str(weight.dtype).removeprefix("torch.")}

"""A card: nets, their weights and facts, and the pipeline that uses them.  `run` is what every face calls."""

import inspect
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgen import __version__, device, hub, watching
from imgen.controls import Abilities, Knob, Reference, UserError, Value, abilities_of, checked, knobs_of
from imgen.facts import Facts, read_facts
from imgen.image import Frame, Frames, Origin, Picture, decode, decode_film
from imgen.loader import Complete, Loadable, Net, loader
from imgen.pipelines.judge import opinion
from imgen.stopping import go_on

if TYPE_CHECKING:
    import torch
    from torch import nn

WEIGHTS = hub.bundled
# Whoever else may do a piece of work, with its values checked: yields its frames, and returns whether it did.
elsewhere: "Callable[[Card, Callable[..., Iterator[Frame]], tuple[Picture, ...], Mapping[str, Value]], Elsewhere] | None" = None
Elsewhere = Generator[Frame, None, bool]


def stored(name: str) -> Path:
    """The file of a card's facts or figures: the bundled one, else that of the snapshot; it may not be there."""
    path = WEIGHTS / name
    return path if hub.snapshot is None or path.exists() else hub.snapshot / name


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
    kind: str = "convolution"  # of a network: the idea that it stands for, one of the catalog's IDEAS
    family: str = ""  # of nets that differ by the size they are made for: the page shows one of them, and sizes to choose from
    young: bool = False  # it is still learning, and says so
    source: hub.WeightFile | None = None  # of a third party's weights
    convert: str = ""  # function of the model file that renames a third party's tensors
    float32_only: bool = False  # even where bfloat16 is faster
    judge: Net | None = None  # of a GAN: the discriminator that it was trained against
    file: str = ""  # of the weights and facts, if several cards share them; else the card's own name
    auxiliary: "Mapping[str, Card]" = field(default_factory=dict)  # role -> a card whose net the pipeline is given too
    alternative: "Card | None" = None  # whose net is taken if the knob `network` names it and it can be had
    own_facts: Facts | None = None  # None: those in `weights/<stem>.json`

    @property
    def idea(self) -> str:
        """Under which it stands among all models."""
        if self.source:
            return "hub"
        if self.net is None:
            return "rule"
        return "interpolation" if isinstance(self.net, Complete) and not self.net.learned else self.kind

    @property
    def stem(self) -> str:
        return self.file or self.name

    @property
    def facts(self) -> Facts:
        """What is stored of it, as it is now; empty for cards without weights."""
        return self.own_facts or read_facts(stored(f"{self.stem}.json"))

    @property
    def settings(self) -> dict[str, object]:
        """What knobs may hang on: how the net is built, and the facts."""
        stored = {name: value for name, value in vars(self.facts).items() if value not in (None, ())}
        return {**(self.net.settings if self.net else {}), **stored}

    @property
    def knobs(self) -> dict[str, Knob]:
        return knobs_of(self.pipeline, self.settings)

    @property
    def abilities(self) -> Abilities:
        return abilities_of(self.pipeline)

    @property
    def pictures(self) -> int:
        """How many pictures the pipeline takes."""
        kinds = [p.kind for p in inspect.signature(self.pipeline).parameters.values()]
        return kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD) - 1

    @property
    def weights(self) -> hub.WeightFile | None:
        """Where the weights come from; None if there are none to load, or none are known."""
        if self.source or not self.facts.sha256:
            return self.source
        file, facts = f"{self.stem}.safetensors", self.facts
        return hub.WeightFile(hub.project_repository, file, hub.project_revision, facts.sha256, facts.bytes)

    @property
    def judged_by(self) -> "Card | None":
        """A GAN's discriminator as a card of its own, `<name>_judge`; None if there is none."""
        if self.judge is None or self.facts.judge is None:
            return None
        return replace(
            self, name=f"{self.name}_judge", net=self.judge, pipeline=opinion, float32_only=True, judge=None,
            own_facts=self.facts.judge,
        )

    @property
    def ready(self) -> bool:
        """Whether a run needs no download."""
        if self.net is None or isinstance(self.net, Complete):
            return True
        try:
            return loader.holds(self.loadable) or (self.weights is not None and hub.find(self.weights) is not None)
        except UserError:  # a damaged file: a download will replace it
            return False

    @property
    def loadable(self) -> Loadable:
        """What its net is loaded by; only of a card that has one."""
        assert self.net, self.name
        return Loadable(self.name, self.net, self.weights, self.convert, self.float32_only)

    def load(self, path: Path | None = None) -> "nn.Module | None":
        """The net, shared by all who use it.  path: of its weights, if they are not to be looked for.  Raises UserError."""
        return loader.get(self.loadable, path) if self.net else None

    def private_copy(self, dtype: "torch.dtype | None" = None) -> "nn.Module":
        """The net for whoever hooks or trains it, or wants it in another precision.  Raises UserError."""
        return loader.private_copy(self.loadable, dtype=dtype)

    def run(self, *pictures: Picture, **knobs: object) -> Frames:
        """`do` what the card is for."""
        if self.pictures and not pictures:
            raise UserError("picture_first")
        if len(pictures) != self.pictures:
            raise UserError("pictures_needed", needed=self.pictures, came=len(pictures))
        yield from self.do(self.pipeline, *pictures, **knobs)

    def do(self, pipeline: Callable[..., Iterator[Frame]], *pictures: Picture, **knobs: object) -> Frames:
        """Check the knobs, load the nets (downloading if need be), work.  The last Frame is the result, with how it was made.

        Closing the generator stops the work.  Raises UserError.
        """
        yield from watching.watched(self.name, pictures, self._do(pipeline, *pictures, **knobs))

    def _do(self, pipeline: Callable[..., Iterator[Frame]], *pictures: Picture, **knobs: object) -> Frames:
        offered = knobs_of(pipeline, self.settings)
        values = opened(offered, checked(offered, knobs))
        if elsewhere and (yield from elsewhere(self, pipeline, pictures, values)):
            return
        net, fallback = yield from self.gather(values)
        origin = Origin(self.name, recorded(values), _precision(net), __version__, fallback)
        frames, clock = pipeline(net, *pictures, **values), Clock()
        frame, results = None, []
        for frame in clock.timed(frames if net is None else _without_gradients(frames)):
            go_on()
            results = [replace(one, record={**one.record, **origin.record, "number": n}) for n, one in enumerate(frame.pictures)]
            if frame.done < frame.total:
                yield replace(frame, pictures=results)  # whoever stops may keep them
        assert frame, "a pipeline yields at least its result"
        device.make_room()  # for the files that are written next
        here = device.name("cpu" if net is None else device.best())
        origin = replace(origin, seconds=round(clock.seconds, 4), device=here)
        yield replace(frame, done=frame.total, pictures=results, origin=origin)

    def __call__(self, *pictures: Picture, **knobs: object) -> Frame:
        """`run` to its end."""
        *_, last = self.run(*pictures, **knobs)
        return last

    def gather(self, values: Mapping[str, object]) -> Generator[Frame, None, "tuple[nn.Module | None, str]"]:
        """Yields the progress of downloads; returns the net, or all of them by their roles, and the key of the error because of
        which it is not the one that was asked for.
        """
        fallback = ""
        if self.alternative and values.get("network") == self.alternative.name:
            try:
                net = yield from self.alternative.prepare()
            except UserError as error:  # without it, the own one does
                net, fallback = (yield from self.prepare()), error.key
        else:
            net = yield from self.prepare()
        others = {}
        for role, card in self.auxiliary.items():
            others[role] = yield from card.prepare()
        if others:
            assert net is not None, self.name
            net = roles(net, others)
        return net, fallback

    def prepare(self) -> Generator[Frame, None, "nn.Module | None"]:
        """Yields the progress of a download, if one is needed; returns the net, ready to run."""
        path = yield from self.fetch()
        return self.load(path)

    def fetch(self) -> Generator[Frame, None, Path | None]:
        """Yields the progress of a download; returns the file of the weights, None if it is not needed any more."""
        path = None
        if self.weights is not None and not loader.holds(self.loadable):
            fetching = hub.fetch(self.weights)
            while path is None:
                go_on()
                try:
                    done, total = next(fetching)
                except StopIteration as end:
                    path = end.value
                else:
                    yield Frame(done, total, stage="download")
        return path


class Clock:
    """Counts the seconds in which frames are made, not those in which they are used."""

    def __init__(self):
        self.seconds = 0.0

    def timed(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        began = time.perf_counter()
        for frame in frames:
            self.seconds += time.perf_counter() - began
            yield frame
            began = time.perf_counter()
        self.seconds += time.perf_counter() - began


def roles(net: "nn.Module", others: "Mapping[str, nn.Module]") -> "nn.ModuleDict":
    """What the pipeline of a card with others beside it is given: its own net as "own", theirs by their roles."""
    from torch import nn

    return nn.ModuleDict({"own": net, **others})


def opened(knobs: Mapping[str, Knob], values: Mapping[str, Value]) -> dict[str, Value]:
    """Values of knobs with their pictures read from files.  Raises UserError."""
    return {
        name: _read(control, value) if isinstance(control := knobs[name].control, Reference) else value
        for name, value in values.items()
    }


def _read(control: Reference, files: tuple[Picture | Path | str | bytes, ...]) -> tuple[Picture, ...]:
    pictures: list[Picture] = []
    for one in files:
        if isinstance(one, Picture):
            pictures.append(one)
        else:
            pictures += decode_film(one, control.most) if control.film else [decode(one)]
    return tuple(pictures[: control.most])


def recorded(values: Mapping[str, Value]) -> dict[str, object]:
    """Knobs as they are written down: of a picture what it is known by."""
    return {name: [one.digest for one in value] if isinstance(value, tuple) else value for name, value in values.items()}


def _without_gradients(frames: Iterator[Frame]) -> Frames:
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
        if isinstance(frames, Generator):
            frames.close()


def _precision(net: "nn.Module | None") -> str:
    """For the record of a result."""
    weight = None if net is None else next(net.parameters(), None)
    return "float32" if weight is None else str(weight.dtype).removeprefix("torch.")

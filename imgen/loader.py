"""Nets with their weights, loaded once and kept."""

import importlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from imgen import device, hub
from imgen.controls import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

KEEP = 64 << 20  # bytes of nets kept loaded: those that the page opens with, many more, and a large one from the Hub
Key = tuple[object, ...]


@dataclass(frozen=True)
class Net:
    """How to build a net when it is needed: Net("espcn:ESPCN", scale=3)."""

    where: str
    settings: Mapping[str, object]

    def __init__(self, where: str, **settings: object):
        object.__setattr__(self, "where", where)
        object.__setattr__(self, "settings", settings)

    @property
    def key(self) -> Key:
        return type(self), self.where, *sorted(self.settings.items())

    def build(self) -> "nn.Module":
        return getattr(self.module(), self.where.split(":")[1])(**self.settings)

    def module(self):
        return importlib.import_module(f"imgen.models.{self.where.split(':')[0]}")


class Complete(Net):
    """A net that is to run as it is built: there is nothing to learn, or it brings its weights along (`learned`)."""

    learned = False


@dataclass(frozen=True)
class Loadable:
    """All that makes a loaded net what it is."""

    name: str  # for people
    net: Net
    file: hub.WeightFile | None  # None: none are known
    convert: str = ""  # function of the net's module that renames a third party's tensors
    float32_only: bool = False  # even where bfloat16 is faster

    def dtype(self) -> "torch.dtype":
        import torch

        return torch.float32 if self.float32_only else device.fast_dtype(device.best())


@dataclass
class Loader:
    """Keeps those nets that were used last, as many as `room` bytes hold, the last in any case.

    Two that are built alike and have the same weights, by their sha256, in the same precision on the same device are one; new
    weights are another.
    """

    room: int = KEEP
    dress: "Callable[[nn.Module], None] | None" = None  # is done to each net that is kept
    _nets: "OrderedDict[Key, nn.Module]" = field(default_factory=OrderedDict)
    _given: dict[str, Path] = field(default_factory=dict)  # sha256 -> a file that is in no place where one would look
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, wanted: Loadable, path: Path | None = None) -> "nn.Module":
        """The net on the fastest device, shared by all who ask: to be looked at, not touched.

        path: of its weights, if they are not to be looked for.  Raises UserError if they are not there or do not fit.
        """
        with self._lock:
            path = None if self.holds(wanted) else self._located(wanted, path)
            key = _key(wanted, path)
            if key not in self._nets:
                self._nets[key] = _ready(wanted, path, wanted.dtype())
                if self.dress:
                    self.dress(self._nets[key])
                while len(self._nets) > 1 and self.bytes > self.room:
                    self._nets.popitem(last=False)  # whoever works with it holds it, until he is done
            self._nets.move_to_end(key)
            return self._nets[key]

    def private_copy(self, wanted: Loadable, path: Path | None = None, dtype: "torch.dtype | None" = None) -> "nn.Module":
        """One that nobody else has, for whoever hooks or trains it.  dtype None: that of `get`.  Raises UserError as `get`."""
        return _ready(wanted, self._located(wanted, path), dtype or wanted.dtype())

    def holds(self, wanted: Loadable) -> bool:
        """Whether `get` has it in memory, whatever has become of its file."""
        known = not wanted.file or wanted.file.sha256
        return bool(self._nets and known) and _key(wanted, None) in self._nets

    def adopt(self, others: "Loader") -> None:
        """Keep those of another loader for good, too.  In a process that was forked from one with threads: whoever held the lock
        there is not here to give it back.
        """
        self._lock = threading.Lock()
        self._nets = OrderedDict({**others._nets, **self._nets})
        self.room = max(self.room, KEEP + sum(map(device.size, others._nets.values())))

    def forget(self) -> None:
        """Load everything anew."""
        with self._lock:
            self._nets.clear()
            self._given.clear()

    def _located(self, wanted: Loadable, given: Path | None) -> Path | None:
        """The file of its weights, None if it needs none; one that was given is known from then on."""
        if isinstance(wanted.net, Complete):
            return None
        sha256 = wanted.file.sha256 if wanted.file else None
        if given and sha256:
            self._given[sha256] = given
        path = given or self._given.get(sha256 or "") or (hub.find(wanted.file) if wanted.file else None)
        if path is None:  # without weights it would draw but noise
            raise UserError("weights_missing", card=wanted.name)
        return path

    @property
    def bytes(self) -> int:
        return sum(map(device.size, self._nets.values()))

    def __len__(self) -> int:
        return len(self._nets)


loader = Loader()


def _key(wanted: Loadable, path: Path | None) -> Key:
    weights = (wanted.file and wanted.file.sha256) or (path and hub.sha256_of(path))
    return *wanted.net.key, weights, wanted.convert, wanted.dtype(), device.best()


def _ready(wanted: Loadable, path: Path | None, dtype: "torch.dtype") -> "nn.Module":
    net = wanted.net.build()
    if path is not None:
        state = read_weights(path)
        try:
            if wanted.convert:
                state = getattr(wanted.net.module(), wanted.convert)(state)
            net.load_state_dict(state, strict=True)
        except (KeyError, RuntimeError):
            raise UserError("weights_do_not_fit", card=wanted.name) from None
    return device.place(net, device.best(), dtype)


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

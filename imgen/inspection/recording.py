"""Every operation that a network runs, in order, with what went in and what came out.

Beside modules' hooks, which know names but miss `F.relu(x)` and `x + y`, a TorchFunctionMode sees every call on a tensor,
functional and in-place ones too, at the level at which a lesson speaks of them: `group_norm`, not the ten operations within.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge
from torch.overrides import TorchFunctionMode

from imgen.inspection.kinds import function_of, kind_of

SAME = {"to", "float", "double", "contiguous", "detach", "clone", "type", "type_as"}  # the same numbers
MADE = {"new_zeros", "new_ones", "new_empty", "new_full", "new_tensor", "zeros_like", "ones_like", "empty_like", "full_like"}
LEARNED = {"conv2d", "conv_transpose2d", "linear"}  # seen even where they work on a constant, as a memory's first step does
IN_PLACE = {"__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__", "__idiv__", "__ipow__"}
EXACTLY = {"group_norm", "native_group_norm", "instance_norm", "layer_norm"}  # in float32 they lose up to four digits
Geometry = tuple[int, tuple[int, ...], tuple[int, ...]]  # where in memory: offset, shape, strides


@dataclass(frozen=True)
class Ref:
    """In the arguments of an operation: what that layer gave."""

    layer: int


@dataclass
class Layer:
    """One operation as it was run.  args, kwargs: as given, earlier layers' tensors as Refs; out: what came of it."""

    id: int
    name: str
    kind: str
    function: str
    call: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Tensor
    part: int | None = None  # of several results: its number
    edge: Any = None  # of the graph of gradients
    parameters: dict[int, int] = field(default_factory=dict)  # that it uses: id -> numbers
    seconds: float = 0.0
    geometry: Geometry = (0, (), ())
    changes: list[tuple[int, Geometry]] = field(default_factory=list)  # of memory since: layers that wrote there, last first

    @property
    def inputs(self) -> list[int]:
        """The layers that it takes from, each once, in order."""
        return list(dict.fromkeys(one.layer for one in leaves((self.args, self.kwargs)) if isinstance(one, Ref)))


def exactly(func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """In float64; the result as it would have been."""
    given = mapped((args, kwargs), lambda one: one.double() if isinstance(one, Tensor) and one.is_floating_point() else one)
    return mapped(func(*given[0], **given[1]), lambda one: one.float())


def leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, (list, tuple)):
        for one in tree:
            yield from leaves(one)
    elif isinstance(tree, dict):
        yield from leaves(list(tree.values()))
    else:
        yield tree


def mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(tree, (list, tuple)):
        made = [mapped(one, change) for one in tree]
        return made if isinstance(tree, list) else tuple(made)
    if isinstance(tree, dict):
        return {name: mapped(one, change) for name, one in tree.items()}
    return change(tree)


def own_numbers(net: nn.Module) -> dict[int, int]:
    """id -> count: parameters, and what was measured in training and is stored with them, such as batch norm's statistics."""
    stored = net.state_dict(keep_vars=True).values()
    return {id(one): one.numel() for one in stored if one.is_floating_point()}


class Recorder(TorchFunctionMode):
    """`with Recorder(net) as seen: …`; `give` it the inputs first.  Afterwards `layers`, and `bytes` of all that they gave.

    beside: bytes that are kept beside these, weights and what only the gradient needs.
    """

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net
        self.own = own_numbers(net)
        self.layers: list[Layer] = []
        self.bytes = 0
        self.beside = 4 * sum(self.own.values())
        self.known: dict[int, tuple[int, int]] = {}  # id of a tensor -> its layer, and its version then
        self.made_of: dict[int, dict[int, int]] = {}  # id of a tensor that is made of parameters alone -> these
        self.kept: list[Any] = []  # so that no id comes twice
        self.by_memory: dict[int, list[Layer]] = defaultdict(list)
        self.copied: set[int] = set()  # layers whose numbers have memory of their own
        self.writes: dict[int, list[tuple[int, int, Geometry]]] = defaultdict(list)  # memory -> version, layer, where
        self.stack: list[list[Any]] = []  # of modules that run: name, whether it has none inside, operations by now
        self.names: Counter[str] = Counter()
        self.handles = []
        self.leaf: Tensor | None = None  # of the graph of gradients: the picture

    def __enter__(self):
        for name, module in self.net.named_modules():
            def begin(module, given, name=name):
                self.stack.append([name, not any(True for _ in module.children()), 0])

            self.handles.append(module.register_forward_pre_hook(begin))
            self.handles.append(module.register_forward_hook(lambda *_: self.stack.pop() and None, always_call=True))
        return super().__enter__()

    def __exit__(self, *error: Any):
        for handle in self.handles:
            handle.remove()
        self.known, self.made_of, self.kept, self.writes = {}, {}, [], defaultdict(list)  # ids mean nothing from now on
        self.by_memory.clear()
        return super().__exit__(*error)

    def give(self, name: str, x: Tensor) -> Tensor:
        """One of the inputs, before the recording begins."""
        self.add(name, "input", name, lambda x: x, (), {}, x)
        return x

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func.__name__ in ("__get__", "__len__", "dim", "size") and not self.is_view(func):
            return func(*args, **kwargs)
        tensors = [one for one in leaves((args, kwargs)) if isinstance(one, Tensor)]
        seen = any(id(one) in self.known for one in tensors) or func.__name__ in LEARNED
        if func.__name__ in MADE or not seen:
            return self.constant(func, tensors, args, kwargs)
        return self.recorded(func, tensors, args, kwargs)

    def is_view(self, func) -> bool:
        return getattr(getattr(func, "__self__", None), "__name__", "") in ("T", "mT", "H", "mH")

    def constant(self, func, tensors: list[Tensor], args, kwargs) -> Any:
        """What depends on no input, but perhaps on parameters."""
        out = func(*args, **kwargs)
        used = self.used(tensors)
        for one in leaves(out):
            if isinstance(one, Tensor) and used and id(one) not in self.own:
                self.made_of[id(one)] = used
                self.kept.append(one)
        return out

    def used(self, tensors: list[Tensor]) -> dict[int, int]:
        used: dict[int, int] = {}
        for one in tensors:
            used |= {id(one): one.numel()} if id(one) in self.own else self.made_of.get(id(one), {})
        return used

    def recorded(self, func, tensors: list[Tensor], args, kwargs) -> Any:
        name, target = func.__name__, args[0] if args else None
        in_place = name in IN_PLACE or (name.endswith("_") and not name.endswith("__")) or kwargs.get("inplace") is True
        for one in tensors:
            self.renewed(one)
        frozen = mapped((args, kwargs), self.frozen)
        if name == "pad" and isinstance(target, Tensor):  # torch keeps it for the gradient, and it may be written to later
            args = (target.clone(), *args[1:])
        if in_place and isinstance(target, Tensor):
            if id(target) not in self.known:
                frozen = ((target.detach().clone(), *frozen[0][1:]), frozen[1])
            self.save(target)
        began = time.perf_counter()
        out = func(*args, **kwargs)
        seconds = time.perf_counter() - began
        if name in EXACTLY:
            out = exactly(func, args, kwargs)
            self.beside += 8 * out[0].numel() if isinstance(out, (list, tuple)) else 8 * out.numel()
        result = target if name == "__setitem__" else out
        if isinstance(result, Tensor) and not in_place:
            if any(result is one for one in tensors):
                return out
            source = self.known.get(id(tensors[0]))
            if name in SAME and source and result.shape == tensors[0].shape and result.is_floating_point():
                self.known[id(result)] = (source[0], result._version)
                self.kept.append(result)
                self.by_memory[memory(result)].append(self.layers[source[0]])  # it may be written to under this name
                return out
        if kwargs.get("inplace") is True and result is not target:
            in_place = False
        results = [one for one in leaves(result) if isinstance(one, Tensor)]
        kind, function = kind_of(func, args, kwargs, results), function_of(func, args)
        if kind == "norm":
            results = results[:1]  # statistics come with it
        for n, one in enumerate(results):
            part = n if isinstance(result, (list, tuple)) else None
            layer = self.add("", kind, function, func, frozen[0], frozen[1], one, part=part, seconds=seconds if n == 0 else 0.0)
            layer.parameters = self.used(tensors) if n == 0 else {}
            if in_place:
                self.writes[memory(one)].append((one._version, layer.id, layer.geometry))
        return out

    def add(self, name: str, kind: str, function: str, call, args, kwargs, out: Tensor, part=None, seconds=0.0) -> Layer:
        layer = Layer(len(self.layers), name or self.named(function), kind, function, call, args, kwargs, out.detach(), part)
        layer.seconds, layer.geometry = seconds, geometry(out)
        layer.edge = get_gradient_edge(out) if out.requires_grad else None
        self.layers.append(layer)
        self.known[id(out)] = (layer.id, out._version)
        self.kept.append(out)
        where = memory(out)
        if where not in self.by_memory:
            self.bytes += out.untyped_storage().nbytes()
        self.by_memory[where].append(layer)
        return layer

    def named(self, function: str) -> str:
        """As the module that runs calls itself; what it does besides its own one operation bears that one's name, too."""
        path, innermost, number = self.stack[-1] if self.stack else ("", False, 0)
        if self.stack:
            self.stack[-1][2] += 1
        name = path if innermost and not number and path else ".".join(filter(None, (path, function)))
        self.names[name] += 1
        return name if self.names[name] == 1 else f"{name} ({self.names[name]})"

    def frozen(self, one: Any) -> Any:
        if not isinstance(one, Tensor):
            return one
        return Ref(self.known[id(one)][0]) if id(one) in self.known else one.detach()

    def save(self, target: Tensor) -> None:
        """Before memory is written to: what layers gave that lies there."""
        for layer in self.by_memory[memory(target)]:
            if layer.id not in self.copied and layer.out.untyped_storage().data_ptr() == memory(target):
                layer.out = layer.out.clone()
                self.copied.add(layer.id)
                self.bytes += layer.out.untyped_storage().nbytes()

    def renewed(self, one: Tensor) -> None:
        """A tensor whose memory was written to under another name since it was known is a layer of its own."""
        if id(one) not in self.known or self.known[id(one)][1] == one._version:
            return
        old, version = self.known[id(one)]
        changes = [(layer, where) for at, layer, where in self.writes[memory(one)] if at > version][::-1]
        if not changes:
            self.known[id(one)] = (old, one._version)
            return
        refs = (Ref(old), *(Ref(layer) for layer, _ in changes))
        layer = self.add("", "reshape", "written", lambda x, *_: x, refs, {}, one)
        layer.changes = changes


def memory(x: Tensor) -> int:
    return x.untyped_storage().data_ptr()


def geometry(x: Tensor) -> Geometry:
    return int(x.storage_offset()), tuple(x.shape), x.stride()

"""What an operation is called, what it costs, and how far it sees."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imgen.inspection.recording import Layer

ACTIVATIONS = {
    "relu", "leaky_relu", "prelu", "silu", "gelu", "elu", "selu", "sigmoid", "tanh", "softplus", "hardtanh", "hardsigmoid",
    "hardswish", "relu6", "glu", "mish",
}
CURVES = ACTIVATIONS | {  # of one number, too
    "exp", "log", "sqrt", "rsqrt", "abs", "clamp", "clamp_min", "clamp_max", "logit", "asinh", "square", "pow", "neg",
    "reciprocal", "sin", "cos", "sinc", "log1p", "expm1", "log_sigmoid", "logsigmoid",
}
NORMS = {"batch_norm": "batch", "instance_norm": "instance", "group_norm": "group", "native_group_norm": "group",
         "layer_norm": "layer", "normalize": "l2"}
SUMS = {"add": 1, "radd": 1, "iadd": 1, "sub": -1, "isub": -1, "subtract": -1, "rsub": -1}
PRODUCTS = {"mul", "rmul", "imul", "multiply", "div", "truediv", "rdiv", "rtruediv", "itruediv", "idiv", "true_divide", "divide"}
MATMULS = {"matmul", "rmatmul", "bmm", "mm", "einsum"}
MOVES = {  # the same numbers at other places
    "view", "reshape", "flatten", "unflatten", "permute", "transpose", "t", "mT", "T", "squeeze", "unsqueeze", "expand", "repeat",
    "repeat_interleave", "chunk", "split", "unbind", "getitem", "setitem", "narrow", "select", "roll", "flip", "rot90", "view_as",
    "expand_as", "movedim", "stack", "swapaxes", "index_select", "clone", "contiguous", "tensor_split", "unsafe_chunk",
}
POOLS = {"avg_pool2d", "adaptive_avg_pool2d"}
KINDS = {
    "conv2d": "conv2d", "conv_transpose2d": "conv_transpose2d", "max_pool2d": "max_pool2d", "linear": "linear",
    "softmax": "softmax", "scaled_dot_product_attention": "attention", "cat": "cat", "concat": "cat", "interpolate": "upsample",
    "enlarged": "upsample", "upsample": "upsample", "pad": "pad", "pixel_shuffle": "pixel_shuffle",
    "pixel_unshuffle": "pixel_shuffle",
}


def function_of(call: Any, args: Sequence[Any] = ()) -> str:
    """Its plain name: `__radd__` -> radd, `relu_` -> relu."""
    name = getattr(call, "__name__", "")
    if name == "__get__":
        return getattr(getattr(call, "__self__", None), "__name__", "get")
    return name.strip("_")


def kind_of(call: Any, args: Sequence[Any], kwargs: dict[str, Any], results: Sequence[Any]) -> str:
    name = function_of(call, args)
    if name in KINDS:
        return KINDS[name] if name not in ("conv2d", "conv_transpose2d") or results[0].ndim == 4 else "other"
    if name in NORMS:
        return "norm"
    if name in CURVES:
        return "activation" if name != "pow" or not hasattr(args[1] if len(args) > 1 else 0, "shape") else "other"
    if name in SUMS:
        return "add"
    if name in PRODUCTS:
        return "mul"
    if name in MATMULS:
        return "matmul"
    if name in MOVES:
        return "reshape"
    over_places = name == "mean" and args[0].ndim == 4 and results[0].shape[:2] == args[0].shape[:2]
    return "avg_pool2d" if name in POOLS or over_places else "other"


NAMES = {  # of the arguments that count, in order, and what they are if nothing is said
    "conv2d": (("input", None), ("weight", None), ("bias", None), ("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1)),
    "conv_transpose2d": (("input", None), ("weight", None), ("bias", None), ("stride", 1), ("padding", 0), ("output_padding", 0),
                         ("groups", 1), ("dilation", 1)),
    "max_pool2d": (("input", None), ("kernel_size", 2), ("stride", None), ("padding", 0), ("dilation", 1), ("ceil_mode", False)),
    "avg_pool2d": (("input", None), ("kernel_size", 2), ("stride", None), ("padding", 0)),
    "linear": (("input", None), ("weight", None), ("bias", None)),
    "batch_norm": (("input", None), ("running_mean", None), ("running_var", None), ("weight", None), ("bias", None),
                   ("training", False), ("momentum", 0.1), ("eps", 1e-5)),
    "instance_norm": (("input", None), ("running_mean", None), ("running_var", None), ("weight", None), ("bias", None),
                      ("use_input_stats", True), ("momentum", 0.1), ("eps", 1e-5)),
    "group_norm": (("input", None), ("num_groups", 1), ("weight", None), ("bias", None), ("eps", 1e-5)),
    "native_group_norm": (("input", None), ("weight", None), ("bias", None), ("N", 1), ("C", 1), ("HxW", 1), ("num_groups", 1),
                          ("eps", 1e-5)),
    "layer_norm": (("input", None), ("normalized_shape", ()), ("weight", None), ("bias", None), ("eps", 1e-5)),
    "normalize": (("input", None), ("p", 2.0), ("dim", 1), ("eps", 1e-12)),
    "softmax": (("input", None), ("dim", -1)),
    "scaled_dot_product_attention": (("query", None), ("key", None), ("value", None), ("attn_mask", None), ("dropout_p", 0.0),
                                     ("is_causal", False), ("scale", None)),
    "pad": (("input", None), ("pad", ()), ("mode", "constant"), ("value", 0)),
    "interpolate": (("input", None), ("size", None), ("scale_factor", None), ("mode", "nearest"), ("align_corners", None)),
    "enlarged": (("x", None), ("kernel", ""), ("scale", 1)),
    "glu": (("input", None), ("dim", -1)),
    "prelu": (("input", None), ("weight", None)),
    "cat": (("tensors", ()), ("dim", 0)), "concat": (("tensors", ()), ("dim", 0)),
    "pixel_shuffle": (("input", None), ("upscale_factor", 1)), "pixel_unshuffle": (("input", None), ("downscale_factor", 1)),
    "setitem": (("input", None), ("index", ()), ("value", None)), "getitem": (("input", None), ("index", ())),
}


def bound(layer: "Layer") -> dict[str, Any]:
    """The arguments of an operation by their names."""
    names = NAMES.get(layer.function, (("input", None),))
    values = {name: default for name, default in names}
    values |= {name: value for (name, _), value in zip(names, layer.args, strict=False)}
    return values | layer.kwargs


def pair(value: Any) -> tuple[int, int]:
    if isinstance(value, (tuple, list)):
        return (int(value[0]), int(value[-1]))
    return int(value), int(value)


def paddings(given: dict[str, Any], kernel: tuple[int, int]) -> tuple[int, int]:
    if given["padding"] == "valid":
        return 0, 0
    if given["padding"] == "same":
        return tuple(d * (k - 1) // 2 for d, k in zip(pair(given["dilation"]), kernel, strict=True))  # pyright: ignore
    return pair(given["padding"])


def macs_of(layer: "Layer", tensor: Any) -> int:
    """Multiply-adds of what multiplies by weights or maps by maps, as torch's own counter has it.  tensor: of an argument."""
    given = bound(layer)
    match layer.function:
        case "conv2d":
            return layer.out.numel() * tensor(given["weight"])[0].numel()
        case "conv_transpose2d":
            return tensor(given["input"]).numel() * tensor(given["weight"])[0].numel()
        case "linear":
            return layer.out.numel() * tensor(given["input"]).shape[-1]
        case "matmul" | "bmm" | "mm" | "rmatmul":
            return layer.out.numel() * tensor(layer.args[0]).shape[-1]
        case "einsum":
            return _einsum_macs(layer, tensor)
        case "scaled_dot_product_attention":
            query, key, value = (tensor(given[name]) for name in ("query", "key", "value"))
            return math.prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])
        case "enlarged":
            x, scale = tensor(given["x"]), given["scale"]
            taps = _taps(given["kernel"], scale)
            at_border = scale * taps * sum(x.shape[2:])  # how much of the kernel falls on the picture there
            return x.numel() * (scale * taps) ** 2 + at_border
    return 0


def _taps(kernel: str, scale: int) -> int:
    from imgen.functional.resample import phases

    return phases(kernel, scale).shape[1]


def letters(layer: "Layer") -> tuple[list[str], str, list[Any]]:
    """Of an einsum: the letters of each operand and of the result, and the operands."""
    equation, *operands = layer.args
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = list(operands[0])
    left, _, right = equation.replace(" ", "").partition("->")
    return left.split(","), right, operands


def _einsum_macs(layer: "Layer", tensor: Any) -> int:
    """From left to right, two at a time."""
    names, result, operands = letters(layer)
    sizes = {letter: size for name, one in zip(names, operands, strict=True)
             for letter, size in zip(name, tensor(one).shape, strict=True)}
    total, have = 0, set(names[0])
    for n, name in enumerate(names[1:], 1):
        total += math.prod(sizes[letter] for letter in have | set(name))
        later = set(result).union(*names[n + 1 :]) if names[n + 1 :] else set(result)
        have = (have | set(name)) & later
    return total


@dataclass(frozen=True)
class Reach:
    """Output row y (or column) sees input rows from floor(step·y + before) to floor(step·y + after); whole: all of them."""

    step: Fraction = Fraction(1)
    before: Fraction = Fraction(0)
    after: Fraction = Fraction(0)
    extent: int = 0  # input rows seen at most, less one
    whole: bool = False
    fold: str = ""  # "reflect" or "replicate": what lies beyond the border is seen at it

    def rows(self, first: int, last: int, length: int) -> tuple[int, int]:
        """Of output rows first to last, both included: the input rows; the first behind the last if there are none."""
        if self.whole:
            return 0, length - 1
        low, high = math.floor(self.step * first + self.before), math.floor(self.step * last + self.after)
        if self.fold == "reflect":
            turned = [n for one in (low, high) if one < 0 for n in (-one, 0)]
            turned += [n for one in (low, high) if one >= length for n in (2 * (length - 1) - one, length - 1)]
            low, high = min([low, *turned]), max([high, *turned])
        if self.fold:
            low, high = min(low, length - 1), max(high, 0)
        return max(low, 0), min(high, length - 1)


WHOLE, SAME = Reach(whole=True), Reach()
TURNS = {"permute", "transpose", "T", "mT", "t", "roll", "flip", "rot90", "swapaxes", "movedim"}


def both(ways: Iterable[Reach]) -> tuple[Reach, Reach]:
    rows, columns = ways
    return rows, columns


def reaches(layer: "Layer", source: int, one: Any, tensor: Any) -> tuple[Reach, Reach]:
    """Of its input `one`, from layer `source`: by rows and by columns."""
    given, name = bound(layer), layer.function
    match name:
        case "conv2d" | "max_pool2d" | "avg_pool2d":
            weight = given.get("weight")
            kernel = pair(given["kernel_size"]) if weight is None else tuple(tensor(weight).shape[2:])
            stride = pair(given["stride"] or kernel)
            spread = pair(given.get("dilation", 1))
            pads = paddings({"dilation": 1, **given}, kernel)
            ways = zip(stride, pads, spread, kernel, strict=True)
            return both(Reach(Fraction(s), Fraction(-p), Fraction(d * (k - 1) - p), d * (k - 1)) for s, p, d, k in ways)
        case "conv_transpose2d":
            stride, pads, spread = (pair(given[n]) for n in ("stride", "padding", "dilation"))
            ways = zip(stride, pads, spread, tensor(given["weight"]).shape[2:], strict=True)
            return both(
                Reach(Fraction(1, s), Fraction(p - (k - 1) * d + s - 1, s), Fraction(p, s), math.ceil(((k - 1) * d + 1) / s) - 1)
                for s, p, d, k in ways
            )
        case "pixel_shuffle":
            r = given["upscale_factor"]
            return both([Reach(Fraction(1, r))] * 2)
        case "pixel_unshuffle":
            r = given["downscale_factor"]
            return both([Reach(Fraction(r), Fraction(0), Fraction(r - 1), r - 1)] * 2)
        case "enlarged":
            radius = _taps(given["kernel"], given["scale"]) // 2
            step = Fraction(1, given["scale"])
            return both([Reach(step, Fraction(-radius), Fraction(radius), 2 * radius, fold="replicate")] * 2)
        case "interpolate":
            ways = zip(one.shape[2:], layer.out.shape[2:], strict=True)
            return both(_interpolated(Fraction(a, b), given["mode"]) for a, b in ways)
        case "pad":
            pads, fold = [*given["pad"], 0, 0, 0, 0], given["mode"] if given["mode"] in ("reflect", "replicate") else ""
            return both(Reach(before=Fraction(-p), after=Fraction(-p), fold=fold) for p in (pads[2], pads[0]))
        case "cat" | "concat":
            return _joined(layer, given, source, tensor)
        case "getitem" | "setitem":
            return _sliced(layer, given, source, one)
        case "mean" | "sum" | "std_mean" | "adaptive_avg_pool2d" | "instance_norm" | "group_norm" | "native_group_norm":
            return WHOLE, WHOLE
        case "einsum":  # of channels alone, or of places, too
            names, result, _ = letters(layer)
            return (SAME, SAME) if names[-1][-2:] == result[-2:] else (WHOLE, WHOLE)
    if layer.kind in ("attention", "linear", "matmul", "softmax") or layer.kind == "norm" and name == "layer_norm":
        return WHOLE, WHOLE
    if name == "normalize" and layer.out.ndim == 4 and given["dim"] == 1:
        return SAME, SAME
    alike = one.ndim >= 3 and layer.out.ndim >= 3 and one.shape[-2:] == layer.out.shape[-2:]
    if alike and name not in TURNS:
        return SAME, SAME
    return WHOLE, WHOLE


def _interpolated(step: Fraction, mode: str) -> Reach:
    centre = step / 2 - Fraction(1, 2)  # source place of output row 0
    if mode.startswith("nearest"):
        return Reach(step)
    near, far = (1, 2) if mode == "bicubic" else (0, 1)
    if step > 1:  # perhaps antialiased
        near, far = near + math.ceil(2 * step), far + math.ceil(2 * step)
    return Reach(step, centre - near, centre + far, near + far, fold="replicate")


def _joined(layer: "Layer", given: dict[str, Any], source: int, tensor: Any) -> tuple[Reach, Reach]:
    """Along rows or columns, as where a border is added, each part lies where those before it end."""
    axis = int(given["dim"]) % layer.out.ndim - (layer.out.ndim - 2)
    if axis < 0:
        return SAME, SAME
    numbers = [getattr(one, "layer", None) for one in given["tensors"]]
    if layer.out.ndim < 3 or numbers.count(source) != 1:
        return WHOLE, WHOLE
    first = sum(tensor(one).shape[axis - 2] for one in given["tensors"][: numbers.index(source)])
    moved = Reach(before=Fraction(-first), after=Fraction(-first))
    return (moved, SAME) if axis == 0 else (SAME, moved)


def _sliced(layer: "Layer", given: dict[str, Any], source: int, one: Any) -> tuple[Reach, Reach]:
    index = given["index"] if isinstance(given["index"], tuple) else (given["index"],)
    outer = one if layer.function == "getitem" else layer.out
    if any(not isinstance(part, (slice, int, type(...), type(None))) for part in index):
        return WHOLE, WHOLE
    if ... in index:
        at = index.index(...)
        index = (*index[:at], *[slice(None)] * (outer.ndim - sum(part is not None for part in index) + 1), *index[at + 1 :])
    index = (*index, *[slice(None)] * (outer.ndim - sum(part is not None for part in index)))
    if outer.ndim < 2 or any(not isinstance(part, slice) for part in index[-2:]):
        return WHOLE, WHOLE
    found = []
    for part, length in zip(index[-2:], outer.shape[-2:], strict=True):
        start, _, step = part.indices(length)
        if layer.function == "getitem":
            found.append(Reach(Fraction(step), Fraction(start), Fraction(start)))
        else:  # what is written there, or what was there before
            first = getattr(given["input"], "layer", None)
            written = Reach(Fraction(1, step), Fraction(step - 1 - start, step), Fraction(-start, step))
            found.append(SAME if source == first else written)
    return found[0], found[1]

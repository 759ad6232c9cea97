"""The sum behind one number: the very window, weights and bias that made it, in float64."""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from imgen.inspection.kinds import PRODUCTS, SUMS, bound, letters, paddings, pair
from imgen.inspection.recording import Layer, Ref, leaves, mapped

WINDOWS, TERMS = 8, 12  # that are shown one by one; the others as one sum
NUMBERS = 1024  # of a window, that are listed
POINTS = 65  # of a curve
REDUCED = ("std_mean", "mean", "sum", "std", "var")
EXACT = 1 << 24  # whole numbers that a float32 holds


def canonical(shape: "torch.Size | tuple[int, ...]") -> tuple[int, int, int]:
    """A batch of one, of any shape, as (maps, height, width), in the same order of numbers."""
    sides = list(shape)
    if len(sides) > 1 and sides[0] == 1:
        sides = sides[1:]
    if len(sides) < 2:
        return math.prod(sides), 1, 1
    return math.prod(sides[:-2]), sides[-2], sides[-1]


class Numbers:
    """Of a recording."""

    def __init__(self, layers: list[Layer]):
        self.layers = layers

    def tensor(self, one: Any) -> Any:
        """What an argument stands for."""
        return self.layers[one.layer].out if isinstance(one, Ref) else one

    def value(self, layer: Layer, place: tuple[int, int, int]) -> dict[str, Any]:
        """place: channel, row, column as `canonical` has them."""
        flat = int(np.ravel_multi_index(place, canonical(layer.out.shape)))
        index = tuple(int(n) for n in np.unravel_index(flat, layer.out.shape)) if layer.out.ndim else ()
        said = {"value": number(layer.out[index]), "kind": layer.kind, "function": layer.function,
                "from": layer.inputs[0] if layer.inputs else -1}
        explain = {
            "conv2d": self.conv, "conv_transpose2d": self.transposed, "max_pool2d": self.max_pool, "avg_pool2d": self.linear_map,
            "upsample": self.linear_map, "linear": self.linear, "softmax": self.softmax, "attention": self.attention,
            "norm": self.norm, "activation": self.activation, "add": self.added, "mul": self.multiplied, "matmul": self.matmul,
            "other": self.reduced if layer.function in REDUCED else self.parts, "cat": self.moved,
            "pad": self.moved, "reshape": self.moved, "pixel_shuffle": self.moved, "input": lambda *_: {},
        }.get(layer.kind, self.parts)
        with torch.inference_mode(False):
            return said | explain(layer, index)

    def place(self, layer: int, flat: int) -> list[int]:
        return [int(n) for n in np.unravel_index(flat, canonical(self.layers[layer].out.shape))]

    def conv(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        given = bound(layer)
        x, weight, bias = (self.tensor(given[name]) for name in ("input", "weight", "bias"))
        (n, out, *at), kernel = index, tuple(weight.shape[2:])
        stride, spread, pads = pair(given["stride"]), pair(given["dilation"]), paddings(given, kernel)
        taps = [o * s - p + d * np.arange(k) for o, s, p, d, k in zip(at, stride, pads, spread, kernel, strict=True)]
        each = weight.shape[1]
        first = out // (weight.shape[0] // given["groups"]) * each
        window = np.full((each, *kernel), np.nan)
        inside = [(t >= 0) & (t < side) for t, side in zip(taps, x.shape[2:], strict=True)]
        rows, columns = (torch.from_numpy(t[good]) for t, good in zip(taps, inside, strict=True))
        seen = x[n, first : first + each][:, rows][:, :, columns]
        window[np.ix_(np.arange(each), *map(np.flatnonzero, inside))] = numpy(seen)
        w = numpy(weight[out])
        how = {"stride": list(stride), "dilation": list(spread), "padding": list(pads)}
        return self.windows(window, w, first, taps, bias, out) | how

    def transposed(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        given = bound(layer)
        x, weight, bias = (self.tensor(given[name]) for name in ("input", "weight", "bias"))
        n, out, *at = index
        stride, spread, pads = (pair(given[name]) for name in ("stride", "dilation", "padding"))
        groups, each = given["groups"], weight.shape[1]
        many = x.shape[1] // groups
        first, inner = out // each * many, out % each
        reached = []  # for rows and for columns: which input, and by which row of the kernel
        for o, s, p, d, k, side in zip(at, stride, pads, spread, weight.shape[2:], x.shape[2:], strict=True):
            all_of = [((o + p - i * d) // s, i) for i in range(k) if (o + p - i * d) % s == 0]
            reached.append(sorted(one for one in all_of if 0 <= one[0] < side))
        (rows, by_rows), (columns, by_columns) = (
            ([one[0] for one in each_way], [one[1] for one in each_way]) for each_way in reached
        )
        window = numpy(x[n, first : first + many][:, rows][:, :, columns])
        w = numpy(weight[first : first + many, inner][:, by_rows][:, :, by_columns])
        taps = [np.array(rows or [0]), np.array(columns or [0])]
        return self.windows(window, w, first, taps, bias, out) | {
            "stride": list(stride), "taps": [by_rows, by_columns], "padding": list(pads), "dilation": list(spread),
        }

    def windows(self, window, weight, first: int, taps, bias: "Tensor | None", out: int) -> dict[str, Any]:
        """window, weight (C, h, w), nan where there is padding."""
        sums = (np.nan_to_num(window) * weight).sum((1, 2))
        order = np.argsort(-np.abs(sums), kind="stable")
        b = None if bias is None else number(bias[out])
        shown = [
            {"channel": int(first + c), "top": int(taps[0][0]), "left": int(taps[1][0]), "input": table(window[c]),
             "weight": table(weight[c]), "sum": float(sums[c])} for c in order[:WINDOWS]
        ]
        rest = float(sums[order[WINDOWS:]].sum())
        return {"bias": b, "windows": shown, "rest": rest, "total": float(sums.sum()) + (b or 0.0)}

    def max_pool(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        given = bound(layer)
        x, kernel = self.tensor(given["input"]), pair(given["kernel_size"])
        stride, pads, spread = pair(given["stride"] or kernel), pair(given["padding"]), pair(given["dilation"])
        taps = [o * s - p + d * np.arange(k)
                for o, s, p, d, k in zip(index[-2:], stride, pads, spread, kernel, strict=True)]
        inside = [(t >= 0) & (t < side) for t, side in zip(taps, x.shape[-2:], strict=True)]
        rows, columns = (torch.from_numpy(t[good]) for t, good in zip(taps, inside, strict=True))
        window = np.full(kernel, np.nan)
        window[np.ix_(*map(np.flatnonzero, inside))] = numpy(x[index[:-2]][rows][:, columns])
        best = np.unravel_index(np.nanargmax(window), window.shape) if np.isfinite(window).any() else (0, 0)
        channel = self.channel_of(x, index)
        return {"windows": [{"channel": channel, "top": int(taps[0][0]), "left": int(taps[1][0]), "input": table(window)}],
                "winner": [int(taps[0][best[0]]), int(taps[1][best[1]])], "total": float(window[best])}

    @staticmethod
    def channel_of(x: Tensor, index: tuple[int, ...]) -> int:
        """Which map of x a place of a layer that works map by map belongs to."""
        lead = x.shape[:-2]
        return int(np.ravel_multi_index(index[: len(lead)], lead)) if lead else 0

    def linear_map(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        """Means and interpolations: each number is a weighted sum of one map; the weights are what it changes by."""
        source = next(one for one in leaves((layer.args, layer.kwargs)) if isinstance(one, Ref))
        x = self.tensor(source)
        n, c = index[:2]
        alone = x[n : n + 1, c : c + 1].double()
        with torch.enable_grad():
            alone.requires_grad_()
            given = layer.args, layer.kwargs
            args, kwargs = mapped(given, lambda one: alone if isinstance(one, Ref) and one == source else one)
            y = layer.call(*args, **kwargs)
            weight = torch.autograd.grad(y[(0, 0, *index[2:])], alone)[0][0, 0].numpy()
        seen = alone.detach()[0, 0].numpy()
        rows, columns = np.nonzero(weight)
        if not len(rows):
            return {"windows": [], "total": 0.0}
        (top, bottom), (left, right) = (rows.min(), rows.max() + 1), (columns.min(), columns.max() + 1)
        here = slice(top, bottom), slice(left, right)
        total = float((weight[here] * seen[here]).sum())
        window = {"channel": self.channel_of(x, index), "top": int(top), "left": int(left), "height": int(bottom - top),
                  "width": int(right - left), "sum": total}
        if seen[here].size <= NUMBERS:
            window |= {"input": table(seen[here]), "weight": table(weight[here])}
        said: dict[str, Any] = {"windows": [window], "total": total, "rest": 0.0, "bias": None}
        return said | ({"winner": "mean"} if layer.kind == "avg_pool2d" else {})

    def linear(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        given = bound(layer)
        x, weight, bias = (self.tensor(given[name]) for name in ("input", "weight", "bias"))
        b = None if bias is None else number(bias[index[-1]])
        return terms(numpy(x[index[:-1]]), numpy(weight[index[-1]]), b)

    def matmul(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        if layer.function == "einsum":
            return self.einsum(layer, index)
        a, b = (self.tensor(one) for one in (layer.args if layer.function != "rmatmul" else layer.args[::-1]))
        a, b = (a[None] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
        index = index if len(index) >= 2 else (0, *index) if self.tensor(layer.args[0]).ndim == 1 else (*index, 0)
        lead = layer.out.shape[:-2] if layer.out.ndim > 2 else ()
        a, b = a.expand(*lead, *a.shape[-2:]), b.expand(*lead, *b.shape[-2:])
        return terms(numpy(a[index[:-1]]), numpy(b[(*index[:-2], slice(None), index[-1])]), None)

    def einsum(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        names, result, operands = letters(layer)
        at = dict(zip(result, index, strict=True))
        cut = [numpy(self.tensor(one)[tuple(at.get(letter, slice(None)) for letter in name)])
               for name, one in zip(names, operands, strict=True)]
        left = ["".join(letter for letter in name if letter not in at) for name in names]
        summed = "".join(dict.fromkeys("".join(left)))
        sizes = {letter: size for name, one in zip(left, cut, strict=True) for letter, size in zip(name, one.shape, strict=True)}
        shape = tuple(sizes[letter] for letter in summed)
        spread = [np.broadcast_to(np.einsum(f"{name}->{''.join(n for n in summed if n in name)}", one).reshape(
            [sizes[n] if n in name else 1 for n in summed]), shape) for name, one in zip(left, cut, strict=True)]
        others = math.prod(spread[:-1]) if len(spread) > 1 else np.ones(shape)
        return terms(np.ravel(spread[-1]), np.ravel(others), None)

    def softmax(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        given = bound(layer)
        x, dim = self.tensor(given["input"]), int(given["dim"] if given["dim"] is not None else -1) % layer.out.ndim
        logits = numpy(x[(*index[:dim], slice(None), *index[dim + 1 :])])
        powers = np.exp(logits - logits.max())
        shares = powers / powers.sum()
        order = np.argsort(-shares, kind="stable")[:TERMS]
        rows = [[int(n), float(logits[n]), float(powers[n]), float(shares[n])] for n in order]
        return {"terms": rows, "index": index[dim], "most": float(logits.max()), "sum": float(powers.sum()),
                "before": float(logits[index[dim]]), "total": float(shares[index[dim]]),
                "rest": float(1 - sum(row[3] for row in rows))}

    def attention(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        given = bound(layer)
        query, key, values, mask = (self.tensor(given[name]) for name in ("query", "key", "value", "attn_mask"))
        *lead, at, channel = index
        scale = given["scale"] if given["scale"] is not None else query.shape[-1] ** -0.5
        logits = numpy(key[tuple(lead)]) @ numpy(query[(*lead, at)]) * scale
        if mask is not None:
            row = mask.expand(*layer.out.shape[:-1], key.shape[-2])[(*lead, at)]
            logits = np.where(row.numpy(), logits, -np.inf) if row.dtype == torch.bool else logits + numpy(row)
        if given["is_causal"]:
            logits[at + 1 :] = -np.inf
        weights = np.exp(logits - logits.max())
        weights /= weights.sum()
        found = terms(numpy(values[tuple(lead)][:, channel]), weights, None)
        height, width = self.grid(len(weights), layer.id)
        return found | {"row": table(weights.reshape(height, width)), "place": list(divmod(at, width))}

    def grid(self, places: int, before: int) -> tuple[int, int]:
        """Height and width of the map whose places they are: the last before that has as many."""
        for layer in reversed(self.layers[:before]):
            if layer.out.ndim == 4 and math.prod(layer.out.shape[2:]) == places and min(layer.out.shape[2:]) > 1:
                return layer.out.shape[2], layer.out.shape[3]
        return 1, places

    def norm(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        given = bound(layer)
        x, name = self.tensor(given["input"]), layer.function
        before = number(x[index])
        if name == "normalize":
            dim = int(given["dim"]) % x.ndim
            line = numpy(x[(*index[:dim], slice(None), *index[dim + 1 :])])
            length = max(float((np.abs(line) ** given["p"]).sum() ** (1 / given["p"])), given["eps"])
            return {"before": before, "length": length, "total": before / length}
        weight, bias = (self.tensor(given[one]) for one in ("weight", "bias"))
        if name == "layer_norm":
            inner = len(given["normalized_shape"])
            part, spot = numpy(x[index[: x.ndim - inner]]), index[x.ndim - inner :]
            mean, var = part.mean(), part.var()
        elif name == "batch_norm":
            mean, var = (number(self.tensor(given[one])[index[1]]) for one in ("running_mean", "running_var"))
            spot = index[1:2]
        else:
            each = 1 if name == "instance_norm" else x.shape[1] // given["num_groups"]
            first, spot = index[1] // each * each, index[1:2]
            part = numpy(x[index[0], first : first + each])
            mean, var = part.mean(), part.var()
        w, b = (None if one is None else number(one[spot]) for one in (weight, bias))
        total = (before - mean) / math.sqrt(var + given["eps"]) * (1.0 if w is None else w) + (b or 0.0)
        return {"before": before, "mean": float(mean), "var": float(var), "eps": given["eps"], "weight": w, "bias": b,
                "total": float(total)}

    def activation(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        source = next(one for one in leaves((layer.args, layer.kwargs)) if isinstance(one, Ref))
        x = self.tensor(source)
        if layer.function == "glu":
            dim = int(bound(layer)["dim"]) % x.ndim
            half = x.shape[dim] // 2
            beside = (*index[:dim], index[dim] + half, *index[dim + 1 :])
            before, gate = number(x[index]), number(x[beside])
            share = 1 / (1 + math.exp(-gate))
            line = np.linspace(-1, 1, POINTS) * max(2.0, 1.25 * abs(before))
            flat = (int(np.ravel_multi_index(one, x.shape)) for one in (index, beside))
            parts = [[source.layer, *self.place(source.layer, one), v] for one, v in zip(flat, (before, gate), strict=True)]
            return {"before": before, "gate": gate, "share": share, "curve": [[float(u), float(u * share)] for u in line],
                    "parts": parts, "total": before * share}
        if x.shape != layer.out.shape or len(self.operands(layer)) > 1 + (layer.function == "prelu"):
            return self.parts(layer, index)
        before = number(x[index])
        line = np.linspace(-1, 1, POINTS) * max(2.0, 1.25 * abs(before))
        points = torch.tensor([before, *line], dtype=torch.float64)  # its own: it may work in place

        def put(one: Any) -> Any:
            if isinstance(one, Ref):
                return points
            if isinstance(one, Tensor):
                return (one[index[1]] if one.numel() > 1 else one.reshape(())).double().reshape(1)
            return one

        args, kwargs = mapped((layer.args, layer.kwargs), put)
        with torch.no_grad():
            y = F.prelu(points, args[1]) if layer.function == "prelu" else layer.call(*args, **kwargs)
        curve = [[float(u), finite(v)] for u, v in zip(line, y[1:].tolist(), strict=True)]
        return {"before": before, "curve": curve, "total": finite(y[0].item())}

    def at(self, one: Any, index: tuple[int, ...], shape: "torch.Size") -> list[Any]:
        """Of an operand that is spread over `shape`: layer (-1: a constant), channel, row, column, value."""
        x = self.tensor(one)
        if not isinstance(x, Tensor):
            return [-1, 0, 0, 0, float(x)]
        lead = len(shape) - x.ndim
        own = tuple(0 if side == 1 else n for n, side in zip(index[lead:], x.shape, strict=True))
        flat = int(np.ravel_multi_index(own, x.shape)) if own else 0
        place = [int(n) for n in np.unravel_index(flat, canonical(x.shape))]
        return [one.layer if isinstance(one, Ref) else -1, *place, number(x[own])]

    def operands(self, layer: Layer) -> list[Any]:
        return [one for one in leaves((layer.args, layer.kwargs)) if isinstance(one, Ref | Tensor)]

    def added(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        a, b = (self.at(one, index, layer.out.shape) for one in layer.args[:2])
        sign, alpha = SUMS[layer.function], float(layer.kwargs.get("alpha", 1))
        if layer.function == "rsub":  # b − a
            a[4] = -a[4]
        else:
            b[4] = sign * alpha * b[4]
        parts = [a, b] if layer.function not in ("radd", "rsub") else [b, a]
        return {"parts": parts, "total": a[4] + b[4]}

    def multiplied(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        assert layer.function in PRODUCTS
        a, b = (self.at(one, index, layer.out.shape) for one in layer.args[:2])
        if "div" in layer.function:
            below = a if layer.function.startswith("r") else b
            below[4] = finite(1 / below[4]) if below[4] else None
        total = a[4] * b[4] if a[4] is not None and b[4] is not None else None
        return {"parts": [a, b] if not layer.function.startswith("r") else [b, a], "total": total}

    def reduced(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        """Sums, means and deviations over some of the dimensions."""
        x = self.tensor(layer.args[0])
        dims = layer.kwargs.get("dim", layer.args[1] if len(layer.args) > 1 else None)
        dims = range(x.ndim) if dims is None or dims == () else [dims] if isinstance(dims, int) else dims
        gone = {int(n) % x.ndim for n in dims}
        left = iter(n for n, _ in zip(index, layer.out.shape, strict=True))
        if layer.kwargs.get("keepdim", layer.out.ndim == x.ndim):
            at = tuple(slice(None) if n in gone else index[n] for n in range(x.ndim))
        else:
            at = tuple(slice(None) if n in gone else next(left) for n in range(x.ndim))
        taken = numpy(x[at]).ravel()
        spare = int(layer.kwargs.get("correction", 1))
        var = float(taken.var() * taken.size / max(1, taken.size - spare))
        name = layer.function if layer.function != "std_mean" else ("std", "mean")[layer.part or 0]
        total = {"sum": taken.sum(), "mean": taken.mean(), "std": math.sqrt(var), "var": var}[name]
        said = {"mean": float(taken.mean()), "var": var, "count": int(taken.size), "total": float(total)}
        if name in ("sum", "mean"):
            said |= terms(taken, np.full(taken.size, 1.0 if name == "sum" else 1 / taken.size), None)
        return said

    def parts(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        """What else works number by number: the numbers that went in."""
        try:
            return {"parts": [self.at(one, index, layer.out.shape) for one in self.operands(layer)]}
        except (ValueError, IndexError):  # it does not
            return {}

    def moved(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        """The same number, from another place: found by moving places instead of numbers."""
        if layer.function == "written":
            return self.written(layer, index)
        origins: list[tuple[int, int, Any]] = []  # number of the first place, of all, and the operand
        count = 1

        def places(one: Any) -> Any:
            nonlocal count
            if not isinstance(one, Ref | Tensor) or (isinstance(one, Tensor) and not one.is_floating_point()):
                return one
            x = self.tensor(one)
            origins.append((count, x.numel(), one))
            count += x.numel()
            return one, count - x.numel(), x.shape

        args, kwargs = mapped((layer.args, layer.kwargs), lambda one: _Asked(places(one)))
        dtype = torch.float32 if count < EXACT else torch.float64

        def laid(one: "_Asked") -> Any:
            if isinstance(one.what, tuple) and len(one.what) == 3 and isinstance(one.what[0], Ref | Tensor):
                _, first, shape = one.what
                return torch.arange(first, first + math.prod(shape), dtype=dtype).view(shape)
            return one.what

        args, kwargs = mapped((args, kwargs), laid)
        if "value" in kwargs:
            kwargs["value"] = 0
        if layer.function == "pad":
            args = args[:3]
        if layer.function == "setitem" and not isinstance(args[2], Tensor):
            args = (*args[:2], 0)
        with torch.no_grad():
            moved: Any = layer.call(*args, **kwargs)
        moved = args[0] if layer.function == "setitem" else moved
        found = int((moved if layer.part is None else moved[layer.part])[index].item())
        if not found:  # padding, or a constant that was written there
            return {"parts": [[-1, 0, 0, 0, number(layer.out[index])]], "total": number(layer.out[index])}
        first, _, one = next(origin for origin in origins if origin[0] <= found < origin[0] + origin[1])
        x = self.tensor(one)
        spot = np.unravel_index(found - first, x.shape) if x.ndim else ()
        place = [int(n) for n in np.unravel_index(found - first, canonical(x.shape))]
        part = [one.layer if isinstance(one, Ref) else -1, *place, number(x[tuple(int(n) for n in spot)])]
        said: dict[str, Any] = {"parts": [part], "total": part[4], "from": part[0]}
        return said | ({"channel": place[0], "place": place[1:]} if layer.kind == "pixel_shuffle" else {})

    def written(self, layer: Layer, index: tuple[int, ...]) -> dict[str, Any]:
        """By the same address in memory: what was written there last, or what was there before."""
        offset, _, strides = layer.geometry
        address = offset + sum(n * step for n, step in zip(index, strides, strict=True))
        for number_of, where in layer.changes:
            spot = at_address(address, where)
            if spot is not None:
                return self.taken(number_of, spot)
        return self.taken(layer.inputs[0], index)

    def taken(self, layer: int, index: tuple[int, ...]) -> dict[str, Any]:
        x = self.layers[layer].out
        flat = int(np.ravel_multi_index(index, x.shape)) if x.ndim else 0
        value = number(x[index])
        return {"parts": [[layer, *self.place(layer, flat), value]], "total": value, "from": layer}


class _Asked:
    """Something that `mapped` does not look into."""

    def __init__(self, what: Any):
        self.what = what


def at_address(address: int, where: tuple[int, tuple[int, ...], tuple[int, ...]]) -> tuple[int, ...] | None:
    """The place in a strided view that lies there; None if none does."""
    offset, shape, strides = where
    left, spot = address - offset, [0] * len(shape)
    for n in sorted(range(len(shape)), key=lambda n: -strides[n]):
        if shape[n] > 1 and strides[n] > 0:
            spot[n] = left // strides[n]
            left -= spot[n] * strides[n]
            if not 0 <= spot[n] < shape[n]:
                return None
    return tuple(spot) if left == 0 else None


def terms(x: np.ndarray, weight: np.ndarray, bias: float | None) -> dict[str, Any]:
    products = x * weight
    order = np.argsort(-np.abs(products), kind="stable")
    rows = [[int(n), float(x[n]), float(weight[n]), float(products[n])] for n in order[:TERMS]]
    total = float(products.sum()) + (bias or 0.0)
    return {"terms": rows, "rest": float(products[order[TERMS:]].sum()), "bias": bias, "total": total}


def numpy(x: Tensor) -> np.ndarray:
    return x.detach().double().numpy()


def number(x: Tensor) -> Any:
    return finite(float(x.detach()))


def finite(x: float) -> Any:
    """JSON knows no others."""
    return x if math.isfinite(x) else None


def table(x: np.ndarray) -> list[list[float | None]]:
    return [[finite(float(v)) for v in row] for row in x]

"""A network opened: its layers, and what each of them made."""

import math
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from imgen.cards import Card
from imgen.controls import UserError
from imgen.image import Picture
from imgen.inspection.feeding import SIDE, feeder, is_rule, picture_of
from imgen.inspection.sheets import GAP, data_url, laid, scale_of, sheet

if TYPE_CHECKING:
    from imgen.inspection.feeding import Feed
    from imgen.inspection.recording import Layer, Recorder

BYTES = 96 << 20  # of one network's activations: a larger picture is shrunk
MACS = 4_000_000_000  # of one pass: about half a second
PROBE = 48  # pixels of the longer side by which both are foretold
SLOW = 0.25  # seconds: a quicker pass is run twice, and the second one timed
PIXELS = 1 << 22  # of a sheet
MOST = 512  # maps or kernels in a sheet
ORDERS, SCALES = ("strongest", "given"), ("map", "layer", "net")


def inspect(card: Card, picture: Picture | None = None, knobs: Mapping[str, object] | None = None) -> "Inspection":
    """Run the card's network once on `picture`, or from its seed, and keep all that passes through it.

    The picture is shrunk to 256 pixels a side, and further if the activations would not fit into 96 MB or a pass would take
    longer than a moment.  Raises UserError: inside_no_network, inside_not_here, picture_first, out_of_memory; those of knobs.
    """
    from imgen.device import is_out_of_memory

    feed_at = feeder(card, picture, dict(knobs or {}))
    try:
        feed = feed_at(PROBE)
        seen = recorded(feed)
        if not feed.fixed:
            feed = feed_at(_side(seen, feed))
            seen = None  # before the next pass: never two at a time in memory
            seen = recorded(feed)
        if feed.fixed or sum(layer.seconds for layer in seen.layers) < SLOW:  # a second time, for the times
            seen = None
            seen = recorded(feed)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise UserError("out_of_memory") from None
    return Inspection(feed, seen, is_rule(card))


def _side(seen: "Recorder", feed: "Feed") -> int:
    """Pixels of the longer side at which memory and time suffice, by a pass over a small picture."""
    from imgen.inspection.kinds import macs_of
    from imgen.inspection.numbers import Numbers

    tensor = Numbers(seen.layers).tensor
    height, width = feed.inputs["picture"].shape[-2:]
    macs = sum(macs_of(layer, tensor) for layer in seen.layers)
    more = min(BYTES / max(1, seen.bytes), MACS / max(1, macs))
    return max(16, min(SIDE, int(max(height, width) * math.sqrt(more))))


def recorded(feed: "Feed") -> "Recorder":
    import torch

    from imgen.inspection.recording import Recorder

    with torch.inference_mode(False), torch.enable_grad():
        seen = Recorder(feed.net)
        inputs = {}
        for name, x in feed.inputs.items():
            leaf = x.detach().clone().requires_grad_(name == "picture")
            inputs[name] = seen.give(name, leaf.view_as(leaf))
        leaf = inputs.get("picture")
        seen.leaf = leaf
        with seen:
            for layer, name in zip(list(seen.layers), inputs, strict=True):
                seen.known[id(inputs[name])] = (layer.id, inputs[name]._version)
            feed.run(**inputs)
    return seen


class Inspection:
    """Of one pass.  Layers are counted in the order in which they ran, inputs first; channel, y and x are a layer's own.

    Nothing here changes it, so that several threads may look at once.
    """

    def __init__(self, feed: "Feed", seen: "Recorder", rule: bool = False):
        from imgen.inspection.numbers import Numbers

        self.layers, self.bytes, self.leaf = seen.layers, seen.bytes, seen.leaf
        self.numbers = Numbers(self.layers)
        self.net_parameters = 0 if rule else sum(seen.own.values())
        self.picture_layer = next((n for n, name in enumerate(feed.inputs) if name == "picture"), -1)
        self.inputs = len(feed.inputs)
        self.seconds = sum(layer.seconds for layer in self.layers)
        self.lock = threading.Lock()
        self._strip: dict[str, Any] | None = None
        self._largest: float | None = None

    def strip(self) -> dict[str, Any]:
        """All layers, each with what it takes and gives, and totals."""
        if self._strip is None:
            fields = self._fields()
            layers = [self._said(layer, fields[layer.id]) for layer in self.layers]
            given = self.picture_layer if self.picture_layer >= 0 else 0
            self._strip = {
                "layers": layers, "input": self._shape(self.layers[given]),
                "totals": {
                    "parameters": self.net_parameters, "macs": sum(one["macs"] for one in layers), "seconds": self.seconds,
                },
            }
        return self._strip

    def picture(self) -> str:
        """What the network was given, as people see it; "" if that was no picture."""
        if self.picture_layer < 0:
            return ""
        pixels = picture_of(self.layers[self.picture_layer].out).pixels
        return data_url(pixels[..., 0] if pixels.shape[2] == 1 else pixels, None)

    def maps(self, layer: int, order: str = "strongest", scale: str = "map", limit: int = 64) -> dict[str, Any]:
        """The maps of a layer as one sheet.  order: "strongest" (by mean size) or "given"; scale: of colours, see SCALES.

        peak: where the first of them is largest in size, away from the border, at which padding has a say.
        """
        one = self._layer(layer)
        if order not in ORDERS or scale not in SCALES:
            raise UserError("call_unreadable")
        limit = _whole(limit, 1, MOST)
        maps = self._maps(one)
        count, height, width = maps.shape
        shown = max(1, min(limit, count, PIXELS // ((height + GAP) * (width + GAP))))
        if order == "strongest":
            strength = np.abs(np.nan_to_num(maps, posinf=0, neginf=0)).mean((1, 2))
            channels = np.argsort(-strength, kind="stable")[:shown]
        else:
            channels = np.arange(shown)
        chosen = maps[channels]
        net = self._net_largest() if scale == "net" else 0.0
        top, left = height // 8, width // 8
        inner = np.abs(np.nan_to_num(chosen[0, top : height - top, left : width - left], posinf=0, neginf=0))
        row, column = np.unravel_index(inner.argmax(), inner.shape)
        most = scale_of(maps if scale == "layer" else chosen, scale, net)[: len(chosen)]
        columns = laid(len(chosen))
        return {"png": data_url(sheet(chosen, most, columns)), "columns": columns, "side": [height, width], "gap": GAP,
                "channels": channels.tolist(), "count": count, "scales": most, "peak": [int(row) + top, int(column) + left]}

    def statistics(self, layer: int) -> dict[str, Any]:
        """Of all numbers of a layer; dead: channels that are the same number everywhere, in a layer with places."""
        from imgen.inspection.numbers import finite

        maps = self._maps(self._layer(layer)).astype(np.float64)
        if not np.isfinite(maps).all():
            return {"mean": None, "std": None, "min": None, "max": None, "zeros": float((maps == 0).mean()), "dead": []}
        still = maps.max((1, 2)) == maps.min((1, 2))
        dead = np.flatnonzero(still if maps[0].size > 1 else (maps == 0).all((1, 2)))
        said = {"mean": maps.mean(), "std": maps.std(), "min": maps.min(), "max": maps.max(), "zeros": (maps == 0).mean()}
        return {**{name: finite(float(v)) for name, v in said.items()}, "dead": dead.tolist()}

    def kernels(self, layer: int, limit: int = 64) -> dict[str, Any]:
        """The kernels of a layer as one sheet, all of them or the strongest; pairs: of which output and input each one is."""
        weight = self._weight(self._layer(layer))[0]
        limit = _whole(limit, 1, MOST)
        outs, ins, height, width = weight.shape
        order = np.argsort(-np.abs(weight).sum((2, 3)).ravel(), kind="stable")[:limit]
        pairs = np.stack(np.divmod(np.sort(order), ins), 1)
        shown = weight[pairs[:, 0], pairs[:, 1]]
        columns = ins if len(shown) == outs * ins and ins <= 32 else laid(len(shown))
        most = [float(np.abs(shown).max(initial=0))] * len(shown)
        return {"png": data_url(sheet(shown, most, columns)), "columns": columns, "shape": [outs, ins, height, width], "gap": GAP,
                "pairs": pairs.tolist(), "scale": most[0]}

    def kernel(self, layer: int, out: int, into: int) -> dict[str, Any]:
        """The numbers by which input `into` (of the group) comes to output `out`."""
        from imgen.inspection.numbers import table

        weight, bias = self._weight(self._layer(layer))
        out, into = _whole(out, 0, weight.shape[0] - 1), _whole(into, 0, weight.shape[1] - 1)
        return {"numbers": table(weight[out, into]), "bias": None if bias is None else float(bias[out])}

    def value(self, layer: int, channel: int, y: int, x: int) -> dict[str, Any]:
        """One number, and the sum that made it; "total" is that sum in float64."""
        one = self._layer(layer)
        return self.numbers.value(one, self._place(one, channel, y, x))

    def field(self, layer: int, channel: int, y: int, x: int) -> dict[str, Any]:
        """What of the picture can matter to one number (top, left, bottom, right; the last two just outside), and what does.

        The heat is one backward pass through the graph that was kept.  UserError inside_no_picture.
        """
        one = self._layer(layer)
        place = self._place(one, channel, y, x)
        if self.picture_layer < 0:
            raise UserError("inside_no_picture")
        return {"box": self._box(one, place[1:]), "heat": data_url(self._heat(one, place), None)}

    def _layer(self, layer: int) -> "Layer":
        """-1: the picture."""
        number = _whole(layer, -1, len(self.layers) - 1)
        return self.layers[number if number >= 0 else max(0, self.picture_layer)]

    def _place(self, layer: "Layer", channel: int, y: int, x: int) -> tuple[int, int, int]:
        channels, height, width = self._shape(layer)
        return _whole(channel, 0, channels - 1), _whole(y, 0, height - 1), _whole(x, 0, width - 1)

    def _shape(self, layer: "Layer") -> list[int]:
        from imgen.inspection.numbers import canonical

        return list(canonical(layer.out.shape))

    def _maps(self, layer: "Layer") -> np.ndarray:
        return layer.out.float().numpy().reshape(self._shape(layer))

    def _weight(self, layer: "Layer") -> tuple[np.ndarray, np.ndarray | None]:
        """(out, in, h, w) and bias.  UserError inside_no_kernel."""
        from imgen.inspection.kinds import bound

        if layer.kind not in ("conv2d", "conv_transpose2d", "linear"):
            raise UserError("inside_no_kernel")
        given = bound(layer)
        weight, bias = (self.numbers.tensor(given[name]) for name in ("weight", "bias"))
        numbers = weight.detach().float().numpy()
        if layer.kind == "linear":
            numbers = numbers[:, :, None, None]
        elif layer.kind == "conv_transpose2d":  # (in, out / groups, h, w)
            groups = given["groups"]
            ins, each = numbers.shape[:2]
            numbers = numbers.reshape(groups, ins // groups, each, *numbers.shape[2:]).swapaxes(1, 2)
            numbers = numbers.reshape(groups * each, ins // groups, *numbers.shape[3:])
        return numbers, None if bias is None else bias.detach().numpy()

    def _net_largest(self) -> float:
        if self._largest is None:
            each = (np.nan_to_num(self._maps(one), posinf=0, neginf=0) for one in self.layers)
            self._largest = max(float(np.abs(maps).max(initial=0)) for maps in each)
        return self._largest

    def _said(self, layer: "Layer", field: "tuple[int, bool] | None") -> dict[str, Any]:
        from imgen.inspection.kinds import macs_of

        said = {
            "id": layer.id, "name": layer.name, "kind": layer.kind, "function": layer.function,
            "of": described(layer, self.numbers.tensor),
            "in": [self._shape(self.layers[one]) for one in layer.inputs], "from": layer.inputs, "out": self._shape(layer),
            "shape": list(layer.out.shape), "parameters": sum(layer.parameters.values()),
            "macs": macs_of(layer, self.numbers.tensor),
            "field": field[0] if field else None, "share": layer.seconds / self.seconds if self.seconds else 0.0,
        }
        return said | ({"whole": True} if field and field[1] else {})

    def _fields(self) -> "list[tuple[int, bool] | None]":
        """Of each layer how many pixels of the picture, along a side, a number can depend on; whether it is all of them."""
        from imgen.inspection.kinds import reaches

        if self.picture_layer < 0:
            return [None] * len(self.layers)
        side = max(self._shape(self.layers[self.picture_layer])[1:])
        found: list[tuple[float, float, bool] | None] = []  # size, pixels from one place to the next, whether whole
        for layer in self.layers:
            best = (1.0, 1.0, False) if layer.id == self.picture_layer else None
            for source in layer.inputs:
                before = found[source]
                if before is None:
                    continue
                rows, columns = reaches(layer, source, self.layers[source].out, self.numbers.tensor)
                reach = rows if rows.whole or rows.extent >= columns.extent else columns
                size, jump, whole = before
                now = (size + reach.extent * jump, jump * float(reach.step), False)
                if whole or reach.whole:
                    now = (float(side), jump, True)
                best = now if best is None else (max(best[0], now[0]), max(best[1], now[1]), best[2] or now[2])
            found.append(best)
        return [None if one is None else (math.ceil(one[0]), one[2]) for one in found]

    def _box(self, layer: "Layer", place: tuple[int, ...]) -> list[int]:
        from imgen.inspection.kinds import reaches

        y, x = place
        boxes: dict[int, tuple[int, int, int, int]] = {layer.id: (y, y, x, x)}  # first and last row, first and last column
        for number in range(layer.id, self.inputs - 1, -1):
            if number not in boxes:
                continue
            one, (top, bottom, left, right) = self.layers[number], boxes[number]
            for source in one.inputs:
                height, width = self._shape(self.layers[source])[1:]
                rows, columns = reaches(one, source, self.layers[source].out, self.numbers.tensor)
                new = (*rows.rows(top, bottom, height), *columns.rows(left, right, width))
                if new[0] > new[1] or new[2] > new[3]:
                    continue
                old = boxes.get(source, new)
                boxes[source] = (min(old[0], new[0]), max(old[1], new[1]), min(old[2], new[2]), max(old[3], new[3]))
        top, bottom, left, right = boxes.get(self.picture_layer, (0, -1, 0, -1))
        return [top, left, bottom + 1, right + 1]

    def _heat(self, layer: "Layer", place: tuple[int, int, int]) -> np.ndarray:
        """(H, W) grey levels: the size of the gradient, its root, so that what is faint can be seen."""
        import torch

        height, width = self._shape(self.layers[self.picture_layer])[1:]
        slope = np.zeros((height, width), np.float32)
        if layer.id == self.picture_layer:
            slope[place[1:]] = 1
        elif layer.edge is not None and self.leaf is not None:
            seed = torch.zeros(layer.out.shape, dtype=layer.out.dtype)
            seed.view(-1)[int(np.ravel_multi_index(place, self._shape(layer)))] = 1
            with self.lock, torch.inference_mode(False):
                (found,) = torch.autograd.grad([layer.edge], [self.leaf], [seed], retain_graph=True, allow_unused=True)
            if found is not None:
                slope = found.abs().reshape(-1, height, width).sum(0).numpy()
        slope = np.nan_to_num(slope)
        return np.rint(255 * np.sqrt(slope / max(slope.max(), 1e-30))).astype(np.uint8)


def described(layer: "Layer", tensor: Any) -> str:
    """As papers write it: "conv2d 3×3, stride 2, padding 1"."""
    from imgen.inspection.kinds import bound, paddings, pair

    def size(way: tuple[int, ...]) -> str:
        return str(way[0]) if way[0] == way[1] else "×".join(map(str, way))

    given, said = bound(layer), [layer.function if layer.kind not in ("conv2d", "conv_transpose2d") else layer.kind]
    if layer.kind in ("conv2d", "conv_transpose2d", "max_pool2d") or layer.function == "avg_pool2d":
        kernel = tuple(tensor(given["weight"]).shape[2:]) if "weight" in given else pair(given["kernel_size"])
        said[0] += " " + "×".join(map(str, kernel))
        said += [f"stride {size(pair(given['stride'] or kernel))}", f"padding {size(paddings({'dilation': 1, **given}, kernel))}"]
        said += [f"dilation {size(pair(given['dilation']))}"] if pair(given.get("dilation", 1)) != (1, 1) else []
        said += [f"groups {given['groups']}"] if given.get("groups", 1) != 1 else []
    elif layer.function == "enlarged":
        said = [f"{given['kernel']} ×{given['scale']}"]
    elif layer.kind in ("upsample", "pad") and isinstance(given.get("mode"), str):
        said += [given["mode"]]
    elif layer.function in ("pixel_shuffle", "pixel_unshuffle"):
        said[0] += f" {given.get('upscale_factor', given.get('downscale_factor'))}"
    return ", ".join(said)


def _whole(value: Any, low: int, high: int) -> int:
    """UserError inside_place if that is no whole number within."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not low <= value <= high:
        raise UserError("inside_place", low=low, high=high)
    return int(value)

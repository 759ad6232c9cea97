"""A card's network as one file for other programs: ONNX, or PyTorch's own (torch.export).

What goes in and comes out is the same for all cards of a kind, float32, sRGB in [0, 1]: see `plan`.  Sizes are free where the
network leaves them free.  Left out is what a pipeline does around a network: tiles, alpha, flat areas, masks that grow.
"""

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from imgen import __version__
from imgen.cards import Card
from imgen.controls import UserError
from imgen.functional.metrics import from_luma_and_colour, luma
from imgen.functional.resample import cropped, enlarged
from imgen.models.layers import condition

FORMATS = {"onnx": ".onnx", "pt2": ".pt2"}
LEAST, MOST = 16, 8192  # pixels a side
STEPS = 6  # of a recurrent network, as its card begins
SCALE = 4  # of what enlarges by any factor
EYE = 8  # of what looks at a painting: its smallest layer sees an eighth of the size
NEAR = 1e-4  # by how much a file's numbers may differ from the network's


class Wrapped(nn.Module):
    """A network that is called as the file will be."""

    def __init__(self, net: nn.Module, work: Callable[..., Tensor]):
        super().__init__()
        self.net, self.work = net, work

    def forward(self, *given: Tensor) -> Tensor:
        return self.work(self.net, *given)


@dataclass(frozen=True)
class Plan:
    """What is exported.  given: by its name an example of each input; free: its dimensions that may have any size."""

    module: Wrapped
    given: dict[str, Tensor]
    free: dict[str, dict[int, str]]
    result: str
    about: dict[str, str] = field(default_factory=dict)  # of each input and of the result: what it is
    steps: dict[str, int] = field(default_factory=dict)  # of sizes that must be multiples

    @property
    def shapes(self) -> tuple[dict[int, Any], ...]:
        """For torch.export."""
        sizes: dict[str, Any] = {}
        for names in self.free.values():
            for name in names.values():
                step = self.steps.get(name, 1)
                size = Dim(name if step == 1 else f"{name}_by_{step}", min=1 if name == "n" else LEAST // step, max=MOST // step)
                sizes[name] = size if step == 1 else step * size
        return tuple({axis: sizes[name] for axis, name in self.free.get(given, {}).items()} for given in self.given)


def plan(card: Card) -> Plan:
    """How a card's network is called by other programs; its weights are loaded, in float32.  Raises UserError export_…, weights_…

    upscale   picture (1, 3, H, W) -> (1, 3, sH, sW); grey as three equal channels
    restore   picture (1, 3, H, W), and mask (1, 1, H, W), 1 in the hole, if the network takes one -> (1, 3, H, W)
    stylize   picture (1, 3, H, W), and mix (1, styles), the last of which is the photograph, or painting (1, 3, h, w)
    generate  z (N, latent) ~ N(0, 1), shares (N, classes) -> (N, C, H, W); of a flow x, t, shares -> its velocity
    classify  picture (N, C, H, W) -> scores (N, classes), summing to 1
    """
    kind = getattr(card.pipeline, "__name__", "")
    if card.net is None:
        raise UserError("export_rule", card=card.name)
    if card.abilities.optimises or kind not in PLANS:
        raise UserError("export_optimises", card=card.name)
    for _ in card.prepare():
        pass
    net = card.private_copy(dtype=torch.float32).cpu()
    net.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]  torch has it, its types for one argument only
    return PLANS[kind](net)


def picture(height: int = 37, width: int = 51, count: int = 1, channels: int = 3) -> Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(1))


SIDES = {2: "height", 3: "width"}
PICTURE = "sRGB in [0, 1], RGB, (1, 3, height, width)"


def _upscale(net: Any) -> Plan:
    scale = net.scale

    def work(net: Any, x: Tensor) -> Tensor:
        if net.channels == 1:
            return from_luma_and_colour(net(luma(x)), enlarged(x, "bicubic", scale))
        return net(x)

    return Plan(Wrapped(net, work), {"picture": picture()}, {"picture": SIDES}, "enlarged",
                {"picture": PICTURE, "enlarged": f"the same, {scale} times larger, not clamped"})


def _interpolate(net: Any) -> Plan:
    return Plan(Wrapped(net, lambda net, x: net(x, SCALE)), {"picture": picture()}, {"picture": SIDES}, "enlarged",
                {"picture": PICTURE, "enlarged": f"the same, {SCALE} times larger, not clamped"})


def _interpolate_between(net: Any) -> Plan:
    return Plan(Wrapped(net, lambda net, x: net(x, SCALE, 0.5)), {"picture": picture(40, 56)}, {"picture": SIDES}, "enlarged",
                {"picture": f"{PICTURE}, sides multiples of {net.grid}",
                 "enlarged": f"the same, {SCALE} times larger, half a level of the pyramid down"},
                {"height": net.grid, "width": net.grid})


def _guess(net: Any) -> Plan:
    z, small = torch.randn(2, net.latent, generator=torch.Generator().manual_seed(0)), picture(net.side, net.side, 2, 1)
    given = {"z": z, "picture": small}
    return Plan(Wrapped(net, lambda net, z, small: net(z, small)), given, {name: {0: "n"} for name in given},
                "guesses", {"z": "noise ~ N(0, 1)", "picture": f"grey in [0, 1], (n, 1, {net.side}, {net.side})",
                            "guesses": "of each a picture that shrinks to it"})


def padded(x: Tensor, grid: int) -> Tensor:
    """As `resample.filled_up`, in words that hold for any size: both sides up to multiples of `grid`, by their last pixels."""
    rows, columns = (torch.arange((side + grid - 1) // grid * grid).clamp(max=side - 1) for side in x.shape[2:])
    return x.index_select(2, rows).index_select(3, columns)


def _restore(net: Any) -> Plan:
    def work(net: Any, x: Tensor) -> Tensor:
        return cropped(net(padded(x, net.grid)), *x.shape[2:])

    return Plan(Wrapped(net, work), {"picture": picture()}, {"picture": SIDES}, "clean",
                {"picture": PICTURE, "clean": "the same, not clamped"})


def _restore_steps(net: Any) -> Plan:
    def work(net: Any, x: Tensor) -> Tensor:
        frames = padded(x, net.grid)[:, None].expand(-1, STEPS, -1, -1, -1)
        return cropped(net(frames)[:, -1], *x.shape[2:])

    return Plan(Wrapped(net, work), {"picture": picture()}, {"picture": SIDES}, "clean",
                {"picture": PICTURE, "clean": f"the same after {STEPS} steps, not clamped"})


def _fill(net: Any) -> Plan:
    def work(net: Any, x: Tensor, mask: Tensor) -> Tensor:
        return net(torch.cat([torch.where(mask > 0, 0.5, x), mask], 1))

    mask = torch.zeros(1, 1, 40, 56)
    mask[:, :, 10:16, 12:24] = 1
    return Plan(Wrapped(net, work), {"picture": picture(40, 56), "mask": mask}, {"picture": SIDES, "mask": SIDES}, "whole",
                {"picture": f"{PICTURE}, sides multiples of {net.grid}",
                 "mask": "1 in the hole, 0 elsewhere, (1, 1, height, width)",
                 "whole": "the same, not clamped"},
                {"height": net.grid, "width": net.grid})


def _stylize(net: Any) -> Plan:
    mix = torch.zeros(1, net.styles)
    mix[0, :2] = 0.5

    def work(net: Any, x: Tensor, mix: Tensor) -> Tensor:
        return cropped(net(padded(x, 4), mix), *x.shape[2:])

    return Plan(Wrapped(net, work), {"picture": picture(), "mix": mix}, {"picture": SIDES}, "painting",
                {"picture": PICTURE, "mix": "shares of the styles, in order, the last one the photograph; they sum to 1"})


def _stylize_any(net: Any) -> Plan:
    def work(net: Any, x: Tensor, art: Tensor) -> Tensor:
        return cropped(net.paint(padded(x, 4), net.style_of(net.sight(art))), *x.shape[2:])

    return Plan(Wrapped(net, work), {"picture": picture(), "painting": picture(64, 88)},
                {"picture": SIDES, "painting": {2: "painting_height", 3: "painting_width"}}, "painted",
                {"picture": PICTURE, "painting": f"likewise, its shorter side about 256, both multiples of {EYE}"},
                {"painting_height": EYE, "painting_width": EYE})


def _shares(net: Any, count: int = 2) -> Tensor:
    return condition(torch.arange(count) % net.classes, net.classes, torch.zeros(1))


def _generate(net: Any) -> Plan:
    z = torch.randn(2, net.latent, generator=torch.Generator().manual_seed(0))
    return Plan(Wrapped(net, lambda net, z, shares: net(z, shares)), {"z": z, "shares": _shares(net)},
                {"z": {0: "n"}, "shares": {0: "n"}}, "pictures",
                {"z": "noise ~ N(0, 1)", "shares": "of the classes, in order, 1 for one alone", "pictures": "in [0, 1]"})


def _generate_large(net: Any) -> Plan:
    z = torch.randn(2, net.latent, generator=torch.Generator().manual_seed(0))
    return Plan(Wrapped(net, lambda net, z: net(z, z)), {"z": z}, {"z": {0: "n"}}, "pictures",
                {"z": "noise ~ N(0, 1)", "pictures": "in [0, 1]"})


def _flow(net: Any) -> Plan:
    x = torch.randn(2, net.channels, net.side, net.side, generator=torch.Generator().manual_seed(0))
    given = {"x": x, "t": torch.tensor([0.25, 0.75]), "shares": _shares(net)}
    return Plan(Wrapped(net, lambda net, x, t, shares: net(x, t, shares)), given, {name: {0: "n"} for name in given}, "velocity",
                {"x": "noise at time 0, a picture in [-1, 1] at time 1", "t": "in [0, 1]",
                 "shares": "of the words; all 0: no wish",
                 "velocity": "how far x moves in a unit of time"})


def _classify(net: Any) -> Plan:
    given = picture(net.side, net.side, 2, net.channels)
    return Plan(Wrapped(net, lambda net, x: net(x).softmax(1)), {"picture": given}, {"picture": {0: "n"}}, "scores",
                {"picture": f"in [0, 1], (n, {net.channels}, {net.side}, {net.side}), light on black if grey",
                 "scores": "of the classes, in order, summing to 1"})


PLANS: dict[str, Callable[[Any], Plan]] = {  # by the name of the card's pipeline
    "upscale": _upscale, "upscale_between": _upscale, "upscale_at": lambda net: _upscale(net.at(1.0)),
    "interpolate": _interpolate, "interpolate_between": _interpolate_between,
    "guess": _guess, "restore": _restore, "restore_steps": _restore_steps, "repair": _fill, "fill": _fill,
    "stylize": _stylize, "stylize_any": _stylize_any,
    "generate": _generate, "generate_large": _generate_large, "imagine": _generate, "flow": _flow, "flow_words": _flow,
    "classify": _classify,
}


def facts(card: Card, planned: Plan) -> dict[str, str]:
    """What a file says of itself."""
    known = {
        "card": card.name, "version": __version__, "license": card.license, "paper": card.paper.title,
        "sha256": (card.weights and card.weights.sha256) or "", **planned.about,
    }
    for name in ("classes", "styles"):
        if listed := getattr(card.facts, name):
            known[name] = json.dumps([*listed], ensure_ascii=False)
    return known


def export(card: Card, out: Path, kind: str = "onnx") -> float:
    """Write the card's network into `out`, and try it: -> by how much its numbers differ at most from the network's, at other
    sizes than those that it was written with.  kind: one of FORMATS.

    Raises UserError: export_rule, export_optimises, export_needs, export_differs (then there is no file), weights_…
    """
    if kind not in FORMATS:
        raise UserError("knob_not_an_option", knob="format", value=str(kind)[:40], options=", ".join(FORMATS))
    if kind == "onnx" and not all(map(find_spec, ("onnx", "onnxscript", "onnxruntime"))):
        raise UserError("export_needs")
    planned = plan(card)
    (write_onnx if kind == "onnx" else write_pt2)(planned, facts(card, planned), out)
    difference = max(differs(planned, given, out, kind) for given in (planned.given, elsewhere(planned)))
    if not difference <= NEAR:
        out.unlink()
        raise UserError("export_differs", difference=f"{difference:.1e}", near=f"{NEAR:g}")
    return difference


def write_pt2(planned: Plan, told: dict[str, str], out: Path) -> None:
    """For `torch.export.load(out).module()`."""
    torch.export.save(exported(planned), out, extra_files={"imgen.json": json.dumps(told)})


def write_onnx(planned: Plan, told: dict[str, str], out: Path) -> None:
    import onnx  # pyright: ignore[reportMissingImports]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own affairs
        program = torch.onnx.export(
            exported(planned), dynamo=True, input_names=[*planned.given], output_names=[planned.result], verbose=False,
        )
    assert program is not None
    model = program.model_proto
    for name, value in told.items():
        model.metadata_props.append(onnx.StringStringEntryProto(key=name, value=value))
    onnx.save_model(model, out)


def differs(planned: Plan, given: dict[str, Tensor], file: Path, kind: str) -> float:
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = planned.module(*given.values())
        if kind == "pt2":
            found = torch.export.load(file).module()(*given.values())
        else:
            import onnxruntime  # pyright: ignore[reportMissingImports]

            running = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
            found = torch.from_numpy(running.run(None, {name: x.numpy() for name, x in given.items()})[0])
    return (found - wanted).abs().max().item() if found.shape == wanted.shape else float("inf")


def elsewhere(planned: Plan) -> dict[str, Tensor]:
    """Inputs like those of the plan, in other sizes: what is free is turned about, or counted three times."""
    def moved(name: str, x: Tensor) -> Tensor:
        free = planned.free.get(name, {})
        if {2, 3} <= free.keys():
            return x.transpose(2, 3).contiguous()
        return torch.cat([x, x[:1]]) if 0 in free else x

    return {name: moved(name, x) for name, x in planned.given.items()}


def exported(planned: Plan) -> torch.export.ExportedProgram:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        planned.module.eval()(*planned.given.values())  # what is kept for the next time is kept now, of numbers
        return torch.export.export(
            planned.module, tuple(planned.given.values()), dynamic_shapes=(planned.shapes,), strict=False,
        )

"""Pictures that are optimised themselves: a photograph repainted, a texture, what a layer keeps.

Gatys et al. 2015 and 2016, arXiv:1505.07376 and 1508.06576; Mahendran and Vedaldi 2015, arXiv:1412.0035.  Unlike theirs the
work begins small and is enlarged: what is far apart meets sooner, and most steps cost a fraction.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, cast

from imgen.controls import Choice, Choices, Reference, Seed, Several, Slider, UserError, able
from imgen.device import is_out_of_memory
from imgen.functional.alpha import visible
from imgen.image import Frame, Frames, Picture, resized, to_pixels, to_tensor
from imgen.pipelines.nets import AnyStylizer
from imgen.pipelines.stylize import (
    LOOK,
    Colours,
    Paintings,
    Region,
    Share,
    StyleScale,
    check_shape,
    in_colours,
    limited,
    mask,
    mixed,
    need_two,
    normal,
    opacity_of,
    scaled,
    shown,
    style_rows,
    toned,
    with_opacity,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from imgen.functional.losses import PictureObjective, StyleTarget

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
ALL = Several(",".join(LAYERS))
COARSEST = 256  # pixels of the longer side at which the work begins
Steps = Annotated[int, Slider(10, 500, 10)]
Side = Annotated[int, Slider(128, 2048, 64, "px")]
Weight = Annotated[float, Slider(0.0, 100.0, 0.5)]
Smoothness = Annotated[float, Slider(0.0, 2.0, 0.05, more=True)]
Layers = Annotated[Several, Choices(LAYERS, more=True)]
Network = Annotated[str, Choice(("vgg_small", "vgg19"), more=True)]
Features = Callable[["Tensor", str], dict[str, "Tensor"]]  # of a picture (N, 3, H, W), up to a layer
AnySeed = Annotated[int, Seed(more=True)]


def learning(pipeline: Callable[..., Frames]) -> Callable[..., Frames]:
    """A pipeline that needs gradients, although cards run in inference mode: it belongs to the thread, so that each step asks."""
    @functools.wraps(pipeline)
    def watched(*args: object, **knobs: object) -> Frames:
        import torch

        frames = pipeline(*args, **knobs)
        try:
            while True:
                with torch.inference_mode(False), torch.enable_grad():
                    frame = next(frames, None)
                if frame is None:
                    return
                yield frame
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise UserError("out_of_memory") from None
        finally:
            frames.close()

    return watched


@able(any_style=True, optimises=True, continues=True)
@learning
def repaint(
    nets: "nn.ModuleDict", picture: Picture, *,
    paintings: Paintings = (),
    style_weight: Weight = 10.0,
    steps: Steps = 60,
    side: Side = 512,
    start: Annotated[str, Choice(("content", "fast", "noise"), more=True)] = "content",
    colours: Colours = "painting",
    style_scale: StyleScale = 1.0,
    content_weight: Annotated[float, Slider(0.0, 10.0, 0.1, more=True)] = 1.0,
    smoothness: Smoothness = 0.0,
    style_layers: Layers = ALL,
    content_layers: Layers = Several("relu3_1"),
    share_2: Share = 1.0, share_3: Share = 1.0, share_4: Share = 1.0,
    region: Region = (), begin: Annotated[tuple, Reference(more=True)] = (), network: Network = "vgg_small", seed: AnySeed = 7,
) -> Frames:
    """Move the pixels of `picture` until deep features still see it, and Gram matrices see the paintings.

    steps: at the coarsest size, half as many at each finer one; `side`: pixels of the longer one in the end.  begin: a picture to
    go on from, at once at its full size.  region: a mask; where it is white, the second painting rules, elsewhere the first.
    """
    photo, opacity = limited(visible(picture).rgb(), side), opacity_of(picture, side)
    styles = [in_colours(one.rgb(), photo, colours) for one in shown(paintings)]
    weights = weighed(content=content_weight, style=style_weight, smoothness=smoothness)
    if region:
        need_two(styles)
        check_shape(region[0], picture)
        styles = styles[:2]
    shares = [1.0, 1.0] if region else normal((1.0, share_2, share_3, share_4), len(styles))
    features, layers = features_of(nets["own"]), style_layers.chosen if weights["style"] else ()

    def objective(small: Picture) -> "PictureObjective":
        x, factor = to_tensor(small.pixels).to(device_of(nets)), max(small.width, small.height) * style_scale
        wheres = [None] * len(styles)
        if region:
            inside = to_tensor((255 * mask(region[0], small.height, small.width)).astype("uint8")[..., None]).to(x.device)
            wheres = [1 - inside, inside]
        each = zip(shares, styles, wheres, strict=True) if layers else ()
        targets = [style_target(features, layers, *one, factor) for one in each]
        return picture_objective(features, weights, targets, x, content_layers.chosen if weights["content"] else ())

    first = visible(begin[0]).rgb() if begin else None
    smalls = [photo] if begin else pyramid(photo)
    if str(start) == "fast" and not begin:
        first = at_once(cast(AnyStylizer, nets["fast"]), smalls[0], styles, shares)
    elif str(start) == "noise" and not begin:
        first = speckled(smalls[0].height, smalls[0].width, seed)
    def shown_as(optimised: Picture) -> Picture:
        return with_opacity(toned(optimised, photo, colours), opacity)

    yield from climbed(first or smalls[0], smalls, objective, steps, shown_as)


@able(any_style=True, optimises=True)
@learning
def synthesize(
    net: "nn.Module", *,
    paintings: Paintings = (),
    steps: Steps = 60,
    side: Side = 256,
    style_scale: StyleScale = 1.0, smoothness: Smoothness = 0.0, style_layers: Layers = ALL,
    share_2: Share = 1.0, share_3: Share = 1.0, share_4: Share = 1.0,
    network: Network = "vgg_small", seed: Annotated[int, Seed()] = 7,
) -> Frames:
    """A texture: noise that is moved until Gram matrices take it for the paintings."""
    styles, shares = [one.rgb() for one in shown(paintings)], (1.0, share_2, share_3, share_4)
    weights, features = weighed(content=0.0, style=1.0, smoothness=smoothness), features_of(net)
    if not style_layers.chosen:
        raise UserError("weights_zero")

    def objective(small: Picture) -> "PictureObjective":
        x = to_tensor(small.pixels).to(device_of(net))
        each = zip(normal(shares, len(styles)), styles, strict=True)
        targets = [style_target(features, style_layers.chosen, *one, None, small.width * style_scale) for one in each]
        return picture_objective(features, weights, targets, x, ())

    smalls = pyramid(speckled(side, side, seed))
    yield from climbed(speckled(smalls[0].height, smalls[0].width, seed), smalls, objective, steps)


@able(optimises=True)
@learning
def reconstruct(
    net: "nn.Module", picture: Picture, *,
    layer: Annotated[str, Choice(LAYERS)] = "relu4_1",
    steps: Steps = 100,
    side: Side = 256,
    smoothness: Smoothness = 0.1,
    network: Network = "vgg_small", seed: Annotated[int, Seed()] = 7,
) -> Frames:
    """What one layer keeps of `picture`: noise that is moved until the layer takes it for the picture."""
    photo, features = limited(visible(picture).rgb(), side), features_of(net)
    weights = weighed(content=1.0, style=0.0, smoothness=smoothness)

    def objective(small: Picture) -> "PictureObjective":
        return picture_objective(features, weights, [], to_tensor(small.pixels).to(device_of(net)), (str(layer),))

    yield from climbed(speckled(photo.height, photo.width, seed), [photo], objective, steps)


def climbed(
    first: Picture, sizes: Sequence[Picture], objective_at: "Callable[[Picture], PictureObjective]", steps: int,
    shown_as: Callable[[Picture], Picture] = lambda drawn: drawn,
) -> Frames:
    """Optimise `first` at the size of each of `sizes`, the result of one being the start of the next.

    Frames with the picture by now, its losses, and their curves.
    """
    from itertools import islice

    counts = [max(5, steps >> n) for n in range(len(sizes))]
    curve: dict[str, list[float]] = {"step": []}
    for small, count in zip(sizes, counts, strict=True):
        objective = objective_at(small)
        start = to_tensor(resized(first, small.height, small.width).pixels).to(objective.device)
        for y, losses in islice(towards(objective, start), count):
            curve["step"].append(len(curve["step"]) + 1)
            for name, value in losses.items():
                curve.setdefault(name, []).append(value)
            first = Picture(to_pixels(y[0]))
            yield Frame(len(curve["step"]), sum(counts), [shown_as(first)], {**losses, "curve": curve})


def towards(objective: "PictureObjective", start: "Tensor") -> "Iterator[tuple[Tensor, dict[str, float]]]":
    """`optimised` for an objective: yields the picture, and each of its losses before the last step."""
    from imgen.functional.optimise import optimised

    asked: list[dict[str, Tensor]] = []

    def loss(x: "Tensor") -> "Tensor":
        asked.append(objective.terms(x))
        return objective.total(asked[-1])

    for y, _ in optimised(loss, start):
        yield y, {name: term.item() for name, term in asked.pop().items()}


def features_of(net: "nn.Module") -> Features:
    """The features of a picture, on the net's device and in its precision."""
    import torch

    weight = next(net.parameters())
    return lambda x, until: net(x.to(weight.device, weight.dtype).contiguous(memory_format=torch.channels_last), until)


def device_of(net: "nn.Module") -> "torch.device":
    return next(net.parameters()).device


def picture_objective(
    features: Features, weights: dict[str, float], styles: "list[StyleTarget]", x: "Tensor", layers: Sequence[str]
) -> "PictureObjective":
    """One whose content is what `layers` see in x."""
    import torch

    from imgen.functional.losses import PictureObjective

    if not layers and not styles:
        raise UserError("weights_zero")
    with torch.no_grad():
        content = features(x, max(layers)) if layers else {}
    return PictureObjective(features, {layer: content[layer] for layer in layers}, styles, weights, x.device)


def style_target(
    features: Features, layers: Sequence[str], share: float, painting: Picture, where: "Tensor | None", longer: float
) -> "StyleTarget":
    """What the layers make of a painting whose longer side is so long."""
    import torch

    from imgen.functional.losses import StyleTarget, layer_styles

    small = scaled(painting, longer * min(painting.width, painting.height) / max(painting.width, painting.height))
    with torch.no_grad():
        style = layer_styles(features(to_tensor(small.pixels), max(layers)), layers)
    return StyleTarget(share, style, where)


def weighed(**weights: float) -> dict[str, float]:
    if not weights["content"] and not weights["style"]:
        raise UserError("weights_zero")
    return weights


def pyramid(photo: Picture) -> list[Picture]:
    """From COARSEST up, each twice as large, to the photograph itself."""
    sizes = [photo]
    while max(sizes[0].width, sizes[0].height) > COARSEST * 1.5:
        sizes.insert(0, limited(photo, round(max(sizes[0].width, sizes[0].height) / 2)))
    return sizes


def speckled(height: int, width: int, seed: int) -> Picture:
    """Noise of little contrast in every channel, its long waves higher: as `optimised` moves them."""
    import torch

    from imgen.functional.optimise import Waves

    noise = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    return Picture(to_pixels((0.5 + 0.1 * Waves(noise).picture(noise))[0]))


def at_once(net: AnyStylizer, photo: Picture, styles: Sequence[Picture], shares: Sequence[float]) -> Picture:
    """What the network for any style paints in one pass: a start nearer to the end."""
    import torch

    with torch.no_grad():
        style = mixed(style_rows(net, [scaled(one, LOOK) for one in styles]), shares)
        return Picture(to_pixels(net.paint(to_tensor(photo.pixels).to(style.device), style)[0]))

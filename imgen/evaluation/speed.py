"""Time and memory, beside peers, interleaved on the same machine: ratios mean something anywhere, seconds only here."""

import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from imgen.cards import Card
from imgen.catalog import CARDS, find_card
from imgen.drawing import scenes
from imgen.evaluation.generation import loaded, most_at_once
from imgen.evaluation.peers import USUAL, usual_gatys, usual_transfer
from imgen.image import Frame, Origin, Picture, animate, encode
from imgen.pipelines.explore import morph

if TYPE_CHECKING:
    from torch import Tensor, nn

    from imgen.functional.losses import PictureObjective
    from imgen.models.features import VGG

ROOT = Path(__file__).parent.parent.parent
EMPTY_PAGE = """
import os
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
import gradio as gr
with gr.Blocks() as page:
    gr.Markdown("")
page.launch()
"""


def everything() -> dict[str, object]:
    cards = {card.name: seconds(card.name) for card in CARDS if card.ready}
    return {"page": page(), "cards": cards, "drawn": drawn(), "films": films(), "tiles": tiles(), "upscalers": upscalers(),
            "stylizers": stylizers(), "repainting": repainting()}


def stored(card: Card) -> dict[str, object]:
    """What `weights/<card>.json` tells of a card's time."""
    import torch

    from imgen import device

    if card.task != "stylize":
        return pace(card)
    facts: dict[str, Any] = repainting() if card.abilities.optimises else stylizers((card.name,))[card.name]
    return facts | {"threads": torch.get_num_threads(), "device": device.name("cpu"), "precision": device.precision("cpu")}


def timed() -> list[Card]:
    """The cards whose time is stored."""
    paced = [card for card in CARDS if card.task in ("generate", "upscale", "restore", "classify") and card.net and card.ready]
    paced += [card for card in CARDS if card.task == "restore" and card.net is None and not card.abilities.spoils]
    return paced + [find_card(name) for name in (*AT_ONCE, REPAINTED)]


def seconds(name: str, rounds: int = 5) -> float:
    """Median time of a run on a 256×256 picture (or of 16 generated ones), loaded and warm."""
    card = find_card(name)
    pictures = [noisy(256)] * card.pictures
    times = [timing(card(*pictures, **needed(card))).seconds for _ in range(rounds + 1)]
    return statistics.median(times[1:])


def pace(card: Card) -> dict[str, object]:
    """What a picture of a card costs, loaded and warm: one that it generates, or one of 256×256 pixels that it repairs (a hole of
    32×32, if that is what it fills) or enlarges ×4.

    Of the last also what memory that takes, which hardly grows with the picture, as it is done in tiles.
    """
    import torch

    if card.task == "generate":
        count = min(64, most_at_once(card))
        inputs, knobs = [], {"count": count}
    else:
        inputs, knobs, count = [noisy(256)], {"scale": 4} if card.abilities.any_factor else needed(card), 1
    runs = [timing(card(*inputs, **knobs)) for _ in range(6)][1:]
    middle = statistics.median(run.seconds for run in runs)
    facts: dict[str, object] = {
        "seconds_per_picture": float(f"{middle / count:.3g}"), "count": count, "threads": torch.get_num_threads(),
        "device": runs[0].device, "precision": runs[0].precision,
    }
    return facts | ({"memory_mib": memory(card.name)} if card.abilities.any_factor else {})


def timing(result: Frame) -> Origin:
    assert result.origin
    return result.origin


def needed(card: Card) -> dict[str, list[Picture]]:
    """What the card cannot do without, for a picture of 256×256: a hole, or a painting."""
    if card.abilities.needs_mask:
        spot = np.zeros((256, 256, 1), np.uint8)
        spot[112:144, 112:144] = 255
        return {"mask": [Picture(spot)]}
    return {"paintings": [noisy(256)]} if card.abilities.any_style else {}


def noisy(side: int) -> Picture:
    return Picture(np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8))


MEMORY = """
import re
from imgen.evaluation.speed import noisy
from imgen.catalog import find_card
def peak():  # KiB; getrusage would tell the peak of the process that this one was forked from
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
card = find_card("CARD")
card(noisy(16), scale=4)
before = peak()
card(noisy(512), scale=4)
print((peak() - before) / 1024 - 512 * 512 * 3 * 17 / 2**20)
"""


def memory(name: str) -> float:
    """MiB at the peak, in a process of its own, beyond the program, the net and both pictures; on Linux."""
    command = [sys.executable, "-c", MEMORY.replace("CARD", name)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return round(max(0.0, float(done.stdout)), 1)


def drawn(count: int = 64, size: int = 64) -> dict[str, float]:
    """Seconds that `count` pictures of `size` pixels take by each rule."""
    return {card.name: timing(card(count=count, size=size)).seconds for card in generators() if card.net is None}


def films(steps: int = 30) -> dict[str, float]:
    """Seconds for a film from one picture to another and back, `steps` a way: drawn, and written as an animated WebP."""
    took = {}
    for card in generators():
        if card.net and card.ready:
            stops = card(count=2).pictures
            began = time.perf_counter()
            *_, last = card.do(morph, *stops, steps=steps)
            animate(last.pictures)
            took[card.name] = round(time.perf_counter() - began, 3)
    return took


def generators() -> list[Card]:
    return [card for card in CARDS if card.task == "generate"]


def page(rounds: int = 5) -> dict[str, float]:
    """Seconds from the start of the process to the first HTTP 200: the app and an empty Gradio page, in turns; medians.

    Then, of each task, one click the moment that the app answers, and the same click once it is warm.
    """
    with TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        photo.write_bytes(encode(scenes.landscape(256, seed=1)))
        clicks = {"generate": {}, "upscale": {"picture": photo}, "stylize": {"picture": photo}}
        ours, empty, first, warm = [], [], defaultdict(list), defaultdict(list)
        for task, inputs in (list(clicks.items()) * rounds)[: max(rounds, len(clicks))]:
            with _server([sys.executable, "-c", EMPTY_PAGE]) as (seconds, _):
                empty.append(seconds)
            with _server([sys.executable, "app.py"]) as (seconds, port):
                ours.append(seconds)
                took = _clicks(port, task, inputs)
            first[task].append(took[0])
            warm[task].append(statistics.median(took[1:]))
    mine, bare = statistics.median(ours), statistics.median(empty)
    result = {"app_seconds": mine, "empty_page_seconds": bare, "ratio": mine / bare}
    for task in clicks:
        result[f"{task}_first_click_seconds"] = statistics.median(first[task])
        result[f"{task}_warm_click_seconds"] = statistics.median(warm[task])
    return {name: round(value, 2) for name, value in result.items()}


def _clicks(port: int, task: str, inputs: Mapping[str, Path], times: int = 5) -> list[float]:
    """Seconds of one call after another, as gradio_client makes them."""
    from gradio_client import Client, handle_file

    client = Client(f"http://127.0.0.1:{port}/", verbose=False)
    calls: dict[str, Any] = {name: handle_file(path) for name, path in inputs.items()}
    took = []
    for _ in range(times):
        began = time.perf_counter()
        client.predict(**calls, api_name=f"/{task}")
        took.append(time.perf_counter() - began)
    return took


@contextmanager
def _server(command: list[str]) -> Iterator[tuple[float, int]]:
    """Runs `command` -> seconds until its first HTTP 200, and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.perf_counter()
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"}
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield _answered(port, began), port
    finally:
        server.kill()
        server.wait()


def _answered(port: int, began: float) -> float:
    while time.perf_counter() - began < 120:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                if answer.status == 200:
                    return time.perf_counter() - began
        except OSError:
            time.sleep(0.02)
    raise TimeoutError("the page did not answer within two minutes")


TILES = """
import json, resource, time, numpy as np
from imgen.catalog import find_card
from imgen.image import Picture
card = find_card("espcn_x4")
card(Picture(np.zeros((64, 64, 3), np.uint8)))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
before, picture = peak(), Picture(np.random.default_rng(0).integers(0, 256, (2048, 2048, 3), np.uint8))
began = time.perf_counter()
out = card(picture, tile=TILE).pictures[0].pixels
print(json.dumps({"seconds": time.perf_counter() - began, "gib_over_output": peak() - before - out.nbytes / 2**30}))
"""


def tiles() -> dict[str, dict[str, float]]:
    """ESPCN ×4 on 2048×2048 pixels, by side of the tiles: seconds, and peak memory beyond the output in GiB."""
    result = {}
    for tile in (256, 512):
        command = [sys.executable, "-c", TILES.replace("TILE", str(tile))]
        out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        result[str(tile)] = {k: round(v, 2) for k, v in json.loads(out.stdout).items()}
    return result


def upscalers(side: int = 256, rounds: int = 7) -> dict[str, dict[str, float]]:
    """How many times faster our nets are than usual implementations: layer by layer in eager float32, as scripts have them.

    Interleaved, medians; nets alone, ×4, on the same picture of side × side pixels.  Weights do not matter to time.
    """
    from imgen.image import to_tensor

    picture, result = to_tensor(noisy(side).pixels), {}
    for name, builders in USUAL.items():
        net = loaded(find_card(name))
        x = picture.mean(1, keepdim=True) if net.channels == 1 else picture
        peers = {build.__name__: partial(build().eval(), x.contiguous()) for build in builders}
        result[name] = raced(partial(net, x), peers, rounds)
    return result


def raced(ours: "Callable[[], Tensor]", peers: "dict[str, Callable[[], Tensor]]", rounds: int) -> dict[str, float]:
    """Our median seconds, and how many times as long each peer takes, in turns with us."""
    import torch

    times = defaultdict(list)
    for _ in range(rounds):
        for who, work in (("ours", ours), *peers.items()):
            began = time.perf_counter()
            with torch.inference_mode():
                work()
            times[who].append(time.perf_counter() - began)
    middle = {who: statistics.median(spent[1:]) for who, spent in times.items()}
    return {"seconds": round(middle["ours"], 4)} | {f"times_{who}": round(middle[who] / middle["ours"], 2) for who in peers}


AT_ONCE, REPAINTED = ("transfer_paintings", "arbitrary_style"), "gatys"  # that paint in one pass, and by an optimisation


def stylizers(names: tuple[str, ...] = AT_ONCE, side: int = 512, rounds: int = 7) -> dict[str, dict[str, float]]:
    """How many times faster than the usual transformation network ours paint a picture of side × side pixels, nets alone.

    Of the one for any painting, with the look at a painting of 256×256 pixels.
    """
    import torch

    from imgen.image import to_tensor

    x, painting = to_tensor(noisy(side).pixels), to_tensor(noisy(256).pixels)
    known, every = loaded(find_card("transfer_paintings")), loaded(find_card("arbitrary_style"))
    mix = torch.eye(known.styles)[:1]
    peers = {"usual_transfer": partial(usual_transfer().eval(), x.contiguous())}
    works = {
        "transfer_paintings": partial(known, x, mix),
        "arbitrary_style": lambda: every.paint(x, every.style_of(every.sight(painting))),
    }
    return {name: raced(works[name], peers, rounds) | {"side": side} for name in names}


def random_vgg() -> "VGG":
    """VGG-19 to relu4_1, wide as it is, with weights by chance: for time they serve.

    Drawn as He et al. 2015 do, so that what one sees in deep layers is neither drowned by biases nor out of bounds.
    """
    import torch
    from torch import nn

    from imgen.models.features import VGG

    net = VGG((64, 128, 256, 512), padding_mode="zeros")
    numbers = torch.Generator().manual_seed(0)
    for name, parameter in net.layers.named_parameters():
        if name.endswith("weight"):
            nn.init.kaiming_normal_(parameter, nonlinearity="relu", generator=numbers)
        else:
            nn.init.zeros_(parameter)
    weight, bias = net.normalize.parameters()
    nn.init.dirac_(weight)
    nn.init.constant_(bias, -0.5)
    return net


def repainting(features: "VGG | None" = None, side: int = 256, evaluations: int = 300) -> dict[str, object]:
    """Seconds that the usual optimisation takes, and ours until it has the same loss, as that one measures it.

    Usual: see `usual_gatys`.  Ours: the precision of this machine, channels last, from coarse to fine.  features: see `VGG`,
    float32; both aim at all its layers.  What it takes to measure how far ours has come, every ten steps, is not counted.
    """
    import copy

    import torch

    from imgen import device
    from imgen.functional.optimise import optimised
    from imgen.image import resized, to_pixels, to_tensor
    from imgen.pipelines.repaint import LAYERS, features_of, picture_objective, pyramid, style_target

    features = (features or random_vgg()).eval().requires_grad_(False)
    photo, painting = scenes.landscape(side, seed=1), scenes.still_life(side, 1)
    layers, weights = LAYERS[: len(features.widths)], {"content": 1.0, "style": 10.0, "smoothness": 0.0}

    def objective_of(net: "nn.Module", small: Picture) -> "PictureObjective":
        see = features_of(net)
        styles = [style_target(see, layers, 1.0, painting, None, small.width)]
        return picture_objective(see, weights, styles, to_tensor(small.pixels), ("relu3_1",))

    objective = objective_of(features, photo)
    theirs, least = usual_gatys(objective, photo, evaluations)
    quick = device.place(copy.deepcopy(features), "cpu", device.fast_dtype("cpu"))
    first, ours, taken = photo, 0.0, []
    for small in pyramid(photo):
        began, count, reached = time.perf_counter(), 0, False
        mine = objective_of(quick, small)
        start = to_tensor(resized(first, small.height, small.width).pixels)
        steps = optimised(lambda y, mine=mine: mine.total(mine.terms(y)), start)
        while not reached and count < (evaluations if small is photo else evaluations // 3):
            *_, (y, _) = islice(steps, 10)
            count, ours = count + 10, ours + time.perf_counter() - began
            with torch.no_grad():
                reached = small is photo and objective.total(objective.terms(y)).item() <= least
            began = time.perf_counter()
        first = Picture(to_pixels(y[0]))
        taken.append(count)
    facts: dict[str, object] = {"usual_seconds": round(theirs, 1), "seconds": round(ours, 1), "share": round(ours / theirs, 3)}
    return facts | {"loss": round(least, 4), "steps": taken, "reached": reached, "side": side, "evaluations": evaluations}

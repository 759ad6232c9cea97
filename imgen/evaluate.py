"""What a card is worth, in figures: each task in its own measure, on pictures that training never saw."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imgen import drawings
from imgen.cards import Card
from imgen.controls import UserError
from imgen.image import Picture, to_tensor

if TYPE_CHECKING:
    from torch import Tensor, nn

Scores = dict[str, float | int]


def evaluate(card: Card, folder: Path, teachers: Path | None = None) -> dict[str, Scores]:
    """Name of the pictures -> the card's scores on them.

    folder: the pictures (for some generators an .npz); teachers: holds the feature networks that measure.

    Raises UserError data_missing, data_empty, teacher_missing.
    """
    if not folder.exists():
        raise UserError("data_missing", name=folder.name)
    if card.task == "stylize":
        return {PHOTOGRAPHS.name: painting(card, folder, teachers)}
    return {folder.stem: {"upscale": upscaling, "generate": generation}[card.task](card, folder, teachers)}


def upscaling(card: Card, folder: Path, teachers: Path | None = None) -> Scores:
    """PSNR (dB) and SSIM of Y, border cut by the scale, bicubic LR: mean over every picture of `folder`."""
    from imgen.metrics import psnr, ssim
    from imgen.training.data import files, rgb
    from imgen.training.degrade import shrink

    found = files(folder)
    if not found:
        raise UserError("data_empty", name=folder.name)
    values = []
    for path in found:
        scale = card.facts.get("scale") or card.net.settings.get("scale") or int(card.knobs.get("scale").default)
        hr, lr = shrink(rgb(path), scale)
        sr = card(Picture(lr)).pictures[0]
        x, truth = to_tensor(sr.pixels), to_tensor(hr)
        values.append((psnr(x, truth, scale), ssim(x, truth, scale)))
    mean = np.mean(values, axis=0)
    return {"psnr": round(float(mean[0]), 3), "ssim": round(float(mean[1]), 4), "count": len(values), "scale": scale}


SAMPLES = 2000


def generation(card: Card, folder: Path, teachers: Path | None) -> Scores:
    """Kernel distance ×1000 of 2,000 samples to held-out pictures, in pooled SqueezeNet features; a VAE's bound besides.

    folder: one subfolder per class, of which every 10th picture counts; or an .npz, of which the test part counts.
    `floor` is the same distance between the training pictures and the held-out ones.
    """
    import torch

    from imgen.metrics import kernel_distance
    from imgen.training import data

    features = squeezenet(teachers)
    side = card(count=1).pictures[0].height
    if folder.suffix == ".npz":
        (held, _), (seen, _) = data.digits(folder, "test"), data.digits(folder, "train")
        held = evenly(held, SAMPLES)
    else:
        (held, *_), (seen, *_) = data.classes(folder, side, held_out=True), data.classes(folder, side)
    seen = evenly(seen, SAMPLES)
    made = torch.cat([to_tensor(picture.pixels) for picture in samples(card, SAMPLES)])
    real, train, fake = (pooled(features, x) for x in (held, seen, (made * 255).round().byte()))
    scores = {
        "kid_x1000": round(1000 * kernel_distance(real, fake), 2),
        "floor_kid_x1000": round(1000 * kernel_distance(real, train), 2),
        "samples": SAMPLES, "held_out": len(held),
    }
    encodes = card.net is not None and hasattr(_net(card), "encode")
    return scores | (coding(card, *data.digits(folder, "test")) if encodes else {})


def peer(card: Card, weights: Path, folder: Path, teachers: Path | None) -> Scores:
    """The kernel distance of the same net with weights that the usual recipe made, and how many pictures it had seen."""
    from imgen.cards import load

    twin = replace(card, name=weights.stem)
    twin.__dict__["facts"] = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    load(twin, weights)
    seen = twin.facts["training"]["pictures_seen"]
    return {"usual_kid_x1000": generation(twin, folder, teachers)["kid_x1000"], "usual_pictures_seen": seen}


def evenly(pictures: "Tensor", count: int) -> "Tensor":
    """At most `count` of them, from the first to the last: data sets are sorted by class, and each keeps its share."""
    return pictures[:: max(1, -(-len(pictures) // count))]


def samples(card: Card, count: int) -> Iterator[Picture]:
    """`count` pictures, classes in turn, each as often as another."""
    most, classes = int(card.knobs["count"].control.high), max(1, len(card.facts.get("classes", ())))
    at_once = most - most % classes
    for start in range(0, count, at_once):
        yield from card(count=min(at_once, count - start), seed=start).pictures


def coding(card: Card, pictures: "Tensor", labels: "Tensor") -> Scores:
    """How well codes serve: of a plain autoencoder the PSNR (dB) over all pixels of its reconstructions; of a variational one
    −ELBO in nats per picture, one sample of z each, and its two halves.
    """
    import torch

    from imgen.losses import elbo_terms

    net, generator = _net(card).float(), torch.Generator().manual_seed(0)
    with torch.inference_mode():
        x = pictures.float() / 255
        code = net.encode(x, labels)
        if not isinstance(code, tuple):
            return {"reconstruction_psnr": round(-10 * math.log10((net.decode(code, labels) - x).square().mean().item()), 2)}
        mean, log_var = code
        z = mean + (log_var / 2).exp() * torch.randn(mean.shape, generator=generator)
        reconstruction, kl = elbo_terms(net.decode(z, labels), x, mean, log_var)
    parts = {"nats_per_picture": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}
    return {name: round(value.item(), 2) for name, value in parts.items()}


def _net(card: Card) -> "nn.Module":
    """A copy of the card's net on the CPU, to be measured in float32."""
    import copy

    from imgen.cards import load

    return copy.deepcopy(load(card)).cpu()


def squeezenet(teachers: Path | None) -> "nn.Module":
    """The feature network of the common yardstick: SqueezeNet 1.1 of torchvision, trained on ImageNet."""
    from safetensors.torch import load_file
    from torchvision.models import squeezenet1_1

    file = (teachers or Path()) / "squeezenet1_1.safetensors"
    if not teachers or not file.exists():
        raise UserError("teacher_missing", name=file.name)
    net = squeezenet1_1()
    net.load_state_dict(load_file(file))
    return net.features.eval()


def pooled(net: "nn.Module", pictures: "Tensor") -> "Tensor":
    """(N, C, H, W) uint8 -> (N, 512) float64: enlarged to 224, ImageNet's mean and deviation, features averaged over places."""
    import torch
    import torch.nn.functional as F

    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    out = []
    with torch.inference_mode():
        for part in pictures.split(50):
            x = (part.float() / 255).expand(-1, 3, -1, -1)
            out.append(net(F.interpolate((x - mean) / std, size=224, mode="bilinear")).mean((2, 3)))
    return torch.cat(out).double()


PHOTOGRAPHS = Path("eval/Kodak24")  # for style transfer; training never saw them


def painting(card: Card, folder: Path, teachers: Path | None, photographs: int = 10) -> Scores:
    """The training objective on some photographs and every painting, beside Gatys' L-BFGS after 50 and 100 evaluations.

    folder: holds style/ and PHOTOGRAPHS.
    """
    import torch

    from imgen.bench import gatys
    from imgen.losses import StyleObjective
    from imgen.training.data import files, rgb
    from imgen.training.runs import PAINTINGS, STYLE_SIDE, STYLE_WEIGHT
    from imgen.training.runs import painting as read_painting
    from imgen.training.teachers import pruned_vgg

    if not teachers:
        raise UserError("teacher_missing", name="vgg19_pruned16x/enc5.pt")
    objective = StyleObjective(pruned_vgg(teachers / "vgg19_pruned16x" / "enc5.pt", "zeros"), STYLE_WEIGHT)
    photos = [Picture(_square(rgb(path), STYLE_SIDE)) for path in files(folder / PHOTOGRAPHS)[:photographs]]
    ours, theirs = [], {50: [], 100: []}
    for style, file in PAINTINGS.items():
        wanted = objective.styles(read_painting(folder / "style" / file))
        for photo in photos:
            x = to_tensor(photo.pixels)
            y = to_tensor(card(photo, style=style, size=STYLE_SIDE).pictures[0].pixels)
            with torch.inference_mode():
                ours.append(objective.weighted(*objective.terms(y, x, wanted)).item())
            curve = gatys(objective, x, wanted, max(theirs))
            for evaluations, values in theirs.items():
                values.append(curve[evaluations - 1])
    scores = {"objective": float(np.mean(ours)), **{f"gatys_{n}_evaluations": float(np.mean(v)) for n, v in theirs.items()}}
    return {name: round(value, 4) for name, value in scores.items()} | {"photos": len(photos), "paintings": len(PAINTINGS)}


def _square(pixels: np.ndarray, side: int) -> np.ndarray:
    """The middle of a photograph, shrunk to side × side."""
    from PIL import Image

    short = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - short) // 2, (pixels.shape[1] - short) // 2
    square = Image.fromarray(pixels[top : top + short, left : left + short])
    return np.asarray(square.resize((side, side), Image.Resampling.BICUBIC))


def parameters(card: Card) -> int:
    """How many numbers the card's net has learned, counted without making them."""
    if card.net is None:
        return 0
    import torch

    with torch.device("meta"):
        return sum(parameter.numel() for parameter in card.net.build().parameters())


def sample_figure(card: Card) -> float:
    """One figure that any machine can make in a moment, from what the program draws: does this card still do what it did?

    Super-resolution: PSNR (dB) on a drawn city.  Else the mean grey level: of 16 generated pictures, of a painted landscape.
    """
    if card.task == "upscale":
        from imgen.metrics import psnr
        from imgen.training.degrade import shrink

        scale = card.net.settings.get("scale", 4)
        hr, lr = shrink(drawings.city(192, seed=1).pixels, scale)
        return round(psnr(to_tensor(card(Picture(lr)).pictures[0].pixels), to_tensor(hr), scale), 2)
    pictures = card(count=16).pictures if card.task == "generate" else card(drawings.landscape(192, seed=1)).pictures
    return round(float(np.mean([picture.pixels for picture in pictures])), 1)


def store(card: Card, scores: dict[str, object], **facts: object) -> None:
    """Write scores, by name, and other facts into `weights/<card>.json`, where the page, the README and the tests read them."""
    from imgen.cards import WEIGHTS

    path = WEIGHTS / f"{card.name}.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known = {**known, **facts, "scores": {**known.get("scores", {}), **scores}}
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    card.__dict__.pop("facts", None)  # to be read anew

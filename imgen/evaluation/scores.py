"""What a card is worth, in figures: each task in its own measure, on pictures that training never saw."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imgen.cards import Card
from imgen.catalog import find_card
from imgen.controls import UserError
from imgen.drawing import scenes
from imgen.evaluation.classification import classifying, classifying_sample
from imgen.evaluation.generation import (
    FEATURE_NETWORK,
    SAMPLES,
    Scores,
    _net,
    closeness,
    evenly,
    features_of,
    generative_metrics,
    inception_frechet,
    kernel,
    known_features,
    most_at_once,
    real,
)
from imgen.evaluation.restoration import repairing, repairing_in_views, repairing_sample
from imgen.evaluation.style import PHOTOGRAPHS, painting, seeing
from imgen.evaluation.upscaling import small, upscaling, views_psnr
from imgen.facts import read_facts, write_facts
from imgen.functional.contact_sheet import sheet
from imgen.image import Picture, to_tensor
from imgen.pipelines.guess import guess

if TYPE_CHECKING:
    from torch import Tensor


def evaluate(
    card: Card, folder: Path, teachers: Path | None = None, inception: bool = False, phone: bool = False
) -> dict[str, Scores]:
    """Name of the pictures -> the scores on them, of a card or of the network that measures others.

    folder: the pictures (for some generators an .npz); teachers: holds the feature networks that measure; inception: measure a
    generator in Inception's features too, from the Hub; phone: measure an upscaler on small pictures as phones make them.

    Raises UserError data_missing, data_empty, data_too_few, data_unlike, teacher_missing.
    """
    if not folder.exists():
        raise UserError("data_missing", name=folder.name)
    if card is FEATURE_NETWORK:
        return closeness(folder, teachers)
    if card.task == "stylize":
        return {PHOTOGRAPHS.name: (seeing if card.abilities.optimises else painting)(card, folder, teachers)}
    if card.task == "restore":
        return {folder.stem: repairing(card, folder, teachers)}
    if card.task == "classify":
        return {folder.stem: classifying(card, folder)}
    if card.pipeline is guess:
        return {folder.stem: guessing(card, folder, teachers)}
    if card.task == "upscale":
        return {folder.stem + ("_phone" if phone else ""): upscaling(card, folder, teachers, phone)}
    return {folder.stem: generation(card, folder, teachers, inception)}


def in_eight_views(card: Card, folder: Path) -> Scores:
    """What an upscaler or a net that repairs gains by looking at a picture eight times; of other cards nothing."""
    if "views" not in card.knobs:
        return {}
    return (views_psnr if card.task == "upscale" else repairing_in_views)(card, folder)


def guessing(card: Card, folder: Path, teachers: Path | None = None) -> Scores:
    """Guesses at 2,000 shrunk pictures that training never saw, in the measures of generators; and PSNR (dB) over all pixels,
    which no guess can have high, beside that of the given pixels enlarged.
    """
    import torch

    net = _net(card)
    x = evenly(real(folder, net.side * net.scale)[0], SAMPLES).float() / 255
    lr = torch.nn.functional.avg_pool2d(x, net.scale)
    with torch.inference_mode():
        y = net(torch.randn(len(x), net.latent, generator=torch.Generator().manual_seed(0)), lr)
    fake = (y * 255).round().byte()
    scores = kernel(fake, folder, teachers) if teachers else {}
    nearest = torch.nn.functional.interpolate(lr, scale_factor=net.scale)
    errors = {"reconstruction_psnr": _decibels(y, x), "given_psnr": _decibels(nearest, x)}
    return scores | {"samples": len(x), "held_out": len(x)} | generative_metrics(fake, folder) | errors


def generation(card: Card, folder: Path, teachers: Path | None = None, inception: bool = False) -> Scores:
    """2,000 samples beside pictures that no training saw, in the measures of `generative_metrics`; of an encoder also
    what its codes are worth.

    With `teachers` the kernel distance in SqueezeNet's features as well.  Raises UserError data_unlike, or those of a download.
    """
    one, net = drawn(card, 1, folder), _net(card) if card.net else None
    pictures, labels, _ = real(folder, one.shape[2])
    if pictures.shape[1:] != one.shape[1:] or (net and labels.max() >= net.classes):
        raise UserError("data_unlike", name=folder.name, card=card.name)
    fake = drawn(card, SAMPLES, folder)
    scores = kernel(fake, folder, teachers) if teachers else {}
    scores |= inception_frechet(fake, folder) if inception else {}
    scores |= {"samples": SAMPLES, "held_out": len(evenly(pictures, SAMPLES))} | generative_metrics(fake, folder)
    return scores | (coding(net, pictures, labels) if hasattr(net, "encode") else {})


def peer(card: Card, weights: Path, folder: Path, teachers: Path | None) -> Scores:
    """Some measures of the same net with weights that the usual recipe made, and how many pictures it had seen."""
    facts = read_facts(weights.with_suffix(".json"))
    if not facts.training:
        raise UserError("weights_missing", card=weights.stem)
    twin = replace(card, name=weights.stem, own_facts=facts)
    twin.load(weights)
    measured = generation(twin, folder, teachers)
    usual = {f"usual_{name}": measured[name] for name in ("kid_x1000", "frechet", "nats_per_picture") if name in measured}
    return usual | {"usual_pictures_seen": facts.training.pictures_seen}


def neighbours(card: Card, folder: Path, count: int = 10) -> Picture:
    """A sheet: samples, and below each the training picture that is nearest to it in the bundled network's features."""
    from imgen.functional.metrics import nearest
    from imgen.image import to_pixels

    fake = drawn(card, count, folder)
    *_, learned = real(folder, fake.shape[2])
    _, which = nearest(features_of(fake), known_features(folder, fake.shape[2])[1])
    return sheet([Picture(to_pixels(x.float() / 255)) for x in (*fake, *learned[which])], columns=count)


def drawn(card: Card, count: int, folder: Path) -> "Tensor":
    """Samples (N, C, H, W) uint8."""
    import torch

    pictures = worded(card, count, folder) if card.abilities.reads_words else samples(card, count)
    return (torch.cat([to_tensor(picture.pixels) for picture in pictures]) * 255).round().byte()


def samples(card: Card, count: int) -> Iterator[Picture]:
    """`count` pictures, classes in turn, each as often as another."""
    most, classes = most_at_once(card), max(1, len(card.facts.classes))
    at_once = most - most % classes
    for start in range(0, count, at_once):
        yield from card(count=min(at_once, count - start), seed=start).pictures


def worded(card: Card, count: int, folder: Path) -> Iterator[Picture]:
    """`count` pictures of the names of held-out emoji, each as often as another."""
    from imgen.training.data import part
    from imgen.training.emoji import words

    known = set(card.knobs["words"].options)
    phrases = [phrase for path in part(folder, held_out=True) if (phrase := known.intersection(words(path.stem)))]
    each = -(-count // len(phrases))
    groups = (card(words=" ".join(phrase), count=each, seed=n).pictures for n, phrase in enumerate(phrases))
    yield from islice(chain.from_iterable(groups), count)


def coding(net: Any, pictures: "Tensor", labels: "Tensor") -> Scores:
    """How well codes serve: PSNR (dB) over all pixels of the reconstructions, of a variational autoencoder those from the mean
    of q(z | x); of this one also −ELBO in nats, per picture and per number in it, one sample of z each, and its two halves.

    Where the likelihood is a Gaussian the bound is one of a density, and its one deviation is fitted to these pictures.
    """
    import torch

    from imgen.functional.losses import elbo_terms

    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        x = pictures.float() / 255
        code = net.encode(x, labels)
        if not isinstance(code, tuple):
            return {"reconstruction_psnr": _decibels(net.show(code, labels), x)}
        mean, log_var = code
        z = mean + (log_var / 2).exp() * torch.randn(mean.shape, generator=generator)
        reconstruction, kl = (part.item() for part in elbo_terms(net.decode(z, labels), x, mean, log_var, net.likelihood))
        found = {"reconstruction_psnr": _decibels(net.show(mean, labels), x)}
    bound = {"nats_per_picture": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}
    return {name: round(value, 2) for name, value in bound.items()} | found | {
        "nats_per_dimension": round((reconstruction + kl) / x[0].numel(), 4)
    }


def _decibels(y: "Tensor", x: "Tensor") -> float:
    return round(-10 * math.log10((y - x).square().mean().item()), 2)


def find(name: str) -> Card:
    """What can be measured: a card of the catalog, or the feature network that measures others."""
    return FEATURE_NETWORK if name == FEATURE_NETWORK.name else find_card(name)


def parameters(card: Card) -> int:
    """How many numbers the card's net has learned, counted without making them."""
    if card.net is None:
        return 0
    import torch

    with torch.device("meta"):
        return sum(parameter.numel() for parameter in card.net.build().parameters())


def sample_figure(card: Card) -> float:
    """One figure that any machine can make in a moment, from what the program draws: does this card still do what it did?

    Super-resolution: PSNR (dB) on a drawn city; of a guess at it, the spread of its grey levels.  Of the network that measures
    others, its mean feature of a drawn landscape; of one that pictures are optimised with, the mean size of its features.
    Restoration: PSNR (dB) of a drawn city with noise or holes.  Classification: see `classifying_sample`.  Else the mean grey
    level: of 16 generated pictures, or of a stylized landscape.
    """
    if card is FEATURE_NETWORK:
        return round(features_of((to_tensor(scenes.landscape(192, seed=1).pixels) * 255).byte()).mean().item(), 3)
    if card.pipeline is guess:
        return round(float(card(scenes.city(192, seed=1)).pictures[0].pixels.std()), 1)
    if card.task == "upscale":
        from imgen.functional.metrics import psnr

        scale = int(card.knobs["scale"].default)
        hr, lr = small(scenes.city(192, seed=1).pixels, scale)
        return round(psnr(to_tensor(card(Picture(lr)).pictures[0].pixels), to_tensor(hr), scale), 2)
    if card.abilities.optimises:  # a feature network, which several cards share
        import torch

        net = _net(card)
        with torch.inference_mode():
            return round(net(to_tensor(scenes.landscape(192, seed=1).pixels))["relu3_1"].abs().mean().item(), 3)
    if card.task == "restore":
        return repairing_sample(card)
    if card.task == "classify":
        return classifying_sample(card)
    if card.task == "generate":
        pictures = card(count=16).pictures
    else:
        paintings = {"paintings": [scenes.still_life(128, seed=1)]} if card.abilities.any_style else {}
        pictures = card(*[scenes.landscape(192, seed=1)] * card.pictures, **paintings).pictures
    return round(float(np.mean([picture.pixels for picture in pictures])), 1)


def store(card: Card, scores: dict[str, object], **facts: object) -> None:
    """Write scores, by name, and other facts into `weights/<card>.json`, where the page, the README and the tests read them.

    What was stored and is not measured anew stays: new weights begin without scores.
    """
    from imgen.cards import WEIGHTS

    path = WEIGHTS / f"{card.stem}.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    old = known.get("scores", {})
    merged = {name: {**old.get(name, {}), **new} if isinstance(new, dict) else new for name, new in scores.items()}
    known = {**known, **facts, "scores": {**old, **merged}}
    write_facts(path, known)

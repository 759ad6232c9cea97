"""What style transfer is worth: how near its results come to a painting and stay to the photograph; what its features miss."""

import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from imgen.cards import Card
from imgen.evaluation.generation import Scores, loaded
from imgen.evaluation.peers import gatys, usual_gatys
from imgen.image import Picture, decode, to_tensor

if TYPE_CHECKING:
    from torch import Tensor

PHOTOGRAPHS = Path("eval/Kodak24")  # training never saw them
PAIRS = 4  # of a photograph and a painting, that measure a feature network, or Gatys
STEPS, EVALUATIONS, SIDE = 100, 300, 160  # of our optimisation, of the usual one, and of both
PHOTOS, JUDGED = 8, 384  # that measure a stylizer; pixels of their sides, and of the paintings' shorter ones
STYLE_DEPTH = 5  # of the seven layers of LPIPS: what lies deeper knows what a painting shows rather than how
GATYS = 50  # evaluations


def painting(card: Card, folder: Path, teachers: Path | None) -> Scores:
    """How far a card's pictures are from the painting's style, and by LPIPS from the photograph (see `judge`): mean over
    photographs and paintings; the same of Gatys' L-BFGS on some pairs of them.

    Of a card for any painting: of those that its training left out.  folder: holds style/ and PHOTOGRAPHS.
    """
    from imgen.functional.losses import StyleObjective
    from imgen.training.makers import PAINTINGS, STYLE_WEIGHT, UNSEEN
    from imgen.training.makers import painting as read_painting
    from imgen.training.teachers import PRUNED_VGG, lpips_weights, pruned_vgg, squeezenet_layers, teacher_file

    objective = StyleObjective(pruned_vgg(teacher_file(teachers, PRUNED_VGG), "zeros"), STYLE_WEIGHT)
    if card.abilities.named_styles:
        wishes = [({"style": style}, folder / "style" / PAINTINGS[style]) for style in card.facts.styles[:-1]]
    else:
        wishes = [({"paintings": [folder / "style" / file]}, folder / "style" / file) for file in UNSEEN]
    see, worth = squeezenet_layers(teachers), lpips_weights(teachers)
    photos, ours, theirs = squares(folder, JUDGED, PHOTOS), [], []
    contents = [see(to_tensor(photo.pixels)) for photo in photos]
    for number, (knobs, file) in enumerate(wishes):
        goal = read_painting(file, JUDGED)
        wanted = see(goal)
        for photo, before in zip(photos, contents, strict=True):
            stylized = card(photo, size=JUDGED, **knobs).pictures[0]
            ours.append(judge(see(to_tensor(stylized.pixels)), before, wanted, worth))
        if number < PAIRS:
            optimised = gatys(objective, to_tensor(photos[number].pixels), objective.styles(goal), GATYS)
            theirs.append(judge(see(optimised), contents[number], wanted, worth))
    style, lpips, gatys_style, gatys_lpips = (round(float(one), 3) for one in (*np.mean(ours, 0), *np.mean(theirs, 0)))
    return {
        "style_distance": style, "photo_lpips": lpips, "gatys_style_distance": gatys_style, "gatys_photo_lpips": gatys_lpips,
        "photos": len(photos), "paintings": len(wishes), "gatys_evaluations": GATYS, "gatys_pairs": len(theirs),
    }


def judge(
    stylized: "list[Tensor]", photo: "list[Tensor]", painting: "list[Tensor]", worth: "list[Tensor]"
) -> tuple[float, float]:
    """Of a picture, in a network that no stylizer learned from: its distance to a painting's style, its LPIPS to the photograph.

    Style: the sliced distance in units of each channel's spread, over that of the photograph: 1 is the photograph itself, 0 has
    the painting's features.  stylized, photo, painting: SqueezeNet's features (1, C, h, w) of each layer; worth:
    see `lpips_weights`.
    """
    from imgen.functional.metrics import perceptual_distance, sliced_distance

    units = [spread(*pair) for pair in zip(photo, painting[:STYLE_DEPTH], strict=False)]
    left, at_first = (sliced_distance(one[:STYLE_DEPTH], painting[:STYLE_DEPTH], units).item() for one in (stylized, photo))
    return left / at_first, perceptual_distance(stylized, photo, worth).item()


def spread(*features: "Tensor") -> "Tensor":
    """(1, C, h, w) of some pictures -> (C, 1), each channel's deviation over all places, at least 5 % of the mean one."""
    import torch

    deviation = torch.cat([one[0].flatten(1) for one in features], 1).std(1, keepdim=True)
    return deviation.clamp(min=0.05 * deviation.mean())


def seeing(card: Card, folder: Path, teachers: Path | None) -> Scores:
    """How much of VGG-19's features and Gram matrices our small network misses, and what that costs an optimisation.

    features, grams: squared distance relative to VGG-19's own, by the linear map that fits half of the photographs best, on the
    others, mean over layers.  true_loss_ratio: VGG-19's own loss up to relu3_1 of pictures that were optimised with ours, over
    the least that the usual optimisation with VGG-19 itself comes to (see `usual_gatys`); true_time_ratio: of their times.
    """
    import torch

    from imgen.functional.optimise import optimised
    from imgen.pipelines.repaint import features_of, picture_objective, style_target
    from imgen.training.makers import PAINTINGS, STYLE_WEIGHT
    from imgen.training.teachers import TRUE_VGG, teacher_file, true_vgg, wide_features

    net, wide = loaded(card), wide_features(teachers, "cpu")
    photos = squares(folder, SIDE, 10)
    with torch.inference_mode():
        pairs = [(net(x.to(next(net.parameters()).dtype)), wide(x)) for x in (to_tensor(photo.pixels) for photo in photos)]
    found = [linearly(*([pair[side][layer].float() for pair in pairs] for side in (0, 1))) for layer in pairs[0][1]]
    features, grams = (float(np.mean(one)) for one in zip(*found, strict=True))
    true, layers = true_vgg(teacher_file(teachers, TRUE_VGG)), ("relu1_1", "relu2_1", "relu3_1")
    weights, losses, times = {"content": 1.0, "style": STYLE_WEIGHT, "smoothness": 0.0}, [], np.zeros(2)
    for photo, file in zip(photos[:PAIRS], PAINTINGS.values(), strict=False):
        painting, x = decode(folder / "style" / file).rgb(), to_tensor(photo.pixels)
        usual, mine = (
            picture_objective(see, weights, [style_target(see, layers, 1.0, painting, None, SIDE)], x, layers[-1:])
            for see in (features_of(true), features_of(net))
        )
        theirs, least = usual_gatys(usual, photo, EVALUATIONS)
        began = time.perf_counter()
        *_, (y, _) = islice(optimised(lambda y, mine=mine: mine.total(mine.terms(y)), x), STEPS)
        times += time.perf_counter() - began, theirs
        with torch.inference_mode():
            losses.append(usual.total(usual.terms(y.clamp(0, 1))).item() / least)
    ratios = {"true_loss_ratio": float(np.mean(losses)), "true_time_ratio": times[0] / times[1]}
    scores = {"features": features, "grams": grams, **ratios}
    return {name: round(value, 3) for name, value in scores.items()} | {"photos": len(photos), "pairs": PAIRS}


def linearly(mine: "list[Tensor]", theirs: "list[Tensor]") -> tuple[float, float]:
    """What the best linear map from `mine` to `theirs` leaves unexplained: of features, of Gram matrices.  Each (1, C, h, w)."""
    import torch

    from imgen.training.distilling import strangeness
    from imgen.training.thin import explained

    x, y = (torch.cat([one.flatten(2)[0].T for one in several[::2]]).double() for several in (mine, theirs))
    solved = explained(x, y, 1e-3).float()  # (mine, theirs); else a channel that is silent on these would rule on others
    far, off = [], []
    for features, wanted in zip(mine[1::2], theirs[1::2], strict=True):
        missed = strangeness(torch.einsum("nchw,cd->ndhw", features, solved), wanted)
        for misses, one in zip((far, off), missed, strict=True):
            misses.append(one.item())
    return float(np.mean(far)), float(np.mean(off))


def squares(folder: Path, side: int, count: int) -> list[Picture]:
    """The middles of photographs, shrunk to side × side."""
    from imgen.training.data import files, rgb

    return [Picture(_square(rgb(path), side)) for path in files(folder / PHOTOGRAPHS)[:count]]


def _square(pixels: np.ndarray, side: int) -> np.ndarray:
    short = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - short) // 2, (pixels.shape[1] - short) // 2
    square = Image.fromarray(pixels[top : top + short, left : left + short])
    return np.asarray(square.resize((side, side), Image.Resampling.BICUBIC))

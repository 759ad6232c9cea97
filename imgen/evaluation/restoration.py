"""What a repair is worth: noise, JPEG and holes of known kinds on photographs that training never saw."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imgen.cards import Card
from imgen.controls import UserError
from imgen.drawing import scenes
from imgen.drawing.rules import lines, mesh, triangles
from imgen.evaluation.generation import Scores, loaded
from imgen.functional.degradations import HOLES, brushed, jpeg
from imgen.image import Picture, to_pixels, to_tensor
from imgen.pipelines.fill import unmasked
from imgen.pipelines.spoil import mask_of, without

if TYPE_CHECKING:
    from torch import Tensor, nn

SIGMAS = (5, 15, 25, 35, 50)  # of noise, in grey levels of 255
QUALITIES = (10, 20, 40)
GAPS = {"scratches": 6, "words": 5, "blocks": 10, "strokes": 4}  # what is filled, and how much of it: see `damage`
MOST = 6  # frames, and steps, as in the training


def repairing(card: Card, folder: Path, teachers: Path | None = None) -> Scores:
    """PSNR of what can be mended, mean over the pictures of `folder`.

    noise_σ: all colours, in dB, noise added in float and not clipped (nets) or as a file holds it (rules); jpeg_Q: dB of Y, and
    jpeg_Q_gain, how much that is above the JPEG itself; after_steps, after_frames: noise_25 after each; fill_psnr, fill_lpips:
    with holes of every kind, the whole picture counts; repeated_lpips: the same on drawings with repeated structure.  LPIPS needs
    `teachers`.  strokes_psnr, strokes_gain: see `brushing`.
    """
    pictures = pictures_in(folder)
    scores: Scores = {"count": len(pictures)}
    if card.abilities.takes_mask:
        scores |= filling(card, pictures, teachers)
    if card.abilities.shows_steps:
        scores |= stepping(card, pictures)
    mend = mender(card)
    if mend:
        for sigma in SIGMAS:
            known = mender(card, sigma) or mend
            scores[f"noise_{sigma}"] = mean(decibels(known(noised(x, sigma, n)), to_tensor(x)) for n, x in enumerate(pictures))
        for quality in QUALITIES if card.net else ():
            scores |= decoding(mend, pictures, quality)
    return {name: rounded(value, 4 if "lpips" in name else 2) for name, value in scores.items()}


def repairing_in_views(card: Card, folder: Path) -> Scores:
    """views_noise_25, views_jpeg_10_gain, views_strokes_gain: as `repairing` has them, in eight views, see `self_ensemble`."""
    pictures, scores = pictures_in(folder), {}
    if card.abilities.takes_mask:
        scores |= brushing(card, pictures, views=8)
    if mend := mender(card, views=8):
        scores["noise_25"] = mean(decibels(mend(noised(x, 25, n)), to_tensor(x)) for n, x in enumerate(pictures))
        scores |= decoding(mend, pictures, 10)
    return {f"views_{name}": rounded(scores[name], 2) for name in IN_VIEWS if name in scores}


IN_VIEWS = "noise_25", "jpeg_10_gain", "strokes_gain"


def pictures_in(folder: Path) -> list[np.ndarray]:
    from imgen.training.data import files, rgb

    pictures = [rgb(path) for path in files(folder)]
    if not pictures:
        raise UserError("data_empty", name=folder.name)
    return pictures


def rounded(value: Any, digits: int) -> Any:
    return [rounded(one, digits) for one in value] if isinstance(value, list) else round(value, digits)


def mean(values) -> float:
    return float(np.mean(list(values)))


def decibels(x: "Tensor", truth: "Tensor") -> float:
    """PSNR over all colours, as papers on colour denoising have it."""
    return float(-10 * np.log10((x - truth).double().square().mean().item()))


def noised(pixels: np.ndarray, sigma: float, seed: int) -> "Tensor":
    """(1, 3, H, W) in [0, 1] and, by noise, beyond."""
    import torch

    noise = torch.randn((1, 3, *pixels.shape[:2]), generator=torch.Generator().manual_seed(seed))
    return to_tensor(pixels) + noise * (sigma / 255)


def mender(card: Card, sigma: float = 25.0, views: int = 1) -> "Callable[[Tensor], Tensor] | None":
    """(1, 3, H, W) to the same, mended; in the precision that the app has on this machine.  None: it only fills holes.

    sigma: of the noise, for what must know it; views: of a net, see `self_ensemble`.
    """
    import torch

    from imgen.functional.self_ensemble import averaged

    if card.net is None:
        idle = card.abilities.takes_mask or card.abilities.spoils
        return None if idle else by_rule(card, sigma)
    if card.abilities.needs_mask:
        return None
    net = loaded(card)
    here = next(net.parameters()).device
    once = unmasked(net) if card.abilities.takes_mask else after_all_steps(net) if card.abilities.shows_steps else net
    forward = averaged(once, views, net.grid)

    def mend(x: "Tensor") -> "Tensor":
        with torch.inference_mode():
            return forward(x.to(here)).float().cpu().clamp(0, 1)

    return mend


def by_rule(card: Card, sigma: float) -> "Callable[[Tensor], Tensor]":
    """(1, 3, H, W) to the same, as a file holds it before and after."""
    known = {"noise_level": sigma} if card.abilities.knows_noise else {}
    return lambda x: to_tensor(card(Picture(to_pixels(x[0])), **known).pictures[0].pixels)


def after_all_steps(net: "nn.Module") -> "Callable[[Tensor], Tensor]":
    """A recurrent net that looks at one picture MOST times."""
    return lambda x: net(x[:, None].expand(-1, MOST, -1, -1, -1))[:, -1]


def decoding(mend: "Callable[[Tensor], Tensor]", pictures: list[np.ndarray], quality: int) -> Scores:
    from imgen.functional.metrics import psnr

    spoiled = [jpeg(x, quality) for x in pictures]
    before, after = (
        mean(psnr(one, to_tensor(x)) for one, x in zip(ones, pictures, strict=True))
        for ones in (map(to_tensor, spoiled), (mend(to_tensor(one)) for one in spoiled))
    )
    return {f"jpeg_{quality}": after, f"jpeg_{quality}_gain": after - before}


def stepping(card: Card, pictures: list[np.ndarray], sigma: float = 25.0) -> Scores:
    """dB after 1, 2 … steps on one picture; and after as many frames of it, each with noise of its own."""
    import torch

    net, after = loaded(card), {"after_steps": [], "after_frames": []}
    for n, pixels in enumerate(pictures):
        true = to_tensor(pixels)
        frames = [noised(pixels, sigma, n + 1000 * number) for number in range(MOST)]
        for name, shots in (("after_steps", frames[:1] * MOST), ("after_frames", frames)):
            with torch.inference_mode():
                outputs = net(torch.stack(shots, 1).to(next(net.parameters()).device)).float().cpu().clamp(0, 1)
            after[name].append([decibels(outputs[:, k], true) for k in range(MOST)])
    return {name: np.mean(rows, 0).tolist() for name, rows in after.items()}


def filling(card: Card, pictures: list[np.ndarray], teachers: Path | None) -> Scores:
    from imgen.training.teachers import lpips

    distance, scores = lpips(teachers) if teachers else None, {}
    for name, several in (("fill", pictures), ("repeated", repeated())):
        near, far = [], []
        for n, pixels in enumerate(several):
            whole, true = filled(card, *gap(pixels, n)), to_tensor(pixels)
            near.append(decibels(to_tensor(whole), true))
            far += [distance(to_tensor(whole), true)] if distance else []
        scores |= {f"{name}_psnr": mean(near)} | ({f"{name}_lpips": mean(far)} if far else {})
    return scores | brushing(card, pictures)


def brushing(card: Card, pictures: list[np.ndarray], **knobs: int) -> Scores:
    """PSNR inside broad strokes that cover 10 to 20 % of each picture, and how much that is above biharmonic filling.

    Source: Damelin and Hoang 2018, "On surface completion and image inpainting by biharmonic functions", as scikit-image has it.
    """
    from skimage.restoration import inpaint_biharmonic

    ours, theirs = [], []
    for n, pixels in enumerate(pictures):
        rng = np.random.default_rng(n)
        hole = brushed(pixels.shape[:2], rng.uniform(0.1, 0.2), rng)
        mask = mask_of(hole)
        spoiled = without(pixels, mask)
        smooth = inpaint_biharmonic(spoiled.pixels, hole, channel_axis=2, split_into_regions=True)
        smooth = np.rint(255 * smooth.clip(0, 1)).astype(np.uint8)
        for restored, values in ((filled(card, spoiled, mask, **knobs), ours), (smooth, theirs)):
            values.append(decibels(*(to_tensor(one[hole][None]) for one in (restored, pixels))))
    return {"strokes_psnr": mean(ours), "strokes_gain": mean(ours) - mean(theirs)}


def gap(pixels: np.ndarray, number: int) -> tuple[Picture, Picture]:
    """A picture with holes of one kind, the kinds in turn, and the mask."""
    kind = list(GAPS)[number % len(GAPS)]
    mask = mask_of(HOLES[kind](pixels.shape[:2], GAPS[kind], np.random.default_rng(number)))
    return without(pixels, mask), mask


def filled(card: Card, spoiled: Picture, mask: Picture, **knobs: int) -> np.ndarray:
    return card(spoiled, mask=[mask], grow=0, feather=0, **knobs).pictures[0].pixels


def repeated(side: int = 256) -> list[np.ndarray]:
    """Drawings in which much comes again."""
    rules = [rule(side, np.random.default_rng(seed)).rgb() for rule in (triangles, lines, mesh) for seed in (1, 2)]
    return [one.pixels for one in (*(scenes.city(side, seed) for seed in (3, 4)), *rules)]


def repairing_sample(card: Card) -> float:
    """PSNR (dB) of a drawn city with noise, or with holes if the card only fills them, or spoiled if that is what it does."""
    pixels = scenes.city(192, seed=1).pixels
    mend = mender(card)
    if card.abilities.spoils:
        mended = to_tensor(card(Picture(pixels)).pictures[0].pixels)
    else:
        mended = mend(noised(pixels, 25, 0)) if mend else to_tensor(filled(card, *gap(pixels, 1)))
    return round(decibels(mended, to_tensor(pixels)), 2)

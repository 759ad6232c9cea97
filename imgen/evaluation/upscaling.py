"""What an upscaler is worth: PSNR, SSIM and perceptual distances beside pictures that training never saw."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from imgen.cards import Card
from imgen.controls import UserError
from imgen.evaluation.generation import Scores
from imgen.image import Picture, to_tensor


def upscaling(card: Card, folder: Path, teachers: Path | None = None, phone: bool = False) -> Scores:
    """PSNR (dB) and SSIM of Y, border cut by the scale, and perceptual distances: mean over every picture of `folder`.

    The small pictures are made by bicubic shrinking; with `phone`, blurred, noisy and saved as JPEG as well, the same way every
    time.  LPIPS needs `teachers`.
    """
    from imgen.training.data import files, rgb
    from imgen.training.teachers import lpips

    found = files(folder)
    if not found:
        raise UserError("data_empty", name=folder.name)
    scale, distance = int(card.knobs["scale"].default), lpips(teachers) if teachers else None
    rows = []
    for number, path in enumerate(found):
        hr, lr = small(rgb(path), scale, number if phone else None)
        sr = card(Picture(lr)).pictures[0]
        rows.append(resemblance(sr, Picture(hr), scale))
        if distance:
            rows[-1]["lpips"] = distance(to_tensor(sr.pixels), to_tensor(hr))
    means = {name: round(float(np.mean([row[name] for row in rows])), DIGITS[name]) for name in rows[0]}
    return means | {"count": len(rows), "scale": scale}


DIGITS = {"psnr": 3, "ssim": 4, "distilled_lpips": 4, "lpips": 4}


def float32_psnr(card: Card, folder: Path) -> Scores:
    """PSNR (dB) of an upscaler that runs in float32: what its faster precision costs."""
    others = {role: replace(one, float32_only=True) for role, one in card.auxiliary.items()}
    return {"float32_psnr": mean_psnr(replace(card, float32_only=True, auxiliary=others), folder)}


def views_psnr(card: Card, folder: Path) -> Scores:
    """PSNR (dB) of an upscaler in eight views, see `self_ensemble`."""
    return {"views_psnr": mean_psnr(card, folder, views=8)}


def mean_psnr(card: Card, folder: Path, **knobs: int) -> float:
    """As `upscaling` has it."""
    from imgen.functional.metrics import psnr
    from imgen.training.data import files, rgb

    scale, values = int(card.knobs["scale"].default), []
    for path in files(folder):
        hr, lr = small(rgb(path), scale)
        sr = card(Picture(lr), scale=scale, **knobs).pictures[0]
        values.append(psnr(to_tensor(sr.pixels), to_tensor(hr), scale))
    return round(float(np.mean(values)), DIGITS["psnr"])


def small(hr: np.ndarray, scale: int, phone: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """HR (H, W, C) uint8 -> HR cut to a multiple of `scale`, and its LR; `phone` is the seed of what a phone does to it."""
    from imgen.training.degrade import as_from_a_phone, shrink

    hr, lr = shrink(hr, scale)
    return hr, lr if phone is None else as_from_a_phone(hr, scale, np.random.default_rng(phone), clean=0.0)


def resemblance(sr: Picture, truth: Picture, scale: int) -> dict[str, float]:
    """How near `sr` comes to the truth, both RGB of 8 bit: PSNR (dB) and SSIM as papers on super-resolution have them; LPIPS in
    the bundled network's features.
    """
    from imgen.evaluation.generation import distilled_lpips
    from imgen.functional.metrics import psnr, ssim

    x, true = to_tensor(sr.pixels), to_tensor(truth.pixels)
    return {"psnr": psnr(x, true, scale), "ssim": ssim(x, true, scale), "distilled_lpips": distilled_lpips(x, true)}


def error_map(sr: Picture, truth: Picture, white: float = 48.0) -> Picture:
    """Where the two differ: black where they are equal, by red and yellow to white where they are `white` grey levels apart."""
    apart = np.abs(sr.rgb().pixels.astype(np.float32) - truth.rgb().pixels).mean(2) / white
    return Picture((np.stack([3 * apart, 3 * apart - 1, 3 * apart - 2], axis=2).clip(0, 1) * 255).astype(np.uint8))

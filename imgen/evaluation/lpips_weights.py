"""What each channel of the bundled feature network is worth when two pictures are compared: as LPIPS has it, as
far as that can be had without LPIPS's own network.

Zhang et al. 2018, arXiv:1801.03924, ask people; we ask LPIPS, about photographs that are spoiled in eight ways.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

from imgen.catalog import find_card
from imgen.evaluation.generation import FEATURE_NETWORK, loaded
from imgen.functional.metrics import unit
from imgen.image import Picture, to_tensor
from imgen.training import data
from imgen.training.degrade import as_from_a_phone, jpeg, shrink
from imgen.training.teachers import lpips

SIDE, PHOTOS, PAIRS = 160, 120, 800
SPARSE = 0.02  # how much a weight costs, as a share of the spread of what it weighs: few channels do as well as many
ENLARGED = ("bicubic", "nearest", "espcn_x4", "edge_directed", "lanczos")


@torch.inference_mode()
def worth(photos: Path, teachers: Path) -> list[list[float]]:
    """A weight for each channel of each of the network's stages, none below 0: least squares of their distances against LPIPS."""
    from scipy.optimize import nnls

    rng, net, distance = np.random.default_rng(0), loaded(FEATURE_NETWORK), lpips(teachers)
    crops = data.crops(photos, SIDE, PHOTOS).permute(0, 2, 3, 1).numpy()
    differences, wanted = [], []
    for number in range(PAIRS):
        truth = crops[number % PHOTOS]
        pair = [to_tensor(np.ascontiguousarray(x)) for x in (spoiled(truth, number, rng), truth)]
        wanted.append(distance(*pair))
        stages = zip(*(net.stages(x) for x in pair), strict=True)
        apart = [(unit(x) - unit(true)).square().mean((0, 2, 3)) for x, true in stages]
        differences.append(torch.cat(apart).numpy())
    rows = np.array(differences)
    price = SPARSE * rows.std() * np.eye(rows.shape[1])
    weights, _ = nnls(np.vstack([rows, price]), np.append(wanted, np.zeros(rows.shape[1])), maxiter=100 * rows.shape[1])
    widths = [len(channels) for channels in apart]
    return [[round(float(w), 4) for w in part] for part in np.split(weights, np.cumsum(widths)[:-1])]


def spoiled(pixels: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8 -> the same size: shrunk and enlarged in several ways, blurred, noisy, a JPEG, or sharpened too much."""
    image = Image.fromarray(pixels)
    match number % 8:
        case 0 | 1 | 2 | 3 as kind:
            _, small = shrink(pixels, 4)
            if kind == 3:
                small = as_from_a_phone(pixels, 4, rng, clean=0.0)
            return find_card(ENLARGED[rng.integers(len(ENLARGED))])(Picture(small), scale=4).pictures[0].pixels
        case 4:
            return np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3))))
        case 5:
            return np.clip(pixels + rng.normal(0, rng.uniform(3, 30), pixels.shape), 0, 255).astype(np.uint8)
        case 6:
            return jpeg(pixels, int(rng.integers(8, 60)))
    return np.asarray(image.filter(ImageFilter.UnsharpMask(2, int(rng.integers(100, 400)))))

"""How clean pictures are spoiled, so that a network may learn to mend them."""

import io

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor


def shrink(hr: np.ndarray, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """HR (H, W, C) uint8 -> HR cut to a multiple of `scale`, and its LR, as every published table does it.

    Antialiased bicubic with a = −0.5 (MATLAB's imresize), rounded to 8 bit; Pillow's BICUBIC is that kernel.
    """
    height, width = (side - side % scale for side in hr.shape[:2])
    hr = hr[:height, :width]
    size = (width // scale, height // scale)
    grey = hr.shape[2] == 1
    lr = np.asarray(Image.fromarray(hr[..., 0] if grey else hr).resize(size, Image.Resampling.BICUBIC))
    return hr, lr[..., None] if grey else lr


CLEAN, GREY = 0.2, 0.4  # shares of pictures that are left alone, of noise without colour
BLUR, NOISE, QUALITY = 0.5, 12.0, (40, 96)  # at most: σ in LR pixels, σ in grey levels of 255; from, below
KERNELS = (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.BOX)


def as_from_a_phone(hr: np.ndarray, scale: int, rng: np.random.Generator, clean: float = CLEAN) -> np.ndarray:
    """HR (H, W, C) uint8 -> LR (H/s, W/s, C) uint8: blurred, shrunk by some kernel, noisy, saved as JPEG; each by chance.

    One round of the chain of Real-ESRGAN, Wang et al. 2021, arXiv:2107.10833.  clean: the chance that it is only shrunk, for
    those pictures exist, too.
    """
    size = (hr.shape[1] // scale, hr.shape[0] // scale)
    image = Image.fromarray(hr)
    if rng.random() < clean:
        return np.asarray(image.resize(size, Image.Resampling.BICUBIC))
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0, BLUR * scale)))
    small = np.asarray(image.resize(size, KERNELS[rng.integers(len(KERNELS))]))
    noise = rng.normal(0, rng.uniform(0, NOISE), small.shape[:2] + ((1,) if rng.random() < GREY else small.shape[2:]))
    noisy = np.rint(np.clip(small + noise, 0, 255)).astype(np.uint8)
    return jpeg(noisy, int(rng.integers(*QUALITY)))


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """(H, W, 3) uint8 through a JPEG file and back."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def phones(hr: Tensor, scale: int) -> Tensor:
    """(N, 3, H, W) uint8 -> LR (N, 3, H/s, W/s): every picture spoiled its own way, by torch's random numbers."""
    rng = np.random.default_rng(torch.randint(2**32, ()).item())
    spoiled = [as_from_a_phone(x, scale, rng) for x in hr.permute(0, 2, 3, 1).contiguous().numpy()]
    return torch.from_numpy(np.stack(spoiled)).permute(0, 3, 1, 2)

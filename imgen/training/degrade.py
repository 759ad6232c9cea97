"""How clean pictures are spoiled, so that a network may learn to mend them."""

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from imgen.functional import degradations
from imgen.functional.degradations import jpeg
from imgen.training.steps import randint


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


def phones(hr: Tensor, scale: int) -> Tensor:
    """(N, 3, H, W) uint8 -> LR (N, 3, H/s, W/s): every picture spoiled its own way, by torch's random numbers."""
    rng = np.random.default_rng(randint(2**32))
    spoiled = [as_from_a_phone(x, scale, rng) for x in hr.permute(0, 2, 3, 1).contiguous().numpy()]
    return torch.from_numpy(np.stack(spoiled)).permute(0, 3, 1, 2)


STAIRS = 0.1  # share of pictures of which each pixel is the colour of its middle alone


def phones_and_screens(hr: Tensor, scale: int) -> Tensor:
    """As `phones`, but for some that a program made that knows no smooth edges."""
    lr, stairs = phones(hr, scale), torch.rand(len(hr)) < STAIRS
    lr[stairs] = hr[stairs][..., scale // 2 :: scale, scale // 2 :: scale]
    return lr


def shrunk(hr: Tensor, scale: int) -> Tensor:
    """(N, C, H, W) uint8 -> LR (N, C, H/s, W/s) as `shrink` makes it."""
    small = [shrink(x, scale)[1] for x in hr.permute(0, 2, 3, 1).contiguous().numpy()]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).contiguous()


def plain(count: int, side: int, scale: int) -> tuple[Tensor, Tensor]:
    """What photographs lack: even areas of one colour, half with a box of another; every other one as strong as can be.

    -> LR (count, 3, side, side), half of them as from a phone, and HR (count, 3, scale·side, scale·side), uint8.
    """
    colours = torch.randint(256, (count, 2, 3, 1, 1), dtype=torch.uint8)
    colours[::2] = (torch.rand(colours[::2].shape) < 0.5).byte() * 255
    hr = colours[:, 0].expand(-1, -1, side * scale, side * scale).clone()
    for one, colour in zip(hr[: count // 2], colours[:, 1], strict=False):
        (top, bottom), (left, right) = torch.randint(side * scale, (2, 2)).sort(1).values.tolist()
        one[:, top:bottom, left:right] = colour
    lr = shrunk(hr, scale)
    lr[1::4], lr[2::4] = phones(hr[1::4], scale), phones(hr[2::4], scale)
    return lr, hr


MOST_NOISE = 55.0  # σ in grey levels of 255
NOISY, BOTH = 0.5, 0.1  # shares of pictures with noise alone, with a little of it before JPEG; the others are JPEG alone


def noisy(clean: Tensor, scale: int = 1) -> Tensor:
    """(N, C, H, W) uint8 -> float in grey levels of 255 with white Gaussian noise, not clamped, σ anew for each picture."""
    sigma = torch.rand(len(clean), 1, 1, 1) * MOST_NOISE
    return clean.float() + torch.randn(clean.shape) * sigma


def noisy_or_jpeg(clean: Tensor, scale: int = 1) -> Tensor:
    """(N, 3, H, W) uint8 -> float in grey levels of 255: noise as in `noisy`, JPEG of any quality, or both."""
    out = noisy(clean)
    for n, chance in enumerate(torch.rand(len(clean)).tolist()):
        if chance >= NOISY:
            x = clean[n].float()
            if chance < NOISY + BOTH:
                x = x + torch.randn(x.shape) * torch.rand(()) * 15
            pixels = x.round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
            quality = int(5 * 19 ** torch.rand(()).item())  # from 5 to 95, the poor ones more often
            out[n] = torch.from_numpy(jpeg(pixels, quality).copy()).permute(2, 0, 1)
    return out


FRAMES = 6  # of a sequence, or steps on one frame
SHAKEN = 1  # pixels at most that a frame lies off the first


def burst(clean: Tensor, scale: int = 1) -> Tensor:
    """(N, 3, H, W) uint8 -> (N, FRAMES·3, H, W), float in grey levels of 255: noisy frames; half of them the same again and
    again, the others each with noise of its own, and off by a pixel or none.
    """
    sigma, frames = torch.rand(len(clean), 1, 1, 1) * MOST_NOISE, []
    again = (torch.arange(len(clean)) % 2 == 0).view(-1, 1, 1, 1)
    for n in range(FRAMES):
        off = torch.randint(-SHAKEN, SHAKEN + 1, (2,)).tolist() if n else [0, 0]
        frame = torch.roll(clean, off, (2, 3)).float() + torch.randn(clean.shape) * sigma
        frames.append(torch.where(again, frames[0], frame) if n else frame)
    return torch.cat(frames, 1)


HOLES = {"scratches": (2, 14), "words": (2, 7), "blocks": (3, 20), "strokes": (1, 6)}  # amounts, from and to


def holes(side: int, count: int, seed: int = 0) -> Tensor:
    """(count, 1, side, side) bool: masks of every kind."""
    rng, kinds = np.random.default_rng(seed), list(HOLES)
    masks = [degradations.HOLES[kind]((side, side), rng.uniform(*HOLES[kind]), rng) for kind in kinds * -(-count // len(kinds))]
    return torch.from_numpy(np.stack(masks[:count]))[:, None]


class Wounds:
    """Pictures with holes: (N, 3, H, W) uint8 -> (N, 4, H, W) float in grey levels of 255, the mask as the fourth channel."""

    def __init__(self, side: int, also: float):
        """also: the share of pictures that are spoiled otherwise as well; half of those have no hole."""
        self.masks, self.also = holes(side, 2000), also

    def __call__(self, clean: Tensor, scale: int = 1) -> Tensor:
        x, height, width = clean.float(), *clean.shape[2:]
        mask = self.masks[torch.randint(len(self.masks), (len(x),)), :, :height, :width]
        spoiled = torch.rand(len(x)) < self.also
        if spoiled.any():
            x[spoiled] = noisy_or_jpeg(clean[spoiled])
            mask = mask & ~(spoiled & (torch.rand(len(x)) < 0.5)).view(-1, 1, 1, 1)
        return torch.cat([torch.where(mask, degradations.NEUTRAL, x), 255.0 * mask], 1)

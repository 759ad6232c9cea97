"""How clean pictures are spoiled, so that a network may learn to mend them."""

import numpy as np
from PIL import Image


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

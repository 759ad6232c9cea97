"""Colours that alpha hides: whatever lies there, no visible pixel may depend on it."""

from typing import TYPE_CHECKING

import numpy as np

from imgen.image import Picture, to_pixels, to_tensor

if TYPE_CHECKING:
    from torch import Tensor


def visible(picture: Picture) -> Picture:
    """Without alpha: visible colours as they are, hidden ones as `continued` has them.  Half-transparent colours stay."""
    if picture.alpha is None:
        return picture
    if picture.alpha.min() == picture.white:
        return Picture(picture.colour)
    colour = to_pixels(continued(to_tensor(picture.colour), to_tensor(picture.alpha))[0], picture.pixels.dtype)
    return Picture(np.where(picture.alpha == picture.white, picture.colour, colour))


def own_colours(changed: np.ndarray, picture: Picture, seen: Picture) -> np.ndarray:
    """What was made of `seen` (see `visible`), for the picture itself: half-transparent pixels change as much, from their own.

    changed (H, W, C) in the picture's number of bits.
    """
    if picture.alpha is None or picture.alpha.min() == picture.white:
        return changed
    own = changed.astype(np.int32) + picture.colour - seen.pixels
    return np.where(picture.alpha > 0, own.clip(0, picture.white), changed).astype(changed.dtype)


def continued(colour: "Tensor", opacity: "Tensor") -> "Tensor":
    """Visible colours as they are; hidden ones become the mean of the visible around them, from level to level of a pyramid.

    Whatever lay hidden is gone, and the net sees no edge where only alpha has one.  A faint pixel counts as hidden beside
    an opaque one, but not among its like.  After "pull-push", Gortler et al. 1996, "The lumigraph".
    colour (1, C, H, W), opacity (1, 1, H, W) in [0, 1].
    """
    import torch
    import torch.nn.functional as F

    height, width = opacity.shape[2:]
    if height * width == 1:
        return colour
    share = F.avg_pool2d(opacity, 2, ceil_mode=True)
    mean = F.avg_pool2d(colour * opacity, 2, ceil_mode=True) / share.clamp(min=1e-9)
    around = F.interpolate(continued(mean, share), scale_factor=2)[..., :height, :width]
    trust = opacity / F.max_pool2d(opacity, 5, stride=1, padding=2).clamp(min=1e-9)
    return torch.lerp(around, colour, trust)

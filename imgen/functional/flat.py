"""Areas of one colour: a network keeps them only nearly, and at a picture's border, where it expects zeros, not at all."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

AROUND = 8  # pixels to each side that must be of one colour, too: more than a block of JPEG, whose edges are to be mended
STILL, LIVELY = 1.5 / 255, 4 / 255  # colours differ by so much at most where it is flat, at least where it is not


def liveliness(x: "Tensor") -> "Tensor":
    """How much there is for a network to do at each place: (N, C, H, W) in [0, 1] -> (N, 1, H, W), 0 where all around is of one
    colour, 1 where it is not.
    """
    import torch.nn.functional as F

    window, margin = 2 * AROUND + 1, AROUND

    def highest(x: "Tensor") -> "Tensor":
        rows = F.max_pool2d(x, (window, 1), stride=1, padding=(margin, 0))
        return F.max_pool2d(rows, (1, window), stride=1, padding=(0, margin))

    spread = (highest(x) + highest(-x)).amax(1, keepdim=True)
    return ((spread - STILL) / (LIVELY - STILL)).clamp(0, 1)

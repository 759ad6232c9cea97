"""One convolutional block, applied again and again: each step sees a frame and mends the picture a little further.

Recurrent convolution as in Liang and Hu 2015 (CVPR), with a gate after that of the GRU (Ballas et al. 2016, arXiv:1511.06432),
which decides at each place how much of what is new is added; unlike theirs it takes nothing of the old away.  Several noisy
frames of one scene, or one frame several times: the weights are the same at every step.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgen.functional.resample import filled_up
from imgen.models.layers import begin_at_zero


class RecurrentNet(nn.Module):
    """Colour in, colour out; works at half of the size."""

    scale, channels, grid = 1, 3, 2

    def __init__(self, width: int = 64):
        super().__init__()
        self.width = width
        self.see = nn.Conv2d(12, 2 * width, 3, padding=1)
        self.recall = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.find = nn.Conv2d(width, width, 3, padding=1)
        self.tell = nn.Conv2d(width, 12, 3, padding=1)
        begin_at_zero(self.tell)

    def receptive_radius(self, steps: int) -> int:
        """Radius of what the picture after so many steps depends on: a step sees two pixels of half the size further."""
        return 4 * steps + 3

    def begin(self, frame: Tensor) -> Tensor:
        """The state before the first step, which remembers nothing: frame (N, 3, H, W) -> (N, width, H/2, W/2)."""
        height, width = (-(-side // 2) for side in frame.shape[2:])
        return frame.new_zeros(len(frame), self.width, height, width, dtype=self.see.weight.dtype)

    def step(self, state: Tensor, frame: Tensor) -> Tensor:
        """What is remembered after one more look at `frame`."""
        x = F.pixel_unshuffle(filled_up(frame, self.grid).to(self.see.weight.dtype) - 0.5, 2)
        gate, new = (self.see(x) + self.recall(state)).chunk(2, 1)
        return state + gate.sigmoid() * self.find(F.silu(new))

    def picture(self, state: Tensor, first: Tensor) -> Tensor:
        """What it thinks of the first frame (N, 3, H, W) by now: the same shape, not clamped."""
        return first + F.pixel_shuffle(self.tell(state), 2)[..., : first.shape[2], : first.shape[3]]

    def forward(self, frames: Tensor) -> Tensor:
        """frames (N, T, 3, H, W) in [0, 1], or beyond it by noise -> the picture after each step, the same shape."""
        first, state, out = frames[:, 0], self.begin(frames[:, 0]), []
        for frame in frames.unbind(1):
            state = self.step(state, frame)
            out.append(self.picture(state, first))
        return torch.stack(out, 1)

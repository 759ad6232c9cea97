"""RED-Net: a convolutional autoencoder whose halves are joined by symmetric skips.  Mao et al. 2016, arXiv:1603.09056.

The encoder takes a spoiled picture apart, the decoder builds a clean one; what each layer of one has seen is added to its
mirror image in the other.  Unlike the paper: strides, so that a hole is small to the innermost layers, and a mask that says where
the holes are (there may be none: noise needs no mask).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgen.functional.resample import filled_up
from imgen.models.layers import begin_at_zero, dtype_of


class REDNet(nn.Module):
    """Colour and mask in, colour out."""

    scale, channels = 1, 4

    def __init__(self, widths: tuple[int, ...] = (32, 64, 96, 128)):
        super().__init__()
        self.grid = 2 ** (len(widths) - 1)
        # Level 0: four 3×3 convolutions; each deeper one: half a pixel of its own on the way in, then three times a whole one.
        self.receptive_radius = 4 + sum(7 * 2**level // 2 for level in range(1, len(widths)))
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        for level, width in enumerate(widths):
            down = nn.Conv2d(4 if level == 0 else widths[level - 1], width, 3, stride=1 if level == 0 else 2, padding=1)
            self.encoder.append(nn.Sequential(down, nn.ReLU(inplace=True), nn.Conv2d(width, width, 3, padding=1)))
            up = nn.Conv2d(width, 3, 3, padding=1)
            if level:
                up = nn.ConvTranspose2d(width, widths[level - 1], 4, stride=2, padding=1)
            else:
                begin_at_zero(up)
            self.decoder.append(nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True), up))

    def forward(self, degraded: Tensor) -> Tensor:
        """(N, 4, H, W): RGB in [0, 1], grey where the mask, the fourth, is 1 -> clean (N, 3, H, W), not clamped."""
        height, width = degraded.shape[2:]
        x = filled_up(degraded, self.grid)
        x = torch.cat([x[:, :3] - 0.5, x[:, 3:]], 1).to(dtype_of(self))
        skips = []
        for encode in self.encoder:
            skips.append(x := encode(x if not skips else F.relu(x)))
        for level in reversed(range(len(self.decoder))):
            x = self.decoder[level](F.relu(x))
            x = x + skips[level - 1] if level else x
        return degraded[:, :3] + x[..., :height, :width]

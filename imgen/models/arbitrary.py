"""Any painting in one pass: a style predictor with conditional instance normalisation.  Ghiasi et al. 2017, arXiv:1705.06830.

Unlike the paper the predictor does not learn to see: it is told means and deviations of a frozen feature network of ours (as
AdaIN, Huang and Belongie 2017, arXiv:1703.06868, has it) and learns what they ask of the painting network.
"""

import torch
from torch import Tensor, nn

from imgen.models.features import SmallVGG
from imgen.models.layers import dtype_of
from imgen.models.transfer import Painter


class ArbitraryNet(Painter):
    """`style_of` a painting, then `paint`; a style is a row of numbers, so that styles can be mixed."""

    centre: Tensor
    spread: Tensor

    def __init__(
        self, widths: tuple[int, int, int] = (16, 32, 96), blocks: int = 5, eye_widths: tuple[int, ...] = (24, 48, 96, 128)
    ):
        super().__init__(widths, blocks)
        self.eye = SmallVGG(eye_widths).requires_grad_(False)
        self.register_buffer("centre", torch.zeros(2 * sum(eye_widths)))  # of what the eye sees in the paintings of the training
        self.register_buffer("spread", torch.ones(2 * sum(eye_widths)))
        first, second, last = nn.Linear(2 * sum(eye_widths), 256), nn.Linear(256, 100), nn.Linear(100, sum(self.parts))
        self.predict = nn.Sequential(first, nn.SiLU(), second, last)
        nn.init.normal_(last.weight, std=0.01)
        with torch.no_grad():
            last.bias.copy_(self.plain)
        self.photograph = nn.Parameter(self.plain)  # the style that leaves a photograph as it is

    @torch.no_grad()
    def sight(self, painting: Tensor) -> Tensor:
        """painting (N, 3, h, w) in [0, 1] -> (N, numbers): the logarithms of each channel's size and deviation."""
        features = self.eye(painting.to(self.last.weight.dtype).contiguous(memory_format=torch.channels_last))
        parts = []
        for x in features.values():
            deviation, mean = torch.std_mean(x.float(), (2, 3), correction=0)
            parts += [torch.asinh(4 * mean), torch.log(deviation + 1e-3)]
        return torch.cat(parts, dim=1)

    def style_of(self, sight: Tensor) -> Tensor:
        """What the painting network is told: (N, numbers)."""
        sight = ((sight - self.centre.float()) / self.spread.float()).clamp(-4, 4)
        return self.predict(sight.to(dtype_of(self.predict))).float()

    def forward(self, x: Tensor, sight: Tensor, strength: Tensor) -> Tensor:
        """x (N, 3, H, W) in [0, 1]; sight of the paintings; strength (N, 1): 0 the photograph, 1 the painting."""
        return self.paint(x, torch.lerp(self.photograph.float(), self.style_of(sight), strength.float()))

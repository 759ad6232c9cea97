"""DnCNN: a plain chain of convolutions finds the noise, which is then taken away.  Zhang et al. 2017, arXiv:1608.03981.

Blind and in colour (the paper's CDnCNN-B): one net for every strength of noise.  Unlike the paper: no batch norm, which Muon
makes needless.
"""

from torch import Tensor, nn

from imgen.models.layers import chain, dtype_of


class DnCNN(nn.Module):
    """Colour in, colour out."""

    scale, channels, grid = 1, 3, 1

    def __init__(self, depth: int = 20, width: int = 64):
        super().__init__()
        self.receptive_radius = depth
        self.noise = chain(3, depth, width)

    def forward(self, degraded: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1], or beyond it by noise -> clean, the same shape, not clamped."""
        return degraded - self.noise(degraded.to(dtype_of(self.noise)) - 0.5)

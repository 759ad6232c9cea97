"""Interpolation as a net without parameters, so that it stands beside the networks that learned."""

from torch import Tensor, nn

from imgen.resample import enlarged, reach


class Interpolation(nn.Module):
    channels = None  # any number

    def __init__(self, kernel: str):
        super().__init__()
        self.kernel, self.field = kernel, reach(kernel)

    def forward(self, lr: Tensor, scale: int) -> Tensor:
        """LR (N, C, H, W) -> (N, C, sH, sW), not clamped."""
        return enlarged(lr, self.kernel, scale)

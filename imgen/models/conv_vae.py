"""Autoencoders of convolutions: the variational one, and the plain one.

Variational: Kingma and Welling 2014, arXiv:1312.6114, with the layers of DCGAN (arXiv:1511.06434) in place of dense ones.
Plain: Masci et al. 2011, "Stacked convolutional auto-encoders for hierarchical feature extraction", with strides instead of
max-pooling.  Both are told the class, beside the code (Sohn et al. 2015).
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from imgen.functional.losses import gaussian
from imgen.models.dcgan import Generator, halvings
from imgen.models.layers import condition


class Encoder(nn.Module):
    """Picture -> `out` numbers, by halving the sides and doubling the channels."""

    def __init__(self, out: int, side: int, channels: int, width: int):
        super().__init__()
        depth = halvings(side)
        widths = [channels, *(width * 2**n for n in range(depth))]
        layers = [nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairwise(widths)]
        self.body = nn.Sequential(*(part for layer in layers for part in (layer, nn.LeakyReLU(0.2))))
        self.last = nn.Linear(widths[-1] * (side >> depth) ** 2, out)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, channels, side, side) in [0, 1] -> (N, out)."""
        return self.last(self.body(2 * x - 1).flatten(1))


class ConvAE(nn.Module):
    """A code and nothing else: what codes are likely is measured after training, a Gaussian for each class.

    kernel: of the decoder's layers that double the side.
    """

    numbers = 1  # that the encoder gives for each of the code's
    mean: Tensor
    spread: Tensor

    def __init__(self, classes: int, latent: int = 16, width: int = 32, side: int = 28, channels: int = 1, kernel: int = 4):
        super().__init__()
        self.classes, self.latent, self.side, self.channels = classes, latent, side, channels
        self.encoder = Encoder(self.numbers * latent, side, channels, width)
        self.decoder = Generator(classes, latent, width, side, channels, kernel)
        self.register_buffer("mean", torch.zeros(classes, latent))
        self.register_buffer("spread", torch.eye(latent).repeat(classes, 1, 1))  # Cholesky factors of the covariances

    def encode(self, x: Tensor, label: Tensor) -> Tensor:
        """x (N, channels, side, side) in [0, 1], label (N,), not asked -> code (N, latent)."""
        return self.encoder(x)

    def decode(self, code: Tensor, label: Tensor) -> Tensor:
        """code (N, latent), label (N,) -> pictures (N, channels, side, side) in [0, 1]."""
        return self.decoder(code, label)

    def show(self, code: Tensor, label: Tensor) -> Tensor:
        """The same: here the decoder draws pictures, not logits."""
        return self.decode(code, label)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """z (N, latent) ~ N(0, 1), label (N,) or shares of classes -> pictures: z becomes a code that is likely for the class."""
        shares = condition(label, self.classes, self.mean)
        code = shares @ self.mean + torch.einsum("nc,cij,nj->ni", shares, self.spread, z.to(shares.dtype))
        return self.decode(code.to(z.dtype), label)

    @torch.no_grad()
    def measure(self, code: Tensor, label: Tensor) -> None:
        """Fit the Gaussian of each class to the codes (N, latent) of the training pictures."""
        for c in range(self.classes):
            mine = code[label == c].double()
            self.mean[c] = mine.mean(0)
            self.spread[c] = torch.linalg.cholesky(mine.T.cov() + 1e-6 * torch.eye(self.latent))


class ConvVAE(ConvAE):
    """Encoder q(z | x), a Gaussian; decoder p(x | z, label), a Gaussian of one width about the picture it draws.

    The encoder is not told the class, and so the code tells it: to draw a class, one needs the codes that are likely for it.
    """

    numbers = 2  # mean and log variance
    likelihood = staticmethod(gaussian)

    def __init__(self, classes: int, latent: int = 64, width: int = 32, side: int = 64, channels: int = 3):
        super().__init__(classes, latent, width, side, channels)

    def encode(self, x: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """x (N, channels, side, side) in [0, 1], label (N,), not asked -> mean and log variance, each (N, latent)."""
        return self.encoder(x).chunk(2, dim=1)

"""Variational autoencoder of dense layers.  Kingma and Welling 2014, arXiv:1312.6114.

Unlike the paper: two hidden layers with ReLU instead of one with tanh, and the class beside picture and code
(Sohn et al. 2015), so that one can ask for a shoe.
"""

import torch
from torch import Tensor, nn

from imgen.functional.losses import bernoulli
from imgen.models.layers import condition


class VAE(nn.Module):
    """Encoder q(z | x, label), a Gaussian; decoder p(x | z, label), Bernoulli in each pixel."""

    likelihood = staticmethod(bernoulli)

    def __init__(self, classes: int, side: int = 28, latent: int = 16, hidden: int = 512):
        super().__init__()
        self.classes, self.side, self.latent = classes, side, latent
        self.encoder = nn.Sequential(
            nn.Linear(side * side + classes, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, 2 * latent),  # mean and log variance
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent + classes, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, side * side),  # logits of the pixels
        )

    def encode(self, x: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """x (N, 1, side, side) in [0, 1], label (N,) -> mean and log variance, each (N, latent)."""
        return self.encoder(torch.cat([x.flatten(1), condition(label, self.classes, x)], dim=1)).chunk(2, dim=1)

    def decode(self, z: Tensor, label: Tensor) -> Tensor:
        """z (N, latent), label (N,) -> logits (N, 1, side, side)."""
        return self.decoder(torch.cat([z, condition(label, self.classes, z)], dim=1)).view(-1, 1, self.side, self.side)

    def show(self, z: Tensor, label: Tensor) -> Tensor:
        """z (N, latent), label (N,) -> pictures (N, 1, side, side) in [0, 1]: the means of p."""
        return torch.sigmoid(self.decode(z, label).float())

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """A generator like any other: z ~ N(0, 1) and label (or shares of classes) -> pictures (N, 1, side, side) in [0, 1]."""
        return self.show(z, label)

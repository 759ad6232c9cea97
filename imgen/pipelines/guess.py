"""Guess what a tiny picture was."""

from collections.abc import Iterator
from typing import Annotated

from imgen.controls import Seed
from imgen.image import Frame, Picture, to_pixels, to_tensor
from imgen.pipelines.generate import noise
from imgen.pipelines.nets import Guesser


def guess(net: Guesser, picture: Picture, *, seed: Annotated[int, Seed()] = 10) -> Iterator[Frame]:
    """Shrink `picture` to the net's few pixels, all that it is given, and draw one of the pictures that shrink to the same.

    -> the guess, and what the net was given.
    """
    from torch.nn.functional import adaptive_avg_pool2d

    weight = next(net.parameters())
    grey = to_tensor(picture.rgb().pixels).mean(1, keepdim=True)
    lr = adaptive_avg_pool2d(grey, net.side).to(weight.device)
    z = noise(seed, 1, net.latent).to(weight.device)
    x = net(z, lr)
    yield Frame(1, 1, [Picture(to_pixels(x[0])), Picture(to_pixels(lr[0]))])

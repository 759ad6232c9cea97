"""Make pictures of what words say.

As a GAN told a class (Mirza and Osindero 2014, arXiv:1411.1784), but of several at once: after Reed et al. 2016, "Generative
adversarial text to image synthesis", arXiv:1605.05396, with the mean of learned word vectors in place of their text network.
"""

from collections.abc import Iterator
from typing import Annotated

from imgen.controls import Phrase, Seed, Slider, able
from imgen.image import Frame
from imgen.pipelines.explore import draw
from imgen.pipelines.generate import Wish, noise
from imgen.pipelines.nets import Generator


@able(reads_words=True)
def imagine(
    net: Generator, *,
    words: Wish = Phrase("smiling face"),
    count: Annotated[int, Slider(1, 64, 1)] = 20,
    seed: Annotated[int, Seed()] = 10,
    truncation: Annotated[float, Slider(0.0, 1.5, 0.05, more=True)] = 1.0,
) -> Iterator[Frame]:
    """Draw `count` pictures of the same words, each of which has an equal share."""
    import torch

    shares = torch.zeros(net.classes)
    shares[list(words.indices)] = 1 / len(words.indices)
    yield from draw(net, [(z * truncation, shares) for z in noise(seed, count, net.latent)])

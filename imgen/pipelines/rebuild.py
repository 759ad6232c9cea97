"""A visitor's own picture as a generator would draw it: packed and unpacked again, or looked for in the latent space."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
from PIL import Image

from imgen.controls import Choice, Option, Seed, Slider, UserError
from imgen.image import Frame, Picture, to_tensor
from imgen.pipelines.explore import Place, draw
from imgen.pipelines.generate import at_once, noise
from imgen.pipelines.nets import Autoencoder, Generator, encodes, generates, measures_codes

if TYPE_CHECKING:
    from torch import Tensor

CANDIDATES = 10  # searches that begin side by side
TRIES = 60  # random latents among which they choose where to begin
EACH, HALVING = 10, 40  # steps between two Frames; steps after which only the better half of the searches goes on
RATE = 0.1  # of Adam, falling to nothing in the shape of a cosine
PULL = 0.003  # keeps |z|² near the latent's size, where the generator learned to draw


def rebuild(
    net: Generator | None, picture: Picture, *,
    label: Annotated[Option, Choice("classes", every="all")] = Option("all"),
    steps: Annotated[int, Slider(10, 2000, 10, more=True)] = 400,
    seed: Annotated[int, Seed(more=True)] = 0,
) -> Iterator[Frame]:
    """-> [`picture` as the net sees it, the net's own picture of it, their difference about grey], and how near (dB).

    A net that encodes needs one look; of any other the latent is sought by `steps` steps of gradient descent from `seed`.
    label "all": the class is found, too.  The second picture remembers its place in the latent space.
    """
    import torch

    if not generates(net):
        raise UserError("no_latent_space")
    weight = next(net.parameters())
    nothing = torch.zeros(1, net.latent, device=weight.device, dtype=weight.dtype)
    target, inverted = prepared(picture, *net(nothing, nothing.new_zeros(1, dtype=torch.int64)).shape[1:])
    labels = kinds(net, label).to(weight.device)
    x = to_tensor(target.pixels).to(weight.device)
    ways = encoded(net, x, labels) if encodes(net) else sought(net, x, labels, steps, seed)
    for done, total, place in ways:
        *_, drawn = draw(net, [place])
        yield Frame(done, total, beside(target, drawn.pictures[0]), facts_of(target, drawn.pictures[0], place, label, inverted))


def prepared(picture: Picture, channels: int, height: int, width: int) -> tuple[Picture, bool]:
    """The middle square on white, at the net's size; a picture of just that size keeps its pixels.

    A grey net has learned pictures that are light on black: a picture on a light ground is inverted (True).
    """
    side = min(picture.height, picture.width)
    top, left = (picture.height - side) // 2, (picture.width - side) // 2
    middle = Picture(picture.pixels[top : top + side, left : left + side]).rgb()
    image = Image.fromarray(middle.pixels).convert("RGB" if channels == 3 else "L")
    pixels = np.array(image.resize((width, height), Image.Resampling.LANCZOS)).reshape(height, width, channels)
    if channels == 1 and on_light_ground(pixels):
        return Picture(255 - pixels), True
    return Picture(pixels), False


def on_light_ground(pixels: np.ndarray) -> bool:
    """Whether the outermost pixels are lighter than the rest, and than grey; true of none of Fashion-MNIST's 60,000."""
    border = np.ones(pixels.shape, bool)
    border[1:-1, 1:-1] = False
    return pixels[border].mean() > max(128, pixels[~border].mean())


def beside(target: Picture, drawn: Picture) -> list[Picture]:
    """Both, and where they differ: grey where they agree, lighter where the net draws too light."""
    difference = 128 + drawn.pixels.astype(int) - target.pixels
    return [target, drawn, Picture(np.clip(difference, 0, 255).astype(np.uint8))]


def facts_of(target: Picture, drawn: Picture, place: Place, label: Option, inverted: bool) -> dict[str, object]:
    """db: PSNR over all pixels and channels; equal pictures count as 100 dB."""
    error = np.square((drawn.pixels.astype(float) - target.pixels) / 255).mean()
    facts: dict[str, object] = {"db": -10 * math.log10(max(error, 1e-10)), "inverted": inverted}
    known = place[1].flatten()[: len(label.options)]  # of a net that knows more classes than it was shown, those with a name
    return facts | ({"class": label.options[int(known.argmax())]} if label.options else {})


def kinds(net: Generator, label: Option) -> "Tensor":
    """(N,) int64: the chosen class or all of them, so often that no search is missing."""
    import torch

    each = torch.arange(len(label.options) or net.classes) if label.index is None else torch.tensor([label.index])
    return each.repeat(math.ceil(abreast(net) / len(each)))


def abreast(net: object) -> int:
    """How many searches begin side by side: of large pictures one."""
    return min(CANDIDATES, at_once(net))


Way = Iterator[tuple[int, int, Place]]  # steps done, of how many, the nearest place by now


def encoded(net: Autoencoder, x: "Tensor", labels: "Tensor") -> Way:
    """What the encoder packs x (1, C, H, W) into, under whichever of the labels serves best: of a variational one the mean."""
    import torch
    import torch.nn.functional as F

    code = net.encode(x.expand(len(labels), -1, -1, -1).to(next(net.parameters()).dtype), labels)
    z = (code[0] if isinstance(code, tuple) else code).float()
    if measures_codes(net):  # `forward` takes z to the code spread·z + mean
        mean, spread = net.mean[labels].float(), net.spread[labels].float()
        z = torch.linalg.solve_triangular(spread, (z - mean)[..., None], upper=False)[..., 0]
    shares = F.one_hot(labels, net.classes).float()
    best = ranked(net, x, z, shares)[0]
    yield 1, 1, (z[best], shares[best])


def sought(net: Generator, x: "Tensor", labels: "Tensor", steps: int, seed: int) -> Way:
    """Gradient descent on z, the net as it is.  Zhu et al. 2016, arXiv:1609.03552; Abdal et al. 2019, arXiv:1904.03189.

    Unlike theirs the error is that of the pixels alone, and several searches begin at once, of which the better half goes on.
    """
    import torch

    z, shares = beginnings(net, x, labels, seed)
    moments = [torch.zeros_like(z), torch.zeros_like(z)]
    for done in range(0, steps, EACH):
        if done % HALVING == 0:
            best = ranked(net, x, z, shares)[: max(1, len(z) // 2) if done else abreast(net)]
            z, shares, *moments = (one[best] for one in (z, shares, *moments))
        for step in range(done, min(done + EACH, steps)):
            rate = RATE * (1 + math.cos(math.pi * step / steps)) / 2
            z, moments = adam(z, gradient(net, x, z, shares), moments, step + 1, rate)
        best = ranked(net, x, z, shares)[0]
        yield min(done + EACH, steps), steps, (z[best], shares[best])


def gradient(net: Generator, x: "Tensor", z: "Tensor", shares: "Tensor") -> "Tensor":
    """(N, latent): of the error and the pull."""
    import torch

    with torch.inference_mode(False), torch.enable_grad():  # what inference mode made cannot take part: a copy does
        x, z, shares = x.clone(), z.clone().requires_grad_(), shares.clone()
        loss = errors(net, x, z, shares) + PULL * (z.square().mean(1) - 1).square()
        return torch.autograd.grad(loss.sum(), z)[0]


def adam(z: "Tensor", slope: "Tensor", moments: Sequence["Tensor"], step: int, rate: float) -> tuple["Tensor", list["Tensor"]]:
    """One step of Kingma and Ba 2015, arXiv:1412.6980, section 2, counted from 1.

    By hand: making torch's own takes seconds, in which it imports a compiler.
    """
    first, second = 0.9 * moments[0] + 0.1 * slope, 0.999 * moments[1] + 0.001 * slope.square()
    return z - rate * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8), [first, second]


def beginnings(net: Generator, x: "Tensor", labels: "Tensor", seed: int) -> tuple["Tensor", "Tensor"]:
    """For each label that of some random latents which draws nearest to x: z (N, latent) and shares (N, classes)."""
    import torch
    import torch.nn.functional as F

    tries = max(1, TRIES // len(labels))
    z = noise(seed, tries * len(labels), net.latent).to(x.device)
    shares = F.one_hot(labels, net.classes).float()
    error = errors(net, x, z, shares.repeat_interleave(tries, 0)).view(len(labels), tries)
    return z.view(len(labels), tries, -1)[torch.arange(len(labels), device=x.device), error.argmin(1)], shares


def ranked(net: Generator, x: "Tensor", z: "Tensor", shares: "Tensor") -> "Tensor":
    """(N,): the numbers of the places, the one that draws nearest to x first."""
    return errors(net, x, z, shares).argsort()


def errors(net: Generator, x: "Tensor", z: "Tensor", shares: "Tensor") -> "Tensor":
    """(N,): the mean squared error of the picture at each place."""
    import torch

    dtype, batch = next(net.parameters()).dtype, at_once(net)
    parts = zip(z.to(dtype).split(batch), shares.to(dtype).split(batch), strict=True)
    return torch.cat([(net(*part).float() - x).square().flatten(1).mean(1) for part in parts])

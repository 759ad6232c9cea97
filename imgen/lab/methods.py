"""The methods that the lab can teach: knobs and defaults of each, and from them its nets and the very recipe of `training`.

A method is declared as a pipeline is: its keyword-only parameters are its knobs, on the page and on the command line.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from imgen.controls import Choice, Slider

if TYPE_CHECKING:
    from imgen.lab.courses import Course
    from imgen.lab.data import Lot

Rate = Annotated[float, Slider(1e-5, 1.0, 1e-5)]
Turns = Annotated[int, Slider(1, 10, 1)]
Batch = Annotated[int, Slider(4, 256, 4)]
Few = Annotated[int, Slider(0, 1000, 1, more=True)]  # pictures that are learned from, 0: all
Switch = Annotated[str, Choice(("on", "off"), more=True)]
Optimizer = Annotated[str, Choice(("adam", "momentum", "sgd"), more=True)]
Game = Annotated[str, Choice(("non_saturating", "saturating", "least_squares", "hinge"))]
Settled = Annotated[str, Choice(("relativistic", "non_saturating", "saturating", "least_squares", "hinge"))]


def gan(
    lot: "Lot", *, rate: Rate = 1e-3, rate_d: Rate = 1e-3, loss: Game = "non_saturating", d_steps: Turns = 1, g_steps: Turns = 1,
    optimizer: Optimizer = "adam", batch: Batch = 64, latent: Annotated[int, Slider(1, 64, 1, more=True)] = 16,
    units: Annotated[int, Slider(4, 256, 4, more=True)] = 128, units_d: Annotated[int, Slider(2, 256, 2, more=True)] = 256,
    batch_norm: Switch = "on", few: Few = 0,
) -> "Course":
    """Dense layers: noise -> units, 2·units, pixels; the judge: pixels -> units_d, a logit."""
    from imgen.lab.courses import Duel, batches, optimizers
    from imgen.loader import Net
    from imgen.models.mlp_gan import Discriminator
    from imgen.training.gan import UsualGAN

    net = Net("mlp_gan:Generator", classes=1, latent=latent, widths=(units, 2 * units), norm=batch_norm == "on")
    recipe = UsualGAN(
        net.build(), Discriminator(1, (units_d,)), batches(lot, batch, few, plain=True), device="cpu",
        optimizer=optimizers()[optimizer],
    )
    return Duel(net, recipe, lot, rate=rate, rate_d=rate_d, loss=loss, d_steps=d_steps, g_steps=g_steps)


def dcgan(
    lot: "Lot", *, rate: Rate = 3e-4, rate_d: Rate = 3e-4, loss: Settled = "relativistic", d_steps: Turns = 1, g_steps: Turns = 1,
    start: Annotated[str, Choice(("stored", "new"))] = "stored", batch: Batch = 32, few: Few = 0,
) -> "Course":
    """Convolutions, told the class; `start` "stored" goes on from the bundled one that has learned clothes."""
    from imgen.lab.courses import Duel, batches, stored
    from imgen.lab.setups import CLOTHES
    from imgen.models.dcgan import Discriminator
    from imgen.training.gan import Adversarial, UsualGAN

    generator, judge = CLOTHES.build(), Discriminator(10, side=28, channels=1)
    if start == "stored":
        stored(generator, judge)
    feed = batches(lot, batch, few)
    if loss == "relativistic":
        recipe = Adversarial(generator, judge, None, feed, device="cpu", gamma=0.3, change=lambda x: x)
    else:
        recipe = UsualGAN(generator, judge, feed, device="cpu")
    return Duel(CLOTHES, recipe, lot, rate=rate, rate_d=rate_d, loss=loss, d_steps=d_steps, g_steps=g_steps)


def vae(
    lot: "Lot", *, rate: Rate = 2e-3, beta: Annotated[float, Slider(0.0, 100.0, 0.1)] = 1.0, batch: Batch = 128,
    latent: Annotated[int, Slider(1, 64, 1)] = 8, units: Annotated[int, Slider(8, 512, 8, more=True)] = 256, few: Few = 0,
) -> "Course":
    """Dense layers: pixels -> a Gaussian of `latent` numbers -> pixels."""
    from imgen.lab.courses import Coding, batches
    from imgen.loader import Net
    from imgen.training.autoencoders import Elbo

    net = Net("vae:VAE", classes=1, latent=latent, hidden=units)
    recipe = Elbo(net.build(), batches(lot, batch, few, plain=True), device="cpu")
    return Coding(net, recipe, lot, rate=rate, beta=beta)


def autoencoder(
    lot: "Lot", *, rate: Rate = 2e-3, batch: Batch = 32, latent: Annotated[int, Slider(1, 64, 1)] = 16,
    units: Annotated[int, Slider(4, 64, 4, more=True)] = 16, kernel: Annotated[int, Slider(2, 6, 1, more=True)] = 4, few: Few = 0,
) -> "Course":
    """Convolutions with strides: pixels -> `latent` numbers -> pixels, by squared error; kernel: of what doubles the side."""
    from imgen.lab.courses import Coding, batches
    from imgen.loader import Net
    from imgen.training.autoencoders import Autoencode

    net = Net("conv_vae:ConvAE", classes=1, latent=latent, width=units, side=28, channels=1, kernel=kernel)
    recipe = Autoencode(net.build(), batches(lot, batch, few, plain=True), device="cpu")
    return Coding(net, recipe, lot, rate=rate)


def cnn(
    lot: "Lot", *, rate: Rate = 2e-3, optimizer: Optimizer = "adam", batch: Batch = 32,
    units: Annotated[int, Slider(2, 32, 2, more=True)] = 8, few: Few = 0,
    shuffled: Annotated[float, Slider(0.0, 1.0, 0.05, more=True)] = 0.0,
) -> "Course":
    """Two convolutions with ReLU and pooling, two dense layers, a logit for each class; shuffled: share of labels by chance."""
    from imgen.lab.courses import Classes, batches, optimizers
    from imgen.loader import Net
    from imgen.training.classifying import Classify

    net = Net("cnn:CNN", classes=max(2, len(lot.classes)), channels=1, side=28, maps=(units, 2 * units), kernel=3, padding=1,
              dense=(4 * units,))
    make = optimizers()[optimizer]
    recipe = Classify(net.build(), batches(lot, batch, few, shuffled), lambda n: make(n, (0.9, 0.999)), device="cpu", rate=rate)
    return Classes(net, recipe, lot, rate=rate)


def espcn(
    lot: "Lot", *, scale: Annotated[int, Slider(2, 4, 1)] = 3, rate: Rate = 2e-3,
    batch: Annotated[int, Slider(4, 64, 4)] = 16, few: Few = 0,
) -> "Course":
    """Sub-pixel convolution: a small picture -> the detail that an enlarged one lacks."""
    from imgen.lab.courses import Mending, shrunk
    from imgen.loader import Net
    from imgen.training.regression import Upscale

    net = Net("espcn:ESPCN", scale=scale)
    lr, hr = shrunk(lot.pictures[: few or None], scale)
    return Mending(net, Upscale(net.build(), lr, hr, device="cpu", batch=batch, side=72 // scale), lot, rate=rate)


def denoiser(
    lot: "Lot", *, rate: Rate = 2e-3, depth: Annotated[int, Slider(3, 8, 1)] = 5, batch: Annotated[int, Slider(4, 64, 4)] = 8,
    units: Annotated[int, Slider(8, 48, 8, more=True)] = 24, few: Few = 0,
) -> "Course":
    """A chain of convolutions that finds the noise, of whatever strength."""
    import torch

    from imgen.lab.courses import Mending
    from imgen.loader import Net
    from imgen.training.degrade import noisy
    from imgen.training.regression import Upscale

    net = Net("dncnn:DnCNN", depth=depth, width=units)
    clean = torch.from_numpy(lot.pictures[: few or None])
    return Mending(net, Upscale(net.build(), clean, clean, device="cpu", batch=batch, side=32, spoil=noisy), lot, rate=rate)


METHODS: "dict[str, Callable[..., Course]]" = {
    one.__name__: one for one in (gan, dcgan, vae, autoencoder, cnn, espcn, denoiser)
}

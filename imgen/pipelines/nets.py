"""What pipelines ask of a net: an `nn.Module` as `models` has them, or whatever else has these attributes."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeGuard

if TYPE_CHECKING:
    from torch import Tensor, nn


class Network(Protocol):
    def parameters(self) -> "Iterator[nn.Parameter]": ...


class Enlarger(Protocol):
    @property
    def channels(self) -> int | None: ...  # that it takes; None: any number
    @property
    def receptive_radius(self) -> int: ...  # pixels to each side that a result depends on


class Upscaler(Enlarger, Protocol):
    """Always by its own scale: lr (N, C, H, W) -> (N, C, sH, sW)."""

    @property
    def scale(self) -> int: ...
    def __call__(self, lr: "Tensor") -> "Tensor": ...


class TwoEnded(Network, Protocol):
    """One that can be had between faithful (0) and crisp (1)."""

    def at(self, sharpness: float) -> Upscaler: ...


class Interpolator(Enlarger, Protocol):
    """By any scale: lr (N, C, H, W) -> (N, C, sH, sW)."""

    def __call__(self, lr: "Tensor", scale: int) -> "Tensor": ...


class PyramidInterpolator(Enlarger, Protocol):
    """Likewise, from a level of a pyramid."""

    @property
    def grid(self) -> int: ...
    def __call__(self, lr: "Tensor", scale: int, level: float) -> "Tensor": ...


class HoleFiller(Network, Protocol):
    """degraded (N, 4, H, W), the fourth a mask -> whole (N, 3, H, W).  grid: pixels a side of what it looks at as one."""

    grid: int

    def __call__(self, degraded: "Tensor") -> "Tensor": ...


class AttentiveFiller(HoleFiller, Protocol):
    """One that can say where it looked to fill a pixel."""

    def look(self, degraded: "Tensor", row: int, column: int) -> "Tensor": ...


class Restorer(Network, Protocol):
    """degraded (N, C, H, W) -> clean (N, 3, H, W).  grid: its tiles begin at multiples."""

    grid: int
    receptive_radius: int

    def __call__(self, degraded: "Tensor") -> "Tensor": ...


class RecurrentRestorer(Network, Protocol):
    """frames (N, T, 3, H, W) -> the picture after each step, the same shape."""

    grid: int

    def receptive_radius(self, steps: int) -> int: ...
    def __call__(self, frames: "Tensor") -> "Tensor": ...


class Generator(Network, Protocol):
    """z (N, latent), labels (N,) or shares (N, classes) -> pictures (N, C, H, W)."""

    latent: int
    classes: int

    def __call__(self, z: "Tensor", label: "Tensor") -> "Tensor": ...


class Flow(Network, Protocol):
    """x (N, channels, side, side) on its way from noise at time 0 to a picture in [-1, 1] at time 1; t (N,); labels (N,), or
    shares (N, classes), all 0 for no condition -> velocity, like x.
    """

    classes: int
    side: int
    channels: int

    def __call__(self, x: "Tensor", t: "Tensor", label: "Tensor") -> "Tensor": ...


class Autoencoder(Generator, Protocol):
    """encode: pictures, labels -> codes (N, latent), or their means and log variances."""

    def encode(self, x: "Tensor", label: "Tensor") -> "Tensor | tuple[Tensor, Tensor]": ...


class MeasuredAutoencoder(Autoencoder, Protocol):
    """Its codes are spread·z + mean, of each class its own: (classes, latent) and (classes, latent, latent)."""

    mean: "Tensor"
    spread: "Tensor"


class Guesser(Network, Protocol):
    """z (N, latent) and a picture (N, 1, side, side) -> one that shrinks to it."""

    latent: int
    side: int

    def __call__(self, z: "Tensor", lr: "Tensor") -> "Tensor": ...


class Classifier(Network, Protocol):
    """x (N, channels, side, side) -> logits (N, classes): `classifier` of what `look` gives, maps (N, K, h, w).

    margin: share of the side that is free at each side of the thing in a picture.  first, jump: the pixel on which the maps'
    first place is centred, and how many pixels further the next.
    """

    channels: int
    side: int
    margin: float
    first: float
    jump: int

    @property
    def classifier(self) -> "Callable[[Tensor], Tensor]": ...
    def look(self, x: "Tensor") -> "Tensor": ...
    def __call__(self, x: "Tensor") -> "Tensor": ...


class Stylizer(Network, Protocol):
    """x (N, 3, H, W), shares of its styles (N, styles) -> (N, 3, H, W)."""

    styles: int

    def __call__(self, x: "Tensor", mix: "Tensor") -> "Tensor": ...


class AnyStylizer(Network, Protocol):
    """A style is a row of numbers: `style_of(sight(painting))`; `photograph` is the one that changes nothing."""

    photograph: "nn.Parameter"

    def sight(self, painting: "Tensor") -> "Tensor": ...
    def style_of(self, sight: "Tensor") -> "Tensor": ...
    def paint(self, x: "Tensor", style: "Tensor") -> "Tensor": ...


def generates(net: object) -> TypeGuard[Generator]:
    """Whether it has a latent space: no rule, and no net for another task."""
    return hasattr(net, "latent")


def flows(net: object) -> TypeGuard[Flow]:
    """Whether it goes from noise to a picture in time: its latent space is the noise itself."""
    return hasattr(net, "clock")


def encodes(net: Generator) -> TypeGuard[Autoencoder]:
    return hasattr(net, "encode")


def measures_codes(net: Autoencoder) -> TypeGuard[MeasuredAutoencoder]:
    return hasattr(net, "spread")

"""A picture that is itself what learns: its pixels are moved until a loss is small.  Gatys et al. 2016."""

import math
from collections import deque
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

MEMORY = 1 << 26  # values that the last steps and gradients may fill together: 256 MiB
LONGEST = 32  # pixels: longer waves move as far as these


def optimised(
    loss: Callable[[Tensor], Tensor], start: Tensor, *, first: float = 0.01, furthest: float = 0.03
) -> Iterator[tuple[Tensor, float]]:
    """L-BFGS without line search: yields the picture, and the loss before its last step, as long as one asks.

    start (1, 3, H, W); loss: picture -> (), asked once a step.
    first, furthest: mean movement of a value in the first step, about, and at most in any.  `torch.optim.LBFGS` begins so
    timidly that bfloat16 sees no difference, and without a line search it can leap out of sight; else the steps are its own.
    What is moved are not pixels but waves, the long ones further, as they are in pictures: see `Waves`.
    It remembers as many steps as fit into MEMORY, 10 to 50: where features are by chance, 10 come nowhere near what 50 reach.
    """
    history = max(10, min(50, MEMORY // (2 * start.numel())))
    unit = first * start.numel()  # its first step moves all values by 1 together: so they are counted in this unit
    waves = Waves(start)
    x = (waves.of(start.detach()) / unit).contiguous().requires_grad_(True)
    curvature, slope, step = Curvature(history, x.detach().flatten()), None, None
    while True:
        value = loss(waves.picture(x * unit))
        (found,) = torch.autograd.grad(value, x)
        with torch.no_grad():
            before, last, slope = x.clone(), slope, found.flatten()
            if step is not None and last is not None:
                curvature.learn(slope - last, step)
            step = curvature.downhill(slope)
            length = min(1.0, 1.0 / slope.abs().sum()) if last is None else 1.0
            if slope.dot(step) < 0:  # down indeed
                x.add_(step.view_as(x), alpha=float(length))
            moved = waves.picture(x - before).abs().mean().item() * unit
            if moved > furthest:
                x.copy_(torch.lerp(before, x, furthest / moved))
                length *= furthest / moved
            step.mul_(length)  # what it was in the end
        yield waves.picture(x.detach() * unit), value.item()


class Curvature:
    """What the last steps tell of how the slope bends: L-BFGS, Nocedal 1980, "Updating quasi-Newton matrices with limited
    storage", in the numbers of `torch.optim.LBFGS`.  Whoever builds one of torch's optimizers loads its compiler: 120 MiB.
    """

    def __init__(self, most: int, like: Tensor):
        """most: steps that it remembers; like: one of them, (P,)."""
        aligned = math.ceil(len(like) / 16) * 16  # elsewhere sums would be rounded otherwise
        # One large block: many small ones would lie among what each step takes and leaves, and hold the space between.
        self.room = like.new_empty(2, most, aligned)[..., : len(like)]
        self.known: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=most)  # change of the slope, step, 1 / their product
        self.count = 0
        self.scale: Tensor | float = 1.0  # how far along the slope, for want of anything better

    def learn(self, change: Tensor, step: Tensor) -> None:
        """change (P,) of the slope along `step` (P,)."""
        along = change.dot(step)
        if along > 1e-10:  # else it bends the wrong way
            here = self.room[:, self.count % self.room.shape[1]]  # where the oldest was
            self.known.append((here[0].copy_(change), here[1].copy_(step), 1.0 / along))
            self.scale = along / change.dot(change)
            self.count += 1

    def downhill(self, slope: Tensor) -> Tensor:
        """slope (P,) -> the step (P,) to where it would be 0, as far as is known."""
        way, shares = -slope, []
        for change, step, inverse in reversed(self.known):
            shares.append(step.dot(way) * inverse)
            way.add_(change, alpha=-shares[-1])
        way = way * self.scale
        for (change, step, inverse), share in zip(self.known, reversed(shares), strict=True):
            way.add_(step, alpha=share - change.dot(way) * inverse)
        return way


class Waves:
    """Pictures in a measure in which long waves are moved as easily as short ones.

    In photographs the longer a wave the higher it is (Field 1987), but one step along the gradient of pixels moves all alike.
    Here it moves each by its length: Olah et al. 2017, "Feature visualization", do more of it, which costs strokes.
    """

    def __init__(self, like: Tensor):
        """like (N, C, H, W): of which size, and where."""
        self.size = like.shape[2:]
        rows = torch.fft.fftfreq(self.size[0], device=like.device)[:, None]
        columns = torch.fft.rfftfreq(self.size[1], device=like.device)
        length = 1 / torch.hypot(rows, columns).clamp(min=1 / LONGEST)  # in pixels
        self.unit = (length / length.mean()).sqrt()  # of the measure; a step there is one in pixels, times its square

    def picture(self, x: Tensor) -> Tensor:
        return torch.fft.irfft2(torch.fft.rfft2(x) * self.unit, s=self.size)

    def of(self, picture: Tensor) -> Tensor:
        return torch.fft.irfft2(torch.fft.rfft2(picture) / self.unit, s=self.size)

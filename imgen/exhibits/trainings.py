"""The pictures of the lessons about training: runs of the lab itself, each from its seed and looked at after so many steps."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imgen.exhibits.layout import Exhibit, enlarged, sheet
from imgen.image import Picture
from imgen.lab.setups import PRESETS, Setup

if TYPE_CHECKING:
    from torch import Tensor

    from imgen.lab.run import Teaching

BLUE, ORANGE, INK, PALE, LINE = (61, 120, 200), (240, 150, 40), (110, 110, 120), (246, 246, 249), (222, 222, 229)


def looks(setup: Setup, steps: Sequence[int], look: Callable[["Teaching"], Any]) -> Iterator[Any]:
    """What is seen after each of so many steps, which rise."""
    import torch

    from imgen.lab.run import Teaching

    teaching = Teaching(setup)
    for wanted in steps:
        while teaching.step < wanted:
            teaching.advance()
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            seen = look(teaching)
        yield seen


def panel(x: "Tensor", columns: int, times: int = 2) -> Picture:
    """x (N, 1, H, W) in [0, 1], N a multiple of columns: pictures without gaps, their pixels as squares."""
    side = x.shape[-1]
    laid = x.float().unflatten(0, (-1, columns)).permute(0, 3, 1, 4, 2).reshape(-1, columns * side, 1)
    grey = laid.nan_to_num().clamp(0, 1).mul(255).round().byte().numpy()
    return enlarged(Picture(np.repeat(grey, 3, 2)), times)


def drawn(teaching: "Teaching", count: int = 9) -> "Tensor":
    """What a GAN's generator makes of the same noise each time."""
    from imgen.lab.courses import at_rest

    course: Any = teaching.course
    return at_rest(course.average(), course.z[:count], course.labels[:count])


def verdicts(teaching: "Teaching") -> tuple["Tensor", "Tensor"]:
    """The discriminator's probabilities of real pictures that it never saw and of drawn ones, each (N,)."""
    from imgen.lab.courses import at_rest

    course: Any = teaching.course
    fake = drawn(teaching, len(course.z))
    real, fake = (at_rest(course.recipe.discriminator, x, label)[:, 0].sigmoid() for x, label in (
        (course.real, course.real_labels), (fake, course.labels)))
    return real, fake


def histogram(real: "Tensor", fake: "Tensor", width: int, height: int) -> Picture:
    """From 0 on the left to 1 on the right: drawn ones in orange from above, real ones in blue from below."""
    image = Image.new("RGB", (2 * width, 2 * height), PALE)
    draw, middle = ImageDraw.Draw(image), height
    for values, colour, way in ((real, BLUE, 1), (fake, ORANGE, -1)):
        counts, _ = np.histogram(values.numpy(), 16, (0, 1))
        for n, count in enumerate(counts):
            reach = 0.95 * height * (count / len(values)) ** 0.5  # a root: a few are to be seen, too
            left, right = n * 2 * width / 16 + 2, (n + 1) * 2 * width / 16 - 2
            ends = sorted((middle, middle + way * reach))
            draw.rectangle([left, ends[0], right, ends[1]], fill=colour)
    draw.line([0, middle, 2 * width, middle], fill=INK, width=2)
    draw.line([width, 0, width, 2 * height], fill=LINE, width=2)
    return Picture(np.asarray(image.reduce(2)))


def gan_training() -> Exhibit:
    """The same noise drawn after more and more steps, and below what the discriminator says of real and of drawn pictures."""
    steps = (0, 25, 75, 200, 500)
    seen = list(looks(Setup.read({"method": "gan"}), steps, lambda one: (panel(drawn(one), 3), *verdicts(one))))
    shown = [picture for picture, *_ in seen]
    judged = [histogram(real, fake, shown[0].width, 90) for _, real, fake in seen]
    above = [f"lesson_word_steps {n}" for n in steps]
    return sheet([shown, judged], above=above, beside=["lesson_word_drawn", "lesson_word_verdict"])


def mode_collapse() -> Exhibit:
    """Two runs from one seed, which differ in one thing or two: what is drawn from the same noise."""
    steps, collapse = (50, 100, 150, 300, 500), PRESETS["mode_collapse"]
    rows = [list(looks(setup, steps, lambda one: panel(drawn(one), 3))) for setup in (collapse.mended, collapse.setup)]
    above = [f"lesson_word_steps {n}" for n in steps]
    return sheet(rows, above=above, beside=["lesson_word_turns_one", "lesson_word_turns_five"])


def recoded(teaching: "Teaching", count: int = 8) -> "tuple[Tensor, Tensor, Tensor]":
    """Pictures that a VAE never learned from, what comes back of each by the mean of its code, and what random codes give."""
    import torch

    course: Any = teaching.course
    net, x, labels = course.average().eval(), course.x[:count], torch.zeros(count, dtype=torch.int64)
    return x, net.show(net.encode(x, labels)[0], labels), net.show(course.z[:count], labels)


def elbo() -> Exhibit:
    """Eight pictures, what comes back of them, and what is drawn from random codes, for three β after as many steps."""
    def look(teaching: "Teaching") -> list[Picture]:
        return [panel(one, 4) for one in recoded(teaching)]

    betas = (0, 1, 50)
    columns = [next(looks(Setup.read({"method": "vae", "beta": beta}), (600,), look)) for beta in betas]
    rows = [list(row) for row in zip(*columns, strict=True)]
    beside = [f"lesson_word_{one}" for one in ("given", "reconstructed", "random_codes")]
    return sheet(rows, above=[f"lesson_word_beta {beta}" for beta in betas], beside=beside)


def line(
    steps: Sequence[float], values: Sequence[float], high: float, ticks: Sequence[float], colour: tuple[int, int, int],
    width: int = 300, height: int = 130, percent: bool = False,
) -> Picture:
    """Values from 0 at the bottom to `high` at the top, over steps; what is higher stays at the top."""
    image, left = Image.new("RGB", (2 * width, 2 * height), PALE), 74  # where the numbers stand
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=22)

    def y(v: float) -> float:
        return 2 * height - 16 - (2 * height - 32) * min(v, high) / high

    for tick in ticks:
        draw.line([left, y(tick), 2 * width, y(tick)], fill=LINE, width=2)
        draw.text((left - 8, y(tick)), f"{100 * tick:.0f} %" if percent else f"{tick:g}", fill=INK, font=font, anchor="rm")
    points = [(left + n / steps[-1] * (2 * width - left), y(v)) for n, v in zip(steps, values, strict=True) if np.isfinite(v)]
    draw.line(points, fill=colour, width=5, joint="curve")
    return Picture(np.asarray(image.reduce(2)))


def overfitting() -> Exhibit:
    """How many of the pictures that it learns from, and of others, a classifier tells right, over the steps of two runs."""
    steps, preset = range(0, 301, 5), PRESETS["overfitting"]
    runs = [list(looks(setup, steps, lambda one: one.course.shown()["scores"])) for setup in (preset.setup, preset.mended)]
    rows = [
        [line(steps, [scores[name] for scores in run], 1.05, (0.25, 0.5, 1.0), colour, percent=True) for run in runs]
        for name, colour in (("accuracy_train", BLUE), ("accuracy", ORANGE))
    ]
    above = ["lesson_word_sixteen", "lesson_word_thousands"]
    return sheet(rows, above=above, beside=["lesson_word_learned_from", "lesson_word_never_seen"])


def learning_rate() -> Exhibit:
    """The loss of a VAE over its first steps at three rates, and what it makes of eight pictures after them."""
    def losses(teaching: "Teaching") -> float:
        said = sum(teaching._sums.values()) / max(1, teaching._counted)
        teaching._sums.clear()
        teaching._counted = 0
        return said

    rates, steps, curves, shown = ("0.00003", "0.002", "0.1"), range(0, 201, 4), [], []
    for rate in rates:
        setup = Setup.read({"method": "vae", "rate": float(rate)})
        seen = list(looks(setup, steps, lambda one: (losses(one), panel(recoded(one)[1], 4) if one.step == steps[-1] else None)))
        curves.append(line(steps[1:], [loss for loss, _ in seen[1:]], 600, (0, 200, 400), BLUE, width=224))
        shown.append(seen[-1][1])
    above = [f"lesson_word_rate {rate}" for rate in rates]
    return sheet([curves, shown], above=above, beside=["lesson_word_loss", "lesson_word_reconstructed"])


TRAININGS: dict[str, Callable[[], Exhibit]] = {
    one.__name__: one for one in (gan_training, mode_collapse, elbo, overfitting, learning_rate)
}

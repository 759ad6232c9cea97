"""Trains small recipes, in one process or under torchrun, and writes what came of it: python tests/together.py STEPS OUT NAME …

NAME: a maker of tests/test_training.py, or one of those below.  Everything is computed in float64: there only the order of sums
differs, and Adam, which divides a slope by its own size, makes no step out of the rounding error of one that should be zero.
"""

import sys
from contextlib import nullcontext
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

from imgen import device

torch.set_num_threads(1)
if "--float32" not in sys.argv:
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double
device.fast_dtype = lambda name: torch.get_default_dtype()
device.mixed_precision = lambda name: nullcontext()

import test_training  # noqa: E402

from imgen.functional import together  # noqa: E402
from imgen.models.cnn import CNN  # noqa: E402
from imgen.models.flow import Velocity  # noqa: E402
from imgen.training.classifying import Classify, DrawnShapes, Shifted, decayed_adam  # noqa: E402
from imgen.training.flow import FlowMatching  # noqa: E402
from imgen.training.loop import train  # noqa: E402

EVEN = 4  # pictures of a batch, where the maker's own number is odd


def flow():
    torch.manual_seed(0)
    net = Velocity(5, side=8, channels=3, widths=(32,), blocks=(1,), style=32)
    return FlowMatching(net, test_training.signs(), device="cpu", forgotten=0.3)


def classify():
    """With dropout."""
    torch.manual_seed(0)
    net = CNN(5, 1, 8, maps=(8,), kernel=3, padding=1, dense=(16,), dropout=0.2)
    return Classify(net, Shifted(test_training.signs(channels=1)), decayed_adam, device="cpu", rate=1e-2)


def shapes():
    torch.manual_seed(0)
    net = CNN(10, 3, 32, maps=(8,), kernel=3, padding=1, dense=(16,), dropout=0.0)
    return Classify(net, DrawnShapes(32, 8, "cpu"), decayed_adam, device="cpu", rate=1e-2)


def large():
    """As `espcn_x3` is trained, on noise."""
    torch.manual_seed(0)
    lr = torch.randint(0, 255, (32, 3, 48, 48), dtype=torch.uint8)
    hr = lr.repeat_interleave(3, 2).repeat_interleave(3, 3)
    return test_training.Upscale(test_training.ESPCN(3), lr, hr, device="cpu")


def main(steps: int, out: Path, names: list[str]) -> None:
    together.join("cpu")
    for name in names:
        recipe = (globals().get(name) or getattr(test_training, name))()
        if getattr(getattr(recipe, "batches", None), "size", EVEN) % 2:
            recipe.batches.size = EVEN
        if hasattr(getattr(recipe, "objective", None), "dtype"):  # whose own precision is an argument
            recipe.objective.dtype = torch.get_default_dtype()
            recipe.objective.features.to(torch.get_default_dtype())
        torch.manual_seed(7)
        losses = [frame.facts for frame in train(recipe, steps, out / f"{name}.pt", report_every=steps)]
        state = {part: value.state_dict() for part, value in recipe.state.items() if isinstance(value, torch.nn.Module)}
        number = "" if together.is_first() else "-second"
        torch.save({"state": state, "losses": losses, "random": torch.get_rng_state()}, out / f"{name}{number}.result")
    together.leave()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), [name for name in sys.argv[3:] if not name.startswith("-")])

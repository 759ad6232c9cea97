"""The usual implementations that ours are compared with, as papers and most scripts have them: nets and optimisations."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from imgen.image import Picture

if TYPE_CHECKING:
    from torch import Tensor, nn

    from imgen.functional.losses import LayerStyle, PictureObjective, StyleObjective


def usual_transfer() -> "nn.Module":
    """The layers of examples/fast_neural_style of PyTorch, after Johnson et al. 2016: reflection, instance norm, 32-64-128."""
    from torch import nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(*conv(128, 128, 3), nn.ReLU(), *conv(128, 128, 3))

        def forward(self, x: "Tensor") -> "Tensor":
            return x + self.body(x)

    def conv(cin: int, cout: int, size: int, stride: int = 1, up: int = 1, norm: bool = True) -> "list[nn.Module]":
        before = [nn.Upsample(scale_factor=up)] if up > 1 else []
        layers = [*before, nn.ReflectionPad2d(size // 2), nn.Conv2d(cin, cout, size, stride)]
        return layers + ([nn.InstanceNorm2d(cout, affine=True)] if norm else [])

    return nn.Sequential(
        *conv(3, 32, 9), nn.ReLU(), *conv(32, 64, 3, stride=2), nn.ReLU(), *conv(64, 128, 3, stride=2), nn.ReLU(),
        *(Block() for _ in range(5)),
        *conv(128, 64, 3, up=2), nn.ReLU(), *conv(64, 32, 3, up=2), nn.ReLU(), *conv(32, 3, 9, norm=False),
    )


def usual_gatys(objective: "PictureObjective", photo: Picture, evaluations: int) -> tuple[float, float]:
    """Float32, at full size from the photograph, Gram matrices as scripts have them -> seconds, the least loss."""
    from imgen.functional.losses import content_loss, gram_distance
    from imgen.image import to_tensor

    (only,) = objective.styles

    def loss(x: "Tensor") -> "Tensor":
        features, distances = objective.features(x, max([*objective.content, *only.style])), []
        for layer, style in only.style.items():
            flat = (features[layer] - style.shift).flatten(2)
            distances.append(gram_distance(flat @ flat.transpose(1, 2) / flat.shape[2], style.gram))
        (content,) = (content_loss(features, objective.content, layer) for layer in objective.content)
        return (objective.weights["content"] * content + objective.weights["style"] * sum(distances) / len(distances)).sum()

    began = time.perf_counter()
    _, least = usual_lbfgs(loss, to_tensor(photo.pixels), evaluations)
    return time.perf_counter() - began, least


def usual_lbfgs(loss: "Callable[[Tensor], Tensor]", start: "Tensor", evaluations: int) -> "tuple[Tensor, float]":
    """`torch.optim.LBFGS` as it comes, history 100: the best that it met, and its loss."""
    import torch

    x = start.clone().contiguous().requires_grad_(True)
    best, least = start, math.inf
    optimizer = torch.optim.LBFGS([x], max_iter=evaluations, max_eval=evaluations, tolerance_grad=0, tolerance_change=0)

    def closure() -> "Tensor":
        nonlocal best, least
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        if value.item() < least:
            best, least = x.detach().clone(), value.item()
        return value

    optimizer.step(closure)
    return best, least


def usual_espcn() -> "nn.Module":
    """Shi et al. 2016, section 3.3: tanh, luminance only."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 64, 5, padding=2), nn.Tanh(), nn.Conv2d(64, 32, 3, padding=1), nn.Tanh(), nn.Conv2d(32, 16, 3, padding=1),
        nn.PixelShuffle(4),
    )


def pytorch_examples_espcn() -> "nn.Module":
    """The layers of examples/super_resolution of PyTorch."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 64, 5, padding=2), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(),
        nn.Conv2d(64, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 16, 3, padding=1), nn.PixelShuffle(4),
    )


def usual_srresnet() -> "nn.Module":
    """Ledig et al. 2017, figure 4, with batch norm, as most scripts have it."""
    from torch import nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            conv = (lambda: nn.Conv2d(64, 64, 3, padding=1))  # noqa: E731
            self.body = nn.Sequential(conv(), nn.BatchNorm2d(64), nn.PReLU(), conv(), nn.BatchNorm2d(64))

        def forward(self, x: "Tensor") -> "Tensor":
            return x + self.body(x)

    class Long(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(*(Block() for _ in range(16)), nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64))

        def forward(self, x: "Tensor") -> "Tensor":
            return x + self.body(x)

    double = [layer for _ in range(2) for layer in (nn.Conv2d(64, 256, 3, padding=1), nn.PixelShuffle(2), nn.PReLU())]
    return nn.Sequential(nn.Conv2d(3, 64, 9, padding=4), nn.PReLU(), Long(), *double, nn.Conv2d(64, 3, 9, padding=4))


def usual_light() -> "nn.Module":
    """The very network, in eager float32."""
    from imgen.models.light import Light

    return Light(4)


USUAL = {
    "espcn_x4": (usual_espcn, pytorch_examples_espcn), "srresnet_x4": (usual_srresnet,), "light_x4": (usual_light,),
}


def gatys(objective: "StyleObjective", photo: "Tensor", wanted: "dict[str, LayerStyle]", evaluations: int) -> "Tensor":
    """Style transfer by optimising the picture itself, from the photograph: the best picture of so many evaluations.

    Source: Gatys et al. 2016.  photo (1, 3, H, W) in [0, 1] -> the same.
    """
    best, _ = usual_lbfgs(lambda x: objective.weighted(*objective.terms(x, photo, wanted)).sum(), photo, evaluations)
    return best.clamp(0, 1)

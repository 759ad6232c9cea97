"""The plain convolutional classifier: convolutions with ReLU, poolings, dense layers, a logit for each class.

LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition" (LeNet-5).  Unlike the paper:
ReLU for tanh, the maximum for a trained mean, every map sees every map, and dense layers for radial basis functions at the end.
"""

from collections.abc import Sequence

from torch import Tensor, nn


class CNN(nn.Module):
    def __init__(
        self, classes: int, channels: int, side: int, maps: Sequence[int], kernel: int, padding: int, dense: Sequence[int],
        dropout: float = 0.0, margin: float = 0.0,
    ):
        """maps: of each convolution, which a pooling of 2×2 follows; dense: widths of the layers before the last.

        dropout: share of the numbers before each dense layer but the first that training leaves out.
        margin: share of the side that is free at each side of the thing in the pictures that it learns from.
        """
        super().__init__()
        self.classes, self.channels, self.side, self.margin = classes, channels, side, margin
        self.first, self.jump = 0.0, 1  # pixel on which the maps' first place is centred, and pixels from one to the next
        convolutions: list[nn.Module] = []
        for before, after in zip((channels, *maps), maps, strict=False):
            if convolutions:  # behind a pooling
                self.first, self.jump = self.first + self.jump / 2, 2 * self.jump
            self.first += self.jump * ((kernel - 1) / 2 - padding)
            convolutions += [nn.Conv2d(before, after, kernel, padding=padding), nn.ReLU(), nn.MaxPool2d(2)]
            side = (side + 2 * padding - kernel + 1) // 2
        self.features = nn.Sequential(*convolutions[:-1])  # (N, C, h, w): what Grad-CAM looks at
        layers: list[nn.Module] = [nn.MaxPool2d(2), nn.Flatten()]
        widths = (maps[-1] * side * side, *dense)
        for before, after in zip(widths, dense, strict=False):
            layers += [nn.Linear(before, after), nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
        self.classifier = nn.Sequential(*layers, nn.Linear(widths[-1], classes))

    def look(self, x: Tensor) -> Tensor:
        """x (N, channels, side, side) in [0, 1] -> the maps of the last convolution (N, K, h, w), before they are pooled."""
        return self.features(x - 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, channels, side, side) in [0, 1] -> logits (N, classes)."""
        return self.classifier(self.look(x))

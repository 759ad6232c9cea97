"""How like real pictures generated ones are: distances between sets of features, always against pictures that no training saw.

The features are SqueezeNet's, from a folder that the user names, or those of our DistilledSqueezeNet, which is bundled.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from imgen.cards import Card, Paper
from imgen.catalog import CARDS
from imgen.controls import Slider, UserError
from imgen.image import Frame
from imgen.loader import Net

if TYPE_CHECKING:
    from torch import Tensor, nn

Scores = dict[str, Any]  # a figure for each measure by its name, or a list of figures
SAMPLES = 2000
HINTON = Paper("Distilling the knowledge in a neural network", "Hinton, Vinyals, Dean", 2015, "1503.02531")


def nothing(net: object) -> Iterator[Frame]:
    """What a card does that is in no catalog: it measures others."""
    return iter(())


FEATURE_NETWORK = Card(
    "distilled_squeezenet", "measure", Net("distilled:DistilledSqueezeNet"), nothing, HINTON, "MIT", lesson="", float32_only=True
)


def loaded(card: Card) -> Any:
    """The net of a card that has one, in the precision that the app has on this machine; of whichever class."""
    net = card.load()
    assert net is not None, card.name
    return net


@cache
def real(folder: Path, side: int) -> "tuple[Tensor, Tensor, Tensor]":
    """Held-out pictures (N, C, H, W) uint8, their labels (N,), and the training pictures.

    folder: one subfolder per class, of which every 10th picture is held out; or an .npz, of which the test part is.
    Raises UserError data_too_few.
    """
    from imgen.training import data

    try:
        if folder.suffix == ".npz":
            (held_out, labels), (learned, _) = data.digits(folder, "test"), data.digits(folder, "train")
        else:
            (held_out, labels, _) = data.classes(folder, side, held_out=True)
            learned, *_ = data.classes(folder, side)
    except (ValueError, KeyError, OSError, EOFError, BadZipFile):  # nothing there, or no such .npz
        raise UserError("data_too_few", name=folder.name) from None
    if len(held_out) < 5:
        raise UserError("data_too_few", name=folder.name)
    return held_out, labels, learned


def evenly(pictures: "Tensor", count: int) -> "Tensor":
    """At most `count` of them, from the first to the last: data sets are sorted by class, and each keeps its share."""
    return pictures[:: max(1, -(-len(pictures) // count))]


def features_of(pictures: "Tensor") -> "Tensor":
    """(N, C, H, W) uint8 -> (N, 512) float64: their features in the bundled network."""
    import torch

    net = loaded(FEATURE_NETWORK)
    here = net.mean.device
    with torch.inference_mode():
        return torch.cat([net(part.to(here).float() / 255).cpu().double() for part in pictures.split(250)])


def distilled_lpips(x: "Tensor", truth: "Tensor") -> float:
    """LPIPS of two pictures (1, 3, H, W) in [0, 1] in the features of the bundled network, 0 for equal ones: its channels weigh
    so that it comes near to the LPIPS that papers quote.
    """
    import torch

    from imgen.functional.metrics import perceptual_distance

    net = loaded(FEATURE_NETWORK)
    here = net.mean.device
    weights = [torch.tensor(worth, device=here) for worth in FEATURE_NETWORK.facts.worth]
    with torch.inference_mode():
        mine, theirs = (net.stages(picture.to(here).float()) for picture in (x, truth))
        return perceptual_distance(mine, theirs, weights).item()


@cache
def known_features(folder: Path, side: int) -> "tuple[Tensor, Tensor]":
    """Features of at most SAMPLES held-out pictures and of all training pictures; once for a card and its peer."""
    held_out, _, learned = real(folder, side)
    return features_of(evenly(held_out, SAMPLES)), features_of(learned)


@cache
def novelty(folder: Path, side: int) -> float:
    """How far held-out pictures are from the nearest training picture, in the bundled network's features: the median."""
    from imgen.functional.metrics import nearest

    return nearest(*known_features(folder, side))[0].median().item()


@cache
def teacher_features(folder: Path, side: int, net: "nn.Module", enlarged: int) -> "tuple[Tensor, Tensor]":
    """Features of at most SAMPLES held-out pictures and as many training pictures."""
    from imgen.training.teachers import pooled

    held_out, _, learned = real(folder, side)
    return pooled(net, evenly(held_out, SAMPLES), enlarged), pooled(net, evenly(learned, SAMPLES), enlarged)


def kernel(fake: "Tensor", folder: Path, teachers: Path) -> Scores:
    """Kernel distance ×1000 of generated pictures (N, C, H, W) uint8 to held-out ones, in SqueezeNet's features.

    `floor`: the same between training pictures and held-out ones.
    """
    from imgen.functional.metrics import kernel_distance
    from imgen.training.teachers import pooled, squeezenet

    net = squeezenet(teachers)
    held_out, learned = teacher_features(folder, fake.shape[2], net, 224)
    return {
        "kid_x1000": round(1000 * kernel_distance(held_out, pooled(net, fake)), 2),
        "floor_kid_x1000": round(1000 * kernel_distance(held_out, learned), 2),
    }


def inception_frechet(fake: "Tensor", folder: Path) -> Scores:
    """Fréchet distance as others measure it, in the features of a network from the Hub."""
    from imgen.functional.metrics import frechet_distance
    from imgen.training.teachers import inception, pooled

    net = inception()
    held_out, learned = teacher_features(folder, fake.shape[2], net, 299)
    return {
        "inception_frechet": round(frechet_distance(held_out, pooled(net, fake, 299)), 2),
        "floor_inception_frechet": round(frechet_distance(held_out, learned), 2),
    }


def generative_metrics(fake: "Tensor", folder: Path) -> Scores:
    """Fréchet distance and its floor, precision and recall, and whether they are copies, in the bundled network's features.

    fake (N, C, H, W) uint8.  copy_ratio: the median distance to the nearest training picture, as a share of what it is
    for held-out pictures: 1 for new pictures, 0 for copies.
    """
    from imgen.functional.metrics import frechet_distance, kernel_distance, nearest, precision_and_recall

    held_out, learned = known_features(folder, fake.shape[2])
    generated = features_of(fake)
    precision, recall = precision_and_recall(held_out, generated[: len(held_out)])
    return {
        "frechet": round(frechet_distance(held_out, generated), 3),
        "floor_frechet": round(frechet_distance(held_out, evenly(learned, SAMPLES)), 3),
        "precision": round(precision, 3), "recall": round(recall, 3),
        "copy_ratio": round(nearest(generated, learned)[0].median().item() / novelty(folder, fake.shape[2]), 3),
        "distilled_kid_x1000": round(1000 * kernel_distance(held_out, generated), 2),
    }


def closeness(folder: Path, teachers: Path | None) -> dict[str, Scores]:
    """How well the distilled network stands for SqueezeNet, on pictures that it never saw.

    correlation: of each feature over the pictures of one kind, the mean of all features; rank_correlation: Spearman's, over the
    models that were measured in both networks' features: of generators' kernel distances, of upscalers' perceptual distances.
    folder: as for its training, with eval/Kodak24/ besides.
    """
    import torch

    from imgen.training import data
    from imgen.training.teachers import pooled, squeezenet

    net = squeezenet(teachers)
    unseen = {
        "photographs": data.crops(folder / "eval" / "Kodak24", 64, 384),
        "flowers": data.classes(folder / "flowers", 64, held_out=True)[0],
        "emoji": data.classes(folder / "emoji", 64, held_out=True)[0],
        "fashion_mnist": evenly(data.digits(folder / "digits" / "fashion_mnist.npz", "test")[0], 400),
    }
    both = {kind: (features_of(pictures), pooled(net, pictures)) for kind, pictures in unseen.items()}
    ours, theirs = zip(*both.values(), strict=True)
    both["together"] = torch.cat(ours), torch.cat(theirs)
    scores = {kind: {"correlation": round(correlation(*pair), 3), "pictures": len(pair[0])} for kind, pair in both.items()}
    measured = [scores for card in CARDS for scores in card.facts.measured().values()]
    return scores | {
        "generators": ranking(measured, "kid_x1000", "distilled_kid_x1000"),
        "upscalers": ranking(measured, "lpips", "distilled_lpips"),
    }


def correlation(x: "Tensor", y: "Tensor") -> float:
    """Pearson's, of each column of x and y (N, D), mean over those that vary."""
    x, y = x - x.mean(0), y - y.mean(0)
    spread = (x.square().sum(0) * y.square().sum(0)).sqrt()
    return ((x * y).sum(0)[spread > 0] / spread[spread > 0]).mean().item()


def ranking(scores: Iterable[object], *names: str) -> Scores:
    """Spearman's correlation of two measures, over all scores that have both."""
    import torch

    both = [[one[name] for name in names] for one in scores if isinstance(one, dict) and one.keys() >= set(names)]
    places = torch.tensor(both).double().argsort(0).argsort(0).double()
    return {"rank_correlation": round(correlation(places[:, :1], places[:, 1:]), 3), "cards": len(both)}


def most_at_once(card: Card) -> int:
    """How many pictures a generator makes in a run, at most."""
    control = card.knobs["count"].control
    assert isinstance(control, Slider), card.name
    return int(control.high)


def _net(card: Card) -> Any:
    """A copy of the card's net on the CPU, to be measured in float32."""
    import torch

    return card.private_copy(torch.float32).cpu()

"""How each recorded training is built: a maker takes the folders and gives the recipe and the facts that its card needs."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from imgen.cards import WEIGHTS
from imgen.catalog import find_card
from imgen.device import fast_dtype
from imgen.drawing.shapes import SHAPES
from imgen.functional.losses import StyleObjective
from imgen.loader import read_weights
from imgen.models import mlp_gan, resgan
from imgen.models import tiny_gan as tiny
from imgen.models.arbitrary import ArbitraryNet
from imgen.models.attention import AttentionNet
from imgen.models.cnn import CNN
from imgen.models.conv_vae import ConvAE, ConvVAE
from imgen.models.critic import FeatureCritic, PatchCritic, PatchJudge
from imgen.models.dcgan import Discriminator, Generator
from imgen.models.distilled import DistilledSqueezeNet
from imgen.models.enhancenet import EnhanceNet
from imgen.models.espcn import ESPCN
from imgen.models.features import SmallVGG, Widened
from imgen.models.flow import Velocity
from imgen.models.light import LightUNet
from imgen.models.recurrent import RecurrentNet
from imgen.models.rednet import REDNet
from imgen.models.srresnet import SRResNet
from imgen.models.transfer import TransferNet
from imgen.models.vae import VAE
from imgen.pipelines.stylize import LOOK
from imgen.training import data, emoji, palette
from imgen.training.autoencoders import Autoencode, Elbo, UsualElbo
from imgen.training.classifying import Classify, DrawnShapes, Shifted, decayed_adam, momentum
from imgen.training.degrade import Wounds, burst, phones, plain, shrunk
from imgen.training.distilling import Distil, Resemble
from imgen.training.drawn import figures
from imgen.training.flow import FlowMatching
from imgen.training.gan import Adversarial, Guess, Shrunk, UsualGAN
from imgen.training.loop import Recipe
from imgen.training.regression import Fill, Recur, Upscale
from imgen.training.sharpening import Imitate, Sharpen
from imgen.training.sights import half_spoiled, sights
from imgen.training.steps import Batches
from imgen.training.stylizing import Stylize, StylizeAdversarially, StylizeAny, recoloured
from imgen.training.taught import PART, taught
from imgen.training.teachers import (
    PRUNED_VGG,
    TRUE_VGG,
    pooled,
    pruned_vgg,
    real_esrgan,
    squeezenet,
    teacher_file,
    true_vgg,
    wide_features,
)
from imgen.training.thin import thinned

STYLE_WEIGHT = 5.0
STYLE_SIDE = 256  # of the photographs, and the shorter side of the paintings
STROKES_WEIGHT, STROKES_SIDE = 3.5, 400  # in vgg_small's features; the paintings are larger than the photographs: broad strokes

PAINTINGS = {  # style -> file in the folder of paintings
    "starry_night": "van-gogh_starry-night_1889.jpg",
    "great_wave": "hokusai_great-wave_1831.jpg",
    "scream": "munch_scream_1893.jpg",
    "composition_vii": "kandinsky_composition-vii_1913.jpg",
    "udnie": "picabia_udnie_1913.jpg",
    "minotaur": "turner_shipwreck-of-the-minotaur_1810.jpg",
    "wheat_field": "van-gogh_wheat-field-cypresses_1889.jpg",
    "mondrian_1914": "mondrian_composition_1914.jpg",
    "contrast_of_forms": "leger_contrast-of-forms_1913.jpg",
    "woman_with_a_hat": "matisse_woman-with-a-hat_1905.jpg",
    "chinese_landscape": "chinese-landscape_5.jpg",
    "etching_seaport": "unknown_etching_seaport.jpg",
    "water_lilies": "monet_water-lilies.jpg",
    "tahiti": "gauguin_tahiti.jpg",
    "night_cafe": "van-gogh_night-cafe_1888.jpg",
    "red_chalk": "unknown_red-chalk_woman-in-peasant-dress.jpg",
}
Enlarging = ESPCN | SRResNet | EnhanceNet  # what may be sharpened
Make = Callable[[Path, Path | None, str], tuple[Recipe, dict[str, object]]]
FASHION = ["t_shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle_boot"]


def small_gan(networks: Callable[[int], tuple[nn.Module, nn.Module]]) -> Make:
    """data: one folder per class, or pictures without classes; teachers: holds vgg19_pruned16x/enc5.pt (without it: the
    discriminator of pixels alone).
    """
    def make(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
        pictures, labels, names = data.classes(folder, 64)
        classes = max(1, len(names))
        batches = Batches(pictures, labels, 32, device)
        critic = feature_critic(teachers, classes)
        return Adversarial(*networks(classes), critic, batches, device=device), {"classes": names}

    return make


def worded_gan(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
    """data: emoji, each named by its code points.  Nothing is mirrored: left and right are words."""
    pictures, shares, weights, vocabulary = emoji.named(folder, 64)
    batches = Batches(pictures, shares, 32, device, flip=False, weights=weights)
    critic = feature_critic(teachers, len(vocabulary))
    recipe = Adversarial(*residual(len(vocabulary)), critic, batches, device=device)
    return recipe, {"vocabulary": {word: emoji.CHINESE.get(word, "") for word in vocabulary}}


def worded_flow(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
    """data: as for `worded_gan`."""
    pictures, shares, weights, vocabulary = emoji.named(folder, 64)
    batches = Batches(pictures, shares, 32, device, flip=False, weights=weights)
    recipe = FlowMatching(Velocity(len(vocabulary)), batches, device=device, forgotten=0.3)
    return recipe, {"vocabulary": {word: emoji.CHINESE.get(word, "") for word in vocabulary}}


def classes_flow(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
    """data: one folder per class."""
    pictures, labels, names = data.classes(folder, 64)
    batches = Batches(pictures, labels, 32, device)
    return FlowMatching(Velocity(max(1, len(names))), batches, device=device), {"classes": names}


def fashion_flow(batches: Batches, device: str) -> Recipe:
    net = Velocity(len(FASHION), side=28, channels=1, widths=(64, 128), blocks=(1, 2))
    return FlowMatching(net, batches, device=device)


def feature_critic(teachers: Path | None, classes: int) -> FeatureCritic | None:
    if not teachers:
        return None
    widths = {"relu2_1": 32, "relu3_1": 64, "relu4_1": 128, "relu5_1": 128}
    return FeatureCritic(pruned_vgg(teacher_file(teachers, PRUNED_VGG), "zeros"), widths, classes)


def dcgan(classes: int) -> tuple[nn.Module, nn.Module]:
    return Generator(classes), Discriminator(classes)


def residual(classes: int) -> tuple[nn.Module, nn.Module]:
    return resgan.Generator(classes), resgan.Discriminator(classes)


def usual_flowers(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
    """The peer to beat: the same networks by the recipe of Radford et al. 2016, as most scripts have it."""
    pictures, labels, names = data.classes(folder, 64)
    batches = Batches(pictures, labels, 64, device)
    recipe = UsualGAN(Generator(len(names)), Discriminator(len(names), norm=True), batches, device=device)
    return recipe, {"classes": names}


def fashion(recipe: Callable[[Batches, str], Recipe], batch: int) -> Make:
    """data: fashion_mnist.npz."""
    def make(npz: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
        pictures, labels = data.digits(npz)
        return recipe(Batches(pictures, labels, batch, device, flip=False), device), {"classes": FASHION}

    return make


def shapes_cnn(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
    """data: none: it is drawn."""
    net = classifier("cnn_shapes32")
    recipe = Classify(net, DrawnShapes(net.side, 128, device), momentum, device=device, rate=0.05)
    return recipe, {"classes": list(SHAPES)}


def fashion_cnn(npz: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
    """data: fashion_mnist.npz."""
    batches = Shifted(Batches(*data.digits(npz), 128, device))
    recipe = Classify(classifier("cnn_fashion28"), batches, decayed_adam, device=device, rate=2e-3)
    return recipe, {"classes": FASHION}


def classifier(name: str) -> CNN:
    """As the catalog has it."""
    card = find_card(name)
    net = card.net.build() if card.net else None
    assert isinstance(net, CNN), name
    return net


def fashion_vae(latent: int, **settings: float) -> Make:
    """settings: see `Elbo`."""
    return fashion(lambda batches, device: Elbo(VAE(len(FASHION), latent=latent), batches, device=device, **settings), 256)


def fashion_ae(batches: Batches, device: str) -> Recipe:
    return Autoencode(ConvAE(len(FASHION)), batches, device=device)


def fashion_gan(networks: Callable[[bool], tuple[nn.Module, nn.Module]]) -> Make:
    """60,000 pictures need neither augmentation nor critics of features."""
    def recipe(batches: Batches, device: str) -> Recipe:
        settings = {"change": lambda x: x, "rate": 3e-4, "gamma": 0.3}
        return Adversarial(*networks(False), None, batches, device=device, **settings)

    return fashion(recipe, 64)


def usual_fashion_gan(networks: Callable[[bool], tuple[nn.Module, nn.Module]]) -> Make:
    return fashion(lambda batches, device: UsualGAN(*networks(True), batches, device=device), 64)


def collapsing(batches: Batches, device: str) -> Recipe:
    """A forger that learns far faster than its judge needs to vary nothing: one picture that passes will do."""
    return UsualGAN(*convolutional(True), batches, device=device, rates=(4e-3, 2e-5))


def few_pictures(batches: Batches, device: str) -> Recipe:
    """Three pictures of each class, again and again: they can be learned by heart."""
    chosen = torch.cat([(batches.labels == label).nonzero()[:3, 0] for label in range(len(FASHION))])
    few = Batches(batches.pictures[chosen], batches.labels[chosen], batches.size, device, flip=False)
    return Adversarial(*convolutional(False), None, few, device=device, change=lambda x: x, rate=3e-4, gamma=0.05)


def dense(norm: bool) -> tuple[nn.Module, nn.Module]:
    return mlp_gan.Generator(len(FASHION)), mlp_gan.Discriminator(len(FASHION))


def convolutional(norm: bool) -> tuple[nn.Module, nn.Module]:
    size = {"side": 28, "channels": 1}
    return Generator(len(FASHION), latent=64, **size), Discriminator(len(FASHION), norm=norm, **size)


def flowers_vae(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
    pictures, labels, names = data.classes(folder, 64)
    batches = Batches(pictures, labels, 64, device)
    return Elbo(ConvVAE(len(names)), batches, device=device), {"classes": names}


def usual_vae(batches: Batches, device: str) -> Recipe:
    return UsualElbo(VAE(len(FASHION)), batches, device=device)


def distilled_squeezenet(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
    """data: see `sights`; teachers: holds squeezenet1_1.safetensors.  For measuring only: no generator is trained with it."""
    teacher = squeezenet(teachers)
    return Distil(DistilledSqueezeNet(), lambda pictures: pooled(teacher, pictures), sights(folder), device=device), {}


def small_vgg(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
    """data: holds photos/ and style/; teachers: holds vgg19_relu3_1/ and vgg19_pruned16x/."""
    pictures = torch.cat([data.crops(folder / "photos", 96, 6000), data.crops(folder / "style", 96, 6000)])
    net = Widened(SmallVGG(), (64, 128, 256, 512))
    thinned(net, true_vgg(teacher_file(teachers, TRUE_VGG)), pictures[:: len(pictures) // 80].float() / 255)
    return Resemble(net, wide_features(teachers, device), half_spoiled(pictures), device=device), {}


def photos(
    network: Callable[[int], nn.Module], scale: int, shrinks: tuple[float, ...] = data.SHRINKS, *,
    drawn: float = 0.0, **settings: Any,
) -> Make:
    """data: photographs.  shrinks: see `data.patches`; drawn: so many `figures` to a photograph's patch."""
    def make(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
        pairs = data.patches(folder, scale, shrinks=shrinks)
        if drawn:
            more = figures(math.ceil(drawn * len(pairs[0])), pairs[0].shape[3], scale)
            pairs = tuple(torch.cat(both) for both in zip(pairs, more, strict=True))
        return Upscale(network(scale), *pairs, device=device, **settings), {"scale": scale}

    return make


def mended(network: Callable[[], nn.Module], spoil: Callable[[Tensor, int], Tensor], **settings: Any) -> Make:
    """data: photographs."""
    def make(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
        clean = data.details(folder, 80)
        clean[::20] = clean[::20].float().mean(1, keepdim=True).byte()  # old photographs have no colours
        return Upscale(network(), clean, clean, device=device, spoil=spoil, muon=True, **settings), {}

    return make


def recurring(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
    """data: photographs."""
    clean = data.details(folder, 64)
    settings = {"spoil": burst, "muon": True, "batch": 8, "side": 48, "decibels": True}
    return Recur(RecurrentNet(), clean, clean, device=device, **settings), {}


def repaired(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
    """data: photographs.  Holes, noise and JPEG; errors of pixels alone, as in the paper."""
    clean, spoil = data.details(folder, 136, (0.6, 0.35, 0.2)), Wounds(136, also=0.6)
    return Upscale(REDNet(), clean, clean, device=device, spoil=spoil, side=128, batch=8, muon=True, decibels=True), {}


def inpainting(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
    """data: photographs; teachers: holds vgg19_pruned16x/enc5.pt."""
    clean, spoil = data.details(folder, 136, (0.6, 0.35, 0.2)), Wounds(136, also=0.0)
    features = pruned_vgg(teacher_file(teachers, PRUNED_VGG), "zeros")
    settings = {"device": device, "spoil": spoil, "side": 128, "batch": 4, "muon": True, "decibels": True}
    return Fill(AttentionNet(), clean, features, **settings), {}


def sharper(
    network: Callable[[int], Enlarging], *, pixels: float, features: float, adversarial: float, textures: float = 0.0
) -> Make:
    """data: photographs; teachers: holds vgg19_pruned16x/enc5.pt.  Begins with what regression has reached.

    The numbers are the shares of the losses; more of the adversarial one cost fidelity and gained nothing in LPIPS.
    """
    shares = {"pixels": pixels, "features": features, "textures": textures, "adversarial": adversarial}

    def make(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
        vgg = pruned_vgg(teacher_file(teachers, PRUNED_VGG), "zeros")
        settings = {"side": 24, "rate": 2e-4, "weights": shares, "decay": 0.99}
        net = network(4)
        judge = PatchCritic(net.channels)
        return Sharpen(net, judge, vgg, *data.patches(folder, 4), device=device, **settings), {"scale": 4}

    return make


ANSWERS = Path(".runs")  # beside the checkpoints; 11 MB of each fifty pictures
PLAIN = 20  # photographs to a plain picture


def imitating(parts: int, clean: int, *, adversarial: float, **settings: object) -> Make:
    """data: photographs, every tenth of which is held out; teachers: holds vgg19_pruned16x/enc5.pt, and may hold
    real_esrgan_x4plus.safetensors, or it comes from the Hub.

    It is asked once about `parts` times fifty details, each spoiled as by a phone, and `clean` times fifty that are only shrunk:
    0.2 to 0.8 s each on a core that multiplies bfloat16.
    """
    def make(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
        hr = data.details(folder, 256, data.MORE_SHRINKS, held_out=False)
        lr, even = plain((parts + clean) * PART // PLAIN, hr.shape[3] // 4, 4)
        asked = [(lr, even, even)]
        for spoil, count, name in ((phones, parts, "real_esrgan_x4"), (shrunk, clean, "real_esrgan_x4_clean")):
            asked.append(taught(lambda: real_esrgan(teachers, device), hr, spoil, count, ANSWERS / name))
        pairs = (torch.cat(each) for each in zip(*asked, strict=True))
        vgg = pruned_vgg(teacher_file(teachers, PRUNED_VGG), "zeros")
        rival = {"discriminator": PatchCritic(), "adversarial": adversarial}
        return Imitate(LightUNet(4), vgg, *pairs, device=device, **rival, **settings), {"scale": 4}

    return make


def tiny_gan(npz: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
    """data: fashion_mnist.npz."""
    pictures, labels = data.digits(npz)
    generator, batches = tiny.Generator(), Batches(pictures, labels, 64, device, flip=False)
    settings = {"change": lambda x: x, "rate": 3e-4, "gamma": 0.3, "device": device}
    batches = Shrunk(batches, generator.side)
    return Guess(generator, tiny.Discriminator(), None, batches, **settings), {"scale": generator.scale}


def paintings(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
    """data: holds photos/ and style/."""
    photos = data.crops(folder / "photos", STYLE_SIDE, 4000)
    styles = [painting(folder / "style" / file, STROKES_SIDE) for file in PAINTINGS.values()]
    net = TransferNet(len(styles) + 1)
    net.table.data[:-1, -12:] = recoloured(photos[::40], styles)
    return Stylize(net, photos, styles, stroked(device), device=device), {"styles": [*PAINTINGS, "photograph"]}


def stroked(device: str) -> StyleObjective:
    """What is asked of a painting in one pass."""
    return StyleObjective(bundled_vgg().to(device), STROKES_WEIGHT, fast_dtype(device), eased=True)


def bundled_vgg() -> SmallVGG:
    net = SmallVGG().requires_grad_(False)
    net.load_state_dict(read_weights(WEIGHTS / "vgg_small.safetensors"))
    return net


PATCHED = ("scream", "starry_night", "contrast_of_forms", "great_wave")  # those of `transfer_gan`


def patches_judged(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
    """data and teachers as for `paintings`; begins with what `transfer_paintings` has learned."""
    file = teacher_file(teachers, PRUNED_VGG)
    judge = PatchJudge(pruned_vgg(file, "zeros"), {"relu2_1": 32, "relu3_1": 64, "relu4_1": 128}, len(PATCHED))
    objective = StyleObjective(pruned_vgg(file, "zeros").to(device), STYLE_WEIGHT, fast_dtype(device))
    net, transfer = TransferNet(len(PATCHED) + 1), read_weights(WEIGHTS / "transfer_paintings.safetensors")
    rows = [*(list(PAINTINGS).index(style) for style in PATCHED), -1]
    net.load_state_dict(transfer | {"table": transfer["table"][rows]})
    photos = data.crops(folder / "photos", STYLE_SIDE, 2000)
    styles = [painting(folder / "style" / PAINTINGS[style]) for style in PATCHED]
    recipe = StylizeAdversarially(net, judge, photos, styles, objective, device=device, rate=1e-3)
    return recipe, {"styles": [*PATCHED, "photograph"]}


UNSEEN = (  # paintings, none of PAINTINGS, that measure what `arbitrary_style` makes of a style that it never met
    "chinese-landscape_3.jpg", "leonardo_mona-lisa.jpg", "picabia_edtaonisl_1913.jpg", "van-gogh_olive-trees.jpg",
    "van-gogh_self-portrait.jpg",
)


def any_painting(folder: Path, teachers: Path | None, device: str) -> tuple[Recipe, dict[str, object]]:
    """data as for `paintings`; begins with what `transfer_paintings` has learned, and with that net's styles as examples.

    The feature network is that of weights/arbitrary_style.safetensors, an earlier vgg_small.
    """
    net, stored = ArbitraryNet(), read_weights(WEIGHTS / "arbitrary_style.safetensors")
    net.eye.load_state_dict({key[4:]: value for key, value in stored.items() if key.startswith("eye.")})
    transfer = read_weights(WEIGHTS / "transfer_paintings.safetensors")
    table = transfer.pop("table").float()
    net.load_state_dict(transfer, strict=False)
    net.photograph.data.copy_(table[-1])
    examples = [painting(folder / "style" / file, STROKES_SIDE) for file in PAINTINGS.values()]
    photos = data.crops(folder / "photos", STYLE_SIDE, 4000)
    learned = [path for path in data.files(folder / "style") if path.name not in UNSEEN]
    pictures = palette.styles(learned, folder / "photos", STROKES_SIDE, 1200)
    settings = {"device": device, "look": LOOK}
    return StylizeAny(net, photos, pictures, stroked(device), (examples, table[:-1]), **settings), {}


def painting(path: Path, side: int = STYLE_SIDE) -> Tensor:
    """(1, 3, h, w) in [0, 1], the shorter side as long as asked."""
    picture = Image.open(path).convert("RGB")
    factor = side / min(picture.size)
    picture = picture.resize((round(picture.width * factor), round(picture.height * factor)), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255

"""CARDS: every model of the app, one entry each."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches

from imgen.cards import Card, Paper
from imgen.controls import UserError
from imgen.drawing.handwriting import characters, digits
from imgen.drawing.rules import lines, mesh, noise, splines, triangles, voronoi
from imgen.hub import WeightFile
from imgen.image import Picture
from imgen.loader import Complete, Net
from imgen.pipelines.classify import classify
from imgen.pipelines.draw import drawing
from imgen.pipelines.fill import diffuse, fill, repair
from imgen.pipelines.filters import median, non_local_means, smooth
from imgen.pipelines.flow import flow, flow_words
from imgen.pipelines.generate import generate, generate_large
from imgen.pipelines.guess import guess
from imgen.pipelines.imagine import imagine
from imgen.pipelines.repaint import reconstruct, repaint, synthesize
from imgen.pipelines.restore import restore, restore_steps
from imgen.pipelines.spoil import spoil
from imgen.pipelines.stylize import stylize, stylize_any
from imgen.pipelines.upscale import interpolate, interpolate_between, upscale, upscale_at, upscale_between

DCGAN = Paper(
    "Unsupervised representation learning with deep convolutional generative adversarial networks",
    "Radford, Metz, Chintala", 2016, "1511.06434",
)
CONV_AE = Paper(
    "Stacked convolutional auto-encoders for hierarchical feature extraction", "Masci, Meier, Cireşan, Schmidhuber", 2011
)
FASTGAN = Paper(
    "Towards faster and stabilized GAN training for high-fidelity few-shot image synthesis",
    "Liu, Zhu, Song, Elgammal", 2021, "2101.04775",
)
REED = Paper("Generative adversarial text to image synthesis", "Reed et al.", 2016, "1605.05396")
R3GAN = Paper(
    "The GAN is dead; long live the GAN! A modern GAN baseline", "Huang, Gokaslan, Kuleshov, Tompkin", 2024, "2501.05441"
)
FLOW = Paper("Flow matching for generative modeling", "Lipman, Chen, Ben-Hamu, Nickel, Le", 2022, "2210.02747")
GAN = Paper("Generative adversarial nets", "Goodfellow et al.", 2014, "1406.2661")
VAE = Paper("Auto-encoding variational Bayes", "Kingma, Welling", 2014, "1312.6114")
ESPCN = Paper(
    "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural network",
    "Shi et al.", 2016, "1609.05158",
)
SPAN = Paper("Swift parameter-free attention network for efficient super-resolution", "Wan et al.", 2024, "2311.12770")
SRGAN = Paper(
    "Photo-realistic single image super-resolution using a generative adversarial network", "Ledig et al.", 2017, "1609.04802"
)
ENHANCENET = Paper(
    "EnhanceNet: single image super-resolution through automated texture synthesis", "Sajjadi, Schölkopf, Hirsch", 2017,
    "1612.07919",
)
SRCNN = Paper("Image super-resolution using deep convolutional networks", "Dong, Loy, He, Tang", 2016, "1501.00092")
VDSR = Paper("Accurate image super-resolution using very deep convolutional networks", "Kim, Lee, Lee", 2016, "1511.04587")
SRDENSENET = Paper("Image super-resolution using dense skip connections", "Tong, Li, Liu, Gao", 2017)
REAL_ESRGAN = Paper(
    "Real-ESRGAN: training real-world blind super-resolution with pure synthetic data", "Wang et al.", 2021, "2107.10833"
)
KEYS = Paper("Cubic convolution interpolation for digital image processing", "Keys", 1981)
LANCZOS = Paper("Filters for common resampling tasks", "Turkowski", 1990)
TRANSFER = Paper(
    "Perceptual losses for real-time style transfer and super-resolution", "Johnson, Alahi, Fei-Fei", 2016, "1603.08155"
)
GHIASI = Paper(
    "Exploring the structure of a real-time, arbitrary neural artistic stylization network", "Ghiasi et al.", 2017, "1705.06830"
)
GATYS = Paper("Image style transfer using convolutional neural networks", "Gatys, Ecker, Bethge", 2016, "1508.06576")
MARKOV = Paper(
    "Precomputed real-time texture synthesis with Markovian generative adversarial networks", "Li, Wand", 2016, "1604.04382"
)
TEXTURE = Paper("Texture synthesis using convolutional neural networks", "Gatys, Ecker, Bethge", 2015, "1505.07376")
INVERTING = Paper("Understanding deep image representations by inverting them", "Mahendran, Vedaldi", 2015, "1412.0035")
VGG = Paper("Very deep convolutional networks for large-scale image recognition", "Simonyan, Zisserman", 2015, "1409.1556")
NAFNET = Paper("Simple baselines for image restoration", "Chen, Chu, Zhang, Sun", 2022, "2204.04676")
DNCNN = Paper(
    "Beyond a Gaussian denoiser: residual learning of deep CNN for image denoising", "Zhang, Zuo, Chen, Meng, Zhang", 2017,
    "1608.03981",
)
REDNET = Paper(
    "Image restoration using very deep convolutional encoder-decoder networks with symmetric skip connections",
    "Mao, Shen, Yang", 2016, "1603.09056",
)
RCNN = Paper("Recurrent convolutional neural network for object recognition", "Liang, Hu", 2015)
CONTEXTUAL = Paper("Generative image inpainting with contextual attention", "Yu et al.", 2018, "1801.07892")
BABAUD = Paper("Uniqueness of the Gaussian kernel for scale-space filtering", "Babaud, Witkin, Baudin, Duda", 1986)
NLM = Paper("A non-local algorithm for image denoising", "Buades, Coll, Morel", 2005)
BERTALMIO = Paper("Navier-Stokes, fluid dynamics, and image and video inpainting", "Bertalmio, Bertozzi, Sapiro", 2001)
HUANG = Paper("A fast two-dimensional median filtering algorithm", "Huang, Yang, Tang", 1979)
DCCI = Paper("Image zooming using directional cubic convolution interpolation", "Zhou, Shen, Dong", 2012)
PYRAMID = Paper("Pyramidal parametrics", "Williams", 1983)
LENET = Paper("Gradient-based learning applied to document recognition", "LeCun, Bottou, Bengio, Haffner", 1998)
INTERPOLATION = {"lanczos": LANCZOS, "bicubic": KEYS, "bilinear": KEYS, "gaussian": LANCZOS, "nearest": KEYS}
RULES = {
    lines: Paper("Point and line to plane", "Kandinsky", 1926),
    splines: Paper("A practical guide to splines", "de Boor", 1978),
    mesh: Paper("Models of light reflection for computer synthesized pictures", "Blinn", 1977),
    triangles: Paper("Tilings and patterns", "Grünbaum, Shephard", 1987),
    voronoi: Paper("A cellular texture basis function", "Worley", 1996),
    noise: Paper("An image synthesizer", "Perlin", 1985),
    digits: Paper("A class of local interpolating splines", "Catmull, Rom", 1974),
    characters: Paper("Hairy brushes", "Strassmann", 1986),
}
CLOTHES = Net("dcgan:Generator", classes=10, latent=64, side=28, channels=1)
SRRESNET = Card("srresnet_x4", "upscale", Net("srresnet:SRResNet"), upscale, SRGAN, "MIT", lesson="srgan")
ENHANCENET_E = Card("enhancenet_x4", "upscale", Net("enhancenet:EnhanceNet"), upscale, ENHANCENET, "MIT", lesson="enhancenet")

ARBITRARY = Card(
    "arbitrary_style", "stylize", Net("arbitrary:ArbitraryNet"), stylize_any, GHIASI, "MIT", lesson="arbitrary", kind="one_pass",
)
VGG19 = Card(  # for its features: no card of its own
    "vgg19", "stylize", Net("features:VGG", widths=(64, 128, 256, 512, 512)), reconstruct, VGG, "BSD-3-Clause", lesson="gatys",
    source=WeightFile(
        "timm/vgg19.tv_in1k", "model.safetensors", "128d4708565b3a414bcbb9bbad440b2fe37b9f18",
        "11aea017b543ff59233749d8f1cf544cda749378f5790d2fedab841fb86b7669", 574_700_000,
    ),
    convert="convert",
)

CARDS = [
    Card(
        "resgan_flowers64", "generate", Net("resgan:Generator", classes=5), generate, R3GAN, "MIT", lesson="resgan",
        kind="adversarial",
        judge=Net("resgan:Discriminator", classes=5),
    ),
    Card(
        "dcgan_flowers64", "generate", Net("dcgan:Generator", classes=5), generate, DCGAN, "MIT", lesson="dcgan",
        kind="adversarial",
    ),
    Card(
        "word_gan_emoji64", "generate", Net("resgan:Generator", classes=520), imagine, REED, "MIT", lesson="words",
        kind="adversarial", young=True,
    ),
    Card(
        "flow_emoji64", "generate", Net("flow:Velocity", classes=520), flow_words, FLOW, "MIT", lesson="flow", kind="flow",
    ),
    Card("flow_flowers64", "generate", Net("flow:Velocity", classes=5), flow, FLOW, "MIT", lesson="flow", kind="flow"),
    Card(
        "flow_fashion28", "generate", Net("flow:Velocity", classes=10, side=28, channels=1, widths=(64, 128), blocks=(1, 2)),
        flow, FLOW, "MIT", lesson="flow", kind="flow",
    ),
    Card(
        "conv_vae_flowers64", "generate", Net("conv_vae:ConvVAE", classes=5), generate, VAE, "MIT", lesson="conv_vae",
        kind="autoencoder",
    ),
    Card(
        "dcgan_fashion28", "generate", CLOTHES, generate, DCGAN, "MIT", lesson="dcgan", kind="adversarial",
        judge=Net("dcgan:Discriminator", classes=10, side=28, channels=1),
    ),
    Card("mlp_vae_fashion28", "generate", Net("vae:VAE", classes=10), generate, VAE, "MIT", lesson="vae", kind="autoencoder"),
    Card(
        "mlp_vae2d_fashion28", "generate", Net("vae:VAE", classes=10, latent=2), generate, VAE, "MIT", lesson="vae",
        kind="autoencoder",
    ),
    Card(
        "mlp_gan_fashion28", "generate", Net("mlp_gan:Generator", classes=10), generate, GAN, "MIT", lesson="gan",
        kind="adversarial",
        judge=Net("mlp_gan:Discriminator", classes=10),
    ),
    Card(
        "conv_ae_fashion28", "generate", Net("conv_vae:ConvAE", classes=10), generate, CONV_AE, "MIT", lesson="autoencoder",
        kind="autoencoder",
    ),
    Card(  # float32: nobody here has seen its pictures in bfloat16
        "fastgan_butterflies512", "generate", Net("fastgan:Generator"), generate_large, FASTGAN, "MIT", lesson="fastgan",
        source=WeightFile(
            "ceyda/butterfly_cropped_uniq1K_512", "model.pt", "95a9596a1e47e2419c9bd5252d809eecb14fdcf4",
            "d88d20c02e7d8be48d8dcd455a42430eb69b34f357f9ec6d0687d3f2f5822a02", 154_623_695,
        ),
        convert="convert", float32_only=True,
    ),
    *(
        Card(f"draw_{rule.__name__}", "generate", None, drawing(rule), paper, "MIT", lesson="drawn")
        for rule, paper in RULES.items()
    ),
    *(  # at twice the size bfloat16 would cost 0.031 dB
        Card(
            f"light_real_x{scale}", "upscale", Net("light:Light", scale=scale), upscale, SPAN, "MIT", lesson="light",
            kind="modern", family="light_real", float32_only=scale == 2,
        )
        for scale in (4, 2)
    ),
    Card(
        "light_unet_x4", "upscale", Net("light:LightUNet", scale=4), upscale_at, SPAN, "MIT", lesson="light", kind="modern",
        young=True,
    ),
    *(  # at twice the size bfloat16 would cost 0.023 dB
        Card(
            f"light_x{scale}", "upscale", Net("light:Light", scale=scale), upscale, SPAN, "MIT", lesson="light", kind="modern",
            family="light", float32_only=scale == 2,
        )
        for scale in (4, 3, 2)
    ),
    Card(
        "srgan_x4", "upscale", Net("srresnet:SRResNet"), upscale_between, SRGAN, "MIT", lesson="srgan", kind="adversarial",
        auxiliary={"faithful": SRRESNET},
    ),
    SRRESNET,
    Card(
        "enhancenet_pat_x4", "upscale", Net("enhancenet:EnhanceNet"), upscale_between, ENHANCENET, "MIT", lesson="enhancenet",
        kind="adversarial",
        auxiliary={"faithful": ENHANCENET_E},
    ),
    ENHANCENET_E,
    *(
        Card(
            f"espcn_x{scale}", "upscale", Net("espcn:ESPCN", scale=scale), upscale, ESPCN, "MIT", lesson="espcn", family="espcn",
        )
        for scale in (4, 3, 2)
    ),
    Card("espcn_gan_x4", "upscale", Net("espcn:ESPCN", scale=4), upscale, SRGAN, "MIT", lesson="srgan", kind="adversarial"),
    Card(
        "srdensenet_x4", "upscale", Net("srdensenet:SRDenseNet", scale=4), upscale, SRDENSENET, "MIT", lesson="srdensenet",
    ),
    Card("vdsr_x4", "upscale", Net("vdsr:VDSR", scale=4), upscale, VDSR, "MIT", lesson="vdsr"),
    *(
        Card(
            f"srcnn_x{scale}", "upscale", Net("srcnn:SRCNN", scale=scale), upscale, SRCNN, "MIT", lesson="srcnn", family="srcnn",
        )
        for scale in (4, 3, 2)
    ),
    Card("tiny_gan_x7", "upscale", Net("tiny_gan:Generator"), guess, SRGAN, "MIT", lesson="tiny_gan", kind="adversarial"),
    *(
        Card(
            name, "upscale", Complete("interpolation:Interpolation", kernel=name), interpolate, paper, "MIT",
            lesson="interpolation",
        )
        for name, paper in INTERPOLATION.items()
    ),
    Card(
        "trilinear", "upscale", Complete("interpolation:Trilinear"), interpolate_between, PYRAMID, "MIT", lesson="interpolation",
    ),
    Card("edge_directed", "upscale", Complete("edge_directed:EdgeDirected"), upscale, DCCI, "MIT", lesson="interpolation"),
    *(
        Card(
            name, "upscale", Net("rrdbnet:RRDBNet"), upscale, REAL_ESRGAN, "BSD-3-Clause", lesson="realesrgan", convert="convert",
            # Whatever becomes of "main", these bytes only: the release's tensors, as kornia's model card vouches.
            source=WeightFile("kornia/real_esrgan", file, "main", sha256, 67_000_000),
        )
        for name, file, sha256 in (
            (
                "realesrgan_x4", "RealESRGAN_x4plus.safetensors",
                "e82eee5fa7456f49025e70d906cd12aef0a90e5360d31d722488e9775156bce4",
            ),
            (
                "realesrnet_x4", "RealESRNet_x4plus.safetensors",
                "4ac13640362bcb4e8e3b2d8e437a1eb089cf61777597b1b702eb4a348195e59b",
            ),
        )
    ),
    Card(
        "transfer_paintings", "stylize", Net("transfer:TransferNet", styles=17), stylize, TRANSFER, "MIT", lesson="transfer",
        kind="one_pass",
    ),
    ARBITRARY,
    Card(
        "transfer_gan", "stylize", Net("transfer:TransferNet", styles=5), stylize, MARKOV, "MIT", lesson="transfer_gan",
        kind="adversarial",
    ),
    Card(
        "gatys", "stylize", Net("features:SmallVGG"), repaint, GATYS, "MIT", lesson="gatys",
        kind="optimisation", file="vgg_small",
        auxiliary={"fast": ARBITRARY}, alternative=VGG19,
    ),
    Card(
        "texture", "stylize", Net("features:SmallVGG"), synthesize, TEXTURE, "MIT", lesson="texture",
        kind="optimisation", file="vgg_small",
        alternative=VGG19,
    ),
    Card(
        "reconstruct", "stylize", Net("features:SmallVGG"), reconstruct, INVERTING, "MIT", lesson="reconstruct",
        kind="optimisation", file="vgg_small",
        alternative=VGG19,
    ),
    Card("light_restore", "restore", Net("nafnet:NAFNet"), restore, NAFNET, "MIT", lesson="nafnet", kind="modern"),
    Card("dncnn_color", "restore", Net("dncnn:DnCNN"), restore, DNCNN, "MIT", lesson="dncnn"),
    Card("recurrent_restore", "restore", Net("recurrent:RecurrentNet"), restore_steps, RCNN, "MIT", lesson="recurrent"),
    Card("conv_ae_restore", "restore", Net("rednet:REDNet"), repair, REDNET, "MIT", lesson="rednet", kind="autoencoder"),
    Card(
        "attention_inpaint", "restore", Net("attention:AttentionNet"), fill, CONTEXTUAL, "MIT", lesson="attention", kind="modern",
    ),
    *(
        Card(name, "restore", None, pipeline, paper, "MIT", lesson="filters")
        for name, pipeline, paper in (
            ("diffusion_fill", diffuse, BERTALMIO), ("non_local_means", non_local_means, NLM),
            ("median_filter", median, HUANG), ("gaussian_filter", smooth, BABAUD), ("spoil", spoil, DNCNN),
        )
    ),
    Card(  # float32: a score that hangs on rounding is none
        "cnn_fashion28", "classify",
        Net(
            "cnn:CNN", classes=10, channels=1, side=28, maps=(32, 64, 128), kernel=3, padding=1, dense=(512,), dropout=0.5,
        ),
        classify, LENET, "MIT", lesson="classification", float32_only=True,
    ),
    Card(
        "cnn_shapes32", "classify",
        Net("cnn:CNN", classes=10, channels=3, side=32, maps=(6, 16), kernel=5, padding=0, dense=(120, 84), margin=0.12),
        classify, LENET, "MIT", lesson="classification", float32_only=True,
    ),
]
FAILURES = [  # the network of dcgan_fashion28, badly trained on purpose: to be shown, not to be chosen
    Card(f"{how}_dcgan_fashion28", "generate", CLOTHES, generate, DCGAN, "MIT", lesson="gan", kind="adversarial")
    for how in ("undertrained", "collapsed", "overfitted")
]
CATALOG = {card.name: card for card in [*CARDS, *FAILURES]}
IDEAS = (  # in this order all models are shown
    "modern", "convolution", "one_pass", "flow", "adversarial", "autoencoder", "optimisation", "interpolation", "rule", "hub",
)
RECOMMENDED = (  # three to a task: for those who only want to begin
    "flow_flowers64", "flow_emoji64", "draw_voronoi", "light_real_x4", "light_x4", "srgan_x4",
    "transfer_paintings", "arbitrary_style", "gatys", "light_restore", "attention_inpaint", "diffusion_fill",
    "cnn_fashion28", "cnn_shapes32",
)
TASKS = tuple(dict.fromkeys(card.task for card in CARDS))


def foreign_weights() -> list[WeightFile]:
    """Those of others, each once: of cards, and of networks that take the place of their own."""
    cards = [one for card in CARDS for one in (card, card.alternative, *card.auxiliary.values()) if one]
    return list(dict.fromkeys(card.source for card in cards if card.source))


def family_of(card: Card) -> list[Card]:
    """It and its siblings of other sizes, the one that stands for all of them first; empty if it has none."""
    return [one for one in CARDS if one.family == card.family] if card.family else []


def find_card(name: str) -> Card:
    """The card of that name; UserError lists what there is."""
    if not isinstance(name, str) or name not in CATALOG:
        name = str(name)[:40]
        near = get_close_matches(name, [card.name for card in CARDS], 5, 0.5) or [card.name for card in CARDS]
        raise UserError("card_unknown", card=name, cards=", ".join(near))
    return CATALOG[name]


def find_maker(pictures: Sequence[Picture], find: Callable[[str], Card | None] = CATALOG.get) -> Card:
    """The generator that made them all, by their records; UserError if there is none, or more than one.

    find: a card by its name.
    """
    names = {str(picture.record.get("card", "")) for picture in pictures}
    if not names:
        raise UserError("pictures_to_morph", came=0)
    if len(names) > 1:
        raise UserError("pictures_of_one_model")
    card = find(names.pop())
    if card is None or card.task != "generate" or card.net is None:  # a rule has no latent space
        raise UserError("picture_without_place")
    return card

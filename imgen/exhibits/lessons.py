"""The pictures of the lessons, each made by the cards that its lesson tells of."""

import io
from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from imgen.catalog import CARDS, find_card
from imgen.controls import UserError
from imgen.drawing import scenes
from imgen.exhibits.examples import DRAWINGS, drawn_style, trained
from imgen.exhibits.files import DRAWN_STYLES, word_key
from imgen.exhibits.ideas import IDEAS
from imgen.exhibits.layout import GAP, PAPER, Exhibit, cropped, enlarged, plot, sheet, stacked, to_width
from imgen.exhibits.trainings import TRAININGS
from imgen.functional import degradations
from imgen.image import Picture, resized
from imgen.pipelines.fill import look
from imgen.pipelines.repaint import LAYERS
from imgen.pipelines.spoil import mask_of, without


def lesson_pictures() -> dict[str, Exhibit]:
    """The picture of each lesson, for those whose cards have their weights."""
    pictures = {}
    for name, make in LESSONS.items():
        try:
            pictures[name] = make()
        except UserError as error:
            if error.key != "weights_missing":
                raise
    return pictures


def classes(name: str, count: int = 12, times: int = 2) -> Exhibit:
    """One row a class, the same noise in a column."""
    card = trained(name)
    names = card.facts.classes
    rows = [[enlarged(picture, times) for picture in card(label=one, count=count, seed=7).pictures] for one in names]
    return sheet(rows, beside=[f"option_{one}" for one in names])


def words() -> Exhibit:
    """One row for each phrase."""
    card = trained("word_gan_emoji64")
    phrases = ("smiling face", "red heart", "cat face", "clock", "dark skin hand", "large circle")
    rows = [card(words=phrase, count=9, seed=7).pictures for phrase in phrases]
    return sheet(rows, beside=[word_key(phrase) for phrase in phrases])


def flowing() -> Exhibit:
    """One row for each phrase: the same noise after some of twenty steps; the seeds were chosen by eye among twelve."""
    card, after, rows = trained("flow_emoji64"), (2, 5, 8, 12, 16, 20), []
    phrases = {"smiling face": 9, "heart": 11, "cat face": 7}
    for phrase, seed in phrases.items():
        frames = list(card.run(words=phrase, count=1, seed=seed, steps=20))
        rows.append([enlarged(frames[n - 1].pictures[0], 2) for n in after])
    return sheet(rows, above=[f"lesson_word_steps {n}" for n in after], beside=[word_key(phrase) for phrase in phrases])


def restored(*names: str) -> Exhibit:
    """A drawing shrunk to a quarter and enlarged again by each of the cards, beside the drawing."""
    truth = scenes.city(384, 3)
    small = to_width(truth, 96, Image.Resampling.BICUBIC)
    shown = [trained(name)(small).pictures[0] for name in names]
    details = [enlarged(cropped(picture, 112, 140, 136), 2) for picture in (*shown, truth)]
    return sheet([details], above=[*(f"title_{name}" for name in names), "lesson_word_original"])


def clean_and_phone() -> Exhibit:
    """What two trainings of one network make of a clean small picture, above, and of one as from a phone."""
    from imgen.training.degrade import as_from_a_phone

    truth = scenes.still_life(512)
    clean = to_width(truth, 128, Image.Resampling.BICUBIC)
    phone = Picture(as_from_a_phone(truth.pixels, 4, np.random.default_rng(3), clean=0.0))
    rows = []
    for small in (clean, phone):
        shown = [trained(name)(small).pictures[0] for name in ("nearest", "light_x4", "light_real_x4")]
        rows.append([enlarged(cropped(picture, 150, 150, 130), 2) for picture in (*shown, truth)])
    above = [f"lesson_word_{word}" for word in ("given", "light", "light_real", "original")]
    return sheet(rows, above=above, beside=["lesson_word_clean", "lesson_word_phone"])


def interpolation() -> Exhibit:
    """Each kernel on a detail, and below what it makes of an edge from dark to bright."""
    kernels = ("nearest", "bilinear", "gaussian", "bicubic", "lanczos")
    small = cropped(to_width(scenes.chart(512), 128, Image.Resampling.BICUBIC), 0, 4, 29)
    edge = np.full((8, 12, 1), 64, np.uint8)
    edge[:, 6:] = 191
    details = [enlarged(trained(name)(small, scale=4).pictures[0], 2) for name in kernels]
    steps = [trained(name)(Picture(edge), scale=4).pictures[0].pixels[16, :, 0] for name in kernels]
    plots = [plot(values, details[0].width, 130) for values in steps]
    return sheet([details, plots], above=[f"title_{name}" for name in kernels])


def realesrgan() -> Exhibit:
    """How a clean picture is spoiled for training: each step works on the result of the one before."""
    steps = degraded(scenes.still_life(448), np.random.default_rng(7))
    details = [cropped(p, *(round(share * p.width) for share in (0.05, 0.2, 0.5))) for p in steps.values()]
    shown = [to_width(p, 224, Image.Resampling.NEAREST) for p in details]
    return sheet([shown], above=[f"lesson_word_{name}" for name in steps])


def degraded(
    clean: Picture, rng: np.random.Generator, scale: int = 4, sigma: float = 14, quality: int = 30
) -> dict[str, Picture]:
    """(y ⊛ k)↓ + n, then JPEG: once through the chain of Real-ESRGAN, each step by its name."""
    image = Image.fromarray(clean.pixels)
    blurred = image.filter(ImageFilter.GaussianBlur(2.5))
    small = blurred.resize((image.width // scale, image.height // scale), Image.Resampling.BICUBIC)
    noisy = np.rint(np.clip(np.asarray(small) + rng.normal(0, sigma, (small.height, small.width, 3)), 0, 255)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "JPEG", quality=quality)
    steps = {"clean": image, "then_blur": blurred, "then_shrink": small, "then_noise": noisy, "then_jpeg": Image.open(file)}
    return {name: Picture(np.asarray(step)) for name, step in steps.items()}


def fastgan() -> Exhibit:
    """A drawing in as many pixels as each map of the generator has, and under it the way from each gate to where it acts."""
    from imgen.models.fastgan import REACH

    sides, wide = [4 * 2**n for n in range(8)], 138
    small = [to_width(scenes.city(512, 3), side, Image.Resampling.BOX) for side in sides]
    row = sheet([[to_width(one, wide, Image.Resampling.NEAREST) for one in small]], above=[str(side) for side in sides])
    image = Image.new("RGB", (2 * row.picture.width, 140), PAPER)  # drawn twice as large: smooth lines
    for start in range(2, len(sides) - REACH):
        left, right = (2 * (n * (wide + GAP) + wide // 2) for n in (start, start + REACH))
        ImageDraw.Draw(image).arc([left, -116, right, 116], 0, 180, fill=(61, 120, 200), width=5)
        ImageDraw.Draw(image).ellipse([right - 9, -4, right + 9, 14], fill=(216, 68, 60))
    return stacked([row, Exhibit(Picture(np.asarray(image.reduce(2))))])


def transfer() -> Exhibit:
    """One landscape, and how some of the painters might have seen it."""
    card, photo = trained("transfer_paintings"), DRAWINGS["stylize_landscape"]()
    styles = card.knobs["style"].options[:7]
    pictures = [photo, *(card(photo, style=name).pictures[0] for name in styles)]
    cells = [to_width(picture, 230, Image.Resampling.LANCZOS) for picture in pictures]
    names = ["lesson_word_original", *(f"option_{style}" for style in styles)]
    return stacked([sheet([cells[:4]], above=names[:4]), sheet([cells[4:]], above=names[4:])])


def patched() -> Exhibit:
    """One landscape in the manner of all that a judge of patches taught."""
    card, photo = trained("transfer_gan"), DRAWINGS["stylize_landscape"]()
    styles = card.knobs["style"].options[:-1]
    cells = [to_width(card(photo, style=style).pictures[0], 230, Image.Resampling.LANCZOS) for style in styles]
    return sheet([cells], above=[f"option_{style}" for style in styles])


def arbitrary() -> Exhibit:
    """Drawn pictures, and under each the landscape in its manner."""
    card, photo = trained("arbitrary_style"), DRAWINGS["stylize_landscape"]()
    paintings = [drawn_style(name) for name in DRAWN_STYLES[:5]]
    stylized = [card(photo, paintings=[one]).pictures[0] for one in paintings]
    rows = [[to_width(one, 180, Image.Resampling.LANCZOS) for one in row] for row in (paintings, stylized)]
    return stacked([sheet([row]) for row in rows])


def optimised_one() -> Exhibit:
    """A photograph, and what it has become after some steps."""
    card, photo, glass = trained("gatys"), DRAWINGS["stylize_landscape"](), drawn_style("draw_voronoi")
    frames = list(card.run(photo, paintings=[glass], side=384, steps=80))
    after = [frames[n].pictures[0] for n in (4, 19, len(frames) - 1)]
    cells = [to_width(one, 230, Image.Resampling.LANCZOS) for one in (photo, *after)]
    return sheet([cells], above=["lesson_word_start", *(f"lesson_word_steps {n}" for n in (5, 20, len(frames)))])


def textures() -> Exhibit:
    """What a painting was, and what grew out of noise by its Gram matrices: of all layers, and of the first alone."""
    card, rows = trained("texture"), []
    for name in ("draw_voronoi", "draw_noise"):
        painting = drawn_style(name)
        settings = ({"style_layers": layers, "steps": 40} for layers in ("relu1_1", ",".join(LAYERS)))
        grown = [card(paintings=[painting], **knobs).pictures[0] for knobs in settings]
        rows.append([to_width(one, 230, Image.Resampling.LANCZOS) for one in (painting, *grown)])
    return sheet(rows, above=["lesson_word_painting", "relu1_1", "lesson_word_all_layers"])


def kept_by_layers() -> Exhibit:
    card, photo = trained("reconstruct"), DRAWINGS["stylize_landscape"]()
    kept = [card(photo, layer=layer, side=256).pictures[0] for layer in LAYERS]
    return sheet([[to_width(one, 230, Image.Resampling.LANCZOS) for one in kept]], above=list(LAYERS))


def drawn() -> Exhibit:
    """One picture of each rule."""
    cards = [card for card in CARDS if card.net is None and card.task == "generate"]
    names = [f"title_{card.name}" for card in cards]
    cells = [card(count=9, seed=9, size=224).pictures[n] for n, card in enumerate(cards, 1)]  # no two in the same colours
    return stacked([sheet([cells[n : n + 4]], above=names[n : n + 4]) for n in (0, 4)])


def guesses(each: int = 5) -> Exhibit:
    """Drawn clothes, the sixteen pixels left of each, and guesses at what they were."""
    card, rows = trained("tiny_gan_x7"), []
    for cloth in trained("dcgan_fashion28")(count=10, seed=7).pictures[::3]:
        pixels = np.asarray(Image.fromarray(cloth.pixels[..., 0]).resize((4, 4), Image.Resampling.BOX))[..., None]
        upscaled = [card(cloth, seed=seed).pictures[0] for seed in range(1, each + 1)]
        rows.append([enlarged(cloth, 4), enlarged(Picture(pixels), 28), *(enlarged(guess, 4) for guess in upscaled)])
    guessed = [f"lesson_word_guess {n}" for n in range(1, each + 1)]
    return sheet(rows, above=["lesson_word_original", "lesson_word_given", *guessed])


def cleaned() -> Exhibit:
    """Noise and JPEG's traces, and what the light network leaves of them."""
    card, photo, rng = trained("light_restore"), scenes.still_life(384, 4), np.random.default_rng(2)
    rows = []
    for worse in (degradations.noise(photo.pixels, 35, rng), degradations.jpeg(photo.pixels, 8)):
        shown = (Picture(worse), card(Picture(worse)).pictures[0], photo)
        rows.append([enlarged(cropped(one, 130, 110, 150), 2) for one in shown])
    above = [f"lesson_word_{word}" for word in ("given", "cleaned", "original")]
    return sheet(rows, above=above, beside=["option_noise", "option_jpeg"])


def noise_found() -> Exhibit:
    """A noisy picture, what DnCNN takes for noise (grey: nothing), and the rest."""
    card, photo = trained("dncnn_color"), scenes.city(320, 5)
    worse = degradations.noise(photo.pixels, 30, np.random.default_rng(3))
    clean = card(Picture(worse)).pictures[0]
    found = np.clip(128 + worse.astype(int) - clean.pixels, 0, 255).astype(np.uint8)
    shown = (Picture(worse), Picture(found), clean, photo)
    above = [f"lesson_word_{word}" for word in ("given", "noise_found", "rest", "original")]
    return sheet([[enlarged(cropped(one, 100, 80, 120), 2) for one in shown]], above=above)


def put_together() -> Exhibit:
    """Noise, words and scratches, and what the autoencoder makes of them."""
    card, photo, rng = trained("conv_ae_restore"), scenes.portrait(256, 2), np.random.default_rng(5)
    cells = [Picture(degradations.noise(photo.pixels, 30, rng))]
    results = [card(cells[0]).pictures[0]]
    for kind, amount in (("words", 5), ("scratches", 6)):
        mask = mask_of(degradations.HOLES[kind](photo.pixels.shape[:2], amount, rng))
        cells.append(without(photo.pixels, mask, 255))
        results.append(card(cells[-1], mask=[mask]).pictures[0])
    return sheet([cells, results], above=["option_noise", "option_words", "option_scratches"])


def step_by_step() -> Exhibit:
    """One noisy picture after some steps; and several of them, as many as steps."""
    card, photo, rng = trained("recurrent_restore"), scenes.still_life(320, 6), np.random.default_rng(8)
    shots = [Picture(degradations.noise(photo.pixels, 45, rng)) for _ in range(6)]
    again = card(shots[0], steps=6).pictures[1:]
    more = [card(shots[0], steps=n, frames=shots[1:n]).pictures[0] for n in (2, 4, 6)]
    rows = [[shots[0], *(again[n - 1] for n in (2, 4, 6))], [shots[0], *more]]
    cells = [[enlarged(cropped(one, 110, 90, 115), 2) for one in row] for row in rows]
    above = ["lesson_word_given", *(f"lesson_word_steps {n}" for n in (2, 4, 6))]
    return sheet(cells, above=above, beside=["lesson_word_one_picture", "lesson_word_one_each_step"])


def looked_up() -> Exhibit:
    """Holes in what repeats, filled by the autoencoder and by attention, and where one place looked."""
    photo = scenes.city(256, 3)
    hole = np.zeros((256, 256), bool)
    hole[110:126, 40:200] = hole[160:200, 120:136] = True
    mask = mask_of(hole)
    worse = without(photo.pixels, mask)
    shown = [worse, *(trained(name)(worse, mask=[mask]).pictures[0] for name in ("conv_ae_restore", "attention_inpaint"))]
    *_, last = trained("attention_inpaint").do(look, worse, mask=[mask], row=118, column=130)
    above = [f"lesson_word_{word}" for word in ("holes", "autoencoder", "attention", "where_it_looked")]
    return sheet([[*shown, last.pictures[0]]], above=above)


def filtered() -> Exhibit:
    """Two kinds of noise, and what the filters that learned nothing make of them."""
    photo, rng = scenes.still_life(320, 7), np.random.default_rng(4)
    rows = []
    for worse in (degradations.noise(photo.pixels, 30, rng), degradations.salt_and_pepper(photo.pixels, 12, rng)):
        names = ("gaussian_filter", "median_filter", "non_local_means")
        shown = [Picture(worse), *(find_card(name)(Picture(worse)).pictures[0] for name in names)]
        rows.append([enlarged(cropped(one, 110, 90, 115), 2) for one in shown])
    above = ["lesson_word_given", *(f"title_{name}" for name in names)]
    return sheet(rows, above=above, beside=["option_noise", "option_salt_and_pepper"])


def explained() -> Exhibit:
    """Some inputs, where the network looked, what it must see, and what another answer would have needed."""
    rows, names = [], []
    for name, drawing in (("cnn_fashion28", "boot"), ("cnn_fashion28", "dress"), ("cnn_shapes32", "star")):
        result = trained(name)(DRAWINGS[f"classify_{drawing}"]())
        by_kind = {picture.record["shows"]: picture for picture in result.pictures}
        rows.append([resized(by_kind[kind], 200, 200) for kind in ("input", "grad_cam", "occlusion", "change")])
        names.append(f"option_{result.facts['explained']}")
    return sheet(rows, above=[f"lesson_word_{word}" for word in ("seen", "grad_cam", "occlusion", "change")], beside=names)


LESSONS: dict[str, Callable[[], Exhibit]] = {
    **IDEAS, **TRAININGS,
    "dcgan": partial(classes, "dcgan_flowers64", count=9, times=1), "gan": partial(classes, "mlp_gan_fashion28"),
    "vae": partial(classes, "mlp_vae_fashion28"), "resgan": partial(classes, "resgan_flowers64", count=9, times=1),
    "conv_vae": partial(classes, "conv_vae_flowers64", count=9, times=1),
    "autoencoder": partial(classes, "conv_ae_fashion28"),
    "words": words, "flow": flowing, "drawn": drawn, "espcn": partial(restored, "nearest", "bicubic", "espcn_x4"),
    "srcnn": partial(restored, "nearest", "bicubic", "srcnn_x4"), "vdsr": partial(restored, "bicubic", "srcnn_x4", "vdsr_x4"),
    "srdensenet": partial(restored, "bicubic", "vdsr_x4", "srdensenet_x4"),
    "srgan": partial(restored, "bicubic", "srresnet_x4", "srgan_x4"),
    "enhancenet": partial(restored, "bicubic", "enhancenet_x4", "enhancenet_pat_x4"), "tiny_gan": guesses,
    "light": clean_and_phone, "interpolation": interpolation, "realesrgan": realesrgan,
    "transfer": transfer, "transfer_gan": patched, "arbitrary": arbitrary, "gatys": optimised_one, "texture": textures,
    "reconstruct": kept_by_layers, "fastgan": fastgan, "nafnet": cleaned, "dncnn": noise_found, "rednet": put_together,
    "recurrent": step_by_step, "attention": looked_up, "filters": filtered, "classification": explained,
}

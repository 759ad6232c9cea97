"""What every tab opens with, the README's picture, and `write`, which makes every picture of the page once, after training."""

import io
import json
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imgen.catalog import CARDS, TASKS, find_card
from imgen.exhibits.examples import DRAWINGS, examples, has_weights, opening_example, style_pictures, trained, wished
from imgen.exhibits.files import ASSETS, wish_file
from imgen.exhibits.layout import GAP, Exhibit, enlarged, sheet, stacked, to_width
from imgen.exhibits.lessons import LESSONS, lesson_pictures
from imgen.exhibits.thumbnails import thumbnails
from imgen.image import Picture, encode
from imgen.pipelines.spoil import hole_known

SEED = 6  # of the flowers that the page opens with: chosen by eye among nine
OPENED: dict[str, tuple[str, dict[str, object]]] = {
    # Each tab's most convincing result, chosen by looking: at four photographs by five enlargers (the fur by SRGAN), at five
    # in the manner of 16 paintings, and at three, each noisy, squeezed and written over, mended by two nets.
    "generate": ("flow_flowers64", {"seed": SEED, "guidance": 2}),
    "upscale": ("srgan_x4", {}),
    "stylize": ("transfer_paintings", {"style": "woman_with_a_hat"}),
    "restore": ("light_restore", {}),
    "classify": ("cnn_fashion28", {}),
}
def write(folder: Path = ASSETS) -> list[str]:
    """Make every file; returns what had to be left out because its card has no weights yet."""
    illustrations, opened = lesson_pictures(), openings()
    for task, drawn in examples().items():
        for name, picture in drawn.items():
            save(folder / "examples" / f"{task}_{name}.png", encode(picture, level=9))
    for task, pictures in opened.items():
        for old in (folder / "openings").glob(f"{task}_*.png"):
            old.unlink()
        for n, picture in enumerate(pictures):
            save(folder / "openings" / f"{task}_{n}.png", encode(picture, level=9))
    for name, picture in thumbnails(SEED).items():
        save(folder / "models" / f"{name}.webp", webp(picture))
    for name, picture in illustrations.items():
        save(folder / "lessons" / f"{name}.png", palette_png(picture))
    for phrase, picture in wished().items():
        save(wish_file(phrase, folder), webp(picture))
    for name, picture in style_pictures().items():
        save(folder / "styles" / f"{name}.webp", webp(picture))
    if len(opened) == len(TASKS):
        save(folder / "readme.png", palette_png(journey()))
    missing = [f"lessons/{name}" for name in LESSONS if name not in illustrations]
    return missing + [f"openings/{task}" for task in TASKS if task not in opened]


def save(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def webp(picture: Picture) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture.rgb().pixels).save(file, "WEBP", quality=88)
    return file.getvalue()


def palette_png(exhibit: Exhibit, colours: int = 256) -> bytes:
    """A PNG of few colours, dithered: a third of the bytes, for pictures that only illustrate; the words go along as text."""
    file, image, info = io.BytesIO(), Image.fromarray(exhibit.picture.pixels), PngInfo()
    if exhibit.words:
        info.add_itxt("words", json.dumps(exhibit.words))
    few = image.quantize(palette=image.quantize(colours), dither=Image.Dither.FLOYDSTEINBERG)
    few.save(file, "PNG", optimize=True, pnginfo=info)
    return file.getvalue()


def openings() -> dict[str, list[Picture]]:
    """What each tab opens with, for the tasks whose card has its weights."""
    results = {}
    for task, (name, knobs) in OPENED.items():
        card = find_card(name)
        if has_weights(card):
            results[task] = card(*([opening_example(task)] if card.pictures else []), **knobs).pictures
    return results


def journey(seed: int = SEED, wide: int = 1334) -> Exhibit:
    """For the README: flowers and wishes, what rules drew, one landscape in the manner of several painters, two repairs."""
    wishes = list(wished().values())
    flowers = trained("flow_flowers64")(count=10, seed=seed, guidance=2).pictures[: 10 - len(wishes)]
    generated = [enlarged(picture, 2) for picture in (*flowers, *wishes)]
    rules = [card for card in CARDS if card.net is None and card.task == "generate"]
    drawn_ones = [card(count=5, seed=9, size=128).pictures[n % 5] for n, card in enumerate([*rules, *rules[:2]], 1)]
    card, photo = trained("transfer_paintings"), DRAWINGS["stylize_landscape"]()
    stylized = [photo, *(card(photo, style=style).pictures[0] for style in card.knobs["style"].options[:4])]
    side = (wide + GAP) // len(stylized) - GAP
    cells = [to_width(picture, side, Image.Resampling.LANCZOS) for picture in stylized]
    noisy, scribbled = (DRAWINGS[f"restore_{name}"]() for name in ("noisy", "scribbled"))
    whole = trained("attention_inpaint")(scribbled, mask=[hole_known(scribbled)]).pictures[0]
    repaired = [noisy, trained("light_restore")(noisy).pictures[0], scribbled, whole]
    mended = [to_width(picture, (wide + GAP) // 4 - GAP, Image.Resampling.LANCZOS) for picture in repaired]
    return stacked([sheet([generated, drawn_ones]), sheet([cells]), sheet([mended])])

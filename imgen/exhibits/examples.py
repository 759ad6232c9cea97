"""What the exhibits begin with: the drawn examples of each task, drawn styles, and cards that have their weights."""

from collections.abc import Callable

from imgen.cards import Card
from imgen.catalog import find_card
from imgen.controls import UserError
from imgen.drawing import scenes
from imgen.drawing.shapes import shape, t_shirt
from imgen.exhibits.files import DRAWN_STYLES, EXAMPLES, OPENS_WITH, WISHES, WORDED, bundled
from imgen.image import Picture, decode, resized

DRAWINGS: dict[str, Callable[[], Picture]] = {  # a file of `assets/examples` -> what is drawn there
    "upscale_cat": lambda: resized(part(photograph("chelsea"), (60, 0, 420, 300)), 150, 180),
    "upscale_city": lambda: scenes.city(192, 3),
    "upscale_chart": lambda: scenes.chart(256),
    "stylize_astronaut": lambda: part(photograph("astronaut"), (25, 0, 425, 400)),
    "stylize_landscape": lambda: scenes.landscape((640, 448)),
    "stylize_still_life": lambda: scenes.still_life((640, 512), 1),
    "stylize_portrait": lambda: scenes.portrait(512, 1),
    "restore_coffee": lambda: spoiled(part(photograph("coffee"), (60, 20, 540, 380)), damage="noise", amount=35),
    "restore_noisy": lambda: spoiled(scenes.still_life((512, 400), 2), damage="noise", amount=30),
    "restore_squeezed": lambda: spoiled(scenes.city((512, 400), 3), damage="jpeg", amount=8),
    "restore_scribbled": lambda: spoiled(scenes.landscape((512, 400), 3), damage="words", amount=25),
    "classify_boot": lambda: dressed("ankle_boot", 1),
    "classify_dress": lambda: dressed("dress", 1),
    "classify_outline": lambda: t_shirt(256),
    "classify_star": lambda: shape("star", 5, 128),
    "classify_heart": lambda: shape("heart", 2, 128),
    "classify_arrow": lambda: shape("arrow", 7, 128),
}


def photograph(name: str) -> Picture:
    """One of those that come with scikit-image: "astronaut" (NASA, public domain), "chelsea" the cat, "coffee" (both CC0)."""
    path = bundled(f"skimage:{name}.png")
    assert path, f"scikit-image has no {name}"
    return decode(path)


def part(picture: Picture, box: tuple[int, int, int, int]) -> Picture:
    """box: left, top, right, bottom in pixels."""
    left, top, right, bottom = box
    return Picture(picture.pixels[top:bottom, left:right])


def spoiled(photo: Picture, **knobs: object) -> Picture:
    return find_card("spoil")(photo, **knobs).pictures[0]


def dressed(kind: str, seed: int) -> Picture:
    """What a GAN takes for one of a kind of clothes: 28×28 grey pixels."""
    return Picture(find_card("dcgan_fashion28")(label=kind, count=1, seed=seed).pictures[0].pixels)


def drawn_style(name: str) -> Picture:
    return find_card(name)(count=1, seed=3, size=256).pictures[0]


def style_pictures() -> dict[str, Picture]:
    """name -> a square: what the rules draw, and a still life as each trained painting would have it."""
    pictures = {name: drawn_style(name) for name in DRAWN_STYLES}
    card, photo = trained("transfer_paintings"), scenes.still_life(288, 1)
    for style in card.knobs["style"].options[:-1]:
        pictures[style] = card(photo, style=style).pictures[0]
    return pictures


def wished() -> dict[str, Picture]:
    """Words -> a picture of what a click on them makes."""
    return {phrase: trained(WORDED)(words=phrase).pictures[number] for phrase, number in WISHES.items()}


def examples() -> dict[str, dict[str, Picture]]:
    """The drawn examples of each task, by name."""
    return {task: {name: DRAWINGS[f"{task}_{name}"]() for name in names} for task, names in EXAMPLES.items()}


def opening_example(task: str) -> Picture:
    """With which the tab opens."""
    return DRAWINGS[OPENS_WITH[task]]()


def has_weights(card: Card) -> bool:
    """Trained, or nothing to train: a net that was only just built would draw nonsense."""
    if card.net is None:
        return True
    return card.ready and (card.weights is not None or not any(True for _ in card.net.build().parameters()))


def trained(name: str) -> Card:
    card = find_card(name)
    if not has_weights(card):
        raise UserError("weights_missing", card=name)
    return card

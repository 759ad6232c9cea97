"""Spoil a good picture in a known way, so that one can see what a repair is worth."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np

from imgen.controls import Choice, Seed, Slider, UserError, able, checked, knobs_of
from imgen.functional.degradations import CHANGES, HOLES, NEUTRAL
from imgen.image import Frame, Picture

UNITS = {  # what an amount of 1 is: σ in grey levels, pixels in a hundred, tenths of a pixel, JPEG's quality …
    "noise": 1.0, "salt_and_pepper": 1.0, "blur": 0.1, "jpeg": 1.0, "scratches": 0.5, "words": 0.2, "blocks": 1.0, "strokes": 0.2,
}
WHITE = ("scratches", "words")  # what lies over a picture; the other holes are grey


@able(spoils=True)
def spoil(
    net: None, picture: Picture, *,
    damage: Annotated[str, Choice(tuple(UNITS))] = "noise",
    amount: Annotated[int, Slider(1, 100, 1)] = 25,
    seed: Annotated[int, Seed()] = 1,
) -> Iterator[Frame]:
    """The picture with one kind of damage, in RGB of 8 bit; of one that leaves holes their mask follows.

    amount: of noise σ in grey levels; of salt_and_pepper and blocks so many of a hundred pixels; of blur σ in tenths of a pixel;
    of jpeg the quality; of scratches, words and strokes how many.
    """
    pixels = picture.rgb().pixels
    if damage in CHANGES:
        yield Frame(1, 1, [Picture(CHANGES[damage](pixels, amount * UNITS[damage], np.random.default_rng(seed)))])
        return
    mask = hole_made(pixels.shape[:2], damage, amount, seed)
    yield Frame(1, 1, [without(pixels, mask, 255 if damage in WHITE else NEUTRAL), mask])


def hole_made(size: tuple[int, int], damage: str, amount: float, seed: int) -> Picture:
    """Where a picture of that size (height, width) is damaged: white (H, W, 1)."""
    return mask_of(HOLES[str(damage)](size, amount * UNITS[str(damage)], np.random.default_rng(seed)))


def mask_of(hole: np.ndarray) -> Picture:
    """(H, W) bool -> a picture (H, W, 1), white where there is a hole."""
    return Picture(hole[..., None].astype(np.uint8) * 255)


def without(pixels: np.ndarray, mask: Picture, level: int = NEUTRAL) -> Picture:
    """The pixels (H, W, C) uint8 with their holes in one grey level."""
    return Picture(np.where(mask.pixels > 0, np.uint8(level), pixels))


def hole_known(picture: Picture) -> Picture | None:
    """The mask of a picture whose record says that `spoil` made its holes: it follows from size and seed."""
    knobs = picture.record.get("knobs")
    if picture.record.get("card") != "spoil" or not isinstance(knobs, dict):
        return None
    try:
        values = checked(knobs_of(spoil, {}), knobs)
    except UserError:  # a record that somebody else has written
        return None
    return hole_made(picture.pixels.shape[:2], **values) if values["damage"] in HOLES else None

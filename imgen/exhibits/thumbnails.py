"""A small picture of what each recommended model does, beside its name in the picker."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image

from imgen.catalog import RECOMMENDED, find_card
from imgen.exhibits.examples import DRAWINGS, drawn_style, has_weights, part, photograph
from imgen.exhibits.layout import enlarged
from imgen.image import Picture, resized
from imgen.pipelines.spoil import hole_known

SIDE = 112  # pixels, twice what it is shown at


class Proof(NamedTuple):
    given: Callable[[], Picture]
    place: tuple[float, float, float, float]  # what is seen of it: left, top, right, bottom, shares of its sides
    knobs: Callable[[Picture], dict[str, object]] = lambda given: {}


def face() -> Picture:
    return part(photograph("astronaut"), (130, 0, 330, 200))


SHOWN = {
    "light_real_x4": Proof(lambda: resized(face(), 100, 100), (0.2, 0.15, 0.8, 0.75)),
    "light_x4": Proof(DRAWINGS["upscale_city"], (0.45, 0.4, 0.75, 0.7)),
    "srgan_x4": Proof(DRAWINGS["upscale_cat"], (0.1, 0.2, 0.5, 0.68)),
    "transfer_paintings": Proof(face, (0, 0, 1, 1), lambda given: {"style": "composition_vii"}),
    "arbitrary_style": Proof(face, (0, 0, 1, 1), lambda given: {"paintings": [drawn_style("draw_voronoi")]}),
    "gatys": Proof(face, (0, 0, 1, 1), lambda given: {"paintings": [drawn_style("draw_splines")]}),
    "cnn_fashion28": Proof(lambda: enlarged(DRAWINGS["classify_boot"](), 4), (0, 0, 1, 1)),
    "cnn_shapes32": Proof(DRAWINGS["classify_star"], (0, 0, 1, 1)),
    "light_restore": Proof(DRAWINGS["restore_coffee"], (0.25, 0, 0.75, 0.67)),
    "attention_inpaint": Proof(DRAWINGS["restore_scribbled"], (0.1, 0, 0.7, 0.77), lambda given: {"mask": [hole_known(given)]}),
    "diffusion_fill": Proof(DRAWINGS["restore_scribbled"], (0.4, 0.2, 1, 0.97), lambda given: {"mask": [hole_known(given)]}),
}


def thumbnails(seed: int) -> dict[str, Picture]:
    """Of those recommended models that have their weights, by name; with what was given in the upper left half."""
    found = {}
    for card in filter(has_weights, map(find_card, RECOMMENDED)):
        if not card.pictures:
            found[card.name] = seen(card(seed=seed, count=1).pictures[0])
            continue
        proof = SHOWN[card.name]
        given = proof.given()
        result = card(given, **proof.knobs(given)).pictures[0]
        found[card.name] = halves(seen(given, proof.place), seen(result, proof.place))
    return found


def seen(picture: Picture, place: tuple[float, float, float, float] = (0, 0, 1, 1)) -> Picture:
    left, top, right, bottom = place
    box = (left * picture.width, top * picture.height, right * picture.width, bottom * picture.height)
    image = Image.fromarray(picture.rgb().pixels)
    return Picture(np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box)))


def halves(before: Picture, after: Picture) -> Picture:
    """The one above the diagonal from the lower left, the other below it, a white line between."""
    down, right = np.mgrid[:SIDE, :SIDE]
    place = (down + right - SIDE + 1)[..., None]
    pixels = np.where(place < 0, before.pixels, after.pixels)
    return Picture(np.where(abs(place) < 2, 255, pixels).astype(np.uint8))

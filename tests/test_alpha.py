"""What is hidden stays hidden, what is of one colour stays so, and a mask means the same to every card."""

import cv2
import numpy as np
import pytest
from conftest import noise_picture

from imgen.catalog import CARDS, find_card
from imgen.controls import UserError
from imgen.drawing import scenes
from imgen.functional.alpha import own_colours, visible
from imgen.functional.flat import AROUND, liveliness
from imgen.image import Picture, to_tensor
from imgen.models.interpolation import Trilinear
from imgen.pipelines.guess import guess
from imgen.pipelines.stylize import check_shape, mask
from imgen.pipelines.upscale import interpolate_between

READY = [card for card in CARDS if card.pictures and card.ready]
KEEPING = [one for one in READY if one.task in ("upscale", "restore") and one.pipeline is not guess and not one.abilities.spoils]
MENDING = [card for card in KEEPING if card.task == "restore"]
COLOURS = {
    "red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0), "white": (255, 255, 255),
    "black": (0, 0, 0), "nearly black": (3, 2, 4), "nearly white": (252, 254, 251), "dull": (90, 120, 60),
}


def each(cards):
    return pytest.mark.parametrize("card", cards, ids=lambda card: card.name)


def knobs_for(card, height, width):
    """Quick ones; a hole near the middle where there must be one."""
    hole = np.zeros((height, width, 1), np.uint8)
    hole[height // 3 : height // 2, width // 3 : width // 2] = 255
    knobs = {"mask": [Picture(hole)]} if card.abilities.needs_mask else {}
    knobs |= {"paintings": [scenes.still_life(48, seed=1)]} if card.abilities.any_style else {}
    return knobs | ({"steps": 10, "side": 128} if card.abilities.optimises else {})


def disc(hidden: int, side: int = 40) -> Picture:
    """An orange disc; `hidden` is the grey level under alpha 0."""
    y, x = np.mgrid[:side, :side]
    inside = (x - side / 2) ** 2 + (y - side / 2) ** 2 < (side / 3) ** 2
    pixels = np.full((side, side, 4), hidden, np.uint8)
    pixels[inside] = (200, 120, 40, 255)
    pixels[..., 3] = 255 * inside
    return Picture(pixels)


@each(READY)
def test_no_visible_pixel_depends_on_what_alpha_hides(card):
    black, white = (card(disc(hidden), **knobs_for(card, 40, 40)).pictures[0] for hidden in (0, 255))
    seen = black.alpha[..., 0] > 0 if black.alpha is not None else np.ones(black.pixels.shape[:2], bool)
    assert seen.any() and np.array_equal(black.colour[seen], white.colour[seen])


@each([card for card in READY if card.abilities.any_style or card.abilities.named_styles])
def test_what_was_transparent_is_so_when_it_is_painted(card):
    result = card(disc(0, 64), **knobs_for(card, 64, 64)).pictures[0]
    assert result.alpha is not None and result.alpha[0, 0] == 0 and result.alpha[result.height // 2, result.width // 2] == 255


@each(MENDING)
@pytest.mark.parametrize("opacity", [40, 128])
def test_half_transparent_colours_stay(card, opacity):
    picture = Picture(np.full((24, 30, 4), (200, 40, 40, opacity), np.uint8))
    result = card(picture, **knobs_for(card, 24, 30)).pictures[0]
    assert abs(result.pixels.astype(int) - picture.pixels).max() <= 2


@each([card for card in MENDING if not card.abilities.needs_mask])
def test_the_soft_edge_of_a_sprite_keeps_its_colour(card):
    """Of one colour, its alpha falls from 255 to 0 over eight pixels; black lies beyond."""
    alpha = np.broadcast_to(np.clip(255 - 32 * (np.arange(40) - 20), 0, 255), (24, 40)).astype(np.uint8)
    picture = Picture(np.dstack([np.where(alpha[..., None] > 0, np.uint8([[[200, 40, 40]]]), np.uint8(0)), alpha]))
    result = card(picture).pictures[0].pixels.astype(int)
    assert abs(result - picture.pixels)[alpha > 0].max() <= 2


def test_visible_colours_are_untouched_and_an_opaque_picture_wholly():
    picture = noise_picture(20, 30, 4, np.uint16)
    picture.alpha[...] = np.where(picture.alpha > 30000, 65535, 0)
    shown = (picture.alpha > 0)[..., 0]
    assert np.array_equal(visible(picture).pixels[shown], picture.colour[shown])
    assert not np.array_equal(visible(picture).pixels[~shown], picture.colour[~shown])
    opaque = Picture(np.dstack([picture.colour, np.full((20, 30), 65535, np.uint16)]))
    assert visible(opaque) == Picture(opaque.colour) and own_colours(opaque.colour, opaque, opaque) is not None


@each(KEEPING)
@pytest.mark.parametrize("colour", COLOURS.values(), ids=COLOURS)
def test_one_colour_stays_one_colour_to_the_border(card, colour):
    for height, width in ((1, 1), (2, 33), (40, 24)):
        if card.abilities.needs_mask and height * width < 100:
            continue
        picture = Picture(np.full((height, width, 3), colour, np.uint8))
        result = card(picture, **knobs_for(card, height, width)).pictures[0].pixels
        assert abs(result.astype(int) - colour).max() <= 2


def test_lively_is_all_that_is_near_an_edge_and_nothing_else():
    x = to_tensor(np.full((60, 50, 3), 90, np.uint8))
    x[..., 30, 20] += 10 / 255
    live = liveliness(x)[0, 0].numpy()
    y, x = np.mgrid[:60, :50]
    assert np.array_equal(live > 0, np.maximum(abs(y - 30), abs(x - 20)) <= AROUND) and set(np.unique(live)) == {0, 1}


def test_the_blocks_of_a_jpeg_are_no_flat_areas():
    """Each of one colour, by coarse quantisation: their edges are to be mended, and so is what lies between."""
    blocks = np.kron(np.random.default_rng(0).integers(0, 255, (8, 8)), np.ones((8, 8)))[..., None].astype(np.uint8)
    assert liveliness(to_tensor(blocks)).min() == 1


@each([card for card in MENDING if "tile" in card.knobs] + [find_card("espcn_x2")])
@pytest.mark.parametrize("tile", [65, 100, 127])
def test_tiles_of_any_side_equal_the_whole(card, tile):
    picture = noise_picture(140, 150)
    knobs = {"scale": 2.0} if card.abilities.any_factor else {}
    parts, whole = (card(picture, tile=side, **knobs).pictures[0].pixels.astype(int) for side in (tile, 512))
    assert abs(parts - whole).max() <= 1  # sums of bfloat16 come in another order


def test_a_pyramid_is_cut_where_its_cells_begin():
    picture = noise_picture(140, 150)
    parts, whole = (list(interpolate_between(Trilinear(), picture, level=3.0, tile=tile))[-1].pictures[0] for tile in (100, 512))
    assert abs(parts.pixels.astype(int) - whole.pixels).max() <= 1


def layer(colour, opacity, height: int = 48, width: int = 64) -> Picture:
    """(height, width) pixels of a colour where `opacity` is 255."""
    return Picture(np.dstack([np.full((height, width, 3), colour, np.uint8), opacity]))


HOLE = np.zeros((48, 64), np.uint8)
HOLE[10:20, 20:35] = 255
WHITE_ON_BLACK = np.dstack([HOLE] * 3)
ONE_CLEAR = np.full((48, 64), 255, np.uint8)
ONE_CLEAR[0, 0] = 0
STRIP = ONE_CLEAR.copy()
STRIP[:6] = 0


@pytest.mark.parametrize("given", [
    Picture(HOLE[..., None]), Picture(WHITE_ON_BLACK), Picture(WHITE_ON_BLACK.astype(np.uint16) * 257),
    Picture(np.dstack([WHITE_ON_BLACK, np.full((48, 64), 255, np.uint8)])), Picture(np.dstack([WHITE_ON_BLACK, ONE_CLEAR])),
    Picture(np.dstack([WHITE_ON_BLACK, np.full((48, 64), 254, np.uint8)])), Picture(np.dstack([WHITE_ON_BLACK, STRIP])),
    layer((255, 51, 85), HOLE), layer((255, 51, 85), HOLE // 2), layer((0, 0, 0), HOLE), layer((255, 255, 255), HOLE),
    Picture(np.dstack([HOLE * 0, HOLE])),
], ids=[
    "grey", "rgb", "16 bit", "opaque", "one clear", "254", "a strip", "brush", "thin brush", "black", "white", "grey and alpha",
])
def test_the_same_hole_however_it_was_drawn(given):
    assert np.array_equal(mask(given, 48, 64) > 0.5, HOLE > 0)


def test_a_cut_out_subject_is_the_mask_of_its_outline():
    subject = Picture(np.dstack([noise_picture(48, 64).pixels, HOLE]))
    assert np.array_equal(mask(subject, 48, 64) > 0.5, HOLE > 0)


@pytest.mark.parametrize("card", ["attention_inpaint", "diffusion_fill", "conv_ae_restore"])
def test_a_mask_that_lies_on_its_side_is_a_sentence_and_another_size_will_do(card):
    picture = noise_picture(48, 64)
    with pytest.raises(UserError) as caught:
        find_card(card)(picture, mask=[Picture(HOLE.T[..., None])])
    assert caught.value.key == "mask_shape"
    small = find_card(card)(picture, mask=[Picture(HOLE[::2, ::2, None])], grow=0).pictures[0]
    beyond = cv2.dilate(HOLE, np.ones((3, 3))) == 0  # a coarse mask has a coarse edge
    assert np.array_equal(small.pixels[beyond], picture.pixels[beyond])


@each([card for card in READY if "region" in card.knobs])
def test_so_is_one_of_a_style_card(card):
    check_shape(Picture(HOLE[..., None]), noise_picture(96, 128))
    knobs = knobs_for(card, 48, 64)
    knobs |= {"paintings": knobs["paintings"] * 2} if "paintings" in knobs else {}
    with pytest.raises(UserError) as caught:
        card(noise_picture(48, 64), region=[Picture(HOLE.T[..., None])], **knobs)
    assert caught.value.key == "mask_shape"

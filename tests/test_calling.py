"""`imgen.load`: a model as a function of whatever a program has in its hands."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import imgen
from imgen.cards import WEIGHTS
from imgen.catalog import CARDS

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
TWICE = PIXELS.repeat(2, 0).repeat(2, 1)  # what `nearest` makes of it at scale 2
nearest = imgen.load("nearest")


def test_a_picture_comes_back_as_what_it_came_in(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "photo.png")
    for given in (Image.fromarray(PIXELS), tmp_path / "photo.png", str(tmp_path / "photo.png")):
        result = nearest(given, scale=2)
        assert isinstance(result, Image.Image) and (np.asarray(result) == TWICE).all()
    assert [type(one) for one in nearest([Image.fromarray(PIXELS), PIXELS], scale=2)] == [Image.Image, np.ndarray]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_an_array_keeps_its_shape_and_its_numbers(dtype, channels):
    values = np.random.default_rng(1).integers(0, 256, (5, 7, *([channels] if channels else [])))
    if channels in (2, 4):
        values[..., -1] = 255
    white = 1 if np.issubdtype(dtype, np.floating) else np.iinfo(dtype).max
    given = (values * (white / 255)).astype(dtype)
    result = nearest(given, scale=2)
    assert result.dtype == dtype and result.shape == (10, 14, *values.shape[2:])
    near = {np.float16: 1e-3, np.float32: 1e-5, np.float64: 1e-5}.get(dtype, 0)
    assert np.abs(result.astype(float) - given.repeat(2, 0).repeat(2, 1).astype(float)).max() <= near


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_a_tensor_keeps_its_kind(dtype):
    x = torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(0)).to(dtype)
    y = nearest(x, scale=2)
    assert y.dtype == dtype and y.device == x.device
    near = 1e-2 if dtype.itemsize == 2 else 1e-5
    torch.testing.assert_close(y, x.repeat_interleave(2, 2).repeat_interleave(2, 3), atol=near, rtol=0)


@pytest.mark.gpu
def test_a_tensor_comes_back_to_its_device():
    x = torch.rand(1, 3, 5, 7, device="cuda")
    assert nearest(x, scale=2).device == x.device


def test_it_is_what_the_card_does():
    """Against the card itself, which page and command line call."""
    card = imgen.find_card("espcn_x4")
    assert (imgen.load("espcn_x4")(PIXELS) == card(imgen.Picture(PIXELS)).pictures[0].pixels).all()


def test_a_picture_that_lies_beside_may_be_of_any_kind():
    fill, mask = imgen.load("diffusion_fill"), np.zeros((12, 16), np.uint8)
    mask[4:8, 4:8] = 255
    kinds = [mask, Image.fromarray(mask), torch.from_numpy(mask / 255)[None, None], [mask]]
    results = [fill(PIXELS, mask=one, grow=0, feather=0) for one in kinds]
    assert all((one == results[0]).all() for one in results)
    changed = (results[0] != PIXELS).any(2)
    assert not changed[mask == 0].any() and changed[mask > 0].any()


def test_a_generator_needs_no_picture_and_a_classifier_tells_its_scores():
    roses = imgen.load("dcgan_flowers64")(label="rose", seed=3, count=2)
    again = imgen.load("dcgan_flowers64")(label="rose", seed=3, count=1)
    assert [one.size for one in roses] == [(64, 64)] * 2 and roses[0] == again[0]
    clothes = imgen.load("cnn_fashion28")
    scores = clothes.scores(PIXELS)
    assert len(scores) == 10 and abs(sum(scores.values()) - 1) < 1e-3
    assert [*scores.values()] == sorted(scores.values(), reverse=True)
    assert clothes(PIXELS).shape == (280, 280, 3)


def test_pictures_of_odd_modes_are_read():
    for mode in ("1", "P", "CMYK", "LA", "I;16", "F", "HSV"):
        image = Image.new(mode, (6, 4))
        assert nearest(image, scale=2).size == (12, 8), mode
    clear = Image.new("RGBA", (6, 4), (255, 0, 0, 0)).quantize()
    assert nearest(clear, scale=2).mode == "RGBA"


@pytest.mark.parametrize("wrong", [
    np.zeros((2, 3, 4, 5)), np.zeros((4, 4, 5), np.uint8), np.full((4, 4, 3), np.nan), np.zeros((4, 4), int), np.zeros((0, 4)),
    torch.zeros(3, 4, 4), torch.zeros(1, 3, 4, 4, dtype=torch.uint8), object(), b"x",
], ids=lambda wrong: type(wrong).__name__)  # two workers must name it alike
def test_what_is_no_picture_is_one_sentence(wrong):
    with pytest.raises(imgen.UserError, match="^array_unreadable"):
        nearest(wrong)


def test_names_and_knobs_that_are_not_there_are_told():
    with pytest.raises(imgen.UserError, match="card_unknown"):
        imgen.load("espcn_x5")
    with pytest.raises(imgen.UserError, match="knob_unknown"):
        nearest(PIXELS, sharpness=1)
    with pytest.raises(imgen.UserError, match="classifiers_only"):
        nearest.scores(PIXELS)
    with pytest.raises(imgen.UserError, match="picture_first"):
        nearest()
    assert nearest.knobs["scale"] == 4.0 and repr(nearest) == "<imgen model nearest: upscale>"


def test_a_network_of_the_lab_is_loaded_by_its_file(here, tmp_path):
    code, *_ = here("teach", "espcn", "-o", tmp_path / "mine.safetensors", "--steps", "2")
    assert code == 0
    scale = imgen.load(tmp_path / "mine.safetensors").knobs["scale"]
    assert imgen.load(tmp_path / "mine.safetensors")(PIXELS).shape == (12 * scale, 16 * scale, 3)


@pytest.mark.parametrize("card", [card for card in CARDS if card.facts.sha256], ids=lambda card: card.name)
def test_plain_torch_reads_the_weights(card):
    """The class, and the file as it is: no code of ours between them."""
    card.net.build().load_state_dict(load_file(WEIGHTS / f"{card.stem}.safetensors"), strict=True)

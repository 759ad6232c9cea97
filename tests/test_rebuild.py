"""A visitor's own picture, packed and unpacked, or found in the latent space."""

import numpy as np
import pytest
import torch

from imgen.catalog import find_card, find_maker
from imgen.controls import UserError, checked, knobs_of
from imgen.image import Picture, decode, encode
from imgen.pipelines.explore import morph, place
from imgen.pipelines.rebuild import prepared, rebuild

GAN = find_card("mlp_gan_fashion28")
SIDE, LATENT = 12, 6


class Linear(torch.nn.Module):
    """A stand-in generator: basis·z + the ground of the class, so that least squares knows the best z."""

    latent = LATENT

    def __init__(self, classes: int = 3):
        super().__init__()
        self.classes, rng = classes, np.random.default_rng(5)
        basis, grounds = rng.normal(0, 0.03, (SIDE * SIDE, LATENT)), rng.uniform(0.35, 0.65, (classes, SIDE * SIDE))
        self.basis, self.grounds = (torch.nn.Parameter(torch.tensor(values).float(), False) for values in (basis, grounds))

    def forward(self, z, label):
        shares = label if label.is_floating_point() else torch.nn.functional.one_hot(label, self.classes).float()
        return (z @ self.basis.T + shares @ self.grounds).view(-1, 1, SIDE, SIDE)


class Packing(Linear):
    """The same, whose code is not the latent: code = spread·z + mean."""

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(6)
        self.mean = torch.tensor(rng.normal(size=(3, LATENT))).float()
        self.spread = torch.tensor(np.tril(rng.uniform(0.5, 1.5, (3, LATENT, LATENT)))).float()

    def encode(self, x, label):
        return x.flatten(1)[:, :LATENT]


def run(net, picture, classes=("ant", "bee", "cat"), **knobs):
    with torch.inference_mode():
        *_, last = rebuild(net, picture, **checked(knobs_of(rebuild, {"classes": list(classes)}), knobs))
    return last


def beside_the_range(net: Linear, kind: int) -> Picture:
    """A picture that the net cannot draw: the error of its nearest is at a right angle to all that z can change."""
    rng, basis = np.random.default_rng(7), net.basis.numpy().astype(float)
    z = rng.normal(size=LATENT)
    z *= np.sqrt(LATENT) / np.linalg.norm(z)
    q, _ = np.linalg.qr(basis)
    error = rng.normal(0, 0.02, SIDE * SIDE)
    pixels = net.grounds[kind].numpy() + basis @ z + error - q @ (q.T @ error)
    return Picture(np.rint(255 * pixels).astype(np.uint8).reshape(SIDE, SIDE, 1))


@pytest.mark.parametrize("label", ["all", "bee"])
def test_the_search_ends_where_least_squares_does(label):
    net = Linear()
    picture = beside_the_range(net, 1)
    wanted = picture.pixels.astype(float).ravel() / 255 - net.grounds[1].numpy()
    z, *_ = np.linalg.lstsq(net.basis.numpy().astype(float), wanted, rcond=None)
    last = run(net, picture, label=label)
    np.testing.assert_allclose(last.pictures[1].record["latent"], z, atol=0.02)
    assert last.pictures[1].record["shares"] == [0, 1, 0] and last.facts["class"] == "bee"


def test_a_kind_without_a_name_is_found_among_many():
    net = Linear(classes=40)
    last = run(net, beside_the_range(net, 33), classes=(), steps=200)
    assert int(np.argmax(last.pictures[1].record["shares"])) == 33 and "class" not in last.facts


def test_of_large_pictures_one_search_is_made_at_a_time():
    net, drawn = Linear(), []
    net.side = 512
    net.register_forward_pre_hook(lambda _, given: drawn.append((len(given[0]), torch.is_grad_enabled())))
    run(net, beside_the_range(net, 1), steps=10)
    assert {count for count, _ in drawn} == {1} and sum(graded for _, graded in drawn) == 10


def test_a_search_that_goes_on_comes_nearer():
    net = Linear()
    with torch.inference_mode():
        frames = list(rebuild(net, beside_the_range(net, 2), **checked(knobs_of(rebuild, {"classes": list("abc")}), {})))
    assert frames[-1].facts["db"] > frames[0].facts["db"] + 1
    assert [frame.done for frame in frames] == list(range(10, 410, 10))


def test_the_facts_and_the_difference_are_those_of_the_pictures_shown():
    net = Linear()
    last = run(net, beside_the_range(net, 0), steps=10)
    seen, drawn, difference = (picture.pixels.astype(float) for picture in last.pictures)
    assert last.facts["db"] == pytest.approx(-10 * np.log10(np.mean((seen - drawn) ** 2) / 255**2), abs=1e-6)
    np.testing.assert_array_equal(difference, 128 + drawn - seen)


def test_what_a_gan_drew_is_found_again():
    made = GAN(count=4, seed=4).pictures[3]
    *_, last = GAN.do(rebuild, made, steps=120)
    assert last.pictures[0] == made  # its very pixels
    assert last.facts["db"] > 30 and last.facts["class"] == "dress" and not last.facts["inverted"]
    assert 0.8 < np.square(last.pictures[1].record["latent"]).mean() < 1.2  # as far out as any latent


def test_a_seed_finds_the_same_again():
    made = GAN(count=1, seed=5).pictures[0]
    first, second = ([*GAN.do(rebuild, made, steps=10, seed=3)][-1].pictures[1] for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", ["conv_ae_fashion28", "mlp_vae_fashion28", "mlp_vae2d_fashion28"])
def test_a_net_that_encodes_shows_what_it_makes_of_its_own_code(name):
    card = find_card(name)
    made, net = card(count=4, seed=8, label="bag").pictures[3], card.load()
    *_, last = card.do(rebuild, made, label="bag")
    weight, label = next(net.parameters()), torch.tensor([card.facts.classes.index("bag")])
    with torch.inference_mode():
        code = net.encode(torch.tensor(made.pixels / 255).to(weight.dtype).view(1, 1, 28, 28), label)
        unpacked = net.decode(code[0] if isinstance(code, tuple) else code, label).float()
        unpacked = torch.sigmoid(unpacked) if isinstance(code, tuple) else unpacked
    off = last.pictures[1].pixels[..., 0] - 255 * unpacked[0, 0].numpy()
    assert np.sqrt(np.mean(off**2)) < 3  # of 255: an autoencoder's code passes through the Gaussian of its class in bfloat16


def test_the_latent_of_a_plain_autoencoder_leads_to_its_code():
    net = Packing()
    picture = beside_the_range(net, 2)
    z = np.array(run(net, picture, label="cat").pictures[1].record["latent"])
    code = net.spread[2].numpy() @ z + net.mean[2].numpy()
    np.testing.assert_allclose(code, picture.pixels.ravel()[:LATENT] / 255, atol=1e-4)


@pytest.mark.parametrize("name", ["mlp_gan_fashion28", "conv_ae_fashion28", "mlp_vae_fashion28"])
def test_what_was_found_can_be_kept_and_filmed(name):
    card = find_card(name)
    *_, last = card.do(rebuild, card(count=2, seed=1).pictures[1], steps=10)
    kept = decode(encode(last.pictures[1]))
    assert find_maker([kept]) is card
    *_, film = card.do(morph, kept, card(count=1).pictures[0], steps=2)
    assert np.abs(film.pictures[0].pixels.astype(int) - kept.pixels).max() <= 1
    for other in (last.pictures[0], last.pictures[2]):  # not made by the net
        with pytest.raises(UserError, match="picture_without_place"):
            place(card.load(), other)


def test_who_stops_keeps_what_is_there():
    frames = GAN.do(rebuild, GAN(count=1).pictures[0], steps=2000)
    frame = next(frame for frame in frames if frame.pictures)
    assert frame.done < frame.total and torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    frames.close()
    assert next(frames, None) is None
    kept = decode(encode(frame.pictures[1]))
    assert find_maker([kept]) is GAN and len(place(GAN.load(), kept)[0]) == GAN.load().latent


RNG = np.random.default_rng(1)
ODD = {
    "one pixel": np.full((1, 1, 3), 9, np.uint8), "long": RNG.integers(0, 256, (10, 4000, 3), dtype=np.uint8),
    "tall": RNG.integers(0, 256, (4000, 10, 1), dtype=np.uint8), "alpha": RNG.integers(0, 256, (50, 40, 4), dtype=np.uint8),
    "grey with alpha": RNG.integers(0, 256, (5, 4, 2), dtype=np.uint8),
    "deep": RNG.integers(0, 65536, (33, 70, 3), dtype=np.uint16), "deep grey": RNG.integers(0, 65536, (9, 9, 1), dtype=np.uint16),
    "deep with alpha": RNG.integers(0, 65536, (9, 19, 4), dtype=np.uint16),
}


@pytest.mark.parametrize("name", ODD)
def test_any_picture_becomes_what_the_net_can_take(name):
    for channels, side in ((1, 28), (3, 64)):
        seen, _ = prepared(Picture(ODD[name]), channels, side, side)
        assert seen.pixels.shape == (side, side, channels) and seen.pixels.dtype == np.uint8
    *_, last = find_card("mlp_vae_fashion28").do(rebuild, Picture(ODD[name]))
    assert np.isfinite(last.facts["db"])


def test_the_middle_is_seen_on_white_and_without_aliases():
    wide = np.zeros((64, 200, 4), np.uint8)
    wide[:, 68:132] = (255, 0, 0, 255)
    assert (prepared(Picture(wide), 3, 64, 64)[0].pixels == (255, 0, 0)).all()
    assert (prepared(Picture(wide[:, :64]), 3, 64, 64)[0].pixels == 255).all()
    chequered = np.indices((640, 640)).sum(0)[..., None] % 2 * 255
    seen = prepared(Picture(chequered.astype(np.uint8)), 3, 64, 64)[0].pixels
    assert seen.min() >= 126 and seen.max() <= 129


def test_dark_on_light_is_inverted_for_a_grey_net_only():
    dark = np.full((28, 28, 1), 240, np.uint8)
    dark[6:22, 6:22] = 20
    seen, inverted = prepared(Picture(dark), 1, 28, 28)
    assert inverted and (seen.pixels == 255 - dark).all()
    for picture, channels in ((Picture(255 - dark), 1), (Picture(dark), 3)):
        seen, inverted = prepared(picture, channels, 28, 28)
        assert not inverted and (seen.pixels == picture.pixels).all()
    assert prepared(Picture(255 - dark[..., [0, 0, 0]]), 1, 28, 28)[0] == Picture(255 - dark)


def test_what_cannot_be_is_told():
    picture = Picture(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(UserError, match="knob_not_an_option"):
        next(GAN.do(rebuild, picture, label="rose"))
    for name in ("draw_lines", "nearest"):  # a rule; a net for another task
        with pytest.raises(UserError, match="no_latent_space"):
            list(find_card(name).do(rebuild, picture))

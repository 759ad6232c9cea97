"""Repairing whole pictures: noise, steps, sequences, and the damage that there is to repair."""

import io

import cv2
import numpy as np
import pytest
import torch
from conftest import last, noise_picture
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from skimage.restoration import inpaint_biharmonic

from imgen.catalog import find_card
from imgen.controls import UserError
from imgen.drawing import scenes
from imgen.evaluation import restoration
from imgen.functional import degradations
from imgen.functional.one_colour import COARSE, disguised, grain_of, tone_of
from imgen.image import Frame, Picture, to_tensor
from imgen.models.attention import AttentionNet
from imgen.models.dncnn import DnCNN
from imgen.models.nafnet import NAFNet
from imgen.models.recurrent import RecurrentNet
from imgen.models.rednet import REDNet
from imgen.pipelines.fill import fill, repair
from imgen.pipelines.filters import median, non_local_means, smooth
from imgen.pipelines.restore import aligned, of_one_colour, restore, restore_steps
from imgen.pipelines.spoil import UNITS, spoil
from imgen.stopping import Stopped, stopping
from imgen.training.degrade import FRAMES, Wounds, burst, noisy, noisy_or_jpeg


def shaken(net):
    """As if it had learned something: layers that begin at zero would hide what the others do."""
    torch.manual_seed(0)
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.05)
    return net.double().eval()


@pytest.mark.slow
@pytest.mark.parametrize(("net", "pipeline", "knobs"), [
    (DnCNN(6), restore, {}), (NAFNet(), restore, {}), (REDNet(), repair, {}), (RecurrentNet(), restore_steps, {"steps": 4}),
    (NAFNet(), restore, {"views": 6}),
], ids=["dncnn", "nafnet", "rednet", "recurrent", "nafnet in six views"])
def test_tiles_leave_no_seam(net, pipeline, knobs):
    net, picture = shaken(net), noise_picture(190, 270, dtype=np.uint16)
    with torch.inference_mode():
        tiles, whole = (last(pipeline(net, picture, tile=tile, **knobs)).pictures for tile in (64, 512))
    assert tiles == whole
    assert abs(tiles[0].pixels.astype(int) - picture.pixels).mean() > 500


@pytest.mark.parametrize(("net", "pipeline", "knobs"), [
    (NAFNet(), restore, {}), (REDNet(), repair, {}), (RecurrentNet(), restore_steps, {"steps": 2}),
    (REDNet(), fill, {"grow": 0}), (AttentionNet(), fill, {"grow": 0}),
], ids=["nafnet", "rednet", "recurrent", "rednet fills", "attention fills"])
def test_eight_views_mend_alike_however_the_picture_is_turned(net, pipeline, knobs):
    """What one view alone does not."""
    net, pixels = shaken(net), noise_picture(48, 64, dtype=np.uint16).pixels
    hole = np.zeros((48, 64, 1), np.uint8)
    hole[16:28, 20:50] = 255

    def mended(views: int, turn) -> np.ndarray:
        masked = {"mask": [Picture(turn(hole))]} if pipeline is fill else {}
        with torch.inference_mode():
            return last(pipeline(net, Picture(turn(pixels)), views=views, **knobs, **masked)).pictures[0].pixels.astype(int)

    turned = lambda x: np.rot90(x[:, ::-1]).copy()  # noqa: E731
    off = [abs(turned(mended(views, lambda x: x)) - mended(views, turned)).max() for views in (1, 8)]
    assert off[0] > 20 and off[1] <= 1


@pytest.mark.parametrize(("pipeline", "views", "width"), [(restore, 8, 64), (fill, 8, 64), (fill, 1, 1500)])
def test_stop_is_heard_between_views_and_windows(pipeline, views, width):
    """Not only between tiles: one of them, seen eight times, may take a minute."""
    net, made = Darker(), []
    net.register_forward_hook(lambda *_: made.append(1))

    def check():
        if len(made) == 2:
            raise Stopped

    picture, hole = noise_picture(64, width), np.zeros((64, width, 1), np.uint8)
    hole[30:33] = 255
    token = stopping.set(check)
    try:
        with pytest.raises(Stopped):
            last(pipeline(net, picture, views=views, **({"mask": [Picture(hole)]} if pipeline is fill else {})))
    finally:
        stopping.reset(token)
    assert len(made) == 2


class Darker(torch.nn.Module):
    """Stands in for a net, with a mask or without: everything 0.25 darker."""

    receptive_radius, grid, channels = 0, 1, 3

    def forward(self, x):
        return x[:, :3] - 0.25


def old_print(tone: str, sigma: float, quality: int) -> tuple[np.ndarray, Picture]:
    """A drawn photograph as a print of one colour, and the same a little blurred, with grain of one colour, through JPEG."""
    clean = cv2.cvtColor(scenes.still_life(192, 9).rgb().pixels, cv2.COLOR_RGB2GRAY).astype(float)
    grainy = cv2.GaussianBlur(clean, (0, 0), 0.6) + np.random.default_rng(1).normal(0, sigma, clean.shape)
    slope, least = ([1, 1, 1], [0, 0, 0]) if tone == "grey" else ([0.85, 0.8, 0.66], [38, 22, 8])
    print_of = [np.rint(np.clip(one[..., None] * slope + least, 0, 255)).astype(np.uint8) for one in (clean, grainy)]
    return print_of[0], Picture(degradations.jpeg(print_of[1], quality))


@pytest.mark.slow
@pytest.mark.parametrize(("tone", "sigma", "quality"), [("grey", 18, 65), ("sepia", 18, 65), ("grey", 25, 50), ("sepia", 25, 80)])
@pytest.mark.parametrize("name", ["light_restore", "dncnn_color"])
def test_grain_of_one_colour_is_taken_from_old_prints(name, tone, sigma, quality):
    """As it is, neither net would gain more than 2 dB: they know only noise that is its own in each colour."""
    clean, grainy = old_print(tone, sigma, quality)
    frame = find_card(name)(grainy)
    before, after = (peak_signal_noise_ratio(clean, one.pixels) for one in (grainy, frame.pictures[0]))
    assert after > before + 4.5
    ((key, gaps),) = frame.facts["said"]
    assert key == "said_grain" and 0.5 * sigma < gaps["sigma"] < 1.2 * sigma  # toning and JPEG make it less
    casts = [one - one.mean(2, keepdims=True) for one in (clean, frame.pictures[0].pixels)]
    assert abs(casts[0] - casts[1]).mean() < 2  # the tone is kept


def test_grain_is_told_from_detail_and_one_tone_from_several():
    rng = np.random.default_rng(0)
    for sigma in (5, 12, 25):
        assert grain_of(np.clip(0.5 + rng.normal(0, sigma / 255, (200, 200)), 0, 1)) == pytest.approx(sigma, rel=0.12)
    for scene in (scenes.city, scenes.landscape, scenes.still_life):
        assert grain_of(scene(192, 3).rgb().pixels.mean(2) / 255) < COARSE
        assert tone_of(scene(192, 3).rgb().pixels / 255) is None
    assert tone_of(old_print("sepia", 18, 65)[1].pixels / 255) is not None


def test_a_disguise_adds_noise_between_the_colours_only():
    grey = torch.rand(1, 1, 200, 210)
    noisy = disguised(grey, 10)
    torch.testing.assert_close(noisy.mean(1, keepdim=True), grey)
    grain = noisy - grey + torch.randn(grey.shape, generator=torch.Generator().manual_seed(7)) * 10 / 255
    together = torch.corrcoef(grain[0].flatten(1))  # with the grain, noise of three colours that know nothing of each other
    assert abs(together - torch.eye(3)).max() < 0.02
    assert grain.std() * 255 == pytest.approx(10 * 3**0.5, rel=0.02)


def test_pictures_of_several_colours_and_fine_grain_are_restored_as_before():
    colourful = noise_picture(40, 44)
    for picture in (colourful, Picture(scenes.city(96, 3).rgb().pixels.mean(2, keepdims=True).astype(np.uint8))):
        work, besides, grain = of_one_colour(Darker(), picture)
        assert isinstance(work, Darker) and besides == [] and grain == 0


def test_strength_slides_from_the_picture_to_the_result():
    picture = noise_picture(8, 8)
    picture.pixels[0, 0, 0] = 200
    shades = [int(last(restore(Darker(), picture, strength=s)).pictures[0].pixels[0, 0, 0]) for s in (0.0, 0.5, 1.0)]
    assert shades == [200, 168, 136]


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (2, np.uint8), (3, np.uint16), (4, np.uint16), (4, np.uint8)])
def test_grey_alpha_and_16_bit_come_back_as_they_were(channels, dtype):
    picture = noise_picture(20, 24, channels, dtype)
    picture.colour[...] |= picture.white // 4 + 1 << 1  # light enough to become darker
    for pipeline in (restore, repair):
        net = Darker() if pipeline is restore else lambda x: x[:, :3] - 0.25
        net.receptive_radius, net.grid = 0, 1
        result = last(pipeline(net, picture)).pictures[0]
        assert result.pixels.shape == picture.pixels.shape and result.pixels.dtype == dtype
        if picture.alpha is not None:
            assert (result.alpha == picture.alpha).all()
        darker = picture.colour.astype(float) - 0.25 * picture.white
        shown = np.broadcast_to(picture.alpha > 0 if picture.alpha is not None else True, darker.shape)
        assert abs(result.colour - darker)[shown].max() <= 1


def test_a_recurrent_net_is_one_block_again_and_again():
    net = shaken(RecurrentNet(16))
    frames = torch.rand(2, 3, 3, 12, 14).double()
    with torch.inference_mode():
        whole, state = net(frames), net.begin(frames[:, 0])
        for n in range(3):
            state = net.step(state, frames[:, n])
            torch.testing.assert_close(whole[:, n], net.picture(state, frames[:, 0]))


def test_what_is_remembered_decides_what_a_look_brings():
    net, frame = shaken(RecurrentNet(16)), torch.rand(1, 3, 12, 14).double()
    with torch.inference_mode():
        first = net.step(net.begin(frame), frame)
        second = net.step(first, frame)
    assert not torch.allclose(second - first, first)


def test_the_pictures_after_each_step_follow_the_result():
    net, picture = shaken(RecurrentNet(16)), noise_picture(20, 22)
    with torch.inference_mode():
        after = last(restore_steps(net, picture, steps=5)).pictures
        three = last(restore_steps(net, picture, steps=3)).pictures
    assert len(after) == 6 and after[0] == after[5] and after[1] != after[2]
    assert after[1:4] == three[1:]


class Told(torch.nn.Module):
    """Remembers what it was shown."""

    grid = 1

    def receptive_radius(self, steps):
        return 0

    def forward(self, frames):
        self.frames = frames
        return frames


def test_every_frame_is_looked_at_and_moved_onto_the_first():
    scene = scenes.city(160, 3).pixels
    first, *shots = [Picture(scene[20 + y : 120 + y, 20 + x : 130 + x]) for y, x in ((0, 0), (3, -4), (-5, 2))]
    net = Told()
    last(restore_steps(net, first, steps=2, frames=shots))
    assert net.frames.shape[1] == 3  # more than the two steps that were asked for
    assert not torch.equal(net.frames[0, 1], net.frames[0, 0]) and not torch.equal(net.frames[0, 2], net.frames[0, 1])
    for n in range(3):
        torch.testing.assert_close(net.frames[0, n, :, 8:-8, 8:-8], to_tensor(first.pixels)[0, :, 8:-8, 8:-8])
    last(restore_steps(net, first, steps=5, frames=shots))
    assert torch.equal(net.frames[0, 3], net.frames[0, 0])  # then they come again


def test_a_frame_of_another_size_is_refused():
    with pytest.raises(UserError) as error:
        aligned(noise_picture(20, 20), noise_picture(20, 21))
    assert error.value.key == "frame_size"


def test_a_film_stands_for_its_pictures(tmp_path):
    frames = [scenes.landscape(48, seed).rgb() for seed in range(4)]
    images = [Image.fromarray(frame.pixels) for frame in frames]
    images[0].save(tmp_path / "film.webp", save_all=True, append_images=images[1:], lossless=True)
    card = find_card("recurrent_restore")
    with_film = card(frames[0], steps=1, frames=tmp_path / "film.webp")
    assert with_film.pictures == card(frames[0], steps=1, frames=frames[1:]).pictures
    assert len(with_film.pictures) == 1 + 4


def test_noise_has_the_deviation_that_was_asked_for():
    grey = np.full((256, 256, 3), 128, np.uint8)
    spoiled = degradations.noise(grey, 20, np.random.default_rng(0))
    assert spoiled.std() == pytest.approx(20, rel=0.02)
    black = torch.zeros(4, 3, 64, 64, dtype=torch.uint8)
    assert noisy(black).min() < -5  # in training nothing is clipped


def test_damage_is_what_it_is_called():
    photo, rng = scenes.city(128, 3).pixels, np.random.default_rng(0)
    salted = degradations.salt_and_pepper(photo, 20, rng)
    changed = (salted != photo).any(2)
    assert changed.mean() == pytest.approx(0.2, abs=0.03)
    assert set(np.unique(salted[changed])) == {0, 255}
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=12)
    assert (degradations.jpeg(photo, 12) == np.asarray(Image.open(file))).all()
    assert degradations.blocks((100, 100), 15, rng).mean() == pytest.approx(0.16, abs=0.03)
    assert (degradations.blur(photo, 0.0) == photo).all() and degradations.blur(photo, 2.0).std() < photo.std()


@pytest.mark.parametrize("kind", UNITS)
def test_a_seed_repeats_the_damage(kind):
    photo = scenes.city((90, 70), 3)
    one, two, other = (last(spoil(None, photo, damage=kind, amount=30, seed=seed)).pictures for seed in (1, 1, 2))
    assert one == two and one[0] != photo
    assert kind in ("blur", "jpeg") or one != other
    if kind in degradations.HOLES:
        assert ((one[0].pixels != photo.pixels).any(2) <= (one[1].pixels[..., 0] == 255)).all()  # nothing else was touched


def test_training_sees_noise_jpeg_holes_and_sequences():
    torch.manual_seed(0)
    clean = torch.randint(0, 256, (8, 3, 40, 40), dtype=torch.uint8)
    frames = burst(clean).unflatten(1, (FRAMES, 3))
    assert torch.equal(frames[0, 0], frames[0, 5])  # every second picture: the same frame again
    assert not torch.equal(frames[1, 0], frames[1, 5])
    whole = noisy_or_jpeg(clean)
    assert ((whole == whole.round()).flatten(1).all(1)).sum() in range(1, 7)  # a JPEG has whole grey levels
    x = Wounds(40, also=0.0)(clean)
    hole = x[:, 3:] > 0
    assert 0.01 < hole.float().mean() < 0.6
    assert torch.equal(torch.where(hole, degradations.NEUTRAL, clean.float()), x[:, :3])


def test_rules_keep_bits_and_alpha_and_a_median_takes_salt_and_pepper():
    deep = noise_picture(20, 24, 4, np.uint16)
    for rule in (smooth, median, non_local_means):
        result = last(rule(None, deep)).pictures[0]
        assert result.pixels.dtype == np.uint16 and (result.alpha == deep.alpha).all()
    photo = scenes.still_life(128)
    salted = Picture(degradations.salt_and_pepper(photo.pixels, 10, np.random.default_rng(0)))
    found = [peak_signal_noise_ratio(photo.pixels, last(rule(None, salted)).pictures[0].pixels) for rule in (median, smooth)]
    assert found[0] > found[1] + 4


def test_decibels_are_those_of_scikit_image():
    x, y = (np.random.default_rng(n).integers(0, 256, (24, 20, 3), np.uint8) for n in (0, 1))
    assert restoration.decibels(to_tensor(x), to_tensor(y)) == pytest.approx(peak_signal_noise_ratio(x, y), abs=1e-4)


def test_broad_strokes_cover_what_was_asked_for():
    hole = degradations.brushed((200, 300), 0.15, np.random.default_rng(0))
    thick = 2 * cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)
    assert 0.15 <= hole.mean() < 0.25 and thick.max() > 8


def test_what_fills_no_better_than_biharmonic_gains_nothing():
    """A card that does nothing else, and one that knows the truth."""
    pixels = scenes.still_life(96, 9).pixels

    def smooth(spoiled, mask, **knobs):
        hole = mask[0].pixels[..., 0] > 127
        made = inpaint_biharmonic(spoiled.pixels, hole, channel_axis=2, split_into_regions=True)
        return Frame(1, 1, [Picture(np.rint(255 * made.clip(0, 1)).astype(np.uint8))])

    def nearly(spoiled, mask, **knobs):
        return Frame(1, 1, [Picture(pixels ^ 1)])

    scores = restoration.brushing(smooth, [pixels])
    truth = restoration.brushing(nearly, [pixels])
    assert scores["strokes_gain"] == pytest.approx(0) and 10 < scores["strokes_psnr"] < 40
    assert truth["strokes_psnr"] == pytest.approx(20 * np.log10(255), abs=1e-3)
    assert truth["strokes_psnr"] - truth["strokes_gain"] == pytest.approx(scores["strokes_psnr"])


@pytest.mark.parametrize("name", ["light_restore", "dncnn_color", "recurrent_restore", "conv_ae_restore"])
def test_a_trained_net_takes_noise_away(name):
    pixels = scenes.still_life(160, 9).pixels
    worse = restoration.noised(pixels, 25, seed=1)
    mended = restoration.mender(find_card(name))(worse)
    assert restoration.decibels(mended, to_tensor(pixels)) > restoration.decibels(worse, to_tensor(pixels)) + 8


def test_attention_is_the_formula_in_double_precision():
    net = shaken(AttentionNet())
    net.sharpness.data.fill_(0.3)
    x = torch.rand(1, 4, 24, 28).double()
    x[:, 3] = 0
    x[:, 3, 8:14, 5:13] = 1
    with torch.inference_mode():
        _, features, known = net.see(x)
        queries, keys = net.ask(features)
        scores = queries[0] @ keys[0].T
        scores[:, ~known.flatten()] = -torch.inf
        looks = scores.softmax(1)
        torch.testing.assert_close(net.look(x, 9, 7), looks[2 * 7 + 1].view(6, 7).float(), atol=1e-5, rtol=1e-4)
        assert known.sum() == 6 * 7 - 2 * 3
        assert not looks[:, ~known.flatten()].any()
        torch.testing.assert_close(looks.sum(1), torch.ones(42).double())

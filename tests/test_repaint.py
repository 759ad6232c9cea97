"""Pictures that are optimised: they come to look as asked, stream, stop, and take every wish that makes sense."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr
from torchvision.models import vgg19

from imgen import hub
from imgen.cards import Card
from imgen.catalog import GATYS, VGG19
from imgen.controls import UserError, checked, knobs_of
from imgen.drawing import scenes
from imgen.functional.colour_transfer import matched, with_luma_of
from imgen.functional.losses import gram, layer_styles, style_loss
from imgen.image import Picture
from imgen.loader import Complete
from imgen.models.features import VGG, SmallVGG, convert
from imgen.pipelines.repaint import LAYERS, pyramid, reconstruct, repaint, synthesize

PHOTO, PAINTING, OTHER = scenes.landscape(96, seed=3), scenes.still_life(80, seed=1), scenes.city(64, 3)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return SmallVGG((8, 8, 8, 8)).eval().requires_grad_(False)


class Fast(torch.nn.Module):
    """Stands in for the network that paints in one pass: a dark picture."""

    photograph = torch.zeros(1)

    def sight(self, painting):
        return torch.zeros(1, 2)

    def style_of(self, sight):
        return sight

    def paint(self, x, style):
        return torch.full_like(x, 0.1)


def frames(net, pipeline, *pictures, **knobs):
    nets = {"own": net, "fast": Fast()} if pipeline is repaint else net
    nets = torch.nn.ModuleDict(nets) if isinstance(nets, dict) else nets
    return list(pipeline(nets, *pictures, **checked(knobs_of(pipeline, {}), {"steps": 10, **knobs})))


def painted(net, **knobs):
    return frames(net, repaint, PHOTO, **{"paintings": [PAINTING], "side": 128, **knobs})


def test_both_losses_are_told_and_the_style_comes_nearer(net):
    made = painted(net, steps=30)
    curve = made[-1].facts["curve"]
    assert curve["step"] == list(range(1, 31)) and set(curve) == {"step", "content", "style"}
    assert curve["style"][-1] < curve["style"][0] / 3
    assert [frame.done for frame in made] == curve["step"] and all(frame.total == 30 for frame in made)


@pytest.mark.slow
def test_the_work_begins_small_and_every_moment_is_a_picture(net):
    large = scenes.landscape(500, seed=3)
    made = frames(net, repaint, large, paintings=[PAINTING], side=512)
    sizes = [frame.pictures[0].width for frame in made]
    assert sizes == [250] * 10 + [500] * 5 == [one.width for one in pyramid(large) for _ in range(10 if one.width < 500 else 5)]


def test_stopping_ends_the_work(net):
    nets = torch.nn.ModuleDict({"own": net, "fast": Fast()})
    work = repaint(nets, PHOTO, **checked(knobs_of(repaint, {}), {"paintings": [PAINTING], "steps": 500}))
    assert next(work).pictures
    work.close()
    assert next(work, None) is None and not torch.is_inference_mode_enabled()


def test_it_works_in_inference_mode_as_cards_run(net):
    nets = torch.nn.ModuleDict({"own": net, "fast": Fast()})
    work = repaint(nets, PHOTO, **checked(knobs_of(repaint, {}), {"paintings": [PAINTING], "steps": 10, "start": "fast"}))
    with torch.inference_mode():
        assert len(list(work)) == 10


@pytest.mark.parametrize("start", ["content", "noise", "fast"])
def test_a_start_is_where_it_was_asked_to_be(net, start):
    first = painted(net, start=start, style_weight=0.5)[0].pictures[0].pixels.astype(float)
    wanted = {"content": PHOTO.pixels.mean(), "noise": 127, "fast": 0.1 * 255}[start]
    assert abs(first.mean() - wanted) < 6


def test_it_goes_on_from_a_picture(net):
    white = Picture(np.full((96, 96, 3), 250, np.uint8))
    assert painted(net, begin=[white], start="noise")[0].pictures[0].pixels.mean() > 235


def test_a_seed_repeats_and_another_differs(net):
    one, same, other = (painted(net, start="noise", seed=seed)[-1].pictures[0] for seed in (1, 1, 2))
    assert one == same and one != other


@pytest.mark.parametrize("knobs", [
    {"style_weight": 0, "content_weight": 0}, {"style_layers": "", "content_layers": ""},
    {"style_weight": 0, "content_layers": ""},
])
def test_nothing_to_aim_at_is_said(net, knobs):
    with pytest.raises(UserError) as error:
        painted(net, **knobs)
    assert error.value.key == "weights_zero"


def test_a_weight_of_zero_leaves_a_loss_out(net):
    assert set(painted(net, style_weight=0, start="noise")[-1].facts["curve"]) == {"step", "content"}
    assert set(painted(net, content_weight=0)[-1].facts["curve"]) == {"step", "style"}
    assert "smoothness" in painted(net, smoothness=0.5)[-1].facts["curve"]


@pytest.mark.parametrize("pipeline", [repaint, synthesize])
def test_without_a_painting_one_is_asked_for(net, pipeline):
    with pytest.raises(UserError) as error:
        frames(net, pipeline, *([PHOTO] if pipeline is repaint else []))
    assert error.value.key == "painting_first"


def test_a_mask_needs_two_paintings(net):
    with pytest.raises(UserError) as error:
        painted(net, region=[PAINTING])
    assert error.value.key == "painting_second"


def test_too_many_paintings_are_refused(net):
    with pytest.raises(UserError) as error:
        painted(net, paintings=[PAINTING] * 5)
    assert error.value.key == "knob_too_many" and error.value.facts["most"] == 4


@pytest.mark.parametrize("painting", [
    Picture(np.full((1, 1, 3), 200, np.uint8)), Picture(np.zeros((9, 300, 1), np.uint16)),
    Picture(np.random.default_rng(0).integers(0, 255, (40, 30, 4), np.uint8)),
])
def test_any_picture_may_be_the_painting(net, painting):
    assert np.isfinite(painted(net, paintings=[painting])[-1].facts["style"])


@pytest.mark.slow
def test_two_paintings_in_two_regions(net):
    """White paint on the left, black on the right, as the mask says."""
    rng = np.random.default_rng(0)
    light, dark = (Picture(rng.integers(low, low + 30, (64, 64, 3)).astype(np.uint8)) for low in (220, 5))
    mask = Picture(np.repeat(np.arange(96)[None] >= 48, 96, 0)[..., None].astype(np.uint8) * 255)
    grey = Picture(np.full((96, 96, 3), 128, np.uint8))
    nets = torch.nn.ModuleDict({"own": net, "fast": Fast()})
    knobs = {"paintings": [light, dark], "region": [mask], "content_weight": 0, "steps": 60, "side": 128}
    *_, last = repaint(nets, grey, **checked(knobs_of(repaint, {}), knobs))
    pixels = last.pictures[0].pixels.astype(float)
    assert pixels[:, :40].mean() > pixels[:, 56:].mean() + 40


def test_a_gram_matrix_of_a_region_is_that_of_its_places():
    features, where = torch.randn(1, 5, 8, 8), torch.zeros(1, 1, 8, 8)
    where[..., :4] = 1
    torch.testing.assert_close(gram(features, where=where), gram(features[..., :4]))


@pytest.mark.slow
def test_a_texture_takes_the_style_and_not_the_place(net):
    made = frames(net, synthesize, paintings=[PAINTING], steps=60, side=128)
    curve, texture = made[-1].facts["curve"], made[-1].pictures[0]
    assert texture.pixels.shape == (128, 128, 3) and curve["style"][-1] < curve["style"][0] / 10
    again = frames(net, synthesize, paintings=[PAINTING], steps=60, side=128, seed=8)[-1].pictures[0]
    assert again != texture


@pytest.mark.slow
def test_a_shallow_layer_keeps_more_of_a_picture_than_a_deep_one(net):
    def error(layer):
        made = frames(net, reconstruct, PHOTO, layer=layer, steps=60, side=128, smoothness=0)[-1].pictures[0]
        return np.abs(made.pixels.astype(float) - PHOTO.pixels).mean()

    assert error("relu1_1") < error("relu4_1") / 2


def test_mixed_paintings_are_aimed_at_by_their_shares(net):
    """With a share of 0 the second painting has no say."""
    alone = painted(net)[-1].pictures[0]
    assert painted(net, paintings=[PAINTING, OTHER], share_2=0)[-1].pictures[0] == alone
    assert painted(net, paintings=[PAINTING, OTHER], share_2=1)[-1].pictures[0] != alone


def test_luminance_keeps_the_colours_of_the_photograph():
    made = rgb2ycbcr(with_luma_of(Picture(PAINTING.pixels), Picture(PHOTO.pixels)).pixels)
    photo = rgb2ycbcr(np.asarray(PHOTO.pixels[:1, :1]))
    assert made.shape == (80, 80, 3) and photo.shape == (1, 1, 3)
    grey = Picture(np.full((96, 96, 3), 120, np.uint8))
    changed, kept = rgb2ycbcr(with_luma_of(grey, Picture(PHOTO.pixels // 2 + 64)).pixels), rgb2ycbcr(PHOTO.pixels // 2 + 64)
    np.testing.assert_allclose(changed[..., 1:], kept[..., 1:], atol=1)
    np.testing.assert_allclose(changed[..., 0], rgb2ycbcr(grey.pixels)[..., 0], atol=1)


def test_matched_colours_have_the_mean_and_covariance_of_the_photograph():
    photo, rng = Picture(PHOTO.pixels // 4 + 96), np.random.default_rng(0)
    made = matched(Picture(rng.integers(60, 190, (90, 70, 3)).astype(np.uint8)), photo).pixels.reshape(-1, 3)
    wanted = photo.pixels.reshape(-1, 3)
    np.testing.assert_allclose(made.mean(0), wanted.mean(0), atol=1)
    np.testing.assert_allclose(np.cov(made.T), np.cov(wanted.T), rtol=0.05, atol=4)


def test_a_style_of_one_colour_can_be_matched():
    assert matched(Picture(np.full((4, 4, 3), 9, np.uint8)), PHOTO).pixels.shape == (4, 4, 3)


@pytest.mark.slow
def test_vgg19_is_read_as_torchvision_has_it():
    torch.manual_seed(0)
    whole = vgg19(weights=None).eval()
    ours = VGG((64, 128, 256, 512, 512), padding_mode="zeros").eval()
    ours.load_state_dict(convert(whole.state_dict()), strict=True)
    x = torch.rand(1, 3, 32, 32)
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        wanted, seen = (x - mean) / deviation, ours(x)
        for number, layer in enumerate(whole.features):
            wanted = layer(wanted)
            name = {1: "relu1_1", 6: "relu2_1", 11: "relu3_1", 20: "relu4_1", 29: "relu5_1"}.get(number)
            if name:
                torch.testing.assert_close(seen[name], wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_without_vgg19_the_small_network_does_and_it_is_said(monkeypatch, net):
    def offline(weights, deadline=0):
        raise UserError("weights_offline", file=weights.file, repository=weights.repository)
        yield

    monkeypatch.setattr(hub, "fetch", offline)
    card = Card("test_texture", "stylize", Complete("features:SmallVGG"), synthesize, GATYS, "MIT", lesson="", alternative=VGG19)
    last = card(paintings=[PAINTING], steps=10, side=128, network="vgg19")
    assert last.origin.fallback == "weights_offline" and last.pictures
    assert not card(paintings=[PAINTING], steps=10, side=128).origin.fallback


def test_a_style_is_its_own_style():
    torch.manual_seed(0)
    features = {layer: torch.rand(1, 6, 9, 9) for layer in LAYERS}
    assert style_loss(features, layer_styles(features, LAYERS)).item() == pytest.approx(0, abs=1e-9)

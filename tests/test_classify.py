"""Classification: scores, what explains them, how they are measured, and how the network learns."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import last, noise_picture
from test_page import address, browser, visit  # noqa: F401  fixtures
from torch import nn

from imgen import __main__ as terminal
from imgen.catalog import find_card
from imgen.controls import UserError
from imgen.drawing.shapes import SHAPES, shape, shapes, t_shirt
from imgen.evaluation.classification import classifying, counted
from imgen.functional.explain import grad_cam, occlusion, smallest_change
from imgen.image import Picture, encode
from imgen.models.cnn import CNN
from imgen.pipelines.classify import grained, laid, moved, small
from imgen.tabs.classify import answered, bars, confusion
from imgen.training.classifying import Classify, DrawnShapes, Shifted, decayed_adam, momentum
from imgen.training.steps import Batches
from imgen.ui.endpoint import told
from imgen.ui.work import Result

NAMES = ("cnn_fashion28", "cnn_shapes32")
EACH = pytest.mark.parametrize("name", NAMES)


def tiny(seed=0):
    """Maps (1, 2, 3, 4) float64, and two dense layers behind them: 24 → 5 → 3."""
    generator = torch.Generator().manual_seed(seed)
    maps = torch.rand(1, 2, 3, 4, generator=generator, dtype=torch.float64)
    first, second = (torch.randn(*size, generator=generator, dtype=torch.float64) for size in ((5, 24), (3, 5)))
    return maps, first, second, lambda x: (x.flatten(1) @ first.T).relu() @ second.T


# what explains an answer


@pytest.mark.parametrize("label", range(3))
def test_grad_cam_is_what_a_hand_computes(label):
    maps, first, second, head = tiny()
    a, w, v = maps.numpy()[0], first.numpy(), second.numpy()
    slope = (w.T @ (v[label] * (w @ a.ravel() > 0))).reshape(a.shape)  # the chain rule, by hand
    wanted = np.maximum(0, sum(slope[k].mean() * a[k] for k in range(2)))
    with torch.inference_mode():  # as a pipeline works
        found = grad_cam(head, maps, label)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-12)


@EACH
def test_a_map_lies_over_the_picture_where_its_receptive_fields_are_centred(name):
    torch.manual_seed(0)
    net = find_card(name).net.build().eval()
    for conv in (one for one in net.features if isinstance(one, nn.Conv2d)):
        nn.init.constant_(conv.weight, 1.0)  # no part of the window counts more than another
    x = torch.full((1, net.channels, net.side, net.side), 0.6) + torch.rand(1, 1, net.side, net.side) * 1e-3
    x.requires_grad_(True)
    maps = net.look(x)
    centres = []
    place = maps.shape[2] // 2
    for seed in range(20):  # a maximum chooses one of four: their mean is in the middle
        with torch.no_grad():
            x.copy_(0.6 + torch.rand(1, 1, net.side, net.side, generator=torch.Generator().manual_seed(seed)) * 1e-3)
        (slope,) = torch.autograd.grad(net.look(x)[0, 0, place, place], x)
        seen = slope.abs().sum((0, 1)).numpy()
        centres.append([(seen.sum(axis) * np.arange(net.side)).sum() / seen.sum() for axis in (1, 0)])
    centre = np.mean(centres, 0)
    np.testing.assert_allclose(centre, net.first + net.jump * place, atol=0.5)
    heat = torch.zeros(maps.shape[2:])
    heat[place, place] = 1.0
    over = laid(heat, net).numpy()
    assert over.shape == (net.side, net.side) and over.max() > 0.5
    for axis in (0, 1):
        assert (over.sum(axis) * np.arange(net.side)).sum() / over.sum() == pytest.approx(net.first + net.jump * place, abs=0.01)


def test_occlusion_is_the_mean_fall_over_all_squares_that_cover_a_pixel():
    torch.manual_seed(0)
    weights = torch.randn(2, 25, dtype=torch.float64)
    x, ground = torch.rand(1, 1, 5, 5, dtype=torch.float64), torch.zeros(1, 1, 1, 1, dtype=torch.float64)

    def net(x):
        return x.flatten(1) @ weights.T

    def score(pixels):
        logits = weights.numpy() @ pixels.ravel()
        return np.exp(logits[1]) / np.exp(logits).sum()

    pixels, falls, counts = x.numpy()[0, 0], np.zeros((5, 5)), np.zeros((5, 5))
    for top in range(-2, 5):
        for left in range(-2, 5):
            square = np.zeros((5, 5), bool)
            square[max(0, top) : top + 3, max(0, left) : left + 3] = True
            falls += square * (score(pixels) - score(np.where(square, 0, pixels)))
            counts += square
    found = occlusion(net, x, 1, 3, ground, stride=1)
    np.testing.assert_allclose(found.numpy(), falls / counts, atol=1e-6)


def test_the_smallest_change_to_a_linear_net_is_the_distance_to_its_border():
    weights = torch.tensor([[1.0, 0.0, 0.5], [0.0, 2.0, 0.5]], dtype=torch.float64)
    x = torch.tensor([0.8, 0.2, 0.5], dtype=torch.float64).view(1, 1, 1, 3)
    found, reached = smallest_change(lambda x: x.flatten(1) @ weights.T, x, 1)
    apart = weights[0] - weights[1]
    wanted = (apart @ x.flatten()) / apart.norm()
    assert reached and (found.flatten() @ weights.T).argmax() == 1
    assert (found - x).norm().item() == pytest.approx(wanted.item(), rel=0.05)


def test_a_change_that_no_pixel_allows_is_not_claimed():
    weights = torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    bias = torch.tensor([1.0, 0.0])
    found, reached = smallest_change(lambda x: x.flatten(1) @ weights.T + bias, torch.rand(1, 1, 1, 2), 1)
    assert not reached and found.min() >= 0 and found.max() <= 1


# what the net is given


def test_a_picture_of_the_net_s_own_size_is_taken_as_it_is():
    net = find_card("cnn_fashion28").net.build()
    pixels = np.zeros((28, 28, 1), np.uint8)
    pixels[4:20, 8:22] = np.random.default_rng(0).integers(0, 256, (16, 14, 1))
    x, ground = small(net, Picture(pixels))
    np.testing.assert_allclose(x[0, 0].numpy(), pixels[..., 0] / 255, atol=1e-5)
    assert ground.abs().max() == 0


def test_dark_on_white_is_seen_as_light_on_black():
    net, drawn = find_card("cnn_fashion28").net.build(), t_shirt(200)
    one, two = (small(net, Picture(pixels))[0] for pixels in (drawn.pixels, 255 - drawn.pixels))
    torch.testing.assert_close(one, two, atol=0.01, rtol=0)
    assert one[0, 0, :, 0].max() > 0.4 and one[0, 0, 0, 0] < 0.05  # it fills the picture, on black


def test_a_thing_is_found_wherever_it_lies_and_however_small_it_is():
    net = find_card("cnn_shapes32").net.build()
    sheet = np.full((300, 500, 3), (20, 60, 200), np.uint8)
    sheet[40:100, 350:410] = (240, 220, 30)
    x, ground = small(net, Picture(sheet))
    thing = (x[0] - ground[0]).abs().amax(0) > 0.3
    rows, columns = thing.any(1).nonzero().flatten(), thing.any(0).nonzero().flatten()
    for places in (rows, columns):
        assert len(places) / 32 == pytest.approx(1 - 2 * net.margin, abs=0.08)
        assert (places.float().mean().item() + 0.5) / 32 == pytest.approx(0.5, abs=0.03)


def test_turning_and_shifting_by_whole_pixels_is_exact():
    x = torch.rand(1, 3, 12, 12)
    ground = torch.full((1, 3, 1, 1), 0.25)
    torch.testing.assert_close(moved(x, ground, 90, 0, 0), torch.rot90(x, 1, (2, 3)), atol=1e-5, rtol=0)
    wanted = torch.full_like(x, 0.25)
    wanted[..., 2:, 3:] = x[..., :-2, :-3]
    torch.testing.assert_close(moved(x, ground, 0, 3, 2), wanted, atol=1e-5, rtol=0)
    assert moved(x, ground, 0, 0, 0) is x and grained(x, 0) is x
    both = torch.full_like(x, 0.25)
    both[..., 3:] = torch.rot90(x, 1, (2, 3))[..., :-3]
    torch.testing.assert_close(moved(x, ground, 90, 3, 0), both, atol=1e-5, rtol=0)  # turned first, then shifted
    noise = grained(torch.full((1, 1, 200, 200), 0.5), 30) - 0.5
    assert noise.std().item() == pytest.approx(30 / 255, rel=0.03)


@EACH
@pytest.mark.parametrize("picture", [
    noise_picture(1, 1), noise_picture(3, 12_000), noise_picture(40, 60, channels=4), noise_picture(64, 50, channels=1),
    noise_picture(33, 47, channels=2, dtype=np.uint16), Picture(np.full((50, 50, 3), 255, np.uint8)),
], ids=lambda picture: f"{picture.width}x{picture.height}x{picture.pixels.shape[2]}")
def test_any_picture_has_ten_scores_and_four_pictures(name, picture):
    card = find_card(name)
    frame = card(picture)
    scores = frame.facts["scores"]
    assert list(scores) == list(card.facts.classes) and sum(scores.values()) == pytest.approx(1, abs=1e-3)
    side = 10 * card.net.settings["side"]
    assert [one.pixels.shape for one in frame.pictures] == [(side, side, 3)] * 4


# the cards


def test_drawn_shapes_are_known_and_a_quarter_turn_changes_nothing():
    card = find_card("cnn_shapes32")
    for kind in SHAPES:
        for turn in (0, 90):
            scores = card(shape(kind, 3, 160), turn=turn).facts["scores"]
            assert max(scores, key=scores.get) == kind


def test_a_drawn_t_shirt_is_known():
    scores = find_card("cnn_fashion28")(t_shirt(256)).facts["scores"]
    assert max(scores, key=scores.get) == "t_shirt"


@EACH
def test_the_answer_that_is_asked_for_is_explained(name):
    card, picture = find_card(name), shape("star", 2, 96)
    best, other = card(picture), card.facts.classes[4]
    scores = best.facts["scores"]
    assert best.facts["explained"] == max(scores, key=scores.get)
    runner_up = sorted(scores, key=scores.get)[-2]
    assert best.facts["other"] == runner_up
    asked = card(picture, answer=other)
    assert asked.facts["explained"] == other and asked.facts["scores"] == scores
    assert asked.pictures[0] != best.pictures[0]
    with pytest.raises(UserError, match="knob_not_an_option"):
        card(picture, answer="elephant")


def test_the_chosen_explanation_comes_first():
    card, picture = find_card("cnn_shapes32"), shape("heart", 2, 96)
    for kind in ("grad_cam", "occlusion", "change", "input"):
        frame = card(picture, explanation=kind)
        assert frame.pictures[0].record["shows"] == kind
        assert {one.record["shows"] for one in frame.pictures} == {"grad_cam", "occlusion", "change", "input"}


# how good


def test_the_confusion_matrix_counts_as_a_loop_does():
    rng = np.random.default_rng(0)
    true, said = rng.integers(0, 4, (2, 200))
    wanted = np.zeros((4, 4), int)
    for one, other in zip(true, said, strict=True):
        wanted[one, other] += 1
    assert (counted(true, said, 4) == wanted).all()


def test_a_card_is_measured_by_what_it_says_of_unseen_pictures(tmp_path):
    card, rng = find_card("cnn_fashion28"), np.random.default_rng(1)
    pictures, labels = rng.integers(0, 256, (12, 28, 28), np.uint8), rng.integers(0, 10, 12).astype(np.uint8)
    pictures[:, 0], pictures[:, -1], pictures[:, :, 0], pictures[:, :, -1] = 0, 0, 0, 0  # dark edges: taken as they are
    np.savez(tmp_path / "some.npz", x_test=pictures, y_test=labels, x_train=pictures[:5], y_train=labels[:5])
    found = classifying(card, tmp_path / "some.npz")
    matrix = np.zeros((10, 10), int)
    for pixels, label in zip(pictures, labels, strict=True):
        scores = card(Picture(pixels[..., None])).facts["scores"]
        matrix[label, list(card.facts.classes).index(max(scores, key=scores.get))] += 1
    assert found["confusion"] == matrix.tolist() and found["pictures"] == 12
    assert found["accuracy"] == round(100 * np.trace(matrix) / 12, 2)
    with pytest.raises(UserError, match="data_unlike"):
        np.savez(tmp_path / "more.npz", x_test=pictures, y_test=labels + 10, x_train=pictures, y_train=labels)
        classifying(card, tmp_path / "more.npz")


@pytest.mark.parametrize(("name", "data", "least"), [("cnn_fashion28", "fashion_mnist", 92.5), ("cnn_shapes32", "shapes", 99.0)])
def test_the_stored_figure_is_reached_and_agrees_with_its_matrix(name, data, least):
    scores = find_card(name).facts.scores[data]
    matrix = np.array(scores["confusion"])
    assert matrix.shape == (10, 10) and matrix.sum() == scores["pictures"] == 10_000 and (matrix.sum(1) == 1000).all()
    assert scores["accuracy"] == round(100 * np.trace(matrix) / 10_000, 2) >= least


# drawing and training


def test_shapes_are_drawn_alike_by_a_seed_and_lie_within_the_picture():
    kinds = np.repeat(np.arange(len(SHAPES)), 20)
    one, two = (shapes(np.random.default_rng(7), kinds, 32) for _ in range(2))
    assert (one == two).all() and one.shape == (200, 32, 32, 3) and len(np.unique(one, axis=0)) == 200
    for inside in SHAPES.values():
        v, u = np.mgrid[-1.5:1.5:301j, -1.5:1.5:301j]
        filled = inside(u, v) > 0
        assert 0.05 < filled.mean() < 0.35 and not filled[np.hypot(u, v) > 1.03].any()


def quadrants():
    """A bright quarter of a small picture: four classes."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (400,), generator=generator)
    pictures = torch.randint(0, 60, (400, 1, 8, 8), generator=generator, dtype=torch.uint8)
    for picture, label in zip(pictures, labels.tolist(), strict=True):
        picture[0, label // 2 * 4 :][:4, label % 2 * 4 :][:, :4] += 150
    return pictures, labels


@pytest.mark.parametrize("optimizer", [momentum, decayed_adam])
def test_the_recipe_learns(optimizer):
    torch.manual_seed(0)
    pictures, labels = quadrants()
    net = CNN(4, 1, 8, maps=(8,), kernel=3, padding=1, dense=(16,), dropout=0.2)
    rate = 0.1 if optimizer is momentum else 1e-2
    recipe = Classify(net, Batches(pictures, labels, 32, "cpu", flip=False), optimizer, device="cpu", rate=rate, decay=0.9)
    losses = [recipe.step(n / 60)["cross_entropy"].item() for n in range(60)]
    assert losses[0] > 1.2 and np.mean(losses[-5:]) < 0.3
    net.load_state_dict(recipe.weights())
    assert (net.eval()(pictures / 255).argmax(1) == labels).float().mean() > 0.97


def test_no_drawn_batch_comes_twice_and_a_seed_repeats_them():
    torch.manual_seed(5)
    batches = DrawnShapes(32, 16, "cpu")
    one, two = batches(), batches()
    torch.manual_seed(5)
    assert torch.equal(batches()[0], one[0]) and not torch.equal(one[0], two[0])
    assert one[0].shape == (16, 3, 32, 32) and one[0].min() >= 0 and one[0].max() <= 1 and one[1].dtype == torch.long


def test_what_comes_in_when_pictures_are_shifted_is_black():
    pictures = torch.full((50, 1, 24, 24), 255, dtype=torch.uint8)
    x, _ = Shifted(Batches(pictures, torch.zeros(50, dtype=torch.long), 50, "cpu"))()
    kept = (x > 0.99).float().mean((1, 2, 3))
    assert ((x - 1).abs().lt(1e-5) | x.abs().lt(1e-5)).all() and kept.min() >= (22 / 24) ** 2 - 1e-3 and kept.min() < 1


# the faces


def test_the_command_line_prints_scores_and_keeps_an_explanation_only_if_asked(tmp_path, capsys, monkeypatch):
    for module in ("run", "saying"):
        monkeypatch.setattr(f"imgen.terminal.{module}.LANGUAGE", "en")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "star.png").write_bytes(encode(shape("star", 3, 96)))
    run = "run", "cnn_shapes32", "star.png"

    def called(*words):
        monkeypatch.setattr("sys.argv", ["imgen", *words])
        with pytest.raises(SystemExit) as end:
            terminal.main()
        return end.value.code, capsys.readouterr()

    code, said = called(*run)
    assert code == 0 and said.out.startswith("star.png: star ") and said.out.count("%") == 10
    assert [path.name for path in tmp_path.iterdir()] == ["star.png"]
    code, said = called(*run, "--json", "--turn", "45")
    row = json.loads(said.out)
    assert row["file"] == "star.png" and list(row["scores"])[0] == "star" and len(row["scores"]) == 10
    code, said = called(*run, "-o", "why.png")
    assert code == 0 and (tmp_path / "why.png").read_bytes()[:4] == b"\x89PNG" and "why.png" in said.err
    code, said = called("run", "cnn_shapes32", "nothing.png", "--json")
    assert code == 2 and said.out == "" and "nothing.png" in said.err
    (tmp_path / "broken.png").write_bytes(b"\x89PNG rubbish")
    code, said = called("run", "cnn_shapes32", ".", "--json")
    assert code == 2 and len(said.out.splitlines()) >= 1 and "broken.png" in said.err


def test_the_endpoint_tells_the_scores():
    card = find_card("cnn_shapes32")
    frame = last(card.run(shape("ring", 1, 64)))
    made = told(frame)
    assert made["card"] == "cnn_shapes32" and made["scores"] == frame.facts["scores"]
    assert "scores" not in told(last(find_card("bicubic").run(shape("ring", 1, 64))))


def test_the_tab_shows_what_is_written_in_the_pictures(tmp_path):
    frame = find_card("cnn_shapes32")(shape("ring", 1, 64))
    paths = []
    for n, picture in enumerate(frame.pictures):
        (tmp_path / f"{n}.png").write_bytes(encode(picture))
        paths.append(str(tmp_path / f"{n}.png"))
    page = answered(Result(find_card("cnn_shapes32"), shown=paths))
    assert page.count("<figure>") == 4 and "圆环" in page and "ring" in page and page.count("<tr>") == 10
    assert answered(SimpleNamespace(shown=[])) == ""
    rows = bars({"disc": 0.1, "star": 0.7, "heart": 0.2})
    assert rows.index("star") < rows.index("heart") < rows.index("disc") and "width:70.0%" in rows


@EACH
def test_the_matrix_on_the_page_is_the_stored_one(name):
    card = find_card(name)
    matrix = next(one["confusion"] for one in card.facts.measured().values())
    page = confusion(card)
    assert page.count("<td") == 101 and page.count('class="right"') == 10
    for row in matrix:
        assert all(f">{n}<" in page for n in row if n)


# a sheet to draw on


def test_what_is_drawn_is_classified_stroke_by_stroke(visit):  # noqa: F811
    page = visit()
    page.locator('.tabs > .tab-wrapper [data-tab-id="classify"]').click()
    bench = page.locator(".bench-classify")
    bench.locator('.picker input[value="cnn_shapes32"]').check(force=True)
    bench.locator(".pad summary").click()
    sheet = bench.locator(".pad canvas")
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()

    def draw(*places):
        (x, y), *rest = [(box["x"] + a * box["width"], box["y"] + b * box["height"]) for a, b in places]
        page.mouse.move(x, y)
        page.mouse.down()
        for x, y in rest:
            page.mouse.move(x, y, steps=8)
        page.mouse.up()

    best = "document.querySelector('.bench-classify .bars th span[lang=en]')?.textContent"
    draw((0.5, 0.2), (0.8, 0.75), (0.2, 0.75), (0.5, 0.2))
    page.wait_for_function(f"{best} === 'triangle'")
    assert float(bench.locator(".bars td").nth(1).text_content().split()[0]) > 60
    bench.get_by_role("button", name="Clear").click()
    sheet.focus()  # a long bar, by keys alone
    for key in ["ArrowLeft"] * 12 + [" "] + ["ArrowRight"] * 24 + [" "]:
        page.keyboard.press(key)
    page.wait_for_function(f"{best} === 'bar'")


def test_the_last_stroke_is_sent_however_slow_the_net_is(visit):  # noqa: F811
    page = visit()
    page.locator('.tabs > .tab-wrapper [data-tab-id="classify"]').click()
    sent = []

    def slowly(route):
        sent.append(route.request.post_data_buffer)
        page.wait_for_timeout(900)
        route.continue_()

    page.route("**/gradio_api/upload*", slowly)
    page.locator(".bench-classify .pad summary").click()
    sheet = page.locator(".bench-classify .pad canvas")
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    for x in (60, 160):
        page.mouse.click(box["x"] + x, box["y"] + 90)
        page.wait_for_timeout(600)  # the first is on its way when the second is drawn and sent
    page.wait_for_timeout(1500)
    assert len(sent) == 2 and sent[0] != sent[1]

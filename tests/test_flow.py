"""Flow matching: its loss, its steps, its guidance, its pictures."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from imgen.catalog import find_card, find_maker
from imgen.controls import UserError, checked, knobs_of
from imgen.functional.flow import adams_bashforth, between, guided
from imgen.image import Picture, decode, encode
from imgen.inspection.look import inspect
from imgen.models.flow import Velocity
from imgen.pipelines.explore import combine, morph
from imgen.pipelines.flow import flow, flow_words
from imgen.tabs.keep import lane_of
from imgen.tabs.steer import steerable
from imgen.training.flow import FlowMatching, times
from imgen.training.steps import Batches
from imgen.ui.cost import MEASURED, reckoned

CLASSES = {"classes": ["ant", "bee", "cat"]}
VOCABULARY = {"vocabulary": {"face": "脸", "cat": "猫", "red": "红"}}
MEAN, SPREAD = 0.4, 0.3  # of a world whose pixels are all normal: everything about its flow is known


def exact(x, t, label=None):
    """E[picture − noise | x_t = x], by the rule for normal variables."""
    t = torch.as_tensor(t).reshape(-1, 1, 1, 1).to(x.dtype)
    variance = (1 - t) ** 2 + (t * SPREAD) ** 2
    return MEAN + (t * SPREAD**2 - (1 - t)) / variance * (x - t * MEAN)


class World(torch.nn.Module):
    """A stand-in whose velocity is the exact one, times `wrong`."""

    classes, side, channels = 3, 4, 1

    def __init__(self, wrong=1.0):
        super().__init__()
        self.weight, self.wrong = torch.nn.Parameter(torch.ones(1)), wrong
        self.embed, self.nothing = torch.nn.Linear(3, 1), torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, t, label):
        return exact(x, t) * self.wrong * self.weight


def tiny(**settings):
    torch.manual_seed(0)
    net = Velocity(3, side=8, channels=1, widths=(16, 32), blocks=(1, 1), style=32, **settings)
    for parameter in net.parameters():  # what begins at zero says nothing
        parameter.data.add_(torch.randn_like(parameter) * 0.05)
    return net.eval()


def test_the_loss_of_the_exact_velocity_is_what_noise_leaves_open():
    torch.manual_seed(0)
    count = 20000
    picture, noise = MEAN + SPREAD * torch.randn(count, 1, 4, 4), torch.randn(count, 1, 4, 4)
    t = torch.rand(count)
    left = (SPREAD**2 / ((1 - t) ** 2 + (t * SPREAD) ** 2)).mean().item()  # Var(picture − noise | x_t)
    batches = Batches(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), 2, "cpu")

    def loss(wrong):
        recipe = FlowMatching(World(wrong), batches, device="cpu")
        return recipe.loss(picture, noise, t, torch.zeros(count, 3)).item()

    assert loss(1.0) == pytest.approx(left, rel=0.01)
    assert min(loss(0.9), loss(1.1)) > 1.01 * loss(1.0)


def test_steps_follow_a_flow_that_is_known():
    x = torch.linspace(-2, 2, 9, dtype=torch.float64).view(1, 1, 3, 3)

    def end(steps):
        *_, (t, y, _) = adams_bashforth(exact, x, steps)
        assert t == 1
        return y

    target = MEAN + SPREAD * x  # a normal variable ends as the other
    errors = [(end(steps) - target).abs().max().item() for steps in (100, 200, 400)]
    assert errors[0] < 1e-3 and errors[1] == pytest.approx(errors[0] / 4, rel=0.15) and errors[2] < 0.3 * errors[1]


def test_steps_are_led_on_by_half_of_the_last_change():
    """Against Adams and Bashforth's rule, written out for a field whose velocity is -0.7 x."""
    x = torch.tensor([[[[1.0, -3.0]]]], dtype=torch.float64)
    *_, (_, y, goal) = adams_bashforth(lambda x, t: -0.7 * x, x, 10)
    sizes = [1.0, 1 - 0.07]
    for _ in range(9):
        sizes.append(sizes[-1] - 0.07 * (1.5 * sizes[-1] - 0.5 * sizes[-2]))
    torch.testing.assert_close(y, x * sizes[-1])
    torch.testing.assert_close(goal, x * sizes[-2] * (1 - 0.07))  # straight on from where the last step began
    assert (y / x - math.exp(-0.7)).abs().max() < 2e-3


def test_a_straight_path_needs_one_step():
    noise, picture = torch.randn(2, 1, 4, 4), torch.rand(2, 1, 4, 4)
    (_, y, _), = adams_bashforth(lambda x, t: picture - noise, noise, 1)
    torch.testing.assert_close(y, picture)
    torch.testing.assert_close(between(noise, picture, torch.tensor([0.0, 0.25]))[1], 0.75 * noise[1] + 0.25 * picture[1])


@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5])
def test_guidance_is_a_multiple_of_what_the_condition_changes(guidance):
    net, x, t = tiny(), torch.randn(2, 1, 8, 8), torch.tensor([0.3, 0.8])
    shares = torch.eye(3)[:2]
    with torch.no_grad():
        asked, free = net(x, t, torch.tensor([0, 1])), net(x, t, torch.zeros(2, 3))
        assert (asked - free).abs().max() > 1e-3
        torch.testing.assert_close(guided(net, x, t, shares, guidance), free + guidance * (asked - free), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("widths", "side"), [((16, 32), 8), ((16, 16, 32), 16), ((16, 32), 28)])
def test_the_velocity_has_the_shape_of_the_picture_and_hears_everything(widths, side):
    net = Velocity(3, side=side, widths=widths, blocks=(1,) * len(widths))
    for layer in (net.say, net.widen):
        torch.nn.init.normal_(layer.weight)
    for block in net.modules():
        if hasattr(block, "add"):
            torch.nn.init.normal_(block.add.weight)
    y = net(torch.randn(2, 3, side, side), torch.rand(2), torch.tensor([[0.5, 0.5, 0], [0, 0, 0]]))
    assert y.shape == (2, 3, side, side)
    y.square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in net.parameters())


def test_at_first_nothing_moves():
    net = Velocity(3, side=8, widths=(16,), blocks=(1,))
    assert net(torch.randn(1, 3, 8, 8), torch.rand(1), torch.tensor([2])).abs().max() == 0


def pictures(net, pipeline=flow, **knobs):
    facts = CLASSES if pipeline is flow else VOCABULARY
    with torch.no_grad():
        return list(pipeline(net, **checked(knobs_of(pipeline, facts), knobs)))[-1].pictures


def test_a_seed_means_the_same_pictures():
    net = tiny()
    assert pictures(net, seed=5, steps=3) == pictures(net, seed=5, steps=3) != pictures(net, seed=6, steps=3)


def test_a_picture_does_not_depend_on_how_many_are_asked_for():
    net = tiny()
    assert pictures(net, seed=1, count=9, steps=4)[:2] == pictures(net, seed=1, count=2, steps=4)


def test_classes_are_heeded_and_remembered():
    net = tiny()
    cats = pictures(net, label="cat", seed=2, count=3, steps=4, guidance=6)
    every = pictures(net, seed=2, count=3, steps=4, guidance=6)
    assert [picture.record["class"] for picture in every] == [0, 1, 2]
    assert every[2] == cats[2] and every[0] != cats[0]


def test_words_have_equal_shares():
    seen = []

    class Listens(World):
        def forward(self, x, t, label):
            seen.append(label)
            return super().forward(x, t, label)

    pictures(Listens(), flow_words, words="红 cat", count=2, steps=1, guidance=1)
    assert seen[0].tolist() == [[0, 0.5, 0.5]] * 2


def test_every_step_is_shown_and_stop_is_heeded():
    asked = []

    class Counts(World):
        def forward(self, x, t, label):
            asked.append(t[0].item())
            return super().forward(x, t, label)

    frames = flow(Counts(), **checked(knobs_of(flow, CLASSES), {"steps": 8, "count": 2, "guidance": 1.0}))
    first, second = next(frames), next(frames)
    frames.close()
    assert (first.done, first.total, len(first.pictures)) == (1, 8, 2) and first.pictures != second.pictures
    assert asked == [0, 1 / 8]


def test_without_guidance_the_net_is_asked_once():
    class Counts(World):
        def forward(self, x, t, label):
            assert len(x) == 2
            return super().forward(x, t, label)

    assert len(pictures(Counts(), count=2, steps=2, guidance=1)) == 2


def two_pictures():
    torch.manual_seed(1)
    coarse = (torch.rand(2, 1, 4, 4) > 0.5).byte() * 200 + 20
    return coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)


def trained(steps, labels):
    batches = Batches(two_pictures(), labels, 16, "cpu", flip=False)
    torch.manual_seed(0)
    net = Velocity(2, side=8, channels=1, widths=(32,), blocks=(1,), style=32)
    recipe = FlowMatching(net, batches, device="cpu", rate=5e-3, decay=0.98)
    for n in range(steps):
        recipe.step(n / steps)
    return recipe


def test_two_pictures_are_learned_by_heart():
    torch.manual_seed(0)
    recipe = trained(250, torch.arange(2))
    drawn, truth = recipe.sample(10), two_pictures().float() / 255
    assert (drawn - truth[torch.arange(10) % 2]).abs().mean() < 0.06


def test_what_is_forgotten_leaves_equal_shares_of_the_rest():
    recipe = trained(0, torch.eye(2))
    recipe.forgotten, shares = 0.5, torch.tensor([[0.25, 0.25, 0.25, 0.25, 0]]).repeat(4000, 1)
    torch.manual_seed(0)
    left = recipe.remembered(shares)
    kept = (left > 0).sum(1)
    assert (left[:, 4] == 0).all()
    torch.testing.assert_close(left.sum(1), (kept > 0).float())
    assert all(row[row > 0].unique().numel() == 1 for row in left[:200] if row.any())
    assert (kept == 4).float().mean() == pytest.approx(0.9 * (0.5 + 0.5 / 16), abs=0.03)
    assert (kept == 0).float().mean() == pytest.approx(0.1 + 0.9 * 0.5 / 16, abs=0.03)


def test_times_are_spread_evenly_over_the_logistic_normal():
    t = times(1000, "cpu", mean=0, spread=1)
    expected = torch.distributions.Normal(0, 1).cdf(torch.logit(t.sort().values))
    assert t.min() > 0 and t.max() < 1 and (expected - torch.linspace(0, 1, 1000)).abs().max() < 0.0025


def test_a_run_costs_its_steps_and_guidance_twice_as_much():
    card = find_card("flow_emoji64")

    def seconds(**knobs):
        return reckoned(card, MEASURED, checked(card.knobs, {"words": "cat", **knobs}))

    assert seconds() > 0
    assert seconds(steps=60) == pytest.approx(3 * seconds()) and seconds(guidance=1) == pytest.approx(seconds() / 2)


def made(pipeline, net, **knobs):
    """The last pictures, each with what a card notes besides."""
    asked = checked(knobs_of(pipeline, CLASSES), knobs)
    with torch.no_grad():
        *_, last = pipeline(net, **asked)
    noted = {name: value for name, value in asked.items() if name != "label"}
    return [Picture(one.pixels, {**one.record, "knobs": noted, "number": n}) for n, one in enumerate(last.pictures)]


def explored(pipeline, net, *pictures, **knobs):
    with torch.no_grad():
        *_, last = pipeline(net, *pictures, **knobs)
    return last.pictures


def test_a_film_passes_its_pictures_and_each_remembers_the_noise_it_came_of():
    net = tiny()
    first, second = made(flow, net, count=2, seed=5, steps=4)
    film = explored(morph, net, first, second, steps=4)
    assert len(film) == 8
    for stop, frame in ((first, film[0]), (second, film[4])):
        assert abs(stop.pixels.astype(int) - frame.pixels).max() <= 1
    assert (film[2].pixels != first.pixels).any() and (film[2].pixels != second.pixels).any()
    (seed, zero, a), (_, one, b) = film[2].record["noise"]  # half of an arc of 90 degrees, as nearly as noise is orthogonal
    assert (seed, zero, one) == (5, 0, 1) and [a, b] == pytest.approx([0.707, 0.707], abs=0.15)
    again, _ = explored(morph, net, Picture(film[2].pixels, film[2].record), second, steps=1)
    assert abs(again.pixels.astype(int) - film[2].pixels).max() <= 1  # what is between is a picture like any other


def test_a_film_can_be_stopped_at_every_step():
    net = tiny()
    a, b = made(flow, net, count=2, seed=5, steps=7)
    with torch.no_grad():
        frames = list(morph(net, a, b, steps=3))
    assert [frame.done / frame.total for frame in frames] == pytest.approx([n / 7 for n in range(1, 8)] + [1])


def test_a_film_of_a_flow_waits_among_the_long_work(tmp_path):
    def lane(name: str, **knobs) -> str:
        paths = []
        for n, picture in enumerate(find_card(name)(count=2, **knobs).pictures):
            paths.append((str(tmp_path / f"{name}-{n}.png"), None))
            Path(paths[-1][0]).write_bytes(encode(picture))
        return lane_of(paths)

    assert (lane("flow_fashion28", steps=1), lane("dcgan_fashion28"), lane_of([])) == ("long", "quick", "quick")


def test_pictures_add_up_and_the_words_with_them():
    net = tiny()
    a, b, c = made(flow, net, count=3, seed=1, steps=3)
    (total,) = explored(combine, net, a, b, c)
    weights = [weight for *_, weight in total.record["noise"]]
    assert [round(weight / weights[0], 2) for weight in weights] == [1, -1, 1]
    assert total.record["shares"] == pytest.approx([0.5, 0, 0.5])  # ant − bee + cat, of which none can be less than nothing


@pytest.mark.parametrize("forged", [
    {}, {"noise": []}, {"noise": [[1, -9, 1.0]]}, {"noise": [[1, 0, float("nan")]]}, {"noise": 3}, {"noise": [["x", 0, 1]]},
    {"steps": 10**6}, {"guidance": float("nan")}, {"steps": None}, {"shares": [1.0]}, {"shares": ["a"] * 3},
    {"noise": [[2**99, 0, 1]]}, {"noise": [[1, 0, 1e20]]}, {"noise": [[1, 0, -1e37]]},
    {"noise": [[1, n, 0.1] for n in range(65)]},
    {"shares": [1e30, 0, 0]}, {"shares": [1.0, -1.0, 0]}, {"shares": [float("nan"), 0, 0]},
])
def test_a_forged_record_is_one_sentence(forged):
    record = {"noise": [[1, 0, 1.0]], "shares": [1.0, 0, 0], "steps": 3, "guidance": 2.0, **forged} if forged else {}
    with pytest.raises(UserError, match="picture_without_place"):
        explored(morph, tiny(), *[Picture(np.zeros((8, 8, 1), np.uint8), record)] * 2, steps=2)


def test_a_film_of_the_card_begins_with_its_own_picture():
    card = find_card("flow_emoji64")
    pictures = [decode(encode(picture)) for picture in card(words="heart", count=2, steps=2, guidance=1).pictures]
    *_, last = find_maker(pictures).do(morph, *pictures, steps=2)
    assert len(last.pictures) == 4 and abs(last.pictures[0].pixels.astype(int) - pictures[0].pixels).mean() < 1


def test_sliders_begin_with_the_gans_picture_where_a_flow_has_drawn(tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(encode(find_card("flow_emoji64")(words="cat", count=1, steps=1, guidance=1).pictures[0]))
    start = steerable(path)
    assert decode(start).record["card"] == "resgan_flowers64" and steerable(start) == start and steerable(None) is None


def test_inside_is_looked_into_half_way():
    seen = inspect(find_card("flow_emoji64"), None, {"words": "cat face", "seed": 3, "steps": 8})
    time = next(layer for layer in seen.layers if layer.name == "time")
    assert time.out.item() == 0.5 and seen.picture().startswith("data:image/png")

"""Rules that draw: what holds for all of them, and the mathematics of each beside an independent answer."""

import numpy as np
import pytest
from PIL import Image

from imgen.cards import Card
from imgen.catalog import CARDS, find_card, find_maker
from imgen.controls import UserError
from imgen.drawing import curves, handwriting, rules, solids
from imgen.drawing.scenes import unit

DRAWN = [card for card in CARDS if card.net is None and card.task == "generate"]
EACH = pytest.mark.parametrize("card", DRAWN, ids=lambda card: card.name)


def made(card: Card, **knobs) -> list[np.ndarray]:
    return [picture.pixels.astype(float) for picture in card(**{"size": 64, **knobs}).pictures]


@EACH
def test_a_seed_means_one_picture_and_another_seed_another(card):
    first, again, other = (made(card, seed=seed, count=1)[0] for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert abs(first - other).mean() > 3


@EACH
def test_a_picture_does_not_depend_on_how_many_are_asked_for(card):
    assert np.array_equal(made(card, count=3), made(card, count=5)[:3])


@EACH
def test_pictures_of_one_seed_differ(card):
    pictures = made(card, count=4)
    assert all(abs(a - b).mean() > 3 for n, a in enumerate(pictures) for b in pictures[:n])


@EACH
def test_size_changes_only_the_resolution(card):
    large, small = (made(card, size=size, seed=2, count=2) for size in (512, 128))
    for a, b in zip(large, small, strict=True):
        shrunk = np.asarray(Image.fromarray(a.astype(np.uint8)).reduce(4)).astype(float)
        assert abs(shrunk - b).mean() < 6
        assert np.corrcoef(shrunk.ravel(), b.ravel())[0, 1] > 0.95


@EACH
def test_every_knob_is_heeded(card):
    plain = made(card, count=1, seed=3)[0]
    for name, knob in card.knobs.items():
        if name in ("count", "seed", "size"):
            continue
        ends = knob.options[-1:] or (knob.control.low, knob.control.high)
        assert any(abs(made(card, count=1, seed=3, **{name: end})[0] - plain).mean() > 0.3 for end in ends), name


@EACH
def test_drawing_needs_no_net_and_is_shown_as_it_comes(card):
    assert [(frame.done, len(frame.pictures)) for frame in card.run(count=3, size=64)] == [(1, 1), (2, 2), (3, 3)]


def test_de_casteljau_finds_the_same_bezier_curve():
    rng = np.random.default_rng(0)
    points, t = rng.random((6, 2)), np.linspace(0, 1, 9)
    halves = np.repeat(points[None], len(t), axis=0)
    while halves.shape[1] > 1:
        halves = (1 - t[:, None, None]) * halves[:, :-1] + t[:, None, None] * halves[:, 1:]
    np.testing.assert_allclose(curves.bezier(points, t), halves[:, 0])


def test_b_splines_follow_the_recursion_of_cox_and_de_boor():
    def basis(k: int, degree: int, t: float) -> float:  # knots at the whole numbers
        if degree == 0:
            return float(k <= t < k + 1)
        return ((t - k) * basis(k, degree - 1, t) + (k + degree + 1 - t) * basis(k + 1, degree - 1, t)) / degree

    points, t = np.random.default_rng(1).random((7, 2)), np.linspace(0, 6.9, 24)
    wanted = [sum(basis(k - 3, 3, s) * points[k % 7] for k in range(10)) for s in t]
    np.testing.assert_allclose(curves.b_spline(points, t), wanted, atol=1e-12)


def test_a_curve_through_points_meets_them_without_a_corner():
    points = np.random.default_rng(2).random((5, 2))
    line = curves.through(points, samples=1000)
    np.testing.assert_allclose(line[::1000], points)
    steps = np.diff(line, axis=0)
    np.testing.assert_allclose(steps[999:-1:1000], steps[1000::1000], atol=0.02 * abs(steps).max())  # either side of a point


def test_every_pixel_belongs_to_its_nearest_site():
    sites, (x, y) = np.random.default_rng(3).random((20, 2)), rules.plane(40)
    nearest, first, second = rules.nearest_sites(x, y, sites)
    squares = (x[..., None] - sites[:, 0]) ** 2 + (y[..., None] - sites[:, 1]) ** 2
    assert np.array_equal(nearest[0], squares.argmin(-1)) and np.array_equal(nearest[1], squares.argsort(-1)[..., 1])
    np.testing.assert_allclose(np.stack([first, second], axis=-1), np.sort(squares, axis=-1)[..., :2], atol=1e-6)


def test_sites_keep_apart():
    def closest(sites):
        apart = np.linalg.norm(sites[:, None] - sites, axis=-1)
        return apart[~np.eye(len(sites), dtype=bool)].min()

    candidates = np.random.default_rng(4).random((60, 4, 2))
    assert closest(rules.spread(candidates, 60)) > 2 * closest(candidates[:, 0])


def test_a_triangle_that_faces_the_light_is_brighter():
    towards, skin = unit(np.array([0.3, -0.5, 0.8])), np.full((3, 3), 0.5)
    side = unit(np.cross(towards, [1.0, 0, 0]))
    slanted = 0.5 * towards + 0.75**0.5 * side  # 60 degrees from the light
    facing, half, away = rules.lit(np.stack([towards, slanted, -towards]), skin, towards).mean(1)
    assert facing > half > away
    dull = rules.lit(np.stack([slanted, -towards]), skin[:2], towards)[:, 0]  # where no highlight reaches: Lambert alone
    assert dull[0] - dull[1] == pytest.approx(0.5 * 0.85 * 0.5, abs=0.01)


@pytest.mark.parametrize("body", solids.BODIES)
def test_bodies_are_closed_and_their_triangles_look_outwards(body):
    corners, faces = body(2, np.random.default_rng(5))
    a, b, c = corners[faces].transpose(1, 0, 2)
    areas = np.cross(b - a, c - a) / 2
    assert abs(areas.sum(0)).max() < 1e-9 * len(faces)  # of a closed surface they cancel out
    assert (a * areas).sum() / 3 > 0.5  # the volume that they enclose


@pytest.mark.parametrize("kind", ["perlin", "value"])
def test_noise_is_what_the_four_corners_claim(kind):
    lattice = rules.corners_of(np.random.default_rng(6), 5, kind).astype(float)
    x, y = np.array([[0.0, 1.25, 3.9]]), np.array([[2.0], [0.5]])
    for row, v in enumerate(y[:, 0]):
        for column, u in enumerate(x[0]):
            i, j = int(u), int(v)
            wanted = 0.0
            for p in (i, i + 1):
                for q in (j, j + 1):
                    value, slope = lattice[0, q, p], lattice[1:, q, p]
                    share = [6 * d**5 - 15 * d**4 + 10 * d**3 for d in (1 - abs(u - p), 1 - abs(v - q))]
                    wanted += share[0] * share[1] * (value + slope @ [u - p, v - q])
            assert rules.lattice_noise(x, y, lattice)[row, column] == pytest.approx(wanted)
    assert kind == "value" or rules.lattice_noise(x, y, lattice)[0, 0] == 0  # Perlin's noise vanishes at each corner


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_as_much_is_water_as_was_asked_for(share, monkeypatch):
    monkeypatch.setattr(rules, "LANDS", [(("#0000ff",) * 3, ("#000000",) * 5)])
    blue = rules.noise(256, np.random.default_rng(8), water=share).pixels[..., 2] > 127
    assert blue.mean() == pytest.approx(share, abs=0.02)


def test_the_side_towards_the_light_is_the_brighter_one(monkeypatch):
    monkeypatch.setattr(rules, "PALETTES", [("#808080",) * 6])
    monkeypatch.setattr(rules, "BODIES", [solids.boulder])  # no holes, whose far side would be lit instead
    for seed in range(4):
        pictures = (rules.mesh(128, np.random.default_rng(seed), light=angle) for angle in (0, 90, 180, 270))
        right, above, left, below = (picture.pixels[32:96, 32:96].mean(-1) for picture in pictures)
        assert np.mean((right - left)[:, 32:]) - np.mean((right - left)[:, :32]) > 20
        assert np.mean((above - below)[:32]) - np.mean((above - below)[32:]) > 20


def test_neighbouring_regions_never_share_a_colour_by_rule():
    powers = {2**n % rules.ENTRIES for n in range(2 * rules.MANY)}
    assert len(powers) == 2 * rules.MANY and 0 not in powers


def test_triangles_cover_the_picture_once():
    rows = np.stack(np.meshgrid(np.arange(6.0), np.arange(5.0)), axis=-1)
    rows[1::2, :, 0] += 0.5
    corners = np.concatenate(list(rules.split(rows)))
    points = np.random.default_rng(9).uniform((0.5, 0), (5, 4), (300, 2))
    ways, edges = points[:, None, None] - corners, np.roll(corners, -1, axis=1) - corners
    sides = np.sign(edges[..., 0] * ways[..., 1] - edges[..., 1] * ways[..., 0])  # (point, triangle, edge): which side of it
    assert (abs(sides.sum(-1)) == 3).sum(1).tolist() == [1] * 300
    assert np.linalg.norm(edges, axis=-1).max() == pytest.approx(1.25**0.5)  # none is longer than it must be


@pytest.mark.parametrize("name", ["draw_digits", "draw_characters"])
def test_each_class_looks_different_and_like_itself(name):
    """A sheet written without wobble matches its own class among unsteady ones better than any other."""
    card = find_card(name)
    labels = card.knobs["label"].options[1:]
    glyphs = handwriting.DIGITS if name == "draw_digits" else handwriting.CHARACTERS

    def ink(label, wobble, seed):
        picture = made(card, label=label, wobble=wobble, seed=seed, count=1)[0].mean(-1)
        return (abs(picture - np.median(picture)) > 60).astype(float)

    printed, unsteady = (np.stack([ink(label, wobble, 1).ravel() for label in labels]) for wobble in (0.0, 0.3))
    alike = np.corrcoef(printed, unsteady)[: len(labels)]
    assert tuple(glyphs) == labels and (alike[:, : len(labels)] - np.eye(len(labels))).max() < 0.9
    assert np.mean(alike[:, len(labels) :].argmax(0) == np.arange(len(labels))) > 0.9


def test_a_drawing_has_no_place_in_a_latent_space():
    with pytest.raises(UserError, match="picture_without_place"):
        find_maker(find_card("draw_lines")(count=2, size=64).pictures)


def test_all_classes_come_in_turn():
    one_by_one = [made(find_card("draw_digits"), label=str(n % 10), count=n + 1)[n] for n in (0, 3, 11)]
    assert np.array_equal(one_by_one, np.array(made(find_card("draw_digits"), count=12))[[0, 3, 11]])

"""Addresses: what they say is what was run, whatever they say."""

import asyncio
import random
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qsl

import gradio as gr
import numpy as np
import pytest
from conftest import asked_in

from imgen.cards import recorded
from imgen.catalog import CARDS, find_card
from imgen.controls import Choice, Choices, Reference, Seed, Slider, UserError, is_seeded
from imgen.image import decode
from imgen.pipelines.spoil import hole_known
from imgen.texts.words import WORDS
from imgen.ui import link
from imgen.ui.brush import painted
from imgen.ui.doors import ADDRESS
from imgen.ui.events import preset_applier
from imgen.ui.work import results

TASKS = ("generate", "upscale", "stylize", "restore")
LINKED = [card for card in CARDS if card.pictures or is_seeded(card.knobs)]
@pytest.fixture(scope="module")
def benches(tmp_path_factory):
    from imgen.tabs import classify, generate, restore, stylize, upscale

    async def made() -> dict:  # in a loop that runs: of another Gradio would open one, and leave it open
        with gr.Blocks(analytics_enabled=False):
            tabs = [generate.generate_tab(), upscale.upscale_tab(), stylize.stylize_tab(), restore.restore_tab()]
            tabs.append(classify.classify_tab())
            return {bench.task: bench for bench in tabs}

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        yield asyncio.run(made())


def applied(bench, preset: str, card: str | None = None, values: dict | None = None) -> tuple[str, str | None, dict]:
    """What the tab's components become: the card, the picture's path, and the values of the card's own knobs."""
    event, given = SimpleNamespace(_data={"preset": preset}), [(values or {}).get(name) for name in bench.widgets]
    became = preset_applier(bench)(asked_in("en"), event, card or bench.card.name, *given)
    source = became.pop(0) if bench.source else None
    card = find_card(became[0])
    updates = dict(zip(bench.widgets, became[2:], strict=False))
    return card.name, source, {name: updates[name].get("value") for name in card.knobs}


def some_values(card, chance: random.Random) -> dict:
    """Of all knobs that are no pictures, as anybody may set them."""
    values = {}
    for name, knob in card.knobs.items():
        match knob.control:
            case Slider(low, high, step):
                values[name] = low + step * chance.randint(0, int((high - low) / step))
            case Seed():
                values[name] = chance.randrange(2**32)
            case Choice() if knob.options:
                values[name] = chance.choice(knob.options)
            case Choices():
                values[name] = [option for option in knob.options if chance.random() < 0.5]
    return values


def checked_values(card, values: dict) -> dict:
    found = {}
    for name, knob in card.knobs.items():
        if not isinstance(knob.control, Reference):
            try:
                found[name] = knob.check(values[name] if values.get(name) is not None else knob.default)
            except UserError:  # of a card that is not trained
                continue
    return found


@pytest.mark.parametrize("card", LINKED, ids=lambda card: card.name)
def test_a_link_sets_all_that_was_set(benches, card):
    bench, chance = benches[card.task], random.Random(card.name)
    for _ in range(3):
        knobs = checked_values(card, some_values(card, chance))
        example = chance.randrange(len(bench.examples)) if card.pictures else None
        given = decode(bench.examples[example]) if card.pictures else None
        query, own = bench.linked(card, recorded(knobs), given)
        assert not own
        assert len(query) < ADDRESS
        other = bench.cards[-1].name  # whatever was there before
        name, source, values = applied(bench, f"?{query}&run=1&language=zh", other, {"seed": 3, "scale": 2, "count": 5})
        assert name == card.name
        if card.pictures:
            assert source == str(bench.examples[example])
        assert checked_values(card, values) == knobs


def test_the_paintings_of_a_run_are_in_its_link(benches):
    bench, card = benches["stylize"], find_card("gatys")
    two = [bench.paintings[3], bench.paintings[1]]
    query, own = bench.linked(card, {"paintings": [decode(path).digest for path in two]}, decode(bench.examples[0]))
    assert not own
    assert applied(bench, "?" + query)[2]["paintings"] == [str(path) for path in two]
    strange = {"paintings": ["0" * 16]}
    assert bench.linked(card, strange, decode(bench.examples[0]))[1]
    assert bench.linked(card, {"begin": ["0" * 16]}, decode(bench.examples[0]))[1]


def test_a_picture_of_ones_own_is_not_in_the_link_and_it_is_said(benches):
    picture = decode(benches["restore"].examples[0])  # no example of this tab
    query, own = benches["upscale"].linked(find_card("bicubic"), {"scale": 3.0}, picture)
    assert own and "example" not in query
    assert dict(parse_qsl(query)) == {"tab": "upscale", "card": "bicubic", "scale": "3"}


def test_only_the_hole_that_is_known_goes_without_saying(benches):
    bench, card = benches["restore"], find_card("diffusion_fill")
    number = next(n for n, path in enumerate(bench.examples) if "scribbled" in path.name)
    given = decode(bench.examples[number])
    known = painted(hole_known(given).pixels[..., 0])
    assert not bench.linked(card, {"mask": [known.digest]}, given)[1]
    assert bench.linked(card, {"mask": ["0" * 16]}, given)[1]
    assert bench.linked(card, {"mask": []}, given)[1]
    knobs = bench.completed(bench.examples[number], {"mask": []})
    assert (decode(knobs["mask"][0]).alpha == known.alpha).all()
    assert bench.completed(bench.examples[0], {"mask": []}) == {"mask": []}


def test_an_address_begins_with_the_defaults_and_an_example_keeps_the_knobs(benches):
    bench = benches["upscale"]
    assert applied(bench, "?tab=upscale&card=bicubic&example=1", "nearest", {"scale": 2})[2]["scale"] == 4
    assert applied(bench, "#try?card=bicubic", "nearest", {"scale": 2})[2]["scale"] == 4
    assert applied(bench, "example=1", "nearest", {"scale": 2})[2]["scale"] == 2
    assert applied(bench, "?tab=upscale&run=1", "nearest", {"scale": 2})[0] == bench.card.name  # what the tab opens with
    begun = {"begin": ["mine.png"]}
    assert applied(benches["stylize"], "?card=gatys", "gatys", begun)[2]["begin"] is None


def test_the_fold_of_a_knob_that_is_set_opens(benches):
    bench = benches["upscale"]
    for asked, opened in (("tile=128", 1), ("scale=3", 0)):
        event = SimpleNamespace(_data={"preset": f"#try?card=light_x4&{asked}"})
        became = preset_applier(bench)(asked_in("en"), event, "nearest", *[None] * len(bench.widgets))
        assert sum(isinstance(one, dict) and one.get("open", False) for one in became) == opened


@pytest.mark.parametrize(("asked", "meant"), [
    ("scale=99", {"scale": 8}), ("scale=-1e400", {"scale": 1}), ("scale=nan", {"scale": 4}), ("scale=", {"scale": 4}),
    ("scale=" + "9" * 5000, {"scale": 8}), ("scale=3&scale=2", {"scale": 2}), ("tile=96.7", {"tile": 97}),
    ("nosuch=1&__proto__=2", {"scale": 4}), ("scale=%00%ff", {"scale": 4}), ("%ed%a0%80=1&scale=5", {"scale": 5}),
])
def test_values_are_clamped_and_what_is_unknown_is_passed_over(benches, asked, meant):
    _, source, values = applied(benches["upscale"], f"?card=light_x4&{asked}")
    assert {name: values[name] for name in meant} == meant
    assert isinstance(source, dict)  # skipped


@pytest.mark.parametrize("query", [
    "?card=nosuch", "?card=dcgan_flowers64", "?example=-1", "?example=99", "?example=٣", "?example=1e0", "?" * 3000, "?=&&&=",
    "?%", "?card=light_x4&example=" + "0" * 400, "?painting=../../etc/passwd", "?tab=<script>&card=%3Cimg%20src%3Dx%3E",
])
@pytest.mark.parametrize("task", TASKS)
def test_no_address_breaks_anything(benches, task, query):
    bench = benches[task]
    name, source, values = applied(bench, query)
    assert name == bench.card.name or query.startswith("?card=") or "painting" in query
    assert find_card(name).task == task
    assert source is None or isinstance(source, dict)


def test_settings_are_those_that_differ_and_the_seed():
    card = find_card("dcgan_flowers64")
    knobs = {name: knob.check(knob.default) for name, knob in card.knobs.items()}
    assert list(link.settings(card, knobs)) == ["seed"]
    assert link.settings(card, {**knobs, "count": 7.0})["count"] == "7"


def test_a_code_holds_its_address_and_nothing_else_becomes_one():
    cv2 = pytest.importorskip("cv2")
    address = "https://somebody-imgen.hf.space/?tab=upscale&card=light_x4&example=2&scale=3.5&language=zh&run=1"
    drawing = link.qr(address)
    assert drawing.startswith("<svg") and "script" not in drawing
    import segno

    rows = np.array([[not dark for dark in row] for row in segno.make_qr(address, error="l").matrix], np.uint8) * 255
    large = np.kron(np.pad(rows, 4, constant_values=255), np.ones((6, 6), np.uint8))
    assert cv2.QRCodeDetector().detectAndDecode(large)[0] == address
    for strange in (None, 7, ["https://x"], "javascript:alert(1)", "https://" + "x" * 5000, "", "file:///etc/passwd"):
        assert link.qr(strange) == ""


def test_every_place_that_can_be_hidden_or_opened_has_a_name_of_its_own():
    assert not set(link.FOLDS) & set(link.PARTS)
    knobs = {name for card in CARDS for name in card.knobs}
    own = {"tab", "card", "example", "painting", "run", "hide", "folds", "large", "language"}
    assert not knobs & {*link.FOLDS, *link.PARTS, *own}
    assert {key for key in WORDS if key.startswith("link_")} >= {"link_copy", "link_own"}


def least(card) -> dict:
    """Knobs with which a card has little to do."""
    values = {name: knob.control.low for name, knob in card.knobs.items()
              if isinstance(knob.control, Slider) and not card.pictures or name in ("steps", "iterations", "size", "views")
              and isinstance(knob.control, Slider)}
    return values | ({"seed": 5} if "seed" in card.knobs else {})


CHEAP = ("dcgan_flowers64", "draw_voronoi", "nearest", "tiny_gan_x7", "arbitrary_style", "diffusion_fill", "light_restore")


def ran(task, card, source, values) -> list:
    *_, last = results(task, card, source, values, watched=False)
    return last.frame.pictures, last.frame.origin


@pytest.mark.parametrize("name", CHEAP)  # of the others above: the same values, and the same values make the same pixels
def test_a_link_makes_the_same_pixels(benches, name):
    card = find_card(name)
    bench = benches[card.task]
    written_over = next((path for path in bench.examples if path.stem == "restore_scribbled"), None)
    source = (written_over if card.abilities.takes_mask else bench.examples[0]) if card.pictures else None
    values = least(card)
    if "paintings" in card.knobs:
        values["paintings"] = [str(bench.paintings[2])]
    asked = bench.completed(source, {"mask": [], **values}) if "mask" in card.knobs else values
    pictures, origin = ran(card.task, name, source, asked)
    query, own = bench.linked(card, origin.knobs, decode(source) if source else None)
    assert not own
    again, path, knobs = applied(bench, "?" + query, bench.cards[-1].name, {})
    if "mask" in card.knobs:
        knobs = bench.completed(source, {**knobs, "mask": []})
    same, _ = ran(card.task, again, Path(path) if path and source else None, knobs)
    assert len(same) == len(pictures)
    assert all((a.pixels == b.pixels).all() for a, b in zip(pictures, same, strict=True))

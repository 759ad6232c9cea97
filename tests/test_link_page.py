"""Addresses in a real browser: what they open, how they follow, what is copied."""

import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
import pytest
from test_page import ROOT, address, browser, new_result, pick, pytestmark, shown, tab, visit  # noqa: F401

from imgen.catalog import find_card
from imgen.image import decode

EXAMPLES = ROOT / "imgen" / "assets" / "examples"


@pytest.fixture
def opened(visit):  # noqa: F811
    """Open the page at an address."""
    def at(query: str, locale: str = "en-US", width: int = 1440, height: int = 900):
        page = visit(locale, width, height, query)
        page.locator("button.run:visible").first.wait_for()
        return page

    return at


def asked(page) -> dict[str, str]:
    return {key: values[-1] for key, values in parse_qs(urlsplit(page.url).query).items()}


def says(page, lacking: tuple[str, ...] = (), **words: object) -> None:
    """Wait until the address has these words, and none of those."""
    deadline = time.monotonic() + 60
    wanted = {key: str(value) for key, value in words.items()}
    while not (wanted.items() <= asked(page).items() and not set(lacking) & asked(page).keys()):
        assert time.monotonic() < deadline, (page.url, wanted)
        page.wait_for_timeout(50)


def done(page, task: str):
    bench = page.locator(f".bench-{task}")
    bench.locator(".pictures .status.done[data-ran]").wait_for()
    return bench


def downloaded(page, bench, name: str = "Download PNG"):
    with page.expect_download() as download:
        bench.get_by_role("button", name=name).click()
    return decode(Path(download.value.path()))


@pytest.mark.parametrize(("query", "card", "example", "knobs"), [
    ("?tab=upscale&card=light_x4&example=2&scale=3&run=1", "light_x4", "upscale_chart.png", {"scale": 3}),
    ("?tab=restore&card=diffusion_fill&example=3&grow=2&run=1", "diffusion_fill", "restore_scribbled.png", {"grow": 2}),
    ("?tab=stylize&card=transfer_paintings&example=3&style=great_wave&run=1", "transfer_paintings", "stylize_portrait.png",
     {"style": "great_wave"}),
])
def test_an_address_opens_and_makes_just_that(opened, query, card, example, knobs):
    page = opened(query)
    bench = done(page, query.split("&")[0].removeprefix("?tab="))
    assert page.get_by_role("tab", selected=True).get_attribute("data-tab-id") in bench.get_attribute("class")
    assert bench.locator(f".picker input[value={card}]").is_checked()
    given = decode(EXAMPLES / example)
    if "fill" in card:
        from imgen.pipelines.spoil import hole_known

        knobs = {**knobs, "mask": [hole_known(given)]}
    assert downloaded(page, bench) == find_card(card)(given, **knobs).pictures[0]  # to the last bit
    says(page, run=1, card=card, example=parse_qs(query)["example"][0])


def test_the_address_follows_and_the_way_back_leads_to_each_result(visit):  # noqa: F811
    page = visit()
    bench = tab(page, "upscale")
    says(page, tab="upscale", example=0, language="en")
    page.wait_for_function("history.state?.result")  # what nobody has seen is not come back to
    bench.locator(".thumb").nth(1).click()
    says(page, example=1, run=1)
    number = bench.locator(".knob-scale input[type=number]")
    page.wait_for_timeout(1000)
    left = []
    page.on("request", lambda request: left.append(request.url))
    for value in ("2", "3"):
        number.fill(value)
        number.press("Tab")
    says(page, lacking=("run",), scale=3, example=1)
    assert left == []  # the server is not asked
    before = shown(bench)
    bench.locator("button.run").click()
    new_result(page, bench, before)
    says(page, scale=3, run=1)
    page.go_back()
    says(page, lacking=("scale",), example=1)
    done(page, "upscale")
    page.wait_for_function("document.querySelector('.bench-upscale .knob-scale input[type=number]').value === '4'")
    page.go_back()
    says(page, example=0, tab="upscale")
    page.wait_for_function("document.querySelector('.bench-upscale .source img').src.includes('cat')")
    page.go_forward()
    says(page, example=1, tab="upscale")
    page.wait_for_function("document.querySelector('.bench-upscale .source img').src.includes('city')")
    done(page, "upscale")
    says(page, example=1, run=1)
    page.reload()
    bench = done(page, "upscale")
    assert "city" in bench.locator(".source img").get_attribute("src")


def test_a_switch_of_language_keeps_what_was_chosen(opened):
    page = opened("?tab=generate&card=draw_voronoi&seed=7&count=4&run=1")
    bench = done(page, "generate")
    says(page, run=1, seed=7)
    page.get_by_role("link", name="中文").click()
    page.get_by_role("tab", name="图像生成", selected=True).wait_for()
    bench = done(page, "generate")
    assert "种子 7" in bench.locator(".status").first.inner_text()
    says(page, language="zh", card="draw_voronoi", seed=7, count=4, run=1)


def test_the_link_that_is_copied_is_in_its_code_and_opens_the_same(opened):
    page = opened("?tab=upscale&card=nearest&example=2&scale=2&hide=rooms&run=1")
    bench = done(page, "upscale")
    says(page, run=1)
    first = downloaded(page, bench)
    bench.get_by_role("button", name="Copy link").click()
    code = bench.locator(".share .qr svg")
    code.wait_for()
    link = bench.locator(".share .address").input_value()
    pixels = cv2.imdecode(np.frombuffer(bench.locator(".share .qr").screenshot(scale="css"), np.uint8), cv2.IMREAD_COLOR)
    assert cv2.QRCodeDetector().detectAndDecode(cv2.resize(pixels, None, fx=3, fy=3))[0] == link
    assert "<iframe src=" in bench.locator(".share .frame").input_value()
    assert bench.locator(".share .is-local").is_visible() and not bench.locator(".share .is-own").is_visible()
    other = opened("?" + urlsplit(link).query)
    assert downloaded(other, done(other, "upscale")) == first
    assert other.locator(".bench-upscale .many").is_hidden()
    bench.get_by_role("button", name="Copy link").click()
    assert code.is_hidden()


def test_of_a_picture_of_ones_own_the_link_says_that_it_lacks_it(opened, tmp_path):
    page = opened("?tab=upscale&card=nearest")
    bench = page.locator(".bench-upscale")
    says(page, card="nearest", language="en")
    own = tmp_path / "own.png"
    cv2.imwrite(str(own), np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8))
    bench.locator(".ways input.file").set_input_files(own)  # which is run at once
    says(page, lacking=("example",), card="nearest")
    done(page, "upscale")
    page.wait_for_timeout(500)
    assert not {"example", "run"} & asked(page).keys()
    bench.get_by_role("button", name="Copy link").click()
    bench.locator(".share .is-own").wait_for()
    assert not {"example", "run"} & parse_qs(urlsplit(bench.locator(".share .address").input_value()).query).keys()


def test_what_is_not_todays_topic_is_left_out_and_words_grow(opened):
    page = opened("?tab=upscale&hide=rooms,stylize,measured,models,tile,nosuch,%7D*%7B&large=1")
    says(page, tab="upscale", language="en")
    bench = page.locator(".bench-upscale")
    assert [one.get_attribute("data-tab-id") for one in page.get_by_role("tab").all() if one.is_visible()] == [
        "generate", "upscale", "restore", "classify", "train", "inside", "lessons"
    ]
    assert bench.locator(".lesson").is_visible() and bench.locator(".picker label").first.is_visible()
    for gone in (".many", ".crops-fold", ".picker .all"):
        assert bench.locator(gone).is_hidden()
    height = "document.querySelector('.bench-upscale button.run').offsetHeight * 0 + " \
             "document.querySelector('.bench-upscale .picker').getBoundingClientRect().height"
    large = page.evaluate(height)
    page.keyboard.press("Shift+L")
    assert page.evaluate(height) < 0.9 * large and "large" not in asked(page)
    bench.locator(".knob-scale input[type=number]").focus()
    page.keyboard.press("Shift+L")  # somebody types
    assert page.evaluate(height) < 0.9 * large
    page.keyboard.press("Escape")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1366, 768), (390, 844)])
def test_a_lesson_and_what_it_makes_are_seen_together(opened, width, height):
    page = opened("?tab=upscale&card=light_x4&lesson=1", width=width, height=height)
    bench = page.locator(".bench-upscale")
    link = bench.locator(".lesson a.preset").nth(1)
    link.wait_for()
    title = (ROOT / "imgen" / "texts" / "lessons" / "en" / "light.md").read_text(encoding="utf-8").splitlines()[0].strip("# ")
    bench.locator(".lesson :is(h1, h2)", has_text=title).wait_for()  # not that of the card before
    page.wait_for_timeout(1500)
    link.evaluate("link => link.setAttribute('href', '#try?card=light_x4&scale=3&tile=128')")
    link.click()
    done(page, "upscale")
    bench.locator(".more > .label-wrap.open").wait_for(state="attached")  # the fold of the knob that it sets
    page.wait_for_timeout(500)
    words, result = link.bounding_box(), bench.locator(".result").bounding_box()
    assert words["y"] >= 0 and words["y"] + words["height"] <= height
    assert result["y"] >= 0 and result["y"] + result["height"] <= height
    if width > 900:
        assert words["x"] + words["width"] < result["x"]
    else:
        assert result["y"] + result["height"] <= words["y"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_no_address_breaks_the_page(opened):
    strange = "?tab=%3Cscript%3E&card=__proto__&folds=constructor,__proto__,more&hide=%7D%20*%7B,constructor&large=7&run=1&x="
    page = opened(strange + "9" * 900)
    bench = done(page, "generate")
    before = shown(bench)
    bench.locator("button.dice").click()
    new_result(page, bench, before)
    says(page, tab="generate", run=1)


def test_who_presses_run_before_the_address_is_read_gets_what_it_names(visit):  # noqa: F811
    page = visit()
    bench = tab(page, "generate")
    before = shown(bench)
    bench.evaluate("""bench => {
      bench.querySelector('button.run').click();
      bench.dispatchEvent(new CustomEvent('imgen:open', {detail: {preset: '?tab=generate&card=draw_lines&seed=3', run: false}}));
    }""")
    new_result(page, bench, before)
    assert "draw_lines" in bench.locator(".code").text_content()
    says(page, card="draw_lines", seed=3)


def test_links_of_the_page_open_without_loading_it_anew(opened):
    page = opened("?tab=generate&hide=rooms")
    says(page, language="en", tab="generate")
    page.evaluate("() => { window.stayed = true; document.querySelector('.header nav').insertAdjacentHTML('beforeend',"
                  " '<a id=lesson-link href=\"?tab=upscale&card=nearest&scale=2&run=1\">x</a>'); }")
    page.locator("#lesson-link").click()
    done(page, "upscale")
    says(page, tab="upscale", card="nearest", scale=2, hide="rooms", run=1)
    assert page.evaluate("window.stayed")
    page.go_back()
    says(page, tab="generate")
    page.get_by_role("tab", name="Generation", selected=True).wait_for()

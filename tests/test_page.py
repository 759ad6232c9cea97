"""The page as visitors meet it: in a real browser, and over HTTP."""

import io
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imgen
from imgen.image import Picture, decode

ROOT = Path(__file__).parent.parent
BROWSERS = "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"  # the first draws no window
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
TASKS = ("generate", "upscale", "stylize", "restore", "classify")
pytestmark = [
    pytest.mark.slow,
    # Of pandas, with which Gradio counts its events:
    pytest.mark.filterwarnings("ignore:.*no_silent_downcasting"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]
closed = threading.Event()  # the slow card's work has been ended


def slow(net, picture):
    from imgen.image import Frame

    try:
        for step in range(400):
            time.sleep(0.05)
            yield Frame(step, 400)
        yield Frame(400, 400, [picture])
    finally:
        closed.set()


def glimpsed(net, picture):
    """A picture on the way, and then only words."""
    from imgen.image import Frame

    for step in range(400):
        time.sleep(0.05)
        yield Frame(step, 400, [picture] if 10 < step < 30 else [])


def free_port() -> int:
    """Gradio's own search leaves a socket open for each port that is taken, which is a warning, and so an error here."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def broken(net, picture):
    raise ZeroDivisionError("a secret of the server")
    yield


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The page, served by this process, with three cards more."""
    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": str(tmp_path_factory.mktemp("gradio"))}
    from imgen import catalog
    from imgen.cards import Card
    from imgen.loader import Complete
    from imgen.page import build, settings
    from imgen.texts.words import WORDS
    from imgen.ui import workbench
    from imgen.ui.warm import warm_up

    nearest = Complete("interpolation:Interpolation", kernel="nearest")
    more = [Card(pipeline.__name__, "upscale", nearest, pipeline, catalog.KEYS, "MIT", lesson="interpolation")
            for pipeline in (slow, glimpsed, broken)]
    words = {f"{kind}_{card.name}": (card.name, card.name) for card in more for kind in ("title", "card")}
    with pytest.MonkeyPatch.context() as patch:
        for card in more:
            patch.setitem(catalog.CATALOG, card.name, card)
        patch.setattr(workbench, "CARDS", [*catalog.CARDS, *more])
        for key, value in words.items():
            patch.setitem(WORDS, key, value)
        page = build()
        _, url, _ = page.launch(server_name="127.0.0.1", server_port=free_port(), **settings())
        warm_up().join()  # as the app does; who has to import torch as well is not there within the browser's patience
        yield url
        page.close()


@pytest.fixture(scope="module")
def browser():
    if not BROWSER:
        pytest.skip("no chromium or chrome on this machine")
    sync_api = pytest.importorskip("playwright.sync_api", reason="the playwright package is not installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, address):
    """Open the page; in the end nothing may have left the machine and the page may have stumbled over nothing."""
    contexts, left, faults = [], [], []

    def open_page(locale="en-US", width=1440, height=900, query=""):
        context = browser.new_context(locale=locale, viewport={"width": width, "height": height}, reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("request", lambda request: request.url.startswith((address, "data:", "blob:")) or left.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address + query)
        page.get_by_role("tab").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert left == []
    assert faults == []


def tab(page, task: str):
    page.get_by_role("tab").nth(TASKS.index(task)).click()
    bench = page.locator(f".bench-{task}")
    bench.locator("button.run").wait_for()
    return bench


def pick(bench, card: str) -> None:
    bench.locator(".picker .all").evaluate("fold => fold.open = true")
    bench.locator(f".picker input[value={card}]").check(force=True)


def shown(bench) -> str:
    return bench.locator(".result img").last.get_attribute("src")


def new_picture(page, bench, before: str) -> str:
    """Wait for another picture, be it one on the way."""
    deadline = time.monotonic() + 90
    while shown(bench) == before:
        assert time.monotonic() < deadline, f"no new picture: {bench.locator('.status-line').first.inner_text()}"
        page.wait_for_timeout(50)
    return shown(bench)


def new_result(page, bench, before: str) -> str:
    """Wait for the end of a run: another picture is shown, and the status line, which may show some on the way, says so."""
    new_picture(page, bench, before)
    bench.locator(".status.done").wait_for()
    return shown(bench)


def settled(page) -> None:
    """Until the page has asked the server for nothing for a second: Gradio's editor sends what lies in it many times over."""
    last = [time.monotonic()]
    page.on("request", lambda _: last.append(time.monotonic()))
    while time.monotonic() - last[-1] < 1:
        page.wait_for_timeout(100)


def test_torch_is_not_imported_with_the_page():
    code = "import sys; from imgen.page import build; build(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("task", TASKS)
def test_a_click_gives_a_picture(visit, task):
    page = visit()
    bench = tab(page, task)
    before = shown(bench)
    bench.locator("button.run").click()
    new_result(page, bench, before)
    assert " s · CPU" in bench.locator(".status").inner_text()
    assert "find_card(" in bench.locator(".code").text_content()


@pytest.mark.parametrize("task", TASKS)
def test_an_example_loads_and_runs_at_one_click(visit, task):
    page = visit("zh-CN")
    bench = tab(page, task)
    before = shown(bench)
    bench.locator(".thumb").nth(1).click()
    new_result(page, bench, before)
    assert "秒" in bench.locator(".status").inner_text()


def test_kept_pictures_become_a_film_and_a_sum(visit):
    page = visit(query="?tab=generate&card=flow_flowers64&steps=8&guidance=1")
    bench = tab(page, "generate")
    until(page, lambda: bench.locator(".knob-steps input[type=number]").input_value() == "8")
    before = shown(bench)
    bench.locator("button.run").click()
    new_result(page, bench, before)
    bench.get_by_role("button", name="Film").click()  # nothing is kept yet
    page.get_by_text("needs at least two pictures").first.wait_for()
    for count in (1, 2, 3):
        bench.locator(".result .thumbnail-item").nth(count).click()  # the first click opens the large view
        bench.locator(f".result .thumbnail-item.selected[aria-label^='Thumbnail {count + 1} of']").first.wait_for()
        page.wait_for_timeout(300)
        bench.get_by_role("button", name="Keep this one").click()
        page.wait_for_function(f"document.querySelectorAll('.kept img').length === {count}")
    bench.get_by_role("button", name="Film").click()
    until(page, lambda: "Working" in bench.locator(".status-line").first.inner_text())  # 480 looks at the net
    bench.locator("button.halt").first.click()
    until(page, lambda: "Stopped" in bench.locator(".status-line").first.inner_text())
    page.wait_for_timeout(500)  # in which the browser forgets the run
    bench.get_by_role("button", name="Film").click()
    film = bench.locator(".film img")
    film.wait_for()
    until(page, lambda: "The film plays below" in bench.locator(".status-line").first.inner_text())
    data = page.request.get(film.get_attribute("src")).body()
    with Image.open(io.BytesIO(data)) as frames:
        assert frames.n_frames == 60 and frames.size == (64, 64)
    bench.get_by_role("button", name="A − B + C").click()
    page.wait_for_function("document.querySelectorAll('.kept img').length === 4")
    bench.get_by_role("button", name="Clear").click()
    film.wait_for(state="detached")


def test_a_click_on_the_fan_turns_the_knob_of_its_row(visit):
    page = visit()
    part = page.locator(".bench-generate .steer")
    part.locator("button").first.click()
    fan = part.locator(".sheet img")
    fan.wait_for()
    page.wait_for_timeout(500)
    before, box = part.locator(".film img").get_attribute("src"), fan.bounding_box()
    fan.click(position={"x": box["width"] * 13 / 14, "y": box["height"] * 3 / 12})  # the last column of the second row
    page.wait_for_function("old => document.querySelector('.bench-generate .steer .film img').src !== old", arg=before)
    amounts = [float(number.input_value()) for number in part.locator("input[type=number]").all()]
    assert amounts == [0, 4, 0, 0, 0, 0]


def test_more_knobs_are_offered_only_where_there_are_any(visit):
    bench = tab(visit(), "upscale")
    bench.locator(".more > button").wait_for()
    pick(bench, "tiny_gan_x7")
    bench.locator(".more > button").wait_for(state="hidden")
    pick(bench, "nearest")
    bench.locator(".more > button").wait_for()


def test_a_page_at_rest_draws_nothing(visit):
    page = visit()
    page.context.add_init_script("""
        window.asked = 0;
        const next = requestAnimationFrame;
        window.requestAnimationFrame = step => { asked++; return next(step); };
    """)
    page.reload()
    tab(page, "generate")
    deadline = time.monotonic() + 30
    page.wait_for_function("() => asked > 0")
    asked_last = -1
    while (asked := page.evaluate("asked")) != asked_last:
        assert time.monotonic() < deadline, f"{asked} frames, and still asking"
        asked_last = asked
        page.wait_for_timeout(500)


def test_a_lesson_sets_the_knobs_and_runs(visit):
    page = visit()
    bench = tab(page, "upscale")
    pick(bench, "light_x4")
    before = shown(bench)
    bench.locator(".lesson > button").click()
    bench.locator('.lesson a[href*="card=light_unet_x4&scale=3.5"]').click()
    new_result(page, bench, before)
    assert bench.locator(".picker input[value=light_unet_x4]").is_checked()
    assert float(bench.locator(".knob-scale input[type=number]").input_value()) == 3.5


def test_a_lesson_begins_with_the_defaults_and_not_where_the_last_link_ended(visit):
    page = visit()
    bench = tab(page, "upscale")
    pick(bench, "light_x4")
    bench.locator(".lesson > button").click()
    for link, value in (("card=light_unet_x4&scale=3.5", 3.5), ("tile=", None)):
        before, found = shown(bench), bench.locator(f'.lesson a[href*="{link}"]')
        if value is None:
            page.evaluate("() => { const a = document.querySelector('.bench-upscale .lesson a.preset');"
                          " a.setAttribute('href', '#try?card=light_x4&tile=128'); }")
            found = bench.locator('.lesson a[href="#try?card=light_x4&tile=128"]')
        found.first.click()
        new_result(page, bench, before)
        assert float(bench.locator(".knob-scale input[type=number]").input_value()) == (value or 4)


def test_a_result_goes_to_another_tab_without_loss(visit):
    page = visit()
    bench = tab(page, "upscale")
    pick(bench, "nearest")
    page.wait_for_timeout(400)
    before = shown(bench)
    bench.locator("button.run").click()
    result = new_result(page, bench, before)
    bench.get_by_role("button", name="Paint it").click()
    other = page.locator(".bench-stylize")
    other.locator(".source img").wait_for()
    page.wait_for_function("src => document.querySelector('.bench-stylize .source img')?.src === src", arg=result)
    other.locator(".status.done").wait_for()


def test_crops_follow_the_pointer_and_any_pair_lies_under_the_slider(visit):
    page = visit()
    fold = tab(page, "upscale").locator(".crops-fold")
    fold.locator("button.label-wrap").click()
    fold.locator("button.compare").click()
    fold.locator(".status.done").wait_for()
    boxes = fold.locator(".crop[data-name]")
    names = [box.get_attribute("data-name") for box in boxes.all()]
    assert names[0] == "truth" and {"espcn_x4", "bicubic"} <= set(names)
    size = boxes.nth(1).bounding_box()
    boxes.nth(1).hover(position={"x": size["width"] / 4, "y": size["height"] / 2})
    places = {box.evaluate("e => getComputedStyle(e).backgroundPosition") for box in boxes.all()}
    assert len(places) == 1
    assert [float(share.rstrip("%")) for share in places.pop().split()] == pytest.approx([25, 50], abs=1)
    zoom = "e => parseFloat(getComputedStyle(e).backgroundSize)"
    before = boxes.first.evaluate(zoom)
    fold.locator("input[name=zoom]").fill("8")
    assert boxes.last.evaluate(zoom) == 2 * before

    picture = "e => getComputedStyle(e).getPropertyValue('--picture')"
    for role, place in (("a", 2), ("b", 1)):
        fold.locator(f".pick.{role}").nth(place).click()
        assert fold.locator(f".layer.{role}").evaluate(picture) == boxes.nth(place).evaluate(picture)
        assert fold.locator(f".pick.{role}[aria-pressed=true]").count() == 1
    fold.locator("input[name=cut]").fill("0.25")
    assert "25%" in fold.locator(".layer.b").evaluate("e => getComputedStyle(e).clipPath")
    fold.locator("input[name=errors]").check()
    shown = "e => getComputedStyle(e).backgroundImage"
    assert f"{names[1]}-error" in boxes.nth(1).evaluate(shown) and "error" not in boxes.first.evaluate(shown)
    status = boxes.nth(1).evaluate("async e => (await fetch(getComputedStyle(e).backgroundImage.slice(5, -2))).status")
    assert status == 200


def test_many_files_come_back_as_one_zip(visit, photo, tmp_path):
    page = visit()
    bench = tab(page, "upscale")
    pick(bench, "nearest")
    page.wait_for_timeout(400)
    fold = bench.locator(".many")
    fold.locator("button.label-wrap").click()
    (tmp_path / "notes.png").write_text("no picture")
    fold.locator("input[type=file]").set_input_files([photo, tmp_path / "notes.png"])
    fold.locator("tr.file").nth(1).wait_for()
    fold.locator("button.work").click()
    fold.locator(".status.failed").wait_for()
    assert "1 of 2" in fold.locator(".status").inner_text() and "notes.png" in fold.locator(".status").inner_text()
    with page.expect_download() as download:
        fold.get_by_role("link", name="Download the results").or_(fold.locator(".actions button, .actions a")).first.click()
    with Image.open(download.value.path()) as large, Image.open(photo) as small:
        assert large.width == 4 * small.width


def test_an_optimisation_is_seen_stopped_kept_and_gone_on_with(visit):
    page = visit()
    bench = tab(page, "stylize")
    pick(bench, "gatys")
    bench.get_by_text("Weight of the style").wait_for()

    def stopped_midway(button) -> Picture:
        """What is kept of a run that is stopped once there is a picture and a curve: either may come first."""
        before = shown(bench)
        button.click()
        new_picture(page, bench, before)
        bench.locator(".live-curves polyline").first.wait_for()
        bench.locator("button.halt").first.click()
        bench.locator(".status.stopped").first.wait_for()
        with page.expect_download() as download:
            bench.get_by_role("button", name="Download PNG").click()
        return decode(Path(download.value.path()))

    kept = stopped_midway(bench.locator(".manners .thumb[data-preset='painting=draw_voronoi']"))
    assert kept.record["card"] == "gatys" and len(kept.record["knobs"]["paintings"]) == 1
    further = stopped_midway(bench.get_by_role("button", name="Go on from this result"))
    assert further.record["knobs"]["begin"] == [kept.digest]


def test_a_hole_is_filled_and_all_else_stays(visit):
    page = visit()
    bench = tab(page, "restore")
    before = shown(bench)
    bench.locator(".examples .thumb").nth(3).click()  # words over a landscape: where they are is known
    new_result(page, bench, before)
    pick(bench, "diffusion_fill")
    bench.locator(".mask-tools button:enabled, .mask-tools a").nth(1).wait_for()
    settled(page)
    before = shown(bench)
    bench.locator("button.run").click()
    new_result(page, bench, before)
    with page.expect_download() as download:
        bench.get_by_role("button", name="Download PNG").click()
    result = decode(Path(download.value.path()))
    assert result.record["card"] == "diffusion_fill" and len(result.record["knobs"]["mask"]) == 1
    given = decode(ROOT / "imgen" / "assets" / "examples" / "restore_scribbled.png")
    from imgen.pipelines.fill import hole_of
    from imgen.pipelines.spoil import hole_known

    hole = hole_of(given, [hole_known(given)], "painted", result.record["knobs"]["grow"])
    assert (result.pixels[~hole] == given.pixels[~hole]).all()
    assert (result.pixels[hole] != given.pixels[hole]).any(1).mean() > 0.9


def test_the_brush_is_fine_and_large_and_obeys_keys_wheel_and_button(visit):
    page = visit()
    bench = tab(page, "restore")
    pick(bench, "diffusion_fill")
    bench.locator(".painting canvas").first.wait_for()
    page.wait_for_function("() => window.editor?.command_manager.history.command?.name === 'AddImage'")
    settled(page)
    editor = bench.locator(".painting .knob-mask")
    editor.scroll_into_view_if_needed()
    box = editor.bounding_box()
    assert box["width"] > 0.5 * 1440 and box["height"] > 320
    side = page.evaluate("Math.max(editor.width, editor.height)")
    size = "editor.tools.get('brush').get_current_size()"
    assert 0.01 <= 2 * page.evaluate(size) / side <= 0.02
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    covered = """async () => {
        const image = await createImageBitmap((await editor.get_blobs()).layers[0]);
        const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
        context.drawImage(image, 0, 0);
        return context.getImageData(0, 0, image.width, image.height).data.filter((value, n) => n % 4 === 3 && value > 127).length;
    }"""

    def stroke(down: int) -> int:
        page.mouse.move(x - 60, y + down)
        page.mouse.down()
        page.mouse.move(x + 60, y + down, steps=6)
        page.mouse.up()
        return page.evaluate(covered)

    page.mouse.move(x, y)
    first = page.evaluate(size)
    page.keyboard.press("]")
    page.keyboard.press("]")
    page.keyboard.press("[")
    assert page.evaluate(size) == first + 1
    page.keyboard.down("Shift")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Shift")
    page.wait_for_function(f"() => {size} > {first + 1}")
    scale = page.evaluate("editor.scale_value")
    page.keyboard.press("+")
    page.wait_for_function(f"() => editor.scale_value > 1.1 * {scale}")
    page.keyboard.press("0")
    page.wait_for_function(f"() => Math.abs(editor.scale_value - {scale}) < 0.03")
    one, two = stroke(0), stroke(40)
    assert two > one > 0
    page.keyboard.press("Control+z")
    assert page.evaluate(covered) == one
    page.keyboard.press("Control+Shift+z")
    assert page.evaluate(covered) == two
    for _ in range(4):
        page.keyboard.press("Control+z")
    assert page.evaluate(covered) == 0 and page.evaluate("editor.command_manager.history.command.name") == "AddImage"
    page.keyboard.press("Control+y")
    seen = "editor.layer_manager.get_layers().map(layer => layer.container.alpha).join()"
    page.keyboard.down("o")
    assert page.evaluate(seen) == "0"
    page.keyboard.up("o")
    assert page.evaluate(seen) == "1"
    bench.locator("button.hold").hover()
    page.mouse.down()
    assert page.evaluate(seen) == "0"
    page.mouse.up()
    assert page.evaluate(seen) == "1" and page.evaluate(covered) == one


def test_scratches_are_proposed_as_one_stroke_and_what_is_painted_last_is_filled(visit, tmp_path):
    from conftest import scratched

    from imgen.drawing import scenes

    photo, hole = scratched(scenes.landscape(192, 5).rgb(), 2)
    Image.fromarray(photo.pixels).save(tmp_path / "scratched.png")
    page = visit("zh-CN")
    bench = tab(page, "restore")
    pick(bench, "diffusion_fill")
    bench.locator(".source input[type=file]").first.set_input_files(tmp_path / "scratched.png")
    page.wait_for_function("() => window.editor?.width === 192")
    settled(page)
    bench.get_by_role("button", name="自动找划痕").click()
    page.wait_for_function("() => window.editor.command_manager.history.command?.name === 'Draw'")
    box = bench.locator(".painting .knob-mask").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = shown(bench)
    page.mouse.move(x - 30, y)
    page.mouse.down()
    page.mouse.move(x + 30, y, steps=3)
    page.mouse.up()
    bench.locator("button.run").click()  # at once
    new_result(page, bench, before)
    with page.expect_download() as download:
        bench.get_by_role("button", name="下载 PNG").click()
    result = decode(Path(download.value.path()))
    changed = (result.pixels != photo.pixels).any(2)
    assert changed[hole].mean() > 0.5  # what was proposed
    middle = changed[91:102, 86:106]
    assert middle.mean() > 0.3  # and the stroke of just before
    page.mouse.move(x, y)
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    page.wait_for_function("() => window.editor.command_manager.history.command?.name === 'AddImage'")


def test_a_picture_is_spoiled_and_repaired_side_by_side(visit):
    page = visit("zh-CN")
    bench = tab(page, "restore")
    before = shown(bench)
    bench.locator(".examples .thumb").nth(4).click()  # a photograph without noise
    new_result(page, bench, before)
    room = bench.locator(".spoil-fold")
    room.locator("button").first.click()
    room.locator("button.compare").click()
    room.locator(".status.done").wait_for(timeout=60_000)
    figures = room.locator(".crops figure")
    assert figures.count() == 2 + 5
    worse, light = (figures.nth(n).locator(".facts b").inner_text() for n in (1, 2))
    assert float(light.split()[0]) > float(worse.split()[0]) + 3


def test_stop_stops_at_once(visit):
    page = visit()
    bench = tab(page, "upscale")
    pick(bench, "slow")
    page.wait_for_timeout(400)
    before = shown(bench)
    closed.clear()
    bench.locator("button.run").click()
    page.wait_for_function("document.querySelector('.bench-upscale .status').innerText.includes('of 400')")
    start = time.monotonic()
    bench.locator("button.halt").click()
    bench.locator(".status.stopped").wait_for()
    assert closed.wait(5) and time.monotonic() - start < 8  # of twenty seconds
    assert shown(bench) == before


def test_what_was_seen_before_a_stop_can_be_downloaded(visit):
    page = visit()
    bench = tab(page, "upscale")
    pick(bench, "glimpsed")
    page.wait_for_timeout(400)
    bench.locator("button.run").click()
    page.wait_for_function("parseInt(document.querySelector('.bench-upscale .status').innerText.match(/\\d+(?= of 400)/)) > 35")
    picture = shown(bench)
    bench.locator("button.halt").click()
    bench.locator(".status.stopped").wait_for()
    with page.expect_download() as download:
        bench.get_by_role("button", name="Download PNG").click()
    assert download.value.url == picture and "glimpsed" in download.value.suggested_filename


def test_a_bad_file_is_told_in_one_sentence_and_loses_nothing(visit, tmp_path):
    page = visit("zh-CN")
    bench = tab(page, "upscale")
    before = shown(bench)
    bad = tmp_path / "bad.png"
    bad.write_text("not a picture")
    bench.locator(".source button").nth(1).click()  # takes the old picture away
    bench.locator(".source input[type=file]").set_input_files(bad)
    bench.locator(".status.failed").wait_for()
    assert "不是可以读取的图片" in bench.locator(".status").inner_text()
    assert "Traceback" not in page.inner_text("body")
    assert shown(bench) == before


def given(bench) -> str:
    """The picture that lies in the input."""
    return bench.locator(".source img").get_attribute("src")


def until(page, true, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came about"
        page.wait_for_timeout(50)


def choose(page, bench, file) -> None:
    """By the one tap that opens the chooser, and the one in it."""
    with page.expect_file_chooser() as chooser:
        bench.locator("[data-way=choose]").click()
    chooser.value.set_files(file)


# In the browser: a picture of one colour, as a file that something drops or pastes.
FILE = """async colour => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 40, height: 30}), pen = canvas.getContext('2d');
  pen.fillStyle = colour; pen.fillRect(0, 0, 40, 30);
  const data = new DataTransfer();
  data.items.add(new File([await new Promise(done => canvas.toBlob(done))], colour + '.png', {type: 'image/png'}));
  return data;
}"""


def drop(page, place: str, colour: str) -> bool:
    """Whether the page kept the browser from opening the file in its own place."""
    return page.evaluate(f"""async ([place, colour]) => {{
        const dataTransfer = await ({FILE})(colour);
        const event = new DragEvent('drop', {{dataTransfer, bubbles: true, cancelable: true}});
        document.querySelector(place).dispatchEvent(event);
        return event.defaultPrevented;
    }}""", [place, colour])


def paste(page, colour: str) -> None:
    page.evaluate(f"""async colour => document.activeElement.dispatchEvent(new ClipboardEvent('paste', {{
        clipboardData: await ({FILE})(colour), bubbles: true, cancelable: true}}))""", colour)


def test_from_ones_own_photograph_to_the_saved_result_it_takes_four_taps(visit, photo):
    page = visit(width=390, height=844)
    taps = []
    page.expose_function("tapped", lambda: taps.append(1))
    page.evaluate("addEventListener('click', event => event.isTrusted && tapped(), true)")
    bench = tab(page, "upscale")
    opened, before = given(bench), shown(bench)
    with page.expect_file_chooser() as chooser:
        bench.locator("[data-way=choose]").click()
    assert given(bench) == opened  # until there is another
    taps.append("in the chooser")
    chooser.value.set_files(photo)
    result = new_result(page, bench, before)
    place, run = box(bench, ".result"), box(bench, "button.run")
    assert 0 <= place["y"] <= run["y"] + run["height"] + 200 and place["y"] + place["height"] <= 844
    with page.expect_download() as download:
        bench.get_by_role("button", name="Download PNG").click()
    until(page, lambda: len(taps) >= 4)
    assert len(taps) == 4 and download.value.url == result
    with Image.open(download.value.path()) as image:
        assert image.size == (128, 96)


def test_a_picture_may_be_dropped_or_pasted_anywhere_in_the_tab(visit):
    page = visit()
    bench = tab(page, "stylize")
    for colour, way in (("red", lambda: drop(page, ".bench-stylize .about", "red")), ("blue", lambda: paste(page, "blue"))):
        before, old = shown(bench), given(bench)
        way()
        until(page, lambda old=old: given(bench) != old)
        new_result(page, bench, before)
        if colour == "red":
            assert "red.png" in given(bench)
    old = given(bench)
    pick(bench, "arbitrary_style")
    bench.locator(".knob-paintings").wait_for()
    drop(page, ".bench-stylize .knob-paintings", "green")  # a painting
    assert drop(page, "header.top", "white")  # the browser does not leave the page for it
    page.wait_for_timeout(700)
    assert given(bench) == old
    own = tab(page, "generate").locator(".own")
    assert drop(page, ".bench-generate .picker", "grey")  # even where there is nothing to take it
    own.locator(".label-wrap").first.click()
    own.locator("[data-way=choose]").wait_for()
    assert drop(page, ".bench-generate .picker", "yellow")
    own.locator(".source img").wait_for()
    assert "yellow.png" in given(own)


def test_the_camera_takes_a_picture_or_says_why_not(visit):
    page = visit("zh-CN")
    bench = tab(page, "upscale")
    old, before = given(bench), shown(bench)
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no'); }; }")
    bench.locator("[data-way=camera]").click()
    bench.locator(".status.failed").wait_for()
    assert "无法使用摄像头" in bench.locator(".status").inner_text() and given(bench) == old
    page.evaluate("""() => { navigator.mediaDevices.getUserMedia = async () => {
        const canvas = Object.assign(document.createElement('canvas'), {width: 64, height: 48}), pen = canvas.getContext('2d');
        setInterval(() => { pen.fillStyle = `rgb(${Date.now() % 255}, 0, 0)`; pen.fillRect(0, 0, 64, 48); }, 50);
        return canvas.captureStream(); }; }""")
    bench.locator("[data-way=camera]").click()
    page.wait_for_function("document.querySelector('.bench-upscale dialog[open] video')?.videoWidth > 0")
    bench.locator("[data-way=take]").click()
    new_result(page, bench, before)
    assert "camera.png" in given(bench) and not bench.locator("dialog").is_visible()
    assert page.evaluate("document.querySelector('.bench-upscale dialog video').srcObject") is None  # its light goes out


def test_what_is_no_picture_leaves_what_lies_there(visit, tmp_path):
    page = visit("zh-CN")
    bench = tab(page, "upscale")
    before, opened = shown(bench), given(bench)
    (tmp_path / "bad.png").write_text("not a picture")
    choose(page, bench, tmp_path / "bad.png")
    bench.locator(".status.failed").wait_for()
    assert "不是可以读取的图片" in bench.locator(".status").inner_text()
    assert given(bench) == opened and shown(bench) == before
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(64 * 2**20 + 1)
    choose(page, bench, large)
    page.wait_for_function("document.querySelector('.bench-upscale .status.failed')?.innerText.includes('64 MB')")
    assert given(bench) == opened


@pytest.mark.parametrize(("task", "name"), [("upscale", "Enlarge"), ("stylize", "Restyle"), ("restore", "Repair")])
def test_a_result_goes_further_in_its_own_tab_and_the_pictures_before_come_back(visit, tmp_path, task, name):
    page, photo = visit(width=390, height=844), tmp_path / "photo.png"
    Image.new("RGB", (100, 80), "teal").save(photo)  # large enough to be shown as it is
    bench = tab(page, task)
    opened, before = given(bench), shown(bench)
    assert bench.locator("[data-way=undo]").is_disabled()
    choose(page, bench, photo)
    first = new_result(page, bench, before)
    mine = given(bench)
    bench.get_by_role("button", name=f"{name} further").click()
    new_result(page, bench, first)
    assert given(bench) == first
    place = box(bench, ".result")
    assert place["y"] >= 0 and place["y"] + place["height"] <= 844
    for picture in (mine, opened):
        bench.locator("[data-way=undo]").click()
        until(page, lambda picture=picture: given(bench) == picture)
    assert bench.locator("[data-way=undo]").is_disabled()
    bench.locator(".source button[aria-label='Remove Image']").click()
    bench.locator(".source img").wait_for(state="detached")
    bench.locator("[data-way=undo]").click()
    until(page, lambda: bench.locator(".source img").count() and given(bench) == opened)


def test_a_result_that_was_sent_is_in_sight(visit):
    page = visit(width=390, height=844)
    bench = tab(page, "upscale")
    button = bench.get_by_role("button", name="Repair it")
    button.scroll_into_view_if_needed()
    button.click()
    other = page.locator(".bench-restore")
    other.locator(".status.done").wait_for()
    page.wait_for_function("document.querySelector('.bench-restore .source img')?.src.includes('upscale')")
    until(page, lambda: "earlier" not in other.locator(".status").first.inner_text())
    other.locator(".status.done").wait_for()
    place = box(other, ".result")
    assert place["y"] >= 0 and place["y"] + place["height"] <= 844


def test_what_was_made_stays_through_another_language_and_a_reload_and_is_nobody_elses(visit, photo, address):
    page = visit()
    bench = tab(page, "upscale")
    opened, before = given(bench), shown(bench)
    choose(page, bench, photo)
    before = new_result(page, bench, before)
    pick(bench, "espcn_x4")
    page.wait_for_timeout(700)
    bench.locator(".knob-scale input[type=number]").fill("3")
    bench.locator("button.run").click()
    result, mine = new_result(page, bench, before), given(bench)
    page.get_by_role("link", name="中文").click()
    page.get_by_role("tab", name="超分辨率", selected=True).wait_for()
    for _ in range(2):
        until(page, lambda: bench.locator(".source img").count() and given(bench) == mine and shown(bench) == result)
        until(page, lambda: bench.locator(".picker input[value=espcn_x4]").is_checked())
        until(page, lambda: float(bench.locator(".knob-scale input[type=number]").input_value()) == 3)
        words = bench.locator(".status").first.inner_text()
        assert "32×24 → 96×72" in words and "秒" in words
        with page.expect_download() as download:
            bench.get_by_role("button", name="下载 PNG").click()
        assert download.value.url == result
        page.reload()
    other = visit()
    assert given(tab(other, "upscale")) == opened
    # What the address asks for comes first, and what has gone from the server is not shown.
    page.goto(f"{address}?tab=upscale&card=nearest")
    until(page, lambda: bench.locator(".source img").count() and given(bench) == mine)
    assert not bench.locator(".picker input[value=espcn_x4]").is_checked()
    assert shown(bench) != result  # it was another model's
    page.evaluate("""() => { const kept = JSON.parse(sessionStorage['imgen upscale']);
        kept.pictures[0].url += 'x'; sessionStorage['imgen upscale'] = JSON.stringify(kept); }""")
    page.goto(f"{address}?tab=upscale")
    until(page, lambda: bench.locator(".picker input[value=espcn_x4]").count())
    page.wait_for_timeout(700)
    assert given(bench) == opened


def test_what_takes_minutes_is_said_and_begins_at_the_second_press(visit, monkeypatch, photo):
    from imgen.ui import cost

    page = visit()
    bench = tab(page, "upscale")
    before = shown(bench)
    bench.locator(".picker input[value=light_x2]").evaluate("input => input.click()")  # which stands behind its family
    page.wait_for_timeout(400)
    bench.locator(".knob-scale input[type=number]").fill("4")
    monkeypatch.setattr(cost, "SAYS", 1e-9)
    monkeypatch.setattr(cost, "ASKS", 1e-9)
    bench.locator("button.run").click()
    bench.locator(".status.ask").wait_for()
    words = bench.locator(".status").first.inner_text()
    assert "0.4 megapixels" in words and "×2 would take" in words and "Run once more" in words
    page.wait_for_timeout(500)
    assert shown(bench) == before
    bench.locator("button.run").click()
    before = new_result(page, bench, before)
    choose(page, bench, photo)  # it is told at once, and one press is enough
    page.wait_for_function("document.querySelector('.bench-upscale .status.ask')?.innerText.includes('Press Run to begin')")
    assert shown(bench) == before
    bench.locator("button.run").click()
    new_result(page, bench, before)


def test_what_only_developers_understand_is_not_shown(visit, caplog):
    page = visit()
    bench = tab(page, "upscale")
    pick(bench, "broken")
    page.wait_for_timeout(400)
    bench.locator("button.run").click()
    bench.locator(".status.failed").wait_for()
    assert "went wrong on our side" in bench.locator(".status").inner_text()
    assert "secret" not in page.inner_text("body")
    assert "a secret of the server" in caplog.text


def test_a_switch_of_language_keeps_the_tab_and_the_theme(visit, address):
    page = visit()
    page.goto(f"{address}?__theme=dark")
    tab(page, "stylize")
    page.get_by_role("link", name="中文").click()
    page.get_by_role("tab", name="风格迁移", selected=True).wait_for()
    assert page.locator("body.dark, .dark").count() and "language=zh" in page.url


def test_another_generator_draws_at_once(visit):
    page = visit()
    bench = tab(page, "generate")
    before = shown(bench)
    pick(bench, "draw_voronoi")
    new_result(page, bench, before)
    assert "pictures of 256×256" in bench.locator(".status").inner_text()


def test_words_are_drawn_and_unknown_ones_answered(visit):
    page = visit()
    bench = tab(page, "generate")
    before = shown(bench)
    pick(bench, "word_gan_emoji64")
    before = new_result(page, bench, before)
    box = bench.locator(".knob-words input, .knob-words textarea").first
    box.fill("xyzzy")
    bench.locator("button.run").click()
    page.get_by_text("holds no word that this model has learned").first.wait_for()
    assert shown(bench) == before
    box.fill("心")
    box.press("Enter")
    before = new_result(page, bench, before)
    assert "--words heart" in bench.locator(".code").text_content() and "“heart”" in bench.locator(".status").first.inner_text()
    assert all(bench.locator(".examples img").evaluate_all("all => all.map(image => image.naturalWidth)"))
    bench.locator(".examples .thumb", has_text="cat face").click()
    new_result(page, bench, before)
    assert box.input_value() == "cat face" and bench.locator(".picker input[value=flow_emoji64]").is_checked()


def test_run_pressed_while_it_runs_begins_anew_with_what_is_asked_now(visit):
    page = visit(query="?tab=generate&card=flow_emoji64&words=tree&steps=100&guidance=1&count=6")
    bench = tab(page, "generate")
    box = bench.locator(".knob-words input, .knob-words textarea").first
    until(page, lambda: box.input_value() == "tree")
    for number, words in enumerate(("cat", "heart", "house")):
        box.fill(words)
        if number == 1:
            box.press("Enter")
        else:
            bench.locator("button.run").click()
        until(page, lambda: bench.locator("button.halt").first.is_enabled())
        page.wait_for_timeout(500)
        assert not bench.locator(".status.done").count()  # the first two are still under way when the next comes
    bench.locator(".status.done").first.wait_for()
    assert "“house”" in bench.locator(".status").first.inner_text()


def test_enter_presses_run_in_the_tabs_own_fields_only_and_forgets_no_painting(visit):
    page = visit(query="?tab=restore&card=light_restore&example=0")
    bench = tab(page, "restore")
    bench.evaluate("""bench => { bench.dataset.exemplary = ''; window.pressed = []; bench.addEventListener('click', event => {
        if (event.target.closest('button.run')) window.pressed.push('known' in bench.dataset); }); }""")
    bench.locator(".choice .knob input[type=number]:visible").first.press("Enter")
    until(page, lambda: page.evaluate("window.pressed.length"))
    assert page.evaluate("window.pressed[0]") is False  # what was painted over an example is sent
    bench = tab(page, "generate")
    bench.locator(".steer button").first.click()
    bench.locator(".steer .knob input[type=number]").first.press("Enter")
    page.wait_for_timeout(500)
    assert "earlier" in bench.locator(".status").first.inner_text()  # nothing ran


def test_what_searches_nothing_says_so_before_a_picture_is_given(visit):
    page = visit(query="?tab=generate&card=flow_flowers64")
    bench = tab(page, "generate")
    part = bench.locator(".own")
    part.locator("button").first.click()
    part.get_by_text("no latent space").first.wait_for()
    assert part.locator("button.find").is_disabled()
    pick(bench, "resgan_flowers64")
    part.get_by_text("no latent space").first.wait_for(state="hidden")
    until(page, lambda: part.locator("button.find").is_enabled())


def test_the_language_can_be_switched(visit):
    page = visit("zh-CN")
    assert "图像生成" in page.inner_text("body") and "Generation" not in page.inner_text("body")
    page.get_by_role("link", name="English").click()
    page.get_by_role("tab", name="Generation").wait_for()
    assert "图像生成" not in page.inner_text("body")
    page.goto(page.url.partition("?")[0])  # the cookie remembers
    page.get_by_role("tab", name="Generation").wait_for()


@pytest.mark.parametrize(("locale", "width"), [("en-US", 390), ("zh-CN", 390), ("zh-CN", 1440)])
def test_nothing_is_wider_than_the_window(visit, locale, width):
    page = visit(locale, width)
    seen = [one for one in page.get_by_role("tab").all() if one.is_visible()]
    assert len(seen) == len(TASKS) + 3  # and the trainings, the inside, and the lessons
    for task in TASKS:
        tab(page, task)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def box(bench, part: str) -> dict:
    """Where it lies in the window, as long as nobody has scrolled; its pictures are there."""
    found = bench.locator(part).first
    found.evaluate("""async element => {
        await Promise.all([...element.querySelectorAll('img')].map(image => image.decode().catch(() => 0)));
        await new Promise(requestAnimationFrame);
    }""")
    return found.bounding_box()


@pytest.mark.parametrize(("locale", "width", "height"), [
    ("en-US", 1440, 900), ("zh-CN", 1366, 768), ("en-US", 1366, 768), ("en-US", 390, 844), ("zh-CN", 390, 844),
])
def test_input_run_and_result_are_there_at_the_first_glance(visit, locale, width, height):
    page = visit(locale, width, height)
    assert page.evaluate("scrollY") == 0
    for task in TASKS:
        bench = tab(page, task)
        page.evaluate("scrollTo(0, 0)")  # a click of Playwright's may scroll, if the tab does not take it at once
        for part in (".source", "button.run", "button.halt", ".status-line", ".result"):
            if part != ".source" or task != "generate":
                seen = ".answer .whys" if part == ".result" and task == "classify" else part  # the bars may follow below
                place = box(bench, seen)
                assert place["y"] >= 0 and place["y"] + place["height"] <= height, (task, part, place)
        run, result = box(bench, "button.run"), box(bench, ".result")
        if width < 500:  # and nothing but the status between the two
            assert run["y"] + run["height"] <= result["y"] <= run["y"] + run["height"] + 100, task
            assert result["y"] < box(bench, ".picker")["y"]
        else:
            assert run["x"] + run["width"] < result["x"], task


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (390, 844)])
def test_run_is_at_hand_beside_the_knobs_and_what_it_makes_comes_into_sight(visit, width, height):
    page = visit(width=width, height=height)
    bench = tab(page, "upscale")
    bench.locator(".more > button").evaluate("button => button.scrollIntoView({block: 'center'})")
    assert box(bench, ".result")["y"] < 0 <= box(bench, "button.run")["y"] < 60
    before = shown(bench)
    bench.locator("button.run").click()
    new_result(page, bench, before)
    result, run = box(bench, ".result"), box(bench, "button.run")
    assert result["y"] >= (run["y"] + run["height"] if width < 500 else 0), (run, result)
    assert result["y"] + result["height"] <= height


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_three_models_with_what_they_are_for_are_seen_and_the_others_after_one_click(visit, locale):
    page = visit(locale)
    for task in TASKS:
        bench = tab(page, task)
        labels = [one for one in bench.locator(".picker .wrap > label").all() if one.is_visible()]
        assert [len(one.inner_text().split("\n")) for one in labels] == [2] * (2 if task == "classify" else 3), task
        if task == "classify":  # there are no others
            continue
        headings = bench.locator(".picker h4")
        assert not headings.first.is_visible()
        bench.locator(".picker summary").click()
        labels = bench.locator(".picker .wrap > label").all()
        hidden = [one.locator("input").get_attribute("value") for one in labels if not one.is_visible()]
        of_other_sizes = ["light_real_x2", "light_x3", "light_x2", "espcn_x3", "espcn_x2", "srcnn_x3", "srcnn_x2"]
        assert hidden == (of_other_sizes if task == "upscale" else [])
        assert all(one.is_visible() for one in headings.all())
        for words in headings.all_inner_texts():  # of one language
            assert words.isascii() == (locale == "en-US") or "GAN" in words or "Hub" in words
    bench = tab(page, "upscale")
    bench.locator(".picker input[type=search]").fill("espcn")
    seen = [one.get_attribute("value") for one in bench.locator(".picker .wrap > label:visible input").all()]
    assert seen[3:] == ["espcn_x4", "espcn_gan_x4"]
    bench.locator(".picker input[type=search]").press("Enter")
    bench.locator(".picker label.selected input[value=espcn_x4]").wait_for(state="attached")


def test_the_sizes_of_a_family_are_one_choice(visit):
    page = visit()
    bench = tab(page, "upscale")
    assert bench.locator(".about .sizes").count() == 0  # of one size
    pick(bench, "light_x4")
    bench.locator(".about .sizes button").first.wait_for()
    assert bench.locator(".about .sizes button").all_inner_texts() == ["×4", "×3", "×2"]
    before = shown(bench)
    bench.locator(".about .sizes button", has_text="×2").click()
    new_result(page, bench, before)
    assert all(words in bench.locator(".status-line p").inner_text() for words in ("×2", "180×150 → 360×300"))
    assert bench.locator(".picker label.selected input").get_attribute("value") == "light_x2"
    family = bench.locator('.picker label:has(input[value="light_x4"])')  # which stands for all its sizes
    assert family.evaluate("label => getComputedStyle(label.querySelector('span')).color") == "rgb(255, 255, 255)"
    assert not bench.locator('.picker label:has(input[value="light_x2"])').is_visible()
    assert bench.locator(".about .sizes button[aria-pressed=true]").all_inner_texts() == ["×2"]


def test_figures_are_folded_and_say_what_they_mean(visit):
    bench = tab(visit(), "upscale")
    assert "PSNR" not in bench.locator(".block.about").inner_text()
    bench.locator(".block.about .measured summary").click()
    assert bench.locator(".block.about .measured").inner_text().count("LPIPS: how different it looks") == 1
    pick(bench, "slow")
    bench.locator(".block.about .measured").wait_for(state="detached")  # nothing was measured


def test_a_link_to_a_folded_model_opens_the_fold_and_the_keyboard_does(visit):
    page = visit()
    bench = tab(page, "upscale")
    before = shown(bench)
    bench.locator(".lesson > button").click()
    bench.locator(".lesson a.preset").first.wait_for()
    bench.locator(".lesson a.preset").first.evaluate("link => link.href = '#try?card=nearest&scale=3'")
    bench.locator(".lesson a.preset").first.click()
    new_result(page, bench, before)
    assert bench.locator(".picker label.selected").inner_text() == "Nearest"
    assert bench.locator(".picker .all").evaluate("fold => fold.open")
    other = tab(page, "restore")
    other.locator(".picker summary").focus()
    page.keyboard.press("Enter")
    assert other.locator(".picker h4").first.is_visible()


@pytest.fixture(scope="module")
def client(address):
    from gradio_client import Client

    return Client(address, verbose=False, download_files=False)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(path)
    return path


def test_each_task_and_each_room_has_one_endpoint(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert [*endpoints] == [
        "/generate", "/upscale", "/stylize", "/restore", "/classify",
        "/compare", "/compare_generators", "/spoil_and_repair", "/film", "/combine", "/steer", "/find", "/map", "/inside",
        "/train",
    ]
    assert [p["parameter_name"] for p in endpoints["/upscale"]["parameters"]][:2] == ["card", "picture"]
    for endpoint in endpoints.values():
        assert [p["label"] for p in endpoint["parameters"]] == [p["parameter_name"] for p in endpoint["parameters"]]
        labels = [r["label"] for r in endpoint["returns"]]
        assert labels == (["result", "net", "made"] if endpoint is endpoints["/train"] else ["result", "made"])


def test_the_endpoints_answer(client, photo):
    from gradio_client import handle_file

    files, made = client.predict(count=3, seed=5, api_name="/generate")
    assert len(files) == 3 and made["knobs"]["seed"] == 5
    file, made = client.predict(card="nearest", picture=handle_file(photo), scale=3, api_name="/upscale")
    with Image.open(file["path"]) as result:
        enlarged = np.asarray(result)
    with Image.open(photo) as given:
        assert (enlarged == np.asarray(given).repeat(3, 0).repeat(3, 1)).all()  # lossless from end to end
    file, made = client.predict(picture=handle_file(photo), api_name="/stylize")
    assert made["card"] == "transfer_paintings"


def test_a_mask_may_come_by_http(client, photo, tmp_path):
    from gradio_client import handle_file

    white = np.zeros((24, 32), np.uint8)
    white[8:12, 10:20] = 255
    Image.fromarray(white).save(tmp_path / "mask.png")
    mask = {"background": None, "layers": [handle_file(tmp_path / "mask.png")], "composite": None}
    file, made = client.predict(
        card="diffusion_fill", picture=handle_file(photo), mask=mask, grow=0, feather=0, api_name="/restore"
    )
    with Image.open(file["path"]) as result, Image.open(photo) as given:
        changed = (np.asarray(result) != np.asarray(given)).any(2)
    assert changed[white > 0].mean() > 0.9 and not changed[white == 0].any()
    assert len(made["knobs"]["mask"]) == 1


def test_a_file_of_the_server_is_refused(client):
    for path in (str(Path(__file__)), "/etc/passwd"):
        with pytest.raises(Exception) as refused:
            client.predict(picture={"path": path, "meta": {"_type": "gradio.FileData"}}, card="nearest", api_name="/upscale")
        assert path not in str(refused.value)


def test_files_are_served_to_those_who_know_their_names(client, photo, address):
    import httpx
    from gradio_client import handle_file

    file, _ = client.predict(card="nearest", picture=handle_file(photo), scale=2, api_name="/upscale")
    path = Path(file["path"])
    assert len(path.parent.name) == 32  # 122 random bits
    elsewhere = path.parent.parent / ("0" * 32) / path.name
    for guess in (path.parent, path.parent.parent, path.with_name("other.png"), elsewhere, __file__):
        assert httpx.get(f"{address}gradio_api/file={guess}").status_code in (403, 404)


def test_the_page_comes_packed_to_those_who_can_unpack_it(address):
    import gzip

    import httpx

    def raw(accepted: str):
        with httpx.stream("GET", address, headers={"accept-encoding": accepted}) as answer:
            return answer.headers, b"".join(answer.iter_raw())

    (headers, packed), (plain_headers, plain) = raw("gzip, br"), raw("identity")
    assert headers["content-encoding"] == "gzip" and int(headers["content-length"]) == len(packed) < len(plain) / 4
    assert "content-encoding" not in plain_headers and "accept-encoding" in headers["vary"]
    assert gzip.decompress(packed) == plain and plain.rstrip().endswith(b"</html>")


@pytest.mark.parametrize(("arguments", "words"), [
    ({"card": "nearest", "scale": 9}, "放大倍数 的范围是 1 到 8"),
    ({"card": "nosuch"}, "nosuch"),
    ({"card": "dcgan_flowers64"}, "dcgan_flowers64"),  # of another task
])
def test_a_wrong_value_is_answered_in_the_visitors_language(address, photo, arguments, words):
    from gradio_client import Client, handle_file

    client = Client(address, verbose=False, headers={"accept-language": "zh-CN,zh;q=0.9"})
    with pytest.raises(Exception, match=words):
        client.predict(picture=handle_file(photo), **arguments, api_name="/upscale")


def test_old_files_are_swept(tmp_path, monkeypatch):
    from imgen.ui import stock

    monkeypatch.setattr(stock, "folder", lambda: tmp_path)
    old, new = tmp_path / "a" / "old.png", tmp_path / "b" / "new.png"
    for path in (old, new):
        path.parent.mkdir()
        path.write_bytes(b"x")
    for path in (old, old.parent):
        os.utime(path, (1, 1))
    stock.sweep(hours=1)
    assert not old.exists() and new.exists()
    os.utime(old.parent, (1, 1))
    stock.sweep(hours=1)  # an empty folder goes when it is old itself
    assert not old.parent.exists()
    big = [tmp_path / "c" / f"{n}.png" for n in range(3)]
    big[0].parent.mkdir()
    for age, path in enumerate(big):
        path.write_bytes(bytes(100))
        os.utime(path, (time.time() - 60 + age,) * 2)
    stock.sweep(most=201)  # all together: the oldest goes first
    assert [path.exists() for path in big] == [False, True, True] and new.exists()


@pytest.mark.parametrize(("locale", "width", "words"), [
    ("en-US", 1366, ("Lessons", "Print worksheet", "Print answers", "Predict")),
    ("zh-CN", 390, ("课程", "打印练习单", "打印答案", "预测")),
])
def test_all_lessons_are_listed_and_their_worksheets_fit_on_paper(visit, locale, width, words):
    page = visit(locale, width)
    name, sheet, answers, predict = words
    assert page.locator(".course-list article").count() == 0  # it comes when somebody asks for it
    page.get_by_role("tab", name=name).click()
    page.locator(".course-list article[data-lesson=attention]").wait_for()
    written = {path.stem for path in (Path(imgen.__file__).parent / "texts" / "lessons" / "en").glob("*.md")}
    assert {one.get_attribute("data-lesson") for one in page.locator("article[data-lesson]").all()} == written
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for label, told in ((sheet, False), (answers, True)):
        with page.context.expect_page() as opened:
            page.locator(".course-list [data-lesson=attention]").get_by_role("link", name=label).click()
        paper = opened.value
        paper.get_by_role("heading", level=1).wait_for()
        links = [one.inner_text() for one in paper.locator("a.try").all()]
        assert (predict in paper.inner_text("body")) == (not told) and len(links) == (0 if told else 3)
        assert all(link.startswith(page.url.split("/")[2] + "/?tab=restore&card=") for link in links), links
        assert links == [one.evaluate("link => link.href").partition("//")[2] for one in paper.locator("a.try").all()]
        assert paper.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == 1
        paper.emulate_media(media="print")
        assert not paper.get_by_role("button").is_visible()
        paper.close()

"""The page by keyboard and by screen reader.  axe-core, which judges it, comes with the package axe-playwright-python."""

from importlib.resources import files

import pytest
from test_page import TASKS, address, browser, new_result, shown, tab, visit  # noqa: F401  fixtures

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*no_silent_downcasting"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]
OPEN_ALL = """async bench => {
    for (const fold of bench.querySelectorAll('details')) fold.open = true;
    for (const button of bench.querySelectorAll('.label-wrap:not(.open)')) button.click();
}"""
JUDGE = """async rule => {
    const found = await axe.run(document, {resultTypes: ['violations'], ...(rule && {runOnly: [rule]})});
    return found.violations.filter(one => ['serious', 'critical'].includes(one.impact)).map(
        one => one.id + ': ' + one.nodes.map(node => node.html.slice(0, 120) + ' ' + node.failureSummary).join('\\n'));
}"""
CONTRAST = """element => {  // of a text with what lies behind it
    const light = colour => {
        const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        const [r, g, b] = colour.match(/[\\d.]+/g).map(v => linear(v / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    let behind = element;
    while (['rgba(0, 0, 0, 0)', 'transparent'].includes(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
    const both = [light(getComputedStyle(element).color), light(getComputedStyle(behind).backgroundColor)];
    return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
}"""


@pytest.fixture(scope="module")
def axe():
    pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def judge(page, axe: str, rule: str = "") -> list[str]:
    """What axe finds to be serious; rule: look for that alone."""
    page.wait_for_timeout(300)  # what is mended is mended within a moment
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(axe)
    return page.evaluate(JUDGE, rule)


def unfolded(page, task: str):
    """The tab with all its folds open, and what they show there."""
    bench = tab(page, task)
    bench.evaluate(OPEN_ALL)
    bench.locator(".lesson-text p").first.wait_for()
    bench.locator(".growth .curves, .growth p").first.wait_for()
    page.wait_for_timeout(800)
    return bench


@pytest.mark.parametrize(("locale", "tasks"), [("en-US", TASKS[::2]), ("zh-CN", TASKS[1::2])])
def test_axe_finds_nothing_serious_in_any_tab_with_its_folds_open(visit, axe, locale, tasks):  # noqa: F811
    page = visit(locale, 1366, 768)
    for task in tasks:
        unfolded(page, task)
        for theme in ("dark", "light"):
            page.evaluate("dark => document.body.classList.toggle('dark', dark)", theme == "dark")
            assert judge(page, axe, "" if theme == "light" else "color-contrast") == [], (task, theme)
            for one in page.get_by_role("tab").all():  # whose colours axe leaves to others
                assert one.evaluate(CONTRAST) >= 4.5, (task, theme, one.inner_text())


def test_axe_finds_nothing_serious_in_the_rooms(visit, axe):  # noqa: F811
    page = visit("zh-CN", 1366, 768)

    def judged() -> None:
        for dark in (False, True):
            page.evaluate("dark => document.body.classList.toggle('dark', dark)", dark)
            assert judge(page, axe, "color-contrast" if dark else "") == [], dark

    page.locator('.tabs > .tab-wrapper [data-tab-id="inside"]').click()
    room = page.locator('[data-room="inside"]')
    room.locator(".value[data-value]").wait_for()
    room.evaluate(OPEN_ALL)
    judged()
    for view in ("sizes", "kernel"):
        room.locator(f".views [data-view={view}]").click()
        judged()
    page.locator('.tabs > .tab-wrapper [data-tab-id="lessons"]').click()
    page.locator(".courses a").first.wait_for()
    judged()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_what_comes_and_goes(visit, axe, theme):  # noqa: F811
    page = visit("zh-CN", 1366, 768, f"?__theme={theme}")
    bench = tab(page, "generate")
    bench.locator(".result .thumbnail-item").first.click()  # the large view
    assert judge(page, axe) == []
    bench = tab(page, "upscale")
    bench.locator(".source .icon-button").last.click()  # an empty input
    bench.locator(".source [data-testid=upload-text]").wait_for()
    bench.locator("button.run").click()  # and so a message
    page.locator(".toast-header").first.wait_for()
    assert judge(page, axe) == []
    page.locator("footer button.show-api").click()
    for one in page.locator(".api-docs .snippets .snippet").all():
        one.click()
        assert judge(page, axe) == [], one.inner_text()


def active(page) -> str:
    return page.evaluate("(document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText).trim()")


@pytest.mark.parametrize("task", TASKS)
def test_run_is_ten_tab_stops_away_at_most_and_two_by_the_shortcut(visit, task):  # noqa: F811
    page = visit("en-US", 1366, 768, f"?tab={task}")
    page.locator(f".bench-{task} button.run").wait_for()
    page.wait_for_timeout(500)
    stops = []
    while len(stops) < 10 and "Run" not in stops:
        page.keyboard.press("Tab")
        stops.append(active(page))
    assert "Run" in stops, stops
    assert sum(stop in page.locator("[role=tablist]").first.inner_text() for stop in stops if stop) == 1, stops
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert active(page) == "Run" and page.locator(f".bench-{task} button.run").evaluate("run => run === document.activeElement")


def test_arrow_keys_go_through_a_group_which_is_one_tab_stop(visit):  # noqa: F811
    page = visit()
    bench = tab(page, "upscale")
    page.keyboard.press("ArrowRight")  # from the tab that was clicked
    page.get_by_role("tab", name="Style transfer", selected=True).wait_for()
    page.keyboard.press("ArrowLeft")
    page.get_by_role("tab", name="Super-resolution", selected=True).wait_for()
    radios = bench.locator(".picker").get_by_role("radio")
    assert len({one.get_attribute("name") for one in radios.all()}) == 1
    radios.first.focus()
    page.keyboard.press("ArrowDown")
    bench.locator(".picker label.selected input[value=light_x4]").wait_for(state="attached")
    bench.locator(".about .sentence", has_text="For clean pictures").wait_for()
    assert bench.locator(".picker input[type=radio]:checked").count() == 1
    page.keyboard.press("Tab")
    assert active(page).startswith("All models")
    thumbs = bench.locator(".examples .thumb")
    assert [one.get_attribute("tabindex") for one in thumbs.all()].count("0") == 1
    thumbs.first.focus()
    page.keyboard.press("End")
    assert thumbs.last.evaluate("thumb => thumb === document.activeElement && thumb.tabIndex === 0")


def test_the_slider_of_before_and_after_follows_the_arrow_keys(visit):  # noqa: F811
    page = visit()
    bench = tab(page, "upscale")
    handle = bench.get_by_role("slider", name="Before and after")
    handle.focus()
    before = bench.locator(".result img.fixed").evaluate("image => parseFloat(image.style.clipPath.match(/([\\d.]+)%\\)/)[1])")
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
    page.wait_for_timeout(300)
    after = bench.locator(".result img.fixed").evaluate("image => parseFloat(image.style.clipPath.match(/([\\d.]+)%\\)/)[1])")
    assert after - before > 30
    assert int(handle.get_attribute("aria-valuenow")) == round(after)


def test_folds_and_tabs_say_what_they_are_and_whether_they_are_open(visit):  # noqa: F811
    page = visit()
    assert page.get_by_role("heading", level=1).first.inner_text() == "imgen"
    bench = tab(page, "restore")
    fold = bench.get_by_role("button", name="How it works")
    assert fold.get_attribute("aria-expanded") == "false"
    fold.click()
    bench.get_by_role("button", name="How it works", expanded=True).wait_for()
    assert bench.locator(f"#{fold.get_attribute('aria-controls')} .block.lesson-text").count() == 1
    chosen = page.get_by_role("tab", selected=True)
    assert page.locator(f"#{chosen.get_attribute('aria-controls')} .bench-restore").count() == 1
    page.get_by_role("tabpanel", name="Restoration").wait_for()
    page.get_by_role("radiogroup", name="Model").first.wait_for()


def test_a_screen_reader_hears_how_a_run_went(visit):  # noqa: F811
    page = visit()
    bench = tab(page, "upscale")
    before = shown(bench)
    voice = page.locator("body > .unseen[role=status]")
    page.wait_for_timeout(300)
    assert voice.text_content() == ""
    bench.locator("button.run").click()
    new_result(page, bench, before)
    page.wait_for_timeout(300)
    assert voice.text_content() == bench.locator(".status.done p").inner_text()
    assert page.locator(".status-line [role=status]").count() == 0  # or it would be heard twice

"""The tab "Inside": what its calls let in, and in a real browser that what it shows is so."""

import asyncio
import base64
import io
import re
import threading
import time
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import numpy as np
import pytest
import torch
from PIL import Image
from test_page import address, browser, visit  # noqa: F401  fixtures

from imgen.catalog import find_card
from imgen.controls import UserError
from imgen.page import Page
from imgen.tabs.inside import script
from imgen.ui import inspecting, turns
from imgen.ui.inspecting import Asked, Inspections, inside_ask, inside_begin, inside_open

HERE, THERE = "127.0.0.1", "10.0.0.7"


def request(host: str = HERE, language: str = "en") -> Any:
    return SimpleNamespace(client=SimpleNamespace(host=host), headers={"cookie": f"language={language}"})


def held(size: int = 1) -> Any:
    return SimpleNamespace(bytes=size)


@pytest.fixture
def calls():
    """An event loop of its own, as a server has, and in it what a browser asks."""
    loop = asyncio.new_event_loop()
    patch = pytest.MonkeyPatch()
    patch.setattr(turns, "_turns", None)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield lambda function, data, who=None: asyncio.run_coroutine_threadsafe(function(data, who or request()), loop).result(60)
    for lane in turns.turns().threads.values():
        for one in lane:
            one.shutdown()
    patch.undo()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.mark.parametrize("data", [
    None, [], "x", {}, {"what": "nothing"}, {"what": "value", "token": 3}, {"what": ["value"]},
    {"what": "value", "token": "x" * 1000},
])
def test_what_nobody_can_read_is_one_sentence(calls, data):
    assert set(calls(inside_ask, data)) == {"error"}


def test_only_whole_numbers_within_are_taken():
    for value in (-1, 1.5, True, None, "3", 10**9, [1], float("nan")):
        with pytest.raises(UserError, match="call_unreadable"):
            Asked({"layer": value}).whole("layer")
    assert Asked({"layer": 3}).whole("layer") == 3


def test_knobs_of_an_address_are_clamped_and_unknown_ones_passed_over():
    card = find_card("dcgan_fashion28")
    knobs = Asked({"knobs": {"seed": "99999999999999", "nosuch": "1", "label": ["x"], "count": "x" * 999}}).knobs(card)
    assert knobs == {"seed": 2**32 - 1}
    with pytest.raises(UserError):
        Asked({"knobs": {str(n): "1" for n in range(1000)}}).knobs(card)


def test_who_opens_another_network_gives_the_first_back():
    store = Inspections()
    first = store.put(held(), HERE, "")
    second = store.put(held(), HERE, first)
    assert first != second and list(store.held) == [second]
    with pytest.raises(UserError, match="inside_gone"):
        store.get(first, HERE)


def test_nobody_waits_for_who_has_hung_up(calls):
    async def gone():
        return True

    left = request()
    left.request = SimpleNamespace(is_disconnected=gone)
    begun, end = [], threading.Event()

    async def asked(data, who):
        caller = inspecting.visitor(data, who)
        return await inspecting.answered(lambda: begun.append(data) or end.wait(20) and {}, "quick", caller, who)

    threads = [threading.Thread(target=calls, args=(asked, {"token": name})) for name in ("one", "two")]
    for one in threads:
        one.start()
    while len(begun) < 2:  # all slots are taken by others
        time.sleep(0.01)
    assert set(calls(asked, {"token": "three"}, left)) == {"error"} and len(begun) == 2
    end.set()
    for one in threads:
        one.join()


def test_a_card_that_is_listed_opens_with_what_the_page_sends(calls):
    assert calls(inside_open, {"card": "texture", "example": 0})["picture"]  # it takes a painting, by a knob


def test_nobody_sees_or_closes_what_another_has_open():
    store = Inspections()
    mine = store.put(held(), HERE, "")
    with pytest.raises(UserError, match="inside_gone"):
        store.get(mine, THERE)
    store.put(held(), THERE, mine)
    assert store.get(mine, HERE)


def test_memory_is_bounded_and_the_greediest_pays():
    store = Inspections(most=100)
    modest = store.put(held(30), HERE, "")
    greedy = [store.put(held(30), THERE, "") for _ in range(4)]
    assert store.bytes <= 100 and store.get(modest, HERE) and store.get(greedy[-1], THERE)
    assert greedy[0] not in store.held
    large = store.put(held(1000), HERE, "")  # too large for all: it is alone
    assert list(store.held) == [large]


def test_an_address_has_no_more_than_its_share_and_what_nobody_looks_at_goes():
    store = Inspections(of_address=3)
    names = [store.put(held(), HERE, "") for _ in range(5)]
    assert list(store.held) == names[-3:]
    store.idle = 0.0
    with pytest.raises(UserError, match="inside_gone"):
        store.get(names[-1], HERE)


def test_errors_are_sentences_in_the_visitors_language(calls):
    english = calls(inside_open, {"card": "nosuch"})["error"]
    chinese = calls(inside_open, {"card": "nosuch"}, request(language="zh"))["error"]
    assert "nosuch" in english and re.search("[一-鿿]", chinese)
    rule = calls(inside_open, {"card": "draw_voronoi"})
    assert set(rule) == {"error"} and "rule" in rule["error"]
    stray = calls(inside_open, {"card": "espcn_x4", "path": "/etc/passwd"})
    assert set(stray) == {"error"} and "passwd" not in stray["error"]


def test_a_place_that_is_not_there_is_a_sentence(calls):
    seen = calls(inside_open, {"card": "espcn_x4"})
    at = {"token": seen["token"], "layer": 1, "channel": 0, "y": 0, "x": 0}
    assert "value" in calls(inside_ask, {"what": "value", **at})
    for wrong in ({"layer": 999}, {"channel": 64}, {"y": 9999}, {"x": -1}):
        assert set(calls(inside_ask, {"what": "value", **at, **wrong})) == {"error"}
    assert set(calls(inside_ask, {"what": "value", **at}, request(THERE))) == {"error"}  # somebody else's


def test_two_hundred_looks_leave_one_network_open(calls):
    token = ""
    before = len(inspecting.inspections.held)
    for _ in range(5):
        token = calls(inside_open, {"card": "espcn_x2", "token": token})["token"]
    for n in range(200):
        calls(inside_ask, {"what": "value", "token": token, "layer": 1, "channel": n % 64, "y": 3, "x": 3})
    assert len(inspecting.inspections.held) == before + 1


def test_a_server_begins_with_all_turns_free(monkeypatch):
    """Whatever one before it in this process left undone: of one address, a single slot would hold up all that is quick."""
    monkeypatch.setattr(turns, "_turns", None)
    monkeypatch.setattr(gr.Blocks, "launch", lambda *_, **__: None)
    for name in ("Sessions", "Messages"):
        monkeypatch.setattr(f"imgen.page.{name}", lambda of: of)
    turns.turns().ask("quick", HERE, "left undone").began -= 2 * turns.OVERDUE
    page = object.__new__(Page)  # without the event loop that Gradio makes for a new one, and drops
    page.app, page._queue = SimpleNamespace(), SimpleNamespace()
    page.launch()
    assert turns.turns().ask("quick", HERE, "new").called.is_set()


def test_every_word_that_the_browser_asks_for_is_there():
    words, groups = (inside_begin({}, request(language="zh"))[key] for key in ("words", "groups"))
    asked = set(re.findall(r"\bW\('(\w+)'", script()))
    assert len(asked) > 80 and {key for key in asked if f"inside_{key}" not in words} == set()
    assert {"generate", "upscale", "stylize", "restore"} <= {group["task"] for group in groups}
    assert all(find_card(card["name"]).net for group in groups for card in group["cards"])


def opened(page):
    page.locator('.tabs > .tab-wrapper [data-tab-id="inside"]').click()
    room = page.locator(".inside-room")
    room.locator(".value[data-value]").wait_for()
    page.wait_for_function("location.search.includes('at=')")  # it has come to rest
    return room


def numbers(table) -> np.ndarray:
    cells = "rows => rows.map(row => [...row.cells].map(cell => Number(cell.dataset.value)))"
    return np.array(table.locator("tr").evaluate_all(cells))


def test_the_tab_opens_with_a_network_and_its_numbers_are_right(visit):  # noqa: F811
    """The picture through the first kernel, reckoned by numpy from the file of the weights."""
    page = visit()
    room = opened(page)
    assert room.locator(".layer").count() >= 8 and room.locator(".layer[aria-selected=true]").count() == 1
    value = float(room.locator(".value").get_attribute("data-value"))
    window = room.locator(".window").first
    seen, weight, product = (numbers(table) for table in window.locator("table").all())
    query = page.evaluate("new URLSearchParams(location.search).get('at')")
    channel, *_ = map(int, query.split(","))
    net = find_card("espcn_x4").private_copy(torch.float32)
    kernel = net.state_dict()["detail.0.weight"][channel, 0].double().numpy()
    bias = float(net.state_dict()["detail.0.bias"][channel])
    np.testing.assert_allclose(weight, kernel, atol=1e-6)
    np.testing.assert_allclose(product, seen * kernel, atol=1e-6)
    assert abs((seen * kernel).sum() + bias - value) < 1e-5
    assert f"{abs(value):.4g}" in room.locator(".told").inner_text()


def test_keys_alone_lead_through_layers_and_values(visit):  # noqa: F811
    page = visit()
    room = opened(page)
    room.locator(".layer[aria-selected=true]").focus()
    page.keyboard.press("ArrowRight")
    room.locator(".layer.kind-activation[aria-selected=true]").wait_for()
    room.locator("svg.curve").wait_for()
    assert room.locator(".layer[aria-selected=true]").evaluate("one => one === document.activeElement && one.tabIndex === 0")
    room.locator(".sheet").focus()
    before = page.evaluate("location.search")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("before => location.search !== before", arg=before)
    text = room.locator(".value").inner_text()
    page.keyboard.press("Space")
    page.wait_for_function("text => document.querySelector('.inside-room .value').textContent !== text", arg=text)
    page.keyboard.press("Space")
    assert room.locator("button.play").inner_text() == "Slide by itself"


def test_an_address_opens_the_layer_and_the_value(visit):  # noqa: F811
    page = visit()
    page.goto(page.url.split("?")[0] + "?tab=inside&card=dcgan_fashion28&layer=99999&at=99999,0,0&view=nosuch&seed=5")
    room = page.locator(".inside-room")
    room.locator(".value[data-value]").wait_for()
    assert room.locator("select").first.input_value() == "dcgan_fashion28"
    page.goto(page.url.split("?")[0] + "?tab=inside&card=espcn_x4&layer=3&at=2,10,20&language=zh")
    room.locator(".value[data-value]").wait_for()
    assert "第 2 张特征图，第 10 行第 20 列" in room.locator(".value").inner_text()


def test_a_number_is_followed_back_and_forth(visit):  # noqa: F811
    page = visit()
    room = opened(page)
    room.locator(".layer").nth(3).click()
    page.wait_for_function("location.search.includes('layer=3')")
    before = room.locator(".value").inner_text()
    cell = room.locator(".window td.follow").first
    wanted = float(cell.get_attribute("data-value"))
    cell.click()
    room.locator("button.back:not([hidden])").wait_for()
    page.wait_for_function("location.search.includes('layer=2')")
    assert abs(float(room.locator(".value").get_attribute("data-value")) - wanted) < 1e-6
    room.locator("button.back").click()
    page.wait_for_function("text => document.querySelector('.inside-room .value').textContent === text", arg=before)


def test_a_number_in_a_window_is_followed_by_keys_alone(visit):  # noqa: F811
    page = visit()
    room = opened(page)
    room.locator(".layer").nth(3).click()
    page.wait_for_function("location.search.includes('layer=3')")
    table = room.locator(".window table").first
    assert table.locator("td[tabindex='0']").count() == 1
    table.locator("td[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    wanted = float(table.locator("td:focus").get_attribute("data-value"))
    assert wanted == float(table.locator("td.follow").nth(1).get_attribute("data-value"))
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.matches('.inside-room button.back')")
    assert abs(float(room.locator(".value").get_attribute("data-value")) - wanted) < 1e-6
    page.keyboard.press("Enter")
    page.wait_for_function("location.search.includes('layer=3') && document.activeElement.matches('.inside-room button.play')")


def test_of_many_cards_chosen_in_haste_the_last_is_opened(visit):  # noqa: F811
    page = visit()
    room = opened(page)
    before = len(inspecting.inspections.held)
    last = page.evaluate("""() => {
        const cards = document.querySelector('.inside-room .choosing select');
        for (let n = 0; n < 9; n++) { cards.selectedIndex = n; cards.dispatchEvent(new Event('change')); }
        return cards.value;
    }""")
    page.wait_for_function("last => location.search.includes('card=' + last) && location.search.includes('at=')", arg=last)
    assert not room.locator(".said.failed").count() and len(inspecting.inspections.held) == before


def test_a_network_that_had_to_go_is_opened_again_at_the_same_place(visit):  # noqa: F811
    page = visit()
    room = opened(page)
    page.wait_for_timeout(1600)
    inspecting.inspections.held.clear()
    text = room.locator(".value").inner_text()
    room.locator(".sheet").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("text => document.querySelector('.inside-room .value').textContent !== text", arg=text)
    assert inspecting.inspections.held and not room.locator(".said.failed").count()


def test_a_picture_of_ones_own_goes_in_and_what_is_none_is_said(visit, tmp_path):  # noqa: F811
    page = visit()
    room = opened(page)
    grey = tmp_path / "grey.png"
    Image.fromarray(np.full((1, 900), 77, np.uint8)).save(grey)
    room.locator(".net input[type=file]").set_input_files(grey)
    room.locator(".mine").wait_for()
    page.wait_for_function("document.querySelector('.inside-room .field-view canvas')?.width === 256")
    assert "example" not in page.evaluate("location.search")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    room.locator(".net input[type=file]").set_input_files(broken)
    room.locator(".said.failed").wait_for()
    room.locator(".thumb").first.click()
    page.wait_for_function("!document.querySelector('.inside-room .said').classList.contains('failed')")


def test_look_inside_carries_card_and_picture(visit):  # noqa: F811
    page = visit()
    page.locator('.tabs > .tab-wrapper [data-tab-id="restore"]').click()
    bench = page.locator(".bench-restore")
    bench.locator("button.look-inside").click()
    room = page.locator(".inside-room")
    room.locator(".value[data-value]").wait_for()
    shown = bench.locator(".picker input:checked").get_attribute("value")
    assert room.locator("select").first.input_value() == shown


def test_look_inside_carries_what_was_painted(visit):  # noqa: F811
    page = visit()
    page.locator('.tabs > .tab-wrapper [data-tab-id="restore"]').click()
    bench = page.locator(".bench-restore")
    bench.locator('.picker input[value="attention_inpaint"]').check(force=True)
    canvas = bench.locator(".painting .pixi-target canvas")
    canvas.wait_for()
    page.wait_for_function("window.editor?.tools.get('brush')?.brush_textures")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x, y = box["x"] + 0.25 * box["width"], box["y"] + 0.25 * box["height"]
    page.mouse.move(x - 15, y)
    page.mouse.down()
    page.mouse.move(x + 15, y, steps=4)
    page.mouse.up()
    sent = []
    page.on("request", lambda request: sent.append(request.post_data or "") if "component_server" in request.url else None)
    bench.locator("button.look-inside").click()
    page.locator(".inside-room .value[data-value]").wait_for()
    masks = [found for body in sent for found in re.findall(r'"mask":"([^"]*)"', body)]
    assert masks and masks[0].endswith("mask.png")
    painted = np.asarray(Image.open(masks[0]))[..., 3] > 0
    rows, columns = np.nonzero(painted)
    assert 0 < rows.mean() / len(painted) < 0.4 and 0 < columns.mean() / len(painted[0]) < 0.4  # above, and to the left


def test_the_mask_that_was_painted_is_what_the_network_gets(calls, monkeypatch, tmp_path):
    layer = np.zeros((64, 64, 4), np.uint8)
    layer[8:24, 8:24] = 255, 51, 85, 255
    Image.fromarray(layer).save(tmp_path / "mask.png")
    monkeypatch.setattr(inspecting.stock, "folder", lambda: tmp_path)
    found = calls(inside_open, {"card": "attention_inpaint", "mask": str(tmp_path / "mask.png")})
    seen = inspecting.inspections.get(found["token"], HERE)
    hole = seen.layers[seen.picture_layer].out[0, 3].numpy() > 0.5
    rows, columns = np.nonzero(hole)  # a little wider than what was painted: the network fills by whole cells
    assert rows.mean() / len(hole) == pytest.approx(0.25, abs=0.03)
    assert columns.mean() / len(hole[0]) == pytest.approx(0.25, abs=0.03)
    assert 1 / 16 <= hole.mean() < 0.1
    assert set(calls(inside_open, {"card": "attention_inpaint", "mask": "/etc/passwd"})) == {"error"}


def test_sizes_are_those_of_torch(visit):  # noqa: F811
    page = visit()
    room = opened(page)
    room.locator("button[data-view=sizes]").click()
    said = page.evaluate("""() => {
        const field = name => document.querySelector(`.inside-room .sizes input[type=number].${name}`);
        const put = (name, value) => {
          const one = field(name);
          if (one.value === String(value)) return;
          one.value = value;
          one.dispatchEvent(new Event('input'));
        };
        const way = document.querySelector('.inside-room .sizes .way'), answer = document.querySelector('.inside-room .answer');
        const found = [];
        for (const kind of ['conv', 'transposed']) {
          way.value = kind;
          way.dispatchEvent(new Event('change'));
          for (const size of [1, 4, 7, 12]) for (const kernel of [1, 2, 3, 5]) for (const stride of [1, 2, 3])
            for (const padding of [0, 1, 3]) for (const dilation of [1, 2]) for (const extra of kind === 'conv' ? [0] : [0, 1]) {
              for (const [name, value] of Object.entries({size, kernel, stride, padding, dilation, extra})) put(name, value);
              const failed = answer.classList.contains('failed');
              found.push([kind, size, kernel, stride, padding, dilation, extra, answer.dataset.out, failed]);
            }
        }
        return found;
    }""")
    assert len(said) == 4 * 4 * 3 * 3 * 2 * 3
    for kind, size, kernel, stride, padding, dilation, extra, out, failed in said:
        x, settings = torch.zeros(1, 1, size, size), {"stride": stride, "padding": padding, "dilation": dilation, "bias": False}
        if kind == "transposed":
            settings["output_padding"] = extra
        layer = (torch.nn.Conv2d if kind == "conv" else torch.nn.ConvTranspose2d)(1, 1, kernel, **settings)
        try:
            wanted = str(layer(x).shape[-1] or "")  # torch lets nothing pass, too
        except RuntimeError:
            wanted = ""
        assert (out, failed) == (wanted, not wanted), (kind, size, kernel, stride, padding, dilation, extra)
    counts = room.locator(".chequers figure").evaluate_all("all => all.map(one => one.dataset.counts)")
    assert counts[:2] == ["1 2 4", "4"]


def pixels(canvas) -> np.ndarray:
    data = canvas.evaluate("canvas => canvas.toDataURL()").split(",")[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(float)


@pytest.mark.parametrize("side", [3, 5])
def test_a_typed_kernel_does_what_numpy_does(visit, side):  # noqa: F811
    page = visit()
    room = opened(page)
    room.locator("button[data-view=kernel]").click()
    room.locator("select.side").select_option(str(side))
    weights = np.round(np.random.default_rng(side).normal(0, 0.4, (side, side)), 2)
    for field, weight in zip(room.locator(".own-weights input").all(), weights.ravel(), strict=True):
        field.fill(str(weight))
    room.locator("input.offset").fill("40")
    before, after = pixels(room.locator("canvas.before")), pixels(room.locator("canvas.after"))
    half = side // 2
    padded = np.pad(before, ((half, half), (half, half), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), (0, 1))
    wanted = np.clip(np.einsum("hwcij,ij->hwc", windows, weights) + 40, 0, 255)
    assert np.ptp(before) > 100 and np.abs(after - wanted).max() <= 0.5 + 1e-6
    room.locator(".own-weights input").first.fill("abc")
    assert room.locator(".own-weights input").first.get_attribute("aria-invalid") == "true"
    np.testing.assert_array_equal(pixels(room.locator("canvas.after")), after)


def test_the_call_over_http_is_guarded(address):  # noqa: F811
    page = httpx.get(f"{address}config").json()
    number = next(one["id"] for one in page["components"] if "inside_open" in (one["props"].get("server_fns") or []))
    body = {"component_id": number, "session_hash": "abc", "fn_name": "inside_ask"}
    answer = httpx.post(f"{address}gradio_api/component_server/", json={**body, "data": {"what": "value", "token": "nosuch"}})
    assert answer.status_code == 200 and "not open any more" in answer.json()["error"]
    large = httpx.post(f"{address}gradio_api/component_server/", json={**body, "data": "x" * 2_000_000})
    assert large.status_code == 413

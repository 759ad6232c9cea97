"""Networks that a visitor has trained: in his own pickers, for as long as his visit lasts, and nobody else's."""

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gradio.context import LocalContext
from test_inside import calls  # noqa: F401  a fixture
from test_page import address, browser, new_result, tab, visit  # noqa: F401  fixtures

from imgen.controls import UserError
from imgen.exhibits.files import example_files
from imgen.image import decode
from imgen.lab.setups import Setup
from imgen.ui import kept, report, work
from imgen.ui.events import chooser, preset_applier
from imgen.ui.inspecting import inside_begin, inside_open
from imgen.ui.kept import Register, keep, kept_left

METHODS = {"gan": "generate", "dcgan": "generate", "vae": "generate", "autoencoder": "generate", "cnn": "classify",
           "espcn": "upscale", "denoiser": "restore"}


@pytest.fixture(scope="module")
def net():
    """method -> a file of the lab: one step of training is enough."""
    from imgen.lab.kept import packed
    from imgen.lab.run import Teaching

    made = {}

    def file(method: str) -> bytes:
        if method not in made:
            teaching = Teaching(Setup.read({"method": method, "steps": 1, "few": 8}))
            for _ in teaching.moments(dict):
                pass
            made[method] = packed(teaching)
        return made[method]

    return file


@pytest.fixture
def register(monkeypatch):
    fresh = Register()
    monkeypatch.setattr(kept, "register", fresh)
    return fresh


@pytest.fixture
def as_visitor(register):
    """`as_visitor("ann")`: from now on events come from ann."""
    token = LocalContext.request.set(None)

    def become(session: str, host: str = "10.0.0.1") -> Any:
        headers = {"cookie": "language=en"}
        request: Any = SimpleNamespace(session_hash=session, client=SimpleNamespace(host=host), headers=headers, request=None)
        LocalContext.request.set(request)
        return request

    yield become
    LocalContext.request.reset(token)


def ticket(letter: str) -> str:
    return letter * 32


@pytest.mark.parametrize("method", METHODS)
def test_what_was_trained_runs_in_its_tab_as_any_card_does(net, as_visitor, tmp_path, monkeypatch, method):
    name = keep(as_visitor("ann"), net(method), Setup.read({"method": method}))
    card = kept.find_card(name)
    assert card.task == METHODS[method]
    source = example_files(card.task)[0] if card.pictures else None
    *_, last = work.results(card.task, name, source, {"seed": 7, "count": 2})
    assert last.done and all(decode(Path(path)) for path in last.files)
    assert not any(name in path for path in last.files)  # its name is a secret
    one = lambda seed: [p.digest for p in card(**{"seed": seed, "count": 2}).pictures]  # noqa: E731
    if "seed" in card.knobs:
        assert one(7) == one(7) != one(8)
    origin = last.frame.origin
    assert origin
    said = report.about(card) + report.finished(origin, None, ["1×1"])
    assert "You trained this network" in said and "Mine: " in said and "我的：" in said
    code = report.code(card, origin.knobs)
    assert "own-" + method + "-1.safetensors" in code and name not in code


def test_nobody_else_can_use_it_even_who_knows_its_name(net, as_visitor):
    name = keep(as_visitor("ann"), net("gan"), visit=ticket("a"))
    assert kept.find_card(name)
    for session, host in (("bob", "10.0.0.1"), ("", "10.0.0.1"), ("bob", "10.9.9.9")):
        as_visitor(session, host)
        for ask in (lambda: kept.find_card(name), lambda: list(work.results("generate", name, None, {}))):
            with pytest.raises(UserError, match="kept_gone"):
                ask()
        assert kept.found(name) is None
        assert kept.find_card(name, ticket("a")).name == name  # but who has the window's own secret is the visitor himself
        with pytest.raises(UserError, match="kept_gone"):
            kept.find_card(name, ticket("b"))
    as_visitor("ann")
    with pytest.raises(UserError, match="kept_gone"):
        kept.find_card(name[:-1] + ("0" if name[-1] != "0" else "1"))


@pytest.mark.parametrize("name", [
    "own-", "own-gan", "own-gan-1-" + "0" * 32, "own-../../x", "own-" + "a" * 10_000, "own-gan-9999999999-0",
])
def test_any_other_name_of_that_kind_is_one_sentence_everywhere(as_visitor, name):
    request = as_visitor("ann")
    with pytest.raises(UserError, match="kept_gone"):
        kept.find_card(name)
    assert kept.title(name, "en") and kept.file_stem(name)
    assert work.lane(name, None, {}) == "quick"
    bench: Any = SimpleNamespace(cards=[], widgets={}, examples=[], task="generate", source=None, more=None)
    event: Any = SimpleNamespace(_data={"preset": f"?tab=generate&card={name}"})
    said = [preset_applier(bench)(request, event, "espcn_x4")[1], chooser(bench)(request, name)[0]]
    assert all("is no longer here" in one and "已经不在了" in one for one in said)


def test_a_visit_keeps_the_newest_four_and_all_visits_so_many_bytes(net, as_visitor, register, monkeypatch):
    request, data = as_visitor("ann"), net("espcn")
    names = [keep(request, data) for _ in range(6)]
    assert [card.name for card in kept.mine(register.of_session("ann"))] == names[2:]
    monkeypatch.setattr(kept, "BYTES", 6 * len(data))
    as_visitor("bob", "10.0.0.2")
    own = keep(as_visitor("bob", "10.0.0.2"), data)
    for n in range(5):  # one address with many sessions pays itself
        keep(as_visitor(f"mob{n}", "10.6.6.6"), data)
    assert sum(one.bytes for one in register.visits.values()) <= 6 * len(data)
    as_visitor("bob", "10.0.0.2")
    assert kept.find_card(own)
    monkeypatch.setattr(kept, "MOST", 8)
    for n in range(50):
        register.join(f"{n:032}", f"crowd{n}", "10.6.6.6")
    assert len(register.visits) <= 8
    assert kept.find_card(own)


def test_what_is_not_the_labs_is_refused_before_anything_is_kept(net, as_visitor, register):
    data, request = net("gan"), as_visitor("ann")
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    said = json.loads(header["__metadata__"]["imgen"])
    for wrong in (b"", b"\x80\x04cposix\nsystem\n.", data[:-100], data[:40], b"\0" * 100):
        with pytest.raises(UserError):
            keep(request, wrong, Setup.read({"method": "gan"}))
    for change in ({"net": "os:system"}, {"settings": {"widths": [10**9, 10**9]}}, {"steps": "x" * 100}):
        header["__metadata__"]["imgen"] = json.dumps({**said, **change})
        other = json.dumps(header).encode()
        packed = len(other).to_bytes(8, "little") + other + data[8 + int.from_bytes(data[:8], "little") :]
        if "steps" in change:
            assert keep(request, packed, Setup.read({"method": "gan"})).startswith("own-gan-0-")
        else:
            with pytest.raises(UserError):
                keep(request, packed, Setup.read({"method": "gan"}))
    assert register.count() == 1


def test_a_visit_outlives_a_reload_and_ends_a_while_after_its_last_page(net, as_visitor, register, monkeypatch):
    name = keep(as_visitor("first"), net("cnn"), visit=ticket("a"))
    register.join(ticket("a"), "first", "10.0.0.1", "1" * 32)
    kept_left({"visit": ticket("a"), "page": "1" * 32}, as_visitor("first"))
    register.join(ticket("a"), "second", "10.0.0.1", "2" * 32)  # the page was loaded anew, with another session
    as_visitor("second")
    assert kept.find_card(name)
    another = {"visit": ticket("a"), "page": "9" * 32}
    for hostile in (None, [], {}, {"visit": ticket("a")}, {"visit": {}, "page": "2" * 32}, another):
        kept_left(hostile, as_visitor("bob"))
    as_visitor("second")
    assert kept.find_card(name)
    monkeypatch.setattr(kept, "LEFT", 0.01)
    kept_left({"visit": ticket("a"), "page": "2" * 32}, as_visitor("second"))
    time.sleep(0.05)
    with pytest.raises(UserError, match="kept_gone"):
        kept.find_card(name)
    assert register.count() == 0


def test_who_comes_back_after_hours_finds_nothing(net, as_visitor, register, monkeypatch):
    name = keep(as_visitor("ann"), net("cnn"))
    monkeypatch.setattr(kept, "IDLE", 0.0)
    time.sleep(0.01)
    with pytest.raises(UserError, match="kept_gone"):
        kept.find_card(name)


def test_inside_lists_and_opens_it_for_its_visitor_alone(net, as_visitor, calls):  # noqa: F811
    name = keep(as_visitor("ann"), net("gan"), visit=ticket("a"))
    as_visitor("")  # a question past the queue has no session
    request: Any = SimpleNamespace(client=SimpleNamespace(host="10.0.0.1"), headers={})

    def listed(said: dict) -> list[str]:
        cards = [card for group in inside_begin(said, request)["groups"] for card in group["cards"]]
        return [card["title"] for card in cards if card["name"] == name]

    def opened(whose: str) -> dict:
        return calls(inside_open, {"card": name, "visit": whose, "knobs": {"seed": "3"}})

    assert listed({"visit": ticket("a")}) == ["Mine: dense GAN, 1 steps"]
    assert listed({}) == listed({"visit": ticket("b")}) == []
    seen = opened(ticket("a"))
    assert seen["title"].startswith("Mine: ") and seen["layers"]
    for stranger in ("", ticket("b"), "x" * 150):
        assert "no longer here" in opened(stranger)["error"]


def test_pictures_that_it_drew_can_be_kept_filmed_and_steered_by_its_visitor(net, as_visitor, tmp_path):
    from imgen.tabs.keep import add_up, added_up, film, filmed, told

    request = as_visitor("ann")
    name = keep(request, net("gan"))
    *_, last = work.results("generate", name, None, {"count": 3})
    gallery: Any = [(path, None) for path in last.files]
    filming = told(film, filmed, "film_done")
    *_, (screen, done, stop) = filming(request, gallery)
    assert screen["value"].endswith("-film.webp") and "below the kept pictures" in done and stop["interactive"] is False
    *_, (kept, *_) = told(add_up, added_up, "combine_done")(request, gallery)
    assert len(kept["value"]) == 4
    bob = filming(as_visitor("bob"), gallery)
    next(bob)  # it loads
    _, failed, stop = next(bob)
    assert "does not remember" in failed and stop["interactive"] is False
    with pytest.raises(work.Failure, match="does not remember"):
        next(bob)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*no_silent_downcasting", "ignore:The copy keyword is deprecated")
def test_it_stands_in_the_pickers_of_one_window_through_a_reload(net, visit, address):  # noqa: F811
    page, other = visit(), visit()
    ours = page.evaluate("() => window.imgenKept.visit")
    request: Any = SimpleNamespace(session_hash=None, client=SimpleNamespace(host="127.0.0.1"), headers={})
    gan, espcn = (keep(request, net(method), visit=ours) for method in ("gan", "espcn"))
    page.evaluate("() => window.imgenKept.add()")
    bench = tab(page, "generate")
    label = bench.locator(f".picker label:has(input[value='{gan}'])")
    label.wait_for()
    assert label.inner_text() == "Mine: dense GAN, 1 steps"
    tops = "all => all.map(one => [one.getBoundingClientRect().top, one.innerText])"
    places = bench.locator(".picker .wrap > label").evaluate_all(tops)
    assert min(place for place in places if place[0])[1].startswith("Mine")  # it is seen first, without opening the fold
    before = bench.locator(".result img").last.get_attribute("src")
    label.locator("input").check(force=True)
    new_result(page, bench, before)
    assert "Mine: dense GAN" in bench.locator(".status.done").inner_text()
    assert not bench.locator(".picker .all").evaluate("fold => fold.open")
    page.wait_for_timeout(600)
    assert "own-" not in page.url and "run=1" not in page.url  # an address is for others
    bench.locator("button.copy-link").click()
    assert "own-" not in bench.locator(".share .address").input_value()
    assert bench.locator(".share .is-kept").is_visible()

    bench.locator("button.look-inside").click()
    room = page.locator(".inside-room")
    room.get_by_text("Mine: dense GAN, 1 steps:").first.wait_for()
    page.wait_for_timeout(600)
    assert "own-" not in page.url

    tab(page, "upscale").locator(f".picker input[value='{espcn}']").check(force=True)
    tab(page, "upscale").locator(".about .sentence", has_text="You trained this network").wait_for()
    page.goto(f"{address}?language=zh")  # another session of the same window
    bench = tab(page, "generate")
    bench.locator(f".picker label:has(input[value='{gan}'])", has_text="我的：全连接 GAN，1 步").wait_for()
    bench.locator(f".picker input[value='{gan}']:checked").wait_for(state="attached")
    tab(page, "upscale").locator(f".picker input[value='{espcn}']").wait_for(state="attached")

    assert tab(other, "generate").locator(".picker input[value^='own-']").count() == 0
    other.goto(f"{address}?tab=generate&card={gan}&run=1")
    other.locator(".bench-generate .about .gone", has_text="is no longer here").wait_for()
    page.evaluate("() => sessionStorage.removeItem('imgen kept')")  # as if the visit had ended meanwhile
    page.reload()
    bench = tab(page, "generate")
    bench.locator(".about .gone", has_text="已经不在了").wait_for()
    assert bench.locator(".picker input[value^='own-']").count() == 0
    before = bench.locator(".result img").last.get_attribute("src")
    bench.locator("button.run").click()
    new_result(page, bench, before)  # and the page goes on

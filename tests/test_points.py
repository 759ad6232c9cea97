"""Points in the plane: the browser's mathematics is torch's, what is said to go wrong does, and the page shows and keeps it."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
import torch
import torch.nn.functional as F
from test_access import axe, judge  # noqa: F401  a fixture, and what it is for
from test_page import address, browser, pytestmark, visit  # noqa: F401  fixtures
from torch import nn

from imgen.texts.points import POINTS
from imgen.ui import points

HERE = Path(points.__file__).parent
ENGINE, ROOM = ((HERE / name).read_text(encoding="utf-8") for name in ("points_worker.js", "points.js"))
SEEDS = (1, 2, 3)

# Of a preset: how many steps until its symptom, and until it is mended.  The three that begin anew with the usual settings are
# mended by the very run that "good" is.
STEPS = {
    "good": (350, 0), "collapse": (120, 220), "strong": (50, 0), "weak": (150, 0), "saturating": (540, 30), "rate": (80, 0),
    "nan": (20, 160),
}
TRIAL = """
const centre = run => { const p = run.points(256); return mean(p.filter((_, n) => n % 2 === 0)); };
function trial([name, seed, before, after]) {
  const {set, mend, on} = PRESETS[name], settings = {...usual, ...set, seed};
  let run = new Run(settings), said = null, still = 0, n = 0;
  for (; n < before && run.step(); n++) if (run.steps === settings.head_start) still = centre(run);
  if (run.failed) said = {...run.failed, kept: (run.restore(), run.steps)};
  const found = {said, ...run.scores(), moved: Math.abs(centre(run) - still)};
  if (!after) return {found};
  const x = centre(run);
  if (on) Object.assign(run.settings, mend);
  else run = new Run({...settings, ...mend});
  const slope = run.slopeNow();
  for (n = 0; n < after && run.step(); n++);
  return {found, mended: {...run.scores(), failed: run.failed, slope, moved: Math.abs(centre(run) - x)}};
}
self.onmessage = event => self.postMessage(trial(event.data));
"""
RUN_ALL = """async ([source, tasks]) => {
  const url = URL.createObjectURL(new Blob([source])), found = [], queue = tasks.map((task, n) => [n, task]);
  const drain = async () => {
    const worker = new Worker(url);
    while (queue.length) {
      const [n, task] = queue.shift();
      found[n] = await new Promise((done, failed) => {
        worker.onmessage = event => done(event.data);
        worker.onerror = event => failed(new Error(event.message));
        worker.postMessage(task);
      });
    }
    worker.terminate();
  };
  await Promise.all([drain(), drain()]);
  return found;
}"""


@pytest.fixture(scope="module")
def blank(browser):  # noqa: F811
    """An empty page that knows the mathematics, and nothing else of ours."""
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.add_script_tag(content=ENGINE)
    yield page
    page.close()


@pytest.fixture(scope="module")
def trials(blank):
    """Every preset from three seeds, in two workers: name -> what was found."""
    tasks = [(name, seed, *steps) for name, steps in STEPS.items() for seed in SEEDS]
    tasks.sort(key=lambda task: task[0] != "collapse")  # the longest first
    found = blank.evaluate(RUN_ALL, [ENGINE + TRIAL, tasks])
    return {name: [one for (which, *_), one in zip(tasks, found, strict=True) if which == name] for name in STEPS}


def dense(sizes: list[int], weights: list[float]) -> nn.Sequential:
    layers = []
    for n, (ins, outs) in enumerate(zip(sizes, sizes[1:], strict=False)):
        layers += [nn.Linear(ins, outs, dtype=torch.float64)] + [nn.LeakyReLU(0.1)] * (n < len(sizes) - 2)
    net = nn.Sequential(*layers)
    nn.utils.vector_to_parameters(torch.tensor(weights, dtype=torch.float64), net.parameters())
    return net


def bce(logits, real: bool):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))


LOSSES = {  # of the judge, of the generator; r and f are logits of real and of generated points
    "original": (lambda r, f: bce(r, True) + bce(f, False), lambda r, f: bce(f, True)),
    "saturating": (lambda r, f: bce(r, True) + bce(f, False), lambda r, f: (1 - torch.sigmoid(f)).log().mean()),
    "least_squares": (lambda r, f: (F.mse_loss(r, torch.ones_like(r)) + F.mse_loss(f, torch.zeros_like(f))) / 2,
                      lambda r, f: F.mse_loss(f, torch.ones_like(f)) / 2),
    "hinge": (lambda r, f: F.relu(1 - r).mean() + F.relu(1 + f).mean(), lambda r, f: -f.mean()),
    "relativistic": (lambda r, f: -F.logsigmoid(r - f).mean(), lambda r, f: -F.logsigmoid(f - r).mean()),
}
TAKE_STEPS = """settings => {
  const run = new Run({...usual, ...settings}), list = array => Array.from(array);
  const before = {g: list(run.g.weights), d: list(run.d.weights)};
  const steps = [];
  for (let n = 0; n < 3; n++) {
    const n = settings.batch, [real, z, again, other] = [run.sample(n), run.noise(n), run.noise(n), run.sample(n)];
    const losses = [run.stepD(real, z), run.stepG(again, other)];
    steps.push({real: list(real), z: list(z), again: list(again), other: list(other), losses});
  }
  return {before, steps, after: {g: list(run.g.weights), d: list(run.d.weights)}, sizes: {g: run.g.sizes, d: run.d.sizes}};
}"""


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("optimizer_g", "optimizer_d"), [("adam", "sgd"), ("sgd", "adam")])
def test_steps_are_those_of_torch(blank, loss, optimizer_g, optimizer_d):
    """Three of each network, so that Adam's memory counts; layers of odd widths, and no two alike."""
    chosen = {
        "loss": loss, "optimizer_g": optimizer_g, "optimizer_d": optimizer_d, "rate_g": 0.02, "rate_d": 0.03, "batch": 8,
        "noise_dim": 3, "width_g": 7, "depth_g": 3, "width_d": 5, "depth_d": 2, "seed": 4,
    }
    seen = blank.evaluate(TAKE_STEPS, chosen)
    assert seen["sizes"] == {"g": [3, 7, 7, 7, 2], "d": [2, 5, 5, 1]}
    g, d = (dense(seen["sizes"][net], seen["before"][net]) for net in "gd")
    make = {"adam": lambda net, rate: torch.optim.Adam(net.parameters(), rate, (0.5, 0.999)),
            "sgd": lambda net, rate: torch.optim.SGD(net.parameters(), rate)}
    optimizers = [make[optimizer_g](g, 0.02), make[optimizer_d](d, 0.03)]
    loss_d, loss_g = LOSSES[loss]
    for step in seen["steps"]:
        batches = [torch.tensor(step[name], dtype=torch.float64) for name in ("real", "z", "again", "other")]
        real, z, again, other = (batch.reshape(8, -1) for batch in batches)
        losses = [loss_d(d(real), d(g(z).detach()))]
        optimizers[1].zero_grad()
        losses[0].backward()
        optimizers[1].step()
        losses.append(loss_g(d(other), d(g(again))))
        optimizers[0].zero_grad()
        losses[1].backward()
        optimizers[0].step()
        said = torch.tensor(step["losses"], dtype=torch.float64)
        torch.testing.assert_close(said, torch.stack(losses).detach(), atol=1e-9, rtol=1e-9)
    for net, name in ((g, "g"), (d, "d")):
        after = nn.utils.parameters_to_vector(net.parameters()).detach()
        torch.testing.assert_close(torch.tensor(seen["after"][name], dtype=torch.float64), after, atol=1e-7, rtol=1e-7)
        assert (after - torch.tensor(seen["before"][name], dtype=torch.float64)).abs().max() > 1e-3  # it did move


def test_scores_are_what_they_say(blank):
    """Against torch's own reckoning of the same two clouds."""
    seen = blank.evaluate("""() => {
      const run = new Run({...usual, seed: 5}), list = array => Array.from(array);
      for (let n = 0; n < 40; n++) run.step();
      return {fake: list(run.points()), real: list(run.reference), scores: run.scores(), weights: list(run.d.weights)};
    }""")
    real, fake = (torch.tensor(seen[name], dtype=torch.float64).reshape(-1, 2) for name in ("real", "fake"))
    scores, d = seen["scores"], dense([2, 64, 64, 1], seen["weights"])
    assert abs(scores["real"] - torch.sigmoid(d(real)).mean().item()) < 1e-9
    some = [real[:384], fake[:384]]
    far = {(a, b): torch.cdist(some[a], some[b]).mean().item() for a in (0, 1) for b in (0, 1)}
    assert abs(scores["energy"] - (2 * far[0, 1] - far[0, 0] - far[1, 1])) < 1e-6
    near = torch.cdist(*some) < 0.12
    assert (scores["recall"], scores["precision"]) == (near.any(1).double().mean().item(), near.any(0).double().mean().item())
    x = fake[:256].clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(F.softplus(-d(x)).sum(), x)
    assert abs(scores["slope"] - slope.square().sum(1).mean().sqrt().item()) < 1e-9


def test_a_good_run_finds_most_spots_from_every_seed(trials):
    for one in trials["good"]:
        found = one["found"]
        assert found["modes"] >= 5 and found["js"] < 0.75 and abs(found["real"] - found["fake"]) < 0.15


def test_mode_collapse_is_seen_and_mended_without_a_new_start(trials):
    for one in trials["collapse"]:
        assert one["found"]["modes"] <= 2 and one["found"]["energy"] > 0.4
        assert one["mended"]["modes"] >= 5 and one["mended"]["energy"] < 0.2


def test_a_strong_judge_sees_through_the_points(trials):
    for one in trials["strong"]:
        assert one["found"]["real"] > 0.7 and one["found"]["fake"] < 0.3 and one["found"]["modes"] <= 4


def test_a_weak_judge_lets_the_points_run_away(trials):
    for one in trials["weak"]:
        assert one["found"]["energy"] > 1.5 and one["found"]["modes"] == 0 and one["found"]["precision"] < 0.05


def test_a_saturating_loss_stands_still_and_flies_once_it_is_another(trials):
    for one in trials["saturating"]:
        assert one["found"]["fake"] < 0.05 and one["found"]["slope"] < 0.05 and one["found"]["moved"] < 0.1
        assert one["mended"]["slope"] > 100 * one["found"]["slope"] and one["mended"]["moved"] > 1


def test_a_learning_rate_too_high_never_settles(trials):
    for one in trials["rate"]:
        assert one["found"]["modes"] <= 3 and one["found"]["js"] > 0.85


def test_what_is_no_number_is_noticed_and_the_weights_before_are_kept(trials):
    for one in trials["nan"]:
        said = one["found"]["said"]
        assert said["trouble"] == "nan" and said["step"] <= 20 and said["kept"] == 0
        assert one["found"]["energy"] < 1  # the kept net is whole
        assert not one["mended"]["failed"] and one["mended"]["energy"] < 0.3


def test_the_other_remedies_lead_to_the_good_run(blank):
    mended = "name => ({...usual, ...PRESETS[name].set, ...PRESETS[name].mend})"
    for name in ("strong", "weak", "rate"):
        assert blank.evaluate(mended, name) == blank.evaluate("usual")
        assert not blank.evaluate("name => PRESETS[name].on ?? false", name)


def test_a_loss_that_runs_away_late_goes_back_to_whole_weights(blank):
    seen = blank.evaluate("""() => {
      const run = new Run({...usual, seed: 1});
      for (let n = 0; n < 60; n++) run.step();
      Object.assign(run.settings, {loss: 'least_squares', optimizer_d: 'sgd', optimizer_g: 'sgd', rate_d: 9, rate_g: 9});
      let n = 0;
      while (n < 200 && run.step()) n += 1;
      const failed = run.failed;
      run.restore();
      Object.assign(run.settings, {rate_d: 0.001, rate_g: 0.001});
      let well = 0;
      while (well < 60 && run.step()) well += 1;
      return {failed, well, kept: run.steps - well};
    }""")
    assert seen["failed"]["trouble"] in ("nan", "runaway") and seen["well"] == 60 and 25 <= seen["kept"] <= 60


def test_the_same_seed_is_the_same_run_whatever_is_looked_at(blank):
    run = """([seed, looking]) => {
      const run = new Run({...usual, seed, width_g: 16, width_d: 16});
      for (let n = 0; n < 90; n++) { run.step(); if (looking && n % 3 === 0) { picture(run); run.scores(); } }
      return [...run.g.weights, ...run.d.weights];
    }"""
    first = blank.evaluate(run, [7, False])
    assert blank.evaluate(run, [7, True]) == first and blank.evaluate(run, [8, False]) != first


@pytest.mark.parametrize(("name", "text", "value"), [
    ("rate_g", "1e9", 10), ("rate_g", "-3", 1e-6), ("rate_g", "Infinity", 10), ("rate_g", "abc", None), ("rate_g", "", None),
    ("width_d", "9999", 64), ("width_d", "3.4", 3), ("batch", "65", 64), ("data", "nosuch", None), ("data", "ring", "ring"),
    ("seed", "99999999999", 2**32 - 1), ("drawn", "<script>", None), ("drawn", "A" * 5000, None), ("shift", "1.3", 1.5),
])
def test_what_an_address_says_is_clamped(blank, name, text, value):
    assert blank.evaluate("([name, text]) => nearest(name, text)", [name, text]) == value


def test_a_drawing_is_text_and_back(blank):
    cells = sorted({n * 37 % 784 for n in range(90)} | {0, 783})
    text = blank.evaluate("cells => textOf(new Set(cells))", cells)
    assert re.fullmatch(r"[\w-]{1,140}", text) and blank.evaluate("text => cellsOf(text)", text) == cells
    points = blank.evaluate("text => Array.from({length: 400}, (_, n) => drawnFrom(text)(new Random(n, 1)))", text)
    side = 2.8 / 28
    assert {int((1.4 - y) / side) * 28 + int((x + 1.4) / side) for x, y in points} <= set(cells)


def test_every_word_is_there_and_none_is_idle():
    asked = set(re.findall(r"\bW\('(\w+)'", ROOM))
    for pattern in re.findall(r"\bW\(`(\w*)\$\{", ROOM):
        assert any(key.startswith(f"points_{pattern}") for key in POINTS), pattern
    assert len(asked) > 60 and {key for key in asked if f"points_{key}" not in POINTS} == set()
    starts = (*re.findall(r"\bW\(`(\w+)\$\{", ROOM), "noise_", "optimizer_", "loss_", "box_")
    quoted = set(re.findall(r"'(\w+)'", ROOM))
    words = {key.removeprefix("points_") for key in POINTS if key.startswith("points_")}
    assert {key for key in words if not key.startswith(starts)} - quoted == {"lost"}  # which the server's part says


# The page.
FLOOR = "document.querySelector('[data-floor=points]')"
STATE = f"(({{S, now}}) => ({{...S, layers: [...S.layers], step: now.frame?.step ?? -1}}))({FLOOR}.points)"
READY = f"{FLOOR}?.points.now.frame"


def opened(page, address, query="?tab=train"):  # noqa: F811
    page.goto(address + query)
    page.wait_for_function(READY)
    return page.locator(".points .room")


@pytest.fixture(scope="module")
def shared(browser, address):  # noqa: F811
    """One page for all tests that bring their own settings: loading it takes longer than they do."""
    context, faults = browser.new_context(locale="en-US", viewport={"width": 1440, "height": 900}, reduced_motion="reduce"), []
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.add_init_script(HIDE)
    opened(page, address)
    yield page
    context.close()
    assert faults == []


@pytest.fixture
def at(shared):
    """What an address says, as link.js hands it on -> the room."""
    def enter(query: str):
        before = shared.evaluate(f"{READY}.name")
        give = f"query => {FLOOR}.dispatchEvent(new CustomEvent('imgen:enter', {{detail: {{query}}}}))"
        shared.evaluate(give, "tab=train&" + query)
        shared.wait_for_function(f"before => {READY}?.name > before", arg=before)
        return shared.locator(".points .room")

    yield enter
    if state(shared)["playing"]:
        shared.locator(".points .play").click()


def state(page) -> dict:
    return page.evaluate(STATE)


def until_step(page, step: int) -> None:
    page.wait_for_function(f"step => ({READY}?.step ?? -1) >= step", arg=step)


def test_the_page_itself_carries_none_of_it(address):  # noqa: F811
    assert "linearSlopes" not in httpx.get(f"{address}config").text
    found = points.answer("zh")
    assert "linearSlopes" in found["engine"] and found["words"]["points_play"] == "播放"


def test_it_opens_with_something_moving_unless_one_wants_it_calm(browser, address, shared):  # noqa: F811
    assert state(shared)["step"] == 0 and not state(shared)["playing"]  # motion is reduced: it waits
    assert shared.locator(".points .big").is_visible()
    context = browser.new_context(reduced_motion="no-preference")
    page = context.new_page()
    opened(page, address)
    until_step(page, 30)
    assert state(page)["demo"] and state(page)["playing"]
    context.close()


def test_an_address_opens_just_that_and_says_it_again(visit, address):  # noqa: F811
    page = visit()
    query = {
        "tab": "train", "floor": "points", "preset": "collapse", "data": "ring", "seed": "7", "rate_g": "0.004", "width_d": "12",
        "noise": "uniform", "noise_dim": "1", "speed": "slow", "layers": "fake,grid", "loss": "nosuch", "batch": "1e9",
        "nosuch": "1",
    }
    opened(page, address, "?" + urlencode(query))
    seen = state(page)
    wanted = {
        "data": "ring", "seed": 7, "rate_g": 0.004, "width_d": 12, "noise": "uniform", "noise_dim": 1, "loss": "original",
        "batch": 256, "steps_g": 10, "steps_d": 1,
    }
    assert wanted.items() <= seen["settings"].items() and seen["step"] == 0 and not seen["playing"]
    assert (seen["speed"], seen["preset"], sorted(seen["layers"])) == ("slow", "collapse", ["fake", "grid"])
    page.wait_for_function("location.search.includes('batch=256') && !location.search.includes('nosuch')")
    said = {key: values[-1] for key, values in parse_qs(urlsplit(page.url).query).items()}
    kept = {key: value for key, value in query.items() if key not in ("loss", "nosuch")}
    assert said == {**kept, "batch": "256", "language": "en"}
    opened(page, page.url.split("?")[0], "?" + urlsplit(page.url).query)
    assert state(page) == seen


def test_a_click_breaks_it_and_a_click_mends_it(visit, address):  # noqa: F811
    page = visit("zh-CN", 390, 844)
    page.locator('.tabs > .tab-wrapper [data-tab-id="train"]').click()
    page.wait_for_function(READY)
    room = page.locator(".points .room")
    room.locator("[data-preset=collapse]").click()
    until_step(page, 20)
    assert "生成器走十步" in room.locator(".card").inner_text()
    before = state(page)["step"]
    room.locator(".mend").click()
    until_step(page, before + 10)
    seen = state(page)
    assert (seen["settings"]["steps_g"], seen["settings"]["steps_d"], seen["mended"]) == (1, 5, True)
    assert "判别器走五步" in room.locator(".card").inner_text()
    page.wait_for_function("location.search.includes('mended=1')")
    room.locator(".play").click()
    assert not state(page)["playing"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_loss_that_is_no_number_is_said_and_one_click_goes_on(at, shared):
    room = at("preset=nan&run=1")
    card = room.locator(".card.failed")
    card.wait_for()
    assert "no number" in card.inner_text() and "learning rate of 5" in card.inner_text() and "NaN" in card.inner_text()
    assert "no number" in room.locator("[role=status]").first.text_content()
    assert not state(shared)["playing"] and room.locator(".play").is_disabled()
    assert room.locator(".score b").all_inner_texts() == ["–", "–"]  # no net, no opinion
    card.locator(".tenth").click()
    until_step(shared, 20)
    assert state(shared)["settings"]["rate_g"] == 0.5 and state(shared)["playing"]


def test_a_cloud_that_has_not_moved_yet_is_no_collapse(at, shared):
    room = at("optimizer_g=sgd&optimizer_d=sgd&seed=1&speed=fast&run=1")
    until_step(shared, 200)
    room.get_by_text("SGD takes much smaller steps").first.wait_for()


def test_what_is_steered_takes_effect_at_once_and_a_new_size_begins_anew(at, shared):
    room = at("seed=3&run=1")
    until_step(shared, 30)
    room.locator(".knob-rate_g input").press("ArrowRight")
    room.locator(".knob-loss select").select_option("hinge")
    assert state(shared)["step"] >= 30 and state(shared)["playing"] and state(shared)["settings"]["rate_g"] == 0.002
    shared.wait_for_function("location.search.includes('rate_g=0.002') && location.search.includes('loss=hinge')")
    room.locator(".play").click()
    room.locator(".knob-depth_d input").press("ArrowRight")
    shared.wait_for_function(f"{READY}?.step === 0")


def test_single_steps_and_the_two_ways_to_begin_again(at, shared):
    room, points_now = at("seed=3"), f"Array.from({READY}.points)"
    start = shared.evaluate(points_now)
    room.locator("[data-net=d]").click()
    until_step(shared, 1)
    assert shared.evaluate(points_now) == start  # only the judge has moved
    room.locator("[data-net=g]").click()
    until_step(shared, 2)
    assert shared.evaluate(points_now) != start
    seen = []
    for _ in range(2):
        room.locator("button.same").click()
        room.locator(".play").click()
        shared.wait_for_timeout(150)  # what was on its way has come
        at("seed=4")
        at("seed=3")
        seen.append(shared.evaluate(points_now))
    assert seen == [start, start]
    room.locator("button.anew").click()
    until_step(shared, 1)
    assert state(shared)["settings"]["seed"] != 3


def test_slow_motion_lights_and_says_each_part(at, shared):
    shared.evaluate(f"{FLOOR}.points.times.part = 400")
    room = at("speed=slow&run=1")
    for words in ("Noise goes through", "scores both kinds"):
        shared.wait_for_function("words => document.querySelector('.points .now').textContent.includes(words)", arg=words)
        assert room.locator(".flow .lit").count() >= 3
    until_step(shared, 1)
    room.locator(".play").click()
    assert room.locator(".flow .lit").count() == 0


def test_a_drawing_by_mouse_and_by_keys_is_learned_and_is_in_the_address(at, shared):
    room = at("seed=5")
    room.locator("[data-data=drawn]").click()
    assert room.locator(".play").is_disabled()
    box = room.locator(".plane").bounding_box()
    shared.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.4)
    shared.mouse.down()
    shared.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.4)
    shared.mouse.up()
    text = state(shared)["settings"]["drawn"]
    assert text and room.locator(".play").is_enabled()
    room.locator(".plane").focus()
    for key in ("ArrowDown", "ArrowDown", "Space", "Shift+ArrowRight"):
        shared.keyboard.press(key)
    more = state(shared)["settings"]["drawn"]
    assert more != text
    shared.keyboard.press("Enter")
    until_step(shared, 10)
    shared.wait_for_function("text => location.search.includes('drawn=' + text)", arg=more)
    real = shared.evaluate(f"Array.from({FLOOR}.points.now.real)")
    assert all(abs(x) < 1 and -0.4 < y < 0.6 for x, y in zip(real[::2], real[1::2], strict=True))


HIDE = """(() => {  // what a browser does to a hidden tab: no frames, a timer a second, and it says so
  let hidden = false;
  const frame = window.requestAnimationFrame.bind(window), timer = window.setTimeout.bind(window);
  window.requestAnimationFrame = work => hidden ? 0 : frame(work);
  window.setTimeout = (work, wait, ...rest) => timer(work, hidden ? Math.max(1000, wait ?? 0) : wait, ...rest);
  for (const [name, value] of [['hidden', () => hidden], ['visibilityState', () => hidden ? 'hidden' : 'visible']])
    Object.defineProperty(document, name, {get: value});
  window.hideTab = value => { hidden = value; document.dispatchEvent(new Event('visibilitychange')); };
})()"""


def test_a_hidden_tab_of_the_browser_goes_on(at, shared):
    """A browser without a screen never hides a tab: HIDE does what one with a screen does to it."""
    at("preset=good&run=1")
    until_step(shared, 5)
    shared.evaluate("hideTab(true)")
    before = state(shared)["step"]
    shared.wait_for_timeout(1500)
    seen = state(shared)
    shared.evaluate("hideTab(false)")
    assert seen["playing"] and seen["step"] > before + 15


def test_it_rests_while_another_tab_of_the_page_is_open(at, shared):
    at("preset=good&run=1")
    until_step(shared, 10)
    shared.locator('.tabs > .tab-wrapper [data-tab-id="lessons"]').click()
    shared.wait_for_function(f"{FLOOR}.points.S.held === 'run'")
    shared.wait_for_timeout(200)
    before = state(shared)["step"]
    shared.wait_for_timeout(300)
    assert state(shared)["step"] == before
    shared.locator('.tabs > .tab-wrapper [data-tab-id="train"]').click()
    until_step(shared, before + 10)


def test_axe_finds_nothing_serious_and_a_teacher_leaves_out_what_is_not_todays_topic(visit, address, axe):  # noqa: F811
    page = visit("zh-CN", 1366, 768)
    room = opened(page, address, "?tab=train&preset=collapse&data=drawn&drawn=AAAAH4&hide=width_g,stylize")
    assert room.locator(".knob-width_g").is_hidden() and room.locator(".knob-rate_g").is_visible()
    assert room.locator("input:visible, select:visible").count() >= 16
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366
    for theme in ("light", "dark"):
        page.evaluate("dark => document.body.classList.toggle('dark', dark)", theme == "dark")
        assert judge(page, axe, "" if theme == "light" else "color-contrast") == [], theme

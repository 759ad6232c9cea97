"""The lessons about ideas: whole in both languages, their numbers right by another reckoning, read where the address says."""

import re
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_page import address, browser, visit  # noqa: F401  fixtures

from imgen.catalog import TASKS, find_card
from imgen.controls import checked
from imgen.exhibits import ideas
from imgen.exhibits.courses import IDEAS, LONG, LONG_MINUTES, outline, questions, to_experiment, to_lesson
from imgen.exhibits.lessons import LESSONS as MAKERS
from imgen.exhibits.trainings import TRAININGS, looks
from imgen.lab.setups import PRESETS, Setup
from imgen.tabs.lessons import listing, ways
from imgen.texts import LANGUAGES, lesson
from imgen.texts.terms import LESSON_TERMS, TERMS
from imgen.ui.lesson import filled

POINTS = Path(ideas.__file__).parent.parent / "ui" / "points_worker.js"
HEADINGS = {
    "en": ["What it solves", "The formula", "Three things to try", "A question", "The paper"],
    "zh": ["解决什么问题", "核心公式", "试三件事", "想一想", "论文"],
}
PLACES = {"card": r"\w+", "view": "sizes|kernel", "layer": r"\d+", "at": r"\d+,\d+,\d+", "example": r"\d+"}  # of the tab Inside
EVERY = pytest.mark.parametrize(("name", "language"), [(name, language) for name in IDEAS for language in LANGUAGES])


def words_of(name: str, language: str) -> str:
    words = lesson(name, language)
    assert words, f"{name} is not there in {language}"
    return words


def test_the_issues_ten_ideas_and_five_lessons_about_training_are_there():
    assert set(IDEAS) == set(ideas.IDEAS) | set(TRAININGS) <= set(MAKERS)
    assert len(ideas.IDEAS) == 10 and len(TRAININGS) == 5
    assert set(LONG["training"]) == set(TRAININGS)
    assert sum(IDEAS[name] for name in TRAININGS) == LONG_MINUTES


@EVERY
def test_a_lesson_has_all_its_parts_in_the_language(name, language):
    words = words_of(name, language)
    assert re.findall(r"^## (.+)$", words, re.MULTILINE) == HEADINGS[language]
    solves, formula, tries, question, paper = re.split(r"^## .+$", words, flags=re.MULTILINE)[1:]
    assert re.findall(r"!\[.{10,}\]\(lesson:([\w.]+)\)", solves) == [f"{name}.png"]
    assert formula.count("$$") >= 2
    assert len(re.findall(r"^- .+`imgen/[\w/]+\.py: \w+`", formula, re.MULTILINE)) >= 3
    assert len(re.findall(r"^\d\. .+\[(?:Try it|试一试)\]\(try:[^)]+\)$", tries, re.MULTILINE)) == 3
    assert re.search(r"<details><summary>.+[?？]</summary>\n\n.+\n</details>", question, re.DOTALL)
    assert re.search(r"https://(arxiv\.org/abs|doi\.org)/", paper)


@EVERY
def test_each_link_is_an_address_of_the_page(name, language):
    shown = re.findall(r'<a class="preset" href="([^"]+)">', filled(words_of(name, language), language))
    tries = [query for _, query in outline(name, language).tries]
    assert [link.replace("&amp;", "&") for link in shown] == [to_experiment(name, query) for query in tries]
    for query in tries:
        asked = dict(parse_qsl(query, strict_parsing=True))
        tab, card, run = asked.pop("tab"), asked.get("card"), asked.pop("run", "1")
        assert run == "1" and (card is None or find_card(card).net or tab != "inside")
        if tab == "train":
            set_in_the_room(asked)
        elif tab == "inside":
            assert asked and all(re.fullmatch(PLACES[key], value) for key, value in asked.items())
        else:
            found = find_card(asked.pop("card"))
            assert tab == found.task and tab in TASKS
            checked({knob: found.knobs[knob] for knob in asked}, asked)


def set_in_the_room(asked: dict[str, str]) -> None:
    """What a link says to the tab Train: presets that are there, knobs that its method has, values that they take as they are."""
    floor = asked.pop("floor")
    if floor == "points":
        assert set(asked) <= {"preset", "speed"} and asked.get("speed", "slow") in ("slow", "normal", "fast")
        presets = re.search(r"const PRESETS = \{(.+?)\n\};", POINTS.read_text(encoding="utf-8"), re.DOTALL)
        assert presets and re.search(rf"^  {asked['preset']}:", presets[1], re.MULTILINE)
        return
    assert floor == "pictures" and asked.pop("mended", "1") == "1"
    setup = Setup.read(PRESETS[asked.pop("preset")].setup.written() if "preset" in asked else asked)
    written = {name: str(value) for name, value in setup.but(**asked).written().items()}
    assert all(float(value) == float(written[key]) if re.fullmatch(r"[\d.]+", value) else value == written[key]
               for key, value in asked.items())


SAID = [*LESSON_TERMS, *(term for term in TERMS if term.english in (
    "convolutions?", "strides?", "padding", "poolings?", "feature maps?", "attention", "discriminators?", "generators?",
))]


@pytest.mark.parametrize("term", SAID, ids=lambda term: term.english)
def test_a_term_of_the_lessons_is_the_textbooks_word(term):
    said = [name for name in IDEAS if re.search(rf"\b(?:{term.english})\b", prose(name, "en").lower())]
    assert said, "nobody says this"
    assert [name for name in said if not any(word in prose(name, "zh") for word in term.chinese)] == []


def test_all_terms_are_tested():
    assert len(SAID) == 14


def prose(name: str, language: str) -> str:
    return re.sub(r"\$\$.+?\$\$|\$[^$]+\$|`[^`]+`|\([^)]*:[^)]*\)", "", words_of(name, language), flags=re.DOTALL)


def test_the_kernels_compute_what_torch_does():
    x = np.random.default_rng(0).normal(size=(9, 11))
    for kernel, stride, padding in ((3, 1, 0), (3, 2, 1), (5, 3, 2)):
        weights = np.random.default_rng(kernel).normal(size=(kernel, kernel))
        given = torch.tensor(x)[None, None], torch.tensor(weights)[None, None]
        there = F.conv2d(*given, stride=stride, padding=padding)[0, 0].numpy()
        np.testing.assert_allclose(ideas.convolved(x, weights, stride, padding), there, atol=1e-12)
        back = F.conv_transpose2d(*given, stride=stride)[0, 0].numpy()
        np.testing.assert_allclose(ideas.spread(x, weights, stride), back, atol=1e-12)
    for how, there in ((np.max, F.max_pool2d), (np.mean, F.avg_pool2d)):
        np.testing.assert_allclose(ideas.pooled(x, how), there(torch.tensor(x)[None, None], 2)[0, 0].numpy())


def test_curves_are_torch_s():
    t = np.linspace(-4, 4, 33)
    known = {"relu": F.relu, "leaky_relu": lambda x: F.leaky_relu(x, 0.2), "sigmoid": torch.sigmoid, "tanh": torch.tanh}
    assert list(known) == list(ideas.CURVES)
    for name, there in known.items():
        np.testing.assert_allclose(ideas.CURVES[name](t), there(torch.tensor(t)).numpy(), atol=1e-12)


def test_shuffled_channels_lie_where_torch_puts_them():
    there = F.pixel_shuffle(torch.arange(4.0).view(1, 4, 1, 1).expand(1, 4, 3, 3), 2)[0, 0].numpy()
    assert np.array_equal(there, np.fromfunction(lambda i, j: i % 2 * 2 + j % 2, (6, 6)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_list_has_them_under_their_own_head_and_each_leads_to_the_next(language):
    page = listing(language)
    part = page[page.index("<h2>Ideas</h2>" if language == "en" else "<h2>概念</h2>"):].partition("</section>")[0]
    assert re.findall(r'data-lesson="(\w+)"', part) == list(IDEAS)
    names, seen = list(IDEAS), ["convolution"]
    while len(seen) <= len(names):
        seen += re.findall(r'data-next="(\w+)"', ways(seen[-1], language))
    assert seen == [*names, names[0]]
    assert {"window", "answer"} <= set(LONG)
    assert to_lesson("pooling") == "?tab=lessons&lesson=pooling"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*no_silent_downcasting")
@pytest.mark.filterwarnings("ignore:The copy keyword is deprecated")
class TestInTheBrowser:
    @pytest.mark.parametrize(("locale", "width", "words"), [
        ("en-US", 1366, ("Pooling", "All lessons", "Convolution")), ("zh-CN", 390, ("池化", "全部课程", "卷积")),
    ])
    def test_a_lesson_is_read_in_the_tab_and_the_way_back_leads_to_the_list(self, visit, locale, width, words):  # noqa: F811
        page = visit(locale, width)
        pooling, back, convolution = words
        page.goto(page.url.partition("?")[0] + "?tab=lessons&lesson=pooling")
        page.locator(".idea h1", has_text=pooling).wait_for()
        page.locator(".idea .katex").first.wait_for()
        assert not page.locator(".block.course-list").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator(".idea .ways").get_by_role("link", name=back).click()
        page.locator(".course-list article[data-lesson=convolution]").first.wait_for()
        assert not page.locator(".idea h1").is_visible()
        page.locator(".course-list article[data-lesson=convolution] h3 a").first.click()
        page.locator(".idea h1", has_text=convolution).wait_for()
        assert "lesson=convolution" in page.url
        page.go_back()
        page.locator(".course-list article").first.wait_for()
        page.goto(page.url.partition("?")[0] + "?tab=lessons&lesson=..%2F..%2Fsecrets")  # anybody's
        page.locator(".course-list article").first.wait_for()
        assert not page.locator(".idea h1").is_visible()

    def test_a_thing_to_try_opens_its_tab_here_and_runs(self, visit):  # noqa: F811
        page = visit("en-US", 1366)
        page.goto(page.url.partition("?")[0] + "?tab=lessons&lesson=convolution")
        page.locator('.idea a.preset[href*="gaussian_filter"]').click()
        page.locator(".bench-restore").wait_for(state="visible")
        page.wait_for_function("location.search.includes('card=gaussian_filter') && location.search.includes('sigma=2')")
        assert len(page.context.pages) == 1


def test_the_runs_of_the_pictures_show_what_their_lessons_say():
    """A collapsed generator draws one picture, β = 50 sends nothing, sixteen random labels are learned by heart."""
    def scores(setup: Setup, steps: int) -> dict:
        return next(looks(setup, [steps], lambda one: one.course.shown()["scores"]))

    collapse = PRESETS["mode_collapse"]
    assert scores(collapse.setup, 150)["variety"] < 0.2 < 0.5 < scores(collapse.mended, 150)["variety"]
    assert scores(PRESETS["kl_vanishing"].setup, 80)["used"] == 0
    heart = scores(PRESETS["overfitting"].setup, 250)
    assert heart["accuracy_train"] == 1.0 and heart["accuracy"] < 0.7
    few = scores(Setup.read({"method": "cnn", "few": 16, "shuffled": 0, "seed": 1}), 100)
    assert few["accuracy"] > 0.9  # the answer to the third experiment of "overfitting"
    assert "wrong labels that did the harm" in questions("overfitting", "en")[2].answer


def test_formulas_of_the_lessons_are_so():
    a = torch.tensor([-3.0, 0.5], requires_grad=True)
    saturating, other = (lambda a: torch.log(1 - a.sigmoid())), (lambda a: -torch.log(a.sigmoid()))
    for loss, slope in ((saturating, -a.sigmoid()), (other, a.sigmoid() - 1)):
        torch.testing.assert_close(torch.autograd.grad(loss(a).sum(), a)[0], slope.detach())
    mean, log_var = torch.tensor([0.3, -1.0]), torch.tensor([-1.2, 0.4])
    q = torch.distributions.Normal(mean, (log_var / 2).exp())
    there = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum()
    torch.testing.assert_close(-0.5 * (1 + log_var - mean**2 - log_var.exp()).sum(), there)
    theta, rate, bend = 1.7, 0.3, 2.0
    for _ in range(5):
        theta -= rate * bend * theta
    assert theta == pytest.approx((1 - rate * bend) ** 5 * 1.7)

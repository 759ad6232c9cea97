"""The Chinese: the field's terms are the same everywhere, and no English is left for a Chinese visitor but names."""

import re
from pathlib import Path

import pytest
from test_access import OPEN_ALL
from test_page import TASKS, address, browser, pick, tab, visit  # noqa: F401  fixtures

from imgen.catalog import CARDS
from imgen.catalog import TASKS as ALL_TASKS
from imgen.texts import FOLDER
from imgen.texts.gradio import API_PAGE, GRADIO
from imgen.texts.terms import FORBIDDEN, TERMS
from imgen.texts.words import WORDS

LESSONS = FOLDER / "lessons"
HAN = re.compile(r"[\u4e00-\u9fff]")
WORD = re.compile(r"U-Net|[A-Za-zÀ-ž]{2,}(?:-\d-\w+)?(?:-[A-Za-z]{2,})*")  # Real-ESRGAN, BSD-3-Clause
CHINESE_LESSONS = {path.stem: path.read_text(encoding="utf-8") for path in sorted((FOLDER / "lessons" / "zh").glob("*.md"))}
NAMES = {word for line in (Path(__file__).parent / "names.txt").read_text(encoding="utf-8").splitlines() if line[0] != "#"
         for word in line.split()}
CODE = {"str", "int", "float", "bool", "list", "dict", "None", "any", "string", "number", "filepath", "Blob", "File", "Buffer",
        "http", "card", "picture", "result", "made", "caption", "image", "video", "id", "background", "layers", "composite",
        *(part for card in CARDS for name in [card.name, *card.knobs] for part in re.findall("[a-z]+", name)), *ALL_TASKS}
ENGLISH = """root => {
    const seen = element => element.checkVisibility({visibilityProperty: true}), found = [];
    const theirs = 'code, pre, .katex, .code, em, a[href^="http"], footer, [lang=en], .about .facts, .lesson-text p:last-of-type';
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    for (let node = root; node; node = walker.nextNode()) {
        const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
        if (!seen(element) || element.closest('script, style, ' + theirs)) continue;
        if (node.nodeType === Node.TEXT_NODE) found.push(node.data);
        else for (const name of ['title', 'aria-label', 'aria-description', 'placeholder', 'alt'])
            if (element.hasAttribute(name)) found.push(element.getAttribute(name));
    }
    return found;
}"""


def english_in(found: list[str], names: set[str] = NAMES) -> set[str]:
    """Words that are neither a name nor put together from names: ESPCN-GAN."""
    texts = (re.sub(r"https?://\S+|[\w-]+\.(png|jpg|txt)", "", text) for text in found)
    words = {word for text in texts for word in WORD.findall(text)}
    return {word for word in words if word not in names and not names.issuperset(word.split("-"))}


def bare(words: str) -> str:
    return re.sub(r"{\w+}", "", words)


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.english)
def test_a_term_of_the_field_is_the_same_chinese_word_wherever_the_english_is(term):
    wanted = re.compile(rf"\b(?:{term.english})\b")
    used = {key for key, (english, _) in WORDS.items() if wanted.search(bare(english).lower())}
    assert used, "nobody says this"
    assert {key: WORDS[key] for key in used if not any(word in WORDS[key][1] for word in term.chinese)} == {}


@pytest.mark.parametrize("word", FORBIDDEN)
def test_what_is_not_said_here_is_said_nowhere(word):
    texts = {**{key: chinese for key, (_, chinese) in WORDS.items()}, **CHINESE_LESSONS,
             "README": (FOLDER / "zh" / "README.md").read_text(encoding="utf-8")}
    right = FORBIDDEN[word]
    assert [key for key, text in texts.items() if word in (text.replace(right, "") if word in right else text)] == []


def test_each_model_is_called_by_its_field_s_name_in_the_picker_and_in_its_lesson():
    for card in CARDS:
        family = card.name.rpartition("_")[0]
        for short, name in (("gan", "生成对抗网络"), ("vae", "变分自编码器"), ("cnn", "卷积神经网络"), ("espcn", "亚像素卷积")):
            if family.endswith(short) and card.name not in ("espcn_gan_x4", "transfer_gan"):
                assert name in WORDS[f"term_{family}"][1], card.name
    for lesson, name in {"gan": "生成对抗网络（GAN）", "dcgan": "深度卷积生成对抗网络（DCGAN）", "vae": "变分自编码器（VAE）",
                         "conv_vae": "变分自编码器（VAE）", "srcnn": "超分辨率卷积神经网络（SRCNN）", "autoencoder": "自编码器",
                         "espcn": "亚像素卷积网络（ESPCN）", "attention": "注意力", "transfer": "风格迁移"}.items():
        assert name in CHINESE_LESSONS[lesson].partition("\n")[0]


@pytest.mark.parametrize(("english", "chinese"), [*GRADIO, *API_PAGE])
def test_a_phrase_of_gradio_s_is_said_in_chinese(english, chinese):
    assert set(re.findall(r"{\w+}", chinese)) <= set(re.findall(r"{\w+}", english))
    assert english_in([bare(chinese)], NAMES | {"Space"}) == set()


@pytest.mark.parametrize("name", CHINESE_LESSONS)
def test_a_lesson_has_no_english_but_names_and_what_it_quotes(name):
    words = CHINESE_LESSONS[name].partition("\n## 论文\n")[0]
    code = r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|\(try:[^)]*\)|\(lesson:[^)]*\)|\{\w+\}|</?\w+>|arXiv:[\d.]+"
    quoted = r"\*[A-Za-z -]+\*|不是 enhanced|论文里的 All"  # what letters of a name stand for
    assert english_in([re.sub(f"{code}|{quoted}", " ", words, flags=re.S)]) == set()


def test_every_training_curve_has_a_name():
    curves = {name for card in CARDS for name in card.facts.curve}
    assert len(curves) > 10 and {name for name in curves - {"step"} if f"loss_{name}" not in WORDS} == set()


def test_no_lesson_says_below_of_what_is_above():
    for name, words in CHINESE_LESSONS.items():
        assert not re.search(r"本页(的)?下[方面]|页面下[方面]|课文下[方面]", words), name


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*no_silent_downcasting")
@pytest.mark.filterwarnings("ignore:The copy keyword is deprecated")
class TestInTheBrowser:
    @pytest.mark.parametrize("task", TASKS)
    def test_no_english_is_left_in_any_tab_with_its_folds_open(self, visit, task):  # noqa: F811
        page = visit("zh-CN", 1366, 768)
        bench = tab(page, task)
        if task == "restore":  # the editor
            pick(bench, "attention_inpaint")
            bench.locator("[aria-label=画笔]").first.wait_for()
        bench.evaluate(OPEN_ALL)
        bench.locator(".lesson-text p").first.wait_for()
        page.wait_for_timeout(1500)
        own = {"slow", "glimpsed", "broken", "im", "title"}  # cards of test_page, which have no words
        assert english_in(page.evaluate(ENGLISH, page.locator("body").element_handle()), NAMES | own) == set(), "not a name"

    def test_no_english_is_left_in_what_comes_and_goes(self, visit):  # noqa: F811
        page = visit("zh-CN", 1366, 768)

        def left(part: str) -> set[str]:
            page.wait_for_timeout(200)
            return english_in(page.evaluate(ENGLISH, page.locator(part).first.element_handle()))

        bench = tab(page, "generate")
        bench.locator(".result .thumbnail-item").first.click()
        assert left(".bench-generate .result") == set()
        bench = tab(page, "upscale")
        bench.get_by_label("全屏").first.click()
        assert left(".bench-upscale .source") == set()
        bench.get_by_label("退出全屏").first.click()
        bench.get_by_label("移除图片").click()
        bench.locator("[data-testid=upload-text]").wait_for()
        assert left(".bench-upscale .source") == set()
        bench.locator("button.run").click()
        bench.locator(".source input[type=file]").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"x"})
        page.get_by_text("文件类型不对").wait_for()
        assert left(".toast-wrap") == set()
        bench.locator("[data-way=camera]").click()  # there is none
        page.get_by_text("无法使用摄像头").first.wait_for()
        assert left(".bench-upscale .entry") == left(".toast-wrap") == set()

    def test_no_english_is_left_on_the_page_about_the_endpoints(self, visit):  # noqa: F811
        page = visit("zh-CN", 1366, 768)
        page.locator("footer button.show-api").click()
        for one in page.locator(".api-docs .snippets .snippet").all():
            one.click()
            page.wait_for_timeout(300)
            found = page.evaluate(ENGLISH, page.locator(".api-docs").element_handle())
            assert english_in(found, NAMES | CODE) == set(), one.inner_text()
            assert any("参数" in text or "键" in text or "MCP" in text for text in found)

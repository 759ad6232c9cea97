"""Several upscalers on one picture, and one upscaler on many."""

import re
import zipfile
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from conftest import asked_in
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from imgen.batch import FileDone, batch
from imgen.catalog import find_card
from imgen.controls import UserError
from imgen.drawing import scenes
from imgen.evaluation.upscaling import error_map
from imgen.image import Picture, decode, encode
from imgen.tabs import comparison, many
from imgen.tabs.comparison import LEAST, SCALE, SIDE, compare, prepared, rivals
from imgen.tabs.many import enlarge_all, stopped
from imgen.texts import text

PAIR = ["bicubic", "nearest"]


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(encode(scenes.city(96, 3)))
    return path


def files_of(html, kind="picture"):
    return [Path(found) for found in re.findall(rf"--{kind}:url\('gradio_api/file=([^']+)'\)", html)]


def test_results_appear_one_by_one_after_the_truth(photo):
    shown = [len(files_of(grid)) for grid, *_ in compare(None, photo, PAIR, "bicubic")]
    assert shown == [1, 2, 3]
    *_, (grid, *_) = compare(None, photo, PAIR, "none")
    assert [path.stem for path in files_of(grid)] == [card.name for card in rivals() if card.name in PAIR]


def test_a_result_is_what_the_card_makes_and_the_truth_what_was_given(photo):
    *_, (grid, *_) = compare(None, photo, ["bicubic"], "bicubic")
    truth, result = (decode(path) for path in files_of(grid))
    assert truth == decode(photo)
    small = np.asarray(Image.open(photo).convert("RGB").resize((24, 24), Image.Resampling.BICUBIC))
    assert result == find_card("bicubic")(Picture(small), scale=SCALE).pictures[0]


def test_figures_beside_a_picture_are_its_own(photo):
    """PSNR by scikit-image, of luminance as MATLAB has it, with the border cut off."""
    *_, (grid, *_) = compare(None, photo, ["bicubic"], "bicubic")
    truth, result = (decode(path).pixels.astype(float) for path in files_of(grid))
    y, true = ((x @ (65.481, 128.553, 24.966) / 255 + 16)[SCALE:-SCALE, SCALE:-SCALE] for x in (result, truth))
    wanted = peak_signal_noise_ratio(true, y, data_range=255)
    [psnr] = re.findall(r"<b>([\d.]+) dB</b>", grid)
    assert abs(float(psnr) - wanted) < 0.02 and "SSIM" in grid


def test_without_a_truth_there_are_no_figures_of_quality(photo):
    *_, (grid, *_) = compare(None, photo, PAIR, "none")
    assert " dB" not in grid and not files_of(grid, "error")


def test_errors_are_black_where_there_are_none_and_bright_where_they_are_large():
    truth = np.full((8, 8, 3), 100, np.uint8)
    wrong = truth.copy()
    wrong[0, 0], wrong[0, 1] = 116, 160
    colours = error_map(Picture(wrong), Picture(truth)).pixels
    assert colours[1:].max() == 0 and colours[0, 0].tolist() == [255, 0, 0] and colours[0, 1].tolist() == [255, 255, 255]


def test_a_picture_of_any_kind_is_prepared():
    for pixels in (np.zeros((700, 1300, 4), np.uint8), np.zeros((40, 1100, 1), np.uint16), np.zeros((5, 3, 3), np.uint8)):
        given, true = prepared(Picture(pixels), "none")
        assert true is None and max(given.width, given.height) <= SIDE and given.pixels.shape[2] == 3
    given, true = prepared(Picture(np.zeros((70, 61, 3), np.uint8)), "phone")
    assert (true.height, true.width) == (68, 60) and (given.height, given.width) == (17, 15)


def test_the_phone_spoils_a_picture_the_same_way_every_time():
    picture = scenes.city(96, 3)
    (a, _), (b, _), (neat, _) = (prepared(picture, how) for how in ("phone", "phone", "bicubic"))
    assert a == b and np.abs(a.pixels.astype(int) - neat.pixels).mean() > 1


@pytest.mark.parametrize(("source", "chosen", "truth", "words"), [
    (None, PAIR, "none", "请先选择"), ("photo", [], "none", "至少选择一种"), ("tiny", PAIR, "bicubic", str(LEAST)),
    ("photo", PAIR, "magic", "magic"),
])
def test_a_mistake_is_one_sentence(tmp_path, photo, source, chosen, truth, words):
    Image.new("RGB", (9, 9)).save(tmp_path / "tiny.png")
    path = {"photo": photo, "tiny": tmp_path / "tiny.png", None: None}[source]
    with pytest.raises(gr.Error) as caught:
        next(compare(asked_in("zh"), path, chosen, truth))
    assert words in str(caught.value)


def test_one_that_cannot_run_says_why_and_the_others_go_on(photo, monkeypatch):
    class Broken:
        name, facts = "bicubic", {}

        def __call__(self, picture, scale):
            raise UserError("picture_missing", name="<b>")

    monkeypatch.setattr(comparison, "rivals", lambda: [Broken(), find_card("nearest")])
    *_, (grid, *_) = compare(asked_in("en"), photo, ["bicubic", "nearest"], "none")
    assert "&lt;b&gt;" in grid and "<b>" not in grid and [path.stem for path in files_of(grid)] == ["nearest"]


def test_stop_spares_those_that_are_left(photo, monkeypatch):
    asked = []
    monkeypatch.setattr(comparison, "entry", lambda request, card, *rest: asked.append(card.name) or "")
    running = compare(None, photo, [card.name for card in rivals()], "none")
    next(running), next(running)
    running.close()
    assert len(asked) == 1


# -- many ------------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Files stay there for hours, to be gone on with: those of an earlier test run must not be found."""
    monkeypatch.setattr(many, "folder", lambda: tmp_path / "served")


def zipped(update):
    with zipfile.ZipFile(update["value"]) as archive:
        return sorted(archive.namelist())


def test_many_files_become_one_zip_and_a_bad_one_is_named(photo, tmp_path):
    other, bad = tmp_path / "other.jpg", tmp_path / "<b>notes.txt"
    Image.new("RGB", (6, 5)).save(other)
    bad.write_text("no picture")
    files = [str(path) for path in (photo, bad, other)]
    *_, (status, download, stop) = enlarge_all(asked_in("en"), files, "nearest", {"scale": 2, "label": "x"})
    assert "2 of 3" in status and "&lt;b&gt;notes.txt" in status and "<b>notes" not in status
    assert zipped(download) == ["other.png", "photo.png"] and stop["interactive"] is False


def test_after_a_stop_what_is_done_can_be_had_and_the_rest_follows(photo, tmp_path, monkeypatch):
    Image.new("RGB", (6, 5)).save(tmp_path / "another.png")
    files = [str(photo), str(tmp_path / "another.png")]
    running = enlarge_all(asked_in("en"), files, "nearest", {"scale": 3})
    while "1 of 2" not in next(running)[0]:
        pass
    running.close()
    _, download, _ = stopped(asked_in("en"))
    assert decode(Path(download["value"])).width == 3 * 96
    done = []
    monkeypatch.setattr(many, "batch", lambda *a, **k: (done.append(f) or f for f in batch(*a, **k)))
    *_, (status, download, _) = enlarge_all(asked_in("en"), files, "nearest", {"scale": 3})
    assert [one.kept for one in done if isinstance(one, FileDone)] == [True, False]
    assert zipped(download) == ["another.png", "photo.png"]


def test_visitors_with_the_same_files_know_nothing_of_each_other(photo):
    one, other = (SimpleNamespace(headers={}, session_hash=name) for name in ("one", "other"))
    statuses = [[*enlarge_all(visitor, [str(photo)], "nearest", {"scale": 3})][-1][0] for visitor in (one, other, one)]
    assert ["1 of them were there" in status for status in statuses] == [False, False, True]


def test_after_a_stop_nothing_of_another_model_is_offered(photo):
    *_, (_, whole, _) = enlarge_all(None, [str(photo)], "nearest", {"scale": 3})
    assert decode(Path(whole["value"])).width == 3 * 96
    for card, knobs in (("bicubic", {"scale": 3}), ("nearest", {"scale": 2})):
        running = enlarge_all(None, [str(photo)], card, knobs)
        for _ in range(2):  # it has begun, and made nothing yet
            next(running)
        running.close()
        _, download, _ = stopped(None)
        assert download["value"] is None and download["visible"] is False


def test_what_fails_for_all_ends_the_work_in_one_sentence(photo):
    running = enlarge_all(asked_in("en"), [str(photo)], "nearest", {"scale": 99})
    updates = []
    with pytest.raises(gr.Error, match="99"):
        for now in running:
            updates.append(now)
    status, _, stop = updates[-1]
    assert "failed" in status and "99" in status and stop["interactive"] is False


def test_no_files_is_one_sentence():
    with pytest.raises(gr.Error, match=text("picture_first", "en")):
        list(enlarge_all(asked_in("en"), None, "nearest", {}))

"""The terminal face, as a person types it: results go to files, mistakes are one sentence."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgen.catalog import CARDS, CATALOG
from imgen.controls import UserError
from imgen.drawing import scenes
from imgen.image import Picture, decode, encode

ROOT = Path(__file__).parent.parent


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.fromarray(scenes.city(48, seed=1).pixels).save(path)
    return path


def one_sentence(error):
    return "Traceback" not in error and len(error.strip().splitlines()) == 1 and error.strip()[-1] in ".?"


def test_list_for_people_names_every_card(here):
    code, out, _ = here("list")
    assert code == 0 and [line.split()[0] for line in out.splitlines()] == [card.name for card in CARDS]


def test_list_for_programs_tells_what_the_cards_say(here):
    code, out, _ = here("list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0 and list(rows) == [card.name for card in CARDS]
    for card in CARDS:
        assert rows[card.name]["license"] == card.license and rows[card.name]["scores"] == card.facts.scores


def test_a_picture_is_enlarged_as_in_python(here, photo, tmp_path):
    code, out, _ = here("run", "bicubic", photo, "--scale", "3", "-o", tmp_path / "new" / "large.png")
    assert (code, out.strip()) == (0, str(tmp_path / "new" / "large.png"))
    result = decode(tmp_path / "new" / "large.png")
    assert np.array_equal(result.pixels, CATALOG["bicubic"](decode(photo), scale=3).pictures[0].pixels)
    assert result.width == 3 * decode(photo).width


@pytest.mark.parametrize("card", ["bicubic", "espcn_x2"])
def test_a_factor_need_not_be_whole(here, photo, tmp_path, card):
    code, *_ = here("run", card, photo, "--scale", "1.5", "-o", tmp_path / "large.png")
    assert code == 0 and decode(tmp_path / "large.png").width == 72


def test_a_generator_takes_its_knobs(here, tmp_path):
    code, *_ = here("run", "mlp_vae_fashion28", "--label", "bag", "--count", "3", "--seed", "4", "-o", tmp_path / "bags")
    bags = CATALOG["mlp_vae_fashion28"](label="bag", count=3, seed=4).pictures
    files = [decode(path) for path in sorted((tmp_path / "bags").iterdir())]
    assert code == 0 and [np.array_equal(a.pixels, b.pixels) for a, b in zip(files, bags, strict=True)] == [True] * 3


@pytest.mark.slow
def test_every_card_says_its_knobs(here):
    for card in CARDS:
        code, out, _ = here("run", card.name, "--help")
        options = set(re.findall(r"--([a-z0-9-]+)", re.sub(r"\x1b\[[0-9;]*m", "", out)))
        assert code == 0 and {name.replace("_", "-") for name in card.knobs} <= options, card.name


def test_a_folder_goes_on_after_a_bad_file(here, photo, tmp_path):
    (tmp_path / "notes.png").write_text("not a picture")
    Image.new("RGB", (20, 16), "red").save(tmp_path / "photo.png")
    code, out, error = here("run", "espcn_x2", tmp_path, "-o", tmp_path / "out")
    assert code == 2 and "notes.png" in error and "Traceback" not in error
    assert {Path(line).name for line in out.splitlines()} == {"photo.png", "photo-2.png"} and "there already" not in error
    code, again, error = here("run", "espcn_x2", tmp_path, "-o", tmp_path / "out")
    assert (code, again) == (2, out) and error.count("there already") == 2


def test_a_mistyped_model_is_answered_with_those_that_are_near(here, photo, tmp_path):
    _, _, error = here("run", "espcn4", photo, "-o", tmp_path / "large.png")
    assert "espcn_x4" in error and "dcgan" not in error


def test_what_cannot_be_measured_is_named(here, tmp_path):
    (tmp_path / "city.png").write_bytes(encode(scenes.city(48, 1)))
    (tmp_path / "notes.jpg").write_text("not a picture")
    code, out, error = here("evaluate", "bicubic", "--data", tmp_path, "--json")
    assert code == 2 and not out and one_sentence(error) and "notes.jpg" in error


def test_an_upscaler_is_measured_as_from_a_phone_and_exactly_at_once(here, tmp_path):
    (tmp_path / "city.png").write_bytes(encode(scenes.city(96, 1)))
    code, out, _ = here("evaluate", "bicubic", "--data", tmp_path, "--phone", "--exact", "--json")
    rows = {row["data"]: row for row in map(json.loads, out.splitlines())}
    assert code == 0 and set(rows) == {tmp_path.stem, f"{tmp_path.stem}_phone"}
    assert "psnr" in rows[f"{tmp_path.stem}_phone"] and "float32_psnr" in rows[tmp_path.stem]


@pytest.mark.parametrize(("card", "measure"), [
    ("espcn_x2", "psnr"), ("dncnn_color", "noise_25"), ("conv_ae_restore", "strokes_gain"), ("bicubic", ""), ("spoil", ""),
])
def test_eight_views_are_measured_where_there_are_any(here, tmp_path, card, measure):
    """Beside the same in one view, of which they are not far off."""
    (tmp_path / "city.png").write_bytes(encode(scenes.city(96, 1)))
    code, out, _ = here("evaluate", card, "--data", tmp_path, "--views", "--json")
    scores = json.loads(out)
    found = {name.removeprefix("views_") for name in scores if name.startswith("views_")}
    assert code == 0 and (measure in found if measure else not found)
    assert all(abs(scores[f"views_{name}"] - scores[name]) < 1 for name in found)
    assert not measure or scores[f"views_{measure}"] != scores[measure]


def test_pictures_of_a_generator_become_a_film_and_a_sum(here, tmp_path):
    assert here("run", "mlp_vae_fashion28", "--count", "3", "-o", tmp_path)[0] == 0
    stops = sorted(tmp_path.glob("*.png"))
    assert here("film", *stops, "--steps", "4", "-o", tmp_path / "film.webp")[0] == 0
    with Image.open(tmp_path / "film.webp") as film:
        assert (film.n_frames, film.size, film.info["loop"]) == (12, (28, 28), 0)
        film.seek(4)  # a stop, without loss
        assert np.abs(np.asarray(film.convert("L")).astype(int) - decode(stops[1]).pixels[..., 0]).max() <= 1
    assert here("combine", *stops, "-o", tmp_path / "sum.png")[0] == 0
    assert decode(tmp_path / "sum.png").width == 28


def test_a_picture_of_ones_own_is_found_and_can_be_filmed(here, photo, tmp_path):
    code, out, said = here("find", "mlp_vae_fashion28", photo, "--label", "bag", "-o", tmp_path / "bag.png")
    assert (code, out.strip()) == (0, str(tmp_path / "bag.png")) and " dB" in said
    assert decode(tmp_path / "bag.png").width == 28
    assert here("film", tmp_path / "bag.png", tmp_path / "bag.png", "--steps", "2", "-o", tmp_path / "film.webp")[0] == 0


@pytest.mark.parametrize(("arguments", "word"), [
    (["run", "espcn_x9", "PHOTO", "-o", "out.png"], "espcn_x4"),
    (["run", "espcn_x2", "-o", "out.png"], "picture"),
    (["run", "espcn_x2", "missing.png", "-o", "out.png"], "missing.png"),
    (["run", "espcn_x2", "PHOTO", "-o", "out.jpg"], "out.jpg"),
    (["run", "espcn_x2", "PHOTO", "PHOTO", "-o", "out.png"], "out.png"),
    (["run", "espcn_x2", "PHOTO", "-o", "PHOTO/out.png"], "folder"),
    (["run", "dcgan_flowers64", "--count", "1000", "-o", "out"], "1000"),
    (["run", "dcgan_flowers64", "--label", "oak", "-o", "out"], "oak"),
    (["film", "PHOTO", "PHOTO", "-o", "film.webp"], "remember"),
    (["combine", "PHOTO", "PHOTO", "missing.png", "-o", "sum.png"], "missing.png"),
    (["find", "oak", "PHOTO", "-o", "out.png"], "oak"),
    (["find", "draw_lines", "PHOTO", "-o", "out.png"], "latent"),
    (["find", "mlp_vae_fashion28", "missing.png", "-o", "out.png"], "missing.png"),
    (["find", "mlp_vae_fashion28", "PHOTO", "--label", "rose", "-o", "out.png"], "rose"),
    (["train", "oak", "--data", "PHOTO"], "oak"),
    (["train", "espcn_x2", "--data", "nowhere"], "nowhere"),
    (["evaluate", "oak", "--data", "PHOTO"], "oak"),
    (["evaluate", "espcn_x2", "--data", "nowhere"], "nowhere"),
    (["evaluate", "dcgan_flowers64", "--data", "FOLDER"], "few"),
    (["evaluate", "mlp_vae_fashion28", "--data", "PHOTO"], "few"),
    (["evaluate", "distilled_squeezenet", "--data", "FOLDER"], "squeezenet"),
    (["evaluate", "espcn_x2", "--data", "FOLDER", "--neighbours", "out.png"], "espcn_x2"),
])
def test_a_mistake_is_one_sentence(here, photo, arguments, word, monkeypatch):
    monkeypatch.chdir(photo.parent)
    known = {"PHOTO": photo.name, "FOLDER": "."}
    code, out, error = here(*(known.get(a, a.replace("PHOTO", photo.name)) for a in arguments))
    assert code == 2 and not out and one_sentence(error) and word in error
    assert str(photo.parent) not in error


@pytest.mark.slow
def test_training_writes_a_card_and_goes_on_from_there(here, tmp_path):
    (tmp_path / "photos").mkdir()
    Image.fromarray(scenes.city(192, seed=1).pixels).save(tmp_path / "photos" / "city.png")
    where = ["--data", tmp_path / "photos", "--out", tmp_path / "weights", "--checkpoints", tmp_path / "runs"]
    for steps in (2, 3):
        code, out, _ = here("train", "espcn_x2", "--steps", steps, *where)
        assert code == 0 and Path(out.strip()) == tmp_path / "weights" / "espcn_x2.safetensors"
        facts = json.loads((tmp_path / "weights" / "espcn_x2.json").read_text())
        assert facts["training"]["steps"] == steps and facts["scale"] == 2
    assert facts["training"]["planned_steps"] == [2, 3]


def test_evaluate_measures_what_the_papers_measure(here, tmp_path):
    """Against scikit-image, on the same LR picture."""
    from skimage.metrics import peak_signal_noise_ratio

    from imgen.training.degrade import shrink

    pixels = scenes.city(96, seed=2).pixels
    Image.fromarray(pixels).save(tmp_path / "city.png")
    code, out, _ = here("evaluate", "espcn_x3", "--data", tmp_path, "--json")
    hr, lr = shrink(pixels, 3)
    sr = CATALOG["espcn_x3"](Picture(lr)).pictures[0].pixels
    y = [(p.astype(float) @ (65.481, 128.553, 24.966) / 255 + 16)[3:-3, 3:-3] for p in (hr, sr)]
    assert code == 0
    assert json.loads(out)["psnr"] == pytest.approx(peak_signal_noise_ratio(*y, data_range=255), abs=0.001)


def test_words_are_chinese_for_a_chinese_machine():
    """In a process of its own: the language is chosen when the program starts."""
    command = [sys.executable, "-m", "imgen", "run", "espcn_x9", "-o", "out.png"]
    environment = {**os.environ, "LC_ALL": "zh_CN.UTF-8", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 2 and "没有" in done.stderr and one_sentence(done.stderr.replace("。", "."))


def test_a_name_that_would_steer_the_terminal_is_escaped_and_emoji_are_not():
    from imgen.terminal.saying import printable

    assert printable("a\x1b[31mred\n\u202e.png") == "a\\x1b[31mred\\n\\u202e.png"
    assert printable("🧑\u200d🚀 花.png") == "🧑\u200d🚀 花.png" and printable("\udce9") == "\\udce9"


@pytest.mark.parametrize("notes", ['{"my": "own notes"}', "no json", "{}"])
def test_a_training_replaces_no_json_of_somebody_else(tmp_path, notes):
    from imgen.terminal.training import check_weights

    (tmp_path / "espcn_x2.json").write_text(notes)
    with pytest.raises(UserError) as caught:
        check_weights("espcn_x2", tmp_path)
    assert caught.value.key == "weights_of_others" and (tmp_path / "espcn_x2.json").read_text() == notes


def test_installed_elsewhere_it_finds_its_weights_and_says_what_it_needs(tmp_path):
    """As a wheel lays it out: no repository around it, `weights` inside, requirements in the metadata only."""
    site = tmp_path / "site"
    left_out = shutil.ignore_patterns("__pycache__", "assets", "lessons", "worksheets")
    shutil.copytree(ROOT / "imgen", site / "imgen", ignore=left_out)
    (site / "imgen" / "weights").mkdir()
    for name in ("espcn_x2.json", "espcn_x2.safetensors"):
        shutil.copy(ROOT / "weights" / name, site / "imgen" / "weights")
    told = site / "imgen-0.1.0.dist-info"
    told.mkdir()
    rows = [row.partition("#")[0].strip() for row in (ROOT / "requirements.txt").read_text().splitlines() if row[:1].isalnum()]
    needs = "".join(f"Requires-Dist: {row}\n" for row in [*rows, "pillow-heif; extra == 'formats'"])
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: imgen\nVersion: 0.1.0\n{needs}")
    Image.fromarray(scenes.city(24, seed=1).pixels).save(tmp_path / "photo.png")
    code = "import sys, imgen; sys.argv = ['imgen', *sys.argv[1:]]; imgen.main()"  # as the command that pip makes

    def imgen(*words):
        command = [sys.executable, "-c", code, *words]
        return subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, text=True)

    assert imgen("run", "espcn_x2", "photo.png", "-o", "large.png").returncode == 0
    assert decode(tmp_path / "large.png").width == 48
    done = imgen("doctor", "--json", "--check", "packages", "--check", "weights")
    found = {one["key"]: one for one in json.loads(done.stdout)["findings"]}
    assert done.returncode == 0 and found["weights"]["facts"]["count"] == 1
    assert found["packages"]["facts"]["count"] == rows.index(next(row for row in rows if row.startswith("pytest")))

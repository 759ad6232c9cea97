"""Where results go: nothing that was there is replaced or removed, nothing is made twice, and no name stops the work.

Trees are known by the sha256 of every file in them, before and after; what two programs do at once, two programs do.
"""

import errno
import hashlib
import io
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import noise_picture
from PIL import Image

from imgen import place
from imgen.batch import ENDINGS, inputs, targets
from imgen.controls import UserError
from imgen.image import animate, decode, encode
from imgen.place import fitting, is_folder, write, written
from imgen.texts.words import WORDS

ROOT = Path(__file__).parent.parent
MADE = {"card": "test", "knobs": {"scale": 2}, "source": "0123456789abcdef"}
POSIX = pytest.mark.skipif(os.name == "nt", reason="names of bytes, links and signals")


def drawn(path, seed=0, side=9, **how):
    """A picture of somebody's own."""
    Image.fromarray(noise_picture(side, side, seed=seed).pixels).save(path, **how)
    return path


def tree(folder):
    """Every file in it, and what it holds."""
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def imgen(*arguments, folder=ROOT, **settings):
    """The command in a process of its own -> (exit code, standard output, standard error), in bytes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1", **settings}
    command = [sys.executable, "-m", "imgen", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr, done.stderr.decode("utf-8", "replace")
    return done.returncode, done.stdout, done.stderr


# -- nothing is lost, nothing is made twice ----------------------------------------------------------------------------


def test_in_its_own_folder_nothing_is_replaced_and_a_second_run_makes_nothing(here, tmp_path):
    """PNG, JPEG and somebody's files of the names that results, and their forerunners, would like to have."""
    drawn(tmp_path / "flower.png")
    drawn(tmp_path / "tree.jpg", 1)
    drawn(tmp_path / "tree-2.png", 2)
    (tmp_path / "flower.part").write_text("somebody's")
    (tmp_path / ".flower.part").write_text("somebody's")
    before = tree(tmp_path)
    code, out, said = here("run", "nearest", tmp_path, "--scale", "2", "-o", tmp_path)
    first = tree(tmp_path)
    assert code == 0 and "flower.png" in said and "flower-2.png" in said and first.items() > before.items()
    assert {Path(line).name for line in out.splitlines()} == {"flower-2.png", "tree.png", "tree-2-2.png"}
    assert len(first) == len(before) + 3 and decode(tmp_path / "flower-2.png").width == 18
    for _ in range(2):
        code, again, said = here("run", "nearest", tmp_path, "--scale", "2", "-o", tmp_path)
        assert code == 0 and sorted(again.splitlines()) == sorted(out.splitlines()) and tree(tmp_path) == first
        assert said.count("already") == 3 and "flower-2.png, tree-2-2.png, tree.png" in said  # results are no inputs


def test_what_another_command_made_is_not_replaced(here, tmp_path):
    photo, out = drawn(tmp_path / "photo.jpg"), tmp_path / "large.png"
    names = []
    for card, scale in (("nearest", 2), ("nearest", 3), ("bicubic", 2), ("nearest", 2)):
        code, said, _ = here("run", card, photo, "--scale", scale, "-o", out)
        names.append(Path(said.strip()).name)
        assert code == 0
    assert names == ["large.png", "large-2.png", "large-3.png", "large.png"]
    drawn(photo, 5)
    assert Path(here("run", "nearest", photo, "--scale", "2", "-o", out)[1].strip()).name == "large-4.png"


def test_a_picture_of_its_own_name_stays(here, tmp_path):
    photo = drawn(tmp_path / "photo.png")
    before = tree(tmp_path)
    code, out, _ = here("run", "nearest", photo, "-o", photo)
    assert code == 0 and Path(out.strip()).name == "photo-2.png" and tree(tmp_path).items() > before.items()


def test_every_command_that_writes_a_file_leaves_what_is_there(here, tmp_path):
    """Twice, to the name of somebody's file: the file stays, the result lies beside it, and only once."""
    stops, mine = tmp_path / "stops", tmp_path / "mine"
    mine.mkdir()
    assert here("run", "mlp_vae_fashion28", "--count", "3", "-o", stops)[0] == 0
    a, b, c = sorted(stops.iterdir())
    photo = drawn(tmp_path / "photo.png")
    commands = {
        "run": ["run", "nearest", photo], "draw": ["run", "draw_lines", "--count", "2"],
        "find": ["find", "mlp_vae_fashion28", photo], "combine": ["combine", a, b, c],
        "steer": ["steer", a, "--amount", "1"], "film": ["film", a, b, "--steps", "2"],
    }
    for name, command in commands.items():
        out = mine / (f"{name}.webp" if name == "film" else f"{name}.png")
        out.write_text(f"somebody's {name}")
        for _ in range(2):
            code, said, error = here(*command, "-o", out)
            assert code == 0 and Path(said.strip()).name == f"{name}-2{out.suffix}", error
        assert out.read_text() == f"somebody's {name}"
    assert len(list(mine.iterdir())) == 2 * len(commands)
    assert Path(here("steer", a, "--amount", "2", "-o", mine / "steer.png")[1].strip()).name == "steer-3.png"
    assert Path(here("film", b, a, "--steps", "2", "-o", mine / "film.webp")[1].strip()).name == "film-3.webp"


def test_a_training_does_not_write_over_weights_of_others(here, tmp_path):
    (tmp_path / "espcn_x2.safetensors").write_bytes(b"somebody's")
    before = tree(tmp_path)
    code, out, error = here("train", "espcn_x2", "--data", tmp_path, "--out", tmp_path, "--checkpoints", tmp_path / "runs")
    assert code == 2 and not out and error.count("\n") == 1 and "espcn_x2.safetensors" in error and tree(tmp_path) == before


def test_files_of_a_generator_are_made_once_and_kept_apart(here, tmp_path):
    for seed, ending in ((1, ""), (2, "-2"), (1, "")):
        code, out, _ = here("run", "draw_lines", "--count", "2", "--seed", seed, "-o", tmp_path)
        assert code == 0 and [Path(line).name for line in out.splitlines()] == [f"000{ending}.png", f"001{ending}.png"]
    assert len(list(tmp_path.iterdir())) == 4


def test_a_film_with_its_record_is_a_film(tmp_path):
    """For Pillow, that is libwebp, and for whoever walks the chunks as the specification says."""
    pictures = [noise_picture(8, 8, seed=n) for n in range(3)]
    path, _ = write(tmp_path / "film.webp", pictures, MADE)
    data = path.read_bytes()
    with Image.open(path) as film, Image.open(io.BytesIO(animate(pictures))) as plain:
        for number in range(3):
            film.seek(number)
            plain.seek(number)
            assert film.n_frames == 3 and np.array_equal(np.asarray(film), np.asarray(plain))
    kinds, at = [], 12
    while at < len(data):
        kind, length = struct.unpack("<4sI", data[at : at + 8])
        kinds, at = [*kinds, kind], at + 8 + length + length % 2
    assert at == len(data) == struct.unpack("<4xI", data[:8])[0] + 8 and kinds[-1] == b"imge" and kinds.count(b"ANMF") == 3
    assert written(path)["source"] == MADE["source"]
    path.write_bytes(data[:-3])
    assert written(path) == {}


@pytest.mark.parametrize("spoil", [
    lambda path: path.write_bytes(path.read_bytes()[:-20]),  # half of it: the record comes first in a PNG
    lambda path: drawn(path), lambda path: path.write_text("notes"), lambda path: path.write_bytes(b""),
    lambda path: (path.unlink(), path.mkdir()), lambda path: (path.unlink(), path.symlink_to("nowhere")),
    lambda path: (path.unlink(), os.mkfifo(path)),
], ids=["half", "picture", "text", "empty", "folder", "link", "pipe"])
@POSIX
def test_whatever_stands_at_the_name_stays(tmp_path, spoil):
    target = tmp_path / "a.png"
    write(target, noise_picture(4, 4), MADE)
    spoil(target)
    before, kind = tree(tmp_path), os.lstat(target).st_mode
    assert write(target, noise_picture(4, 4), MADE) == (tmp_path / "a-2.png", False)
    assert tree(tmp_path).items() >= before.items() and os.lstat(target).st_mode == kind
    assert write(target, noise_picture(4, 4), MADE) == (tmp_path / "a-2.png", True)


def test_where_no_links_are_to_be_had_nothing_is_replaced_either(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise OSError(errno.EPERM, "as on a memory card")

    monkeypatch.setattr(os, "link", refused)
    drawn(tmp_path / "a.png")
    before = tree(tmp_path)
    assert [write(tmp_path / "a.png", noise_picture(4, 4), MADE) for _ in range(2)] == [
        (tmp_path / "a-2.png", False), (tmp_path / "a-2.png", True)]
    assert tree(tmp_path).items() > before.items() and len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("links", [True, False])
def test_a_name_that_is_taken_at_the_last_moment_stays_with_who_was_first(tmp_path, monkeypatch, links):
    find, taken = place.find, []

    def slow(*asked):
        path, there = find(*asked)
        if len(taken) < 2:
            path.write_text(f"somebody's {len(taken)}")
            taken.append(path)
        return path, there

    def refused(*_, **__):
        raise OSError(errno.EPERM, "as on a memory card")

    monkeypatch.setattr(place, "find", slow)
    if not links:
        monkeypatch.setattr(os, "link", refused)
    assert write(tmp_path / "a.png", noise_picture(4, 4), MADE) == (tmp_path / "a-3.png", False)
    assert [path.read_text() for path in taken] == ["somebody's 0", "somebody's 1"] and len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("end", [KeyboardInterrupt, OSError(errno.ENOSPC, ""), OSError(errno.EDQUOT, ""), MemoryError])
def test_whatever_ends_the_writing_leaves_nothing_behind(tmp_path, monkeypatch, end):
    def broken(number):
        raise end

    before = drawn(tmp_path / "a.png").read_bytes()
    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises((KeyboardInterrupt, MemoryError, UserError)) as error:
        write(tmp_path / "a.png", noise_picture(4, 4), MADE)
    assert (tmp_path / "a.png").read_bytes() == before and len(list(tmp_path.iterdir())) == 1
    if isinstance(end, OSError):
        assert error.value.key == "write_disk_full"


@pytest.mark.parametrize(("number", "key"), sorted(place.WHY.items()) + [(errno.EIO, "cannot_write"), (0, "cannot_write")])
def test_the_disk_is_full_only_when_it_is(number, key):
    error = place.unwritable(OSError(number, ""), "a.png")
    assert error.key == key and ("room" in WORDS[key][0]) == (number in (errno.ENOSPC, errno.EDQUOT))


# -- two at once -------------------------------------------------------------------------------------------------------

WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from imgen import place
from imgen.image import Picture
from imgen.place import write
find = place.find
place.find = lambda *asked: (find(*asked), time.sleep(0.002))[0]  # the other has time to take the name
folder, who, alike = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "alike"
print("ready", flush=True)
sys.stdin.readline()
for n in range(60):
    made = {"card": "test", "knobs": {}, "source": f"{n}" if alike else f"{who} {n}"}
    write(folder / f"{n % 20}.png", Picture(np.full((64, 64, 3), n if alike else 100 * who + n, np.uint8)), made)
"""
READER = """
import sys
from pathlib import Path
from PIL import Image
print("ready", flush=True)
sys.stdin.readline()
seen = 0
for _ in range(10**9):
    for path in Path(sys.argv[1]).glob("[0-9]*.png"):
        Image.open(path).load()
        seen += 1
    if (Path(sys.argv[1]) / "end").exists():
        break
print(seen)
"""


@pytest.mark.slow
@pytest.mark.parametrize("alike", [True, False])
def test_two_processes_in_one_folder_lose_nothing_and_never_show_half_a_file(tmp_path, alike):
    """The same command twice at once makes each result once; different ones keep out of each other's way."""
    folder, words = tmp_path / "out", "alike" if alike else "not alike"
    folder.mkdir()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT}
    reader = subprocess.Popen([sys.executable, "-c", READER, str(folder)], **pipes)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(n), words], **pipes) for n in range(2)]
    for one in (reader, *writers):
        assert one.stdout.readline() == "ready\n"
    for one in (reader, *writers):
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in writers:
        _, error = one.communicate(timeout=120)
        assert one.returncode == 0, error
    (folder / "end").touch()
    seen, error = reader.communicate(timeout=60)
    assert reader.returncode == 0 and int(seen) > 0, error
    results = {path: written(path)["source"] for path in folder.iterdir() if path.suffix}
    assert len(results) == len(set(results.values())) == (60 if alike else 120)
    for path, source in results.items():
        wanted = int(source) if alike else 100 * int(source[0]) + int(source[2:])
        assert (decode(path).pixels == wanted).all() and path.suffix == ".png"


@POSIX
@pytest.mark.slow
def test_a_run_that_is_killed_leaves_no_half_result(tmp_path):
    (tmp_path / "in").mkdir()
    for n in range(200):
        drawn(tmp_path / "in" / f"{n}.png", n, 40)
    command = [sys.executable, "-m", "imgen", "run", "nearest", str(tmp_path / "in"), "-o", str(tmp_path / "out")]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while len(list((tmp_path / "out").glob("*.png")) if (tmp_path / "out").exists() else []) < 5:
            assert running.poll() is None
            time.sleep(0.01)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert all(decode(path).width == 160 for path in (tmp_path / "out").glob("*.png"))
    assert inputs([tmp_path / "out"], tmp_path)[0] == sorted((tmp_path / "out").glob("*.png"))  # a forerunner is no picture


# -- names -------------------------------------------------------------------------------------------------------------


@POSIX
@pytest.mark.parametrize("letter", ["a", "é", "花", "🌻"])
def test_a_name_as_long_as_the_disk_allows_is_shortened_and_two_stay_apart(here, tmp_path, letter):
    """Two that differ at their very end, at the names of which somebody's files stand."""
    (tmp_path / "in").mkdir()
    most = (255 - len(".jpg") - 1) // len(letter.encode())
    for end in "xy":
        drawn(tmp_path / "in" / f"{letter * most}{end}.jpg", ord(end))
        (tmp_path / f"{letter * most}{end}.png").write_text(f"somebody's {end}")
    before = tree(tmp_path)
    code, out, error = here("run", "nearest", tmp_path / "in", "-o", tmp_path)
    made = [Path(line) for line in out.splitlines()]
    assert code == 0 and len(set(made)) == 2 and "disk" not in error and tree(tmp_path).items() > before.items()
    assert all(path.exists() and 240 < len(path.name.encode()) <= 255 for path in made)
    assert here("run", "nearest", tmp_path / "in", "-o", tmp_path)[1] == out


def test_what_fits_is_not_shortened_and_what_does_not_is_cut_between_characters():
    assert fitting("rose", "-2.png", 255) == "rose-2.png"
    for most in range(20, 40):
        name = fitting("花" * 30, ".png", most)
        assert len(name.encode()) <= most < len(name.encode()) + 3 + 1 and "\ufffd" not in name and name.endswith(".png")
    assert fitting("花" * 30 + "a", ".png", 40) != fitting("花" * 30 + "b", ".png", 40)


def test_a_folder_or_a_picture_whose_name_is_too_long_is_one_sentence(here, tmp_path):
    photo = drawn(tmp_path / "photo.png")
    for given, out in ((photo, tmp_path / ("x" * 300) / "a.png"), (tmp_path / f"{'x' * 300}.png", tmp_path / "a.png")):
        code, out, error = here("run", "nearest", given, "-o", out)
        assert code == 2 and not out and len(error.splitlines()) == 1


RAW = [b"caf\xe9.png", b"\xff\xfe.png", "花.png".encode(), b"line\nbreak.png", b"\x1b[31mred.png", "\u202egnp.png".encode()]


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "gbk", "utf-8"])
def test_no_name_and_no_code_page_stops_a_batch(tmp_path, encoding):
    folder = tmp_path / "in"
    folder.mkdir()
    for n, name in enumerate(RAW):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(encode(noise_picture(5, 5, seed=n)))
        Path(os.fsdecode(os.fsencode(folder) + b"/bad-" + name)).write_bytes(b"no picture")
    before = tree(folder)
    code, out, error = imgen("run", "nearest", folder, "-o", tmp_path / "out", PYTHONIOENCODING=encoding)
    assert code == 2 and len(list((tmp_path / "out").iterdir())) == len(RAW) and tree(folder) == before
    assert error.count(b"bad-") == len(RAW) and b"\x1b" not in error and out.count(b"out/") == len(RAW)
    assert sorted(os.listdir(os.fsencode(tmp_path / "out"))) == sorted(RAW)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252:strict", "utf-8"])
@pytest.mark.parametrize("language", ["C", "zh_CN.UTF-8"])
def test_the_list_is_printed_on_any_code_page(encoding, language):
    for arguments in (["list"], ["run", "espcn_x4", "--help"], ["--help"]):
        assert imgen(*arguments, LC_ALL=language, PYTHONIOENCODING=encoding)[0] == 0
    code, out, _ = imgen("list", "--json", LC_ALL=language, PYTHONIOENCODING=encoding)
    rows = json.loads(out)
    code, wide, _ = imgen("list", "--json", LC_ALL=language, PYTHONIOENCODING="utf-8")
    assert code == 0 and rows == json.loads(wide) and len(rows) > 40


# -- folders -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["trip_2024.05", "album.png", "v1.2.3", "plain"])
def test_a_folder_is_one_whatever_dots_it_has(here, tmp_path, name):
    photos = [drawn(tmp_path / f"{n}.png", n) for n in range(2)]
    (tmp_path / name).mkdir()
    assert here("run", "nearest", *photos, "-o", tmp_path / name)[0] == 0
    assert here("run", "nearest", *photos, "-o", f"{tmp_path / ('new ' + name)}/")[0] == 0
    assert here("run", "draw_lines", "--count", "2", "-o", tmp_path / name)[0] == 0
    for folder in (tmp_path / name, tmp_path / f"new {name}"):
        assert {"0.png", "1.png"} <= {path.name for path in folder.iterdir()}
    assert (tmp_path / name / "001.png").is_file()


def test_one_result_that_goes_into_a_folder_has_the_name_of_what_it_is_of(here, tmp_path):
    assert here("run", "mlp_vae_fashion28", "--count", "2", "-o", tmp_path / "stops")[0] == 0
    a, b = sorted((tmp_path / "stops").iterdir())
    assert here("steer", a, "-o", f"{tmp_path}/moved.d/")[0] == 0
    assert here("film", b, a, "--steps", "2", "-o", f"{tmp_path}/films/")[0] == 0
    assert (tmp_path / "moved.d" / "000.png").is_file() and (tmp_path / "films" / "001.webp").is_file()


def test_a_name_that_may_be_meant_as_a_folder_is_answered_so(here, tmp_path):
    photos = [drawn(tmp_path / f"{n}.png", n) for n in range(2)]
    for given in (photos, photos[:1]):
        code, out, error = here("run", "nearest", *given, "-o", tmp_path / "trip_2024.05")
        assert code == 2 and not out and "slash" in error and len(error.splitlines()) == 1
    assert is_folder("a/") and is_folder("a") and not is_folder("a.png")


PLAIN = {".jfif": "JPEG", ".jpe": "JPEG", ".dib": "DIB", ".pnm": "PPM", ".pbm": "PPM", ".apng": "PNG", ".mpo": "MPO", "": "PNG",
         ".photo": "JPEG", ".JFIF": "JPEG", ".bak": "BMP", ".1": "WEBP", ".2": "TIFF", ".3": "GIF", ".4": "AVIF", ".5": "DIB"}


def test_a_folder_is_gone_through_by_what_its_files_hold_and_all_else_is_named(here, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for n, (ending, kind) in enumerate(PLAIN.items()):
        picture = Image.fromarray(noise_picture(20, 20, seed=n).pixels)
        more = {"save_all": True, "append_images": [picture]} if kind == "MPO" else {}
        (picture.convert("1") if ending == ".pbm" else picture).save(folder / f"p{n}{ending}", kind, **more)
    for name in ("2023", "album.png"):
        (folder / name).mkdir()
        drawn(folder / name / "inside.png")
    (folder / "._p0.png").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(50))
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (folder / "notes.txt").write_text("no picture")
    (folder / "empty").touch()
    (folder / "BMW.doc").write_text("BM is how a bitmap begins, too")
    if os.name != "nt":
        os.mkfifo(folder / "pipe.png")
        (folder / "gone.png").symlink_to("nowhere")
    before = tree(folder)
    code, out, said = here("run", "nearest", folder, "--scale", "2", "-o", tmp_path / "out")
    assert code == 0 and tree(folder) == before
    assert {Path(line).stem for line in out.splitlines()} == {f"p{n}" for n in range(len(PLAIN))}
    assert all(decode(line).width == 40 for line in out.splitlines())
    words = {name: line.split(": ")[1] for line in said.splitlines() if ": " in line for name in line.split(": ")[0].split(", ")}
    assert "folder" in words["2023"] and words["album.png"] == words["2023"]
    assert "system" in words["._p0.png"] and words[".DS_Store"] == words["._p0.png"]
    assert all("no picture" in words[name] for name in ("notes.txt", "empty", "BMW.doc"))
    assert set(words) == {path.name for path in folder.iterdir()} - {f"p{n}{ending}" for n, ending in enumerate(PLAIN)}


def test_what_says_that_it_is_a_picture_and_is_none_is_named_with_the_reason_at_the_end(here, tmp_path):
    drawn(tmp_path / "good.png")
    for name in ("bad.png", "worse.jfif"):
        (tmp_path / name).write_text("no picture")
    Image.new("1", (7000, 7000)).save(tmp_path / "huge.png")
    code, out, said = here("run", "nearest", tmp_path, "-o", tmp_path / "out")
    assert code == 2 and len(out.splitlines()) == 1 and ".jfif" in ENDINGS
    lines = said.splitlines()
    assert lines[0].startswith("bad.png, worse.jfif: ") and lines[1].startswith("huge.png: ") and "3 of 4" in lines[2]


def test_nothing_to_do_is_one_sentence_after_what_was_left_out(here, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    code, out, said = here("run", "nearest", tmp_path, "-o", tmp_path / "out")
    assert code == 2 and not out and "notes.txt" in said and said.count("\n") == 2 and not (tmp_path / "out").exists()


@POSIX
def test_a_pipe_is_no_picture_and_nobody_waits_for_it(here, tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    code, out, said = here("run", "nearest", tmp_path / "pipe.png", "-o", tmp_path / "out.png")
    assert code == 2 and not out and said.count("\n") == 1


def test_two_of_one_name_get_a_file_each_and_two_alike_one(tmp_path, here):
    for n, name in enumerate(("a", "b", "c")):
        (tmp_path / name).mkdir()
        drawn(tmp_path / name / "photo.png", min(n, 1))
    code, out, _ = here("run", "nearest", *(tmp_path / name / "photo.png" for name in "abc"), "-o", tmp_path / "out")
    assert code == 0 and [Path(line).name for line in out.splitlines()] == ["photo.png", "photo-2.png", "photo-2.png"]
    assert len(targets([tmp_path], tmp_path)) == 1


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="takes another user's part")
@pytest.mark.slow
def test_a_folder_of_somebody_elses_is_told_before_the_work_begins():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        photo = drawn(Path(folder) / "photo.png")
        command = ["imgen", "run", "nearest", str(photo), "-o"]
        script = f"""import contextlib, io, os, sys
from imgen.__main__ import main
sys.argv = {[*command, f"{folder}/first"]}
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()  # all is imported by then: the other user may not read this Python
open({str(photo)!r}, "w").close()  # of no picture nothing is said before
os.setgid(65534)
os.setuid(65534)
sys.argv = {[*command, folder]}
main()"""
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "may not be written" in done.stderr, done.stderr
        assert done.stderr.count("\n") == 1 and not done.stdout and sorted(os.listdir(folder)) == ["first", "photo.png"]

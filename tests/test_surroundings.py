"""`python app.py` on machines as they are: behind proxies, at a port that is taken, with folders that are somebody else's."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.slow  # each starts a server
ROOT = Path(__file__).parent.parent
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def started(folder, port, **settings):
    """`python app.py` with these proxies only -> the process, once it says where it is or has ended, and its words by then."""
    environment = {name: value for name, value in os.environ.items() if name.lower() not in PROXIES}
    environment |= {"GRADIO_SERVER_PORT": str(port), "LC_ALL": "C.UTF-8", **settings}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    while process.poll() is None and b"imgen is at" not in (folder / "log").read_bytes():
        time.sleep(0.05)
    return process, (folder / "log").read_text().splitlines()


def ended(process):
    process.send_signal(signal.SIGTERM)
    return process.wait(60)


@pytest.mark.parametrize("named", [
    {"http_proxy": "http://127.0.0.1:DEAD", "https_proxy": "http://127.0.0.1:DEAD"}, {"HTTP_PROXY": "http://[broken"},
    {"ALL_PROXY": "socks://127.0.0.1:DEAD", "NO_PROXY": "intern.example"},
], ids=str)
def test_no_proxy_stops_the_page_on_loopback(port, tmp_path, named):
    with socket.socket() as dead:  # bound, and nobody listens: nothing else can take it meanwhile
        dead.bind(("127.0.0.1", 0))
        named = {name: value.replace("DEAD", str(dead.getsockname()[1])) for name, value in named.items()}
        process, lines = started(tmp_path, port, GRADIO_TEMP_DIR=str(tmp_path), **named)
        try:
            assert process.poll() is None, lines
            with httpx.Client(trust_env=False, base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                assert client.get("/").status_code == client.get("/config").status_code == 200
        finally:
            assert ended(process) == 0


def test_what_lies_in_the_folder_that_was_named_for_pictures_is_not_swept(tmp_path, port):
    """Old files of visitors go after some hours; old files of the user beside them are his."""
    (tmp_path / "2019").mkdir()
    own = [tmp_path / "diary.txt", tmp_path / "2019" / "photo.png"]
    for path in own:
        path.write_bytes(b"precious")
        os.utime(path, (1, 1))
    process, lines = started(tmp_path, port, GRADIO_TEMP_DIR=str(tmp_path))
    try:
        theirs = tmp_path / "imgen-pictures"
        assert theirs.stat().st_mode & 0o077 == 0, lines
        time.sleep(3)  # the first sweep comes at once
        assert all(path.read_bytes() == b"precious" for path in own)
    finally:
        ended(process)


@pytest.mark.parametrize("language", ["C.UTF-8", "zh_CN.UTF-8"])
def test_a_taken_port_is_one_sentence(tmp_path, port, language):
    """On a code page that lacks the letters, too; and whoever has the port keeps it."""
    with socket.create_server(("127.0.0.1", port)):
        process, lines = started(tmp_path, port, LC_ALL=language, PYTHONIOENCODING="ascii")
    assert process.returncode == 2 and len(lines) == 1 and str(port) in lines[0]
    assert ("another program" in lines[0]) == (language == "C.UTF-8")


@pytest.mark.parametrize(("name", "value"), [
    ("GRADIO_SERVER_PORT", "web"), ("IMGEN_LONGEST", "long"), ("GRADIO_SERVER_PORT", "99999"),
    ("GRADIO_SERVER_NAME", "host.invalid"),
])
def test_a_setting_that_cannot_be_is_one_sentence(tmp_path, port, name, value):
    process, lines = started(tmp_path, port, **{name: value})
    assert process.returncode == 2 and len(lines) == 1 and value in lines[0]


def test_of_a_folder_that_cannot_be_written_to_a_private_one_takes_the_place(port, tmp_path):
    (tmp_path / "taken").write_text("somebody's")
    (tmp_path / "temp").mkdir()
    process, lines = started(tmp_path, port, GRADIO_TEMP_DIR=str(tmp_path / "taken" / "x"), TMPDIR=str(tmp_path / "temp"))
    try:
        assert process.poll() is None and len(lines) == 2 and "private folder" in lines[0] and str(tmp_path) not in lines[0]
        files = {"files": ("a.png", b"\x89PNG")}
        answer = httpx.post(f"http://127.0.0.1:{port}/gradio_api/upload", files=files, timeout=60, trust_env=False)
        assert Path(answer.json()[0]).is_relative_to(tmp_path / "temp")
    finally:
        assert ended(process) == 0
    deadline = time.monotonic() + 10
    while list((tmp_path / "temp").glob("imgen-*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not list((tmp_path / "temp").glob("imgen-*")) and (tmp_path / "taken").read_text() == "somebody's"


def test_without_any_folder_for_temporary_files_it_says_so(port, tmp_path):
    code = "import tempfile, sys; tempfile.mkdtemp = lambda *a, **k: open('/dev/null/x'); import app; app.main()"
    environment = {name: value for name, value in os.environ.items() if name != "GRADIO_TEMP_DIR"} | {"LC_ALL": "C.UTF-8"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "TMPDIR" in done.stderr and done.stderr.count("\n") == 1

"""The page served to a class: by HTTPS, behind a password, at an address that can be photographed."""

import asyncio
import base64
import json
import os
import pty
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import cv2
import gradio.routes
import httpx
import numpy as np
import pytest
from test_page import browser  # noqa: F401  a fixture

from imgen import serving
from imgen.controls import UserError
from imgen.texts import text
from imgen.ui import password
from imgen.ui.password import Gate, Password

ROOT = Path(__file__).parent.parent
SECRET = "Öl & wasser 77"
OURS = ("/", "/worksheet?name=gan", "/train/watch?code=x", "/train/net?code=x", "/train/replay", "/metrics", "/theme.css", "/x/y")
HTML = {"accept": "text/html"}


def made_certificate(folder: Path) -> list[str]:
    if not shutil.which("openssl"):
        pytest.skip("no openssl here")
    files = [str(folder / "cert.pem"), str(folder / "key.pem")]
    wanted = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    wanted += ["-subj", "/CN=imgen", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    wanted += ["-out", files[0], "-keyout", files[1]]
    subprocess.run(["openssl", *wanted], check=True, capture_output=True)
    return files


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """`imgen serve` as a teacher starts it, with a certificate of her own and a password; from another folder."""
    folder = tmp_path_factory.mktemp("serving")
    certificate, key = made_certificate(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "imgen", "serve", "--lan", "--port", str(port), "--cert", certificate, "--key", key]
    environment = {**os.environ, "IMGEN_PASSWORD": SECRET, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "IMGEN_LOG": "json"}
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 300
    while "imgen is at" not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(log.read_text())
        time.sleep(0.05)
    yield SimpleNamespace(url=f"https://127.0.0.1:{port}", certificate=certificate, log=log, process=process, port=port)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert "Traceback" not in log.read_text()


def visitor(server, **how):
    trusted = ssl.create_default_context(cafile=server.certificate)
    return httpx.Client(base_url=server.url, verify=trusted, timeout=60, trust_env=False, **how)


def routes() -> list[str]:
    """Of Gradio, as its source names them."""
    source = Path(gradio.routes.__file__).read_text(encoding="utf-8")
    found = re.findall(r"@(app|router)\.(?:get|post|head|put|delete)\(\s*f?\"(/[^\"]*)\"", source)
    return sorted({("" if kind == "app" else "/gradio_api") + re.sub(r"{[^}]*}", "x", path) for kind, path in found})


pytestmark = pytest.mark.slow  # a server


def test_no_route_answers_without_the_password(server):
    """Gradio's, by its source, and ours; by reading and by writing.  What is closed for all stays so."""
    paths = [*routes(), *OURS]
    assert len(paths) > 50 and "/config" in paths and "/gradio_api/queue/join" in paths
    with visitor(server) as client:
        for path in paths:
            for method in ("GET", "POST", "HEAD", "PUT"):
                answer = client.request(method, path, **({"content": b"{}"} if method != "GET" else {}))
                closed = text("route_closed", "en") in answer.text or (method == "HEAD" and answer.status_code == 404)
                assert answer.status_code == 401 or (answer.status_code == 404 and closed) or path.startswith("/login"), path
                assert not answer.headers.get("set-cookie") and "imgen_" not in answer.text


def test_the_certificate_is_the_given_one_and_plain_http_is_none(server):
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{server.port}/healthz", trust_env=False)
    shown = ssl.get_server_certificate(("127.0.0.1", server.port))
    assert shown.split() == Path(server.certificate).read_text().split()


def test_whoever_knows_the_password_sees_the_page_and_all_behind_it(server):
    with visitor(server) as client:
        asked = client.get("/?tab=upscale&language=zh", headers=HTML)
        assert asked.status_code == 401 and 'lang="zh-CN"' in asked.text and text("password_enter", "zh") in asked.text
        onward = re.search(r'name="next" value="([^"]*)"', asked.text)[1].replace("&amp;", "&")
        given = {"password": SECRET, "next": onward}
        let_in = client.post("/login", data=given, headers=HTML)
        assert let_in.status_code == 303 and let_in.headers["location"] == "./?tab=upscale&language=zh"
        cookie = let_in.headers["set-cookie"]
        assert {"HttpOnly", "Secure", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")} and SECRET not in cookie
        for path in ("/", "/config", "/worksheet?name=gan&language=en", "/train/replay", "/gradio_api/info"):
            assert client.get(path).status_code == 200, path
    with visitor(server, headers={"cookie": cookie.split(";")[0] + "0"}) as client:
        assert client.get("/config").status_code == 401


def test_programs_give_the_password_as_http_basic_or_as_gradio_client_does(server):
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AuthenticationError

    with visitor(server, auth=("anybody", SECRET)) as client:
        assert client.get("/config").status_code == 200
    with visitor(server, auth=("anybody", SECRET + " ")) as client:
        assert client.get("/config").status_code == 401
    client = Client(server.url, auth=("class", SECRET), ssl_verify=False, verbose=False)
    picture = handle_file(ROOT / "imgen" / "assets" / "examples" / "upscale_cat.png")
    file, _ = client.predict(card="nearest", picture=picture, api_name="/upscale")
    assert Path(file).stat().st_size > 1000
    with pytest.raises(AuthenticationError):
        Client(server.url, auth=("class", "another"), ssl_verify=False, verbose=False)


def test_health_says_one_word_to_anybody(server):
    with visitor(server) as client:
        deadline = time.monotonic() + 60
        while client.get("/healthz?ready").status_code == 503 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert client.get("/healthz").json() == client.get("/healthz?ready").json() == {"alive": True, "ready": True}


def test_the_log_tells_of_work_and_of_nobody(server):
    """After the tests above: a run and a refusal; no address, no file, no password, and each line is JSON."""
    said = server.log.read_text()
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert {"started", "run"} <= {line["event"] for line in lines}
    run = next(line for line in lines if line["event"] == "run")
    assert run["card"] == "nearest" and run["size"] == "180x150" and run["error"] is None and run["seconds"] >= 0
    assert "upscale_cat" not in said and SECRET not in said and "127.0.0.1" not in "".join(map(str, lines))
    assert "IMGEN_PASSWORD" not in Path(f"/proc/{server.process.pid}/cmdline").read_text()


def test_the_address_for_the_class_is_shown_with_its_code(server):
    said = server.log.read_text()
    here = serving.lan_address()
    if not here:
        assert text("lan_none", "en") in said
        return
    link = f"https://{here}:{server.port}/"
    assert link in said and text("lan_open", "en") not in said  # there is a password
    assert read_code([line for line in said.splitlines() if line and not set(line) - set("█▀▄ ")]) == link


def test_a_browser_asks_for_the_password_and_goes_on_to_the_page(server, browser):  # noqa: F811
    context = browser.new_context(ignore_https_errors=True, locale="zh-CN")
    page = context.new_page()
    page.goto(f"{server.url}/?tab=upscale")
    page.get_by_label(text("password", "zh")).fill("another")
    page.get_by_role("button", name=text("password_enter", "zh")).click()
    assert text("password_wrong", "zh") in page.get_by_role("alert").inner_text()
    page.get_by_label(text("password", "zh")).fill(SECRET)
    page.get_by_role("button", name=text("password_enter", "zh")).click()
    page.get_by_role("tab", selected=True).filter(has_text=text("task_upscale", "zh")).first.wait_for()
    assert page.url == f"{server.url}/?tab=upscale" or page.url.startswith(f"{server.url}/?tab=upscale&")
    context.close()


# -- without a server --------------------------------------------------------------------------------------------------


def read_code(rows: list[str]) -> str:
    """What a camera sees in half blocks on a dark ground: two rows of modules a line."""
    lit = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}
    modules = np.array([[lit[one][half] for one in row.ljust(len(rows[0]))] for row in rows for half in (0, 1)], np.uint8)
    picture = np.pad(np.kron(modules * 255, np.ones((8, 8), np.uint8)), 32, constant_values=255)
    return cv2.QRCodeDetector().detectAndDecode(picture)[0]


@pytest.mark.parametrize("link", ["http://192.168.1.23:7860/", "https://10.0.0.5:443/"])
def test_a_code_in_a_terminal_can_be_read(link):
    assert read_code(serving.qr_code(link, "utf-8", coloured=False).splitlines()) == link
    coloured = serving.qr_code(link, "utf-8", coloured=True)
    assert re.sub("\033\\[[0-9;]*m", "", coloured) == serving.qr_code(link, "utf-8", coloured=False).rstrip("\n")
    assert all(line.startswith("\033[97;40m") for line in coloured.splitlines())  # light is light on any ground
    assert serving.qr_code(link, "ascii", coloured=True).isascii()


def test_a_password_is_asked_for_where_nobody_sees_it(monkeypatch):
    """By a terminal, without an echo; it stands in no list of processes."""
    code = ("import sys, os; from imgen import serving, __main__\n"
            "serving.serve = lambda environment, wishes: print('GOT', len(wishes.password), wishes.port, flush=True)\n"
            "sys.argv = ['imgen', 'serve', '--password', '--port', '1234']; __main__.main()")
    mine, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "IMGEN_PASSWORD"} | {"LC_ALL": "C.UTF-8"}
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, start_new_session=True, **streams)
    os.close(theirs)
    said = b""
    while b"Password" not in said:
        said += os.read(mine, 1000)
    os.write(mine, b"correct horse\n")
    while b"GOT" not in said or not said.endswith(b"\n"):
        said += os.read(mine, 1000)
    process.wait(30)
    os.close(mine)
    assert b"GOT 13 1234" in said and b"correct" not in said


@pytest.mark.slow
def test_the_script_takes_the_options_of_the_command():
    ended = subprocess.run([sys.executable, "app.py", "--port", "many"], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 2 and "'--port'" in ended.stderr


@pytest.mark.parametrize(("environment", "wishes", "key"), [
    ({"IMGEN_PASSWORD": "short"}, {}, "password_short"),
    ({"IMGEN_KEY": "key.pem"}, {}, "certificate_needed"),
    ({}, {"certificate": "nowhere.pem"}, "certificate_missing"),
    ({"IMGEN_CERT": __file__}, {}, "certificate_unusable"),
    ({"GRADIO_SERVER_PORT": "nan"}, {}, "setting_not_a_number"),  # Gradio reads it, too, when it is imported
    ({"GRADIO_SERVER_PORT": "7942.7"}, {}, "setting_not_a_number"),
    ({"IMGEN_LONGEST": "nan"}, {}, "setting_not_a_number"),  # nothing is longer than that
    ({"IMGEN_LONGEST": "-1"}, {}, "setting_not_a_number"),
    ({"IMGEN_LOG": "xml"}, {}, "log_unknown"),
    ({"IMGEN_METRICS": "everybody"}, {}, "metrics_unknown"),
])
def test_a_wish_that_cannot_be_is_one_sentence(environment, wishes, key, tmp_path):
    if key.startswith(("log", "metrics")):
        from imgen.ui import telemetry

        with pytest.raises(UserError) as caught:
            telemetry.begin(environment)
    else:
        with pytest.raises(UserError) as caught:
            serving.serve(environment, serving.Wishes(**wishes))
    assert caught.value.key == key and "IMGEN_PASSWORD" not in environment


@pytest.mark.skipif(os.name != "posix", reason="users and rights of POSIX")
@pytest.mark.parametrize("planted", ["a link", "somebody else's", "open to all", "nothing"])
def test_a_folder_that_another_user_has_put_there_is_not_taken(tmp_path, monkeypatch, planted):
    """What lay behind a link was swept: files of the operator's own that were older than six hours."""
    home, named = tmp_path / "home", tmp_path / "for all"
    home.mkdir()
    named.mkdir()
    folder = named / serving.OWN
    if planted == "a link":
        folder.symlink_to(home)
    elif planted != "nothing":
        folder.mkdir()
        folder.chmod(0o777)
    if planted == "somebody else's":
        monkeypatch.setattr(serving.os, "getuid", lambda: os.geteuid() + 1)
    monkeypatch.setattr(serving.atexit, "register", lambda *_, **__: None)
    monkeypatch.setattr(serving.tempfile, "tempdir", str(tmp_path))
    environment = {"GRADIO_TEMP_DIR": str(named)}
    serving.own_folder(environment)
    taken = Path(environment["GRADIO_TEMP_DIR"])
    assert (taken == folder) == (planted in ("open to all", "nothing"))
    assert not taken.is_symlink() and taken.stat().st_mode & 0o077 == 0 and taken.resolve() != home


def test_a_key_that_does_not_fit_is_told(tmp_path):
    (tmp_path / "other").mkdir()
    (certificate, _), (_, key) = made_certificate(tmp_path), made_certificate(tmp_path / "other")
    with pytest.raises(UserError) as caught:
        serving.certified(certificate, key)
    assert caught.value.key == "certificate_unusable"
    assert serving.certified("", "") == {}


def run(work):
    """In a thread of its own: the browser's tests leave an event loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result(30)


class Asked:
    """An app behind the gate that writes down what reached it."""

    def __init__(self, secret="pass word"):
        self.reached, self.gate = [], Gate(secret)
        self.gate.close()
        self.guarded = Password(self, self.gate)

    async def __call__(self, scope, receive, send):
        self.reached.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"in"})

    def ask(self, path="/", method="GET", body=b"", address="10.0.0.1", **headers):
        """-> status, headers."""
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": named, "client": (address, 1),
                 "server": ("127.0.0.1", 7860), "scheme": "http"}
        run(self.guarded(scope, receive, send))
        return sent[0]["status"], dict(sent[0]["headers"])

    def log_in(self, given, address="10.0.0.1", **more):
        kind = "application/x-www-form-urlencoded"
        form = urlencode({"password": given, **more}).encode()
        return self.ask("/login", "POST", form, address, content_type=kind, accept="text/html")


def basic(secret):
    return "Basic " + base64.b64encode(b"x:" + secret.encode()).decode()


@pytest.mark.parametrize("header", [
    {}, {"authorization": basic("another")}, {"authorization": "Basic %%%"}, {"authorization": "Bearer pass word"},
    {"authorization": "Basic"}, {"cookie": "imgen_7860="}, {"cookie": "imgen_7860=."}, {"cookie": "imgen_7860=ffffffff.é"},
    {"cookie": "imgen_7860=ffffffff." + 64 * "0"}, {"cookie": ";;;=;imgen_7860"}, {"x_forwarded_for": "127.0.0.1"},
], ids=str)
def test_what_is_no_password_lets_nobody_in(header):
    asked = Asked()
    for path in ("/", "//", "/login/x", "/healthz/../config", "/healthz/x", "/LOGIN", password.FIRST, "/gradio_api/file=x"):
        for method in ("GET", "POST", "OPTIONS", "PATCH"):
            assert asked.ask(path, method, **header)[0] in (401, 429)
    assert asked.reached == []


def test_a_websocket_is_closed():
    sent = []

    async def send(message):
        sent.append(message)

    asked = Asked()
    run(asked.guarded({"type": "websocket", "path": "/"}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}] and asked.reached == []


def test_a_token_is_of_this_server_and_ends(monkeypatch):
    asked, other = Asked(), Asked()
    status, headers = asked.log_in("pass word")
    cookie = headers[b"set-cookie"].decode().split(";")[0]
    assert status == 303 and asked.ask(cookie=f"a=b; {cookie}; c=d")[0] == 200
    assert other.ask(cookie=cookie)[0] == 401  # the same password, another secret
    later = time.time() + password.LASTS + 1
    monkeypatch.setattr(password.time, "time", lambda: later)
    assert asked.ask(cookie=cookie)[0] == 401


def test_guessing_is_slow_and_hinders_nobody_else(monkeypatch):
    asked = Asked()
    cookie = asked.log_in("pass word")[1][b"set-cookie"].decode().split(";")[0]
    statuses = [asked.log_in(f"guess {n}")[0] for n in range(password.TRIES + 3)]
    assert statuses == [401] * password.TRIES + [429] * 3
    status, headers = asked.log_in("pass word")
    assert status == 429 and 0 < int(headers[b"retry-after"]) <= password.WINDOW + 1  # the right one, too: else guessing went on
    assert asked.ask(authorization=basic("pass word"))[0] == 429
    assert asked.ask(cookie=cookie)[0] == 200 and asked.log_in("pass word", address="10.0.0.2")[0] == 303
    later = time.monotonic() + password.WINDOW + 1
    monkeypatch.setattr(password.time, "monotonic", lambda: later)
    assert asked.log_in("pass word")[0] == 303


def test_guesses_that_are_held_back_together_are_counted_one_by_one():
    """Whoever begins a hundred logins, and ends them once all have been let so far, guesses no more than one after another."""
    asked, statuses = Asked(), []

    async def all_together():
        held = asyncio.Event()

        async def guess(n):
            async def receive():
                await held.wait()
                return {"type": "http.request", "body": f"password=guess{n}".encode(), "more_body": False}

            async def send(message):
                statuses.append(message.get("status"))

            kind = (b"content-type", b"application/x-www-form-urlencoded")
            await asked.guarded({"type": "http", "method": "POST", "path": "/login", "query_string": b"", "headers": [kind],
                                 "client": ("10.0.0.1", 1), "server": ("127.0.0.1", 7860), "scheme": "http"}, receive, send)

        guesses = [asyncio.create_task(guess(n)) for n in range(100)]
        await asyncio.sleep(0)
        held.set()
        await asyncio.gather(*guesses)

    run(all_together())
    assert statuses.count(401) == password.TRIES and statuses.count(429) == 100 - password.TRIES


def test_guessing_from_many_addresses_is_slow_as_well():
    asked = Asked()
    statuses = [asked.log_in("guess", address=f"2001:db8:{n:x}::1")[0] for n in range(password.TRIES_OF_ALL + 2)]
    assert statuses[-2:] == [429, 429] and set(statuses[:-2]) == {401}
    one_network = Asked()
    statuses = [one_network.log_in("guess", address=f"2001:db8::{n:x}")[0] for n in range(password.TRIES + 1)]
    assert statuses[-1] == 429
    assert len(asked.gate.wrong) <= password.MOST


@pytest.mark.parametrize(("onward", "goes"), [
    ("/worksheet?name=gan", "./worksheet?name=gan"), ("//evil.example", "./evil.example"), ("https://evil.example", "./"),
    ("/\r\nset-cookie: a=b", "./"), ("/" + "x" * 3000, "./"), ("", "./"), ("/é", "./"),
])
def test_after_the_password_nobody_is_sent_elsewhere(onward, goes):
    status, headers = Asked().log_in("pass word", next=onward)
    assert status == 303 and headers[b"location"].decode() == goes


def test_the_comparison_takes_the_same_time_wherever_the_words_part(monkeypatch):
    """By what it calls: digests of one length, compared by `hmac.compare_digest`."""
    compared = []
    monkeypatch.setattr(password.hmac, "compare_digest", lambda a, b: compared.append((len(a), len(b))) or False)
    gate = Gate("pass word")
    for given in ("", "p", "pass wore", "x" * 8000, "\ud800"):
        assert not gate.knows(given, "10.0.0.1")
    assert set(compared) == {(32, 32)}


def test_a_form_that_is_none_is_answered():
    asked = Asked()
    status, _ = asked.ask("/login", "POST", b"\xff" * 100, content_type="multipart/form-data; boundary=x")
    assert status in (400, 401) and asked.reached == []
    status, _ = asked.ask("/login", "POST", b"{}", content_type="application/json")
    assert status == 401


def test_one_after_another_not_all_at_once():
    """Threads that ask the gate at the same time count every wrong one."""
    gate = Gate("pass word")
    threads = [threading.Thread(target=gate.knows, args=("x", "10.0.0.1")) for _ in range(password.TRIES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gate.waits("10.0.0.1") > 0


@pytest.mark.parametrize(("locale", "words"), [
    ("en_US.UTF-8", "Is IMGEN_PASSWORD meant?"), ("zh_CN.UTF-8", "是不是想设置 IMGEN_PASSWORD？"),
])
def test_a_setting_misspelt_is_told_at_the_start(capsys, locale, words):
    """Else a page that was to have a password would be open without a word."""
    with pytest.raises(SystemExit):
        serving.main({"IMGEN_PASSWROD": "sunflower", "IMGEN_LONGEST": "abc", "LC_ALL": locale})  # ended before it serves
    assert words in capsys.readouterr().err

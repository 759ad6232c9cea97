"""Several pages behind nginx: whoever has begun with one stays with it, as a browser and as a program."""

import hashlib
import io
import json
import re
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from test_doors import ROOT, Server, free_port

from imgen.catalog import find_card

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
needs_nginx = pytest.mark.skipif(not NGINX, reason="nginx is not installed")
DOCUMENT = {"Accept": "text/html,application/xhtml+xml"}
META = {"_type": "gradio.FileData"}
SESSIONS = 24
MAX_FILE = 64 << 20  # as in imgen/ui/stock.py, and
MOST_UPLOADED = 8 * MAX_FILE  # as in imgen/ui/doors.py, whose import takes longer than these tests


class Proxy:
    """nginx as `python -m imgen nginx` writes it, in a process of its own."""

    def __init__(self, folder: Path, *pages: str):
        self.url = f"http://127.0.0.1:{free_port()}/"
        command = [sys.executable, "-m", "imgen", "nginx", *pages, "--listen", self.url[7:-1]]
        (folder / "nginx.conf").write_text(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
        self.process = subprocess.Popen([str(NGINX), "-p", str(folder), "-c", "nginx.conf", "-g", "daemon off;"])
        deadline, port = time.monotonic() + 10, int(self.url[:-1].rsplit(":")[-1])
        while True:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    return
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(20)


class Echo(BaseHTTPRequestHandler):
    """Stands in for a page: says which one it is and what it was sent."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/stream":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(b"data: one\n\n")
            self.server.let_go.wait(10)
            self.wfile.write(b"data: two\n\n")
            self.close_connection = True
            return
        said = json.dumps({"page": self.server.server_address[1], "headers": dict(self.headers)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def do_POST(self):
        left = int(self.headers["Content-Length"])
        while left > 0:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        self.do_GET()

    def log_message(self, *words):
        pass


@pytest.fixture(scope="module")
def echoes(tmp_path_factory):
    if not NGINX:
        pytest.skip("nginx is not installed")
    pages = [ThreadingHTTPServer(("127.0.0.1", 0), Echo) for _ in range(3)]
    for page in pages:
        page.let_go = threading.Event()
        threading.Thread(target=page.serve_forever, daemon=True).start()
    proxy = Proxy(tmp_path_factory.mktemp("nginx"), *(f"127.0.0.1:{page.server_address[1]}" for page in pages))
    yield proxy.url, pages
    proxy.end()
    for page in pages:
        page.let_go.set()
        page.shutdown()
        page.server_close()


def test_a_browser_stays_with_the_page_that_gave_it_its_document(echoes):
    url, pages = echoes
    seen = []
    for _ in range(30):
        with httpx.Client(verify=False) as browser:
            first = browser.get(url, headers=DOCUMENT)
            cookie = first.headers["set-cookie"]
            assert re.fullmatch(r"imgen_page=[0-9a-f]{32}; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax", cookie)
            later = [browser.get(url + path) for path in ("config", "a", "b")] + [browser.post(url + "queue", content=b"x")]
            again = browser.get(url, headers=DOCUMENT)
            assert {one.json()["page"] for one in (first, *later, again)} == {first.json()["page"]}
            assert not any("set-cookie" in one.headers for one in (*later, again))
            seen.append(first.json()["page"])
    assert len(set(seen)) == len(pages) and max(map(seen.count, seen)) < 24  # of 30: all three have some


def test_a_program_without_cookies_stays_with_one_page_too(echoes):
    url, _ = echoes
    found = set()
    for n in range(20):
        names = {"User-Agent": f"program {n}"}
        answers = [httpx.get(url + path, headers=names, verify=False) for path in ("config", "info", "call/upscale")]
        assert len({one.json()["page"] for one in answers}) == 1 and not any("set-cookie" in one.headers for one in answers)
        found.add(answers[0].json()["page"])
    assert len(found) > 1


def test_a_cookie_that_nginx_did_not_give_is_replaced(echoes):
    for wrong in ("x", "A" * 32, "0" * 33, "0" * 31 + "g"):
        assert "set-cookie" in httpx.get(echoes[0], headers={**DOCUMENT, "Cookie": f"imgen_page={wrong}"}, verify=False).headers


def test_the_page_is_told_the_true_address_and_the_name_that_was_asked_for(echoes):
    url, _ = echoes
    lies = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    answer = httpx.get(url, headers={**lies, "Host": "school.example"}, verify=False)
    sent = {name.lower(): value for name, value in answer.json()["headers"].items()}
    assert sent["x-forwarded-for"] == "127.0.0.1" and sent["x-forwarded-proto"] == "http" and sent["host"] == "school.example"
    assert "x-forwarded-host" not in sent


def test_an_event_is_passed_on_at_once(echoes):
    url, pages = echoes
    with httpx.stream("GET", url + "stream", timeout=5, verify=False) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "data: one"  # while the page has not yet said more
        for page in pages:
            page.let_go.set()
        assert "data: two" in lines


def test_large_uploads_go_through_and_endless_ones_do_not(echoes):
    url, _ = echoes
    assert httpx.post(url, content=bytes(3 << 20), timeout=60, verify=False).status_code == 200  # nginx's own limit is 1 MB
    for size, answer in ((MOST_UPLOADED, b""), (MOST_UPLOADED + MAX_FILE, b"HTTP/1.1 413 ")):
        with socket.create_connection(("127.0.0.1", int(url[:-1].rsplit(":")[-1]))) as raw:
            raw.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
            raw.settimeout(0.5 if not answer else 10)
            with suppress(TimeoutError):
                assert raw.recv(13) == answer


def test_what_is_no_address_does_not_get_into_the_configuration(here):
    for wrong in ("x; }", "127.0.0.1", "a b:1", "127.0.0.1:80;", "$host:80", ""):
        code, out, _ = here("nginx", wrong)
        assert code == 2 and not out, wrong
    code, out, _ = here("nginx", "10.0.0.7:7861", "[::1]:7862", "--listen", "443")
    assert code == 0 and "    server 10.0.0.7:7861;\n    server [::1]:7862;\n" in out and "listen 443;" in out


class Session:
    """One visitor: a picture is made, enlarged, and the result fetched."""

    def __init__(self, url: str, number: int, functions: dict, parameters: dict):
        self.url, self.number, self.functions, self.parameters = url, number, functions, parameters
        self.browser = number % 2 == 0
        transport = httpx.HTTPTransport(local_address=f"127.0.3.{number + 1}")
        self.client = httpx.Client(transport=transport, timeout=120)
        self.client.headers["User-Agent"] = "browser" if self.browser else f"program {number}"
        self.hash = secrets.token_hex(6)

    def live(self) -> tuple[str, str]:
        """-> digests of the pixels that were drawn, and of what became of them."""
        with self.client:
            if self.browser:
                assert self.client.get(self.url, headers=DOCUMENT).status_code == 200
            drawn = self.ask("generate", {"card": "mlp_vae_fashion28", "count": 1, "seed": self.number})[0]["image"]["path"]
            large = self.ask("upscale", {"card": "espcn_x4", "picture": {"path": drawn, "meta": META}})["path"]
            return self.fetched(drawn), self.fetched(large)

    def ask(self, task: str, given: dict):
        data = [given.get(name) for name in self.parameters[task]]
        return (self.queued if self.browser else self.called)(task, data)[0]

    def queued(self, task: str, data: list):
        """As the page does it."""
        call = {"data": data, "fn_index": self.functions[task]["id"], "session_hash": self.hash}
        event = self.client.post(self.url + "gradio_api/queue/join", json=call).json()["event_id"]
        with self.client.stream("GET", f"{self.url}gradio_api/queue/data?session_hash={self.hash}") as stream:
            for line in stream.iter_lines():
                said = json.loads(line[6:]) if line.startswith("data: ") else {}
                if said.get("msg") == "process_completed" and said["event_id"] == event:
                    assert said["success"], said
                    return said["output"]["data"]
        raise AssertionError("the stream ended")

    def called(self, task: str, data: list):
        """As programs do it."""
        event = self.client.post(f"{self.url}gradio_api/call/{task}", json={"data": data}).json()["event_id"]
        kind = ""
        with self.client.stream("GET", f"{self.url}gradio_api/call/{task}/{event}") as stream:
            for line in stream.iter_lines():
                kind = line[7:] if line.startswith("event: ") else kind
                if line.startswith("data: ") and kind in ("complete", "error"):
                    assert kind == "complete", line
                    return json.loads(line[6:])
        raise AssertionError("the stream ended")

    def fetched(self, path: str) -> str:
        return digest(Image.open(io.BytesIO(self.client.get(f"{self.url}gradio_api/file={path}").content)))


def digest(pixels) -> str:
    return hashlib.sha256(np.asarray(pixels).tobytes()).hexdigest()


@needs_nginx
@pytest.mark.slow
def test_two_pages_behind_nginx_serve_every_session_whole(tmp_path):
    """24 of 24; and when a page ends, its visitors go on with the other."""
    for name in ("one", "two", "nginx"):
        (tmp_path / name).mkdir()
    with ThreadPoolExecutor() as pool:
        pages = list(pool.map(Server, (tmp_path / "one", tmp_path / "two")))
    proxy = Proxy(tmp_path / "nginx", *(page.url[7:-1] for page in pages))
    try:
        known = pages[0].functions, pages[0].parameters
        right = []
        for number in range(SESSIONS):
            drawn = find_card("mlp_vae_fashion28")(count=1, seed=number).pictures[0]
            large = find_card("espcn_x4")(drawn).pictures[0]
            right.append(tuple(digest(one.pixels.squeeze()) for one in (drawn, large)))
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda number: Session(proxy.url, number, *known).live(), range(SESSIONS)))
        assert sum(one == other for one, other in zip(found, right, strict=True)) == SESSIONS
        assert all(any(page.files.rglob("*.png")) for page in pages)  # each had some of them
        pages[0].process.kill()
        pages[0].process.wait()  # what it has taken in by then is lost
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda number: Session(proxy.url, number, *known).live(), range(6)))
        assert found == right[:6]
    finally:
        proxy.end()
        for page in pages:
            page.process.kill()
            page.process.wait()

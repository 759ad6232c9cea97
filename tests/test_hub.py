import contextlib
import errno
import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import huggingface_hub.file_download
import pytest
from stand_in_hub import COMMIT

from imgen import hub, proxies
from imgen.controls import UserError
from imgen.hub import WeightFile

CONTENT = os.urandom(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def weights(**changes) -> WeightFile:
    facts = {"repository": "someone/models", "file": "net.safetensors", "revision": COMMIT, "sha256": None, "size": len(CONTENT)}
    return WeightFile(**{**facts, **changes})


def drain(fetching):
    """All that a generator yielded, and what it returned."""
    yielded = []
    while True:
        try:
            yielded.append(next(fetching))
        except StopIteration as end:
            return yielded, end.value


def error_of(w, **options) -> UserError:
    with pytest.raises(UserError) as caught:
        drain(hub.fetch(w, **options))
    assert caught.value.facts["file"] == w.file and caught.value.facts["repository"] == w.repository
    assert "/tmp" not in str(caught.value) and "127.0.0.1" not in str(caught.value)
    return caught.value


@pytest.fixture
def server(hubs, tmp_path, monkeypatch):
    """A stand-in Hub, an empty cache and no bundled weights; huggingface_hub's pauses are left out."""
    for stand_in in hubs:
        stand_in.reset(CONTENT)
    (tmp_path / "weights").mkdir()
    settings = {"bundled": tmp_path / "weights", "cache": tmp_path / "cache", "endpoint": hubs[0].url, "mirror": None}
    for name, value in {**settings, "patience": 0.5, "_downloads": {}, "_spares": []}.items():
        monkeypatch.setattr(hub, name, value)
    monkeypatch.setattr(huggingface_hub.file_download, "time", SimpleNamespace(sleep=lambda seconds: None))
    yield hubs[0]
    for stand_in in hubs:
        stand_in.mode = "503"  # lets hanging requests go
    for download in hub._downloads.values():
        download.join(10)
        assert not download.is_alive()
    huggingface_hub.close_session()


@pytest.fixture
def mirror(hubs, server, monkeypatch):
    monkeypatch.setattr(hub, "mirror", hubs[1].url)
    return hubs[1]


def test_a_bundled_file_is_found_without_a_request(server):
    (hub.bundled / "net.safetensors").write_bytes(CONTENT)
    w = weights(sha256=SHA256)
    assert hub.find(w) == hub.bundled / "net.safetensors"
    assert drain(hub.fetch(w)) == ([], hub.bundled / "net.safetensors")
    assert server.requests == []


def test_a_download_arrives_whole_and_is_cached(server):
    assert hub.find(weights()) is None
    _, path = drain(hub.fetch(weights()))
    assert path.read_bytes() == CONTENT
    server.requests.clear()
    assert hub.find(weights()) == path
    assert drain(hub.fetch(weights())) == ([], path)
    assert server.requests == []


def test_the_file_is_hashed_once_until_it_changes(server, monkeypatch):
    _, path = drain(hub.fetch(weights()))
    with monkeypatch.context() as patch:
        patch.setattr(hub.hashlib, "file_digest", None)
        assert hub.find(weights()) == path
    path.resolve().write_bytes(CONTENT[::-1])
    assert hub.find(weights()) is None


def test_a_cached_file_is_checked_without_a_network(server):
    _, path = drain(hub.fetch(weights()))
    path.resolve().write_bytes(bytes(len(CONTENT)))
    server.mode = "503"
    assert hub.find(weights()) is None
    assert error_of(weights()).key == "weights_server"
    server.mode = "normal"
    assert drain(hub.fetch(weights()))[1].read_bytes() == CONTENT


def test_a_cache_without_links_remembers_the_sha256_too(server, monkeypatch):
    monkeypatch.setattr(huggingface_hub.file_download, "are_symlinks_supported", lambda folder=None: False)
    _, path = drain(hub.fetch(weights()))
    assert not path.is_symlink() and hub.find(weights()) == path
    path.write_bytes(bytes(len(CONTENT)))
    assert hub.find(weights()) is None


def test_what_is_not_known_beforehand_is_held_to_what_came_first(server, mirror):
    """A branch of somebody else may move: other bytes under the old name are refused, whoever sends them."""
    w = weights(revision="main")
    _, path = drain(hub.fetch(w))
    assert path.read_bytes() == CONTENT
    hub._drop(path)
    server.content = mirror.content = CONTENT[::-1]
    assert error_of(w).key == "weights_altered" and hub.find(w) is None
    mirror.content = CONTENT
    assert drain(hub.fetch(w))[1].read_bytes() == CONTENT
    assert hub.find(weights(file="other.safetensors", revision="main")) is None


def test_the_first_bytes_are_remembered_for_each_file_and_revision(server):
    for changes in ({}, {"revision": "main"}, {"file": "other.safetensors"}, {"sha256": SHA256, "file": "third.safetensors"}):
        drain(hub.fetch(weights(**changes)))
    notes = list((hub.cache / hub.LOCKS).iterdir())
    assert len(notes) == 3 and {note.read_text() for note in notes} == {SHA256}


def test_progress_is_told(server):
    server.mode = "slow"
    yielded, _ = drain(hub.fetch(weights()))
    done = [bytes_done for bytes_done, total in yielded if total == len(CONTENT)]
    assert len(done) == len(yielded) >= 2 and done == sorted(done) and 0 < done[-1] <= len(CONTENT)


def test_without_a_network_it_says_so_at_once(server, monkeypatch):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, but nobody listens
        monkeypatch.setattr(hub, "endpoint", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        began = time.monotonic()
        assert error_of(weights()).key == "weights_offline"
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "status, key",
    [("404", "weights_not_found"), ("401", "weights_denied"), ("403", "weights_denied"), ("503", "weights_server")],
)
def test_a_refusal_has_its_own_words(server, status, key):
    server.mode = status
    began, error = time.monotonic(), error_of(weights())
    assert error.key == key and error.facts.get("status", 503) == 503
    assert time.monotonic() - began < 5


@pytest.mark.slow
def test_a_server_that_never_answers_is_given_up(server):
    server.mode = "silent"
    began = time.monotonic()
    assert error_of(weights()).key == "weights_timeout"
    assert time.monotonic() - began < 3


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["silent", "silent after HEAD"])
def test_the_deadline_holds(server, monkeypatch, mode):
    monkeypatch.setattr(hub, "patience", 60)
    server.mode = mode
    began = time.monotonic()
    assert error_of(weights(), deadline=0.6).key == "weights_timeout"
    assert 0.5 < time.monotonic() - began < 2


@pytest.mark.slow
def test_a_trickle_ends_with_the_deadline(server):
    server.mode, server.content = "slow", os.urandom(20 << 20)
    assert error_of(weights(), deadline=0.5).key == "weights_timeout"
    (download,) = hub._downloads.values()
    download.join(2)
    assert not download.is_alive()


def test_a_connection_cut_for_good_is_told(server):
    server.mode = "cut off"
    assert error_of(weights()).key == "weights_cut_off"
    assert hub.find(weights()) is None


def test_a_connection_cut_once_is_taken_up_again(server):
    server.mode = "cut off once"
    assert drain(hub.fetch(weights()))[1].read_bytes() == CONTENT


@pytest.mark.parametrize("sha256", [None, SHA256], ids=["of the Hub", "of the card"])
def test_wrong_bytes_of_the_right_size_are_refused_and_removed(server, sha256):
    server.mode = "wrong bytes"
    assert error_of(weights(sha256=sha256)).key == "weights_altered"
    assert not [path for path in hub.cache.rglob("*") if path.is_file() and path.stat().st_size == len(CONTENT)]
    server.mode = "normal"
    assert drain(hub.fetch(weights(sha256=sha256)))[1].read_bytes() == CONTENT


@pytest.mark.parametrize("damage", [CONTENT[:1000], CONTENT[::-1]])
def test_a_damaged_bundled_file_is_an_error_unless_there_is_a_good_copy(server, damage):
    (hub.bundled / "net.safetensors").write_bytes(damage)
    w = weights(sha256=SHA256)
    with pytest.raises(UserError) as caught:
        hub.find(w)
    assert caught.value.key == "weights_altered" and caught.value.facts["file"] == "net.safetensors"
    server.mode = "503"
    assert error_of(w).key == "weights_altered"
    server.mode = "normal"
    _, path = drain(hub.fetch(w))
    assert path.read_bytes() == CONTENT and hub.find(w) == path


@pytest.mark.slow
def test_four_processes_at_once_all_get_the_file(server):
    code = (
        "import sys; from pathlib import Path; from imgen import hub\n"
        f"hub.endpoint, hub.cache, hub.bundled = {server.url!r}, Path({str(hub.cache)!r}), Path('nowhere')\n"
        f"w = hub.WeightFile('someone/models', 'net.safetensors', {COMMIT!r}, None, 1); fetching = hub.fetch(w)\n"
        "try:\n  while True: next(fetching)\n"
        "except StopIteration as end: sys.stdout.buffer.write(end.value.read_bytes())\n"
    )
    server.mode = "slow"
    run = [sys.executable, "-W", "error", "-c", code]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: subprocess.run(run, capture_output=True, timeout=60, check=False), range(4)))
    assert [result.stderr.decode() for result in results] == 4 * [""]
    assert all(result.stdout == CONTENT for result in results)


def test_visitors_who_want_the_same_file_share_one_download(server):
    server.mode = "slow"
    with ThreadPoolExecutor(4) as pool:
        paths = {path for _, path in pool.map(lambda _: drain(hub.fetch(weights())), range(4))}
    assert len(paths) == 1
    assert [method for method, *_ in server.requests] == ["HEAD", "HEAD", "GET"]  # ours, then huggingface_hub's


def test_a_hanging_download_blocks_nobody_else(server):
    server.mode = "silent after HEAD"
    hanging = hub.fetch(weights())
    next(hanging)
    while not any(method == "GET" for method, *_ in server.requests):
        next(hanging)
    (hub.bundled / "other.safetensors").write_bytes(CONTENT)
    began = time.monotonic()
    assert hub.find(weights(file="other.safetensors", sha256=SHA256))
    assert hub.find(weights()) is None
    assert time.monotonic() - began < 0.2
    server.mode = "404"  # for the next; the hanging one is let go
    assert error_of(weights(file="third.safetensors")).key == "weights_not_found"


def test_closing_the_generator_stops_the_waiting_at_once(server):
    server.mode = "silent"
    fetching = hub.fetch(weights())
    next(fetching)
    began = time.monotonic()
    fetching.close()
    assert time.monotonic() - began < 0.1


def test_a_read_only_cache_is_replaced_by_a_temporary_folder(server, monkeypatch):
    hub.cache.write_text("a file in the place of the folder")
    _, path = drain(hub.fetch(weights()))
    assert path.read_bytes() == CONTENT and hub.cache not in path.parents
    assert hub.find(weights()) == path


def test_no_place_at_all_is_told(server, monkeypatch):
    hub.cache.write_text("a file in the place of the folder")

    def refuse(**_):
        raise OSError(errno.EROFS, "Read-only file system", "/tmp")

    monkeypatch.setattr(hub.tempfile, "mkdtemp", refuse)
    assert error_of(weights()).key == "weights_cache_read_only"


def test_a_full_disk_under_the_cache_is_left_for_a_temporary_folder(server, monkeypatch):
    get = huggingface_hub.file_download.http_get

    def full(url, file, **options):
        if str(hub.cache) in file.name:
            raise OSError(errno.ENOSPC, "No space left on device", file.name)
        get(url, file, **options)

    monkeypatch.setattr(huggingface_hub.file_download, "http_get", full)
    assert drain(hub.fetch(weights()))[1].read_bytes() == CONTENT


def test_a_full_disk_is_told(server, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/somewhere")

    monkeypatch.setattr(huggingface_hub.file_download, "http_get", full)
    assert error_of(weights()).key == "weights_disk_full"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["silent", "503", "cut off", "wrong bytes"])
def test_the_mirror_steps_in_and_sees_no_token(server, mirror, monkeypatch, mode):
    monkeypatch.setattr(hub, "OFFICIAL", server.url)
    monkeypatch.setattr("huggingface_hub.utils._headers.get_token", lambda: "hf_secret")
    server.mode = mode
    assert drain(hub.fetch(weights()))[1].read_bytes() == CONTENT
    assert {token for _, _, token in server.requests} == {"Bearer hf_secret"}
    assert {token for _, _, token in mirror.requests} == {None}


def test_the_mirror_is_not_asked_for_what_the_hub_refuses(server, mirror):
    server.mode = "404"
    assert error_of(weights()).key == "weights_not_found"
    assert mirror.requests == []


def test_an_endpoint_that_the_user_chose_sees_no_token(server, monkeypatch):
    monkeypatch.setattr("huggingface_hub.utils._headers.get_token", lambda: "hf_secret")
    drain(hub.fetch(weights()))
    assert {token for _, _, token in server.requests} == {None}


@pytest.mark.parametrize("header", ["ETag", "X-Repo-Commit"])
@pytest.mark.parametrize("way", ["{home}/pwned", "../../../pwned", "..", "a/../../../../pwned"])
def test_a_mirror_names_no_file_outside_the_cache(server, tmp_path, header, way):
    """huggingface_hub takes both for names of files: what lay there was deleted, and where nothing did, a file was written."""
    (tmp_path / "pwned").write_bytes(b"mine")
    for name in ("pwned", "new"):
        server.says = {header: f'"{way}"'.replace("pwned", name).format(home=tmp_path).strip('"' if header != "ETag" else "")}
        assert error_of(weights(sha256=SHA256)).key == "weights_offline"  # what answers is no Hub
        server.mode = "404"
        assert error_of(weights(sha256=SHA256)).key == "weights_not_found"
        server.mode = "normal"
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written == [tmp_path / "pwned"] and written[0].read_bytes() == b"mine"


@pytest.mark.parametrize("sha", ["../../../pwned", "{home}/pwned", "", "a/b"])
def test_a_snapshot_has_no_name_that_leads_elsewhere(server, tmp_path, monkeypatch, sha):
    monkeypatch.setattr(hub, "project_repository", "someone/models")
    server.sha, server.files = sha.format(home=tmp_path), {"net.json": b"{}"}
    with pytest.raises(UserError, match="someone/models"):
        hub.take_snapshot(lambda path: None)
    server.sha, server.files = COMMIT, {"..json": b"{}", "..\\x.json": b"{}", "a\nb.json": b"{}", "net.json": b"{}"}
    monkeypatch.setattr(hub, "snapshot", None)
    monkeypatch.setattr(hub, "project_revision", "main")
    hub.take_snapshot(lambda path: None)
    assert [path.name for path in hub.snapshot.glob("*.json")] == ["net.json"]
    assert not [path for path in tmp_path.rglob("*pwned*")]


def test_a_file_that_never_ends_does_not_fill_the_disk(server, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "LARGE", 1 << 20)
    monkeypatch.setattr(hub, "MOST_FACTS", 1 << 20)
    server.mode = "endless"
    assert error_of(weights(sha256=SHA256)).key == "weights_altered"
    monkeypatch.setattr(hub, "project_repository", "someone/models")
    server.files = {"net.json": b"{}"}
    with pytest.raises(UserError) as caught:
        hub.take_snapshot(lambda path: None)
    assert caught.value.key == "weights_altered"
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 8 << 20


@pytest.mark.parametrize("address", ["http://[bad", "ftp://hub.example", "hub.example", "http://hub.example:port", "http://"])
def test_an_address_that_is_none_is_a_hub_that_is_not_reached(server, monkeypatch, address):
    monkeypatch.setattr(hub, "endpoint", address)
    assert error_of(weights(sha256=SHA256)).key == "weights_offline"


@pytest.mark.parametrize("name", ["../..", "a/b/c", "a b", "http://hub.example/models"])
def test_a_repository_that_cannot_be_is_not_found(server, monkeypatch, name):
    monkeypatch.setattr(hub, "project_repository", name)
    with pytest.raises(UserError) as caught:
        hub.take_snapshot(lambda path: None)
    assert caught.value.key == "weights_not_found"
    assert error_of(weights(repository=name, sha256=SHA256)).key == "weights_not_found"


def test_only_safetensors_are_weights():
    with pytest.raises(AssertionError):
        weights(file="net.pt")


@pytest.mark.filterwarnings("ignore:Use 'content=")  # huggingface_hub's own upload
def test_publishing_puts_weights_and_cards_into_one_commit(server):
    (hub.bundled / "net.safetensors").write_bytes(CONTENT)
    (hub.bundled / "net.json").write_text("{}")
    (hub.bundled / "notes.txt").write_text("stays here")
    address = hub.publish("someone/models", hub.bundled, {"net": "# A net"}, "[net](cards/net.md)", token="hf_mine")
    assert address == f"{server.url}/someone/models"
    assert sorted(server.committed) == ["README.md", "cards/net.md", "net.json", "net.safetensors"]
    assert server.committed["net.safetensors"] == CONTENT and server.committed["cards/net.md"] == b"# A net"
    assert server.committed["README.md"] == b"[net](cards/net.md)"
    assert {token for _, _, token in server.requests} == {"Bearer hf_mine"}


@pytest.mark.parametrize(("mode", "repository", "token", "key"), [
    ("403", "someone/models", "hf_mine", "publish_denied"), ("503", "someone/models", "hf_mine", "publish_failed"),
    ("normal", "someone/models", None, "publish_denied"), ("normal", "a/b/c", "hf_mine", "publish_name"),
])
def test_what_hinders_publishing_is_told(server, monkeypatch, mode, repository, token, key):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    server.mode = mode
    with pytest.raises(UserError) as caught:
        hub.publish(repository, hub.bundled, {}, "", token=token)
    assert caught.value.key == key and (token or not server.requests)  # nobody is asked without one


# -- proxies: what a machine names, and what must not go through them ---------------------------------------------------


class Socks(threading.Thread):
    """A SOCKS5 server for whatever is asked of it, without a password.  RFC 1928."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket, self.asked = socket.create_server(("127.0.0.1", 0)), []
        self.port = self.socket.getsockname()[1]

    def run(self):
        while True:
            try:
                here, _ = self.socket.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self.serve, args=(here,), daemon=True).start()

    def serve(self, here):
        here.recv(2 + here.recv(2, socket.MSG_PEEK)[1])
        here.sendall(b"\5\0")
        kind = here.recv(4)[3]
        address = socket.inet_ntoa(here.recv(4)) if kind == 1 else here.recv(here.recv(1)[0]).decode()
        port = int.from_bytes(here.recv(2), "big")
        self.asked.append(address)
        with here, socket.create_connection(("127.0.0.1", port)) as there:
            here.sendall(b"\5\0\0\1" + bytes(6))
            ways = [threading.Thread(target=self.pump, args=way, daemon=True) for way in ((here, there), (there, here))]
            for way in ways:
                way.start()
            for way in ways:
                way.join(10)

    def pump(self, one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("proxied", "unreachable"):
        monkeypatch.setattr(proxies, name, frozenset())


def settled(monkeypatch, **named):
    """The environment of this process, as a face settles it."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.setenv(name, "")  # so that what is settled is taken back in the end
    for name, value in named.items():
        monkeypatch.delenv(name.lower())
        monkeypatch.setenv(name, value)
    proxies.settle(os.environ)
    return {name: os.environ.get(name, "") for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy")}


@pytest.mark.parametrize("named", [
    {"http_proxy": "http://127.0.0.1:DEAD"}, {"HTTP_PROXY": "127.0.0.1:DEAD"}, {"ALL_PROXY": "socks://127.0.0.1:DEAD"},
    {"all_proxy": "socks5h://127.0.0.1:DEAD"}, {"ALL_PROXY": "socks4://127.0.0.1:DEAD"}, {"http_proxy": "http://[broken"},
    {"http_proxy": "rubbish://"}, {"HTTP_PROXY": "http://127.0.0.1:DEAD", "ALL_PROXY": "socks://127.0.0.1:DEAD"},
], ids=str)
def test_a_proxy_that_lets_nothing_through_is_one_sentence_and_loopback_needs_none(server, no_proxies, monkeypatch, named):
    port, own = str(free_port()), weights()
    environment = settled(monkeypatch, **{name: value.replace("DEAD", port) for name, value in named.items()})
    assert {"localhost", "127.0.0.1", "::1"} <= set(environment["no_proxy"].split(","))
    _, path = drain(hub.fetch(own))  # the stand-in listens on loopback
    assert path.read_bytes() == CONTENT
    monkeypatch.setattr(hub, "endpoint", server.url.replace("127.0.0.1", "hub.invalid"))
    huggingface_hub.close_session()
    error = error_of(weights(file="other.safetensors"))
    assert error.key == "weights_proxy" and port not in str(error)
    assert {path for _, path, _ in server.requests} == {f"/someone/models/resolve/{COMMIT}/net.safetensors"}


@pytest.mark.parametrize("proxy", ["socks4://127.0.0.1:9", "http://127.0.0.1:DEAD"])
def test_nothing_goes_around_a_proxy_that_cannot_be_used(server, no_proxies, monkeypatch, proxy):
    """The Hub could be had: it is a name of this machine that is none of the usual ones."""
    monkeypatch.setattr(hub, "endpoint", server.url.replace("127.0.0.1", "127.1"))
    drain(hub.fetch(weights(file="before.safetensors")))
    asked = len(server.requests)
    settled(monkeypatch, ALL_PROXY=proxy.replace("DEAD", str(free_port())))
    huggingface_hub.close_session()
    assert asked and error_of(weights()).key == "weights_proxy" and len(server.requests) == asked


def test_without_a_proxy_it_is_the_connection_that_is_blamed(server, no_proxies, monkeypatch):
    assert not any(settled(monkeypatch).values())
    monkeypatch.setattr(hub, "endpoint", f"http://127.0.0.1:{free_port()}")
    assert error_of(weights()).key == "weights_offline"


def test_what_was_named_as_needing_no_proxy_stays_so(no_proxies, monkeypatch):
    environment = settled(monkeypatch, NO_PROXY="intern.example, 10.0.0.1,", HTTPS_PROXY="http://127.0.0.1:9")
    assert environment["no_proxy"].startswith("intern.example, 10.0.0.1,localhost,")
    assert environment["https_proxy"] == "http://127.0.0.1:9" and "HTTPS_PROXY" not in os.environ


@pytest.mark.parametrize("kind", ["socks", "socks5", "SOCKS5"])
def test_a_download_goes_through_a_socks_proxy(server, no_proxies, monkeypatch, kind):
    pytest.importorskip("socksio")
    socks = Socks()
    socks.start()
    try:
        settled(monkeypatch, ALL_PROXY=f"{kind}://127.0.0.1:{socks.port}")
        monkeypatch.setattr(hub, "endpoint", server.url.replace("127.0.0.1", "192.0.2.1"))  # a name for documents: nowhere
        huggingface_hub.close_session()
        _, path = drain(hub.fetch(weights()))
        assert path.read_bytes() == CONTENT and set(socks.asked) == {"192.0.2.1"}
    finally:
        socks.socket.close()
        huggingface_hub.close_session()

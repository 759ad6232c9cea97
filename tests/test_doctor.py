"""The doctor finds what was broken on purpose, names the cure in both languages, and finds nothing where nothing is broken."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from stand_in_hub import StandInHub

from imgen import doctor, hub
from imgen.texts import text

ROOT = Path(__file__).parent.parent
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
FIRST_FILES = ("espcn_x2", "espcn_x3")


@pytest.fixture(scope="module")
def stand_in():
    with StandInHub() as server:
        yield server


class Machine:
    """One that is well: what a check looks at lies in `folder`, and can be broken there."""

    def __init__(self, folder, stand_in, monkeypatch, capsys):
        self.folder, self.hub, self.patch, self.capsys = folder, stand_in, monkeypatch, capsys
        self.cache, self.site, self.weights = folder / "cache", folder / "site", folder / "program" / "weights"
        self.environment = {"PATH": os.environ["PATH"], "HF_HUB_CACHE": str(self.cache)}
        self.taken = []

    def distribution(self, name, version, *needs):
        place = self.site / f"{name.replace('-', '_')}-0.dist-info"
        place.mkdir(parents=True, exist_ok=True)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {one}" for one in needs)]
        (place / "METADATA").write_text("\n".join(lines) + "\n")

    def opens_nothing_but_torch(self, words="OSError('libcudart.so.12: cannot open shared object file')"):
        (self.folder / "broken" / "torch").mkdir(parents=True)
        (self.folder / "broken" / "torch" / "__init__.py").write_text(f"raise {words}")
        self.patch.setenv("PYTHONPATH", str(self.folder / "broken"))

    def examined(self, *checks, language="en"):
        """-> exit code, findings by their keys."""
        doctor.opened.cache_clear()
        wishes = [word for check in checks for word in ("--check", check)]
        code = doctor.main(["--json", "--language", language, *wishes], self.environment)
        report = json.loads(self.capsys.readouterr().out)
        assert report["ok"] == (code == 0)
        return code, {one["key"]: one for one in report["findings"]}


@pytest.fixture
def machine(tmp_path, stand_in, monkeypatch, capsys):
    stand_in.reset(b"")
    one = Machine(tmp_path, stand_in, monkeypatch, capsys)
    one.weights.mkdir(parents=True)
    for name in FIRST_FILES:
        for ending in ("json", "safetensors"):
            shutil.copy(ROOT / "weights" / f"{name}.{ending}", one.weights)
    versions = {"torch": "2.11.0+cpu", "torchvision": "0.26.0+cpu", "gradio": "6.31.0"}
    for name, limits in doctor.requirements().items():
        version = versions.get(name) or re.search(r"[\d.]+", limits)[0]
        one.distribution(name, version, *(["torch (==2.11.0)"] if name == "torchvision" else []))
    for name in PROXIES:
        for way in (name, name.upper()):
            monkeypatch.delenv(way, raising=False)
    for name, value in {"cache": one.cache, "endpoint": stand_in.url, "mirror": None, "patience": 1.0, "_spares": []}.items():
        monkeypatch.setattr(hub, name, value)
    monkeypatch.setattr(doctor, "OPENED", ("torch",))
    monkeypatch.setattr(doctor, "Path", Path)
    yield one
    for taken in one.taken:
        taken.close()
    huggingface_hub.close_session()


def listen(machine):
    server = socket.create_server(("127.0.0.1", 0))
    machine.taken.append(server)
    return server.getsockname()[1]


def dead(machine):
    """A port that is bound and at which nobody listens."""
    nobody = socket.socket()
    nobody.bind(("127.0.0.1", 0))
    machine.taken.append(nobody)
    return nobody.getsockname()[1]


def old_python(machine):
    machine.patch.setattr(sys, "version_info", (3, 9, 18))


def a_site(machine):
    machine.patch.setattr(sys, "path", [str(machine.site)])


def no_torch(machine):
    a_site(machine)
    shutil.rmtree(machine.site / "torch-0.dist-info")


def unpaired(machine):
    a_site(machine)
    machine.distribution("torchvision", "0.26.0", "torch (==2.10.0)")


def old_gradio(machine):
    a_site(machine)
    machine.distribution("gradio", "5.49.1")


def damaged(machine):
    machine.patch.setattr(doctor, "HERE", machine.weights.parent)
    (machine.weights / "espcn_x3.safetensors").write_bytes(bytes(22_729))


def gone(machine):
    machine.patch.setattr(doctor, "HERE", machine.weights.parent)
    (machine.weights / "espcn_x3.safetensors").unlink()


def read_only_cache(machine):
    machine.cache.write_text("a file in the place of the folder")


def no_hub(machine):
    machine.patch.setattr(hub, "endpoint", f"http://127.0.0.1:{dead(machine)}")


def refusing_hub(machine):
    machine.hub.mode = "403"


def offline(machine):
    machine.environment["HF_HUB_OFFLINE"] = "1"


def broken_proxy(machine):
    machine.environment["HTTPS_PROXY"] = "socks4://127.0.0.1:9"


def silent_proxy(machine):
    machine.environment["https_proxy"] = f"http://127.0.0.1:{dead(machine)}"


def full_disk(machine):
    machine.patch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(total=10**12, used=10**12, free=5 * 10**6))


def little_memory(machine):
    """A container of 600 MB, of which 200 are in use."""
    group = machine.folder / "group"
    group.mkdir()
    for name, words in {"max": 600_000_000, "current": 250_000_000, "stat": "anon 1\ninactive_file 50000000"}.items():
        (group / f"memory.{name}").write_text(f"{words}\n")
    machine.patch.setattr(doctor.free_memory, "__defaults__", ("/proc/meminfo", str(group)))


def taken_port(machine):
    machine.environment["GRADIO_SERVER_PORT"] = str(listen(machine))


def refused_temp(machine):
    (machine.folder / "file").write_text("somebody's")
    machine.environment["GRADIO_TEMP_DIR"] = str(machine.folder / "file" / "pictures")


def no_temp(machine):
    def refuse():
        raise FileNotFoundError("No usable temporary directory found")

    machine.patch.setattr(tempfile, "gettempdir", refuse)


def word_for_number(machine):
    machine.environment["IMGEN_LONGEST"] = "long"


def no_port(machine):
    machine.environment["GRADIO_SERVER_PORT"] = "nan"


def misspelt(machine):
    machine.environment["IMGEN_HOST"] = "school.example"


def another_result(machine):
    machine.patch.setattr(doctor, "opened", lambda: [{"made": 21.5, "wanted": 27.9, "seconds": 1}])
    doctor.opened.cache_clear = lambda: None


FAULTS = {  # what is broken, the check that looks, what it finds, what its cure names
    "python too old": (old_python, "python", "python_old", "3.11"),
    "torch not installed": (no_torch, "packages", "package_missing", 'pip install "torch==2.11.0"'),
    "torchvision of another torch": (unpaired, "packages", "pair", '"torch==2.11.0" "torchvision==0.26.0"'),
    "gradio of last year": (old_gradio, "packages", "package_version", '"gradio==6.31.0"'),
    "torch that does not open": (Machine.opens_nothing_but_torch, "imports", "package_broken", '--force-reinstall "torch=='),
    "weights damaged": (damaged, "weights", "weights_damaged", "git checkout -- weights"),
    "weights missing": (gone, "weights", "weights_missing", "python -m imgen download espcn_x3"),
    "cache read-only": (read_only_cache, "cache", "cache_read_only", "HF_HUB_CACHE"),
    "Hub out of reach": (no_hub, "hub", "hub_unreachable", "HF_ENDPOINT"),
    "Hub that refuses": (refusing_hub, "hub", "hub_refuses", "hf auth login"),
    "offline with something missing": (offline, "hub", "hub_offline", "HF_HUB_OFFLINE"),
    "proxy of no known kind": (broken_proxy, "proxies", "proxy_unusable", "HTTPS_PROXY"),
    "proxy where nobody is": (silent_proxy, "proxies", "proxy_silent", "https_proxy"),
    "disk full": (full_disk, "disk", "disk_full", "HF_HUB_CACHE"),
    "too little memory": (little_memory, "memory", "memory_low", ""),
    "port taken": (taken_port, "port", "port_taken", "GRADIO_SERVER_PORT"),
    "temporary folder refused": (refused_temp, "temp", "temp_refused", "GRADIO_TEMP_DIR"),
    "no temporary folder": (no_temp, "temp", "temp_none", "TMPDIR"),
    "a word for a number": (word_for_number, "settings", "setting_wrong", "IMGEN_LONGEST"),
    "a port that is none": (no_port, "settings", "setting_wrong", "GRADIO_SERVER_PORT"),
    "a setting misspelt": (misspelt, "settings", "setting_unknown", "IMGEN_HOSTS"),
    "a picture that is another": (another_result, "picture", "picture_wrong", "requirements.txt"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_and_its_cure_named(machine, fault):
    break_it, check, key, named = FAULTS[fault]
    if check not in ("imports", "picture"):  # those open torch: see below
        code, found = machine.examined(check)
        assert code == 0 and key not in found, found
    break_it(machine)
    for language in ("en", "zh"):
        code, found = machine.examined(check, language=language)
        assert code == 1 and key in found, found
        one = found[key]
        assert one["state"] == "fault" and named in one["cure"] and one["cure"] != f"cure_{key}"
        assert bool(re.search("[\u4e00-\u9fff]", one["words"])) == (language == "zh"), one["words"]


def test_what_is_well_is_told_with_a_picture_as_proof(machine):
    """All checks at once; of packages torch alone is opened, for time's sake."""
    code, found = machine.examined()
    assert code == 0, found
    assert {"python", "packages", "imports", "device", "picture", "weights", "cache_partly", "hub", "disk"} <= found.keys()
    assert found["weights"]["facts"]["count"] == len(list((ROOT / "weights").glob("*.safetensors")))
    assert found["device"]["facts"]["precision"] in ("float32", "bfloat16")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_with_nothing_installed_it_says_so(language):
    """Without site-packages: no torch, no numpy, no typer."""
    command = [sys.executable, "-S", "-m", "imgen", "doctor"]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": f"{ {'en': 'C', 'zh': 'zh_CN'}[language]}.UTF-8", "PYTHONUTF8": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr == ""
    assert 'pip install "torch==2.11.0" "torchvision==0.26.0" "gradio==6.31.0"' in done.stdout
    assert ("没有安装：torch" in done.stdout) == (language == "zh") and "check_failed" not in done.stdout


@pytest.mark.parametrize("old", ["3.9", "3.10"])
def test_an_old_python_is_told_so_by_itself(old):
    found = next(map(str, Path.home().glob(f".pyenv/versions/{old}.*/bin/python")), None) or shutil.which(f"python{old}")
    if not found:
        pytest.skip(f"no Python {old} here")
    command = [found, "-m", "imgen", "doctor", "--check", "python"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "3.11" in done.stdout and done.stderr == ""


def test_a_package_that_ends_the_process_hides_nothing_else(machine):
    machine.opens_nothing_but_torch("__import__('os')._exit(139)")
    code, found = machine.examined("imports", "picture", "python")
    assert code == 1 and "139" in found["package_broken"]["words"] and "python" in found and "not_tried" in found


def test_a_check_that_fails_is_told_and_the_others_go_on(machine):
    def fail(environment):
        raise RuntimeError("/home/somebody/secret")
        yield

    machine.patch.setitem(doctor.CHECKS, "disk", fail)
    code, found = machine.examined("disk", "python")
    assert code == 1 and "python" in found and "RuntimeError" in found["check_failed"]["words"]
    assert "secret" not in json.dumps(found)


def test_offline_with_everything_here_is_well(machine, monkeypatch):
    monkeypatch.setattr(doctor, "missing", list)
    offline(machine)
    assert machine.examined("hub")[0] == 0
    del machine.environment["HF_HUB_OFFLINE"]
    no_hub(machine)
    code, found = machine.examined("hub", "cache")
    assert code == 0 and found["hub_not_needed"]["state"] == "note" and "cache" in found


def test_a_proxy_that_cannot_be_used_is_found_in_a_run_of_all_checks_and_no_package_is_blamed_for_it(machine, monkeypatch):
    from imgen import proxies

    for name in ("proxied", "unreachable"):
        monkeypatch.setattr(proxies, name, frozenset())
    monkeypatch.setenv("HTTPS_PROXY", "ftp://secret@proxy.example")
    checks = [one for one in doctor.CHECKS if one in ("proxies", "hub")]
    found = [*doctor.examine(os.environ, checks)]
    assert ("proxies", "proxy_unusable") in [(one.check, one.key) for one in found] and "secret" not in str(found)
    monkeypatch.setenv("HTTPS_PROXY", "socks5://[::1")
    (machine.folder / "asks.py").write_text("import os; assert 'HTTPS_PROXY' not in os.environ")
    monkeypatch.setenv("PYTHONPATH", str(machine.folder))
    monkeypatch.setattr(doctor, "OPENED", ("asks",))
    monkeypatch.setattr(doctor, "installed", lambda name: "1")
    doctor.opened.cache_clear()
    assert doctor.opened()[-1] == {"open": "asks"}
    doctor.opened.cache_clear()


@pytest.mark.parametrize("value", ["inf", "nan", "1e400"])
def test_a_port_beyond_numbers_is_a_wrong_setting_and_no_fault_of_a_check(value):
    found = [*doctor.examine({"GRADIO_SERVER_PORT": value}, ["port", "settings"])]
    assert [one.key for one in found] == ["setting_wrong"]


def test_a_proxy_that_answers_is_well(machine):
    machine.environment["HTTP_PROXY"] = f"127.0.0.1:{listen(machine)}"
    assert machine.examined("proxies")[0] == 0


def test_without_a_named_port_the_next_free_one_is_told(machine):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 7860))
            taken.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        code, found = machine.examined("port")
    assert code == 0 and 7860 < found["port_other"]["facts"]["port"] < 7960


@pytest.mark.parametrize(("version", "limits", "right"), [
    ("2.11.0+cpu", "==2.11.0", True), ("2.11.1", "==2.11.0", False), ("2.11", "==2.11.0", True), ("12.3.0", ">=12,<13", True),
    ("13.0", ">=12,<13", False), ("4.13.0.92", ">=4.12,<6", True), ("1.0rc1", ">=1,<2", True), ("9", "", True),
])
def test_versions_are_read_as_pip_reads_them(version, limits, right):
    assert doctor.fits(version, limits) == right


@pytest.mark.parametrize(("name", "value", "key"), [
    ("IMGEN_PASSWORD", "12345", "password_short"), ("IMGEN_CERT", "nosuch.pem", "certificate_missing"),
    ("IMGEN_KEY", "key.pem", "certificate_needed"), ("IMGEN_LOG", "xml", "log_unknown"),
    ("IMGEN_METRICS", "nobody", "metrics_unknown"), ("IMGEN_RAY_REPLICAS", "8-1", "ray_replicas"),
    ("IMGEN_RAY_GPUS", "x", "setting_not_a_number"),
])
def test_for_what_the_page_would_not_start_the_doctor_tells_with_its_words(machine, name, value, key):
    machine.environment[name] = value
    code, found = machine.examined("settings", language="zh")
    assert code == 1 and found[key]["words"] == text(key, "zh", **found[key]["facts"]) != key


def test_a_setting_whose_package_is_missing_is_told(machine):
    machine.environment["IMGEN_METRICS"] = "1"
    machine.patch.setattr(doctor.importlib.util, "find_spec", lambda module: None)
    code, found = machine.examined("settings")
    assert code == 1 and "pip install prometheus-client" in found["extra_missing"]["words"]
    machine.environment["IMGEN_METRICS"] = "off"
    assert machine.examined("settings")[0] == 0


def test_every_setting_that_the_program_reads_is_known_to_him():
    """And stands in the README."""
    sources = [ROOT / "app.py", *(ROOT / "imgen").rglob("*.py")]
    read = {name for path in sources if path.name not in ("doctor.py", "settings.py") and "texts" not in path.parts
            for name in re.findall(r'"(IMGEN_[A-Z_]+)"', path.read_text(encoding="utf-8"))}
    assert read and read <= set(doctor.SETTINGS)
    for readme in (ROOT / "README.md", ROOT / "imgen" / "texts" / "zh" / "README.md"):
        told = set(re.findall(r"`(IMGEN_[A-Z_]+)`", readme.read_text(encoding="utf-8")))
        assert read <= told <= set(doctor.SETTINGS), readme

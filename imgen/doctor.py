"""`python -m imgen doctor`: what is here, what is missing, and how it is mended.

Every check stands alone, and what may be broken is opened in another process: it works with nothing installed.  So this file
imports none of the program's own rooms but the words before a check needs them, and is written for an older Python than the
program.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import importlib.util
import io
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import namedtuple
from collections.abc import Iterator, Mapping, MutableMapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from imgen.settings import SETTINGS, misspelt, switched_on
from imgen.texts import LANGUAGES, spoken, text

GOOD, NOTE, FAULT = "good", "note", "fault"  # a note needs no mending
MARKS = {GOOD: "✓", NOTE: "·", FAULT: "✗"}
HERE = Path(__file__).resolve().parent
LEAST_PYTHON = (3, 11)
OPENED = ("numpy", "PIL", "cv2", "safetensors", "huggingface_hub", "gradio", "torch", "torchvision")  # as they are imported
DISTRIBUTIONS = {"PIL": "pillow", "cv2": "opencv-python-headless", "huggingface_hub": "huggingface-hub"}
MEMORY, DISK = 1000, 1000  # MB that the page and its visitors need
PROOF, NEAR = "espcn_x4", 0.3  # the card that makes a picture, and dB by which machines may differ
LONGEST = 180  # seconds for all that is opened in another process
FAILED = ("overfitted_dcgan_fashion28",)  # of whose judge only the figures are shown
NUMBERS = {"GRADIO_SERVER_PORT": int, "IMGEN_LONGEST": float}
NEEDING = {  # settings, and the module without which the page does not start: a key with its words, and what to install
    "IMGEN_MCP": ("mcp", "tools_missing", ""), "IMGEN_METRICS": ("prometheus_client", "extra_missing", "prometheus-client"),
    "IMGEN_RAY": ("ray", "extra_missing", '"ray[serve]"'),
}
OPENING = """
import importlib, json, sys, time
from os import environ
for name in [name for name in environ if name.lower().endswith("_proxy")]:
    del environ[name]  # with one that cannot be used Gradio would not open, which `proxies` says
def tell(**facts): print(json.dumps(facts), flush=True)
for name in {opened!r}:
    tell(opening=name)
    try:
        importlib.import_module(name)
    except BaseException as error:
        tell(broken=name, words=type(error).__name__ + ": " + str(error)[:160].replace("\\n", " "))
    else:
        tell(open=name)
"""
PROVING = """
try:
    import torch
    from imgen import device
    from imgen.catalog import find_card
    from imgen.evaluation.scores import sample_figure
    best, card = device.best(), find_card({proof!r})
    tell(device=device.name(best), kind=best, threads=torch.get_num_threads(), precision=device.precision(best))
    began = time.perf_counter()
    tell(made=sample_figure(card), wanted=card.facts.scores["sample"], seconds=round(time.perf_counter() - began, 2))
except BaseException as error:
    tell(failed=type(error).__name__ + ": " + str(error)[:160].replace("\\n", " "))
"""

Finding = namedtuple("Finding", "check state key facts")
Found = Iterator["tuple[str, str, dict]"]  # of a check: state, key, facts


def asked(arguments: list[str]) -> bool:
    """Whether a command line means this."""
    return arguments[1:2] == ["doctor"]


def main(arguments: list[str], environment: MutableMapping[str, str]) -> int:
    """Exit code: 0, nothing needs mending; 1, something does.  What is found goes to standard output."""
    parser = argparse.ArgumentParser(prog="imgen doctor", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--language", choices=LANGUAGES, help="else that of this machine")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--check", action="append", choices=list(CHECKS), help="this one only; can be repeated")
    wishes = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # under pythonw there is none
        sys.stdout.reconfigure(errors="backslashreplace")
    language = wishes.language or spoken(environment)
    found = []
    for finding in examine(environment, wishes.check or list(CHECKS)):
        found.append(finding)
        if not wishes.json:
            print("\n".join(lines(finding, language)), flush=True)
    faults = sum(finding.state == FAULT for finding in found)
    if wishes.json:
        print(json.dumps({"ok": not faults, "findings": [told(finding, language) for finding in found]}, indent=1))
    else:
        print(text("doctor_ill" if faults else "doctor_well", language, count=faults))
    return 1 if faults else 0


def examine(environment: MutableMapping[str, str], checks: list[str]) -> Iterator[Finding]:
    for check in checks:
        try:
            for state, key, facts in CHECKS[check](environment):
                yield Finding(check, state, key, facts)
        except ImportError:
            yield Finding(check, NOTE, "not_tried", {})
        except Exception as error:  # a fault of the check must not hide what the others find
            yield Finding(check, FAULT, "check_failed", {"check": check, "kind": type(error).__name__})


def told(finding: Finding, language: str) -> dict:
    return {**finding._asdict(), "words": words(finding, language), "cure": cure(finding, language)}


def words(finding: Finding, language: str) -> str:
    """What the page would say itself has no words of the doctor's: its sentence names the cure, too."""
    key = "doctor_" + finding.key
    own = text(key, language, **finding.facts)
    return text(finding.key, language, **finding.facts) if own == key else own


def cure(finding: Finding, language: str) -> str:
    key = "cure_" + finding.key
    found = text(key, language, **finding.facts)
    return "" if found == key else found


def lines(finding: Finding, language: str) -> Iterator[str]:
    yield f"{MARKS[finding.state]} {finding.check:9} {words(finding, language)}"
    if cure(finding, language):
        yield "{:12}→ {}".format("", cure(finding, language))


# -- Python and packages -----------------------------------------------------------------------------------------------


def python(environment: Mapping[str, str]) -> Found:
    version = ".".join(map(str, sys.version_info[:3]))
    if tuple(sys.version_info[:2]) < LEAST_PYTHON:
        yield FAULT, "python_old", {"version": version, "least": ".".join(map(str, LEAST_PYTHON))}
    else:
        yield GOOD, "python", {"version": version, "machine": platform.system() + " " + platform.machine()}


def packages(environment: Mapping[str, str]) -> Found:
    """Whether those that this program needs are here, in the versions that it needs; torch and torchvision are a pair."""
    wanted, missing, others = requirements(), [], []
    for name, limits in wanted.items():
        version = installed(name)
        if version is None:
            missing.append(name)
        elif not fits(version, limits):
            others.append(name)
    if missing:
        yield FAULT, "package_missing", {"names": ", ".join(missing), "wanted": pins(missing)}
    if others:
        said = ", ".join(f"{name} {installed(name)} ({wanted[name]})" for name in others)
        yield FAULT, "package_version", {"names": said, "wanted": pins(others)}
    torch, vision, made_for = installed("torch"), installed("torchvision"), partner()
    if torch and vision and made_for and not fits(torch, "==" + made_for):
        yield FAULT, "pair", {"torch": torch, "vision": vision, "made_for": made_for, "wanted": pins(["torch", "torchvision"])}
    elif not missing and not others:
        yield GOOD, "packages", {"count": len(wanted)}


def requirements() -> dict[str, str]:
    """Name -> limits of its version, such as "==2.11.0": of what runs the program, not of what tests it."""
    listed = HERE.parent / "requirements.txt"
    if listed.is_file():
        rows = listed.read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    else:  # an installed package
        rows = [one for one in importlib.metadata.requires("imgen") or [] if "extra ==" not in one and "pytest" not in one]
    found = (re.match(r"\s*([A-Za-z0-9._-]+)\s*([<>=!~][^;#]*)?", row) for row in rows)
    tests = {"pytest-xdist", "playwright", "axe-playwright-python", "scikit-image"}
    return {str(one[1]): (one[2] or "").strip() for one in found if one and one[1] not in tests}


def installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def partner() -> str:
    """The version of torch that the torchvision here was built against; "" if it does not say."""
    try:
        listed = importlib.metadata.requires("torchvision") or []
    except importlib.metadata.PackageNotFoundError:
        return ""
    found = [re.match(r"torch\s*\(?==\s*([0-9][^\s;)]*)", one) for one in listed]
    return next((one[1] for one in found if one), "")


def fits(version: str, limits: str) -> bool:
    """By the numbers of the release alone: a build for CPUs is called 2.11.0+cpu."""
    have = release(version)
    for limit in filter(None, (one.strip() for one in limits.split(","))):
        sign = re.match(r"[<>=!~]*", limit)[0]  # pyright: ignore[reportOptionalSubscript]  it always matches
        other = release(limit[len(sign) :].strip())
        length = max(len(have), len(other))
        a, b = (one + (0,) * (length - len(one)) for one in (have, other))
        if not {"==": a == b, ">=": a >= b, "<=": a <= b, "<": a < b, ">": a > b, "!=": a != b}.get(sign, True):
            return False
    return True


def release(version: str) -> tuple[int, ...]:
    numbers = re.match(r"[0-9]*(\.[0-9]+)*", version)
    return tuple(int(one) for one in numbers[0].split(".") if one) if numbers else ()


def pins(names: list[str]) -> str:
    """As pip takes them."""
    wanted = requirements()
    return " ".join(f'"{name}{wanted.get(name, "")}"' for name in names)


@lru_cache(maxsize=1)
def opened() -> list[dict]:
    """What another process tells of opening the packages and making a picture: one line each, as far as it came."""
    here = [name for name in OPENED if installed(DISTRIBUTIONS.get(name, name))]
    if not here:
        return []
    code = OPENING.format(opened=tuple(here)) + (PROVING.format(proof=PROOF) if "torch" in here else "")
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=str(HERE.parent), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=LONGEST
        )
        said, ended = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        said, ended = late.stdout or b"", "timeout"
    found = [json.loads(line) for line in said.decode("utf-8", "replace").splitlines() if line.startswith("{")]
    if found and "opening" in found[-1]:  # it did not come back from there
        found.append({"broken": found[-1]["opening"], "words": f"exit code {ended}"})
    return found


def imports(environment: Mapping[str, str]) -> Found:
    if not opened():
        yield NOTE, "not_tried", {}
        return
    broken = [one for one in opened() if "broken" in one]
    for one in broken:
        name = str(DISTRIBUTIONS.get(one["broken"], one["broken"]))
        yield FAULT, "package_broken", {"name": one["broken"], "words": one["words"], "wanted": pins([name])}
    if not broken:
        yield GOOD, "imports", {"names": ", ".join(one["open"] for one in opened() if "open" in one)}


def device(environment: Mapping[str, str]) -> Found:
    one = next((one for one in opened() if "device" in one), None)
    if one is None:
        yield NOTE, "not_tried", {}
        return
    yield GOOD, "device", {"name": one["device"], "threads": one["threads"], "precision": one["precision"]}
    if one["kind"] == "cpu" and shutil.which("nvidia-smi"):
        yield NOTE, "gpu_unused", {"wanted": pins(["torch", "torchvision"])}


def picture(environment: Mapping[str, str]) -> Found:
    """One is enlarged, and held against the figure that is stored of the card."""
    made = next((one for one in opened() if "made" in one), None)
    failed = next((one for one in opened() if "failed" in one), None)
    if made:
        if abs(made["made"] - made["wanted"]) > NEAR:
            yield FAULT, "picture_wrong", {"found": made["made"], "wanted": made["wanted"]}
        else:
            yield GOOD, "picture", {"seconds": made["seconds"]}
    elif failed:
        yield FAULT, "picture_failed", {"words": failed["failed"]}
    else:
        yield NOTE, "not_tried", {}


# -- files -------------------------------------------------------------------------------------------------------------


def weights(environment: Mapping[str, str]) -> Found:
    """Those that came with the program, each against the sha256 that stands beside it."""
    folder = next((one for one in (HERE.parent / "weights", HERE / "weights") if one.is_dir()), HERE / "weights")
    known = dict(promised(folder))
    missing = [name for name in known if not (folder / name).is_file()]
    damaged = [name for name in known if name not in missing and digest(folder / name) != known[name]]
    for key, names in (("weights_missing", missing), ("weights_damaged", damaged)):
        if names:
            yield FAULT, key, {"names": " ".join(name.partition(".")[0] for name in names)}
    if not known:
        yield FAULT, "weights_missing", {"names": "--all"}
    elif not missing and not damaged:
        size = sum((folder / name).stat().st_size for name in known)
        yield GOOD, "weights", {"count": len(known), "size": megabytes(size)}


def promised(folder: Path) -> Iterator[tuple[str, str]]:
    """File -> sha256, of all weights that were written here: those of networks, and of the judges of GANs."""
    for path in sorted(folder.glob("*.json")):
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts.get("sha256"):
            yield path.stem + ".safetensors", facts["sha256"]
        judge = facts.get("judge") or {}
        if judge.get("sha256") and path.stem not in FAILED:
            yield path.stem + "_judge.safetensors", judge["sha256"]


def digest(path: Path) -> str:
    made = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            made.update(block)
    return made.hexdigest()


def temp(environment: Mapping[str, str]) -> Found:
    named = environment.get("GRADIO_TEMP_DIR")
    if named and not writable(Path(named)):
        yield FAULT, "temp_refused", {"folder": named}
        return
    try:
        yield GOOD, "temp", {"folder": named or tempfile.gettempdir()}
    except OSError:
        yield FAULT, "temp_none", {}


def disk(environment: Mapping[str, str]) -> Found:
    """Of the disk where pictures go, and of the one that downloads go to."""
    try:
        folder = Path(environment.get("GRADIO_TEMP_DIR") or tempfile.gettempdir())
    except OSError:  # see `temp`
        return
    places = [(folder, DISK, "GRADIO_TEMP_DIR")]
    try:
        lacking = missing()
    except ImportError:
        lacking = []
    if lacking:
        places.append((cache_folder(environment), megabytes(sum(one.file.size for one in lacking)), "HF_HUB_CACHE"))
    free, faults = [], 0
    for folder, needed, setting in places:
        free.append(megabytes(shutil.disk_usage(str(standing(folder))).free))
        if free[-1] < needed:
            faults += 1
            yield FAULT, "disk_full", {"folder": str(folder), "free": free[-1], "needed": needed, "setting": setting}
    if not faults:
        yield GOOD, "disk", {"free": min(free)}


def standing(folder: Path) -> Path:
    """The nearest that is there."""
    folder = folder.absolute()
    return next((one for one in (folder, *folder.parents) if one.exists()), folder)


def writable(folder: Path) -> bool:
    """Whether it, or the nearest that is there, takes a file; none stays."""
    place = standing(folder)
    try:
        with tempfile.TemporaryFile(dir=str(place)):
            return True
    except OSError:
        return False


# -- the Hub -----------------------------------------------------------------------------------------------------------


def cache_folder(environment: Mapping[str, str]) -> Path:
    """As huggingface_hub has it."""
    root = environment.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    home = environment.get("HF_HOME") or os.path.join(root, "huggingface")
    return Path(os.path.expanduser(environment.get("HF_HUB_CACHE") or os.path.join(home, "hub")))


def missing() -> list:
    """Of all that the Hub has for this program, what is not here.  Raises ImportError where packages are missing."""
    from imgen.downloads import offered

    return [one for one in offered() if one.found() is None]


def names_of(files: list) -> str:
    return " ".join(one.name for one in files)


def cache(environment: Mapping[str, str]) -> Found:
    from imgen.downloads import offered

    folder, lacking = cache_folder(environment), missing()
    if not lacking:
        yield GOOD, "cache", {"folder": str(folder), "count": len(offered())}
    elif not writable(folder):
        yield FAULT, "cache_read_only", {"folder": str(folder), "names": names_of(lacking)}
    else:
        size = megabytes(sum(one.file.size for one in lacking))
        yield NOTE, "cache_partly", {"folder": str(folder), "names": names_of(lacking), "size": size}


def hub(environment: MutableMapping[str, str]) -> Found:
    from imgen import hub as ours
    from imgen.controls import UserError
    from imgen.downloads import offered

    lacking = missing()
    try:
        server = urlsplit(ours.endpoint or environment.get("HF_ENDPOINT") or ours.OFFICIAL).hostname or ""
    except ValueError:
        server = "HF_ENDPOINT"
    if offline(environment):
        facts = {"names": names_of(lacking)}
        yield (FAULT, "hub_offline", facts) if lacking else (GOOD, "hub_offline_fine", facts)
        return
    ours.settle(environment)
    try:
        ours.ask((lacking or offered())[0].file)
    except UserError as error:
        words = text(error.key, spoken(environment), **error.facts)
        facts = {"server": server, "names": names_of(lacking), "words": words}
        refused = error.key in ("weights_denied", "weights_not_found", "weights_server")
        if not lacking:
            yield NOTE, "hub_not_needed", {}
        else:
            yield FAULT, "hub_refuses" if refused else "hub_unreachable", facts
    else:
        yield GOOD, "hub", {"server": server}


def offline(environment: Mapping[str, str]) -> bool:
    """As huggingface_hub reads it."""
    return environment.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")


def proxies(environment: Mapping[str, str]) -> Found:
    """Whether each is an address that can be used, and whether somebody answers there."""
    kinds = ("http_proxy", "https_proxy", "all_proxy")
    named = {name: value for name, value in environment.items() if name.lower() in kinds and value}
    faults = 0
    for name, value in named.items():
        key = proxy_fault(value)
        if key:
            faults += 1
            yield FAULT, key, {"name": name}
    if not named:
        yield GOOD, "proxies_none", {}
    elif not faults:
        yield GOOD, "proxies", {"names": ", ".join(named)}


def proxy_fault(value: str) -> str:
    try:
        address = urlsplit(value if "://" in value else "http://" + value)
        host, port = address.hostname, address.port or {"https": 443, "http": 80}.get(address.scheme, 1080)
    except ValueError:
        return "proxy_unusable"
    if address.scheme not in ("http", "https", "socks", "socks5", "socks5h") or not host:
        return "proxy_unusable"
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError:
        return "proxy_silent"
    return ""


# -- the machine -------------------------------------------------------------------------------------------------------


def memory(environment: Mapping[str, str]) -> Found:
    free, total = free_memory()
    if not total:
        yield NOTE, "memory_unknown", {}
    elif free < MEMORY:
        yield FAULT, "memory_low", {"free": free, "needed": MEMORY}
    else:
        yield GOOD, "memory", {"free": free, "total": total}


def free_memory(proc: str = "/proc/meminfo", group: str = "/sys/fs/cgroup") -> tuple[int, int]:
    """MB that are free and MB in all, within a container's limit; (0, 0) where that is not easily told."""
    try:
        rows = dict(re.findall(r"(\w+):\s+(\d+) kB", Path(proc).read_text()))
        free, total = int(rows["MemAvailable"]) // 1024, int(rows["MemTotal"]) // 1024
    except (OSError, KeyError):
        return windows_memory() if os.name == "nt" else (0, 0)
    try:
        most, used = (int(Path(group, name).read_text()) for name in ("memory.max", "memory.current"))
        caches = dict(line.split() for line in Path(group, "memory.stat").read_text().splitlines())
        used -= int(caches.get("inactive_file", 0))  # which the kernel gives back
        return min(free, megabytes(most - used)), min(total, megabytes(most))
    except (OSError, ValueError):  # no limit
        return free, total


def windows_memory() -> tuple[int, int]:
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
            (name, ctypes.c_ulonglong) for name in ("total", "free", "a", "b", "c", "d", "e")
        ]

    status = Status(length=ctypes.sizeof(Status))
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # pyright: ignore[reportAttributeAccessIssue]  there it is
    return megabytes(status.free), megabytes(status.total)


def port(environment: Mapping[str, str]) -> Found:
    """The one that was named, else the first free one as Gradio looks for it."""
    host, named = environment.get("GRADIO_SERVER_NAME") or "127.0.0.1", environment.get("GRADIO_SERVER_PORT")
    try:
        wanted = [int(float(named))] if named else list(range(7860, 7960))
    except (ValueError, OverflowError):  # see `settings`
        return
    free = next((one for one in wanted if listens(host, one)), None)
    if free is None:
        yield FAULT, "port_taken", {"host": host, "port": wanted[0]}
    elif named or free == wanted[0]:
        yield GOOD, "port", {"port": free}
    else:
        yield NOTE, "port_other", {"port": free}


def listens(host: str, port: int) -> bool:
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(kind) as trial:
        if os.name != "nt":  # there it would take the port from whoever has it
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
            trial.listen()
            return True
        except (OSError, OverflowError):
            return False


def settings(environment: Mapping[str, str]) -> Found:
    known = [name for name in sorted(environment) if name in SETTINGS or name in NUMBERS]
    faults = 0
    for name, kind in NUMBERS.items():
        try:
            fits_in = 0 <= kind(environment.get(name) or 0) < float("inf")
        except ValueError:
            fits_in = False
        if not fits_in:
            faults += 1
            yield FAULT, "setting_wrong", {"name": name, "value": environment[name][:40]}
    for facts in misspelt(environment):
        faults += 1
        yield FAULT, "setting_unknown", facts
    for fault in refused(environment):
        faults += 1
        yield fault
    if not faults:
        yield GOOD, "settings" if known else "settings_none", {"names": ", ".join(known)}


def refused(environment: Mapping[str, str]) -> Found:
    """For which the page would not start.  Only what is set is looked at: some of it opens packages."""
    for name, (module, key, install) in NEEDING.items():
        if switched_on(environment, name) and importlib.util.find_spec(module) is None:
            yield FAULT, key, {"name": install}
    for names, look in LOOKS:
        if any(environment.get(name) for name in names):
            from imgen.controls import UserError

            try:
                look(environment)
            except UserError as error:
                yield FAULT, error.key, error.facts


def look_at_access(environment: Mapping[str, str]) -> None:
    from imgen import serving

    serving.password(environment.get("IMGEN_PASSWORD", ""))
    serving.certified(environment.get("IMGEN_CERT", ""), environment.get("IMGEN_KEY", ""))


def look_at_outlook(environment: Mapping[str, str]) -> None:
    from imgen.ui import telemetry

    telemetry.chosen(environment)


def look_at_cluster(environment: Mapping[str, str]) -> None:
    from imgen.remote import Cluster

    Cluster.of(environment)


LOOKS = (  # settings that the page would look at together
    (("IMGEN_PASSWORD", "IMGEN_CERT", "IMGEN_KEY"), look_at_access), (("IMGEN_LOG", "IMGEN_METRICS"), look_at_outlook),
    (("IMGEN_RAY", "IMGEN_RAY_REPLICAS", "IMGEN_RAY_GPUS"), look_at_cluster),
)


def megabytes(size: float) -> int:
    return int(size / 1e6)


CHECKS = {  # proxies before the Hub, on the way to which those that cannot be used are taken out
    check.__name__: check
    for check in (
        python, packages, imports, device, picture, weights, cache, proxies, hub, disk, memory, port, temp, settings,
    )
}

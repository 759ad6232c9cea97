"""Serves the page: what `python app.py` and `python -m imgen serve` do.

Nothing here reads the environment: a face hands its own over, which is also where Gradio and torch look when they are imported.
"""

import atexit
import io
import math
import os
import shutil
import signal
import socket
import ssl
import stat
import sys
import tempfile
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from imgen import hub
from imgen.controls import UserError
from imgen.facts import read_facts
from imgen.settings import misspelt, switched_on
from imgen.texts import spoken, text

OWN = "imgen-pictures"
KEPT = Path("/data")  # the disk that a Space keeps, if it has one
ANYWHERE = ("0.0.0.0", "::")  # to listen at all addresses of this machine
SHORTEST = 6  # letters of a password: guessing is slow here, see `ui.password`


@dataclass(frozen=True)
class Wishes:
    """What a command asks for beside the settings of the environment, which stand back."""

    lan: bool = False
    host: str = ""
    port: float | None = None
    certificate: str = ""  # a PEM file
    key: str = ""  # and its key, if that is not in it
    password: str = ""


NONE = Wishes()


def prepare(environment: MutableMapping[str, str]) -> None:
    """What Gradio, torch and the Hub's package read when they are imported: to be called before."""
    environment["GRADIO_ANALYTICS_ENABLED"] = "False"  # then the server contacts nobody
    environment.update({  # else it would draw up a table of all calls after each of them, with pandas, for pages that are closed
        "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**9), "GRADIO_ANALYTICS_MAX_EVENTS": "100",
    })
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # by torch: visitors share the cores
    environment.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # by torch on Linux: tensors in huge pages, up to a fifth faster
    if environment.get("HF_ENDPOINT"):
        environment.setdefault("HF_HUB_DISABLE_XET", "1")  # Xet would bypass the mirror
    environment.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # by ray: it contacts nobody either
    if environment.get("SPACE_ID"):
        environment.setdefault("FORWARDED_ALLOW_IPS", "*")  # by uvicorn: all visitors come through the Space's own proxy
        # By spaces: where ZeroGPU lays nets until they are wanted; a home may be read-only.
        environment.setdefault("ZEROGPU_OFFLOAD_DIR", str(Path(tempfile.gettempdir()) / "imgen-zerogpu"))


def main(environment: MutableMapping[str, str], wishes: Wishes = NONE) -> None:
    """What hinders the page from starting is one sentence, and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # under pythonw there is none
            stream.reconfigure(errors="backslashreplace")
    try:
        serve(environment, wishes)
    except UserError as error:
        say(environment, error.key, **error.facts)
        sys.exit(2)


def serve(environment: MutableMapping[str, str], wishes: Wishes = NONE) -> None:
    """Until it is ended.  Raises UserError."""
    for facts in misspelt(environment):  # a password under another name would be none
        say(environment, "doctor_setting_unknown", **facts)
        say(environment, "cure_setting_unknown", **facts)
    port, longest = wishes.port or number(environment, "GRADIO_SERVER_PORT", int), number(environment, "IMGEN_LONGEST")
    lan = wishes.lan or switched_on(environment, "IMGEN_LAN")
    host = wishes.host or environment.get("GRADIO_SERVER_NAME") or (ANYWHERE[0] if lan else "127.0.0.1")
    secret = password(environment.pop("IMGEN_PASSWORD", ""), wishes.password)  # popped: no child needs it
    secure = certified(wishes.certificate or environment.get("IMGEN_CERT", ""), wishes.key or environment.get("IMGEN_KEY", ""))
    hub.settle(environment, *([] if host in ANYWHERE else [host]))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the folder goes, too, whenever it comes
    own_folder(environment)
    if environment.get("SPACE_ID") and not environment.get("HF_HOME") and writable(KEPT / "huggingface"):
        hub.cache, hub.others = KEPT / "huggingface", (None,)  # what the Space was built with lies in huggingface_hub's own
    take_over(environment)

    from imgen.page import build, settings  # only now: gradio reads the environment when it is imported
    from imgen.ui import health, telemetry, turns
    from imgen.ui.password import Gate
    from imgen.ui.stock import sweep_forever
    from imgen.ui.warm import warm_up

    turns.longest = longest or turns.longest
    seen = telemetry.begin(environment)
    gate = Gate(secret) if secret else None
    if environment.get("IMGEN_RAY"):
        from imgen import remote

        turns.widen(remote.connect(remote.Cluster.of(environment)))
    page = build()
    if switched_on(environment, "SPACES_ZERO_GPU"):
        from imgen.ui import zero

        zero.settle()
    tools = switched_on(environment, "IMGEN_MCP")
    names = [*environment.get("IMGEN_HOSTS", "").split(","), environment.get("SPACE_HOST", "")]
    try:
        _, address, _ = page.launch(
            server_name=host, server_port=int(port) if port else None, **secure, **settings(names, gate, seen, tools)
        )
    except (OSError, OverflowError):  # of all ports that Gradio tries; of one beyond 65535
        raise UserError("port_taken", host=host, port=int(port or 7860)) from None
    if gate:
        gate.close()
    seen.started()
    print(f"imgen is at {address}", flush=True)
    if lan:
        show_address(address, say_to=environment, open_to_all=not secret)
    health.warming = warm_up()
    sweep_forever()
    try:
        page.block_thread()
    finally:
        turns.give_up()


def take_over(environment: Mapping[str, str]) -> None:
    """Of a repository that is named, facts and figures where there are none here.  Raises UserError."""
    if environment.get("IMGEN_HUB_REPO") and not any(hub.bundled.glob("*.json")):
        hub.take_snapshot(read_facts)


def say(environment: Mapping[str, str], key: str, **facts: object) -> None:
    print(text(key, spoken(environment), **facts), file=sys.stderr, flush=True)


def number(environment: Mapping[str, str], name: str, kind: Callable[[str], float] = float) -> float | None:
    """A setting that is one, and not below 0.  kind: int, if it must be whole.  Raises UserError."""
    value = environment.get(name)
    try:
        found = kind(value) if value else None
    except ValueError:
        found = math.nan
    if found is not None and not 0 <= found < math.inf:
        raise UserError("setting_not_a_number", name=name, value=(value or "")[:40])
    return found


def password(*given: str) -> str:
    """The last that was given.  Raises UserError if it is too short to be one."""
    found = next(filter(None, reversed(given)), "")
    if found and len(found) < SHORTEST:
        raise UserError("password_short", least=SHORTEST)
    return found


def certified(certificate: str, key: str) -> dict[str, object]:
    """What `launch` is told for HTTPS; nothing without a certificate.  Raises UserError."""
    if not certificate:
        if key:
            raise UserError("certificate_needed", name=Path(key).name)
        return {}
    for file in filter(None, (certificate, key)):
        if not Path(file).is_file():
            raise UserError("certificate_missing", name=Path(file).name)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key or None, password=lambda: b"")
    except (ssl.SSLError, OSError, ValueError):  # ValueError: a key behind a passphrase of its own
        raise UserError("certificate_unusable", name=Path(certificate).name) from None
    # The page asks itself once by a name that the certificate need not have, or one that only the school's machines trust.
    return {"ssl_certfile": certificate, "ssl_keyfile": key or certificate, "ssl_verify": False}


def show_address(address: str, say_to: Mapping[str, str], open_to_all: bool) -> None:
    """Where the others in this network find the page, to be read and to be photographed."""
    here = lan_address()
    if not here:
        say(say_to, "lan_none")
        return
    kind, _, rest = address.partition("://")
    link = f"{kind}://{here}:{rest.rstrip('/').rpartition(':')[2]}/"
    print(text("lan_address", spoken(say_to), link=link), flush=True)
    print(qr_code(link, sys.stdout.encoding or "ascii", sys.stdout.isatty()), flush=True)
    if open_to_all:
        say(say_to, "lan_open")


def qr_code(link: str, encoding: str, coloured: bool) -> str:
    """For a terminal: two rows a line, white on black whatever its own colours are; not coloured: for a dark one."""
    import segno

    out, code = io.StringIO(), segno.make_qr(link, error="l")
    try:
        "▀▄█".encode(encoding)
    except UnicodeEncodeError:
        code.terminal(out, border=2)  # by colours alone
        return out.getvalue()
    code.terminal(out, border=2, compact=True)
    return "\n".join(f"\033[97;40m{line}\033[0m" if coloured else line for line in out.getvalue().splitlines())


def lan_address() -> str:
    """This machine's address in its network; "" if it is in none.  Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect(("192.0.2.1", 9))  # an address for documents: the way there is the way to the network
            found = str(way.getsockname()[0])
        except OSError:  # no way out of the room
            found = ""
    if found and not found.startswith(("127.", "0.")):
        return found
    try:
        names = {str(one[4][0]) for one in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    except OSError:
        return ""
    return next((one for one in sorted(names) if not one.startswith("127.")), "")


def own_folder(environment: MutableMapping[str, str]) -> None:
    """Pictures lie in a folder that no other program and no other user of this machine reads; it goes with the program.

    In one that was named for them they have a folder of their own, for old files are swept; if it is somebody else's, the private
    one is taken all the same.  Raises UserError.
    """
    named = environment.get("GRADIO_TEMP_DIR")
    if named and writable(Path(named) / OWN) and is_ours(Path(named) / OWN):
        environment["GRADIO_TEMP_DIR"] = str(Path(named) / OWN)
        return
    if named:
        say(environment, "temp_folder_refused")
    try:
        environment["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="imgen-")
    except OSError:
        raise UserError("no_temp_folder") from None
    atexit.register(shutil.rmtree, environment["GRADIO_TEMP_DIR"], ignore_errors=True)


def is_ours(folder: Path) -> bool:
    """Made by this user and no link: another user of a folder for all may have put it there, to read what comes, or to have what
    lies behind it swept.  From now on nobody else looks into it.
    """
    if os.name != "posix":
        return True
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
        return False
    folder.chmod(0o700)
    return True


def writable(folder: Path) -> bool:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False

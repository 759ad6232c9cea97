"""This machine: the page is served, weights are fetched beforehand, what is missing is found."""

import getpass
import os
import re
import shutil
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Annotated

import typer

from imgen import doctor, downloads, hub, serving
from imgen.controls import UserError
from imgen.terminal import app
from imgen.terminal.saying import LANGUAGE, printable, say
from imgen.texts import text

ADDRESS = re.compile(r"([\w.-]+:|\[[0-9a-fA-F:]+\]:)?\d{1,5}", re.ASCII)
ASSETS = Path(__file__).parent.parent / "assets"


@app.command()
def serve(
    lan: Annotated[bool, typer.Option("--lan", help="for all in this network; shows the address and its QR code")] = False,
    host: Annotated[str, typer.Option(help="the address to listen at, if not this machine alone")] = "",
    port: Annotated[int | None, typer.Option(help="if not 7860 or the next that is free")] = None,
    cert: Annotated[str, typer.Option(help="a certificate (PEM): the page is served by HTTPS")] = "",
    key: Annotated[str, typer.Option(help="and its key, if that is not in the same file")] = "",
    password: Annotated[bool, typer.Option("--password", help="asks for one that visitors need; or IMGEN_PASSWORD")] = False,
) -> None:
    """Serve the page, as `python app.py` does."""
    serving.prepare(os.environ)
    secret = getpass.getpass(f"{text('password', LANGUAGE)}: ") if password and not os.environ.get("IMGEN_PASSWORD") else ""
    if password and not secret and not os.environ.get("IMGEN_PASSWORD"):  # Enter alone
        raise UserError("password_short", least=serving.SHORTEST)
    serving.serve(os.environ, serving.Wishes(lan, host, port, cert, key, secret))


@app.command()
def download(
    names: Annotated[list[str] | None, typer.Argument(help="models, or data sets of the room Train")] = None,
    everything: Annotated[bool, typer.Option("--all", help="all that the Hub has for this program")] = False,
    to: Annotated[Path | None, typer.Option(help="a folder that another machine uses as its HF_HUB_CACHE, as on a stick")] = None,
) -> None:
    """Fetch what some models need from the Hub, before a lesson.  Ctrl-C keeps what came; the same command goes on."""
    files = downloads.wanted(names) if names else downloads.offered()
    usual, hub.elsewhere = hub.cache, False
    hub.cache = to.absolute() if to else hub.cache
    missing = [one for one in files if not one.found()]
    for one in files:
        key, size = "download_line" if one in missing else "download_here", f"{one.file.size / 1e6:.1f}"
        say(text(key, LANGUAGE, name=one.name, size=size, file=one.file.file, repository=one.file.repository))
    if not names and not everything:
        say(text("download_offered", LANGUAGE))
        return
    folder = hub.cache or doctor.cache_folder(os.environ)
    needed, free = sum(one.file.size for one in missing), free_bytes(folder)
    sizes = {"size": f"{needed / 1e6:.1f}", "free": doctor.megabytes(free)}
    say(text("download_plan", LANGUAGE, count=len(missing), **sizes))
    if needed > free:
        raise UserError("download_no_room", **sizes)
    failed = 0
    for one in files:
        try:
            print(printable(str(follow_download(downloads.fetch(one, usual)))), flush=True)
        except UserError as error:
            failed += 1
            key = "download_forbidden" if error.key == "weights_offline" and doctor.offline(os.environ) else error.key
            say(text("download_trouble", LANGUAGE, name=one.name, words=text(key, LANGUAGE, **error.facts)))
    if failed:
        raise UserError("download_failed", failed=failed, total=len(files), here=len(files) - failed)
    if to:
        say(text("download_to", LANGUAGE))


def free_bytes(folder: Path) -> int:
    """Of the disk on which it is, or will be."""
    return shutil.disk_usage(doctor.standing(folder)).free


def follow_download(steps: Generator[tuple[int, int], None, Path]) -> Path:
    """A line of progress where a person watches; else one a minute."""
    said = time.monotonic()
    while True:
        try:
            done, total = next(steps)
        except StopIteration as end:
            if sys.stderr.isatty():
                print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
            return end.value
        line = f"{text('stage_download', LANGUAGE)} {done / 1e6:.1f}/{total / 1e6:.1f} MB"
        if sys.stderr.isatty():
            print(f"\r{line:60}", end="", file=sys.stderr)
        elif time.monotonic() - said > 60:
            said = time.monotonic()
            say(line)


@app.command("doctor", add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def examine(context: typer.Context) -> None:
    """What is here, what is missing, and how it is mended: Python, packages, weights, cache, Hub, disk, port …"""
    sys.exit(doctor.main(context.args, os.environ))


@app.command()
def nginx(
    pages: Annotated[list[str], typer.Argument(help="where they listen: 127.0.0.1:7861 127.0.0.1:7862 …")],
    listen: Annotated[str, typer.Option(help="where visitors come: a port, or an address and a port")] = "7860",
) -> None:
    """Print a configuration of nginx for several pages behind one address: every visitor keeps to one of them."""
    for one in (*pages, listen):
        if not ADDRESS.fullmatch(one) or (one is not listen and ":" not in one):
            raise UserError("not_an_address", value=one[:80])
    template = (ASSETS / "nginx.conf").read_text(encoding="utf-8")
    servers = "\n".join(f"    server {page};" for page in pages)
    print(template.replace("%servers%", servers).replace("%listen%", listen), end="")

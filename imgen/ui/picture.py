"""Pictures between browser and models: files that a visitor sends, files that a visitor gets."""

import json
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import gradio as gr
import numpy as np
from gradio.utils import get_upload_folder
from PIL import Image

from imgen.image import RECORD, Picture, decode, encode

MAX_FILE = "64mb"
BROWSERS_SHOW = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif"}
MAX_VIEW = 4096  # pixels a side: a browser shows no more; the download is whole
SQUARED = 512  # and about so many where each of few pixels is shown as a square
KEEP_HOURS = 6


class PictureInput(gr.Image):
    """Upload, camera or paste.  Gives the handler the path of the untouched file, which Gradio has confined to its folder.

    Decoding is left to the handler: it has a thread of its own, while this runs in the server's event loop.
    """

    is_template = True  # drawn in the browser by gr.Image

    def preprocess(self, payload) -> Path | None:
        return Path(payload.path) if payload and payload.path else None


class Download(gr.DownloadButton):
    """Hands a file on to another tab as well as to the visitor; Gradio's own leaves an empty file behind each time."""

    is_template = True

    def preprocess(self, payload) -> str | None:
        return payload.path if payload else None


def folder() -> Path:
    """Where Gradio serves files from."""
    return Path(get_upload_folder()).resolve()


def showable(path: Path) -> str | None:
    """A PNG in place of a file that browsers cannot show, None for one that they can.  Raises UserError if it is no picture."""
    picture = decode(path)
    return None if path.suffix.lower() in BROWSERS_SHOW else save(picture, path.stem[:40] or "picture")


def save(picture: Picture, name: str) -> str:
    """-> the path of a lossless PNG; a folder of its own makes it unique and leaves it a name that people can read."""
    return put(encode(picture), f"{name}.png")


def put(data: bytes, name: str) -> str:
    path = folder() / uuid4().hex / name
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return str(path)


def bundle(paths: list[str], name: str) -> str:
    """One file to download: the PNG itself, or a zip of several (stored: a PNG does not shrink)."""
    if len(paths) == 1:
        return paths[0]
    whole = folder() / uuid4().hex / f"{name}.zip"
    whole.parent.mkdir(parents=True)
    with zipfile.ZipFile(whole, "w") as archive:
        for path in paths:
            archive.write(path, Path(path).name)
    return str(whole)


def view(picture: Picture, name: str, path: str | None = None, least: int = 0) -> str:
    """A PNG that a browser shows with ease: the picture itself, or of a huge one a smaller copy.

    One of fewer than `least` pixels a side is shown with its pixels as squares, which a browser would blur.
    """
    side = max(picture.width, picture.height)
    if side < least:
        times = SQUARED // side
        return save(replace(picture, pixels=picture.pixels.repeat(times, 0).repeat(times, 1)), name)
    if side <= MAX_VIEW:
        return path or save(picture, name)
    pixels, factor = picture.rgb().pixels, MAX_VIEW / side
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    return save(replace(picture, pixels=small), name)


def peek(path: Path) -> tuple[str, dict]:
    """Size ("256×256") and record of a PNG of ours, without decoding it."""
    with Image.open(path) as image:
        return f"{image.width}×{image.height}", json.loads(image.info.get(RECORD, "{}"))


def sweep(hours: float = KEEP_HOURS) -> None:
    """Delete what lies in the folder longer than that, with the folders it leaves empty."""
    limit = time.time() - hours * 3600
    for path in sorted(folder().rglob("*"), reverse=True):  # deepest first
        try:
            if path.is_dir() and path.stat().st_mtime < limit:
                path.rmdir()
            elif path.is_file() and path.stat().st_mtime < limit:
                path.unlink()
        except OSError:
            pass  # another process was faster, or the folder is not empty


def sweep_forever(pause: float = 1800) -> threading.Thread:
    def work():
        while True:
            sweep()
            time.sleep(pause)

    thread = threading.Thread(target=work, name="sweep", daemon=True)
    thread.start()
    return thread

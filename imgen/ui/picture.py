"""Pictures between browser and models: files that a visitor sends, files that a visitor gets."""

import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
from gradio.components.gallery import GalleryImage
from gradio.data_classes import FileData, ListFiles
from PIL import Image

from imgen.image import RECORD, Picture, decode, encode
from imgen.ui.stock import put, write

BROWSERS_SHOW = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif"}
MAX_VIEW = 4096  # pixels a side: a browser shows no more; the download is whole
OURS = 4_000_000  # pixels of a picture that a generator made, or of a sheet of them, at most
SQUARED = 512  # and about so many where each of few pixels is shown as a square


class PictureInput(gr.Image):
    """Upload, camera or paste.  Gives the handler the path of the untouched file; what a request may name, `doors` has checked.

    Decoding is left to the handler, which waits for its turn: no component of the page opens a picture itself.
    """

    is_template = True  # drawn in the browser by gr.Image

    def preprocess(self, payload) -> Path | None:
        return Path(payload.path) if payload and payload.path else None


class Pictures(gr.Gallery):
    """Pictures with their captions.  Gives the handler (path, caption) of each, unopened."""

    is_template = True

    def preprocess(self, payload) -> list[tuple[str, str | None]]:
        images = [one for one in (payload.root if payload else []) if isinstance(one, GalleryImage)]
        return [(one.image.path, one.caption) for one in images if one.image.path]


class Download(gr.DownloadButton):
    """Hands a file on to another tab as well as to the visitor; Gradio's own leaves an empty file behind each time."""

    is_template = True

    def preprocess(self, payload) -> str | None:
        return payload.path if payload else None


class Files(gr.File):
    """Gives the paths of the untouched files."""

    is_template = True

    def preprocess(self, payload) -> list[str]:
        files = payload.root if isinstance(payload, ListFiles) else [payload] if payload else []
        return [one.path for one in files]


class Upload(gr.UploadButton):
    """Gives the path of the one untouched file."""

    is_template = True

    def preprocess(self, payload) -> str | None:
        return payload.path if isinstance(payload, FileData) else None


def paths_of(pictures: Sequence[tuple[str, str | None]] | None) -> list[str]:
    return [path for path, _ in pictures or () if path]


def picked(pictures: Sequence[tuple[str, str | None]] | None, number: float | None) -> str | None:
    """The path of one of them; None if there is none of that number."""
    paths = paths_of(pictures)
    return paths[int(number)] if number is not None and 0 <= number < len(paths) else None


def brushed(paths: Iterable[Path]) -> list[Picture]:
    """Masks in which something is painted: by alpha, as the editor's layers; one without, sent by HTTP, by what is white."""
    masks = [decode(path) for path in paths]
    return [mask for mask in masks if (mask.colour if mask.alpha is None else mask.alpha).any()]


def showable(path: Path) -> str | None:
    """A PNG in place of a file that browsers cannot show, None for one that they can.  Raises UserError if it is no picture."""
    picture = decode(path)
    return None if path.suffix.lower() in BROWSERS_SHOW else save(picture, path.stem[:40] or "picture")


def save(picture: Picture, name: str) -> str:
    """-> the path of a lossless PNG; a folder of its own makes it unique and leaves it a name that people can read."""
    return put(encode(picture), f"{name}.png")


def bundle(paths: list[str], name: str) -> str:
    """One file to download: the PNG itself, or a zip of several (stored: a PNG does not shrink)."""
    if len(paths) == 1:
        return paths[0]

    def fill(whole: Path) -> None:
        with zipfile.ZipFile(whole, "w") as archive:
            for path in paths:
                archive.write(path, Path(path).name)

    return write(f"{name}.zip", fill)


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

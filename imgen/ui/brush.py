"""Painting a mask: a large editor, and what Gradio's lacks.  What happens in the browser is in brush.js."""

import base64
import time
from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image

from imgen.controls import Knob, UserError
from imgen.functional.scratch_detection import scratches_in
from imgen.image import Picture, decode, encode
from imgen.ui.event_settings import LATEST
from imgen.ui.knobs import MaskKnob, widget
from imgen.ui.language import both, t
from imgen.ui.picture import Download, PictureInput, Upload, save
from imgen.ui.turns import job
from imgen.ui.work import Trouble

SCRIPT = (Path(__file__).parent / "brush.js").read_text(encoding="utf-8")
COLOUR, HEX = (255, 51, 85), "#ff3355"  # in which a mask lies over a picture
SHARE = 0.015  # of the longer side: how wide a stroke is
PAINTED_NOW = "async (...values) => { const now = await window.paintedNow?.(); if (now) values[%d] = now; return values; }"


class Painting:
    """The editor and its tools, made where they are to stand: before the knobs, to which the mask belongs."""

    def __init__(self, knob: Knob, offered: bool, given: Path | None):
        """offered: whether the chosen card takes a mask; given: the picture to paint over."""
        with gr.Column(elem_classes="painting"):
            self.mask = widget([knob], knob if offered else None, editor_value(given, None) if given else None)
            assert isinstance(self.mask, MaskKnob)
            if given:
                self.mask.brush, self.mask.eraser = tools_for(given)
            with gr.Row(elem_classes="actions mask-tools", visible=offered) as self.tools:
                self.find = gr.Button(t("find_scratches"), size="sm")
                gr.Button(t("hold_original"), size="sm", elem_classes="hold")
                self.upload = Upload(t("mask_upload"), file_types=["image"], size="sm")
                self.file = Download(t("mask_download"), size="sm", interactive=False)
                self.said = gr.HTML(f'<p class="keys">{both("brush_keys")}</p>', elem_classes="hint brush-hint")
            self.proposal = gr.HTML({}, html_template="", js_on_load=SCRIPT, elem_classes="listener")

    def connect(self, source: PictureInput) -> None:
        self.find.click(job(proposed), source, [self.proposal, self.said], **LATEST)


def proposed(request: gr.Request, source: Path | None) -> tuple[dict, str]:
    """Where scratches seem to lie, as a layer for the editor, and how much that is."""
    with Trouble(request):
        if not source:
            raise UserError("picture_first")
        found = scratches_in(decode(source).rgb().pixels)
        if not found.any():
            return {}, f"<p>{both('scratches_none')}</p>"
        layer = base64.b64encode(encode(painted(found))).decode()
        words = both("scratches_found", percent=f"{100 * found.mean():.2g}")
        return {"mask": f"data:image/png;base64,{layer}", "at": time.time()}, f"<p>{words}</p>"


def painted(hole: np.ndarray) -> Picture:
    """(H, W) bool or opacity in uint8 -> a layer of the editor."""
    layer = np.zeros((*hole.shape, 4), np.uint8)
    layer[..., :3], layer[..., 3] = COLOUR, hole if hole.dtype == np.uint8 else 255 * hole
    return Picture(layer)


def tools_for(path: Path) -> tuple[gr.Brush, gr.Eraser]:
    """A brush and an eraser as wide as SHARE of the picture."""
    with Image.open(path) as image:
        radius = max(1, round(SHARE / 2 * max(image.size)))
    return gr.Brush(radius, colors=[HEX], color_mode="fixed"), gr.Eraser(2 * radius)


def editor_value(path: Path, mask: Picture | None) -> dict:
    """The brush's editor with a picture, and a mask (H, W, 1) already painted over it."""
    layers = [save(painted(mask.pixels[..., 0]), "mask")] if mask else []
    return {"background": str(path), "layers": layers, "composite": None}


def laid(path: Path, mask: Picture | None = None) -> dict:
    """An update of the editor: another picture, and the tools that fit it."""
    brush, eraser = tools_for(path)
    return gr.update(value=editor_value(path, mask), brush=brush, eraser=eraser)

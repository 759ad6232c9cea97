"""Small pictures for a moment: many in one sheet, as a data URL of a few kilobytes."""

import base64
import io
from collections.abc import Mapping
from typing import Any

import torch
from PIL import Image
from torch import Tensor

COLUMNS = 8


def sheet(x: Tensor, columns: int = COLUMNS) -> dict[str, Any]:
    """x (N, C, H, W) in [0, 1], clamped -> {"png": data URL, "columns", "side": [H, W], "count"}; no gaps between pictures."""
    count, channels, height, width = x.shape
    missing = -count % columns
    x = torch.cat([x, x.new_zeros(missing, channels, height, width)]) if missing else x
    laid = x.unflatten(0, (-1, columns)).permute(0, 3, 1, 4, 2).reshape(-1, columns * width, channels)
    pixels = laid.float().nan_to_num().clamp(0, 1).mul(255).round().byte().cpu().numpy()
    return {"png": data_url(pixels), "columns": columns, "side": [height, width], "count": count}


def rows(parts: Mapping[str, Tensor]) -> dict[str, Any]:
    """One row for each name, pictures of one kind side by side."""
    several = list(parts.values())
    return sheet(torch.cat(several), len(several[0])) | {"rows": list(parts)}


def data_url(pixels) -> str:
    """(H, W, 1 or 3) uint8 -> WebP: of such pictures a third of a PNG."""
    image, file = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels), io.BytesIO()
    image.save(file, "WEBP", quality=70, method=1)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()

"""`imgen.load("espcn_x4")`: a model as a function of whatever a program has in its hands, pictures, arrays or tensors."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from PIL import Image

from imgen.cards import Card
from imgen.catalog import find_card
from imgen.controls import UserError
from imgen.image import Picture, decode

if TYPE_CHECKING:
    from torch import Tensor

WHITE = 65535  # numbers in [0, 1] are worked on in 16 bit
MODES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}  # of Pillow, that are taken as they are


def load(name: str | Path) -> "Model":
    """The model of that name, ready to be called; its weights are fetched at the first call if they are not here.

    name: a card of `python -m imgen list`, or a .safetensors that `python -m imgen teach` or the tab Train has made.
    Raises UserError: card_unknown, checkpoint_missing, kept_unknown.
    """
    if str(name).endswith(".safetensors"):
        from imgen.lab.kept import card_of

        return Model(card_of(Path(name)))
    return Model(find_card(str(name)))


class Model:
    """What a card does, for Python.

    Called with a picture it gives one of the kind that came in:

        PIL.Image                             -> PIL.Image
        str or Path, a file                   -> PIL.Image
        numpy (H, W) or (H, W, C)             -> numpy (H', W') or (H', W', C'), of the same dtype
        torch (N, C, H, W)                    -> torch (N, C', H', W'), of the same dtype and on the same device
        list or tuple of these                -> list, one for each

    C is 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGBA).  uint8 and uint16 are sRGB levels, floating-point numbers are sRGB in
    [0, 1]: what is beyond is clipped, and 16 bit are kept of them.  The work itself is done on the fastest device here, whatever
    device a tensor is on.  A grey array stays (H, W) as long as the result is grey.

    A generator is called without a picture and gives a list of PIL.Image; a classifier gives the picture that explains its
    answer, and by `scores` the answer itself.  Knobs are keywords, see `knobs`; those that are pictures themselves (mask,
    paintings) are a picture of any of these kinds, or a list of them.

    Raises UserError, an exception whose text is one English sentence: array_unreadable for an array or tensor of another shape or
    kind, picture_unreadable, picture_missing, picture_first, knob_…, weights_….
    """

    def __init__(self, card: Card):
        self.card = card

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def knobs(self) -> dict[str, Any]:
        """Each with its default; what a value may be is in `card.knobs`."""
        return {name: knob.default for name, knob in self.card.knobs.items()}

    def __repr__(self) -> str:
        return f"<imgen model {self.name}: {self.card.task}>"

    @overload
    def __call__(self, picture: "Image.Image | str | Path", **knobs: Any) -> Image.Image: ...
    @overload
    def __call__(self, picture: np.ndarray, **knobs: Any) -> np.ndarray: ...
    @overload
    def __call__(self, picture: "Tensor", **knobs: Any) -> "Tensor": ...
    @overload
    def __call__(self, picture: "list[Any] | tuple[Any, ...]", **knobs: Any) -> list[Any]: ...
    @overload
    def __call__(self, picture: None = None, **knobs: Any) -> list[Image.Image]: ...

    def __call__(self, picture: Any = None, **knobs: Any) -> Any:
        values = {name: _references(value) for name, value in knobs.items()}
        if picture is None:
            return [_pil(one) for one in self.card(**values).pictures]
        if isinstance(picture, list | tuple):
            return [self(one, **values) for one in picture]
        results = [self.card(one, **values).pictures[0] for one in _pictures(picture)]
        if _is_tensor(picture):
            return _tensor(results, picture)
        return _array(results[0], picture) if isinstance(picture, np.ndarray) else _pil(results[0])

    def scores(self, picture: "Image.Image | str | Path | np.ndarray | Tensor", **knobs: Any) -> dict[str, float]:
        """Of one picture, by a classifier: {class: share of 1}, the best first.  Raises UserError classifiers_only."""
        if not self.card.abilities.classifies:
            raise UserError("classifiers_only", card=self.name)
        (one,) = _pictures(picture)
        found = self.card(one, **{name: _references(value) for name, value in knobs.items()}).facts["scores"]
        return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _pictures(given: Any) -> list[Picture]:
    """Those of a tensor, or the one that anything else is.  Raises UserError."""
    if _is_tensor(given):
        if given.dim() != 4 or not len(given) or not given.is_floating_point():
            raise _unreadable(tuple(given.shape), given.dtype)
        return [_of_array(one) for one in given.detach().float().cpu().permute(0, 2, 3, 1).numpy()]
    if isinstance(given, np.ndarray):
        return [_of_array(given)]
    if isinstance(given, Image.Image):
        return [_of_image(given)]
    if isinstance(given, str | Path):
        return [decode(given)]
    raise _unreadable(type(given).__name__, "")


def _tensor(results: list[Picture], like: "Tensor") -> "Tensor":
    """As the tensor that came in."""
    import torch

    pixels = torch.from_numpy(np.stack([one.pixels / np.float32(one.white) for one in results]))
    return pixels.permute(0, 3, 1, 2).contiguous().to(like.device, like.dtype)


def _references(value: Any) -> Any:
    """A knob's value, with pictures of any kind as `Picture`s; paths stay, for the card opens them."""
    if isinstance(value, list | tuple):
        return [one for part in map(_references, value) for one in (part if isinstance(part, list) else [part])]
    return _pictures(value) if isinstance(value, np.ndarray | Image.Image) or _is_tensor(value) else value


def _is_tensor(value: object) -> bool:
    return hasattr(value, "detach") and hasattr(value, "is_floating_point")  # torch need not be imported to know


def _of_image(image: Image.Image) -> Picture:
    if image.mode.startswith("I;16"):
        return Picture(np.asarray(image).astype(np.uint16)[..., None])
    if image.mode not in MODES:
        image = image.convert("RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "I", "F") else "RGB")
    pixels = np.asarray(image)
    return Picture(pixels if pixels.ndim == 3 else pixels[..., None])


def _of_array(array: np.ndarray) -> Picture:
    """(H, W) or (H, W, C).  Raises UserError array_unreadable."""
    pixels = array[..., None] if array.ndim == 2 else array
    if pixels.ndim != 3 or not 1 <= pixels.shape[2] <= 4 or not pixels.size:
        raise _unreadable(array.shape, array.dtype)
    if pixels.dtype in (np.uint8, np.uint16):
        return Picture(np.ascontiguousarray(pixels))
    if not np.issubdtype(pixels.dtype, np.floating) or not np.isfinite(pixels).all():
        raise _unreadable(array.shape, array.dtype)
    return Picture(np.rint(pixels.astype(np.float64).clip(0, 1) * WHITE).astype(np.uint16))


def _array(result: Picture, like: np.ndarray) -> np.ndarray:
    """As the array that came in."""
    pixels = result.pixels
    if np.issubdtype(like.dtype, np.floating):
        pixels = (pixels / np.float32(result.white)).astype(like.dtype)
    elif pixels.dtype != like.dtype:
        scale = np.iinfo(like.dtype).max / result.white
        pixels = np.rint(pixels * scale).astype(like.dtype)
    return pixels[..., 0] if like.ndim == 2 and pixels.shape[2] == 1 else pixels


def _pil(picture: Picture) -> Image.Image:
    """Of 8 bit, but for grey ones of 16, for which Pillow has a mode."""
    pixels = picture.pixels
    if pixels.dtype == np.uint16 and pixels.shape[2] > 1:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _unreadable(shape: object, kind: object) -> UserError:
    return UserError("array_unreadable", found=f"{str(shape)[:60]} {str(kind)[:20]}".strip())

"""Any colours -> sRGB, in float64: matrix profiles in 16 bit, cICP and nclx code points, gAMA and cHRM.

IEC 61966-2-1 (sRGB), ICC.1:2022, ITU-T H.273 (code points), PNG specification, third edition, section 13.
"""

import contextlib
import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image, ImageCms

from imgen.controls import UserError

Curve = Callable[[np.ndarray], np.ndarray]  # what is stored -> light, both in [0, 1]
D65, D50 = (0.3127, 0.3290), (0.3457, 0.3585)
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)  # red, green, blue, white
PRIMARIES = {  # H.273, table 2
    1: SRGB,
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), (0.310, 0.316)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65),
}
VIDEO = (1, 6, 11, 12, 14, 15)  # transfer characteristics that are BT.709's, for what lies in [0, 1]
UNSHOWN = {9: "log", 10: "log √10", 16: "PQ (HDR)", 17: "SMPTE ST 428", 18: "HLG (HDR)"}  # whose white is not this screen's
BAND = 2**18  # pixels that are converted at a time
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@dataclass(frozen=True, eq=False)
class Space:
    """How a file's numbers stand for light: `curves` of each channel, then `matrix` (3, 3) to linear sRGB."""

    curves: Sequence[Curve]  # one, or three
    matrix: np.ndarray
    narrow: bool = False  # black is 16 and white 235 of 255, as on television

    @property
    def is_srgb(self) -> bool:
        return not self.narrow and all(c is srgb_light for c in self.curves) and np.allclose(self.matrix, np.eye(3), atol=1e-3)


def srgb_light(v: np.ndarray) -> np.ndarray:
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def srgb_value(light: np.ndarray) -> np.ndarray:
    """The inverse of `srgb_light`; beyond black and white it is clipped."""
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _power(v: np.ndarray, exponent: float) -> np.ndarray:
    return v**exponent


def _camera(v: np.ndarray, slope: float, beta: float, alpha: float) -> np.ndarray:
    """The inverse of a camera's curve: BT.709, SMPTE 240M."""
    return np.where(v < slope * beta, v / slope, ((v + alpha - 1) / alpha) ** (1 / 0.45))


def _to_xyz(primaries: Sequence[tuple[float, float]]) -> np.ndarray:
    """(3, 3): linear RGB -> XYZ, white having Y = 1.  SMPTE RP 177."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    return columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3])


def _adapted(white: tuple[float, float], to: tuple[float, float]) -> np.ndarray:
    """Bradford: XYZ as seen under one white -> under another."""
    cones = [BRADFORD @ np.array([x / y, 1, (1 - x - y) / y]) for x, y in (white, to)]
    return np.linalg.solve(BRADFORD, (cones[1] / cones[0])[:, None] * BRADFORD)


def _from_primaries(primaries: Sequence[tuple[float, float]]) -> np.ndarray:
    return np.linalg.solve(_to_xyz(SRGB), _adapted(primaries[3], D65) @ _to_xyz(primaries))


def of_code_points(primaries: int, transfer: int, *, full: bool = True, video: bool = False) -> Space | None:
    """None if they say nothing.  `video`: the camera's curves are shown as sRGB's, as browsers do with nclx, which encoders
    of films write without a thought; a cICP is meant.  Raises UserError: picture_transfer."""
    if transfer in UNSHOWN:
        raise UserError("picture_transfer", transfer=UNSHOWN[transfer])
    known, bt709 = primaries in PRIMARIES, partial(_camera, slope=4.5, beta=0.018053968510807, alpha=1.099296826809442)
    curves: dict[int, Curve] = {
        4: partial(_power, exponent=2.2), 5: partial(_power, exponent=2.8), 8: partial(_power, exponent=1.0),
        7: partial(_camera, slope=4.0, beta=0.022821585529445, alpha=1.111572195921731), 13: srgb_light,
        **dict.fromkeys(VIDEO, srgb_light if video else bt709),
    }  # fmt: skip
    if not known and transfer not in curves:
        return None
    return Space([curves.get(transfer, srgb_light)], _from_primaries(PRIMARIES.get(primaries, SRGB)), not full)


def of_gamma(gamma: float | None, chromaticities: Sequence[tuple[float, float]] | None) -> Space | None:
    """A PNG's gAMA and cHRM (red, green, blue, white).  Close to 1 / 2.2 it is taken for sRGB's curve, as libpng does."""
    if gamma is not None and not 0.02 < gamma < 50:
        gamma = None
    curve = srgb_light if gamma is None or abs(gamma * 2.2 - 1) < 0.05 else partial(_power, exponent=1 / gamma)
    matrix = np.eye(3)
    if chromaticities is not None:
        with contextlib.suppress(ZeroDivisionError, np.linalg.LinAlgError):
            matrix = _from_primaries(chromaticities)
        if not (np.isfinite(matrix).all() and np.abs(matrix).max() < 100):
            matrix = np.eye(3)
    return Space([curve], matrix)


def of_profile(profile: bytes) -> Space | None:
    """Of an ICC profile that is made of curves and a matrix; None of any other, or if it is broken."""
    try:
        kind, connection, mark = profile[16:20], profile[20:24], profile[36:40]
        if mark != b"acsp" or connection != b"XYZ ":
            return None
        count = min(int.from_bytes(profile[128:132], "big"), 200)
        entries = [struct.unpack_from(">4sII", profile, 132 + 12 * n) for n in range(count)]
        tags = {name: profile[start : start + size] for name, start, size in entries}
        if kind == b"GRAY":
            return Space([_curve(tags[b"kTRC"])], np.eye(3))
        if kind != b"RGB " or any(name.startswith((b"A2B", b"D2B")) for name in tags):
            return None
        columns = [struct.unpack_from(">3i", tags[name], 8) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
        to_d50 = np.array(columns).T / 65536
        matrix = np.linalg.solve(_adapted(D65, D50) @ _to_xyz(SRGB), to_d50)
        return Space([_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")], matrix)
    except (KeyError, ValueError, struct.error):
        return None


def _curve(tag: bytes) -> Curve:
    """ICC.1:2022, sections 10.6 (curveType) and 10.18 (parametricCurveType)."""
    if tag[:4] == b"curv":
        count = int.from_bytes(tag[8:12], "big")
        values = np.frombuffer(tag[12 : 12 + 2 * count], ">u2").astype(np.float64)
        if len(values) != count:
            raise ValueError("a curve that is cut off")
        if count < 2:
            return partial(_power, exponent=values[0] / 256 if count else 1.0)
        return partial(np.interp, xp=np.linspace(0, 1, count), fp=values / 65535)
    if tag[:4] != b"para":
        raise ValueError("no curve")
    kind = int.from_bytes(tag[8:10], "big")
    if kind > 4:
        raise ValueError("no curve")
    g, a, b, c, d, e, f = (*(np.frombuffer(tag, ">i4", (1, 3, 4, 5, 7)[kind], 12) / 65536), *[0.0] * 6)[:7]
    if kind == 0:
        a = 1.0
    elif kind < 3:  # their third number is added to both parts, which meet where the power is 0
        c, d, e, f = 0.0, -b / a, c, c
    return partial(_parametric, g=g, a=a, b=b, c=c, d=d, e=e, f=f)


def _parametric(v: np.ndarray, g: float, a: float, b: float, c: float, d: float, e: float, f: float) -> np.ndarray:
    return np.where(v >= d, np.maximum(a * v + b, 0) ** g + e, c * v + f)


def to_srgb(pixels: np.ndarray, told: "bytes | Space | None") -> np.ndarray:
    """(H, W, C), uint8 or uint16, in the colours that the file told (a profile or a space) -> in sRGB; alpha as it is."""
    if told is None:
        return pixels
    alpha = pixels[..., -1:] if pixels.shape[2] in (2, 4) else None
    colour = pixels if alpha is None else pixels[..., :-1]
    if isinstance(told, Space):
        new = _through_space(colour, told)
    else:
        grey = colour.shape[2] == 1  # of 8 bit, too: LittleCMS is up to 9 of 255 off in its shadows
        space = of_profile(told) if grey or pixels.dtype == np.uint16 else None
        if space is not None and (told[16:20] == b"GRAY") == grey:
            new = _through_space(colour, space)
        else:
            new = _through_littlecms(colour, told)
    return new if alpha is None else np.concatenate([new, alpha], axis=2)


def _through_space(colour: np.ndarray, space: Space) -> np.ndarray:
    if space.is_srgb:
        return colour
    white = np.iinfo(colour.dtype).max
    stored = np.arange(white + 1) / white
    if space.narrow:  # H.273, section 8.3: 16 … 235, and as many zeros behind as there are bits more
        stored = ((stored * white / ((white + 1) // 256) - 16) / 219).clip(0, 1)
    tables = [np.nan_to_num(curve(stored)) for curve in space.curves]
    height, width, channels = colour.shape
    out, rows = np.empty_like(colour), max(1, BAND // max(width, 1))
    for top in range(0, height, rows):
        band = colour[top : top + rows]
        light = np.stack([tables[c % len(tables)][band[..., c]] for c in range(channels)], axis=-1)
        if channels == 3:  # of grey there is nothing to mix: white stays white
            light = light @ space.matrix.T
        out[top : top + rows] = np.rint(srgb_value(light) * white)
    return out


def littlecms(image: Image.Image, profile: bytes) -> Image.Image:
    """Through the embedded profile to RGB; one that is broken or belongs to another mode is ignored, as browsers do."""
    try:
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        new = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image.convert("RGB")
    assert new is not None, "only in place it gives nothing"
    return new


def _through_littlecms(colour: np.ndarray, profile: bytes) -> np.ndarray:
    """Of 8 bit; Pillow hands LittleCMS no other.  16 bit lie between what their neighbours in 8 bit become."""
    grey = colour.shape[2] == 1

    def shown(short: np.ndarray) -> np.ndarray:
        image = Image.fromarray(short[..., 0] if grey else np.ascontiguousarray(short))
        new = np.asarray(littlecms(image, profile))
        return new[..., :1] if grey else new

    if colour.dtype == np.uint8:
        return shown(colour)
    out = np.empty_like(colour)
    rows = max(1, BAND // max(colour.shape[1], 1))
    for top in range(0, len(colour), rows):
        band = colour[top : top + rows]
        low = np.minimum(band // 257, 254).astype(np.uint8)
        part, base = band / 257 - low, shown(low).astype(np.float64)
        new = base.copy()
        for channel in range(colour.shape[2]):  # a step up along each, as far as the number goes
            step = low.copy()
            step[..., channel] += 1
            new += (shown(step) - base) * part[..., channel : channel + 1]
        out[top : top + rows] = np.rint((new * 257).clip(0, 65535))
    return out

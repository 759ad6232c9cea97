"""What browsers and OpenCV open, opens; colours are as told.  What is right comes from a specification or another decoder."""

import io
import struct
import sys
import time
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from files import chunk, drawn, fault, files, png, profile, srgb
from PIL import Image, ImageCms

from imgen.controls import UserError
from imgen.decoding import png as png_chunks
from imgen.image import decode, decode_film, pixels_of


def soft(height, width, channels, dtype):
    return drawn(np.random.default_rng(3), height, width, channels, dtype)


RGB = soft(40, 56, 3, np.uint8)


def key_of(data):
    with pytest.raises(UserError) as error:
        decode(data)
    return error.value.key


def off(pixels, right):
    """The largest difference, in levels of 255."""
    assert pixels.shape == right.shape
    return np.abs(pixels.astype(np.float64) - right).max() * 255 / np.iinfo(pixels.dtype).max


def tiff(pixels, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, metadata=None, **options)
    return file.getvalue()


# -- many kinds at once ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(4))
def test_drawn_files_are_right_or_refused(number, tmp_path):
    """A part; `python tests/files.py --count 300` tries more."""
    faults = [(file.name, fault(file, tmp_path)) for file in files(12, seed=100 + number)]
    assert [one for one in faults if one[1][0] == "wrong"] == []


# -- beside the pixels -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("side", [
    chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(5_000_000))),
    chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(bytes(5_000_000))),
    chunk(b"tEXt", b"imgen\0{}")[:-1] + b"?",
    chunk(b"eXIf", b"MM\0*\0\0\0\1")[:-4] + bytes(4), chunk(b"tRNS", bytes(6))[:-4] + bytes(4),
    chunk(b"zTXt", b"imgen\0\0" + zlib.compress(bytes(3_000_000))), chunk(b"zTXt", b"imgen\0\0no zlib"),
    chunk(b"iCCP", b"x\0\0no zlib"), chunk(b"tIME", b"12"),
], ids=["zTXt", "iTXt", "tEXt", "eXIf", "tRNS", "long zTXt", "no zlib", "no profile", "short"])
def test_what_stands_beside_the_pixels_costs_no_picture(side, dtype, channels):
    pixels = soft(7, 9, channels, dtype)
    assert np.array_equal(decode(png(pixels, side)).pixels, pixels)


def test_a_text_whose_checksum_is_wrong_is_not_believed():
    text = chunk(b"tEXt", b'imgen\0{"card": "x"}')
    assert decode(png(RGB, text)).record == {"card": "x"} and decode(png(RGB, text[:-1] + b"?")).record == {}


def test_a_palette_whose_checksum_is_wrong_is_damage():
    file = io.BytesIO()
    Image.fromarray(RGB).quantize(16).save(file, "PNG")
    data = bytearray(file.getvalue())
    data[data.index(b"PLTE") + 5] ^= 64
    assert key_of(bytes(data)) == "picture_unreadable"


def test_a_profile_of_megabytes_is_heeded():
    body = profile(2.2, np.array([[0.515, 0.241, -0.001], [0.292, 0.692, 0.042], [0.157, 0.067, 0.784]]))
    large = png(RGB, chunk(b"iCCP", b"p3\0\0" + zlib.compress(body + bytes(3_000_000))))
    small = png(RGB, chunk(b"iCCP", b"p3\0\0" + zlib.compress(body)))
    assert np.array_equal(decode(large).pixels, decode(small).pixels) and off(decode(small).pixels, RGB) > 20


def test_what_unfolds_without_end_takes_no_memory():
    bomb, began = zlib.compress(bytes(3 * 10**7), 9), time.process_time()
    texts = [chunk(b"zTXt", b"imgen\0\0" + bomb)] * 20
    data = png(RGB, chunk(b"iCCP", b"x\0\0" + bomb), *texts)
    assert np.array_equal(decode(data).pixels, RGB) and time.process_time() - began < 1


def test_a_png_without_its_last_chunk_opens():
    whole = png(RGB)
    assert np.array_equal(decode(whole[:-12]).pixels, RGB)
    assert np.array_equal(decode(whole[:-12] + b"\0\0\0\0IE").pixels, RGB)
    assert key_of(whole[:-40]) == "picture_unreadable"


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("lost", [1, 2])
def test_a_jpeg_without_its_last_bytes_opens(lost, progressive, mode):
    file = io.BytesIO()
    Image.fromarray(RGB).convert(mode).save(file, "JPEG", quality=90, progressive=progressive)
    whole = file.getvalue()
    assert np.array_equal(decode(whole[:-lost]).pixels, decode(whole).pixels)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_whose_pixels_are_missing_is_refused(progressive):
    """Wherever it is cut, between two scans, too, after which libjpeg would not say a word."""
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "JPEG", quality=90, progressive=progressive)
    whole = file.getvalue()
    scans = [at for at in range(len(whole) - 1) if whole[at : at + 2] in (b"\xff\xda", b"\xff\xc4")]
    assert len(scans) > (6 if progressive else 1)
    for at in [*scans[1:], *range(len(whole) // 2, len(whole) - 30, 97)]:
        if at > whole.index(b"\xff\xda"):
            assert key_of(whole[:at]) == "picture_unreadable", at


# -- TIFF --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("options", [
    {}, {"tile": (16, 16)}, {"compression": "zlib"}, {"compression": "zlib", "tile": (16, 32), "predictor": True},
    {"rowsperstrip": 7}, {"bigtiff": True}, {"compression": "zlib", "predictor": True, "rowsperstrip": 3},
], ids=str)
@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("planar", ["separate", "contig"])
def test_a_deep_tiff_is_what_tifffile_wrote(planar, channels, options, byteorder):
    pixels = soft(40, 56, channels, np.uint16)
    given = pixels.transpose(2, 0, 1) if planar == "separate" else pixels
    kind = {"photometric": "rgb" if channels > 2 else "minisblack", "planarconfig": planar, "byteorder": byteorder}
    extra = {"extrasamples": ["unassalpha"]} if channels in (2, 4) else {}
    data = tiff(np.ascontiguousarray(given), **kind, **extra, **options)
    assert np.array_equal(decode(data).pixels, pixels)


@pytest.mark.parametrize("compression", [1, 5, 8, 32946])
@pytest.mark.parametrize("predictor", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_deep_tiff_is_what_libtiff_wrote(channels, dtype, predictor, compression):
    """LZW and the predictors, by OpenCV."""
    if predictor == 3 and dtype == np.uint16 or predictor == 2 and dtype == np.float32:
        return
    pixels = soft(30, 21, channels, dtype)
    how = [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, predictor, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 4]
    data = cv2.imencode(".tiff", np.ascontiguousarray(pixels[..., ::-1]), how)[1].tobytes()
    assert off(decode(data).pixels, pixels * (1 if dtype == np.uint16 else 255)) <= (0 if dtype == np.uint16 else 0.51)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_floats_between_0_and_1_are_taken_as_they_are(channels, dtype):
    """Not stretched to what is there: 0.3 … 0.5 stays so dark."""
    pixels = (0.3 + 0.2 * soft(20, 31, channels, np.float32)).astype(dtype)
    options = {"extrasamples": ["unassalpha"]} if channels in (2, 4) else {}
    data = tiff(pixels.squeeze(), photometric="rgb" if channels > 2 else "minisblack", **options)
    assert off(decode(data).pixels, pixels.astype(np.float64) * 255) <= 0.51
    flat = tiff(np.full((8, 9), 0.5, dtype), photometric="minisblack")
    assert (decode(flat).pixels == 128).all()


@pytest.mark.parametrize("scale", [1, 4000])
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_changes_one_pixel(odd, scale):
    pixels = soft(20, 31, 1, np.float32)[..., 0] * np.float32(scale)
    spoilt = pixels.copy()
    spoilt[7, 9] = odd
    a, b = (decode(tiff(one, photometric="minisblack")).pixels for one in (pixels, spoilt))
    assert (a != b).sum() == 1 and b[7, 9] == (255 if odd == np.inf else 0)


def test_unsigned_32_bits_become_16():
    pixels = np.random.default_rng(0).integers(0, 2**32, (20, 31, 3), np.uint32)
    pixels[0, 0], pixels[0, 1] = 0, 2**32 - 1
    for photometric, given in (("rgb", pixels), ("minisblack", pixels[..., 0])):
        new = decode(tiff(given, photometric=photometric)).pixels
        assert new.dtype == np.uint16 and np.array_equal(new, np.rint(given / 65537.0).reshape(new.shape))


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_grey_whose_white_is_0_and_grey_with_alpha_in_planes(byteorder):
    grey = soft(20, 31, 1, np.uint16)
    data = tiff(grey[..., 0], photometric="miniswhite", byteorder=byteorder)
    assert np.array_equal(decode(data).pixels, 65535 - grey)
    both = soft(20, 31, 2, np.uint8)
    planes = np.ascontiguousarray(both.transpose(2, 0, 1))
    for options in ({}, {"compression": "zlib", "predictor": True, "rowsperstrip": 1}):
        data = tiff(planes, photometric="minisblack", planarconfig="separate", extrasamples=["unassalpha"], **options)
        assert np.array_equal(decode(data).pixels, both)


def test_a_strip_may_come_without_its_length():
    """As old programs wrote them."""
    values = soft(8, 9, 1, np.uint16)
    tags = {256: 9, 257: 8, 258: 16, 259: 1, 262: 1, 273: 8 + 2 + 8 * 12 + 4, 277: 1, 278: 8}
    data = b"II*\0" + struct.pack("<IH", 8, 8) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    assert np.array_equal(decode(data + bytes(4) + values.tobytes()).pixels, values)


def test_12_bits_are_not_taken_for_the_lower_of_16():
    """Packed by hand: tifffile writes them only with imagecodecs."""
    values = np.random.default_rng(0).integers(0, 4096, (6, 8))
    bits = "".join(f"{value:012b}" for value in values.ravel())
    body = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    tags = {256: 8, 257: 6, 258: 12, 259: 1, 262: 1, 273: 8 + 2 + 9 * 12 + 4, 277: 1, 278: 6, 279: len(body)}
    data = b"II*\0" + struct.pack("<IH", 8, 9) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    assert off(decode(data + bytes(4) + body).pixels[..., 0], values / 4095 * 65535) < 0.01


@pytest.mark.parametrize("dtype,photometric", [
    (np.uint64, "minisblack"), (np.int8, "minisblack"), (np.complex64, "minisblack"), (np.int16, "rgb"), (np.uint8, "cielab"),
])  # fmt: skip
def test_a_kind_of_tiff_that_is_not_read_is_named(dtype, photometric):
    pixels = np.arange(8 * 9 * 3).reshape(8, 9, 3)[..., : 1 if photometric == "minisblack" else 3].astype(dtype)
    with pytest.raises(UserError, match="format_unread.*TIFF: . × .* bit"):
        decode(tiff(pixels.squeeze(), photometric=photometric))


def test_premultiplied_floats_are_divided_by_alpha():
    pixels = soft(20, 31, 4, np.float32)
    pixels[..., 3] = pixels[..., 3] / 2 + 0.5
    multiplied = pixels.copy()
    multiplied[..., :3] *= pixels[..., 3:]
    assert off(decode(tiff(multiplied, photometric="rgb", extrasamples=["assocalpha"])).pixels, pixels * 255.0) <= 0.51


def test_a_tiff_without_pillow_has_a_size_a_film_and_a_limit(tmp_path):
    data = tiff(soft(20, 31, 3, np.float32), photometric="rgb")
    (tmp_path / "a.tif").write_bytes(data)
    assert pixels_of(tmp_path / "a.tif") == 620 and len(decode_film(data, 5)) == 1
    with pytest.raises(UserError, match="picture_too_large"):
        decode(data, max_pixels=1000)


@pytest.mark.parametrize("tags", [
    {256: 30000, 257: 30000, 258: 32, 277: 3, 339: 3}, {256: 8, 257: 8, 258: 32, 277: 0x20000003},
    {256: 8, 257: 8, 258: 32, 277: 3, 339: 3, 322: 2**24, 323: 2**24, 324: 8, 325: 99},
    {256: 8, 257: 8, 258: 16, 277: 3, 322: 2**24, 323: 2**24, 324: 8, 325: 99},
], ids=["pixels", "channels", "float tile", "tile"])  # fmt: skip
def test_a_tiff_that_promises_too_much_is_refused_at_once(tags):
    """`channels` was found by fuzzing: four gigabytes for a list of bits."""
    tags = {259: 8, 262: 2, 273: 8, 278: 30000, 279: 100} | tags
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    data, began = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(200), time.process_time()
    assert key_of(data) in ("picture_unreadable", "picture_too_large") and time.process_time() - began < 0.3


def test_a_tiff_of_endless_tags_or_strips_is_refused_at_once():
    began = time.process_time()
    tags = struct.pack("<HHQQ", 700, 4, 1, 0) * 200_000
    assert key_of(b"II+\0\10\0\0\0" + struct.pack("<QQ", 16, 200_000) + tags) == "picture_unreadable"
    tracemalloc.start()
    strips = struct.pack("<HHIIHHII", 256, 4, 1, 8, 273, 4, 4_000_000, 100)
    assert key_of(b"II*\0" + struct.pack("<IH", 8, 2) + strips + bytes(16_000_100)) == "picture_unreadable"
    assert tracemalloc.get_traced_memory()[1] < 60_000_000  # of which the file itself is 50
    tracemalloc.stop()
    assert time.process_time() - began < 0.3


# -- colours -----------------------------------------------------------------------------------------------------------


def every_number():
    """16 bit: all of grey in colours, and some that are none."""
    ramp = np.repeat(np.arange(65536, dtype=np.uint16).reshape(256, 256, 1), 3, axis=2)
    return np.concatenate([ramp, soft(64, 256, 3, np.uint16)])


def with_profile(pixels, body):
    return png(pixels, chunk(b"iCCP", b"p\0\0" + zlib.compress(body)))


TABLE = [round(65535 * (n / 99) ** 1.8) for n in range(100)]


@pytest.mark.parametrize("curve,light", [
    (1.0, lambda v: v), (2.0, lambda v: v**2), (TABLE, lambda v: np.interp(v, np.linspace(0, 1, 100), np.array(TABLE) / 65535)),
], ids=["linear", "power", "table"])
def test_a_profile_of_16_bits_is_a_float_transform(curve, light):
    """In float64 by the formula of ICC.1, section F; and without a step."""
    pixels = every_number()
    xyz = light(pixels / 65535) @ np.array([[0.4361, 0.2225, 0.0139], [0.3851, 0.7169, 0.0971], [0.1431, 0.0606, 0.7142]])
    linear = xyz @ np.linalg.inv([[0.43607, 0.22249, 0.01392], [0.38515, 0.71687, 0.09708], [0.14307, 0.06061, 0.7141]])
    linear = linear.clip(0, 1)
    right = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055) * 65535
    new = decode(with_profile(pixels, profile(curve))).pixels
    assert new.dtype == np.uint16 and off(new, right) < 0.1
    assert (np.diff(new[:256].reshape(-1, 3).astype(int), axis=0) >= 0).all()


def test_a_profile_of_grey_is_a_float_transform():
    for white in (65535, 255):
        pixels = np.arange(white + 1, dtype=np.uint16 if white > 255 else np.uint8).reshape(16, -1, 1)
        light = (pixels / white) ** (round(1.4 * 256) / 256)
        right = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * white
        assert off(decode(with_profile(pixels, profile(1.4, space=b"GRAY"))).pixels, right) < 255 / white * 0.51


@pytest.mark.parametrize("kind", ["parametric", "other primaries"])
def test_16_bits_go_where_littlecms_takes_8(kind):
    """Of numbers that 8 bit have, too; sRGB's own profile has parametric curves."""
    short = soft(40, 56, 3, np.uint8)
    body = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if kind == "other primaries":
        body = body.replace(b"rXYZ", b"qXYZ").replace(b"bXYZ", b"rXYZ").replace(b"qXYZ", b"bXYZ")
    image = Image.fromarray(short)
    right = np.asarray(ImageCms.profileToProfile(image, io.BytesIO(body), ImageCms.createProfile("sRGB"), outputMode="RGB"))
    new = decode(with_profile(short.astype(np.uint16) * 257, body)).pixels
    assert off(new, right * 257.0) <= 1


@pytest.mark.parametrize("kind,numbers", [
    (0, [1.8]), (1, [1.8, 0.9, 0.1]), (1, [2.2, 1.1, -0.1]), (2, [2.0, 0.8, 0.1, 0.05]), (2, [2.0, 1.1, -0.2, 0.1]),
    (3, [2.4, 0.947867, 0.052133, 0.077399, 0.04045]), (4, [2.2, 0.9, 0.05, 0.1, 0.1, 0.02, 0.01]),
])  # fmt: skip
def test_each_kind_of_parametric_curve_goes_where_littlecms_takes_it(kind, numbers):
    short = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    packed = struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))
    body = profile(b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + packed)
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(body)), ImageCms.createProfile("sRGB")
    plain = ImageCms.Intent.RELATIVE_COLORIMETRIC  # without a black point made of what is none
    right = np.asarray(ImageCms.profileToProfile(Image.fromarray(short), source, target, plain, outputMode="RGB"))
    assert off(decode(with_profile(short.astype(np.uint16) * 257, body)).pixels, right * 257.0) <= 1.1


def test_16_bits_between_those_that_littlecms_knows_lie_between():
    """The way of profiles that are no curves and a matrix, asked of one that is: then there is a formula to compare with."""
    from imgen.decoding import colour

    pixels = every_number()
    new = colour._through_littlecms(pixels, profile(1.0))
    bright = pixels > 257 * 8  # below, 8 bit have steps of 13 levels
    assert np.abs(new - srgb(pixels, "linear"))[bright].max() / 257 < 1.1
    assert (np.diff(new[:256].reshape(-1, 3).astype(int), axis=0) >= 0).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("points,curve,primaries", [
    ((12, 13), "srgb", "p3"), ((9, 14), "bt709", "rec2020"), ((1, 8), "linear", "srgb"), ((1, 4), "2.2", "srgb"),
    ((9, 13), "srgb", "rec2020"), ((1, 7), "240m", "srgb"),
])  # fmt: skip
def test_code_points_in_a_png_are_heeded(points, curve, primaries, dtype):
    """By the matrices of CSS Color 4 and the curves of H.273; they go before a profile, which says something else here."""
    pixels = soft(40, 56, 4, dtype)
    data = png(pixels, chunk(b"iCCP", b"p\0\0" + zlib.compress(profile(3.0))), chunk(b"cICP", bytes([*points, 0, 1])))
    assert off(decode(data).pixels, srgb(pixels, curve, primaries)) < 0.6


def test_the_narrow_range_is_widened():
    """H.273, section 8.3: 16 is black, 235 white."""
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    new = decode(png(np.repeat(ramp, 3, axis=2), chunk(b"cICP", bytes([1, 13, 0, 0])))).pixels
    assert off(new[..., :1], ((ramp - 16.0) / 219 * 255).clip(0, 255)) < 0.6


def test_srgb_stays_to_the_last_bit():
    """However it is said."""
    corners = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    for dtype in (np.uint8, np.uint16):
        pixels = soft(20, 30, 3, dtype)
        for side in ([chunk(b"cICP", bytes([1, 13, 0, 1]))], [chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"cHRM", corners)],
                     [chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 99999))], [chunk(b"cICP", bytes([2, 2, 0, 1]))],
                     [chunk(b"gAMA", bytes(4)), chunk(b"cHRM", bytes(32))],
                     [chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 64000, 33001, 15000, 6000))]):  # fmt: skip
            assert np.array_equal(decode(png(pixels, *side)).pixels, pixels), side


def test_gamma_and_corners_are_heeded_as_browsers_do():
    corners = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    pixels = soft(40, 56, 3, np.uint16)
    linear = decode(png(pixels, chunk(b"gAMA", struct.pack(">I", 100000)))).pixels
    assert off(linear, srgb(pixels, "linear")) < 0.1
    p3 = decode(png(pixels, chunk(b"gAMA", struct.pack(">I", 100000)), chunk(b"cHRM", corners))).pixels
    assert off(p3, srgb(pixels, "linear", "p3")) < 0.2


@pytest.mark.parametrize("points,name", [((9, 16), "PQ"), ((9, 18), "HLG"), ((1, 9), "log")])
def test_what_no_common_screen_shows_is_named(points, name):
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "AVIF")
    avif = file.getvalue()
    at = avif.index(b"nclx") + 4
    for data in (png(RGB, chunk(b"cICP", bytes([*points, 0, 1]))), avif[:at] + struct.pack(">HH", *points) + avif[at + 4 :]):
        with pytest.raises(UserError, match=f"picture_transfer.*{name}"):
            decode(data)


def test_code_points_in_an_avif_are_heeded():
    from imgen.decoding import heif

    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "AVIF", quality=95)
    data = file.getvalue()
    at, stored = data.index(b"nclx") + 4, decode(data).pixels
    p3 = decode(data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :]).pixels
    assert off(p3, srgb(stored, "srgb", "p3")) < 0.6
    places = data.index(b"ipma") + 15
    marked = bytearray(data)
    marked[places : places + data[places - 1]] = [number | 128 for number in data[places : places + data[places - 1]]]
    assert heif._nclx(bytes(marked)) == heif._nclx(data) == (1, 13)  # the highest bit says that a property is essential
    film = decode(data[:at] + struct.pack(">HH", 1, 1) + data[at + 4 :]).pixels  # as browsers do, see `of_code_points`
    assert np.array_equal(film, stored)


# -- other formats -----------------------------------------------------------------------------------------------------

JXL = bytes.fromhex("ff0a380170480800010068")  # the head of a lossless picture of 57 × 40 that libjxl has written
HEIC = struct.pack(">I4s4sI4s", 20, b"ftyp", b"heic", 0, b"mif1") + struct.pack(">I4s", 12, b"free") + b"hvcC"


@pytest.mark.parametrize("module,data,words", [
    ("pillow_heif", HEIC, ("HEIC", "pillow-heif")), ("pillow_heif", HEIC.replace(b"heic", b"mif1"), ("HEIC", "pillow-heif")),
    ("pillow_jxl", JXL, ("JPEG XL", "pillow-jxl-plugin")),
    ("pillow_jxl", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(20), ("JPEG XL", "pillow-jxl-plugin")),
])
def test_a_format_that_needs_a_package_is_named_with_it(module, data, words, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "a").write_bytes(data)
    for read in (decode, pixels_of):
        with pytest.raises(UserError, match="format_needs") as error:
            read(tmp_path / "a")
        assert all(word in str(error.value) for word in words)


def test_the_size_of_a_jpeg_xl_is_read_from_its_head():
    """Its decoder for Pillow unfolds at once.  ISO/IEC 18181-1, section A.3: here 57 × 40 in the short and 512 × 256 in the
    long form, with a ratio."""
    from imgen.decoding.heif import jxl_size

    assert jxl_size(JXL) == (57, 40)
    long = 0 | 1 << 1 | 255 << 3 | 7 << 16  # not short, 13 bits of height - 1, twice as wide
    assert jxl_size(b"\xff\x0a" + long.to_bytes(4, "little")) == (512, 256)


@pytest.mark.parametrize("module,kind", [("pillow_jxl", "JXL"), ("pillow_heif", "HEIF")])
def test_a_format_whose_package_is_there_opens(module, kind):
    package, file = pytest.importorskip(module), io.BytesIO()
    if kind == "HEIF":
        package.register_heif_opener()
    Image.fromarray(RGB).save(file, kind, **{"JXL": {"lossless": True}, "HEIF": {"quality": -1, "chroma": 444}}[kind])
    assert off(decode(file.getvalue()).pixels, RGB) <= (0 if kind == "JXL" else 4)
    if kind == "JXL":
        with pytest.raises(UserError, match="picture_too_large"):
            decode(file.getvalue(), max_pixels=1000)


def test_texts_that_unfold_are_tried_a_few_times_only_and_the_picture_opens():
    """Thousands of texts of our name that each unfold to a megabyte took a minute and were all thrown away."""
    picture = np.random.default_rng(0).integers(0, 256, (10, 10, 3), np.uint8)
    text = chunk(b"zTXt", b"imgen\0\0" + zlib.compress(bytes(2**20 + 10), 9))
    tried = []
    real = png_chunks._inflate
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png_chunks, "_inflate", lambda *parts: tried.append(1) or real(*parts))
        opened = decode(png(picture, *[text] * 500))
    assert np.array_equal(opened.pixels, picture) and len(tried) <= 20

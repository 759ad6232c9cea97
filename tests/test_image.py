"""The border between files and pictures: whatever comes in is upright sRGB or one clear UserError."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, ImageOps

from imgen.controls import UserError
from imgen.image import Picture, decode, encode, to_pixels, to_tensor

RNG = np.random.default_rng(0)
Y, X = np.mgrid[:20, :28]
SMOOTH = np.stack([X * 9, Y * 12, (X + Y) * 5, 255 - X * 8], axis=-1).astype(np.uint8)  # RGBA


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pillow(pixels=SMOOTH[..., :3]):
    return Image.fromarray(pixels)


def turned(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def with_chunk(png, kind, body):
    """A PNG with one more chunk behind its header."""
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return png[:33] + chunk + png[33:]


def noise(channels, dtype):
    return RNG.integers(0, np.iinfo(dtype).max + 1, (9, 13, channels)).astype(dtype)


def srgb_with_other_primaries():
    """A profile whose red and blue are exchanged: sRGB's own, with two of its tags renamed."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"qXYZ").replace(b"bXYZ", b"rXYZ").replace(b"qXYZ", b"bXYZ")


def key_of(data, **limits):
    with pytest.raises(UserError) as error:
        decode(data, **limits)
    return error.value.key


def close(a, b, most):
    return a.shape == b.shape and np.abs(a.astype(int) - b).max() <= most


# -- in and out ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_what_is_written_is_read_back_exactly(channels, dtype):
    picture = Picture(noise(channels, dtype), {"card": "espcn_x4", "say": "漢字 é 🙂 \udc80", "n": [1, None, 0.5]})
    back = decode(encode(picture))
    assert back == picture and back.record == picture.record


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_other_programs_read_what_is_written(channels, dtype):
    picture = Picture(noise(channels, dtype), {"a": 1})
    pixels = cv2.imdecode(np.frombuffer(encode(picture), np.uint8), cv2.IMREAD_UNCHANGED).reshape(9, 13, channels)
    assert np.array_equal(pixels[..., [[0], [], [2, 1, 0], [2, 1, 0, 3]][channels - 1]], picture.pixels)
    assert Image.open(io.BytesIO(encode(picture))).size == (13, 9)


def test_a_file_says_how_it_was_made_and_nothing_else():
    file = Image.open(io.BytesIO(encode(Picture(SMOOTH, {"card": "x"}))))
    file.load()
    assert file.info == {"imgen": '{"card": "x"}'}


def test_a_record_that_is_not_ours_is_ignored():
    for body in (b"imgen\0[1, 2]", b"imgen\0no json", b"imgen\0" + b"[" * 5000):
        assert decode(with_chunk(encode(Picture(SMOOTH)), b"tEXt", body)).record == {}


def test_nothing_of_the_photographs_exif_is_written():
    exif = turned(6)
    exif[271] = "Secret Camera"
    written = encode(decode(saved(pillow(), "JPEG", exif=exif)))
    assert b"Secret" not in written and not Image.open(io.BytesIO(written)).getexif()


def test_pictures_are_equal_if_their_pixels_are():
    assert Picture(SMOOTH) == Picture(SMOOTH.copy(), {"a": 1}) != Picture(SMOOTH[:, :5])
    assert Picture(SMOOTH) != Picture(SMOOTH.astype(np.uint16))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tensors_give_the_pixels_back(dtype):
    pixels = noise(3, dtype)
    pixels[0, 0], pixels[0, 1] = 0, np.iinfo(dtype).max
    x = to_tensor(pixels)
    assert x.shape == (1, 3, 9, 13) and x.dtype == torch.float32 and (x.min(), x.max()) == (0, 1)
    assert np.array_equal(to_pixels(x[0], dtype), pixels)


def test_values_beyond_white_and_black_are_clamped():
    assert to_pixels(torch.tensor([-3.0, 0.5, 7.0]).view(1, 1, 3)).ravel().tolist() == [0, 128, 255]


# -- orientation, colour ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(kind, orientation):
    file = saved(pillow(), kind, exif=turned(orientation))
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(file))).convert("RGB"))
    assert np.array_equal(decode(file).pixels, upright)
    assert upright.shape[:2] == ((20, 28) if orientation < 5 else (28, 20))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_pictures_stand_upright(orientation):
    file = saved(pillow(), "PNG", exif=turned(orientation))
    deep = with_chunk(encode(Picture(SMOOTH[..., :3].astype(np.uint16) * 257)), b"eXIf", turned(orientation).tobytes()[6:])
    assert np.array_equal(decode(deep).pixels, decode(file).pixels.astype(np.uint16) * 257)


def test_a_tagged_srgb_picture_keeps_its_pixels():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(decode(saved(pillow(), "PNG", icc_profile=profile)).pixels, SMOOTH[..., :3])


def test_an_embedded_profile_is_obeyed():
    red = pillow(np.full((4, 4, 3), (255, 0, 0), np.uint8))
    pixel = decode(saved(red, "PNG", icc_profile=srgb_with_other_primaries())).pixels[0, 0]
    assert pixel[2] > 200 and pixel[0] < 60  # this file's red is sRGB's blue


def test_alpha_passes_a_profile_untouched():
    pixels = decode(saved(pillow(SMOOTH), "PNG", icc_profile=srgb_with_other_primaries())).pixels
    assert np.array_equal(pixels[..., 3], SMOOTH[..., 3]) and not np.array_equal(pixels[..., :3], SMOOTH[..., :3])


def test_a_profile_moves_16_bits_as_it_moves_8():
    profile = srgb_with_other_primaries()
    deep = cv2.imencode(".png", np.ascontiguousarray(SMOOTH[..., 2::-1]).astype(np.uint16) * 257)[1].tobytes()
    deep = with_chunk(deep, b"iCCP", b"icc\0\0" + zlib.compress(profile))
    plain = decode(saved(pillow(), "PNG", icc_profile=profile)).pixels
    assert close(decode(deep).pixels >> 8, plain, 1) and decode(deep).pixels.dtype == np.uint16


def test_a_broken_profile_is_ignored():
    assert np.array_equal(decode(saved(pillow(), "PNG", icc_profile=b"no profile at all")).pixels, SMOOTH[..., :3])


# -- kinds of files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
def test_lossless_files_are_read_exactly(kind):
    assert np.array_equal(decode(saved(pillow(), kind)).pixels, SMOOTH[..., :3])


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_lossy_files_are_read_closely(kind):
    assert close(decode(saved(pillow(), kind, quality=100)).pixels, SMOOTH[..., :3], 16)


def test_grey_stays_grey():
    assert np.array_equal(decode(saved(pillow(SMOOTH[..., 0]), "PNG")).pixels, SMOOTH[..., :1])


def test_one_bit_becomes_black_and_white():
    image = pillow(SMOOTH[..., 0]).convert("1")
    assert np.array_equal(decode(saved(image, "PNG")).pixels[..., 0], np.asarray(image) * np.uint8(255))


def test_a_palette_gives_its_colours():
    image = pillow().quantize(16)
    assert np.array_equal(decode(saved(image, "PNG")).pixels, np.asarray(image.convert("RGB")))


def test_a_palette_keeps_its_transparency():
    image = pillow().quantize(16)
    pixels = decode(saved(image, "PNG", transparency=3)).pixels
    assert np.array_equal(pixels[..., 3] == 0, np.asarray(image) == 3) and set(pixels[..., 3].ravel()) == {0, 255}


def test_one_transparent_grey_becomes_alpha():
    pixels = decode(saved(pillow(SMOOTH[..., 0]), "PNG", transparency=9)).pixels
    assert pixels.shape[2] == 2 and np.array_equal(pixels[..., 1] == 0, SMOOTH[..., 0] == 9)
    deep = with_chunk(encode(Picture(SMOOTH[..., :1].astype(np.uint16))), b"tRNS", struct.pack(">H", 9))
    assert np.array_equal(decode(deep).pixels[..., 1] == 0, SMOOTH[..., 0] == 9)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_not_inverted(kind):
    """Adobe stores a JPEG's CMYK upside down, a TIFF's upright."""
    file = saved(pillow().convert("CMYK"), kind)
    assert close(decode(file).pixels, SMOOTH[..., :3], 24)


def test_a_cmyk_picture_with_a_profile_stands_upright():
    cmyk = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()  # belongs to another mode: ignored
    file = saved(pillow().convert("CMYK"), "JPEG", exif=turned(6), icc_profile=cmyk)
    assert close(decode(file).pixels, np.rot90(SMOOTH[..., :3], -1), 24)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(kind):
    first, second = pillow(np.zeros((8, 8, 3), np.uint8)), pillow(np.full((8, 8, 3), 255, np.uint8))
    pixels = decode(saved(first, kind, save_all=True, append_images=[second])).pixels
    assert pixels.shape[:2] == (8, 8) and pixels[..., :1].max() == 0


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bits_stay_16_bits(channels, suffix):
    pixels = noise(channels, np.uint16)
    file = cv2.imencode(suffix, pixels[..., [[0], [], [2, 1, 0], [2, 1, 0, 3]][channels - 1]])[1].tobytes()
    assert decode(file) == Picture(pixels)


def test_a_16_bit_pgm_stays_16_bit():
    grey = noise(1, np.uint16)
    assert decode(b"P5 13 9 65535\n" + grey.astype(">u2").tobytes()) == Picture(grey)


def tiff16(pixels, *entries):
    """A plain little-endian TIFF of 16 bits a channel, and further (tag, value) entries."""
    height, width, channels = pixels.shape
    count = len({256, 257, 258, 259, 262, 273, 277, 278, 279} | {tag for tag, _ in entries})
    bits = 8 + 2 + 12 * count + 4
    tags = {256: width, 257: height, 259: 1, 262: 2 if channels > 2 else 1, 273: bits + 8, 277: channels, 278: height,
            279: pixels.nbytes, 258: (bits, channels), **dict(entries)}
    packed = b"".join(
        struct.pack("<HHII", tag, *((3, value[1], value[0] if channels > 2 else 16) if tag == 258 else (4, 1, value)))
        for tag, value in sorted(tags.items())
    )
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + packed + bytes(4) + struct.pack("<4H", *[16] * 4) + pixels.tobytes()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_16_bit_tiff_is_turned_once(channels, orientation):
    pixels = noise(channels, np.uint16)
    upright = np.rot90(pixels, {1: 0, 3: 2, 6: -1, 8: 1}[orientation])
    assert np.array_equal(decode(tiff16(pixels, (274, orientation))).pixels, upright)


def test_a_16_bit_tiff_whose_white_is_0_is_inverted():
    pixels = noise(1, np.uint16)
    assert np.array_equal(decode(tiff16(pixels, (262, 0))).pixels, 65535 - pixels)


def test_premultiplied_colours_are_divided_by_alpha():
    pixels = noise(4, np.uint16) | np.array([0, 0, 0, 0x8000], np.uint16)
    multiplied = pixels.copy()
    multiplied[..., :3] = np.rint(pixels[..., :3] * (pixels[..., 3:] / 65535))
    assert close(decode(tiff16(multiplied, (338, 1))).pixels, pixels, 2)


def test_alpha_is_composited_on_white():
    half = Picture(np.array([[[0, 128], [100, 0], [77, 255], [50, 100]]], np.uint8))
    assert half.on_white().pixels.ravel().tolist() == [127, 255, 77, 175]
    deep = Picture(np.array([[[0, 0, 65535, 32768], [65535, 1, 2, 65535]]], np.uint16))
    assert deep.on_white().pixels.tolist() == [[[32767, 32767, 65535], [65535, 1, 2]]]
    assert deep.rgb().pixels.tolist() == [[[127, 127, 255], [255, 0, 0]]] and deep.rgb().pixels.dtype == np.uint8


# -- what is no picture ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [
    b"", b"\0", b"hello, I am a text\n", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
    b"P5 0 0 255\n", b"GIF89a" + bytes(7) + b";", b"\xff\xd8\xff\xe0",
], ids=["empty", "zero", "text", "pdf", "svg", "eps", "no size", "no frame", "no jpeg"])
def test_what_is_no_picture_is_one_clear_error(data):
    assert key_of(data) == "picture_unreadable"


def test_formats_that_few_need_are_not_even_tried():
    assert key_of(saved(pillow(), "PCX")) == key_of(saved(pillow(), "EPS")) == "picture_unreadable"  # EPS: Ghostscript


def test_a_missing_file_is_named(tmp_path):
    for path in (tmp_path / "gone.png", tmp_path, "nul\0l.png"):
        with pytest.raises(UserError) as error:
            decode(path)
        assert error.value.key == "picture_missing"


def test_a_picture_is_refused_by_its_header_before_it_unfolds():
    header = struct.pack(">IIBBBBB", 12000, 12000, 8, 2, 0, 0, 0)  # no pixels follow: decoding would say "unreadable"
    good = encode(Picture(SMOOTH))
    bomb = good[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + good[33:]
    assert key_of(bomb) == "picture_too_large" and key_of(b"P5 60000 60000 255\n") == "picture_too_large"


def test_the_pixel_limit_is_exact():
    file = encode(Picture(SMOOTH))
    assert decode(file, max_pixels=20 * 28) == Picture(SMOOTH) and key_of(file, max_pixels=20 * 28 - 1) == "picture_too_large"


FILES = {
    **{kind: saved(pillow(), kind) for kind in ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "PPM")},
    "cmyk": saved(pillow().convert("CMYK"), "JPEG"),
    "lzw": saved(pillow(), "TIFF", compression="tiff_lzw"),
    "palette": saved(pillow().quantize(16), "PNG", transparency=3),
    "apng": saved(pillow(SMOOTH), "PNG", save_all=True, append_images=[pillow(SMOOTH[::-1].copy())]),
    "exif": saved(pillow(), "JPEG", exif=turned(6), icc_profile=srgb_with_other_primaries()),
    "png16": encode(Picture(SMOOTH.astype(np.uint16) * 257, {"a": 1})),
    "tiff16": tiff16(SMOOTH.astype(np.uint16) * 257, (338, 2)),
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "png16", "cmyk", "AVIF", "WEBP"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.7])
def test_a_part_of_a_file_is_no_picture(kind, share):
    assert key_of(FILES[kind][: int(len(FILES[kind]) * share)]) == "picture_unreadable"


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_is_a_picture_or_one_clear_error(kind):
    rng, file = np.random.default_rng(1), FILES[kind]
    for n in range(60):
        damaged = bytearray(file[: rng.integers(len(file))] if n % 3 == 0 else file)
        for place in rng.integers(0, min(len(damaged), 200 if n % 2 else 10**6) or 1, 3):
            damaged[place : place + 1] = rng.bytes(1)
        try:
            pixels = decode(bytes(damaged), max_pixels=10_000).pixels
        except UserError as error:
            assert error.key in ("picture_unreadable", "picture_too_large")
        else:
            assert pixels.dtype in (np.uint8, np.uint16) and pixels.ndim == 3 and 1 <= pixels.shape[2] <= 4

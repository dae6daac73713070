"""Pictures of every kind -> pages: orientation, transparency, depth, arrays and limits."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from number_prediction.errors import ImageError
from number_prediction.images.decode import to_page
from number_prediction.images.sources import open_page
from tests.helpers.pictures import NOISE, PILLOW_FORMATS, UPRIGHT, encode, encode_heic, encode_pages

Array = NDArray[Any]

ORIENTATION = 0x0112  # the EXIF tag
STROKE = np.zeros((12, 10), bool)
STROKE[3:9, 4:6] = True


# Kinds of input


@pytest.mark.parametrize("file_format", PILLOW_FORMATS)
def test_path_bytes_stream_and_pil_image_give_the_same_page(file_format: str, tmp_path: Path) -> None:
    content = encode(UPRIGHT, file_format, **({"lossless": True} if file_format == "WEBP" else {}))
    path = tmp_path / "picture"  # the content decides, not the suffix
    path.write_bytes(content)
    with Image.open(path) as picture, path.open("rb") as stream:
        inputs: list[Any] = [
            path,
            str(path),
            content,
            bytearray(content),
            io.BytesIO(content),
            stream,
            picture,
        ]
        pages = [to_page(image) for image in inputs]
    tolerance = 4 if file_format == "JPEG" else 0
    for page in pages:
        assert page.dtype == np.uint8
        assert page.flags.c_contiguous
        np.testing.assert_array_equal(page, pages[0])
        np.testing.assert_allclose(page.astype(int), UPRIGHT, atol=tolerance)


def test_a_pil_image_stays_open_and_unchanged() -> None:
    picture = Image.fromarray(NOISE)
    first = to_page(picture)
    np.testing.assert_array_equal(to_page(picture), first)
    np.testing.assert_array_equal(np.asarray(picture), NOISE)


@pytest.mark.parametrize(
    "image", [None, 5, 2.5, [[0, 255]], io.StringIO("text")], ids=lambda image: type(image).__name__
)
def test_other_objects_are_refused(image: Any) -> None:
    with pytest.raises(ImageError, match="binary stream"):
        to_page(image)


# Orientation


def orient(upright: Array, orientation: int) -> Array:
    """What a camera stores whose EXIF says `orientation` (EXIF 2.32, 4.6.4 A)."""
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }
    return np.ascontiguousarray(stored[orientation])


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_gives_the_upright_page(orientation: int, file_format: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"quality": 100} if file_format in ("JPEG", "WEBP") else {}
    content = encode(orient(UPRIGHT, orientation), file_format, exif=exif, **options)
    np.testing.assert_allclose(to_page(content).astype(int), UPRIGHT, atol=6)
    with Image.open(io.BytesIO(content)) as picture:
        np.testing.assert_allclose(to_page(picture).astype(int), UPRIGHT, atol=6)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    np.testing.assert_array_equal(to_page(encode(UPRIGHT, exif=exif)), UPRIGHT)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "directory", [b"", b"no directory", b"MM\0*\0\0\0\x08\xff\xff\xff\xff", b"MM\0*\0\0\xff\x08"]
)
def test_damaged_exif_does_not_hide_a_readable_picture(directory: bytes, file_format: str) -> None:
    content = encode(UPRIGHT, file_format, exif=b"Exif\0\0" + directory)
    assert to_page(content).shape == UPRIGHT.shape


# Transparency


def transparent(ink: int) -> Array:
    """(12, 10, 4) uint8: a stroke of grey `ink` on nothing; what is invisible has the same grey."""
    return np.dstack([np.full((*STROKE.shape, 3), ink, np.uint8), STROKE.astype(np.uint8) * 255])


@pytest.mark.parametrize(("ink", "background"), [(0, 255), (60, 255), (200, 0), (255, 0)])
@pytest.mark.parametrize("kind", ["array", "PIL image", "RGBA", "LA", "WEBP", "TIFF"])
def test_transparent_pictures_get_a_background_that_shows_the_ink(
    kind: str, ink: int, background: int
) -> None:
    pixels = transparent(ink)
    image = {
        "array": lambda: pixels,
        "PIL image": lambda: Image.fromarray(pixels),
        "RGBA": lambda: encode(pixels),
        "LA": lambda: encode(Image.fromarray(pixels).convert("LA")),
        "WEBP": lambda: encode(pixels, "WEBP", lossless=True),
        "TIFF": lambda: encode(pixels, "TIFF"),
    }[kind]()
    np.testing.assert_array_equal(to_page(image), np.where(STROKE, ink, background))


@pytest.mark.parametrize(("ink", "background"), [(10, 255), (240, 0)])
@pytest.mark.parametrize("file_format", ["PNG", "GIF"])
def test_a_transparent_palette_colour_is_background(file_format: str, ink: int, background: int) -> None:
    picture = Image.fromarray(STROKE.astype(np.uint8)).convert("P")
    picture.putpalette([255, 0, 0, ink, ink, ink])
    page = to_page(encode(picture, file_format, transparency=0))
    np.testing.assert_array_equal(page, np.where(STROKE, ink, background))


@pytest.mark.parametrize(("mode", "colour"), [("L", 90), ("RGB", (90, 90, 90))])
def test_a_png_with_one_transparent_grey_or_colour(mode: str, colour: int | tuple[int, ...]) -> None:
    picture = Image.fromarray(np.where(STROKE, 30, 90).astype(np.uint8)).convert(mode)
    np.testing.assert_array_equal(to_page(encode(picture, transparency=colour)), np.where(STROKE, 30, 255))


def test_half_transparent_ink_is_mixed_with_the_background() -> None:
    pixels = transparent(0)
    pixels[STROKE, 3] = 128
    assert set(np.unique(to_page(pixels))) == {127, 255}


@pytest.mark.parametrize("form", [Image.fromarray, encode, np.asarray])
def test_an_opaque_alpha_channel_changes_nothing(form: Callable[..., Any]) -> None:
    opaque = np.dstack([NOISE, np.full(NOISE.shape[:2], 255, np.uint8)])
    np.testing.assert_array_equal(to_page(form(opaque)), to_page(NOISE))


def test_a_wholly_transparent_picture_is_a_blank_page() -> None:
    assert (to_page(np.zeros((4, 5, 4), np.uint8)) == 255).all()


# Colour and depth


@pytest.mark.parametrize("mode", ["RGB", "P", "YCbCr", "HSV", "RGBX", "CMYK", "LA", "RGBA", "PA"])
def test_grey_pictures_of_any_colour_mode_keep_their_grey(mode: str) -> None:
    page = to_page(Image.fromarray(UPRIGHT).convert("P").convert(mode))
    np.testing.assert_allclose(page.astype(int), UPRIGHT, atol=1)


def test_colours_become_their_brightness() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    brightness = [[76, 150, 29, 255]]  # ITU-R 601-2: 0.299 R + 0.587 G + 0.114 B
    for image in (colours, encode(colours), encode(Image.fromarray(colours).quantize(4))):
        np.testing.assert_allclose(to_page(image).astype(int), brightness, atol=1)


@pytest.mark.parametrize(
    "image",
    [
        NOISE,
        NOISE[:, :, 0],
        NOISE[:, :, 0] > 127,
        np.dstack([NOISE, NOISE[:, :, 0]]),
        *(Image.fromarray(NOISE).convert(mode) for mode in ("1", "L", "P", "CMYK", "YCbCr", "LA", "RGBA")),
        Image.fromarray(NOISE[:, :, 0].astype(np.uint16) * 257),
    ],
)
def test_colour_pages_are_as_bright_as_grey_ones(image: Any) -> None:
    coloured = to_page(image, in_colour=True)
    assert coloured.shape == (40, 30, 3)
    assert coloured.dtype == np.uint8
    np.testing.assert_allclose(to_page(coloured).astype(int), to_page(image), atol=1)


def test_colour_pages_keep_their_colours() -> None:
    np.testing.assert_array_equal(to_page(encode(NOISE), in_colour=True), NOISE)
    coloured = Image.new("RGB", (60, 40), "#c02040")
    for content in (encode_pages([coloured], "PDF", resolution=200), encode_heic(coloured)):
        page = open_page(content, in_colour=True)
        np.testing.assert_allclose(np.median(page, axis=(0, 1)), (0xC0, 0x20, 0x40), atol=4)
    with pytest.raises(ImageError, match="the document has no page 2"):
        open_page(encode(coloured), 2)


def test_cmyk_jpeg() -> None:
    content = encode(Image.fromarray(UPRIGHT).convert("RGB").convert("CMYK"), "JPEG", quality=100)
    np.testing.assert_allclose(to_page(content).astype(int), UPRIGHT, atol=6)


def test_a_phone_jpeg_with_a_second_picture_inside() -> None:
    content = encode(Image.fromarray(UPRIGHT), "MPO", save_all=True, append_images=[Image.new("L", (9, 9))])
    np.testing.assert_allclose(to_page(content).astype(int), UPRIGHT, atol=6)


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF", "GIF"])
def test_one_bit_pictures_are_black_and_white(file_format: str) -> None:
    page = to_page(encode(Image.fromarray(STROKE), file_format))
    np.testing.assert_array_equal(page, np.where(STROKE, 255, 0))


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_sixteen_bit_pictures_are_scaled_by_their_depth(file_format: str) -> None:
    eight_bits = np.arange(256, dtype=np.uint16).reshape(16, 16)
    np.testing.assert_array_equal(to_page(encode(eight_bits * 257, file_format)), eight_bits)
    np.testing.assert_array_equal(to_page(encode(eight_bits, file_format)), eight_bits)  # as OpenCV saves


def test_a_mask_of_zeros_and_ones_is_black_and_white() -> None:
    page = to_page(encode(STROKE.astype(np.uint8), "PNG"))
    np.testing.assert_array_equal(page, np.where(STROKE, 255, 0))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 7, 255]], np.int32), [0, 7, 255]),
        (np.array([[0, 257, 65535]], np.int32), [0, 1, 255]),
        (np.array([[0, 50_000, 100_000]], np.int32), [0, 128, 255]),
        (np.array([[-100, 0, 100]], np.int32), [0, 128, 255]),
        (np.array([[0, 0.2, 1]], np.float32), [0, 51, 255]),
        (np.array([[0, 51, 255]], np.float32), [0, 51, 255]),
        (np.array([[-1, 0, 1]], np.float32), [0, 128, 255]),
        (np.array([[0, 500, 1000]], np.float32), [0, 128, 255]),
    ],
)
def test_tiff_of_thirty_two_bit_integers_and_floats(values: Any, expected: list[int]) -> None:
    np.testing.assert_allclose(to_page(encode(values, "TIFF"))[0].astype(int), expected, atol=1)


@pytest.mark.parametrize("value", [-5, 100_000])
@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_a_blank_picture_of_unknown_range_is_a_blank_page(dtype: Any, value: float) -> None:
    assert np.ptp(to_page(encode(np.full((4, 5), value, dtype), "TIFF"))) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_float_tiff_with_values_that_are_no_numbers(value: float, tmp_path: Path) -> None:
    path = tmp_path / "measured.tiff"
    path.write_bytes(encode(np.array([[0, 0.5, value]], np.float32), "TIFF"))
    with pytest.raises(ImageError, match=rf"{re.escape(str(path))}: .*NaN or infinite"):
        to_page(path)


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_several_frames_the_first_counts(file_format: str) -> None:
    first, second = Image.fromarray(UPRIGHT), Image.new("L", UPRIGHT.shape[::-1], 128)
    options = {"lossless": True} if file_format == "WEBP" else {}
    content = encode(first, file_format, save_all=True, append_images=[second], **options)
    np.testing.assert_array_equal(to_page(content), UPRIGHT)


# Arrays


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_grey_bytes_are_a_page_already(pixels: Array) -> None:
    np.testing.assert_array_equal(to_page(pixels), pixels)
    np.testing.assert_array_equal(to_page(pixels[:, :, None]), pixels)
    np.testing.assert_array_equal(to_page(np.dstack([pixels] * 3)), pixels)
    np.testing.assert_array_equal(to_page(pixels.T), pixels.T)


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        (bool, [False, True], [0, 255]),
        (np.int8, [0, 127], [0, 127]),
        (np.int16, [0, 255], [0, 255]),
        (np.int32, [3, 200], [3, 200]),
        (np.int64, [3, 200], [3, 200]),
        (np.uint32, [3, 255], [3, 255]),
        (np.uint16, [257, 65535], [1, 255]),
        (np.uint16, [0, 255], [0, 255]),
        (np.dtype(">u2"), [257, 65535], [1, 255]),
        (np.dtype(">u2"), [0, 255], [0, 255]),
        (np.float16, [0, 1], [0, 255]),
        (np.float32, [0.2, 1], [51, 255]),
        (np.float64, [0.2, 0.4], [51, 102]),
    ],
)
@pytest.mark.parametrize("shape", [(1, 2), (1, 2, 1), (1, 2, 3)])
def test_array_types_are_scaled_to_bytes(
    dtype: Any, values: Any, expected: list[int], shape: tuple[int, ...]
) -> None:
    grey = np.array([values], dtype)[:, :, None]
    page = to_page(np.broadcast_to(grey, (1, 2, shape[-1])) if len(shape) == 3 else grey[:, :, 0])
    assert page.dtype == np.uint8
    np.testing.assert_array_equal(page, [expected])


@pytest.mark.parametrize(
    "shape", [(), (5,), (0, 5), (5, 0), (0, 0, 3), (4, 5, 2), (4, 5, 5), (2, 4, 5, 3), (1, 1, 1, 1)]
)
def test_array_shapes_that_are_no_picture_are_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=re.escape(f"array of shape {shape}")):
        to_page(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("array", "named"),
    [
        (np.array([[-1, 0]]), "-1 to 0"),
        (np.array([[0, 256]]), "0 to 256"),
        (np.array([[0.0, 255.0]]), "0.0 to 255.0"),
        (np.array([[-0.5, 0.5]]), "-0.5 to 0.5"),
        (np.array([[0.5, np.nan]]), "nan"),
        (np.array([[0.5, np.inf]]), "inf"),
        (np.zeros((2, 2), complex), "complex128"),
        (np.array([["ink", "paper"]]), "<U5"),
        (np.array([[None, 1]], object), "object"),
        (np.zeros((2, 2), "datetime64[s]"), "datetime64"),
    ],
)
def test_array_values_that_are_no_grey_are_named_with_what_to_do(array: Array, named: str) -> None:
    with pytest.raises(ImageError, match=rf"{re.escape(named)}.*give uint8"):
        to_page(array)


# Limits


def test_the_largest_allowed_number_of_bytes_is_read_and_one_more_is_not(tmp_path: Path) -> None:
    content = encode(NOISE)
    path = tmp_path / "noise.png"
    path.write_bytes(content)
    for form in (lambda: path, lambda: content, lambda: io.BytesIO(content)):
        assert to_page(form(), max_bytes=len(content)).shape == (40, 30)
        with pytest.raises(ImageError, match=f"larger than {len(content) - 1:,} bytes"):
            to_page(form(), max_bytes=len(content) - 1)
    with pytest.raises(ImageError, match=re.escape(str(path))):
        to_page(path, max_bytes=10)


@pytest.mark.parametrize(
    "form", [np.asarray, Image.fromarray, encode, lambda pixels: io.BytesIO(encode(pixels))]
)
def test_the_largest_allowed_number_of_pixels_is_read_and_one_more_is_not(form: Callable[..., Any]) -> None:
    assert to_page(form(NOISE), max_pixels=1200).shape == (40, 30)
    with pytest.raises(ImageError, match="more than 1,199 pixels"):
        to_page(form(NOISE), max_pixels=1199)

"""The table of formats: signatures, suffixes, uploads, and files of no format or with damage."""

from __future__ import annotations

import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import number_prediction
from number_prediction.errors import ImageError, MissingExtraError, UnsupportedImageError
from number_prediction.images.decode import to_page
from number_prediction.images.encoded import open_encoded
from number_prediction.images.formats import (
    FORMATS,
    PICTURE_SUFFIXES,
    PICTURE_TYPES,
    SUFFIXES,
    ImageFormat,
    find_format,
    format_of_name,
)
from number_prediction.images.sources import find_sources, iterate_pages
from tests.helpers.pictures import NOISE, PILLOW_FORMATS, UPRIGHT, encode, encode_heic

PAGE = Path(number_prediction.__file__).parent / "web" / "page" / "index.html"
FILES = {
    **{name: encode(NOISE, name) for name in (*PILLOW_FORMATS, "AVIF", "PDF")},
    "HEIC": encode_heic(Image.fromarray(NOISE)),
}
"""Name of a format in upper case -> a file of it."""


def png_header(width: int, height: int) -> bytes:
    """A PNG whose header claims a size that its pixels do not fill."""
    chunks = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in (*chunks, (b"IEND", b""))
    )


# The table


@pytest.mark.parametrize("image_format", FORMATS, ids=lambda each: each.name)
def test_each_format_is_told_by_its_content_alone(image_format: ImageFormat, tmp_path: Path) -> None:
    content = FILES[image_format.name.upper()]
    with open_encoded(content) as encoded:
        assert find_format(encoded) is image_format
    path = tmp_path / "misnamed.txt"
    path.write_bytes(content)
    ((number, page),) = iterate_pages(path)
    assert number == 1
    assert isinstance(page, np.ndarray)


@pytest.mark.parametrize("image_format", FORMATS, ids=lambda each: each.name)
def test_each_suffix_stands_for_its_format_in_folders(image_format: ImageFormat, tmp_path: Path) -> None:
    names = [
        str(tmp_path / f"scan{end}") for suffix in image_format.suffixes for end in {suffix, suffix.upper()}
    ]
    for name in names:
        Path(name).touch()
        assert format_of_name(name) is image_format
    assert sorted(find_sources([str(tmp_path)]).names) == sorted(names)


def test_no_two_formats_share_a_name_a_suffix_or_a_media_type() -> None:
    suffixes = [suffix for each in FORMATS for suffix in each.suffixes]
    for values in ([each.name for each in FORMATS], [each.media_type for each in FORMATS], suffixes):
        assert len(set(values)) == len(values)
    assert set(suffixes) == SUFFIXES
    assert {".pdf"} == SUFFIXES - PICTURE_SUFFIXES
    assert "application/pdf" not in PICTURE_TYPES
    assert format_of_name("notes.txt") is None


def test_no_file_matches_the_signature_of_another_format() -> None:
    for content in FILES.values():
        assert sum(each.signature.match(content) is not None for each in FORMATS) == 1


def test_the_page_offers_the_formats_that_browsers_decode() -> None:
    offered = re.search(r'id="file"[^>]* accept="([^"]*)"', PAGE.read_text(encoding="utf-8"))
    assert offered is not None
    assert offered[1].split(",") == [each.media_type for each in FORMATS if each.in_browsers] + ["image/*"]


def test_a_document_is_refused_where_a_picture_is_wanted() -> None:
    with pytest.raises(UnsupportedImageError, match="a PDF, not a picture; read its pages"):
        to_page(FILES["PDF"])


# Decompression bombs


@pytest.mark.parametrize(
    ("width", "height"), [(30_000, 30_000), (10_000, 9_500), (8_000, 8_000), (2**31 - 1, 1)]
)
def test_a_decompression_bomb_is_refused_by_its_header(width: int, height: int, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(width, height))
    with pytest.raises(ImageError, match=rf"{re.escape(str(path))}: .*pixels; save it smaller"):
        to_page(path)


def test_a_raised_pixel_limit_does_not_refuse_what_is_below_it() -> None:
    with pytest.raises(ImageError) as caught:  # its pixels are missing
        to_page(png_header(14_000, 13_000), max_pixels=200_000_000)
    assert "more than 200,000,000 pixels" not in str(caught.value)


# What is no picture, and damaged pictures


def saved_as(file_format: str, mode: str = "RGB") -> bytes:
    return encode(Image.fromarray(NOISE).convert(mode), file_format)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="no bytes"),
        pytest.param(b"\x89", id="one byte"),
        pytest.param(b"seven, or is it one?\n" * 9, id="text"),
        pytest.param(b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9"/></svg>', id="SVG"),
        pytest.param(b"<!doctype html><img src=digit.png>", id="HTML"),
        pytest.param(b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n", id="PDF header"),
        pytest.param(b"PK\x03\x04" + bytes(60), id="ZIP"),
        pytest.param(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(60), id="HEIC header"),
        *(
            pytest.param(saved_as(file_format), id=file_format)
            for file_format in ("PPM", "ICO", "TGA", "PCX", "SGI", "EPS", "PDF", "DDS")
        ),
        pytest.param(saved_as("XBM", "1"), id="XBM"),
    ],
)
def test_files_that_are_no_picture_of_a_known_format_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "seven.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=re.escape(str(path))):
        to_page(path)
    for form in (content, io.BytesIO(content)):
        with pytest.raises(ImageError, match="picture"):
            to_page(form)


def test_the_refusal_names_the_formats_to_save_as() -> None:
    with pytest.raises(UnsupportedImageError, match="save it as PNG, JPEG, WebP, BMP, GIF or TIFF"):
        to_page(saved_as("PPM"))


def test_a_path_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.png", tmp_path, tmp_path / "no folder" / "seven.png"):
        for form in (path, str(path)):
            with pytest.raises(ImageError, match=re.escape(str(path))):
                to_page(form)


@pytest.mark.parametrize("path", ["", "se\0ven.png", "x" * 5000])
def test_a_path_that_cannot_exist_is_refused(path: str) -> None:
    with pytest.raises(ImageError):
        to_page(path)


@pytest.mark.parametrize("kept", [1, 4, 12, 40, 0.25, 0.5, 0.75])
@pytest.mark.parametrize("file_format", PILLOW_FORMATS)
def test_a_file_that_was_cut_off_is_refused(file_format: str, kept: float, tmp_path: Path) -> None:
    content = encode(NOISE, file_format)
    path = tmp_path / "cut off.picture"
    path.write_bytes(content[: int(kept if kept >= 1 else len(content) * kept)])
    with pytest.raises(ImageError, match=re.escape(str(path))):
        to_page(path)


ENCODED = [
    *(encode(NOISE, file_format) for file_format in PILLOW_FORMATS),
    encode(np.dstack([NOISE, NOISE[:, :, 0]])),
    encode(NOISE[:, :, 0].astype(np.uint16) * 257),
    encode(NOISE[:, :, 0].astype(np.float32), "TIFF"),
    encode(NOISE, "TIFF", compression="tiff_lzw"),
    encode(NOISE, "JPEG", progressive=True, exif=bytes(Image.Exif()) + b"II*\0\x08\0\0\0\1\0"),
    encode(Image.fromarray(UPRIGHT).convert("P"), "GIF", transparency=20),
]


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    content = bytearray(draw(st.sampled_from(ENCODED)))
    position = st.integers(0, 80) | st.integers(0, len(content) - 1)
    for place, value in draw(st.lists(st.tuples(position, st.integers(0, 255)), min_size=1, max_size=12)):
        content[place] = value
    return bytes(content[: draw(st.none() | st.integers(0, len(content)))])


SIGNATURES = [content[:length] for content in ENCODED for length in (2, 8, 16, 30)]


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")  # Pillow warns, then goes on
@given(
    damaged_files()
    | st.binary(max_size=200)
    | st.builds(bytes.__add__, st.sampled_from(SIGNATURES), st.binary())
)
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_files_give_a_page_or_an_image_error(content: bytes) -> None:
    try:
        page = to_page(content, max_pixels=100_000)
    except ImageError as error:
        assert str(error).startswith("picture: ")  # noqa: PT017 - most examples raise, some may not
    else:
        assert page.dtype == np.uint8
        assert page.ndim == 2
        assert 0 < page.size <= 100_000


def test_without_its_decoder_an_avif_names_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.features.check", lambda _name: False)
    with pytest.raises(MissingExtraError, match="pip install --upgrade pillow"):
        to_page(FILES["AVIF"])

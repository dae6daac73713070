"""Names to files, and files to pages: folders, globs, TIFF, PDF, HEIC, and what cannot be read."""

from __future__ import annotations

import io
import os
import sys
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from number_prediction.errors import ImageError, MissingExtraError
from number_prediction.images.decode import to_page
from number_prediction.images.sources import Sources, find_sources, iterate_pages
from tests.helpers.pictures import encode_heic, encode_pages

GREYS = (250, 200, 150, 100)
SHAPE = (20, 30)


def grey_page(grey: int) -> Image.Image:
    return Image.new("L", (SHAPE[1], SHAPE[0]), grey)


def pdf_stream(entries: bytes, content: bytes) -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(content), content)


def make_pdf(
    *, kids: bytes = b"3 0 R", page: bytes = b"", box: bytes = b"0 0 72 144", more: Sequence[bytes] = ()
) -> bytes:
    """A PDF; its page 3 0 R has a black square of half an inch, upper left; `more` are objects 5 and up."""
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, kids.count(b"R")),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [%s] /Contents 4 0 R %s >>" % (box, page),
        pdf_stream(b"", b"0 0 0 rg 0 108 36 36 re f q 10 0 0 10 0 0 cm /Picture Do Q"),
        *more,
    )
    content, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(b"%010d 00000 n \n" % len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, b"".join(places))
    encryption = b"/Encrypt 5 0 R /ID [<00> <00>]" if more and b"/Standard" in more[0] else b""
    trailer = b"trailer\n<< /Size %d /Root 1 0 R %s >>\n" % (len(objects) + 1, encryption)
    return content + table + trailer + b"startxref\n%d\n%%%%EOF\n" % len(content)


def outcomes(image: bytes | Path, **options: int) -> list[tuple[int, int | str]]:
    """Number of each page with its mean grey, or with the word error."""
    return [
        (number, "error" if isinstance(page, ImageError) else round(float(page.mean())))
        for number, page in iterate_pages(image, **options)
    ]


def error_of(image: bytes | Path) -> str:
    ((number, error),) = iterate_pages(image)
    assert number == 1
    assert isinstance(error, ImageError)
    return str(error)


# Names


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    for name in (
        "10.png",
        "9.PNG",
        "b.pdf",
        "a/2.tif",
        "a/10.tif",
        "c.heic",
        "notes.txt",
        ".hidden.png",
        ".git/x.png",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def below(folder: Path, names: Sequence[str]) -> list[str]:
    return [Path(name).relative_to(folder).as_posix() for name in names]


def test_a_folder_is_searched_and_sorted_as_people_sort(folder: Path) -> None:
    found = find_sources([str(folder)])
    assert below(folder, found.names) == ["9.PNG", "10.png", "a/2.tif", "a/10.tif", "b.pdf", "c.heic"]
    assert found.skipped == 1


def test_globs_are_sorted_as_people_sort_and_hold_what_they_say(folder: Path) -> None:
    found = find_sources([str(folder / "*")])
    assert below(folder, found.names) == [
        "9.PNG",
        "10.png",
        "a/2.tif",
        "a/10.tif",
        "b.pdf",
        "c.heic",
        "notes.txt",
    ]
    assert below(folder, find_sources([str(folder / "**" / "*.tif")]).names) == ["a/2.tif", "a/10.tif"]


def test_names_keep_their_order_and_stand_for_one_source_each(folder: Path) -> None:
    names = ["-", str(folder / "10.png"), str(folder / "a"), "missing.png", str(folder / "10.png"), "-"]
    found = find_sources(names)
    assert found.names == (
        "-",
        names[1],
        str(folder / "a" / "2.tif"),
        str(folder / "a" / "10.tif"),
        "missing.png",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="names of any bytes are POSIX")
def test_a_list_stands_for_the_files_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_bytes("b.png\r\nfolder [1]/ä.png\n\n@x\n".encode() + b"\xff.png\nb.png")
    names = ("b.png", "folder [1]/ä.png", "@x", "\udcff.png")
    assert find_sources(["a.png", "@list.txt"]) == Sources(("a.png", *names), 0)
    assert find_sources(["@missing.txt"]).names == ("@missing.txt",)
    Path("@list.txt").touch()
    assert find_sources(["@list.txt"]).names == ("@list.txt",)


def test_a_folder_without_pictures_stands_for_itself(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    found = find_sources([str(tmp_path)])
    assert (found.names, found.skipped) == ((str(tmp_path),), 1)
    assert "folder without pictures" in error_of(tmp_path)


@given(st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1), unique=True))
def test_any_names_of_nothing_are_handed_on(names: list[str]) -> None:
    names = [f"no such folder/{name}" for name in names]
    assert find_sources(names).names == tuple(names)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("b.pdf", "pypdfium2", "pdf"), ("c.heic", "pi_heif", "heic")],
)
def test_a_missing_extra_is_said_before_anything_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{name}: .*pip install 'number-prediction\[{extra}\]'"):
        find_sources([str(folder)])


@pytest.mark.parametrize(("package", "extra"), [("pypdfium2", "pdf"), ("pi_heif", "heic")])
def test_content_needs_the_extra_whatever_the_name(
    monkeypatch: pytest.MonkeyPatch, package: str, extra: str
) -> None:
    content = make_pdf() if extra == "pdf" else encode_heic(grey_page(9))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"\[{extra}\]"):
        list(iterate_pages(content))


# One page


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_a_picture_is_one_page_also_where_it_moves(file_format: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    more = (
        {"save_all": True, "append_images": [grey_page(7)]} if file_format in ("WEBP", "GIF", "PNG") else {}
    )
    grey_page(200).save(path, file_format, **more)
    for image in (path, path.read_bytes(), io.BytesIO(path.read_bytes()), np.asarray(grey_page(200))):
        ((number, page),) = iterate_pages(image)
        assert number == 1
        assert isinstance(page, np.ndarray)
        np.testing.assert_allclose(page, 200, atol=2)
    assert outcomes(path, max_pages=1) == [(1, 200)]
    assert list(iterate_pages(path, skip={1})) == []


def test_what_is_missing_empty_or_no_picture_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "empty.pdf").touch()
    (tmp_path / "text.tif").write_text("no picture")
    for name in ("missing.tif", "empty.pdf", "text.tif"):
        assert error_of(tmp_path / name).startswith(str(tmp_path / name))
        assert list(iterate_pages(tmp_path / name, skip={1})) == []


# TIFF


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_a_tiff_gives_all_its_pages(compression: str | None, tmp_path: Path) -> None:
    content = encode_pages([grey_page(grey) for grey in GREYS], "TIFF", compression=compression)
    path = tmp_path / "scan"
    path.write_bytes(content)
    for image in (path, content):
        assert outcomes(image) == list(enumerate(GREYS, 1))
        assert [number for number, _ in iterate_pages(image, skip={1, 3})] == [2, 4]
    np.testing.assert_array_equal(to_page(path), GREYS[0])


def test_pages_of_a_tiff_have_sizes_and_modes_of_their_own() -> None:
    pages = [
        Image.new("1", (5, 4), 1),
        Image.new("RGB", (6, 5), (255, 0, 0)),
        Image.fromarray(np.full((3, 4), 257 * 40, np.uint16)),
        Image.new("RGBA", (7, 2), (0, 0, 0, 0)),
    ]
    found = [page for _, page in iterate_pages(encode_pages(pages, "TIFF"))]
    assert all(isinstance(page, np.ndarray) for page in found)
    assert [(page.shape, int(page[0, 0])) for page in found if isinstance(page, np.ndarray)] == [
        ((4, 5), 255),
        ((5, 6), 76),
        ((3, 4), 40),
        ((2, 7), 255),
    ]


def test_each_page_of_a_tiff_is_turned_as_it_says() -> None:
    turned, upright = grey_page(10), grey_page(20)
    turned.encoderinfo = {"tiffinfo": {274: 6}}  # type: ignore[attr-defined]
    pages = dict(iterate_pages(encode_pages([upright, turned, upright], "TIFF")))
    assert {number: page.shape for number, page in pages.items() if isinstance(page, np.ndarray)} == {
        1: SHAPE,
        2: SHAPE[::-1],
        3: SHAPE,
    }


def test_a_small_copy_of_a_page_is_no_page() -> None:
    copy = Image.new("L", (3, 2), 99)
    copy.encoderinfo = {"tiffinfo": {254: 1}}  # type: ignore[attr-defined]
    assert outcomes(encode_pages([grey_page(10), copy, grey_page(20)], "TIFF")) == [(1, 10), (2, 20)]


def test_a_broken_page_of_a_tiff_is_an_error_between_the_others() -> None:
    noise = [np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8) for seed in range(3)]
    content = bytearray(
        encode_pages([Image.fromarray(pixels) for pixels in noise], "TIFF", compression="tiff_adobe_deflate")
    )
    at = content.index(zlib.compress(noise[1].tobytes())[:20])
    content[at : at + 20] = bytes(20)
    pages = dict(iterate_pages(bytes(content)))
    assert "page 2: the file is damaged" in str(pages[2])
    np.testing.assert_array_equal(np.stack([pages[1], pages[3]]), np.stack([noise[0], noise[2]]))


def after_the_last_page(content: bytes) -> slice:
    """Where a TIFF, little-endian and of four or eight bytes an offset, says that no page follows."""
    size, count, entry = (8, 8, 20) if content[2] == 43 else (4, 2, 12)
    at = size
    while directory := int.from_bytes(content[at : at + size], "little"):
        at = directory + count + entry * int.from_bytes(content[directory : directory + count], "little")
    return slice(at, at + size)


def test_pages_of_a_tiff_that_lead_back_to_the_first_end() -> None:
    content = bytearray(encode_pages([grey_page(grey) for grey in GREYS], "TIFF"))
    content[after_the_last_page(content)] = content[4:8]
    assert outcomes(bytes(content)) == list(enumerate(GREYS, 1))


def test_a_tiff_that_leads_nowhere_ends_with_one_error() -> None:
    stream = io.BytesIO()
    pages = [grey_page(grey) for grey in GREYS]
    pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:], big_tiff=True)
    content = bytearray(stream.getvalue())
    content[after_the_last_page(content)] = b"\xff" * 8
    assert outcomes(bytes(content)) == [*enumerate(GREYS, 1), (5, "error")]


# PDF


def test_a_page_of_a_pdf_is_rendered_as_a_viewer_shows_it() -> None:
    ((_, page),) = iterate_pages(make_pdf(), dpi=100)
    assert isinstance(page, np.ndarray)
    assert page.dtype == np.uint8
    expected = np.full((200, 100), 255)
    expected[:50, :50] = 0
    np.testing.assert_allclose(page, expected)
    ((_, turned),) = iterate_pages(make_pdf(page=b"/Rotate 90"), dpi=100)
    np.testing.assert_allclose(np.asarray(turned), np.rot90(expected, -1))


def test_what_was_typed_into_a_form_is_seen() -> None:
    appearance = pdf_stream(b"/Type /XObject /Subtype /Form /BBox [0 0 36 36]", b"0.5 g 0 0 36 36 re f")
    field = b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (a) /F 4 /Rect [36 0 72 36] /AP << /N 5 0 R >> >>"
    content = make_pdf(page=b"/Annots [6 0 R]", more=[appearance, field]).replace(
        b"/Catalog", b"/Catalog /AcroForm << /Fields [6 0 R] >>"
    )
    ((_, page),) = iterate_pages(content, dpi=72)
    assert isinstance(page, np.ndarray)
    assert 120 < page[130, 60] < 136


def test_a_pdf_of_scans_gives_all_its_pages(tmp_path: Path) -> None:
    path = tmp_path / "scan"
    path.write_bytes(encode_pages([grey_page(grey) for grey in GREYS], "PDF"))
    for image in (path, path.read_bytes(), b"\xef\xbb\xbf\n" + path.read_bytes()):
        assert outcomes(image) == list(enumerate(GREYS, 1))
        assert [number for number, _ in iterate_pages(image, skip={1, 3})] == [2, 4]
    with pytest.raises(ImageError, match="iterate_pages"):
        to_page(path)


def test_a_broken_page_of_a_pdf_is_an_error_between_the_others() -> None:
    assert [number for number, page in outcomes(make_pdf(kids=b"3 0 R 9 0 R 3 0 R")) if page == "error"] == [
        2
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (make_pdf()[:200], "damaged"),
        (b"%PDF-1.7\n" + bytes(50), "damaged"),
        (make_pdf(kids=b""), "empty"),
        (
            make_pdf(
                more=[b"<< /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -4 >>" % (b"ab" * 32, b"cd" * 32)]
            ),
            "password",
        ),
        (make_pdf(box=b"0 0 14400 14400"), "40000 x 40000 at 200 dpi is more than 50,000,000 pixels"),
    ],
)
def test_pdfs_that_cannot_be_read_say_why(content: bytes, words: str) -> None:
    assert words in error_of(content)


def test_a_decompression_bomb_in_a_pdf_is_refused_before_it_is_decoded() -> None:
    side = 60_000
    rows = zlib.compress(bytes(side * 10), 9)  # it would go on with more of the same
    entries = b"/Subtype /Image /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode"
    picture = pdf_stream(entries + b" /Width %d /Height %d" % (side, side), rows)
    content = make_pdf(page=b"/Resources << /XObject << /Picture 5 0 R >> >>", more=[picture])
    assert "holds a picture of 60000 x 60000, more than 50,000,000 pixels" in error_of(content)


# HEIC


def test_heic_is_a_picture(tmp_path: Path) -> None:
    drawn = np.full(SHAPE, 240, np.uint8)
    drawn[5:15, 10:20] = 30
    content = encode_heic(Image.fromarray(drawn))
    path = tmp_path / "photo"
    path.write_bytes(content)
    for image in (path, content, io.BytesIO(content)):
        np.testing.assert_allclose(to_page(image).astype(int), drawn, atol=12)
    assert [number for number, _ in iterate_pages(path)] == [1]


def test_heic_is_turned_as_it_says() -> None:
    picture = pillow_heif.from_pillow(grey_page(90).convert("RGB"))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.info["exif"] = exif.tobytes()
    stream = io.BytesIO()
    picture.save(stream)
    assert to_page(stream.getvalue()).shape == SHAPE[::-1]


def test_heic_that_is_cut_off_or_too_large_is_refused() -> None:
    content = encode_heic(grey_page(90))
    for kept in (12, 40, len(content) // 2, len(content) - 20):
        with pytest.raises(ImageError, match="picture: "):
            to_page(content[:kept])
    with pytest.raises(ImageError, match="more than 599 pixels"):
        to_page(content, max_pixels=SHAPE[0] * SHAPE[1] - 1)


# Limits, and damage


PAGES = [grey_page(grey) for grey in GREYS]
FILES = [
    encode_pages(PAGES, "TIFF"),
    encode_pages(PAGES, "TIFF", compression="tiff_lzw"),
    encode_pages(PAGES, "PDF"),
    make_pdf(),
    encode_heic(PAGES[0]),
]


@given(st.data())
@settings(max_examples=250, deadline=None)
def test_what_was_cut_off_or_altered_never_stops_the_batch(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(FILES)))
    changes = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, value in data.draw(st.lists(changes, max_size=8)):
        content[place] = value
    with warnings.catch_warnings(action="ignore"):  # Pillow warns, then goes on
        found = list(iterate_pages(bytes(content[: data.draw(st.integers(1, len(content)))]), max_pages=9))
    assert [number for number, _ in found] == list(range(1, len(found) + 1))
    assert 1 <= len(found) <= 10
    assert all(isinstance(page, ImageError) or page.ndim == 2 for _, page in found)


@pytest.mark.parametrize("file_format", ["TIFF", "PDF"])
def test_of_too_many_pages_the_first_are_read(file_format: str, tmp_path: Path) -> None:
    path = tmp_path / "scan"
    pages = [grey_page(grey) for grey in GREYS]
    pages[0].save(path, file_format, save_all=True, append_images=pages[1:])
    assert outcomes(path, max_pages=4) == list(enumerate(GREYS, 1))
    assert outcomes(path, max_pages=2) == [(1, GREYS[0]), (2, GREYS[1]), (3, "error")]
    assert list(iterate_pages(path, max_pages=2, skip={1, 2, 3})) == []
    assert "more than 2 pages" in str(dict(iterate_pages(path, max_pages=2))[3])


def test_a_document_may_be_larger_than_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "scan"
    for content, words in (
        (encode_pages([grey_page(grey) for grey in GREYS], "TIFF"), "larger than 1,073,741,824 bytes"),
        (make_pdf(), "larger than 1,073,741,824 bytes"),
        (b"\x89PNG\r\n\x1a\n", "larger than 67,108,864 bytes"),
    ):
        path.write_bytes(content)
        os.truncate(path, 2**26 + 1)  # what follows takes no room on the disk
        if content.startswith(b"II"):
            assert outcomes(path) == list(enumerate(GREYS, 1))
        os.truncate(path, 2**30 + 1)
        assert words in error_of(path)

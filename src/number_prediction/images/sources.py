"""What a person names -> the files that it stands for -> their pages, one at a time.

In: files, folders, globs and "-" for stdin. A file holds one page (PNG, JPEG, WebP, BMP, GIF, HEIC) or
several (TIFF, PDF); which it is, its content says, never its name.
"""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from number_prediction.constants import PDF_DPI
from number_prediction.errors import ImageError, MissingExtraError
from number_prediction.files import find_files
from number_prediction.images.decode import DecodePage, ImageInput, Page, decode_picture, tiff_pages, to_page
from number_prediction.images.formats import (
    HEIC_SUFFIXES,
    MAX_BYTES,
    SUFFIXES,
    Encoded,
    import_heif,
    open_encoded,
)
from number_prediction.images.pdf import import_pdfium, pdf_pages

STDIN = "-"
MAX_PAGES = 10_000
"""Pages that are read of one file."""

_LIST = "@"
_PDF_SUFFIX = ".pdf"
_PARTS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Sources:
    """The files that names stand for."""

    names: tuple[str, ...]
    """Files, and "-"; each once, in the order they were named. What stands for nothing is among them."""
    skipped: int
    """How many files of folders are no pictures, by their suffixes; hidden ones do not count."""


def find_sources(names: Iterable[str]) -> Sources:
    """The files that names stand for: files, folders (with all below), globs, "-", "@LIST".

    Folders and globs are sorted as people sort: 9.png stands before 10.png. A list is a text file with the
    name of a file in each line. A name that stands for nothing, and a folder without pictures, is handed on,
    so that it gets its error row.

    Raises:
        MissingExtraError: a PDF or a HEIC is among them, by its suffix, and what reads it is not installed.
    """
    found: dict[str, None] = {}
    skipped = 0
    for name in names:
        if (listed := _read_list(name)) is not None:
            found.update(dict.fromkeys(listed))
            continue
        is_pattern = name != STDIN and not os.path.exists(name)
        matches = sorted(glob.glob(name, recursive=True), key=_natural) if is_pattern else []
        for match in matches or [name]:
            pictures, others = _expand(match)
            found.update(dict.fromkeys(pictures))
            skipped += others
    _require_extras(found)
    return Sources(tuple(found), skipped)


def _read_list(name: str) -> list[str] | None:
    """The lines that are not empty of the text file that @LIST means; None where a name means none."""
    path = Path(name.removeprefix(_LIST))
    if not name.startswith(_LIST) or os.path.exists(name) or not path.is_file():
        return None
    return [os.fsdecode(line) for line in path.read_bytes().splitlines() if line]


def _expand(name: str) -> tuple[list[str], int]:
    """A folder as the pictures in it and the number of its other files; all else as itself."""
    if name == STDIN or not os.path.isdir(name):
        return [name], 0
    files = find_files(Path(name))
    pictures = [str(path) for path in files if path.suffix.lower() in SUFFIXES | {_PDF_SUFFIX}]
    return sorted(pictures, key=_natural) or [name], len(files) - len(pictures)


def _natural(name: str) -> tuple[list[list[tuple[bool, int, str]]], str]:
    """A key that sorts folder by folder by whole numbers and words; at last by the name itself."""
    return [[_part(part) for part in _PARTS.split(folder) if part] for folder in Path(name).parts], name


def _part(part: str) -> tuple[bool, int, str]:
    return (False, int(part), "") if part.isdecimal() else (True, 0, part.casefold())


def _require_extras(names: Iterable[str]) -> None:
    for name in names:
        suffix = Path(name).suffix.lower()
        try:
            if suffix == _PDF_SUFFIX:
                import_pdfium()
            elif suffix in HEIC_SUFFIXES:
                import_heif()
        except MissingExtraError as error:
            raise MissingExtraError(f"{name}: {error}") from error


def open_source(name: str) -> Path | bytes:
    """A source as `iterate_pages` takes it; stdin is read whole, to the limit of a picture."""
    return sys.stdin.buffer.read(MAX_BYTES + 1) if name == STDIN else Path(name)


def iterate_pages(
    image: ImageInput, *, dpi: int = PDF_DPI, max_pages: int = MAX_PAGES, skip: Container[int] = ()
) -> Iterator[tuple[int, Page | ImageError]]:
    """The pages of a picture or a document, one in memory at a time.

    Args:
        image: as `to_page` takes it, or a PDF; a TIFF or PDF gives all its pages.
        dpi: pixels an inch at which the pages of a PDF are rendered.
        max_pages: of more pages the first ones are read, and one error stands for the others.
        skip: numbers of pages that are not wanted; they are not decoded.

    Yields:
        Number from 1, and the page (H, W) uint8; where it cannot be read, the error instead. A file that
        cannot be read at all gives one error, as page 1.

    Raises:
        MissingExtraError: a PDF or HEIC, and what reads it is not installed.
    """
    number = 0
    try:
        for number, decode_page in enumerate(_decoders(image, dpi), 1):
            if number > max_pages:
                raise ImageError(f"more than {max_pages:,} pages; split the file to have the others read")
            if number not in skip:
                yield number, _try(decode_page)
    except ImageError as error:
        failed = min(number, max_pages) + 1
        if failed not in skip:
            yield failed, error


def _try(decode_page: DecodePage) -> Page | ImageError:
    try:
        return decode_page()
    except ImageError as error:
        return error


def _decoders(image: ImageInput, dpi: int) -> Iterator[DecodePage]:
    if isinstance(image, Image.Image | np.ndarray):
        yield partial(to_page, image)
        return
    with open_encoded(image) as encoded:
        yield from _decoders_of_kind(encoded, dpi)


def _decoders_of_kind(encoded: Encoded, dpi: int) -> Iterator[DecodePage]:
    if encoded.kind == "pdf":
        return pdf_pages(encoded, dpi=dpi)
    if encoded.kind == "tiff":
        return tiff_pages(encoded)
    return iter([partial(decode_picture, encoded)])

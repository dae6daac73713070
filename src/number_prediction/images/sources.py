"""Names -> files -> pages, one page at a time.

In: files, folders, globs, lists and "-" for stdin. A file holds one page, or several (TIFF, PDF); its content
tells which format it has, not its name.
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from number_prediction.constants import PDF_DPI
from number_prediction.errors import ImageError, MissingExtraError
from number_prediction.files import find_files, natural_order
from number_prediction.images.decode import ImageInput, Page, to_page
from number_prediction.images.encoded import MAX_BYTES, MAX_DOCUMENT_BYTES, check_size, open_encoded
from number_prediction.images.formats import SUFFIXES, find_format, format_of_name
from number_prediction.images.pixels import DecodePage, Rendering

STDIN = "-"
MAX_PAGES = 10_000
"""Pages that are read from one file."""

_LIST_PREFIX = "@"


@dataclass(frozen=True)
class Sources:
    """The files that names stand for."""

    names: tuple[str, ...]
    """Files, and "-": each once, in the order given. A name that matches no file is included as it is."""
    skipped: int
    """How many files in folders are not pictures or documents by their suffix, without hidden files."""


def find_sources(names: Iterable[str]) -> Sources:
    """List the files that names stand for: files, folders (with all subfolders), globs, "-", "@LIST".

    Files of folders and globs are in natural order: 9.png before 10.png. A list is a text file with the name
    of one file in each line. Names without a file and folders without pictures are kept, so that each gets
    an error row.

    Raises:
        MissingExtraError: the suffix of a file names a format, and its extra is not installed.
    """
    found: dict[str, None] = {}
    skipped = 0
    for name in names:
        if (listed := _read_list(name)) is not None:
            found.update(dict.fromkeys(listed))
            continue
        is_pattern = name != STDIN and not os.path.exists(name)
        matches = sorted(glob.glob(name, recursive=True), key=natural_order) if is_pattern else []
        for match in matches or [name]:
            pictures, others = _expand(match)
            found.update(dict.fromkeys(pictures))
            skipped += others
    _require_extras(found)
    return Sources(tuple(found), skipped)


def _read_list(name: str) -> list[str] | None:
    """Read the non-empty lines of the text file that @LIST names; None if the name is not a list."""
    path = Path(name.removeprefix(_LIST_PREFIX))
    if not name.startswith(_LIST_PREFIX) or os.path.exists(name) or not path.is_file():
        return None
    return [os.fsdecode(line) for line in path.read_bytes().splitlines() if line]


def _expand(name: str) -> tuple[list[str], int]:
    """Expand a folder to its pictures and documents and the number of its other files."""
    if name == STDIN or not os.path.isdir(name):
        return [name], 0
    files = find_files(Path(name))
    pictures = [str(path) for path in files if path.suffix.lower() in SUFFIXES]
    return sorted(pictures, key=natural_order) or [name], len(files) - len(pictures)


def _require_extras(names: Iterable[str]) -> None:
    for name in names:
        image_format = format_of_name(name)
        if image_format is None or image_format.import_extra is None:
            continue
        try:
            image_format.import_extra()
        except MissingExtraError as error:
            raise MissingExtraError(f"{name}: {error}") from error


def open_source(name: str) -> Path | bytes:
    """Return what `iterate_pages` takes for a source; stdin is read into memory, up to the size limit."""
    return sys.stdin.buffer.read(MAX_BYTES + 1) if name == STDIN else Path(name)


def iterate_pages(
    image: ImageInput,
    *,
    dpi: int = PDF_DPI,
    max_pages: int = MAX_PAGES,
    skip: Container[int] = (),
    in_colour: bool = False,
) -> Iterator[tuple[int, Page | ImageError]]:
    """Decode the pages of a picture or a document, one in memory at a time.

    Args:
        image: what `to_page` takes, or a PDF. A TIFF or PDF gives all its pages.
        dpi: pixels an inch at which the pages of a PDF are rendered.
        max_pages: the first pages up to this number are read; one error stands for the others.
        skip: numbers of pages that are not decoded and not returned.
        in_colour: pages are (H, W, 3) uint8 RGB, to be drawn on.

    Yields:
        The number, from 1, and the page (H, W) uint8, or the error of a page that cannot be read. A file
        that cannot be read at all gives one error, as page 1.

    Raises:
        MissingExtraError: the format needs an extra that is not installed, as PDF and HEIC do.
    """
    number = 0
    try:
        for number, decode_page in enumerate(_decoders(image, Rendering(dpi=dpi, in_colour=in_colour)), 1):
            if number > max_pages:
                raise ImageError(f"more than {max_pages:,} pages; split the file to read the others")
            if number not in skip:
                yield number, _try(decode_page)
    except ImageError as error:
        failed = min(number, max_pages) + 1
        if failed not in skip:
            yield failed, error


def open_page(image: ImageInput, number: int = 1, *, dpi: int = PDF_DPI, in_colour: bool = False) -> Page:
    """Decode one page, from 1, of what `iterate_pages` takes.

    Raises:
        ImageError: the page cannot be read.
        MissingExtraError: as for `iterate_pages`.
    """
    pages = iterate_pages(image, dpi=dpi, max_pages=number, skip=range(1, number), in_colour=in_colour)
    page = next((page for _, page in pages), None)
    if page is None:
        raise ImageError(f"the document has no page {number}; it changed since it was read")
    if isinstance(page, ImageError):
        raise page
    return page


def _try(decode_page: DecodePage) -> Page | ImageError:
    try:
        return decode_page()
    except ImageError as error:
        return error


def _decoders(image: ImageInput, rendering: Rendering) -> Iterator[DecodePage]:
    if isinstance(image, Image.Image | np.ndarray):
        yield partial(to_page, image, in_colour=rendering.in_colour)
        return
    with open_encoded(image) as encoded:
        image_format = find_format(encoded)
        check_size(encoded, MAX_DOCUMENT_BYTES if image_format.has_pages else MAX_BYTES)
        yield from image_format.decode(encoded, rendering)

"""PDF and TIFF files in a request -> their pages, within the limits of the server.

Pages are decoded one document at a time: PDFium must not run in two threads at once, and a large document
must not fill the memory together with others.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from number_prediction.errors import ImageError, MissingExtraError, UnsupportedImageError
from number_prediction.images.decode import Page
from number_prediction.images.encoded import open_encoded
from number_prediction.images.formats import find_format
from number_prediction.images.sources import iterate_pages
from number_prediction.web.limits import Limits
from number_prediction.web.problems import Problem

MAX_PIXELS_IN_PICTURES = 8
"""All pages of a request together have at most as many pixels as so many of the largest pictures."""
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, eq=False)
class SentPage:
    """A page of a file that was sent."""

    picture: int
    """Number of the file in the request, from 1."""
    page: int
    """Number of the page in the file, from 1."""
    content: bytes | Page | ImageError
    """The encoded picture if the file is no document, or the page, or why it cannot be decoded."""


def open_documents(pictures: Sequence[bytes], limits: Limits) -> list[SentPage]:
    """The pages of all files of a request, in order.

    Raises:
        Problem: there are too many pages, or they are too large together.
    """
    sent: list[SentPage] = []
    pixels = 0
    for number, picture in enumerate(pictures, 1):
        for page in _pages_of(number, picture):
            sent.append(page)
            pixels += 0 if isinstance(page.content, bytes | ImageError) else page.content.size
            if len(sent) > max(limits.max_pages, len(pictures)):
                raise Problem(
                    "too-many-pictures",
                    f"the request holds more than {limits.max_pages} pages; split it into several requests",
                )
            if pixels > MAX_PIXELS_IN_PICTURES * limits.max_picture_pixels:
                raise Problem(
                    "picture-too-large",
                    "all pages together have too many pixels; split the file into several requests",
                    picture=number,
                )
    return sent


def _pages_of(number: int, picture: bytes) -> Iterator[SentPage]:
    try:
        with open_encoded(picture) as encoded:
            is_document = find_format(encoded).has_pages
    except ImageError:
        is_document = False  # the reader will say why
    if not is_document:
        yield SentPage(number, 1, picture)
        return
    with _one_at_a_time:
        try:
            for page, content in iterate_pages(picture):
                yield SentPage(number, page, content)
        except MissingExtraError as error:
            yield SentPage(number, 1, unsupported(error))


def unsupported(error: MissingExtraError) -> UnsupportedImageError:
    """What a client is told of a format whose extra is not installed."""
    return UnsupportedImageError(f"this server cannot read the format: {error}")

"""PDF -> its pages as pictures, one at a time. Needs the extra `pdf` (pypdfium2).

What a viewer shows is rendered: scans, text, drawings, annotations and what was typed into form fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from number_prediction.constants import PDF_DPI
from number_prediction.errors import ImageError, MissingExtraError
from number_prediction.images.decode import DecodePage, Page
from number_prediction.images.formats import MAX_DOCUMENT_BYTES, MAX_PIXELS, Encoded, check_size

_POINTS_AN_INCH = 72


def import_pdfium() -> ModuleType:
    """The renderer; raises MissingExtraError where it is not installed."""
    try:
        import pypdfium2
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(error, "pdf") from error
    return pypdfium2  # type: ignore[no-any-return]


def pdf_pages(encoded: Encoded, *, dpi: int = PDF_DPI, max_pixels: int = MAX_PIXELS) -> Iterator[DecodePage]:
    """The pages of a PDF, in order; the file is read where a page needs it.

    Raises:
        ImageError: too large, encrypted or damaged; of a page: damaged, or it or a picture on it has more
            than `max_pixels`.
        MissingExtraError: the extra is not installed.
    """
    check_size(encoded, MAX_DOCUMENT_BYTES)
    pdfium = import_pdfium()
    try:
        document = pdfium.PdfDocument(encoded.stream)
    except pdfium.PdfiumError as error:
        raise ImageError(
            f"{encoded.name}: a PDF that is damaged, empty or asks for a password; save it anew, without one "
            f"({error})"
        ) from error
    with document:
        document.init_forms()
        for index in range(len(document)):
            name = f"{encoded.name}, page {index + 1}"
            yield partial(_render, pdfium, document, index, name, dpi, max_pixels)


def _render(pdfium: Any, document: Any, index: int, name: str, dpi: int, max_pixels: int) -> Page:
    try:
        page = document[index]
    except pdfium.PdfiumError as error:
        raise ImageError(f"{name}: the page is damaged; save the PDF again ({error})") from error
    try:
        scale = dpi / _POINTS_AN_INCH
        width, height = (round(side * scale) for side in page.get_size())
        if width * height > max_pixels:
            raise ImageError(
                f"{name}: {width} x {height} at {dpi} dpi is more than {max_pixels:,} pixels; take less dpi"
            )
        for picture in page.get_objects(filter=[pdfium.raw.FPDF_PAGEOBJ_IMAGE]):
            columns, rows = picture.get_px_size()  # as it says: nothing is decoded yet
            if columns * rows > max_pixels:
                raise ImageError(
                    f"{name}: holds a picture of {columns} x {rows}, more than {max_pixels:,} pixels; "
                    "save it smaller"
                )
        bitmap = page.render(scale=scale, grayscale=True)
        try:
            return np.array(bitmap.to_numpy())
        finally:
            bitmap.close()
    except (pdfium.PdfiumError, ValueError) as error:  # ValueError: a page without a size
        raise ImageError(f"{name}: the page is damaged; save the PDF again ({error})") from error
    finally:
        page.close()

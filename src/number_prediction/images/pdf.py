"""PDF -> its pages as pictures, one at a time. Needs the extra `pdf` (pypdfium2).

A page is rendered as a viewer shows it: scans, text, drawings, annotations and filled form fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from number_prediction.errors import ImageError, MissingExtraError
from number_prediction.images.encoded import Encoded
from number_prediction.images.pixels import DecodePage, Page, Rendering

_POINTS_PER_INCH = 72


def import_pdfium() -> ModuleType:
    """Import the renderer; raises MissingExtraError if it is not installed."""
    try:
        import pypdfium2
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(error, "pdf") from error
    return pypdfium2  # type: ignore[no-any-return]


def pdf_pages(encoded: Encoded, rendering: Rendering) -> Iterator[DecodePage]:
    """Yield the pages of a PDF, in order. The file is read page by page.

    Raises:
        ImageError: the PDF is encrypted or damaged. A page raises it if it is damaged, or if the page or a
            picture on it has more than `max_pixels`.
        MissingExtraError: the extra is not installed.
    """
    pdfium = import_pdfium()
    try:
        document = pdfium.PdfDocument(encoded.stream)
    except pdfium.PdfiumError as error:
        raise ImageError(
            f"{encoded.name}: the PDF is damaged, empty or asks for a password; "
            f"save it again without a password ({error})"
        ) from error
    with document:
        document.init_forms()
        for index in range(len(document)):
            name = f"{encoded.name}, page {index + 1}"
            yield partial(_render, pdfium, document, index, name, rendering)


def _render(pdfium: Any, document: Any, index: int, name: str, rendering: Rendering) -> Page:
    dpi, max_pixels = rendering.dpi, rendering.max_pixels
    try:
        page = document[index]
    except pdfium.PdfiumError as error:
        raise ImageError(f"{name}: the page is damaged; save the PDF again ({error})") from error
    try:
        scale = dpi / _POINTS_PER_INCH
        width, height = (round(side * scale) for side in page.get_size())
        if width * height > max_pixels:
            raise ImageError(
                f"{name}: {width} x {height} at {dpi} dpi is more than {max_pixels:,} pixels; lower the dpi"
            )
        for picture in page.get_objects(filter=[pdfium.raw.FPDF_PAGEOBJ_IMAGE]):
            columns, rows = picture.get_px_size()  # from its header: nothing is decoded yet
            if columns * rows > max_pixels:
                raise ImageError(
                    f"{name}: holds a picture of {columns} x {rows}, more than {max_pixels:,} pixels; "
                    "save it smaller"
                )
        in_colour = rendering.in_colour
        bitmap = page.render(scale=scale, grayscale=not in_colour, rev_byteorder=in_colour)
        try:
            pixels = np.array(bitmap.to_numpy())
            return pixels[:, :, :3] if in_colour else pixels
        finally:
            bitmap.close()
    except (pdfium.PdfiumError, ValueError) as error:  # ValueError: a page without a size
        raise ImageError(f"{name}: the page is damaged; save the PDF again ({error})") from error
    finally:
        page.close()

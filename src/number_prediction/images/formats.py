"""The formats of pictures and documents: one entry each in FORMATS.

Sources, uploads, the page, data sets and error messages read this table. A new format is an entry here and
its decoder. The first bytes of a file tell its format; its name only tells which files of a folder are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from types import ModuleType

from number_prediction.errors import UnsupportedImageError
from number_prediction.images.encoded import Encoded
from number_prediction.images.heic import heic_pages, import_heif
from number_prediction.images.pdf import import_pdfium, pdf_pages
from number_prediction.images.pillow import avif_pages, import_avif, pillow_decoder, tiff_pages
from number_prediction.images.pixels import Decoder


@dataclass(frozen=True)
class ImageFormat:
    """A format that can be decoded."""

    name: str
    """What people call it."""
    suffixes: tuple[str, ...]
    """How the names of its files end, in lower case."""
    signature: re.Pattern[bytes]
    """Matches the first bytes of its files."""
    media_type: str
    """As in the header Content-Type; that of a picture begins with "image/"."""
    decode: Decoder
    """Yields the pages of a file."""
    import_extra: Callable[[], ModuleType] | None = None
    """Imports what not every installation has; raises MissingExtraError if it is missing."""
    has_pages: bool = False
    """Whether a file may have several pages; it may then be larger."""
    in_browsers: bool = False
    """Whether every browser decodes it."""

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture and not a document such as PDF."""
        return self.media_type.startswith("image/")


FORMATS = (
    ImageFormat(
        name="PNG",
        suffixes=(".png",),
        signature=re.compile(rb"\x89PNG\r\n\x1a\n"),
        media_type="image/png",
        decode=pillow_decoder("PNG"),
        in_browsers=True,
    ),
    ImageFormat(
        name="JPEG",
        suffixes=(".jpg", ".jpeg"),
        signature=re.compile(rb"\xff\xd8\xff"),
        media_type="image/jpeg",
        decode=pillow_decoder("JPEG"),
        in_browsers=True,
    ),
    ImageFormat(
        name="WebP",
        suffixes=(".webp",),
        signature=re.compile(rb"RIFF....WEBP", re.DOTALL),
        media_type="image/webp",
        decode=pillow_decoder("WEBP"),
        in_browsers=True,
    ),
    ImageFormat(
        name="BMP",
        suffixes=(".bmp",),
        signature=re.compile(rb"BM"),
        media_type="image/bmp",
        decode=pillow_decoder("BMP"),
        in_browsers=True,
    ),
    ImageFormat(
        name="GIF",
        suffixes=(".gif",),
        signature=re.compile(rb"GIF8[79]a"),
        media_type="image/gif",
        decode=pillow_decoder("GIF"),
        in_browsers=True,
    ),
    ImageFormat(
        name="TIFF",
        suffixes=(".tif", ".tiff"),
        signature=re.compile(rb"II[*+]\0|MM\0[*+]|II\0\*|MM\*\0"),  # TIFF 6.0, BigTIFF, mixed byte order
        media_type="image/tiff",
        decode=tiff_pages,
        has_pages=True,
    ),
    ImageFormat(
        name="AVIF",
        suffixes=(".avif",),
        signature=re.compile(rb"....ftypavi[fs]", re.DOTALL),
        media_type="image/avif",
        decode=avif_pages,
        import_extra=import_avif,
    ),
    ImageFormat(
        name="HEIC",
        suffixes=(".heic", ".heif"),
        signature=re.compile(rb"....ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL),
        media_type="image/heic",
        decode=heic_pages,
        import_extra=import_heif,
    ),
    ImageFormat(
        name="PDF",
        suffixes=(".pdf",),
        signature=re.compile(rb"[\xef\xbb\xbf\0\t\n\f\r ]*%PDF-"),
        media_type="application/pdf",
        decode=pdf_pages,
        import_extra=import_pdfium,
        has_pages=True,
    ),
)

SUFFIXES = frozenset(suffix for each in FORMATS for suffix in each.suffixes)
"""How the names of pictures and documents end."""
PICTURE_SUFFIXES = frozenset(suffix for each in FORMATS if each.is_picture for suffix in each.suffixes)
"""How the names of pictures end."""
PICTURE_TYPES = tuple(each.media_type for each in FORMATS if each.is_picture)
"""Media types of pictures."""


def find_format(encoded: Encoded) -> ImageFormat:
    """Find the format of a file by its first bytes.

    Raises:
        UnsupportedImageError: the format is not in FORMATS.
    """
    for each in FORMATS:
        if each.signature.match(encoded.start):
            return each
    raise UnsupportedImageError(
        f"{encoded.name}: not a picture that can be read; save it as {common_formats()}"
    )


def format_of_name(name: str) -> ImageFormat | None:
    """Find the format that the end of a file's name stands for."""
    suffix = PurePath(name).suffix.lower()
    return next((each for each in FORMATS if suffix in each.suffixes), None)


def common_formats() -> str:
    """The names of the picture formats that need no extra, as error messages list them."""
    *names, last = (each.name for each in FORMATS if each.is_picture and each.import_extra is None)
    return f"{', '.join(names)} or {last}"

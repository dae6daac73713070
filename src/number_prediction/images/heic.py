"""HEIC -> its page. Needs the extra `heic` (pi-heif)."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import BinaryIO

from PIL import Image

from number_prediction.errors import MissingExtraError
from number_prediction.images.encoded import Encoded
from number_prediction.images.pillow import first_page
from number_prediction.images.pixels import DecodePage, Rendering


def import_heif() -> ModuleType:
    """Import the decoder; raises MissingExtraError if it is not installed."""
    try:
        import pi_heif
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(error, "heic") from error
    return pi_heif  # type: ignore[no-any-return]


def heic_pages(encoded: Encoded, rendering: Rendering) -> Iterator[DecodePage]:
    """Yield the page of a HEIC."""
    return first_page(_open_heif, encoded, rendering)


def _open_heif(stream: BinaryIO) -> Image.Image:
    picture: Image.Image = import_heif().HeifImageFile(stream)
    return picture

"""Small pictures of every kind, encoded, for tests."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

UPRIGHT = np.full((48, 32), 230, np.uint8)  # no turn or flip leaves it as it is
UPRIGHT[8:16, 8:24] = 20
UPRIGHT[16:40, 8:16] = 90
NOISE = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
PILLOW_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")


def encode(picture: Image.Image | NDArray[Any], file_format: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    picture = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    picture.save(stream, file_format, **options)
    return stream.getvalue()


def encode_heic(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    pillow_heif.from_pillow(picture.convert("RGB")).save(stream, quality=100)
    return stream.getvalue()


def encode_pages(pages: Sequence[Image.Image], file_format: str, **options: Any) -> bytes:
    """A TIFF or PDF of several pages."""
    return encode(pages[0], file_format, save_all=True, append_images=pages[1:], **options)

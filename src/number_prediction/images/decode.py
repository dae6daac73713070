"""Any picture -> page: the one place where a picture of any kind is decoded.

In: a path, bytes, a binary stream, a PIL image or an array. Out: a page, (H, W) uint8 grey, upright, as a
person sees it. `images.sources.iterate_pages` also reads PDF, and all pages of a TIFF.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from number_prediction.errors import UnsupportedImageError
from number_prediction.images.encoded import MAX_BYTES, EncodedInput, check_size, open_encoded
from number_prediction.images.formats import find_format
from number_prediction.images.pixels import MAX_PIXELS, Page, Rendering, array_to_page, image_to_page

__all__ = ["ImageInput", "Page", "to_page"]

ImageInput: TypeAlias = "EncodedInput | Image.Image | NDArray[np.generic]"


def to_page(
    image: ImageInput,
    *,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
    in_colour: bool = False,
) -> Page:
    """Turn any supported picture into a page.

    EXIF orientation is applied. Transparent pictures are laid on white, or on black if the drawing is light.
    Of an animation, or of several pages, the first one counts. 16-bit and float depths are scaled; 16-bit
    pictures with values up to 255 are taken as 8-bit, and files of 0 and 1 only as masks.

    Arrays: (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA; uint8, other integers in 0..255,
    uint16 (full range, or 8-bit values), bool (True is light), or float in [0, 1].

    Returns:
        (H, W) uint8; (H, W, 3) uint8 RGB if `in_colour`.

    Raises:
        ImageError: missing or damaged. `UnsupportedImageError`: not a picture. `ImageTooLargeError`: more
            than `max_bytes` (encoded) or `max_pixels`.
        MissingExtraError: the format needs an extra that is not installed, as HEIC does.
    """
    rendering = Rendering(max_pixels=max_pixels, in_colour=in_colour)
    if isinstance(image, np.ndarray):
        return array_to_page(image, rendering)
    if isinstance(image, Image.Image):
        return image_to_page(image, "picture", rendering)
    with open_encoded(image, max_bytes=max_bytes) as encoded:
        check_size(encoded, max_bytes)
        image_format = find_format(encoded)
        if not image_format.is_picture:
            raise UnsupportedImageError(
                f"{encoded.name}: a {image_format.name}, not a picture; read its pages with iterate_pages"
            )
        pages = image_format.decode(encoded, rendering)
        return next(pages)()

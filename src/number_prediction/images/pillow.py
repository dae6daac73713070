"""Encoded picture -> its pages, decoded by Pillow.

A TIFF has one page or more. Every other picture has one: of an animation it is the first frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from types import ModuleType
from typing import BinaryIO, NoReturn, TypeAlias

from PIL import Image, features

from number_prediction.errors import (
    ImageError,
    ImageTooLargeError,
    MissingExtraError,
    UnsupportedImageError,
)
from number_prediction.images.encoded import Encoded
from number_prediction.images.pixels import DecodePage, Decoder, Page, Rendering, image_to_page

OpenPicture: TypeAlias = Callable[[BinaryIO], Image.Image]
"""Opens an encoded picture as Pillow does: the header is read, the pixels are not yet decoded."""

_SUBFILE_TYPE_TAG, _REDUCED_COPY_BIT = 254, 1  # TIFF 6.0: marks a small copy of another page


def pillow_decoder(pillow_format: str) -> Decoder:
    """Make the decoder of a format by its name in Pillow. Pillow tries no other format."""
    return partial(first_page, _opener(pillow_format))


def import_avif() -> ModuleType:
    """Look for Pillow's own decoder of AVIF; raises MissingExtraError if this Pillow has none."""
    if not features.check("avif"):
        raise MissingExtraError(
            "the installed Pillow reads no AVIF; install another with: pip install --upgrade pillow"
        )
    return features


def avif_pages(encoded: Encoded, rendering: Rendering) -> Iterator[DecodePage]:
    """Yield the page of an AVIF."""
    import_avif()
    return first_page(_opener("AVIF"), encoded, rendering)


def first_page(open_picture: OpenPicture, encoded: Encoded, rendering: Rendering) -> Iterator[DecodePage]:
    """Yield the only page of a picture, or its first frame."""
    yield partial(_decode_first, open_picture, encoded, rendering)


def tiff_pages(encoded: Encoded, rendering: Rendering) -> Iterator[DecodePage]:
    """Yield the pages of a TIFF, in order, without small copies of other pages.

    Raises:
        ImageError: the first page cannot be found.
    """
    number = 0
    with _open(_opener("TIFF"), encoded) as picture:
        for index in count():
            try:
                picture.seek(index)
            except EOFError:
                return
            except Exception as error:  # Pillow raises errors of many kinds on damaged files
                number += 1
                yield partial(_refuse_page, f"{encoded.name}, page {number}", error)
                if picture.tell() != index:
                    return  # each page says where the next one is: the chain is broken here
                continue
            if index and _is_reduced_copy(picture):
                continue
            number += 1
            name = f"{encoded.name}, page {number}" if index else encoded.name
            yield partial(image_to_page, picture, name, rendering)


def _opener(pillow_format: str) -> OpenPicture:
    return partial(Image.open, formats=(pillow_format,))


def _decode_first(open_picture: OpenPicture, encoded: Encoded, rendering: Rendering) -> Page:
    with _open(open_picture, encoded) as picture:
        return image_to_page(picture, encoded.name, rendering)


def _open(open_picture: OpenPicture, encoded: Encoded) -> Image.Image:
    try:
        return open_picture(encoded.stream)
    except MissingExtraError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLargeError(f"{encoded.name}: too many pixels; save it smaller") from error
    except Exception as error:  # decoders raise errors of many kinds on damaged headers
        raise UnsupportedImageError(
            f"{encoded.name}: the file is damaged or cut off; save it again"
        ) from error


def _is_reduced_copy(picture: Image.Image) -> bool:
    subfile_type = getattr(picture, "tag_v2", {}).get(_SUBFILE_TYPE_TAG, 0)
    return isinstance(subfile_type, int) and bool(subfile_type & _REDUCED_COPY_BIT)


def _refuse_page(name: str, error: Exception) -> NoReturn:
    raise ImageError(f"{name}: the file is damaged or cut off; save it again ({error})") from error

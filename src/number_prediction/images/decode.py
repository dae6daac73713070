"""Any picture -> page: the one place where pictures are decoded.

In: a path, bytes, a binary stream, a PIL image or an array. Out: a page, (H, W) uint8 grey, upright,
as a person sees it. What is unreadable, too large or not a picture raises `ImageError`. Of a TIFF with
several pages `tiff_pages` gives all; HEIC needs the extra `heic`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from number_prediction.errors import ImageError, ImageTooLargeError, UnsupportedImageError
from number_prediction.images.formats import (
    FORMATS,
    MAX_BYTES,
    MAX_DOCUMENT_BYTES,
    MAX_PIXELS,
    Encoded,
    EncodedInput,
    check_size,
    import_heif,
    open_encoded,
)

Page: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8 grey."""
ImageInput: TypeAlias = "EncodedInput | Image.Image | NDArray[np.generic]"

DecodePage: TypeAlias = Callable[[], Page]
"""Decodes a page of a document, before the next one is asked for; raises ImageError where it is broken."""

_LIGHT_BACKGROUND, _DARK_BACKGROUND = 255, 0
_SIXTEEN_TO_EIGHT_BITS = 257  # 65535 / 255
_SUBFILE_TYPE, _REDUCED = 254, 1  # the TIFF tag, and its bit for a small copy of another page


def to_page(image: ImageInput, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Page:
    """Turn any supported picture into a page.

    EXIF orientation is applied; transparent pictures are laid on white, or on black where what is
    drawn is light; of an animation, or of several pages, the first one counts; 16-bit and float depths are
    scaled. For all pages see `sources.iterate_pages`, which also reads PDF.

    Arrays: (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA; uint8, other integers in 0..255,
    uint16 (full range), bool (True is light), or float in [0, 1].

    Returns:
        (H, W) uint8.

    Raises:
        ImageError: missing, damaged, `UnsupportedImageError` not a picture, or `ImageTooLargeError` larger
            than `max_bytes` (encoded) or `max_pixels`.
        MissingExtraError: a HEIC, and the extra `heic` is not installed.
    """
    if isinstance(image, np.ndarray):
        return _array_to_page(image, max_pixels)
    if isinstance(image, Image.Image):
        return _decode(image, "picture", max_pixels)
    with open_encoded(image, max_bytes=max_bytes) as encoded:
        return decode_picture(encoded, max_bytes=max_bytes, max_pixels=max_pixels)


def decode_picture(encoded: Encoded, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Page:
    """The page of a picture, or the first one of several; raises ImageError, also for a PDF."""
    check_size(encoded, max_bytes)
    if encoded.kind == "pdf":
        raise UnsupportedImageError(
            f"{encoded.name}: a PDF and no picture; take its pages from iterate_pages"
        )
    with _open(encoded) as picture:
        return _decode(picture, encoded.name, max_pixels)


def tiff_pages(encoded: Encoded, *, max_pixels: int = MAX_PIXELS) -> Iterator[DecodePage]:
    """The pages of a TIFF, in order; small copies of other pages are left out.

    Raises:
        ImageError: too large for a document, or not even the first page can be found.
    """
    check_size(encoded, MAX_DOCUMENT_BYTES)
    number = 0
    with _open(encoded) as picture:
        for index in count():
            try:
                picture.seek(index)
            except EOFError:
                return
            except Exception as error:  # as in `_decode`
                number += 1
                yield partial(_refuse_page, f"{encoded.name}, page {number}", error)
                if picture.tell() != index:
                    return  # a page says where the next one is, and this could not be followed
                continue
            if index and _is_reduced(picture):
                continue
            number += 1
            name = f"{encoded.name}, page {number}" if index else encoded.name
            yield partial(_decode, picture, name, max_pixels)


def _is_reduced(picture: Image.Image) -> bool:
    subfile_type = getattr(picture, "tag_v2", {}).get(_SUBFILE_TYPE, 0)
    return isinstance(subfile_type, int) and bool(subfile_type & _REDUCED)


def _refuse_page(name: str, error: Exception) -> NoReturn:
    raise ImageError(f"{name}: the file is damaged or cut off; save it again ({error})") from error


def _open(encoded: Encoded) -> Image.Image:
    decoder = import_heif().HeifImageFile if encoded.kind == "heic" else partial(Image.open, formats=FORMATS)
    try:
        picture: Image.Image = decoder(encoded.stream)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLargeError(f"{encoded.name}: too many pixels; save it smaller") from error
    except Exception as error:  # decoders raise errors of many kinds on damaged headers
        raise UnsupportedImageError(
            f"{encoded.name}: not a picture that can be read; "
            f"save it as {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        ) from error
    return picture


def _decode(picture: Image.Image, name: str, max_pixels: int) -> Page:
    width, height = picture.size
    if width * height > max_pixels:
        raise ImageTooLargeError(
            f"{name}: {width} x {height} is more than {max_pixels:,} pixels; save it smaller"
        )
    if width * height == 0:
        raise ImageError(f"{name}: {width} x {height} has no pixels")
    try:
        picture.load()
        return np.ascontiguousarray(_to_grey(_upright(picture), name))
    except ImageError:
        raise
    except Exception as error:  # as above: truncated and altered files fail in many ways
        raise ImageError(f"{name}: the file is damaged or cut off; save it again ({error})") from error


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # unreadable EXIF is no reason to refuse a readable picture
        return picture


def _to_grey(picture: Image.Image, name: str) -> Page:
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return _depth_to_eight_bits(np.asarray(picture), name)
    if picture.mode == "La":  # premultiplied, converted to LA only
        picture = picture.convert("LA")
    if picture.mode in ("RGBA", "RGBa", "LA", "PA") or "transparency" in picture.info:
        return _lay_on_background(picture.convert("RGBA"))
    if picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    return np.asarray(picture.convert("L"))


def _depth_to_eight_bits(values: NDArray[np.generic], name: str) -> Page:
    """(H, W) of more than 8 bits a pixel -> uint8: by its depth where that is known, else by its range."""
    wide = values.astype(np.float64)
    if not np.isfinite(wide).all():
        raise ImageError(f"{name}: holds NaN or infinite values; replace them")
    low, high = float(wide.min()), float(wide.max())
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        wide *= 255
    elif values.dtype.kind in "iu" and 255 < high <= 65535 and low >= 0:
        wide /= _SIXTEEN_TO_EIGHT_BITS
    elif low < 0 or high > 255:
        wide = (wide - low) * (255 / (high - low or 1))
    elif values.dtype.itemsize == 2:
        wide /= _SIXTEEN_TO_EIGHT_BITS
    return np.asarray(np.rint(wide), dtype=np.uint8)


def _lay_on_background(picture: Image.Image) -> Page:
    """RGBA picture -> page; the background is the one that what is drawn stands out from."""
    grey, opacity = picture.convert("L"), picture.getchannel("A")
    drawn = int(np.asarray(opacity).sum(dtype=np.int64))
    light = int(np.einsum("ij,ij->", np.asarray(grey), np.asarray(opacity), dtype=np.int64))
    page = Image.new("L", picture.size, _DARK_BACKGROUND if light > 127 * drawn else _LIGHT_BACKGROUND)
    page.paste(grey, mask=opacity)
    return np.asarray(page)


def _array_to_page(array: NDArray[np.generic], max_pixels: int) -> Page:
    shape = array.shape
    if array.ndim == 3 and shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in (3, 4)):
        raise ImageError(f"array of shape {shape}; give one picture as (H, W), (H, W, 3) or (H, W, 4)")
    if array.size == 0:
        raise ImageError(f"array of shape {shape} has no pixels")
    if shape[0] * shape[1] > max_pixels:
        raise ImageError(f"array of shape {shape} has more than {max_pixels:,} pixels; make it smaller")
    pixels = _array_to_eight_bits(array)
    if pixels.ndim == 2:
        return np.ascontiguousarray(pixels)
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return _lay_on_background(picture) if picture.mode == "RGBA" else np.asarray(picture.convert("L"))


def _array_to_eight_bits(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    kind = array.dtype.kind
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    if kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if kind == "u" and array.dtype.itemsize == 2:
        return np.rint(array.astype(np.float64) / _SIXTEEN_TO_EIGHT_BITS).astype(np.uint8)
    if kind not in "iuf":
        raise ImageError(f"array of dtype {array.dtype}; give uint8, or float in [0, 1]")
    low, high = array.min(), array.max()
    limit = 1 if kind == "f" else 255
    if not (low >= 0 and high <= limit):  # also false for NaN
        raise ImageError(
            f"array of dtype {array.dtype} with values from {low} to {high}; "
            f"scale it to 0..{limit}, or give uint8"
        )
    scaled = array.astype(np.float64) * (255 if kind == "f" else 1)
    return np.rint(scaled).astype(np.uint8)

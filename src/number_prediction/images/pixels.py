"""A decoded picture or an array -> page: (H, W) uint8 grey, upright, as a person sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from number_prediction.constants import PDF_DPI
from number_prediction.errors import ImageError, ImageTooLargeError
from number_prediction.images.encoded import Encoded

Page: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8 grey."""
DecodePage: TypeAlias = Callable[[], Page]
"""Decode one page of a file; call it before you take the next page. Raises ImageError if it is damaged."""

MAX_PIXELS = 50_000_000
"""Size limit of a decoded picture: a 50-megapixel camera."""
_LIGHT_BACKGROUND, _DARK_BACKGROUND = 255, 0
_SIXTEEN_TO_EIGHT_BITS = 257  # 65535 / 255


@dataclass(frozen=True)
class Rendering:
    """How a decoder makes pages."""

    dpi: int = PDF_DPI
    """Pixels an inch of formats without pixels, such as PDF."""
    max_pixels: int = MAX_PIXELS
    """Size limit of a page."""
    in_colour: bool = False
    """Whether pages are (H, W, 3) uint8 RGB, to be drawn on, instead of (H, W) grey."""


Decoder: TypeAlias = Callable[[Encoded, Rendering], Iterator[DecodePage]]
"""Finds the pages of a file, in order. Raises ImageError if it finds none."""


def image_to_page(picture: Image.Image, name: str, rendering: Rendering) -> Page:
    """Decode a picture that Pillow has opened; `name` is what error messages call it.

    Raises:
        ImageError: no pixels, damaged, or more than `rendering.max_pixels`.
    """
    max_pixels = rendering.max_pixels
    width, height = picture.size
    if width * height > max_pixels:
        raise ImageTooLargeError(
            f"{name}: {width} x {height} is more than {max_pixels:,} pixels; save it smaller"
        )
    if width * height == 0:
        raise ImageError(f"{name}: {width} x {height} has no pixels; give a picture")
    try:
        picture.load()
        convert = _to_colour if rendering.in_colour else _to_grey
        return np.ascontiguousarray(convert(_upright(picture), name))
    except ImageError:
        raise
    except Exception as error:  # decoders raise errors of many kinds on damaged files
        raise ImageError(f"{name}: the file is damaged or cut off; save it again ({error})") from error


def array_to_page(array: NDArray[np.generic], rendering: Rendering) -> Page:
    """Convert an array as `to_page` takes it; raises ImageError for other shapes, types and values."""
    shape, max_pixels = array.shape, rendering.max_pixels
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
        return _repeat(pixels) if rendering.in_colour else np.ascontiguousarray(pixels)
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    mode = "RGB" if rendering.in_colour else "L"
    return _lay_on_background(picture, mode) if picture.mode == "RGBA" else np.asarray(picture.convert(mode))


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # unreadable EXIF is no reason to refuse a readable picture
        return picture


def _to_grey(picture: Image.Image, name: str) -> Page:
    if _is_deep(picture):
        return _mask_to_grey(_depth_to_eight_bits(np.asarray(picture), name))
    if _is_transparent(picture):
        return _lay_on_background(_to_rgba(picture), "L")
    if picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    return _mask_to_grey(np.asarray(picture.convert("L")))


def _to_colour(picture: Image.Image, name: str) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of the same brightness as `_to_grey`."""
    if _is_deep(picture) or picture.mode in ("1", "L"):
        return _repeat(_to_grey(picture, name))
    if _is_transparent(picture):
        return _lay_on_background(_to_rgba(picture), "RGB")
    return _mask_to_grey(np.asarray(picture.convert("RGB")))


def _repeat(grey: Page) -> NDArray[np.uint8]:
    return np.repeat(grey[:, :, np.newaxis], 3, axis=2)


def _is_deep(picture: Image.Image) -> bool:
    """Whether a picture has one channel of more than 8 bits."""
    return picture.mode in ("I", "F") or picture.mode.startswith("I;16")


def _is_transparent(picture: Image.Image) -> bool:
    return picture.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in picture.info


def _to_rgba(picture: Image.Image) -> Image.Image:
    premultiplied_grey = picture.mode == "La"  # converted to LA only
    return (picture.convert("LA") if premultiplied_grey else picture).convert("RGBA")


def _mask_to_grey(page: Page) -> Page:
    """Scale a picture of nothing but 0 and 1, as programs save masks, to 0 and 255."""
    return page * np.uint8(255) if page.size and page.min() == 0 and page.max() == 1 else page


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
    return np.asarray(np.rint(wide), dtype=np.uint8)


def _lay_on_background(picture: Image.Image, mode: str) -> Page:
    """RGBA picture -> page, "L" or "RGB"; the background is the one that what is drawn stands out from."""
    grey, opacity = picture.convert("L"), picture.getchannel("A")
    drawn = int(np.asarray(opacity).sum(dtype=np.int64))
    light = int(np.einsum("ij,ij->", np.asarray(grey), np.asarray(opacity), dtype=np.int64))
    background = _DARK_BACKGROUND if light > 127 * drawn else _LIGHT_BACKGROUND
    page = Image.new("L", picture.size, background).convert(mode)
    page.paste(picture.convert(mode), mask=opacity)
    return np.asarray(page)


def _array_to_eight_bits(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    kind = array.dtype.kind
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    if kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if kind == "u" and array.dtype.itemsize == 2 and array.max() > 255:
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

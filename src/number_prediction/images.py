"""Any picture -> page: the one place where pictures are decoded.

In: a path, bytes, a binary stream, a PIL image or an array. Out: a page, (H, W) uint8 grey, upright,
as a person sees it. What is unreadable, too large or not a picture raises `ImageError`.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from number_prediction.types import ImageError

Page: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8 grey."""
ImageInput: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.generic]"

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
"""Formats that are decoded; Pillow never tries another decoder."""
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
"""File names that count as pictures when a folder is read."""
MAX_BYTES = 64 * 2**20
"""Largest encoded picture."""
MAX_PIXELS = 50_000_000
"""Largest decoded picture: a 50-megapixel camera."""

_LIGHT_BACKGROUND, _DARK_BACKGROUND = 255, 0
_SIXTEEN_TO_EIGHT_BITS = 257  # 65535 / 255


def to_page(image: ImageInput, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Page:
    """Turn any supported picture into a page.

    EXIF orientation is applied; transparent pictures are laid on white, or on black where what is
    drawn is light; of an animation the first frame counts; 16-bit and float depths are scaled.

    Arrays: (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA; uint8, other integers in 0..255,
    uint16 (full range), bool (True is light), or float in [0, 1].

    Returns:
        (H, W) uint8.

    Raises:
        ImageError: missing, not a picture, damaged, or larger than `max_bytes` (encoded) or `max_pixels`.
    """
    if isinstance(image, np.ndarray):
        return _array_to_page(image, max_pixels)
    if isinstance(image, Image.Image):
        return _decode(image, "picture", max_pixels)
    if isinstance(image, bytes | bytearray | memoryview):
        return _open(io.BytesIO(image), "picture", len(image), max_bytes, max_pixels)
    if isinstance(image, str | os.PathLike):
        return _open_path(Path(image), max_bytes, max_pixels)
    if hasattr(image, "read"):
        content = _read_stream(image, max_bytes + 1)
        return _open(io.BytesIO(content), "picture", len(content), max_bytes, max_pixels)
    raise ImageError(
        f"cannot read a picture from {type(image).__name__}; "
        "give a path, bytes, a binary stream, a PIL image or an array"
    )


def _read_stream(stream: BinaryIO, size: int) -> bytes:
    try:
        return bytes(stream.read(size))
    except (OSError, ValueError, TypeError) as error:  # closed, or opened as text
        raise ImageError(f"stream: {error}; give an open binary stream") from error


def find_picture_files(folder: Path) -> list[Path]:
    """All picture files in and below a folder, sorted; hidden files and folders are left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(name.startswith(".") for name in path.relative_to(folder).parts)
        and path.is_file()
    )


class PictureFiles:
    """Pages of picture files, each decoded when it is asked for, so that a folder of any size fits."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> Page: ...
    @overload
    def __getitem__(self, index: slice | NDArray[np.intp]) -> PictureFiles: ...
    def __getitem__(self, index: int | slice | NDArray[np.intp]) -> Page | PictureFiles:
        """One page, or the pictures at a slice or at indices (K,), as an array would give them."""
        if isinstance(index, slice):
            return PictureFiles(self.paths[index])
        if isinstance(index, np.ndarray):
            return PictureFiles([self.paths[i] for i in index])
        return to_page(self.paths[index])

    def __iter__(self) -> Iterator[Page]:
        return (to_page(path) for path in self.paths)


def _open_path(path: Path, max_bytes: int, max_pixels: int) -> Page:
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            if stat.S_ISREG(status.st_mode):
                return _open(stream, str(path), status.st_size, max_bytes, max_pixels)
            content = stream.read(max_bytes + 1)  # a pipe has no size
            return _open(io.BytesIO(content), str(path), len(content), max_bytes, max_pixels)
    except IsADirectoryError as error:
        raise ImageError(f"{path}: a folder without pictures; name a picture") from error
    except (OSError, ValueError) as error:  # ValueError: a path that no file can have
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path}: {reason}; check the path") from error


def _open(stream: BinaryIO, name: str, size: int, max_bytes: int, max_pixels: int) -> Page:
    if size == 0:
        raise ImageError(f"{name}: the file is empty")
    if size > max_bytes:
        raise ImageError(f"{name}: larger than {max_bytes:,} bytes; save it smaller")
    try:
        picture = Image.open(stream, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{name}: too many pixels; save it smaller") from error
    except Exception as error:  # decoders raise errors of many kinds on damaged headers
        raise ImageError(
            f"{name}: not a picture that can be read; save it as {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        ) from error
    with picture:
        return _decode(picture, name, max_pixels)


def _decode(picture: Image.Image, name: str, max_pixels: int) -> Page:
    width, height = picture.size
    if width * height > max_pixels:
        raise ImageError(f"{name}: {width} x {height} is more than {max_pixels:,} pixels; save it smaller")
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

"""Formats of encoded pictures: told apart by their first bytes, opened within limits, not decoded yet."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, Literal, TypeAlias

from number_prediction.errors import ImageError, ImageTooLargeError, MissingExtraError

EncodedInput: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO"

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
"""Formats that Pillow decodes; it never tries another decoder."""
HEIC_SUFFIXES = frozenset({".heic", ".heif"})
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}) | HEIC_SUFFIXES
"""File names that count as pictures when a folder is read."""
MAX_BYTES = 64 * 2**20
"""Largest encoded picture, and most that is read from what has no size, such as a pipe."""
MAX_DOCUMENT_BYTES = 2**30
"""Largest file of several pages, which is never in memory as a whole."""
MAX_PIXELS = 50_000_000
"""Largest decoded picture: a 50-megapixel camera."""
Kind: TypeAlias = Literal["pdf", "tiff", "heic", "other"]
_BYTES_THAT_TELL = 1024  # some programs write a few blank lines before what makes a file a PDF
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # TIFF 6.0, and BigTIFF
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")


@dataclass(frozen=True, eq=False)
class Encoded:
    """An open file, or what else holds an encoded picture."""

    stream: BinaryIO
    """Can be sought in, and stands at its beginning."""
    name: str
    """What messages call it."""
    size: int
    """Bytes, at least 1."""
    kind: Kind
    """By its first bytes; what is "other" is left to Pillow."""


@contextmanager
def open_encoded(image: EncodedInput, *, max_bytes: int = MAX_BYTES) -> Iterator[Encoded]:
    """Open a path, bytes or a binary stream; a regular file is not read yet, all else is.

    Raises:
        ImageError: missing or empty; something else; no regular file and larger than `max_bytes`.
    """
    if isinstance(image, str | os.PathLike):
        path = Path(image)
        stream = _open_path(path)
        with stream:
            status = os.fstat(stream.fileno())
            if stat.S_ISREG(status.st_mode):
                yield _examine(stream, str(path), status.st_size)
            else:  # a pipe has no size
                yield _hold(stream, str(path), max_bytes)
    elif isinstance(image, bytes | bytearray | memoryview):
        yield _hold(io.BytesIO(image), "picture", max_bytes)
    elif hasattr(image, "read"):
        yield _hold(image, "picture", max_bytes)
    else:
        raise ImageError(
            f"cannot read a picture from {type(image).__name__}; "
            "give a path, bytes, a binary stream, a PIL image or an array"
        )


def _open_path(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except IsADirectoryError as error:
        raise ImageError(f"{path}: a folder without pictures; name a picture") from error
    except (OSError, ValueError) as error:  # ValueError: a path that no file can have
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path}: {reason}; check the path") from error


def _hold(stream: BinaryIO, name: str, max_bytes: int) -> Encoded:
    """What a stream gives, in memory."""
    content = _read(stream, name, max_bytes + 1)
    encoded = _examine(io.BytesIO(content), name, len(content))
    check_size(encoded, max_bytes)
    return encoded


def _examine(stream: BinaryIO, name: str, size: int) -> Encoded:
    if size == 0:
        raise ImageError(f"{name}: the file is empty")
    start = _read(stream, name, _BYTES_THAT_TELL)
    stream.seek(0)
    kind: Kind = "other"
    if start.lstrip(b"\xef\xbb\xbf\0\t\n\f\r ").startswith(b"%PDF-"):
        kind = "pdf"
    elif start.startswith(_TIFF_STARTS):
        kind = "tiff"
    elif start[4:8] == b"ftyp" and start[8:12] in _HEIC_BRANDS:
        kind = "heic"
    return Encoded(stream, name, size, kind)


def _read(stream: BinaryIO, name: str, size: int) -> bytes:
    try:
        return bytes(stream.read(size))
    except (OSError, ValueError, TypeError) as error:  # a broken disk, a closed stream, one opened as text
        raise ImageError(f"{name}: {error}; give a file or an open binary stream") from error


def check_size(encoded: Encoded, max_bytes: int) -> None:
    """Raise ImageError for what is larger than `max_bytes`."""
    if encoded.size > max_bytes:
        raise ImageTooLargeError(f"{encoded.name}: larger than {max_bytes:,} bytes; save it smaller")


def import_heif() -> ModuleType:
    """The decoder of HEIC; raises MissingExtraError where it is not installed."""
    try:
        import pi_heif
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(error, "heic") from error
    return pi_heif  # type: ignore[no-any-return]

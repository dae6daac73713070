"""A path, bytes or a stream -> an open encoded picture, within a limit of bytes; nothing is decoded yet."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from number_prediction.errors import ImageError, ImageTooLargeError

EncodedInput: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO"

MAX_BYTES = 64 * 2**20
"""Size limit of an encoded picture, and of a stream of unknown length such as a pipe."""
MAX_DOCUMENT_BYTES = 2**30
"""Size limit of a file with several pages; such a file is never in memory as a whole."""
_START_BYTES = 1024  # some programs write blank lines before the header of a PDF


@dataclass(frozen=True, eq=False)
class Encoded:
    """An open file, or bytes in memory, with an encoded picture."""

    stream: BinaryIO
    """Seekable, and at its beginning."""
    name: str
    """What error messages call it."""
    size: int
    """Bytes, at least 1."""
    start: bytes
    """The first bytes, at most 1,024: they tell the format."""


@contextmanager
def open_encoded(image: EncodedInput, *, max_bytes: int = MAX_BYTES) -> Iterator[Encoded]:
    """Open a path, bytes or a binary stream. Only regular files are not read into memory.

    Raises:
        ImageError: missing, empty or of another type; or larger than `max_bytes` and not a regular file.
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
            f"{type(image).__name__} is not a picture; "
            "give a path, bytes, a binary stream, a PIL image or an array"
        )


def check_size(encoded: Encoded, max_bytes: int) -> None:
    """Raise ImageTooLargeError if there are more than `max_bytes`."""
    if encoded.size > max_bytes:
        raise ImageTooLargeError(f"{encoded.name}: larger than {max_bytes:,} bytes; save it smaller")


def _open_path(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except IsADirectoryError as error:
        raise ImageError(f"{path}: a folder without pictures; name a picture") from error
    except (OSError, ValueError) as error:  # ValueError: no file can have such a path
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path}: {reason}; check the path") from error


def _hold(stream: BinaryIO, name: str, max_bytes: int) -> Encoded:
    """Read a stream into memory."""
    content = _read(stream, name, max_bytes + 1)
    encoded = _examine(io.BytesIO(content), name, len(content))
    check_size(encoded, max_bytes)
    return encoded


def _examine(stream: BinaryIO, name: str, size: int) -> Encoded:
    if size == 0:
        raise ImageError(f"{name}: the file is empty; give a picture")
    start = _read(stream, name, _START_BYTES)
    stream.seek(0)
    return Encoded(stream, name, size, start)


def _read(stream: BinaryIO, name: str, size: int) -> bytes:
    try:
        return bytes(stream.read(size))
    except (OSError, ValueError, TypeError) as error:  # a broken disk, a closed stream, a stream of text
        raise ImageError(f"{name}: {error}; give a file or an open binary stream") from error

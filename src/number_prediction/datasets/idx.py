"""The IDX file format of the MNIST database: file content -> array.

Format (LeCun, Cortes, Burges, "The MNIST database of handwritten digits"): two zero bytes, one byte
of element type, one byte of rank, one big-endian uint32 a dimension, then the elements, big-endian.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from number_prediction.errors import DataError

ELEMENT_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_GZIP_MAGIC = b"\x1f\x8b"
_LONGEST_HEADER = 4 + 4 * 255


def read_idx(path: Path) -> NDArray[np.generic]:
    """Read one IDX file, plain or gzip (told by its first bytes, not by its name).

    Raises:
        DataError: missing, damaged, too large, or not an IDX file; the message names the file and the mend.
    """
    return parse_idx(read_content(path), path)


def read_content(path: Path) -> bytes:
    """Raw bytes of a plain or gzip-compressed IDX file.

    No more is read than one byte over what the header asks for, and of another file no more than a header, so
    that a small file never fills the memory.

    Raises:
        DataError: missing, damaged, or its header asks for more than MAX_DATA_BYTES.
    """
    try:
        with path.open("rb") as file:
            is_zipped = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
            file.seek(0)
            stream = gzip.GzipFile(fileobj=file) if is_zipped else file
            begin = stream.read(_LONGEST_HEADER)
            layout = _read_layout(begin)
            if layout is None:
                return begin
            _, shape, wanted = layout
            if wanted > MAX_DATA_BYTES:
                raise DataError(
                    f"{path}: its header {shape} asks for {wanted:,} bytes, more than {MAX_DATA_BYTES:,}; "
                    "download or copy it again, or divide it into smaller files"
                )
            stream.seek(0)
            return stream.read(wanted + 1)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; check the folder") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); download or copy it again") from error


def parse_idx(content: bytes, path: Path) -> NDArray[np.generic]:
    """Array held by the content of an IDX file; `path` only names it in errors."""
    if not _is_idx(content):
        raise DataError(
            f"{path}: wrong magic number 0x{content[:4].hex()}; "
            "this is not an IDX file, give the file as it was published"
        )
    layout = _read_layout(content)
    if layout is None:
        raise DataError(f"{path}: cut off inside the header; download or copy it again")
    element_type, shape, wanted = layout
    if len(content) != wanted:
        state = f"cut off: {len(content):,} bytes" if len(content) < wanted else "too long: more bytes"
        raise DataError(
            f"{path}: {state} where its header {shape} asks for {wanted:,}; download or copy it again"
        )
    offset = 4 + 4 * len(shape)
    elements: NDArray[np.generic] = np.frombuffer(content, element_type, offset=offset)
    try:
        return elements.reshape(shape)
    except ValueError as error:  # more dimensions, or larger ones, than an array can have
        raise DataError(f"{path}: impossible shape in its header; download or copy it again") from error


def _is_idx(content: bytes) -> bool:
    return len(content) >= 4 and content[:2] == b"\0\0" and content[2] in ELEMENT_TYPES and content[3] > 0


def _read_layout(content: bytes) -> tuple[np.dtype[Any], tuple[int, ...], int] | None:
    """Element type, shape and bytes of the whole by the header; None where it is none, or cut off."""
    header_size = 4 + 4 * content[3] if _is_idx(content) else 0
    if header_size == 0 or len(content) < header_size:
        return None
    element_type = ELEMENT_TYPES[content[2]]
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", content[3], offset=4))
    return element_type, shape, header_size + math.prod(shape) * element_type.itemsize


MAX_DATA_BYTES = 4_000_000_000
"""Largest array that is read from one file: five million pictures of 28x28, half the memory of a laptop."""

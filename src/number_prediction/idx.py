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

from number_prediction.types import DataError

ELEMENT_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: Path) -> NDArray[np.generic]:
    """Read one IDX file, plain or gzip (told by its first bytes, not by its name).

    Raises:
        DataError: missing, damaged, or not an IDX file; the message names the file and the mend.
    """
    return parse_idx(read_content(path), path)


def read_content(path: Path) -> bytes:
    """Raw bytes of a plain or gzip-compressed file."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(_GZIP_MAGIC) else content
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; check the folder") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); download or copy it again") from error


def parse_idx(content: bytes, path: Path) -> NDArray[np.generic]:
    """Array held by the content of an IDX file; `path` only names it in errors."""
    rank = content[3] if len(content) >= 4 else 0
    header_size = 4 + 4 * rank
    element_type = ELEMENT_TYPES.get(content[2]) if len(content) >= 4 else None
    if element_type is None or content[:2] != b"\0\0" or rank == 0:
        raise DataError(
            f"{path}: wrong magic number 0x{content[:4].hex()}; "
            "this is not an IDX file, give the file as it was published"
        )
    if len(content) < header_size:
        raise DataError(f"{path}: cut off inside the header; download or copy it again")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", rank, offset=4))
    wanted = header_size + math.prod(shape) * element_type.itemsize
    if len(content) != wanted:
        state = "cut off" if len(content) < wanted else "too long"
        raise DataError(
            f"{path}: {state}: {len(content):,} bytes where its header {shape} asks for {wanted:,}; "
            "download or copy it again"
        )
    elements: NDArray[np.generic] = np.frombuffer(content, element_type, offset=header_size)
    try:
        return elements.reshape(shape)
    except ValueError as error:  # more dimensions, or larger ones, than an array can have
        raise DataError(f"{path}: impossible shape in its header; download or copy it again") from error

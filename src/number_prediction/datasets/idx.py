"""IDX file, the format of the MNIST database -> array.

Format (LeCun, Cortes, Burges, "The MNIST database of handwritten digits"): two zero bytes, one byte for the
element type, one byte for the rank, one big-endian uint32 per dimension, then the elements, big-endian.
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
_MAX_HEADER_BYTES = 4 + 4 * 255


def read_idx(path: Path) -> NDArray[np.generic]:
    """Read an IDX file, plain or gzip; the first bytes tell, not the name.

    Raises:
        DataError: missing, damaged, too large, or not an IDX file.
    """
    return parse_idx(read_content(path), path)


def read_content(path: Path) -> bytes:
    """Read the bytes of an IDX file, plain or gzip.

    At most one byte more than the header asks for is read, and only a header of another file: a small
    compressed file cannot fill the memory.

    Raises:
        DataError: missing, damaged, or the header asks for more than MAX_DATA_BYTES.
    """
    try:
        with path.open("rb") as file:
            is_zipped = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
            file.seek(0)
            stream = gzip.GzipFile(fileobj=file) if is_zipped else file
            begin = stream.read(_MAX_HEADER_BYTES)
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
    """Parse the content of an IDX file; errors name `path`."""
    if not _is_idx(content):
        raise DataError(
            f"{path}: wrong magic number 0x{content[:4].hex()}; give the IDX file as it was published"
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
    except ValueError as error:  # more or larger dimensions than an array can have
        raise DataError(f"{path}: impossible shape in its header; download or copy it again") from error


def _is_idx(content: bytes) -> bool:
    return len(content) >= 4 and content[:2] == b"\0\0" and content[2] in ELEMENT_TYPES and content[3] > 0


def _read_layout(content: bytes) -> tuple[np.dtype[Any], tuple[int, ...], int] | None:
    """Read element type, shape and total bytes from the header; None if it is not a header or cut off."""
    header_size = 4 + 4 * content[3] if _is_idx(content) else 0
    if header_size == 0 or len(content) < header_size:
        return None
    element_type = ELEMENT_TYPES[content[2]]
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", content[3], offset=4))
    return element_type, shape, header_size + math.prod(shape) * element_type.itemsize


MAX_DATA_BYTES = 4_000_000_000
"""Size limit of the array in one file: five million pictures of 28x28, half the memory of a laptop."""

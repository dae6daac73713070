"""CSV file with one picture per row, like those of Kaggle's Digit Recognizer -> pictures and labels.

The first line names the columns: an optional `label`, then `pixel0`, `pixel1`, ... or `pixel1`, `pixel2`, ...
They hold the grey values of a square picture, row by row: ink 255, paper 0. Needs the extra `train` (pandas).
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from number_prediction.datasets.idx import MAX_DATA_BYTES
from number_prediction.errors import DataError, MissingExtraError

LABEL_COLUMN = "label"
MAX_HEADER_BYTES = 2**20
"""Size limit of the first line; enough for pictures of 300x300."""
_CHUNK_CELLS = 2_000_000
"""Cells that are parsed together, at eight bytes each, before they become uint8."""
_BLOCK = 2**20
_WHOLE_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,1000}\s*")


@dataclass(frozen=True, eq=False)
class DigitTable:
    """The content of a CSV file."""

    images: NDArray[np.uint8]
    """(N, S, S) uint8, at least one."""
    labels: NDArray[np.int64] | None
    """(N,) int64, any integers; None if the file has no column of labels."""


@dataclass(frozen=True)
class _Header:
    """The columns of a file."""

    names: tuple[str, ...]
    side: int
    """Height and width of a picture, in pixels."""

    @property
    def has_labels(self) -> bool:
        return LABEL_COLUMN in self.names


def read_digit_csv(path: Path) -> DigitTable:
    """Read a CSV file of pictures, with or without labels.

    Raises:
        DataError: missing, damaged, too large or of another layout; the message names the file, the line
            and the column.
        MissingExtraError: pandas is not installed.
    """
    with _open(path) as stream:
        header = _read_header(stream, path)
        rows, commas = _count_rows_and_commas(stream)
        size = rows * header.side**2
        if size > MAX_DATA_BYTES:
            raise DataError(
                f"{path}: {rows:,} pictures of {header.side}x{header.side} take {size:,} bytes, more than "
                f"{MAX_DATA_BYTES:,}; divide the file"
            )
        stream.seek(0)
        try:
            pixels, labels = _parse(stream, header, rows)
            if commas != len(pixels) * (len(header.names) - 1):
                raise ValueError("a row is longer than the header")
        except (ValueError, OverflowError) as error:
            raise _find_fault(path, header) from error
    if len(pixels) == 0:
        raise DataError(f"{path}: the file has a header but no pictures; download or copy it again")
    return DigitTable(pixels.reshape(-1, header.side, header.side), labels if header.has_labels else None)


def has_labels(path: Path) -> bool:
    """Return whether a CSV file of pictures has a column of labels; raises DataError for other files."""
    with _open(path) as stream:
        return _read_header(stream, path).has_labels


def names_pixels(path: Path) -> bool:
    """Return whether the first line of a file has the word pixel, as that of a CSV file of pictures."""
    with _open(path) as stream:
        return b"pixel" in stream.readline(MAX_HEADER_BYTES).lower()


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; give the path of a CSV file") from error


def _read_header(stream: IO[bytes], path: Path) -> _Header:
    """Read the first line; the stream is then at the second line."""
    line = stream.readline(MAX_HEADER_BYTES + 1)
    if not line.strip():
        raise DataError(f"{path}: the file is empty or begins with an empty line; download or copy it again")
    try:
        if len(line) > MAX_HEADER_BYTES or b"\0" in line:
            raise ValueError("no line of text")
        (cells,) = csv.reader([line.decode("utf-8-sig")], strict=True)
    except (ValueError, csv.Error) as error:
        raise DataError(
            f"{path}: line 1 does not name columns; give an uncompressed CSV file in UTF-8 with commas"
        ) from error
    names = tuple(name.strip().lower() for name in cells)
    pixels = [name for name in names if name != LABEL_COLUMN]
    if not pixels or pixels[0] not in ("pixel0", "pixel1"):
        raise DataError(
            f"{path}: line 1 is {_shorten(','.join(cells))}, not the names of the columns; "
            "write label,pixel0,pixel1,... (without label if there are no labels)"
        )
    first: dict[str, int] = {}
    wanted = int(pixels[0].removeprefix("pixel"))
    for column, name in enumerate(names, start=1):
        if first.setdefault(name, column) < column:
            raise DataError(
                f"{path}: line 1 names {_shorten(name)} twice, in columns {first[name]} and {column}; "
                "remove one of them"
            )
        if name != LABEL_COLUMN:
            if name != f"pixel{wanted}":
                raise DataError(
                    f"{path}: line 1, column {column} is named {_shorten(name)} instead of pixel{wanted}; "
                    "keep only label and pixels, in order"
                )
            wanted += 1
    side = math.isqrt(len(pixels))
    if side**2 != len(pixels):
        raise DataError(
            f"{path}: line 1 names {len(pixels)} pixels, not a square picture; "
            f"give {side**2} or {(side + 1) ** 2}"
        )
    return _Header(names, side)


def _parse(stream: IO[bytes], header: _Header, rows: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Parse grey values (N, pixels) and labels (N,); without a column of labels the labels are undefined.

    N is at most `rows`. A longer row is cut. Raises ValueError or OverflowError if a row is too short, a cell
    is not a whole number, or a grey value is not in 0..255.
    """
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(error, "train") from error

    is_pixel = np.array([name != LABEL_COLUMN for name in header.names])
    pixels, labels = np.empty((rows, header.side**2), np.uint8), np.empty(rows, np.int64)
    filled = 0
    columns = range(len(header.names))
    for chunk in pandas.read_csv(
        stream,
        header=None,
        skiprows=1,
        names=columns,
        usecols=columns,
        index_col=False,
        chunksize=max(1, _CHUNK_CELLS // len(columns)),
        na_filter=False,
        low_memory=False,
    ):
        if len(chunk) == 0:  # nothing but empty lines
            continue
        if not (chunk.dtypes == np.int64).all():
            raise ValueError("a cell is not a whole number")
        values = chunk.to_numpy()
        grey = values[:, is_pixel]
        if grey.min() < 0 or grey.max() > 255:
            raise ValueError("a grey value is out of range")
        end = filled + len(chunk)
        if end > rows:
            raise ValueError("more rows than lines")
        pixels[filled:end] = grey
        if header.has_labels:
            labels[filled:end] = values[:, ~is_pixel][:, 0]
        filled = end
    return pixels[:filled], labels[:filled]


def _count_rows_and_commas(stream: IO[bytes]) -> tuple[int, int]:
    """Count lines and commas up to the end; an unfinished last line counts too."""
    lines = commas = 0
    last = b""
    while block := stream.read(_BLOCK):
        lines += block.count(b"\n")
        commas += block.count(b",")
        last = block[-1:]
    return lines + (last not in (b"", b"\n")), commas


def _find_fault(path: Path, header: _Header) -> DataError:
    """Find the first fault of a file that could not be read, cell by cell."""
    with path.open(encoding="utf-8", errors="replace", newline="") as stream:
        rows = csv.reader(stream)
        try:
            next(rows)
            for row in rows:
                if len(row) <= 1 and not "".join(row).strip():  # an empty line
                    continue
                if len(row) != len(header.names):
                    return DataError(
                        f"{path}: line {rows.line_num}: {len(row)} cells, but line 1 names "
                        f"{len(header.names)} columns; correct or remove the line"
                    )
                for name, cell in zip(header.names, row, strict=True):
                    fault = _fault_of_cell(name, cell)
                    if fault:
                        return DataError(
                            f"{path}: line {rows.line_num}, column {name}: {fault}; "
                            "correct the cell or remove the line"
                        )
        except csv.Error as error:
            return DataError(f"{path}: line {rows.line_num}: {error}; download or copy it again")
    return DataError(f"{path}: not a CSV file; save it again in UTF-8, with commas and without quotes")


def _fault_of_cell(name: str, cell: str) -> str | None:
    if not cell.strip():
        return "empty"
    if not _WHOLE_NUMBER.fullmatch(cell):
        return f"{_shorten(cell)} is not a whole number"
    if name != LABEL_COLUMN and not 0 <= int(cell) <= 255:
        return f"{_shorten(cell.strip())} is not a grey value from 0 to 255"
    if abs(int(cell)) > np.iinfo(np.int64).max:
        return f"{_shorten(cell.strip())} is too large for a label"
    return None


def _shorten(text: str, length: int = 40) -> str:
    """Quote text from a file, cut to a length."""
    return repr(text if len(text) <= length else text[:length] + "...")

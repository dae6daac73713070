"""CSV file with one picture per row -> pictures and labels.

The columns are those of Kaggle's Digit Recognizer (`label`, `pixel0`, `pixel1`, ...), of its mnist-in-csv
(`label`, `1x1`, `1x2`, ...), or have no names; see `datasets.csv_columns`. They hold the grey values of a
square picture, row by row: ink 255, paper 0. Values with a fraction are in 0..1. The file is plain or gzip.
Needs the extra `train` (pandas).
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from number_prediction.datasets.csv_columns import Columns, find_columns, shorten
from number_prediction.datasets.idx import MAX_DATA_BYTES
from number_prediction.errors import DataError, MissingExtraError

MAX_HEADER_BYTES = 2**20
"""Size limit of the first line; enough for pictures of 300x300."""
_CHUNK_CELLS = 2_000_000
"""Cells that are parsed together, at eight bytes each, before they become uint8."""
_BLOCK = 2**20
_SAMPLE_ROWS = 200
"""Rows that tell which column without a name holds the labels."""
_GZIP_MAGIC = b"\x1f\x8b"
_WHOLE_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,1000}\s*")
_WHOLE_FLOAT = re.compile(r"\s*[+-]?[0-9]{1,300}(?:\.[0-9]*)?(?:e[+-]?[0-9]{1,2})?\s*", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class DigitTable:
    """The content of a CSV file."""

    images: NDArray[np.uint8]
    """(N, S, S) uint8, at least one."""
    labels: NDArray[np.int64] | None
    """(N,) int64, any integers; None if the file has no column of labels."""


def read_digit_csv(path: Path) -> DigitTable:
    """Read a CSV file of pictures, with or without labels.

    Raises:
        DataError: missing, damaged, too large or of another layout; the message names the file, the line
            and the column.
        MissingExtraError: pandas is not installed.
    """
    with _open(path) as stream:
        columns = _read_columns(stream, path)
        _seek_rows(stream, columns)
        rows, commas = _count_rows_and_commas(stream)
        size = rows * columns.side**2
        if size > MAX_DATA_BYTES:
            raise DataError(
                f"{path}: {rows:,} pictures of {columns.side}x{columns.side} take {size:,} bytes, more than "
                f"{MAX_DATA_BYTES:,}; divide the file"
            )
        _seek_rows(stream, columns)
        try:
            pixels, labels = _parse(stream, columns, rows)
            if commas != len(pixels) * (len(columns.names) - 1):
                raise ValueError("a row is longer than the header")
        except (ValueError, OverflowError) as error:
            raise _find_fault(stream, path, columns) from error
    if len(pixels) == 0:
        raise DataError(f"{path}: the file has a header but no pictures; download or copy it again")
    return DigitTable(
        pixels.reshape(-1, columns.side, columns.side), None if columns.label is None else labels
    )


def has_labels(path: Path) -> bool:
    """Return whether a CSV file of pictures has a column of labels; raises DataError for other files."""
    with _open(path) as stream:
        return _read_columns(stream, path).label is not None


def names_pixels(path: Path) -> bool:
    """Return whether the first line of a file is that of a CSV file of pictures."""
    with _open(path) as stream:
        try:
            _read_columns(stream, path)
        except DataError:
            return False
        return True


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, plain or gzip; the first bytes tell, not the name."""
    try:
        with path.open("rb") as file:
            is_zipped = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
            file.seek(0)
            stream = gzip.GzipFile(fileobj=file) if is_zipped else file
            yield cast("IO[bytes]", stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: cannot be read ({error}); download or copy it again") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; give the path of a CSV file") from error


def _read_columns(stream: IO[bytes], path: Path) -> Columns:
    """Tell the columns by the first lines."""
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
    lines = (stream.readline(MAX_HEADER_BYTES) for _ in range(_SAMPLE_ROWS))
    rows = [each.decode("utf-8", "replace").split(",") for each in lines if each.strip()]
    return find_columns(cells, rows, path)


def _seek_rows(stream: IO[bytes], columns: Columns) -> None:
    """Go to the first line that is a picture."""
    stream.seek(0)
    if columns.has_header:
        stream.readline()


def _parse(stream: IO[bytes], columns: Columns, rows: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Parse grey values (N, pixels) and labels (N,); without a column of labels the labels are undefined.

    N is at most `rows`. A longer row is cut. Raises ValueError or OverflowError if a row is too short, a
    label is not a whole number, or a grey value is neither whole in 0..255 nor, in all rows, in 0..1.
    """
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(error, "train") from error

    pixels, labels = np.empty((rows, columns.side**2), np.uint8), np.zeros(rows, np.int64)
    is_share = np.zeros(rows, bool)  # rows whose values are in 0..1 and already scaled
    filled, has_floats = 0, False
    numbers = range(len(columns.names))
    for chunk in pandas.read_csv(
        stream,
        header=None,
        names=numbers,
        usecols=numbers,
        index_col=False,
        chunksize=max(1, _CHUNK_CELLS // len(numbers)),
        na_filter=False,
        low_memory=False,
    ):
        if len(chunk) == 0:  # nothing but empty lines
            continue
        if not chunk.dtypes.isin([np.dtype(np.int64), np.dtype(np.float64)]).all():
            raise ValueError("a cell is not a number")
        grey = chunk[list(columns.pixels)].to_numpy()
        if not (grey.min() >= 0 and grey.max() <= 255):  # also false for NaN
            raise ValueError("a grey value is out of range")
        end = filled + len(chunk)
        if end > rows:
            raise ValueError("more rows than lines")
        has_floats = has_floats or grey.dtype.kind == "f"
        if grey.dtype.kind == "f" and (grey != np.rint(grey)).any():
            if grey.max() > 1:
                raise ValueError("a grey value is not a whole number")
            grey, is_share[filled:end] = np.rint(grey * 255), True
        pixels[filled:end] = grey
        if columns.label is not None:
            labels[filled:end] = _whole(chunk[columns.label].to_numpy())
        filled = end
    pixels, labels, is_share = pixels[:filled], labels[:filled], is_share[:filled]
    if is_share.any() or (has_floats and filled and pixels.max() <= 1):
        if (pixels[~is_share] > 1).any():
            raise ValueError("a grey value is not a whole number")
        pixels[~is_share] *= np.uint8(255)
    return pixels, labels


def _whole(values: NDArray[np.generic]) -> NDArray[np.int64]:
    """Convert labels to int64; raises ValueError if one is not a whole number."""
    if values.dtype.kind == "f":
        numbers = np.asarray(values, np.float64)
        if not (np.abs(numbers) < 2**53).all() or (numbers != np.rint(numbers)).any():
            raise ValueError("a label is not a whole number")
    return values.astype(np.int64)


def _count_rows_and_commas(stream: IO[bytes]) -> tuple[int, int]:
    """Count lines and commas up to the end; an unfinished last line counts too."""
    lines = commas = 0
    last = b""
    while block := stream.read(_BLOCK):
        lines += block.count(b"\n")
        commas += block.count(b",")
        last = block[-1:]
    return lines + (last not in (b"", b"\n")), commas


def _find_fault(stream: IO[bytes], path: Path, columns: Columns) -> DataError:
    """Find the first fault of a file that could not be read, cell by cell."""
    _seek_rows(stream, columns)
    text = io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="")
    rows = csv.reader(text)
    share: DataError | None = None  # the first value with a fraction, allowed if no value is above 1
    has_whole = False
    try:
        for row in rows:
            if len(row) <= 1 and not "".join(row).strip():  # an empty line
                continue
            line = rows.line_num + columns.has_header
            if len(row) != len(columns.names):
                return DataError(
                    f"{path}: line {line}: {len(row)} cells, but line 1 names "
                    f"{len(columns.names)} columns; correct or remove the line"
                )
            for column, cell in enumerate(row):
                if column != columns.label and column not in columns.pixels:
                    continue
                fault = _fault_of_cell(cell, is_label=column == columns.label)
                error = DataError(
                    f"{path}: line {line}, column {columns.names[column]}: {fault}; "
                    "correct the cell or remove the line"
                )
                if fault:
                    if column == columns.label or not _is_share(cell):
                        return error
                    share = share or error
                elif column != columns.label:
                    has_whole = has_whole or float(cell) > 1
                if share and has_whole:
                    return share
    except csv.Error as error:
        return DataError(
            f"{path}: line {rows.line_num + columns.has_header}: {error}; download or copy it again"
        )
    finally:
        text.detach()
    return DataError(f"{path}: not a CSV file; save it again in UTF-8, with commas and without quotes")


def _is_share(cell: str) -> bool:
    try:
        return 0 <= float(cell) <= 1
    except ValueError:
        return False


def _fault_of_cell(cell: str, *, is_label: bool) -> str | None:
    if not cell.strip():
        return "empty"
    if _WHOLE_NUMBER.fullmatch(cell):
        number = int(cell)
    elif not _WHOLE_FLOAT.fullmatch(cell) or not float(cell).is_integer():
        return f"{shorten(cell)} is not a whole number"
    else:
        number = int(float(cell))
    if not is_label and not 0 <= number <= 255:
        return f"{shorten(cell.strip())} is not a grey value from 0 to 255"
    if abs(number) > np.iinfo(np.int64).max:
        return f"{shorten(cell.strip())} is too large for a label"
    return None

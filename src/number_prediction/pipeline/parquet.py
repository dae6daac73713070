"""Parquet: a column of pictures in, rows of results out. Needs the extra `cluster` (PyArrow)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import BinaryIO

from number_prediction.errors import DataError, MissingExtraError
from number_prediction.pipeline.layouts import ColumnLayout
from number_prediction.pipeline.rows import Row
from number_prediction.pipeline.writers import column_types, row_cells

try:
    import pyarrow
    from pyarrow import parquet
except ModuleNotFoundError as error:
    raise MissingExtraError.of(error, "cluster") from error

PICTURE_COLUMNS = ("picture", "image", "bytes", "path")
"""Names of columns that hold pictures by default, the preferred one first."""

_ENCODED, _PATHS = (pyarrow.binary(), pyarrow.large_binary()), (pyarrow.string(), pyarrow.large_string())
_TYPES = {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string()}
WRITTEN_ROWS = 1000
"""Rows of a row group that is written."""


@dataclass(frozen=True)
class Part:
    """A row group of a Parquet file."""

    path: str
    column: str
    """Holds the pictures."""
    group: int
    """Its index in the file."""
    begin: int
    """Index in the file of its first row."""
    rows: int
    size: int
    """Bytes of its content before compression."""


@dataclass(frozen=True)
class Picture:
    """A cell of a column of pictures."""

    name: str
    """Its path, else the file and the index of the row, such as FILE.parquet#17."""
    content: bytes | None
    """The encoded picture, empty for an empty cell; None if the picture is the file `name`."""


def find_parts(path: str, column: str | None = None) -> list[Part]:
    """The parts of a Parquet file of pictures, in order; only the end of the file is read.

    Args:
        path: the file.
        column: the column of pictures: encoded (binary, or a struct with a binary field `bytes`) or paths
            (text). By default the first of PICTURE_COLUMNS that the file has.

    Raises:
        DataError: the file is missing, not Parquet, or has no such column.
    """
    try:
        with parquet.ParquetFile(path) as file:
            schema, metadata = file.schema_arrow, file.metadata
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path}: not a readable Parquet file ({error}); check the path") from error
    chosen = column or next((name for name in PICTURE_COLUMNS if name in schema.names), "")
    if chosen not in schema.names:
        raise DataError(
            f"{path}: no column {column or ', '.join(PICTURE_COLUMNS)}; name the column of pictures with "
            f"--column {'|'.join(schema.names)}"
        )
    kind = schema.field(chosen).type
    if kind not in (*_ENCODED, *_PATHS) and not _has_bytes(kind):
        raise DataError(f"{path}: column {chosen} holds {kind}; choose one of encoded pictures or paths")
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    begins = accumulate((group.num_rows for group in groups), initial=0)
    return [
        Part(path, chosen, index, begin, group.num_rows, group.total_byte_size)
        for index, (group, begin) in enumerate(zip(groups, begins, strict=False))
    ]


def read_part(part: Part, *, rows: int) -> Iterator[list[Picture]]:
    """The pictures of a part, `rows` at a time.

    Raises:
        DataError: the file is damaged, or has changed since `find_parts`.
    """
    index = part.begin
    try:
        with parquet.ParquetFile(part.path) as file:
            for batch in file.iter_batches(rows, row_groups=[part.group], columns=[part.column]):
                cells = batch.column(0)
                cells = cells.field("bytes") if _has_bytes(cells.type) else cells
                pictures = []
                for cell in cells.to_pylist():
                    name = f"{part.path}#{index}"
                    pictures.append(
                        Picture(cell, None) if isinstance(cell, str) else Picture(name, cell or b"")
                    )
                    index += 1
                yield pictures
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(
            f"{part.path}: damaged in row group {part.group} ({error}); write it again"
        ) from error


def write_parquet(rows: Iterable[Row], layout: ColumnLayout, stream: BinaryIO) -> None:
    """Write rows, with the columns of a CSV file."""
    schema = pyarrow.schema([(name, _TYPES[kind]) for name, kind in column_types(layout)])
    remaining = iter(rows)
    with parquet.ParquetWriter(stream, schema) as writer:
        while batch := list(islice(remaining, WRITTEN_ROWS)):
            columns = zip(*(map(_storable, row_cells(row, layout)) for row in batch), strict=True)
            arrays = [pyarrow.array(cells, kind) for cells, kind in zip(columns, schema.types, strict=True)]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


def _has_bytes(kind: pyarrow.DataType) -> bool:
    """Whether this is a struct of encoded pictures, as in Hugging Face's data sets."""
    return pyarrow.types.is_struct(kind) and any(
        field.name == "bytes" and field.type in _ENCODED for field in kind
    )


def _storable(cell: object) -> object:
    """Escape the bytes of a file name that are not UTF-8; leave other cells as they are."""
    return cell.encode("utf-8", "backslashreplace").decode() if isinstance(cell, str) else cell

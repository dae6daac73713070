"""Rows of results -> a table, JSON, JSON Lines or CSV on a stream; all but the table row by row.

A `ColumnLayout` turns the values of a reader into cells.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table

from number_prediction.pipeline.layouts import ColumnLayout
from number_prediction.pipeline.rows import Row

PIPE_WIDTH = 10_000
"""Characters: the widest table on a pipe, so that nothing is cut."""


def write_rows(rows: Iterable[Row], output_format: str, layout: ColumnLayout, stream: TextIO) -> None:
    """Write rows in a format: "table", "json", "jsonl" or "csv"."""
    if output_format == "table":
        _write_table(rows, layout, stream)
    elif output_format == "json":
        _write_json(rows, stream)
    else:
        stream.write(format_header(output_format, layout))
        for row in rows:
            stream.write(format_row(row, output_format, layout))
            stream.flush()


def format_header(output_format: str, layout: ColumnLayout) -> str:
    """The header of a "csv" file; "jsonl" has none."""
    return csv_line(_columns(layout)) if output_format == "csv" else ""


def check_header(text: str, layout: ColumnLayout) -> None:
    """Raise ValueError if the first line of a CSV file names other columns."""
    if _read_csv_line(text) != _columns(layout):
        raise ValueError(f"the columns are not {','.join(_columns(layout))}")


def format_row(row: Row, output_format: str, layout: ColumnLayout) -> str:
    """A row as a line of "jsonl" or "csv", with its line break."""
    if output_format == "jsonl":
        return json.dumps(row.to_dict()) + "\n"
    return csv_line(row_cells(row, layout))


def row_cells(row: Row, layout: ColumnLayout) -> list[object]:
    """The cells of a row, in the order of `column_types`; None for a missing value."""
    cells = {} if row.error is not None else layout.flatten(row.values)
    return [row.path, *(cells.get(name) for name in layout.columns), row.page, row.error]


def column_types(layout: ColumnLayout) -> list[tuple[str, type]]:
    """The columns of a CSV or Parquet file: name, and int, float or str."""
    return [("path", str), *layout.columns.items(), ("page", int), ("error", str)]


def parse_row(text: str, output_format: str) -> Row:
    """A line of `format_row` -> its row, without the values; raises ValueError if it is something else."""
    try:
        if output_format == "jsonl":
            values = json.loads(text)
            path, page, error = values["path"], values["page"], values.get("error")
        else:
            path, *_, number, message = _read_csv_line(text)
            page, error = int(number), message or None
    except (KeyError, TypeError, ValueError) as failure:
        raise ValueError(f"not a row of results ({failure})") from failure
    if not (isinstance(path, str) and isinstance(page, int)):
        raise ValueError("not a row of results")
    return Row(path, page, error=error)


def _columns(layout: ColumnLayout) -> list[str]:
    return [name for name, _ in column_types(layout)]


def _read_csv_line(text: str) -> list[str]:
    try:
        (cells,) = csv.reader([text.removesuffix("\n")], strict=True)
    except csv.Error as error:
        raise ValueError(str(error)) from error
    return cells


def csv_line(cells: Sequence[object]) -> str:
    """A line of a CSV file, with its line break."""
    stream = io.StringIO()
    is_odd = any("\r" in cell for cell in cells if isinstance(cell, str))  # the csv module quotes no \r
    csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL if is_odd else csv.QUOTE_MINIMAL).writerow(
        cells
    )
    return stream.getvalue()


def _write_table(rows: Iterable[Row], layout: ColumnLayout, stream: TextIO) -> None:
    console = Console(file=stream, soft_wrap=True, highlight=False, markup=False, emoji=False)
    listed = list(rows)
    has_pages = any(row.page > 1 for row in listed)
    table = Table("picture", *(["page"] if has_pages else []), *layout.headings)
    for row in listed:
        cells = layout.show(row.values) if row.error is None else _show_error(row.error, layout)
        table.add_row(row.path, *([str(row.page)] if has_pages else []), *cells)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(table)
    notes = {word: text for row in listed for word, text in layout.footnotes(row.values).items()}
    for word, text in sorted(notes.items()):
        console.print(f"{word}: {text}")


def _show_error(error: str, layout: ColumnLayout) -> list[str]:
    return [*[""] * (len(layout.headings) - 1), f"error: {error}"]


def _write_json(rows: Iterable[Row], stream: TextIO) -> None:
    separator = "[\n"
    for row in rows:
        stream.write(separator + json.dumps(row.to_dict()))
        separator = ",\n"
    stream.write("\n]\n" if separator == ",\n" else "[]\n")

"""Rows of results -> table, JSON, JSON lines or CSV on a stream; all but the table row by row.

What the values of a row mean is a matter of its reader; a `Layout` says how they become cells.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

from number_prediction.numbers import LEAST_FIT
from number_prediction.reading import Row

ABSTAINED = "not a digit"
DOUBTFUL = 0.9
"""Confidence below which a table names a digit's alternatives."""
NOTHING = "nothing written"
_LINE_COLUMNS = {"text": str, "shown": str, "confidence": float, "fit": float}
_PAGE_COLUMNS = {"numbers": str, "confidences": str}


@dataclass(frozen=True)
class Layout:
    """How the values of one reader become cells."""

    columns: Mapping[str, type]
    """Names of the columns of a CSV or Parquet file, between path, and page and error; str, int or float."""
    flatten: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    """Values -> cells of such a file by the names of their columns; what is missing stays empty."""
    headings: tuple[str, ...]
    """Of a table, after the picture."""
    show: Callable[[Mapping[str, Any]], Sequence[str]]
    """Values -> cells of a table, as many as headings."""
    footnotes: Callable[[Mapping[str, Any]], Mapping[str, str]] = lambda _: {}
    """Values -> words in these cells, and the sentences that stand for them below the table."""
    parse: Callable[[Mapping[str, str]], dict[str, Any]] | None = None
    """Cells -> values, as far as cells hold them, where `flatten` can be undone; raises ValueError."""


def digit_layout(top: int, *, explain: bool = False) -> Layout:
    """How `read_digits` is shown, with the `top` best classes; with `explain`, after `save_drawings`."""
    columns: dict[str, type] = {"label": int, "text": str, "confidence": float}
    columns |= {"is_digit": float, "warnings": str}
    for rank in range(1, top + 1):
        columns |= {f"top_{rank}": str, f"top_{rank}_probability": float}
    return Layout(
        columns=columns | _explanation(explain),
        flatten=_flatten_digit,
        headings=("digit", "confidence", *(["also"] if top > 1 else []), "warnings"),
        show=partial(_show_digit, with_others=top > 1),
        footnotes=_describe_warnings,
    )


def line_layout(*, annotated: bool = False) -> Layout:
    """How lines are shown; with `annotated`, after `save_drawings`."""
    return Layout(
        columns={**_LINE_COLUMNS, **_explanation(annotated)},
        flatten=lambda values: values,
        headings=("number", "confidence", "doubtful"),
        show=_show_line,
        parse=lambda cells: {**cells, **{name: float(cells[name]) for name in ("confidence", "fit")}},
    )


def page_layout(*, annotated: bool = False) -> Layout:
    """How pages are shown: the numbers of a page in one cell, in reading order."""

    def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **values,
            "numbers": " ".join(number["shown"] for number in values["numbers"]),
            "confidences": " ".join(f"{number['confidence']:.4f}" for number in values["numbers"]),
        }

    def show(values: Mapping[str, Any]) -> tuple[str, ...]:
        numbers = values["numbers"]
        least = f"{100 * min(number['confidence'] for number in numbers):.1f}%" if numbers else ""
        return "  ".join(number["shown"] for number in numbers) or "none found", least

    def parse(cells: Mapping[str, str]) -> dict[str, Any]:
        confidences = cells["confidences"].split()
        shown = cells["numbers"].split(" ") if confidences else []  # a number that is none leaves two spaces
        numbers = [
            {"shown": text, "confidence": float(confidence)}
            for text, confidence in zip(shown, confidences, strict=True)
        ]
        return {**cells, "numbers": numbers}

    return Layout(
        columns={**_PAGE_COLUMNS, **_explanation(annotated)},
        flatten=flatten,
        headings=("numbers", "least confidence"),
        show=show,
        parse=parse,
    )


def form_layout(fields: Sequence[str], *, annotated: bool = False) -> Layout:
    """How forms are shown: a column a field, and in a CSV file its confidence beside it."""

    def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
        cells = dict(values)
        for name, field in values["fields"].items():
            cells[name], cells[_confidence_of(name)] = field["shown"], field["confidence"]
        return cells

    def show(values: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(values["fields"][name]["shown"] for name in fields)

    def parse(cells: Mapping[str, str]) -> dict[str, Any]:
        read = {
            name: {"shown": cells[name], "confidence": float(cells[_confidence_of(name)])} for name in fields
        }
        return {**cells, "fields": read}

    columns: dict[str, type] = {}
    for field in fields:
        columns |= {field: str, _confidence_of(field): float}
    columns |= _explanation(annotated)
    return Layout(columns=columns, flatten=flatten, headings=tuple(fields), show=show, parse=parse)


def find_layout(columns: Sequence[str]) -> Layout:
    """The layout of numbers with these columns of a CSV file; raises ValueError where there is none."""
    named = tuple(columns)
    annotated = named[-1:] == tuple(_explanation(annotated=True))
    named = named[:-1] if annotated else named
    if named == tuple(_LINE_COLUMNS):
        return line_layout(annotated=annotated)
    if named == tuple(_PAGE_COLUMNS):
        return page_layout(annotated=annotated)
    fields = named[::2]
    if not fields or named[1::2] != tuple(map(_confidence_of, fields)):
        raise ValueError("the columns are not those of numbers")
    return form_layout(fields, annotated=annotated)


def _confidence_of(field: str) -> str:
    return f"{field}_confidence"


def _explanation(annotated: bool) -> dict[str, type]:
    """The column that `save_drawings` fills."""
    return {"explanation": str} if annotated else {}


def _show_line(values: Mapping[str, Any]) -> tuple[str, ...]:
    if values["text"] is None:
        return "fits nothing that is allowed", "", ""
    doubtful = [
        f"{glyph['glyph']} or {' '.join(other for other, _ in glyph['alternatives'][:2] if other)}"
        for glyph in values["glyphs"]
        if glyph["confidence"] < DOUBTFUL
    ]
    if values["fit"] < LEAST_FIT:
        doubtful = ["hardly a number that is allowed"]
    return values["shown"] or NOTHING, f"{100 * values['confidence']:.1f}%", ", ".join(doubtful)


def _flatten_digit(values: Mapping[str, Any]) -> dict[str, Any]:
    cells = {**values, "warnings": " ".join(_describe_warnings(values))}
    for rank, entry in enumerate(values.get("top", []), 1):
        cells[f"top_{rank}"], cells[f"top_{rank}_probability"] = entry["text"], entry["probability"]
    return cells


def _show_digit(values: Mapping[str, Any], *, with_others: bool) -> tuple[str, ...]:
    warnings = ", ".join(_describe_warnings(values))
    if values["text"] is None:
        return (ABSTAINED, *[""] * (2 if with_others else 1), warnings)
    others = values.get("top", [])[1:]
    also = ", ".join(f"{entry['text']} {100 * entry['probability']:.1f}%" for entry in others)
    return (
        values["text"],
        f"{100 * values['confidence']:.1f}%",
        *([also] if with_others else []),
        warnings,
    )


def _describe_warnings(values: Mapping[str, Any]) -> dict[str, str]:
    return {warning["code"]: warning["text"] for warning in values.get("warnings", ())}


def write_rows(rows: Iterable[Row], output_format: str, layout: Layout, stream: TextIO) -> int:
    """Write rows in a format ("table", "json", "jsonl" or "csv"); returns how many are errors."""
    if output_format == "table":
        return _write_table(rows, layout, stream)
    if output_format == "json":
        return _write_json(rows, stream)
    failed = 0
    stream.write(format_header(output_format, layout))
    for row in rows:
        failed += row.error is not None
        stream.write(format_row(row, output_format, layout))
        stream.flush()
    return failed


def format_header(output_format: str, layout: Layout) -> str:
    """What stands before the first row of "jsonl" (nothing) or "csv"."""
    return csv_line(_columns(layout)) if output_format == "csv" else ""


def check_header(text: str, layout: Layout) -> None:
    """Raise ValueError where the first line of a CSV file names other columns."""
    if _read_csv_line(text) != _columns(layout):
        raise ValueError(f"the columns are not {','.join(_columns(layout))}")


def format_row(row: Row, output_format: str, layout: Layout) -> str:
    """A row as "jsonl" or "csv", with the end of its line."""
    if output_format == "jsonl":
        return json.dumps(row.to_dict()) + "\n"
    return csv_line(row_cells(row, layout))


def row_cells(row: Row, layout: Layout) -> list[object]:
    """The cells of a row, in the order of `column_types`; None for what is missing."""
    cells = {} if row.error is not None else layout.flatten(row.values)
    return [row.path, *(cells.get(name) for name in layout.columns), row.page, row.error]


def column_types(layout: Layout) -> list[tuple[str, type]]:
    """The columns of a CSV or Parquet file: their names, and int, float or str."""
    return [("path", str), *layout.columns.items(), ("page", int), ("error", str)]


def parse_row(text: str, output_format: str) -> Row:
    """A line of `format_row` -> its row, without the values; raises ValueError where it is something else."""
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


def _columns(layout: Layout) -> list[str]:
    return [name for name, _ in column_types(layout)]


def _read_csv_line(text: str) -> list[str]:
    try:
        (cells,) = csv.reader([text.removesuffix("\n")], strict=True)
    except csv.Error as error:
        raise ValueError(str(error)) from error
    return cells


def csv_line(cells: Sequence[object]) -> str:
    """A line of a CSV file, with its end."""
    stream = io.StringIO()
    is_odd = any("\r" in cell for cell in cells if isinstance(cell, str))  # the csv module leaves that bare
    csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL if is_odd else csv.QUOTE_MINIMAL).writerow(
        cells
    )
    return stream.getvalue()


def _write_table(rows: Iterable[Row], layout: Layout, stream: TextIO) -> int:
    console = Console(file=stream, soft_wrap=True, highlight=False, markup=False, emoji=False)
    listed = list(rows)
    has_pages = any(row.page > 1 for row in listed)
    table = Table("picture", *(["page"] if has_pages else []), *layout.headings)
    for row in listed:
        cells = layout.show(row.values) if row.error is None else _show_error(row.error, layout)
        table.add_row(row.path, *([str(row.page)] if has_pages else []), *cells)
    if not console.is_terminal:
        console.width = 10_000  # on a pipe nothing is cut; the table takes what it needs
    console.print(table)
    notes = {word: text for row in listed for word, text in layout.footnotes(row.values).items()}
    for word, text in sorted(notes.items()):
        console.print(f"{word}: {text}")
    return sum(row.error is not None for row in listed)


def _show_error(error: str, layout: Layout) -> list[str]:
    return [*[""] * (len(layout.headings) - 1), f"error: {error}"]


def _write_json(rows: Iterable[Row], stream: TextIO) -> int:
    failed, separator = 0, "[\n"
    for row in rows:
        failed += row.error is not None
        stream.write(separator + json.dumps(row.to_dict()))
        separator = ",\n"
    stream.write("\n]\n" if separator == ",\n" else "[]\n")
    return failed

"""Rows of results -> table, JSON, JSON lines or CSV on a stream; all but the table row by row."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console
from rich.table import Table

from number_prediction.reading import Row
from number_prediction.types import DigitPrediction

ABSTAINED = "not a digit"
_CSV_COLUMNS = ("path", "label", "text", "confidence", "is_digit", "error")


def write_rows(rows: Iterable[Row], output_format: str, stream: TextIO) -> int:
    """Write rows in a format ("table", "json", "jsonl" or "csv"); returns how many are errors."""
    writer = {"table": _write_table, "json": _write_json, "jsonl": _write_lines, "csv": _write_csv}
    return writer[output_format](rows, stream)


def _write_table(rows: Iterable[Row], stream: TextIO) -> int:
    console = Console(file=stream, soft_wrap=True, highlight=False, markup=False, emoji=False)
    table = Table("picture", "digit", "confidence", "also")
    failed = 0
    for row in rows:
        if row.prediction is None:
            failed += 1
            table.add_row(row.path, "", "", f"error: {row.error}")
        else:
            table.add_row(row.path, *_cells(row.prediction, row.top))
    if not console.is_terminal:
        console.width = 10_000  # on a pipe nothing is cut; the table takes what it needs
    console.print(table)
    return failed


def _cells(prediction: DigitPrediction, top: int) -> tuple[str, str, str]:
    if prediction.text is None:
        return ABSTAINED, "", ""
    others = ", ".join(f"{text} {100 * share:.1f}%" for text, share in prediction.top(top)[1:])
    return prediction.text, f"{100 * prediction.confidence:.1f}%", others


def _write_json(rows: Iterable[Row], stream: TextIO) -> int:
    failed, separator = 0, "[\n"
    for row in rows:
        failed += row.error is not None
        stream.write(separator + json.dumps(row.to_dict()))
        separator = ",\n"
    stream.write("\n]\n" if separator == ",\n" else "[]\n")
    return failed


def _write_lines(rows: Iterable[Row], stream: TextIO) -> int:
    failed = 0
    for row in rows:
        failed += row.error is not None
        stream.write(json.dumps(row.to_dict()) + "\n")
    return failed


def _write_csv(rows: Iterable[Row], stream: TextIO) -> int:
    writer = csv.writer(stream, lineterminator="\n")
    failed, has_header = 0, False
    for row in rows:
        if not has_header:
            ranks = range(1, row.top + 1)
            more = [name for rank in ranks for name in (f"top_{rank}", f"top_{rank}_probability")]
            writer.writerow([*_CSV_COLUMNS, *more])
            has_header = True
        failed += row.error is not None
        values = row.to_dict()
        best = [cell for entry in values.get("top", []) for cell in (entry["text"], entry["probability"])]
        best += [""] * (2 * row.top - len(best))
        writer.writerow([values.get(name, "") for name in _CSV_COLUMNS] + best)
    return failed

"""Column layouts: the values of each reader -> cells of a table, CSV or Parquet file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from number_prediction.numbers.prediction import LEAST_FIT

ABSTAINED_CELL = "not a digit"
EMPTY_LINE_CELL = "nothing written"
NO_FIT_CELL = "no allowed number fits"
UNLIKELY_CELL = "unlikely to be an allowed number"
SHOW_ALTERNATIVES_BELOW_CONFIDENCE = 0.9
"""A table lists the alternatives of less confident digits."""
_LINE_COLUMNS = {"text": str, "shown": str, "confidence": float, "fit": float}
_PAGE_COLUMNS = {"numbers": str, "confidences": str}


@dataclass(frozen=True)
class ColumnLayout:
    """How the values of one reader become cells."""

    columns: Mapping[str, type]
    """Names and types (str, int or float) of a file's columns between path, and page and error."""
    flatten: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    """Values -> cells of a file by the names of their columns; a missing one stays empty."""
    headings: tuple[str, ...]
    """Headings of a table, after the picture."""
    show: Callable[[Mapping[str, Any]], Sequence[str]]
    """Values -> cells of a table, one for each heading."""
    footnotes: Callable[[Mapping[str, Any]], Mapping[str, str]] = lambda _: {}
    """Values -> words of these cells, with the sentences that explain them below the table."""
    parse: Callable[[Mapping[str, str]], dict[str, Any]] | None = None
    """Cells -> the values that they hold, raising ValueError; None if `flatten` cannot be undone."""


def digit_layout(top: int, *, explain: bool = False) -> ColumnLayout:
    """Columns of `read_digits`; with `explain` a column for the path that `save_drawings` adds."""
    columns: dict[str, type] = {"label": int, "text": str, "confidence": float}
    columns |= {"is_digit": float, "warnings": str}
    for rank in range(1, top + 1):
        columns |= {f"top_{rank}": str, f"top_{rank}_probability": float}
    return ColumnLayout(
        columns=columns | _explanation(explain),
        flatten=_flatten_digit,
        headings=("digit", "confidence", *(["also"] if top > 1 else []), "warnings"),
        show=partial(_show_digit, with_others=top > 1),
        footnotes=_describe_warnings,
    )


def line_layout(*, annotated: bool = False) -> ColumnLayout:
    """Columns of a line; with `annotated` a column for the path that `save_drawings` adds."""
    return ColumnLayout(
        columns={**_LINE_COLUMNS, **_explanation(annotated)},
        flatten=lambda values: values,
        headings=("number", "confidence", "doubtful"),
        show=_show_line,
        parse=lambda cells: {**cells, **{name: float(cells[name]) for name in ("confidence", "fit")}},
    )


def page_layout(*, annotated: bool = False) -> ColumnLayout:
    """Columns of a page: its numbers in one cell, in reading order."""

    def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **values,
            "numbers": " ".join(number["shown"] for number in values["numbers"]),
            "confidences": " ".join(f"{number['confidence']:.4f}" for number in values["numbers"]),
        }

    def show(values: Mapping[str, Any]) -> tuple[str, ...]:
        numbers = values["numbers"]
        lowest = f"{100 * min(number['confidence'] for number in numbers):.1f}%" if numbers else ""
        return "  ".join(number["shown"] for number in numbers) or "none found", lowest

    def parse(cells: Mapping[str, str]) -> dict[str, Any]:
        confidences = cells["confidences"].split()
        shown = cells["numbers"].split(" ") if confidences else []  # an empty number leaves two spaces
        numbers = [
            {"shown": text, "confidence": float(confidence)}
            for text, confidence in zip(shown, confidences, strict=True)
        ]
        return {**cells, "numbers": numbers}

    return ColumnLayout(
        columns={**_PAGE_COLUMNS, **_explanation(annotated)},
        flatten=flatten,
        headings=("numbers", "lowest confidence"),
        show=show,
        parse=parse,
    )


def form_layout(fields: Sequence[str], *, annotated: bool = False) -> ColumnLayout:
    """Columns of a form: one for each field, in a CSV file with its confidence beside it."""

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
    return ColumnLayout(columns=columns, flatten=flatten, headings=tuple(fields), show=show, parse=parse)


def find_layout(columns: Sequence[str]) -> ColumnLayout:
    """The layout of numbers with these columns of a CSV file; raises ValueError if there is none."""
    named = tuple(columns)
    annotated = named[-1:] == tuple(_explanation(annotated=True))
    named = named[:-1] if annotated else named
    if named == tuple(_LINE_COLUMNS):
        return line_layout(annotated=annotated)
    if named == tuple(_PAGE_COLUMNS):
        return page_layout(annotated=annotated)
    fields = named[::2]
    if not fields or named[1::2] != tuple(map(_confidence_of, fields)):
        raise ValueError("its columns are not those of numbers")
    return form_layout(fields, annotated=annotated)


def _confidence_of(field: str) -> str:
    return f"{field}_confidence"


def _explanation(annotated: bool) -> dict[str, type]:
    """The column that `save_drawings` fills."""
    return {"explanation": str} if annotated else {}


def _show_line(values: Mapping[str, Any]) -> tuple[str, ...]:
    if values["text"] is None:
        return NO_FIT_CELL, "", ""
    doubtful = [
        f"{glyph['glyph']} or {' '.join(other for other, _ in glyph['alternatives'][:2] if other)}"
        for glyph in values["glyphs"]
        if glyph["confidence"] < SHOW_ALTERNATIVES_BELOW_CONFIDENCE
    ]
    if values["fit"] < LEAST_FIT:
        doubtful = [UNLIKELY_CELL]
    return values["shown"] or EMPTY_LINE_CELL, f"{100 * values['confidence']:.1f}%", ", ".join(doubtful)


def _flatten_digit(values: Mapping[str, Any]) -> dict[str, Any]:
    cells = {**values, "warnings": " ".join(_describe_warnings(values))}
    for rank, entry in enumerate(values.get("top", []), 1):
        cells[f"top_{rank}"], cells[f"top_{rank}_probability"] = entry["text"], entry["probability"]
    return cells


def _show_digit(values: Mapping[str, Any], *, with_others: bool) -> tuple[str, ...]:
    warnings = ", ".join(_describe_warnings(values))
    if values["text"] is None:
        return (ABSTAINED_CELL, *[""] * (2 if with_others else 1), warnings)
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

"""A file of results and its review -> the same file with the corrections.

A corrected number has confidence 1. Its first reading is kept under "corrected", in a CSV file in a column of
that name. So a review still finds its numbers after a merge: merging it twice changes nothing, and a later
review can correct a correction.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from number_prediction.constants import GLYPHS
from number_prediction.constraints.constraint import Constraint
from number_prediction.constraints.spec import build_constraint, describe_constraints
from number_prediction.errors import DataError
from number_prediction.pipeline.layouts import find_layout
from number_prediction.pipeline.writers import csv_line
from number_prediction.review.table import EMPTY_WORD, ReviewRow, number_key, numbers_of

CORRECTED_KEY = "corrected"
"""Holds the first reading of a corrected number."""
MAX_LISTED_PROBLEMS = 20


@dataclass(frozen=True)
class Merged:
    """Results with their corrections."""

    content: str
    """The new file."""
    corrected: int
    """Corrections that differ from the reading."""
    confirmed: int
    """Corrections equal to the reading."""
    left: int
    """Rows of the review without a correction."""


@dataclass(frozen=True, eq=False)
class _Number:
    """A number in a file of results."""

    values: dict[str, Any]
    """Its values; corrections are written into them."""
    place: str
    """Where it stands, for messages."""
    group: str
    """With a roster, numbers of one group must differ."""


@dataclass(frozen=True, eq=False)
class _Result:
    """A file of results."""

    pages: list[tuple[str, int, dict[str, Any]]]
    """Path, page and values of each row without an error."""
    write: Callable[[], str]
    """Gives the file with the present values."""


def merge_review(
    content: str, output_format: str, review: Mapping[int, ReviewRow], *, result_name: str, review_name: str
) -> Merged:
    """Merge the corrections of a review into results.

    Args:
        content: the file of results.
        output_format: its format, "json", "jsonl" or "csv"; it stays the same.
        review: as `parse_review` gives it.
        result_name: the name of the file of results, for messages.
        review_name: the name of the review, for messages.

    Raises:
        DataError: the file does not hold numbers, the review belongs to other results, or a correction breaks
            a constraint.
    """
    try:
        result = _parse_csv(content) if output_format == "csv" else _parse_json(content, output_format)
        numbers = _index(result)
    except (csv.Error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{result_name}: not numbers in {output_format} ({error}); give a file written by read"
        ) from error
    strangers = [f"row {row} ({each.place})" for row, each in review.items() if each.key not in numbers]
    if strangers:
        raise DataError(
            f"{review_name}: {_listed(strangers)}: not in {result_name}, so the review belongs to another "
            "result, or this one was read again; merge the review into the result that it was made with"
        )
    corrections = {row: each for row, each in review.items() if each.correction.strip()}
    problems = list(_problems(corrections))
    confirmed = 0
    for each in corrections.values():
        for number in numbers[each.key]:
            _correct(number.values, _text_of(each))
        read = numbers[each.key][0].values[CORRECTED_KEY]
        confirmed += _text_of(each) == read.get("text", read["shown"])
    problems += _repeats(corrections, numbers)
    if problems:
        raise DataError(f"{review_name}: nothing was merged; change these corrections:\n{_listed(problems)}")
    left = len(review) - len(corrections)
    return Merged(result.write(), len(corrections) - confirmed, confirmed, left)


def _parse_json(content: str, output_format: str) -> _Result:
    is_whole = output_format == "json"
    rows: list[dict[str, Any]] = (
        json.loads(content) if is_whole else [json.loads(line) for line in content.splitlines()]
    )
    if not isinstance(rows, list):
        raise ValueError("not a list of rows")
    pages = [(row["path"], row["page"], row) for row in rows if "error" not in row]
    if not all({"fields", "numbers", "shown"} & row.keys() for *_, row in pages):
        raise ValueError("rows without numbers")

    def write() -> str:
        lines = [json.dumps(row) for row in rows]
        if not is_whole:
            return "".join(f"{line}\n" for line in lines)
        return "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"

    return _Result(pages, write)


def _parse_csv(content: str) -> _Result:
    header, *rows = csv.reader(io.StringIO(content, newline=""), strict=True)
    if [*header[:1], *header[-2:]] != ["path", "page", "error"]:
        raise ValueError("its columns are not those of results")
    was_merged = header[-3] == CORRECTED_KEY
    columns = header[1 : -3 if was_merged else -2]
    layout = find_layout(columns)
    pages: list[tuple[str, int, dict[str, Any]]] = []
    values_of: list[dict[str, Any] | None] = []
    for cells in rows:
        of_column = dict(zip(columns, cells[1:], strict=False))
        if len(cells) != len(header):
            raise ValueError(f"a row of {len(cells)} cells under {len(header)} columns")
        if cells[-1]:
            values_of.append(None)
            continue
        assert layout.parse is not None
        values = layout.parse(of_column)
        numbers = numbers_of(values)
        for name, read in json.loads(cells[-3] or "{}").items() if was_merged else ():
            numbers[name][CORRECTED_KEY] = read
        values_of.append(values)
        pages.append((cells[0], int(cells[-2]), values))

    def write() -> str:
        lines = [csv_line(["path", *columns, CORRECTED_KEY, "page", "error"])]
        for cells, values in zip(rows, values_of, strict=True):
            read = {
                name: number[CORRECTED_KEY]
                for name, number in (numbers_of(values) if values else {}).items()
                if CORRECTED_KEY in number
            }
            middle = cells[1 : 1 + len(columns)]
            if read and values:
                flat = layout.flatten(values)
                middle = [flat[column] for column in columns]
            lines.append(csv_line([cells[0], *middle, json.dumps(read) if read else "", *cells[-2:]]))
        return "".join(lines)

    return _Result(pages, write)


def _index(result: _Result) -> dict[str, list[_Number]]:
    """All numbers by their keys; a file can hold a page twice."""
    numbers = defaultdict(list)
    for path, page, values in result.pages:
        found = numbers_of(values)
        for name, number in found.items():
            place = f"{path}, page {page}" if page > 1 else path
            group = name if "fields" in values else ""
            numbers[number_key(path, page, name, number)].append(_Number(number, place, group))
    return dict(numbers)


def _text_of(review: ReviewRow) -> str:
    correction = review.correction.strip()
    return "" if correction.casefold() == EMPTY_WORD else correction


def _correct(number: dict[str, Any], text: str) -> None:
    corrected = {"text": text, "shown": text, "confidence": 1.0, "fit": 1.0, "glyphs": []}
    new = {name: value for name, value in corrected.items() if name in number}
    number.setdefault(CORRECTED_KEY, {name: number[name] for name in new})
    number.update(new)


def _problems(corrections: Mapping[int, ReviewRow]) -> Iterator[str]:
    """Corrections that are not numbers, or break a constraint."""
    constraints: dict[str, Constraint | None] = {}
    for row, each in corrections.items():
        text, place = _text_of(each), f"row {row} ({each.place})"
        if not set(text) <= set(GLYPHS):
            signs = " ".join(GLYPHS[11:])
            yield f"{place}: {text!r} is not a number; use digits and {signs}, or {EMPTY_WORD}"
            continue
        if each.known not in constraints:
            constraints[each.known] = build_constraint(json.loads(each.known))
        constraint = constraints[each.known]
        if text and constraint is not None and not constraint.allows(text):
            words = describe_constraints(json.loads(each.known))
            yield (
                f"{place}: {text!r} breaks its constraint: {words}; change it (write '007 if a spreadsheet "
                "drops the zeros)"
            )


def _repeats(corrections: Mapping[int, ReviewRow], numbers: Mapping[str, list[_Number]]) -> Iterator[str]:
    """Corrections to a text of a roster that another number already has."""
    holders = defaultdict(list)
    for each in (number for same in numbers.values() for number in same):
        holders[each.group, each.values["shown"]].append(each.place)
    for row, correction in corrections.items():
        text = _text_of(correction)
        places = holders[numbers[correction.key][0].group, text]
        if text and len(places) > 1 and json.loads(correction.known).get("once"):
            yield f"row {row} ({correction.place}): {text} is allowed once, but is in {', '.join(places)}"


def _listed(problems: list[str]) -> str:
    more = len(problems) - MAX_LISTED_PROBLEMS
    return "\n".join([*problems[:MAX_LISTED_PROBLEMS], *([f"and {more} more"] if more > 0 else [])])

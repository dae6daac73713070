"""A file of results and a review of it -> the same file with the corrections in their places.

A corrected number has confidence 1, and under "corrected" stands what was read instead; a CSV file has a
column of that name. By this a review knows the number again: merging it twice changes nothing, and a later
one may correct a correction.
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
from number_prediction.constraints.spec import build_constraint
from number_prediction.errors import DataError
from number_prediction.pipeline.layouts import find_layout
from number_prediction.pipeline.writers import csv_line
from number_prediction.review.table import NOTHING, ReviewRow, number_key, numbers_of

CORRECTED = "corrected"
"""Of a number: what was read, before it was corrected."""
_SHOWN_PROBLEMS = 20


@dataclass(frozen=True)
class Merged:
    """A result with its corrections."""

    content: str
    """Of the file."""
    corrected: int
    """Corrections that are not what was read."""
    confirmed: int
    """Those that are."""
    left: int
    """Rows of the review without one."""


@dataclass(frozen=True, eq=False)
class _Number:
    """A number in a result."""

    values: dict[str, Any]
    """Of the number; corrections are written into them."""
    place: str
    """For messages."""
    group: str
    """Numbers of one group may have to differ."""


@dataclass(frozen=True, eq=False)
class _Result:
    """A file of results."""

    pages: list[tuple[str, int, dict[str, Any]]]
    """Path, page and values of each row that is no error."""
    write: Callable[[], str]
    """The file, with what the values are by then."""


def merge_review(
    content: str, output_format: str, review: Mapping[int, ReviewRow], *, result_name: str, review_name: str
) -> Merged:
    """Put the corrections of a review into a result.

    Args:
        content: of the file of results.
        output_format: its format, "json", "jsonl" or "csv", which is kept.
        review: as `parse_review` gives it.
        result_name: the file of results, for messages.
        review_name: the review, for messages.

    Raises:
        DataError: these are no results of numbers, the review belongs to others, or a correction is not what
            is known of its number.
    """
    try:
        result = _parse_csv(content) if output_format == "csv" else _parse_json(content, output_format)
        numbers = _index(result)
    except (csv.Error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{result_name}: no numbers in {output_format} ({error}); give a file that `read` wrote"
        ) from error
    strangers = [f"row {row} ({each.place})" for row, each in review.items() if each.key not in numbers]
    if strangers:
        raise DataError(
            f"{review_name}: {_listed(strangers)}: not in {result_name}, so the review belongs to another "
            "result, or this one was read again since; merge it into the result that it was made with"
        )
    corrections = {row: each for row, each in review.items() if each.correction.strip()}
    problems = list(_problems(corrections))
    confirmed = 0
    for each in corrections.values():
        for number in numbers[each.key]:
            _correct(number.values, _text_of(each))
        read = numbers[each.key][0].values[CORRECTED]
        confirmed += _text_of(each) == read.get("text", read["shown"])
    problems += _repeats(corrections, numbers)
    if problems:
        raise DataError(f"{review_name}: nothing was merged, mend these corrections:\n{_listed(problems)}")
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
        raise ValueError("the columns are not those of results")
    was_merged = header[-3] == CORRECTED
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
            numbers[name][CORRECTED] = read
        values_of.append(values)
        pages.append((cells[0], int(cells[-2]), values))

    def write() -> str:
        lines = [csv_line(["path", *columns, CORRECTED, "page", "error"])]
        for cells, values in zip(rows, values_of, strict=True):
            read = {
                name: number[CORRECTED]
                for name, number in (numbers_of(values) if values else {}).items()
                if CORRECTED in number
            }
            middle = cells[1 : 1 + len(columns)]
            if read and values:
                flat = layout.flatten(values)
                middle = [flat[column] for column in columns]
            lines.append(csv_line([cells[0], *middle, json.dumps(read) if read else "", *cells[-2:]]))
        return "".join(lines)

    return _Result(pages, write)


def _index(result: _Result) -> dict[str, list[_Number]]:
    """All numbers by their keys; a page may stand in a result twice."""
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
    return "" if correction.casefold() == NOTHING else correction


def _correct(number: dict[str, Any], text: str) -> None:
    corrected = {"text": text, "shown": text, "confidence": 1.0, "fit": 1.0, "glyphs": []}
    new = {name: value for name, value in corrected.items() if name in number}
    number.setdefault(CORRECTED, {name: number[name] for name in new})
    number.update(new)


def _problems(corrections: Mapping[int, ReviewRow]) -> Iterator[str]:
    """Corrections that are no numbers, or not what is known of them."""
    constraints: dict[str, Constraint | None] = {}
    for row, each in corrections.items():
        text, place = _text_of(each), f"row {row} ({each.place})"
        if not set(text) <= set(GLYPHS):
            yield f"{place}: {text!r} is no number; write digits and {' '.join(GLYPHS[11:])}, or {NOTHING}"
            continue
        if each.known not in constraints:
            constraints[each.known] = build_constraint(json.loads(each.known))
        constraint = constraints[each.known]
        if text and constraint is not None and not constraint.allows(text):
            yield (
                f"{place}: {text!r} is not what is known of it, {each.known}; correct it "
                "(write '007 where a spreadsheet drops the zeros)"
            )


def _repeats(corrections: Mapping[int, ReviewRow], numbers: Mapping[str, list[_Number]]) -> Iterator[str]:
    """Corrections to texts that may stand once only and stand elsewhere too."""
    holders = defaultdict(list)
    for each in (number for same in numbers.values() for number in same):
        holders[each.group, each.values["shown"]].append(each.place)
    for row, correction in corrections.items():
        text = _text_of(correction)
        places = holders[numbers[correction.key][0].group, text]
        if text and len(places) > 1 and '"once"' in correction.known:
            yield f"row {row} ({correction.place}): {text} may stand once, and stands in {', '.join(places)}"


def _listed(problems: list[str]) -> str:
    more = len(problems) - _SHOWN_PROBLEMS
    return "\n".join([*problems[:_SHOWN_PROBLEMS], *([f"and {more} more"] if more > 0 else [])])

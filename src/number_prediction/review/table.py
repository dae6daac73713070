"""Numbers that a person should look at, as rows of a CSV file; what a spreadsheet made of it is read back.

A row knows its number by a key, a hash of where it stands and of what was read there, so that a review is
not merged into another result, whatever a spreadsheet does to the other cells. Cells that a spreadsheet would
run or alter (=1+1, +5, 007, 3.50, 1/2) begin with an apostrophe, which is taken away again; whole numbers
such as 42 and -7 stay as they are.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any

from number_prediction.errors import DataError
from number_prediction.pipeline.writers import csv_line

NOTHING = "empty"
"""As a reading or correction: nothing is written there, or no number."""
UNREAD = "?"
"""As a reading: nothing fits."""
_GUARDED = ("file", "field", "reading", "correction", "doubtful", "alternatives")
_KEPT = re.compile(r"-?(?:0|[1-9]\d{0,10})", re.ASCII)
"""Whole numbers of which a spreadsheet keeps every digit."""
_ALTERED = re.compile(r"[=+\-@'\t\r\n].*|[\d.,:/+\-]+", re.ASCII | re.DOTALL)
_NEEDED = ("correction", "known", "key")


@dataclass(frozen=True)
class ReviewRow:
    """A row of a review; all cells are text."""

    file: str
    page: str
    field: str
    """Of the form, else the number of the number on its page, from "1"."""
    crop: str
    """File of its picture, in the folder of the review."""
    reading: str
    confidence: str
    correction: str
    doubtful: str
    """The reading with ? for each doubtful digit."""
    alternatives: str
    known: str
    """What the correction must be, as JSON that `knowledge` takes; with "once", no other number may be it."""
    key: str

    @property
    def place(self) -> str:
        """For messages."""
        return name_place(self.file, self.page, self.field)


COLUMNS = tuple(field.name for field in fields(ReviewRow))


def numbers_of(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The numbers in the values of a line, a page or a form, by their names in a review."""
    if "fields" in values:
        return dict(values["fields"])
    if "numbers" in values:
        return {str(index): number for index, number in enumerate(values["numbers"], 1)}
    return {"1": values} if "shown" in values else {}  # type: ignore[dict-item]


def name_place(file: str, page: int | str, name: str) -> str:
    """Where a number stands, for messages."""
    return ", ".join([file, *([f"page {page}"] if str(page) != "1" else []), describe_name(name)])


def describe_name(name: str) -> str:
    """The name of a number, in words."""
    return f"number {name}" if name.isdecimal() else name


def number_key(path: str, page: int, name: str, number: Mapping[str, Any]) -> str:
    """What a review knows a number by, before and after it was corrected."""
    read = number.get("corrected", number)
    known = [plain(path), page, name, read["shown"], f"{read['confidence']:.4f}"]
    return "n" + hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]


def plain(text: str) -> str:
    """A name as it stands in files, whatever bytes are in it."""
    return text.encode("utf-8", "backslashreplace").decode()


def guard(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula or writes in another way."""
    return f"'{cell}" if _ALTERED.fullmatch(cell) and not _KEPT.fullmatch(cell) else cell


def unguard(cell: str) -> str:
    """What was guarded, by `guard` or by a person."""
    return cell.removeprefix("'")


def cells_of(row: ReviewRow) -> list[str]:
    """The cells of a row in a file, in the order of COLUMNS."""
    cells = zip(COLUMNS, astuple(row), strict=True)
    return [guard(cell) if column in _GUARDED else cell for column, cell in cells]


def format_review(rows: Iterable[ReviewRow], *, header: bool = True) -> str:
    """Rows as CSV."""
    return "".join(map(csv_line, [*([COLUMNS] if header else []), *map(cells_of, rows)]))


def parse_review(content: bytes, name: str) -> dict[int, ReviewRow]:
    """The rows of a review by their numbers in a spreadsheet.

    Columns may stand in any order, divided by commas, semicolons or tabs.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        DataError: it is no review.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: not text in UTF-8; save it as CSV in UTF-8") from error
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except (csv.Error, ValueError) as error:
        raise DataError(f"{name}: no CSV of a review ({error}); give the file that was edited") from error
    missing = [column for column in _NEEDED if column not in header]
    if missing:
        raise DataError(f"{name}: has no column {', '.join(missing)}; give a review, with all of its columns")
    found = {}
    for number, cells in enumerate(rows, 2):
        if any(cells):
            of_column = dict(zip(header, map(unguard, cells), strict=False))
            row = ReviewRow(*(of_column.get(column, "") for column in COLUMNS))
            _check_known(row.known, f"{name}: row {number} ({row.place})")
            found[number] = row
    return found


def _check_known(cell: str, place: str) -> None:
    try:
        is_known = isinstance(json.loads(cell), dict)
    except ValueError:
        is_known = False
    if not is_known:
        raise DataError(f"{place}: its cell `known` was altered; take it from the review as it was made")

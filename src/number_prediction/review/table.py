"""The CSV file of a review: written for a spreadsheet, and read back from one.

Each row has a key, a hash of the place of the number and of its reading. It prevents merging a review into
another result, even if a spreadsheet changes the other cells. A cell that a spreadsheet would run or alter
(=1+1, +5, 007, 3.50, 1/2) gets an apostrophe in front, which is removed when it is read. Whole numbers such
as 42 and -7 need none.
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

EMPTY_WORD = "empty"
"""A reading or correction: there is no number, or no writing at all."""
UNREAD_SIGN = "?"
"""A reading: no text fits the constraints. In the column `doubtful`: a doubtful digit."""
_GUARDED_COLUMNS = ("file", "field", "reading", "correction", "doubtful", "alternatives")
_SAFE_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,10})", re.ASCII)
"""Whole numbers whose digits a spreadsheet keeps."""
_ALTERED_CELL = re.compile(r"[=+\-@'\t\r\n].*|[\d.,:/+\-]+", re.ASCII | re.DOTALL)
_REQUIRED_COLUMNS = ("correction", "known", "key")


@dataclass(frozen=True)
class ReviewRow:
    """A row of a review; its fields are the columns of the file, as text."""

    file: str
    page: str
    field: str
    """The form's field; on other pictures the position of the number on its page, from "1"."""
    crop: str
    """The file of its picture, in the folder of the review."""
    reading: str
    confidence: str
    correction: str
    doubtful: str
    """The reading with ? for each doubtful digit."""
    alternatives: str
    known: str
    """The constraints of the correction, as a JSON spec (constraints/spec.py)."""
    key: str

    @property
    def place(self) -> str:
        """Where the number stands, for messages."""
        return name_place(self.file, self.page, self.field)


COLUMNS = tuple(field.name for field in fields(ReviewRow))


def numbers_of(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The numbers of a line, a page or a form, by their names in a review."""
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
    """The key of a number in a review, the same before and after a correction."""
    read = number.get("corrected", number)
    identity = [plain(path), page, name, read["shown"], f"{read['confidence']:.4f}"]
    return "n" + hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]


def plain(text: str) -> str:
    """A name as files hold it: bytes that are not UTF-8 are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def guard(cell: str) -> str:
    """A cell that no spreadsheet runs as a formula or writes in another way."""
    return f"'{cell}" if _ALTERED_CELL.fullmatch(cell) and not _SAFE_NUMBER.fullmatch(cell) else cell


def unguard(cell: str) -> str:
    """The cell without the apostrophe of `guard` or of a person."""
    return cell.removeprefix("'")


def cells_of(row: ReviewRow) -> list[str]:
    """The cells of a row, in the order of COLUMNS."""
    cells = zip(COLUMNS, astuple(row), strict=True)
    return [guard(cell) if column in _GUARDED_COLUMNS else cell for column, cell in cells]


def format_review(rows: Iterable[ReviewRow], *, header: bool = True) -> str:
    """Rows as CSV."""
    return "".join(map(csv_line, [*([COLUMNS] if header else []), *map(cells_of, rows)]))


def parse_review(content: bytes, name: str) -> dict[int, ReviewRow]:
    """Parse a review; gives its rows by their row numbers in a spreadsheet.

    The columns may have any order, and commas, semicolons or tabs between them.

    Args:
        content: the file.
        name: the name of the file, for messages.

    Raises:
        DataError: the file is not a review.
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
        raise DataError(
            f"{name}: not the CSV file of a review ({error}); give review.csv as it was saved"
        ) from error
    missing = [column for column in _REQUIRED_COLUMNS if column not in header]
    if missing:
        raise DataError(f"{name}: has no column {', '.join(missing)}; give a review with all of its columns")
    found = {}
    for number, cells in enumerate(rows, 2):
        if any(cells):
            of_column = dict(zip(header, map(unguard, cells), strict=False))
            row = ReviewRow(*(of_column.get(column, "") for column in COLUMNS))
            _check_spec(row.known, f"{name}: row {number} ({row.place})")
            found[number] = row
    return found


def _check_spec(cell: str, place: str) -> None:
    try:
        is_spec = isinstance(json.loads(cell), dict)
    except ValueError:
        is_spec = False
    if not is_spec:
        raise DataError(f"{place}: the cell `known` was altered; copy it from the original review")

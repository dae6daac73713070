"""First lines of a CSV file of pictures -> which column holds what: index, label, or a pixel.

The first line names the columns, or is already a picture. Without names, the content tells which column holds
the labels: a corner of a picture hardly varies, labels do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from number_prediction.errors import DataError

LABEL_NAMES = ("label", "labels", "class", "target", "digit", "y")
"""Names of a column of labels, in lower case."""
_INDEX_NAMES = ("", "unnamed: 0", "index", "id", "imageid")
"""Names of a first column that numbers the rows, in lower case."""
_FIRST_PIXEL = re.compile(
    r"(?P<prefix>(?:(?:pixel|px|p|x|col|column|feature|attr|v)[ _.-]?)?)(?P<first>[01])"
)
_FIRST_PLACE = re.compile(r"(?P<prefix>[a-z_]*)(?P<first>[01])(?P<between>[x_,.-])(?P=first)")
_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?\s*", re.IGNORECASE)
_MIN_INDEX_ROWS = 20
"""Rows from which consecutive numbers in a column count as an index; fewer may be labels."""


@dataclass(frozen=True)
class Columns:
    """The columns of a file."""

    names: tuple[str, ...]
    """Names for error messages; numbers from 1 if the file has no header."""
    pixels: tuple[int, ...]
    """Columns of the pixels, row by row of the picture."""
    label: int | None
    """Column of the labels, if there is one."""
    has_header: bool

    @property
    def side(self) -> int:
        """Height and width of a picture, in pixels."""
        return math.isqrt(len(self.pixels))


def find_columns(cells: Sequence[str], rows: Sequence[Sequence[str]], path: Path) -> Columns:
    """Tell the columns by the cells of the first line and by some rows that follow it.

    Raises:
        DataError: neither names of columns nor a square picture.
    """
    names = tuple(name.strip().lower() for name in cells)
    if all(_NUMBER.fullmatch(cell) for cell in cells) and not _counts(names):
        return _without_names(len(cells), [cells, *rows], path)
    return _by_names(cells, names, rows, path)


def _counts(names: Sequence[str]) -> bool:
    """Return whether names are 0, 1, 2, ... or 1, 2, 3, ..., as pandas names columns without names."""
    return (
        len(names) > 1
        and names[0] in ("0", "1")
        and list(names) == list(_expected_names(names[0], len(names)))
    )


def _by_names(
    cells: Sequence[str], names: tuple[str, ...], rows: Sequence[Sequence[str]], path: Path
) -> Columns:
    begin = 1 if names[0] in _INDEX_NAMES else 0
    label = next((column for column, name in enumerate(names) if name in LABEL_NAMES), None)
    pixels = [column for column in range(begin, len(names)) if names[column] not in LABEL_NAMES]
    if not pixels or not (
        _FIRST_PIXEL.fullmatch(names[pixels[0]]) or _FIRST_PLACE.fullmatch(names[pixels[0]])
    ):
        raise DataError(
            f"{path}: line 1 is {shorten(','.join(cells))}, not the names of the columns; "
            "write label,pixel0,pixel1,... (without label if there are no labels)"
        )
    _require_order(names, pixels, path)
    if label is None and not _is_square(len(pixels)) and _is_square(len(pixels) - 1):
        label = _guess_label(pixels, rows)
        pixels.remove(label)
    if not _is_square(len(pixels)):
        side = math.isqrt(len(pixels))
        raise DataError(
            f"{path}: line 1 names {len(pixels)} pixels, not a square picture; "
            f"give {side**2} or {(side + 1) ** 2}"
        )
    return Columns(names, tuple(pixels), label, has_header=True)


def _require_order(names: Sequence[str], pixels: Sequence[int], path: Path) -> None:
    """Raise DataError if a name occurs twice or the pixels are not in order."""
    first: dict[str, int] = {}
    expected = dict(zip(pixels, _expected_names(names[pixels[0]], len(pixels)), strict=True))
    for column, name in enumerate(names):
        key = LABEL_NAMES[0] if name in LABEL_NAMES else name
        if first.setdefault(key, column) < column:
            raise DataError(
                f"{path}: line 1 names {shorten(name)} twice, in columns {first[key] + 1} and {column + 1}; "
                "remove one of them"
            )
        if expected.get(column, name) != name:
            raise DataError(
                f"{path}: line 1, column {column + 1} is named {shorten(name)} "
                f"instead of {expected[column]}; keep only label and pixels, in order"
            )


def _expected_names(first: str, count: int) -> Iterator[str]:
    """Yield the names of `count` pixels, of which the first is named `first`."""
    place = _FIRST_PLACE.fullmatch(first)
    if place:
        start, side = int(place["first"]), max(1, math.isqrt(count))
        for number in range(count):
            row, column = divmod(number, side)
            yield f"{place['prefix']}{row + start}{place['between']}{column + start}"
        return
    match = _FIRST_PIXEL.fullmatch(first)
    assert match
    for number in range(count):
        yield f"{match['prefix']}{int(match['first']) + number}"


def _without_names(count: int, rows: Sequence[Sequence[str]], path: Path) -> Columns:
    """Tell the columns of a file whose first line is a picture."""
    columns, label = list(range(count)), None
    may_be_numbered = not _is_square(count) and _is_square(count - 1)
    if _is_square(count - 2) or (may_be_numbered and _is_index([row[0] for row in rows])):
        columns = columns[1:]
    if not _is_square(len(columns)):
        if not _is_square(len(columns) - 1):
            raise DataError(
                f"{path}: {count} columns without names, not a square picture with or without a label; "
                "write label,pixel0,pixel1,... into line 1"
            )
        label = _guess_label(columns, rows)
        columns.remove(label)
    names = tuple(str(number) for number in range(1, count + 1))
    return Columns(names, tuple(columns), label, has_header=False)


def _guess_label(columns: Sequence[int], rows: Sequence[Sequence[str]]) -> int:
    """Return the first or the last of the columns: the one with more different whole numbers."""
    first, last = (_count_values(rows, column) for column in (columns[0], columns[-1]))
    return columns[0] if first >= last else columns[-1]


def _count_values(rows: Sequence[Sequence[str]], column: int) -> int:
    """Count different values of a column; 0 if some are not whole, as pixels from 0 to 1 are."""
    cells = {row[column].strip() for row in rows if len(row) > column}
    if not all(_NUMBER.fullmatch(cell) and float(cell).is_integer() for cell in cells):
        return 0
    return len({float(cell) for cell in cells})


def _is_index(cells: Sequence[str]) -> bool:
    if len(cells) < _MIN_INDEX_ROWS or not all(cell.strip().isdecimal() for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    return numbers[0] in (0, 1) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _is_square(count: int) -> bool:
    return count > 0 and math.isqrt(count) ** 2 == count


def shorten(text: str, length: int = 40) -> str:
    """Quote text from a file, cut to a length."""
    return repr(text if len(text) <= length else text[:length] + "...")

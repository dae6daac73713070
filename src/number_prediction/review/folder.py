"""Rows of results with doubts -> a folder to review them: review.html, review.csv and their pictures.

The doubts of a page are added to review.csv before the row of the page is written. So the review of a resumed
batch is complete, and corrections typed in the meantime are kept. review.html is made at the end; it needs no
other file.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from number_prediction.constants import GLYPHS
from number_prediction.constraints.spec import describe_constraints
from number_prediction.errors import DataError
from number_prediction.files import write_atomically
from number_prediction.html import data_url, picture_to_png, render
from number_prediction.pipeline.rows import Doubt, Row
from number_prediction.review.table import (
    COLUMNS,
    EMPTY_WORD,
    UNREAD_SIGN,
    ReviewRow,
    cells_of,
    describe_name,
    format_review,
    number_key,
    numbers_of,
    parse_review,
    plain,
)

TABLE_FILE, PAGE_FILE, CROPS_FOLDER = "review.csv", "review.html", "crops"


class ReviewFolder:
    """A folder of doubtful numbers. Rows pass through `collect`; then `write_page` completes it."""

    def __init__(self, folder: Path, *, below: float, result: Path, resume: bool = False) -> None:
        """Start a review, or resume one.

        Args:
            folder: made if missing; without `resume` it must not hold a review.
            below: the confidence threshold, for the text of the page.
            result: the file of results, for the command on the page.
            resume: continue the review in the folder if there is one.

        Raises:
            DataError: the folder holds a review already, or a damaged one.
            OSError: the folder cannot be written.
        """
        self.table, self.page = folder / TABLE_FILE, folder / PAGE_FILE
        corrected = result.with_stem(f"{result.stem}-corrected")
        self._command = shlex.join(
            ["number-prediction", "merge", str(result), TABLE_FILE, "--output", str(corrected)]
        )
        self._folder, self._below = folder, below
        self._rows: dict[tuple[str, str], list[ReviewRow]] = {}  # by the cells file and page
        if self.table.exists():
            if not resume:
                raise DataError(f"{self.table}: already exists; choose another folder for the review")
            content = self.table.read_bytes()
            whole_lines = content[: content.rfind(b"\n") + 1]  # a kill can cut off the last one
            for row in parse_review(whole_lines, str(self.table)).values():
                self._rows.setdefault((row.file, row.page), []).append(row)
        self.is_begun = False
        """Whether the folder was written; it is once the first row is asked for."""

    @property
    def count(self) -> int:
        """Numbers to review."""
        return sum(map(len, self._rows.values()))

    def collect(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Hand rows on, after writing their doubts into the folder."""
        (self._folder / CROPS_FOLDER).mkdir(parents=True, exist_ok=True)
        self._write_table()
        self.is_begun = True
        for row in rows:
            page = (plain(row.path), str(row.page))
            outdated = self._rows.pop(page, [])
            if outdated:  # the page is read again
                self._write_table()
            added = [self._add(row, doubt) for doubt in row.doubts]
            for each in {each.crop for each in outdated} - {each.crop for each in added}:
                (self._folder / each).unlink(missing_ok=True)
            if added:
                self._rows[page] = added
                with self.table.open("ab") as stream:
                    stream.write(format_review(added, header=False).encode())
            yield row

    def _add(self, row: Row, doubt: Doubt) -> ReviewRow:
        number = numbers_of(row.values)[doubt.name]
        key = number_key(row.path, row.page, doubt.name, number)
        crop = f"{CROPS_FOLDER}/{key}.png"
        write_atomically(self._folder / crop, picture_to_png(doubt.picture))
        return ReviewRow(
            file=plain(row.path),
            page=str(row.page),
            field=doubt.name,
            crop=crop,
            reading=UNREAD_SIGN if doubt.text is None else doubt.text or EMPTY_WORD,
            confidence=f"{number['confidence']:.4f}",
            correction="",
            doubtful=doubt.masked,
            alternatives="; ".join(f"{text} {probability:.1%}" for text, probability in doubt.alternatives),
            known=json.dumps(dict(doubt.spec)),
            key=key,
        )

    def _all(self) -> Iterator[ReviewRow]:
        return (row for rows in self._rows.values() for row in rows)

    def _write_table(self) -> None:
        write_atomically(self.table, format_review(self._all()))

    def write_page(self) -> None:
        """Write the page of everything collected so far."""
        rows = list(self._all())
        groups = [
            {"file": file, "page": page, "numbers": [self._describe(row) for row in same]}
            for (file, page), same in groupby(rows, key=lambda row: (row.file, row.page))
        ]
        content = render(
            "review/templates/review.html.j2",
            groups=groups,
            count=len(rows),
            below=f"{self._below:g}",
            command=self._command,
            data={
                "columns": COLUMNS,
                "rows": [cells_of(row) for row in rows],
                "glyphs": "".join(GLYPHS),
                "empty": EMPTY_WORD,
            },
        )
        write_atomically(self.page, content)

    def _describe(self, row: ReviewRow) -> dict[str, Any]:
        """The values that the page shows for a number."""
        masked = row.doubtful if len(row.doubtful) == len(row.reading) else UNREAD_SIGN * len(row.reading)
        return {
            "name": describe_name(row.field),
            "picture": data_url((self._folder / row.crop).read_bytes()),
            "glyphs": [(glyph, mask == UNREAD_SIGN) for glyph, mask in zip(row.reading, masked, strict=True)],
            "reading": "" if row.reading == UNREAD_SIGN else row.reading,
            "confidence": row.confidence,
            "alternatives": [choice.rsplit(" ", 1) for choice in row.alternatives.split("; ") if choice],
            "constraints": describe_constraints(json.loads(row.known)),
            "correction": row.correction,
        }

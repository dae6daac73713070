"""A class list and rows of results -> who is missing, unmatched numbers, and uncertain matches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from number_prediction.constraints.class_list import ClassList
from number_prediction.pipeline.found import Roster
from number_prediction.pipeline.rows import Row
from number_prediction.review.table import name_place, numbers_of

UNCERTAIN_BELOW_CONFIDENCE = 0.9
"""Matches below this confidence are uncertain."""


class RosterCheck:
    """Compares results with a class list while they pass through `collect`."""

    def __init__(self, class_list: ClassList, field: str | None = None) -> None:
        """Start a check.

        Args:
            class_list: the numbers, and their names.
            field: the form's field that holds the numbers; None for lines and pages.
        """
        self.roster = Roster(class_list.numbers, field)
        self.unmatched: list[str] = []
        """Places of numbers that match nobody on the list."""
        self.uncertain: list[str] = []
        """Matches of low confidence: place, number and name."""
        self.is_complete = False
        """Whether all rows have passed."""
        self._class_list = class_list
        self._missing = dict.fromkeys(class_list.numbers)

    @property
    def missing(self) -> list[str]:
        """Numbers of the list, with their names, that no picture shows."""
        return [self._class_list.describe(number) for number in self._missing]

    def collect(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Hand rows on, after their numbers are compared with the list."""
        for row in rows:
            for name, number in numbers_of(row.values).items():
                if self.roster.field not in (None, name):
                    continue
                place = name_place(row.path, row.page, name)
                if not number["text"]:
                    self.unmatched.append(place)
                    continue
                self._missing.pop(number["text"], None)
                if number["confidence"] < UNCERTAIN_BELOW_CONFIDENCE:
                    described = self._class_list.describe(number["text"])
                    self.uncertain.append(f"{place}: {described} ({number['confidence']:.1%})")
            yield row
        self.is_complete = True

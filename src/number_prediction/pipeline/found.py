"""Numbers found on a page -> the values of the page, with drawing and doubts, or matched to a roster.

With a roster all pages are read before the first result: each text of the roster goes to one number only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from number_prediction.constants import GLYPHS
from number_prediction.constraints.constraint import Constraint, one_of
from number_prediction.constraints.spec import Spec
from number_prediction.decoding.assignment import AssignedReading, assign, check_roster
from number_prediction.decoding.search import decode
from number_prediction.errors import ConstraintError, ImageError
from number_prediction.images.decode import Page
from number_prediction.images.geometry import Points
from number_prediction.numbers.drawing import Mark
from number_prediction.numbers.prediction import LEAST_FIT, NumberPrediction, NumberReading
from number_prediction.pipeline.rows import Doubt, Explained

MAX_ALTERNATIVES = 4
"""Other texts that are listed for a doubtful number."""
MIN_ALTERNATIVE_PROBABILITY = 0.005
"""Less probable texts are not listed."""


@dataclass(frozen=True)
class Roster:
    """Texts, such as the numbers of a class; each is given to at most one of the numbers."""

    texts: tuple[str, ...]
    field: str | None = None
    """The form's field that holds them; None without a form."""


@dataclass(frozen=True)
class Wanted:
    """What results hold besides the numbers."""

    unsure: float = 0.0
    """Confidence threshold: less confident digits are shown as "?"."""
    annotated: bool = False
    """Whether each result has marks to draw onto the page."""
    below: float = 0.0
    """Confidence threshold: less confident numbers are among the doubts."""
    roster: Roster | None = None


@dataclass(frozen=True, eq=False)
class Expected:
    """The constraints of a number."""

    spec: Spec
    """With "once" if each text is given to one number only."""
    constraint: Constraint | None
    is_on_roster: bool = False


@dataclass(frozen=True, eq=False)
class FoundNumber:
    """A number on a page."""

    name: str
    reading: NumberReading
    line: NumberPrediction | None
    """What was read on its line; None if nothing is written there."""
    expected: Expected
    place: Callable[[NumberPrediction], NumberReading]
    """Puts another reading of the line onto the page."""
    corners: Points | None
    """(4, 2) of the box to draw around the number; None to draw a box around each glyph."""
    picture: Page | None
    """(h, w) uint8: the number as it looks; None if no person will look at it."""


@dataclass(frozen=True, eq=False)
class FoundPage:
    """The numbers on a page."""

    numbers: list[FoundNumber]
    gather: Callable[[list[dict[str, Any]]], dict[str, Any]]
    """Values of the numbers -> values of the page."""


Find: TypeAlias = Callable[[Iterable[Page]], Iterable["FoundPage | ImageError"]]


@dataclass(frozen=True, eq=False)
class _FinishedNumber:
    values: dict[str, Any]
    marks: list[Mark]
    doubt: Doubt | None


@dataclass(frozen=True, eq=False)
class _FinishedPage:
    """A page with its results; numbers that wait for the roster are filled in later."""

    numbers: dict[int, _FinishedNumber]
    """By their position on the page."""
    is_annotated: bool
    gather: Callable[[list[dict[str, Any]]], dict[str, Any]]

    def explain(self) -> dict[str, Any] | Explained:
        numbers = [self.numbers[position] for position in sorted(self.numbers)]
        values = self.gather([number.values for number in numbers])
        doubts = tuple(number.doubt for number in numbers if number.doubt is not None)
        if not self.is_annotated:
            return Explained(values, None, doubts) if doubts else values
        marks = tuple(mark for number in numbers for mark in number.marks)
        return Explained(values, None, doubts, marks)


def expect(spec: Spec, constraint: Constraint | None, roster: Roster | None) -> Expected:
    """The constraints of a number, with those of its roster.

    Raises:
        ConstraintError: a text of the roster stands there twice, or breaks the constraint.
    """
    if roster is None:
        return Expected(spec, constraint)
    check_roster(roster.texts)
    for text in roster.texts:
        if constraint is not None and not constraint.allows(text):
            raise ConstraintError(
                f"{text!r} is on the roster, but breaks {constraint.name}; change one of them"
            )
    spec = {**spec, "one_of": list(roster.texts), "once": True}
    return Expected(spec, one_of(roster.texts), is_on_roster=True)


def answer(
    find: Find, wanted: Wanted, pages: Iterable[Page]
) -> Iterator[dict[str, Any] | Explained | ImageError]:
    """The reader of what `find` finds: one result for each page."""
    found = find(pages)
    finished = (
        _finish_pages(found, wanted) if wanted.roster is None else _match_roster(found, wanted, wanted.roster)
    )
    for page in finished:
        yield page if isinstance(page, ImageError) else page.explain()


def may_be_doubtful(line: NumberPrediction | None, expected: Expected, wanted: Wanted) -> bool:
    """Whether a person may have to look at the number, so that its picture is needed."""
    if line is None or wanted.below == 0:
        return False
    return expected.is_on_roster or _is_doubtful(line, wanted.below)


def _finish_pages(
    found: Iterable[FoundPage | ImageError], wanted: Wanted
) -> Iterator[_FinishedPage | ImageError]:
    for page in found:
        if isinstance(page, ImageError):
            yield page
        else:
            numbers = {position: _finish(number, wanted) for position, number in enumerate(page.numbers)}
            yield _FinishedPage(numbers, wanted.annotated, page.gather)


def _match_roster(
    found: Iterable[FoundPage | ImageError], wanted: Wanted, roster: Roster
) -> list[_FinishedPage | ImageError]:
    """Give each number of all pages that is on the roster one of its texts, or none."""
    finished: list[_FinishedPage | ImageError] = []
    waiting: list[tuple[_FinishedPage, int, FoundNumber, NumberPrediction]] = []
    for found_page in found:
        if isinstance(found_page, ImageError):
            finished.append(found_page)
            continue
        page = _FinishedPage({}, wanted.annotated, found_page.gather)
        finished.append(page)
        for position, number in enumerate(found_page.numbers):
            if number.expected.is_on_roster and number.line is not None:
                waiting.append((page, position, number, number.line))
            else:
                page.numbers[position] = _finish(number, wanted)
    assignment = assign([line.lattice for *_, line in waiting], roster.texts)
    for (page, position, number, line), assigned in zip(waiting, assignment.readings, strict=True):
        read = _read_as(line, assigned)
        matched = replace(number, line=read, reading=number.place(read))
        page.numbers[position] = _finish(matched, wanted)
    return finished


def _read_as(line: NumberPrediction, assigned: AssignedReading) -> NumberPrediction:
    """A line read as its assigned text, which is right or wrong as a whole."""
    if assigned.text is None:
        return replace(line, text=None, confidence=0.0, glyphs=(), fit=0.0)
    read = line.under(one_of([assigned.text]))
    glyphs = tuple(replace(glyph, confidence=assigned.confidence, alternatives=()) for glyph in read.glyphs)
    return replace(read, confidence=assigned.confidence, glyphs=glyphs)


def _finish(number: FoundNumber, wanted: Wanted) -> _FinishedNumber:
    reading = number.reading
    shown = reading.masked(wanted.unsure)
    if number.corners is None:
        marks = [Mark(glyph.glyph, glyph.confidence, glyph.box.corners) for glyph in reading.glyphs]
    else:
        marks = [Mark(shown, reading.confidence, number.corners)]
    return _FinishedNumber({**reading.to_dict(), "shown": shown}, marks, _doubt_of(number, wanted.below))


def _doubt_of(number: FoundNumber, below: float) -> Doubt | None:
    text, line = number.reading.text, number.line
    if line is None or number.picture is None or not _is_doubtful(line, below):
        return None
    fits = line.fit >= LEAST_FIT
    constraint = number.expected.constraint if fits else None
    others = decode(line.lattice, GLYPHS, constraint, n_best=MAX_ALTERNATIVES + 1)
    alternatives = [
        (other.text, other.confidence)
        for other in others
        if other.text and other.text != text and other.confidence >= MIN_ALTERNATIVE_PROBABILITY
    ]
    return Doubt(
        number.name,
        text,
        number.reading.masked(below if fits else math.inf),
        tuple(alternatives[:MAX_ALTERNATIVES]),
        number.expected.spec,
        number.picture,
    )


def _is_doubtful(line: NumberPrediction, below: float) -> bool:
    return line.confidence < below or line.fit < LEAST_FIT

"""Pages -> numbers in plain values, one result a page: of a line, of a whole page, of a form.

Readers as `reading` takes them; `Wanted` says what goes with the numbers. With a roster all pages are read
before the first result, since each of its texts is given to one number of all of them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from number_prediction.constants import GLYPHS
from number_prediction.constraints.constraint import Constraint, one_of
from number_prediction.constraints.spec import build_constraint
from number_prediction.decoding.assignment import AssignedReading, assign, check_roster
from number_prediction.decoding.search import decode
from number_prediction.digits.drawing import encode_seen
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ConstraintError, ImageError
from number_prediction.forms.form import place_field, read_form
from number_prediction.forms.template import FormTemplate
from number_prediction.images.decode import Page
from number_prediction.images.geometry import Points
from number_prediction.layout.lines import GAP
from number_prediction.numbers.drawing import Ground, Mark, annotate, reduce_page
from number_prediction.numbers.page import place_number, predict_page, view_line
from number_prediction.numbers.prediction import LEAST_FIT, NumberPrediction, NumberReading
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.pipeline.rows import Doubt, Explained, Reader

ALTERNATIVES = 4
"""Other texts that are named with a doubtful number."""
LEAST_ALTERNATIVE = 0.005
"""Probability below which they are not."""
LINE_SIZE = (900, 160)
"""Most pixels, width and height, of a line as a person looks at it."""

Known: TypeAlias = Mapping[str, Any]
"""What is known of numbers, as `knowledge` takes it."""
_NOTHING: Known = MappingProxyType({})


@dataclass(frozen=True)
class Roster:
    """Texts, such as the numbers of a class, that the numbers are: each is at most one of them."""

    texts: tuple[str, ...]
    field: str | None = None
    """Of a form: which field holds them; None where there is no form."""


@dataclass(frozen=True)
class Wanted:
    """What goes with the numbers."""

    unsure: float = 0.0
    """Digits of less confidence are "?" in what is shown."""
    annotated: bool = False
    """Whether each result goes with a drawing of the page and the numbers on it."""
    below: float = 0.0
    """Numbers of less confidence go with the result as doubts."""
    roster: Roster | None = None


@dataclass(frozen=True, eq=False)
class _Expected:
    """What a number is expected to be."""

    known: Known
    """With "once" where each text is given to one number only."""
    constraint: Constraint | None
    is_on_roster: bool = False


@dataclass(frozen=True, eq=False)
class _Settled:
    """A number that nothing changes any more."""

    values: dict[str, Any]
    marks: list[Mark]
    doubt: Doubt | None

    def settled(self, _: Wanted) -> _Settled:
        return self


@dataclass(frozen=True, eq=False)
class _Number:
    """A number on a page."""

    name: str
    reading: NumberReading
    line: NumberPrediction | None
    """What was read on its line; None where nothing is written."""
    expected: _Expected
    place: Callable[[NumberPrediction], NumberReading]
    """Puts another reading of the line onto the page."""
    corners: Points | None
    """(4, 2) of what is drawn around it; None where each glyph has its own box drawn."""
    picture: Page | None
    """(h, w) uint8: how it looks; None where nobody is going to look at it."""

    def settled(self, wanted: Wanted) -> _Settled:
        reading = self.reading
        shown = reading.masked(wanted.unsure)
        if self.corners is None:
            marks = [Mark(glyph.glyph, glyph.confidence, glyph.box.corners) for glyph in reading.glyphs]
        else:
            marks = [Mark(shown, reading.confidence, self.corners)]
        return _Settled({**reading.to_dict(), "shown": shown}, marks, self._doubt(wanted.below))

    def _doubt(self, below: float) -> Doubt | None:
        text, line = self.reading.text, self.line
        if line is None or self.picture is None or not _is_doubtful(line, below):
            return None
        fits = line.fit >= LEAST_FIT
        constraint = self.expected.constraint if fits else None
        others = decode(line.lattice, GLYPHS, constraint, n_best=ALTERNATIVES + 1)
        alternatives = [
            (other.text, other.confidence)
            for other in others
            if other.text and other.text != text and other.confidence >= LEAST_ALTERNATIVE
        ]
        return Doubt(
            self.name,
            text,
            self.reading.masked(below if fits else math.inf),
            tuple(alternatives[:ALTERNATIVES]),
            self.expected.known,
            self.picture,
        )


@dataclass(frozen=True, eq=False)
class _Found:
    """The numbers on a page."""

    numbers: list[_Number | _Settled]
    ground: Ground | None
    """The page, where it is going to be drawn."""
    gather: Callable[[list[dict[str, Any]]], dict[str, Any]]
    """Values of all its numbers -> of the page."""


_Find: TypeAlias = Callable[[Iterable[Page]], Iterable["_Found | ImageError"]]


def line_reader(predictor: NumberPredictor, known: Known = _NOTHING, *, wanted: Wanted = Wanted()) -> Reader:
    """A reader of the number on each page, one line of writing.

    Raises:
        ConstraintError: what is known contradicts itself or the roster.
        TypeError, ValueError: it is of another kind than `knowledge` takes.
    """
    expected = _expect(known, build_constraint(known), wanted.roster)

    def find(pages: Iterable[Page]) -> Iterator[_Found | ImageError]:
        taken: deque[Page] = deque()  # many go through the graph together

        def take() -> Iterator[Page]:
            for page in pages:
                taken.append(page)
                yield page

        for line in predictor.iterate_numbers(take(), expected.constraint):
            page = taken.popleft()
            if isinstance(line, ImageError):
                yield line
                continue
            picture = _reduce_line(page) if _may_be_doubtful(line, expected, wanted) else None
            number = _Number("1", line, line, expected, _as_it_is, None, picture)
            yield _Found([number], _ground(page, wanted), _gather_line)

    return partial(_answer, find, wanted)


def page_reader(
    predictor: NumberPredictor, known: Known = _NOTHING, *, wanted: Wanted = Wanted(), gap: float = GAP
) -> Reader:
    """A reader of all numbers on each page, in reading order; raises what `line_reader` does.

    `gap` is the widest space inside a number, in heights of its digits.
    """
    constraint = build_constraint(known)
    expected = _expect(known, constraint, wanted.roster)

    def find(pages: Iterable[Page]) -> Iterator[_Found]:
        for page in pages:
            reading = predict_page(
                page,
                None if expected.is_on_roster else constraint,
                read=predictor.read_lines,
                gap=gap,
            )
            numbers: list[_Number | _Settled] = [
                _Number(
                    str(index),
                    number,
                    number.prediction,
                    expected,
                    partial(place_number, number.line),
                    number.corners,
                    view_line(page, number.line)
                    if _may_be_doubtful(number.prediction, expected, wanted)
                    else None,
                )
                for index, number in enumerate(reading.numbers, 1)
            ]
            yield _Found(numbers, _ground(page, wanted), partial(_gather_page, reading.skew))

    return partial(_answer, find, wanted)


def form_reader(predictor: NumberPredictor, template: FormTemplate, *, wanted: Wanted = Wanted()) -> Reader:
    """A reader of the fields of each page, a filled sheet; what is no such sheet gives an error.

    Raises:
        ConstraintError: the form has no such field as the roster's, or what is known of it contradicts.
    """
    roster = wanted.roster
    expected = {
        field.name: _expect(
            field.spec,
            field.constraint,
            roster if roster is not None and roster.field == field.name else None,
        )
        for field in template.fields
    }
    if roster is not None and roster.field not in expected:
        raise ConstraintError(
            f"the form has no field {roster.field!r} for the roster; name one of {', '.join(expected)}"
        )

    def find(pages: Iterable[Page]) -> Iterator[_Found | ImageError]:
        for page in pages:
            try:
                reading = read_form(page, template, read=predictor.read_lines)
            except ImageError as error:
                yield error
                continue
            numbers: list[_Number | _Settled] = [
                _Number(
                    field.name,
                    field,
                    field.prediction,
                    expected[field.name],
                    partial(place_field, field.cut),
                    field.corners,
                    field.picture
                    if _may_be_doubtful(field.prediction, expected[field.name], wanted)
                    else None,
                )
                for field in reading.fields
            ]
            gather = partial(_gather_form, reading.found, list(expected))
            yield _Found(numbers, _ground(page, wanted), gather)

    return partial(_answer, find, wanted)


def _expect(known: Known, constraint: Constraint | None, roster: Roster | None) -> _Expected:
    if roster is None:
        return _Expected(known, constraint)
    check_roster(roster.texts)
    for text in roster.texts:
        if constraint is not None and not constraint.allows(text):
            raise ConstraintError(
                f"{text!r} stands in the roster, but is no {constraint.name}; mend one of them"
            )
    known = {**known, "one_of": list(roster.texts), "once": True}
    return _Expected(known, one_of(roster.texts), is_on_roster=True)


def _is_doubtful(line: NumberPrediction, below: float) -> bool:
    return line.confidence < below or line.fit < LEAST_FIT


def _may_be_doubtful(line: NumberPrediction | None, expected: _Expected, wanted: Wanted) -> bool:
    """Whether a person may have to look at it."""
    if line is None or wanted.below == 0:
        return False
    return expected.is_on_roster or _is_doubtful(line, wanted.below)


def _reduce_line(page: Page) -> Page:
    picture = Image.fromarray(page)
    picture.thumbnail(LINE_SIZE)
    return np.asarray(picture)


def _ground(page: Page, wanted: Wanted) -> Ground | None:
    return reduce_page(page) if wanted.annotated else None


def _as_it_is(line: NumberPrediction) -> NumberPrediction:
    return line


def _gather_line(values: list[dict[str, Any]]) -> dict[str, Any]:
    return values[0]


def _gather_page(skew: float, values: list[dict[str, Any]]) -> dict[str, Any]:
    return {"skew": skew, "numbers": values}


def _gather_form(found: float, names: list[str], values: list[dict[str, Any]]) -> dict[str, Any]:
    return {"found": found, "fields": dict(zip(names, values, strict=True))}


def _answer(
    find: _Find, wanted: Wanted, pages: Iterable[Page]
) -> Iterator[dict[str, Any] | Explained | ImageError]:
    found = find(pages)
    if wanted.roster is not None:
        found = _assign(found, wanted, wanted.roster)
    for each in found:
        if isinstance(each, ImageError):
            yield each
            continue
        numbers = [number.settled(wanted) for number in each.numbers]
        values = each.gather([number.values for number in numbers])
        doubts = tuple(number.doubt for number in numbers if number.doubt is not None)
        if each.ground is not None:
            yield Explained(
                values, annotate(each.ground, (m for number in numbers for m in number.marks)), doubts
            )
        else:
            yield Explained(values, None, doubts) if doubts else values


def _assign(
    found: Iterable[_Found | ImageError], wanted: Wanted, roster: Roster
) -> list[_Found | ImageError]:
    """Give each number of all pages that is on the roster one of its texts, or none."""
    held = []
    waiting: list[tuple[list[_Number | _Settled], int, _Number, NumberPrediction]] = []
    for each in found:
        held.append(each)
        if isinstance(each, ImageError):
            continue
        for index, number in enumerate(each.numbers):
            if isinstance(number, _Number) and number.expected.is_on_roster and number.line is not None:
                waiting.append((each.numbers, index, number, number.line))
            else:
                each.numbers[index] = number.settled(wanted)  # for the memory it takes
    assignment = assign([line.lattice for *_, line in waiting], roster.texts)
    for (numbers, index, number, line), assigned in zip(waiting, assignment.readings, strict=True):
        read = _read_as(line, assigned)
        numbers[index] = replace(number, line=read, reading=number.place(read))
    return held


def _read_as(line: NumberPrediction, assigned: AssignedReading) -> NumberPrediction:
    """A line read as what was assigned to it; the text is right or wrong as a whole."""
    if assigned.text is None:
        return replace(line, text=None, confidence=0.0, glyphs=(), fit=0.0)
    read = line.under(one_of([assigned.text]))
    glyphs = tuple(replace(glyph, confidence=assigned.confidence, alternatives=()) for glyph in read.glyphs)
    return replace(read, confidence=assigned.confidence, glyphs=glyphs)


def read_digits(
    predictor: Predictor, pages: Iterable[Page], *, top: int = 0, explain: bool = False
) -> Iterator[dict[str, Any] | Explained | ImageError]:
    """The digit of each page; with `top` also the best classes, with `explain` what the model saw."""
    for answer in predictor.iterate_digits(pages, explain=explain):
        if isinstance(answer, ImageError):
            yield answer
            continue
        values = answer.to_dict()
        if top:
            values["top"] = [
                {"text": text, "probability": probability} for text, probability in answer.top(top)
            ]
        yield Explained(values, encode_seen(answer)) if explain else values

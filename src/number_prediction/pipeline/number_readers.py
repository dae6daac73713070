"""Readers of numbers: that of a line, all of a page, or the fields of a form.

Each function takes a loaded model for numbers, and gives a `BatchReader`: one result for each page.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from number_prediction.constraints.spec import Spec, build_constraint
from number_prediction.errors import ConstraintError, ImageError
from number_prediction.forms.form import place_field, read_form
from number_prediction.forms.template import FormTemplate
from number_prediction.images.decode import Page
from number_prediction.images.result import DEGREE_DECIMALS, round_share
from number_prediction.layout.lines import MAX_GAP_HEIGHTS
from number_prediction.numbers.page import place_number, predict_page, view_line
from number_prediction.numbers.prediction import NumberPrediction
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.pipeline.batch import BatchReader
from number_prediction.pipeline.found import (
    Find,
    FoundNumber,
    FoundPage,
    Wanted,
    answer,
    expect,
    may_be_doubtful,
)
from number_prediction.pipeline.layouts import (
    ColumnLayout,
    form_layout,
    line_layout,
    page_layout,
)

MAX_LINE_PICTURE_PX = (900, 160)
"""Width and height to which the picture of a doubtful line is reduced."""
_NO_SPEC: Spec = MappingProxyType({})
NUMBERS_ALONE = Wanted()


def line_reader(
    predictor: NumberPredictor, spec: Spec = _NO_SPEC, *, wanted: Wanted = NUMBERS_ALONE
) -> BatchReader:
    """Read one number from each page, which shows a single line of writing.

    Args:
        predictor: the model.
        spec: constraints of the numbers, such as {"digits": 4}; see constraints/spec.py.
        wanted: what else the results hold.

    Raises:
        ConstraintError: the constraints contradict each other or the roster.
        TypeError, ValueError: a constraint has a value of the wrong type.
    """
    expected = expect(spec, build_constraint(spec), wanted.roster)

    def find(pages: Iterable[Page]) -> Iterator[FoundPage | ImageError]:
        taken: deque[Page] = deque()  # the predictor takes many pages at once

        def take() -> Iterator[Page]:
            for page in pages:
                taken.append(page)
                yield page

        for line in predictor.iterate_numbers(take(), expected.constraint):
            page = taken.popleft()
            if isinstance(line, ImageError):
                yield line
                continue
            picture = _reduce_line(page) if may_be_doubtful(line, expected, wanted) else None
            number = FoundNumber("1", line, line, expected, _same_line, None, picture)
            yield FoundPage([number], _gather_line)

    settings = {"reader": "line", "constraints": dict(spec)}
    return _batch_reader(find, wanted, line_layout(annotated=wanted.annotated), predictor, settings)


def page_reader(
    predictor: NumberPredictor,
    spec: Spec = _NO_SPEC,
    *,
    wanted: Wanted = NUMBERS_ALONE,
    gap: float | None = None,
) -> BatchReader:
    """Read all numbers on each page, in reading order.

    Args:
        predictor: the model.
        spec: constraints of the numbers, such as {"digits": 4}; see constraints/spec.py.
        wanted: what else the results hold.
        gap: widest space inside a number, in digit heights; None for the default.

    Raises:
        ConstraintError, TypeError, ValueError: as for `line_reader`.
    """
    widest_gap = MAX_GAP_HEIGHTS if gap is None else gap
    constraint = build_constraint(spec)
    expected = expect(spec, constraint, wanted.roster)

    def find(pages: Iterable[Page]) -> Iterator[FoundPage]:
        for page in pages:
            reading = predict_page(
                page,
                None if expected.is_on_roster else constraint,
                read=predictor.read_lines,
                gap=widest_gap,
            )
            numbers = [
                FoundNumber(
                    str(index),
                    number,
                    number.prediction,
                    expected,
                    partial(place_number, number.line),
                    number.corners,
                    view_line(page, number.line)
                    if may_be_doubtful(number.prediction, expected, wanted)
                    else None,
                )
                for index, number in enumerate(reading.numbers, 1)
            ]
            yield FoundPage(numbers, partial(_gather_page, reading.skew))

    settings = {"reader": "page", "constraints": dict(spec), "gap": widest_gap}
    return _batch_reader(find, wanted, page_layout(annotated=wanted.annotated), predictor, settings)


def form_reader(
    predictor: NumberPredictor, template: FormTemplate, *, wanted: Wanted = NUMBERS_ALONE
) -> BatchReader:
    """Read the fields of each page, a filled sheet of a form; other pictures give an error.

    Args:
        predictor: the model.
        template: the form, with the constraints of its fields.
        wanted: what else the results hold.

    Raises:
        ConstraintError: the form lacks the roster's field, or a constraint contradicts the roster.
    """
    roster = wanted.roster
    expected = {
        field.name: expect(
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

    def find(pages: Iterable[Page]) -> Iterator[FoundPage | ImageError]:
        for page in pages:
            try:
                reading = read_form(page, template, read=predictor.read_lines)
            except ImageError as error:
                yield error
                continue
            numbers = [
                FoundNumber(
                    field.name,
                    field,
                    field.prediction,
                    expected[field.name],
                    partial(place_field, field.cut),
                    field.corners,
                    field.picture
                    if may_be_doubtful(field.prediction, expected[field.name], wanted)
                    else None,
                )
                for field in reading.fields
            ]
            gather = partial(_gather_form, reading.found, list(expected))
            yield FoundPage(numbers, gather)

    layout = form_layout(list(expected), annotated=wanted.annotated)
    settings = {"reader": "form", "form": _fingerprint(template)}
    return _batch_reader(find, wanted, layout, predictor, settings)


def _batch_reader(
    find: Find,
    wanted: Wanted,
    layout: ColumnLayout,
    predictor: NumberPredictor,
    settings: Mapping[str, Any],
) -> BatchReader:
    return BatchReader(
        partial(answer, find, wanted),
        layout,
        {**settings, "model": predictor.fingerprint, "unsure": wanted.unsure, "below": wanted.below},
        needs_all_pages=wanted.roster is not None,
    )


def _fingerprint(template: FormTemplate) -> dict[str, Any]:
    """What decides how a sheet is read, ready for JSON."""
    return {
        "size": list(template.size),
        "fields": [[field.name, list(field.box), field.cells, dict(field.spec)] for field in template.fields],
        "printed": hashlib.sha256(template.printed.tobytes()).hexdigest(),
    }


def _reduce_line(page: Page) -> Page:
    picture = Image.fromarray(page)
    picture.thumbnail(MAX_LINE_PICTURE_PX)
    return np.asarray(picture)


def _same_line(line: NumberPrediction) -> NumberPrediction:
    return line


def _gather_line(values: list[dict[str, Any]]) -> dict[str, Any]:
    return values[0]


def _gather_page(skew: float, values: list[dict[str, Any]]) -> dict[str, Any]:
    return {"skew": round(skew, DEGREE_DECIMALS), "numbers": values}


def _gather_form(found: float, names: list[str], values: list[dict[str, Any]]) -> dict[str, Any]:
    return {"found": round_share(found), "fields": dict(zip(names, values, strict=True))}

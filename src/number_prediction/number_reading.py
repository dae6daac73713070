"""Pages -> numbers in plain values, one result a page: of a line, of a whole page, of a form.

Readers as `reading` takes them. With `annotated`, each result goes with the page and its boxes, as PNG.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from number_prediction.annotation import Mark, annotate
from number_prediction.constraints import Constraint
from number_prediction.forms import FormTemplate, read_form
from number_prediction.images import Page
from number_prediction.numbers import NumberPredictor
from number_prediction.pages import predict_page
from number_prediction.reading import Explained
from number_prediction.types import ImageError

Result: TypeAlias = "dict[str, Any] | Explained | ImageError"


def read_lines(
    predictor: NumberPredictor,
    pages: Iterable[Page],
    *,
    constraint: Constraint | None = None,
    unsure: float = 0.0,
    annotated: bool = False,
) -> Iterator[Result]:
    """The number on each page, one line of writing; digits less sure than `unsure` are "?" in `shown`."""
    taken: deque[Page] = deque()  # many go through the graph together

    def take() -> Iterator[Page]:
        for page in pages:
            taken.append(page)
            yield page

    for number in predictor.iterate_numbers(take(), constraint):
        page = taken.popleft()
        if isinstance(number, ImageError):
            yield number
            continue
        values = {**number.to_dict(), "shown": number.masked(unsure)}
        marks = [Mark(each.glyph, each.confidence, each.box.corners) for each in number.glyphs]
        yield Explained(values, annotate(page, marks)) if annotated else values


def read_pages(
    predictor: NumberPredictor,
    pages: Iterable[Page],
    *,
    constraint: Constraint | None = None,
    unsure: float = 0.0,
    annotated: bool = False,
) -> Iterator[Result]:
    """All numbers on each page, in reading order."""
    for page in pages:
        found = predict_page(page, constraint, read=predictor.predict_numbers)
        values = found.to_dict()
        for number, plain in zip(found.numbers, values["numbers"], strict=True):
            plain["shown"] = number.masked(unsure)
        marks = [Mark(each.masked(unsure), each.confidence, each.corners) for each in found.numbers]
        yield Explained(values, annotate(page, marks)) if annotated else values


def read_forms(
    predictor: NumberPredictor,
    pages: Iterable[Page],
    *,
    template: FormTemplate,
    unsure: float = 0.0,
    annotated: bool = False,
) -> Iterator[Result]:
    """The fields of each page, a filled sheet of the form; what is no such sheet gives an error."""
    for page in pages:
        try:
            found = read_form(page, template, read=predictor.predict_numbers)
        except ImageError as error:
            yield error
            continue
        values = found.to_dict()
        for field in found.fields:
            values["fields"][field.name]["shown"] = field.masked(unsure)
        marks = [Mark(each.masked(unsure), each.confidence, each.corners) for each in found.fields]
        yield Explained(values, annotate(page, marks)) if annotated else values

"""The services that read pictures: path, reader, and schema of the answer.

To add a service, add an entry to `services_of`; limits, queue, errors and documentation are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from number_prediction.constraints.spec import Spec
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ImageError
from number_prediction.forms.template import FormTemplate
from number_prediction.images.decode import Page
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.pipeline.digit_reader import read_digits
from number_prediction.pipeline.number_readers import form_reader, line_reader, page_reader
from number_prediction.pipeline.rows import Reader
from number_prediction.web.constrained import make_readers
from number_prediction.web.schemas import DigitAnswers, LineAnswers, PageAnswers, SheetAnswers

MAX_INK_SIDE_PX = 240
"""Longest side of the ink in an answer; larger ink is reduced."""


@dataclass(frozen=True)
class Service:
    """A route that reads pictures."""

    summary: str
    read: Reader
    """Pages -> plain values for each page, in order."""
    key: str
    """Key of these values in the answer."""
    answer: type[BaseModel]
    """Schema of the answer, for the documentation; the values are sent as the reader returns them."""
    explain: Reader | None = None
    """A reader that adds what the model saw, if the service has one."""
    takes_documents: bool = False
    """Whether PDF and all pages of TIFF files are read."""
    constrain: Callable[[Spec], Reader] | None = None
    """From constraints to the reader of numbers that fit them, if the service takes constraints; raises
    Problem."""


def services_of(
    predictor: Predictor, numbers: NumberPredictor | None = None, form: FormTemplate | None = None
) -> Mapping[str, Service]:
    """Return the services by path; numbers and forms need a model for numbers."""
    services = {
        "/api/digits": Service(
            "Read one digit from each picture",
            partial(read_digits, predictor),
            "predictions",
            DigitAnswers,
            partial(explain_digits, predictor),
        ),
    }
    if numbers is None:
        return services
    services["/api/number"] = Service(
        "Read the number in each picture of one line",
        line_reader(numbers),
        "predictions",
        LineAnswers,
        constrain=make_readers(partial(line_reader, numbers)),
    )
    services["/api/page"] = Service(
        "Find and read all numbers in each picture of a page",
        page_reader(numbers),
        "pages",
        PageAnswers,
        takes_documents=True,
        constrain=make_readers(partial(page_reader, numbers)),
    )
    if form is not None:
        services["/api/form"] = Service(
            "Read the fields in each picture of a filled sheet of the form given with --form",
            form_reader(numbers, form),
            "sheets",
            SheetAnswers,
            takes_documents=True,
        )
    return services


def explain_digits(predictor: Predictor, pages: Iterable[Page]) -> Iterator[dict[str, Any] | ImageError]:
    """Read digits like `read_digits`, and add frame and ink as rows of values."""
    for answer in predictor.iterate_digits(pages, explain=True):
        if isinstance(answer, ImageError):
            yield answer
        else:
            assert answer.ink is not None
            yield {**answer.to_dict(), "frame": _rows(answer.frame), "ink": _rows(_reduce(answer.ink))}


def _rows(ink: NDArray[np.float32]) -> list[list[float]]:
    return [[round(float(value), 3) for value in row] for row in ink]


def _reduce(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keep every n-th row and column, so that no side is longer than MAX_INK_SIDE_PX."""
    step = -(-max(ink.shape) // MAX_INK_SIDE_PX)
    return ink[::step, ::step]

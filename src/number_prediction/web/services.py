"""What can be asked of the server: a route, what reads the pictures, and how its answer looks.

Another reader of pictures is another entry in `services_of`; limits, queue, errors and documentation are the
same for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ImageError
from number_prediction.forms.template import FormTemplate
from number_prediction.images.decode import Page
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.pipeline.readers import form_reader, line_reader, page_reader, read_digits
from number_prediction.pipeline.rows import Reader
from number_prediction.web.schemas import DigitAnswers, LineAnswers, PageAnswers, SheetAnswers

LONGEST_INK = 240
"""Pixels of the longer side of the ink in an answer; larger ink is reduced."""


@dataclass(frozen=True)
class Service:
    """A route that reads pictures."""

    summary: str
    read: Reader
    """Pages -> plain values for each, in order."""
    key: str
    """Under which the values stand in the answer."""
    answer: type[BaseModel]
    """How the answer looks; for the documentation, the values are sent as the reader gives them."""
    explain: Reader | None = None
    """The same with what the model saw, where it can tell."""


def services_of(
    predictor: Predictor, numbers: NumberPredictor | None = None, form: FormTemplate | None = None
) -> Mapping[str, Service]:
    """Path -> service; numbers and forms only with a model for numbers."""
    services = {
        "/api/digits": Service(
            "Read one digit from each picture",
            partial(read_digits, predictor),
            "predictions",
            DigitAnswers,
            partial(read_seen, predictor),
        ),
    }
    if numbers is None:
        return services
    services["/api/number"] = Service(
        "Read the number on each picture, one line of writing",
        line_reader(numbers),
        "predictions",
        LineAnswers,
    )
    services["/api/page"] = Service(
        "Find and read all numbers on each picture", page_reader(numbers), "pages", PageAnswers
    )
    if form is not None:
        services["/api/form"] = Service(
            "Read the fields of each picture, a sheet of the form that the server was started with",
            form_reader(numbers, form),
            "sheets",
            SheetAnswers,
        )
    return services


def read_seen(predictor: Predictor, pages: Iterable[Page]) -> Iterator[dict[str, Any] | ImageError]:
    """As `read_digits`, with the frame and the ink as rows."""
    for answer in predictor.iterate_digits(pages, explain=True):
        if isinstance(answer, ImageError):
            yield answer
        else:
            assert answer.ink is not None
            yield {**answer.to_dict(), "frame": _rows(answer.frame), "ink": _rows(_reduce(answer.ink))}


def _rows(ink: NDArray[np.float32]) -> list[list[float]]:
    return [[round(float(value), 3) for value in row] for row in ink]


def _reduce(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every so many rows and columns, at most LONGEST_INK of them."""
    step = -(-max(ink.shape) // LONGEST_INK)
    return ink[::step, ::step]

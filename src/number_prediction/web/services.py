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
from pydantic import BaseModel, Field

from number_prediction.forms import FormTemplate
from number_prediction.images import Page
from number_prediction.number_reading import form_reader, line_reader, page_reader
from number_prediction.numbers import NumberPredictor
from number_prediction.predictor import Predictor
from number_prediction.reading import Reader, read_digits
from number_prediction.types import ImageError

LONGEST_INK = 240
"""Pixels of the longer side of the ink in an answer; larger ink is reduced."""


class Finding(BaseModel):
    """What may be wrong with a picture."""

    code: str
    text: str = Field(description="In words, with the mend")


class DigitAnswer(BaseModel):
    """What the model says of one picture: `DigitPrediction.to_dict()`."""

    label: int | None = Field(description="Index of the most probable class; null where the model abstains")
    text: str | None = Field(description="Name of that class")
    confidence: float = Field(ge=0, le=1, description="Probability of the label; 0 where the model abstains")
    is_digit: float = Field(ge=0, le=1, description="Probability that the picture holds a digit at all")
    probabilities: list[float] = Field(description="Of each class, in the order of /api/model")
    warnings: list[Finding]
    frame: list[list[float]] | None = Field(None, description="28 rows of 28; where explain is asked for")
    ink: list[list[float]] | None = Field(
        None, description="Rows of what was taken for the digit; where explain is asked for"
    )


class DigitAnswers(BaseModel):
    """One answer a picture, in order."""

    predictions: list[DigitAnswer]


class GlyphAnswer(BaseModel):
    """One digit or sign of a number."""

    glyph: str
    confidence: float = Field(ge=0, le=1)
    alternatives: list[tuple[str, float]] = Field(description="Others with their probabilities, best first")
    box: tuple[float, float, float, float] = Field(description="Left, top, width, height in the picture")


class LineAnswer(BaseModel):
    """The number on one picture: `NumberPrediction.to_dict()`."""

    text: str | None = Field(description="null where nothing fits what is known")
    shown: str = Field(description="The text; ? for each doubtful digit, and where nothing fits")
    confidence: float = Field(ge=0, le=1, description="Probability of the whole text")
    fit: float = Field(
        ge=0, le=1, description="Probability that a number that is allowed is written there at all"
    )
    glyphs: list[GlyphAnswer]


class LineAnswers(BaseModel):
    """One answer a picture, in order."""

    predictions: list[LineAnswer]


class PlacedNumber(LineAnswer):
    """A number on a page."""

    box: tuple[float, float, float, float]
    corners: list[tuple[float, float]] = Field(description="Clockwise from the upper left of the writing")


class PageAnswer(BaseModel):
    """All numbers on one picture, in reading order."""

    skew: float = Field(description="Degrees by which the writing falls to the right")
    numbers: list[PlacedNumber]


class PageAnswers(BaseModel):
    """One answer a picture, in order."""

    pages: list[PageAnswer]


class FieldAnswer(LineAnswer):
    """What stands in a field of a form."""

    box: tuple[float, float, float, float]


class SheetAnswer(BaseModel):
    """A filled sheet."""

    found: float = Field(ge=0, le=1, description="Share of what is printed on the form that was found")
    fields: dict[str, FieldAnswer]


class SheetAnswers(BaseModel):
    """One answer a picture, in order."""

    sheets: list[SheetAnswer]


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

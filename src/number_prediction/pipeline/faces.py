"""Pictures -> answers in one call, with the packaged models unless another is named.

In: one picture or many, see `images.pictures.iterate_pictures`. Out: `Results`, a list with one answer per
picture, in order, which can become a table (`to_frame`) and pictures (`save`). The packaged models stay
loaded; each call loads any other anew. To keep one, load a `Predictor` or a `NumberPredictor`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TypeAlias, TypeVar

from rich.console import Console
from rich.progress import track

from number_prediction.constraints.constraint import Constraint
from number_prediction.digits.prediction import DigitPrediction
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ImageError
from number_prediction.images.decode import ImageInput
from number_prediction.images.pictures import Pictures, iterate_pictures
from number_prediction.images.result import Results, Source
from number_prediction.images.sources import iterate_pages
from number_prediction.models.model import require_answers, require_results
from number_prediction.numbers.page import PageReading, ReadLines, predict_page
from number_prediction.numbers.prediction import NumberPrediction
from number_prediction.numbers.predictor import NumberPredictor

ModelName: TypeAlias = "str | os.PathLike[str] | None"
Answer = TypeVar("Answer")


def read_digits(
    pictures: Pictures,
    *,
    model: ModelName = None,
    explain: bool = False,
    must_answer: bool = False,
    progress: bool = False,
) -> Results[DigitPrediction]:
    """Read one digit from each picture.

    Args:
        pictures: one picture or many.
        model: a model.onnx, the folder of a run, or "latest"; by default the packaged model.
        explain: keep the page and its ink with each prediction.
        must_answer: always give the most probable digit.
        progress: show a bar on stderr.

    Raises:
        ImageError: a picture cannot be read. ModelError: no such model.
    """
    given = list(iterate_pictures(pictures))
    predictor = _digits(model)
    answers = predictor.iterate_digits(given, explain=explain, must_answer=must_answer)
    return require_results(_shown(answers, len(given), progress))


def read_numbers(
    pictures: Pictures,
    constraint: Constraint | None = None,
    *,
    model: ModelName = None,
    progress: bool = False,
) -> Results[NumberPrediction]:
    """Read one number from each picture of a line.

    Args:
        pictures: one picture or many.
        constraint: the values that are allowed for every number.
        model: a model.onnx or the folder of a run; by default the packaged model.
        progress: show a bar on stderr.

    Raises:
        ImageError: a picture cannot be read. ModelError: no such model.
    """
    given = list(iterate_pictures(pictures))
    answers = _numbers(model).iterate_numbers(given, constraint)
    return require_results(_shown(answers, len(given), progress))


def read_page(
    pictures: Pictures,
    constraint: Constraint | None = None,
    *,
    model: ModelName = None,
    progress: bool = False,
) -> Results[PageReading]:
    """Find and read all numbers on each page; a PDF or TIFF gives all its pages, in order.

    Args:
        pictures: one photo, scan or document, or many.
        constraint: the values that are allowed for every number.
        model: a model for numbers: model.onnx or the folder of a run; by default the packaged one.
        progress: show a bar on stderr.

    Raises:
        ImageError: a page cannot be read. ModelError: no such model.
    """
    read = _numbers(model).read_lines
    given = list(iterate_pictures(pictures))

    def answers() -> Iterator[list[PageReading] | ImageError]:
        for picture in given:
            yield list(_read_document(picture, constraint, read))

    found = require_answers(_shown(answers(), len(given), progress))
    return Results(page for document in found for page in document)


def _read_document(
    picture: ImageInput, constraint: Constraint | None, read: ReadLines
) -> Iterator[PageReading]:
    """Read all pages of a picture or document, one in memory at a time."""
    for number, page in iterate_pages(picture):
        if isinstance(page, ImageError):
            raise page
        yield predict_page(page, constraint, read=read).at(Source.of(picture, number))


def _shown(answers: Iterable[Answer], count: int, progress: bool) -> Iterable[Answer]:
    if not progress:
        return answers
    return track(answers, "reading", count, console=Console(stderr=True))


def _digits(model: ModelName) -> Predictor:
    return _packaged_digits() if model is None else Predictor(model)


def _numbers(model: ModelName) -> NumberPredictor:
    return _packaged_numbers() if model is None else NumberPredictor(model)


@cache
def _packaged_digits() -> Predictor:
    return Predictor()


@cache
def _packaged_numbers() -> NumberPredictor:
    return NumberPredictor()

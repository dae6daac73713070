"""Pictures -> answers in one call, with the packaged models unless another is named.

In: one picture or many, see `images.pictures.iterate_pictures`. Out: `Results`, a list with one answer per
picture, in order, which can become a table (`to_frame`) and pictures (`save`). The packaged models stay
loaded; each call loads any other anew. To keep one, load a `Predictor` or a `NumberPredictor`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
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
from number_prediction.models.model import require_answers
from number_prediction.numbers.page import PageReading, ReadLines, predict_page
from number_prediction.numbers.prediction import NumberPrediction
from number_prediction.numbers.predictor import NumberPredictor, packaged_numbers

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
    answer = partial(_digits(model).iterate_digits, explain=explain, must_answer=must_answer)
    return Results(_read(pictures, answer, progress))


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
    answer = partial(_numbers(model).iterate_numbers, constraint=constraint)
    return Results(_read(pictures, answer, progress))


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

    def answer(given: Pictures) -> Iterator[list[PageReading]]:
        for picture in iterate_pictures(given):
            yield list(_read_document(picture, constraint, read))

    return Results(page for document in _read(pictures, answer, progress) for page in document)


def _read_document(
    picture: ImageInput, constraint: Constraint | None, read: ReadLines
) -> Iterator[PageReading]:
    """Read all pages of a picture or document, one in memory at a time."""
    for number, page in iterate_pages(picture):
        if isinstance(page, ImageError):
            raise page
        yield predict_page(page, constraint, read=read).at(Source.of(picture, number))


def _read(
    pictures: Pictures, answer: Callable[[Pictures], Iterable[Answer | ImageError]], progress: bool
) -> list[Answer]:
    """Answer all pictures; only a bar needs to know beforehand how many there are."""
    if not progress:
        return require_answers(answer(pictures))
    given = list(iterate_pictures(pictures))
    return require_answers(track(answer(given), "reading", len(given), console=Console(stderr=True)))


def _digits(model: ModelName) -> Predictor:
    return _packaged_digits() if model is None else Predictor(model)


def _numbers(model: ModelName) -> NumberPredictor:
    return packaged_numbers() if model is None else NumberPredictor(model)


@cache
def _packaged_digits() -> Predictor:
    return Predictor()

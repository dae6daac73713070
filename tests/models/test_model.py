"""What all models share: chunks of pictures, answers in order, and errors in the place of their pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from number_prediction.errors import ImageError
from number_prediction.images.decode import Page
from number_prediction.models import model as models
from number_prediction.models.model import iterate_answers, iterate_chunks, require_answers

GREYS = [np.full((3, 4), grey, np.uint8) for grey in range(7)]


def grey_of(pages: list[Page]) -> list[int]:
    return [int(page[0, 0]) for page in pages]


def test_answers_and_errors_keep_the_order_of_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "CHUNK_SIZE", 3)
    pictures = [GREYS[0], b"text", *GREYS[1:4], Path("missing.png"), GREYS[4]]
    answers = list(iterate_answers(pictures, grey_of))
    assert [answer for answer in answers if not isinstance(answer, ImageError)] == [0, 1, 2, 3, 4]
    assert [place for place, answer in enumerate(answers) if isinstance(answer, ImageError)] == [1, 5]
    with pytest.raises(ImageError, match="not a picture"):
        require_answers(answers)
    assert require_answers(iterate_answers(GREYS, grey_of)) == list(range(7))


def test_chunks_are_limited_by_pictures_and_by_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "CHUNK_SIZE", 3)
    assert [len(chunk) for chunk in iterate_chunks(GREYS)] == [3, 3, 1]
    monkeypatch.setattr(models, "MAX_CHUNK_PIXELS", 20)
    assert [len(chunk) for chunk in iterate_chunks(GREYS)] == [2, 2, 2, 1]


def test_pictures_are_taken_only_when_they_are_needed() -> None:
    taken = []

    def pictures() -> object:
        for picture in GREYS:
            taken.append(1)
            yield picture

    answers = iterate_answers(pictures(), grey_of)  # type: ignore[arg-type]
    assert taken == []
    assert next(answers) == 0

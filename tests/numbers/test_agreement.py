"""Two models read a line: the more probable reading counts, and both have to hold it for a number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from number_prediction.constants import GLYPHS, LINE_HEIGHT, LINE_WIDTH
from number_prediction.decoding.search import decode
from number_prediction.numbers.prediction import LEAST_FIT, NumberPrediction, locate
from number_prediction.numbers.predictor import SECOND_OPINION_BELOW, NumberPredictor, agree
from tests.helpers.composed import peaks


def reading(text: str, doubt: dict[int, tuple[str, float]], is_number: float = 1.0) -> NumberPrediction:
    lattice = peaks(text, doubt)
    frame = np.zeros((LINE_HEIGHT, LINE_WIDTH), np.float32)
    return locate(decode(lattice, GLYPHS)[0], frame, lattice, np.array([0, 0, 1], np.float32), is_number)


def test_the_more_probable_reading_counts() -> None:
    unsure, sure = reading("2048", {2: ("9", 0.45)}), reading("2098", {})
    assert agree(unsure, sure).text == agree(sure, unsure).text == "2098"
    assert agree(unsure, sure).confidence == pytest.approx(sure.confidence)


@pytest.mark.parametrize("is_number", [0.0, 0.04, 0.5, 1.0])
def test_a_word_to_one_model_stays_doubtful(is_number: float) -> None:
    agreed = agree(reading("17", {}), reading("17", {}, is_number))
    assert agreed.is_number == pytest.approx(is_number**0.5)
    assert agreed.fit == pytest.approx(is_number**0.5, abs=0.01)
    assert agreed.probability <= agreed.fit
    if agreed.fit < LEAST_FIT:
        assert agreed.confidence <= agreed.fit
        assert all(glyph.confidence <= agreed.fit for glyph in agreed.glyphs)


def test_only_uncertain_readings_are_shown_to_the_second_model(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = NumberPredictor()
    asked: list[int] = []
    sure, unsure = (
        replace(reading(text, {}), confidence=share) for text, share in (("17", 0.99), ("48", 0.5))
    )
    assert sure.probability >= SECOND_OPINION_BELOW

    def of_first(self: NumberPredictor, pages: list[object], _constraint: object) -> list[NumberPrediction]:
        if self is numbers:
            return [sure, unsure]
        asked.append(len(pages))
        return [reading("49", {})]

    monkeypatch.setattr(NumberPredictor, "_read_alone", of_first)
    pages = [np.full((20, 40), 255, np.uint8)] * 2
    assert [each.text for each in numbers.read_lines(pages)] == ["17", "49"]
    assert asked == [1]

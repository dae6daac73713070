"""Numbers of one digit, of which the model for digits is asked too."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from number_prediction.constants import GLYPHS
from number_prediction.datasets.split import Splits
from number_prediction.decoding.search import decode
from number_prediction.digits.predictor import Predictor
from number_prediction.numbers.lone_digit import find_lone_digit, merge_opinions
from number_prediction.numbers.predictor import NumberPredictor
from tests.helpers.composed import peaks


def sure_of(digit: int, share: float) -> NDArray[np.float32]:
    """Probabilities (10,) of the digits."""
    digits = np.full(10, (1 - share) / 9, np.float32)
    digits[digit] = share
    return digits


@pytest.mark.parametrize("text", ["", "42", "-4", ".", "77", "7."])
def test_what_is_no_lone_digit_is_not_asked_about(text: str) -> None:
    assert find_lone_digit(peaks(text)) is None


def test_both_opinions_count() -> None:
    lattice = peaks("1", {0: ("7", 0.3)})
    steps = find_lone_digit(lattice)
    assert steps is not None
    assert decode(merge_opinions(lattice, steps, sure_of(7, 0.99)), GLYPHS)[0].text == "7"
    same = decode(merge_opinions(lattice, steps, sure_of(1, 0.6)), GLYPHS)[0]
    assert same.text == "1"
    assert same.glyphs[0].alternatives[0][0] == "7"


def test_steps_beside_the_digit_and_the_share_of_digits_stay() -> None:
    lattice = peaks("1", {0: ("7", 0.3)})
    before = lattice.copy()
    steps = find_lone_digit(lattice)
    assert steps is not None
    asked = merge_opinions(lattice, steps, sure_of(7, 1.0))
    np.testing.assert_array_equal(lattice, before)
    np.testing.assert_array_equal(np.delete(asked, steps, 0), np.delete(before, steps, 0))
    np.testing.assert_allclose(asked.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(asked[:, 0], before[:, 0])


def test_lone_digits_are_read_as_the_model_for_digits_reads_them(mnist: Splits, predictor: Predictor) -> None:
    pages = [np.pad(255 - image, 12, constant_values=255) for image in mnist.test.images[:300]]
    numbers = NumberPredictor().predict_numbers(pages)
    digits = predictor.predict_digits(pages)
    known = [
        (number.text, digit.text)
        for number, digit in zip(numbers, digits, strict=True)
        if digit.text is not None and len(number.glyphs) == 1
    ]
    assert len(known) > 285
    assert sum(number == digit for number, digit in known) >= len(known) - 1

"""Predictions of numbers: masks, missing texts, other constraints, and boxes of glyphs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from number_prediction.constants import GLYPHS, LINE_HEIGHT, LINE_WIDTH
from number_prediction.constraints.constraint import Constraint, length, one_of
from number_prediction.datasets.split import Splits
from number_prediction.decoding.search import decode
from number_prediction.numbers.prediction import NumberPrediction, locate
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.runs.run import Run
from tests.helpers.composed import peaks
from tests.helpers.number_training import STEPS, write_line


@pytest.fixture(scope="module")
def numbers(number_run: Run) -> NumberPredictor:
    return NumberPredictor(number_run.folder)


def read(lattice: NDArray[np.float32], constraint: Constraint | None = None) -> NumberPrediction:
    reading = decode(lattice, GLYPHS, constraint)[0]
    frame = np.zeros((LINE_HEIGHT, LINE_WIDTH), np.float32)
    return locate(reading, frame, lattice, np.array([0, 0, 1], np.float32))


def test_what_is_not_sure_is_masked() -> None:
    found = read(peaks("2048", {2: ("9", 0.4)}))
    assert found.text == "2048"
    assert found.masked(0.9) == "20?8"
    assert found.masked(0.9, mark="_") == "20_8"
    assert found.masked(0.1) == "2048"
    assert found.glyphs[2].alternatives[0][0] == "9"
    assert json.loads(json.dumps(found.to_dict()))["glyphs"][2]["glyph"] == "4"
    for glyph in found.glyphs:  # where there is no ink, a box is in the frame all the same
        assert 0 <= glyph.box.left < glyph.box.left + glyph.box.width <= LINE_WIDTH


def test_where_nothing_fits_there_is_no_text() -> None:
    found = read(peaks("2048")[:5], length(7))
    assert (found.text, found.masked(0.5), found.glyphs) == (None, "?", ())


def test_a_line_is_decoded_again_under_what_else_is_known() -> None:
    found = read(peaks("2048", {2: ("9", 0.6)}))
    assert found.text == "2098"
    again = found.under(one_of(["2048", "2058"]))
    assert (again.text, len(again.glyphs)) == ("2048", 4)
    assert again.confidence > 0.99
    assert again.under(None).text == "2098"


@pytest.mark.parametrize(("factor", "margin"), [(1, 10), (3, 40), (9, 30), (12, 200)])
def test_glyphs_find_their_place_in_a_picture_of_any_size(
    numbers: NumberPredictor, mnist: Splits, factor: int, margin: int
) -> None:
    """The lattice is made by hand: a digit is said at the step in which its middle lies."""
    indices = [0, 1, 3, 4]  # 7, 2, 0, 4
    page, places = write_line(mnist, indices, factor=factor, margin=margin)
    answer = numbers.run([page])
    x, _, side = answer.places[0].tolist()
    lattice = np.full((STEPS, len(GLYPHS)), 0.001, np.float32)
    lattice[:, 0] = 1
    for index, (left, _, right, _) in zip(indices, places, strict=True):
        step = int(((left + right) / 2 - x) / side / 2)
        lattice[step] = 0.001
        lattice[step, GLYPHS.index(str(mnist.test.labels[index]))] = 1
    lattice /= lattice.sum(1, keepdims=True)
    found = locate(decode(lattice, GLYPHS)[0], answer.frames[0], lattice, answer.places[0])
    assert found.text == "7204"
    for glyph, place in zip(found.glyphs, places, strict=True):
        box = glyph.box
        corners = (box.left, box.top, box.left + box.width, box.top + box.height)
        assert corners == pytest.approx(place, abs=2.5 * side)

"""NumberPredictor: batches, blank pages, sloping lines, and files of another kind."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from number_prediction.constraints.constraint import length, one_of
from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ModelError
from number_prediction.images.geometry import LEFT_AS_IT_IS, box_of, rotation
from number_prediction.numbers.prediction import LEAST_FIT
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.runs.run import Run
from tests.helpers.number_training import STEPS, write_line


@pytest.fixture(scope="module")
def numbers(number_run: Run) -> NumberPredictor:
    return NumberPredictor(number_run.folder)


def test_digits_and_numbers_are_not_taken_for_each_other(number_run: Run, predictor: Predictor) -> None:
    with pytest.raises(ModelError, match="not a number graph"):
        NumberPredictor(predictor.path)
    with pytest.raises(ModelError, match="not a digit graph"):
        Predictor(number_run.folder)


def test_a_page_without_ink_gives_an_empty_frame(numbers: NumberPredictor) -> None:
    (found,) = numbers.predict_numbers([np.full((40, 90), 255, np.uint8)])
    assert not found.frame.any()


def test_a_line_is_answered_alike_beside_a_longer_one(numbers: NumberPredictor, mnist: Splits) -> None:
    """The network looks at as much as the longest line of a batch takes; right of a line is blank."""
    line, places = write_line(mnist, [0, 1], factor=2, margin=10)
    longer, _ = write_line(mnist, [2, 3, 4, 5, 6, 7, 8, 9], factor=2, margin=10)
    line = np.pad(line, ((0, 0), (0, longer.shape[1] - line.shape[1])), constant_values=255)
    alone, both = numbers.run([line]), numbers.run([line, longer])
    np.testing.assert_allclose(both.lattices[0], alone.lattices[0], atol=1e-5)
    assert len(alone.lattices[0]) == STEPS
    x, _, side = alone.places[0].tolist()
    end = (places[-1][2] + 28 * 2 - x) / side  # write_line writes the first digit once more
    beyond = alone.lattices[0][int(end / 2) + 10 :]
    assert len(beyond) > 100
    assert (beyond[:, 0] == 1).all()
    assert not beyond[:, 1:].any()


def six_digits(mnist: Splits, indices: list[int]) -> tuple[Image.Image, str]:
    page, _ = write_line(mnist, indices, factor=4, margin=60)
    text = "".join(str(mnist.test.labels[index]) for index in indices)
    return Image.fromarray(page), text


@pytest.mark.parametrize("degrees", [-27, -20, 20, 27])
def test_a_line_that_slopes_is_read_set_level(mnist: Splits, degrees: float) -> None:
    page, text = six_digits(mnist, [0, 1, 2, 3, 4, 5])
    sloping = page.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    level, found = NumberPredictor().predict_numbers([np.asarray(page), np.asarray(sloping)])
    assert level.text == found.text == text
    about = rotation(degrees, (page.width / 2, page.height / 2), (sloping.width / 2, sloping.height / 2))
    for glyph, turned in zip(level.glyphs, found.glyphs, strict=True):
        wanted = box_of(about(glyph.box.corners))
        assert turned.box.left < wanted.left + wanted.width / 2 < turned.box.right
        assert turned.box.top < wanted.top + wanted.height / 2 < turned.box.bottom
    again = found.under(length(6))
    assert [glyph.box for glyph in again.glyphs] == [glyph.box for glyph in found.glyphs]


def test_a_level_line_that_nobody_can_read_stays_as_it_was_read() -> None:
    scribble = np.random.default_rng(0).integers(0, 256, (60, 200)).astype(np.uint8)
    (found,) = NumberPredictor().predict_numbers([scribble])
    assert found.to_picture == LEFT_AS_IT_IS


def test_a_sheet_without_a_number_is_not_one_of_those_that_are_known() -> None:
    blank = np.full((60, 200), 255, np.uint8)
    (answer,) = NumberPredictor().predict_numbers([blank], one_of(["26", "247"]))
    assert answer.confidence <= answer.fit < LEAST_FIT
    assert all(glyph.confidence <= answer.fit for glyph in answer.glyphs)
    assert set(answer.masked(0.5)) == {"?"}

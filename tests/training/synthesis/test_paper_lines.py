"""Composed lines on paper: repeatable, visible, with the classes and the masks of what stands on them."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from number_prediction.constants import GLYPHS, LETTER, OTHER_SIGN, STRUCK_OUT
from number_prediction.datasets.open_data import OpenSource
from number_prediction.datasets.split import Splits
from number_prediction.training.synthesis.paper_lines.lines import (
    LARGEST_DIGIT_PX,
    MOST_ROOM,
    WIDEST_PX,
    LinePictures,
    PaperComposer,
    PaperLine,
    make_paper_composer,
)

COUNT = 150


def strokes_of(writer: str) -> OpenSource:
    """Ten digits of one writer: all are zigzags."""
    strokes = tuple([np.array([[0.0, 0.0], [5.0, 3.0 + digit], [1.0, 20.0]])] for digit in range(10))
    return OpenSource(
        "uji2-digits", "somewhere", "CC BY 4.0", "0" * 64, tuple("0123456789"), (writer,) * 10, strokes, ()
    )


@pytest.fixture(scope="module")
def composer(mnist: Splits) -> PaperComposer:
    few = mnist.train.select(slice(0, 300))
    return make_paper_composer(few, {"uji2-digits": strokes_of("w1")}, seed=3)


@pytest.fixture(scope="module")
def lines(composer: PaperComposer) -> list[PaperLine]:
    return [line for number in range(COUNT) if (line := composer.line(number)) is not None]


def test_nearly_every_line_can_be_seen(lines: list[PaperLine]) -> None:
    assert len(lines) > 0.85 * COUNT
    room = 2 * MOST_ROOM * LARGEST_DIGIT_PX
    for page, classes, layers in lines:
        assert page.dtype == np.uint8
        assert page.ndim == 2
        assert page.shape[1] <= WIDEST_PX + room
        assert page.shape[0] <= 6 * LARGEST_DIGIT_PX + room
        assert all(0 < each <= STRUCK_OUT for each in classes)
        assert all(layer.shape == page.shape for layer in layers)


def test_all_kinds_of_lines_are_there(lines: list[PaperLine]) -> None:
    found = {each for line in lines for each in line.classes}
    assert found >= {*range(1, 11), GLYPHS.index("."), GLYPHS.index(","), LETTER, OTHER_SIGN, STRUCK_OUT}
    numbers = [line.classes for line in lines if line.classes and max(line.classes) < LETTER]
    assert len(numbers) > 0.6 * len(lines)
    assert not any(classes[-1] == GLYPHS.index(".") for classes in numbers)


def test_what_is_written_is_where_its_mask_says(lines: list[PaperLine]) -> None:
    """Under the mask the grey differs more from the paper's median than beside it."""
    nearer = 0
    for page, classes, layers in lines:
        ink = layers.written > 0.6
        free = np.maximum.reduce(layers) < 0.05
        if not classes or ink.sum() < 20 or free.sum() < 20:
            continue
        away = np.abs(page.astype(float) - np.median(page[free]))
        nearer += 1 if away[ink].mean() > away[free].mean() else -20
    assert nearer > 0.5 * len(lines)


def test_a_line_is_a_function_of_its_number(composer: PaperComposer) -> None:
    one, again, other = composer.line(7), composer.line(7), composer.line(8)
    assert one is not None
    assert again is not None
    assert other is not None
    assert one.classes == again.classes
    np.testing.assert_array_equal(one.page, again.page)
    assert one.page.shape != other.page.shape or not np.array_equal(one.page, other.page)


def test_lines_that_nobody_could_see_are_passed_over(composer: PaperComposer) -> None:
    numbered = [composer.line(number) for number in range(20)]
    seen = [line.classes for line in numbered if line is not None]
    assert [line.classes for line in islice(LinePictures(composer, 0), len(seen))] == seen


def test_other_data_are_told_from_these(mnist: Splits, composer: PaperComposer) -> None:
    other = make_paper_composer(mnist.train.select(slice(1, 301)), {}, seed=3)
    assert other.data_sha256 != composer.data_sha256

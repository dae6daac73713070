"""Windows of lines: each shows the digit that its label names."""

from __future__ import annotations

import numpy as np
import pytest

from number_prediction.datasets.open_data import OpenSource
from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.images.decode import Page
from number_prediction.training.synthesis.line_windows import Window, cut_windows
from number_prediction.training.synthesis.tiles import OTHER


def source_of(pages: list[Page], labels: list[str]) -> OpenSource:
    writers = tuple(f"writer {index}" for index in range(len(pages)))
    return OpenSource(
        "lines", "made by a test", "CC0-1.0", "0" * 64, tuple(labels), writers, (), tuple(pages)
    )


@pytest.fixture(scope="module")
def windows(mnist: Splits) -> list[Window]:
    """Of six numbers of four digits, dark on light, and of a word that is none."""
    images, labels = np.asarray(mnist.validation.images)[:24], mnist.validation.labels[:24]
    lines = [np.hstack([255 - each for each in images[row : row + 4]]) for row in range(0, 24, 4)]
    texts = ["".join(map(str, labels[row : row + 4])) for row in range(0, 24, 4)]
    word = np.tile(255 - images[0], (1, 3))
    return list(cut_windows(source_of([*lines, word], [*texts, "ooo"]), seed=0))


def test_windows_show_the_digit_that_their_label_names(windows: list[Window]) -> None:
    digits = [window for window in windows if window.label != OTHER]
    assert len({window.label for window in digits}) >= 7
    read = Predictor().predict_digits([window.page for window in digits])
    right = [
        str(window.label) == prediction.top(1)[0][0] for window, prediction in zip(digits, read, strict=True)
    ]
    assert np.mean(right) > 0.7  # neighbours and rests of them stand beside many


def test_words_and_whole_numbers_are_no_digit(windows: list[Window]) -> None:
    others = [window for window in windows if window.label == OTHER]
    assert "writer 6" in {window.writer for window in others}
    assert any(window.writer != "writer 6" for window in others)


def test_sources_of_single_digits_have_no_windows(mnist: Splits) -> None:
    pages = list(np.asarray(mnist.validation.images)[:3])
    assert not list(cut_windows(source_of(pages, ["7", "2", "1"]), seed=0))

"""Real lines of open data: which labels are numbers, which words, and what varies."""

from __future__ import annotations

import numpy as np
import pytest

from number_prediction.constants import GLYPHS, LETTER
from number_prediction.datasets.open_data import OpenSource
from number_prediction.training.synthesis.real_lines import gather_real_lines, vary


def source(name: str, labels: list[str]) -> OpenSource:
    page = np.full((40, 60), 220, np.uint8)
    page[8:32, 20:24] = 30
    pages = (page,) * len(labels)
    return OpenSource(name, "", "CC BY 4.0", "0" * 64, tuple(labels), ("a",) * len(labels), (), pages)


def test_mixed_labels_are_left_out() -> None:
    numbers, words = gather_real_lines(
        {
            "registers": source("registers", ["12", "3 75", "7.", "6-", "1,50", "No 3"]),
            "words": source("words", ["l'un", "x"]),
            "digits": source("digits", ["1", "2"]),
        }
    )
    texts = ["".join(GLYPHS[each] for each in line.classes) for line in numbers]
    assert texts == ["12", "7", "1,50"]
    assert [line.classes for line in words] == [(LETTER,) * 3]


@pytest.mark.parametrize("seed", range(30))
def test_a_varied_line_still_shows_its_ink(seed: int) -> None:
    page = np.full((40, 60), 220, np.uint8)
    page[8:32, 20:24] = 30
    varied = vary(page, np.random.default_rng(seed))
    assert varied.dtype == np.uint8
    assert min(varied.shape) >= 8
    assert int(varied.max()) - int(varied.min()) > 30

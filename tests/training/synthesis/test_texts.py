"""Texts of lines: years and dates."""

from __future__ import annotations

import re

import numpy as np

from number_prediction.constants import GLYPHS
from number_prediction.training.synthesis.texts import draw_text


def test_years_and_dates_are_written_more_often_than_chance_would_have_it() -> None:
    def drawn(width: int, dated: float) -> list[str]:
        random = np.random.default_rng(0)
        texts = [draw_text(random, width, dated=dated) for _ in range(4000)]
        return ["".join(GLYPHS[place] for place in text) for text in texts]

    year = re.compile(r"(1[0-9]|20)\d\d\.?")
    date = re.compile(r"(\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2}))|\d{4}-\d\d-\d\d")
    some, none = ([year.fullmatch(text) is not None for text in drawn(144, share)] for share in (0.12, 0))
    assert 0.1 < np.mean(some) - np.mean(none) < 0.14
    assert all(year.fullmatch(text) or date.fullmatch(text) for text in drawn(288, 1))
    assert any(date.fullmatch(text) for text in drawn(288, 1))
    assert all(len(text) <= 4 for text in drawn(64, 1))  # none fits

"""Skew: drawn rules and lines at known angles, single marks, and blank pages."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from number_prediction.images.decode import Page
from number_prediction.layout.skew import find_skew, straighten


def draw_page(degrees: float) -> Page:
    """Six rows of short dark strokes on paper, which fall to the right by an angle."""
    picture = Image.new("L", (900, 700), 235)
    draw = ImageDraw.Draw(picture)
    for row in range(6):
        for column in range(14):
            left, top = 120 + 48 * column, 150 + 70 * row
            draw.rectangle((left, top, left + 14, top + 30), 30)
    return np.asarray(picture.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor=235))


@pytest.mark.parametrize("degrees", [-25.0, -7.0, 0.0, 1.5, 12.0])
def test_the_skew_of_rows_is_found(degrees: float) -> None:
    page = straighten(draw_page(degrees))
    assert page.skew == pytest.approx(degrees, abs=0.3)
    assert find_skew(page.mask) == pytest.approx(0, abs=0.3)


def test_points_of_the_straightened_page_map_to_the_page() -> None:
    drawn = draw_page(12.0)
    page = straighten(drawn)
    y, x = np.nonzero(page.darker > 180)
    points = np.stack([x + 0.5, y + 0.5], 1)[:: max(1, len(x) // 500)].astype(np.float64)
    found = np.rint(page.to_page(points) - 0.5).astype(int)
    assert np.mean(drawn[found[:, 1], found[:, 0]] < 130) > 0.95


def test_one_mark_and_a_blank_page_have_no_skew() -> None:
    mark = np.zeros((400, 400), bool)
    mark[100:220, 150:190] = True
    for mask in (mark, np.zeros((400, 400), bool)):
        assert abs(find_skew(mask)) < 2

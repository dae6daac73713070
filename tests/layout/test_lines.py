"""Lines of writing: digits that stand together are one line, apart from frames, specks and rules."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from number_prediction.datasets.split import Splits
from number_prediction.images.decode import Page
from number_prediction.layout.lines import LINE_HEIGHT_PX, find_lines

DIGIT_PX = 56


def write(mnist: Splits, groups: list[tuple[int, int, int]], size: tuple[int, int] = (900, 600)) -> Page:
    """A page with groups of MNIST digits: left, top and number of digits of each."""
    page = np.full((size[1], size[0]), 235, np.uint8)
    index = 0
    for left, top, count in groups:
        for place in range(count):
            digit = np.kron(mnist.test.images[index], np.ones((2, 2), np.uint8))
            x = left + 44 * place
            part = page[top : top + DIGIT_PX, x : x + DIGIT_PX]
            page[top : top + DIGIT_PX, x : x + DIGIT_PX] = np.minimum(part, 235 - digit // 2 - digit // 4)
            index += 1
    return page


GROUPS = [(80, 80, 4), (520, 80, 3), (80, 300, 5)]


def assert_found(page: Page, groups: list[tuple[int, int, int]]) -> None:
    lines, skew = find_lines(page)
    assert abs(skew) < 1
    assert len(lines) == len(groups)
    for line, (left, top, count) in zip(lines, groups, strict=True):
        assert left - 10 < line.box.left < line.box.right < left + 44 * count + 30
        assert top - 10 < line.box.top < line.box.bottom < top + DIGIT_PX + 10
        assert line.picture.dtype == np.uint8
        assert line.picture.min() < 60
        assert line.picture.shape[0] <= 2.5 * LINE_HEIGHT_PX


def test_digits_that_stand_together_are_one_line_in_reading_order(mnist: Splits) -> None:
    assert_found(write(mnist, GROUPS), GROUPS)


@pytest.mark.parametrize("inverted", [False, True])
def test_light_writing_on_dark_paper_is_found_too(mnist: Splits, inverted: bool) -> None:
    page = write(mnist, GROUPS)
    assert_found(255 - page if inverted else page, GROUPS)


def test_rules_frames_and_specks_are_no_lines(mnist: Splits) -> None:
    picture = Image.fromarray(write(mnist, GROUPS))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((40, 50, 860, 560), outline=60, width=2)
    draw.line((60, 250, 840, 250), 60, 2)
    for x in range(100, 800, 90):
        draw.point((x, 220), 40)
    assert_found(np.asarray(picture), GROUPS)


def test_a_wider_gap_joins_groups(mnist: Splits) -> None:
    page = write(mnist, [(80, 80, 3), (300, 80, 3)])
    apart, _ = find_lines(page)
    joined, _ = find_lines(page, gap=3.0)
    assert (len(apart), len(joined)) == (2, 1)


def test_a_blank_page_has_no_lines() -> None:
    assert find_lines(np.full((300, 400), 240, np.uint8)) == ([], 0.0)

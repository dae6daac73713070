"""Reading order: columns one after the other, tables row by row, sloping rows."""

from __future__ import annotations

from number_prediction.images.geometry import Box
from number_prediction.layout.reading_order import in_reading_order


def order(boxes: list[tuple[float, float]]) -> list[int]:
    """The order of boxes of 60 x 20 pixels, given by their upper left corners."""
    return in_reading_order([Box(left, top, 60, 20) for left, top in boxes])


def test_a_table_is_read_row_by_row() -> None:
    cells = [(200 * column, 50 * row) for row in range(3) for column in range(3)]
    assert order(cells) == list(range(9))
    assert order(cells[::-1]) == list(range(9))[::-1]


def test_independent_columns_are_read_one_after_the_other() -> None:
    left, right = [(0, 60 * row) for row in range(4)], [(300, 30 + 60 * row) for row in range(4)]
    assert order([*right, *left]) == [4, 5, 6, 7, 0, 1, 2, 3]


def test_a_row_may_slope() -> None:
    upper, lower = [(70 * i, 8 * i) for i in range(5)], [(70 * i, 24 + 8 * i) for i in range(5)]
    assert order([*lower, *upper]) == [5, 6, 7, 8, 9, 0, 1, 2, 3, 4]


def test_nothing_and_one_box_need_no_order() -> None:
    assert order([]) == []
    assert order([(5, 5)]) == [0]

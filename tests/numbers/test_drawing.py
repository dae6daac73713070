"""Numbers drawn on their page: a coloured box around each, its text above, the picture in its colours."""

from __future__ import annotations

import numpy as np

from number_prediction.images.geometry import Box
from number_prediction.numbers.drawing import MAX_SIDE_PX, Mark, draw_marks

ROOM = 22
"""Rows above the page, for the text of what stands at its top."""


def draw(page: np.ndarray, *marks: Mark) -> np.ndarray:
    return np.asarray(draw_marks(page, marks)).astype(int)


def is_coloured(picture: np.ndarray) -> np.ndarray:
    return np.ptp(picture, axis=2) > 40


def test_a_box_stands_around_the_number_and_its_text_above() -> None:
    page = np.random.default_rng(0).integers(100, 250, (200, 300), np.uint8)
    box = Box(100, 90, 80, 40)
    drawn = draw(page, Mark("42", 0.99, box.corners))
    coloured = is_coloured(drawn)
    for x, y in box.corners.astype(int):
        assert coloured[ROOM + y - 2 : ROOM + y + 3, x - 2 : x + 3].any()
    assert coloured[ROOM + 90 - 19 : ROOM + 88, 100:130].sum() > 20
    around = np.zeros_like(coloured)
    around[ROOM + 90 - 22 : ROOM + 133, 97:184] = True
    assert not (coloured & ~around).any()
    unmarked = np.broadcast_to(page[..., np.newaxis], (*page.shape, 3))
    np.testing.assert_array_equal(drawn[ROOM:][~around[ROOM:]], unmarked[~around[ROOM:]])


def test_what_is_doubtful_has_another_colour() -> None:
    page = np.full((100, 200), 230, np.uint8)
    sure, unsure = (
        draw(page, Mark("7", confidence, Box(50, 40, 20, 30).corners)) for confidence in (0.95, 0.5)
    )
    (sure_colour,), (unsure_colour,) = (
        {tuple(pixel) for pixel in each[ROOM + 68 : ROOM + 72, 52:68].reshape(-1, 3) if np.ptp(pixel) > 40}
        for each in (sure, unsure)
    )
    assert sure_colour[2] > sure_colour[0]
    assert unsure_colour[0] > unsure_colour[2]


def test_large_pages_are_reduced_and_boxes_with_them() -> None:
    page = np.full((3000, 4 * MAX_SIDE_PX), 230, np.uint8)
    drawn = draw(page, Mark("1", 0.99, Box(4000, 1600, 400, 800).corners))
    assert drawn.shape == (750 + ROOM, MAX_SIDE_PX, 3)
    rows, columns = np.nonzero(is_coloured(drawn)[ROOM + 395 :])
    assert 395 + rows.max() == 600
    assert abs(columns.min() - 1000) <= 1
    assert abs(columns.max() - 1100) <= 1


def test_the_picture_keeps_its_colours() -> None:
    page = np.empty((100, 200, 3), np.uint8)
    page[:] = (20, 120, 60)
    drawn = draw(page, Mark("7", 0.95, Box(50, 40, 20, 30).corners))
    assert tuple(drawn[ROOM + 90, 150]) == (20, 120, 60)


def test_labels_are_readable_on_any_ground() -> None:
    for grey in (0, 128, 255):
        drawn = draw(np.full((100, 200), grey, np.uint8), Mark("8", 0.95, Box(50, 60, 20, 30).corners))
        label = drawn[ROOM + 60 - 18 : ROOM + 59, 50:64].reshape(-1, 3)
        plate = tuple(np.median(label, axis=0))
        assert plate == (0x2F, 0x6D, 0xB5)
        assert (label == 255).all(1).any()


def test_labels_stay_on_the_picture_and_small_lines_are_enlarged() -> None:
    page = np.full((40, 60), 200, np.uint8)
    drawn = np.asarray(draw_marks(page, [Mark("12345", 0.95, Box(50, 10, 8, 20).corners)], min_height=120))
    assert drawn.shape == (120 + ROOM, 180, 3)
    label = drawn[ROOM + 30 - 17 : ROOM + 29]
    assert (label == 255).all(2).any()
    assert (label[:, :-46] == 200).all()

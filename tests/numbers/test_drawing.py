"""Numbers drawn on their page: a coloured box around each, its text above, the page itself as it was."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from number_prediction.images.geometry import Box
from number_prediction.numbers.drawing import MAX_SIDE_PX, Mark, annotate, reduce_page

ROOM = 22
"""Rows above the page, for the text of what stands at its top."""


def draw(page: np.ndarray, *marks: Mark) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(annotate(reduce_page(page), marks)))).astype(int)


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

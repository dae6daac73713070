"""Marks: connected pixels, their boxes and sums, and operations on masks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from number_prediction.layout.marks import dilate, find_marks, paint, thicker, without_specks

MASKS = arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24)))


@given(MASKS)
def test_marks_are_the_connected_pixels(mask: np.ndarray) -> None:
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    marks = find_marks(mask)
    assert len(marks) == count
    assert sorted(marks.area) == sorted(np.bincount(labels.ravel())[1:])
    boxes = {
        (place[1].start, place[0].start, place[1].stop, place[0].stop)
        for place in ndimage.find_objects(labels)
    }
    assert set(zip(marks.left, marks.top, marks.right, marks.bottom, strict=True)) == boxes
    assert int(marks.sums(mask).sum()) == int(mask.sum())
    np.testing.assert_array_equal(paint(marks.rows, marks.starts, marks.stops, mask.shape), mask)


@given(MASKS)
def test_dilation_sets_the_pixels_around(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(dilate(mask), ndimage.binary_dilation(mask, np.ones((3, 3))))


def test_only_what_is_higher_than_the_limit_is_kept() -> None:
    mask = np.zeros((30, 20), bool)
    mask[5:8] = True
    mask[5:20, 9:11] = True
    kept = thicker(mask, 3)
    assert kept[5:20, 9:11].all()
    assert kept.sum() == 30


def test_specks_are_removed() -> None:
    mask = np.zeros((400, 1000), bool)
    mask[10:12, 10:12] = True
    mask[100:120, 50:60] = True
    kept = without_specks(mask)
    assert not kept[:50].any()
    assert kept[100:120, 50:60].all()

"""Mask -> its connected marks, and operations on masks.

In: masks (H, W) bool of a few megapixels. Marks are stored as runs, the stretches of set pixels in each row.
A full page has some hundred runs per row, so no operation visits single pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]
MIN_MARK_SIDE_SHARE = 0.005
"""Longer side of the smallest mark that is not a speck, as a share of the longer side of the mask."""


@dataclass(frozen=True, eq=False)
class Marks:
    """Connected marks (8 neighbours), M of them, in R runs."""

    rows: Indices
    """(R,) row of each run, ascending."""
    starts: Indices
    """(R,) first column of each run."""
    stops: Indices
    """(R,) one past the last column of each run."""
    labels: Indices
    """(R,) index of the mark of each run."""
    left: Indices
    """(M,) first column."""
    top: Indices
    """(M,) first row."""
    right: Indices
    """(M,) one past the last column."""
    bottom: Indices
    """(M,) one past the last row."""
    area: Indices
    """(M,) number of pixels."""

    def __len__(self) -> int:
        return len(self.area)

    def runs_of(self, wanted: Mask) -> Indices:
        """Indices of the runs of the marks selected by `wanted` (M,)."""
        return np.flatnonzero(wanted[self.labels])

    def sums(self, values: NDArray[np.uint8] | Mask) -> NDArray[np.int64]:
        """(M,): sum of `values` (H, W) over each mark."""
        width = values.shape[1]
        total = np.zeros(values.size + 1, np.int64)
        np.cumsum(values, out=total[1:])
        inside = total[self.rows * width + self.stops] - total[self.rows * width + self.starts]
        return np.bincount(self.labels, inside, len(self)).astype(np.int64)


def paint(
    rows: Indices, starts: Indices, stops: Indices, shape: tuple[int, int], origin: tuple[int, int] = (0, 0)
) -> Mask:
    """Draw runs into a mask of a shape (H, W) with the upper left pixel at `origin`; all runs must fit."""
    edges = np.zeros((shape[0], shape[1] + 1), np.int16)
    np.add.at(edges, (rows - origin[1], starts - origin[0]), 1)
    np.add.at(edges, (rows - origin[1], stops - origin[0]), -1)
    return np.cumsum(edges, axis=1, dtype=np.int16)[:, :-1] > 0


def find_marks(mask: Mask) -> Marks:
    """Find the connected marks of a mask."""
    return connect_runs(*find_runs(mask), mask.shape[1])


def find_runs(mask: Mask) -> tuple[Indices, Indices, Indices]:
    """Find row, first column and one past the last column of each run."""
    height, width = mask.shape
    edges = np.zeros((height, width + 1), bool)
    edges[:, :-1] = mask
    edges[:, 1:] ^= mask
    turns = np.flatnonzero(edges)  # starts and stops of a row alternate
    rows, starts = np.divmod(turns[0::2], width + 1)
    return rows, starts, turns[1::2] - rows * (width + 1)


def connect_runs(rows: Indices, starts: Indices, stops: Indices, width: int) -> Marks:
    """Connect runs that touch, also at corners, to marks; `width` is the width of the mask."""
    roots, labels = np.unique(_join_runs(rows, starts, stops, width), return_inverse=True)
    count = len(roots)
    left, top = np.full(count, width), rows[roots]
    right, bottom = np.zeros(count, np.intp), np.zeros(count, np.intp)
    np.minimum.at(left, labels, starts)
    np.maximum.at(right, labels, stops)
    np.maximum.at(bottom, labels, rows + 1)
    area = np.bincount(labels, stops - starts, count).astype(np.intp)
    return Marks(rows, starts, stops, labels, left, top, right, bottom, area)


def _join_runs(rows: Indices, starts: Indices, stops: Indices, width: int) -> Indices:
    """(R,): the smallest run connected to each, by hooking and shortcutting (Shiloach, Vishkin, 1982)."""
    row_width = width + 2
    first = np.searchsorted(rows * row_width + stops, (rows + 1) * row_width + starts, "left")
    last = np.searchsorted(rows * row_width + starts, (rows + 1) * row_width + stops, "right")
    counts = np.maximum(last - first, 0)
    above = np.repeat(np.arange(len(rows)), counts)
    below = np.arange(len(above)) + np.repeat(first - np.cumsum(counts) + counts, counts)
    labels = np.arange(len(rows))
    while True:
        one, other = labels[above], labels[below]
        apart = one != other
        if not apart.any():
            return labels
        above, below, one, other = above[apart], below[apart], one[apart], other[apart]
        np.minimum.at(labels, np.maximum(one, other), np.minimum(one, other))
        while True:
            shorter = labels[labels]
            if np.array_equal(shorter, labels):
                break
            labels = shorter


def grow_down(mask: Mask, reach: int) -> Mask:
    """Also set the pixels up to `reach` below set pixels."""
    done = 0
    while done < reach:
        step = min(done + 1, reach - done)
        grown = mask.copy()
        grown[step:] |= mask[:-step]
        mask, done = grown, done + step
    return mask


def thicker(mask: Mask, height: int) -> Mask:
    """Keep what is more than `height` pixels high."""
    cores = grow_down((~mask)[::-1], height)[::-1]  # pixels with paper among the next `height`
    return grow_down(~cores, height)


def without_specks(mask: Mask) -> Mask:
    """Remove marks that are smaller than MIN_MARK_SIDE_SHARE."""
    marks = find_marks(mask)
    sides = np.maximum(marks.right - marks.left, marks.bottom - marks.top)
    runs = marks.runs_of(sides >= MIN_MARK_SIDE_SHARE * max(mask.shape))
    return paint(marks.rows[runs], marks.starts[runs], marks.stops[runs], mask.shape)


def dilate(mask: Mask) -> Mask:
    """Also set the pixels around set pixels."""
    down = mask.copy()
    down[1:] |= mask[:-1]
    down[:-1] |= mask[1:]
    wide = down.copy()
    wide[:, 1:] |= down[:, :-1]
    wide[:, :-1] |= down[:, 1:]
    return wide

"""Rules: thin straight lines, found and taken out of a mask."""

from __future__ import annotations

import numpy as np

from number_prediction.layout.marks import Marks, Mask, connect_runs, find_runs, paint, thicker

UNEVEN = 1.5
"""Most that a line is thicker than usual somewhere, times, and a pixel more."""
COVERED = 0.65
"""Share of a line's length that must be thin marks."""


def _find_stretches(thin: Mask, length: int, gap: int) -> Marks:
    """Where thin marks run straight across, up and down by a pixel, for at least `length` pixels."""
    band = thin.copy()
    band[1:] |= thin[:-1]
    band[:-1] |= thin[1:]
    rows, starts, stops = find_runs(band)
    is_new = np.ones(len(rows), bool)
    is_new[1:] = (rows[1:] != rows[:-1]) | (starts[1:] - stops[:-1] > gap)
    first = np.flatnonzero(is_new)
    last = np.append(first[1:], len(rows))[: len(first)] - 1
    rows, starts, stops = rows[first], starts[first], stops[last]
    long = stops - starts >= length
    return connect_runs(rows[long], starts[long], stops[long], thin.shape[1])


def find_rules(mask: Mask, *, length: int, thickness: int, gap: int) -> Mask:
    """The pixels of thin lines that run across, such as rules: what stands out of them is not theirs.

    A digit that crosses a line is thicker than the line where it does, and stays whole. Lines are looked for
    thinnest first, as the strokes of small writing are as thin as the lines of another page.

    Args:
        mask: (H, W).
        length: pixels of the shortest line, and by which it is followed where it is broken.
        thickness: pixels of the thickest.
        gap: pixels by which it may be broken.
    """
    found = np.zeros_like(mask)
    for limit in sorted({min(2, thickness), min(4, thickness), thickness}):
        thin = mask & ~thicker(mask, limit)
        marks = _find_stretches(thin, length, gap)
        if not len(marks):
            continue
        long, area = marks.right - marks.left, marks.sums(thin)
        usual = np.where(area >= COVERED * long, np.minimum(np.rint(UNEVEN * area / long) + 1, limit), 0)
        for most in np.unique(usual[usual > 0]):
            runs = marks.runs_of(usual == most)
            starts = np.maximum(marks.starts[runs] - length, 0)
            stops = np.minimum(marks.stops[runs] + length, mask.shape[1])
            found |= paint(marks.rows[runs], starts, stops, mask.shape) & mask & ~thicker(mask, int(most))
    return found


def remove_rules(mask: Mask, *, length: int, thickness: int, gap: int) -> Mask:
    """Without thin lines that run across, then without those that run down: so their crossings go too."""
    rest = mask & ~find_rules(mask, length=length, thickness=thickness, gap=gap)
    upright = np.ascontiguousarray(rest.T)
    return np.ascontiguousarray(
        (upright & ~find_rules(upright, length=length, thickness=thickness, gap=gap)).T
    )

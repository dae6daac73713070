"""Rules: find thin straight lines in a mask and remove them."""

from __future__ import annotations

import numpy as np

from number_prediction.layout.marks import Marks, Mask, connect_runs, find_runs, paint, thicker

MAX_RULE_UNEVENNESS = 1.5
"""Thickness of a rule at its thickest place, as a multiple of its mean, plus one pixel."""
MIN_RULE_COVERAGE = 0.65
"""Share of the length of a rule that must be set."""


def find_rules(mask: Mask, *, length: int, thickness: int, gap: int) -> Mask:
    """Find the pixels of horizontal rules.

    A digit that crosses a rule is thicker than the rule there, and stays whole. Thin rules are searched
    first: the strokes of small writing are as thin as the rules of another page.

    Args:
        mask: (H, W).
        length: length of the shortest rule in pixels; a rule is also followed this far beyond its ends.
        thickness: thickness of the thickest rule in pixels.
        gap: widest break inside a rule in pixels.
    """
    found = np.zeros_like(mask)
    for limit in sorted({min(2, thickness), min(4, thickness), thickness}):
        thin = mask & ~thicker(mask, limit)
        marks = _find_stretches(thin, length, gap)
        if not len(marks):
            continue
        long, area = marks.right - marks.left, marks.sums(thin)
        usual = np.where(
            area >= MIN_RULE_COVERAGE * long,
            np.minimum(np.rint(MAX_RULE_UNEVENNESS * area / long) + 1, limit),
            0,
        )
        for allowed in np.unique(usual[usual > 0]):
            runs = marks.runs_of(usual == allowed)
            starts = np.maximum(marks.starts[runs] - length, 0)
            stops = np.minimum(marks.stops[runs] + length, mask.shape[1])
            found |= paint(marks.rows[runs], starts, stops, mask.shape) & mask & ~thicker(mask, int(allowed))
    return found


def remove_rules(mask: Mask, *, length: int, thickness: int, gap: int) -> Mask:
    """Remove horizontal rules and then vertical ones, so that their crossings are removed too."""
    rest = mask & ~find_rules(mask, length=length, thickness=thickness, gap=gap)
    upright = np.ascontiguousarray(rest.T)
    return np.ascontiguousarray(
        (upright & ~find_rules(upright, length=length, thickness=thickness, gap=gap)).T
    )


def _find_stretches(thin: Mask, length: int, gap: int) -> Marks:
    """Find horizontal stretches of thin marks of at least `length` pixels; they may step by a pixel."""
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

"""The digits of a line, each cut out for the model for digits, and what that says of all of them.

A network for lines answers with the number that is least unlike what is written, even where that is a word.
The model for digits has learnt what no digit is, and is asked about each of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from number_prediction.boxes import Box
from number_prediction.images import Page

MARGIN = 0.25
"""Of a digit's height, about it."""
SMALLEST = 4
"""Pixels of a side, below which a cut-out shows nothing."""


def cut_digits(line: Page, glyphs: Sequence[tuple[str, Box]]) -> list[Page]:
    """The digits on a line's picture (h, w) uint8, each at most up to halfway to its neighbours' ink.

    Args:
        line: dark on light.
        glyphs: what stands on it from left to right, and where; signs are not cut out.
    """
    height, width = line.shape
    cut = []
    for index, (glyph, box) in enumerate(glyphs):
        if not glyph.isdigit():
            continue
        margin = MARGIN * box.height
        left, right = box.left - margin, box.right + margin
        if index:
            left = max(left, (glyphs[index - 1][1].right + box.left) / 2)
        if index + 1 < len(glyphs):
            right = min(right, (box.right + glyphs[index + 1][1].left) / 2)
        rows = slice(max(0, int(box.top - margin)), min(height, math.ceil(box.bottom + margin)))
        columns = slice(max(0, int(left)), min(width, math.ceil(right)))
        if min(rows.stop - rows.start, columns.stop - columns.start) >= SMALLEST:
            cut.append(line[rows, columns])
    return cut


def geometric_mean(shares: Iterable[float]) -> float:
    """Of shares in [0, 1], which a single one near 0 pulls down; 1 of none."""
    logs = [math.log(max(share, 1e-6)) for share in shares]
    return math.exp(math.fsum(logs) / len(logs)) if logs else 1.0

"""Page -> the lines of writing on it: each cut out, level and clean.

In: (H, W) uint8. Out: `WrittenLine`s for a model that reads lines, with the map from their pixels to the
page. A line is writing that stands close together, a number or a word; a wide space begins another line.

The page is straightened, rules are removed, connected marks are grouped to lines (`layout.grouping`), and
each line is cut out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from number_prediction.images.decode import Page
from number_prediction.images.geometry import Affine, Box, Points, box_of, rotation
from number_prediction.layout.grouping import LIMITS, group_marks
from number_prediction.layout.ink import PageInk, draw_ink
from number_prediction.layout.marks import Indices, Marks, Mask, dilate, find_marks, paint
from number_prediction.layout.reading_order import in_reading_order
from number_prediction.layout.rules import remove_rules
from number_prediction.layout.skew import LevelPage, straighten

MAX_GAP_HEIGHTS = LIMITS.max_gap_heights
"""Default for the widest space inside a number, in heights of its digits."""
LINE_HEIGHT_PX = 48
"""Height of the writing on a line that is cut out, in pixels, if the page has as many."""
MARGIN_HEIGHTS = 0.4
"""Paper around the writing, in heights of the writing."""
SLOPE_PRIOR_HEIGHTS = 0.6
"""Regularises short lines: at this length, in heights, about half of the measured slope is corrected."""
MIN_RULE_LENGTH_SIDES, MIN_RULE_LENGTH_PX = 0.04, 40
"""Length of the shortest rule, in longer sides of the page and in pixels; the longer one counts."""
MAX_RULE_THICKNESS_SIDES, MIN_RULE_THICKNESS_PX = 0.004, 2
"""Thickness of the thickest rule, in longer sides of the page, and its lower limit in pixels."""
MAX_RULE_GAP_SIDES = 0.004
"""Widest break inside a rule, in longer sides of the page."""


@dataclass(frozen=True, eq=False)
class WrittenLine:
    """A line of writing on a page."""

    picture: Page
    """(h, w) uint8: only its own marks, black on white."""
    to_page: Affine
    """Maps points of the picture to points of the page."""
    corners: Points
    """(4, 2) on the page: clockwise from the upper left of the writing."""
    upright: Box
    """Its box on the straightened page: there, lines of one row overlap vertically."""

    @property
    def box(self) -> Box:
        """Box on the page, along its axes."""
        return box_of(self.corners)


def find_lines(page: Page, *, gap: float = MAX_GAP_HEIGHTS) -> tuple[list[WrittenLine], float]:
    """Find all lines of writing on a page (H, W) uint8.

    `gap` is the widest space inside a number, in heights of its digits.

    Returns:
        The lines in reading order, and the skew of the page in degrees.
    """
    sheet = straighten(page)
    side = max(sheet.darker.shape)
    thickness = max(MIN_RULE_THICKNESS_PX, round(MAX_RULE_THICKNESS_SIDES * side))
    clean = remove_rules(
        sheet.mask,
        length=max(MIN_RULE_LENGTH_PX, round(MIN_RULE_LENGTH_SIDES * side)),
        thickness=thickness,
        gap=max(thickness + 1, round(MAX_RULE_GAP_SIDES * side)),
    )
    marks = find_marks(clean)
    strength = marks.sums(sheet.darker) / marks.area
    lines = [_cut(sheet, marks, members) for members in group_marks(sheet, marks, strength, gap)]
    order = in_reading_order([line.upright for line in lines])
    return [lines[place] for place in order], sheet.skew


def _slope(marks: Marks, members: Indices) -> tuple[float, float]:
    """Slope of a line in degrees, positive if it falls to the right, and the height of its higher marks."""
    tall = marks.bottom - marks.top
    chosen = members[tall[members] >= 0.5 * tall[members].max()]
    high = float(np.median(tall[chosen]))
    x = (marks.left[chosen] + marks.right[chosen]) / 2
    y = (marks.top[chosen] + marks.bottom[chosen]) / 2
    across, down = x - x.mean(), y - y.mean()
    slope = float((across * down).sum() / ((across**2).sum() + (SLOPE_PRIOR_HEIGHTS * high) ** 2))
    return float(np.degrees(np.arctan(slope))), high


def _cut(sheet: LevelPage, marks: Marks, members: Indices) -> WrittenLine:
    """Cut a line out of the page: level, with only its own marks."""
    wanted = np.zeros(len(marks), bool)
    wanted[members] = True
    runs = marks.runs_of(wanted)
    rows, starts, stops = marks.rows[runs], marks.starts[runs], marks.stops[runs]
    slope, tall = _slope(marks, members)
    turn = rotation(-slope)
    outline = np.concatenate(
        [np.stack([ends, below], 1) for ends in (starts, stops) for below in (rows, rows + 1)]
    ).astype(np.float64)
    box = box_of(turn(outline))
    step = max(1 / sheet.ink.factor, tall / LINE_HEIGHT_PX)
    margin = MARGIN_HEIGHTS * tall
    size = (int(np.ceil((box.width + 2 * margin) / step)), int(np.ceil((box.height + 2 * margin) / step)))
    to_sheet = turn.inverse.after(Affine(step, 0, box.left - margin, 0, step, box.top - margin))
    to_page = sheet.to_page.after(to_sheet)
    left, top = int(starts.min()) - 2, int(rows.min()) - 2
    shape = (int(rows.max()) + 3 - top, int(stops.max()) + 2 - left)
    own = paint(rows, starts, stops, shape, (left, top))
    picture = _clean(sheet.ink, own, Affine(1, 0, -left, 0, 1, -top).after(to_sheet), to_page, size)
    corners = sheet.to_page(turn.inverse(box.corners))
    upright = box_of(outline)
    return WrittenLine(picture, to_page, corners, upright)


def _clean(ink: PageInk, own: Mask, to_mask: Affine, to_page: Affine, size: tuple[int, int]) -> Page:
    """Draw the ink within two pixels of a mask, black on white."""
    near = Image.fromarray(dilate(own).astype(np.uint8) * np.uint8(255))
    near = near.transform(size, Image.Transform.AFFINE, to_mask, Image.Resampling.BILINEAR)
    share = np.asarray(near).astype(np.float32) / np.float32(255)
    return draw_ink(ink.cut(to_page, size), share, ink.threshold)

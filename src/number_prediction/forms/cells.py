"""Field of a sheet -> one line of its digits: cut out, borders removed, cells joined."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from number_prediction.forms.template import FormField
from number_prediction.images.decode import Page
from number_prediction.images.geometry import Affine, Box, Points, Projection
from number_prediction.layout.ink import PageInk, draw_ink
from number_prediction.layout.marks import Indices, Marks, Mask, dilate, find_marks, paint, thicker

FIELD_HEIGHT_PX = 64
"""Height of the box of a field that is cut out, in pixels, if the sheet has as many."""


@dataclass(frozen=True)
class CellLimits:
    """Sizes of borders and marks in a field.

    "Cells" are widths of a cell, or its height for borders beside it; "heights" are heights of the box.
    """

    margin_heights: float = 0.3
    """Paper that is cut out around the box: digits may leave it."""
    max_border_offset_cells: float = 0.14
    """Largest distance of a border from its place."""
    min_border_coverage: float = 0.6
    """Share of a border that must be set in its darkest row."""
    min_border_row_ratio: float = 0.5
    """Coverage of the other rows of a border, as a share of the coverage of its darkest row."""
    max_border_thickness_cells: float = 0.25
    """Thickness of the thickest border."""
    min_mark_diameter_heights: float = 0.05
    """Diameter of the smallest mark that counts."""
    max_remnant_side: float = 0.25
    """Size of the largest mark near a border that is a remnant of the border: width in cells, height in
    heights (twice this for a remnant of an upright border)."""
    gap_heights: float = 0.25
    """Paper between the digits of neighbouring cells, after they are joined."""


LIMITS = CellLimits()


@dataclass(frozen=True, eq=False)
class FieldCut:
    """A field, cut out of a sheet and cleaned."""

    field: FormField
    line: Page | None
    """(h, w) uint8: its digits side by side, black on white; None if nothing is written."""
    pieces: tuple[tuple[int, int], ...]
    """For each cell: the column of the line where it ends, and its shift to the left in pixels."""
    to_sheet: Affine
    """Maps pixels of the cut to pixels of the sheet."""
    corners: Points
    """(4, 2): corners of the box on the sheet, clockwise from the upper left."""
    picture: Page
    """(h, w) uint8: the field with its paper, upright."""


def cut_field(ink: PageInk, field: FormField, to_sheet: Projection) -> FieldCut:
    """Cut a field out of a sheet, remove its borders and join its cells."""
    box = field.box
    near = to_sheet.near(box.left + box.width / 2, box.top + box.height / 2, max(box.width, box.height) / 2)
    sharpest = 1 / abs(near.a * near.e - near.b * near.d) ** 0.5
    step = max(box.height / FIELD_HEIGHT_PX, sharpest)
    margin = LIMITS.margin_heights * box.height
    to_cut = near.after(Affine(step, 0, box.left - margin, 0, step, box.top - margin))
    size = (round((box.width + 2 * margin) / step), round((box.height + 2 * margin) / step))
    inner = Box(margin / step, margin / step, box.width / step, box.height / step)
    darker = ink.cut(to_cut, size)
    marks = find_marks(_without_borders(darker >= ink.threshold, inner, field.cells))
    chosen, cell_of = _choose(marks, inner, field.cells)
    line, pieces = _join_cells(darker, marks, chosen, cell_of, inner, ink.threshold)
    return FieldCut(field, line, pieces, to_cut, to_sheet(box.corners), ink.view(to_cut, size))


def _without_borders(mask: Mask, box: Box, cells: int) -> Mask:
    """Remove the borders of the cells; digits that touch or cross them stay."""
    edges = box.left + np.arange(cells + 1) * box.width / cells
    rest = mask.copy()
    tall = _inside(box.top, box.bottom, mask.shape[0])
    _remove_borders(rest.T, mask.T, list(edges), box.width / cells, tall)
    for left, right in pairwise(edges):
        cell = np.s_[:, _inside(left, right, mask.shape[1])]
        _remove_borders(rest[cell], mask[cell], [box.top, box.bottom], right - left, np.s_[:])
    return rest


def _inside(begin: float, end: float, size: int) -> slice:
    return slice(max(0, round(begin)), min(size, round(end)))


def _remove_borders(rest: Mask, mask: Mask, edges: list[float], cell: float, along: slice) -> None:
    """Remove horizontal borders near the rows `edges` from `rest`, except where they are thick.

    All borders get their median thickness, so that a stroke beside a border is not removed with it.
    """
    inked = mask[:, along].mean(1)
    offset = LIMITS.max_border_offset_cells * cell
    near = [_inside(edge - offset, edge + offset + 1, len(mask)) for edge in edges]
    coverage = LIMITS.min_border_coverage
    zones = [zone for zone in near if zone.start < zone.stop and inked[zone].max() >= coverage]
    ratio = LIMITS.min_border_row_ratio
    thick = [int((inked[zone] > ratio * inked[zone].max()).sum()) for zone in zones]
    usual = int(np.median(thick)) if thick else 0
    if not 0 < usual <= LIMITS.max_border_thickness_cells * cell:
        return
    strokes = thicker(mask, usual + 1)
    for zone in zones:
        sums = np.convolve(inked[zone], np.ones(usual), "valid")
        begin = zone.start + int(sums.argmax())
        about = slice(max(0, begin - 1), begin + usual + 1)
        rest[about] &= strokes[about]


def _choose(marks: Marks, box: Box, cells: int) -> tuple[Indices, Indices]:
    """Choose the marks that were written into a box, and find the cell of each."""
    x, y = (marks.left + marks.right) / 2, (marks.top + marks.bottom) / 2
    wide, tall = marks.right - marks.left, marks.bottom - marks.top
    cell_width = box.width / cells
    reach = LIMITS.max_border_offset_cells * min(cell_width, box.height)
    remnant = LIMITS.max_remnant_side
    to_edge = np.abs((x - box.left + cell_width / 2) % cell_width - cell_width / 2)
    is_beside = (to_edge < reach) & (wide < remnant * cell_width) & (tall < 2 * remnant * box.height)
    to_rule = np.minimum(np.abs(y - box.top), np.abs(y - box.bottom))
    is_rule = (to_rule < reach) & (tall < remnant * box.height)
    is_inside = (x > box.left) & (x < box.right) & (y > box.top) & (y < box.bottom)
    is_mark = marks.area >= (LIMITS.min_mark_diameter_heights * box.height) ** 2
    chosen = np.flatnonzero(is_inside & is_mark & ~is_beside & ~is_rule)
    return chosen, np.clip((x[chosen] - box.left) // cell_width, 0, cells - 1).astype(np.intp)


def _join_cells(
    darker: NDArray[np.uint8], marks: Marks, chosen: Indices, cell_of: Indices, box: Box, threshold: int
) -> tuple[Page | None, tuple[tuple[int, int], ...]]:
    """Join the marks of all cells to one line with narrow gaps."""
    if not len(chosen):
        return None, ()
    space = max(1, round(LIMITS.gap_heights * box.height))
    parts, pieces, end = [], [], 0
    for cell in np.unique(cell_of):
        members = chosen[cell_of == cell]
        wanted = np.zeros(len(marks), bool)
        wanted[members] = True
        runs = marks.runs_of(wanted)
        own = dilate(dilate(paint(marks.rows[runs], marks.starts[runs], marks.stops[runs], darker.shape)))
        left, right = int(marks.left[members].min()), int(marks.right[members].max())
        begin, stop = max(0, left - space // 2), min(darker.shape[1], right + space - space // 2)
        value = draw_ink(darker, own.astype(np.float32), threshold)
        parts.append(value[:, begin:stop])
        pieces.append((end + stop - begin, begin - end))
        end += stop - begin
    return np.concatenate(parts, axis=1), tuple(pieces)

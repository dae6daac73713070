"""A field of a sheet -> its digits side by side: cut out, borders removed, cells put together."""

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

FIELD_PIXELS = 64
"""Height of a field's box where it is cut out, if the sheet has as much."""
ROOM = 0.3
"""What is cut out around the box, as a share of its height: digits do not stay inside."""
NEAR = 0.14
"""How far from its place a border may lie, as a share of the cell."""
BORDER_WHOLE, BORDER_PART = 0.6, 0.5
"""Share of a border that must be inked in one row, and share of that in the rows beside it."""
BORDER_THICK = 0.25
"""Thickness of the thickest border, as a share of the cell's width."""
SMALLEST = 0.05
"""Diameter of the smallest mark that counts, as a share of the box's height."""
REST = 0.25
"""Height or width of a mark near a border below which it is a rest of it, as a share of the cell."""
SPACE = 0.25
"""Paper between digits of neighbouring cells when they are put side by side, as a share of the height."""


@dataclass(frozen=True, eq=False)
class FieldCut:
    """A field, cut out of a sheet and cleaned."""

    field: FormField
    line: Page | None
    """(h, w) uint8: its digits side by side, black on white; None where nothing is written."""
    pieces: tuple[tuple[int, int], ...]
    """Of the line: where each cell's part ends, and by how much it was moved to the left."""
    to_sheet: Affine
    """From pixels of the cut to the sheet."""
    corners: Points
    """(4, 2) on the sheet of the field's box: clockwise from its upper left."""
    picture: Page
    """(h, w) uint8: the field as it looks, upright."""


def cut_field(ink: PageInk, field: FormField, to_sheet: Projection) -> FieldCut:
    """Cut a field out of a sheet, remove its borders and put its digits side by side."""
    box = field.box
    near = to_sheet.near(box.left + box.width / 2, box.top + box.height / 2, max(box.width, box.height) / 2)
    sharpest = 1 / abs(near.a * near.e - near.b * near.d) ** 0.5
    step = max(box.height / FIELD_PIXELS, sharpest)
    room = ROOM * box.height
    to_cut = near.after(Affine(step, 0, box.left - room, 0, step, box.top - room))
    size = (round((box.width + 2 * room) / step), round((box.height + 2 * room) / step))
    inner = Box(room / step, room / step, box.width / step, box.height / step)
    darker = ink.cut(to_cut, size)
    marks = find_marks(_without_borders(darker >= ink.threshold, inner, field.cells))
    chosen, cell_of = _choose(marks, inner, field.cells)
    line, pieces = _put_together(darker, marks, chosen, cell_of, inner, ink.threshold)
    return FieldCut(field, line, pieces, to_cut, to_sheet(box.corners), ink.view(to_cut, size))


def _without_borders(mask: Mask, box: Box, cells: int) -> Mask:
    """Without the thin lines near the borders of the cells; digits that touch or cross them stay."""
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
    """Take lines that run across near the rows `edges` out of `rest`, except where they are thick.

    All have the thickness of most, so that a stroke beside one is not taken for it.
    """
    inked = mask[:, along].mean(1)
    zones = [_inside(edge - NEAR * cell, edge + NEAR * cell + 1, len(mask)) for edge in edges]
    zones = [zone for zone in zones if zone.start < zone.stop and inked[zone].max() >= BORDER_WHOLE]
    thick = [int((inked[zone] > BORDER_PART * inked[zone].max()).sum()) for zone in zones]
    usual = int(np.median(thick)) if thick else 0
    if not 0 < usual <= BORDER_THICK * cell:
        return
    strokes = thicker(mask, usual + 1)
    for zone in zones:
        sums = np.convolve(inked[zone], np.ones(usual), "valid")
        begin = zone.start + int(sums.argmax())
        about = slice(max(0, begin - 1), begin + usual + 1)
        rest[about] &= strokes[about]


def _choose(marks: Marks, box: Box, cells: int) -> tuple[Indices, Indices]:
    """The marks that were written into a box, and the cell of each."""
    x, y = (marks.left + marks.right) / 2, (marks.top + marks.bottom) / 2
    wide, tall = marks.right - marks.left, marks.bottom - marks.top
    cell_width = box.width / cells
    reach = NEAR * min(cell_width, box.height)
    to_edge = np.abs((x - box.left + cell_width / 2) % cell_width - cell_width / 2)
    is_beside = (to_edge < reach) & (wide < REST * cell_width) & (tall < 2 * REST * box.height)
    to_rule = np.minimum(np.abs(y - box.top), np.abs(y - box.bottom))
    is_rule = (to_rule < reach) & (tall < REST * box.height)
    is_inside = (x > box.left) & (x < box.right) & (y > box.top) & (y < box.bottom)
    is_mark = marks.area >= (SMALLEST * box.height) ** 2
    chosen = np.flatnonzero(is_inside & is_mark & ~is_beside & ~is_rule)
    return chosen, np.clip((x[chosen] - box.left) // cell_width, 0, cells - 1).astype(np.intp)


def _put_together(
    darker: NDArray[np.uint8], marks: Marks, chosen: Indices, cell_of: Indices, box: Box, threshold: int
) -> tuple[Page | None, tuple[tuple[int, int], ...]]:
    """The marks of all cells as one line, without the wide gaps that cells leave."""
    if not len(chosen):
        return None, ()
    space = max(1, round(SPACE * box.height))
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

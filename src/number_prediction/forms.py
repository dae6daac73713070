"""A form's template and the scan of a filled sheet -> what stands in each field.

The template is JSON: the size of a scan of the form, and named fields with their boxes in pixels of that
scan, how many cells each box is divided into, and what is known of its number:

    {"size": [1240, 1754],
     "scan": "blank.png",
     "fields": [
       {"name": "student", "box": [300, 200, 448, 80], "cells": 7, "check": "luhn"},
       {"name": "points", "box": [300, 380, 128, 80], "range": [0, 100], "decimals": 1, "locale": "de"}]}

With "scan", a picture of the sheet beside the template, sheets are registered by all that is printed on it;
without, by the borders of the boxes and cells. What is known of a field's number is written as `knowledge`
takes it. Cells of which nothing is known hold at most a digit each.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from number_prediction.boxes import Affine, Box, Points, Projection, box_of, projection_of, scaling
from number_prediction.constraints import Constraint
from number_prediction.images import ImageInput, Page, to_page
from number_prediction.knowledge import KEYS as KNOWN
from number_prediction.knowledge import constraint_of
from number_prediction.lines import Sheet, straighten
from number_prediction.masks import Indices, Marks, Mask, find_marks, paint, thicker, widen, without_specks
from number_prediction.numbers import NumberPrediction, NumberReading
from number_prediction.page_ink import PageInk, draw_ink, find_ink
from number_prediction.pages import ReadLines, place_glyph
from number_prediction.registration import SIDE, register
from number_prediction.skew import find_skew
from number_prediction.types import ConstraintError, DataError, ImageError

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
LEAST_FOUND = 0.85
"""Share of what is printed on the form that must be found on a sheet. Of another form's sheet up to 0.56 is
found, of one that lies where it was found 0.99 and more (benchmarks/forms.py)."""
KEYS = frozenset({"name", "box", "cells", *KNOWN})


@dataclass(frozen=True, eq=False)
class FormField:
    """Where a number stands on a form, and what is known of it."""

    name: str
    box: Box
    """In pixels of the template."""
    cells: int
    """Side by side, of equal width."""
    known: Mapping[str, Any]
    """As `knowledge` takes it."""
    constraint: Constraint | None
    """What is known, together."""


@dataclass(frozen=True, eq=False)
class FormTemplate:
    """A form."""

    size: tuple[int, int]
    """Width and height, in pixels."""
    fields: tuple[FormField, ...]
    printed: NDArray[np.float32]
    """(h, w), the longer side SIDE pixels: 1 where something is printed."""
    skew: float
    """Degrees by which the lines of the template itself fall to the right."""


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


@dataclass(frozen=True, eq=False)
class FieldReading(NumberReading):
    """What stands in a field; places are pixels of the sheet after its EXIF orientation."""

    cut: FieldCut
    prediction: NumberPrediction | None
    """What was read on the line of the cut; None where nothing is written."""

    @property
    def name(self) -> str:
        """Of the field."""
        return self.cut.field.name

    @property
    def corners(self) -> Points:
        """(4, 2) of the field's box: clockwise from its upper left."""
        return self.cut.corners

    @property
    def box(self) -> Box:
        """Along the axes of the sheet."""
        return box_of(self.corners)

    @property
    def picture(self) -> Page:
        """(h, w) uint8: the field as it looks, upright."""
        return self.cut.picture

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON."""
        return {**super().to_dict(), "box": list(self.box)}


@dataclass(frozen=True, eq=False)
class FormReading:
    """A filled sheet."""

    fields: tuple[FieldReading, ...]
    """In the order of the template."""
    found: float
    """Share in [0, 1] of what is printed on the form that was found on the sheet."""

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON: fields by their names."""
        return {"found": self.found, "fields": {field.name: field.to_dict() for field in self.fields}}


def load_form(path: str | os.PathLike[str]) -> FormTemplate:
    """Read a template.

    Raises:
        DataError: it cannot be read, or is no such template.
        ImageError: its scan cannot be read.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; check the path") from error
    except ValueError as error:
        raise DataError(f"{path}: no JSON ({error}); see docs/forms.md of the project") from error
    try:
        return _parse_form(content, Path(path).parent)
    except (KeyError, TypeError, ValueError, ConstraintError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise DataError(f"{path}: {reason}; see docs/forms.md of the project") from error


def read_form(
    sheet: ImageInput, template: FormTemplate, *, read: ReadLines, least_found: float = LEAST_FOUND
) -> FormReading:
    """Read all fields of a filled sheet: a scan, or a photo that shows all of it upright.

    Args:
        sheet: path, bytes, stream, PIL image or array.
        template: the form.
        read: what reads lines, such as `NumberPredictor.read_lines`.
        least_found: share of what is printed on the form that must be found on the sheet.

    Raises:
        ImageError: the picture cannot be read, or is no sheet of this form.
    """
    page = straighten(to_page(sheet))
    to_sheet, found = _find_template(template, page)
    if found < least_found:
        raise ImageError(
            f"only {found:.0%} of what is printed on the form is found on the sheet; "
            "is it another form, upside down, or partly outside of the picture? "
            'If not, give the template a picture of the empty form as its "scan"'
        )
    cuts = [_cut(page.ink, field, to_sheet) for field in template.fields]
    readings = iter(read([cut.line for cut in cuts if cut.line is not None]))
    predictions = [None if cut.line is None else next(readings).under(cut.field.constraint) for cut in cuts]
    return FormReading(tuple(map(place_field, cuts, predictions)), found)


def place_field(cut: FieldCut, prediction: NumberPrediction | None) -> FieldReading:
    """What was read on the line of a cut, on the sheet; None where nothing is written."""
    if prediction is None:
        return FieldReading("", 1.0, 1.0, (), cut, None)
    glyphs = []
    for glyph in prediction.glyphs:
        middle = glyph.box.left + glyph.box.width / 2
        moved = next((shift for end, shift in cut.pieces if middle < end), cut.pieces[-1][1])
        glyphs.append(place_glyph(glyph, cut.to_sheet.after(Affine(1, 0, moved, 0, 1, 0))))
    return FieldReading(
        prediction.text, prediction.confidence, prediction.fit, tuple(glyphs), cut, prediction
    )


def _parse_form(content: Mapping[str, Any], folder: Path) -> FormTemplate:
    if not isinstance(content, dict):
        raise TypeError("not an object with size and fields")
    width, height = (int(side) for side in content["size"])
    if min(width, height) < 1:
        raise ValueError(f"size {content['size']}: give width and height in pixels")
    fields = tuple(_parse_field(each, width, height) for each in content["fields"])
    names = [field.name for field in fields]
    if not fields or len(set(names)) < len(names):
        raise ValueError(f"fields {', '.join(names)}: give at least one, each with a name of its own")
    share = SIDE / max(width, height)
    shape = (max(1, round(height * share)), max(1, round(width * share)))
    if "scan" not in content:
        return FormTemplate((width, height), fields, _draw(fields, shape, share), 0.0)
    scan = to_page(folder / str(content["scan"]))
    if abs(scan.shape[1] / scan.shape[0] - width / height) > 0.02 * width / height:
        raise ValueError(f"scan {content['scan']} has {scan.shape[1]} x {scan.shape[0]} pixels: not as size")
    ink = find_ink(scan)
    mask = ink.darker >= ink.threshold
    marks = Image.fromarray(mask.astype(np.float32))
    printed = np.asarray(marks.resize((shape[1], shape[0]), Image.Resampling.BOX))
    return FormTemplate((width, height), fields, (printed > 0.3).astype(np.float32), find_skew(mask))


def _parse_field(content: Mapping[str, Any], width: int, height: int) -> FormField:
    name = str(content["name"])
    unknown = set(content) - KEYS
    if unknown:
        raise ValueError(
            f"field {name}: unknown {', '.join(sorted(unknown))}; known are {', '.join(sorted(KEYS))}"
        )
    box = Box(*(float(value) for value in content["box"]))
    cells = int(content.get("cells", 1))
    if (
        min(box.width, box.height) < 4
        or min(box) < 0
        or box.right > width
        or box.bottom > height
        or cells < 1
    ):
        raise ValueError(
            f"field {name}: box {content['box']} with {cells} cells; it must lie within the size"
        )
    known = {key: content[key] for key in KNOWN if key in content}
    constraint = constraint_of(known)
    if constraint is None and cells > 1:
        known["digits"] = [0, cells]
        constraint = constraint_of(known)
    return FormField(name, box, cells, known, constraint)


def _draw(fields: tuple[FormField, ...], shape: tuple[int, int], share: float) -> NDArray[np.float32]:
    """The borders of all cells."""
    printed = np.zeros(shape, np.float32)
    for field in fields:
        left, top, right, bottom = (
            round(side * share) for side in (field.box.left, field.box.top, field.box.right, field.box.bottom)
        )
        for y in (top, bottom):
            printed[min(y, shape[0] - 1), left : right + 1] = 1
        for x in np.linspace(left, right, field.cells + 1):
            printed[top : bottom + 1, min(round(float(x)), shape[1] - 1)] = 1
    return printed


def _find_template(template: FormTemplate, page: Sheet) -> tuple[Projection, float]:
    """Projection from the template to the sheet, both in their own pixels."""
    mask = without_specks(page.ink.darker >= page.ink.threshold)
    found, share = register(template.printed, mask, page.skew - template.skew)
    to_side = projection_of(scaling(SIDE / max(template.size)))
    return projection_of(scaling(page.ink.factor)).after(found).after(to_side), share


def _cut(ink: PageInk, field: FormField, to_sheet: Projection) -> FieldCut:
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
        own = widen(widen(paint(marks.rows[runs], marks.starts[runs], marks.stops[runs], darker.shape)))
        left, right = int(marks.left[members].min()), int(marks.right[members].max())
        begin, stop = max(0, left - space // 2), min(darker.shape[1], right + space - space // 2)
        value = draw_ink(darker, own.astype(np.float32), threshold)
        parts.append(value[:, begin:stop])
        pieces.append((end + stop - begin, begin - end))
        end += stop - begin
    return np.concatenate(parts, axis=1), tuple(pieces)

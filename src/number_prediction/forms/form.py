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

from dataclasses import dataclass
from typing import Any

from number_prediction.errors import ImageError
from number_prediction.forms.cells import FieldCut, cut_field
from number_prediction.forms.registration import SIDE, register
from number_prediction.forms.template import FormTemplate
from number_prediction.images.decode import ImageInput, Page, to_page
from number_prediction.images.geometry import Affine, Box, Points, Projection, box_of, projection_of, scaling
from number_prediction.layout.marks import without_specks
from number_prediction.layout.skew import LevelPage, straighten
from number_prediction.numbers.page import ReadLines, place_glyph
from number_prediction.numbers.prediction import NumberPrediction, NumberReading

LEAST_FOUND = 0.85
"""Share of what is printed on the form that must be found on a sheet. Of another form's sheet up to 0.56 is
found, of one that lies where it was found 0.99 and more (benchmarks/forms.py)."""


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
    cuts = [cut_field(page.ink, field, to_sheet) for field in template.fields]
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


def _find_template(template: FormTemplate, page: LevelPage) -> tuple[Projection, float]:
    """Projection from the template to the sheet, both in their own pixels."""
    mask = without_specks(page.ink.darker >= page.ink.threshold)
    found, share = register(template.printed, mask, page.skew - template.skew)
    to_side = projection_of(scaling(SIDE / max(template.size)))
    return projection_of(scaling(page.ink.factor)).after(found).after(to_side), share

"""Template of a form and scan of a filled sheet -> the number in each field.

The template is JSON: the size of a scan of the form, and named fields. A field has a box in pixels of that
scan, its number of cells, and the constraints of its number:

    {"size": [1240, 1754],
     "scan": "blank.png",
     "fields": [
       {"name": "student", "box": [300, 200, 448, 80], "cells": 7, "check": "luhn"},
       {"name": "points", "box": [300, 380, 128, 80], "range": [0, 100], "decimals": 1, "locale": "de"}]}

"scan" names a picture of the empty sheet beside the template. With it, sheets are registered by everything
that is printed; without it, by the borders of boxes and cells. `constraints.spec` lists the constraints. A
cell without a constraint holds at most one digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from number_prediction.errors import ImageError
from number_prediction.forms.cells import FieldCut, cut_field
from number_prediction.forms.registration import TEMPLATE_SIDE_PX, register
from number_prediction.forms.template import FormTemplate
from number_prediction.images.decode import ImageInput, Page, to_page
from number_prediction.images.geometry import Affine, Box, Points, Projection, box_of, projection_of, scaling
from number_prediction.images.result import BOX_COLUMNS, Result, Source, round_pixels, round_share
from number_prediction.layout.marks import without_specks
from number_prediction.layout.skew import LevelPage, straighten
from number_prediction.numbers.page import ReadLines, place_glyph
from number_prediction.numbers.prediction import NumberPrediction, NumberReading

if TYPE_CHECKING:
    from PIL import Image

LEAST_FOUND = 0.85
"""Share of the print of the form that must be found on a sheet. A sheet of another form reaches 0.56, a sheet
that is registered correctly 0.99 and more (benchmarks/forms.py)."""


@dataclass(frozen=True, eq=False, repr=False)
class FieldReading(NumberReading):
    """The number in a field; places are in pixels of the upright sheet."""

    cut: FieldCut
    """The field, cut out of the sheet."""
    prediction: NumberPrediction | None
    """The prediction on the line of the cut; None if nothing is written."""

    @property
    def name(self) -> str:
        """Name of the field."""
        return self.cut.field.name

    @property
    def corners(self) -> Points:
        """(4, 2): corners of the box of the field, clockwise from the upper left."""
        return self.cut.corners

    @property
    def box(self) -> Box:
        """Box along the axes of the sheet."""
        return box_of(self.corners)

    @property
    def picture(self) -> Page:
        """(h, w) uint8: the field with its paper, upright."""
        return self.cut.picture

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain Python values for JSON; probabilities have 4 decimals, pixels one."""
        return {**super().to_dict(), "box": round_pixels(self.box)}


@dataclass(frozen=True, eq=False, repr=False)
class FormReading(Result):
    """A filled sheet that was read."""

    COLUMNS: ClassVar = ("field", *NumberReading.VALUES, *BOX_COLUMNS)

    fields: tuple[FieldReading, ...]
    """In the order of the template."""
    found: float
    """Share of the print of the form that was found on the sheet, in [0, 1]."""

    def __repr__(self) -> str:
        return f"FormReading({', '.join(f'{field.name}: {field.text}' for field in self.fields)})"

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain Python values for JSON: fields by name."""
        return {
            **self.path_and_page(),
            "found": round_share(self.found),
            "fields": {field.name: field.to_dict() for field in self.fields},
        }

    def draw(self) -> Image.Image:
        """Draw the sheet with a box around each field."""
        from number_prediction.numbers.drawing import Mark, draw_marks

        if self.source is None:
            raise ImageError("the sheet has no source to draw on; read it with read_form")
        marks = [Mark(field.text or "", field.confidence, field.corners) for field in self.fields]
        return draw_marks(self.source.open(), marks)

    def to_rows(self) -> list[dict[str, Any]]:
        """One row for each field, not rounded."""
        return [{"field": each.name, **each.values(), **each.box._asdict()} for each in self.fields]


def read_form(
    sheet: ImageInput, template: FormTemplate, *, read: ReadLines, least_found: float = LEAST_FOUND
) -> FormReading:
    """Read all fields of a filled sheet: a scan, or an upright photo that shows all of it.

    Args:
        sheet: path, bytes, stream, PIL image or array.
        template: the form.
        read: reads lines, such as `NumberPredictor.read_lines`.
        least_found: share of the print of the form that must be found on the sheet.

    Raises:
        ImageError: the picture cannot be read, or it is not a sheet of this form.
    """
    page = straighten(to_page(sheet))
    to_sheet, found = _find_template(template, page)
    if found < least_found:
        raise ImageError(
            f"only {found:.0%} of the print of the form was found on the sheet; check that it is the same "
            "form, upright, and completely in the picture, or add a picture of the empty form to the "
            'template as "scan"'
        )
    cuts = [cut_field(page.ink, field, to_sheet) for field in template.fields]
    readings = iter(read([cut.line for cut in cuts if cut.line is not None]))
    predictions = [None if cut.line is None else next(readings).under(cut.field.constraint) for cut in cuts]
    return FormReading(tuple(map(place_field, cuts, predictions)), found, source=Source.of(sheet))


def place_field(cut: FieldCut, prediction: NumberPrediction | None) -> FieldReading:
    """Map a prediction on the line of a cut to the sheet; None stands for an empty field."""
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
    """Find the projection from pixels of the template to pixels of the sheet."""
    mask = without_specks(page.ink.darker >= page.ink.threshold)
    found, share = register(template.printed, mask, page.skew - template.skew)
    to_side = projection_of(scaling(TEMPLATE_SIDE_PX / max(template.size)))
    return projection_of(scaling(page.ink.factor)).after(found).after(to_side), share

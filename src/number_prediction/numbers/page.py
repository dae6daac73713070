"""Page -> all numbers on it, with their places.

In: a photo or scan, see `to_page`, and a reader of lines. Out: `PageReading`, its numbers in reading order.
Other writing is left out: `layout.lines` rejects it by its shape, or the reader gives it a low probability.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np
from PIL import Image

from number_prediction.constraints.constraint import DIGIT_GLYPHS, Constraint
from number_prediction.errors import ImageError
from number_prediction.images.decode import ImageInput, Page, to_page
from number_prediction.images.geometry import Affine, Box, Points, box_of
from number_prediction.images.result import (
    BOX_COLUMNS,
    DEGREE_DECIMALS,
    Result,
    Source,
    round_pixels,
)
from number_prediction.layout.lines import MAX_GAP_HEIGHTS, WrittenLine, find_lines
from number_prediction.numbers.prediction import NumberGlyph, NumberPrediction, NumberReading

LEAST_PROBABILITY = 0.1
"""Minimum probability of the text of a line; below it the line is not a number but a word or a scribble."""

SHOWN_NUMBERS = 8
"""Numbers of a page that its `repr` shows."""

ReadLines: TypeAlias = Callable[[Sequence[Page]], Sequence[NumberPrediction]]
"""Reads pictures (h, w) uint8, dark on light, with one line of writing each."""


@dataclass(frozen=True, eq=False, repr=False)
class PageNumber(NumberReading):
    """A number on a page; all places are in pixels of the upright picture."""

    line: WrittenLine
    """The line: its place and the picture that was read."""
    prediction: NumberPrediction
    """The prediction on the picture of the line."""

    @property
    def corners(self) -> Points:
        """(4, 2): clockwise from the upper left of the writing; the writing may slope."""
        return self.line.corners

    @property
    def box(self) -> Box:
        """Box along the axes of the picture."""
        return self.line.box

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain Python values for JSON; probabilities have 4 decimals, pixels one."""
        corners = [round_pixels(corner) for corner in self.corners.tolist()]
        return {**super().to_dict(), "box": round_pixels(self.box), "corners": corners}


@dataclass(frozen=True, eq=False, repr=False)
class PageReading(Result):
    """All readings of a page."""

    COLUMNS: ClassVar = ("number", *NumberReading.VALUES, *BOX_COLUMNS)

    numbers: tuple[PageNumber, ...]
    """In reading order."""
    left_out: tuple[PageNumber, ...]
    """Lines that are probably not numbers, such as words; in reading order."""
    skew: float
    """Skew in degrees; positive if the writing falls to the right."""

    def __repr__(self) -> str:
        shown = ", ".join(str(number.text) for number in self.numbers[:SHOWN_NUMBERS])
        more = ", ..." if len(self.numbers) > SHOWN_NUMBERS else ""
        return f"PageReading({len(self.numbers)} numbers: {shown}{more})"

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain Python values for JSON, without `left_out`; `skew` has 2 decimals."""
        return {
            **self.path_and_page(),
            "skew": round(self.skew, DEGREE_DECIMALS),
            "numbers": [number.to_dict() for number in self.numbers],
        }

    def draw(self) -> Image.Image:
        """Draw the page with a box around each number."""
        from number_prediction.numbers.drawing import Mark, draw_marks

        if self.source is None:
            raise ImageError("the page has no source to draw on; read it with read_page or predict_page")
        marks = [Mark(number.text or "", number.confidence, number.corners) for number in self.numbers]
        return draw_marks(self.source.open(), marks)

    def to_rows(self) -> list[dict[str, Any]]:
        """One row for each number, not rounded."""
        return [
            {"number": index, **number.values(), **number.box._asdict()}
            for index, number in enumerate(self.numbers, 1)
        ]


def predict_page(
    picture: ImageInput,
    constraint: Constraint | None = None,
    *,
    read: ReadLines | None = None,
    least: float = LEAST_PROBABILITY,
    gap: float = MAX_GAP_HEIGHTS,
) -> PageReading:
    """Find and read all numbers on a page.

    Args:
        picture: a photo or scan: path, bytes, stream, PIL image or array.
        constraint: the values that are allowed for every number on the page.
        read: reads lines, such as `NumberPredictor.read_lines`; by default the packaged model.
        least: minimum probability of the text of a number, in [0, 1].
        gap: widest space inside a number, in heights of its digits.

    Raises:
        ImageError: the picture cannot be read.
    """
    lines, skew = find_lines(to_page(picture), gap=gap)
    readings = (read or _packaged_reader())([line.picture for line in lines])
    found = [place_number(line, reading) for line, reading in zip(lines, readings, strict=True)]
    numbers = [number for number in found if _is_likely(number, least)]
    left_out = [number for number in found if number.text and number not in numbers]
    if constraint is not None:  # not for all lines: a word, too, would get an allowed reading
        numbers = [place_number(number.line, number.prediction.under(constraint)) for number in numbers]
    found_numbers = tuple(number for number in numbers if number.text)
    return PageReading(found_numbers, tuple(left_out), skew, source=Source.of(picture))


def _packaged_reader() -> ReadLines:
    from number_prediction.numbers.predictor import packaged_numbers

    return packaged_numbers().read_lines


def place_number(line: WrittenLine, prediction: NumberPrediction) -> PageNumber:
    """Map a prediction on the picture of a line to the page."""
    glyphs = tuple(place_glyph(glyph, line.to_page) for glyph in prediction.glyphs)
    return PageNumber(prediction.text, prediction.confidence, prediction.fit, glyphs, line, prediction)


def view_line(page: Page, line: WrittenLine) -> Page:
    """Cut a line (h, w) uint8 out of a page (H, W) uint8: upright, with its paper."""
    height, width = line.picture.shape
    view = Image.fromarray(page).transform(
        (width, height), Image.Transform.AFFINE, line.to_page, Image.Resampling.BILINEAR, fillcolor=255
    )
    return np.asarray(view)


def place_glyph(glyph: NumberGlyph, to_page: Affine) -> NumberGlyph:
    """Map a glyph of the picture of a line to the page."""
    return replace(glyph, box=box_of(to_page(glyph.box.corners)))


def _is_likely(reading: NumberReading, least: float) -> bool:
    return bool(DIGIT_GLYPHS & set(reading.text or "")) and reading.probability >= least

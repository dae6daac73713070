"""Page -> all numbers on it, where they stand and what they are.

In: a photo or scan as `to_page` takes it, and what reads one line of writing. Out: `PageReading`, its numbers
in reading order. What is no number is left out: by its shape in `lines`, else because the reader is unsure
that it is one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from number_prediction.constraints.constraint import DIGIT_GLYPHS, Constraint
from number_prediction.images.decode import ImageInput, Page, to_page
from number_prediction.images.geometry import Affine, Box, Points, box_of
from number_prediction.layout.lines import GAP, WrittenLine, find_lines
from number_prediction.numbers.prediction import NumberGlyph, NumberPrediction, NumberReading

LEAST_PROBABILITY = 0.1
"""Of the text of a line, below which it is no number: a word fits no text, a scribble many, none well."""

ReadLines: TypeAlias = Callable[[Sequence[Page]], Sequence[NumberPrediction]]
"""Reads pictures (h, w) uint8 of one line of writing each, dark on light."""


@dataclass(frozen=True, eq=False)
class PageNumber(NumberReading):
    """A number on a page; all places are pixels of the picture after its EXIF orientation."""

    line: WrittenLine
    """Where it stands, and what of it was read."""
    prediction: NumberPrediction
    """What was read on the line's picture."""

    @property
    def corners(self) -> Points:
        """(4, 2): clockwise from the upper left of the writing, which may slope."""
        return self.line.corners

    @property
    def box(self) -> Box:
        """Along the axes of the picture."""
        return self.line.box

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON."""
        return {**super().to_dict(), "box": list(self.box), "corners": self.corners.tolist()}


@dataclass(frozen=True, eq=False)
class PageReading:
    """All that was read on a page."""

    numbers: tuple[PageNumber, ...]
    """In reading order."""
    left_out: tuple[PageNumber, ...]
    """Lines on which something was read that is hardly a number, such as words; in reading order."""
    skew: float
    """Degrees by which the writing falls to the right."""

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON; what was left out is left out."""
        return {"skew": self.skew, "numbers": [number.to_dict() for number in self.numbers]}


def predict_page(
    picture: ImageInput,
    constraint: Constraint | None = None,
    *,
    read: ReadLines,
    least: float = LEAST_PROBABILITY,
    gap: float = GAP,
) -> PageReading:
    """Find and read all numbers on a page.

    Args:
        picture: a photo or scan: path, bytes, stream, PIL image or array.
        constraint: what is known of every number on it.
        read: what reads lines, such as `NumberPredictor.read_lines`.
        least: probability of the text of a line, in [0, 1], below which it is no number.
        gap: the widest space inside a number, in heights of its digits.

    Raises:
        ImageError: the picture cannot be read.
    """
    lines, skew = find_lines(to_page(picture), gap=gap)
    readings = read([line.picture for line in lines])
    found = [place_number(line, reading) for line, reading in zip(lines, readings, strict=True)]
    numbers = [number for number in found if _is_likely(number, least)]
    left_out = [number for number in found if number.text and number not in numbers]
    if constraint is not None:  # what is no number would fit it in some way, so it is not asked of all lines
        numbers = [place_number(number.line, number.prediction.under(constraint)) for number in numbers]
    return PageReading(tuple(number for number in numbers if number.text), tuple(left_out), skew)


def place_number(line: WrittenLine, prediction: NumberPrediction) -> PageNumber:
    """What was read on the picture of a line, on the page."""
    glyphs = tuple(place_glyph(glyph, line.to_page) for glyph in prediction.glyphs)
    return PageNumber(prediction.text, prediction.confidence, prediction.fit, glyphs, line, prediction)


def view_line(page: Page, line: WrittenLine) -> Page:
    """A line (h, w) uint8 of a page (H, W) uint8 as it looks, upright."""
    height, width = line.picture.shape
    view = Image.fromarray(page).transform(
        (width, height), Image.Transform.AFFINE, line.to_page, Image.Resampling.BILINEAR, fillcolor=255
    )
    return np.asarray(view)


def place_glyph(glyph: NumberGlyph, to_page: Affine) -> NumberGlyph:
    """A glyph of a line's picture, on the page."""
    return replace(glyph, box=box_of(to_page(glyph.box.corners)))


def _is_likely(reading: NumberReading, least: float) -> bool:
    return bool(DIGIT_GLYPHS & set(reading.text or "")) and reading.probability >= least

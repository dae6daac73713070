"""Page -> all numbers on it, where they stand and what they are.

In: a photo or scan as `to_page` takes it, and what reads one line of writing. Out: `PageReading`, its numbers
in reading order. What is no number is left out: by its shape in `lines`, else because the reader is unsure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from number_prediction.boxes import Affine, Box, Points, box_of
from number_prediction.constraints import DIGITS, Constraint
from number_prediction.images import ImageInput, Page, to_page
from number_prediction.lines import GAP, WrittenLine, find_lines
from number_prediction.numbers import NumberGlyph, NumberPrediction

LEAST_CONFIDENCE = 0.2
"""Confidence in the text of a line, below which it is no number: a word fits many texts, none well."""


ReadLines: TypeAlias = Callable[[Sequence[Page], Constraint | None], Sequence[NumberPrediction]]
"""Reads pictures (h, w) uint8 of one line of writing each, dark on light, under a constraint."""


@dataclass(frozen=True, eq=False)
class PageNumber:
    """A number on a page; all places are pixels of the picture after its EXIF orientation."""

    text: str
    confidence: float
    """Probability in [0, 1] of the text."""
    glyphs: tuple[NumberGlyph, ...]
    box: Box
    """Along the axes of the picture."""
    corners: Points
    """(4, 2): clockwise from the upper left of the writing, which may slope."""

    def masked(self, least: float, *, mark: str = "?") -> str:
        """The text with `mark` for each glyph of less confidence than `least`."""
        return mask_text(self.glyphs, least, mark=mark)

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON."""
        return {
            "text": self.text,
            "confidence": self.confidence,
            "box": list(self.box),
            "corners": self.corners.tolist(),
            "glyphs": [glyph.to_dict() for glyph in self.glyphs],
        }


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
    least: float = LEAST_CONFIDENCE,
    gap: float = GAP,
) -> PageReading:
    """Find and read all numbers on a page.

    Args:
        picture: a photo or scan: path, bytes, stream, PIL image or array.
        constraint: what is known of every number on it.
        read: what reads lines, such as `NumberPredictor.predict_numbers`.
        least: confidence in the text of a line, in [0, 1], below which it is no number.
        gap: the widest space inside a number, in heights of its digits.

    Raises:
        ImageError: the picture cannot be read.
    """
    lines, skew = find_lines(to_page(picture), gap=gap)
    free = read([line.picture for line in lines], None) if lines else []
    is_number = [_is_number(reading, least) for reading in free]
    numbers = [
        _place(line, reading) for line, reading, wanted in zip(lines, free, is_number, strict=True) if wanted
    ]
    left_out = [
        _place(line, reading)
        for line, reading, wanted in zip(lines, free, is_number, strict=True)
        if reading.text and not wanted
    ]
    if constraint is not None:  # what is no number would fit it in some way, so it is not asked of all lines
        chosen = [line for line, wanted in zip(lines, is_number, strict=True) if wanted]
        readings = read([line.picture for line in chosen], constraint) if chosen else []
        numbers = [
            _place(line, reading) for line, reading in zip(chosen, readings, strict=True) if reading.text
        ]
    return PageReading(tuple(numbers), tuple(left_out), skew)


def mask_text(glyphs: Sequence[NumberGlyph], least: float, *, mark: str = "?") -> str:
    """The text of glyphs with `mark` for each of less confidence than `least`."""
    return "".join(each.glyph if each.confidence >= least else mark for each in glyphs)


def place_glyph(glyph: NumberGlyph, to_page: Affine) -> NumberGlyph:
    """A glyph of a line's picture, on the page."""
    return replace(glyph, box=box_of(to_page(glyph.box.corners)))


def _is_number(reading: NumberPrediction, least: float) -> bool:
    if not reading.text or not DIGITS & set(reading.text):
        return False
    return reading.confidence >= least


def _place(line: WrittenLine, reading: NumberPrediction) -> PageNumber:
    glyphs = tuple(place_glyph(glyph, line.to_page) for glyph in reading.glyphs)
    return PageNumber(reading.text or "", reading.confidence, glyphs, line.box, line.corners)

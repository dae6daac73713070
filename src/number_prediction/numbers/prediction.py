"""The prediction of a number: its glyphs with boxes, its confidence and its fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from number_prediction.constants import GLYPHS
from number_prediction.constraints.constraint import Constraint
from number_prediction.decoding.reading import Reading
from number_prediction.decoding.search import decode
from number_prediction.images.geometry import LEFT_AS_IT_IS, Affine, Box, box_of
from number_prediction.images.result import Result, round_pixels, round_share

if TYPE_CHECKING:
    from PIL import Image

MIN_PROBABILITY = 1e-6
"""Probability below which a share is not computed any further."""
LEAST_FIT = 0.01
"""Minimum `fit`; below it the line is treated as not containing an allowed number."""
MIN_BOX_INK = 0.3
"""Ink of a frame pixel, in [0, 1], from which it belongs to the box of a glyph."""
MAX_BOX_GAP_PX = 2
"""Columns without ink inside the box of a glyph, in pixels of the frame."""


@dataclass(frozen=True, eq=False)
class NumberGlyph:
    """One digit or sign of a number."""

    glyph: str
    confidence: float
    """Probability of the glyph, in [0, 1]."""
    alternatives: tuple[tuple[str, float], ...]
    """Other glyphs with their probabilities, best first; "" stands for no glyph."""
    box: Box
    """In pixels of the picture."""

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain Python values for JSON."""
        return {
            "glyph": self.glyph,
            "confidence": round_share(self.confidence),
            "alternatives": [[glyph, round_share(share)] for glyph, share in self.alternatives],
            "box": round_pixels(self.box),
        }


@dataclass(frozen=True, eq=False, repr=False)
class NumberReading:
    """A number that was read on a line, a page or a form."""

    VALUES: ClassVar = ("text", "confidence", "fit", "probability")
    """Columns of a number in tables."""

    text: str | None
    """The number; "" if nothing is written, None if no reading is allowed by the constraint."""
    confidence: float
    """Probability in [0, 1] of the text among all allowed texts; at most `fit` if `fit` is below LEAST_FIT;
    0 if there is no text."""
    fit: float
    """Probability in [0, 1] that the line shows an allowed number and not, for example, a word."""
    glyphs: tuple[NumberGlyph, ...]

    def __repr__(self) -> str:
        text = "no number" if self.text is None else repr(self.text)
        return f"{type(self).__name__}({text}, {100 * self.probability:.1f}%)"

    @property
    def probability(self) -> float:
        """Probability that the text is what is written, in [0, 1]."""
        return self.fit * self.confidence

    def masked(self, least: float, *, mark: str = "?") -> str:
        """Return the text with `mark` for each glyph of a confidence below `least`, or for a missing text."""
        if self.text is None:
            return mark
        return "".join(each.glyph if each.confidence >= least else mark for each in self.glyphs)

    def values(self) -> dict[str, Any]:
        """The values of VALUES, not rounded."""
        return {name: getattr(self, name) for name in self.VALUES}

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain Python values for JSON; probabilities have 4 decimals, pixels one."""
        return {
            "text": self.text,
            "confidence": round_share(self.confidence),
            "fit": round_share(self.fit),
            "glyphs": [glyph.to_dict() for glyph in self.glyphs],
        }


@dataclass(frozen=True, eq=False, repr=False)
class NumberPrediction(NumberReading, Result):
    """A number on a picture of one line; boxes are in pixels of the upright picture."""

    COLUMNS: ClassVar = NumberReading.VALUES

    frame: NDArray[np.float32]
    """(h, w) float32 in [0, 1], ink = 1: the line, cut out of the picture."""
    lattice: NDArray[np.float32]
    """(T, G) float32: probabilities of GLYPHS per time step, given that the line has no letter."""
    place: NDArray[np.float32]
    """(3,) float32, in pixels of the picture that was read, perhaps straightened: left and top of the frame,
    and the side of a frame pixel."""
    is_number: float = 1.0
    """Probability in [0, 1] that the line has no letter."""
    to_picture: Affine = LEFT_AS_IT_IS
    """Maps points of the picture that was read to the original picture."""

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain Python values for JSON; probabilities have 4 decimals, pixels one."""
        return {**self.path_and_page(), **super().to_dict()}

    def draw(self) -> Image.Image:
        """Draw the line with a box around each glyph, or the frame if the picture is not kept."""
        from number_prediction.digits.drawing import as_grey
        from number_prediction.numbers.drawing import MIN_LINE_HEIGHT_PX, Mark, draw_marks

        if self.source is None or self.source.picture is None:
            return draw_marks(as_grey(self.frame), (), min_height=MIN_LINE_HEIGHT_PX)
        marks = [Mark(glyph.glyph, glyph.confidence, glyph.box.corners) for glyph in self.glyphs]
        return draw_marks(self.source.open(), marks, min_height=MIN_LINE_HEIGHT_PX)

    def to_rows(self) -> list[dict[str, Any]]:
        """One row of values, not rounded."""
        return [self.values()]

    def under(self, constraint: Constraint | None) -> NumberPrediction:
        """Decode the same line again under another constraint."""
        reading = decode(self.lattice, GLYPHS, constraint)[0]
        located = locate(reading, self.frame, self.lattice, self.place, self.is_number)
        return replace(located.moved(self.to_picture), source=self.source)

    def with_is_number(self, is_number: float) -> NumberPrediction:
        """The same reading with another probability that the line has no letter."""
        reading = replace(self, fit=self.fit * is_number / max(self.is_number, MIN_PROBABILITY))
        most = 1.0 if reading.fit >= LEAST_FIT else reading.fit
        glyphs = tuple(replace(each, confidence=min(most, each.confidence)) for each in self.glyphs)
        confidence = min(most, self.confidence)
        return replace(reading, is_number=is_number, confidence=confidence, glyphs=glyphs)

    def moved(self, to_picture: Affine) -> NumberPrediction:
        """Map the boxes to another picture."""
        glyphs = tuple(replace(glyph, box=box_of(to_picture(glyph.box.corners))) for glyph in self.glyphs)
        return replace(self, glyphs=glyphs, to_picture=to_picture.after(self.to_picture))


def locate(
    reading: Reading,
    frame: NDArray[np.float32],
    lattice: NDArray[np.float32],
    place: NDArray[np.float32],
    is_number: float = 1.0,
) -> NumberPrediction:
    """Find the box of each glyph in the picture; for the other arguments see `NumberPrediction`."""
    step = frame.shape[1] / len(lattice)
    fit = is_number * math.exp(reading.log_allowed)
    most = 1.0 if fit >= LEAST_FIT else fit
    middles = [(glyph.begin + glyph.end) / 2 * step for glyph in reading.glyphs]
    glyphs = []
    for index, glyph in enumerate(reading.glyphs):
        left = (middles[index - 1] + middles[index]) / 2 if index else middles[index] - frame.shape[0]
        last = index + 1 == len(middles)
        right = middles[index] + frame.shape[0] if last else (middles[index] + middles[index + 1]) / 2
        box = _box(frame, left, right, middles[index], place)
        confidence = min(most, glyph.confidence)
        glyphs.append(NumberGlyph(glyph.glyph, confidence, glyph.alternatives, box))
    confidence = min(most, reading.confidence)
    return NumberPrediction(reading.text, confidence, fit, tuple(glyphs), frame, lattice, place, is_number)


def _box(
    frame: NDArray[np.float32], left: float, right: float, middle: float, place: NDArray[np.float32]
) -> Box:
    """Find the box of the ink between two columns of the frame, around the column `middle`."""
    begin, end = max(0, round(left)), min(frame.shape[1], max(round(left) + 1, round(right)))
    inked = frame[:, begin:end] > MIN_BOX_INK
    columns = _run_about(np.asarray(inked.any(0)), round(middle) - begin)
    rows = np.flatnonzero(inked[:, columns].any(1))
    top, bottom = (rows[0], rows[-1] + 1) if len(rows) else (0, frame.shape[0])
    x, y, side = (float(value) for value in place)
    return Box(
        x + (begin + columns.start) * side,
        y + float(top) * side,
        (columns.stop - columns.start) * side,
        float(bottom - top) * side,
    )


def _run_about(inked: NDArray[np.bool_], middle: int) -> slice:
    """Find the marked columns around `middle`, across gaps up to MAX_BOX_GAP_PX; all if none is marked."""
    marked = np.flatnonzero(inked)
    if not len(marked):
        return slice(0, len(inked))
    parts = np.split(marked, np.flatnonzero(np.diff(marked) > MAX_BOX_GAP_PX + 1) + 1)
    nearest = min(parts, key=lambda part: max(0, part[0] - middle, middle - part[-1]))
    return slice(int(nearest[0]), int(nearest[-1]) + 1)

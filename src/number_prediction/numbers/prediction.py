"""What a model says of a number: its glyphs with boxes, confidence and fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from number_prediction.constants import GLYPHS
from number_prediction.constraints.constraint import Constraint
from number_prediction.decoding.reading import Reading
from number_prediction.decoding.search import decode
from number_prediction.images.geometry import LEFT_AS_IT_IS, Affine, Box, box_of

LEAST_FIT = 0.01
"""Probability that a line shows any number that is allowed, below which something else is written there."""
INKED = 0.3
"""Ink of the frame from which a pixel is part of a glyph's box."""


@dataclass(frozen=True, eq=False)
class NumberGlyph:
    """One digit or sign of a number."""

    glyph: str
    confidence: float
    """Probability in [0, 1] that this glyph stands there."""
    alternatives: tuple[tuple[str, float], ...]
    """Others with their probabilities, best first; "" where nothing may stand there."""
    box: Box
    """In pixels of the picture that the number was read on."""

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON."""
        return {
            "glyph": self.glyph,
            "confidence": self.confidence,
            "alternatives": [list(pair) for pair in self.alternatives],
            "box": list(self.box),
        }


@dataclass(frozen=True, eq=False)
class NumberReading:
    """A number, wherever it was read."""

    text: str | None
    """The number, "" where nothing is written; None where nothing fits what is known of it."""
    confidence: float
    """Probability in [0, 1] of the text among all that are allowed; where hardly any of them is written there
    (LEAST_FIT), at most the probability that one is; 0 without a text."""
    fit: float
    """Probability in [0, 1] that any number that is allowed is written there, and no word. Where it is very
    low, something else is, whatever is read."""
    glyphs: tuple[NumberGlyph, ...]

    @property
    def probability(self) -> float:
        """That the text is what is written there, in [0, 1]."""
        return self.fit * self.confidence

    def masked(self, least: float, *, mark: str = "?") -> str:
        """The text with `mark` for each glyph of less confidence than `least`; `mark` where there is none."""
        if self.text is None:
            return mark
        return "".join(each.glyph if each.confidence >= least else mark for each in self.glyphs)

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON."""
        return {
            "text": self.text,
            "confidence": self.confidence,
            "fit": self.fit,
            "glyphs": [glyph.to_dict() for glyph in self.glyphs],
        }


@dataclass(frozen=True, eq=False)
class NumberPrediction(NumberReading):
    """What the model reads on one line; boxes are pixels of its picture after its EXIF orientation."""

    frame: NDArray[np.float32]
    """(40, 480) float32 in [0, 1], ink = 1: what the network saw."""
    lattice: NDArray[np.float32]
    """(T, G) float32: probabilities of GLYPHS by time step, if no letter stands on the line."""
    place: NDArray[np.float32]
    """(3,) float32, in pixels of what was read, the picture or that set level: left and top of the frame,
    side of one of its pixels."""
    is_number: float = 1.0
    """Probability in [0, 1] that no letter stands on the line."""
    to_picture: Affine = LEFT_AS_IT_IS
    """Takes points of what was read to the picture."""

    def under(self, constraint: Constraint | None) -> NumberPrediction:
        """The same line decoded again, under what else is known of its number."""
        reading = decode(self.lattice, GLYPHS, constraint)[0]
        located = locate(reading, self.frame, self.lattice, self.place, self.is_number)
        return located.moved(self.to_picture)

    def moved(self, to_picture: Affine) -> NumberPrediction:
        """The same on another picture, to which the boxes are taken."""
        glyphs = tuple(replace(glyph, box=box_of(to_picture(glyph.box.corners))) for glyph in self.glyphs)
        return replace(self, glyphs=glyphs, to_picture=to_picture.after(self.to_picture))


def locate(
    reading: Reading,
    frame: NDArray[np.float32],
    lattice: NDArray[np.float32],
    place: NDArray[np.float32],
    is_number: float = 1.0,
) -> NumberPrediction:
    """Give each glyph its box on the page; the other arguments as in `NumberPrediction`."""
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
    """Box on the page of the ink between two columns of the frame, about the column `middle`."""
    begin, end = max(0, round(left)), min(frame.shape[1], max(round(left) + 1, round(right)))
    inked = frame[:, begin:end] > INKED
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
    """The marked columns about `middle`, gaps of up to two pixels included; all where none is near."""
    marked = np.flatnonzero(inked)
    if not len(marked):
        return slice(0, len(inked))
    parts = np.split(marked, np.flatnonzero(np.diff(marked) > 3) + 1)
    nearest = min(parts, key=lambda part: max(0, part[0] - middle, middle - part[-1]))
    return slice(int(nearest[0]), int(nearest[-1]) + 1)

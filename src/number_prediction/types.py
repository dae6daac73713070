"""Results and errors: what every module may raise and what the predictor answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from number_prediction.findings import WarningCode, describe

if TYPE_CHECKING:  # the command line imports this module and has no time for NumPy
    import numpy as np
    from numpy.typing import NDArray

DEFAULT_THRESHOLD = 0.5
"""Below this `is_digit` a model abstains whose manifest names no threshold."""
NOT_A_DIGIT = "none"
"""Class of pictures that are no digit: a model that knows it abstains from them; it is never a label."""
A_LETTER = "letter"
"""Class of all letters: a model for lines of numbers tells them from digits, and never reads one."""
FRAME_SIZE = 28
"""Height and width of a frame, in pixels."""
LINE_HEIGHT, LINE_WIDTH = 40, 480
"""Of the frame of a line, in pixels."""
PDF_DPI = 200
"""Pixels an inch at which a PDF is rendered, unless told otherwise: an A4 page has 1,654 x 2,339."""
GLYPHS = ("", *"0123456789.,-+/:")
"""What a sequence model tells apart, in the order of its outputs: the blank of CTC, digits, signs."""
LETTER = len(GLYPHS)
"""Place of A_LETTER, after those of GLYPHS."""
MAX_DATA_BYTES = 4_000_000_000
"""Largest array that is read from one file: five million pictures of 28x28, half the memory of a laptop."""


class NumberPredictionError(Exception):
    """Base of all errors this package raises on purpose; the message names the mend."""


class ImageError(NumberPredictionError):
    """A picture that cannot be read or is refused."""


class UnsupportedImageError(ImageError):
    """What was given is no picture of a format that can be decoded."""


class ImageTooLargeError(ImageError):
    """A picture of more bytes or pixels than are allowed; by what it claims, before it is decoded."""


class DataError(NumberPredictionError):
    """A data set that is missing, damaged or contradicts itself."""


class ModelError(NumberPredictionError):
    """A model file that is missing, altered or of the wrong kind."""


class TrainingError(NumberPredictionError):
    """A training run that cannot start, go on or be saved."""


class ConstraintError(NumberPredictionError):
    """What is known of a number is put in a way that cannot be used: contradictory, or of unknown words."""


class ServingError(NumberPredictionError):
    """The server cannot listen where it was told to."""


class ClusterError(NumberPredictionError):
    """A Ray cluster that cannot be reached, or did not do all of its work."""


class MissingExtraError(NumberPredictionError):
    """Something needs packages of an extra that is not installed."""

    @classmethod
    def of(cls, error: ModuleNotFoundError, extra: str) -> MissingExtraError:
        """What a failed import of a package of `extra` means for people."""
        return cls(
            f"this needs the package {error.name}, which is not installed; "
            f"install it with: pip install 'number-prediction[{extra}]'"
        )


@dataclass(frozen=True, eq=False)
class DigitPrediction:
    """What the model says of one picture."""

    label: int | None
    """Index of the most probable class; None where the model abstains ("not a digit")."""
    probabilities: NDArray[np.float32]
    """(C,) float32, sums to 1; C = 10 for digits, in the order of `classes`."""
    is_digit: float
    """Probability in [0, 1] that the picture holds a digit at all."""
    frame: NDArray[np.float32]
    """(28, 28) float32 in [0, 1], ink = 1: what the network saw."""
    classes: tuple[str, ...]
    """(C,) the names of the classes; "0" to "9" for digits."""
    warnings: tuple[WarningCode, ...]
    """What may be wrong with the picture; `findings.describe` puts it into words."""
    page: NDArray[np.uint8] | None = None
    """(H, W) uint8: the picture as it was decoded; None unless explained."""
    ink: NDArray[np.float32] | None = None
    """(h, w) float32 in [0, 1], ink = 1: what of it was taken for the digit; None unless explained."""

    @property
    def text(self) -> str | None:
        """Name of the predicted class, or None where the model abstains."""
        return None if self.label is None else self.classes[self.label]

    @property
    def confidence(self) -> float:
        """Probability of the label, in [0, 1]; 0 where the model abstains."""
        return 0.0 if self.label is None else float(self.probabilities.max())

    def top(self, count: int) -> list[tuple[str, float]]:
        """The `count` most probable classes with their probabilities, best first."""
        shares = [float(share) for share in self.probabilities]
        return sorted(zip(self.classes, shares, strict=True), key=lambda pair: -pair[1])[:count]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON; the pictures are left out."""
        return {
            "label": self.label,
            "text": self.text,
            "confidence": self.confidence,
            "is_digit": self.is_digit,
            "probabilities": [float(value) for value in self.probabilities],
            "warnings": [{"code": code, "text": describe(code)} for code in self.warnings],
        }


@dataclass(frozen=True, eq=False)
class GlyphReading:
    """One glyph of a text that was read."""

    glyph: str
    """A digit or a sign."""
    begin: int
    """First time step of the lattice that shows it, by the most probable alignment."""
    end: int
    """One past the last such step."""
    confidence: float
    """Probability in [0, 1] that this glyph stands at its place; see decoding.py."""
    alternatives: tuple[tuple[str, float], ...]
    """Other glyphs at its place with their probabilities, best first; "" where nothing may stand there."""


@dataclass(frozen=True, eq=False)
class Reading:
    """A text read from a lattice."""

    text: str | None
    """What was read, "" where nothing is written; None where nothing fits the constraint."""
    log_probability: float
    """Natural logarithm of the probability of the text, over all its alignments; -inf without text."""
    confidence: float
    """Share in [0, 1] of the text in all that the constraint allows; 0 without text."""
    log_allowed: float
    """Logarithm of the probability of all that the constraint allows, 0 without a constraint. Where it is
    very low the picture does not show such a number, whatever the confidence."""
    glyphs: tuple[GlyphReading, ...]
    """One for each glyph of the text."""
    is_exact: bool
    """Whether it is proven that no text is left out that is allowed and more probable; without text, that no
    text is allowed at all."""

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON; None for an infinite logarithm."""
        return {
            "text": self.text,
            "log_probability": self.log_probability if math.isfinite(self.log_probability) else None,
            "confidence": self.confidence,
            "log_allowed": self.log_allowed if math.isfinite(self.log_allowed) else None,
            "is_exact": self.is_exact,
            "glyphs": [
                {
                    "glyph": glyph.glyph,
                    "begin": glyph.begin,
                    "end": glyph.end,
                    "confidence": glyph.confidence,
                    "alternatives": [list(pair) for pair in glyph.alternatives],
                }
                for glyph in self.glyphs
            ],
        }

"""What was read from a lattice: the text and its glyphs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


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

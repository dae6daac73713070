"""A text read from a lattice, with its glyphs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class GlyphReading:
    """One glyph of a reading."""

    glyph: str
    """A digit or a sign."""
    begin: int
    """First time step of the glyph in the most probable alignment."""
    end: int
    """One past its last time step."""
    confidence: float
    """Probability in [0, 1] that this glyph stands at its place; see search.py."""
    alternatives: tuple[tuple[str, float], ...]
    """Other glyphs at its place with their probabilities, most probable first; "" means no glyph."""


@dataclass(frozen=True, eq=False)
class Reading:
    """A text read from a lattice."""

    text: str | None
    """The text, "" if nothing is written; None if no text fits the constraint."""
    log_probability: float
    """Natural logarithm of the probability of the text, over all its alignments; -inf if it is None."""
    confidence: float
    """Probability in [0, 1] of the text as a share of all allowed texts; 0 if it is None."""
    log_allowed: float
    """Logarithm of the probability of all allowed texts; 0 without a constraint. If it is very low, the
    picture shows no allowed number, whatever the confidence."""
    glyphs: tuple[GlyphReading, ...]
    """The glyphs of the text."""
    is_exact: bool
    """Whether no other allowed text can be more probable; if the text is None, whether none is allowed."""

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

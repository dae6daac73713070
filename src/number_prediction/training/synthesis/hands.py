"""Hands: random ways of writing one line of numbers.

In: a text as places in GLYPHS. Out: the height and the middle of each glyph on its line. One unit is the
height of the hand's ordinary digits, and y runs downward. The layout is scaled as the line framing will show
it, from the top of the highest digit to the foot of the lowest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from number_prediction.constants import GLYPHS

SMALL_ZEROS_SHARE, SMALL_ZERO_SIZES = 0.4, (0.5, 0.95)
"""Share of the zeros that are smaller than other digits, and the range of their sizes."""
HANGING_DIGITS, RISING_DIGITS = "34579", "68"
"""Digits that hang below the base line, or rise above other digits, in old hands (text figures)."""
SMALL_SIGNS = ".,-:"
"""Signs that do not decide the height of a line."""
MAX_LINE_RISE = 0.9
"""Largest difference in height between the first and the last glyph of a line."""
_PLACES = {glyph: place for place, glyph in enumerate(GLYPHS)}
_ONE, _ZERO = _PLACES["1"], _PLACES["0"]
_HANGING, _RISING, _SMALL = (
    [_PLACES[glyph] for glyph in some] for some in (HANGING_DIGITS, RISING_DIGITS, SMALL_SIGNS)
)


class LineLayout(NamedTuple):
    """Sizes and places of the glyphs of a line, in heights of the line's writing."""

    heights: NDArray[np.float32]
    """(n,) height of each glyph, if it were an ordinary digit."""
    middles: NDArray[np.float32]
    """(n,) middle of each glyph, downward from the middle of the line."""
    unit: float
    """Height of an ordinary digit of this hand."""


class Hand:
    """A random way of writing one line."""

    def __init__(self, random: np.random.Generator, *, is_word: bool = False) -> None:
        self.slant = float(np.clip(random.normal(0.22, 0.3), -0.7, 1.0))
        self.rotation = random.normal(0, 3)
        self.wide = float(np.clip(np.exp(random.normal(-0.12, 0.22)), 0.5, 1.4))
        self.pen = random.uniform(-0.8, 0.25) if random.random() < 0.7 else random.uniform(0.25, 0.9)
        kind = random.random()
        if kind < 0.2:
            self.gap, self.uneven = random.uniform(-0.14, 0.02), 0.036  # touching
        elif kind < 0.7:
            self.gap, self.uneven = random.uniform(0.02, 0.23), 0.045
        elif kind < 0.92:
            self.gap, self.uneven = random.uniform(0.18, 0.55), 0.09
        else:
            self.gap, self.uneven = random.uniform(0.55, 1.4), 0.18
        self.kerning = random.uniform(0.3, 1)
        self.uneven_size = random.uniform(0.03, 0.18)
        self.tall_ones = random.uniform(1.0, 1.9) if random.random() < 0.35 else 1.0
        self.hanging = random.uniform(0.05, 0.45) if random.random() < 0.2 else 0.0
        self.wander = abs(random.normal(0, 0.05))
        self.slope = random.normal(0, 0.1 if random.random() < 0.12 else 0.02)
        """Slope of the base line, per glyph."""
        self.framed = float(np.exp(random.normal(-0.02, 0.06)))
        """Height of the writing in the frame, as a share of the height that the framing aims at."""
        if random.random() < 0.12:  # other marks were framed with it
            self.framed *= random.uniform(0.6, 1)
        if is_word:  # small letters are framed as if they were digits
            self.framed *= random.uniform(1, 1.5)

    def lay_out(self, text: tuple[int, ...], random: np.random.Generator) -> LineLayout:
        """Heights and middles of the glyphs of a text."""
        glyphs, count = np.array(text, np.int64), len(text)
        heights = np.exp(random.normal(0, self.uneven_size, count))
        heights = np.where(glyphs == _ONE, heights * self.tall_ones, heights)
        is_small = (glyphs == _ZERO) & (random.random(count) < SMALL_ZEROS_SHARE)
        heights = np.where(is_small, heights * random.uniform(*SMALL_ZERO_SIZES, count), heights)
        middles = (1 - heights) / 2 * random.uniform(0.2, 1.1, count)  # on the base line, or nearly
        middles += self.hanging * np.isin(glyphs, _HANGING)
        middles -= self.hanging * np.isin(glyphs, _RISING) * random.uniform(0, 0.7)
        slope = np.clip(self.slope * count, -MAX_LINE_RISE, MAX_LINE_RISE) / max(count, 1)
        middles += slope * (np.arange(count) - (count - 1) / 2)
        middles += np.clip(random.normal(0, self.wander, count), -0.25, 0.25)
        decides = ~np.isin(glyphs, _SMALL)
        if not decides.any():
            decides[:] = True
        top = (middles - heights / 2)[decides].min(initial=0.5)
        foot = (middles + heights / 2)[decides].max(initial=-0.5)
        unit = self.framed / max(float(foot - top), 0.5)
        return LineLayout(
            (heights * unit).astype(np.float32),
            ((middles - (top + foot) / 2) * unit).astype(np.float32),
            unit,
        )

"""Texts of composed lines: numbers as people write them, as places in GLYPHS.

Most have random digits. Some are years and dates, because these are frequent on paper: so a network learns
what an unclear digit between a 1 and two more digits may be.
"""

from __future__ import annotations

import numpy as np

from number_prediction.constants import GLYPHS

GLYPH_PITCH_PX = 18
"""Usual distance between glyphs."""
MAX_DIGITS = 12
"""Most digits of a number."""
YEARS = ((1900, 1999, 0.6), (2000, 2039, 0.2), (1800, 1899, 0.15), (1000, 1799, 0.05))
"""Ranges of years (first, last), and the share of each."""


def draw_text(random: np.random.Generator, width: int, *, dated: float) -> tuple[int, ...]:
    """A number that might fit on `width` pixels; a year or date with probability `dated`, if one fits."""
    if width >= 4 * GLYPH_PITCH_PX and random.random() < dated:
        text = _year_or_date(random, width)
    else:
        text = _number(random, width)
    return tuple(GLYPHS.index(glyph) for glyph in text)


def _year_or_date(random: np.random.Generator, width: int) -> str:
    first, last, _ = YEARS[random.choice(len(YEARS), p=[share for _, _, share in YEARS])]
    year = str(random.integers(first, last + 1))
    if width < 10 * GLYPH_PITCH_PX or random.random() < 0.6:
        return year + "." * (random.random() < 0.15)
    day, month = int(random.integers(1, 32)), int(random.integers(1, 13))
    kind = random.random()
    if kind < 0.15:
        return f"{year}-{month:02d}-{day:02d}"
    sign = "./-"[random.integers(3)]
    of_day = f"{day:02d}{sign}{month:02d}" if kind < 0.6 else f"{day}{sign}{month}"
    return of_day + sign + (year if random.random() < 0.6 else year[2:])


def _number(random: np.random.Generator, width: int) -> str:
    longest = max(1, min(MAX_DIGITS, width // GLYPH_PITCH_PX))
    kind = random.random()
    if kind < 0.3:  # most numbers are short
        length = int(random.integers(1, min(3, longest) + 1))
    else:  # most lines are filled: paper teaches nothing
        length = int(random.integers(1 if kind < 0.45 else max(1, longest // 2), longest + 1))
    digits = "".join(str(digit) for digit in random.integers(0, 10, length))
    if random.random() < 0.06:
        digits = str(random.integers(0, 10)) * length
    kind = random.random()
    if kind < 0.76:
        text = digits
    elif kind < 0.84 and length > 1:
        place = int(random.integers(1, length))
        text = digits[:place] + (".", ",")[random.integers(2)] + digits[place:]
    elif kind < 0.90:
        text = "-+"[random.random() < 0.35] + digits
    elif kind < 0.95 and length > 3:
        sign = "/.-:/"[random.integers(5)]
        text = digits[:2] + sign + digits[2:4] + (sign + digits[4:] if length > 4 else "")
    else:
        text = digits + (".", ",")[random.random() < 0.15]
    return "" if random.random() < 0.01 else text

"""What lines on paper say: numbers as registers, forms and bills have them, words, and units."""

from __future__ import annotations

import numpy as np

UNITS = (
    *("kg", "km", "cm", "mm", "m", "g", "pcs", "EUR", "ml", "fr", "Fr", "St", "Uhr", "h", "am", "pm", "th"),
    *("ha", "No", "Nr", "m2", "L"),
)
"""Words that stand beside a number."""
_LETTERS = tuple("etaoinshrdlucmfwypvbgkjqxzKMNPRTAEFHLCJUVWXYhkmnprtuwxadef")
"""Letters of words; those unlike any digit more often."""


def draw_number(random: np.random.Generator) -> str:
    """A number with the signs that it may have: most are whole, a third are decimals."""
    kinds = (draw_digits, _draw_year, _draw_decimal, _draw_thousands, _draw_signed, _draw_date, _draw_pair)
    kind = random.choice(len(kinds), p=[0.42, 0.09, 0.31, 0.03, 0.05, 0.06, 0.04])
    return kinds[kind](random)


def draw_digits(random: np.random.Generator, *, longest: int = 13) -> str:
    """Digits of any length up to `longest`; half are of one to three."""
    kind = random.random()
    if kind < 0.5:
        length = int(random.integers(1, 4))
    elif kind < 0.9:
        length = int(random.integers(2, 6))
    else:
        length = int(random.integers(5, max(longest, 6) + 1))
    digits = "".join(str(digit) for digit in random.integers(0, 10, length))
    return str(random.integers(10)) * length if random.random() < 0.05 else digits


def draw_word(random: np.random.Generator) -> str:
    """Letters that make no sense, as a word is to a reader of numbers."""
    word = "".join(random.choice(_LETTERS, int(random.integers(2, 9))))
    if random.random() < 0.7:
        return word
    return word.capitalize() if random.random() < 0.6 else word.upper()


def _draw_decimal(random: np.random.Generator) -> str:
    if random.random() < 0.5:
        whole = int(random.integers(0, 10 ** int(random.integers(1, 5))))
    else:
        whole = int(random.integers(0, 60))
    kind = random.random()
    places = 1 if kind < 0.55 else 2 if kind < 0.93 else int(random.integers(1, 5))
    sign = "," if random.random() < 0.5 else "."
    return f"{whole}{sign}" + "".join(str(digit) for digit in random.integers(0, 10, places))


def _draw_date(random: np.random.Generator) -> str:
    day, month = int(random.integers(1, 32)), int(random.integers(1, 13))
    year, sign = int(random.integers(1900, 2030)), "./-/."[random.integers(5)]
    kinds = (
        f"{day}{sign}{month}",
        f"{day:02d}{sign}{month:02d}{sign}{year}",
        f"{day}{sign}{month}{sign}{year % 100:02d}",
        f"{day:02d}{sign}{month:02d}",
        f"{random.integers(1, 1000)}/{random.integers(1, 100)}",
        f"{year}-{month:02d}-{day:02d}",
    )
    return kinds[random.integers(len(kinds))]


def _draw_year(random: np.random.Generator) -> str:
    first, beyond = (1000, 2040) if random.random() < 0.3 else (1800, 2026)
    return str(random.integers(first, beyond))


def _draw_thousands(random: np.random.Generator) -> str:
    sign = random.choice([",", "."])
    cents = f".{random.integers(0, 100):02d}" if random.random() < 0.3 else ""
    return f"{random.integers(1, 1000)}{sign}{random.integers(0, 1000):03d}{cents}"


def _draw_signed(random: np.random.Generator) -> str:
    part = f".{random.integers(0, 100)}" if random.random() < 0.4 else ""
    return str(random.choice(["-", "-", "+"])) + draw_digits(random, longest=5) + part


def _draw_pair(random: np.random.Generator) -> str:
    """A time, or two numbers with a dash."""
    if random.random() < 0.5:
        return f"{random.integers(0, 24)}:{random.integers(0, 60):02d}"
    return f"{draw_digits(random, longest=4)}-{draw_digits(random, longest=4)}"

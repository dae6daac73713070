"""Signs that stand around numbers, as strokes: tables only.

A sign has strokes in a box from (0, 0), top left, to (1, 1), as in `stroke_tables`, and a place on its
line. The unit of the place is the height of a digit; 0 is the top of the digits and 1 their base line.
"""

from __future__ import annotations

from dataclasses import dataclass

from number_prediction.training.synthesis.stroke_tables import OTHERS, Curve, Line, Writing


@dataclass(frozen=True)
class Sign:
    """How one sign is written."""

    strokes: Writing
    height: float = 1.0
    """Of its box, in heights of a digit."""
    top: float = 0.0
    """Of its box, in heights of a digit below the top of the digits."""
    width: float = 0.7
    """Of its box, in heights of its box."""
    printed: str = "#"
    """The character that stands for it in print."""


def _drawn(name: str, printed: str, *, height: float = 1.0, top: float = 0.0) -> Sign:
    return Sign(OTHERS[name][0], height, top, printed=printed)


SIGNS: dict[str, Sign] = {
    "dollar": Sign(
        (
            Curve((0.85, 0.2), (0.5, 0.08), (0.15, 0.25), (0.5, 0.5), (0.85, 0.72), (0.5, 0.93), (0.1, 0.8)),
            Line((0.5, -0.05), (0.5, 1.05)),
        ),
        1.15,
        -0.08,
        0.6,
        "$",
    ),
    "euro": Sign(
        (
            Curve((0.95, 0.12), (0.6, 0.02), (0.3, 0.3), (0.28, 0.7), (0.6, 0.98), (0.95, 0.88)),
            Line((0.05, 0.4), (0.75, 0.4)),
            Line((0.05, 0.6), (0.7, 0.6)),
        ),
        printed="€",
    ),
    "pound": Sign(
        (
            Curve((0.85, 0.15), (0.55, 0.03), (0.35, 0.3), (0.4, 0.6), (0.2, 0.95), (0.5, 0.88), (0.9, 0.95)),
            Line((0.12, 0.52), (0.7, 0.52)),
        ),
        printed="£",
    ),
    "(": Sign((Curve((0.7, 0), (0.3, 0.3), (0.3, 0.7), (0.7, 1)),), 1.25, -0.12, 0.35, "("),
    ")": Sign((Curve((0.3, 0), (0.7, 0.3), (0.7, 0.7), (0.3, 1)),), 1.25, -0.12, 0.35, ")"),
    "[": Sign((Line((0.7, 0), (0.35, 0), (0.35, 1), (0.7, 1)),), 1.25, -0.12, 0.42, "["),
    "]": Sign((Line((0.3, 0), (0.65, 0), (0.65, 1), (0.3, 1)),), 1.25, -0.12, 0.42, "]"),
    "degree": Sign(
        (Curve((0.5, 0), (0.05, 0.35), (0.4, 0.98), (0.95, 0.6), (0.55, 0)),), 0.3, -0.05, printed="°"
    ),
    "times": Sign(
        (Line((0.05, 0.05), (0.95, 0.95)), Line((0.95, 0.05), (0.05, 0.95))), 0.5, 0.3, printed="\u00d7"
    ),
    "tick": Sign((Line((0, 0.55), (0.3, 1), (1, 0)),), width=0.77, printed="✓"),
    "percent": Sign(
        (
            Curve((0.2, 0.05), (0.02, 0.2), (0.2, 0.38), (0.38, 0.2), (0.2, 0.05)),
            Line((0.9, 0.02), (0.1, 0.98)),
            Curve((0.78, 0.62), (0.6, 0.8), (0.78, 0.97), (0.97, 0.8), (0.78, 0.62)),
        ),
        printed="%",
    ),
    "equals": Sign((Line((0, 0.1), (1, 0.05)), Line((0, 0.9), (1, 0.95))), 0.35, 0.35, 1.6, "="),
    "ampersand": Sign(
        (
            Curve(
                (0.95, 0.95),
                (0.3, 0.35),
                (0.35, 0.05),
                (0.65, 0.15),
                (0.5, 0.4),
                (0.1, 0.7),
                (0.3, 0.97),
                (0.7, 0.85),
                (0.95, 0.55),
            ),
        ),
        printed="&",
    ),
    "ditto": Sign((Line((0.3, 0), (0.2, 1)), Line((0.75, 0), (0.65, 1))), 0.3, 0.0, 0.7, '"'),
    "question mark": _drawn("question mark", "?"),
    "hash": _drawn("hash", "#"),
    "asterisk": _drawn("asterisk", "*", height=0.5),
    "exclamation mark": _drawn("exclamation mark", "!"),
    "tilde": _drawn("tilde", "~", height=0.25, top=0.4),
    "less": _drawn("less", "<", height=0.6, top=0.25),
    "greater": _drawn("greater", ">", height=0.6, top=0.25),
}
"""Signs that no number has, by name."""
BRACKETS = (("(", ")"), ("[", "]"))
AFTER_ONLY = frozenset({"percent", "degree"})
"""Signs that stand behind a number, never before it."""
SEGMENTS = {
    "0": "abcdef",
    "1": "bc",
    "2": "abged",
    "3": "abgcd",
    "4": "fgbc",
    "5": "afgcd",
    "6": "afgedc",
    "7": "abc",
    "8": "abcdefg",
    "9": "abcdfg",
}
"""Segments of the digits of seven-segment displays."""
_GAP = 0.06
SEGMENT_LINES = {
    "a": Line((_GAP, 0), (1 - _GAP, 0)),
    "b": Line((1, _GAP), (1, 0.5 - _GAP)),
    "c": Line((1, 0.5 + _GAP), (1, 1 - _GAP)),
    "d": Line((_GAP, 1), (1 - _GAP, 1)),
    "e": Line((0, 0.5 + _GAP), (0, 1 - _GAP)),
    "f": Line((0, _GAP), (0, 0.5 - _GAP)),
    "g": Line((_GAP, 0.5), (1 - _GAP, 0.5)),
}
"""Where each segment runs, in the box of a digit."""

"""Measures of a picture -> warnings for people.

The graph takes the measures, so that Python, server and browser get the same values. The table WARNINGS
holds the thresholds and the texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

MEASURES = ("second_mark", "at_edge", "stroke", "contrast", "inverted", "side")
"""Columns of the output `findings` of the graph, in order; all are 0 on a picture without ink.

second_mark: ink of the second largest mark, as a share of the largest.
at_edge: share of the ink that is nearer to the edge than a 32nd of the picture.
stroke: width of thin strokes, in 20ths of the longer side of the digit; at most 1.
contrast: how much darker than the paper the strokes are, as a share of the paper's grey.
inverted: 1 for light writing on dark paper.
side: longer side of the digit, in pixels of the picture.
"""

WarningCode: TypeAlias = Literal[
    "blank", "several-marks", "touches-edge", "thin", "faint", "inverted", "low-resolution"
]


@dataclass(frozen=True)
class WarningRule:
    """When a warning is given, and its text."""

    code: WarningCode
    measure: str
    """One of MEASURES."""
    is_above: bool
    """Whether values above the threshold give the warning, or values below it."""
    threshold: float
    text: str
    """What was found, and what to do."""

    def applies(self, value: float) -> bool:
        """Return whether a value of the measure gives the warning."""
        return value > self.threshold if self.is_above else value < self.threshold


WARNINGS = (
    WarningRule("blank", "side", False, 1, "the picture is blank"),
    WarningRule(
        "several-marks", "second_mark", True, 0.25, "several separate marks; they are read as one digit"
    ),
    WarningRule(
        "touches-edge",
        "at_edge",
        True,
        0.01,
        "touches the edge of the picture; part of the digit may be missing",
    ),
    WarningRule("thin", "stroke", False, 0.6, "very thin strokes; use a thicker pen"),
    WarningRule("faint", "contrast", False, 0.15, "very faint; it may be a shadow or print-through"),
    WarningRule("inverted", "inverted", True, 0.5, "read as light writing on dark paper"),
    WarningRule(
        "low-resolution", "side", False, 12, "the digit is smaller than 12 pixels; use a larger picture"
    ),
)
"""In the order in which warnings are listed. A blank picture has no other warning."""


def find_warnings(measured: Mapping[str, float]) -> tuple[WarningCode, ...]:
    """Find the warnings for one picture; `measured` maps each name in MEASURES to its value."""
    found = tuple(rule.code for rule in WARNINGS if rule.applies(measured[rule.measure]))
    return found[:1] if found[:1] == ("blank",) else found


def describe(code: WarningCode) -> str:
    """Return the text of a warning."""
    return next(rule.text for rule in WARNINGS if rule.code == code)

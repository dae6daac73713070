"""What the graph measures of a picture -> plain warnings.

The graph measures, so that whoever runs it measures the same; here is the one table that says from which
values on there is something to be warned of, and in which words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

MEASURES = ("second_mark", "at_edge", "stroke", "contrast", "inverted", "side")
"""Columns of the graph's output `findings`, in order; all are 0 where there is no ink.

second_mark: ink of the second of several marks, as a share of the first one's.
at_edge: share of the digit's ink that lies within a 32nd of the picture's edge.
stroke: width of thin strokes in 20ths of the digit's longer side; at most 1.
contrast: by how much the strokes stand out from the paper, as a share of it.
inverted: 1 where light is written on dark.
side: the digit's longer side, in pixels of the picture.
"""

WarningCode: TypeAlias = Literal[
    "blank", "several-marks", "touches-edge", "thin", "faint", "inverted", "low-resolution"
]


@dataclass(frozen=True)
class WarningRule:
    """When there is a warning, and what it says."""

    code: WarningCode
    measure: str
    """One of MEASURES."""
    is_above: bool
    """Whether values above the threshold are warned of, or those below it."""
    threshold: float
    text: str
    """For people: what was found, and what it may mean."""

    def applies(self, value: float) -> bool:
        """Whether a value of the measure is to be warned of."""
        return value > self.threshold if self.is_above else value < self.threshold


WARNINGS = (
    WarningRule("blank", "side", False, 1, "nothing stands out from the paper"),
    WarningRule("several-marks", "second_mark", True, 0.25, "several separate marks, read as one digit"),
    WarningRule("touches-edge", "at_edge", True, 0.01, "touches the picture's edge; a part may be cut off"),
    WarningRule("thin", "stroke", False, 0.6, "very thin strokes; a thicker pen is read more surely"),
    WarningRule("faint", "contrast", False, 0.15, "very faint; may be shadow or print-through, not writing"),
    WarningRule("inverted", "inverted", True, 0.5, "taken for light writing on a dark ground"),
    WarningRule("low-resolution", "side", False, 12, "fewer than 12 pixels high and wide; take it larger"),
)
"""In the order in which they are given. A blank picture has no other warning."""


def find_warnings(measured: Mapping[str, float]) -> tuple[WarningCode, ...]:
    """The warnings for one picture, from what the graph measured of it by the names of MEASURES."""
    found = tuple(rule.code for rule in WARNINGS if rule.applies(measured[rule.measure]))
    return found[:1] if found[:1] == ("blank",) else found


def describe(code: WarningCode) -> str:
    """A warning in words."""
    return next(rule.text for rule in WARNINGS if rule.code == code)

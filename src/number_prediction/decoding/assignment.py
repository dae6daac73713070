"""Lattices and a roster -> who is who, one to one, such as sheets and the numbers of a class. NumPy only.

All pairs are scored by the exact probability of the text. The assignment of the greatest product is found by
shortest augmenting paths (Jonker and Volgenant, 1987), a form of the Hungarian method (Kuhn, 1955), with a
column for each lattice that means "nobody".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from number_prediction.constants import GLYPHS
from number_prediction.decoding.lattice import read_lattice, score
from number_prediction.errors import ConstraintError

LEAST_PROBABILITY = 1e-6
"""Probability of a text below which nobody is a better answer."""

_Costs: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class AssignedReading:
    """What was assigned to one lattice."""

    text: str | None
    """One of the roster; None where it fits nobody, or others fit better and nobody is left."""
    log_probability: float
    """Logarithm of the probability that the lattice gives to the text; -inf without text."""
    confidence: float
    """In [0.5, 1]: the odds of the best assignment against the best that gives this lattice anything else."""


@dataclass(frozen=True)
class Assignment:
    """A one-to-one assignment."""

    readings: tuple[AssignedReading, ...]
    """One for each lattice, in order."""
    left_over: tuple[str, ...]
    """Texts of the roster that were assigned to nothing, in order."""


def assign(
    probabilities: Sequence[NDArray[np.floating]],
    roster: Sequence[str],
    *,
    glyphs: Sequence[str] = GLYPHS,
    least_probability: float = LEAST_PROBABILITY,
) -> Assignment:
    """Assign lattices to texts, each text at most once.

    Args:
        probabilities: lattices (T, G) of any T.
        roster: the texts.
        glyphs: (G,) names of the glyphs, the blank "" first.
        least_probability: of a text; below it, a lattice is rather nobody's.

    Raises:
        ModelError: these are no probabilities of `glyphs`.
        ConstraintError: a text stands twice in the roster or cannot be read, or `least_probability` is not
            in (0, 1].
    """
    if not 0 < least_probability <= 1:
        raise ConstraintError(
            f"least_probability={least_probability}; give a probability above 0, such as 1e-6"
        )
    check_roster(roster, glyphs)
    count, choices = len(probabilities), len(roster)
    costs = np.full((count, choices + count), np.inf)
    for pair_costs, lattice in zip(costs, probabilities, strict=True):
        pair_costs[:choices] = -score(read_lattice(lattice, glyphs), roster)
    nobody = choices + np.arange(count)
    costs[np.arange(count), nobody] = -math.log(least_probability)
    chosen, margins = _match(costs)
    readings = []
    for row, column in enumerate(chosen.tolist()):
        confidence = 1 / (1 + math.exp(-margins[row]))
        is_somebody = column < choices
        readings.append(
            AssignedReading(
                roster[column] if is_somebody else None,
                -float(costs[row, column]) if is_somebody else -math.inf,
                confidence,
            )
        )
    taken = set(chosen.tolist())
    left_over = tuple(text for column, text in enumerate(roster) if column not in taken)
    return Assignment(tuple(readings), left_over)


def check_roster(roster: Sequence[str], glyphs: Sequence[str] = GLYPHS) -> None:
    """Raise ConstraintError where a text stands twice or cannot be read."""
    seen: set[str] = set()
    for text in roster:
        if text in seen:
            raise ConstraintError(
                f"{text!r} stands twice in the roster; each text is assigned once, remove one"
            )
        if not set(text) <= set(glyphs):
            raise ConstraintError(
                f"{text!r} in the roster cannot be read; texts are made of {''.join(glyphs)}"
            )
        seen.add(text)


def _match(costs: _Costs) -> tuple[NDArray[np.intp], _Costs]:
    """Of the cheapest assignment, for each row: its column, and how much dearer the cheapest without it is.

    Every row (R,) must have a finite column (C,) of its own; other costs may be infinite. Columns that are
    left over belong to a row of zeros after the last, so that exchanges may go through them.
    """
    rows, columns = costs.shape
    costs = np.vstack([costs, np.zeros(columns)])
    row_prices, column_prices = np.zeros(rows + 1), np.zeros(columns)
    column_of, row_of = np.full(rows, -1, np.intp), np.full(columns, rows, np.intp)
    for row in range(rows):
        distances, origins, passed = _shortest_paths(costs, row_prices, column_prices, row_of, row)
        free = np.flatnonzero(row_of == rows)
        column = int(free[distances[free].argmin()])
        row_prices[row] += distances[column]
        row_prices[row_of[passed]] += distances[column] - distances[passed]
        column_prices[passed] -= distances[column] - distances[passed]
        while column >= 0:  # the way is walked back, each row takes the column it was gone to from
            taken_by = int(origins[column])
            row_of[column] = taken_by
            column, column_of[taken_by] = int(column_of[taken_by]), column
    margins = np.empty(rows)
    for row, column in enumerate(column_of.tolist()):
        cost, costs[row, column] = costs[row, column], np.inf
        margins[row] = _shortest_paths(costs, row_prices, column_prices, row_of, row, back_to=column)[0][
            column
        ]
        costs[row, column] = cost
    return column_of, np.maximum(margins, 0.0)


def _shortest_paths(
    costs: _Costs,
    row_prices: _Costs,
    column_prices: _Costs,
    row_of: NDArray[np.intp],
    row: int,
    *,
    back_to: int | None = None,
) -> tuple[_Costs, NDArray[np.intp], list[int]]:
    """Ways from a row to the nearest column that is left over, or `back_to` its own (Dijkstra, 1959).

    From a column that is taken the way goes on through its row.

    Returns:
        (C,) distances, right up to the end of the way; (C,) the row before each column; columns passed.
    """
    distances, origins = np.full(len(row_of), np.inf), np.full(len(row_of), -1, np.intp)
    is_open = np.ones(len(row_of), np.bool_)
    passed: list[int] = []
    way_so_far = 0.0
    while True:
        through = way_so_far + (costs[row] - row_prices[row] - column_prices)
        nearer = is_open & (through < distances)
        distances[nearer], origins[nearer] = through[nearer], row
        reachable = np.where(is_open, distances, np.inf)
        column = int(reachable.argmin())
        is_end = row_of[column] == len(costs) - 1 if back_to is None else column == back_to
        if is_end or not math.isfinite(reachable[column]):
            return distances, origins, passed
        passed.append(column)
        row, way_so_far = int(row_of[column]), float(distances[column])
        is_open[row_of == row] = False

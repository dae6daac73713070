"""Lattices and a roster -> one-to-one matches, such as sheets and the numbers of a class. NumPy only.

Each pair is scored by the exact probability of the text. The assignment with the largest product is found by
shortest augmenting paths (Jonker and Volgenant, 1987), a form of the Hungarian method (Kuhn, 1955). Each
lattice has one extra column that means "no match".
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

MIN_MATCH_PROBABILITY = 1e-6
"""A lattice that gives its text a lower probability is better left without a match."""

_Costs: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class AssignedReading:
    """The match of one lattice."""

    text: str | None
    """A text of the roster; None if none fits, or the fitting ones belong to other lattices."""
    log_probability: float
    """Logarithm of the probability that the lattice gives to the text; -inf without a match."""
    confidence: float
    """In [0.5, 1]: the best assignment against the best one that gives this lattice anything else."""


@dataclass(frozen=True)
class Assignment:
    """A one-to-one assignment."""

    readings: tuple[AssignedReading, ...]
    """The match of each lattice, in order."""
    left_over: tuple[str, ...]
    """Texts of the roster without a lattice, in order."""


def assign(
    probabilities: Sequence[NDArray[np.floating]],
    roster: Sequence[str],
    *,
    glyphs: Sequence[str] = GLYPHS,
    least_probability: float = MIN_MATCH_PROBABILITY,
) -> Assignment:
    """Assign lattices to texts, each text at most once.

    Args:
        probabilities: lattices (T, G) of any T.
        roster: the texts.
        glyphs: (G,) names of the glyphs, the blank "" first.
        least_probability: below this probability of its text, a lattice is left without a match.

    Raises:
        ModelError: the probabilities do not belong to `glyphs`.
        ConstraintError: a text is twice on the roster or can never be read, or `least_probability` is not in
            (0, 1].
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
    unmatched = choices + np.arange(count)
    costs[np.arange(count), unmatched] = -math.log(least_probability)
    chosen, margins = _match(costs)
    readings = []
    for row, column in enumerate(chosen.tolist()):
        confidence = 1 / (1 + math.exp(-margins[row]))
        is_match = column < choices
        readings.append(
            AssignedReading(
                roster[column] if is_match else None,
                -float(costs[row, column]) if is_match else -math.inf,
                confidence,
            )
        )
    taken = set(chosen.tolist())
    left_over = tuple(text for column, text in enumerate(roster) if column not in taken)
    return Assignment(tuple(readings), left_over)


def check_roster(roster: Sequence[str], glyphs: Sequence[str] = GLYPHS) -> None:
    """Raise ConstraintError if a text is twice on the roster or can never be read."""
    seen: set[str] = set()
    for text in roster:
        if text in seen:
            raise ConstraintError(f"{text!r} is twice on the roster; remove one of them")
        if not set(text) <= set(glyphs):
            raise ConstraintError(
                f"{text!r} on the roster can never be read; use the characters {''.join(glyphs)}"
            )
        seen.add(text)


def _match(costs: _Costs) -> tuple[NDArray[np.intp], _Costs]:
    """The cheapest assignment: for each row its column, and the extra cost of the cheapest one without it.

    Every row (R,) needs a finite column (C,) of its own; other costs may be infinite. Unused columns belong
    to an extra last row of zeros, so that exchanges can go through them.
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
        while column >= 0:  # walk the path back: each row takes the column before it
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
    """The shortest path from a row to an unused column, or `back_to` its own column (Dijkstra, 1959).

    From a used column the path continues through the row that uses it.

    Returns:
        (C,) distances, final up to the end of the path; (C,) the row before each column; the columns passed.
    """
    distances, origins = np.full(len(row_of), np.inf), np.full(len(row_of), -1, np.intp)
    is_open = np.ones(len(row_of), np.bool_)
    passed: list[int] = []
    path_length = 0.0
    while True:
        through = path_length + (costs[row] - row_prices[row] - column_prices)
        nearer = is_open & (through < distances)
        distances[nearer], origins[nearer] = through[nearer], row
        reachable = np.where(is_open, distances, np.inf)
        column = int(reachable.argmin())
        is_end = row_of[column] == len(costs) - 1 if back_to is None else column == back_to
        if is_end or not math.isfinite(reachable[column]):
            return distances, origins, passed
        passed.append(column)
        row, path_length = int(row_of[column]), float(distances[column])
        is_open[row_of == row] = False

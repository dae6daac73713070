"""Number of one digit: merge the opinion of the model for digits into the lattice of the line.

The model for digits reads a lone digit better than the model for lines, above all a 7 and a 1: no neighbour
shows how wide the writer writes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from number_prediction.constants import GLYPHS

DIGIT_SLICE = slice(GLYPHS.index("0"), GLYPHS.index("9") + 1)
"""Indices of the digits in GLYPHS."""
MIN_OPINION_PROBABILITY = 1e-6
"""Lower probabilities of a digit are raised to this, before opinions are merged."""


OPINION_WEIGHT = 0.75
"""Exponent of the other model's probabilities in the product of both; the lattice's has the rest."""


def find_lone_digit(lattice: NDArray[np.float32]) -> slice | None:
    """Find the steps of the digit in a lattice (T, G) whose most probable path has one digit; else None."""
    said = lattice.argmax(1)
    steps = np.flatnonzero(said)
    is_one = len(steps) and steps[-1] - steps[0] + 1 == len(steps) and len(set(said[steps])) == 1
    if not is_one or not DIGIT_SLICE.start <= said[steps[0]] < DIGIT_SLICE.stop:
        return None
    return slice(int(steps[0]), int(steps[-1]) + 1)


def merge_opinions(
    lattice: NDArray[np.float32], steps: slice, digits: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Replace the digit of a lattice by the weighted product of two opinions: the lattice and another model.

    Args:
        lattice: (T, G) probabilities of GLYPHS per time step.
        steps: the steps of the digit.
        digits: (10,) probabilities of the other model.

    Returns:
        (T, G), changed only at these steps; all digits together keep their probability.
    """
    merged = lattice.copy()
    share = lattice[steps, DIGIT_SLICE]
    together = share.sum(1, keepdims=True)
    own = share.sum(0) / share.sum()
    own, digits = (np.maximum(each, MIN_OPINION_PROBABILITY) for each in (own, digits))
    both = own ** (1 - OPINION_WEIGHT) * digits**OPINION_WEIGHT
    merged[steps, DIGIT_SLICE] = together * (both / both.sum())
    return merged

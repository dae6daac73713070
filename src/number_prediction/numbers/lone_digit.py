"""A number of one digit: what the model for digits says of it, taken into the lattice of its line.

A digit that stands alone is what that model was made for, and it tells them better than the model for lines:
most of all a 7 from a 1, where no neighbour shows how wide its writer writes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from number_prediction.constants import GLYPHS

DIGIT_SLICE = slice(GLYPHS.index("0"), GLYPHS.index("9") + 1)
"""Places of the digits among the glyphs, in their order."""
LEAST = 1e-6
"""Probability below which an opinion does not count any further."""


def find_lone_digit(lattice: NDArray[np.float32]) -> slice | None:
    """The steps at which a lattice (T, G) says one digit, if that is all it says at its most probable."""
    said = lattice.argmax(1)
    steps = np.flatnonzero(said)
    is_one = len(steps) and steps[-1] - steps[0] + 1 == len(steps) and len(set(said[steps])) == 1
    if not is_one or not DIGIT_SLICE.start <= said[steps[0]] < DIGIT_SLICE.stop:
        return None
    return slice(int(steps[0]), int(steps[-1]) + 1)


def ask(lattice: NDArray[np.float32], steps: slice, digits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The lattice with both models' opinions of its digit: their geometric mean.

    Args:
        lattice: (T, G) probabilities of GLYPHS by time step.
        steps: where it says the digit.
        digits: (10,) probabilities by the model for digits.

    Returns:
        (T, G), the same but at these steps, where all digits together are as probable as before.
    """
    asked = lattice.copy()
    share = lattice[steps, DIGIT_SLICE]
    together = share.sum(1, keepdims=True)
    own = share.sum(0) / share.sum()
    both = np.sqrt(np.maximum(own, LEAST) * np.maximum(digits, LEAST))
    asked[steps, DIGIT_SLICE] = together * (both / both.sum())
    return asked

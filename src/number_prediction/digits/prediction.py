"""What a model says of one digit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from number_prediction.digits.warnings import WarningCode, describe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


DEFAULT_THRESHOLD = 0.5
"""Below this `is_digit` a model abstains whose manifest names no threshold."""


@dataclass(frozen=True, eq=False)
class DigitPrediction:
    """What the model says of one picture."""

    label: int | None
    """Index of the most probable class; None where the model abstains ("not a digit")."""
    probabilities: NDArray[np.float32]
    """(C,) float32, sums to 1; C = 10 for digits, in the order of `classes`."""
    is_digit: float
    """Probability in [0, 1] that the picture holds a digit at all."""
    frame: NDArray[np.float32]
    """(28, 28) float32 in [0, 1], ink = 1: what the network saw."""
    classes: tuple[str, ...]
    """(C,) the names of the classes; "0" to "9" for digits."""
    warnings: tuple[WarningCode, ...]
    """What may be wrong with the picture; `findings.describe` puts it into words."""
    page: NDArray[np.uint8] | None = None
    """(H, W) uint8: the picture as it was decoded; None unless explained."""
    ink: NDArray[np.float32] | None = None
    """(h, w) float32 in [0, 1], ink = 1: what of it was taken for the digit; None unless explained."""

    @property
    def text(self) -> str | None:
        """Name of the predicted class, or None where the model abstains."""
        return None if self.label is None else self.classes[self.label]

    @property
    def confidence(self) -> float:
        """Probability of the label, in [0, 1]; 0 where the model abstains."""
        return 0.0 if self.label is None else float(self.probabilities.max())

    def top(self, count: int) -> list[tuple[str, float]]:
        """The `count` most probable classes with their probabilities, best first."""
        shares = [float(share) for share in self.probabilities]
        return sorted(zip(self.classes, shares, strict=True), key=lambda pair: -pair[1])[:count]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON; the pictures are left out."""
        return {
            "label": self.label,
            "text": self.text,
            "confidence": self.confidence,
            "is_digit": self.is_digit,
            "probabilities": [float(value) for value in self.probabilities],
            "warnings": [{"code": code, "text": describe(code)} for code in self.warnings],
        }

"""The prediction of one digit: label, probabilities and warnings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from number_prediction.digits.warnings import WarningCode, describe
from number_prediction.images.result import Result, round_share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image


DEFAULT_THRESHOLD = 0.5
"""Default threshold for `is_digit`, if the manifest names none; the model abstains below it."""


@dataclass(frozen=True, eq=False, repr=False)
class DigitPrediction(Result):
    """The answer of the model for one picture."""

    COLUMNS: ClassVar = ("label", "text", "confidence", "is_digit", "warnings")

    label: int | None
    """Index of the most probable class; None if the model abstains ("not a digit"), unless it must answer."""
    probabilities: NDArray[np.float32]
    """(C,) float32, sum 1, in the order of `classes`; C = 10 for digits."""
    is_digit: float
    """Probability in [0, 1] that the picture holds a digit at all."""
    frame: NDArray[np.float32]
    """(28, 28) float32 in [0, 1], ink = 1: the input of the network."""
    classes: tuple[str, ...]
    """(C,) names of the classes; "0" to "9" for digits."""
    warnings: tuple[WarningCode, ...]
    """Possible problems of the picture; `digits.warnings.describe` gives their texts."""
    page: NDArray[np.uint8] | None = None
    """(H, W) uint8: the decoded picture; None without `explain`."""
    ink: NDArray[np.float32] | None = None
    """(h, w) float32 in [0, 1], ink = 1: the ink of the digit; None without `explain`."""
    beside: NDArray[np.float32] | None = None
    """(2, h, w) float32 in [0, 1]: other writing and print, and rules, as the model tells them apart, at a
    coarse resolution; None without `explain`. From a model that finds ink by thresholds: zeros (2, 1, 1), or
    None if it was exported without this output."""

    def __repr__(self) -> str:
        if self.text is None:
            return f"DigitPrediction(not a digit, {100 * self.is_digit:.1f}%)"
        return f"DigitPrediction({self.text}, {100 * self.confidence:.1f}%)"

    @property
    def text(self) -> str | None:
        """Name of the predicted class; None if the model abstains."""
        return None if self.label is None else self.classes[self.label]

    @property
    def confidence(self) -> float:
        """Probability of the label, in [0, 1]; 0 if the model abstains."""
        return 0.0 if self.label is None else float(self.probabilities.max())

    def top(self, count: int) -> list[tuple[str, float]]:
        """Return the `count` most probable classes with their probabilities, best first."""
        shares = [float(share) for share in self.probabilities]
        return sorted(zip(self.classes, shares, strict=True), key=lambda pair: -pair[1])[:count]

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain Python values for JSON, without the pictures; probabilities have 4 decimals."""
        return {
            **self.path_and_page(),
            "label": self.label,
            "text": self.text,
            "confidence": round_share(self.confidence),
            "is_digit": round_share(self.is_digit),
            "probabilities": [round_share(value) for value in self.probabilities],
            "warnings": [{"code": code, "text": describe(code)} for code in self.warnings],
        }

    def draw(self) -> Image.Image:
        """Draw the frame and the probabilities; with `explain` also the page and its ink."""
        from number_prediction.digits.drawing import draw_frame, draw_seen

        return draw_frame(self) if self.page is None or self.ink is None else draw_seen(self)

    def to_rows(self) -> list[dict[str, Any]]:
        """One row of values, not rounded."""
        named = zip(self.classes, self.probabilities, strict=True)
        row = {
            "label": self.label,
            "text": self.text,
            "confidence": self.confidence,
            "is_digit": self.is_digit,
            "warnings": " ".join(self.warnings),
        }
        return [row | {f"probability_{name}": float(share) for name, share in named}]

"""Whether the server would answer rightly now: the model files are unchanged, and a known picture is read."""

from __future__ import annotations

import threading
import time

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ModelError
from number_prediction.images.decode import Page
from number_prediction.numbers.predictor import NumberPredictor

GOLDEN_TEXT = "7"
_TOLERANCE = 1e-4
_FRESH_SECONDS = 1.0


def golden_page() -> Page:
    """A seven as a person draws it, (140, 100) uint8, dark on light."""
    picture = Image.new("L", (100, 140), 255)
    ImageDraw.Draw(picture).line([(22, 28), (78, 28), (44, 114)], fill=0, width=9, joint="curve")
    return np.asarray(picture)


class Readiness:
    """Tries the models as often as asked, but at most once a second."""

    def __init__(self, predictor: Predictor, numbers: NumberPredictor | None = None) -> None:
        """Note how the models answer now; one that knows digits must read the known one."""
        self._predictor, self._numbers = predictor, numbers
        self._page = golden_page()
        self._expected = predictor.predict_digits([self._page])[0]
        self._expected_lattice = None if numbers is None else self._read_lattice(numbers)
        self._lock = threading.Lock()
        self._checked = float("-inf")
        self._reason: str | None = None

    def find_reason(self) -> str | None:
        """Why the server is not ready; None where it is."""
        with self._lock:
            if time.monotonic() - self._checked > _FRESH_SECONDS:
                self._reason = self._try()
                self._checked = time.monotonic()
            return self._reason

    def _try(self) -> str | None:
        try:
            self._predictor.read_model()
            answer = self._predictor.predict_digits([self._page])[0]
            is_number_as_expected = self._try_numbers()
        except (ModelError, OSError) as error:
            return str(error)
        if not is_number_as_expected:
            return "the model for numbers answers otherwise than when it was loaded; start the server anew"
        if not np.allclose(answer.probabilities, self._expected.probabilities, rtol=0, atol=_TOLERANCE):
            return "the model answers otherwise than when it was loaded; start the server anew"
        if GOLDEN_TEXT in answer.classes and answer.text != GOLDEN_TEXT:
            return f"the model reads {answer.text} where a {GOLDEN_TEXT} is drawn; serve another one"
        return None

    def _try_numbers(self) -> bool:
        """Whether the model for numbers, if there is one, is unchanged and answers as it did."""
        if self._numbers is None or self._expected_lattice is None:
            return True
        self._numbers.read_model()
        lattice = self._read_lattice(self._numbers)
        return np.allclose(lattice, self._expected_lattice, rtol=0, atol=_TOLERANCE)

    def _read_lattice(self, numbers: NumberPredictor) -> NDArray[np.float32]:
        return numbers.run([self._page]).lattices[0]

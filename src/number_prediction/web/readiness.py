"""Check that the server answers correctly: the model files are unchanged, and a known picture is read."""

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

KNOWN_TEXT = "7"
"""What `draw_known_page` shows."""
_TOLERATED_DIFFERENCE = 1e-4
_CHECK_INTERVAL_SECONDS = 1.0


def draw_known_page() -> Page:
    """Draw a seven like a person, (140, 100) uint8, dark on light."""
    picture = Image.new("L", (100, 140), 255)
    ImageDraw.Draw(picture).line([(22, 28), (78, 28), (44, 114)], fill=0, width=9, joint="curve")
    return np.asarray(picture)


class Readiness:
    """Checks the models on request, but at most once a second."""

    def __init__(self, predictor: Predictor, numbers: NumberPredictor | None = None) -> None:
        """Remember how the models answer now; later checks compare with it."""
        self._predictor, self._numbers = predictor, numbers
        self._page = draw_known_page()
        self._expected = predictor.predict_digits([self._page])[0]
        self._expected_lattice = None if numbers is None else self._read_lattice(numbers)
        self._lock = threading.Lock()
        self._checked = float("-inf")
        self._reason: str | None = None

    def find_reason(self) -> str | None:
        """Return why the server is not ready; None if it is."""
        with self._lock:
            if time.monotonic() - self._checked > _CHECK_INTERVAL_SECONDS:
                self._reason = self._check()
                self._checked = time.monotonic()
            return self._reason

    def _check(self) -> str | None:
        try:
            self._predictor.read_model()
            answer = self._predictor.predict_digits([self._page])[0]
            are_numbers_as_expected = self._check_numbers()
        except (ModelError, OSError) as error:
            return str(error)
        if not are_numbers_as_expected:
            return "the model for numbers no longer answers as it did after loading; restart the server"
        if not np.allclose(
            answer.probabilities, self._expected.probabilities, rtol=0, atol=_TOLERATED_DIFFERENCE
        ):
            return "the model for digits no longer answers as it did after loading; restart the server"
        if KNOWN_TEXT in answer.classes and answer.text != KNOWN_TEXT:
            return f"the model reads the test picture as {answer.text}, not {KNOWN_TEXT}; serve another model"
        return None

    def _check_numbers(self) -> bool:
        """Whether the model for numbers, if any, is unchanged and answers as before."""
        if self._numbers is None or self._expected_lattice is None:
            return True
        self._numbers.read_model()
        lattice = self._read_lattice(self._numbers)
        return np.allclose(lattice, self._expected_lattice, rtol=0, atol=_TOLERATED_DIFFERENCE)

    def _read_lattice(self, numbers: NumberPredictor) -> NDArray[np.float32]:
        return numbers.run([self._page]).lattices[0]

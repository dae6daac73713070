"""A reader of lines for tests, made of the model for single digits: connected marks, each read alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from number_prediction.constants import GLYPHS
from number_prediction.decoding.search import decode
from number_prediction.digits.predictor import Predictor
from number_prediction.images.decode import Page
from number_prediction.images.geometry import Box
from number_prediction.layout.marks import find_marks
from number_prediction.numbers.prediction import NumberPrediction, locate

COMMA = np.full(len(GLYPHS), 0.1 / (len(GLYPHS) - 1))
COMMA[GLYPHS.index(",")] = 0.9


class DigitByDigit:
    """Reads every mark of half the line's height as a digit; lower ones are commas. Digits must not touch."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def __call__(self, lines: Sequence[Page]) -> list[NumberPrediction]:
        boxes = [self._boxes(line) for line in lines]
        cuts = [self._cut(line, box) for line, of_line in zip(lines, boxes, strict=True) for box in of_line]
        answers = iter(self.predictor.predict_digits(cuts) if cuts else [])
        readings = []
        for line, of_line in zip(lines, boxes, strict=True):
            highest = max((box.height for box in of_line), default=0.0)
            lattice = np.zeros((line.shape[1], len(GLYPHS)), np.float32)  # a step a column
            lattice[:, 0] = 1
            for box in of_line:
                answer = next(answers)
                middle = round(box.left + box.width / 2)
                if box.height >= 0.5 * highest:
                    lattice[middle] = self._step(answer.probabilities[:10], answer.is_digit)
                elif box.top > line.shape[0] / 2 and box.width < 0.4 * highest:
                    lattice[middle] = COMMA
            ink = ((255 - line) / 255).astype(np.float32)
            place = np.array([0, 0, 1], np.float32)
            readings.append(locate(decode(lattice, GLYPHS)[0], ink, lattice, place))
        return readings

    @staticmethod
    def _step(digits: NDArray[np.float32], is_digit: float) -> NDArray[np.float32]:
        """Probabilities (G,) of the glyphs; what is no digit may be anything but nothing."""
        step = np.full(len(GLYPHS), (1 - is_digit) / (len(GLYPHS) - 1))
        step[0] = 0
        step[1:11] += is_digit * digits / digits.sum()
        return (step / step.sum()).astype(np.float32)

    @staticmethod
    def _boxes(line: Page) -> list[Box]:
        marks = find_marks(line < 128)
        found = [
            Box(float(left), float(top), float(right - left), float(bottom - top))
            for left, top, right, bottom, area in zip(
                marks.left, marks.top, marks.right, marks.bottom, marks.area, strict=True
            )
            if area > 8
        ]
        return sorted(found, key=lambda box: box.left + box.width / 2)

    @staticmethod
    def _cut(line: Page, box: Box) -> Page:
        left, top, wide, tall = (int(value) for value in box)
        side = max(wide, tall)
        room = side // 3 + 2
        padded = np.full((tall + 2 * room, wide + 2 * room), 255, np.uint8)
        padded[room : room + tall, room : room + wide] = line[top : top + tall, left : left + wide]
        return padded

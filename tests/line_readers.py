"""A reader of lines for tests, made of the model for single digits: connected marks, each read alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from number_prediction import Constraint, Predictor
from number_prediction.boxes import Box
from number_prediction.images import Page
from number_prediction.masks import find_marks
from number_prediction.numbers import NumberGlyph, NumberPrediction

NOTHING = np.zeros((1, 1), np.float32)


class DigitByDigit:
    """Reads every mark of half the line's height as a digit; lower ones are commas. Digits must not touch."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self.lines: list[Page] = []
        """All that was given to it."""

    def __call__(self, lines: Sequence[Page], constraint: Constraint | None) -> list[NumberPrediction]:
        self.lines += lines
        boxes = [self._boxes(line) for line in lines]
        cuts = [self._cut(line, box) for line, of_line in zip(lines, boxes, strict=True) for box in of_line]
        answers = iter(self.predictor.predict_digits(cuts) if cuts else [])
        readings = []
        for line, of_line in zip(lines, boxes, strict=True):
            highest = max((box.height for box in of_line), default=0.0)
            glyphs = []
            for box in of_line:
                answer = next(answers)
                if box.height < 0.5 * highest:
                    if box.top > line.shape[0] / 2 and box.width < 0.4 * highest:
                        glyphs.append(NumberGlyph(",", 0.9, (), box))
                    continue
                share = answer.confidence * answer.is_digit
                glyphs.append(NumberGlyph(str(int(answer.probabilities[:10].argmax())), share, (), box))
            text = "".join(glyph.glyph for glyph in glyphs)
            confidence = float(np.prod([glyph.confidence for glyph in glyphs]))
            fits = constraint is None or constraint.allows(text)
            readings.append(
                NumberPrediction(
                    text if fits else None, confidence, tuple(glyphs) if fits else (), NOTHING, NOTHING
                )
            )
        return readings

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

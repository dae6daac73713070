"""NumberPredictor: pictures of one line of writing -> numbers, through ONNX Runtime. No torch.

The graph gives a lattice of glyph probabilities; here it is decoded under what is known of the number, and
each glyph is given its place in the picture. A line that is read doubtfully and slopes is read set level too.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from number_prediction.boxes import LEFT_AS_IT_IS, Affine, Box, box_of
from number_prediction.constraints import Constraint
from number_prediction.decoding import decode
from number_prediction.images import Page
from number_prediction.lines import straighten
from number_prediction.lone_digits import ask, find_lone_digit
from number_prediction.models import Model, Pictures, iterate_chunks
from number_prediction.predictor import Predictor
from number_prediction.types import (
    GLYPHS,
    LINE_HEIGHT,
    LINE_WIDTH,
    ImageError,
    ModelError,
    Reading,
)

OUTPUTS = ("frame", "probabilities", "place", "is_number")
"""Outputs of the graph, in order."""
GLYPHS_KEY = "glyphs"
"""ONNX metadata: the glyphs as a JSON list."""
LEAST_FIT = 0.01
"""Probability that a line shows any number that is allowed, below which something else is written there."""
DOUBTFUL = 0.5
"""Probability of the text below which a line is looked at again, in case it slopes."""
LEAST_SKEW = 6.0
"""Degrees by which it has to; the network is used to less."""
INKED = 0.3
"""Ink of the frame from which a pixel is part of a glyph's box."""


@dataclass(frozen=True, eq=False)
class NumberGlyph:
    """One digit or sign of a number."""

    glyph: str
    confidence: float
    """Probability in [0, 1] that this glyph stands there."""
    alternatives: tuple[tuple[str, float], ...]
    """Others with their probabilities, best first; "" where nothing may stand there."""
    box: Box
    """In pixels of the picture that the number was read on."""

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON."""
        return {
            "glyph": self.glyph,
            "confidence": self.confidence,
            "alternatives": [list(pair) for pair in self.alternatives],
            "box": list(self.box),
        }


@dataclass(frozen=True, eq=False)
class NumberReading:
    """A number, wherever it was read."""

    text: str | None
    """The number, "" where nothing is written; None where nothing fits what is known of it."""
    confidence: float
    """Probability in [0, 1] of the text among all that are allowed; where hardly any of them is written there
    (LEAST_FIT), at most the probability that one is; 0 without a text."""
    fit: float
    """Probability in [0, 1] that any number that is allowed is written there, and no word. Where it is very
    low, something else is, whatever is read."""
    glyphs: tuple[NumberGlyph, ...]

    @property
    def probability(self) -> float:
        """That the text is what is written there, in [0, 1]."""
        return self.fit * self.confidence

    def masked(self, least: float, *, mark: str = "?") -> str:
        """The text with `mark` for each glyph of less confidence than `least`; `mark` where there is none."""
        if self.text is None:
            return mark
        return "".join(each.glyph if each.confidence >= least else mark for each in self.glyphs)

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON."""
        return {
            "text": self.text,
            "confidence": self.confidence,
            "fit": self.fit,
            "glyphs": [glyph.to_dict() for glyph in self.glyphs],
        }


@dataclass(frozen=True, eq=False)
class NumberPrediction(NumberReading):
    """What the model reads on one line; boxes are pixels of its picture after its EXIF orientation."""

    frame: NDArray[np.float32]
    """(40, 480) float32 in [0, 1], ink = 1: what the network saw."""
    lattice: NDArray[np.float32]
    """(T, G) float32: probabilities of GLYPHS by time step, if no letter stands on the line."""
    place: NDArray[np.float32]
    """(3,) float32, in pixels of what was read, the picture or that set level: left and top of the frame,
    side of one of its pixels."""
    is_number: float = 1.0
    """Probability in [0, 1] that no letter stands on the line."""
    to_picture: Affine = LEFT_AS_IT_IS
    """Takes points of what was read to the picture."""

    def under(self, constraint: Constraint | None) -> NumberPrediction:
        """The same line decoded again, under what else is known of its number."""
        reading = decode(self.lattice, GLYPHS, constraint)[0]
        located = locate(reading, self.frame, self.lattice, self.place, self.is_number)
        return located.moved(self.to_picture)

    def moved(self, to_picture: Affine) -> NumberPrediction:
        """The same on another picture, to which the boxes are taken."""
        glyphs = tuple(replace(glyph, box=box_of(to_picture(glyph.box.corners))) for glyph in self.glyphs)
        return replace(self, glyphs=glyphs, to_picture=to_picture.after(self.to_picture))


@dataclass(frozen=True, eq=False)
class LineAnswer:
    """Outputs of the graph for N pages."""

    frames: NDArray[np.float32]
    """(N, 40, 480) float32 in [0, 1]."""
    lattices: list[NDArray[np.float32]]
    """N times (T, G) float32: probabilities of GLYPHS by time step, if no letter stands on the line."""
    places: NDArray[np.float32]
    """(N, 3) float32, in pixels of the page: left and top of the frame, side of one of its pixels."""
    is_number: NDArray[np.float32]
    """(N,) in [0, 1]: that no letter stands on the line."""


class NumberPredictor(Model):
    """A loaded model for numbers. Make one and keep it; it may be used by several threads at once.

    Of a number of one digit the model for digits in the package is asked too.
    """

    def __init__(self, model: str | os.PathLike[str] | None = None, *, threads: int | None = None) -> None:
        """Load and check a model.

        Args:
            model: an exported model.onnx, or a run's folder; by default the model in the package.
            threads: batches that are run at once, each on one thread; by default one a core.

        Raises:
            ModelError: missing, altered since its manifest was written, or not a number graph.
        """
        super().__init__(model, packaged="number", outputs=OUTPUTS, metadata=(GLYPHS_KEY,), threads=threads)
        if tuple(json.loads(self._metadata[GLYPHS_KEY])) != GLYPHS:
            raise ModelError(f"{self.path}: made for other glyphs; export it again")

    @cached_property
    def _digits(self) -> Predictor:
        """Loaded when it is asked for the first time: many a reading has no number of one digit."""
        return Predictor(threads=self.threads)

    def predict_numbers(
        self, images: Pictures, constraint: Constraint | None = None
    ) -> list[NumberPrediction]:
        """Read one number from each picture.

        Args:
            images: as `Predictor.predict_digits` takes them; each shows one line of writing.
            constraint: what is known of all the numbers, see `constraints`.

        Returns:
            One prediction a picture, in order.

        Raises:
            ImageError: a picture cannot be read, or a single picture was given instead of several.
        """
        predictions = []
        for answer in self.iterate_numbers(images, constraint):
            if isinstance(answer, ImageError):
                raise answer
            predictions.append(answer)
        return predictions

    def iterate_numbers(
        self, images: Pictures, constraint: Constraint | None = None
    ) -> Iterator[NumberPrediction | ImageError]:
        """As `predict_numbers`, for any number of pictures; the error for one that cannot be read."""
        for pages in iterate_chunks(images):
            yield from self._answer(pages, constraint)

    def read_lines(self, lines: Sequence[Page]) -> list[NumberPrediction]:
        """Read lines that are level and dark on light, (h, w) uint8, such as are cut out of pages and forms.

        None is looked at for a slope: of a page with many words, that would take most of the time.
        """
        return self._read(lines, None)

    def run(self, pages: Sequence[Page] | NDArray[np.uint8]) -> LineAnswer:
        """Run the graph over pages (H, W) uint8 of any sizes; pages of one size share its calls.

        Raises:
            ModelError: an answer is no number.
        """
        frames, lattices, places, is_number = self._run_graph(pages, OUTPUTS)
        return LineAnswer(
            np.array(frames, np.float32).reshape(-1, LINE_HEIGHT, LINE_WIDTH),
            lattices,
            np.array(places, np.float32).reshape(-1, 3),
            np.array(is_number, np.float32).reshape(-1),
        )

    def _answer(
        self, pages: list[Page | ImageError], constraint: Constraint | None
    ) -> Iterator[NumberPrediction | ImageError]:
        good = [page for page in pages if not isinstance(page, ImageError)]
        read = self._read_level(good, self._read(good, constraint), constraint)
        for page in pages:
            yield page if isinstance(page, ImageError) else next(read)

    def _read(self, pages: Sequence[Page], constraint: Constraint | None) -> list[NumberPrediction]:
        """Each page as it is."""
        answer = self.run(pages)
        lattices = self._ask_about_lone_digits(pages, answer.lattices)
        return [
            locate(decode(lattice, GLYPHS, constraint)[0], frame, lattice, place, float(is_number))
            for frame, lattice, place, is_number in zip(
                answer.frames, lattices, answer.places, answer.is_number, strict=True
            )
        ]

    def _read_level(
        self, pages: list[Page], predictions: list[NumberPrediction], constraint: Constraint | None
    ) -> Iterator[NumberPrediction]:
        """The predictions; for a page read doubtfully that slopes, the better of it and of it set level."""
        for page, prediction in zip(pages, predictions, strict=True):
            if prediction.probability < DOUBTFUL:
                sheet = straighten(page)
                if abs(sheet.skew) >= LEAST_SKEW:
                    level = self._read([255 - sheet.darker], constraint)[0].moved(sheet.to_page)
                    yield max(prediction, level, key=lambda each: each.probability)
                    continue
            yield prediction

    def _ask_about_lone_digits(
        self, pages: Sequence[Page], lattices: list[NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        """The lattices; in those of one digit, what the model for digits says too, if it is one to it."""
        lone = {index: steps for index, each in enumerate(lattices) if (steps := find_lone_digit(each))}
        if not lone:
            return lattices
        asked = list(lattices)
        answer = self._digits.run([pages[index] for index in lone])
        opinions = zip(lone.items(), answer.probabilities, answer.is_digit, strict=True)
        for (index, steps), digits, is_digit in opinions:
            if is_digit >= self._digits.threshold:
                asked[index] = ask(lattices[index], steps, digits)
        return asked


def locate(
    reading: Reading,
    frame: NDArray[np.float32],
    lattice: NDArray[np.float32],
    place: NDArray[np.float32],
    is_number: float = 1.0,
) -> NumberPrediction:
    """Give each glyph its box on the page; the other arguments as in `NumberPrediction`."""
    step = frame.shape[1] / len(lattice)
    fit = is_number * math.exp(reading.log_allowed)
    most = 1.0 if fit >= LEAST_FIT else fit
    middles = [(glyph.begin + glyph.end) / 2 * step for glyph in reading.glyphs]
    glyphs = []
    for index, glyph in enumerate(reading.glyphs):
        left = (middles[index - 1] + middles[index]) / 2 if index else middles[index] - frame.shape[0]
        last = index + 1 == len(middles)
        right = middles[index] + frame.shape[0] if last else (middles[index] + middles[index + 1]) / 2
        box = _box(frame, left, right, middles[index], place)
        confidence = min(most, glyph.confidence)
        glyphs.append(NumberGlyph(glyph.glyph, confidence, glyph.alternatives, box))
    confidence = min(most, reading.confidence)
    return NumberPrediction(reading.text, confidence, fit, tuple(glyphs), frame, lattice, place, is_number)


def _box(
    frame: NDArray[np.float32], left: float, right: float, middle: float, place: NDArray[np.float32]
) -> Box:
    """Box on the page of the ink between two columns of the frame, about the column `middle`."""
    begin, end = max(0, round(left)), min(frame.shape[1], max(round(left) + 1, round(right)))
    inked = frame[:, begin:end] > INKED
    columns = _run_about(np.asarray(inked.any(0)), round(middle) - begin)
    rows = np.flatnonzero(inked[:, columns].any(1))
    top, bottom = (rows[0], rows[-1] + 1) if len(rows) else (0, frame.shape[0])
    x, y, side = (float(value) for value in place)
    return Box(
        x + (begin + columns.start) * side,
        y + float(top) * side,
        (columns.stop - columns.start) * side,
        float(bottom - top) * side,
    )


def _run_about(inked: NDArray[np.bool_], middle: int) -> slice:
    """The marked columns about `middle`, gaps of up to two pixels included; all where none is near."""
    marked = np.flatnonzero(inked)
    if not len(marked):
        return slice(0, len(inked))
    parts = np.split(marked, np.flatnonzero(np.diff(marked) > 3) + 1)
    nearest = min(parts, key=lambda part: max(0, part[0] - middle, middle - part[-1]))
    return slice(int(nearest[0]), int(nearest[-1]) + 1)

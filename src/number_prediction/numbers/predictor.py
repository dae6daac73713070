"""NumberPredictor: pictures of one line of writing -> numbers, through ONNX Runtime. No torch.

The graph gives a lattice of glyph probabilities; here it is decoded under what is known of the number, and
each glyph is given its place in the picture. A line that is read doubtfully and slopes is read set level too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from number_prediction.constants import GLYPHS, LINE_HEIGHT, LINE_WIDTH
from number_prediction.constraints.constraint import Constraint
from number_prediction.decoding.search import decode
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ImageError, ModelError
from number_prediction.images.decode import Page
from number_prediction.layout.skew import straighten
from number_prediction.models.model import Model, Pictures, iterate_chunks
from number_prediction.numbers.lone_digit import ask, find_lone_digit
from number_prediction.numbers.prediction import NumberPrediction, locate

OUTPUTS = ("frame", "probabilities", "place", "is_number")
"""Outputs of the graph, in order."""
GLYPHS_KEY = "glyphs"
"""ONNX metadata: the glyphs as a JSON list."""
RELEVEL_BELOW = 0.5
"""Probability of the text below which a line is looked at again, in case it slopes."""
LEAST_SKEW = 6.0
"""Degrees by which it has to; the network is used to less."""


@dataclass(frozen=True, eq=False)
class LineOutputs:
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

    def run(self, pages: Sequence[Page] | NDArray[np.uint8]) -> LineOutputs:
        """Run the graph over pages (H, W) uint8 of any sizes; pages of one size share its calls.

        Raises:
            ModelError: an answer is no number.
        """
        frames, lattices, places, is_number = self._run_graph(pages, OUTPUTS)
        return LineOutputs(
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
            if prediction.probability < RELEVEL_BELOW:
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

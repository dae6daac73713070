"""NumberPredictor: pictures of one line of writing -> numbers, with ONNX Runtime. No torch.

The graph returns a lattice of glyph probabilities. This module decodes it under a constraint and locates each
glyph in the picture. A sloping line is straightened and read again if its first reading is uncertain.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from number_prediction.constants import GLYPHS
from number_prediction.constraints.constraint import Constraint
from number_prediction.decoding.search import decode
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ImageError, ModelError
from number_prediction.images.decode import Page
from number_prediction.images.pictures import Pictures
from number_prediction.images.result import Results
from number_prediction.layout.skew import straighten
from number_prediction.models.manifest import read_manifest
from number_prediction.models.model import Model, iterate_results, packaged_model, require_results
from number_prediction.numbers.lone_digit import find_lone_digit, merge_opinions
from number_prediction.numbers.prediction import NumberPrediction, locate

OUTPUTS = ("frame", "probabilities", "place", "is_number")
"""Outputs of the graph, in order."""
GLYPHS_KEY = "glyphs"
"""ONNX metadata: the glyphs as a JSON list."""
Size: TypeAlias = Literal["base", "small"]
"""Packaged models that read numbers: "base" asks both, "small" only the smaller one, as the web page does."""
BASE = "number-base"
"""Name of the packaged model that sees the paper."""
SECOND_OPINION_BELOW = 0.98
"""The model that sees the paper reads too if the probability of the first reading is below this."""
RELEVEL_BELOW = 0.5
"""Probability of the text; below it a line is checked for a slope."""
MIN_RELEVEL_SKEW_DEGREES = 6.0
"""Slope from which a line is straightened; the network is trained on smaller slopes."""


@dataclass(frozen=True, eq=False)
class LineOutputs:
    """Outputs of the graph for N pages."""

    frames: list[NDArray[np.float32]]
    """N times (h, w) float32 in [0, 1], ink = 1; the width may differ."""
    lattices: list[NDArray[np.float32]]
    """N times (T, G) float32: probabilities of GLYPHS per time step, given that the line has no letter."""
    places: NDArray[np.float32]
    """(N, 3) float32, in pixels of the page: left and top of the frame, and the side of a frame pixel."""
    is_number: NDArray[np.float32]
    """(N,) float32 in [0, 1]: probability that the line has no letter."""


class NumberPredictor(Model):
    """A loaded model for numbers. Load it once and keep it; threads may share it.

    The packaged model for digits also reads numbers of one digit. Where the packaged model for numbers is
    unsure, a second one, which sees the paper, reads too, and the more probable reading counts.
    """

    PACKAGED = "number"
    GRAPH_OUTPUTS = OUTPUTS
    GRAPH_METADATA = (GLYPHS_KEY,)

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        size: Size = "base",
        threads: int | None = None,
    ) -> None:
        """Load and check a model.

        Args:
            model: an exported model.onnx or the folder of a run; by default the packaged models.
            size: of the packaged models: "base" reads best, "small" is several times as fast where the first
                model is unsure.
            threads: batches that run in parallel, each on one thread; the default is one per core.

        Raises:
            ModelError: missing, altered since its manifest was written, or not a number graph.
        """
        super().__init__(model, threads=threads)
        if tuple(json.loads(self._metadata[GLYPHS_KEY])) != GLYPHS:
            raise ModelError(f"{self.path}: the model reads other glyphs; export it again")
        self._is_base = model is None and size == "base"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of each model that reads, in hexadecimal."""
        if not self._is_base:
            return self.sha256
        return f"{self.sha256} {read_manifest(packaged_model(BASE))['sha256']}"

    @cached_property
    def _digits(self) -> Predictor:
        """The model for digits, loaded at its first use."""
        return Predictor(threads=self.threads)

    @cached_property
    def _second(self) -> NumberPredictor | None:
        """The packaged model that sees the paper, loaded at its first use; None if it is not asked."""
        return NumberPredictor(packaged_model(BASE), threads=self.threads) if self._is_base else None

    def predict_numbers(
        self, images: Pictures, constraint: Constraint | None = None
    ) -> Results[NumberPrediction]:
        """Read one number from each picture.

        Args:
            images: pictures as in `Predictor.predict_digits`; each shows one line of writing.
            constraint: the values that are allowed for every number, see `constraints`.

        Returns:
            One prediction per picture, in order: a list with `to_frame` and `save`.

        Raises:
            ImageError: a picture cannot be read.
        """
        return require_results(self.iterate_numbers(images, constraint))

    def iterate_numbers(
        self, images: Pictures, constraint: Constraint | None = None
    ) -> Iterator[NumberPrediction | ImageError]:
        """Read one number from each picture, like `predict_numbers`, in little memory.

        Yields:
            One prediction per picture, in order; the error for a picture that cannot be read.
        """
        return iterate_results(images, lambda pages: self._answer(pages, constraint), keep_pictures=True)

    def read_lines(self, lines: Sequence[Page]) -> list[NumberPrediction]:
        """Read level lines, (h, w) uint8, dark on light, as they are cut out of pages and forms.

        They are not checked for a slope: on a page with many words this would take most of the time.
        """
        return self._read(lines, None)

    def run(self, pages: Sequence[Page] | NDArray[np.uint8]) -> LineOutputs:
        """Run the graph on pages (H, W) uint8 of any size; pages of one size share batches.

        Raises:
            ModelError: an answer is NaN or infinite.
        """
        frames, lattices, places, is_number = self._run_graph(pages, OUTPUTS)
        return LineOutputs(
            frames,
            lattices,
            np.array(places, np.float32).reshape(-1, 3),
            np.array(is_number, np.float32).reshape(-1),
        )

    def _answer(self, pages: list[Page], constraint: Constraint | None) -> Iterator[NumberPrediction]:
        """Read pages; straighten sloping pages with an uncertain reading and keep the better reading."""
        for page, prediction in zip(pages, self._read(pages, constraint), strict=True):
            if prediction.probability < RELEVEL_BELOW:
                level_page = straighten(page)
                if abs(level_page.skew) >= MIN_RELEVEL_SKEW_DEGREES:
                    (level,) = self._read([255 - level_page.darker], constraint)
                    level = level.moved(level_page.to_page)
                    yield max(prediction, level, key=lambda each: each.probability)
                    continue
            yield prediction

    def _read(self, pages: Sequence[Page], constraint: Constraint | None) -> list[NumberPrediction]:
        """Read pages without a check for slopes; ask the second model about uncertain readings."""
        readings = self._read_alone(pages, constraint)
        unsure = [place for place, each in enumerate(readings) if each.probability < SECOND_OPINION_BELOW]
        if not unsure or self._second is None:
            return readings
        others = self._second._read_alone([pages[place] for place in unsure], constraint)
        for place, other in zip(unsure, others, strict=True):
            readings[place] = agree(readings[place], other)
        return readings

    def _read_alone(self, pages: Sequence[Page], constraint: Constraint | None) -> list[NumberPrediction]:
        """Read pages by this model and, for a lone digit, the one for digits."""
        answer = self.run(pages)
        lattices = self._merge_lone_digits(pages, answer.lattices)
        return [
            locate(decode(lattice, GLYPHS, constraint)[0], frame, lattice, place, float(is_number))
            for frame, lattice, place, is_number in zip(
                answer.frames, lattices, answer.places, answer.is_number, strict=True
            )
        ]

    def _merge_lone_digits(
        self, pages: Sequence[Page], lattices: list[NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        """Merge the opinion of the model for digits into lattices of one digit, unless it abstains."""
        lone = {index: steps for index, each in enumerate(lattices) if (steps := find_lone_digit(each))}
        if not lone:
            return lattices
        merged = list(lattices)
        answer = self._digits.run([pages[index] for index in lone])
        opinions = zip(lone.items(), answer.probabilities, answer.is_digit, strict=True)
        for (index, steps), digits, is_digit in opinions:
            if is_digit >= self._digits.threshold:
                merged[index] = merge_opinions(lattices[index], steps, digits)
        return merged


def agree(one: NumberPrediction, other: NumberPrediction) -> NumberPrediction:
    """The more probable of two models' readings of a line, if both hold it for a number.

    Its `is_number` is the geometric mean of both: a word that one of them takes for a number stays doubtful.
    """
    chosen = max(one, other, key=lambda each: each.probability)
    return chosen.with_is_number(math.sqrt(one.is_number * other.is_number))


@cache
def packaged_numbers() -> NumberPredictor:
    """The packaged model for numbers, which stays loaded."""
    return NumberPredictor()

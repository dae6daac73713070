"""Predictor: pictures -> digits, through ONNX Runtime. No torch.

All knowledge of pictures (ink, framing, normalisation, network, softmax) is inside the ONNX graph; here the
graph's answer is put into words.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from number_prediction.constants import FRAME_SIZE
from number_prediction.digits.prediction import DEFAULT_THRESHOLD, DigitPrediction
from number_prediction.digits.warnings import MEASURES, find_warnings
from number_prediction.errors import ImageError, ModelError
from number_prediction.images.decode import Page
from number_prediction.models.model import Model, Pictures, iterate_chunks

OUTPUTS = ("frame", "probabilities", "is_digit", "ink", "findings")
"""Outputs of the graph, in order."""
CLASSES_KEY = "classes"
"""ONNX metadata: the class names as a JSON list."""
MEASURES_KEY = "findings"
"""ONNX metadata: the names of what the graph measures, as a JSON list."""


@dataclass(frozen=True, eq=False)
class GraphAnswer:
    """Outputs of the graph for N pages."""

    frames: NDArray[np.float32]
    """(N, 28, 28) float32 in [0, 1]."""
    probabilities: NDArray[np.float32]
    """(N, C) float32."""
    is_digit: NDArray[np.float32]
    """(N,) float32 in [0, 1]."""
    findings: NDArray[np.float32]
    """(N, K) float32: what was measured, in the order of the predictor's `measures`."""
    inks: tuple[NDArray[np.float32], ...] | None = None
    """N times (h, w) float32 in [0, 1]: the ink that was kept; None unless asked for."""


class Predictor(Model):
    """A loaded model. Make one and keep it; it may be used by several threads at once."""

    def __init__(self, model: str | os.PathLike[str] | None = None, *, threads: int | None = None) -> None:
        """Load and check a model.

        Args:
            model: an exported model.onnx, or a run's folder; by default the model in the package.
            threads: batches that are run at once, each on one thread; by default one a core.

        Raises:
            ModelError: missing, altered since its manifest was written, or not a digit graph.
        """
        super().__init__(
            model, packaged="digit", outputs=OUTPUTS, metadata=(CLASSES_KEY, MEASURES_KEY), threads=threads
        )
        self.classes: tuple[str, ...] = tuple(json.loads(self._metadata[CLASSES_KEY]))
        """(C,) the names of the classes."""
        self.measures: tuple[str, ...] = tuple(json.loads(self._metadata[MEASURES_KEY]))
        """(K,) the names of what the graph measures of each picture."""
        missing = set(MEASURES) - set(self.measures)
        if missing:
            raise ModelError(f"{self.path}: does not measure {', '.join(sorted(missing))}; export it again")
        self.threshold = float((self.manifest or {}).get("is_digit_threshold", DEFAULT_THRESHOLD))
        """Below this `is_digit` the model abstains."""

    def predict_digits(self, images: Pictures, *, explain: bool = False) -> list[DigitPrediction]:
        """Read one digit from each picture.

        Args:
            images: pictures as `to_page` takes them: paths, bytes, PIL images, arrays (H, W), (H, W, 3),
                (H, W, 4), of any sizes; or one array (N, H, W), (N, H, W, 3) or (N, H, W, 4).
            explain: keep with each prediction the page, and the ink that was found on it.

        Returns:
            One prediction a picture, in order.

        Raises:
            ImageError: a picture cannot be read, or a single picture was given instead of several.
        """
        predictions = []
        for answer in self.iterate_digits(images, explain=explain):
            if isinstance(answer, ImageError):
                raise answer
            predictions.append(answer)
        return predictions

    def iterate_digits(
        self, images: Pictures, *, explain: bool = False
    ) -> Iterator[DigitPrediction | ImageError]:
        """As `predict_digits`, for any number of pictures in little memory.

        Yields:
            One prediction a picture, in order; for one that cannot be read, the error instead.

        Raises:
            ImageError: a single picture was given instead of several.
        """
        for pages in iterate_chunks(images):
            yield from self._answer(pages, explain)

    def run(self, pages: Sequence[Page] | NDArray[np.uint8], *, with_ink: bool = False) -> GraphAnswer:
        """Run the graph over pages (H, W) uint8 of any sizes; pages of one size share its calls.

        Raises:
            ModelError: an answer is no number.
        """
        wanted = ["frame", "probabilities", "is_digit", "findings", *(["ink"] if with_ink else [])]
        frames, probabilities, is_digit, findings, *ink = self._run_graph(pages, wanted)
        return GraphAnswer(
            np.array(frames, np.float32).reshape(-1, FRAME_SIZE, FRAME_SIZE),
            np.array(probabilities, np.float32).reshape(-1, len(self.classes)),
            np.array(is_digit, np.float32),
            np.array(findings, np.float32).reshape(-1, len(self.measures)),
            tuple(ink[0]) if with_ink else None,
        )

    def _answer(
        self, pages: Sequence[Page | ImageError], explain: bool
    ) -> Iterator[DigitPrediction | ImageError]:
        answer = self.run([page for page in pages if not isinstance(page, ImageError)], with_ink=explain)
        index = 0
        for page in pages:
            if isinstance(page, ImageError):
                yield page
                continue
            is_digit = float(answer.is_digit[index])
            probabilities = answer.probabilities[index]
            yield DigitPrediction(
                label=int(probabilities.argmax()) if is_digit >= self.threshold else None,
                probabilities=probabilities,
                is_digit=is_digit,
                frame=answer.frames[index],
                classes=self.classes,
                warnings=find_warnings(
                    dict(zip(self.measures, answer.findings[index].tolist(), strict=True))
                ),
                page=page if explain else None,
                ink=None if answer.inks is None else answer.inks[index],
            )
            index += 1

"""Predictor: pictures -> digits, with ONNX Runtime. No torch.

Ink, framing, normalisation, network and softmax are inside the ONNX graph. This module turns the outputs of
the graph into predictions.
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
from number_prediction.images.pictures import Pictures
from number_prediction.images.result import Results
from number_prediction.models.model import Model, iterate_results, require_results

OUTPUTS = ("frame", "probabilities", "is_digit", "ink", "findings")
"""Outputs that every graph has, in order."""
PAPER, BESIDE = SHOWN = ("paper", "beside")
"""Outputs of newer graphs: the paper at the frame's place; other writing, and rules."""
CLASSES_KEY = "classes"
"""ONNX metadata: the class names as a JSON list."""
MEASURES_KEY = "findings"
"""ONNX metadata: the names of the measures in the output `findings`, as a JSON list."""


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
    """(N, K) float32: the measures, in the order of `Predictor.measures`."""
    inks: tuple[NDArray[np.float32], ...] | None = None
    """N times (h, w) float32 in [0, 1]: the ink of the digit; None if it was not requested."""
    besides: tuple[NDArray[np.float32], ...] | None = None
    """N times (2, S, S) float32 in [0, 1], as in `DigitPrediction.beside`, on a square whose side is the
    longer one of the page; None if it was not requested, or the graph has no such output."""


class Predictor(Model):
    """A loaded model. Load it once and keep it; threads may share it."""

    PACKAGED = "digit"
    GRAPH_OUTPUTS = OUTPUTS
    GRAPH_METADATA = (CLASSES_KEY, MEASURES_KEY)

    def __init__(self, model: str | os.PathLike[str] | None = None, *, threads: int | None = None) -> None:
        """Load and check a model.

        Args:
            model: an exported model.onnx or the folder of a run; the default is the packaged model.
            threads: batches that run in parallel, each on one thread; the default is one per core.

        Raises:
            ModelError: missing, altered since its manifest was written, or not a digit graph.
        """
        super().__init__(model, threads=threads)
        self.classes: tuple[str, ...] = tuple(json.loads(self._metadata[CLASSES_KEY]))
        """(C,) names of the classes."""
        self.measures: tuple[str, ...] = tuple(json.loads(self._metadata[MEASURES_KEY]))
        """(K,) names of the measures that the graph takes of each picture."""
        missing = set(MEASURES) - set(self.measures)
        if missing:
            raise ModelError(
                f"{self.path}: measures missing: {', '.join(sorted(missing))}; export the model again"
            )
        self._tells_apart = BESIDE in {output.name for output in self._session.get_outputs()}
        self.threshold = float((self.manifest or {}).get("is_digit_threshold", DEFAULT_THRESHOLD))
        """Threshold for `is_digit`; below it the model abstains."""

    def predict_digits(
        self, images: Pictures, *, explain: bool = False, must_answer: bool = False
    ) -> Results[DigitPrediction]:
        """Read one digit from each picture.

        Args:
            images: one picture or many, of any size, see `iterate_pictures`: paths, folders, globs, bytes,
                PIL images, arrays (H, W) or (N, H, W), tensors.
            explain: keep the page and the ink that was found on it with each prediction.
            must_answer: always give the most probable digit, however low `is_digit` is.

        Returns:
            One prediction per picture, in order: a list with `to_frame` and `save`.

        Raises:
            ImageError: a picture cannot be read.
        """
        return require_results(self.iterate_digits(images, explain=explain, must_answer=must_answer))

    def iterate_digits(
        self, images: Pictures, *, explain: bool = False, must_answer: bool = False
    ) -> Iterator[DigitPrediction | ImageError]:
        """Read one digit from each picture, like `predict_digits`, in little memory.

        Yields:
            One prediction per picture, in order; the error for a picture that cannot be read.
        """
        return iterate_results(
            images, lambda pages: self._answer(pages, explain, must_answer), keep_pictures=False
        )

    def run(self, pages: Sequence[Page] | NDArray[np.uint8], *, with_ink: bool = False) -> GraphAnswer:
        """Run the graph on pages (H, W) uint8 of any size; pages of one size share batches.

        Raises:
            ModelError: an answer is NaN or infinite.
        """
        wanted = ["frame", "probabilities", "is_digit", "findings"]
        if with_ink:
            wanted += ["ink", *([BESIDE] if self._tells_apart else [])]
        frames, probabilities, is_digit, findings, *shown = self._run_graph(pages, wanted)
        return GraphAnswer(
            np.array(frames, np.float32).reshape(-1, FRAME_SIZE, FRAME_SIZE),
            np.array(probabilities, np.float32).reshape(-1, len(self.classes)),
            np.array(is_digit, np.float32),
            np.array(findings, np.float32).reshape(-1, len(self.measures)),
            tuple(shown[0]) if with_ink else None,
            tuple(shown[1]) if len(shown) > 1 else None,
        )

    def _answer(self, pages: Sequence[Page], explain: bool, must_answer: bool) -> Iterator[DigitPrediction]:
        answer = self.run(pages, with_ink=explain)
        for index, page in enumerate(pages):
            is_digit = float(answer.is_digit[index])
            probabilities = answer.probabilities[index]
            measured = dict(zip(self.measures, answer.findings[index].tolist(), strict=True))
            yield DigitPrediction(
                label=int(probabilities.argmax()) if must_answer or is_digit >= self.threshold else None,
                probabilities=probabilities,
                is_digit=is_digit,
                frame=answer.frames[index],
                classes=self.classes,
                warnings=find_warnings(measured),
                page=page if explain else None,
                ink=None if answer.inks is None else answer.inks[index],
                beside=None if answer.besides is None else _on_page(answer.besides[index], page),
            )


def _on_page(beside: NDArray[np.float32], page: Page) -> NDArray[np.float32]:
    """The part of a square (2, S, S) that the page takes: its top left corner."""
    rows, columns = (max(1, round(beside.shape[1] * size / max(page.shape))) for size in page.shape)
    return beside[:, :rows, :columns]

"""Predictor and split -> Evaluation: all answers on a data set, and the figures computed from them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from number_prediction.datasets.labelled import IN_MEMORY, Data, as_splits
from number_prediction.datasets.load import (
    EMBEDDED,
    Part,
    canonical_source,
    describe_part,
    display_name,
    load_evaluation_split,
    rejected_labels,
)
from number_prediction.datasets.split import Split, Splits, join
from number_prediction.digits.prediction import DEFAULT_THRESHOLD
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import DataError
from number_prediction.evaluation import metrics
from number_prediction.images.decode import Page
from number_prediction.runs.run import Run

METRICS_FILE = "metrics.json"
_PICTURES_AT_ONCE = 1000


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """Answers of one model on N pictures. C is the number of the model's classes."""

    data: str
    """Description of the pictures."""
    model_sha256: str
    classes: tuple[str, ...]
    labels: NDArray[np.intp]
    """(N,) index of the true class."""
    probabilities: NDArray[np.float32]
    """(N, C)."""
    is_digit: NDArray[np.float32]
    """(N,) in [0, 1]."""
    frames: NDArray[np.uint8]
    """(N, 28, 28), ink 255: input of the network."""
    seconds: float
    """Time of the predictor, including the decoding of files."""
    threshold: float = DEFAULT_THRESHOLD
    """Threshold of `is_digit`; the model abstains below it."""
    temperature: float | None = None
    """Divisor of the logits, from the model's manifest; None without a manifest."""
    rejected: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    """(R,) indices of pictures with labels that a published review rejected; figures include them."""

    def __repr__(self) -> str:
        return f"Evaluation({100 * self.accuracy:.2f}% of {len(self.labels):,} pictures, {self.data})"

    @cached_property
    def split(self) -> Split:
        """The frames with their labels, by the model's classes."""
        return Split(self.frames, self.labels.astype(np.uint8), self.classes)

    @cached_property
    def predicted(self) -> NDArray[np.intp]:
        """(N,) index of the most probable class."""
        return np.asarray(self.probabilities.argmax(1), dtype=np.intp)

    @cached_property
    def abstained(self) -> NDArray[np.bool_]:
        """(N,) whether the model answers "not a digit"."""
        return np.asarray(self.is_digit < self.threshold)

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """(N,) whether each answer is right; an abstention is not."""
        return np.asarray((self.predicted == self.labels) & ~self.abstained)

    @property
    def accuracy(self) -> float:
        """Share of right answers; abstentions count as wrong."""
        return float(self.correct.mean())

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """95% Wilson interval of the accuracy."""
        return metrics.wilson_interval(int(self.correct.sum()), len(self.labels))

    @property
    def accuracy_without_rejected(self) -> float | None:
        """Accuracy without the pictures with rejected labels; None if there are none."""
        if not len(self.rejected):
            return None
        return float(np.delete(self.correct, self.rejected).mean())

    @property
    def log_loss(self) -> float:
        """Mean negative log probability of the true class."""
        return metrics.log_loss(self.labels, self.probabilities)

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """(C, C), rows true and columns predicted classes, without abstentions."""
        answered = ~self.abstained
        return metrics.confusion_matrix(self.labels[answered], self.predicted[answered], len(self.classes))

    @property
    def scores(self) -> metrics.ClassScores:
        """Precision, recall and F1 by class, without abstentions."""
        return metrics.class_scores(self.confusion)

    @cached_property
    def reliability(self) -> metrics.Reliability:
        """Confidence against accuracy."""
        return metrics.reliability(self.probabilities.max(1), self.predicted == self.labels)

    @cached_property
    def uncalibrated(self) -> metrics.Reliability | None:
        """`reliability` without the temperature; None if the temperature is unknown."""
        if self.temperature is None:
            return None
        scaled = metrics.apply_temperature(self.probabilities, 1 / self.temperature)
        return metrics.reliability(scaled.max(1), self.predicted == self.labels)

    @cached_property
    def coverage(self) -> metrics.Coverage:
        """Accuracy against coverage; abstentions come last."""
        confidence = np.where(self.abstained, 0, self.probabilities.max(1))
        return metrics.coverage_curve(confidence, self.correct)

    @cached_property
    def errors(self) -> NDArray[np.intp]:
        """(K,) indices of wrong answers, the most confident first."""
        wrong = np.flatnonzero(~self.correct)
        return wrong[np.argsort(-self.probabilities[wrong].max(1), kind="stable")]

    def answer(self, index: int) -> str:
        """Name of the answered class, or "none" for an abstention."""
        return "none" if self.abstained[index] else self.classes[self.predicted[index]]

    def describe(self, index: int) -> str:
        """Label and answer in words, such as "7 read as 2"."""
        return f"{self.classes[self.labels[index]]} read as {self.answer(index)}"

    def frames_and_answers(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """Frames (K, 28, 28) float32 in [0, 1] and most probable classes (K,), for saliency methods."""
        return np.divide(self.frames[indices], 255, dtype=np.float32), self.predicted[indices]

    def summary(self) -> dict[str, Any]:
        """The main figures, ready for JSON."""
        without = self.accuracy_without_rejected
        before = self.uncalibrated
        return {
            "pictures": len(self.labels),
            "accuracy": self.accuracy,
            "accuracy_interval_95": list(self.accuracy_interval),
            **({} if without is None else {"accuracy_without_rejected_labels": without}),
            "errors": len(self.errors),
            "abstentions": int(self.abstained.sum()),
            "log_loss": self.log_loss,
            "expected_calibration_error": self.reliability.expected_calibration_error,
            **({} if before is None else {"ece_before_temperature": before.expected_calibration_error}),
            "coverage_at_99.9%": self.coverage.at_accuracy(0.999)[0],
            "coverage_at_99%": self.coverage.at_accuracy(0.99)[0],
            "pictures_per_second": len(self.labels) / max(self.seconds, 1e-9),
        }

    def to_dict(self) -> dict[str, Any]:
        """All figures as plain values: the content of metrics.json."""
        scores = self.scores
        return {
            "data": self.data,
            "model_sha256": self.model_sha256,
            "temperature": self.temperature,
            "rejected_labels": self.rejected.tolist(),
            "summary": self.summary(),
            "classes": list(self.classes),
            "confusion_matrix": self.confusion.tolist(),
            "per_class": [
                {
                    "class": name,
                    "precision": float(scores.precision[index]),
                    "recall": float(scores.recall[index]),
                    "f1": float(scores.f1[index]),
                    "support": int(scores.support[index]),
                }
                for index, name in enumerate(self.classes)
            ],
            "reliability": {
                "confidence": self.reliability.confidence.tolist(),
                "accuracy": self.reliability.accuracy.tolist(),
                "count": self.reliability.count.tolist(),
            },
            "worst_errors": [
                {
                    "index": int(index),
                    "label": self.classes[self.labels[index]],
                    "predicted": self.answer(index),
                    "confidence": float(self.probabilities[index].max()),
                }
                for index in self.errors
            ],
        }


def evaluate(
    model: Predictor | Run | str | os.PathLike[str] | None = None,
    data: Data = EMBEDDED,
    *,
    part: Part = "test",
    name: str | None = None,
    rejected: NDArray[np.intp] | None = None,
    progress: bool = False,
) -> Evaluation:
    """Let a model answer all pictures of a data set. Nothing is written.

    Args:
        model: a model for digits, its file, a run or its folder, or "latest"; by default the packaged
            model. Its classes and those of the data are matched by name.
        data: "mnist" or a path that `load_dataset` takes; a split or splits; or pictures and their labels,
            (X, y).
        part: part of a data set with parts. A path that is not divided counts as a whole, unless the run was
            trained on it.
        name: what reports call the data set; by default its own name.
        rejected: indices (R,) of pictures with labels that a review rejected; by default those of
            `datasets.load.rejected_labels`.
        progress: show a bar on stderr.

    Raises:
        DataError: the data set is empty, cannot be read, or has a class that the model does not know.
        ModelError: no such model.
    """
    if model is None or isinstance(model, Run | str | os.PathLike):
        model = Predictor(model.folder if isinstance(model, Run) else model)
    if isinstance(data, str | os.PathLike):
        source = canonical_source(data)
        is_own = source in (EMBEDDED, _training_data(model))
        name = name or describe_part(display_name(source), part, is_own=is_own)
        rejected = rejected_labels(source, part) if rejected is None else rejected
        split = load_evaluation_split(source, part, divided=is_own)
    else:
        split = _choose_part(as_splits(data), part)
    return _evaluate(model, split, name or IN_MEMORY, rejected, progress=progress)


def _training_data(predictor: Predictor) -> str | None:
    """The data set of the run that the model lies in; None if it lies elsewhere."""
    run = Run(predictor.path.parent)
    return run.settings().data if run.settings_path.exists() else None


def _choose_part(parts: tuple[Split, ...], part: Part) -> Split:
    if len(parts) == 1 or part == "all":
        return join(list(parts), name="the data set")
    return Splits(*parts).test if part == "test" else Splits(*parts).validation


def _evaluate(
    predictor: Predictor,
    split: Split,
    name: str,
    rejected: NDArray[np.intp] | None,
    *,
    progress: bool,
) -> Evaluation:
    if len(split) == 0:
        raise DataError(f"{name}: no pictures to evaluate on; give another data set or part")
    unknown = [each for each in split.classes if each not in predictor.classes]
    if unknown:
        raise DataError(
            f"{name}: classes {', '.join(unknown)} are unknown to the model, which knows "
            f"{', '.join(predictor.classes)}; evaluate on data with these classes"
        )
    to_model_class = np.array([predictor.classes.index(each) for each in split.classes])
    begun = time.perf_counter()
    frames, probabilities, is_digit = [], [], []
    for pages in _shown(_chunks(split), -(-len(split) // _PICTURES_AT_ONCE), progress):
        answer = predictor.run(pages)
        frames.append(np.rint(answer.frames * 255).astype(np.uint8))
        probabilities.append(answer.probabilities)
        is_digit.append(answer.is_digit)
    seconds = time.perf_counter() - begun
    manifest = predictor.manifest
    return Evaluation(
        data=name,
        model_sha256=predictor.sha256,
        classes=predictor.classes,
        labels=to_model_class[split.labels],
        probabilities=np.concatenate(probabilities),
        is_digit=np.concatenate(is_digit),
        frames=np.concatenate(frames),
        seconds=seconds,
        threshold=predictor.threshold,
        temperature=float(manifest["training"]["temperature"]) if manifest else None,
        rejected=np.empty(0, np.intp) if rejected is None else rejected,
    )


def _shown(
    chunks: Iterator[NDArray[np.uint8] | list[Page]], count: int, progress: bool
) -> Iterable[NDArray[np.uint8] | list[Page]]:
    if not progress:
        return chunks
    from rich.console import Console
    from rich.progress import track

    return track(chunks, "evaluating", count, console=Console(stderr=True))


def _chunks(split: Split) -> Iterator[NDArray[np.uint8] | list[Page]]:
    for begin in range(0, len(split), _PICTURES_AT_ONCE):
        pages = split.images[begin : begin + _PICTURES_AT_ONCE]
        yield pages if isinstance(pages, np.ndarray) else list(pages)

"""Lines of writing with known texts -> figures of a model that reads them.

A folder of lines holds pictures and labels.csv, with the columns `file` and `label`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from number_prediction.errors import DataError, ImageError
from number_prediction.evaluation.metrics import coverage_curve, reliability, wilson_interval
from number_prediction.files import write_atomically
from number_prediction.images.decode import Page, to_page
from number_prediction.numbers.predictor import NumberPredictor

LABELS_FILE = "labels.csv"
COLUMNS = ("file", "label")
COVERAGE_ACCURACY = 0.99
"""Accuracy at which the coverage is reported."""


@dataclass(frozen=True)
class LabelledLines:
    """Pictures of one line each, and their texts."""

    pages: list[Page]
    texts: list[str]


@dataclass(frozen=True, eq=False, repr=False)
class NumberEvaluation:
    """A model's readings of N lines."""

    data: str
    """Description of the lines."""
    texts: tuple[str, ...]
    """(N,) true texts."""
    readings: tuple[str, ...]
    """(N,) texts read by the model."""
    confidence: NDArray[np.float64]
    """(N,) confidence of each reading, in [0, 1]."""

    def __repr__(self) -> str:
        return f"NumberEvaluation({100 * self.accuracy:.2f}% of {len(self.texts):,} lines, {self.data})"

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(N,) whether the whole text is right."""
        return np.array([read == text for read, text in zip(self.readings, self.texts, strict=True)])

    @property
    def accuracy(self) -> float:
        """Share of the lines that are read right as a whole."""
        return float(self.correct.mean())

    @property
    def character_error_rate(self) -> float:
        """Characters to insert, delete or replace, as a share of those written (Levenshtein, 1966)."""
        pairs = zip(self.readings, self.texts, strict=True)
        return sum(edit_distance(read, text) for read, text in pairs) / max(1, sum(map(len, self.texts)))

    def summary(self) -> dict[str, Any]:
        """Figures in plain values, ready for JSON."""
        coverage, threshold = coverage_curve(self.confidence, self.correct).at_accuracy(COVERAGE_ACCURACY)
        error = reliability(self.confidence, self.correct).expected_calibration_error
        return {
            "data": self.data,
            "pictures": len(self.texts),
            "accuracy": self.accuracy,
            "accuracy_interval_95": list(wilson_interval(int(self.correct.sum()), len(self.texts))),
            "character_error_rate": self.character_error_rate,
            "expected_calibration_error": error,
            "coverage_at_99": coverage,
            "threshold_at_99": threshold if coverage else None,
        }

    def write(self, folder: Path) -> Path:
        """Write metrics.json, and readings.csv with one row per line, the least confident first."""
        folder.mkdir(parents=True, exist_ok=True)
        stream = io.StringIO(newline="")
        table = csv.writer(stream)
        table.writerow(["line", "label", "text", "confidence", "correct"])
        for index in np.argsort(self.confidence, kind="stable"):
            row = (self.texts[index], self.readings[index], f"{self.confidence[index]:.6f}")
            table.writerow([int(index), *row, int(self.correct[index])])
        write_atomically(folder / "readings.csv", stream.getvalue())
        path = folder / "metrics.json"
        write_atomically(path, json.dumps(self.summary(), indent=2) + "\n")
        return path


def evaluate_numbers(predictor: NumberPredictor, lines: LabelledLines, *, data: str) -> NumberEvaluation:
    """Read lines without any constraint, and compare with their texts."""
    found = predictor.predict_numbers(lines.pages)
    return NumberEvaluation(
        data,
        tuple(lines.texts),
        tuple(number.text or "" for number in found),
        np.array([number.confidence for number in found], np.float64),
    )


def load_lines(folder: Path) -> LabelledLines:
    """Load the lines of a folder.

    Raises:
        DataError: labels.csv is missing, or lacks a column, a text or a picture.
    """
    path = folder / LABELS_FILE
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            table = csv.DictReader(stream)
            missing = set(COLUMNS) - set(table.fieldnames or ())
            rows: Sequence[Mapping[str, str | None]] = list(table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({error}); give a CSV file in UTF-8") from error
    if missing or not rows:
        raise DataError(f"{path}: needs the columns {' and '.join(COLUMNS)}, and one row per picture")
    pages, texts = [], []
    for number, row in enumerate(rows, 2):
        if not row["file"] or not row["label"]:
            raise DataError(f"{path}, line {number}: has no file or no label; complete or delete the line")
        try:
            pages.append(to_page(folder / row["file"]))
        except ImageError as error:
            raise DataError(f"{path}, line {number}: {error}") from error
        texts.append(row["label"])
    return LabelledLines(pages, texts)


def edit_distance(one: str, other: str) -> int:
    """Fewest characters to insert, delete or replace."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (left != right))
    return row[-1]

"""Predictor and a CSV file of pictures -> a file of answers for Kaggle's Digit Recognizer."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from number_prediction.datasets.digit_csv import read_digit_csv
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import DataError
from number_prediction.files import write_atomically
from number_prediction.models.manifest import manifest_path, read_manifest
from number_prediction.runs.run import Run

COLUMNS = ("ImageId", "Label")
_CHUNK = 1000


def write_submission(predictor: Predictor, pictures: Path, output: Path) -> int:
    """Answer each picture of a CSV file, in order, with its most probable class; blank ones too.

    Args:
        predictor: the model.
        pictures: CSV file as `read_digit_csv` takes it, without labels.
        output: the file to write: ImageId from 1 and Label, the name of the class. An older file is replaced
            at the end.

    Returns:
        The number of pictures.

    Raises:
        DataError: the pictures are missing, damaged or labelled, or the output cannot be that file.
        MissingExtraError: pandas is not installed.
    """
    if output.is_dir() or not output.parent.is_dir() or output.resolve() == pictures.resolve():
        raise DataError(f"{output}: cannot write answers there; choose another file in an existing folder")
    table = read_digit_csv(pictures)
    if table.labels is not None:
        raise DataError(
            f"{pictures}: has a column of labels, so it needs no answers; give test.csv, or measure the "
            f"model on this file: number-prediction evaluate MODEL --data {pictures}"
        )
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for begin in range(0, len(table.images), _CHUNK):
        answer = predictor.run(table.images[begin : begin + _CHUNK])
        for number, label in enumerate(answer.probabilities.argmax(1), start=begin + 1):
            writer.writerow([number, predictor.classes[label]])
    write_atomically(output, stream.getvalue())
    return len(table.images)


def trained_on(predictor: Predictor) -> str | None:
    """The data set that a model was trained on, from its run or manifest; None if it has neither."""
    run = Run(predictor.path.parent)
    if predictor.path == run.model_path and run.settings_path.exists():
        return run.settings().data
    if manifest_path(predictor.path).exists():
        data: str | None = read_manifest(predictor.path).get("training", {}).get("data")
        return data
    return None

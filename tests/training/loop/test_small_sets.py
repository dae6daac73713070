"""Data sets of two and of twelve classes, as class folders and as IDX files: all commands' work on them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
from numpy.typing import NDArray
from PIL import Image

from number_prediction.datasets.label_errors import rank
from number_prediction.datasets.split import Split, Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.evaluation.digits import evaluate
from number_prediction.reports import exploration as exploration_report
from number_prediction.reports.evaluation import report_on_run
from number_prediction.reports.labels import write_label_report
from number_prediction.training.experiments import cross_validation
from number_prediction.training.experiments.setup import start_run
from number_prediction.training.experiments.train import finish_run
from number_prediction.training.frames import load_frames
from number_prediction.training.loop.fit import fit
from number_prediction.training.recipes import get_recipe
from tests.datasets.test_load import MNIST_NAMES, write_idx

QUICK = replace(get_recipe("mlp"), epochs=4, min_batches=30, batch_size=16)


def pictures(split: Split, class_count: int, count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """`count` pictures of each class; classes beyond the ten digits are digits lying on their side."""
    images, labels = [], []
    for label in range(class_count):
        members = np.flatnonzero(split.labels == (label if label < 10 else label - 7))[:count]
        upright = np.asarray(split.images[members])
        images.append(upright if label < 10 else np.rot90(upright, axes=(1, 2)))
        labels += [label] * len(members)
    return np.concatenate(images), np.array(labels, np.uint8)


@pytest.fixture(params=[("folders", 2), ("idx", 12)], ids=lambda p: f"{p[0]}-{p[1]}")
def data(request: pytest.FixtureRequest, tmp_path: Path, mnist: Splits) -> tuple[Path, int]:
    """A data set of 10 to 50 pictures a class, and how many classes it has."""
    layout, class_count = request.param
    folder = tmp_path / "data"
    images, labels = pictures(mnist.train, class_count, 50 if class_count == 2 else 12)
    if layout == "folders":
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            (folder / str(label)).mkdir(parents=True, exist_ok=True)
            Image.fromarray(255 - image).save(folder / str(label) / f"{index}.png")
    else:
        folder.mkdir()
        test = pictures(mnist.test, class_count, 4)
        for name, array in zip(MNIST_NAMES, (images, labels, *test), strict=True):
            write_idx(folder / name, array)
    return folder, class_count


def test_it_is_explored(data: tuple[Path, int], tmp_path: Path) -> None:
    folder, class_count = data
    splits = load_frames(str(folder))
    found = exploration_report.explore(splits)
    page = exploration_report.write_exploration(found, tmp_path / "out", title="small")
    assert page.read_text(encoding="utf-8").count("data:image/png") == len(found.figures) >= 8
    counts = pandas.read_csv(tmp_path / "out" / "tables" / "class_counts.csv")
    assert counts["class"].tolist() == list(range(class_count))
    assert counts["train"].sum() == len(splits.train)
    assert found.tables["outliers"]["label"].nunique() == class_count


def test_its_labels_are_judged(data: tuple[Path, int], tmp_path: Path) -> None:
    folder, class_count = data
    splits = load_frames(str(folder))
    folds = cross_validation.divide_into_folds(splits.train, 2, seed=0)
    for fold in range(2):
        for _ in cross_validation.train_fold(
            folds,
            fold,
            splits,
            QUICK,
            tmp_path / "out",
            data=str(folder),
            seed=0,
            threads=1,
        ):
            pass
    on_train = cross_validation.out_of_fold_probabilities(folds, tmp_path / "out", splits.train)
    on_test = cross_validation.mean_probabilities(folds, tmp_path / "out", splits.test)
    judged = {
        "train": (splits.train, rank(splits.train, on_train)),
        "test": (splits.test, rank(splits.test, on_test)),
    }
    page = write_label_report(judged, tmp_path / "out", title="small")
    assert page.read_text(encoding="utf-8").count("<li>") == min(100, len(splits.train)) + len(splits.test)
    table = pandas.read_csv(tmp_path / "out" / "labels_train.csv")
    assert sorted(table["index"]) == list(range(len(splits.train)))
    assert set(table["label"]) == set(range(class_count))


@pytest.mark.parametrize("data", [("idx", 12)], indirect=True)  # of two classes: test_cli.py
def test_a_model_of_it_is_trained_exported_and_evaluated(data: tuple[Path, int], tmp_path: Path) -> None:
    folder, class_count = data
    splits = load_frames(str(folder))
    run = start_run(QUICK, tmp_path / "run", data=str(folder), threads=1)
    for _ in fit(run, splits):
        pass
    finish_run(run, splits)
    assert Predictor(run.folder).classes == tuple(str(label) for label in range(class_count))
    evaluation = evaluate(Predictor(run.folder), splits.test, name="small, test part")
    report_on_run(run, evaluation, "test")
    assert evaluation.accuracy > 2 / class_count
    metrics = json.loads((run.folder / "test" / "metrics.json").read_text())
    assert np.shape(metrics["confusion_matrix"]) == (class_count, class_count)
    assert (run.folder / "test" / "report.html").exists()

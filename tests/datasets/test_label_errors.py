"""Label errors: planted ones are found, honest labels are left alone, folds are honest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from number_prediction.datasets.label_errors import class_thresholds, find_label_errors, rank
from number_prediction.datasets.split import Split, Splits
from number_prediction.errors import DataError
from number_prediction.training.experiments.cross_validation import divide_into_folds
from tests.conftest import CommandLine


def sure(labels: list[int], *, confidence: float = 0.9, class_count: int = 3) -> np.ndarray:
    """Probabilities (N, C) of a model that is sure of these classes."""
    rest = (1 - confidence) / (class_count - 1)
    return np.where(np.eye(class_count)[labels] == 1, confidence, rest)


def test_a_label_against_the_model_is_suspected() -> None:
    truth = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    given_labels = np.array([0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
    found = find_label_errors(given_labels, sure(truth))
    assert np.flatnonzero(found.is_suspect).tolist() == [2]
    assert found.suggested.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert found.ranking()[0] == 2
    assert found.margin[2] == pytest.approx(0.05 - 0.9)
    assert found.joint.tolist() == [[2, 0, 0], [1, 3, 0], [0, 0, 4]]


def test_thresholds_are_the_mean_confidence_in_each_class() -> None:
    probabilities = np.array([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
    assert class_thresholds(np.array([0, 0, 1]), probabilities) == pytest.approx([0.7, 0.9])


def test_a_picture_of_which_no_class_is_sure_is_not_counted() -> None:
    probabilities = np.vstack([sure([0, 0, 1, 1], class_count=2), [[0.5, 0.5]]])
    found = find_label_errors(np.array([0, 0, 1, 1, 0]), probabilities)
    assert not found.is_suspect.any()
    assert found.joint.sum() < 5


def test_nothing_belongs_to_a_class_without_pictures() -> None:
    found = find_label_errors(np.array([0, 0]), np.array([[0.6, 0.4], [0.1, 0.9]]))
    assert found.suggested.tolist() == [0, 0]
    assert not found.is_suspect.any()


def test_bad_probabilities_are_refused() -> None:
    with pytest.raises(DataError, match="NaN"):
        find_label_errors(np.array([0, 1]), np.array([[0.5, np.nan], [0.5, 0.5]]))


LABELS, HALVES = np.array([0, 1, 0, 1]), np.full((4, 2), 0.5)


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        (LABELS[:0], HALVES[:0], "no labels; give a data set"),
        (LABELS * 0, np.ones((4, 1)), "1 classes; give a data set with at least two"),
        (LABELS, HALVES[:, :0], "0 classes"),
        (LABELS[:3], HALVES, r"labels int64 of shape \(3,\), probabilities of shape \(4, 2\); give"),
        (LABELS, HALVES[:, 0], r"probabilities of shape \(4,\); give whole numbers \(N,\)"),
        (LABELS.reshape(2, 2), HALVES.reshape(2, 2, 2), r"labels int64 of shape \(2, 2\)"),
        (LABELS.astype(np.float64), HALVES, "labels float64"),
        (LABELS + 1, HALVES, r"labels from 1 to 2, but probabilities of 2 classes; give labels in 0..1"),
        (LABELS - 1, HALVES, "labels from -1 to 0"),
        (
            LABELS,
            np.array([[4.0, -2.0]] * 4),
            "negative or do not sum to 1 in each row; give the output of a s",
        ),
        (LABELS, HALVES * 3, "do not sum to 1"),
        (LABELS, HALVES * np.inf, "NaN or infinite"),
    ],
)
def test_what_are_no_labels_with_probabilities_is_said(
    labels: np.ndarray, probabilities: np.ndarray, message: str
) -> None:
    for judge in (find_label_errors, class_thresholds):
        with pytest.raises(DataError, match=message):
            judge(labels, probabilities)


def test_a_split_and_probabilities_of_other_classes_are_refused() -> None:
    split = Split(np.zeros((4, 28, 28), np.uint8), LABELS.astype(np.uint8), ("a", "b", "c"))
    with pytest.raises(
        DataError, match=r"probabilities of shape \(4, 2\) for 3 classes; give one column per class"
    ):
        rank(split, HALVES)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(20, 200), st.integers(2, 8))
def test_every_label_is_ranked_once_by_its_margin(seed: int, count: int, class_count: int) -> None:
    generator = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(class_count), generator.integers(0, class_count, count)])
    probabilities = generator.dirichlet(np.ones(class_count), len(labels))
    found = find_label_errors(labels, probabilities)
    order = found.ranking()
    assert sorted(order.tolist()) == list(range(len(labels)))
    assert (np.diff(found.margin[order]) >= 0).all()
    assert ((found.suggested != labels) == found.is_suspect).all()


def test_the_table_names_classes() -> None:
    split = Split(np.zeros((4, 28, 28), np.uint8), np.array([0, 0, 1, 1], np.uint8), ("seven", "one"))
    table = rank(split, sure([0, 1, 1, 1], class_count=2))
    assert table.loc[0, ["index", "label", "suggested", "is_suspect"]].tolist() == [1, "seven", "one", True]


@settings(deadline=None)
@given(st.integers(2, 6), st.integers(0, 2**32))
def test_folds_are_stratified_and_cover_all_once(count: int, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(3, dtype=np.uint8), [7, 10, 23]))
    split = Split(np.zeros((40, 1, 1), np.uint8), labels, ("a", "b", "c"))
    folds = divide_into_folds(split, count, seed=seed)
    covered = np.concatenate([folds.inside(fold) for fold in range(count)])
    assert sorted(covered.tolist()) == list(range(40))
    for fold in range(count):
        assert not set(folds.inside(fold)) & set(folds.outside(fold))
        shares = np.bincount(labels[folds.inside(fold)], minlength=3)
        assert (abs(shares - np.array([7, 10, 23]) / count) < 1).all()


def test_fewer_pictures_than_folds_are_refused() -> None:
    split = Split(np.zeros((4, 1, 1), np.uint8), np.array([0, 0, 0, 1], np.uint8), ("a", "b"))
    with pytest.raises(DataError, match="'b' has 1 pictures"):
        divide_into_folds(split, 3, seed=0)


def test_planted_errors_are_found_by_the_command(
    command_line: CommandLine, tmp_path: Path, mnist: Splits
) -> None:
    from PIL import Image

    for label, other in ((3, 8), (8, 3)):
        members = np.flatnonzero(mnist.train.labels == label)[:150]
        for position, index in enumerate(members):
            folder = tmp_path / "data" / str(other if position % 30 == 0 else label)
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mnist.train.images[index]).save(folder / f"{index}.png")
    arguments = ("labels", "data", "--recipe", "mlp", "--folds", "2", "--threads", "1", "--output", "out")
    done = command_line(*arguments)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == str(Path("out/labels.html"))
    table = pandas.read_csv(tmp_path / "out" / "labels_train.csv")
    assert len(table) + len(pandas.read_csv(tmp_path / "out" / "labels_test.csv")) < 300
    top = table.head(8)
    assert top["is_suspect"].mean() > 0.7
    assert (top["label"] != top["suggested"]).mean() > 0.7
    again = command_line(*arguments, "--recipe", "cnn")
    assert again.returncode == 1
    assert b"another --output" in again.stderr

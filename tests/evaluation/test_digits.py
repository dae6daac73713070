"""A predictor and a split -> the evaluation; here the answers are drawn in the pages."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import accuracy_score

from number_prediction.datasets.load import load_evaluation_split
from number_prediction.datasets.split import Split, Splits
from number_prediction.digits.predictor import GraphAnswer, Predictor
from number_prediction.errors import DataError
from number_prediction.evaluation.digits import Evaluation, evaluate
from number_prediction.runs.run import Run

DIGITS = tuple("0123456789")
CONFIDENCE = 0.9


class PixelReader:
    """Answers the class that a page's first pixel counts to, and abstains where its last pixel is 0."""

    sha256 = "5e" * 32
    manifest = None
    threshold = 0.5

    def __init__(self, classes: Sequence[str] = DIGITS) -> None:
        self.classes = tuple(classes)

    def run(self, pages: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> GraphAnswer:
        said = np.array([page[0, 0] for page in pages])
        others = (1 - CONFIDENCE) / (len(self.classes) - 1)
        probabilities = np.full((len(pages), len(self.classes)), others, np.float32)
        probabilities[np.arange(len(pages)), said] = CONFIDENCE
        is_digit = np.array([page[-1, -1] > 0 for page in pages], np.float32)
        frames = np.zeros((len(pages), 28, 28), np.float32)
        frames[:, 14, 14] = said / 255
        return GraphAnswer(frames, probabilities, is_digit, np.zeros((len(pages), 0), np.float32))


def pages_that_say(said: Sequence[int], abstained: Sequence[int] = ()) -> NDArray[np.uint8]:
    pages = np.full((len(said), 2, 2), 255, np.uint8)
    pages[:, 0, 0] = said
    pages[list(abstained), -1, -1] = 0
    return pages


def measure(
    said: Sequence[int],
    labels: Sequence[int],
    *,
    classes: Sequence[str] = DIGITS,
    known: Sequence[str] = DIGITS,
    abstained: Sequence[int] = (),
) -> Evaluation:
    split = Split(pages_that_say(said, abstained), np.array(labels, np.uint8), tuple(classes))
    return evaluate(PixelReader(known), split, name="drawn answers")


def test_figures_of_a_small_evaluation() -> None:
    result = measure(said=[3, 3, 5, 0], labels=[3, 5, 5, 0])
    assert result.data == "drawn answers"
    assert result.model_sha256 == PixelReader.sha256
    assert result.classes == DIGITS
    assert result.labels.tolist() == [3, 5, 5, 0]
    assert result.predicted.tolist() == [3, 3, 5, 0]
    assert result.correct.tolist() == [True, False, True, True]
    assert result.describe(1) == "5 read as 3"
    assert result.errors.tolist() == [1]
    assert result.accuracy == 0.75
    low, high = result.accuracy_interval
    assert 0.3 < low < 0.75 < high < 0.96
    assert result.log_loss == pytest.approx(-(3 * np.log(0.9) + np.log(0.1 / 9)) / 4, rel=1e-5)
    assert result.confusion[5, 3] == result.confusion[5, 5] == result.confusion[3, 3] == 1
    assert result.confusion.sum() == 4
    assert result.scores.precision[3] == result.scores.recall[5] == 0.5
    assert result.reliability.expected_calibration_error == pytest.approx((3 * 0.1 + 0.9) / 4, rel=1e-5)


def test_frames_are_what_the_network_saw_in_bytes() -> None:
    result = measure(said=[3, 9], labels=[3, 9])
    assert result.frames.shape == (2, 28, 28)
    assert result.frames.dtype == np.uint8
    assert result.frames[:, 14, 14].tolist() == [3, 9]
    frames, answers = result.frames_and_answers(np.array([1]))
    assert frames.dtype == np.float32
    assert frames[:, 14, 14] == pytest.approx(9 / 255)
    assert answers.tolist() == [9]


@pytest.mark.parametrize(
    ("classes", "known", "labels", "expected"),
    [
        (("3", "7"), DIGITS, [0, 1, 0], [3, 7, 3]),
        (("7", "3"), DIGITS, [0, 1, 0], [7, 3, 7]),
        (DIGITS[::-1], DIGITS, [0, 1, 9], [9, 8, 0]),
        (("minus", "1"), ("1", "2", "plus", "minus"), [0, 1], [3, 0]),
        (("1",), ("0", "1"), [0], [1]),
    ],
)
def test_classes_are_matched_by_name(
    classes: tuple[str, ...], known: tuple[str, ...], labels: list[int], expected: list[int]
) -> None:
    result = measure(said=expected, labels=labels, classes=classes, known=known)
    assert result.classes == known
    assert result.labels.tolist() == expected
    assert result.accuracy == 1


def test_classes_unknown_to_the_model_are_named() -> None:
    with pytest.raises(DataError, match=r"drawn answers: classes x, y are unknown .* which knows 0, 1, 2;"):
        measure(said=[0], labels=[0], classes=("1", "x", "y"), known=("0", "1", "2"))


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(DataError, match="drawn answers: no pictures"):
        measure(said=[], labels=[])


def test_abstentions_are_not_right_and_stand_apart() -> None:
    result = measure(said=[1, 2, 3, 4], labels=[1, 2, 3, 5], abstained=[1, 3])
    assert result.abstained.tolist() == [False, True, False, True]
    assert result.correct.tolist() == [True, False, True, False]
    assert result.describe(3) == "5 read as none"
    assert result.accuracy == 0.5
    assert result.confusion.sum() == 2  # of those that were answered
    assert result.errors.tolist() == [1, 3]
    summary = result.to_dict()["summary"]
    assert (summary["pictures"], summary["errors"], summary["abstentions"]) == (4, 2, 2)


@pytest.mark.parametrize(
    "options",
    [
        {"said": [3, 3, 5], "labels": [3, 5, 5]},
        {"said": [3, 3, 5], "labels": [3, 5, 5], "abstained": [0, 1, 2]},
        {"said": [4], "labels": [4]},
        {"said": [1, 0], "labels": [0, 1], "classes": ("nought", "one"), "known": ("nought", "one")},
    ],
)
def test_the_report_is_plain_json(options: dict[str, Any]) -> None:
    result = measure(**options)
    report = result.to_dict()
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["classes"] == list(result.classes)
    assert report["confusion_matrix"] == result.confusion.tolist()
    assert [row["class"] for row in report["per_class"]] == list(result.classes)
    assert report["summary"]["accuracy"] == result.accuracy
    assert report["summary"]["pictures_per_second"] > 0
    assert sum(report["reliability"]["count"]) == len(options["said"])


def test_the_report_lists_errors_by_class_name() -> None:
    result = measure(said=[1, 2, 0], labels=[1, 0, 1], classes=("7", "3"), known=("1", "3", "5", "7"))
    rows = result.to_dict()["worst_errors"]
    assert [(row["index"], row["label"], row["predicted"]) for row in rows] == [(1, "7", "5"), (2, "3", "1")]
    assert [row["confidence"] for row in rows] == pytest.approx([CONFIDENCE] * 2)


@pytest.mark.parametrize("count", [999, 1000, 1001, 2500])
def test_answers_stand_in_the_order_of_the_pictures(count: int) -> None:
    said = np.random.default_rng(count).integers(0, 10, count).tolist()
    result = measure(said=said, labels=said)
    assert result.accuracy == 1
    assert result.frames[:, 14, 14].tolist() == said


def test_pictures_of_different_sizes_are_read_from_their_files(tmp_path: Path) -> None:
    for name, sizes in (("4", [3, 5]), ("8", [6, 4, 2])):
        (tmp_path / name).mkdir()
        for size in sizes:
            pixels = np.full((size, size + 1), 255, np.uint8)
            pixels[0, 0] = int(name)
            Image.fromarray(pixels).save(tmp_path / name / f"{size}.png")
    split = load_evaluation_split(tmp_path, "test", divided=False)
    result = evaluate(PixelReader(), split, name=str(tmp_path))
    assert result.labels.tolist() == result.predicted.tolist() == [4, 4, 8, 8, 8]
    with pytest.raises(DataError, match=f"{re.escape(str(tmp_path))}: classes 4, 8 are unknown"):
        evaluate(PixelReader("01"), split, name=str(tmp_path))


@given(st.integers(0, 2**32), st.integers(1, 60))
@settings(deadline=None)
def test_errors_are_all_that_is_wrong_and_accuracy_is_the_rest(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    said, labels = (generator.integers(0, 10, count).tolist() for _ in range(2))
    result = measure(said=said, labels=labels)
    assert set(result.errors.tolist()) == {i for i in range(count) if said[i] != labels[i]}
    assert result.accuracy == pytest.approx(accuracy_score(labels, said))
    assert (np.diff(result.probabilities[result.errors].max(1)) <= 0).all()


def test_the_data_is_a_folder_pictures_with_labels_or_splits(
    tmp_path: Path, predictor: Predictor, mnist: Splits, capsys: pytest.CaptureFixture[str]
) -> None:
    few = mnist.test.select(slice(0, 40))
    pages = 255 - np.asarray(few.images)
    for index, (page, label) in enumerate(zip(pages, few.labels, strict=True)):
        (tmp_path / str(label)).mkdir(exist_ok=True)
        Image.fromarray(page).save(tmp_path / str(label) / f"{index}.png")
    folder = evaluate(predictor, tmp_path, progress=True)
    assert "100%" in capsys.readouterr().err
    assert repr(folder) == f"Evaluation({100 * folder.accuracy:.2f}% of 40 pictures, {tmp_path.name})"
    for data in (few, (pages, few.labels), (list(pages), few.labels.tolist()), Splits(few, few, few)):
        given = evaluate(model=predictor.path, data=data)
        assert given.accuracy == folder.accuracy
        assert given.data == "given pictures"
    assert len(evaluate(None, Splits(few, few, few), part="all").labels) == 120


def test_the_model_is_a_run_and_its_own_data_are_divided_as_in_training(small_run: Run) -> None:
    by_folder = evaluate(small_run.folder, part="validation")
    assert by_folder.data == "MNIST, validation part"
    assert len(by_folder.labels) == 5000
    assert evaluate(small_run, part="validation").accuracy == by_folder.accuracy
    tested = evaluate(small_run)
    assert len(tested.rejected) > 0
    assert tested.accuracy_without_rejected is not None

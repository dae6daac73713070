"""The way to Kaggle: train on train.csv, answer test.csv, and be told where that would be cheating."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import DataError
from number_prediction.evaluation.kaggle import trained_on, write_submission
from number_prediction.runs.run import Run
from tests.conftest import CommandLine

PACKAGED = Predictor().path


def write_csv(path: Path, images: NDArray[np.uint8], labels: NDArray[np.uint8] | None = None) -> Path:
    names = [f"pixel{number}" for number in range(images[0].size)]
    rows = images.reshape(len(images), -1).astype(int)
    if labels is not None:
        names, rows = ["label", *names], np.column_stack([labels, rows])
    np.savetxt(path, rows, fmt="%d", delimiter=",", header=",".join(names), comments="")
    return path


def read_answers(path: Path) -> list[list[str]]:
    with path.open(newline="") as stream:
        return list(csv.reader(stream))


def test_every_picture_is_answered_in_order_and_none_abstained(
    tmp_path: Path, mnist: Splits, predictor: Predictor
) -> None:
    images = np.asarray(mnist.test.images[:1200]).copy()
    images[5] = 0  # blank: the model would abstain
    table = write_csv(tmp_path / "test.csv", images)
    assert write_submission(predictor, table, tmp_path / "answers.csv") == 1200
    header, *rows = read_answers(tmp_path / "answers.csv")
    assert header == ["ImageId", "Label"]
    assert [row[0] for row in rows] == [str(number) for number in range(1, 1201)]
    expected = predictor.run(images).probabilities.argmax(1)
    assert [row[1] for row in rows] == [predictor.classes[label] for label in expected]
    assert rows[5][1] in predictor.classes
    assert predictor.predict_digits(images[5:6])[0].label is None


def test_what_cannot_be_answered_leaves_what_stood_there(
    tmp_path: Path, mnist: Splits, predictor: Predictor
) -> None:
    images, labels = np.asarray(mnist.test.images[:20]), mnist.test.labels[:20]
    output = tmp_path / "answers.csv"
    output.write_text("older")
    labelled = write_csv(tmp_path / "train.csv", images, labels)
    with pytest.raises(DataError, match=r"train.csv: has a column of labels.*give test.csv, or .* evaluate"):
        write_submission(predictor, labelled, output)
    broken = tmp_path / "broken.csv"
    broken.write_text("pixel0\n1\nx\n")
    with pytest.raises(
        DataError, match=r"broken.csv: line 3, column pixel0: 'x' is not a whole number; correct"
    ):
        write_submission(predictor, broken, output)
    assert output.read_text() == "older"
    good = write_csv(tmp_path / "test.csv", images)
    content = good.read_bytes()
    for place in (good, tmp_path, tmp_path / "missing" / "answers.csv"):
        with pytest.raises(DataError, match="choose another file"):
            write_submission(predictor, good, place)
    assert good.read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "answers.csv",
        "broken.csv",
        "test.csv",
        "train.csv",
    ]


def test_what_a_model_was_trained_on_is_known(tmp_path: Path, small_run: Run, predictor: Predictor) -> None:
    assert trained_on(predictor) == "mnist"
    assert trained_on(Predictor(small_run.folder)) == "mnist"
    alone = tmp_path / "alone.onnx"
    shutil.copy(PACKAGED, alone)
    assert trained_on(Predictor(alone)) is None
    manifest = json.loads(PACKAGED.with_suffix(".json").read_text())
    manifest["training"]["data"] = "digit-recognizer"
    alone.with_suffix(".json").write_text(json.dumps(manifest))
    assert trained_on(Predictor(alone)) == "digit-recognizer"


@pytest.mark.slow
def test_from_kaggles_files_to_a_submission(command_line: CommandLine, tmp_path: Path, mnist: Splits) -> None:
    folder = tmp_path / "digit-recognizer"
    folder.mkdir()
    write_csv(folder / "train.csv", np.asarray(mnist.train.images[:1200]), mnist.train.labels[:1200])
    write_csv(folder / "test.csv", np.asarray(mnist.test.images[:100]))
    trained = command_line("train", "cnn", "--data", folder, "--epochs", "0.2", "--output", "run")
    assert trained.returncode == 0, trained.stderr.decode()
    assert b"to add MNIST to them would be cheating" in trained.stderr
    done = command_line("submission", "run", folder / "test.csv", "--output", "answers.csv")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode() == "answers.csv\n"
    assert b"warning" not in done.stderr
    header, *rows = read_answers(tmp_path / "answers.csv")
    assert header == ["ImageId", "Label"]
    assert [row[0] for row in rows] == [str(number) for number in range(1, 101)]
    assert {row[1] for row in rows} <= set("0123456789")
    evaluated = command_line("evaluate", "run", "--data", folder, "--no-analysis")
    assert evaluated.returncode == 0, evaluated.stderr.decode()
    metrics = json.loads((tmp_path / "run" / "test" / "metrics.json").read_text())
    assert metrics["summary"]["pictures"] == 200  # the part that was divided off
    assert b"warning" not in evaluated.stderr
    seen = command_line("evaluate", "run", "--data", folder, "--no-analysis", "--part", "all")
    assert b"warning: this model was trained on most of these pictures" in seen.stderr
    known = command_line("evaluate", "--data", folder, "--no-analysis")
    assert b"warning: this model was trained on MNIST" in known.stderr

    cheating = command_line("submission", PACKAGED, folder / "test.csv")
    assert cheating.returncode == 0, cheating.stderr.decode()
    assert b"warning: do not submit these answers. The model was trained on MNIST" in cheating.stderr
    right = [int(row[1]) for row in read_answers(tmp_path / "submission.csv")[1:]]
    assert (np.array(right) == mnist.test.labels[:100]).mean() > 0.98


def test_mistakes_of_the_command_exit_1_and_leave_nothing(
    command_line: CommandLine, tmp_path: Path, mnist: Splits
) -> None:
    write_csv(tmp_path / "train.csv", np.asarray(mnist.test.images[:9]), mnist.test.labels[:9])
    (tmp_path / "empty.csv").touch()
    for model, pictures, words in (
        (PACKAGED, "train.csv", b"train.csv: has a column of labels"),
        (PACKAGED, "empty.csv", b"empty.csv: the file is empty"),
        (PACKAGED, "nowhere.csv", b"nowhere.csv: No such file"),
        (PACKAGED, ".", b"Is a directory; give the path of a CSV file"),
        ("nowhere", "train.csv", b"no such model"),
    ):
        done = command_line("submission", model, pictures)
        assert done.returncode == 1
        assert done.stdout == b""
        assert words in done.stderr.splitlines()[-1]
    assert not (tmp_path / "submission.csv").exists()

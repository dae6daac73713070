"""Training from Python: one call, a finished run, and a process that is as it was before."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from number_prediction.datasets.load import load_dataset
from number_prediction.datasets.mnist import load_mnist
from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import DataError, TrainingError
from number_prediction.evaluation.digits import Evaluation, evaluate
from number_prediction.runs.run import Record, Run, describe_start
from number_prediction.training import (
    RECIPES,
    Interrupted,
    Measurement,
    TrainedRun,
    evaluate_run,
    get_recipe,
    resume,
    start_run,
    train,
)
from tests.conftest import CommandLine

QUICK = replace(get_recipe("mlp"), epochs=2, min_batches=0, batch_size=20)


@pytest.fixture
def few(mnist: Splits) -> Splits:
    counts = (600, 100, 50)
    return Splits(*(part.select(slice(0, count)) for part, count in zip(mnist, counts, strict=True)))


def test_a_run_is_trained_interrupted_resumed_and_measured(tmp_path: Path, few: Splits) -> None:
    torch.manual_seed(7)
    before = torch.get_num_threads(), torch.get_rng_state()
    records: list[Record] = []

    def interrupt(record: Record) -> None:
        records.append(record)
        if record.step == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(QUICK, output=tmp_path / "run", threads=1, splits=few, progress=interrupt)
    run = resume(tmp_path / "run", splits=few, progress=records.append)
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert records[-1].step == records[-1].steps == 60
    assert [record.step for record in run.records() if record.loss is not None] == [20, 40, 60]
    assert (run.folder / "validation" / "report.html").exists()
    assert (run.settings().command, run.settings().data, run.settings().threads) == ("Python", "mnist", 1)
    assert Predictor(run.folder).classes == tuple("0123456789")

    done = evaluate_run(run.folder, part="validation", analysis=False, threads=1)
    assert isinstance(done.evaluation, Evaluation)
    assert len(done.evaluation.labels) == 5000
    assert done.report == run.folder / "validation" / "report.html"
    assert done.warnings == ()


def test_what_cannot_be_trained_is_refused_before_a_folder_is_made(tmp_path: Path, few: Splits) -> None:
    with pytest.raises(TrainingError, match="no recipe named 'perceptron'; choose one of fast, mlp, cnn"):
        train("perceptron", output=tmp_path / "run", splits=few)
    with pytest.raises(TrainingError, match="this machine has no device 'tpu'; there is"):
        train("mlp", output=tmp_path / "run", splits=few, device="tpu")
    with pytest.raises(DataError, match="no such folder"):
        train("mlp", str(tmp_path / "nowhere"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(DataError, match="not a run"):
        resume(tmp_path / "run")
    assert issubclass(Interrupted, Exception)


@pytest.mark.slow
def test_pictures_in_memory_train_a_run_that_can_be_used_at_once(
    tmp_path: Path, few: Splits, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures, labels = torch.tensor(few.train.images).unsqueeze(1) / 255, torch.tensor(few.train.labels)
    run = train(QUICK, (pictures, labels), tmp_path / "run", threads=1, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "validation accuracy" in shown.err
    accuracy = run.validation_accuracy
    assert accuracy is not None
    assert repr(run) == f"TrainedRun(mlp, validation {100 * accuracy:.2f}%, {tmp_path / 'run'})"
    reader = run.predictor(threads=1)
    assert isinstance(reader, Predictor)
    assert reader.classes == tuple("0123456789")
    assert run.export(tmp_path / "digit.onnx") == tmp_path / "digit.onnx"
    assert Predictor(tmp_path / "digit.onnx").sha256 == reader.sha256
    measured = run.evaluate(analysis=False)
    assert isinstance(measured.evaluation, Evaluation)
    assert len(measured.evaluation.labels) == 100
    assert repr(measured).startswith("Measurement(Evaluation(")
    with pytest.raises(DataError, match="a run already exists here"):
        train(QUICK, (pictures, labels), tmp_path / "run", threads=1)
    np.testing.assert_array_equal(load_dataset(run.settings().data).train.classes, reader.classes)


def test_a_run_and_its_measurement_are_plotted(small_run: Run) -> None:
    axes = Figure().subplots(1, 3)
    run = TrainedRun(small_run.folder)
    assert run.plot(axes=(axes[0], axes[1])) == (axes[0], axes[1])
    assert axes[1].get_title().startswith("Validation accuracy")
    assert repr(TrainedRun(small_run.folder / "missing")) == f"TrainedRun({small_run.folder / 'missing'})"
    evaluation = evaluate(small_run, load_mnist().test.select(slice(0, 100)))
    measured = Measurement(evaluation, small_run.folder / "report.html")
    assert measured.plot(ax=axes[2]) is axes[2]
    assert axes[2].get_title() == "Confusion matrix"


def test_a_run_that_reads_numbers_is_measured_on_lines(tmp_path: Path) -> None:
    run = start_run(get_recipe("number"), tmp_path / "run", threads=1)
    with pytest.raises(DataError, match=r"not a folder of lines \(no labels\.csv\)"):
        evaluate_run(run, str(tmp_path))
    with pytest.raises(DataError, match="no part 'all'; choose --part test or --part validation"):
        evaluate_run(run, part="all")


def test_the_package_is_imported_without_torch() -> None:
    words = "import sys, number_prediction.training as training; assert 'train' in dir(training)"
    subprocess.run([sys.executable, "-c", f"{words}; sys.exit('torch' in sys.modules)"], check=True)


@pytest.mark.parametrize(
    ("program", "processes", "started"),
    [
        ("/usr/bin/number-prediction", 1, "number-prediction train cnn --data 'my data'"),
        ("C:/Scripts/number-prediction.exe", 1, "number-prediction train cnn --data 'my data'"),
        (
            "/lib/number_prediction/__main__.py",
            2,
            "torchrun --nproc_per_node 2 -m number_prediction train cnn --data 'my data'",
        ),
        ("/lib/pytest/__main__.py", 1, "Python"),
        ("study.py", 1, "Python"),
        ("", 1, "Python"),
    ],
)
def test_only_this_program_is_named_as_a_start(
    monkeypatch: pytest.MonkeyPatch, program: str, processes: int, started: str
) -> None:
    monkeypatch.setattr(sys, "argv", [program, "train", "cnn", "--data", "my data"])
    assert describe_start(processes) == started


def test_recipes_list_themselves(command_line: CommandLine) -> None:
    done = command_line("train", "--list")
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().splitlines()
    assert [line.split()[0] for line in lines] == list(RECIPES)
    for line, recipe in zip(lines, RECIPES.values(), strict=True):
        assert recipe.summary in line
    assert "1,924 parameters" in next(line for line in lines if line.startswith("micro"))

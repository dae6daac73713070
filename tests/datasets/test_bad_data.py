"""What explore, labels and evaluate say to data they cannot work on; and nothing is left behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from number_prediction.datasets import idx
from number_prediction.datasets.load import load_dataset
from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import DataError, ModelError
from number_prediction.evaluation.digits import evaluate
from tests.conftest import CommandLine, save_perceptron
from tests.datasets.test_load import write_idx, write_pictures
from tests.helpers.class_folders import write_class

COMMANDS = {"explore": ("explore",), "labels": ("labels",), "evaluate": ("evaluate", "--data")}


def empty_folder(folder: Path) -> None:
    folder.mkdir()


def header_only(folder: Path) -> None:
    folder.mkdir()
    (folder / "train.csv").write_text("label,pixel0\n")


def huge_idx(folder: Path) -> None:
    folder.mkdir()
    (folder / "train-images-idx3-ubyte").write_bytes(
        bytes([0, 0, 8, 3]) + np.array([6_000_000, 28, 28], ">u4").tobytes()
    )
    write_idx(folder / "train-labels-idx1-ubyte", np.zeros(9, np.uint8))


def broken_picture(folder: Path) -> None:
    for name in ("0", "1"):
        write_pictures(folder / name, 8, grey=9)
        for path in (folder / name).iterdir():
            path.write_bytes(path.read_bytes()[:40])


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (empty_folder, b"data: not a data set; give a folder with IDX files"),
        (header_only, b"train.csv: the file has a header but no pictures; download"),
        (
            huge_idx,
            b"asks for 4,704,000,016 bytes, more than 4,000,000,000; download or copy it again, or divide",
        ),
        (broken_picture, b"000.png: the file is damaged or cut off; save it again"),
    ],
)
def test_bad_data_is_named_with_a_mend_and_leaves_no_folder(
    command: str, make: Callable[[Path], None], message: bytes, command_line: CommandLine, tmp_path: Path
) -> None:
    make(tmp_path / "data")
    done = command_line(*COMMANDS[command], "data", "--output", "out")
    assert done.returncode == 1
    assert done.stdout == b""
    assert message in done.stderr.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("command", ["explore", "labels"])
def test_one_class_is_too_few_to_tell_apart(command: str, command_line: CommandLine, tmp_path: Path) -> None:
    write_pictures(tmp_path / "data" / "7", 8)
    done = command_line(command, "data", "--output", "out")
    assert done.returncode == 1
    assert b"error: data: only one class; give at least two" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_missing_extra_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pandas'] = None\n"
        "from number_prediction.cli import main\n"
        f"for command in {list(COMMANDS.values())!r}:\n"
        "    sys.argv = ['number-prediction', *command, 'mnist', '--output', 'out']\n"
        "    try:\n        main()\n"
        "    except SystemExit as ended:\n        print(ended.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["1"] * len(COMMANDS)
    for line in done.stderr.splitlines():
        assert line.startswith("error: the package pandas is not installed")
        assert "pip install 'number-prediction[train]'" in line
    assert list(tmp_path.iterdir()) == []


def test_modules_name_the_missing_extra_too() -> None:
    program = (
        "import importlib, sys\n"
        "from number_prediction import MissingExtraError\n"
        "needs = {'sklearn': 'exploration', 'scipy': 'exploration', 'pandas': 'label_errors'}\n"
        "for package, module in needs.items():\n"
        "    sys.modules[package] = None\n"
        "    try:\n        importlib.import_module(f'number_prediction.datasets.{module}')\n"
        "    except MissingExtraError as error:\n        print(error)\n"
        "    del sys.modules[package]\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    found = done.stdout.splitlines()
    assert [package in line for package, line in zip(("sk", "scipy", "pandas"), found, strict=True)] == [
        True
    ] * 3
    assert all("pip install 'number-prediction[train]'" in line for line in found)


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_leaves_no_part_of_a_report(
    command_line: CommandLine, tmp_path: Path, mnist: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    for label in (1, 2):
        write_class(tmp_path / "data" / str(label), mnist.train, label, 12, inverted=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    _, most = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for command in (("explore", "data"), ("evaluate", "--data", "data", "--no-analysis")):
        resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, most))
        try:
            done = command_line(*command, "--output", "out/report")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert done.returncode == 1
        assert b"File too large; check the path, its permissions and the free disk space" in done.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_model_that_answers_with_nan_is_refused(tmp_path: Path, mnist: Splits) -> None:
    weights = [np.full((10, 784), np.nan, np.float32)]
    path = save_perceptron(tmp_path / "broken.onnx", weights, tuple("0123456789"))
    with pytest.raises(
        ModelError, match=r"broken\.onnx: the model answers NaN or infinity; train and export it again"
    ):
        evaluate(Predictor(path), mnist.test.select(slice(0, 20)), name="MNIST")


def test_idx_files_larger_than_memory_could_take_are_refused_before_it_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.zeros((20, 4, 4), np.uint8)
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", images)
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.arange(20, dtype=np.uint8) % 2)
    monkeypatch.setattr(idx, "MAX_DATA_BYTES", images.nbytes + 16)
    assert len(load_dataset(tmp_path).train) == 16
    monkeypatch.setattr(idx, "MAX_DATA_BYTES", images.nbytes + 15)
    with pytest.raises(
        DataError, match=r"idx3-ubyte.gz: its header \(20, 4, 4\) asks for 336 bytes, more than"
    ):
        load_dataset(tmp_path)


def test_a_set_too_large_to_explore_is_explored_by_a_sample(
    command_line: CommandLine, tmp_path: Path
) -> None:
    generator = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    write_idx(
        tmp_path / "data" / "train-images-idx3-ubyte", generator.integers(0, 256, (150_001, 6, 6), np.uint8)
    )
    write_idx(
        tmp_path / "data" / "train-labels-idx1-ubyte", generator.integers(0, 2, 150_001).astype(np.uint8)
    )
    refused = command_line("explore", "data", "--output", "out")
    assert refused.returncode == 1
    assert b"150,001 pictures, but at most 150,000 can be compared" in refused.stderr
    assert b"--sample 150000" in refused.stderr
    assert not (tmp_path / "out").exists()
    done = command_line("explore", "data", "--sample", "300", "--output", "out")
    assert done.returncode == 0, done.stderr.decode()
    assert "data: a sample of at most 300 pictures" in (tmp_path / "out" / "explore.html").read_text()
    rows = (tmp_path / "out" / "tables" / "class_counts.csv").read_text().splitlines()[1:]
    assert sum(int(cell) for row in rows for cell in row.split(",")[1:]) == 300


def test_a_test_part_without_some_class_is_judged_all_the_same(
    command_line: CommandLine, tmp_path: Path, mnist: Splits
) -> None:
    data = tmp_path / "data"
    write_class(data / "train" / "0", mnist.train, 0, 40, inverted=False)
    write_class(data / "train" / "1", mnist.train, 1, 40, inverted=False)
    write_class(data / "test" / "1", mnist.test, 1, 10, inverted=False)
    done = command_line(
        "labels", "data", "--folds", "2", "--recipe", "mlp", "--threads", "1", "--output", "out"
    )
    assert done.returncode == 0, done.stderr.decode()
    rows = (tmp_path / "out" / "labels_test.csv").read_text().splitlines()
    assert len(rows) == 11

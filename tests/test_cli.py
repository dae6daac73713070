"""The command line in real processes: formats, errors, exit statuses, the way from train to predict."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from number_prediction import Predictor, Splits, __version__
from number_prediction.runs import Run
from tests.conftest import CommandLine

ROOT = Path(__file__).parent.parent


@pytest.fixture
def pictures(tmp_path: Path, mnist: Splits) -> Path:
    """A folder with a 7, a 2 in a folder below, a blank page, a broken file and a text."""
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    Image.fromarray(255 - mnist.test.images[0]).save(folder / "seven.png")
    Image.fromarray(255 - mnist.test.images[1]).save(folder / "below" / "two.jpg", quality=95)
    Image.new("L", (50, 50), 255).save(folder / "blank.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_version(command_line: CommandLine) -> None:
    assert command_line("--version").stdout.decode() == f"number-prediction {__version__}\n"


def test_the_document_is_what_help_says() -> None:
    subprocess.run([sys.executable, ROOT / "docs" / "make_cli.py", "--check"], check=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["predict"],
        ["report"],
        ["predict", "x.png", "--format", "xml"],
        ["predict", "x.png", "--top", "-1"],
        ["train", "--epochs", "many"],
        ["train", "--resume", "run", "--seed", "3"],
        ["train", "cnn", "--resume", "run"],
    ],
)
def test_wrong_usage_exits_2(command_line: CommandLine, arguments: list[str]) -> None:
    done = command_line(*arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    assert b"Error" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "perceptron"], b"mlp, cnn, resnet"),
        (["train", "--resume", "nowhere"], b"not a run"),
        (["train", "--data", "nowhere"], b"no such folder"),
        (["train", "--device", "tpu"], b"there is"),
        (["evaluate", "nowhere.onnx"], b"no such model"),
        (["evaluate", "--data", "nowhere"], b"no such folder"),
        (["report", "nowhere"], b"no such folder"),
        (["export", "nowhere"], b"not a run"),
        (["predict", "x.png", "--model", "nowhere.onnx"], b"no such model"),
        (["compare", "perceptron"], b"mlp, cnn, resnet"),
    ],
)
def test_what_cannot_be_done_exits_1_and_says_why(
    command_line: CommandLine, arguments: list[str], words: bytes
) -> None:
    done = command_line(*arguments)
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.splitlines()[-1].startswith(b"error: ")
    assert words in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_folder_with_a_broken_picture(command_line: CommandLine, pictures: Path) -> None:
    done = command_line("predict", pictures, "--format", "json")
    assert done.returncode == 1
    rows = {Path(row["path"]).name: row for row in json.loads(done.stdout)}
    assert set(rows) == {"seven.png", "two.jpg", "blank.png", "broken.png"}
    assert rows["seven.png"]["label"] == 7
    assert rows["two.jpg"]["label"] == 2
    assert rows["blank.png"]["label"] is None
    assert rows["blank.png"]["is_digit"] == 0
    assert "broken.png" in rows["broken.png"]["error"]


def test_json_lines_and_csv_say_the_same(command_line: CommandLine, pictures: Path) -> None:
    arguments = ("predict", pictures / "seven.png", pictures / "blank.png", "--top", "2", "--format")
    whole = json.loads(command_line(*arguments, "json").stdout)
    lines = command_line(*arguments, "jsonl").stdout.splitlines()
    table = list(csv.DictReader(io.StringIO(command_line(*arguments, "csv").stdout.decode())))
    assert [json.loads(line) for line in lines] == whole
    assert [row["label"] for row in table] == ["7", ""]
    assert table[0]["top_1"] == whole[0]["top"][0]["text"] == "7"
    assert float(table[0]["top_2_probability"]) == whole[0]["top"][1]["probability"]


def test_the_table_names_digit_confidence_and_errors(command_line: CommandLine, pictures: Path) -> None:
    done = command_line("predict", pictures, "--top", "1")
    text = done.stdout.decode()
    assert done.returncode == 1
    assert str(pictures / "below" / "two.jpg") in text  # nothing is cut on a pipe
    assert "not a digit" in text
    assert "error: " in text
    assert "99." in text


def test_stdin_and_globs(command_line: CommandLine, pictures: Path) -> None:
    content = (pictures / "seven.png").read_bytes()
    from_stdin = command_line("predict", "-", "--format", "csv", stdin=content)
    assert from_stdin.returncode == 0
    assert from_stdin.stdout.splitlines()[1].startswith(b"-,7,7,")
    from_glob = command_line("predict", str(pictures / "**" / "*.jpg"), "--format", "jsonl")
    assert [json.loads(line)["label"] for line in from_glob.stdout.splitlines()] == [2]


def test_odd_file_names_are_shown_as_they_are(command_line: CommandLine, pictures: Path) -> None:
    content = (pictures / "seven.png").read_bytes()
    for name in ("photo[copy].png", "a:smile:.png", "x[_b].png"):
        (pictures / name).write_bytes(content)
    done = command_line("predict", *sorted(pictures.glob("*[[:]*")))
    assert done.returncode == 0, done.stderr.decode()
    for name in ("photo[copy].png", "a:smile:.png", "x[_b].png"):
        assert name in done.stdout.decode()


def test_rows_of_csv_are_of_one_length(command_line: CommandLine, pictures: Path) -> None:
    text = command_line("predict", pictures, "--format", "csv", "--top", "12").stdout.decode()
    assert len({len(row) for row in csv.reader(io.StringIO(text))}) == 1


def test_hidden_files_and_folders_of_a_glob(command_line: CommandLine, pictures: Path) -> None:
    (pictures / "._seven.png").write_bytes(b"what macOS leaves")
    done = command_line("predict", str(pictures / "*"), "--format", "jsonl")
    paths = {Path(json.loads(line)["path"]).name for line in done.stdout.splitlines()}
    assert paths == {"blank.png", "broken.png", "notes.txt", "seven.png", "two.jpg"}


def test_a_typing_error_in_the_data_leaves_no_run(command_line: CommandLine, tmp_path: Path) -> None:
    assert command_line("train", "--data", "nowhere", "--output", "run").returncode == 1
    assert not (tmp_path / "run").exists()


def test_ctrl_c_says_how_to_go_on_and_resuming_ends_the_training(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "number_prediction", "train"]
    arguments = ["mlp", "--epochs", "2", "--output", "run"]
    with subprocess.Popen([*command, *arguments], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("batch 100/"):
                process.send_signal(signal.SIGINT)
                break
        message = process.stderr.read()
    assert process.returncode == 130
    assert "train --resume run" in message
    done = subprocess.run([*command, "--resume", "run"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "run" / "model.onnx").exists()


def test_compare_refuses_runs_of_other_settings(
    command_line: CommandLine, tmp_path: Path, small_run: Run
) -> None:
    folder = tmp_path / "comparison" / "cnn-0"
    folder.mkdir(parents=True)
    (folder / "run.json").write_bytes((small_run.folder / "run.json").read_bytes())
    done = command_line("compare", "cnn", "--seeds", "1", "--output", "comparison")
    assert done.returncode == 1
    assert b"choose another --output" in done.stderr


@pytest.mark.parametrize("name", ["missing.png", "*.tiff", "empty", "x" * 300])
def test_a_name_that_stands_for_nothing_gets_an_error_row(
    command_line: CommandLine, tmp_path: Path, name: str
) -> None:
    (tmp_path / "empty").mkdir()
    done = command_line("predict", name, "--format", "jsonl")
    assert done.returncode == 1
    assert "error" in json.loads(done.stdout)


def test_from_training_to_prediction(command_line: CommandLine, pictures: Path, tmp_path: Path) -> None:
    trained = command_line("train", "mlp", "--epochs", "0.3", "--output", "run", "--tensorboard")
    assert trained.returncode == 0, trained.stderr.decode()
    assert trained.stdout.decode() == "run\n"
    assert b"validation accuracy" in trained.stderr
    run = tmp_path / "run"
    assert list((run / "tensorboard").iterdir())
    assert (run / "validation" / "report.html").exists()

    evaluated = command_line("evaluate", "run", "--part", "test", "--no-analysis")
    assert evaluated.returncode == 0, evaluated.stderr.decode()
    assert evaluated.stdout.decode().splitlines()[-1] == str(Path("run/test/report.html"))
    metrics = json.loads((run / "test" / "metrics.json").read_text())
    assert metrics["summary"]["pictures"] == 10_000
    assert f"{100 * metrics['summary']['accuracy']:.2f}%" in evaluated.stdout.decode()

    exported = command_line("export", "run", "--output", "mine.onnx")
    assert exported.returncode == 0, exported.stderr.decode()
    assert f"{100 * metrics['summary']['accuracy']:.2f}%" in (tmp_path / "mine.md").read_text()
    predicted = command_line("predict", pictures / "seven.png", "--model", "mine.onnx", "--format", "jsonl")
    assert json.loads(predicted.stdout)["label"] == 7


def test_a_folder_of_pictures_is_trained_on_and_evaluated(
    command_line: CommandLine, tmp_path: Path, mnist: Splits
) -> None:
    for label, name in ((3, "three"), (8, "eight")):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for index in np.flatnonzero(mnist.train.labels == label)[:60]:
            page = np.kron(255 - mnist.train.images[index], np.ones((2, 2), np.uint8))
            Image.fromarray(np.pad(page, index % 5, constant_values=255)).save(folder / f"{index}.png")
    trained = command_line("train", "cnn", "--data", "data", "--output", "run")
    assert trained.returncode == 0, trained.stderr.decode()
    assert Predictor(tmp_path / "run").classes == ("eight", "three")
    evaluated = command_line("evaluate", "run", "--data", "data", "--no-analysis")
    assert evaluated.returncode == 0, evaluated.stderr.decode()
    metrics = json.loads((tmp_path / "run" / "test" / "metrics.json").read_text())
    assert metrics["summary"]["pictures"] == 20
    assert metrics["summary"]["accuracy"] > 0.8
    elsewhere = command_line("evaluate", "run", "--data", "mnist", "--no-analysis")
    assert elsewhere.returncode == 1
    assert b"unknown to the model" in elsewhere.stderr


def test_compare_writes_a_table_and_keeps_what_is_finished(
    command_line: CommandLine, tmp_path: Path, small_run: Run
) -> None:
    from number_prediction.training.comparison import plan, write_comparison
    from number_prediction.training.recipes import get_recipe

    entries = plan([get_recipe("mlp")], 2, tmp_path / "runs" / "comparison")
    assert [entry.run.folder.name for entry in entries] == ["mlp-0", "mlp-1"]
    assert not any(entry.is_finished for entry in entries)
    for entry in entries:  # finished runs of known accuracy
        entry.run.folder.mkdir(parents=True)
        for path in small_run.folder.glob("model.*"):
            (entry.run.folder / path.name).write_bytes(path.read_bytes())
        (entry.run.folder / "test").mkdir()
        accuracy = 0.9 + 0.02 * entry.seed
        (entry.run.folder / "test" / "metrics.json").write_text(
            json.dumps({"summary": {"accuracy": accuracy}})
        )
        settings = {
            **json.loads((small_run.folder / "run.json").read_text()),
            "recipe": get_recipe("mlp").to_dict(),
        }
        (entry.run.folder / "run.json").write_text(json.dumps(settings))
    table = write_comparison(entries, tmp_path / "runs" / "comparison")
    assert table.loc[0, "accuracy_mean"] == pytest.approx(0.91)
    assert table.loc[0, "accuracy_sd"] == pytest.approx(0.02 / 2**0.5)
    done = command_line("compare", "mlp", "--seeds", "2")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr.count(b"finished already") == 2
    assert (tmp_path / "runs" / "comparison" / "comparison.png").stat().st_size > 5000
    assert b"mlp" in done.stdout

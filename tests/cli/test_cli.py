"""The command line: formats, errors, exit statuses, the way from train to predict."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image

from number_prediction import __version__
from number_prediction.cli.output import write_results
from number_prediction.cli.reading_options import BatchArguments
from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.images.decode import Page
from number_prediction.pipeline.batch import BatchReader
from number_prediction.pipeline.layouts import digit_layout
from number_prediction.runs.run import Run
from tests.conftest import CommandLine

ROOT = Path(__file__).parents[2]


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


def test_it_is_a_program(command_process: CommandLine, pictures: Path) -> None:
    """The other tests call what it calls."""
    done = command_process("--version")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == f"number-prediction {__version__}\n"
    content = (pictures / "seven.png").read_bytes()
    done = command_process("predict", "-", "nowhere.png", "--format", "csv", stdin=content)
    assert done.returncode == 1
    assert [line[:6] for line in done.stdout.splitlines()[1:]] == [b"-,7,7,", b"nowher"]
    done = command_process("predict", "x.png", "--model", "nowhere.onnx")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"error: nowhere.onnx: no such model")


def test_predict_answers_where_it_must(command_line: CommandLine, tmp_path: Path) -> None:
    Image.new("L", (40, 40), 255).save(tmp_path / "blank.png")
    texts = {}
    for options in ((), ("--must-answer",)):
        done = command_line("predict", str(tmp_path / "blank.png"), "--format", "json", *options)
        texts[options] = json.loads(done.stdout)[0]["text"]
    assert texts[()] is None
    assert texts[("--must-answer",)] in set("0123456789")


def test_the_document_is_what_help_says() -> None:
    subprocess.run([sys.executable, ROOT / "scripts" / "make_cli.py", "--check"], check=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["predict"],
        ["report"],
        ["predict", "x.png", "--format", "xml"],
        ["predict", "x.png", "--top", "-1"],
        ["predict", "x.png", "--dpi", "0"],
        ["predict", "x.png", "--resume"],
        ["predict", "x.png", "--resume", "--output", "rows.json"],
        ["predict", "x.png", "--resume", "--output", "rows.csv", "--format", "table"],
        ["predict", "x.png", "--output", "rows"],
        ["predict", "x.png", "--format", "parquet"],
        ["predict", "x.png", "--workers", "2"],
        ["predict", "x.png", "--address", "auto"],
        ["predict", "x.parquet", "--column", "scan"],
        ["predict", "x.png", "--cluster", "--threads", "2"],
        ["predict", "x.png", "--cluster", "--explain", "out"],
        ["predict", "x.png", "--cluster", "--resume", "--output", "rows.csv"],
        ["read", "x.png", "--cluster", "--annotate", "out"],
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
        (["train", "--set", "depth=3"], b"no field 'depth'"),
        (["train", "--set", "momentum"], b"write FIELD=VALUE"),
        (["sweep", "--search", "momentum=0.9"], b"write FIELD=LOW:HIGH"),
        (["sweep", "--search", "depth=1:3"], b"no field 'depth'"),
        (["evaluate", "nowhere.onnx"], b"no such model"),
        (["evaluate", "--data", "nowhere"], b"no such folder"),
        (["report", "nowhere"], b"no such folder"),
        (["export", "nowhere"], b"not a run"),
        (["predict", "x.png", "--model", "nowhere.onnx"], b"no such model"),
        (["predict", "x.png", "--output", "nowhere/rows.json"], b"no such folder"),
        (["predict", "x.png", "--output", "nowhere/rows.csv"], b"no such folder"),
        (["predict", "-", "--output", "rows.csv", "--resume"], b"stdin cannot be read a second time"),
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


def test_each_page_of_a_document_has_its_row(command_line: CommandLine, pictures: Path) -> None:
    pages = [Image.open(pictures / name).convert("L") for name in ("seven.png", "blank.png", "below/two.jpg")]
    for name in ("scan.tif", "scan.pdf"):
        pages[0].save(pictures / name, save_all=True, append_images=pages[1:])
        content = (pictures / name).read_bytes()
        for arguments, stdin in (((pictures / name,), b""), (("-",), content)):
            done = command_line("predict", *arguments, "--format", "jsonl", stdin=stdin)
            assert done.returncode == 0, done.stderr.decode()
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            assert [(row["path"], row["page"], row["label"]) for row in rows] == [
                (str(arguments[0]), 1, 7),
                (str(arguments[0]), 2, None),
                (str(arguments[0]), 3, 2),
            ]
    table = command_line("predict", pictures / "scan.tif", pictures / "broken.png").stdout.decode()
    assert "page" in table.splitlines()[1]
    assert "│ 3    │ 2 " in table


@pytest.mark.parametrize("name", ["rows.txt", "rows.json", "rows.jsonl", "rows.csv"])
def test_a_file_of_results_holds_what_stdout_would(
    command_line: CommandLine, pictures: Path, tmp_path: Path, name: str
) -> None:
    done = command_line("predict", pictures, "--output", name)
    assert done.returncode == 1
    assert done.stdout.decode() == f"{name}\n"
    assert b"skipped, not pictures: 1 files" in done.stderr
    output_format = {"rows.txt": "table"}.get(name, name.removeprefix("rows."))
    content = (tmp_path / name).read_bytes()
    assert content == command_line("predict", pictures, "--format", output_format).stdout
    again = command_line("predict", pictures, "--output", name)
    assert again.returncode == 1
    assert b"already exists" in again.stderr
    assert (tmp_path / name).read_bytes() == content


def test_an_interrupted_batch_is_resumed(command_line: CommandLine, pictures: Path, tmp_path: Path) -> None:
    arguments = ("predict", pictures, "--top", "1", "--output", "rows.csv", "--resume")
    assert command_line(*arguments).returncode == 1
    whole = (tmp_path / "rows.csv").read_bytes()
    (tmp_path / "rows.csv").write_bytes(whole[: len(whole) * 2 // 3])
    done = command_line(*arguments)
    assert done.returncode == 1
    assert b"kept: 2 rows of an earlier run" in done.stderr
    assert [row[:3] for row in csv.reader(io.StringIO((tmp_path / "rows.csv").read_text()))] == [
        row[:3] for row in csv.reader(io.StringIO(whole.decode()))
    ]
    (pictures / "broken.png").write_bytes((pictures / "seven.png").read_bytes())
    mended = command_line(*arguments)
    assert mended.returncode == 0, mended.stderr.decode()
    assert b"changed since an earlier run, read again: 1 files" in mended.stderr
    other = command_line(*arguments[:2], "--top", "2", *arguments[4:])
    assert other.returncode == 1
    assert b"another top" in other.stderr


def test_ctrl_c_keeps_the_rows_and_says_how_to_resume(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(pages: Iterable[Page]) -> Iterator[dict[str, Any]]:
        for number, _ in enumerate(pages):
            if number == 2:
                raise KeyboardInterrupt
            yield {"text": str(number), "confidence": 1.0}

    path = tmp_path / "rows.jsonl"
    with pytest.raises(typer.Exit) as stopped:
        write_results(BatchReader(read, digit_layout(0), {}), BatchArguments([str(pictures)], output=path))
    assert stopped.value.exit_code == 130
    assert "--resume" in capsys.readouterr().err
    assert [json.loads(line).get("text") for line in path.read_text().splitlines()] == ["0", "1"]


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


@pytest.mark.slow
def test_from_an_interrupted_training_to_prediction(
    command_line: CommandLine, tmp_path: Path, mnist: Splits
) -> None:
    for label, name in ((3, "three"), (8, "åtta")):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for index in np.flatnonzero(mnist.train.labels == label)[:90]:
            page = np.kron(255 - mnist.train.images[index], np.ones((2, 2), np.uint8))
            Image.fromarray(np.pad(page, index % 5, constant_values=255)).save(folder / f"{index}.png")
    options = ("--epochs", "16", "--batch-size", "16", "--learning-rate", "0.1", "--threads", "1")
    command = [sys.executable, "-m", "number_prediction", "train", "cnn", "--data", "data", *options]
    command += ["--output", "run"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch 2.0"):
                process.send_signal(signal.SIGINT)
                break
        message = process.stderr.read()
    assert process.returncode == 130
    assert "train --resume run" in message
    run = tmp_path / "run"
    assert not (run / "model.onnx").exists()

    trained = command_line("train", "--resume", "run", "--tensorboard")
    assert trained.returncode == 0, trained.stderr.decode()
    assert trained.stdout.decode() == "run\n"
    assert b"validation accuracy" in trained.stderr
    assert list((run / "tensorboard").iterdir())
    assert (run / "validation" / "report.html").exists()
    assert Predictor(run).classes == ("three", "åtta")

    evaluated = command_line("evaluate", "run", "--data", "data", "--no-analysis")
    assert evaluated.returncode == 0, evaluated.stderr.decode()
    metrics = json.loads((run / "test" / "metrics.json").read_text())
    assert metrics["summary"]["pictures"] == 30
    assert metrics["summary"]["accuracy"] > 0.85
    elsewhere = command_line("evaluate", "run", "--data", "mnist", "--no-analysis")
    assert elsewhere.returncode == 1
    assert b"unknown to the model" in elsewhere.stderr
    predicted = command_line("predict", "data/åtta", "--model", "run", "--format", "jsonl")
    texts = [json.loads(line)["text"] for line in predicted.stdout.splitlines()]
    assert texts.count("åtta") > 70


def test_compare_refuses_runs_of_other_settings(
    command_line: CommandLine, tmp_path: Path, small_run: Run
) -> None:
    folder = tmp_path / "comparison" / "cnn-0"
    folder.mkdir(parents=True)
    (folder / "run.json").write_bytes((small_run.folder / "run.json").read_bytes())
    done = command_line("compare", "cnn", "--seeds", "1", "--output", "comparison")
    assert done.returncode == 1
    assert b"choose another --output" in done.stderr


def test_what_reads_numbers_is_not_compared_with_what_reads_digits(command_line: CommandLine) -> None:
    done = command_line("compare", "cnn", "number", "--seeds", "1")
    assert done.returncode == 1
    assert b"recipe number reads numbers, but compare measures single digits; leave it out" in done.stderr


@pytest.mark.parametrize("name", ["missing.png", "*.tiff", "empty", "x" * 300])
def test_a_name_that_stands_for_nothing_gets_an_error_row(
    command_line: CommandLine, tmp_path: Path, name: str
) -> None:
    (tmp_path / "empty").mkdir()
    done = command_line("predict", name, "--format", "jsonl")
    assert done.returncode == 1
    assert "error" in json.loads(done.stdout)


def test_compare_writes_a_table_and_keeps_what_is_finished(
    command_line: CommandLine, tmp_path: Path, small_run: Run
) -> None:
    from number_prediction.training.experiments.comparison import plan, write_comparison
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
    assert done.stderr.count(b"already finished") == 2
    assert (tmp_path / "runs" / "comparison" / "comparison.png").stat().st_size > 5000
    assert b"mlp" in done.stdout

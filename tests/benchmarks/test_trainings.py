"""What the benchmarks of training keep, go on with, and say in the end; nothing is trained."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from number_prediction.training.recipes import get_recipe

LABELS = np.arange(100) % 10
FAST = get_recipe("fast")


@pytest.fixture(scope="module")
def trainings() -> ModuleType:
    folder = str(Path(__file__).parents[2] / "benchmarks")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("trainings")
    finally:
        sys.path.remove(folder)


def finish(book: Any, seed: int, accuracy: float, *, seconds: float = 2.0) -> None:
    """As if a seed of `fast` had been trained and had read that share of LABELS."""
    answers = np.eye(10, dtype=np.float32)[LABELS]
    wrong = round(100 * (1 - accuracy))
    answers[:wrong] = np.roll(answers[:wrong], 1, axis=1)
    book.keep_answers("fast", seed, answers)
    book.add("fast", seed, seconds, accuracy, 94_826, recipe=FAST)


def test_a_book_goes_on_with_what_is_missing(trainings: ModuleType, tmp_path: Path) -> None:
    book = trainings.Book(tmp_path, threads=2, seeds=4)
    finish(book, 0, 0.99)
    finish(book, 2, 0.98)
    assert trainings.Book(tmp_path, threads=2, seeds=4).missing(FAST) == [1, 3]
    assert [each.seed for each in trainings.Book(tmp_path, threads=2, seeds=2).of("fast")] == [0]
    (tmp_path / "fast-0.npy").unlink()
    assert trainings.Book(tmp_path, threads=2, seeds=4).missing(FAST) == [0, 1, 3]


def test_half_a_line_is_no_training(trainings: ModuleType, tmp_path: Path) -> None:
    finish(trainings.Book(tmp_path, threads=2, seeds=3), 0, 0.99)
    finish(trainings.Book(tmp_path, threads=2, seeds=3), 1, 0.99)
    kept = tmp_path / "trainings.jsonl"
    kept.write_text(kept.read_text()[:-20])
    book = trainings.Book(tmp_path, threads=2, seeds=3)
    assert book.missing(FAST) == [1, 2]
    finish(book, 1, 0.97)
    assert trainings.Book(tmp_path, threads=2, seeds=3).missing(FAST) == [2]


@pytest.mark.parametrize(
    ("threads", "epochs", "mend"), [(1, 0.8, "another number of threads"), (2, 0.7, "another recipe")]
)
def test_what_was_measured_otherwise_is_refused(
    trainings: ModuleType, tmp_path: Path, threads: int, epochs: float, mend: str
) -> None:
    finish(trainings.Book(tmp_path, threads=2, seeds=1), 0, 0.99)
    other = get_recipe("fast").__class__.from_dict({**FAST.to_dict(), "epochs": epochs})
    with pytest.raises(SystemExit, match=mend):
        trainings.Book(tmp_path, threads=threads, seeds=1).missing(other)


def test_rows_say_means_and_times_beside_the_example(trainings: ModuleType, tmp_path: Path) -> None:
    book = trainings.Book(tmp_path, threads=2, seeds=2)
    finish(book, 0, 0.99, seconds=1)
    finish(book, 1, 1.0, seconds=3)
    for epoch, accuracy in ((1, 0.98), (2, 0.991), (3, 0.996)):
        book.add(trainings.EXAMPLE, 0, 100.0 * epoch, accuracy, 1_199_882, epoch=epoch)
    fast, example = trainings.summarise(book, ["fast", trainings.EXAMPLE], LABELS)
    assert (fast.seconds, fast.seeds, fast.accuracy) == (2, 2, pytest.approx(0.995))
    assert (str(fast.ratio), str(fast.ratio_to_target)) == ("150", "100")
    assert (example.seconds, example.ratio_to_target) == (300, None)
    assert fast.misses() == []
    assert "| fast | 94,826 | 2.00 | 99.500% |" in trainings.to_table([fast, example])


@pytest.mark.parametrize(
    ("accuracy", "seconds", "example", "said"),
    [
        (0.99, 2.0, 300.0, None),
        (0.98, 2.0, 300.0, "fast misses its target: 98.000% is less than 99%"),
        (0.99, 3.5, 600.0, "fast misses its target: 3.5 s is more than 3 s"),
        (0.99, 2.5, 300.0, "fast misses its target: 120 times is less than 150 times the example"),
    ],
)
def test_a_missed_target_ends_with_1(
    trainings: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    accuracy: float,
    seconds: float,
    example: float,
    said: str | None,
) -> None:
    book = trainings.Book(tmp_path, threads=2, seeds=1)
    finish(book, 0, accuracy, seconds=seconds)
    book.add(trainings.EXAMPLE, 0, example, 0.995, 1_199_882, epoch=1)
    rows = trainings.summarise(book, ["fast"], LABELS)
    options = argparse.Namespace(log=False, threads=2)
    if said is None:
        trainings.conclude("a test", book, rows, [], options)
        assert "misses" not in capsys.readouterr().out
    else:
        with pytest.raises(SystemExit, match="1"):
            trainings.conclude("a test", book, rows, [], options)
        assert said in capsys.readouterr().out


@pytest.mark.parametrize("options", [["--recipes", "fast,"], ["--seeds", "0"], ["--threads", "-1"]])
def test_senseless_options_are_refused(trainings: ModuleType, options: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        trainings.make_parser(None).parse_args(["--output", "x", *options])
    assert refused.value.code == 2


def test_recipes_are_measured_once(trainings: ModuleType) -> None:
    options = trainings.make_parser(None).parse_args(["--output", "x", "--recipes", "fast,cnn,fast"])
    assert [each.name for each in options.chosen] == ["fast", "cnn"]

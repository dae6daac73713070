"""Runs side by side: from runs to page, its words and tables, what is refused, any number of classes."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
from PIL import Image

from number_prediction.datasets.split import Split, Splits
from number_prediction.errors import DataError
from number_prediction.evaluation import runs as evaluation_runs
from number_prediction.evaluation.digits import Evaluation
from number_prediction.evaluation.runs import MeasuredRun
from number_prediction.evaluation.significance import PairComparison
from number_prediction.models.manifest import read_manifest, write_manifest
from number_prediction.reports import runs as runs_report
from number_prediction.reports.plots.runs import class_recall, learning_curves, pair_differences
from number_prediction.runs.run import Record, Run
from number_prediction.training.experiments.setup import start_run
from number_prediction.training.frames import load_frames
from number_prediction.training.recipes import get_recipe
from tests.conftest import CommandLine, save_perceptron
from tests.helpers.class_folders import write_class
from tests.reports.test_evaluation import Page


def make_run(
    folder: Path,
    recipe: str,
    pictures: Split,
    base: Run,
    *,
    seed: int,
    epochs: float,
    data: str = "mnist",
) -> Run:
    """A finished run, whose model compares a picture with the mean of each class; the rest is of `base`."""
    changed = replace(get_recipe(recipe), epochs=epochs, min_batches=0)
    run = start_run(changed, folder, data=data, seed=seed)
    for record in base.records():
        run.append(record)
    frames = np.asarray(pictures.images).reshape(len(pictures), -1) / np.float32(255)
    means = np.stack([frames[pictures.labels == label].mean(0) for label in range(len(pictures.classes))])
    means -= means.mean(0)
    weights = means / np.linalg.norm(means, axis=1, keepdims=True)
    content = save_perceptron(run.model_path, [weights], pictures.classes).read_bytes()
    manifest = {
        **read_manifest(base.model_path),
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "classes": list(pictures.classes),
        "parameters": weights.size,
    }
    write_manifest(run.model_path, manifest)
    return run


@pytest.fixture(scope="module")
def worse_run(tmp_path_factory: pytest.TempPathFactory, mnist: Splits, small_run: Run) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "worse"
    return make_run(folder, "mlp", mnist.train.select(slice(0, 300)), small_run, seed=1, epochs=0.02)


@pytest.fixture(scope="module")
def two_class_runs(
    tmp_path_factory: pytest.TempPathFactory, mnist: Splits, small_run: Run
) -> tuple[Run, Run]:
    """Two runs on pictures of threes and eights."""
    folder = tmp_path_factory.mktemp("two")
    for label, name in ((3, "three"), (8, "eight")):
        write_class(folder / "data" / name, mnist.train, label, 250, inverted=False)
    data = str(folder / "data")
    pictures = load_frames(data).train
    fewer = pictures.select(slice(0, len(pictures), 10))
    first = make_run(folder / "first" / "run", "mlp", pictures, small_run, seed=0, epochs=20, data=data)
    second = make_run(folder / "second" / "run", "mlp", fewer, small_run, seed=1, epochs=5, data=data)
    return first, second


@pytest.fixture(scope="module")
def copied_run(tmp_path_factory: pytest.TempPathFactory, small_run: Run) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "$copy$ of <small>"
    shutil.copytree(small_run.folder, folder)
    return Run(folder)


def test_three_runs_side_by_side(
    command_line: CommandLine, tmp_path: Path, small_run: Run, worse_run: Run, copied_run: Run
) -> None:
    folders = (small_run.folder, worse_run.folder, copied_run.folder)
    done = command_line("report", *folders, "--output", "out")
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().splitlines()
    assert lines[-1] == str(Path("out/runs.html"))
    assert "small is the most accurate" in lines[-2]
    assert "significantly better than worse" in lines[-2]
    assert "not significantly better than $copy$ of <small>" in lines[-2]

    runs = pandas.read_csv(tmp_path / "out" / "tables" / "runs.csv").set_index("run")
    assert list(runs.index) == ["small", "worse", "$copy$ of <small>"]
    assert runs.loc["worse", ["recipe", "seed"]].tolist() == ["mlp", 1]
    assert (runs["accuracy_low"] < runs["accuracy"]).all()
    assert (runs["accuracy"] < runs["accuracy_bootstrap_high"]).all()
    assert f"{100 * runs.loc['worse', 'accuracy']:.2f}%" in lines[2]
    assert runs.loc["small", "file_kilobytes"] == small_run.model_path.stat().st_size / 1000

    pairs = pandas.read_csv(tmp_path / "out" / "tables" / "pairs.csv")
    errors = runs["errors"]
    assert (pairs["only_first"] - pairs["only_second"]).tolist() == [
        errors["worse"] - errors["small"], 0, errors["small"] - errors["worse"]
    ]  # fmt: skip
    assert pairs["is_significant"].tolist() == [True, False, True]
    assert pairs.loc[1, ["p_value", "difference_low", "difference_high"]].tolist() == [1, 0, 0]

    disagreements = pandas.read_csv(tmp_path / "out" / "tables" / "disagreements.csv")
    assert not disagreements["index"].duplicated().any()
    assert (disagreements["small answer"] != disagreements["worse answer"]).all()
    one_right = disagreements["small right"] != disagreements["worse right"]
    assert one_right.sum() == pairs.loc[0, ["only_first", "only_second"]].sum()
    sides = disagreements[["small confidence", "worse confidence"]].min(axis=1)
    assert sides.is_monotonic_decreasing

    classes = pandas.read_csv(tmp_path / "out" / "tables" / "classes.csv")
    assert classes["pictures"].sum() == 10_000
    assert classes["worse right"].sum() == 10_000 - errors["worse"]
    figures = {path.stem for path in (tmp_path / "out" / "figures").iterdir()}
    assert figures == {"class_recall", "learning_curves", "pair_differences"}

    content = (tmp_path / "out" / "runs.html").read_text(encoding="utf-8")
    page = Page(content)
    text = " ".join(page.text.split())
    assert len(page.sources) == 3 + runs_report.GALLERY_SIZE
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert all(page.alternatives)
    assert f"200 of {len(disagreements):,} pictures" in text
    assert "MNIST, test part: 10,000 pictures" in text
    assert "small and $copy$ of <small> are right and wrong on the same pictures." in text
    assert f"reads {pairs.loc[0, 'only_first']} pictures right" in text
    assert content.count('aria-label="right"') + content.count('aria-label="wrong"') == 600
    assert '<th scope="row">epochs<td>0.2<td>0.02<td>0.2' in content


def test_one_run_is_reported_alone(command_line: CommandLine, tmp_path: Path, small_run: Run) -> None:
    done = command_line("report", small_run.folder, "--part", "validation")
    assert done.returncode == 0, done.stderr.decode()
    page = tmp_path / done.stdout.decode().splitlines()[-1]
    assert page.parent.name.startswith("report-")
    text = Page(page.read_text(encoding="utf-8")).text
    metrics = json.loads((small_run.folder / "validation" / "metrics.json").read_text())
    assert f"{100 * metrics['summary']['accuracy']:.2f}%" in text
    assert "Significant differences" not in text
    assert {path.stem for path in (page.parent / "tables").iterdir()} == {"runs", "classes"}


def test_any_number_of_classes(
    command_line: CommandLine, tmp_path: Path, two_class_runs: tuple[Run, Run], small_run: Run
) -> None:
    folders = [run.folder for run in two_class_runs]
    done = command_line("report", *folders, "--output", "out")
    assert done.returncode == 0, done.stderr.decode()
    classes = pandas.read_csv(tmp_path / "out" / "tables" / "classes.csv")
    assert classes["class"].tolist() == ["eight", "three"]
    assert classes["pictures"].sum() == 83  # the sixth that is divided off for the test
    assert list(classes)[2:] == ["first/run right", "second/run right"]  # both are called run
    whole = command_line("report", *folders, "--part", "all", "--output", "all")
    assert whole.returncode == 0, whole.stderr.decode()
    assert pandas.read_csv(tmp_path / "all" / "tables" / "classes.csv")["pictures"].sum() == 500
    mixed = command_line("report", small_run.folder, folders[0])
    assert mixed.returncode == 1
    assert b"knows eight, three); give runs with the same classes" in mixed.stderr


def test_data_of_some_of_the_classes(
    command_line: CommandLine, tmp_path: Path, small_run: Run, worse_run: Run, mnist: Splits
) -> None:
    for label in (3, 8):
        folder = tmp_path / "data" / str(label)
        folder.mkdir(parents=True)
        for index in np.flatnonzero(mnist.test.labels == label)[:20]:
            Image.fromarray(mnist.test.images[index]).save(folder / f"{index}.png")
    done = command_line("report", small_run.folder, worse_run.folder, "--data", "data", "--output", "out")
    assert done.returncode == 0, done.stderr.decode()
    classes = pandas.read_csv(tmp_path / "out" / "tables" / "classes.csv")
    assert classes[["class", "pictures"]].to_numpy().tolist() == [[3, 20], [8, 20]]
    other_classes = command_line("report", small_run.folder, "--data", "data/3", "--output", "no")
    assert other_classes.returncode == 1
    assert not (tmp_path / "no").exists()


def test_what_is_no_finished_run_is_refused(tmp_path: Path, small_run: Run) -> None:
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    shutil.copy(small_run.settings_path, unfinished)
    link = tmp_path / "link"
    link.symlink_to(small_run.folder)
    for folders, words in (
        ([tmp_path], "not a run"),
        ([tmp_path / "nowhere"], "no such folder"),
        ([small_run.model_path], "no such folder"),
        ([unfinished], f"train --resume {unfinished}"),
        ([small_run.folder, link], f"{link}: given twice"),
    ):
        with pytest.raises(DataError, match=words):
            evaluation_runs.open_runs(folders)


def test_runs_of_different_data_need_one_that_is_named(
    command_line: CommandLine, tmp_path: Path, small_run: Run, copied_run: Run
) -> None:
    folder = tmp_path / "elsewhere"
    shutil.copytree(copied_run.folder, folder)
    settings = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**settings, "data": "/data/digits"}))
    done = command_line("report", small_run.folder, folder)
    assert done.returncode == 1
    assert b"elsewhere on /data/digits" in done.stderr
    assert b"choose one with --data" in done.stderr
    named = command_line("report", small_run.folder, folder, "--data", "mnist", "--part", "validation")
    assert named.returncode == 0, named.stderr.decode()
    assert named.stdout.decode().splitlines()[-2].startswith("small and elsewhere are right and wrong on")


NAMES = ("a", "b")


@pytest.mark.parametrize(
    ("counts", "p_value", "sentence"),
    [
        (
            (38, 11),
            0.00014,
            "a is better than b: only a reads 38 pictures right, only b 11. If both were equally good, "
            "chance would cause a difference this large in 0.014% of cases.",
        ),
        (
            (0, 21),
            1e-6,
            "b is better than a: only b reads 21 pictures right, only a 0. If both were equally good, chance "
            "would cause a difference this large in less than 0.01% of cases.",
        ),
        (
            (0, 1),
            1.0,
            "b is not significantly better than a: only b reads 1 picture right, only a 0. If both were "
            "equally good, chance would cause a difference this large in 100% of cases.",
        ),
        ((0, 0), 1.0, "a and b are right and wrong on the same pictures."),
    ],
)
def test_the_verdict_in_words(counts: tuple[int, int], p_value: float, sentence: str) -> None:
    pair = PairComparison(0, 1, 1000, *counts, (0.0, 0.0), p_value, p_value)
    assert evaluation_runs.verdict(pair, NAMES) == sentence


def test_the_verdict_names_the_correction() -> None:
    pair = PairComparison(0, 1, 1000, 30, 11, (0.0, 0.0), 0.004, 0.07)
    found = evaluation_runs.verdict(pair, NAMES, pairs=3)
    assert found.startswith("a is not significantly better than b")
    assert found.endswith("in 7% of cases, corrected for 3 pairs.")


def test_the_most_confident_disagreement_comes_first(small_run: Run) -> None:
    """Five pictures: alike, sure against unsure, sure against sure, and two wrong answers that differ."""
    answered = {"a": [[0.9, 0.1, 0], [0.9, 0.1, 0], [0.9, 0.1, 0], [0, 0.6, 0.4]]}
    answered["b"] = [[0.8, 0.1, 0.1], [0.3, 0.4, 0.3], [0, 0.95, 0.05], [0, 0.3, 0.7]]
    measured = [
        MeasuredRun(
            name,
            small_run.settings(),
            [],
            {},
            Evaluation(
                data="four pictures",
                model_sha256="",
                classes=("x", "y", "z"),
                labels=np.array([0, 0, 1, 0]),
                probabilities=np.array(probabilities, np.float32),
                is_digit=np.ones(4, np.float32),
                frames=np.zeros((4, 28, 28), np.uint8),
                seconds=1.0,
            ),
        )
        for name, probabilities in answered.items()
    ]
    assert evaluation_runs.rank_disagreements(measured).tolist() == [2, 3, 1]
    table = evaluation_runs.tabulate_disagreements(measured)
    assert table["label"].tolist() == ["y", "x", "x"]
    assert table["a answer"].tolist() == ["x", "y", "x"]
    assert table["b answer"].tolist() == ["y", "z", "y"]
    assert table["b right"].tolist() == [True, False, False]


def test_figures_of_many_runs_and_of_odd_names() -> None:
    names = [f"_$run$ {index} with quite a long name" for index in range(12)]
    logs = {
        name: [
            Record(step=step, steps=3, epoch=step / 3, seconds=step * 2.0, loss=1 / step)
            for step in range(1, 4)
        ]
        + [Record(step=3, steps=3, epoch=1, seconds=6.0, validation_loss=0.0, validation_accuracy=1.0)]
        for name in names
    }
    curves = learning_curves({**logs, "a run without a log": []})
    curves.draw_without_rendering()
    legend = curves.axes[2].get_legend()
    assert legend is not None
    assert len(legend.get_texts()) == 13
    assert len({line.get_color() for line in curves.axes[0].lines}) == 13
    recall = class_recall({name: np.array([9, 0]) for name in names}, np.array([10, 3]), ["one", "$x$"])
    recall.draw_without_rendering()
    assert len(recall.axes[0].get_xticks()) == 2
    pair = PairComparison(0, 11, 100, 5, 0, (0.01, 0.09), 0.0625, 0.0625)
    pair_differences([pair], names).draw_without_rendering()

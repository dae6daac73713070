"""Sweeps: ranges, trials that go on after a kill, what Optuna keeps of them, and their page."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest

from number_prediction.datasets.split import Splits
from number_prediction.errors import DataError, TrainingError
from number_prediction.reports.sweep import tabulate_trials, write_sweep_report
from number_prediction.runs.run import Run
from number_prediction.runs.sweep import Dimension, Sweep, Trial, parse_dimension, parse_value
from number_prediction.training.experiments.search_space import (
    change,
    default_dimensions,
    get_value,
    require_dimensions,
)
from number_prediction.training.experiments.sweep import DATABASE, Sweeper
from number_prediction.training.recipes import RECIPES, get_recipe
from tests.conftest import CommandLine
from tests.helpers.class_folders import write_class

RECIPE = replace(get_recipe("mlp"), epochs=2, min_batches=0, batch_size=40)
SPACE = (
    Dimension("learning_rate", 1e-7, 0.3, is_log=True),
    Dimension("augmentation.rotation", 0, 20),
    Dimension("batch_size", 30, 60),
)


@pytest.fixture(scope="module")
def few(mnist: Splits) -> Splits:
    """No test part: what looks at it fails."""
    return Splits(mnist.train.select(slice(0, 400)), mnist.validation.select(slice(0, 100)), None)  # type: ignore[arg-type]


@contextmanager
def open_sweep(folder: Path, *, seed: int = 0, space: tuple[Dimension, ...] = SPACE) -> Iterator[Sweeper]:
    sweeper = Sweeper(RECIPE, space, folder, data="mnist", seed=seed, threads=1)
    with closing(sweeper):
        yield sweeper


def go_on(sweeper: Sweeper, splits: Splits, trials: int) -> None:
    while len(sweeper.trials()) < trials:
        for _ in sweeper.train(sweeper.begin(), splits):
            pass


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, few: Splits) -> tuple[Path, Sweep]:
    """A sweep of 20 trials and its folder."""
    folder = tmp_path_factory.mktemp("sweep") / "mlp"
    with open_sweep(folder) as sweeper:
        go_on(sweeper, few, 20)
        return folder, sweeper.summarize(few)


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("momentum=0.8:0.95", Dimension("momentum", 0.8, 0.95)),
        ("learning_rate=1e-3:1:log", Dimension("learning_rate", 0.001, 1, is_log=True)),
        ("augmentation.rotation=0:20", Dimension("augmentation.rotation", 0, 20)),
    ],
)
def test_a_range_is_what_was_typed(text: str, dimension: Dimension) -> None:
    assert parse_dimension(text) == dimension
    assert parse_dimension(str(dimension)) == dimension


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("momentum", "write FIELD=LOW:HIGH"),
        ("momentum=0.9", "write FIELD=LOW:HIGH"),
        ("momentum=0.1:0.2:0.3", "write FIELD=LOW:HIGH"),
        ("momentum=0.1:0.2:linear", "write FIELD=LOW:HIGH"),
        ("momentum=low:high", "write FIELD=LOW:HIGH"),
        ("momentum=0.9:0.9", "above the first"),
        ("momentum=nan:1", "above the first"),
        ("weight_decay=0:1:log", "must begin above 0; raise"),
    ],
)
def test_what_is_no_range_is_said(text: str, words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        parse_dimension(text)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_varied_about_its_own_values(name: str) -> None:
    recipe = get_recipe(name)
    dimensions = default_dimensions(recipe)
    require_dimensions(recipe, dimensions)
    own = {name for name in ("learning_rate", "weight_decay") if get_value(recipe, name)}
    assert own <= {dimension.field for dimension in dimensions}
    usual = {dimension.field: get_value(recipe, dimension.field) for dimension in dimensions}
    assert change(recipe, usual) == recipe
    for dimension in dimensions:
        assert dimension.low <= usual[dimension.field] <= dimension.high
        for end in (dimension.low, dimension.high):
            assert get_value(change(recipe, {dimension.field: end}), dimension.field) == end


def test_parts_of_a_recipe_are_changed_by_name() -> None:
    recipe = get_recipe("handwriting")
    values = dict(map(parse_value, ("augmentation.blur=0.5", "companions.blots=7", "batch_size=64")))
    changed = change(recipe, values)
    assert recipe.augmentation is not None
    assert recipe.companions is not None
    assert changed == replace(
        recipe,
        augmentation=replace(recipe.augmentation, blur=0.5),
        companions=replace(recipe.companions, blots=7),
        batch_size=64,
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"depth": 3}, "no field 'depth' with a number; choose one of epochs, .*augmentation.rotation"),
        ({"name": 3}, "no field 'name'"),
        ({"lines.signs": 3}, "no field 'lines.signs'"),
        ({"batch_size": 32.5}, "must be a whole number"),
        ({"batch_size": 1}, "at least 2"),
        ({"momentum": -0.1}, "at least 0 and at most 0.999, not -0.1"),
        ({"warmup": 1.0}, "at most 0.9"),
        ({"learning_rate": float("inf")}, "at least 0"),
        ({"learning_rate": float("nan")}, "at least 0"),
    ],
)
def test_what_a_recipe_cannot_have_is_said(values: Mapping[str, float], words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        change(get_recipe("cnn"), values)


def test_ranges_that_a_recipe_cannot_have_are_said(tmp_path: Path) -> None:
    def refuse(words: str, *space: Dimension) -> None:
        with pytest.raises(TrainingError, match=words), open_sweep(tmp_path / "sweep", space=space):
            pass

    refuse(r"at most 0.9, not 0 to 2", Dimension("warmup", 0, 2))
    refuse("given twice", Dimension("warmup", 0, 0.5), Dimension("warmup", 0, 0.4))
    assert not (tmp_path / "sweep").exists()


def test_trials_lie_in_their_ranges_and_the_first_is_the_recipe(swept: tuple[Path, Sweep]) -> None:
    folder, sweep = swept
    assert [trial.number for trial in sweep.trials] == list(range(20))
    assert (
        sweep.trials[0].values
        == sweep.usual
        == {
            "learning_rate": 0.1,
            "augmentation.rotation": 6,
            "batch_size": 40,
        }
    )
    assert sweep.own == sweep.trials[0]
    for trial in sweep.trials:
        for dimension in sweep.dimensions:
            assert dimension.low <= trial.values[dimension.field] <= dimension.high
        recipe = Run(folder / f"trial-{trial.number:03}").settings().recipe
        assert recipe["learning_rate"] == trial.values["learning_rate"]
        assert recipe["augmentation"]["rotation"] == trial.values["augmentation.rotation"]
        assert recipe["batch_size"] == trial.values["batch_size"]
    assert len({json.dumps(dict(trial.values)) for trial in sweep.trials}) == 20


def test_accuracies_are_those_of_the_runs_and_the_best_leads(swept: tuple[Path, Sweep]) -> None:
    folder, sweep = swept
    for trial in sweep.trials:
        records = Run(folder / f"trial-{trial.number:03}").records()
        accuracies = [each.validation_accuracy for each in records if each.validation_accuracy is not None]
        assert accuracies[-1] == trial.accuracy
        assert (records[-1].step == records[-1].steps) == (trial.outcome == "finished")
    assert sweep.best is not None
    assert sweep.best.accuracy == max(trial.accuracy or 0 for trial in sweep.finished)
    assert sweep.best.values["learning_rate"] > 0.003


def test_what_falls_behind_is_stopped_early(swept: tuple[Path, Sweep]) -> None:
    _, sweep = swept
    early = [trial for trial in sweep.trials if trial.outcome == "stopped early"]
    assert early
    finished = np.median([trial.accuracy or 0 for trial in sweep.finished])
    assert all((trial.accuracy or 0) < finished for trial in early)


def test_the_learning_rate_matters_most(swept: tuple[Path, Sweep]) -> None:
    _, sweep = swept
    assert next(iter(sweep.importances)) == "learning_rate"
    assert sum(sweep.importances.values()) == pytest.approx(1)


def test_a_sweep_that_was_interrupted_tries_the_same(
    tmp_path: Path, few: Splits, swept: tuple[Path, Sweep]
) -> None:
    folder = tmp_path / "interrupted"
    with open_sweep(folder) as sweeper:
        go_on(sweeper, few, 2)
        records = sweeper.train(sweeper.begin(), few)
        while next(records).validation_accuracy is None:
            pass
        next(records)  # the checkpoint is written after the validation
        records.close()
    with open_sweep(folder) as sweeper:
        assert len(sweeper.trials()) == 2
        assert sweeper.begin().number == 2
        go_on(sweeper, few, 3)
        assert sweeper.trials() == swept[1].trials[:3]


def test_a_sweep_of_other_settings_is_kept_apart(tmp_path: Path) -> None:
    with open_sweep(tmp_path):
        pass
    with pytest.raises(DataError, match=r"other settings \(seed\).*--output"), open_sweep(tmp_path, seed=1):
        pass
    with (
        pytest.raises(DataError, match=r"other settings \(dimensions\)"),
        open_sweep(tmp_path, space=SPACE[:1]),
    ):
        pass


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"no database " * 1000)
    with pytest.raises(DataError, match="not the database of a sweep"), open_sweep(tmp_path):
        pass


def test_a_training_that_diverges_fails_alone(tmp_path: Path, few: Splits) -> None:
    with open_sweep(tmp_path, space=(Dimension("learning_rate", 1e12, 1e13),)) as sweeper:
        go_on(sweeper, few, 1)
        sweep = sweeper.summarize(few)
    (trial,) = sweep.trials
    assert (trial.outcome, trial.accuracy) == ("failed", None)
    assert (sweep.best, sweep.own, sweep.importances) == (None, None, {})
    page = write_sweep_report(sweep, tmp_path).read_text(encoding="utf-8")
    assert "No trial was trained to its end" in page
    assert "1 failed" in page


def test_the_page_holds_all_of_it(swept: tuple[Path, Sweep], tmp_path: Path) -> None:
    _, sweep = swept
    page = write_sweep_report(sweep, tmp_path).read_text(encoding="utf-8")
    assert "Sweep of mlp on MNIST" in page
    assert page.count("data:image/png;base64,") == 3
    assert "http" not in page.replace("http-equiv", "")
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "history.png",
        "importances.png",
        "slices.png",
    ]
    table = pandas.read_csv(tmp_path / "trials.csv")
    pandas.testing.assert_frame_equal(table, tabulate_trials(sweep), check_dtype=False)
    assert table["accuracy"].is_monotonic_decreasing
    assert sweep.best is not None
    assert table["trial"][0] == sweep.best.number or table["accuracy"][0] > (sweep.best.accuracy or 0)


def test_names_are_text_and_no_markup(tmp_path: Path) -> None:
    sweep = Sweep(
        recipe="<b>mine</b>",
        data="$1 & more",
        pictures=10,
        seed=0,
        epochs=1.5,
        dimensions=(Dimension("momentum", 0, 0.9),),
        usual={"momentum": 0.95},
        trials=(Trial(0, {"momentum": 0.5}, "finished", 1.0), Trial(1, {"momentum": 0.6}, "failed", None)),
        importances={},
    )
    assert sweep.own is None
    page = write_sweep_report(sweep, tmp_path).read_text(encoding="utf-8")
    assert "&lt;b&gt;mine&lt;/b&gt; on $1 &amp; more" in page
    assert "<td>failed<td>none" in page


def test_the_command_goes_on_and_its_best_is_finished(
    command_line: CommandLine, tmp_path: Path, mnist: Splits
) -> None:
    for label in (3, 8):
        write_class(tmp_path / "data" / str(label), mnist.train, label, 60)
    arguments = ("sweep", "mlp", "--data", "data", "--epochs", "2", "--threads", "1", "--output", "out")
    arguments += ("--search", "learning_rate=0.01:0.2:log", "--search", "augmentation.shear=0:0.2")
    done = command_line(*arguments, "--trials", "1")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == str(Path("out") / "sweep.html")
    assert b"trial 0 of 1: learning_rate 0.1, augmentation.shear 0.06" in done.stderr
    done = command_line(*arguments, "--trials", "2")
    assert done.returncode == 0, done.stderr.decode()
    assert b"trial 0" not in done.stderr.replace(b"best: trial 0", b"")
    assert b"trial 1 of 2" in done.stderr
    assert b"unchanged recipe" in done.stderr
    assert b"number-prediction train mlp --data data --epochs 2 --set=learning_rate=" in done.stderr
    assert (tmp_path / "out" / "sweep.html").exists()
    refused = command_line(*arguments, "--trials", "2", "--seed", "1")
    assert refused.returncode == 1
    assert b"choose another --output" in refused.stderr


def test_a_missing_extra_is_named(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "number_prediction.training.experiments.sweep")
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = command_line("sweep", "mlp")
    assert done.returncode == 1
    assert b"the package optuna is not installed" in done.stderr
    assert b"pip install 'number-prediction[sweep]'" in done.stderr

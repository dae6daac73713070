"""Several recipes with several seeds, each trained and evaluated in its own run -> a table and a figure."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas

from number_prediction.datasets.load import EMBEDDED, display_name, rejected_labels
from number_prediction.datasets.mnist import load_mnist
from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import TrainingError
from number_prediction.evaluation.digits import METRICS_FILE, evaluate
from number_prediction.files import write_atomically
from number_prediction.html import figure_to_png
from number_prediction.models.manifest import read_manifest
from number_prediction.reports.evaluation import report_on_run
from number_prediction.reports.plots.evaluation import accuracy_comparison
from number_prediction.runs.run import Record, Run
from number_prediction.training.experiments.setup import open_run, require_same_settings
from number_prediction.training.experiments.train import finish_run
from number_prediction.training.loop.fit import fit
from number_prediction.training.recipes import Recipe

LATENCY_CALLS = 1000
"""Timed predictions of one picture each."""
WARM_UP_CALLS = 50
"""Predictions before the timed ones."""
TABLE_FILE, FIGURE_FILE = "comparison.csv", "comparison.png"


@dataclass(frozen=True)
class Entry:
    """One run of a comparison."""

    recipe: Recipe
    seed: int
    run: Run

    @property
    def is_finished(self) -> bool:
        return (self.run.evaluation_folder("test") / METRICS_FILE).exists()


def plan(recipes: Sequence[Recipe], seeds: int, folder: Path, *, data: str = EMBEDDED) -> list[Entry]:
    """The runs of a comparison: each recipe with the seeds 0, 1, ... (`seeds` of them).

    Raises:
        DataError: the folder holds a run of the same name with another recipe or data set.
        TrainingError: a recipe reads numbers, which cannot be compared with single digits.
    """
    for recipe in recipes:
        if recipe.lines is not None:
            raise TrainingError(
                f"recipe {recipe.name} reads numbers, but compare measures single digits; leave it out"
            )
    entries = [
        Entry(recipe, seed, Run(folder / f"{recipe.name}-{seed}"))
        for recipe in recipes
        for seed in range(seeds)
    ]
    for entry in entries:
        require_same_settings(entry.run, entry.recipe, data)
    return entries


def train_entry(
    entry: Entry, splits: Splits, *, data: str = EMBEDDED, threads: int | None
) -> Iterator[Record]:
    """Train one run on `splits`, the frames of `data`, export it and evaluate it on the test part.

    Yields the records of the training.
    """
    open_run(entry.recipe, entry.run.folder, data=data, seed=entry.seed, threads=threads)
    yield from fit(entry.run, splits)
    finish_run(entry.run, splits)
    evaluation = evaluate(
        Predictor(entry.run.folder, threads=threads),
        splits.test,
        name=f"{display_name(data)}, test part",
        rejected=rejected_labels(data, "test"),
    )
    report_on_run(entry.run, evaluation, "test")


def write_comparison(entries: Sequence[Entry], folder: Path) -> pandas.DataFrame:
    """Write comparison.csv and comparison.png of finished runs.

    Returns:
        One row per recipe: mean and deviation of the test accuracy, size, training time and latency.
    """
    by_recipe: dict[str, list[Run]] = {}
    for entry in entries:
        by_recipe.setdefault(entry.recipe.name, []).append(entry.run)
    by_name = {name: [_test_accuracy(run) for run in runs] for name, runs in by_recipe.items()}
    rows = []
    for name, runs in by_recipe.items():
        accuracies = by_name[name]
        manifests = [read_manifest(run.model_path) for run in runs]
        rows.append(
            {
                "recipe": name,
                "accuracy_mean": np.mean(accuracies),
                "accuracy_sd": np.std(accuracies, ddof=1) if len(runs) > 1 else float("nan"),
                "seeds": len(runs),
                "parameters": manifests[0]["parameters"],
                "training_seconds": np.median([manifest["training"]["seconds"] for manifest in manifests]),
                "latency_ms": measure_latency(Predictor(runs[0].folder, threads=1)),
                "file_kilobytes": manifests[0]["bytes"] / 1000,
            }
        )
    table = pandas.DataFrame(rows)
    write_atomically(folder / TABLE_FILE, table.to_csv(index=False))
    write_atomically(folder / FIGURE_FILE, figure_to_png(accuracy_comparison(by_name)))
    return table


def measure_latency(predictor: Predictor) -> float:
    """Median milliseconds for one 28x28 picture over LATENCY_CALLS calls, after warming up."""
    pictures = load_mnist().test.images[:LATENCY_CALLS]
    assert isinstance(pictures, np.ndarray)
    times = []
    for index in range(-WARM_UP_CALLS, len(pictures)):
        begun = time.perf_counter()
        predictor.predict_digits([pictures[max(index, 0)]])
        times.append(time.perf_counter() - begun)
    return float(np.median(times[WARM_UP_CALLS:])) * 1000


def _test_accuracy(run: Run) -> float:
    metrics = json.loads((run.evaluation_folder("test") / METRICS_FILE).read_text(encoding="utf-8"))
    return float(metrics["summary"]["accuracy"])

"""Several runs on the same pictures: their figures, and which differences are significant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from numpy.typing import NDArray

from number_prediction.datasets.split import Split
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import DataError
from number_prediction.evaluation.digits import Evaluation, evaluate
from number_prediction.evaluation.significance import PairComparison, bootstrap_accuracy, compare_pairs
from number_prediction.models.manifest import read_manifest
from number_prediction.runs.run import Record, Run, Settings


@dataclass(frozen=True, eq=False)
class MeasuredRun:
    """A run and its answers."""

    name: str
    settings: Settings
    records: Sequence[Record]
    manifest: Mapping[str, Any]
    evaluation: Evaluation


def open_runs(folders: Sequence[Path]) -> dict[str, Run]:
    """Name -> run, in the order given. A name is the last part of the folder's path, or more if names repeat.

    Raises:
        DataError: a folder is given twice, holds no finished run, or the runs' classes differ.
        ModelError: a model has no manifest.
    """
    runs = [Run(folder) for folder in folders]
    classes: dict[frozenset[str], Path] = {}
    for run in runs:
        if not run.folder.is_dir():
            raise DataError(f"{run.folder}: no such folder; give the folder of a run")
        run.settings()
        if not run.model_path.exists():
            raise DataError(
                f"{run.folder}: not finished (it has no model.onnx); "
                f"resume it with: {run.how_to_resume(run.settings().processes)}"
            )
        classes.setdefault(frozenset(read_manifest(run.model_path)["classes"]), run.folder)
    paths = [folder.resolve() for folder in folders]
    for index, path in enumerate(paths):
        if path in paths[:index]:
            raise DataError(f"{folders[index]}: given twice; give each run once")
    if len(classes) > 1:
        known = [f"{folder} knows {', '.join(sorted(names))}" for names, folder in classes.items()]
        raise DataError(
            f"the runs know different classes ({'; '.join(known)}); give runs with the same classes"
        )
    return dict(zip(_short_names(paths), runs, strict=True))


def shared_data(runs: Mapping[str, Run]) -> str:
    """The data set that all runs were trained on; raises DataError if they differ."""
    sources = {run.settings().data: name for name, run in runs.items()}
    if len(sources) > 1:
        trained = ", ".join(f"{name} on {source}" for source, name in sources.items())
        raise DataError(f"the runs were trained on different data ({trained}); choose one with --data")
    return next(iter(sources))


def measure(name: str, run: Run, split: Split, *, data: str, threads: int | None = None) -> MeasuredRun:
    """Let a run answer all pictures of a split; `data` describes the split in words."""
    evaluation = evaluate(Predictor(run.folder, threads=threads), split, name=data)
    return MeasuredRun(name, run.settings(), run.records(), read_manifest(run.model_path), evaluation)


def compare(measured: Sequence[MeasuredRun]) -> tuple[PairComparison, ...]:
    """Compare each pair of runs, all measured on the same split."""
    return compare_pairs(np.stack([run.evaluation.correct for run in measured]))


def verdict(pair: PairComparison, names: Sequence[str], *, pairs: int = 1) -> str:
    """What the comparison of a pair means, in words.

    Args:
        pair: the comparison.
        names: (R,) names of the runs.
        pairs: number of pairs that its p-value is corrected for.
    """
    counts = {names[pair.first]: pair.only_first, names[pair.second]: pair.only_second}
    better, worse = sorted(counts, key=lambda name: -counts[name])  # stable: if equal, the first
    if counts[better] == 0:
        return f"{better} and {worse} are right and wrong on the same pictures."
    verdict = "is better than" if pair.is_significant else "is not significantly better than"
    pictures = "picture" if counts[better] == 1 else "pictures"
    correction = f", corrected for {pairs} pairs" if pairs > 1 else ""
    return (
        f"{better} {verdict} {worse}: only {better} reads {counts[better]} {pictures} right, only {worse} "
        f"{counts[worse]}. If both were equally good, chance would cause a difference this large in "
        f"{_percent(pair.corrected_p_value)} of cases{correction}."
    )


def conclude(measured: Sequence[MeasuredRun], pairs: Sequence[PairComparison]) -> str:
    """The most accurate run against the others, in one sentence; "" for a single run."""
    names = [run.name for run in measured]
    if len(pairs) <= 1:
        return "".join(verdict(pair, names) for pair in pairs)
    best = max(range(len(measured)), key=lambda index: measured[index].evaluation.accuracy)
    against = {pair.first + pair.second - best: pair for pair in pairs if best in (pair.first, pair.second)}
    beaten = [names[other] for other, pair in sorted(against.items()) if pair.is_significant]
    equal = [names[other] for other, pair in sorted(against.items()) if not pair.is_significant]
    parts = []
    if beaten:
        parts.append(f"it is significantly better than {_listed(beaten)}")
    if equal:
        parts.append(f"it is not significantly better than {_listed(equal)}")
    accuracy = measured[best].evaluation.accuracy
    return f"{names[best]} is the most accurate ({100 * accuracy:.2f}%): {'; '.join(parts)}."


def tabulate_runs(measured: Sequence[MeasuredRun]) -> pandas.DataFrame:
    """One row per run; accuracies in [0, 1], with the 95% intervals of Wilson and of the bootstrap."""
    rows = []
    for run in measured:
        evaluation, manifest = run.evaluation, run.manifest
        low, high = evaluation.accuracy_interval
        bootstrap_low, bootstrap_high = bootstrap_accuracy(evaluation.correct)
        rows.append(
            {
                "run": run.name,
                "recipe": run.settings.recipe["name"],
                "seed": run.settings.seed,
                "accuracy": evaluation.accuracy,
                "accuracy_low": low,
                "accuracy_high": high,
                "accuracy_bootstrap_low": bootstrap_low,
                "accuracy_bootstrap_high": bootstrap_high,
                "errors": len(evaluation.errors),
                "log_loss": evaluation.log_loss,
                "expected_calibration_error": evaluation.reliability.expected_calibration_error,
                "parameters": manifest["parameters"],
                "training_seconds": manifest["training"]["seconds"],
                "file_kilobytes": manifest["bytes"] / 1000,
            }
        )
    return pandas.DataFrame(rows)


def summarize(measured: Sequence[MeasuredRun]) -> pandas.DataFrame:
    """The table of runs in few columns of text, for a terminal."""
    table = tabulate_runs(measured)
    intervals = zip(table["accuracy_low"], table["accuracy_high"], strict=True)
    return pandas.DataFrame(
        {
            "run": table["run"],
            "accuracy": [f"{100 * share:.2f}%" for share in table["accuracy"]],
            "95% interval": [f"{100 * low:.2f} to {100 * high:.2f}%" for low, high in intervals],
            "errors": table["errors"],
            "log loss": table["log_loss"].map("{:.4f}".format),
            "ECE": table["expected_calibration_error"].map("{:.4f}".format),
            "training": [f"{seconds:.1f} s" for seconds in table["training_seconds"]],
        }
    )


def tabulate_classes(measured: Sequence[MeasuredRun]) -> pandas.DataFrame:
    """One row per class with pictures: `class`, `pictures` and, for each run, `NAME right`."""
    first = measured[0].evaluation
    support = np.bincount(first.labels, minlength=len(first.classes))
    present = np.flatnonzero(support)
    columns: dict[str, Any] = {"class": np.array(first.classes)[present], "pictures": support[present]}
    for run in measured:
        right = np.bincount(first.labels[run.evaluation.correct], minlength=len(first.classes))
        columns[f"{run.name} right"] = right[present]
    return pandas.DataFrame(columns)


def tabulate_pairs(pairs: Sequence[PairComparison], names: Sequence[str]) -> pandas.DataFrame:
    """One row per pair: difference with its bootstrap interval, counts, p-values and the verdict."""
    columns = (
        "first", "second", "difference", "difference_low", "difference_high", "only_first", "only_second",
        "p_value", "corrected_p_value", "is_significant", "verdict",
    )  # fmt: skip
    rows = [
        (
            names[pair.first],
            names[pair.second],
            pair.difference,
            *pair.interval,
            pair.only_first,
            pair.only_second,
            pair.p_value,
            pair.corrected_p_value,
            pair.is_significant,
            verdict(pair, names, pairs=len(pairs)),
        )
        for pair in pairs
    ]
    return pandas.DataFrame(rows, columns=list(columns))


def rank_disagreements(measured: Sequence[MeasuredRun]) -> NDArray[np.intp]:
    """(K,) indices of the pictures with different answers, the most confident disagreement first.

    One side of a disagreement is the most confident answer, the other side is the most confident of all other
    answers. The disagreement is as confident as the less confident side.
    """
    answers = np.array([answers_of(run.evaluation) for run in measured])
    confidence = np.stack([confidences_of(run.evaluation) for run in measured])
    differing = np.flatnonzero((answers != answers[0]).any(0))
    surest = answers[confidence.argmax(0), np.arange(answers.shape[1])]
    others = np.where(answers != surest, confidence, -1.0).max(0)
    return differing[np.argsort(-others[differing], kind="stable")]


def tabulate_disagreements(measured: Sequence[MeasuredRun]) -> pandas.DataFrame:
    """One row per picture with different answers: index, label, and each run's answer.

    The columns of a run are `NAME answer`, `NAME confidence` and `NAME right`.
    """
    indices = rank_disagreements(measured)
    first = measured[0].evaluation
    columns: dict[str, Any] = {"index": indices, "label": np.array(first.classes)[first.labels[indices]]}
    for run in measured:
        columns[f"{run.name} answer"] = answers_of(run.evaluation)[indices]
        columns[f"{run.name} confidence"] = confidences_of(run.evaluation)[indices]
        columns[f"{run.name} right"] = run.evaluation.correct[indices]
    return pandas.DataFrame(columns)


def answers_of(evaluation: Evaluation) -> NDArray[np.str_]:
    """(N,) answers by name; "none" is an abstention."""
    return np.array([evaluation.answer(index) for index in range(len(evaluation.labels))])


def confidences_of(evaluation: Evaluation) -> NDArray[np.floating]:
    """(N,) probability of the answer, 0 for an abstention."""
    return np.where(evaluation.abstained, 0.0, evaluation.probabilities.max(1))


def differing_settings(measured: Sequence[MeasuredRun]) -> dict[str, list[str]]:
    """Setting -> its value in each run, for settings that differ."""
    flat = [_flatten(run.settings) for run in measured]
    values = {name: [settings.get(name, "") for settings in flat] for each in flat for name in each}
    return {name: row for name, row in values.items() if len(set(row)) > 1}


def _flatten(settings: Settings) -> dict[str, str]:
    recipe = {
        name: value for name, value in settings.recipe.items() if name not in ("summary", "augmentation")
    }
    values = {
        **recipe,
        **settings.recipe["augmentation"],
        "seed": settings.seed,
        "data": settings.data,
        "threads": settings.threads,
        "processes": settings.processes,
        "device": settings.device,
        "precision": settings.precision,
        "processor": settings.environment["processor"],
        "commit": settings.environment["commit"],
    }
    return {
        "recipe" if name == "name" else name.replace("_", " "): str(value) for name, value in values.items()
    }


def _short_names(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of paths that differ, all with the same number of parts."""
    for length in range(1, max(len(path.parts) for path in paths)):
        names = ["/".join(path.parts[-length:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _percent(p_value: float) -> str:
    percent = 100 * p_value
    if percent < 0.01:
        return "less than 0.01%"
    return f"{percent:.0f}%" if percent >= 10 else f"{percent:.2g}%"

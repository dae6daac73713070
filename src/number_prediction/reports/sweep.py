"""Report on a sweep: its trials -> sweep.html, figures as PNG and trials.csv. Needs the extra `train`."""

from __future__ import annotations

from pathlib import Path

import pandas
from matplotlib.figure import Figure

from number_prediction.evaluation.metrics import wilson_interval
from number_prediction.files import write_together
from number_prediction.html import illustrate, render
from number_prediction.reports.plots import sweep as sweep_plots
from number_prediction.runs.sweep import Sweep, accuracy_of

SWEEP_FILE, TRIALS_FILE = "sweep.html", "trials.csv"


def tabulate_trials(sweep: Sweep) -> pandas.DataFrame:
    """One row per trial, the most accurate first: trial, outcome, accuracy in [0, 1], value of each field."""
    columns = ["trial", "outcome", "accuracy", *(dimension.field for dimension in sweep.dimensions)]
    rows = [
        {"trial": trial.number, "outcome": trial.outcome, "accuracy": trial.accuracy, **trial.values}
        for trial in sorted(sweep.trials, key=accuracy_of, reverse=True)
    ]
    return pandas.DataFrame(rows, columns=columns)


def write_sweep_report(sweep: Sweep, folder: Path) -> Path:
    """Write sweep.html, figures/*.png and trials.csv; returns the path of the page, a single file."""
    illustrations = illustrate(_draw(sweep))
    best = sweep.best
    interval = (0.0, 0.0)
    if best is not None:
        interval = wilson_interval(round(accuracy_of(best) * sweep.pictures), sweep.pictures)
    trials = tabulate_trials(sweep)
    page = render(
        "reports/templates/sweep.html.j2",
        sweep=sweep,
        interval=interval,
        counts=trials["outcome"].value_counts().to_dict(),
        rows=trials.astype(object).where(trials.notna(), None).to_dict("records"),
        figures=illustrations.urls,
    )
    files = {TRIALS_FILE: trials.to_csv(index=False), SWEEP_FILE: page}
    write_together(folder, {**illustrations.files, **files})
    return folder / SWEEP_FILE


def _draw(sweep: Sweep) -> dict[str, Figure]:
    figures = {}
    if sweep.finished:
        figures["history"] = sweep_plots.history(sweep)
        figures["slices"] = sweep_plots.slices(sweep)
    if sweep.importances:
        figures["importances"] = sweep_plots.importance_bars(sweep)
    return figures

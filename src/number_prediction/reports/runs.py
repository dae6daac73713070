"""Report on several runs: answers to the same pictures -> runs.html, PNG and CSV, in one folder.

McNemar's test and the paired bootstrap decide which run is better, see `evaluation.significance`. Needs the
extra `train` (matplotlib, seaborn, pandas, SciPy).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas
from matplotlib.figure import Figure

from number_prediction.evaluation.runs import (
    MeasuredRun,
    conclude,
    differing_settings,
    tabulate_classes,
    tabulate_disagreements,
    tabulate_pairs,
    tabulate_runs,
)
from number_prediction.evaluation.significance import PairComparison
from number_prediction.files import write_together
from number_prediction.html import data_url, illustrate, picture_to_png, render
from number_prediction.reports.plots import runs as run_plots

RUNS_FILE = "runs.html"
GALLERY_SIZE = 200
"""Most pictures in the gallery of disagreements."""
MAX_PAIRS_DRAWN = 60
"""With more pairs there is no figure, only the table."""


def write_runs_report(measured: Sequence[MeasuredRun], pairs: Sequence[PairComparison], folder: Path) -> Path:
    """Write runs.html, figures/*.png and tables/*.csv.

    Args:
        measured: at least one run, all on the same split.
        pairs: the result of `compare`.
        folder: created if missing; an older report in it is replaced.

    Returns:
        The path of the page, a single file that needs no network.
    """
    names = [run.name for run in measured]
    tables = {"runs": tabulate_runs(measured), "classes": tabulate_classes(measured)}
    if pairs:
        tables["pairs"] = tabulate_pairs(pairs, names)
        tables["disagreements"] = tabulate_disagreements(measured)
    drawn = _draw(measured, pairs, tables["classes"])
    illustrations = illustrate(drawn)
    page = render(
        "reports/templates/runs.html.j2",
        names=names,
        data=measured[0].evaluation.data,
        pictures=len(measured[0].evaluation.labels),
        conclusion=conclude(measured, pairs),
        figures=illustrations.urls,
        runs=tables["runs"].to_dict("records"),
        settings=differing_settings(measured),
        classes=tables["classes"].to_dict("records"),
        pairs=tables["pairs"].to_dict("records") if pairs else [],
        gallery=_gallery(measured, tables["disagreements"]) if pairs else [],
        disagreements=len(tables["disagreements"]) if pairs else 0,
    )
    rows = {f"tables/{name}.csv": table.to_csv(index=False) for name, table in tables.items()}
    write_together(folder, {**illustrations.files, **rows, RUNS_FILE: page})
    return folder / RUNS_FILE


def _draw(
    measured: Sequence[MeasuredRun], pairs: Sequence[PairComparison], classes: pandas.DataFrame
) -> dict[str, Figure]:
    figures = {}
    if any(run.records for run in measured):
        figures["learning_curves"] = run_plots.learning_curves({run.name: run.records for run in measured})
    figures["class_recall"] = run_plots.class_recall(
        {run.name: classes[f"{run.name} right"].to_numpy() for run in measured},
        classes["pictures"].to_numpy(),
        list(classes["class"]),
    )
    if 0 < len(pairs) <= MAX_PAIRS_DRAWN:
        figures["pair_differences"] = run_plots.pair_differences(pairs, [run.name for run in measured])
    return figures


def _gallery(measured: Sequence[MeasuredRun], disagreements: pandas.DataFrame) -> list[dict[str, Any]]:
    frames = measured[0].evaluation.frames
    return [
        {
            "image": data_url(picture_to_png(255 - frames[row["index"]])),
            "index": row["index"],
            "label": row["label"],
            "answers": [
                {
                    "run": run.name,
                    "text": row[f"{run.name} answer"],
                    "confidence": row[f"{run.name} confidence"],
                    "is_right": row[f"{run.name} right"],
                }
                for run in measured
            ],
        }
        for row in disagreements.head(GALLERY_SIZE).to_dict("records")
    ]

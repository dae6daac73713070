"""Evaluation -> one self-contained HTML page, figures as PNG and metrics as JSON, in one folder.

Needs the extra `train` (matplotlib, seaborn).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from number_prediction.evaluation.analysis import Analysis
from number_prediction.evaluation.digits import METRICS_FILE, Evaluation
from number_prediction.files import write_together
from number_prediction.html import illustrate, render
from number_prediction.models.manifest import record_evaluation
from number_prediction.reports.error_explorer import ExplorerData, build_explorer
from number_prediction.reports.plots import analysis as analysis_plots
from number_prediction.reports.plots import evaluation as evaluation_plots
from number_prediction.runs.run import Record, Run, Settings

REPORT_FILE = "report.html"
WANTED_ACCURACIES = (0.99, 0.995, 0.999, 1.0)
"""Accuracies for which the page says how many answers can be accepted without a check."""
SALIENCY_SHOWN = 10
"""Explained pictures in the saliency figure."""
ERRORS_SHOWN = 40
"""Errors in the figure of the most confident ones."""


def report_on_run(
    run: Run,
    evaluation: Evaluation,
    name: str,
    *,
    folder: Path | None = None,
    analysis: Analysis | None = None,
) -> Path:
    """Write a report on a run's model, and add its figures to the model's manifest and card.

    Args:
        run: a finished run.
        evaluation: the evaluation of its model.
        name: name of the evaluation in the model card, such as "test".
        folder: folder of the report; by default one of that name in the run's folder.
        analysis: as for `write_report`.
    """
    record_evaluation(run.model_path, name, evaluation.summary())
    return write_report(
        evaluation,
        folder or run.evaluation_folder(name),
        settings=run.settings(),
        records=run.records(),
        analysis=analysis,
    )


def write_report(
    evaluation: Evaluation,
    folder: Path,
    *,
    settings: Settings | None = None,
    records: Sequence[Record] = (),
    analysis: Analysis | None = None,
    explorer: ExplorerData | None = None,
) -> Path:
    """Write metrics.json, figures/*.png and report.html.

    Args:
        evaluation: the evaluation to report on.
        folder: created if missing; an older report in it is replaced.
        settings: settings of the model's run, if known.
        records: log of the run, for learning curves.
        analysis: adds saliency, neighbours, robustness and layers.
        explorer: data of the error explorer; by default built from evaluation and analysis.

    Returns:
        Path of report.html, a single file that needs no network.
    """
    drawn = _draw(evaluation, records) | (_draw_analysis(evaluation, analysis) if analysis else {})
    illustrations = illustrate(drawn)
    metrics = evaluation.to_dict() | (analysis.to_dict() if analysis else {})
    page = render(
        "reports/templates/evaluation.html.j2",
        metrics=metrics,
        figures=illustrations.urls,
        explorer=(explorer or build_explorer(evaluation, analysis)).to_dict(),
        picture=f"picture {analysis.picture}, {evaluation.describe(analysis.picture)}" if analysis else "",
        acceptance=[(wanted, *evaluation.coverage.at_accuracy(wanted)) for wanted in WANTED_ACCURACIES],
        settings=settings,
        facts=_facts(settings) if settings else {},
    )
    text = {METRICS_FILE: json.dumps(metrics, indent=2) + "\n", REPORT_FILE: page}
    write_together(folder, {**illustrations.files, **text})
    return folder / REPORT_FILE


def _draw(evaluation: Evaluation, records: Sequence[Record]) -> dict[str, Figure]:
    figures = {}
    if records:
        figures["learning_curves"] = evaluation_plots.learning_curves(records)
    figures["confusion_matrix"] = evaluation_plots.confusion_heatmap(evaluation.confusion, evaluation.classes)
    figures["precision_recall"] = evaluation_plots.class_score_bars(evaluation.scores, evaluation.classes)
    figures["reliability"] = evaluation_plots.reliability_diagram(
        evaluation.reliability, evaluation.uncalibrated
    )
    figures["coverage"] = evaluation_plots.coverage_diagram(evaluation.coverage)
    shown = evaluation.errors[:ERRORS_SHOWN]
    if len(shown):
        titles = [evaluation.describe(index) for index in shown]
        figures["worst_errors"] = evaluation_plots.image_grid(evaluation.frames[shown], titles)
    return figures


def _draw_analysis(evaluation: Evaluation, analysis: Analysis) -> dict[str, Figure]:
    shown = slice(0, SALIENCY_SHOWN)
    explained = analysis.explained[shown]
    figures = {
        "saliency": analysis_plots.saliency_grid(
            evaluation.frames[explained],
            {name: maps[shown] for name, maps in analysis.saliency.items()},
            [evaluation.describe(index) for index in explained],
        ),
        "faithfulness": analysis_plots.faithfulness_curves(analysis.faithfulness),
        "robustness": analysis_plots.robustness_curves({"model": analysis.robustness}),
        "feature_maps": analysis_plots.feature_map_grid(
            evaluation.frames[analysis.picture], analysis.feature_maps
        ),
    }
    if analysis.filters is not None:
        figures["filters"] = analysis_plots.filter_grid(analysis.filters)
    return figures


def _facts(settings: Settings) -> Mapping[str, str]:
    """The settings of a run, as rows of a table."""
    environment = settings.environment
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items() if version)
    recipe = {name: value for name, value in settings.recipe.items() if name != "augmentation"}
    return {
        "Command": settings.command,
        "Data": settings.data,
        "Recipe": ", ".join(f"{name}={value}" for name, value in recipe.items()),
        "Augmentation": ", ".join(
            f"{name}={value}" for name, value in settings.recipe["augmentation"].items()
        ),
        "Seed": str(settings.seed),
        "Device": settings.computing,
        "Machine": f"{environment['processor']}, {environment['cores']} cores, {environment['system']}",
        "Versions": f"Python {environment['python']}, {packages}",
        "Commit": environment["commit"] or "not from a checkout",
    }

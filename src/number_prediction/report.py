"""Evaluation -> one self-contained HTML page, figures as PNG and metrics as JSON, in one folder.

Needs the extra `train` (matplotlib, seaborn, Jinja2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from number_prediction import plots
from number_prediction.document import data_url, figure_to_png, picture_to_png, render
from number_prediction.evaluation import METRICS_FILE, Evaluation, evaluate
from number_prediction.files import write_together
from number_prediction.manifests import record_evaluation
from number_prediction.predictor import Predictor
from number_prediction.runs import Record, Run, Settings
from number_prediction.splits import Split

REPORT_FILE = "report.html"
FIGURES_FOLDER = "figures"
ACCEPTANCE = (0.99, 0.995, 0.999, 1.0)
"""Accuracies for which the page says how much could be accepted automatically."""
GALLERY_SIZE = 120
"""Misclassified digits shown, the most confident first."""


def report_on_run(
    run: Run, split: Split, name: str, *, data: str, folder: Path | None = None, threads: int | None = None
) -> Evaluation:
    """Evaluate a run's model on a split and write the report, into the run's folder by default.

    `name` is what the evaluation is called in the folder and in the model card, such as "test".
    """
    evaluation = evaluate(Predictor(run.folder, threads=threads), split, data=data)
    write_report(
        evaluation,
        folder or run.evaluation_folder(name),
        settings=run.settings(),
        records=run.records(),
    )
    record_evaluation(run.model_path, name, evaluation.summary())
    return evaluation


def write_report(
    evaluation: Evaluation,
    folder: Path,
    *,
    settings: Settings | None = None,
    records: Sequence[Record] = (),
) -> Path:
    """Write metrics.json, figures/*.png and report.html.

    Args:
        evaluation: what to report.
        folder: made if it is not there; earlier reports in it are replaced.
        settings: of the run that made the model, where it is known.
        records: its log, for the learning curves.

    Returns:
        Path of report.html: one file that needs no other and no network.
    """
    images = {name: figure_to_png(figure) for name, figure in _draw(evaluation, records).items()}
    metrics = evaluation.to_dict()
    page = render(
        "report.html.j2",
        metrics=metrics,
        figures={name: data_url(content) for name, content in images.items()},
        gallery=_gallery(evaluation),
        acceptance=[(wanted, *evaluation.coverage.at_accuracy(wanted)) for wanted in ACCEPTANCE],
        settings=settings,
        facts=_facts(settings) if settings else {},
    )
    figures = {f"{FIGURES_FOLDER}/{name}.png": content for name, content in images.items()}
    text = {METRICS_FILE: json.dumps(metrics, indent=2) + "\n", REPORT_FILE: page}
    write_together(folder, {**figures, **text})
    return folder / REPORT_FILE


def _draw(evaluation: Evaluation, records: Sequence[Record]) -> dict[str, Figure]:
    figures = {}
    if records:
        figures["learning_curves"] = plots.learning_curves(records)
    figures["confusion_matrix"] = plots.confusion_heatmap(evaluation.confusion, evaluation.classes)
    figures["precision_recall"] = plots.class_score_bars(evaluation.scores, evaluation.classes)
    figures["reliability"] = plots.reliability_diagram(evaluation.reliability)
    figures["coverage"] = plots.coverage_diagram(evaluation.coverage)
    shown = evaluation.errors[:40]
    if len(shown):
        titles = [f"{evaluation.classes[evaluation.labels[i]]} read as {evaluation.answer(i)}" for i in shown]
        figures["worst_errors"] = plots.image_grid(evaluation.frames[shown], titles)
    return figures


def _gallery(evaluation: Evaluation) -> list[dict[str, Any]]:
    return [
        {
            "image": data_url(picture_to_png(255 - evaluation.frames[index])),
            "index": int(index),
            "label": evaluation.classes[evaluation.labels[index]],
            "predicted": evaluation.answer(index),
            "confidence": float(evaluation.probabilities[index].max()),
            "true_probability": float(evaluation.probabilities[index, evaluation.labels[index]]),
        }
        for index in evaluation.errors[:GALLERY_SIZE]
    ]


def _facts(settings: Settings) -> Mapping[str, str]:
    """The settings of a run as rows of a table."""
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
        "Device": f"{settings.device}, {settings.threads} threads, {settings.precision}",
        "Machine": f"{environment['processor']}, {environment['cores']} cores, {environment['system']}",
        "Versions": f"Python {environment['python']}, {packages}",
        "Commit": environment["commit"] or "not from a checkout",
    }

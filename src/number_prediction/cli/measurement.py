"""Commands that measure models: evaluate."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from number_prediction.cli.console import extra, new_folder, open_in_browser
from number_prediction.cli.options import ThreadsOption


class Part(StrEnum):
    """Part of a data set that `evaluate` measures on."""

    test = "test"
    validation = "validation"
    all = "all"


def evaluate(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN|MODEL.onnx", help="What to measure.", show_default="the model in the package"
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="mnist|PATH",
            help="Data set, as for train; one that is not divided is taken whole.",
            show_default="the run's own, else mnist",
        ),
    ] = None,
    part: Annotated[Part, typer.Option(help="Part of the data set; all takes every part.")] = Part.test,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of the report.", show_default="RUN/PART, or runs/evaluation-TIME"
        ),
    ] = None,
    threads: ThreadsOption = None,
    open_report: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
) -> None:
    """Measure a model and write metrics.json, figures and report.html."""
    with extra("train"):
        from number_prediction.datasets import canonical_source, display_name, load_evaluation_split
        from number_prediction.evaluation import evaluate as evaluate_predictor
        from number_prediction.predictor import Predictor
        from number_prediction.report import REPORT_FILE, report_on_run, write_report
        from number_prediction.runs import Run

    run = Run(model) if model is not None and model.is_dir() else None
    own_data = run.settings().data if run else "mnist"
    source = canonical_source(data or own_data)
    is_own = source == own_data
    split = load_evaluation_split(source, part, divided=is_own)
    name = part.value if is_own else f"{part.value}-{display_name(source)}"
    words = f"{display_name(source)}, {part.value} part" if is_own else display_name(source)
    if run is not None:
        report_folder = output or run.evaluation_folder(name)
        evaluation = report_on_run(run, split, name, data=words, folder=report_folder, threads=threads)
    else:
        report_folder = output or new_folder("evaluation")
        evaluation = evaluate_predictor(Predictor(model, threads=threads), split, data=words)
        write_report(evaluation, report_folder)
    low, high = evaluation.accuracy_interval
    print(
        f"accuracy {100 * evaluation.accuracy:.2f}% (95% interval {100 * low:.2f} to {100 * high:.2f}%), "
        f"{len(evaluation.errors)} errors in {len(evaluation.labels):,}, "
        f"log loss {evaluation.log_loss:.4f}, "
        f"ECE {evaluation.reliability.expected_calibration_error:.4f}"
    )
    report = report_folder / REPORT_FILE
    print(report)
    if open_report:
        open_in_browser(report)

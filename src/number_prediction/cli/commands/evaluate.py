"""Command evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from number_prediction.cli.console import extra, open_in_browser, say
from number_prediction.cli.options import MeasuredOption, OpenOption, Part, PartOption, ThreadsOption

if TYPE_CHECKING:
    from number_prediction.evaluation.digits import Evaluation
    from number_prediction.evaluation.numbers import NumberEvaluation


def evaluate(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN|MODEL.onnx", help="Model to measure.", show_default="the model in the package"
        ),
    ] = None,
    data: MeasuredOption = None,
    part: PartOption = Part.test,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of the report.", show_default="RUN/PART, or runs/evaluation-TIME"
        ),
    ] = None,
    analysis: Annotated[
        bool,
        typer.Option(
            "--analysis/--no-analysis",
            help="Also explain the errors, find their neighbours, distort pictures (about 20 s more).",
        ),
    ] = True,
    picture: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Picture whose feature maps to show.",
            show_default="the most confident error",
        ),
    ] = None,
    threads: ThreadsOption = None,
    open_report: OpenOption = False,
) -> None:
    """Measure a model and write metrics.json, figures and report.html."""
    with extra("train"):
        from number_prediction.evaluation.digits import Evaluation
        from number_prediction.runs.run import Run
        from number_prediction.training.experiments.evaluate import evaluate_model, evaluate_run

    run = Run(model) if model is not None and model.is_dir() else None
    if run is not None and (run.settings_path.exists() or not run.model_path.exists()):
        done = evaluate_run(
            run,
            data,
            part=part.value,
            output=output,
            analysis=analysis,
            picture=picture,
            threads=threads,
        )
    else:
        done = evaluate_model(
            model,
            data or "mnist",
            part=part.value,
            output=output,
            analysis=analysis,
            picture=picture,
            threads=threads,
        )
    for warning in done.warnings:
        say(f"warning: {warning}")
    if isinstance(done.evaluation, Evaluation):
        _print_digits(done.evaluation)
    else:
        _print_numbers(done.evaluation)
    print(done.report)
    if open_report:
        open_in_browser(done.report)


def _print_digits(evaluation: Evaluation) -> None:
    low, high = evaluation.accuracy_interval
    print(
        f"accuracy {100 * evaluation.accuracy:.2f}% (95% interval {100 * low:.2f} to {100 * high:.2f}%), "
        f"{len(evaluation.errors)} errors in {len(evaluation.labels):,}, "
        f"log loss {evaluation.log_loss:.4f}, "
        f"ECE {evaluation.reliability.expected_calibration_error:.4f}"
    )
    if evaluation.accuracy_without_rejected is not None:
        print(
            f"accuracy {100 * evaluation.accuracy_without_rejected:.2f}% without the "
            f"{len(evaluation.rejected)} pictures whose labels a published review rejected"
        )


def _print_numbers(evaluation: NumberEvaluation) -> None:
    summary = evaluation.summary()
    low, high = summary["accuracy_interval_95"]
    print(
        f"whole numbers read right {100 * evaluation.accuracy:.2f}% "
        f"(95% interval {100 * low:.2f} to {100 * high:.2f}%), "
        f"{summary['pictures']:,} lines; errors per character {evaluation.character_error_rate:.4f}; "
        f"ECE {summary['expected_calibration_error']:.4f}; "
        f"coverage at 99% accuracy {100 * summary['coverage_at_99']:.1f}%"
    )

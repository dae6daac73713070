"""Command evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from number_prediction.cli.console import extra, new_folder, open_in_browser, say
from number_prediction.cli.options import (
    MeasuredOption,
    OpenOption,
    Part,
    PartOption,
    ThreadsOption,
    describe_part,
)
from number_prediction.errors import DataError, ImageError, TrainingError

if TYPE_CHECKING:
    from number_prediction.datasets.split import Split
    from number_prediction.digits.predictor import Predictor
    from number_prediction.evaluation.saliency import SaliencyMethod
    from number_prediction.runs.run import Run


def evaluate(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN|MODEL.onnx", help="What to measure.", show_default="the model in the package"
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
            help="Also explain the errors, seek their neighbours, distort pictures (about 20 s more).",
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
        from number_prediction.datasets.load import (
            canonical_source,
            display_name,
            load_evaluation_split,
            rejected_labels,
        )
        from number_prediction.digits.predictor import Predictor
        from number_prediction.evaluation.analysis import analyse
        from number_prediction.evaluation.digits import evaluate as evaluate_predictor
        from number_prediction.evaluation.kaggle import trained_on
        from number_prediction.reports.evaluation import report_on_run, write_report
        from number_prediction.runs.run import Run

    run = Run(model) if model is not None and model.is_dir() else None
    if run is not None and run.model_path.exists() and not run.settings_path.exists():
        run = None  # an adapted model
    if run is not None and run.settings().reads_numbers:
        _evaluate_lines(run, data, part)
        return
    own_data = run.settings().data if run else "mnist"
    source = canonical_source(data or own_data)
    is_own = source == own_data
    split = load_evaluation_split(source, part, divided=is_own)
    name = part.value if is_own else f"{part.value}-{display_name(source)}"
    words = describe_part(display_name(source), part, is_own=is_own)
    predictor = Predictor(model, threads=threads)
    _warn_of_seen_pictures(trained_on(predictor), source, part)
    rejected = rejected_labels(source, part)
    evaluation = evaluate_predictor(predictor, split, data=words, rejected=rejected)
    analysed = None
    if analysis:
        methods, training = _training_of(predictor, run)
        analysed = analyse(evaluation, predictor, training=training, methods=methods, picture=picture)
    if run is not None:
        report = report_on_run(run, evaluation, name, folder=output, analysis=analysed)
    else:
        report = write_report(evaluation, output or new_folder("evaluation"), analysis=analysed)
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
    print(report)
    if open_report:
        open_in_browser(report)


def _warn_of_seen_pictures(trained: str | None, source: str, part: Part) -> None:
    """Say so where a model is measured on pictures that it was, or may have been, trained on."""
    from number_prediction.datasets.load import EMBEDDED, find_csv

    if source == trained and part is Part.all:
        say(
            "warning: this model was trained on most of these pictures, so they say little of others; "
            "--part test has those that it has not seen"
        )
    elif trained == EMBEDDED and find_csv(source) is not None:
        say(
            "warning: this model was trained on MNIST; if these are the pictures of Kaggle's Digit "
            "Recognizer, which are MNIST's, it has seen them"
        )


def _evaluate_lines(run: Run, data: str | None, part: Part) -> None:
    """Measure a run that reads numbers: on lines composed of digits, or on a folder with labels.csv."""
    from number_prediction.datasets.load import canonical_source, display_name
    from number_prediction.evaluation.numbers import LABELS_FILE, evaluate_numbers, load_lines
    from number_prediction.numbers.predictor import NumberPredictor

    if data is not None and (Path(data) / LABELS_FILE).exists():
        evaluation = evaluate_numbers(
            NumberPredictor(run.folder), load_lines(Path(data)), data=Path(data).name
        )
        written = evaluation.write(run.evaluation_folder(Path(data).name))
    else:
        from number_prediction.training.experiments.session import evaluate_lines
        from number_prediction.training.frames import load_frames

        own = run.settings().data
        if data is not None and canonical_source(data) != own:
            raise typer.BadParameter(
                f"give a folder with {LABELS_FILE}, or leave it out to measure on lines composed of digits",
                param_hint="--data",
            )
        if part is Part.all:
            raise typer.BadParameter("lines are composed of validation or test digits", param_hint="--part")
        split = getattr(load_frames(own), part.value)
        words = f"{display_name(own)}, {part.value} part"
        evaluation = evaluate_lines(run, split, part.value, data=words)
        written = run.evaluation_folder(part.value) / "metrics.json"
    summary = evaluation.summary()
    low, high = summary["accuracy_interval_95"]
    print(
        f"whole numbers read right {100 * evaluation.accuracy:.2f}% "
        f"(95% interval {100 * low:.2f} to {100 * high:.2f}%), "
        f"{summary['pictures']:,} lines; errors a character {evaluation.character_error_rate:.4f}; "
        f"ECE {summary['expected_calibration_error']:.4f}; "
        f"coverage at 99% accuracy {100 * summary['coverage_at_99']:.1f}%"
    )
    print(written)


def _training_of(predictor: Predictor, run: Run | None) -> tuple[dict[str, SaliencyMethod], Split | None]:
    """What a run, or a manifest, knows of a model's training: more saliency methods, the training frames."""
    from number_prediction.datasets.load import EMBEDDED
    from number_prediction.datasets.mnist import load_mnist

    if run is None:
        is_mnist = predictor.manifest is not None and predictor.manifest["training"]["data"] == EMBEDDED
        return {}, load_mnist().train if is_mnist else None
    from number_prediction.training.attribution import integrated_gradients
    from number_prediction.training.frames import load_frames

    methods = {}
    try:
        methods["integrated gradients"] = integrated_gradients(run)
    except TrainingError as error:
        say(f"no integrated gradients in the report: {error}")
    try:
        return methods, load_frames(run.settings().data).train
    except (DataError, ImageError) as error:
        say(f"no nearest training pictures in the report: {error}")
        return methods, None

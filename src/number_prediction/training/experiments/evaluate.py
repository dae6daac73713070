"""A model -> its figures on a data set and a report; of a run, also for its manifest and model card."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from number_prediction.constants import GLYPHS, LETTER
from number_prediction.datasets.load import (
    EMBEDDED,
    Part,
    canonical_source,
    describe_part,
    display_name,
    find_csv,
    load_evaluation_split,
    rejected_labels,
)
from number_prediction.datasets.mnist import load_mnist
from number_prediction.datasets.split import Split
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import DataError, ImageError, TrainingError
from number_prediction.evaluation.analysis import Analysis, analyse
from number_prediction.evaluation.digits import Evaluation, evaluate
from number_prediction.evaluation.kaggle import trained_on
from number_prediction.evaluation.numbers import (
    LABELS_FILE,
    LabelledLines,
    NumberEvaluation,
    evaluate_numbers,
    load_lines,
)
from number_prediction.evaluation.saliency import SaliencyMethod
from number_prediction.images.decode import Page
from number_prediction.models.manifest import record_evaluation
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.reports.evaluation import report_on_run, write_report
from number_prediction.reports.plots.evaluation import confusion_heatmap
from number_prediction.runs.run import Run, new_folder
from number_prediction.training.attribution import integrated_gradients
from number_prediction.training.frames import load_frames
from number_prediction.training.recipes import Recipe
from number_prediction.training.synthesis.glyphs import LineRecipe
from number_prediction.training.synthesis.lines import make_composer
from number_prediction.training.synthesis.paper_lines.lines import LinePictures, make_paper_composer

LINES_SEED = 2_000_000
"""Seed of the lines for evaluation."""
LINE_WIDTHS_PX = (64, 96, 160, 256, 384)
"""Widths of the lines for evaluation."""
LINES_PER_WIDTH = 400


if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False)
class Measurement:
    """What an evaluation found and where it was written."""

    evaluation: Evaluation | NumberEvaluation
    report: Path
    """report.html; metrics.json for a model that reads numbers."""
    warnings: tuple[str, ...] = ()
    """Reasons to read the figures with care, and parts that the report lacks."""

    def __repr__(self) -> str:
        return f"Measurement({self.evaluation!r}, {self.report})"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the confusion matrix into Matplotlib axes, by default new ones; returns the axes.

        Raises:
            DataError: the model reads numbers, of which there is no confusion matrix.
        """
        from matplotlib import pyplot

        if not isinstance(self.evaluation, Evaluation):
            raise DataError("a model for numbers has no confusion matrix; see evaluation.summary()")
        ax = ax or pyplot.subplots(figsize=(6.5, 5.5), layout="constrained")[1]
        confusion_heatmap(self.evaluation.confusion, self.evaluation.classes, ax=ax)
        return ax


def evaluate_run(
    run: Run | Path | str,
    data: str | os.PathLike[str] | None = None,
    *,
    part: Part = "test",
    output: Path | None = None,
    analysis: bool = True,
    picture: int | None = None,
    threads: int | None = None,
) -> Measurement:
    """Measure the model of a finished run; the figures also go into its manifest and model card.

    Args:
        run: a run or its folder.
        data: "mnist" or a path that `load_dataset` takes; by default the run's data set. For a run that reads
            numbers: a folder of lines with labels.csv; by default lines composed of the run's digits.
        part: part of the data set. A set that is not the run's own and is not divided counts as a whole.
        output: folder of the report; by default the folder of the part in the run's folder.
        analysis: also explain the errors, find their neighbours and distort pictures (about 20 s more).
        picture: index of the picture whose feature maps are shown; by default the most confident error.
        threads: threads of ONNX Runtime; by default all cores.

    Raises:
        DataError: not a run, or the data set cannot be read or has classes that the model does not know.
        ModelError: the run holds no model.
    """
    run = run if isinstance(run, Run) else Run(Path(run))
    settings = run.settings()
    if settings.reads_numbers:
        return _evaluate_numbers(run, data, part)
    own_data = settings.data
    source = canonical_source(data or own_data)
    predictor = Predictor(run.folder, threads=threads)
    evaluation = _evaluate_digits(predictor, source, part, is_own=source == own_data)
    found, missing = _analyse(evaluation, predictor, run, picture) if analysis else (None, [])
    name = part if source == own_data else f"{part}-{display_name(source)}"
    report = report_on_run(run, evaluation, name, folder=output, analysis=found)
    return Measurement(evaluation, report, (*_find_seen(predictor, source, part), *missing))


def evaluate_model(
    model: Path | None = None,
    data: str | os.PathLike[str] = EMBEDDED,
    *,
    part: Part = "test",
    output: Path | None = None,
    analysis: bool = True,
    picture: int | None = None,
    threads: int | None = None,
) -> Measurement:
    """Measure a model for digits that has no run.

    Args:
        model: an exported model or its folder; by default the model in the package.
        data: "mnist" or a path that `load_dataset` takes.
        part: part of the data set. A set other than MNIST that is not divided counts as a whole.
        output: folder of the report; by default runs/evaluation-TIME.
        analysis: as for `evaluate_run`.
        picture: as for `evaluate_run`.
        threads: threads of ONNX Runtime; by default all cores.

    Raises:
        DataError: the data set cannot be read or has classes that the model does not know.
        ModelError: no such model.
    """
    source = canonical_source(data)
    predictor = Predictor(model, threads=threads)
    evaluation = _evaluate_digits(predictor, source, part, is_own=source == EMBEDDED)
    found, missing = _analyse(evaluation, predictor, None, picture) if analysis else (None, [])
    report = write_report(evaluation, output or new_folder("evaluation"), analysis=found)
    return Measurement(evaluation, report, (*_find_seen(predictor, source, part), *missing))


def _evaluate_digits(predictor: Predictor, source: str, part: Part, *, is_own: bool) -> Evaluation:
    split = load_evaluation_split(source, part, divided=is_own)
    words = describe_part(display_name(source), part, is_own=is_own)
    return evaluate(predictor, split, name=words, rejected=rejected_labels(source, part))


def _analyse(
    evaluation: Evaluation, predictor: Predictor, run: Run | None, picture: int | None
) -> tuple[Analysis, list[str]]:
    """The analysis, and which parts of it are missing and why."""
    methods, training, missing = _find_training(predictor, run)
    return analyse(evaluation, predictor, training=training, methods=methods, picture=picture), missing


def _find_training(
    predictor: Predictor, run: Run | None
) -> tuple[Mapping[str, SaliencyMethod], Split | None, list[str]]:
    """What is left of a model's training: saliency methods that need torch, and the training frames."""
    if run is None:
        is_mnist = predictor.manifest is not None and predictor.manifest["training"]["data"] == EMBEDDED
        return {}, load_mnist().train if is_mnist else None, []
    methods: dict[str, SaliencyMethod] = {}
    missing = []
    try:
        methods["integrated gradients"] = integrated_gradients(run)
    except TrainingError as error:
        missing.append(f"the report has no integrated gradients: {error}")
    try:
        return methods, load_frames(run.settings().data).train, missing
    except (DataError, ImageError) as error:
        return methods, None, [*missing, f"the report has no nearest training pictures: {error}"]


def _find_seen(predictor: Predictor, source: str, part: Part) -> list[str]:
    """Warnings if the model was, or may have been, trained on the pictures that it was measured on."""
    trained = trained_on(predictor)
    if source == trained and part == "all":
        return [
            "this model was trained on most of these pictures, so they say little about others; use "
            "--part test, which the model has not seen"
        ]
    if trained == EMBEDDED and find_csv(source) is not None:
        return [
            "this model was trained on MNIST; if these are the pictures of Kaggle's Digit Recognizer, which "
            "come from MNIST, the model has seen them"
        ]
    return []


def _evaluate_numbers(run: Run, data: str | os.PathLike[str] | None, part: Part) -> Measurement:
    """Measure a run that reads numbers: on a folder of lines, or on lines composed of its digits."""
    if data is not None and (Path(data) / LABELS_FILE).exists():
        name = Path(data).name
        evaluation = evaluate_numbers(NumberPredictor(run.folder), load_lines(Path(data)), data=name)
        return Measurement(evaluation, evaluation.write(run.evaluation_folder(name)))
    own = run.settings().data
    if data is not None and canonical_source(data) != own:
        raise DataError(
            f"{data}: not a folder of lines (no {LABELS_FILE}); add that file, or leave out --data to "
            "measure on lines composed of digits"
        )
    if part == "all":
        raise DataError("composed lines have no part 'all'; choose --part test or --part validation")
    evaluation = evaluate_lines(
        run, getattr(load_frames(own), part), part, data=f"{display_name(own)}, {part} part"
    )
    return Measurement(evaluation, run.evaluation_folder(part) / "metrics.json")


def evaluate_lines(run: Run, split: Split, name: str, *, data: str) -> NumberEvaluation:
    """Measure a run that reads numbers on lines composed of the digits of a split.

    The figures go into the model's manifest and card, and into the run's folder under `name`.
    """
    recipe = Recipe.from_dict(run.settings().recipe)
    lines = compose_paper_lines(split) if recipe.lines is None else compose_lines(split, recipe.lines)
    evaluation = evaluate_numbers(NumberPredictor(run.folder), lines, data=f"lines of {data}")
    record_evaluation(run.model_path, name, evaluation.summary())
    evaluation.write(run.evaluation_folder(name))
    return evaluation


def compose_paper_lines(split: Split) -> LabelledLines:
    """Compose lines on paper, the same at every call; numbers only, no words, signs or struck-out writing."""
    pictures = LinePictures(make_paper_composer(split, {}, seed=LINES_SEED), 0)
    numbers = (line for line in pictures if line.classes and max(line.classes) < LETTER)
    chosen = list(islice(numbers, len(LINE_WIDTHS_PX) * LINES_PER_WIDTH))
    return LabelledLines(
        [line.page for line in chosen], ["".join(GLYPHS[glyph] for glyph in line.classes) for line in chosen]
    )


def compose_lines(split: Split, counts: LineRecipe) -> LabelledLines:
    """Compose lines of all LINE_WIDTHS_PX, the same at every call; numbers only, no words."""
    composer = make_composer(split, replace(counts, worded=0.0), seed=LINES_SEED)
    pages: list[Page] = []
    texts: list[str] = []
    for number, width in enumerate(LINE_WIDTHS_PX):
        drawn, said = composer.draw(number, LINES_PER_WIDTH, width)
        pages += list(drawn)
        texts += said
    return LabelledLines(pages, texts)

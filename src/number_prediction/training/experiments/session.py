"""Before and after the training loop: the settings of a new run; export and report of a trained one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from number_prediction.datasets.load import EMBEDDED, canonical_source, display_name
from number_prediction.datasets.split import Split, Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import DataError
from number_prediction.evaluation.digits import evaluate
from number_prediction.evaluation.numbers import LabelledLines, NumberEvaluation, evaluate_numbers
from number_prediction.images.decode import Page
from number_prediction.machine import describe_environment, usable_cores
from number_prediction.models.manifest import record_evaluation
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.reports.evaluation import report_on_run
from number_prediction.runs.run import Run, Settings
from number_prediction.training.export.export import export_run
from number_prediction.training.loop.devices import pick_device, usable_precision
from number_prediction.training.loop.distributed import ALONE, World
from number_prediction.training.recipes import Recipe
from number_prediction.training.synthesis.glyphs import LineRecipe
from number_prediction.training.synthesis.lines import make_composer

LINES_SEED = 2_000_000
"""Of the lines to measure on."""
WIDTHS = (64, 96, 160, 256, 384)
"""Of these lines, in pixels."""
LINES_A_WIDTH = 400


def start_run(
    recipe: Recipe,
    folder: Path,
    *,
    command: str,
    data: str = EMBEDDED,
    seed: int = 0,
    threads: int | None = None,
    device: str | None = None,
    world: World = ALONE,
) -> Run:
    """Make the folder of a new run.

    Args:
        recipe: what to train.
        folder: where; it must hold no run yet.
        command: what a person typed, kept with the run.
        data: "mnist" or a path that `load_dataset` takes.
        seed: of weights, order and augmentation.
        threads: of the processor, for each process; by default all cores, shared among those of a machine.
        device: "cuda", "mps" or "cpu"; by default the best there is.
        world: the processes that will train it, of which one calls this.
    """
    picked = pick_device(device, world.place)
    run = Run(folder)
    run.create(
        Settings(
            recipe=recipe.to_dict(),
            data=canonical_source(data),
            seed=seed,
            threads=threads or max(1, usable_cores() // world.neighbours),
            device=picked.type,
            precision=usable_precision(recipe.precision, picked),
            command=command,
            environment=describe_environment(),
            processes=world.size,
        )
    )
    return run


def require_same_settings(run: Run, recipe: Recipe, data: str) -> None:
    """Raise DataError where a run is there already, but with another recipe or data set."""
    if run.settings_path.exists():
        settings = run.settings()
        if settings.recipe != recipe.to_dict() or settings.data != canonical_source(data):
            raise DataError(f"{run.folder}: a run with another recipe or data set; choose another --output")


def open_run(recipe: Recipe, folder: Path, *, command: str, data: str, seed: int, threads: int | None) -> Run:
    """The run in `folder`, to go on with, or a new one where there is none.

    Raises:
        DataError: the run there has another recipe or data set.
    """
    run = Run(folder)
    require_same_settings(run, recipe, data)
    if run.settings_path.exists():
        return run
    return start_run(recipe, folder, command=command, data=data, seed=seed, threads=threads)


def finish_run(run: Run, splits: Splits) -> float:
    """Export a trained run and report on its validation part, in the run's folder; returns the accuracy."""
    export_run(run)
    data = f"{display_name(run.settings().data)}, validation part"
    if run.settings().reads_numbers:
        return evaluate_lines(run, splits.validation, "validation", data=data).accuracy
    evaluation = evaluate(Predictor(run.folder), splits.validation, data=data)
    report_on_run(run, evaluation, "validation")
    return evaluation.accuracy


def evaluate_lines(run: Run, split: Split, name: str, *, data: str) -> NumberEvaluation:
    """Measure a run's model on lines composed of the digits of a split, none of which it was trained on.

    The figures go into the model's manifest and card, and into the run's folder under `name`.
    """
    recipe = Recipe.from_dict(run.settings().recipe)
    assert recipe.lines is not None
    lines = compose_lines(split, recipe.lines)
    evaluation = evaluate_numbers(NumberPredictor(run.folder), lines, data=f"lines of {data}")
    record_evaluation(run.model_path, name, evaluation.summary())
    evaluation.write(run.evaluation_folder(name))
    return evaluation


def compose_lines(split: Split, counts: LineRecipe) -> LabelledLines:
    """Lines of all WIDTHS, the same at every call; numbers, no words."""
    composer = make_composer(split, replace(counts, worded=0.0), seed=LINES_SEED)
    pages: list[Page] = []
    texts: list[str] = []
    for number, width in enumerate(WIDTHS):
        drawn, said = composer.draw(number, LINES_A_WIDTH, width)
        pages += list(drawn)
        texts += said
    return LabelledLines(pages, texts)

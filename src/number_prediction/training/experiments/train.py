"""One run from beginning to end: recipe and data set -> folder with weights, exported model and report."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from number_prediction.datasets.labelled import Data, save_arrays
from number_prediction.datasets.load import EMBEDDED, Part, display_name
from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.evaluation.digits import evaluate
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.reports.evaluation import report_on_run
from number_prediction.reports.plots.evaluation import learning_curves
from number_prediction.runs.progress import Watch, watching
from number_prediction.runs.run import Run, new_folder
from number_prediction.training.experiments.evaluate import Measurement, evaluate_lines, evaluate_run
from number_prediction.training.experiments.setup import start_run
from number_prediction.training.export.export import export_run
from number_prediction.training.frames import load_frames
from number_prediction.training.loop.fit import fit
from number_prediction.training.recipes import Recipe, get_recipe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DATA_FILE = "data.npz"
"""File in the folder of a run for data that was given in memory."""


class TrainedRun(Run):
    """A finished run, and what is done with it next."""

    def __repr__(self) -> str:
        if not self.settings_path.exists():
            return super().__repr__()
        accuracy = self.validation_accuracy
        measured = "not validated" if accuracy is None else f"validation {100 * accuracy:.2f}%"
        return f"TrainedRun({self.settings().recipe['name']}, {measured}, {self.folder})"

    @property
    def validation_accuracy(self) -> float | None:
        """Share of the validation part that was right at the last validation; None if there was none."""
        found = [record.validation_accuracy for record in self.records()]
        return next((each for each in reversed(found) if each is not None), None)

    def plot(self, axes: tuple[Axes, Axes] | None = None) -> tuple[Axes, Axes]:
        """Draw loss and accuracy over the epochs into two axes, by default new ones; returns them."""
        from matplotlib import pyplot

        if axes is None:
            first, second = pyplot.subplots(1, 2, figsize=(9, 3.7), layout="constrained")[1]
            axes = first, second
        learning_curves(self.records(), axes=axes)
        return axes

    def evaluate(
        self,
        data: str | os.PathLike[str] | None = None,
        *,
        part: Part = "test",
        analysis: bool = True,
    ) -> Measurement:
        """Measure the model, by default on the test part of the run's data set; see `evaluate_run`."""
        return evaluate_run(self, data, part=part, analysis=analysis)

    def predictor(self, *, threads: int | None = None) -> Predictor | NumberPredictor:
        """Load the exported model: for digits, or for numbers if the recipe reads them.

        Raises:
            ModelError: the run has no model, as a run of the recipe ink.
        """
        kind = NumberPredictor if self.settings().reads_numbers else Predictor
        return kind(self.folder, threads=threads)

    def export(self, output: Path | str | None = None) -> Path:
        """Write the model as ONNX, by default into the run's folder; returns its path, see `export_run`."""
        return export_run(self, output=None if output is None else Path(output))


def train(
    recipe: str | Recipe = "cnn",
    data: Data = EMBEDDED,
    output: Path | str | None = None,
    *,
    seed: int = 0,
    threads: int | None = None,
    device: str | None = None,
    open_data: Path | None = None,
    ink: Path | None = None,
    splits: Splits | None = None,
    progress: Watch = None,
) -> TrainedRun:
    """Train a recipe, export its model and report on the validation part.

    Args:
        recipe: a recipe or its name.
        data: "mnist" or a path that `load_dataset` takes; splits; or pictures and their labels, (X, y): an
            array or tensor (N, H, W) or (N, 1, H, W), uint8 or in [0, 1], and N whole numbers. What is given
            in memory is also written into the run's folder.
        output: the run's folder; by default runs/RECIPE-SEED-TIME.
        seed: decides weights, order and augmentation; the same seed and threads give the same weights.
        threads: processor threads; by default all cores.
        device: "cuda", "mps" or "cpu"; by default the first of these that the machine has.
        open_data: folder of open data, for the recipes ink and paper; by default none.
        ink: run of the recipe ink, for the recipe paper.
        splits: the frames of `data`, or a sample of them, as `load_frames` returns them.
        progress: True shows a bar on stderr; a function is called with each record of the training's log.

    Returns:
        The finished run.

    Raises:
        DataError: the data set cannot be read, or the output holds a run.
        TrainingError: no such recipe or device, or the loss is no longer finite.
        Interrupted: on Ctrl-C, after saving; `resume` continues.
    """
    chosen = get_recipe(recipe) if isinstance(recipe, str) else recipe
    folder = Path(output or new_folder(f"{chosen.name}-{seed}"))
    with tempfile.TemporaryDirectory() as temporary:
        saved = Path(temporary) / DATA_FILE
        if isinstance(data, str | os.PathLike):
            source = os.fspath(data)
            splits = splits or load_frames(source)
        else:
            source = str(folder / DATA_FILE)
            save_arrays(data, saved)
            splits = splits or load_frames(str(saved))
        run = start_run(
            chosen,
            folder,
            data=source,
            seed=seed,
            threads=threads,
            device=device,
            open_data=open_data,
            ink=ink,
        )
        if saved.exists():
            shutil.move(saved, folder / DATA_FILE)
    return resume(run, splits=splits, progress=progress)


def resume(
    run: Run | Path | str,
    *,
    splits: Splits | None = None,
    progress: Watch = None,
) -> TrainedRun:
    """Continue an interrupted run to its end; it gets the weights that it would have had without the break.

    Args:
        run: a run or its folder.
        splits: the frames that the training began with; by default those of the run's data set.
        progress: True shows a bar on stderr; a function is called with each record of the training's log.

    Raises:
        DataError: not a run, or its data set cannot be read.
        TrainingError: the data set has changed, or the loss is no longer finite.
        Interrupted: on Ctrl-C, after saving.
    """
    run = TrainedRun(run.folder if isinstance(run, Run) else Path(run))
    splits = splits or load_frames(run.settings().data)
    with watching(progress) as watch, closing(fit(run, splits)) as records:
        for record in records:
            watch(record)
    finish_run(run, splits)
    return run


def finish_run(run: Run, splits: Splits) -> float:
    """Export a trained run and report on its validation part, in the run's folder; returns the accuracy.

    A run of the recipe ink has nothing to export; its accuracy is the overlap with the true ink.
    """
    if run.settings().finds_ink:
        accuracy = TrainedRun(run.folder).validation_accuracy
        assert accuracy is not None
        return accuracy
    export_run(run)
    data = f"{display_name(run.settings().data)}, validation part"
    if run.settings().reads_numbers:
        return evaluate_lines(run, splits.validation, "validation", data=data).accuracy
    evaluation = evaluate(Predictor(run.folder), splits.validation, name=data)
    report_on_run(run, evaluation, "validation")
    return evaluation.accuracy

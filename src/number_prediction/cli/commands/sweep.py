"""Command sweep."""

from __future__ import annotations

import shlex
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from number_prediction.cli.console import extra, make_console, open_in_browser, say, stoppable
from number_prediction.cli.options import DEFAULT_RECIPE, RECIPE_HELP, DataOption, ThreadsOption

if TYPE_CHECKING:
    from number_prediction.runs.sweep import Sweep


def sweep(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help=RECIPE_HELP)] = DEFAULT_RECIPE,
    trials: Annotated[
        int, typer.Option(min=1, metavar="N", help="Trainings in all, including finished ones in the folder.")
    ] = 20,
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=LOW:HIGH[:log]",
            help="Field of the recipe to vary, such as augmentation.rotation=0:20; log varies it by factors. "
            "Repeatable.",
            show_default="learning rate, weight decay, label smoothing, augmentation",
        ),
    ] = None,
    data: DataOption = "mnist",
    epochs: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="X", help="Passes over the images per trial.", show_default="the recipe's"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of sweep and trainings.")] = 0,
    threads: ThreadsOption = None,
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder; a sweep in it is resumed.")] = Path(
        "runs/sweep"
    ),
    open_report: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Search for better values of a recipe by training it again and again; prints the path of a page.

    Uses the validation part only. The first trial is the unchanged recipe; later values depend on earlier
    results, and a trial that falls behind is stopped early. Writes sweep.html, figures and trials.csv. Each
    trial is a run; finish it with train --resume. Repeat the same command to resume after Ctrl-C or a crash,
    or with more --trials.
    """
    with extra("train"):
        from number_prediction.machine import usable_cores
        from number_prediction.reports.sweep import write_sweep_report
        from number_prediction.runs.progress import show_progress
        from number_prediction.runs.sweep import parse_dimension
        from number_prediction.training.experiments.search_space import default_dimensions
        from number_prediction.training.frames import load_frames
        from number_prediction.training.loop.memory import tune_process
        from number_prediction.training.recipes import get_recipe
    with extra("sweep"):
        import optuna

        from number_prediction.training.experiments.sweep import Sweeper

    chosen = get_recipe(recipe).override(epochs=epochs)
    dimensions = [parse_dimension(text) for text in search] if search else default_dimensions(chosen)
    tune_process(threads or usable_cores())
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    opened = Sweeper(chosen, dimensions, output, data=data, seed=seed, threads=threads)
    with closing(opened) as sweeper, stoppable("repeat the same command to resume"):
        splits = load_frames(data)
        while len(sweeper.trials()) < trials:
            trial = sweeper.begin()
            values = ", ".join(f"{field} {value:.4g}" for field, value in trial.params.items())
            say(f"trial {trial.number} of {trials}: {values}")
            show_progress(sweeper.train(trial, splits), make_console())
        found = sweeper.summarize(splits)
    page = write_sweep_report(found, output)
    options = ["--data", data] * (data != "mnist")
    if epochs is not None:
        options += ["--epochs", f"{epochs:g}"]
    _conclude(found, output, options)
    print(page)
    if open_report:
        open_in_browser(page)


def _conclude(found: Sweep, folder: Path, options: list[str]) -> None:
    """Say which trial is best and what to do with it; `options` are train's options for all trials."""
    from number_prediction.runs.run import Run

    if found.best is None or found.best.accuracy is None:
        say("no trial was trained to its end; try other ranges with --search, or fewer --epochs")
        return
    own = found.own
    beside = "" if own is None or own.accuracy is None else f", unchanged recipe {100 * own.accuracy:.2f}%"
    say(f"best: trial {found.best.number}, validation accuracy {100 * found.best.accuracy:.2f}%{beside}")
    run = Run(folder / f"trial-{found.best.number:03}")
    say(f"finish its model: {run.how_to_resume(1)}")
    values = [f"--set={field}={value:.6g}" for field, value in found.best.values.items()]
    command = shlex.join(["number-prediction", "train", found.recipe, *options, *values])
    say(f"train it with another seed to see how much is luck: {command} --seed {found.seed + 1}")

"""The command that seeks better values for a recipe: sweep."""

from __future__ import annotations

import shlex
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from number_prediction.cli.console import command_typed, extra, make_console, open_in_browser, say, stoppable
from number_prediction.cli.options import DEFAULT_RECIPE, RECIPE_HELP, DataOption, ThreadsOption

if TYPE_CHECKING:
    from number_prediction.runs.sweep import Sweep


def sweep(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help=RECIPE_HELP)] = DEFAULT_RECIPE,
    trials: Annotated[
        int, typer.Option(min=1, metavar="N", help="Trainings, those that are finished there among them.")
    ] = 20,
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=LOW:HIGH[:log]",
            help="A field of the recipe to vary, such as augmentation.rotation=0:20; log tries factors, not "
            "differences. May be repeated.",
            show_default="learning rate, weight decay, label smoothing, augmentation",
        ),
    ] = None,
    data: DataOption = "mnist",
    epochs: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="X", help="Passes over the images, a trial.", show_default="the recipe's"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of trials and of each training.")] = 0,
    threads: ThreadsOption = None,
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder; a sweep that is there is gone on with.")
    ] = Path("runs/sweep"),
    open_report: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Train a recipe with other values, chosen by what came of those before; prints the path of a page.

    Measures on the validation part alone. The first trial is the recipe as it is; one that falls behind is
    stopped early. Writes sweep.html, figures and trials.csv; each trial is a run, to be finished with
    train --resume. The same command goes on after Ctrl-C or a crash, and with more --trials.
    """
    with extra("train"):
        from number_prediction.cli.progress import show_progress
        from number_prediction.reports.sweep import write_sweep_report
        from number_prediction.runs.sweep import parse_dimension
        from number_prediction.training.experiments.search_space import default_dimensions
        from number_prediction.training.frames import load_frames
        from number_prediction.training.recipes import get_recipe
    with extra("sweep"):
        from number_prediction.training.experiments.sweep import Sweeper

    chosen = get_recipe(recipe)
    if epochs is not None:
        chosen = replace(chosen, epochs=epochs, min_batches=0)
    dimensions = [parse_dimension(text) for text in search] if search else default_dimensions(chosen)
    opened = Sweeper(
        chosen, dimensions, output, command=command_typed(), data=data, seed=seed, threads=threads
    )
    with closing(opened) as sweeper, stoppable("the same command goes on"):
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
    """Say which trial is best, and what to do with it; `options` of train are those of all trials."""
    from number_prediction.runs.run import Run

    if found.best is None or found.best.accuracy is None:
        say("no trial was trained to its end; seek in other ranges with --search, or lower --epochs")
        return
    own = found.own
    beside = "" if own is None or own.accuracy is None else f", the recipe as it is {100 * own.accuracy:.2f}%"
    say(f"best: trial {found.best.number}, validation accuracy {100 * found.best.accuracy:.2f}%{beside}")
    run = Run(folder / f"trial-{found.best.number:03}")
    say(f"its model: {run.how_to_resume(1)}")
    values = [f"--set={field}={value:.6g}" for field, value in found.best.values.items()]
    command = shlex.join(["number-prediction", "train", found.recipe, *options, *values])
    say(f"how much of it is luck: {command} --seed {found.seed + 1}")

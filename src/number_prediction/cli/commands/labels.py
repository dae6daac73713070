"""Command labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from number_prediction.cli.console import extra, make_console, open_in_browser, say, stoppable
from number_prediction.cli.options import DEFAULT_RECIPE, ThreadsOption


def labels(
    data: Annotated[str, typer.Argument(metavar="mnist|PATH", help="Data set, as for train.")] = "mnist",
    recipe: Annotated[
        str, typer.Option(metavar="RECIPE", help="Recipe of the networks that judge; see train --list.")
    ] = DEFAULT_RECIPE,
    folds: Annotated[
        int, typer.Option(min=2, metavar="K", help="Networks; each judges the pictures that it did not see.")
    ] = 5,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of folds and networks.")] = 0,
    threads: ThreadsOption = None,
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder; trained networks in it are kept.")
    ] = Path("runs/labels"),
    open_report: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Find labels that are probably wrong, in training and test part.

    Trains one network per fold, which judges the pictures that it was not trained on. Writes labels.html, and
    all labels as CSV, the most suspicious first; prints the path of the page. Repeat the same command to
    resume.
    """
    with extra("train"):
        from number_prediction.datasets.label_errors import rank
        from number_prediction.datasets.load import display_name
        from number_prediction.machine import usable_cores
        from number_prediction.reports.labels import write_label_report
        from number_prediction.runs.progress import show_progress
        from number_prediction.training.experiments import cross_validation
        from number_prediction.training.frames import load_frames
        from number_prediction.training.loop.memory import tune_process
        from number_prediction.training.recipes import get_recipe

    chosen = get_recipe(recipe)
    splits = load_frames(data)
    divided = cross_validation.divide_into_folds(splits.train, folds, seed=seed)
    tune_process(threads or usable_cores())
    with stoppable("repeat the same command to resume"):
        for fold in range(folds):
            say(f"fold {fold + 1} of {folds}")
            records = cross_validation.train_fold(
                divided,
                fold,
                splits,
                chosen,
                output,
                data=data,
                seed=seed,
                threads=threads,
            )
            show_progress(records, make_console())
    on_train = cross_validation.out_of_fold_probabilities(divided, output, splits.train)
    on_test = cross_validation.mean_probabilities(divided, output, splits.test)
    page = write_label_report(
        {
            "train": (splits.train, rank(splits.train, on_train)),
            "test": (splits.test, rank(splits.test, on_test)),
        },
        output,
        title=f"Suspicious labels of {display_name(data)}",
    )
    print(page)
    if open_report:
        open_in_browser(page)

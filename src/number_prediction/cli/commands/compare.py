"""Command compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from number_prediction.cli.console import extra, make_console, say, stoppable
from number_prediction.cli.options import RECIPE_HELP, DataOption, ThreadsOption


def compare(
    recipes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RECIPE", help=RECIPE_HELP, show_default="all that learn a data set unchanged"
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, metavar="N", help="Runs of each recipe, with seeds 0, 1, ...")
    ] = 3,
    data: DataOption = "mnist",
    threads: ThreadsOption = None,
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the runs; finished runs in it are kept.")
    ] = Path("runs/comparison"),
) -> None:
    """Train recipes with several seeds, evaluate each run, and write a table and a figure.

    Repeat the same command to resume after Ctrl-C or a crash.
    """
    with extra("train"):
        from number_prediction.machine import usable_cores
        from number_prediction.runs.progress import show_progress
        from number_prediction.training.experiments.comparison import plan, train_entry, write_comparison
        from number_prediction.training.frames import load_frames
        from number_prediction.training.loop.memory import tune_process
        from number_prediction.training.recipes import RECIPES, get_recipe

    comparable = [name for name, recipe in RECIPES.items() if recipe.learns_data_as_it_is]
    entries = plan([get_recipe(name) for name in recipes or comparable], seeds, output, data=data)
    waiting = [entry for entry in entries if not entry.is_finished]
    for entry in entries:
        if entry not in waiting:
            say(f"{entry.run.folder}: already finished")
    if waiting:
        splits = load_frames(data)
        tune_process(threads or usable_cores())
        for entry in waiting:
            say(f"{entry.run.folder}")
            with stoppable("repeat the same command to resume"):
                show_progress(train_entry(entry, splits, data=data, threads=threads), make_console())
    table = write_comparison(entries, output)
    print(table.to_string(index=False))
